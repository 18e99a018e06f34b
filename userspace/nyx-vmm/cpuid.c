// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: what CPUID tells a virtual CPU.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * All that KVM supports, with the topology replaced: one package, one thread a core. Where
 * the APIC ids have gaps, the package has room for so many more cores.
 *
 * The guest finds its clocks here: with KVM's leaves it reads the frequency of the TSC
 * from kvmclock, and with the TSC deadline timer and ARAT it needs no PIT.
 */
#include <asm/kvm_para.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm.h"

#define MAX_ENTRIES	256

enum {
	LEAF1_ECX_X2APIC	= 1 << 21,
	LEAF1_ECX_TSC_DEADLINE	= 1 << 24,
	LEAF1_ECX_HYPERVISOR	= 1u << 31,
	LEAF1_EDX_HTT		= 1 << 28,
	LEAF6_EAX_ARAT		= 1 << 2,
	EXT1_ECX_CMP_LEGACY	= 1 << 1,
	LEVEL_SMT		= 1,
	LEVEL_CORE		= 2,
};

static uint32_t bits_for(uint32_t count)
{
	uint32_t bits = 0;

	while (count > 1u << bits)
		bits++;
	return bits;
}

static void extended_topology(struct kvm_cpuid_entry2 *e, uint32_t id,
			      const struct options *opts)
{
	e->eax = e->ebx = 0;
	e->ecx = e->index & 0xff;
	e->edx = id;
	if (e->index == 0) {
		e->ebx = 1;			/* threads a core */
		e->ecx |= LEVEL_SMT << 8;
	} else if (e->index == 1) {
		e->eax = bits_for(cpu_ids(opts));
		e->ebx = opts->cpus;
		e->ecx |= LEVEL_CORE << 8;
	}
}

/*
 * Number of processors that share a cache: a core has its own L1 and L2, all cores share
 * the L3.
 */
static uint32_t cache_sharing(const struct kvm_cpuid_entry2 *e, uint32_t cpus)
{
	uint32_t level = e->eax >> 5 & 7;

	return level >= 3 ? cpus - 1 : 0;
}

static void adjust(struct vmm *vmm, struct kvm_cpuid_entry2 *e, uint32_t id, bool deadline)
{
	uint32_t cpus = cpu_ids(vmm->opts);

	switch (e->function) {
	case 1:
		e->ebx = (e->ebx & 0xff00) | id << 24 | (cpus < 255 ? cpus : 255) << 16 |
			8 << 8;		/* CLFLUSH line */
		e->ecx |= LEAF1_ECX_X2APIC | LEAF1_ECX_HYPERVISOR;
		if (deadline)
			e->ecx |= LEAF1_ECX_TSC_DEADLINE;
		if (cpus > 1)
			e->edx |= LEAF1_EDX_HTT;
		else
			e->edx &= ~(uint32_t)LEAF1_EDX_HTT;
		break;
	case 4:
		if (e->eax & 0x1f)
			e->eax = (e->eax & 0x3fff) | cache_sharing(e, cpus) << 14 |
				((1u << bits_for(cpus)) - 1) << 26;
		break;
	case 6:
		e->eax |= LEAF6_EAX_ARAT;
		break;
	case 0xb:
	case 0x1f:
		extended_topology(e, id, vmm->opts);
		break;
	case 0x80000001:
		if (cpus > 1)
			e->ecx |= EXT1_ECX_CMP_LEGACY;
		break;
	case 0x80000008:
		e->ecx = (e->ecx & ~0xf0ffu) | (cpus < 256 ? cpus - 1 : 255) |
			bits_for(cpus) << 12;
		break;
	case 0x8000001d:
		if (e->eax & 0x1f)
			e->eax = (e->eax & 0x3fff) | cache_sharing(e, cpus) << 14;
		break;
	case 0x8000001e:
		e->eax = id;
		e->ebx = id & 0xff;		/* one thread a core */
		e->ecx = 0;
		break;
	}
}

/* Write all subleaves of the leaf: KVM may list only those that the host has. */
static void add_leaf_b(struct kvm_cpuid2 *cpuid, uint32_t id, const struct options *opts)
{
	uint32_t i, nr = 0, index;

	for (i = 0; i < cpuid->nent; i++) {
		if (cpuid->entries[i].function != 0xb)
			cpuid->entries[nr++] = cpuid->entries[i];
	}
	cpuid->nent = nr;
	for (index = 0; index < 3 && cpuid->nent < MAX_ENTRIES; index++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[cpuid->nent++];

		memset(e, 0, sizeof(*e));
		e->function = 0xb;
		e->index = index;
		e->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
		extended_topology(e, id, opts);
	}
	for (i = 0; i < cpuid->nent; i++) {
		if (cpuid->entries[i].function == 0 && cpuid->entries[i].eax < 0xb)
			cpuid->entries[i].eax = 0xb;
	}
}

int cpuid_setup(struct vmm *vmm, struct vcpu *vcpu)
{
	struct kvm_cpuid2 *cpuid;
	bool deadline;
	uint32_t i;
	int rc = 0;

	cpuid = calloc(1, sizeof(*cpuid) + MAX_ENTRIES * sizeof(cpuid->entries[0]));
	if (!cpuid)
		return -ENOMEM;
	cpuid->nent = MAX_ENTRIES - 3;
	deadline = ioctl(vmm->vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	if (ioctl(vmm->kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid)) {
		rc = -errno;
	} else {
		for (i = 0; i < cpuid->nent; i++)
			adjust(vmm, &cpuid->entries[i], vcpu->id, deadline);
		add_leaf_b(cpuid, vcpu->id, vmm->opts);
		if (ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid))
			rc = -errno;
	}
	free(cpuid);
	return rc;
}
