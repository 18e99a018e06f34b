// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: the configuration space of a device of the host, as the guest sees it.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The guest has a copy, in which only registers lie that are known to be safe: the header, and
 * the capabilities of the two tables below. All others are left out of the list, and read as zero.
 * Reads of few bits, vfio_pci::live, come from the device. Of the guest's writes these alone reach
 * it:
 *
 *	bus master, and the mask of INTx
 *	a reset of the function (FLR), as a call of VFIO
 *	MSI and MSI-X, as calls of VFIO: see vfio_irq.c
 *
 * Memory and ports stay enabled in the device, and its power state is D0: an access that the
 * guest makes while its copy says otherwise must not be an error of the host's bus.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

#include "vfio.h"

#define CAPS_START	0x40
#define CAPS_END	0x100
#define MAX_CAPS	48
#define MAX_EXT_CAPS	480
#define MSI_SIZE_32	10
#define MSI_SIZE_64	14
/* Of a function of the root complex, which has no link */
#define EXP_SIZE_V1	PCI_CAP_EXP_RC_ENDPOINT_SIZEOF_V1
#define EXP_SIZE_V2	PCI_CAP_EXP_RC_ENDPOINT_SIZEOF_V2
#define HEADER_TYPE	0x7f
#define FLR		(PCI_EXP_DEVCTL_BCR_FLR >> 8)	/* in the register's upper half */

struct capability {
	uint16_t id;
	uint8_t size;			/* the least: see size_of() */
	/* Fills in all but the head, within size_of(). False: leave the capability out. */
	bool (*show)(struct vfio_pci *dev, const uint8_t *raw, uint16_t at);
};

static void copy(struct vfio_pci *dev, const uint8_t *raw, unsigned int at, unsigned int len)
{
	memcpy(dev->pci.config + at, raw + at, len);
}

/* ---- capabilities ---------------------------------------------------------------- */

/* The guest may set the power state, but the device stays awake, and signals no PME#. */
static bool show_pm(struct vfio_pci *dev, const uint8_t *raw, uint16_t at)
{
	uint32_t pmc = (uint32_t)le_get(raw + at + PCI_PM_PMC, 2);

	pci_config_set(&dev->pci, at + PCI_PM_PMC, pmc & PCI_PM_CAP_VER_MASK, 2);
	pci_config_set(&dev->pci, at + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET, 2);
	pci_writable(&dev->pci, at + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK, 2);
	return true;
}

/* As many messages as the host has for it, without masks */
static bool show_msi(struct vfio_pci *dev, const uint8_t *raw, uint16_t at)
{
	uint32_t wide = raw[at + PCI_MSI_FLAGS] & PCI_MSI_FLAGS_64BIT, power = 0;

	if (dev->pci.msi.cap || !dev->nr_messages)
		return false;
	while (2u << power <= dev->nr_messages)
		power++;
	pci_config_set(&dev->pci, at + PCI_MSI_FLAGS, wide | power << 1, 2);
	pci_writable(&dev->pci, at + PCI_MSI_FLAGS, PCI_MSI_FLAGS_ENABLE |
		     (power ? PCI_MSI_FLAGS_QSIZE : 0), 2);
	pci_writable(&dev->pci, at + PCI_MSI_ADDRESS_LO, 0xfffffffc, 4);
	if (wide)
		pci_writable(&dev->pci, at + PCI_MSI_ADDRESS_HI, UINT32_MAX, 4);
	pci_writable(&dev->pci, at + (wide ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32), 0xffff, 2);
	dev->pci.msi.cap = at;
	return true;
}

static struct vfio_table table_of(const uint8_t *reg, uint64_t size)
{
	uint32_t value = (uint32_t)le_get(reg, 4);

	return (struct vfio_table){ .bar = value & PCI_MSIX_TABLE_BIR,
				    .offset = value & PCI_MSIX_TABLE_OFFSET, .size = size };
}

