// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: the virtual machine and its CPUs, by KVM.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The local APICs are KVM's, the IOAPIC is ours ("split irqchip"): so each interrupt
 * message passes through irq_send(), and through the IOMMU.
 */
#include <asm/kvm_para.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "iommu.h"
#include "vfio.h"
#include "vmm.h"

#define LAPIC_SPIV		0xf0
#define SPIV_DIRECTED_EOI	(1u << 12)
#define MSR_MTRR_DEF_TYPE	0x2ff
#define MSR_MISC_ENABLE		0x1a0
#define MTRR_ENABLED		(1u << 11)
#define MTRR_WRITE_BACK		6
#define MISC_FAST_STRING	1
#define APIC_BASE_X2APIC	(1u << 10)
#define OTHER_FILES		1024	/* more than devices, their interrupts and units need */

static const struct {
	int number;
	const char *name;
} needed[] = {
	{ KVM_CAP_SPLIT_IRQCHIP, "KVM_CAP_SPLIT_IRQCHIP" },
	{ KVM_CAP_X2APIC_API, "KVM_CAP_X2APIC_API" },
	{ KVM_CAP_SIGNAL_MSI, "KVM_CAP_SIGNAL_MSI" },
	{ KVM_CAP_IOEVENTFD_ANY_LENGTH, "KVM_CAP_IOEVENTFD_ANY_LENGTH" },
	{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
};

static void kicked(int sig)
{
	(void)sig;	/* the signal only ends KVM_RUN */
}

static int enable(struct vmm *vmm, uint32_t cap, uint64_t arg)
{
	struct kvm_enable_cap enable = { .cap = cap, .args = { arg } };

	return ioctl(vmm->vm_fd, KVM_ENABLE_CAP, &enable) ? -errno : 0;
}

/*
 * Each CPU is an open file, and a queue of a disk is up to four. Raise the soft limit, usually
 * 1024, to the hard limit.
 */
static void allow_files(unsigned int cpus)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur >= cpus + OTHER_FILES)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

int kvm_open(struct vmm *vmm)
{
	uint64_t identity = GPA_KVM_TSS + 3 * 4096;
	unsigned int i;
	int rc;

	allow_files(vmm->opts->cpus);
	vmm->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vmm->kvm_fd < 0) {
		say("/dev/kvm: %s; nyx-vmm needs KVM: %s", strerror(errno),
		    errno == EACCES ? "add your user to the group of /dev/kvm" :
		    "load kvm-intel or kvm-amd; in a virtual machine, its host has to allow it");
		return -ENODEV;
	}
	if (ioctl(vmm->kvm_fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
		say("/dev/kvm has another API version than nyx-vmm needs");
		return -ENODEV;
	}
	do {
		vmm->vm_fd = ioctl(vmm->kvm_fd, KVM_CREATE_VM, 0);
	} while (vmm->vm_fd < 0 && errno == EINTR);
	if (vmm->vm_fd < 0) {
		say("KVM_CREATE_VM: %s", strerror(errno));
		return -ENODEV;
	}
	for (i = 0; i < ARRAY_SIZE(needed); i++) {
		if (ioctl(vmm->vm_fd, KVM_CHECK_EXTENSION, needed[i].number) > 0)
			continue;
		say("this KVM lacks %s", needed[i].name);
		return -ENODEV;
	}

	if (ioctl(vmm->vm_fd, KVM_SET_TSS_ADDR, (unsigned long)GPA_KVM_TSS) ||
	    ioctl(vmm->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity)) {
		say("KVM_SET_TSS_ADDR: %s", strerror(errno));
		return -errno;
	}
	rc = enable(vmm, KVM_CAP_SPLIT_IRQCHIP, IOAPIC_PINS);
	if (!rc)
		rc = enable(vmm, KVM_CAP_X2APIC_API, KVM_X2APIC_API_USE_32BIT_IDS |
			    KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK);
	if (rc)
		say("KVM_CAP_SPLIT_IRQCHIP: %s", strerror(-rc));
	return rc;
}

