// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: root ports with a hot-plug slot each.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * PCI Express Base Specification 6.0: 7.5.1.3 (bridges), 7.5.3 (the capability), 6.7 (hot-plug).
 *
 * The slot has an attention button, a power controller and both indicators, since Linux takes
 * leave of a device in an orderly way only after the button: it waits 5 seconds for another press,
 * unbinds the driver, switches the power off and a second later the power indicator. The
 * card goes with the indicator, not with the power: in between, Linux ignores a new card.
 *
 * Firmware would number the buses and open the windows, so nyx-vmm does: a guest that only looks
 * for devices finds those behind ports, too. The registers are the guest's from then on, and what
 * they say is what holds. A guest that gives two ports one number, or a window that is another's,
 * makes a card invisible, and no more.
 *
 * The requester id of a card is the bus number and device 0. It is a device of the IOMMU from the
 * time that the slot is switched on until its last access has ended when it is switched off.
 */
#include "pci_port.h"

#include <errno.h>
#include <string.h>

#include "iommu.h"

enum {
	VENDOR		= 0x1b36,
	DEVICE		= 0x000c,	/* a plain PCIe root port, known for no quirk */
	CLASS		= 0x06040000,

	EXP_SIZE	= 0x3c,
	EXT_CAPS	= 0x100,
	ACS_CAPS	= PCI_ACS_SV | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF,

	SLOT_CAPS	= PCI_EXP_SLTCAP_ABP | PCI_EXP_SLTCAP_PCP | PCI_EXP_SLTCAP_AIP |
			  PCI_EXP_SLTCAP_PIP | PCI_EXP_SLTCAP_HPS | PCI_EXP_SLTCAP_HPC,
	SLOT_NUMBER	= 19,		/* shift */
	SLOT_CONTROL	= PCI_EXP_SLTCTL_ABPE | PCI_EXP_SLTCTL_PFDE | PCI_EXP_SLTCTL_PDCE |
			  PCI_EXP_SLTCTL_CCIE | PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_AIC |
			  PCI_EXP_SLTCTL_PIC | PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_DLLSCE,
	SLOT_EVENTS	= PCI_EXP_SLTSTA_ABP | PCI_EXP_SLTSTA_PFD | PCI_EXP_SLTSTA_PDC |
			  PCI_EXP_SLTSTA_CC | PCI_EXP_SLTSTA_DLLSC,
};

static uint16_t get(struct pci_port *port, unsigned int at)
{
	return (uint16_t)le_get(port->dev.config + port->exp + at, 2);
}

static void put(struct pci_port *port, unsigned int at, uint16_t value)
{
	pci_config_set(&port->dev, port->exp + at, value, 2);
}

/* ---- events ----------------------------------------------------------------------- */

static bool holds(struct pci_port *port)
{
	/* An event of the status, and what enables its interrupt */
	static const uint16_t events[][2] = {
		{ PCI_EXP_SLTSTA_ABP, PCI_EXP_SLTCTL_ABPE },
		{ PCI_EXP_SLTSTA_PFD, PCI_EXP_SLTCTL_PFDE },
		{ PCI_EXP_SLTSTA_PDC, PCI_EXP_SLTCTL_PDCE },
		{ PCI_EXP_SLTSTA_CC, PCI_EXP_SLTCTL_CCIE },
		{ PCI_EXP_SLTSTA_DLLSC, PCI_EXP_SLTCTL_DLLSCE },
	};
	uint16_t status = get(port, PCI_EXP_SLTSTA), control = get(port, PCI_EXP_SLTCTL);
	unsigned int i;

	if (!(control & PCI_EXP_SLTCTL_HPIE))
		return false;
	for (i = 0; i < ARRAY_SIZE(events); i++) {
		if (status & events[i][0] && control & events[i][1])
			return true;
	}
	return false;
}

