// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: the PCI host bridge, configuration space and BARs.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Configuration space is reached by ports 0xcf8 and 0xcfc and through the ECAM. Every
 * function has its bytes and a mask of those that the guest may write; what a write
 * means is worked out from the result. There is no firmware, so BARs get their first
 * addresses here, and functions decode them from the start.
 */
#include "pci.h"

#include <cpuid.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "iommu.h"
#include "pci_port.h"

#define SLOTS		32
#define CAPS_START	0x40
#define CAPS_END	0x100
#define MAX_CAPS	((CAPS_END - CAPS_START) / 4)
#define EXP_SIZE_LINK	0x14	/* of an endpoint's capability, version 1 */
#define EXP_SIZE_V2	0x3c
#define PORTS		0xc000	/* BARs of ports begin there */
#define PORTS_END	0x10000
#define LARGE_BAR	(64 * MIB)	/* one of 64 bits and of this size lies above RAM */
#define CPUID_ADDRESS_SIZES 0x80000008
#define MULTIFUNCTION	0x80	/* of the header type */
/* Sources of pins that no slot is: functions 1 to 7 */
#define FIRST_SOURCE	48
#define LAST_SOURCE	63
#define VENDOR_REDHAT	0x1b36
#define HOST_BRIDGE	0x0008	/* a plain PCIe host bridge, known for no quirk */

struct pci_bus {
	struct pci_dev *slots[SLOTS][PCI_FUNCTIONS];
	uint32_t address;		/* port 0xcf8 */
	uint64_t next_bar, next_high, next_port;
	uint8_t next_source;
	struct pci_dev bridge;
	struct pci_port *ports[MAX_HOTPLUG_SLOTS];
	unsigned int nr_ports;
};

/* Where pci_register() puts the functions of the thread */
static __thread struct {
	struct pci_port *port;
	bool at_start;
} into;

/* ---- building a configuration --------------------------------------------- */

void pci_config_set(struct pci_dev *dev, unsigned int at, uint32_t value, unsigned int len)
{
	le_put(dev->config + at, value, len);
}

void pci_writable(struct pci_dev *dev, unsigned int at, uint32_t mask, unsigned int len)
{
	le_put(dev->writable + at, mask, len);
}

void pci_config_init(struct pci_dev *dev, struct vmm *vmm, const char *name,
		     uint16_t vendor, uint16_t device, uint32_t class_revision)
{
	dev->vmm = vmm;
	dev->name = name;
	dev->next_cap = CAPS_START;
	atomic_init(&dev->rid, PCI_NO_RID);
	pthread_mutex_init(&dev->irq_lock, NULL);
	pci_config_set(dev, PCI_VENDOR_ID, vendor, 2);
	pci_config_set(dev, PCI_DEVICE_ID, device, 2);
	pci_config_set(dev, PCI_CLASS_REVISION, class_revision, 4);
	pci_writable(dev, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
		     PCI_COMMAND_INTX_DISABLE | PCI_COMMAND_SERR | PCI_COMMAND_PARITY, 2);
	pci_writable(dev, PCI_CACHE_LINE_SIZE, 0xff, 1);
	pci_writable(dev, PCI_INTERRUPT_LINE, 0xff, 1);
}

static unsigned int bar_register(unsigned int bar)
{
	return bar == PCI_ROM ? PCI_ROM_ADDRESS : PCI_BASE_ADDRESS_0 + 4 * bar;
}

static bool is_port(const struct pci_bar *b)
{
	return b->flags & PCI_BASE_ADDRESS_SPACE_IO;
}

static bool is_64(const struct pci_bar *b)
{
	return b->flags & PCI_BASE_ADDRESS_MEM_TYPE_64;
}

