# SPDX-License-Identifier: GPL-2.0-only
# Tests of libnyx. Included by ../../Makefile.
#
#   make check       on this machine, against a mock of the module
#   make tests       build the programs; they run against the module too

TESTS_DIR	:= libnyx/tests
SELFTESTS	:= ../selftests
TEST_NAMES	:= lib_acpi lib_text lib_unit lib_domain lib_data lib_irq lib_policy
TEST_BINS	:= $(TEST_NAMES:%=$(O)/tests/%)
MOCK_SRC	:= $(sort $(wildcard $(TESTS_DIR)/mock/*.c))
MOCK		:= $(O)/tests/libnyx-mock.so
TEST_CPPFLAGS	:= $(LIBNYX_CPPFLAGS) -I$(SELFTESTS)/include
TEST_OBJ	:= $(TEST_NAMES:%=$(O)/obj/tests/%.o) $(O)/obj/tests/lib_env.o \
	$(O)/obj/tests/ktap.o

DEPS	+= $(TEST_OBJ:.o=.d)
OBJDIRS	+= $(O)/obj/tests/ $(O)/tests/

$(O)/obj/tests/%.o: $(TESTS_DIR)/%.c $(O)/obj/flags | $(O)/obj/tests/
	$(call cc,$(TEST_CPPFLAGS))

$(O)/obj/tests/ktap.o: $(SELFTESTS)/include/ktap.c $(O)/obj/flags | $(O)/obj/tests/
	$(call cc,$(TEST_CPPFLAGS) -w)

$(filter-out %/lib_acpi %/lib_text,$(TEST_BINS)): $(O)/obj/tests/lib_env.o
$(TEST_BINS): $(O)/tests/%: $(O)/obj/tests/%.o $(O)/obj/tests/ktap.o $(O)/libnyx.a | $(O)/tests/
	$(call say,LD)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -pthread -o $@ \
		$(filter %.o,$^) $(filter %.a,$^)

# Without sanitizers: it is loaded into programs that may have others. Without
# _FILE_OFFSET_BITS, by which open(2) would have only one name.
$(MOCK): $(MOCK_SRC) $(TESTS_DIR)/mock/mock.h $(UAPI)/linux/nyx_iommu.h | $(O)/tests/
	$(call say,LD)$(CC) -std=gnu11 -D_GNU_SOURCE -I$(UAPI) $(WARN) -O2 -g -fPIC \
		-fvisibility=hidden -shared -o $@ $(MOCK_SRC) -ldl -pthread

.PHONY: tests
tests: $(TEST_BINS) $(MOCK)

.PHONY: check
check: all tests
	$(Q)O='$(O)' CC='$(CC)' SAN='$(SAN)' MAKE='$(MAKE)' $(TESTS_DIR)/run
