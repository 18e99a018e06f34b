// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: the ACPI tables.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * RSDP, RSDT and XSDT, FADT with its DSDT and FACS, MADT, MCFG, and the table of the IOMMU,
 * one behind the other in the BIOS area, which the memory map reserves. Each address is
 * there in 32 and in 64 bits: some payloads read only the one, some only the other. ACPI
 * Specification 6.5, chapter 5; PCI Firmware Specification 3.3 for MCFG.
 */
#include <errno.h>
#include <string.h>

#include "aml.h"
#include "iommu.h"
#include "pci.h"
#include "vmm.h"

#define HEADER		36
#define MAX_TABLES	8
#define SLOTS		32

enum {
	FADT_SIZE	= 276,
	FADT_FACS	= 36,
	FADT_DSDT	= 40,
	FADT_SCI	= 46,
	FADT_PM1_EVENT	= 56,
	FADT_PM1_CONTROL = 64,
	FADT_PM_TIMER	= 76,
	FADT_PM1_EVENT_LEN = 88,
	FADT_PM1_CONTROL_LEN = 89,
	FADT_PM_TIMER_LEN = 91,
	FADT_C2_LATENCY	= 96,
	FADT_C3_LATENCY	= 98,
	FADT_CENTURY	= 108,
	FADT_BOOT_FLAGS	= 109,
	FADT_FLAGS	= 112,
	FADT_RESET	= 116,
	FADT_RESET_VALUE = 128,
	FADT_MINOR	= 131,
	FADT_X_FACS	= 132,
	FADT_X_DSDT	= 140,
	FADT_X_PM1_EVENT = 148,
	FADT_X_PM1_CONTROL = 172,
	FADT_X_PM_TIMER	= 208,

	BOOT_LEGACY	= 1 << 0,	/* serial port and clock; no 8042 */
	BOOT_NO_VGA	= 1 << 2,

	FLAG_WBINVD	= 1 << 0,
	FLAG_C1		= 1 << 2,
	FLAG_NO_POWER_BUTTON = 1 << 4,	/* no fixed one */
	FLAG_NO_SLEEP_BUTTON = 1 << 5,
	FLAG_TIMER32	= 1 << 8,
	FLAG_RESET	= 1 << 10,

	MADT_SIZE	= 128,		/* besides the processors */
	MADT_LAPIC	= 0,
	MADT_IOAPIC	= 1,
	MADT_OVERRIDE	= 2,
	MADT_X2APIC	= 9,
	MADT_X2APIC_NMI	= 10,
	MADT_LAPIC_NMI	= 4,
	IRQ_LEVEL_HIGH	= 0x0d,

	GAS_MEMORY	= 0,
	GAS_IO		= 1,
};

const struct nyx_acpi_ids acpi_ids = {
	.oem_id = "NYX",
	.oem_table_id = "NYXVMM",
	.creator_id = "NYX",
	.oem_revision = 1,
	.creator_revision = 1,
};

struct writer {
	uint8_t *area;			/* [GPA_BIOS, GPA_BIOS_END) */
	size_t used;
	uint64_t tables[MAX_TABLES];	/* for RSDT and XSDT */
	unsigned int nr_tables;
};

static size_t room(const struct writer *w)
{
	return GPA_BIOS_END - GPA_BIOS - w->used;
}

static uint8_t *next(struct writer *w)
{
	return w->area + w->used;
}

static uint8_t checksum(const uint8_t *bytes, size_t len)
{
	uint8_t sum = 0;

	while (len--)
		sum += *bytes++;
	return (uint8_t)-sum;
}

/* Reserve @len bytes, aligned. Returns their address. */
static uint64_t take(struct writer *w, size_t len)
{
	uint64_t gpa = GPA_BIOS + w->used;

	w->used += (len + 63) & ~(size_t)63;
	return gpa;
}

