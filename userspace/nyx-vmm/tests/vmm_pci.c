// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm tests: PCI functions as payloads without firmware use them.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * PCI Local Bus Specification 3.0: 3.2.2.3 (ports), 6.1 (configuration space).
 */
#include "vmm_env.h"

#include <linux/pci_regs.h>

#define ADDRESS		0xcf8
#define DATA		0xcfc
#define SLOT		1
#define ENABLED		(0x80000000u | SLOT << 11)

static const struct { const char *name; uint8_t at; } registers[] = {
	{ "vendor", 0x00 }, { "device", 0x02 }, { "class", 0x0a }, { "class_high", 0x0b },
	{ "bar", 0x10 }, { "capabilities", 0x34 }, { "line", 0x3c }, { "pin", 0x3d },
};

/* A byte and, where it is aligned, a word are found by either way of naming them. */
TEST_EACH(config_address, registers)
{
	struct vmm *vmm = env_machine(ENV_MAP);
	unsigned int len, port = v->at & 3;

	ASSERT_EQ(0, edu_init(vmm, UINT64_MAX));
	for (len = 1; len <= 4 - port; len *= 2) {
		uint64_t want = env_in(vmm, IO_MMIO, GPA_ECAM + (SLOT << 15) + v->at, len);

		env_out(vmm, IO_PORT, ADDRESS, ENABLED | (v->at & 0xfc), 4);
		EXPECT_EQ(want, env_in(vmm, IO_PORT, DATA + port, len));
		env_out(vmm, IO_PORT, ADDRESS, ENABLED | v->at, 4);
		EXPECT_EQ(want, env_in(vmm, IO_PORT, DATA, len));
	}
	/* The other half of the line register, which may be written */
	env_out(vmm, IO_PORT, ADDRESS, ENABLED | 0x3c, 4);
	env_out(vmm, IO_PORT, DATA, 0x5a, 1);
	env_out(vmm, IO_PORT, ADDRESS, ENABLED | 0x0e, 4);
	EXPECT_EQ(0, env_in(vmm, IO_PORT, DATA, 1));
	env_out(vmm, IO_PORT, ADDRESS, ENABLED | 0x3f, 4);
	env_out(vmm, IO_PORT, DATA, 0xa5, 1);
	EXPECT_EQ(0x5a, env_config_get(vmm, SLOT, 0x3c) & 0xff);
	env_end(vmm);
}

/* The identification register of the edu device, at the address that its BAR begins with */
TEST(decodes_from_the_start)
{
	struct vmm *vmm = env_machine(ENV_MAP);
	uint64_t bar;

	ASSERT_EQ(0, edu_init(vmm, UINT64_MAX));
	bar = env_config_get(vmm, SLOT, PCI_BASE_ADDRESS_0) & PCI_BASE_ADDRESS_MEM_MASK;
	EXPECT_EQ(PCI_COMMAND_MEMORY, env_config_get(vmm, SLOT, PCI_COMMAND) & 0xffff);
	EXPECT_EQ(0x010000ed, env_in(vmm, IO_MMIO, bar, 4));
	/* No bus master, of its own accord */
	env_config_set(vmm, SLOT, PCI_COMMAND, 0);
	EXPECT_EQ(UINT32_MAX, env_in(vmm, IO_MMIO, bar, 4));
	env_end(vmm);
}
