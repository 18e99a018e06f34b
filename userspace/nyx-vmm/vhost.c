// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: virtio devices whose queues a vhost back end serves; see vhost.h.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The back end runs while the driver has set DRIVER_OK, the function is bus master, and its
 * accesses are not cut off. When it stops, it tells where the queues go on, so that a stop of the
 * latter two kinds is a pause.
 *
 * A miss that the unit refuses is what a failed DMA is to other devices: the back end is stopped,
 * and the device needs a reset. It would otherwise miss again with each kick, and the kernel keeps
 * each unanswered miss. While the device is quarantined, a refused miss is a pause.
 *
 * The back end signals an eventfd to interrupt. That of a vector is the source of a line
 * (irq_line.c), as of a device of the host: the IOMMU's unit and KVM deliver it without the VMM.
 */
#include "vhost.h"

#include <errno.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <nyx/nyx.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "iommu.h"
#include "irq_line.h"

/* Misses that are handled before other files get a turn */
#define MISSES	32

static struct vhost *devices;	/* vmm::lock */

static bool uses_iotlb(const struct vhost *vhost)
{
	return vhost->dev->accepted >> VIRTIO_F_ACCESS_PLATFORM & 1;
}

/* ---- interrupts ------------------------------------------------------------------ */

/* Main thread: a line is closed, so the interrupt takes the usual way. */
static void call_signalled(void *opaque, unsigned int vector)
{
	struct vhost *vhost = opaque;

	virtio_interrupt(vhost->dev, (uint16_t)vector, 1);
}

/* Main thread: a queue without a vector */
static void call_ready(void *opaque, int fd)
{
	struct vhost *vhost = opaque;

	event_take(fd);
	virtio_interrupt(vhost->dev, PCI_NO_VECTOR, 1);
}

static int calls_init(struct vhost *vhost, struct vmm *vmm)
{
	unsigned int nr = vhost->nr_queues + 1, i;
	struct vhost_call *call;

	for (i = 0; i <= nr; i++) {
		call = &vhost->calls[i];
		call->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (call->fd < 0)
			return -errno;
		if (i == nr)
			return loop_add(call->fd, call_ready, vhost);
		call->line = irq_line_on(vmm, call->fd, call_signalled, vhost, i);
		if (!call->line)
			return -ENOSPC;
	}
	return 0;
}

static void calls_exit(struct vhost *vhost, struct vmm *vmm)
{
	struct vhost_call *call, *last = &vhost->calls[vhost->nr_queues + 1];

	for (call = vhost->calls; call <= last; call++) {
		if (call->fd < 0)
			continue;
		irq_line_free(vmm, call->line);
		if (call == last)
			loop_remove(call->fd);
		close(call->fd);
		*call = (struct vhost_call){ .fd = -1 };
	}
}

/* The lines stay with the vectors, also over a reset of the function. */
static void attach_lines(struct vhost *vhost)
{
	uint16_t i;

	for (i = 0; !vhost->lined && i < vhost->nr_queues + 1; i++)
		pci_msix_line_set(&vhost->dev->pci, i, vhost->calls[i].line);
	vhost->lined = true;
}

/* Lets each queue signal the eventfd of its vector. */
static int set_calls(struct vhost *vhost)
{
	struct virtio_dev *dev = vhost->dev;
	unsigned int q, vector;
	int rc, fd;

	for (q = 0; q < vhost->nr_queues; q++) {
		pthread_mutex_lock(&dev->queues[q].lock);
		vector = dev->queues[q].vector;
		pthread_mutex_unlock(&dev->queues[q].lock);
		if (!pci_msix_enabled(&dev->pci) || vector > vhost->nr_queues)
			vector = vhost->nr_queues + 1;
		fd = vhost->calls[vector].fd;
		if (fd == vhost->call[q])
			continue;
		rc = vhost->backend->ops->set_vring_call(vhost->backend, q, fd);
		if (rc)
			return rc;
		vhost->call[q] = fd;
	}
	return 0;
}

/* ---- the device IOTLB ------------------------------------------------------------ */

static void miss_ready(void *opaque, int fd);

