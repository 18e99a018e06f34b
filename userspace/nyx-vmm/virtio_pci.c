// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: virtio devices as PCI functions.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Virtual I/O Device (VIRTIO) 1.2, section 4.1, without the legacy interface. BAR 0 has
 * four pages: common configuration, ISR, the device's configuration, kicks. BAR 1 is
 * that of MSI-X.
 *
 * A kick is an eventfd that KVM signals, so that the virtual CPU does not wait for a
 * device.
 */
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "iommu.h"
#include "virtio.h"

enum {
	VENDOR		= 0x1af4,
	DEVICE_BASE	= 0x1040,

	PAGE_COMMON	= 0x0000,
	PAGE_ISR	= 0x1000,
	PAGE_DEVICE	= 0x2000,
	PAGE_KICK	= 0x3000,
	BAR_SIZE	= 0x4000,
	KICK_STEP	= 4,
};

/* ---- common configuration -------------------------------------------------------- */

static struct virtq *selected(struct virtio_dev *dev)
{
	return dev->queue_select < dev->nr_queues ? &dev->queues[dev->queue_select] : NULL;
}

static uint16_t known_vector(struct virtio_dev *dev, uint64_t vector)
{
	return vector < dev->pci.msix.nr ? (uint16_t)vector : PCI_NO_VECTOR;
}

static uint32_t half(uint64_t value, uint32_t select)
{
	return select < 2 ? (uint32_t)(value >> 32 * select) : 0;
}

/* Called with virtq::lock held. */
static uint64_t queue_read(const struct virtq *vq, uint64_t offset)
{
	switch (offset) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		return vq->size;
	case VIRTIO_PCI_COMMON_Q_MSIX:
		return vq->vector;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		return vq->enabled;
	case VIRTIO_PCI_COMMON_Q_NOFF:
		return vq->dev->queue_select;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
		return vq->desc;
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		return vq->desc >> 32;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
		return vq->avail;
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		return vq->avail >> 32;
	case VIRTIO_PCI_COMMON_Q_USEDLO:
		return vq->used;
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		return vq->used >> 32;
	}
	return 0;
}

/* The fields, whole: drivers access them in their size. */
static uint64_t common_read(struct virtio_dev *dev, uint64_t offset)
{
	struct virtq *vq = selected(dev);
	uint64_t value;

	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		return dev->feature_select;
	case VIRTIO_PCI_COMMON_DF:
		return half(dev->features, dev->feature_select);
	case VIRTIO_PCI_COMMON_GFSELECT:
		return dev->driver_feature_select;
	case VIRTIO_PCI_COMMON_GF:
		return half(dev->accepted, dev->driver_feature_select);
	case VIRTIO_PCI_COMMON_MSIX:
		return atomic_load(&dev->config_vector);
	case VIRTIO_PCI_COMMON_NUMQ:
		return dev->nr_queues;
	case VIRTIO_PCI_COMMON_STATUS:
		return atomic_load(&dev->status);
	case VIRTIO_PCI_COMMON_CFGGENERATION:
		return 0;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		return dev->queue_select;
	}
	if (!vq)
		return 0;
	pthread_mutex_lock(&vq->lock);
	value = queue_read(vq, offset);
	pthread_mutex_unlock(&vq->lock);
	return value;
}

static void set_half(uint64_t *value, bool high, uint64_t part, unsigned int len)
{
	if (len == 8 && !high)
		*value = part;
	else if (high)
		*value = (*value & UINT32_MAX) | part << 32;
	else
		*value = (*value & ~(uint64_t)UINT32_MAX) | (uint32_t)part;
}

