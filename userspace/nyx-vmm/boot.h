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
	BOOT_CMDLINE_MAX = 0x10000,
	BOOT_EBDA	= 0x9fc00,	/* extended BIOS data area: RAM below, for payloads */
	BOOT_EBDA_END	= 0xa0000,
	BOOT_LOWEST	= 0x100000,	/* kernels lie above */
};

enum { BOOT_RAM = 1, BOOT_RESERVED = 2 };	/* as E820 has it */
#define BOOT_RANGES	7

struct boot_range {
	uint64_t start;
	uint64_t end;
	uint32_t type;
};

unsigned int boot_memory_map(struct vmm *vmm, struct boot_range ranges[BOOT_RANGES]);
/* --append to BOOT_CMDLINE, if it is shorter than @max */
int boot_cmdline(struct vmm *vmm, uint64_t max);
/* A file of the host as high in [lowest, highest) and low RAM as it goes, page-aligned */
int boot_place(struct vmm *vmm, const char *path, uint64_t lowest, uint64_t highest,
	       uint64_t *gpa, uint64_t *size);

/* bios_data.c: below BOOT_GDT, and in the EBDA */
void bios_data(struct vmm *vmm);

/* The loaders; 1: the file is something else */
int boot_bzimage(struct vmm *vmm, const uint8_t *file, size_t size);
int boot_elf(struct vmm *vmm, const uint8_t *file, size_t size);

#endif /* NYX_VMM_BOOT_H */