/* A message is sent when the condition begins to hold; the pin is high while it does. */
static void interrupt(struct pci_port *port)
{
	bool event = holds(port);

	if (event && !port->event)
		pci_msi_send(&port->dev, 0);
	port->event = event;
	pci_intx_set(&port->dev, event);
}

static void signal_events(struct pci_port *port, uint16_t events)
{
	put(port, PCI_EXP_SLTSTA, get(port, PCI_EXP_SLTSTA) | events);
	interrupt(port);
}

/* ---- the card ---------------------------------------------------------------------- */

static uint8_t secondary(struct pci_port *port)
{
	return port->dev.config[PCI_SECONDARY_BUS];
}

static bool has_power(struct pci_port *port)
{
	return !(get(port, PCI_EXP_SLTCTL) & PCI_EXP_SLTCTL_PCC);
}

/* True if the card is to be on the bus: it has power, a link, and a bus to be on. */
static bool wants_on(struct pci_port *port)
{
	return port->card && has_power(port) && !(get(port, PCI_EXP_LNKCTL) & PCI_EXP_LNKCTL_LD) &&
	       secondary(port) && secondary(port) <= port->dev.config[PCI_SUBORDINATE_BUS];
}

static void set_link(struct pci_port *port, bool up)
{
	uint16_t status = get(port, PCI_EXP_LNKSTA), now = PCI_LINK;

	if (up)
		now |= PCI_EXP_LNKSTA_DLLLA;
	if (status == now)
		return;
	put(port, PCI_EXP_LNKSTA, now);
	signal_events(port, PCI_EXP_SLTSTA_DLLSC);
}

static void switch_off(struct pci_port *port)
{
	struct vmm *vmm = port->dev.vmm;

	pci_function_reset(port->card);
	if (port->card->disconnect)
		port->card->disconnect(port->card);
	if (vmm->iommu->device_remove)
		vmm->iommu->device_remove(vmm, port->card->rid);
	port->card->rid = PCI_NO_RID;
	port->on = false;
}

static int connect_card(struct pci_port *port, uint16_t rid)
{
	struct vmm *vmm = port->dev.vmm;
	int rc = 0;

	if (vmm->iommu->device_add)
		rc = vmm->iommu->device_add(vmm, rid);
	if (!rc && port->card->connect) {
		rc = port->card->connect(port->card, rid);
		if (rc && vmm->iommu->device_remove)
			vmm->iommu->device_remove(vmm, rid);
	}
	return rc;
}

static void switch_on(struct pci_port *port)
{
	struct vmm *vmm = port->dev.vmm;
	uint16_t rid = (uint16_t)(secondary(port) << 8);
	int rc = connect_card(port, rid);

	if (rc) {
		/* The guest may have it tried as often as it likes. */
		if (!port->told)
			say("%s: the %s IOMMU takes no device %02x:00.0: %s", port->card->name,
			    vmm->iommu->name, rid >> 8, strerror(-rc));
		port->told = true;
		port->refused = secondary(port);
		signal_events(port, PCI_EXP_SLTSTA_PFD);
		return;
	}
	port->card->rid = rid;
	port->on = true;
}

/* Follow what the guest has written, and what is in the slot. */
static void update(struct pci_port *port)
{
	bool on = wants_on(port);

	if (port->on && (!on || port->card->rid >> 8 != secondary(port)))
		switch_off(port);
	if (!on || port->refused != secondary(port))
		port->refused = 0;
	if (on && !port->on && !port->refused)
		switch_on(port);
	set_link(port, port->on);
}

/* The card makes no access any more. hotplug_reap() frees it, which may wait for a disk. */
static void take_out(struct pci_port *port)
{
	if (port->on)
		switch_off(port);
	port->gone = port->card;
	port->card = NULL;
	port->asked = port->pressed = false;
	put(port, PCI_EXP_SLTSTA, get(port, PCI_EXP_SLTSTA) & (uint16_t)~PCI_EXP_SLTSTA_PDS);
	set_link(port, false);
	signal_events(port, PCI_EXP_SLTSTA_PDC);
	hotplug_gone();
}

