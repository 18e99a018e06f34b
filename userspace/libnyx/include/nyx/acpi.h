/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: ACPI tables that tell a guest of its IOMMU.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A guest of a unit of model NYX_MODEL_VTD finds the unit by the DMAR table, one of
 * NYX_MODEL_AMDVI by the IVRS table. The functions turn a description into the bytes of
 * the table, with its checksum; they need no context and no module. A VMM puts the bytes
 * into guest memory, and its address into the RSDT and XSDT.
 *
 * Intel Virtualization Technology for Directed I/O, revision 4.1, chapter 8; AMD I/O
 * Virtualization Technology (IOMMU) Specification, 48882, revision 3.07, chapter 5.2.
 */
#ifndef NYX_ACPI_H
#define NYX_ACPI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct nyx_acpi_ids - identification fields of a table's header
 * @oem_id: up to 6 printable characters of ASCII; NULL: "NYX"
 * @oem_table_id: up to 8 of them; NULL: "NYX"
 * @creator_id: up to 4 of them; NULL: "NYX"
 * @oem_revision: a number that the caller chooses
 * @creator_revision: a number that the caller chooses
 */
struct nyx_acpi_ids {
	const char *oem_id;
	const char *oem_table_id;
	const char *creator_id;
	uint32_t oem_revision;
	uint32_t creator_revision;
};

/* ---- DMAR ---------------------------------------------------------------- */

/**
 * enum nyx_dmar_scope_type - what a device scope names
 * @NYX_DMAR_ENDPOINT: a PCI function
 * @NYX_DMAR_BRIDGE: a PCI bridge, and every device behind it
 * @NYX_DMAR_IOAPIC: an IOAPIC
 * @NYX_DMAR_HPET: an HPET whose timers send messages
 */
enum nyx_dmar_scope_type {
	NYX_DMAR_ENDPOINT = 1,
	NYX_DMAR_BRIDGE = 2,
	NYX_DMAR_IOAPIC = 3,
	NYX_DMAR_HPET = 4
};

/* Limit on the steps of nyx_dmar_scope::path. */
enum { NYX_DMAR_PATH_MAX = 8 };

/**
 * struct nyx_dmar_step - a step from a bus to a device on it
 * @device: its device number, up to 31
 * @function: its function number, up to 7
 */
struct nyx_dmar_step {
	uint8_t device;
	uint8_t function;
};

/**
 * struct nyx_dmar_scope - a device, by its way from a root bus
 * @type: of enum nyx_dmar_scope_type
 * @id: an IOAPIC: its id in the MADT, an HPET: its number in the HPET table, both up
 *      to 255; otherwise 0
 * @bus: the bus where the way begins, up to 255
 * @nr_steps: steps of the way, 1 to NYX_DMAR_PATH_MAX: all but the last are bridges
 * @path: the steps
 */
struct nyx_dmar_scope {
	uint32_t type;
	uint32_t id;
	uint32_t bus;
	uint32_t nr_steps;
	struct nyx_dmar_step path[NYX_DMAR_PATH_MAX];
};

/**
 * enum nyx_dmar_unit_flags - flags of a unit
 * @NYX_DMAR_UNIT_F_ALL: all PCI functions of the segment that no other unit names. Only
 *                       the last unit of a segment may set it
 */
enum nyx_dmar_unit_flags {
	NYX_DMAR_UNIT_F_ALL = 1 << 0
};

/**
 * struct nyx_dmar_unit - a remapping unit
 * @base: address of its registers, a multiple of 4096, not 0
 * @segment: its PCI segment, up to 65535
 * @flags: of enum nyx_dmar_unit_flags
 * @scopes: its devices; with NYX_DMAR_UNIT_F_ALL its IOAPICs and HPETs, otherwise at least
 *          one. An IOAPIC or HPET has one unit
 * @nr_scopes: how many
 * @reserved: must be 0
 */
struct nyx_dmar_unit {
	uint64_t base;
	uint32_t segment;
	uint32_t flags;
	const struct nyx_dmar_scope *scopes;
	uint32_t nr_scopes;
	uint32_t reserved;
};