static int iotlb_begin(struct vhost *vhost)
{
	struct nyx_vhost_channel channel = NYX_VHOST_CHANNEL_INIT;
	const struct iommu_ops *iommu = vhost->vmm->iommu;
	int rc;

	rc = iommu->iotlb_open(vhost->vmm, vhost->dev->pci.rid, vhost);
	if (!rc)
		rc = vhost->backend->ops->channel(vhost->backend, &channel);
	if (!rc)
		rc = nyx_vhost_add(vhost->iotlb, &channel, &vhost->channel);
	return rc;
}

/* The back end is stopped. */
static void iotlb_end(struct vhost *vhost)
{
	if (vhost->miss_fd >= 0)
		loop_remove(vhost->miss_fd);
	vhost->miss_fd = -1;
	if (!vhost->iotlb)
		return;
	/* Otherwise it would be sent an invalidation of all. */
	nyx_vhost_remove(vhost->iotlb, vhost->channel);
	vhost->vmm->iommu->iotlb_close(vhost->vmm, vhost->dev->pci.rid, vhost);
}

static uint64_t used_size(const struct virtq *vq)
{
	return 4 + 8 * (uint64_t)vq->size + 2;
}

static uint64_t avail_size(const struct virtq *vq)
{
	return 4 + 2 * (uint64_t)vq->size + 2;
}

/*
 * Sends the rings. The kernel writes the used ring as it starts, without asking: what is not mapped
 * there is a refused access.
 */
static int send_rings(struct vhost *vhost, const struct virtq *vq)
{
	const struct vhost_iotlb_msg used = {
		.type = VHOST_IOTLB_MISS, .iova = vq->used, .perm = VHOST_ACCESS_RW,
	};
	int rc = nyx_vhost_message(vhost->iotlb, vhost->channel, &used);

	if (rc)
		return rc;
	nyx_vhost_prefetch(vhost->iotlb, vhost->channel, vq->used, used_size(vq));
	nyx_vhost_prefetch(vhost->iotlb, vhost->channel, vq->avail, avail_size(vq));
	nyx_vhost_prefetch(vhost->iotlb, vhost->channel, vq->desc,
			   VIRTQ_DESC_SIZE * (uint64_t)vq->size);
	return 0;
}

/* ---- start and stop -------------------------------------------------------------- */

static int set_memory(struct vhost *vhost)
{
	const struct vmm *vmm = vhost->vmm;
	const struct vhost_region regions[] = {
		{ .gpa = 0, .size = vmm->ram_low, .host = vmm->ram, .fd = vmm->ram_fd },
		{ .gpa = GPA_RAM_HIGH, .size = vmm->ram_high, .host = vmm->ram + vmm->ram_low,
		  .fd = vmm->ram_fd, .offset = vmm->ram_low },
	};

	return vhost->backend->ops->set_mem_table(vhost->backend, regions,
						  vmm->ram_high ? 2 : 1, uses_iotlb(vhost));
}

static int set_addresses(struct vhost *vhost, unsigned int q, const struct virtq *vq)
{
	struct vmm *vmm = vhost->vmm;
	uint8_t *desc, *avail, *used;

	if (uses_iotlb(vhost))
		return vhost->backend->ops->set_vring_addr(vhost->backend, q, vq->desc, vq->avail,
							   vq->used);
	desc = ram_ptr(vmm, vq->desc, VIRTQ_DESC_SIZE * (uint64_t)vq->size);
	avail = ram_ptr(vmm, vq->avail, avail_size(vq));
	used = ram_ptr(vmm, vq->used, used_size(vq));
	if (!desc || !avail || !used)
		return -EFAULT;
	return vhost->backend->ops->set_vring_addr(vhost->backend, q, (uintptr_t)desc,
						   (uintptr_t)avail, (uintptr_t)used);
}

static int start_queue(struct vhost *vhost, unsigned int q)
{
	const struct vhost_ops *ops = vhost->backend->ops;
	struct virtq *vq = &vhost->dev->queues[q];
	int rc;

	/* Only a reset changes the rest of an enabled queue, and that is not now. */
	if (!vq->enabled)
		return -EINVAL;
	rc = ops->set_vring_num(vhost->backend, q, vq->size);
	if (!rc)
		rc = ops->set_vring_base(vhost->backend, q, vhost->base[q]);
	if (!rc)
		rc = set_addresses(vhost, q, vq);
	if (!rc)
		rc = ops->set_vring_kick(vhost->backend, q, vq->kick_fd);
	if (!rc && ops->set_vring_err)
		rc = ops->set_vring_err(vhost->backend, q, vhost->err_fd);
	if (!rc && vhost->iotlb)
		rc = send_rings(vhost, vq);
	return rc;
}