/* Called with virtq::lock held. */
static void queue_write(struct virtq *vq, uint64_t offset, uint64_t value, unsigned int len)
{
	if (offset == VIRTIO_PCI_COMMON_Q_MSIX) {
		vq->vector = known_vector(vq->dev, value);
		return;
	}
	if (vq->enabled)
		return;
	switch (offset) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		if (value && value <= VIRTQ_SIZE && !(value & (value - 1)))
			vq->size = (uint16_t)value;
		break;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		/* A queue with misaligned rings stays off, which the driver can read. */
		vq->enabled = value == 1 && !(vq->desc & 15) && !(vq->avail & 1) &&
			!(vq->used & 3) &&
			atomic_load(&vq->dev->status) & VIRTIO_CONFIG_S_FEATURES_OK;
		break;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		set_half(&vq->desc, offset == VIRTIO_PCI_COMMON_Q_DESCHI, value, len);
		break;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		set_half(&vq->avail, offset == VIRTIO_PCI_COMMON_Q_AVAILHI, value, len);
		break;
	case VIRTIO_PCI_COMMON_Q_USEDLO:
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		set_half(&vq->used, offset == VIRTIO_PCI_COMMON_Q_USEDHI, value, len);
		break;
	}
}

static void common_write(struct virtio_dev *dev, uint64_t offset, uint64_t value,
			 unsigned int len)
{
	struct virtq *vq = selected(dev);
	uint32_t select = dev->driver_feature_select;

	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		dev->feature_select = (uint32_t)value;
		break;
	case VIRTIO_PCI_COMMON_GFSELECT:
		dev->driver_feature_select = (uint32_t)value;
		break;
	case VIRTIO_PCI_COMMON_GF:
		if (select < 2 && !(atomic_load(&dev->status) & VIRTIO_CONFIG_S_FEATURES_OK))
			set_half(&dev->accepted, select, value, 4);
		break;
	case VIRTIO_PCI_COMMON_MSIX:
		atomic_store(&dev->config_vector, known_vector(dev, value));
		break;
	case VIRTIO_PCI_COMMON_STATUS:
		virtio_set_status(dev, (uint8_t)value);
		break;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		dev->queue_select = (uint16_t)value;
		break;
	default:
		if (!vq)
			break;
		pthread_mutex_lock(&vq->lock);
		queue_write(vq, offset, value, len);
		pthread_mutex_unlock(&vq->lock);
		if (offset == VIRTIO_PCI_COMMON_Q_MSIX && dev->ops->follow)
			dev->ops->follow(dev);
	}
}

/* ---- BAR 0 --------------------------------------------------------------------------- */

static uint64_t device_read(struct virtio_dev *dev, uint64_t offset, unsigned int len)
{
	uint64_t value = 0;
	unsigned int i;

	for (i = 0; i < len; i++) {
		if (offset + i < dev->ops->config_size)
			value |= (uint64_t)dev->ops->config_read(dev, (unsigned int)offset + i)
				<< 8 * i;
	}
	return value;
}

static uint64_t bar_read(void *opaque, uint64_t offset, unsigned int len)
{
	struct virtio_dev *dev = opaque;
	uint64_t value = 0;

	switch (offset & ~UINT64_C(0xfff)) {
	case PAGE_COMMON:
		value = common_read(dev, offset);
		break;
	case PAGE_ISR:
		if (offset != PAGE_ISR)
			break;
		pthread_mutex_lock(&dev->lock);
		value = dev->isr;
		dev->isr = 0;
		pci_intx_set(&dev->pci, false);
		pthread_mutex_unlock(&dev->lock);
		break;
	case PAGE_DEVICE:
		value = device_read(dev, offset - PAGE_DEVICE, len);
		break;
	}
	return value;
}

static void bar_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	struct virtio_dev *dev = opaque;
	uint64_t queue;

	switch (offset & ~UINT64_C(0xfff)) {
	case PAGE_COMMON:
		common_write(dev, offset, value, len);
		break;
	case PAGE_KICK:
		/* KVM did not signal the eventfd itself */
		queue = (offset - PAGE_KICK) / KICK_STEP;
		if (queue < dev->nr_queues)
			virtio_kick(&dev->queues[queue]);
		break;
	}
}

static const struct io_ops bar_ops = { bar_read, bar_write };