/**
 * struct nyx_dmar_region - memory that devices must reach at all times (RMRR)
 * @base: its first address, a multiple of 4096
 * @last: its last address, that of the last byte of a page
 * @segment: the PCI segment, up to 65535
 * @nr_scopes: how many, at least one
 * @scopes: the devices, endpoints and bridges
 */
struct nyx_dmar_region {
	uint64_t base;
	uint64_t last;
	uint32_t segment;
	uint32_t nr_scopes;
	const struct nyx_dmar_scope *scopes;
};

/**
 * enum nyx_dmar_flags - flags of the table
 * @NYX_DMAR_F_INTR_REMAP: the units remap interrupts
 * @NYX_DMAR_F_X2APIC_OPT_OUT: asks the guest to leave x2APIC mode alone
 * @NYX_DMAR_F_DMA_PROTECTED: asks the guest to block DMA as early as it can
 */
enum nyx_dmar_flags {
	NYX_DMAR_F_INTR_REMAP = 1 << 0,
	NYX_DMAR_F_X2APIC_OPT_OUT = 1 << 1,
	NYX_DMAR_F_DMA_PROTECTED = 1 << 2
};

/**
 * struct nyx_acpi_dmar_opts - contents of a DMAR table
 * @size: sizeof(struct nyx_acpi_dmar_opts)
 * @flags: of enum nyx_dmar_flags
 * @ids: whose table it is
 * @address_width: bits of the widest address that DMA reaches, 32 to 64
 * @nr_units: units, at least one
 * @units: the units, each at a base and, within a segment, in an order of its own
 * @regions: reserved memory, or NULL
 * @nr_regions: how many
 * @reserved: must be 0
 */
struct nyx_acpi_dmar_opts {
	uint32_t size;
	uint32_t flags;
	struct nyx_acpi_ids ids;
	uint32_t address_width;
	uint32_t nr_units;
	const struct nyx_dmar_unit *units;
	const struct nyx_dmar_region *regions;
	uint32_t nr_regions;
	uint32_t reserved;
};

/**
 * nyx_acpi_dmar_build() - write a DMAR table
 * @opts: its contents
 * @table: where to put it, at any address; NULL if @room is 0
 * @room: bytes at @table
 * @length: where to put the bytes of the table, valid also after -EMSGSIZE
 *
 * Return: 0; -EMSGSIZE if @room is too small: nothing is written; -EINVAL for a description
 * that contradicts the specification or its ranges above; -E2BIG if the library is older
 * than @opts.
 */
int nyx_acpi_dmar_build(const struct nyx_acpi_dmar_opts *opts, void *table, size_t room,
			size_t *length);

/* ---- IVRS ---------------------------------------------------------------- */

/**
 * enum nyx_ivrs_entry_type - what an entry of a unit names
 * @NYX_IVRS_ALL: all devices of the segment. Some drivers do not know this type; all know
 *                the range from 0 to 65535
 * @NYX_IVRS_SELECT: the device @first
 * @NYX_IVRS_RANGE: the devices from @first to @last
 * @NYX_IVRS_ALIAS: the device @first, whose accesses have the id @alias
 * @NYX_IVRS_ALIAS_RANGE: the devices from @first to @last, likewise
 * @NYX_IVRS_IOAPIC: an IOAPIC, whose messages carry the id @first
 * @NYX_IVRS_HPET: an HPET, whose messages carry the id @first
 */
enum nyx_ivrs_entry_type {
	NYX_IVRS_ALL = 1,
	NYX_IVRS_SELECT = 2,
	NYX_IVRS_RANGE = 3,
	NYX_IVRS_ALIAS = 4,
	NYX_IVRS_ALIAS_RANGE = 5,
	NYX_IVRS_IOAPIC = 6,
	NYX_IVRS_HPET = 7
};