void vmm_stop(struct vmm *vmm, int status)
{
	int running = STATUS_RUNNING;

	if (atomic_compare_exchange_strong(&vmm->status, &running, status))
		loop_wake();
}

void kvm_signal_msi(struct vmm *vmm, const struct irq_message *message)
{
	struct kvm_msi msi = {
		.address_lo = message->address_lo, .address_hi = message->address_hi,
		.data = message->data,
	};

	ioctl(vmm->vm_fd, KVM_SIGNAL_MSI, &msi);
}

int kvm_set_routes(struct vmm *vmm, const struct irq_route *routes, unsigned int nr)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entries[IOAPIC_PINS + IRQ_LINES];
	} table = { .head.nr = nr };
	struct kvm_irq_routing_entry *e = table.entries;
	unsigned int i;

	for (i = 0; i < nr; i++, e++) {
		e->gsi = routes[i].gsi;
		e->type = KVM_IRQ_ROUTING_MSI;
		e->u.msi.address_lo = routes[i].message.address_lo;
		e->u.msi.address_hi = routes[i].message.address_hi;
		e->u.msi.data = routes[i].message.data;
	}
	return ioctl(vmm->vm_fd, KVM_SET_GSI_ROUTING, &table) ? -errno : 0;
}

int kvm_irqfd(struct vmm *vmm, int fd, unsigned int gsi, bool on)
{
	struct kvm_irqfd irqfd = {
		.fd = (uint32_t)fd, .gsi = gsi, .flags = on ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};

	return ioctl(vmm->vm_fd, KVM_IRQFD, &irqfd) ? -errno : 0;
}

int kvm_ioeventfd(struct vmm *vmm, uint64_t addr, int fd, bool on)
{
	struct kvm_ioeventfd io = {
		.addr = addr, .fd = fd, .flags = on ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN,
	};

	return ioctl(vmm->vm_fd, KVM_IOEVENTFD, &io) ? -errno : 0;
}

static int set_slot(struct vmm *vmm, unsigned int slot, uint64_t gpa, uint64_t size, void *host)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .guest_phys_addr = gpa, .memory_size = size,
		.userspace_addr = (uintptr_t)host,
	};

	return ioctl(vmm->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) ? -errno : 0;
}

int kvm_slot_add(struct vmm *vmm, uint64_t gpa, uint64_t size, void *host)
{
	unsigned int slot;
	int rc;

	for (slot = 0; slot < MAX_MEMORY_SLOTS && vmm->slots[slot]; slot++)
		;
	if (slot == MAX_MEMORY_SLOTS)
		return -ENOSPC;
	rc = set_slot(vmm, slot, gpa, size, host);
	vmm->slots[slot] = !rc;
	return rc ? rc : (int)slot;
}

void kvm_slot_remove(struct vmm *vmm, int slot)
{
	set_slot(vmm, (unsigned int)slot, 0, 0, NULL);
	vmm->slots[slot] = false;
}

/* ---- CPUs ---------------------------------------------------------------- */

static struct kvm_segment flat(uint16_t selector, uint8_t type, bool long_mode)
{
	return (struct kvm_segment){
		.base = 0, .limit = 0xffffffff, .selector = selector, .type = type,
		.present = 1, .s = 1, .g = 1, .l = long_mode, .db = !long_mode,
	};
}

