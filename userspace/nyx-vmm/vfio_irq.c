// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: interrupts of a device of the host.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * VFIO signals an eventfd for each interrupt of the device. That of a message is the source of a
 * line: see irq_line.c, and pci_msi.c, which keeps the table that the guest sees. The device has a
 * vector for each of the guest's, from the time when the guest enables MSI-X, and an eventfd for
 * each that the guest has unmasked once. Masks are the guest's alone: its vectors interrupt the
 * host, and the line keeps the signal.
 *
 * INTx is masked by VFIO with each interrupt, until the guest's EOI: then the IOAPIC signals
 * vfio_pci::resample.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "irq_line.h"
#include "vfio.h"

/* Sets eventfds of [start, start + nr), -1 for none; or ends all with @nr 0. */
static int set_triggers(struct vfio_pci *dev, unsigned int index, unsigned int start,
			unsigned int nr, const int32_t *fds)
{
	struct vfio_irq_set *set = calloc(1, sizeof(*set) + nr * sizeof(*fds));
	int rc;

	if (!set)
		return -ENOMEM;
	set->argsz = (uint32_t)(sizeof(*set) + nr * sizeof(*fds));
	set->flags = VFIO_IRQ_SET_ACTION_TRIGGER |
		(nr ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE);
	set->index = index;
	set->start = start;
	set->count = nr;
	if (nr)
		memcpy(set->data, fds, nr * sizeof(*fds));
	rc = dev->ops->request(dev, VFIO_DEVICE_SET_IRQS, set);
	free(set);
	return rc;
}

static int set_trigger(struct vfio_pci *dev, unsigned int index, unsigned int vector, int fd)
{
	int32_t value = fd;

	return set_triggers(dev, index, vector, 1, &value);
}

/* ---- messages -------------------------------------------------------------------- */

/* Main thread: a line is closed, so the message takes the usual way. */
static void message_signalled(void *opaque, unsigned int vector)
{
	struct vfio_pci *dev = opaque;

	pci_msix_send(&dev->pci, (uint16_t)vector);
}

static void msi_signalled(void *opaque, unsigned int vector)
{
	struct vfio_pci *dev = opaque;

	pci_msi_send(&dev->pci, vector);
}

/* Makes the eventfd and the line of a vector. False: none is left. */
static bool vector_open(struct vfio_pci *dev, struct vfio_vector *v, irq_line_fn *signalled,
			unsigned int vector)
{
	if (v->fd >= 0)
		return true;
	v->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (v->fd >= 0)
		v->line = irq_line_on(dev->pci.vmm, v->fd, signalled, dev, vector);
	if (v->line)
		return true;
	if (v->fd >= 0)
		close(v->fd);
	v->fd = -1;
	say("%s %s: no line is left for an interrupt of it", dev->ops->option, dev->name);
	return false;
}

static void vector_close(struct vfio_pci *dev, struct vfio_vector *v)
{
	irq_line_free(dev->pci.vmm, v->line);
	if (v->fd >= 0)
		close(v->fd);
	*v = (struct vfio_vector){ .fd = -1 };
}

/* Opens a vector that the guest has unmasked. False: it stays as it was. */
static bool msix_open(struct vfio_pci *dev, uint16_t vector)
{
	struct vfio_vector *v = &dev->vectors[vector];

	if (v->fd >= 0 || !pci_msix_unmasked(&dev->pci, vector) ||
	    !vector_open(dev, v, message_signalled, vector))
		return false;
	pci_msix_line_set(&dev->pci, vector, v->line);
	return true;
}

/* Has VFIO signal @fds, as far as the host has vectors. */
static int serve(struct vfio_pci *dev, unsigned int index, unsigned int nr, const int32_t *fds)
{
	int rc = set_triggers(dev, index, 0, nr, fds);

	if (rc > 0 && (unsigned int)rc < nr) {
		say("%s %s: the host has only %d of %u vectors for it", dev->ops->option,
		    dev->name, rc, nr);
		nr = (unsigned int)rc;
		rc = set_triggers(dev, index, 0, nr, fds);
	}
	dev->nr_served = rc ? 0 : nr;
	return rc;
}

static int msix_begin(struct vfio_pci *dev)
{
	unsigned int nr = dev->pci.msix.nr, i;
	int32_t *fds = calloc(nr, sizeof(*fds));
	int rc;

	if (!fds)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		msix_open(dev, (uint16_t)i);
		fds[i] = dev->vectors[i].fd;
	}
	rc = serve(dev, VFIO_PCI_MSIX_IRQ_INDEX, nr, fds);
	free(fds);
	return rc;
}

/* The guest has unmasked vectors meanwhile, perhaps. */
static void msix_more(struct vfio_pci *dev)
{
	unsigned int i;
	int rc;

	for (i = 0; i < dev->nr_served; i++) {
		if (!msix_open(dev, (uint16_t)i))
			continue;
		rc = set_trigger(dev, VFIO_PCI_MSIX_IRQ_INDEX, i, dev->vectors[i].fd);
		if (rc)
			say("%s %s: vector %u: %s", dev->ops->option, dev->name, i, strerror(-rc));
	}
}