void pci_port_insert(struct pci_port *port, struct pci_dev *card, bool at_start)
{
	port->card = card;
	port->told = false;
	card->port = port;
	put(port, PCI_EXP_SLTSTA, get(port, PCI_EXP_SLTSTA) | PCI_EXP_SLTSTA_PDS);
	if (at_start) {
		/* Without PCI_EXP_SLTCTL_PCC it has its power. */
		put(port, PCI_EXP_SLTCTL, PCI_EXP_SLTCTL_PWR_IND_ON | PCI_EXP_SLTCTL_ATTN_IND_OFF);
		update(port);
		/* No event: the guest has not seen the slot empty. */
		put(port, PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_PDS);
		return;
	}
	/* Linux has no interrupt by the presence alone where there is a button. */
	signal_events(port, PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_ABP);
	update(port);
}

void pci_port_ask(struct pci_port *port)
{
	bool blinks = (get(port, PCI_EXP_SLTCTL) & PCI_EXP_SLTCTL_PIC) ==
		      PCI_EXP_SLTCTL_PWR_IND_BLINK;

	/* Without power the guest does nothing with the card. */
	if (!has_power(port)) {
		take_out(port);
		return;
	}
	/* A second press would call it off. */
	if (!port->pressed && !blinks && !(get(port, PCI_EXP_SLTSTA) & PCI_EXP_SLTSTA_ABP))
		signal_events(port, PCI_EXP_SLTSTA_ABP);
	port->asked = port->pressed = true;
}

void pci_port_forget(struct pci_port *port)
{
	port->pressed = false;
}

void pci_port_pull(struct pci_port *port)
{
	take_out(port);
}

/* ---- registers ---------------------------------------------------------------------- */

/* Bytes that are cleared by ones: @written, at @at, of a register of 2 bytes */
static uint16_t ones(unsigned int at, unsigned int len, uint32_t written, unsigned int reg)
{
	uint64_t value = written & (len < 4 ? (UINT64_C(1) << 8 * len) - 1 : UINT32_MAX);

	if (at >= reg + 2 || at + len <= reg)
		return 0;
	return (uint16_t)(at < reg ? value >> 8 * (reg - at) : value << 8 * (at - reg));
}

/* Before the bytes are stored */
static void config_write(struct pci_dev *dev, unsigned int at, unsigned int len, uint32_t value)
{
	struct pci_port *port = (struct pci_port *)dev;
	uint16_t clear = ones(at, len, value, port->exp + PCI_EXP_SLTSTA) & SLOT_EVENTS;

	put(port, PCI_EXP_SLTSTA, get(port, PCI_EXP_SLTSTA) & (uint16_t)~clear);
}

static void control_written(struct pci_port *port)
{
	uint16_t control = get(port, PCI_EXP_SLTCTL);

	/* The guest has let the card go: it has taken its power, and then the light. */
	if (port->card && port->asked && control & PCI_EXP_SLTCTL_PCC &&
	    (control & PCI_EXP_SLTCTL_PIC) == PCI_EXP_SLTCTL_PWR_IND_OFF)
		take_out(port);
	put(port, PCI_EXP_SLTSTA, get(port, PCI_EXP_SLTSTA) | PCI_EXP_SLTSTA_CC);
}

static void config_written(struct pci_dev *dev, unsigned int at, unsigned int len)
{
	struct pci_port *port = (struct pci_port *)dev;
	bool reset = dev->config[PCI_BRIDGE_CONTROL] & PCI_BRIDGE_CTL_BUS_RESET;

	update(port);
	if (pci_touches(at, len, port->exp + PCI_EXP_SLTCTL, 2))
		control_written(port);
	if (port->on && reset && !port->was_reset)
		pci_function_reset(port->card);
	port->was_reset = reset;
	if (port->card)
		pci_bars_update(port->card);
	interrupt(port);
}