/* CPU 0 starts where the loader says; KVM holds the others until INIT and SIPI. */
static int set_start(struct vmm *vmm, struct vcpu *vcpu)
{
	const struct boot_state *boot = &vmm->boot;
	struct kvm_regs regs = {
		.rip = boot->rip, .rsi = boot->rsi, .rbx = boot->rbx, .rax = boot->rax,
		.rflags = 2,
	};
	struct kvm_sregs sregs;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs))
		return -errno;
	sregs.cs = flat(0x10, 0xb, boot->long_mode);
	sregs.ds = flat(0x18, 0x3, false);
	sregs.es = sregs.fs = sregs.gs = sregs.ss = sregs.ds;
	sregs.tr = (struct kvm_segment){
		.limit = 0x67, .type = 0xb, .present = 1, .selector = 0x20,
	};
	sregs.gdt.base = 0x1000;
	sregs.gdt.limit = 5 * 8 - 1;
	sregs.idt.base = 0;
	sregs.idt.limit = 0;
	sregs.cr0 = 0x11;		/* ET, PE */
	if (boot->long_mode) {
		sregs.cr0 |= 0x80000000;
		sregs.cr3 = 0x9000;
		sregs.cr4 = 0x20;	/* PAE */
		sregs.efer = 0x500;	/* LMA, LME */
	}
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) || ioctl(vcpu->fd, KVM_SET_REGS, &regs))
		return -errno;
	return 0;
}

/*
 * Switch a CPU to x2APIC mode. If an APIC id is too large for xAPIC mode, firmware
 * hands over all processors in x2APIC mode, and guests rely on that.
 */
static int set_x2apic(struct vcpu *vcpu)
{
	struct kvm_sregs sregs;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs))
		return -errno;
	sregs.apic_base |= APIC_BASE_X2APIC;
	return ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) ? -errno : 0;
}

/* MSRs as firmware leaves them. MTRRs that are off would mean uncached memory. */
static int set_msrs(struct vcpu *vcpu)
{
	static const struct { uint32_t index; uint64_t value; } values[] = {
		{ MSR_MTRR_DEF_TYPE, MTRR_ENABLED | MTRR_WRITE_BACK },
		{ MSR_MISC_ENABLE, MISC_FAST_STRING },
	};
	struct kvm_msrs *msrs = calloc(1, sizeof(*msrs) + sizeof(msrs->entries[0]));
	unsigned int i;

	if (!msrs)
		return -ENOMEM;
	/* Set the MSRs one by one: a CPU may lack one of them, which is harmless. */
	for (i = 0; i < ARRAY_SIZE(values); i++) {
		msrs->nmsrs = 1;
		msrs->entries[0].index = values[i].index;
		msrs->entries[0].data = values[i].value;
		ioctl(vcpu->fd, KVM_SET_MSRS, msrs);
	}
	free(msrs);
	return 0;
}