static int msi_begin(struct vfio_pci *dev)
{
	int32_t fds[PCI_MSI_MAX];
	unsigned int i;

	dev->nr_enabled = pci_msi_enabled(&dev->pci);
	for (i = 0; i < dev->nr_enabled; i++) {
		if (!vector_open(dev, &dev->msi[i], msi_signalled, i))
			return -ENOSPC;
		pci_msi_line_set(&dev->pci, i, dev->msi[i].line);
		fds[i] = dev->msi[i].fd;
	}
	return serve(dev, VFIO_PCI_MSI_IRQ_INDEX, dev->nr_enabled, fds);
}

/* ---- INTx ------------------------------------------------------------------------ */

/* Main thread: the device interrupts, and VFIO has masked it. */
static void intx_triggered(void *opaque, int fd)
{
	struct vfio_pci *dev = opaque;

	if (!event_take(fd))
		return;
	pthread_mutex_lock(&dev->pci.vmm->lock);
	if (dev->irq_mode == VFIO_IRQ_INTX)
		pci_intx_set(&dev->pci, true);
	pthread_mutex_unlock(&dev->pci.vmm->lock);
}

/* Main thread: the guest has ended the interrupt; if there is still a reason, it comes again. */
static void intx_ended(void *opaque, int fd)
{
	struct vfio_pci *dev = opaque;
	struct vfio_irq_set set = {
		.argsz = sizeof(set), .index = VFIO_PCI_INTX_IRQ_INDEX, .count = 1,
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK,
	};

	if (!event_take(fd))
		return;
	pthread_mutex_lock(&dev->pci.vmm->lock);
	pci_intx_set(&dev->pci, false);
	if (dev->irq_mode == VFIO_IRQ_INTX)
		dev->ops->request(dev, VFIO_DEVICE_SET_IRQS, &set);
	pthread_mutex_unlock(&dev->pci.vmm->lock);
}

static int follow_pins(struct vfio_pci *dev, bool on)
{
	unsigned int slot = dev->pci.intx_slot, pin = pci_intx_pin(&dev->pci);
	int rc;

	rc = ioapic_resample(pci_intx_gsi(slot, pin), dev->pci.intx_source, dev->resample, on);
	if (!rc)
		rc = ioapic_resample(pci_intx_isa(slot, pin), dev->pci.intx_source,
				     dev->resample, on);
	return rc;
}

/* ---- which of them --------------------------------------------------------------- */

static const unsigned int index_of[] = {
	[VFIO_IRQ_INTX] = VFIO_PCI_INTX_IRQ_INDEX, [VFIO_IRQ_MSI] = VFIO_PCI_MSI_IRQ_INDEX,
	[VFIO_IRQ_MSIX] = VFIO_PCI_MSIX_IRQ_INDEX,
};

static enum vfio_irq_mode wanted_mode(struct vfio_pci *dev)
{
	if (dev->fd < 0 || !dev->connected || dev->cut || dev->stopped)
		return VFIO_IRQ_OFF;
	if (dev->pci.msix.cap && pci_msix_enabled(&dev->pci))
		return VFIO_IRQ_MSIX;
	if (dev->pci.msi.cap && pci_msi_enabled(&dev->pci))
		return VFIO_IRQ_MSI;
	return dev->trigger >= 0 ? VFIO_IRQ_INTX : VFIO_IRQ_OFF;
}

static int mode_begin(struct vfio_pci *dev, enum vfio_irq_mode mode)
{
	switch (mode) {
	case VFIO_IRQ_MSIX:
		return msix_begin(dev);
	case VFIO_IRQ_MSI:
		return msi_begin(dev);
	case VFIO_IRQ_INTX:
		return set_trigger(dev, VFIO_PCI_INTX_IRQ_INDEX, 0, dev->trigger);
	default:
		return 0;
	}
}

/* VFIO has one kind at a time. */
static void mode_end(struct vfio_pci *dev)
{
	if (dev->irq_mode == VFIO_IRQ_OFF)
		return;
	set_triggers(dev, index_of[dev->irq_mode], 0, 0, NULL);
	if (dev->irq_mode == VFIO_IRQ_INTX)
		pci_intx_set(&dev->pci, false);
	dev->nr_served = 0;
	dev->irq_mode = VFIO_IRQ_OFF;
}

void vfio_irq_update(struct vfio_pci *dev)
{
	enum vfio_irq_mode mode = wanted_mode(dev);
	int rc;

	if (mode == VFIO_IRQ_MSIX && mode == dev->irq_mode) {
		msix_more(dev);
		return;
	}
	if (mode == dev->irq_mode &&
	    (mode != VFIO_IRQ_MSI || dev->nr_enabled == pci_msi_enabled(&dev->pci)))
		return;
	mode_end(dev);
	dev->irq_mode = mode;
	rc = mode_begin(dev, mode);
	if (rc)
		say("%s %s: its interrupts: %s", dev->ops->option, dev->name,
		    rc < 0 ? strerror(-rc) : "too few");
}

/* ---- life ------------------------------------------------------------------------ */

