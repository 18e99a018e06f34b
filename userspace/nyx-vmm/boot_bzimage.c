// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: boots a bzImage, by the 64-bit protocol of Documentation/arch/x86/boot.rst.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The loader does not trust the file: it checks the header against the file's size.
 */
#include <asm/bootparam.h>
#include <errno.h>
#include <string.h>

#include "boot.h"

#define HEADER_AT	0x1f1
#define HEADER_MAGIC	0x53726448	/* "HdrS" */
#define BOOT_FLAG	0xaa55
#define OLDEST		0x020c		/* 3.8: loads anywhere, 64-bit entry */
#define ENTRY64		0x200
#define LOADER_UNKNOWN	0xff

static void memory_map(struct vmm *vmm, struct boot_params *params)
{
	struct boot_range ranges[BOOT_RANGES];
	unsigned int i, nr = boot_memory_map(vmm, ranges);

	for (i = 0; i < nr; i++) {
		params->e820_table[i].addr = ranges[i].start;
		params->e820_table[i].size = ranges[i].end - ranges[i].start;
		params->e820_table[i].type = ranges[i].type;
	}
	params->e820_entries = (uint8_t)nr;
}

/*
 * The kernel uses this memory before it has read the memory map: the file, and the place where
 * it unpacks itself: its preferred address or, if that is higher, the one it was loaded at.
 */
static uint64_t end_of_kernel(const struct setup_header *h, size_t size)
{
	uint64_t start = h->pref_address > BOOT_LOWEST ? h->pref_address : BOOT_LOWEST;
	uint64_t end = start + h->init_size;

	if (end < start)
		return UINT64_MAX;
	return end > BOOT_LOWEST + size ? end : BOOT_LOWEST + size;
}

int boot_bzimage(struct vmm *vmm, const uint8_t *file, size_t size)
{
	struct boot_params *params = ram_ptr(vmm, BOOT_PARAMS, sizeof(*params));
	struct setup_header h;
	size_t setup, header_len;
	uint64_t initrd, initrd_size, kernel_end, at = BOOT_CMDLINE;
	void *to;
	int rc;

	if (size < HEADER_AT + sizeof(h))
		return 1;
	memcpy(&h, file + HEADER_AT, sizeof(h));
	if (h.boot_flag != BOOT_FLAG || h.header != HEADER_MAGIC)
		return 1;
	if (h.version < OLDEST || !(h.xloadflags & XLF_KERNEL_64)) {
		say("%s has no 64-bit entry point: it is too old, or for 32 bits",
		    vmm->opts->kernel);
		return -ENOEXEC;
	}
	if (vmm->opts->nr_modules) {
		say("%s takes --initrd, not --module", vmm->opts->kernel);
		return -EINVAL;
	}
	setup = (size_t)((h.setup_sects ? h.setup_sects : 4) + 1) * 512;
	if (setup >= size) {
		say("%s is truncated", vmm->opts->kernel);
		return -ENOEXEC;
	}

	kernel_end = end_of_kernel(&h, size);
	to = ram_ptr(vmm, BOOT_LOWEST, size - setup);
	if (!to || !params || kernel_end > vmm->ram_low) {
		say("%s does not fit into the guest's memory; give it more with --memory",
		    vmm->opts->kernel);
		return -ENOSPC;
	}
	memcpy(to, file + setup, size - setup);

	memset(params, 0, sizeof(*params));
	/* The header ends where its jump instruction leads */
	header_len = 0x202 + file[0x201] - HEADER_AT;
	memcpy(&params->hdr, &h, header_len < sizeof(h) ? header_len : sizeof(h));
	params->hdr.type_of_loader = LOADER_UNKNOWN;
	params->hdr.loadflags |= LOADED_HIGH;
	params->hdr.vid_mode = 0xffff;
	params->hdr.code32_start = BOOT_LOWEST;
	params->hdr.cmd_line_ptr = BOOT_CMDLINE;
	params->hdr.ramdisk_image = 0;
	params->hdr.ramdisk_size = 0;
	params->hdr.setup_data = 0;
	params->acpi_rsdp_addr = vmm->rsdp;
	rc = boot_string(vmm, &at, vmm->opts->kernel, false, vmm->opts->append, h.cmdline_size);
	if (rc)
		return rc;
	if (vmm->opts->initrd) {
		rc = boot_place_high(vmm, vmm->opts->initrd, kernel_end,
				     (uint64_t)h.initrd_addr_max + 1, &initrd, &initrd_size);
		if (rc)
			return rc;
		params->hdr.ramdisk_image = (uint32_t)initrd;
		params->hdr.ramdisk_size = (uint32_t)initrd_size;
	}
	memory_map(vmm, params);

	vmm->boot = (struct boot_state){
		.long_mode = true, .rip = BOOT_LOWEST + ENTRY64, .rsi = BOOT_PARAMS,
	};
	return 0;
}