static void header(uint8_t *table, const char *signature, uint8_t revision)
{
	memcpy(table, signature, 4);
	table[8] = revision;
	memcpy(table + 10, "NYX   ", 6);
	memcpy(table + 16, "NYXVMM  ", 8);	/* same as in acpi_ids */
	le_put(table + 24, 1, 4);
	memcpy(table + 28, "NYX ", 4);
	le_put(table + 32, 1, 4);
}

static uint64_t finish(struct writer *w, size_t len)
{
	uint8_t *table = next(w);

	le_put(table + 4, len, 4);
	table[9] = 0;
	table[9] = checksum(table, len);
	return take(w, len);
}

static void list(struct writer *w, uint64_t gpa)
{
	if (w->nr_tables < MAX_TABLES)
		w->tables[w->nr_tables++] = gpa;
}

/* ---- DSDT -------------------------------------------------------------------- */

static void hid(struct aml *aml, const char *id, unsigned int uid)
{
	aml_name(aml, "_HID");
	aml_eisa_id(aml, id);
	aml_name(aml, "_UID");
	aml_integer(aml, uid);
}

typedef unsigned int intx_fn(unsigned int slot, unsigned int pin);

/* Route every pin of every slot directly, without an interrupt router. */
static void routes(struct aml *aml, const char *name, intx_fn *intx)
{
	unsigned int slot, pin;
	size_t package, entry;

	aml_name(aml, name);
	package = aml_package(aml, SLOTS * 4);
	for (slot = 0; slot < SLOTS; slot++) {
		for (pin = 0; pin < 4; pin++) {
			entry = aml_package(aml, 4);
			aml_integer(aml, (uint64_t)slot << 16 | 0xffff);
			aml_integer(aml, pin);
			aml_integer(aml, 0);
			aml_integer(aml, intx(slot, pin));
			aml_end(aml, entry);
		}
	}
	aml_end(aml, package);
}

/* _PRT: routes to pins of the IOAPIC if the guest has called _PIC(1), else to the 8259s */
static void prt(struct aml *aml)
{
	size_t method, condition;

	routes(aml, "PRTA", pci_intx_gsi);
	routes(aml, "PRTP", pci_intx_isa);
	method = aml_method(aml, "_PRT", 0);
	condition = aml_if(aml, "APIC");
	aml_return(aml, "PRTA");
	aml_end(aml, condition);
	aml_return(aml, "PRTP");
	aml_end(aml, method);
}

/*
 * _OSC (PCI Firmware Specification 3.3, 4.5.1): the guest asks which features of PCI Express are
 * its own. Hot-plug is, and the capability structure with it; all else stays with the platform,
 * which does nothing with it.
 */
static void osc(struct aml *aml)
{
	/* 33db4d5b-1ff7-401c-9657-7441c03dd766 */
	static const uint8_t host_bridge_uuid[] = {
		0x5b, 0x4d, 0xdb, 0x33, 0xf7, 0x1f, 0x1c, 0x40,
		0x96, 0x57, 0x74, 0x41, 0xc0, 0x3d, 0xd7, 0x66,
	};
	enum { HOTPLUG = 1 << 0, CAPABILITY = 1 << 4, BAD_UUID = 1 << 2, MASKED = 1 << 4 };
	const uint32_t granted = HOTPLUG | CAPABILITY;
	size_t method = aml_method(aml, "_OSC", 4), condition, masked;

	aml_dword_field(aml, 3, 0, "CDW1");
	condition = aml_if_argument(aml, 0, host_bridge_uuid, sizeof(host_bridge_uuid));
	aml_dword_field(aml, 3, 8, "CDW3");
	masked = aml_if_bits(aml, "CDW3", ~granted);
	aml_or(aml, "CDW1", MASKED);
	aml_end(aml, masked);
	aml_and(aml, "CDW3", granted);
	aml_return_argument(aml, 3);
	aml_end(aml, condition);
	aml_or(aml, "CDW1", BAD_UUID);
	aml_return_argument(aml, 3);
	aml_end(aml, method);
}