/* Main thread */
static void host_wants(void *opaque, int fd)
{
	if (event_take(fd))
		vfio_wanted(opaque);
}

static void host_reports(void *opaque, int fd)
{
	if (event_take(fd))
		vfio_lost(opaque, "it had an error that it cannot recover from");
}

static int open_file(int *file, loop_fn *fn, struct vfio_pci *dev)
{
	int rc;

	*file = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (*file < 0)
		return -errno;
	rc = loop_add(*file, fn, dev);
	if (rc) {
		close(*file);
		*file = -1;
	}
	return rc;
}

static void close_file(int *file)
{
	if (*file < 0)
		return;
	loop_remove(*file);
	close(*file);
	*file = -1;
}

/* How many interrupts of that kind VFIO can signal */
static unsigned int count_irqs(struct vfio_pci *dev, uint32_t index)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };

	return index < dev->nr_irqs && !dev->ops->request(dev, VFIO_DEVICE_GET_IRQ_INFO, &info) &&
		info.flags & VFIO_IRQ_INFO_EVENTFD ? info.count : 0;
}

/* A host that cannot remap interrupts has one message for a device, however many that has. */
static unsigned int count_messages(struct vfio_pci *dev)
{
	unsigned int nr = count_irqs(dev, VFIO_PCI_MSI_IRQ_INDEX);
	int32_t none[PCI_MSI_MAX];
	int rc;

	memset(none, 0xff, sizeof(none));
	for (nr = nr < PCI_MSI_MAX ? nr : PCI_MSI_MAX; nr & (nr - 1); nr &= nr - 1)
		;
	while (nr > 1) {
		rc = set_triggers(dev, VFIO_PCI_MSI_IRQ_INDEX, 0, nr, none);
		if (!rc) {
			set_triggers(dev, VFIO_PCI_MSI_IRQ_INDEX, 0, 0, NULL);
			return nr;
		}
		do {
			nr >>= 1;
		} while (nr > 1 && rc > 0 && nr > (unsigned int)rc);
	}
	return nr;
}

void vfio_irq_init(struct vfio_pci *dev)
{
	unsigned int i;

	dev->trigger = dev->resample = dev->request = dev->error = -1;
	for (i = 0; i < PCI_MSI_MAX; i++)
		dev->msi[i].fd = -1;
	dev->has_intx = count_irqs(dev, VFIO_PCI_INTX_IRQ_INDEX);
	dev->nr_messages = count_messages(dev);
}

static int vectors_init(struct vfio_pci *dev)
{
	unsigned int i;

	if (!dev->pci.msix.nr)
		return 0;
	dev->vectors = calloc(dev->pci.msix.nr, sizeof(*dev->vectors));
	for (i = 0; dev->vectors && i < dev->pci.msix.nr; i++)
		dev->vectors[i].fd = -1;
	return dev->vectors ? 0 : -ENOMEM;
}

int vfio_irq_start(struct vfio_pci *dev)
{
	int rc = vectors_init(dev);

	if (!rc && dev->pci.config[PCI_INTERRUPT_PIN]) {
		rc = open_file(&dev->resample, intx_ended, dev);
		if (!rc)
			rc = open_file(&dev->trigger, intx_triggered, dev);
	}
	if (!rc && count_irqs(dev, VFIO_PCI_REQ_IRQ_INDEX)) {
		rc = open_file(&dev->request, host_wants, dev);
		if (!rc)
			rc = set_trigger(dev, VFIO_PCI_REQ_IRQ_INDEX, 0, dev->request);
	}
	if (!rc && count_irqs(dev, VFIO_PCI_ERR_IRQ_INDEX)) {
		rc = open_file(&dev->error, host_reports, dev);
		if (!rc)
			rc = set_trigger(dev, VFIO_PCI_ERR_IRQ_INDEX, 0, dev->error);
	}
	if (rc)
		say("%s %s: its interrupts: %s", dev->ops->option, dev->name, strerror(-rc));
	return rc;
}

int vfio_irq_connect(struct vfio_pci *dev)
{
	int rc = dev->resample < 0 ? 0 : follow_pins(dev, true);

	if (rc)
		follow_pins(dev, false);
	return rc;
}

void vfio_irq_disconnect(struct vfio_pci *dev)
{
	if (dev->resample >= 0)
		follow_pins(dev, false);
}

void vfio_irq_exit(struct vfio_pci *dev)
{
	unsigned int i;

	for (i = 0; i < PCI_MSI_MAX; i++) {
		if (dev->msi[i].line)
			pci_msi_line_set(&dev->pci, i, NULL);
		vector_close(dev, &dev->msi[i]);
	}
	for (i = 0; dev->vectors && i < dev->pci.msix.nr; i++) {
		if (dev->vectors[i].line)
			pci_msix_line_set(&dev->pci, (uint16_t)i, NULL);
		vector_close(dev, &dev->vectors[i]);
	}
	free(dev->vectors);
	dev->vectors = NULL;
	close_file(&dev->trigger);
	close_file(&dev->resample);
	close_file(&dev->request);
	close_file(&dev->error);
}