static bool show_msix(struct vfio_pci *dev, const uint8_t *raw, uint16_t at)
{
	uint16_t nr = (uint16_t)((le_get(raw + at + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE) + 1);

	if (dev->pci.msix.cap || pci_msix_init(&dev->pci, at, nr))
		return false;
	pci_config_set(&dev->pci, at + PCI_MSIX_FLAGS, nr - 1u, 2);
	copy(dev, raw, at + PCI_MSIX_TABLE, 8);
	dev->table = table_of(raw + at + PCI_MSIX_TABLE, 16 * (uint64_t)nr);
	dev->pending = table_of(raw + at + PCI_MSIX_PBA, 8 * (((uint64_t)nr + 63) / 64));
	return true;
}

/*
 * The function is one of the root complex here, and has no link. Sizes of payloads and requests
 * are those of the host's bus, whatever the guest writes.
 */
static bool show_express(struct vfio_pci *dev, const uint8_t *raw, uint16_t at)
{
	const uint32_t shown = PCI_EXP_DEVCAP_PAYLOAD | PCI_EXP_DEVCAP_EXT_TAG |
		PCI_EXP_DEVCAP_RBER;
	uint32_t flags = (uint32_t)le_get(raw + at + PCI_EXP_FLAGS, 2);
	uint32_t devcap = (uint32_t)le_get(raw + at + PCI_EXP_DEVCAP, 4) & shown;
	uint32_t devctl = (uint32_t)le_get(raw + at + PCI_EXP_DEVCTL, 2) & 0x7fff;
	uint32_t version = flags & PCI_EXP_FLAGS_VERS, writable = 0x78ff;

	if (version >= 2)
		version = at + EXP_SIZE_V2 <= CAPS_END ? 2 : 1;
	if (dev->flags & VFIO_DEVICE_FLAGS_RESET) {
		devcap |= PCI_EXP_DEVCAP_FLR;
		writable |= PCI_EXP_DEVCTL_BCR_FLR;
	}
	pci_config_set(&dev->pci, at + PCI_EXP_FLAGS, (flags & PCI_EXP_FLAGS_IRQ) |
		       PCI_EXP_TYPE_RC_END << 4 | version, 2);
	pci_config_set(&dev->pci, at + PCI_EXP_DEVCAP, devcap, 4);
	pci_config_set(&dev->pci, at + PCI_EXP_DEVCTL, devctl, 2);
	pci_writable(&dev->pci, at + PCI_EXP_DEVCTL, writable, 2);
	dev->live[at + PCI_EXP_DEVSTA] = PCI_EXP_DEVSTA_TRPND;
	dev->express = at;
	return true;
}

/* Its meaning is the vendor's: the guest may read it. */
static bool show_vendor(struct vfio_pci *dev, const uint8_t *raw, uint16_t at)
{
	unsigned int len = raw[at + PCI_CAP_FLAGS];

	if (len < 3)
		return false;
	memset(dev->live + at + PCI_CAP_FLAGS, 0xff, len - PCI_CAP_FLAGS);
	copy(dev, raw, at + PCI_CAP_FLAGS, len - PCI_CAP_FLAGS);
	return true;
}

static const struct capability capabilities[] = {
	{ PCI_CAP_ID_PM, PCI_PM_SIZEOF, show_pm },
	{ PCI_CAP_ID_MSI, MSI_SIZE_32, show_msi },
	{ PCI_CAP_ID_VNDR, 3, show_vendor },
	{ PCI_CAP_ID_EXP, EXP_SIZE_V1, show_express },
	{ PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF, show_msix },
};

static bool show_serial(struct vfio_pci *dev, const uint8_t *raw, uint16_t at)
{
	copy(dev, raw, at + 4, 8);
	return true;
}

/*
 * None of those that let a function reach others (ATS, PRI, PASID, ACS, ARI, SR-IOV, multicast),
 * move its BARs, or change how the host's link works.
 */
static const struct capability extended[] = {
	{ PCI_EXT_CAP_ID_DSN, PCI_EXT_CAP_DSN_SIZEOF, show_serial },
};

static const struct capability *find(const struct capability *table, unsigned int nr, uint16_t id)
{
	for (; nr; nr--, table++) {
		if (table->id == id)
			return table;
	}
	return NULL;
}

/* Bytes of the capability at @at, as the guest sees it */
static unsigned int size_of(const struct capability *cap, const uint8_t *raw, unsigned int at)
{
	unsigned int flags = raw[at + PCI_CAP_FLAGS];

	switch (cap->id) {
	case PCI_CAP_ID_MSI:
		return flags & PCI_MSI_FLAGS_64BIT ? MSI_SIZE_64 : MSI_SIZE_32;
	case PCI_CAP_ID_VNDR:
		return flags < cap->size ? cap->size : flags;
	case PCI_CAP_ID_EXP:
		return (flags & PCI_EXP_FLAGS_VERS) >= 2 && at + EXP_SIZE_V2 <= CAPS_END ?
			EXP_SIZE_V2 : EXP_SIZE_V1;
	default:
		return cap->size;
	}
}

/* True if no capability has a byte of [at, at + size), up to @end; now one has. */
static bool take(bool *taken, unsigned int at, unsigned int size, unsigned int end)
{
	if (at + size > end || memchr(taken + at, true, size))
		return false;
	memset(taken + at, true, size);
	return true;
}

/* A capability twice, or one that overlaps another, is the first one and a mistake. */
static void add_capabilities(struct vfio_pci *dev, const uint8_t *raw)
{
	unsigned int at = raw[PCI_CAPABILITY_LIST] & ~3u, link = PCI_CAPABILITY_LIST, left;
	bool taken[CAPS_END] = { false };

	if (!(raw[PCI_STATUS] & PCI_STATUS_CAP_LIST))
		return;
	for (left = MAX_CAPS; left && at >= CAPS_START; left--) {
		const struct capability *cap = find(capabilities, ARRAY_SIZE(capabilities), raw[at]);

		if (cap && take(taken, at, size_of(cap, raw, at), CAPS_END) &&
		    cap->show(dev, raw, (uint16_t)at)) {
			pci_config_set(&dev->pci, at, cap->id, 1);
			pci_config_set(&dev->pci, link, at, 1);
			link = at + PCI_CAP_LIST_NEXT;
			dev->pci.config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
		}
		at = raw[at + PCI_CAP_LIST_NEXT] & ~3u;
	}
}

static void add_extended(struct vfio_pci *dev, const uint8_t *raw)
{
	unsigned int at = CAPS_END, link = 0, left;
	bool taken[PCI_CONFIG_SIZE] = { false };

	for (left = MAX_EXT_CAPS; left && at >= CAPS_END && at + 4 <= dev->config_size; left--) {
		uint32_t head = (uint32_t)le_get(raw + at, 4);
		const struct capability *cap = find(extended, ARRAY_SIZE(extended),
						    PCI_EXT_CAP_ID(head));

		if (cap && take(taken, at, cap->size, (unsigned int)dev->config_size) &&
		    cap->show(dev, raw, (uint16_t)at)) {
			/* The list begins at 0x100, with a null capability if there is no other. */
			if (!link)
				link = CAPS_END;
			memset(taken + CAPS_END, true, 4);
			if (link != at)
				pci_config_set(&dev->pci, link,
					       (uint32_t)le_get(dev->pci.config + link, 4) | at << 20, 4);
			pci_config_set(&dev->pci, at, head & 0xfffff, 4);
			link = at;
		}
		at = PCI_EXT_CAP_NEXT(head);
	}
}

/* ---- the guest's accesses -------------------------------------------------------- */

bool vfio_config_read(struct pci_dev *pci, unsigned int at, unsigned int len, uint32_t *value)
{
	struct vfio_pci *dev = (struct vfio_pci *)pci;
	uint32_t live = (uint32_t)le_get(dev->live + at, len);
	uint8_t bytes[4];

	if (dev->fd < 0) {
		*value = UINT32_MAX;
		return true;
	}
	if (!live)
		return false;
	*value = (uint32_t)le_get(pci->config + at, len) & ~live;
	if (vfio_read(dev, dev->config_offset + at, bytes, len))
		*value |= (uint32_t)le_get(bytes, len) & live;
	return true;
}

void vfio_command_write(struct vfio_pci *dev)
{
	uint32_t command = (uint32_t)le_get(dev->pci.config + PCI_COMMAND, 2);
	uint8_t bytes[2];

	command &= (dev->cut || dev->stopped ? 0 : PCI_COMMAND_MASTER) | PCI_COMMAND_INTX_DISABLE;
	le_put(bytes, command | PCI_COMMAND_IO | PCI_COMMAND_MEMORY, 2);
	vfio_write(dev, dev->config_offset + PCI_COMMAND, bytes, 2);
}

void vfio_config_written(struct pci_dev *pci, unsigned int at, unsigned int len)
{
	struct vfio_pci *dev = (struct vfio_pci *)pci;
	unsigned int devctl = dev->express + PCI_EXP_DEVCTL + 1;	/* its upper half */

	if (dev->fd < 0)
		return;
	if (pci_touches(at, len, PCI_COMMAND, 2))
		vfio_command_write(dev);
	if (dev->express && pci_touches(at, len, devctl, 1) &&
	    pci->config[devctl] & FLR) {
		pci->config[devctl] &= (uint8_t)~FLR;
		vfio_function_reset(dev);
	}
	vfio_irq_update(dev);
}

/* ---- making it ------------------------------------------------------------------- */

int vfio_config_init(struct vfio_pci *dev)
{
	struct pci_dev *pci = &dev->pci;
	uint8_t *raw = alloc_for("--vfio", PCI_CONFIG_SIZE);
	unsigned int bar;
	int rc = 0;

	if (!raw)
		return -ENOMEM;
	if (!vfio_read(dev, dev->config_offset, raw, (unsigned int)dev->config_size)) {
		rc = -EIO;
	} else if ((raw[PCI_HEADER_TYPE] & HEADER_TYPE) != PCI_HEADER_TYPE_NORMAL) {
		say("%s %s: it is a bridge; assign the devices behind it", dev->ops->option, dev->name);
		rc = -EINVAL;
	}
	if (rc) {
		free(raw);
		return rc;
	}
	pci_config_init(pci, pci->vmm, dev->name, (uint16_t)le_get(raw + PCI_VENDOR_ID, 2),
			(uint16_t)le_get(raw + PCI_DEVICE_ID, 2),
			(uint32_t)le_get(raw + PCI_CLASS_REVISION, 4));
	pci_writable(pci, PCI_LATENCY_TIMER, 0xff, 1);
	copy(dev, raw, PCI_SUBSYSTEM_VENDOR_ID, 4);
	copy(dev, raw, PCI_MIN_GNT, 2);
	if (dev->has_intx)
		copy(dev, raw, PCI_INTERRUPT_PIN, 1);
	le_put(dev->live + PCI_STATUS, 0xffff & ~PCI_STATUS_CAP_LIST, 2);
	for (bar = 0; bar < PCI_BARS; bar++)
		pci_config_set(pci, PCI_BASE_ADDRESS_0 + 4 * bar,
			       raw[PCI_BASE_ADDRESS_0 + 4 * bar] & 0xf, 1);
	add_capabilities(dev, raw);
	add_extended(dev, raw);
	free(raw);
	return 0;
}
