/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm: what the loaders of kernels share.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_VMM_BOOT_H
#define NYX_VMM_BOOT_H

#include "vmm.h"

enum {
	BOOT_GDT	= 0x1000,
	BOOT_INFO	= 0x2000,	/* PVH, Multiboot: 0x5000 bytes */
	BOOT_PARAMS	= 0x7000,
	BOOT_PAGES	= 0x9000,
	BOOT_CMDLINE	= 0x20000,
	BOOT_CMDLINE_MAX = 0x10000,	/* command lines of modules follow */
	BOOT_EBDA	= 0x9fc00,	/* extended BIOS data area: RAM below, for payloads */
	BOOT_EBDA_END	= 0xa0000,
	BOOT_LOWEST	= 0x100000,	/* kernels are loaded above */
};

enum { BOOT_RAM = 1, BOOT_RESERVED = 2 };	/* types of E820 */
#define BOOT_RANGES	7

struct boot_range {
	uint64_t start;
	uint64_t end;
	uint32_t type;
};

unsigned int boot_memory_map(struct vmm *vmm, struct boot_range ranges[BOOT_RANGES]);

/*
 * Write @words, the command line of @path, to *@at, and advance *@at; with @named, @path
 * becomes its first word. -E2BIG, with a message: it has more than @max characters, or the
 * area is full.
 */
int boot_string(struct vmm *vmm, uint64_t *at, const char *path, bool named,
		const char *words, uint64_t max);

/*
 * Load a file of the host into low RAM, page-aligned: as high in [lowest, highest) as
 * possible, or as low from @lowest on.
 */
int boot_place_high(struct vmm *vmm, const char *path, uint64_t lowest, uint64_t highest,
		    uint64_t *gpa, uint64_t *size);
int boot_place_low(struct vmm *vmm, const char *path, uint64_t lowest, uint64_t *gpa,
		   uint64_t *size);

/* bios_data.c: below BOOT_GDT, and in the EBDA */
void bios_data(struct vmm *vmm);

/* The loaders return 1 if the file has another format */
int boot_bzimage(struct vmm *vmm, const uint8_t *file, size_t size);
int boot_elf(struct vmm *vmm, const uint8_t *file, size_t size);

#endif /* NYX_VMM_BOOT_H */