struct pci_dev *pci_port_function(struct pci_port *port, unsigned int bus, unsigned int devfn)
{
	return port->on && port->card->rid == (bus << 8 | devfn) ? port->card : NULL;
}

static bool within(uint64_t addr, uint64_t size, uint64_t base, uint64_t last)
{
	return addr >= base && addr <= last && size - 1 <= last - addr;
}

bool pci_port_forwards(struct pci_port *port, uint64_t addr, uint64_t size)
{
	const uint8_t *c = port->dev.config;
	uint64_t base, last;

	if (!port->on || !(le_get(c + PCI_COMMAND, 2) & PCI_COMMAND_MEMORY))
		return false;
	base = (le_get(c + PCI_MEMORY_BASE, 2) & 0xfff0) << 16;
	last = le_get(c + PCI_MEMORY_LIMIT, 2) << 16 | 0xfffff;
	if (within(addr, size, base, last))
		return true;
	base = (le_get(c + PCI_PREF_MEMORY_BASE, 2) & 0xfff0) << 16 |
	       le_get(c + PCI_PREF_BASE_UPPER32, 4) << 32;
	last = (le_get(c + PCI_PREF_MEMORY_LIMIT, 2) & 0xfff0) << 16 | 0xfffff |
	       le_get(c + PCI_PREF_LIMIT_UPPER32, 4) << 32;
	return within(addr, size, base, last);
}

uint64_t pci_port_window(struct pci_port *port)
{
	return (le_get(port->dev.config + PCI_MEMORY_BASE, 2) & 0xfff0) << 16;
}

/* ---- making them ---------------------------------------------------------------------- */

static int add_express(struct pci_port *port, unsigned int nr)
{
	struct pci_dev *dev = &port->dev;
	uint16_t at = pci_cap_add(dev, PCI_CAP_ID_EXP, EXP_SIZE);

	if (!at)
		return -ENOSPC;
	port->exp = at;
	put(port, PCI_EXP_FLAGS, PCI_EXP_TYPE_ROOT_PORT << 4 | PCI_EXP_FLAGS_SLOT | 2);
	pci_config_set(dev, at + PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_RBER, 4);
	pci_writable(dev, at + PCI_EXP_DEVCTL, 0x78ff, 2);
	pci_config_set(dev, at + PCI_EXP_LNKCAP, PCI_LINK | PCI_EXP_LNKCAP_DLLLARC | nr << 24, 4);
	pci_writable(dev, at + PCI_EXP_LNKCTL, PCI_EXP_LNKCTL_LD | PCI_EXP_LNKCTL_CCC, 2);
	put(port, PCI_EXP_LNKSTA, PCI_LINK);
	pci_config_set(dev, at + PCI_EXP_SLTCAP, SLOT_CAPS | nr << SLOT_NUMBER, 4);
	put(port, PCI_EXP_SLTCTL, PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_PWR_IND_OFF |
	    PCI_EXP_SLTCTL_ATTN_IND_OFF);
	pci_writable(dev, at + PCI_EXP_SLTCTL, SLOT_CONTROL, 2);
	pci_writable(dev, at + PCI_EXP_RTCTL, PCI_EXP_RTCTL_PMEIE | PCI_EXP_RTCTL_SECEE |
		     PCI_EXP_RTCTL_SENFEE | PCI_EXP_RTCTL_SEFEE, 2);
	pci_config_set(dev, at + PCI_EXP_LNKCAP2, PCI_EXP_LNKCAP2_SLS_2_5GB, 4);
	pci_config_set(dev, at + PCI_EXP_LNKCTL2, 1, 2);
	return 0;
}