/**
 * enum nyx_ivrs_setting - interrupts of a device that pass without remapping
 * @NYX_IVRS_INIT_PASS: INIT
 * @NYX_IVRS_EXTINT_PASS: ExtInt
 * @NYX_IVRS_NMI_PASS: NMI
 * @NYX_IVRS_LINT0_PASS: LINT0
 * @NYX_IVRS_LINT1_PASS: LINT1
 */
enum nyx_ivrs_setting {
	NYX_IVRS_INIT_PASS = 1 << 0,
	NYX_IVRS_EXTINT_PASS = 1 << 1,
	NYX_IVRS_NMI_PASS = 1 << 2,
	NYX_IVRS_LINT0_PASS = 1 << 6,
	NYX_IVRS_LINT1_PASS = 1 << 7
};

/**
 * struct nyx_ivrs_entry - devices of a unit. Members that the type does not name are 0
 * @type: of enum nyx_ivrs_entry_type
 * @settings: of enum nyx_ivrs_setting
 * @first: bus, device and function, up to 65535
 * @last: up to 65535, not below @first
 * @alias: up to 65535
 * @id: an IOAPIC: its id in the MADT, an HPET: its number in the HPET table, up to 255
 */
struct nyx_ivrs_entry {
	uint32_t type;
	uint32_t settings;
	uint32_t first;
	uint32_t last;
	uint32_t alias;
	uint32_t id;
};

/**
 * enum nyx_ivrs_blocks - types of the blocks (IVHD) that describe a unit, one after another.
 *                        A guest reads those of the highest type that it knows
 * @NYX_IVRS_BLOCK_10: features in 32 bits
 * @NYX_IVRS_BLOCK_11: the extended feature registers; a guest needs it for x2APIC
 * @NYX_IVRS_BLOCK_40: likewise
 */
enum nyx_ivrs_blocks {
	NYX_IVRS_BLOCK_10 = 1 << 0,
	NYX_IVRS_BLOCK_11 = 1 << 1,
	NYX_IVRS_BLOCK_40 = 1 << 2
};

/**
 * enum nyx_ivrs_unit_flags - flags of a unit
 * @NYX_IVRS_UNIT_F_TUNNEL: HtTunEn
 * @NYX_IVRS_UNIT_F_PASS_PW: PassPW
 * @NYX_IVRS_UNIT_F_RES_PASS_PW: ResPassPW
 * @NYX_IVRS_UNIT_F_ISOC: Isoc
 * @NYX_IVRS_UNIT_F_REMOTE_IOTLB: IotlbSup
 * @NYX_IVRS_UNIT_F_COHERENT: Coherent
 */
enum nyx_ivrs_unit_flags {
	NYX_IVRS_UNIT_F_TUNNEL = 1 << 0,
	NYX_IVRS_UNIT_F_PASS_PW = 1 << 1,
	NYX_IVRS_UNIT_F_RES_PASS_PW = 1 << 2,
	NYX_IVRS_UNIT_F_ISOC = 1 << 3,
	NYX_IVRS_UNIT_F_REMOTE_IOTLB = 1 << 4,
	NYX_IVRS_UNIT_F_COHERENT = 1 << 5
};

/**
 * struct nyx_ivrs_unit - an IOMMU
 * @base: address of its registers, a multiple of 16384, or of 524288 if @efr says that it
 *        has performance counters; not 0
 * @efr: its Extended Feature Register; the fields of a block of type 10h are made of it
 * @efr2: its Extended Feature 2 Register
 * @blocks: of enum nyx_ivrs_blocks, at least one
 * @flags: of enum nyx_ivrs_unit_flags
 * @segment: its PCI segment, up to 65535
 * @function: bus, device and function of its PCI function, up to 65535
 * @capability: offset of its capability block, a multiple of 4 from 64 to 252
 * @unit_id: its HyperTransport id, up to 31
 * @msi: the number of its MSI message, up to 31
 * @msi_ppr: the number of that for page requests, up to 31
 * @nr_counter_banks: banks of performance counters, up to 63
 * @nr_counters: performance counters of a bank, up to 15
 * @nr_entries: entries, at least one
 * @reserved: must be 0
 * @entries: its devices
 */
