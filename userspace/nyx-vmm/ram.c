// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: guest RAM.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * One memfd, mapped shared and in one piece, so that an IOMMU in the kernel can be
 * given the file: low RAM first, then what continues at 4G. A process that gets the file, too, can
 * change the bytes, but not the size: that would be a SIGBUS for the others.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm.h"

static int add_slot(struct vmm *vmm, uint64_t gpa, uint64_t offset, uint64_t size)
{
	int slot;

	if (!size)
		return 0;
	slot = kvm_slot_add(vmm, gpa, size, vmm->ram + offset);
	if (slot < 0)
		say("KVM_SET_USER_MEMORY_REGION: %s", strerror(-slot));
	return slot < 0 ? slot : 0;
}

int ram_init(struct vmm *vmm)
{
	uint64_t size = vmm->opts->memory;
	int rc;

	vmm->ram_low = size < GPA_RAM_LOW_END ? size : GPA_RAM_LOW_END;
	vmm->ram_high = size - vmm->ram_low;
	vmm->ram_fd = memfd_create("nyx-vmm-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (vmm->ram_fd < 0 || ftruncate(vmm->ram_fd, (off_t)size) ||
	    fcntl(vmm->ram_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		say("cannot allocate guest memory: %s", strerror(errno));
		return -errno;
	}
	vmm->ram = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
			vmm->ram_fd, 0);
	if (vmm->ram == MAP_FAILED) {
		vmm->ram = NULL;
		say("cannot map guest memory: %s", strerror(errno));
		return -errno;
	}
	madvise(vmm->ram, size, MADV_DONTDUMP);
	madvise(vmm->ram, size, MADV_HUGEPAGE);		/* where shmem_enabled is advise */

	rc = add_slot(vmm, 0, 0, vmm->ram_low);
	if (!rc)
		rc = add_slot(vmm, GPA_RAM_HIGH, vmm->ram_low, vmm->ram_high);
	return rc;
}

void ram_exit(struct vmm *vmm)
{
	if (vmm->ram)
		munmap(vmm->ram, vmm->opts->memory);
	if (vmm->ram_fd >= 0)
		close(vmm->ram_fd);
}

void *ram_ptr(struct vmm *vmm, uint64_t gpa, uint64_t len)
{
	if (gpa < vmm->ram_low)
		return len <= vmm->ram_low - gpa ? vmm->ram + gpa : NULL;
	if (gpa < GPA_RAM_HIGH)
		return NULL;
	gpa -= GPA_RAM_HIGH;
	if (gpa >= vmm->ram_high || len > vmm->ram_high - gpa)
		return NULL;
	return vmm->ram + vmm->ram_low + gpa;
}