/* Accesses from one device to another do not exist: so nothing passes a port by. */
static void add_acs(struct pci_dev *dev)
{
	pci_config_set(dev, EXT_CAPS, PCI_EXT_CAP_ID_ACS | 1 << 16, 4);
	pci_config_set(dev, EXT_CAPS + PCI_ACS_CAP, ACS_CAPS, 2);
	pci_writable(dev, EXT_CAPS + PCI_ACS_CTRL, ACS_CAPS, 2);
}

static void add_bridge(struct pci_dev *dev, unsigned int nr, uint64_t window)
{
	pci_config_set(dev, PCI_HEADER_TYPE, PCI_HEADER_TYPE_BRIDGE, 1);
	pci_config_set(dev, PCI_SECONDARY_BUS, nr, 1);
	pci_config_set(dev, PCI_SUBORDINATE_BUS, nr, 1);
	pci_writable(dev, PCI_PRIMARY_BUS, 0xffffff, 3);
	pci_config_set(dev, PCI_MEMORY_BASE, (uint32_t)(window >> 16), 2);
	pci_config_set(dev, PCI_MEMORY_LIMIT, (uint32_t)((window + PCI_PORT_WINDOW - 1) >> 16) &
		       0xfff0, 2);
	pci_writable(dev, PCI_MEMORY_BASE, 0xfff0fff0, 4);
	/* Closed at first: the limit is below the base. */
	pci_config_set(dev, PCI_PREF_MEMORY_BASE, 0xfff0 | PCI_PREF_RANGE_TYPE_64, 2);
	pci_config_set(dev, PCI_PREF_MEMORY_LIMIT, PCI_PREF_RANGE_TYPE_64, 2);
	pci_writable(dev, PCI_PREF_MEMORY_BASE, 0xfff0fff0, 4);
	pci_writable(dev, PCI_PREF_BASE_UPPER32, UINT32_MAX, 4);
	pci_writable(dev, PCI_PREF_LIMIT_UPPER32, UINT32_MAX, 4);
	pci_writable(dev, PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_PARITY | PCI_BRIDGE_CTL_SERR |
		     PCI_BRIDGE_CTL_BUS_RESET, 2);
}

static void destroy(struct pci_dev *dev)
{
	free(dev);
}

/* @nr: of the slot, and of the bus behind it at first */
static int add_port(struct vmm *vmm, unsigned int nr)
{
	struct pci_port *port = alloc_for("root port", sizeof(*port));
	uint64_t window;
	int rc;

	if (!port)
		return -ENOMEM;
	pci_config_init(&port->dev, vmm, "root port", VENDOR, DEVICE, CLASS);
	port->nr = nr - 1;
	port->dev.destroy = destroy;
	port->dev.config_write = config_write;
	port->dev.config_written = config_written;
	rc = pci_take_window(vmm, PCI_PORT_WINDOW, &window);
	if (!rc) {
		add_bridge(&port->dev, nr, window);
		add_acs(&port->dev);
		pci_intx_add(&port->dev);
		/*
		 * INTD#, which no card has. Linux takes leave of a card in the thread of the
		 * port's interrupt, with a lock that the threads of other ports wait for; and the
		 * card's driver waits for all threads of its own interrupt.
		 */
		pci_config_set(&port->dev, PCI_INTERRUPT_PIN, PCI_INTD + 1, 1);
		rc = pci_msi_add(&port->dev);
	}
	if (!rc)
		rc = add_express(port, nr);
	if (rc)
		say("root port %u: %s", nr, strerror(-rc));
	else
		rc = pci_register(&port->dev);
	if (rc) {
		free(port);
		return rc;
	}
	rc = pci_add_port(vmm, port);
	if (rc)
		say("root port %u: too many functions", nr);
	return rc;
}

int pci_ports_init(struct vmm *vmm, unsigned int nr)
{
	unsigned int i;
	int rc = 0;

	for (i = 1; i <= nr && !rc; i++)
		rc = add_port(vmm, i);
	return rc;
}
