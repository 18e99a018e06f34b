# SPDX-License-Identifier: GPL-2.0-only
# Tests of nyx-vmm's devices and loaders, without KVM. Included by ../../Makefile.

VMM_TEST_NAMES	:= vmm_acpi vmm_boot vmm_control vmm_cpus vmm_hotplug vmm_init vmm_ioapic vmm_irq vmm_irq_line vmm_pci \
	vmm_vfio vmm_vfio_fault vmm_vfio_slots vmm_vfio_user vmm_vhost vmm_vhost_user vmm_virtio vmm_fuzz
VMM_TEST_BINS	:= $(VMM_TEST_NAMES:%=$(O)/tests/%)
VMM_TEST_ALL	:= $(VMM_TEST_BINS) $(O)/tests/vmm_say
# All but what needs KVM, main() and say(): vmm_env.c stands for them
VMM_TEST_OBJ	:= $(filter-out %/main.o %/say.o %/kvm.o %/cpuid.o,$(NYX_VMM_OBJ)) \
	$(O)/obj/nyx-vmm-tests/vmm_env.o $(O)/obj/nyx-vmm-tests/vfio_fake.o
VMM_TEST_VIEW	:= open close memory_add thread_open thread_close begin end translatev \
	hold_take hold_release
VMM_TEST_WRAP	:= -Wl,--wrap=calloc,--wrap=fdatasync,--wrap=nyx_mmio_read,--wrap=nyx_irq_send \
	-Wl,--wrap=nyx_device_add,--wrap=nyx_device_remove,--wrap=nyx_changes_handle \
	$(VMM_TEST_VIEW:%=-Wl,--wrap=nyx_view_%)
$(O)/tests/vmm_vhost: VMM_TEST_WRAP += -Wl,--wrap=nyx_vhost_add,--wrap=nyx_vhost_remove \
	-Wl,--wrap=nyx_vhost_prefetch,--wrap=nyx_vhost_message,--wrap=nyx_vhost_receive
$(O)/tests/vmm_vhost_user: VMM_TEST_WRAP += -Wl,--wrap=nyx_vhost_prefetch,--wrap=nyx_vhost_message
$(O)/tests/vmm_vfio: VMM_TEST_WRAP += -Wl,--wrap=nyx_mirror_open,--wrap=nyx_mirror_memory_add \
	-Wl,--wrap=nyx_mirror_check,--wrap=nyx_mirror_close
VMM_TEST_CPPFLAGS = $(NYX_VMM_CPPFLAGS) -Inyx-vmm -I../selftests/include

DEPS	+= $(VMM_TEST_ALL:$(O)/tests/%=$(O)/obj/nyx-vmm-tests/%.d) $(O)/obj/nyx-vmm-tests/vmm_env.d \
	$(O)/obj/nyx-vmm-tests/vfio_fake.d
OBJDIRS	+= $(O)/obj/nyx-vmm-tests/

$(O)/obj/nyx-vmm-tests/%.o: nyx-vmm/tests/%.c $(O)/obj/flags | $(O)/obj/nyx-vmm-tests/
	$(call cc,$(VMM_TEST_CPPFLAGS))

$(VMM_TEST_BINS): $(O)/tests/%: $(O)/obj/nyx-vmm-tests/%.o $(VMM_TEST_OBJ) \
		$(O)/obj/tests/ktap.o $(O)/libnyx.a | $(O)/tests/
	$(call say,LD)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -pthread $(VMM_TEST_WRAP) -o $@ $^ $(NYX_VMM_LIBS)

$(O)/tests/vmm_say: $(O)/obj/nyx-vmm-tests/vmm_say.o $(O)/obj/nyx-vmm/say.o \
		$(O)/obj/tests/ktap.o | $(O)/tests/
	$(call say,LD)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -pthread -o $@ $^

ifneq ($(filter $(O)/nyx-vmm,$(OUTPUTS)),)
tests: $(VMM_TEST_ALL)
check: check-nyx-vmm
endif

.PHONY: check-nyx-vmm
check-nyx-vmm: $(VMM_TEST_ALL)
	$(Q)for test in $^; do $$test || exit; done