static void host_bridge(struct aml *aml, const struct vmm *vmm)
{
	size_t device = aml_device(aml, "PCI0"), resources;
	uint64_t first, last;

	hid(aml, "PNP0A08", 0);
	aml_name(aml, "_CID");
	aml_eisa_id(aml, "PNP0A03");
	aml_name(aml, "_SEG");
	aml_integer(aml, 0);
	aml_name(aml, "_BBN");
	aml_integer(aml, 0);
	aml_name(aml, "_CRS");
	resources = aml_resources(aml);
	aml_window16(aml, AML_WINDOW_BUS, 0, 0xff);
	aml_io(aml, 0xcf8, 8);
	aml_window16(aml, AML_WINDOW_IO, 0x0000, 0x0cf7);
	aml_window16(aml, AML_WINDOW_IO, 0x0d00, 0xffff);
	aml_window32(aml, AML_WINDOW_MEMORY, GPA_PCI_WINDOW, GPA_ECAM - 1);
	pci_high_window(vmm, &first, &last);
	aml_window64(aml, AML_WINDOW_MEMORY, first, last);
	aml_resources_end(aml, resources);
	prt(aml);
	if (vmm->opts->hotplug_slots)
		osc(aml);
	aml_end(aml, device);
}

static void dsdt_body(struct aml *aml, const struct vmm *vmm)
{
	size_t scope, device, resources, package, method;

	/* The guest calls _PIC with 0 if it uses the 8259s, with 1 if the IOAPIC */
	aml_name(aml, "\\APIC");
	aml_integer(aml, 0);
	method = aml_method(aml, "\\_PIC", 1);
	aml_store_argument(aml, "\\APIC");
	aml_end(aml, method);

	scope = aml_scope(aml, "\\_SB_");
	host_bridge(aml, vmm);

	/* A guest trusts MCFG only if the board reserves the ECAM */
	device = aml_device(aml, "MRES");
	hid(aml, "PNP0C02", 0);
	aml_name(aml, "_CRS");
	resources = aml_resources(aml);
	aml_memory32(aml, GPA_ECAM, GPA_ECAM_SIZE);
	aml_resources_end(aml, resources);
	aml_end(aml, device);

	device = aml_device(aml, "COM1");
	hid(aml, "PNP0501", 0);
	aml_name(aml, "_CRS");
	resources = aml_resources(aml);
	aml_io(aml, 0x3f8, 8);
	aml_irq(aml, PIN_SERIAL);
	aml_resources_end(aml, resources);
	aml_end(aml, device);

	device = aml_device(aml, "RTC_");
	hid(aml, "PNP0B00", 0);
	aml_name(aml, "_CRS");
	resources = aml_resources(aml);
	aml_io(aml, 0x70, 2);
	aml_irq(aml, PIN_RTC);
	aml_resources_end(aml, resources);
	aml_end(aml, device);
	aml_end(aml, scope);

	aml_name(aml, "\\_S5_");
	package = aml_package(aml, 4);
	aml_integer(aml, SLEEP_TYPE_S5);
	aml_integer(aml, SLEEP_TYPE_S5);
	aml_integer(aml, 0);
	aml_integer(aml, 0);
	aml_end(aml, package);
}

static uint64_t dsdt(struct writer *w, const struct vmm *vmm)
{
	struct aml aml = { .bytes = next(w) + HEADER, .room = room(w) - HEADER };

	header(next(w), "DSDT", 2);
	dsdt_body(&aml, vmm);
	return aml.full ? 0 : finish(w, HEADER + aml.len);
}

/* ---- the others ----------------------------------------------------------------- */

static void gas_io(uint8_t *p, uint8_t bits, uint8_t access, uint64_t port)
{
	p[0] = GAS_IO;
	p[1] = bits;
	p[2] = 0;
	p[3] = access;
	le_put(p + 4, port, 8);
}

static uint64_t facs(struct writer *w)
{
	uint8_t *table = next(w);

	memcpy(table, "FACS", 4);
	le_put(table + 4, 64, 4);
	table[32] = 2;
	return take(w, 64);
}