static void bar_moved(struct pci_dev *pci, unsigned int bar, bool mapped)
{
	struct virtio_dev *dev = (struct virtio_dev *)pci;
	unsigned int i;

	/* If kvm_ioeventfd() fails, kicks reach bar_write() instead. */
	for (i = 0; bar == 0 && i < dev->nr_queues; i++)
		kvm_ioeventfd(pci->vmm, pci->bars[0].addr + PAGE_KICK + KICK_STEP * i,
			      dev->queues[i].kick_fd, mapped);
}

int virtio_kicks_renew(struct virtio_dev *dev)
{
	bool mapped = dev->pci.bars[0].mapped;
	unsigned int i;
	int fd, rc = 0;

	if (mapped)
		bar_moved(&dev->pci, 0, false);
	for (i = 0; i < dev->nr_queues; i++) {
		fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (fd < 0) {
			rc = -errno;
			break;
		}
		close(dev->queues[i].kick_fd);
		dev->queues[i].kick_fd = fd;
	}
	if (mapped)
		bar_moved(&dev->pci, 0, true);
	return rc;
}

/* ---- the window in configuration space ------------------------------------------------- */

static bool window_target(struct virtio_dev *dev, uint64_t *offset, unsigned int *len)
{
	const uint8_t *cap = dev->pci.config + dev->pci_cfg_cap;

	*offset = le_get(cap + VIRTIO_PCI_CAP_OFFSET, 4);
	*len = (unsigned int)le_get(cap + VIRTIO_PCI_CAP_LENGTH, 4);
	return cap[VIRTIO_PCI_CAP_BAR] == 0 && (*len == 1 || *len == 2 || *len == 4) &&
		*offset < BAR_SIZE && !(*offset % *len);
}

static bool config_read(struct pci_dev *pci, unsigned int at, unsigned int len, uint32_t *value)
{
	struct virtio_dev *dev = (struct virtio_dev *)pci;
	unsigned int size, data = dev->pci_cfg_cap + sizeof(struct virtio_pci_cap);
	uint64_t offset;

	if (at != data || !window_target(dev, &offset, &size) || len != size)
		return false;
	*value = (uint32_t)bar_read(dev, offset, size);
	return true;
}

static void config_written(struct pci_dev *pci, unsigned int at, unsigned int len)
{
	struct virtio_dev *dev = (struct virtio_dev *)pci;
	unsigned int size, data = dev->pci_cfg_cap + sizeof(struct virtio_pci_cap);
	uint64_t offset;

	if (dev->ops->follow && (pci_touches(at, len, PCI_COMMAND, 2) ||
				 pci_touches(at, len, pci->msix.cap + PCI_MSIX_FLAGS, 2)))
		dev->ops->follow(dev);
	if (at == data && window_target(dev, &offset, &size) && len == size)
		bar_write(dev, offset, le_get(pci->config + data, size), size);
}

/* ---- making it --------------------------------------------------------------------------- */

static uint16_t add_cap(struct virtio_dev *dev, uint8_t type, uint8_t more, uint32_t offset,
			uint32_t length)
{
	uint8_t size = (uint8_t)(sizeof(struct virtio_pci_cap) + more);
	uint16_t at = pci_cap_add(&dev->pci, PCI_CAP_ID_VNDR, size);

	if (!at)
		return 0;
	pci_config_set(&dev->pci, at + VIRTIO_PCI_CAP_LEN, size, 1);
	pci_config_set(&dev->pci, at + VIRTIO_PCI_CAP_CFG_TYPE, type, 1);
	pci_config_set(&dev->pci, at + VIRTIO_PCI_CAP_OFFSET, offset, 4);
	pci_config_set(&dev->pci, at + VIRTIO_PCI_CAP_LENGTH, length, 4);
	return at;
}

