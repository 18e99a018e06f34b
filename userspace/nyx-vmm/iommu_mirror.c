// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: devices of the host, and back ends of vhost, behind a unit of the Nyx module.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A container of VFIO is kept equal to what the guest has mapped for its devices, by a mirror of
 * libnyx; so is the device IOTLB of a back end. The change stream is inline: the CPU that writes a
 * register applies the changes before it goes on. The main thread applies those that come
 * otherwise, when faults quarantine a device, or a command of another program.
 *
 * All of it is under vmm::lock, but for the machine's start and end.
 */
#include "iommu_unit.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "vfio.h"
#include "vhost.h"
#include "vmm.h"

/* Lines about maps that the host refuses: a guest may ask for any number. */
#define REFUSALS_TOLD	8u
#define CONFLICTS_TOLD	4u

/* A mirror tells something. 0: it goes on. */
static int told(struct nyx_mirror *mirror, const struct nyx_mirror_event *event, void *arg)
{
	struct vfio_container *container = arg;
	bool refused = event->kind == NYX_MIRROR_REFUSED;
	/* A device whose memory the host does not lock would fail at random. */
	bool stop = refused && (event->why == NYX_MIRROR_WHY_LIMIT ||
				event->why == NYX_MIRROR_WHY_MEMLOCK);
	char text[NYX_MIRROR_TEXT_LEN];

	(void)mirror;
	/* The unit's own events tell of that. */
	if (event->kind == NYX_MIRROR_STATE)
		return 0;
	if (event->kind == NYX_MIRROR_BROKEN)
		vfio_stop(container);
	if (refused && container->nr_refused++ >= REFUSALS_TOLD)
		return stop;
	if (!nyx_mirror_event_format(event, text, sizeof(text)))
		say("%s: %s%s", container->option, text,
		    container->nr_refused == REFUSALS_TOLD && refused ?
		    "; more such lines are left out" : "");
	return stop;
}

/*
 * Another program may have a stream of the unit: commands of the guest wait for its reader too,
 * and go on in this call. A reader that is late is cut off by the unit.
 */
void iommu_unit_apply(struct iommu_unit *iu)
{
	const struct timespec pause = { .tv_nsec = 100000 };
	int rc;

	while ((rc = nyx_changes_handle(iu->changes, NULL, NULL)) == -EINPROGRESS)
		nanosleep(&pause, NULL);

	/* -ETIMEDOUT: all is applied, and the guest was told. */
	if (rc && rc != -ETIMEDOUT && !iu->changes_failed) {
		iu->changes_failed = true;
		say("the changes of the guest's mappings: %s", strerror(-rc));
	}
}

/* Main thread */
static void changes_ready(void *opaque, int fd)
{
	struct vmm *vmm = opaque;
	struct iommu_unit *iu = vmm->iommu_data;

	pthread_mutex_lock(&vmm->lock);
	iommu_unit_apply(iu);
	if (iu->changes_failed)
		loop_remove(fd);
	pthread_mutex_unlock(&vmm->lock);
}

static int open_changes(struct vmm *vmm, struct iommu_unit *iu)
{
	int rc;

	if (iu->changes)
		return 0;
	rc = nyx_changes_open(iu->unit, NYX_CHANGES_F_INLINE, &iu->changes);
	if (rc)
		return rc;
	rc = loop_add(nyx_changes_fd(iu->changes), changes_ready, vmm);
	if (rc) {
		nyx_changes_close(iu->changes);
		iu->changes = NULL;
	}
	return rc;
}

/* Both know memory at the same addresses as the unit. */
static int add_memory(struct vmm *vmm, struct nyx_mirror *mirror)
{
	int rc = nyx_mirror_memory_add(mirror, 0, vmm->ram_low, vmm->ram, 0);

	if (rc || !vmm->ram_high)
		return rc;
	return nyx_mirror_memory_add(mirror, GPA_RAM_HIGH, vmm->ram_high,
				     vmm->ram + vmm->ram_low, 0);
}

static int open_mirror(struct vmm *vmm, struct iommu_unit *iu, struct vfio_container *container)
{
	struct nyx_mirror_backend backend = NYX_MIRROR_BACKEND_INIT;
	struct nyx_mirror_opts opts = NYX_MIRROR_OPTS_INIT;
	int rc = 0;

	opts.reserved = iu->model->reserved;
	opts.nr_reserved = iu->model->nr_reserved;
	opts.event = told;
	opts.arg = container;
	if (container->backend)
		backend = *container->backend;
	else
		rc = nyx_mirror_vfio(container->fd, &backend);
	if (!rc)
		rc = nyx_mirror_open(iu->changes, &backend, &opts, &container->mirror);
	return rc ? rc : add_memory(vmm, container->mirror);
}

/*
 * Names the addresses that the guest could use and the host's IOMMU could not: -ERANGE, if there
 * are some.
 */