static uint64_t fadt(struct writer *w, uint64_t dsdt_gpa, uint64_t facs_gpa)
{
	uint8_t *t = next(w);

	header(t, "FACP", 6);
	t[FADT_MINOR] = 5;
	le_put(t + FADT_FACS, facs_gpa, 4);
	le_put(t + FADT_X_FACS, facs_gpa, 8);
	le_put(t + FADT_DSDT, dsdt_gpa, 4);
	le_put(t + FADT_X_DSDT, dsdt_gpa, 8);
	le_put(t + FADT_SCI, PIN_SCI, 2);
	le_put(t + FADT_PM1_EVENT, PORT_PM, 4);
	le_put(t + FADT_PM1_CONTROL, PORT_PM + 4, 4);
	le_put(t + FADT_PM_TIMER, PORT_PM + 8, 4);
	t[FADT_PM1_EVENT_LEN] = 4;
	t[FADT_PM1_CONTROL_LEN] = 2;
	t[FADT_PM_TIMER_LEN] = 4;
	le_put(t + FADT_C2_LATENCY, 0xffff, 2);
	le_put(t + FADT_C3_LATENCY, 0xffff, 2);
	t[FADT_CENTURY] = 0x32;
	le_put(t + FADT_BOOT_FLAGS, BOOT_LEGACY | BOOT_NO_VGA, 2);
	le_put(t + FADT_FLAGS, FLAG_WBINVD | FLAG_C1 | FLAG_NO_POWER_BUTTON |
	       FLAG_NO_SLEEP_BUTTON | FLAG_TIMER32 | FLAG_RESET, 4);
	gas_io(t + FADT_RESET, 8, 1, PORT_RESET);
	t[FADT_RESET_VALUE] = RESET_VALUE;
	gas_io(t + FADT_X_PM1_EVENT, 32, 2, PORT_PM);
	gas_io(t + FADT_X_PM1_CONTROL, 16, 2, PORT_PM + 4);
	gas_io(t + FADT_X_PM_TIMER, 32, 3, PORT_PM + 8);
	return finish(w, FADT_SIZE);
}

/* Write the MADT. Returns its address, or 0 if it does not fit. */
static uint64_t madt(struct writer *w, const struct options *opts)
{
	uint8_t *t = next(w), *p = t + 44;
	bool small = true;
	unsigned int cpu;
	uint32_t id;

	if (room(w) < MADT_SIZE + 16 * (size_t)opts->cpus)
		return 0;
	header(t, "APIC", 5);
	le_put(t + 36, GPA_LAPIC, 4);
	le_put(t + 40, 1, 4);			/* the machine has 8259s: pic.c */
	for (cpu = 0; cpu < opts->cpus; cpu++) {
		id = cpu_id(opts, cpu);
		if (id <= MAX_XAPIC_ID) {
			p[0] = MADT_LAPIC;
			p[1] = 8;
			p[2] = (uint8_t)cpu;
			p[3] = (uint8_t)id;
			le_put(p + 4, 1, 4);	/* enabled */
		} else {
			p[0] = MADT_X2APIC;
			p[1] = 16;
			le_put(p + 4, id, 4);
			le_put(p + 8, 1, 4);
			le_put(p + 12, cpu, 4);
			small = false;
		}
		p += p[1];
	}
	p[0] = MADT_IOAPIC;
	p[1] = 12;
	p[2] = 0;				/* its id */
	le_put(p + 4, GPA_IOAPIC, 4);
	le_put(p + 8, 0, 4);			/* its first GSI */
	p += p[1];

	p[0] = MADT_OVERRIDE;			/* the PIT's pin differs from ISA's */
	p[1] = 10;
	le_put(p + 4, PIN_PIT, 4);
	p += p[1];
	p[0] = MADT_OVERRIDE;
	p[1] = 10;
	p[3] = PIN_SCI;
	le_put(p + 4, PIN_SCI, 4);
	le_put(p + 8, IRQ_LEVEL_HIGH, 2);
	p += p[1];

	p[0] = MADT_LAPIC_NMI;			/* LINT1 of all CPUs */
	p[1] = 6;
	p[2] = 0xff;
	p[5] = 1;
	p += p[1];
	if (!small) {
		p[0] = MADT_X2APIC_NMI;
		p[1] = 12;
		le_put(p + 4, UINT32_MAX, 4);
		p[8] = 1;
		p += p[1];
	}
	return finish(w, (size_t)(p - t));
}