static int add_caps(struct virtio_dev *dev)
{
	uint16_t notify, window;
	int rc;

	rc = pci_msix_add(&dev->pci, 1, (uint16_t)(dev->nr_queues + 1));
	if (!rc)
		rc = pci_express_add(&dev->pci);
	if (rc)
		return rc;
	notify = add_cap(dev, VIRTIO_PCI_CAP_NOTIFY_CFG, 4, PAGE_KICK, 0x1000);
	window = add_cap(dev, VIRTIO_PCI_CAP_PCI_CFG, 4, 0, 0);
	if (!add_cap(dev, VIRTIO_PCI_CAP_COMMON_CFG, 0, PAGE_COMMON, 0x1000) ||
	    !add_cap(dev, VIRTIO_PCI_CAP_ISR_CFG, 0, PAGE_ISR, 0x1000) ||
	    !add_cap(dev, VIRTIO_PCI_CAP_DEVICE_CFG, 0, PAGE_DEVICE, 0x1000) ||
	    !notify || !window)
		return -ENOSPC;
	pci_config_set(&dev->pci, notify + sizeof(struct virtio_pci_cap), KICK_STEP, 4);
	dev->pci_cfg_cap = window;
	pci_writable(&dev->pci, window + VIRTIO_PCI_CAP_BAR, 0xff, 1);
	pci_writable(&dev->pci, window + VIRTIO_PCI_CAP_OFFSET, UINT32_MAX, 4);
	pci_writable(&dev->pci, window + VIRTIO_PCI_CAP_LENGTH, UINT32_MAX, 4);
	pci_writable(&dev->pci, window + sizeof(struct virtio_pci_cap), UINT32_MAX, 4);
	return 0;
}

static void reset(struct pci_dev *pci)
{
	virtio_set_status((struct virtio_dev *)pci, 0);
}

static void end(void *arg)
{
	struct virtio_dev *dev = arg;
	struct pci_dev *pci = &dev->pci;

	if (dev->ops->stop) {
		pthread_mutex_lock(&pci->vmm->lock);
		dev->ops->stop(dev);
		pthread_mutex_unlock(&pci->vmm->lock);
	}
	virtio_stop_workers(dev);
	pci_msix_free(pci);
	dev->ops->destroy(dev);
}

/* The main thread may be about to handle a file of a back end. */
static void destroy(struct pci_dev *pci)
{
	const struct virtio_dev *dev = (struct virtio_dev *)pci;

	if (dev->ops->start)
		loop_call(end, pci);
	else
		end(pci);
}

void virtio_interrupt(struct virtio_dev *dev, uint16_t vector, uint8_t isr)
{
	if (pci_msix_enabled(&dev->pci)) {
		pci_msix_send(&dev->pci, vector);
		return;
	}
	pthread_mutex_lock(&dev->lock);
	dev->isr |= isr;
	pci_intx_set(&dev->pci, true);
	pthread_mutex_unlock(&dev->lock);
}

int virtio_pci_init(struct virtio_dev *dev, struct vmm *vmm, const struct virtio_ops *ops,
		    uint64_t features, unsigned int nr_queues)
{
	struct pci_dev *pci = &dev->pci;
	int rc;

	dev->ops = ops;
	dev->nr_queues = nr_queues;
	dev->features = ops->features | features | UINT64_C(1) << VIRTIO_F_VERSION_1 |
		UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC |
		UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX;
	if (vmm->iommu->access)
		dev->features |= UINT64_C(1) << VIRTIO_F_ACCESS_PLATFORM;
	dev->features &= ~dev->lacks;

	pci_config_init(pci, vmm, ops->name, VENDOR, (uint16_t)(DEVICE_BASE + ops->device_id),
			ops->class_revision);
	pci_config_set(pci, PCI_SUBSYSTEM_VENDOR_ID, VENDOR, 2);
	pci_config_set(pci, PCI_SUBSYSTEM_ID, DEVICE_BASE + ops->device_id, 2);
	pci_intx_add(pci);
	pci_bar_init(pci, 0, BAR_SIZE, 0, &bar_ops, dev);
	pci->bar_moved = bar_moved;
	pci->config_read = config_read;
	pci->config_written = config_written;
	pci->reset = reset;
	pci->destroy = destroy;
	rc = add_caps(dev);
	if (!rc)
		rc = virtio_start_workers(dev);
	if (rc) {
		say("%s: %s", ops->name, strerror(-rc));
		pci_msix_free(pci);
		ops->destroy(dev);
		return rc;
	}
	rc = pci_register(pci);
	if (rc)
		destroy(pci);
	return rc;
}