void pci_bar_init(struct pci_dev *dev, unsigned int bar, uint64_t size, uint32_t flags,
		  const struct io_ops *ops, void *opaque)
{
	unsigned int at = bar_register(bar);
	uint64_t mask = ~(size - 1);

	dev->bars[bar] = (struct pci_bar){ .size = size, .ops = ops, .opaque = opaque,
					   .flags = flags };
	if (bar == PCI_ROM) {
		pci_writable(dev, at, ((uint32_t)mask & PCI_ROM_ADDRESS_MASK) |
			     PCI_ROM_ADDRESS_ENABLE, 4);
		return;
	}
	pci_config_set(dev, at, flags, 4);
	pci_writable(dev, at, (uint32_t)mask & (is_port(&dev->bars[bar]) ?
		     (uint32_t)PCI_BASE_ADDRESS_IO_MASK : (uint32_t)PCI_BASE_ADDRESS_MEM_MASK), 4);
	if (is_64(&dev->bars[bar]))
		pci_writable(dev, at + 4, (uint32_t)(mask >> 32), 4);
	if (is_port(&dev->bars[bar]))
		dev->writable[PCI_COMMAND] |= PCI_COMMAND_IO;
}

uint16_t pci_cap_add(struct pci_dev *dev, uint8_t id, uint8_t size)
{
	uint16_t at = dev->next_cap, link = PCI_CAPABILITY_LIST;

	if (at + size > CAPS_END)
		return 0;
	while (dev->config[link])
		link = dev->config[link] + PCI_CAP_LIST_NEXT;
	pci_config_set(dev, link, at, 1);
	pci_config_set(dev, at, id, 1);
	pci_config_set(dev, PCI_STATUS, PCI_STATUS_CAP_LIST, 2);
	dev->next_cap = (uint16_t)((at + size + 3) & ~3);
	return at;
}

/* A function of the root complex: no link, nothing to configure but the control bits. */
int pci_express_add(struct pci_dev *dev)
{
	uint16_t at = pci_cap_add(dev, PCI_CAP_ID_EXP, EXP_SIZE_V2);

	if (!at)
		return -ENOSPC;
	pci_config_set(dev, at + PCI_EXP_FLAGS, PCI_EXP_TYPE_RC_END << 4 | 2, 2);
	pci_config_set(dev, at + PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_RBER, 4);
	pci_writable(dev, at + PCI_EXP_DEVCTL, 0x78ff, 2);
	return 0;
}

unsigned int pci_intx_gsi(unsigned int slot, unsigned int pin)
{
	return pin == PCI_INTD ? IOAPIC_PINS - 1 :
		PIN_PCI + (slot + pin) % (IOAPIC_PINS - 1 - PIN_PCI);
}

unsigned int pci_intx_isa(unsigned int slot, unsigned int pin)
{
	return PIN_PCI_ISA + (pin == PCI_INTD ? 2 : (slot + pin) % 2);
}

void pci_intx_add(struct pci_dev *dev)
{
	pci_config_set(dev, PCI_INTERRUPT_PIN, 1, 1);
}

/* ---- BARs ------------------------------------------------------------------ */

static uint64_t bar_address(struct pci_dev *dev, unsigned int bar)
{
	unsigned int at = bar_register(bar);
	uint32_t low = (uint32_t)le_get(dev->config + at, 4);

	if (bar == PCI_ROM)
		return low & PCI_ROM_ADDRESS_MASK;
	if (is_port(&dev->bars[bar]))
		return low & (uint32_t)PCI_BASE_ADDRESS_IO_MASK;
	low &= (uint32_t)PCI_BASE_ADDRESS_MEM_MASK;
	return is_64(&dev->bars[bar]) ? le_get(dev->config + at + 4, 4) << 32 | low : low;
}

static bool bar_decodes(struct pci_dev *dev, unsigned int bar)
{
	uint64_t command = le_get(dev->config + PCI_COMMAND, 2);

	if (bar == PCI_ROM && !(dev->config[PCI_ROM_ADDRESS] & PCI_ROM_ADDRESS_ENABLE))
		return false;
	return command & (is_port(&dev->bars[bar]) ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY);
}