static int check_addresses(struct vfio_container *container)
{
	struct nyx_mirror_range conflicts[CONFLICTS_TOLD];
	size_t nr, i;
	int rc;

	rc = nyx_mirror_check(container->mirror, conflicts, CONFLICTS_TOLD, &nr);
	for (i = 0; rc == -ERANGE && i < nr && i < CONFLICTS_TOLD; i++)
		say("%s: the host's IOMMU does not map 0x%" PRIx64 " to 0x%" PRIx64
		    ", which the guest may use; give its IOMMU less with width=BITS of --iommu",
		    container->option, conflicts[i].first, conflicts[i].last);
	return rc;
}

static void close_mirror(struct vfio_container *container)
{
	nyx_mirror_close(container->mirror);
	container->mirror = NULL;
}

int iommu_unit_mirror_open(struct vmm *vmm, struct vfio_container *container)
{
	struct iommu_unit *iu = vmm->iommu_data;
	int rc;

	if (!options_reports_maps(vmm->opts)) {
		say("%s: the guest does not report new mappings to its IOMMU, and the device needs them; start nyx-vmm with --iommu %s",
		    container->option, iu->model->reporting);
		return -EOPNOTSUPP;
	}
	pthread_mutex_lock(&vmm->lock);
	rc = open_changes(vmm, iu);
	if (!rc)
		rc = open_mirror(vmm, iu, container);
	if (!rc)
		rc = check_addresses(container);
	if (rc)
		close_mirror(container);
	pthread_mutex_unlock(&vmm->lock);
	return rc;
}

void iommu_unit_mirror_close(struct vmm *vmm, struct vfio_container *container)
{
	pthread_mutex_lock(&vmm->lock);
	close_mirror(container);
	pthread_mutex_unlock(&vmm->lock);
}

int iommu_unit_mirror(struct vmm *vmm, uint16_t rid, struct vfio_container *container)
{
	(void)vmm;
	return nyx_mirror_add_device(container->mirror, (nyx_device_t){ rid });
}

void iommu_unit_unmirror(struct vmm *vmm, uint16_t rid, struct vfio_container *container)
{
	(void)vmm;
	nyx_mirror_remove_device(container->mirror, (nyx_device_t){ rid });
}

/* ---- device IOTLBs ---------------------------------------------------------------- */

/* The mirror of a device IOTLB tells something. 0: it goes on. */
static int iotlb_told(struct nyx_mirror *mirror, const struct nyx_mirror_event *event, void *arg)
{
	struct vhost *vhost = arg;
	char text[NYX_MIRROR_TEXT_LEN];

	(void)mirror;
	/*
	 * It is cut off then, as far as nyx-vmm can do that: a program that has not answered is not
	 * stopped, see Documentation/design/vhost.rst.
	 */
	if (event->kind == NYX_MIRROR_BROKEN)
		vhost_broken(vhost);
	/* A map that is refused is a fault of the device when it is used. */
	if (event->kind != NYX_MIRROR_FAILED && event->kind != NYX_MIRROR_BROKEN)
		return 0;
	if (!nyx_mirror_event_format(event, text, sizeof(text)))
		say("vhost: %s", text);
	return 0;
}

int iommu_unit_iotlb_open(struct vmm *vmm, uint16_t rid, struct vhost *vhost)
{
	struct iommu_unit *iu = vmm->iommu_data;
	struct nyx_mirror_opts opts = NYX_MIRROR_OPTS_INIT;
	struct nyx_mirror *mirror;
	int rc;

	opts.event = iotlb_told;
	opts.arg = vhost;
	rc = open_changes(vmm, iu);
	if (!rc)
		rc = nyx_vhost_open(iu->changes, (nyx_device_t){ rid }, &opts, &vhost->iotlb);
	if (rc)
		return rc;
	mirror = nyx_vhost_mirror(vhost->iotlb);
	rc = add_memory(vmm, mirror);
	if (!rc)
		rc = nyx_mirror_add_device(mirror, (nyx_device_t){ rid });
	if (rc)
		iommu_unit_iotlb_close(vmm, rid, vhost);
	return rc;
}

void iommu_unit_iotlb_close(struct vmm *vmm, uint16_t rid, struct vhost *vhost)
{
	(void)vmm;
	(void)rid;
	nyx_vhost_close(vhost->iotlb);
	vhost->iotlb = NULL;
}

void iommu_unit_iotlb_reset(struct vmm *vmm, uint16_t rid)
{
	struct iommu_unit *iu = vmm->iommu_data;
	struct nyx_device_info info;

	/* A device that somebody has disabled, or has reset already, stays as it is. */
	if (nyx_device_get(iu->unit, (nyx_device_t){ rid }, &info, sizeof(info)) ||
	    info.state != NYX_DEVICE_QUARANTINED)
		return;
	if (nyx_device_reset(iu->unit, (nyx_device_t){ rid }) == -EINPROGRESS)
		iommu_unit_apply(iu);
}

void iommu_unit_mirror_exit(struct iommu_unit *iu)
{
	if (!iu->changes)
		return;
	if (!iu->changes_failed)
		loop_remove(nyx_changes_fd(iu->changes));
	nyx_changes_close(iu->changes);
}