static int connect_queues(struct vhost *vhost, bool on)
{
	const struct vhost_ops *ops = vhost->backend->ops;
	unsigned int q;
	int rc = 0;

	if (on && ops->set_backend)
		rc = ops->set_backend(vhost->backend, true);
	for (q = 0; q < vhost->nr_queues && !rc && ops->set_vring_enable; q++)
		rc = ops->set_vring_enable(vhost->backend, q, on);
	if (!on && ops->set_backend)
		rc = ops->set_backend(vhost->backend, false);
	return rc;
}

static int begin(struct vhost *vhost)
{
	const struct vhost_ops *ops = vhost->backend->ops;
	unsigned int q;
	int rc;

	for (q = 0; q < vhost->nr_queues; q++)
		vhost->call[q] = -1;
	attach_lines(vhost);
	rc = ops->set_features(vhost->backend, vhost->dev->accepted);
	if (!rc)
		rc = set_memory(vhost);
	if (!rc && uses_iotlb(vhost))
		rc = iotlb_begin(vhost);
	for (q = 0; q < vhost->nr_queues && !rc; q++)
		rc = start_queue(vhost, q);
	if (!rc)
		rc = set_calls(vhost);
	if (!rc)
		rc = connect_queues(vhost, true);
	if (rc || !vhost->iotlb)
		return rc;
	vhost->miss_fd = ops->miss_fd(vhost->backend);
	if (vhost->miss_fd >= 0)
		rc = loop_add(vhost->miss_fd, miss_ready, vhost);
	return rc;
}

static void end(struct vhost *vhost)
{
	const struct vhost_ops *ops = vhost->backend->ops;
	unsigned int q;

	if (!vhost->lost)
		connect_queues(vhost, false);
	for (q = 0; q < vhost->nr_queues && !vhost->lost; q++)
		ops->get_vring_base(vhost->backend, q, &vhost->base[q]);
	iotlb_end(vhost);
	vhost->started = false;
}

static void fail(struct vhost *vhost)
{
	if (vhost->started)
		end(vhost);
	virtio_fail(vhost->dev);
}

/* True if the back end is to run. */
static bool wanted(const struct vhost *vhost)
{
	return virtio_running(vhost->dev) && !vhost->cut && !vhost->lost &&
		pci_is_master(&vhost->dev->pci);
}

static void start(struct vhost *vhost)
{
	unsigned int q;
	int rc;

	/* Signals of an earlier run */
	event_take(vhost->err_fd);
	vhost->started = true;
	rc = begin(vhost);
	if (vhost->backend->ops->started)
		vhost->backend->ops->started(vhost->backend);
	if (rc) {
		/* A guest may do that as often as it likes: -EINVAL, -EFAULT, -EREMOTEIO. */
		if (rc != -EINVAL && rc != -EFAULT && rc != -EREMOTEIO)
			say("%s: the back end of %s does not start: %s", vhost->backend->ops->name,
			    vhost->dev->ops->name, strerror(-rc));
		fail(vhost);
		return;
	}
	/* The driver may have kicked before. */
	for (q = 0; q < vhost->nr_queues; q++)
		virtio_kick(&vhost->dev->queues[q]);
}

void vhost_follow(struct vhost *vhost)
{
	bool on = wanted(vhost);

	if (on && !vhost->started)
		start(vhost);
	else if (!on && vhost->started)
		end(vhost);
	else if (on && set_calls(vhost))
		fail(vhost);
}

/* The driver reads what has changed, as after virtio_fail(). */
static void tell_link(struct vhost *vhost)
{
	if (virtio_running(vhost->dev))
		virtio_interrupt(vhost->dev, atomic_load(&vhost->dev->config_vector), 2);
}

