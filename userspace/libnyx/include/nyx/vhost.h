/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: the device IOTLB of a vhost back end.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A vhost back end (the kernel's vhost-net, or a process that speaks vhost-user) serves queues
 * of a virtio device, and reaches guest memory by itself. With VIRTIO_F_ACCESS_PLATFORM it
 * uses IOVAs, and has a cache of translations, the device IOTLB: it asks for what it misses, and
 * is told what to forget. The messages are struct vhost_iotlb_msg of <linux/vhost_types.h>.
 *
 * A struct nyx_vhost has a mirror (<nyx/mirror.h>) that follows the device, and channels, one for
 * each vhost file descriptor or vhost-user connection of the device.
 *
 *	nyx_changes_open(unit, NYX_CHANGES_F_INLINE, &changes);
 *	nyx_vhost_open(changes, device, NULL, &vhost);
 *	nyx_mirror_memory_add(nyx_vhost_mirror(vhost), gpa, length, host, 0);	for each range
 *	nyx_mirror_add_device(nyx_vhost_mirror(vhost), device);
 *	... features are set, with VIRTIO_F_ACCESS_PLATFORM ...
 *	nyx_vhost_kernel(fd, &channel);
 *	nyx_vhost_add(vhost, &channel, &id);
 *	... the back end is started ...
 *	nyx_vhost_receive(vhost, id);		when @fd is readable
 *
 * A back end asks for what the guest maps, unless its channel wants to be sent it. Unmaps are
 * invalidations in all channels, before the guest's own invalidation completes. A miss is answered
 * inside the stream, so an answer and an invalidation of the same page never pass each other. A
 * miss of which the mirror has no map is a translation of the unit, which counts and reports a
 * refusal as that of any access of the device.
 *
 * Nothing is pinned, so RLIMIT_MEMLOCK does not matter.
 */
#ifndef NYX_VHOST_H
#define NYX_VHOST_H

#include <stdint.h>
#include <linux/nyx_iommu.h>

#include <nyx/changes.h>
#include <nyx/id.h>
#include <nyx/mirror.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nyx_vhost;
struct vhost_iotlb_msg;

/**
 * struct nyx_vhost_channel - the way to a back end
 * @size: sizeof(struct nyx_vhost_channel)
 * @fd: for the functions
 * @flags: for the functions
 * @eager: 1: mappings are sent as the guest makes them, those that there are already as they are
 *         missed; 0: all of them as they are missed
 * @arg: for the functions
 * @send: sends VHOST_IOTLB_UPDATE or VHOST_IOTLB_INVALIDATE. When it returns 0 for an
 *        invalidation, the back end has forgotten the range, and has no access there under way
 * @receive: takes the next message of the back end without waiting, for nyx_vhost_receive().
 *           -EAGAIN: there is none. NULL: the caller has messages of its own for
 *           nyx_vhost_message()
 *
 * The functions return 0 or a negative errno. They are called by one thread at a time, and call
 * no function of the struct nyx_vhost, the mirror or its stream. An invalidation that is not sent
 * fails the mirror, see NYX_MIRROR_BROKEN: the event function stops the back end.
 */
struct nyx_vhost_channel {
	uint32_t size;
	int32_t fd;
	uint32_t flags;
	uint32_t eager;
	void *arg;
	int (*send)(const struct nyx_vhost_channel *channel, const struct vhost_iotlb_msg *msg);
	int (*receive)(const struct nyx_vhost_channel *channel, struct vhost_iotlb_msg *msg);
};

/**
 * nyx_vhost_kernel() - the way to a back end of the kernel
 * @fd: of /dev/vhost-net or the like, with an owner. It stays the caller's
 * @channel: where to put the channel; begins as NYX_VHOST_CHANNEL_INIT
 *
 * Chooses VHOST_BACKEND_F_IOTLB_MSG_V2 if it is offered. The kernel takes messages only
 * after VHOST_SET_FEATURES with VIRTIO_F_ACCESS_PLATFORM.
 *
 * Return: 0; -EINVAL for its size; errors of VHOST_SET_BACKEND_FEATURES.
 */
int nyx_vhost_kernel(int fd, struct nyx_vhost_channel *channel);

/**
 * nyx_vhost_open() - make a device IOTLB, without channels
 * @changes: the stream, open for as long as the device IOTLB
 * @device: the device
 * @opts: of its mirror, or NULL
 * @vhost: where to put it
 *
 * Return: 0; errors of nyx_mirror_open().
 */
int nyx_vhost_open(struct nyx_changes *changes, nyx_device_t device,
		   const struct nyx_mirror_opts *opts, struct nyx_vhost **vhost);

/**
 * nyx_vhost_close() - end a device IOTLB, with its channels and its mirror
 * @vhost: the device IOTLB, or NULL
 *
 * The channels that are left are sent an invalidation of what is mapped.
 *
 * Return: 0; -EIO if one could not be sent: close the back end.
 */
int nyx_vhost_close(struct nyx_vhost *vhost);

/**
 * nyx_vhost_mirror() - the mirror of a device IOTLB
 * @vhost: the device IOTLB, which owns the mirror
 *
 * Add memory and the device to it, with nyx_mirror_memory_add() and nyx_mirror_add_device().
 *
 * Return: the mirror.
 */
struct nyx_mirror *nyx_vhost_mirror(const struct nyx_vhost *vhost);

/* Channels of a device IOTLB. */
enum { NYX_VHOST_CHANNELS_MAX = 64 };

/**
 * nyx_vhost_add() - add a channel
 * @vhost: the device IOTLB
 * @channel: the channel, of a back end whose device IOTLB is empty; it is copied
 * @id: where to put its number, which is below NYX_VHOST_CHANNELS_MAX
 *
 * Return: 0; -EINVAL; -ENOSPC if there are NYX_VHOST_CHANNELS_MAX.
 */
int nyx_vhost_add(struct nyx_vhost *vhost, const struct nyx_vhost_channel *channel, uint32_t *id);

/**
 * nyx_vhost_remove() - remove a channel
 * @vhost: the device IOTLB
 * @id: the channel, whose back end makes no access any more
 *
 * When it returns, no function of the channel is called any more.
 *
 * Return: 0; -ENOENT if there is no such channel.
 */
int nyx_vhost_remove(struct nyx_vhost *vhost, uint32_t id);

/**
 * nyx_vhost_prefetch() - send translations before the back end misses them
 * @vhost: the device IOTLB
 * @id: the channel
 * @iova: first IOVA, of a ring
 * @length: bytes
 *
 * Nothing is counted or reported where nothing is mapped: the back end will ask.
 *
 * Return: 0 if all of it was sent; -ENOENT if some is not mapped, or there is no such channel;
 * -EINVAL; errors of the channel.
 */
int nyx_vhost_prefetch(struct nyx_vhost *vhost, uint32_t id, uint64_t iova, uint64_t length);

/**
 * nyx_vhost_message() - handle a message of a back end
 * @vhost: the device IOTLB
 * @id: the channel
 * @msg: VHOST_IOTLB_MISS, or VHOST_IOTLB_ACCESS_FAIL
 *
 * A miss is answered by an update with the mapping of @msg->iova, as large as the mirror has
 * it, if it grants @msg->perm. Otherwise the unit refuses the access and reports that; the back
 * end gets no answer, and does not go on with the queue: stop it, as a device with a failed
 * DMA, until the guest resets it. An access that the back end itself has refused is reported as
 * well.
 *
 * Return: 0 if it was answered; -EREMOTEIO: the access is refused; -EPROTO: @msg is none
 * that a back end sends; -ENOENT if there is no such channel; errors of the channel, of the unit
 * and of nyx_mirror_run().
 */
int nyx_vhost_message(struct nyx_vhost *vhost, uint32_t id, const struct vhost_iotlb_msg *msg);

/**
 * nyx_vhost_receive() - take a message of a back end, and handle it
 * @vhost: the device IOTLB
 * @id: the channel, which has a function @receive
 *
 * Return: as nyx_vhost_message(); -EAGAIN: there is none; -EOPNOTSUPP without @receive.
 */
int nyx_vhost_receive(struct nyx_vhost *vhost, uint32_t id);

/**
 * struct nyx_vhost_stat - counts of a device IOTLB
 * @size: sizeof(struct nyx_vhost_stat)
 * @channels: channels
 * @misses: misses
 * @refused: of these, and failed accesses: those that the unit refuses
 * @updates: updates that were sent, also without a miss
 * @invalidations: invalidations that were sent, each to all channels
 */
struct nyx_vhost_stat {
	uint32_t size;
	uint32_t channels;
	uint64_t misses;
	uint64_t refused;
	uint64_t updates;
	uint64_t invalidations;
};

/**
 * nyx_vhost_stat_get() - counts of a device IOTLB
 * @vhost: the device IOTLB
 * @stat: where to put them; begins as NYX_VHOST_STAT_INIT
 *
 * Return: 0; -EINVAL for its size.
 */
int nyx_vhost_stat_get(struct nyx_vhost *vhost, struct nyx_vhost_stat *stat);

#ifdef __cplusplus
}
#endif

#endif /* NYX_VHOST_H */
