# SPDX-License-Identifier: GPL-2.0-only
# Tests of libnyx. Included by ../../Makefile.
#
#   make check       on this machine: what needs no module
#   make tests       build the programs; selftests/cli/run --module runs those that need it

TESTS_DIR	:= libnyx/tests
SELFTESTS	:= ../selftests
# Those that need no module, and those that do
HOST_TESTS	:= lib_acpi lib_migrate lib_text lib_view lib_changes lib_mirror \
	lib_mirror_fail lib_mirror_host lib_vhost
# lib_vhost_net also needs vhost_net, and is run by selftests/guest/boot.
TEST_NAMES	:= $(HOST_TESTS) lib_unit lib_domain lib_data lib_irq lib_policy lib_stream lib_uring \
	lib_vhost_net
TEST_BINS	:= $(TEST_NAMES:%=$(O)/tests/%)
INJECT		:= $(O)/tests/libnyx-inject.so
HOLD		:= $(O)/tests/hold
EXAMPLES	:= $(O)/tests/example_static $(O)/tests/example_shared
TEST_CPPFLAGS	:= $(LIBNYX_CPPFLAGS) -I$(SELFTESTS)/include
TEST_OBJ	:= $(TEST_NAMES:%=$(O)/obj/tests/%.o) $(O)/obj/tests/lib_env.o \
	$(O)/obj/tests/inject.o $(O)/obj/tests/fake.o \
	$(O)/obj/tests/mirror_world.o $(O)/obj/tests/ktap.o $(O)/obj/tests/hold.o

DEPS	+= $(TEST_OBJ:.o=.d)
OBJDIRS	+= $(O)/obj/tests/ $(O)/tests/

$(O)/obj/tests/%.o: $(TESTS_DIR)/%.c $(O)/obj/flags | $(O)/obj/tests/
	$(call cc,$(TEST_CPPFLAGS))

$(O)/obj/tests/ktap.o: $(SELFTESTS)/include/ktap.c $(O)/obj/flags | $(O)/obj/tests/
	$(call cc,$(TEST_CPPFLAGS) -w)

$(O)/obj/tests/hold.o: $(SELFTESTS)/cli/hold.c $(O)/obj/flags | $(O)/obj/tests/
	$(call cc,$(TEST_CPPFLAGS))

$(filter-out $(HOST_TESTS:%=$(O)/tests/%),$(TEST_BINS)): $(O)/obj/tests/lib_env.o \
	$(O)/obj/tests/inject.o
$(addprefix $(O)/tests/,lib_changes lib_mirror lib_mirror_fail lib_vhost): $(O)/obj/tests/fake.o
$(addprefix $(O)/tests/,lib_mirror lib_mirror_fail lib_vhost): $(O)/obj/tests/mirror_world.o
$(TEST_BINS): $(O)/tests/%: $(O)/obj/tests/%.o $(O)/obj/tests/ktap.o $(O)/libnyx.a | $(O)/tests/
	$(call say,LD)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -pthread -o $@ \
		$(filter %.o,$^) $(filter %.a,$^)

$(HOLD): $(O)/obj/tests/hold.o $(O)/libnyx.a | $(O)/tests/
	$(call say,LD)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -pthread -o $@ $^

$(O)/tests/example_static: libnyx/examples/dma.c $(O)/libnyx.a $(O)/obj/flags | $(O)/tests/
	$(call say,LD)$(CC) $(ALL_CFLAGS) $(LIBNYX_CPPFLAGS) $(LDFLAGS) -o $@ $< $(O)/libnyx.a

$(O)/tests/example_shared: libnyx/examples/dma.c $(O)/libnyx.so $(O)/obj/flags | $(O)/tests/
	$(call say,LD)$(CC) $(ALL_CFLAGS) $(LIBNYX_CPPFLAGS) $(LDFLAGS) -Wl,-rpath,$(O) -o $@ $< \
		$(O)/libnyx.so

# Without sanitizers: it is loaded into programs that may have others.
$(INJECT): $(TESTS_DIR)/inject.c $(TESTS_DIR)/inject.h $(UAPI)/linux/nyx_iommu.h | $(O)/tests/
	$(call say,LD)$(CC) -std=gnu11 -D_GNU_SOURCE -I$(UAPI) $(WARN) -O2 -g -fPIC \
		-fvisibility=hidden -shared -o $@ $<

.PHONY: tests
tests: $(TEST_BINS) $(INJECT) $(HOLD) $(EXAMPLES)

.PHONY: check
check: all tests
	$(Q)O='$(O)' CC='$(CC)' SAN='$(SAN)' MAKE='$(MAKE)' $(TESTS_DIR)/run