static void set_cut(struct vhost *vhost, bool cut)
{
	vhost->cut = cut;
	/* The quarantine that came of it has ended otherwise; a later one is another. */
	vhost->broken = vhost->broken && cut;
	vhost_follow(vhost);
	tell_link(vhost);
}

void vhost_start(struct vhost *vhost)
{
	struct vmm *vmm = vhost->vmm;

	vhost->cut = vmm->iommu->is_cut_off && vmm->iommu->is_cut_off(vmm, vhost->dev->pci.rid);
	vhost_follow(vhost);
}

void vhost_stop(struct vhost *vhost)
{
	if (vhost->started)
		end(vhost);
	memset(vhost->base, 0, sizeof(vhost->base));
	/* Not the guest's fault: its reset ends what vhost_broken() was followed by. */
	if (vhost->broken)
		vhost->vmm->iommu->iotlb_reset(vhost->vmm, vhost->dev->pci.rid);
	vhost->broken = false;
}

/* ---- what the back end tells ----------------------------------------------------- */

static void handled(struct vhost *vhost, int rc)
{
	struct vmm *vmm = vhost->vmm;

	if (!rc || rc == -EAGAIN)
		return;
	if (rc == -EREMOTEIO && vmm->iommu->is_cut_off(vmm, vhost->dev->pci.rid)) {
		/* The unit's event is on its way: a pause. */
		set_cut(vhost, true);
		return;
	}
	if (rc != -EREMOTEIO)
		say("%s: a miss: %s", vhost->backend->ops->name, strerror(-rc));
	fail(vhost);
}

/* Nothing is mapped there. The stream applies no change meanwhile: vmm::lock. */
static bool is_unmapped(const struct vhost *vhost, const struct vhost_iotlb_msg *msg)
{
	return nyx_vhost_prefetch(vhost->iotlb, vhost->channel, msg->iova, 1) == -ENOENT;
}

static bool is_miss(const struct vhost_iotlb_msg *msg)
{
	return msg->type == VHOST_IOTLB_MISS && msg->perm && !(msg->perm & ~VHOST_ACCESS_RW);
}

void vhost_message(struct vhost *vhost, const struct vhost_iotlb_msg *msg, bool old)
{
	if (!vhost->started || !vhost->iotlb)
		return;
	/* A mapping may refuse the access, so an old miss of one is handled as any other. */
	if (!old || !is_miss(msg) || !is_unmapped(vhost, msg))
		handled(vhost, nyx_vhost_message(vhost->iotlb, vhost->channel, msg));
}

/* Main thread */
static void miss_ready(void *opaque, int fd)
{
	struct vhost *vhost = opaque;
	struct vmm *vmm = vhost->vmm;
	unsigned int i;
	int rc = 0;

	pthread_mutex_lock(&vmm->lock);
	for (i = 0; i < MISSES && !rc && vhost->miss_fd == fd; i++) {
		rc = nyx_vhost_receive(vhost->iotlb, vhost->channel);
		handled(vhost, rc);
	}
	pthread_mutex_unlock(&vmm->lock);
}

/* Main thread: the guest has filled in a queue wrongly, or the back end was stopped at once. */
static void err_ready(void *opaque, int fd)
{
	struct vhost *vhost = opaque;
	struct vmm *vmm = vhost->vmm;

	pthread_mutex_lock(&vmm->lock);
	if (event_take(fd) && vhost->started)
		fail(vhost);
	pthread_mutex_unlock(&vmm->lock);
}

void vhost_broken(struct vhost *vhost)
{
	vhost->broken = true;
	connect_queues(vhost, false);
	/* The rest is for the main thread, outside the stream. */
	event_signal(vhost->err_fd);
}

void vhost_lost(struct vhost *vhost, const char *why)
{
	if (vhost->lost)
		return;
	say("%s: %s", vhost->backend->ops->name, why);
	vhost->lost = true;
	fail(vhost);
}

void vhost_found(struct vhost *vhost)
{
	int rc = virtio_kicks_renew(vhost->dev);

	if (rc)
		say("%s: the new back end gets the old files of kicks: %s",
		    vhost->backend->ops->name, strerror(-rc));
	vhost->lost = false;
	vhost_follow(vhost);
	tell_link(vhost);
}

