// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: gets a kernel into guest RAM.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Low memory, for all loaders:
 *
 *	0x00000		interrupt vectors, BIOS data area
 *	0x01000		GDT: null, null, code 0x10, data 0x18, TSS 0x20
 *	0x02000		PVH, Multiboot: start information
 *	0x07000		Linux: boot_params
 *	0x09000		page tables, 6 pages
 *	0x20000		command lines
 *	0x9fc00		extended BIOS data area
 *	0xe0000		ACPI tables
 */
#include "boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE		UINT64_C(4096)
#define KERNEL_MAX	(4 * GIB)

/*
 * Open a file of the host. Files are read, not mapped: an access beyond the end of a mapped
 * file that was truncated would kill nyx-vmm.
 */
static int open_file(const char *path, uint64_t *size)
{
	struct stat st;
	/* O_NONBLOCK: opening a FIFO would wait for a writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st)) {
		say("%s: %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode) || st.st_size <= 0) {
		say("%s: not a regular file, or empty", path);
	} else {
		*size = (uint64_t)st.st_size;
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static int read_file(const char *path, int fd, uint8_t *to, uint64_t size)
{
	uint64_t at = 0;
	ssize_t got;

	while (at < size) {
		got = pread(fd, to + at, size - at, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			say("%s: %s", path, strerror(errno));
			return -EIO;
		}
		if (!got) {
			say("%s was truncated while it was read", path);
			return -EIO;
		}
		at += (uint64_t)got;
	}
	return 0;
}

static int place(struct vmm *vmm, const char *path, uint64_t lowest, uint64_t highest, bool low,
		 uint64_t *gpa, uint64_t *size)
{
	void *to = NULL;
	int fd, rc;

	fd = open_file(path, size);
	if (fd < 0)
		return -ENOENT;
	if (highest > vmm->ram_low)
		highest = vmm->ram_low;
	if (lowest <= highest && *size <= highest - lowest) {
		*gpa = low ? (lowest + PAGE - 1) & ~(PAGE - 1) : (highest - *size) & ~(PAGE - 1);
		to = *gpa >= lowest ? ram_ptr(vmm, *gpa, *size) : NULL;
	}
	if (to) {
		rc = read_file(path, fd, to, *size);
	} else {
		say("%s does not fit into the guest's memory; give it more with --memory", path);
		rc = -ENOSPC;
	}
	close(fd);
	return rc;
}

int boot_place_high(struct vmm *vmm, const char *path, uint64_t lowest, uint64_t highest,
		    uint64_t *gpa, uint64_t *size)
{
	return place(vmm, path, lowest, highest, false, gpa, size);
}

int boot_place_low(struct vmm *vmm, const char *path, uint64_t lowest, uint64_t *gpa,
		   uint64_t *size)
{
	return place(vmm, path, lowest, vmm->ram_low, true, gpa, size);
}

int boot_string(struct vmm *vmm, uint64_t *at, const char *path, bool named,
		const char *words, uint64_t max)
{
	size_t name = named ? strlen(path) : 0, blank = named && *words;
	size_t len = name + blank + strlen(words);
	uint64_t room = BOOT_CMDLINE + BOOT_CMDLINE_MAX - *at;
	char *to;

	/* The terminating NUL needs a byte as well */
	if (max > room - 1)
		max = room - 1;
	if (!room || len > max) {
		say("the command line of %s: longer than %llu characters", path,
		    (unsigned long long)(room ? max : 0));
		return -E2BIG;
	}
	to = ram_ptr(vmm, *at, len + 1);
	memcpy(to, path, name);
	memset(to + name, ' ', blank);
	memcpy(to + name + blank, words, strlen(words) + 1);
	*at += len + 1;
	return 0;
}

unsigned int boot_memory_map(struct vmm *vmm, struct boot_range ranges[BOOT_RANGES])
{
	unsigned int nr = 0;

	ranges[nr++] = (struct boot_range){ 0, BOOT_EBDA, BOOT_RAM };
	ranges[nr++] = (struct boot_range){ BOOT_EBDA, BOOT_EBDA_END, BOOT_RESERVED };
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

/*
 * Write the GDT whose descriptors set_start() in kvm.c loads, and page tables that map the
 * first 4G one to one.
 */
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

static bool is_compressed(const uint8_t *file, uint64_t size)
{
	return size > 2 && file[0] == 0x1f && file[1] == 0x8b;
}

static int load(struct vmm *vmm, const uint8_t *file, uint64_t size)
{
	int rc = boot_bzimage(vmm, file, size);

	if (rc == 1)
		rc = boot_elf(vmm, file, size);
	if (rc == 1 && is_compressed(file, size)) {
		say("%s is compressed; unpack it with gzip -dc first", vmm->opts->kernel);
		rc = -ENOEXEC;
	} else if (rc == 1) {
		say("%s is neither a bzImage of Linux nor an ELF file for PVH or Multiboot",
		    vmm->opts->kernel);
		rc = -ENOEXEC;
	}
	if (rc)
		return rc;
	bios_data(vmm);
	write_tables(vmm);
	return 0;
}

int boot_load(struct vmm *vmm)
{
	const char *path = vmm->opts->kernel;
	uint8_t *file = NULL;
	uint64_t size;
	int fd, rc;

	fd = open_file(path, &size);
	if (fd < 0)
		return -ENOENT;
	/* An ELF file with all its symbols may be larger than the guest */
	if (size <= KERNEL_MAX)
		file = malloc(size);
	if (file) {
		rc = read_file(path, fd, file, size);
	} else {
		say("%s is too large for a kernel, or for this machine", path);
		rc = -ENOMEM;
	}
	close(fd);
	if (!rc)
		rc = load(vmm, file, size);
	free(file);
	return rc;
}