static uint64_t mcfg(struct writer *w)
{
	uint8_t *t = next(w);

	header(t, "MCFG", 1);
	le_put(t + 44, GPA_ECAM, 8);
	t[55] = 0xff;				/* last bus */
	return finish(w, 60);
}

static uint64_t hpet(struct writer *w)
{
	uint8_t *t = next(w);

	header(t, "HPET", 1);
	le_put(t + 36, 0x8086a201, 4);		/* low half of the HPET's capabilities: hpet.c */
	t[40] = GAS_MEMORY;
	t[41] = 64;
	le_put(t + 44, GPA_HPET, 8);
	le_put(t + 53, 128, 2);			/* the least period in ticks */
	return finish(w, 56);
}

static int iommu_table(struct vmm *vmm, struct writer *w)
{
	size_t len;
	int rc;

	if (!vmm->iommu->acpi)
		return 0;
	rc = vmm->iommu->acpi(vmm, next(w), room(w), &len);
	if (!rc)
		list(w, take(w, len));
	return rc;
}

/* RSDT or XSDT: addresses of @width bytes */
static uint64_t table_of_tables(struct writer *w, const char *signature, unsigned int width)
{
	uint8_t *t = next(w);
	unsigned int i;

	header(t, signature, 1);
	for (i = 0; i < w->nr_tables; i++)
		le_put(t + HEADER + width * i, w->tables[i], width);
	return finish(w, HEADER + width * w->nr_tables);
}

static void rsdp(uint8_t *p, uint64_t rsdt_gpa, uint64_t xsdt_gpa)
{
	memcpy(p, "RSD PTR ", 8);
	memcpy(p + 9, "NYX   ", 6);
	p[15] = 2;
	le_put(p + 16, rsdt_gpa, 4);
	le_put(p + 20, 36, 4);
	le_put(p + 24, xsdt_gpa, 8);
	p[8] = checksum(p, 20);
	p[32] = checksum(p, 36);
}

int acpi_build(struct vmm *vmm)
{
	struct writer w = { .area = ram_ptr(vmm, GPA_BIOS, GPA_BIOS_END - GPA_BIOS) };
	uint64_t dsdt_gpa, facs_gpa, madt_gpa, rsdt_gpa;
	uint8_t *root;
	int rc;

	if (!w.area) {
		say("there is no guest memory for the ACPI tables");
		return -EINVAL;
	}
	memset(w.area, 0, GPA_BIOS_END - GPA_BIOS);
	/* Put the RSDP first: a kernel that is not told its address scans for the signature */
	root = next(&w);
	vmm->rsdp = take(&w, 36);

	facs_gpa = facs(&w);
	dsdt_gpa = dsdt(&w, vmm);
	if (!dsdt_gpa) {
		say("the DSDT does not fit");
		return -ENOSPC;
	}
	list(&w, fadt(&w, dsdt_gpa, facs_gpa));
	madt_gpa = madt(&w, vmm->opts);
	if (!madt_gpa) {
		say("the ACPI table of the processors does not fit");
		return -ENOSPC;
	}
	list(&w, madt_gpa);
	list(&w, mcfg(&w));
	if (vmm->opts->hpet)
		list(&w, hpet(&w));
	rc = iommu_table(vmm, &w);
	if (rc) {
		say("the ACPI table of the %s IOMMU: %s", vmm->iommu->name, strerror(-rc));
		return rc;
	}
	rsdt_gpa = table_of_tables(&w, "RSDT", 4);
	rsdp(root, rsdt_gpa, table_of_tables(&w, "XSDT", 8));
	return 0;
}