static void bar_map(struct pci_dev *dev, unsigned int bar, bool map)
{
	struct pci_bar *b = &dev->bars[bar];
	enum io_kind kind = is_port(b) ? IO_PORT : IO_MMIO;

	if (b->mapped) {
		if (dev->bar_moved)
			dev->bar_moved(dev, bar, false);
		io_remove(dev->vmm, kind, b->addr, b->opaque);
		b->mapped = false;
	}
	if (!map)
		return;
	b->addr = bar_address(dev, bar);
	/* io_add_bar() refuses an address that the BAR cannot have: leave the BAR unmapped. */
	if (io_add_bar(dev->vmm, kind, b->addr, b->size, b->ops, b->opaque))
		return;
	b->mapped = true;
	if (dev->bar_moved)
		dev->bar_moved(dev, bar, true);
}

static bool bar_decodes_here(struct pci_dev *dev, unsigned int bar)
{
	return bar_decodes(dev, bar) &&
		(!dev->port || pci_port_forwards(dev->port, bar_address(dev, bar),
						 dev->bars[bar].size));
}

void pci_bars_update(struct pci_dev *dev)
{
	unsigned int bar;

	for (bar = 0; bar <= PCI_ROM; bar++) {
		struct pci_bar *b = &dev->bars[bar];
		bool decodes = b->size && bar_decodes_here(dev, bar);

		if (b->size && (b->mapped != decodes ||
				(decodes && b->addr != bar_address(dev, bar))))
			bar_map(dev, bar, decodes);
	}
}

void pci_high_window(const struct vmm *vmm, uint64_t *first, uint64_t *last)
{
	unsigned int eax, ebx, ecx, edx, bits = 36;

	if (__get_cpuid(CPUID_ADDRESS_SIZES, &eax, &ebx, &ecx, &edx))
		bits = eax & 0xff;
	*first = (GPA_RAM_HIGH + vmm->ram_high + GIB - 1) & ~(GIB - 1);
	*last = (UINT64_C(1) << bits) - 1;
}

/* Takes @size bytes, aligned to that, from [*next, last]. 0: there is no room. */
static uint64_t take(uint64_t *next, uint64_t last, uint64_t size)
{
	uint64_t at = (*next + size - 1) & ~(size - 1);

	if (at < *next || at > last || size - 1 > last - at)
		return 0;
	*next = at + size;
	return at;
}

static int bar_place(struct pci_dev *dev, unsigned int bar, struct pci_port *port, uint64_t *next)
{
	struct pci_bus *bus = dev->vmm->pci;
	struct pci_bar *b = &dev->bars[bar];
	uint64_t at = 0, first, last;

	if (port)
		at = take(next, pci_port_window(port) + PCI_PORT_WINDOW - 1, b->size);
	else if (is_port(b))
		at = take(&bus->next_port, PORTS_END - 1, b->size);
	else if (!is_64(b) || b->size < LARGE_BAR)
		at = take(&bus->next_bar, GPA_ECAM - 1, b->size);
	if (!at && is_64(b) && !port) {
		pci_high_window(dev->vmm, &first, &last);
		at = take(&bus->next_high, last, b->size);
	}
	if (!at)
		return -ENOSPC;
	pci_config_set(dev, bar_register(bar), (uint32_t)at | b->flags, 4);
	if (is_64(b))
		pci_config_set(dev, bar_register(bar) + 4, (uint32_t)(at >> 32), 4);
	return 0;
}

/* On bus 0, or behind @port */
static int bars_place(struct pci_dev *dev, struct pci_port *port)
{
	uint64_t next = port ? pci_port_window(port) : 0;
	unsigned int bar;
	int rc = 0;

	for (bar = 0; bar <= PCI_ROM && !rc; bar++) {
		/* A port passes no accesses of ports on. */
		if (dev->bars[bar].size && !(port && is_port(&dev->bars[bar])))
			rc = bar_place(dev, bar, port, &next);
	}
	return rc;
}

