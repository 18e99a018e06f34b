// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: the configuration that QEMU has for its firmware, at ports 0x510 and 0x511.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Payloads that run without firmware ask here for the number of processors and the size of
 * memory. Those are here, and an empty directory of files; nothing can be written, and there is
 * no interface by DMA. See docs/specs/fw_cfg.rst of QEMU.
 */
#include <string.h>

#include "vmm.h"

enum {
	FW_CFG_BASE	= 0x510,
	PORT_SELECT	= 0,
	PORT_DATA	= 1,

	KEY_SIGNATURE	= 0x00,
	KEY_FEATURES	= 0x01,
	KEY_RAM_SIZE	= 0x03,
	KEY_CPUS	= 0x05,
	KEY_MAX_CPUS	= 0x0f,
	FEATURE_PORTS	= 1 << 0,
};

static struct {
	uint16_t key;
	unsigned int at;		/* the next byte */
} fw_cfg;				/* vmm::lock */

/* Bytes of the entry; an unknown one reads as zeros, like the empty directory. */
static void entry(const struct options *opts, uint8_t bytes[8])
{
	memset(bytes, 0, 8);
	switch (fw_cfg.key) {
	case KEY_SIGNATURE:
		memcpy(bytes, "QEMU", 4);
		break;
	case KEY_FEATURES:
		le_put(bytes, FEATURE_PORTS, 4);
		break;
	case KEY_RAM_SIZE:
		le_put(bytes, opts->memory, 8);
		break;
	case KEY_CPUS:
		le_put(bytes, opts->cpus, 2);
		break;
	case KEY_MAX_CPUS:
		le_put(bytes, cpu_ids(opts), 2);
		break;
	}
}

static uint64_t port_read(void *opaque, uint64_t offset, unsigned int len)
{
	struct vmm *vmm = opaque;
	uint8_t bytes[8];

	if (offset != PORT_DATA || len != 1)
		return 0;
	entry(vmm->opts, bytes);
	return fw_cfg.at < sizeof(bytes) ? bytes[fw_cfg.at++] : 0;
}

static void port_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	(void)opaque;
	if (offset != PORT_SELECT || len != 2)
		return;
	fw_cfg.key = (uint16_t)value;
	fw_cfg.at = 0;
}

static const struct io_ops ops = { port_read, port_write };

int fw_cfg_init(struct vmm *vmm)
{
	memset(&fw_cfg, 0, sizeof(fw_cfg));
	return io_add(vmm, IO_PORT, FW_CFG_BASE, 2, &ops, vmm);
}