void vhost_cut_off(struct vmm *vmm, uint16_t rid, bool cut)
{
	struct vhost *vhost;

	pthread_mutex_lock(&vmm->lock);
	for (vhost = devices; vhost && vhost->dev->pci.rid != rid; vhost = vhost->next)
		;
	if (vhost && vhost->cut != cut)
		set_cut(vhost, cut);
	pthread_mutex_unlock(&vmm->lock);
}

void vhost_foreach(struct vmm *vmm, void (*fn)(struct vmm *vmm, uint16_t rid))
{
	const struct vhost *vhost;

	for (vhost = devices; vhost; vhost = vhost->next)
		fn(vmm, vhost->dev->pci.rid);
}

/* ---- life ------------------------------------------------------------------------ */

/* True if the IOMMU, if there is one, serves device IOTLBs. */
static bool can_translate(const struct vmm *vmm)
{
	if (!vmm->iommu->access)
		return true;
	if (!vmm->iommu->iotlb_open) {
		say("the %s IOMMU serves no back ends of vhost", vmm->iommu->name);
		return false;
	}
	if (options_reports_maps(vmm->opts))
		return true;
	say("the guest does not report what it maps, which vhost needs; start with --iommu vtd,caching-mode or amdvi,np-cache");
	return false;
}

static int check_features(struct vhost *vhost, const struct vmm *vmm, uint64_t *features)
{
	const uint64_t rings = UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC |
		UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX;
	uint64_t needed = UINT64_C(1) << VIRTIO_F_VERSION_1, offered;
	int rc;

	if (vmm->iommu->access)
		needed |= UINT64_C(1) << VIRTIO_F_ACCESS_PLATFORM;
	rc = vhost->backend->ops->set_owner(vhost->backend);
	if (!rc)
		rc = vhost->backend->ops->get_features(vhost->backend, &offered);
	if (rc) {
		say("%s: %s", vhost->backend->ops->name, strerror(-rc));
		return rc;
	}
	if (needed & ~offered) {
		say("%s: the back end lacks %s", vhost->backend->ops->name,
		    offered >> VIRTIO_F_VERSION_1 & 1 ? "VIRTIO_F_ACCESS_PLATFORM" :
		    "VIRTIO_F_VERSION_1");
		return -EOPNOTSUPP;
	}
	*features &= offered;
	vhost->dev->lacks = rings & ~offered;
	return 0;
}

int vhost_init(struct vhost *vhost, struct vmm *vmm, struct virtio_dev *dev,
	       unsigned int nr_queues, struct vhost_backend *backend, uint64_t *features)
{
	unsigned int i;
	int rc;

	*vhost = (struct vhost){
		.vmm = vmm, .dev = dev, .backend = backend, .nr_queues = nr_queues, .miss_fd = -1,
		.err_fd = -1,
	};
	for (i = 0; i < ARRAY_SIZE(vhost->calls); i++)
		vhost->calls[i].fd = -1;
	if (!can_translate(vmm))
		return -EOPNOTSUPP;
	rc = check_features(vhost, vmm, features);
	if (rc)
		return rc;
	vhost->err_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = vhost->err_fd < 0 ? -errno : loop_add(vhost->err_fd, err_ready, vhost);
	if (!rc)
		rc = calls_init(vhost, vmm);
	if (rc) {
		say("%s: its interrupts: %s", backend->ops->name, strerror(-rc));
		return rc;
	}
	pthread_mutex_lock(&vmm->lock);
	backend->vhost = vhost;
	vhost->next = devices;
	devices = vhost;
	pthread_mutex_unlock(&vmm->lock);
	return 0;
}

void vhost_exit(struct vhost *vhost)
{
	struct vmm *vmm = vhost->vmm;
	struct vhost **link;

	pthread_mutex_lock(&vmm->lock);
	for (link = &devices; *link && *link != vhost; link = &(*link)->next)
		;
	if (*link)
		*link = vhost->next;
	vhost->backend->vhost = NULL;
	pthread_mutex_unlock(&vmm->lock);
	vhost->backend->ops->close(vhost->backend);
	calls_exit(vhost, vmm);
	if (vhost->err_fd < 0)
		return;
	loop_remove(vhost->err_fd);
	close(vhost->err_fd);
}