int pci_take_window(struct vmm *vmm, uint64_t size, uint64_t *base)
{
	struct pci_bus *bus = vmm->pci;
	uint64_t at = (bus->next_bar + MIB - 1) & ~(MIB - 1);

	if (at + size > GPA_ECAM)
		return -ENOSPC;
	*base = at;
	bus->next_bar = at + size;
	return 0;
}

/* ---- accesses --------------------------------------------------------------- */

bool pci_touches(unsigned int at, unsigned int len, unsigned int first, unsigned int size)
{
	return at < first + size && first < at + len;
}

static uint32_t config_read(struct pci_dev *dev, unsigned int at, unsigned int len)
{
	uint32_t value;

	if (!dev || at + len > PCI_CONFIG_SIZE)
		return UINT32_MAX;
	if (dev->config_read && dev->config_read(dev, at, len, &value))
		return value;
	value = (uint32_t)le_get(dev->config + at, len);
	if (pci_touches(at, len, PCI_STATUS, 1)) {
		pthread_mutex_lock(&dev->irq_lock);
		if (dev->intx)
			value |= (uint32_t)PCI_STATUS_INTERRUPT << 8 * (PCI_STATUS - at);
		pthread_mutex_unlock(&dev->irq_lock);
	}
	return value;
}

void pci_config_write(struct pci_dev *dev, unsigned int at, uint32_t value, unsigned int len)
{
	unsigned int i;

	if (!dev || at + len > PCI_CONFIG_SIZE)
		return;
	if (dev->config_write)
		dev->config_write(dev, at, len, value);
	for (i = 0; i < len; i++, value >>= 8) {
		uint8_t mask = dev->writable[at + i];

		/* Store nothing: other threads read constant bytes without a lock. */
		if (!mask)
			continue;
		dev->config[at + i] = (uint8_t)((dev->config[at + i] & ~mask) | (value & mask));
	}
	if (pci_touches(at, len, PCI_COMMAND, 2))
		atomic_store(&dev->command, (uint16_t)le_get(dev->config + PCI_COMMAND, 2));
	if (pci_touches(at, len, PCI_COMMAND, 2) || pci_touches(at, len, PCI_BASE_ADDRESS_0, 24) ||
	    pci_touches(at, len, PCI_ROM_ADDRESS, 4))
		pci_bars_update(dev);
	pci_msi_written(dev);
	if (dev->config_written)
		dev->config_written(dev, at, len);
}

static struct pci_dev *at_rid(struct pci_bus *bus, uint32_t rid)
{
	struct pci_dev *dev = NULL;
	unsigned int i;

	if (rid < SLOTS * PCI_FUNCTIONS)
		return bus->slots[rid / PCI_FUNCTIONS][rid % PCI_FUNCTIONS];
	for (i = 0; i < bus->nr_ports && !dev; i++)
		dev = pci_port_function(bus->ports[i], rid >> 8, rid & 0xff);
	return dev;
}

static uint64_t ecam_read(void *opaque, uint64_t offset, unsigned int len)
{
	struct pci_bus *bus = opaque;

	if (len > 4)
		return UINT64_MAX;
	return config_read(at_rid(bus, (uint32_t)(offset >> 12)), offset & 0xfff, len);
}

static void ecam_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	struct pci_bus *bus = opaque;

	if (len <= 4)
		pci_config_write(at_rid(bus, (uint32_t)(offset >> 12)), offset & 0xfff,
				 (uint32_t)value, len);
}

static uint64_t address_read(void *opaque, uint64_t offset, unsigned int len)
{
	struct pci_bus *bus = opaque;

	return offset || len != 4 ? UINT32_MAX : bus->address;
}

static void address_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	struct pci_bus *bus = opaque;

	if (!offset && len == 4)
		bus->address = (uint32_t)value;
}

