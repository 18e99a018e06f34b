// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: gets a kernel into guest RAM.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Low memory, for all loaders:
 *
 *	0x01000		GDT: null, null, code 0x10, data 0x18, TSS 0x20
 *	0x02000		PVH: start information
 *	0x07000		Linux: boot_params
 *	0x09000		page tables, 6 pages
 *	0x20000		command line
 *	0xe0000		ACPI tables
 */
#include "boot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE	UINT64_C(4096)

/* Maps a file of the host. The caller unmaps; an empty one is an error. */
static const uint8_t *map_file(const char *path, size_t *size)
{
	const uint8_t *p = MAP_FAILED;
	struct stat st;
	int fd;

	/* A FIFO would wait for a writer. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st)) {
		say("%s: %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode) || st.st_size <= 0) {
		say("%s: not a file with anything in it", path);
	} else {
		*size = (size_t)st.st_size;
		p = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED)
			say("%s: %s", path, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	return p == MAP_FAILED ? NULL : p;
}

int boot_place(struct vmm *vmm, const char *path, uint64_t lowest, uint64_t highest,
	       uint64_t *gpa, uint64_t *size)
{
	const uint8_t *file;
	size_t bytes;
	void *to;

	file = map_file(path, &bytes);
	if (!file)
		return -ENOENT;
	if (highest > vmm->ram_low)
		highest = vmm->ram_low;
	if (lowest > highest || bytes > highest - lowest) {
		say("%s does not fit into the guest's memory; give it more with --memory", path);
		munmap((void *)(uintptr_t)file, bytes);
		return -ENOSPC;
	}
	*gpa = (highest - bytes) & ~(PAGE - 1);
	*size = bytes;
	to = *gpa >= lowest ? ram_ptr(vmm, *gpa, bytes) : NULL;
	if (to)
		memcpy(to, file, bytes);
	else
		say("%s does not fit into the guest's memory", path);
	munmap((void *)(uintptr_t)file, bytes);
	return to ? 0 : -ENOSPC;
}

int boot_cmdline(struct vmm *vmm, uint64_t max)
{
	const char *text = vmm->opts->append;
	size_t len = strlen(text) + 1;
	char *to;

	if (max > BOOT_CMDLINE_MAX)
		max = BOOT_CMDLINE_MAX;
	to = ram_ptr(vmm, BOOT_CMDLINE, len);
	if (len > max || !to) {
		say("the command line of the kernel is longer than %llu characters",
		    (unsigned long long)max - 1);
		return -E2BIG;
	}
	memcpy(to, text, len);
	return 0;
}

unsigned int boot_memory_map(struct vmm *vmm, struct boot_range ranges[BOOT_RANGES])
{
	unsigned int nr = 0;

	ranges[nr++] = (struct boot_range){ 0, 0x9fc00, BOOT_RAM };
	ranges[nr++] = (struct boot_range){ GPA_BIOS, GPA_BIOS_END, BOOT_RESERVED };
	ranges[nr++] = (struct boot_range){ GPA_BIOS_END, vmm->ram_low, BOOT_RAM };
	ranges[nr++] = (struct boot_range){ GPA_ECAM, GPA_ECAM + GPA_ECAM_SIZE,
					    BOOT_RESERVED };
	ranges[nr++] = (struct boot_range){ GPA_KVM_TSS, GPA_KVM_TSS + 4 * PAGE,
					    BOOT_RESERVED };
	if (vmm->ram_high)
		ranges[nr++] = (struct boot_range){ GPA_RAM_HIGH, GPA_RAM_HIGH + vmm->ram_high,
						    BOOT_RAM };
	return nr;
}

/* Descriptors as set_start() in kvm.c has loaded them; the first 4G mapped as they are. */
static void write_tables(struct vmm *vmm)
{
	static const uint64_t gdt[] = {
		0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00008b0000000067,
	};
	uint8_t *p = ram_ptr(vmm, BOOT_GDT, sizeof(gdt)), *pages;
	uint64_t i;

	for (i = 0; i < ARRAY_SIZE(gdt); i++)
		le_put(p + 8 * i, gdt[i], 8);
	if (!vmm->boot.long_mode) {
		le_put(p + 16, 0x00cf9b000000ffff, 8);	/* 32-bit code */
		return;
	}
	pages = ram_ptr(vmm, BOOT_PAGES, 6 * PAGE);
	memset(pages, 0, 6 * PAGE);
	le_put(pages, (BOOT_PAGES + PAGE) | 3, 8);
	for (i = 0; i < 4; i++)
		le_put(pages + PAGE + 8 * i, (BOOT_PAGES + (2 + i) * PAGE) | 3, 8);
	for (i = 0; i < 4 * 512; i++)
		le_put(pages + 2 * PAGE + 8 * i, i << 21 | 0x83, 8);
}

int boot_load(struct vmm *vmm)
{
	const uint8_t *file;
	size_t size;
	int rc;

	file = map_file(vmm->opts->kernel, &size);
	if (!file)
		return -ENOENT;
	rc = boot_bzimage(vmm, file, size);
	if (rc == 1)
		rc = boot_elf(vmm, file, size);
	if (rc == 1) {
		say("%s is neither a bzImage of Linux nor an ELF file for PVH or Multiboot",
		    vmm->opts->kernel);
		rc = -ENOEXEC;
	}
	munmap((void *)(uintptr_t)file, size);
	if (!rc)
		write_tables(vmm);
	return rc;
}