static int create_vcpu(struct vmm *vmm, unsigned int cpu)
{
	struct vcpu *vcpu = &vmm->vcpus[cpu];
	int size, rc;

	vcpu->vmm = vmm;
	vcpu->id = cpu_id(vmm->opts, cpu);
	vcpu->fd = ioctl(vmm->vm_fd, KVM_CREATE_VCPU, (unsigned long)vcpu->id);
	size = ioctl(vmm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (vcpu->fd < 0 || size < (int)sizeof(*vcpu->run))
		return -errno;
	vcpu->run_size = (size_t)size;
	vcpu->run = mmap(NULL, vcpu->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED) {
		vcpu->run = NULL;
		return -errno;
	}
	rc = cpuid_setup(vmm, vcpu);
	if (!rc)
		rc = set_msrs(vcpu);
	if (!rc && cpu_ids(vmm->opts) > MAX_XAPIC_ID + 1)
		rc = set_x2apic(vcpu);
	return rc || cpu ? rc : set_start(vmm, vcpu);
}

/* 0 if the host's KVM has no limit */
static unsigned int limit(struct vmm *vmm, int cap)
{
	int value = ioctl(vmm->vm_fd, KVM_CHECK_EXTENSION, cap);

	return value > 0 ? (unsigned int)value : 0;
}

int kvm_create_vcpus(struct vmm *vmm)
{
	unsigned int i, wanted = vmm->opts->cpus;
	unsigned int max = limit(vmm, KVM_CAP_MAX_VCPUS);
	unsigned int max_ids = limit(vmm, KVM_CAP_MAX_VCPU_ID);
	int rc;

	if (max && wanted > max) {
		say("--cpus: this KVM supports at most %u", max);
		return -EINVAL;
	}
	if (max_ids && cpu_ids(vmm->opts) > max_ids) {
		say("--cpus: this KVM supports no APIC id %u, only ids below %u",
		    cpu_ids(vmm->opts) - 1, max_ids);
		return -EINVAL;
	}
	vmm->vcpus = alloc_for("the CPUs", wanted * sizeof(*vmm->vcpus));
	if (!vmm->vcpus)
		return -ENOMEM;
	for (i = 0; i < wanted; i++)
		vmm->vcpus[i].fd = -1;
	vmm->nr_cpus = wanted;
	for (i = 0; i < wanted; i++) {
		rc = create_vcpu(vmm, i);
		if (rc) {
			say("CPU %u: KVM_CREATE_VCPU: %s%s", i, strerror(-rc),
			    rc == -EMFILE ? "; raise the limit, see ulimit -Hn" : "");
			return rc;
		}
	}
	return 0;
}

static void report(struct vcpu *vcpu, const char *what)
{
	struct kvm_sregs s = { 0 };
	struct kvm_regs r = { 0 };

	ioctl(vcpu->fd, KVM_GET_REGS, &r);
	ioctl(vcpu->fd, KVM_GET_SREGS, &s);
	say("CPU %u: %s; rip %#llx rsp %#llx cr0 %#llx cr2 %#llx cr3 %#llx", vcpu->id, what,
	    r.rip, r.rsp, s.cr0, s.cr2, s.cr3);
}

/*
 * True if the CPU itself sends EOIs to the IOAPIC. KVM reports each EOI nevertheless; if
 * the IOAPIC followed those, it would send an interrupt again while its line is high.
 */
static bool directs_eoi(const struct vcpu *vcpu)
{
	struct kvm_lapic_state lapic;

	return !ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic) &&
	       le_get(lapic.regs + LAPIC_SPIV, 4) & SPIV_DIRECTED_EOI;
}

/* Returns true if the CPU goes on. */
static bool handle_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct vmm *vmm = vcpu->vmm;
	uint8_t *data;
	uint32_t i;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		data = (uint8_t *)run + run->io.data_offset;
		for (i = 0; i < run->io.count && !vmm_stopping(vmm); i++, data += run->io.size)
			io_access(vmm, IO_PORT, run->io.port, data, run->io.size,
				  run->io.direction == KVM_EXIT_IO_OUT);
		return true;
	case KVM_EXIT_MMIO:
		io_access(vmm, IO_MMIO, run->mmio.phys_addr, run->mmio.data, run->mmio.len,
			  run->mmio.is_write);
		return true;
	case KVM_EXIT_IOAPIC_EOI:
		if (!directs_eoi(vcpu))
			ioapic_eoi(vmm, run->eoi.vector);
		return true;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		return true;
	case KVM_EXIT_SHUTDOWN:
		report(vcpu, "triple fault");
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		report(vcpu, "it asks KVM for a shutdown or reports a crash");
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		report(vcpu, "KVM cannot go on (internal error)");
		break;
	case KVM_EXIT_FAIL_ENTRY:
		report(vcpu, "KVM cannot enter the guest");
		break;
	default:
		report(vcpu, "KVM stopped for a reason that nyx-vmm does not know");
		break;
	}
	vmm_stop(vmm, STATUS_CRASH);
	return false;
}

/*
 * LINT0 of CPU 0 takes interrupts of the 8259s if the guest has programmed it so; KVM knows
 * that, and says when one can be injected.
 */