static struct pci_dev *selected(struct pci_bus *bus)
{
	return bus->address >> 31 ? at_rid(bus, bus->address >> 8 & 0xffff) : NULL;
}

/*
 * Drivers select a register by bits 7:2 of the address and its byte by the port, or, as other
 * machines let them, by bits 7:0 and port 0xcfc.
 */
static unsigned int register_at(const struct pci_bus *bus, uint64_t offset)
{
	return (bus->address & 0xff) | (unsigned int)offset;
}

static uint64_t data_read(void *opaque, uint64_t offset, unsigned int len)
{
	struct pci_bus *bus = opaque;

	if (len > 4)
		return UINT64_MAX;
	return config_read(selected(bus), register_at(bus, offset), len);
}

static void data_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	struct pci_bus *bus = opaque;

	if (len <= 4)
		pci_config_write(selected(bus), register_at(bus, offset), (uint32_t)value, len);
}

static const struct io_ops ecam = { ecam_read, ecam_write };
static const struct io_ops address_port = { address_read, address_write };
static const struct io_ops data_port = { data_read, data_write };

/* ---- the bus ----------------------------------------------------------------- */

/* Chooses a place for the function: dev::rid. */
static int choose_slot(struct pci_dev *dev)
{
	struct pci_bus *bus = dev->vmm->pci;
	unsigned int slot;

	if (dev->slot_of) {
		slot = dev->slot_of->rid / PCI_FUNCTIONS;
		if (bus->slots[slot][dev->function] || bus->next_source > LAST_SOURCE)
			return -ENOSPC;
		dev->rid = (uint16_t)(dev->slot_of->rid + dev->function);
		dev->intx_source = bus->next_source++;
		dev->slot_of->config[PCI_HEADER_TYPE] |= MULTIFUNCTION;
		dev->config[PCI_HEADER_TYPE] |= MULTIFUNCTION;
		return 0;
	}
	/* Skip the slot whose id the IOAPIC uses. */
	for (slot = 0; slot < SLOTS; slot++) {
		if (bus->slots[slot][0] || slot == dev->vmm->iommu->ioapic_rid / PCI_FUNCTIONS)
			continue;
		dev->rid = (uint16_t)(slot * PCI_FUNCTIONS);
		dev->intx_source = (uint8_t)slot;
		return 0;
	}
	return -ENOSPC;
}

void pci_function_reset(struct pci_dev *dev)
{
	unsigned int i;

	if (dev->reset)
		dev->reset(dev);
	/* Store nothing else: other threads read constant bytes without a lock. */
	for (i = 0; i < PCI_CONFIG_SIZE; i++) {
		if (dev->writable[i])
			dev->config[i] = dev->initial[i];
	}
	atomic_store(&dev->command, (uint16_t)le_get(dev->config + PCI_COMMAND, 2));
	pci_bars_update(dev);
	pci_lines_reset(dev);
	pci_msi_written(dev);
	pci_intx_set(dev, false);
}

void pci_function_free(struct pci_dev *dev)
{
	if (dev->destroy)
		dev->destroy(dev);
}

void pci_register_into(struct pci_port *port, bool at_start)
{
	into.port = port;
	into.at_start = at_start;
}

struct pci_port *pci_register_port(bool *at_start)
{
	*at_start = into.at_start;
	return into.port;
}

unsigned int pci_register_slot(void)
{
	return into.port ? into.port->nr + 1 : 0;
}

/* @slot: of bus 0, whose pins of INTx the function has */
static void set_intx(struct pci_dev *dev, unsigned int slot, unsigned int source)
{
	dev->intx_slot = (uint8_t)slot;
	dev->intx_source = (uint8_t)source;
	if (dev->config[PCI_INTERRUPT_PIN])
		pci_config_set(dev, PCI_INTERRUPT_LINE, pci_intx_isa(slot, pci_intx_pin(dev)), 1);
}