struct nyx_ivrs_unit {
	uint64_t base;
	uint64_t efr;
	uint64_t efr2;
	uint32_t blocks;
	uint32_t flags;
	uint32_t segment;
	uint32_t function;
	uint32_t capability;
	uint32_t unit_id;
	uint32_t msi;
	uint32_t msi_ppr;
	uint32_t nr_counter_banks;
	uint32_t nr_counters;
	uint32_t nr_entries;
	uint32_t reserved;
	const struct nyx_ivrs_entry *entries;
};

/**
 * enum nyx_ivrs_region_flags - flags of reserved memory
 * @NYX_IVRS_REGION_F_UNITY: the devices reach it at IOVA = GPA
 * @NYX_IVRS_REGION_F_READ: they may read it
 * @NYX_IVRS_REGION_F_WRITE: they may write it
 * @NYX_IVRS_REGION_F_EXCLUSION: they reach it without translation, alone
 */
enum nyx_ivrs_region_flags {
	NYX_IVRS_REGION_F_UNITY = 1 << 0,
	NYX_IVRS_REGION_F_READ = 1 << 1,
	NYX_IVRS_REGION_F_WRITE = 1 << 2,
	NYX_IVRS_REGION_F_EXCLUSION = 1 << 3
};

/**
 * struct nyx_ivrs_region - memory that devices must reach at all times (IVMD)
 * @base: its first address, a multiple of 4096
 * @length: its bytes, a multiple of 4096, not 0
 * @flags: of enum nyx_ivrs_region_flags: either NYX_IVRS_REGION_F_EXCLUSION alone, or
 *         NYX_IVRS_REGION_F_UNITY with READ or WRITE or both
 * @segment: the PCI segment, up to 65535
 * @first: the first device, up to 65535; 0 with @last 65535: all
 * @last: the last device
 */
struct nyx_ivrs_region {
	uint64_t base;
	uint64_t length;
	uint32_t flags;
	uint32_t segment;
	uint32_t first;
	uint32_t last;
};

/**
 * enum nyx_ivrs_flags - flags of the table
 * @NYX_IVRS_F_DMA_PROTECTED: asks the guest to block DMA as early as it can
 * @NYX_IVRS_F_HT_ATS_RESERVED: the address range of HyperTransport ATS is not for devices
 */
enum nyx_ivrs_flags {
	NYX_IVRS_F_DMA_PROTECTED = 1 << 0,
	NYX_IVRS_F_HT_ATS_RESERVED = 1 << 1
};

/**
 * struct nyx_acpi_ivrs_opts - contents of an IVRS table
 * @size: sizeof(struct nyx_acpi_ivrs_opts)
 * @flags: of enum nyx_ivrs_flags
 * @ids: whose table it is
 * @virtual_bits: bits of an IOVA: 32, 40, 48 or 64
 * @physical_bits: bits of a guest-physical address, 32 to 52
 * @guest_bits: bits of a guest-virtual address: 48, or 0: there are none
 * @nr_units: units, at least one
 * @units: the units
 * @regions: reserved memory, or NULL
 * @nr_regions: how many
 * @reserved: must be 0
 */
struct nyx_acpi_ivrs_opts {
	uint32_t size;
	uint32_t flags;
	struct nyx_acpi_ids ids;
	uint32_t virtual_bits;
	uint32_t physical_bits;
	uint32_t guest_bits;
	uint32_t nr_units;
	const struct nyx_ivrs_unit *units;
	const struct nyx_ivrs_region *regions;
	uint32_t nr_regions;
	uint32_t reserved;
};

/**
 * nyx_acpi_ivrs_build() - write an IVRS table
 * @opts: its contents
 * @table: where to put it, at any address; NULL if @room is 0
 * @room: bytes at @table
 * @length: where to put the bytes of the table, valid also after -EMSGSIZE
 *
 * Return: as nyx_acpi_dmar_build().
 */
int nyx_acpi_ivrs_build(const struct nyx_acpi_ivrs_opts *opts, void *table, size_t room,
			size_t *length);

#ifdef __cplusplus
}
#endif

#endif /* NYX_ACPI_H */