static void take_pic(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct kvm_interrupt interrupt;

	run->request_interrupt_window = pic_raised();
	if (!run->request_interrupt_window || !run->ready_for_interrupt_injection)
		return;
	interrupt.irq = pic_acknowledge(vcpu->vmm);
	ioctl(vcpu->fd, KVM_INTERRUPT, &interrupt);
	run->request_interrupt_window = pic_raised();
}

static void *vcpu_main(void *arg)
{
	struct vcpu *vcpu = arg;
	struct vmm *vmm = vcpu->vmm;
	unsigned int removed;
	sigset_t kick;
	int error;

	sigemptyset(&kick);
	sigaddset(&kick, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &kick, NULL);

	for (;;) {
		/* Pairs with kick(): changes that its caller made before are seen below. */
		__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
		if (vmm_stopping(vmm))
			break;
		if (!vcpu->id)
			take_pic(vcpu);
		removed = vfio_areas_removed();
		error = ioctl(vcpu->fd, KVM_RUN, 0) ? errno : 0;
		if (!error) {
			if (!handle_exit(vcpu))
				break;
		} else if (error == EFAULT && vfio_drop_areas(vmm, removed)) {
			continue;
		} else if (error != EINTR && error != EAGAIN) {
			say("CPU %u: KVM_RUN: %s", vcpu->id, strerror(error));
			vmm_stop(vmm, error == EFAULT ? STATUS_CRASH : STATUS_HOST);
			break;
		}
	}
	return NULL;
}

int kvm_start(struct vmm *vmm)
{
	struct sigaction action = { .sa_handler = kicked };
	unsigned int i;

	sigaction(SIGUSR1, &action, NULL);
	for (i = 0; i < vmm->nr_cpus; i++) {
		if (pthread_create(&vmm->vcpus[i].thread, NULL, vcpu_main, &vmm->vcpus[i])) {
			say("CPU %u: cannot start its thread", i);
			return -EAGAIN;
		}
		vmm->vcpus[i].started = true;
	}
	return 0;
}

/* Make a CPU leave KVM_RUN, even if it is only about to enter it. */
static void kick(struct vcpu *vcpu)
{
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	pthread_kill(vcpu->thread, SIGUSR1);
}

static void kick_all(struct vmm *vmm)
{
	unsigned int i;

	for (i = 0; i < vmm->nr_cpus; i++) {
		if (vmm->vcpus[i].started)
			kick(&vmm->vcpus[i]);
	}
}

void kvm_pic_raised(struct vmm *vmm)
{
	/*
	 * CPU 0 checks pic_raised() before it enters the guest, so it needs no kick of its
	 * own.
	 */
	if (vmm->nr_cpus && vmm->vcpus[0].started &&
	    !pthread_equal(pthread_self(), vmm->vcpus[0].thread))
		kick(&vmm->vcpus[0]);
}

void kvm_stop(struct vmm *vmm)
{
	unsigned int i;

	for (i = 0; i < vmm->nr_cpus; i++) {
		if (!vmm->vcpus[i].started)
			continue;
		/*
		 * A CPU that is about to wait for standard output misses a kick, and may hold
		 * up any other: so kick all CPUs again until this one has ended.
		 */
		while (pthread_tryjoin_np(vmm->vcpus[i].thread, NULL) == EBUSY) {
			kick_all(vmm);
			usleep(1000);
		}
		vmm->vcpus[i].started = false;
	}
}

void kvm_close(struct vmm *vmm)
{
	unsigned int i;

	for (i = 0; i < vmm->nr_cpus; i++) {
		if (vmm->vcpus[i].run)
			munmap(vmm->vcpus[i].run, vmm->vcpus[i].run_size);
		if (vmm->vcpus[i].fd >= 0)
			close(vmm->vcpus[i].fd);
	}
	free(vmm->vcpus);
	vmm->nr_cpus = 0;
	if (vmm->vm_fd >= 0)
		close(vmm->vm_fd);
	if (vmm->kvm_fd >= 0)
		close(vmm->kvm_fd);
}