/* Payloads that expect firmware do not enable it themselves. */
static void enable_memory(struct pci_dev *dev)
{
	pci_config_set(dev, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	atomic_store(&dev->command, PCI_COMMAND_MEMORY);
}

/* Bytes from the capability at @at up to the next one */
static unsigned int cap_room(const struct pci_dev *dev, unsigned int at)
{
	unsigned int other = dev->config[PCI_CAPABILITY_LIST], end = CAPS_END, left;

	for (left = MAX_CAPS; left && other; left--) {
		if (other > at && other < end)
			end = other;
		other = dev->config[other + PCI_CAP_LIST_NEXT];
	}
	return end - at;
}

/*
 * Behind a port, a function of the root complex is an endpoint with a link: but for a device of
 * the host whose capability has no room for the registers of one. With room for those of version 1
 * alone, it has that version.
 */
static void make_endpoint(struct pci_dev *dev)
{
	unsigned int at = dev->config[PCI_CAPABILITY_LIST], room, flags, left;

	for (left = MAX_CAPS; left && at && dev->config[at] != PCI_CAP_ID_EXP; left--)
		at = dev->config[at + PCI_CAP_LIST_NEXT];
	room = left && at ? cap_room(dev, at) : 0;
	if (room < EXP_SIZE_LINK)
		return;
	flags = (unsigned int)le_get(dev->config + at + PCI_EXP_FLAGS, 2) & ~PCI_EXP_FLAGS_TYPE;
	if (room < EXP_SIZE_V2)
		flags = (flags & ~PCI_EXP_FLAGS_VERS) | 1;
	pci_config_set(dev, at + PCI_EXP_FLAGS, flags | PCI_EXP_TYPE_ENDPOINT << 4, 2);
	pci_config_set(dev, at + PCI_EXP_LNKCAP, PCI_LINK, 4);
	pci_writable(dev, at + PCI_EXP_LNKCTL, PCI_EXP_LNKCTL_CCC, 2);
	pci_config_set(dev, at + PCI_EXP_LNKSTA, PCI_LINK, 2);
	if ((flags & PCI_EXP_FLAGS_VERS) < 2)
		return;
	pci_config_set(dev, at + PCI_EXP_LNKCAP2, PCI_EXP_LNKCAP2_SLS_2_5GB, 4);
	pci_config_set(dev, at + PCI_EXP_LNKCTL2, 1, 2);
}

static int register_card(struct pci_dev *dev, struct pci_port *port, bool at_start)
{
	int rc = 0;

	if (dev->slot_of) {
		say("%s: a slot has one function", dev->name);
		return -EOPNOTSUPP;
	}
	/* It is the one function of a slot, whatever it is on the host. */
	if (dev->config[PCI_INTERRUPT_PIN])
		pci_intx_add(dev);
	set_intx(dev, port->dev.intx_slot, port->card_source);
	make_endpoint(dev);
	memcpy(dev->initial, dev->config, sizeof(dev->initial));
	if (at_start)
		rc = bars_place(dev, port);
	if (rc) {
		say("%s: its BARs do not fit in the window of a slot", dev->name);
		return rc;
	}
	/* As for functions of bus 0 */
	if (at_start)
		enable_memory(dev);
	pthread_mutex_lock(&dev->vmm->lock);
	pci_port_insert(port, dev, at_start);
	pci_bars_update(dev);
	pthread_mutex_unlock(&dev->vmm->lock);
	return 0;
}

int pci_register(struct pci_dev *dev)
{
	struct vmm *vmm = dev->vmm;
	struct pci_bus *bus = vmm->pci;
	int rc;

	if (into.port)
		return register_card(dev, into.port, into.at_start);
	rc = choose_slot(dev);

	if (rc) {
		say("no PCI slot is left for %s", dev->name);
		return rc;
	}
	set_intx(dev, dev->rid / PCI_FUNCTIONS, dev->intx_source);
	rc = bars_place(dev, NULL);
	if (!rc && vmm->iommu->device_add)
		rc = vmm->iommu->device_add(vmm, dev->rid);
	if (rc) {
		say("%s: %s", dev->name, strerror(-rc));
		return rc;
	}
	rc = dev->connect ? dev->connect(dev, dev->rid) : 0;
	if (rc) {
		if (vmm->iommu->device_remove)
			vmm->iommu->device_remove(vmm, dev->rid);
		return rc;
	}
	bus->slots[dev->rid / PCI_FUNCTIONS][dev->rid % PCI_FUNCTIONS] = dev;
	/* Enable decoding: payloads that expect firmware do not enable it themselves. */
	pci_config_write(dev, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY, 2);
	return 0;
}

int pci_add_port(struct vmm *vmm, struct pci_port *port)
{
	struct pci_bus *bus = vmm->pci;

	if (bus->next_source > LAST_SOURCE)
		return -ENOSPC;
	port->card_source = bus->next_source++;
	bus->ports[bus->nr_ports++] = port;
	return 0;
}

struct pci_port *pci_port_at(struct vmm *vmm, unsigned int i)
{
	return i < vmm->pci->nr_ports ? vmm->pci->ports[i] : NULL;
}

int pci_init(struct vmm *vmm)
{
	struct pci_bus *bus = alloc_for("the PCI bus", sizeof(*bus));
	uint64_t last;
	int rc;

	if (!bus)
		return -ENOMEM;
	vmm->pci = bus;
	bus->next_bar = GPA_PCI_WINDOW;
	bus->next_port = PORTS;
	bus->next_source = FIRST_SOURCE;
	pci_high_window(vmm, &bus->next_high, &last);
	pci_config_init(&bus->bridge, vmm, "host bridge", VENDOR_REDHAT, HOST_BRIDGE,
			0x06000000);
	rc = pci_register(&bus->bridge);
	if (rc)
		return rc;
	/* 0xcf9, the reset register, lies within and stands before: pm.c */
	rc = io_add(vmm, IO_PORT, 0xcf8, 4, &address_port, bus);
	if (!rc)
		rc = io_add(vmm, IO_PORT, 0xcfc, 4, &data_port, bus);
	if (!rc)
		rc = io_add(vmm, IO_MMIO, GPA_ECAM, GPA_ECAM_SIZE, &ecam, bus);
	if (rc)
		say("the PCI bus: %s", strerror(-rc));
	return rc;
}

void pci_foreach(struct vmm *vmm, void (*fn)(struct pci_dev *dev, void *arg), void *arg)
{
	struct pci_bus *bus = vmm->pci;
	struct pci_dev *dev;
	unsigned int rid, i;

	for (rid = 0; bus && rid < SLOTS * PCI_FUNCTIONS; rid++) {
		dev = at_rid(bus, rid);
		if (dev)
			fn(dev, arg);
	}
	for (i = 0; bus && i < bus->nr_ports; i++) {
		if (bus->ports[i]->card)
			fn(bus->ports[i]->card, arg);
	}
}

static void irtes_changed(struct pci_dev *dev, void *arg)
{
	(void)arg;
	pci_msi_irtes_changed(dev);
}

void pci_irtes_changed(struct vmm *vmm)
{
	pci_foreach(vmm, irtes_changed, NULL);
}

void pci_exit(struct vmm *vmm)
{
	struct pci_bus *bus = vmm->pci;
	struct pci_dev *dev;
	unsigned int rid, i;

	if (!bus)
		return;
	for (i = 0; i < bus->nr_ports; i++) {
		if (bus->ports[i]->card)
			pci_function_free(bus->ports[i]->card);
		if (bus->ports[i]->gone)
			pci_function_free(bus->ports[i]->gone);
	}
	for (rid = 0; rid < SLOTS * PCI_FUNCTIONS; rid++) {
		dev = at_rid(bus, rid);
		if (dev)
			pci_function_free(dev);
	}
	free(bus);
	vmm->pci = NULL;
}
