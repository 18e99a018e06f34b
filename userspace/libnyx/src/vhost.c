// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: the device IOTLB of a vhost back end.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The device IOTLB is the back end of a mirror that maps by a message to each channel that is
 * eager, and unmaps by one to all. Misses are answered from the mirror's own pieces. All of it is
 * done inside the stream: so an update that is sent is of a piece that no invalidation has taken
 * yet, and a later invalidation of it is sent behind the update.
 *
 * Outside of the stream the unit is asked about a miss of which there is no piece. The change
 * that maps the page may be on its way: then the stream is read, and the mirror is asked again.
 */
#include <nyx/vhost.h>

#include "mirror.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/vhost.h>

#include <nyx/device.h>
#include <nyx/init.h>

/* A guest that maps a page and takes it away while the device misses it: not for ever. */
#define MISS_TRIES	4u

/* Of &nyx_vhost_channel.flags of the kernel's */
#define KERNEL_V2	1u

_Static_assert(NYX_PROT_READ == VHOST_ACCESS_RO && NYX_PROT_WRITE == VHOST_ACCESS_WO,
	       "permissions are the same bits");
_Static_assert(sizeof(struct vhost_msg) == sizeof(struct vhost_msg_v2) &&
	       offsetof(struct vhost_msg, iotlb) == offsetof(struct vhost_msg_v2, iotlb),
	       "messages of both versions have one form");

/**
 * struct nyx_vhost - a device IOTLB
 * @changes: const after open
 * @mirror: const after open
 * @device: const after open
 * @channels: by number; &nyx_vhost_channel.send is NULL where there is none
 * @stat: counts
 *
 * The rest belongs to the thread that is inside the stream.
 */
struct nyx_vhost {
	struct nyx_changes *changes;
	struct nyx_mirror *mirror;
	nyx_device_t device;
	struct nyx_vhost_channel channels[NYX_VHOST_CHANNELS_MAX];
	struct nyx_vhost_stat stat;
};

/* ---- the back end of the mirror ----------------------------------------------- */

/* Inside the stream */
static int send_update(struct nyx_vhost *v, const struct nyx_vhost_channel *c,
		       const struct nyx_mirror_map *map)
{
	const struct vhost_iotlb_msg msg = {
		.type = VHOST_IOTLB_UPDATE, .iova = map->iova, .size = map->length,
		.uaddr = (uintptr_t)map->host, .perm = (__u8)map->prot,
	};
	int ret = c->send(c, &msg);

	if (ret)
		return nyx__fail(ret);
	v->stat.updates++;
	return 0;
}

/* A back end that was not sent it misses it. */
static int vhost_map(const struct nyx_mirror_backend *backend, const struct nyx_mirror_map *map)
{
	struct nyx_vhost *v = backend->arg;
	unsigned int i;

	for (i = 0; i < NYX_VHOST_CHANNELS_MAX; i++) {
		if (v->channels[i].send && v->channels[i].eager)
			send_update(v, &v->channels[i], map);
	}
	return 0;
}

static int vhost_unmap(const struct nyx_mirror_backend *backend, uint64_t iova, uint64_t length,
		       uint64_t *unmapped)
{
	const struct vhost_iotlb_msg msg = {
		.type = VHOST_IOTLB_INVALIDATE, .iova = iova, .size = length,
	};
	struct nyx_vhost *v = backend->arg;
	unsigned int i;
	int ret = 0, err;

	v->stat.invalidations++;
	for (i = 0; i < NYX_VHOST_CHANNELS_MAX; i++) {
		if (!v->channels[i].send)
			continue;
		err = v->channels[i].send(&v->channels[i], &msg);
		if (err)
			ret = err;
	}
	*unmapped = nyx__mirror_bytes(v->mirror, iova, iova + (length - 1));
	return ret;
}

static int vhost_limits(const struct nyx_mirror_backend *backend, struct nyx_mirror_limits *limits)
{
	(void)backend;
	limits->more_maps = UINT64_MAX;
	limits->page_size = 1;
	limits->nr_ranges = 1;
	if (limits->nr)
		limits->ranges[0] = (struct nyx_mirror_range){ .last = UINT64_MAX };
	return 0;
}

/* ---- life --------------------------------------------------------------------- */

NYX_EXPORT int nyx_vhost_open(struct nyx_changes *changes, nyx_device_t device,
			      const struct nyx_mirror_opts *opts, struct nyx_vhost **vhost)
{
	struct nyx_mirror_backend backend = NYX_MIRROR_BACKEND_INIT;
	struct nyx_vhost *v = calloc(1, sizeof(*v));
	int ret;

	if (!v)
		return nyx__fail(-ENOMEM);
	v->changes = changes;
	v->device = device;
	backend.arg = v;
	backend.map = vhost_map;
	backend.unmap = vhost_unmap;
	backend.limits = vhost_limits;
	ret = nyx_mirror_open(changes, &backend, opts, &v->mirror);
	if (ret)
		free(v);
	else
		*vhost = v;
	return ret;
}

NYX_EXPORT int nyx_vhost_close(struct nyx_vhost *v)
{
	int ret;

	if (!v)
		return 0;
	ret = nyx_mirror_close(v->mirror);
	/* Then the mirror is still there. */
	if (ret != -EDEADLK)
		free(v);
	return ret;
}

NYX_EXPORT struct nyx_mirror *nyx_vhost_mirror(const struct nyx_vhost *v)
{
	return v->mirror;
}

/* ---- channels ----------------------------------------------------------------- */

/* Inside the stream. NULL: there is none. */
static struct nyx_vhost_channel *channel_of(struct nyx_vhost *v, uint32_t id)
{
	if (id < NYX_VHOST_CHANNELS_MAX && v->channels[id].send)
		return &v->channels[id];
	nyx__fail(-ENOENT);
	return NULL;
}

NYX_EXPORT int nyx_vhost_add(struct nyx_vhost *v, const struct nyx_vhost_channel *channel,
			     uint32_t *id)
{
	struct nyx_vhost_channel c;
	uint32_t i;
	int ret;

	ret = nyx__opts_copy(&c, sizeof(c), channel, channel->size);
	if (!ret && (c.eager > 1 || !c.send))
		ret = nyx__fail(-EINVAL);
	if (!ret)
		ret = nyx__changes_enter(v->changes);
	if (ret)
		return ret;
	for (i = 0; i < NYX_VHOST_CHANNELS_MAX && v->channels[i].send; i++)
		;
	if (i < NYX_VHOST_CHANNELS_MAX) {
		v->channels[i] = c;
		v->stat.channels++;
		*id = i;
	} else {
		ret = nyx__fail(-ENOSPC);
	}
	nyx__changes_leave(v->changes);
	return ret;
}

NYX_EXPORT int nyx_vhost_remove(struct nyx_vhost *v, uint32_t id)
{
	struct nyx_vhost_channel *c;
	int ret;

	ret = nyx__changes_enter(v->changes);
	if (ret)
		return ret;
	c = channel_of(v, id);
	if (c) {
		memset(c, 0, sizeof(*c));
		v->stat.channels--;
	}
	nyx__changes_leave(v->changes);
	return c ? 0 : -ENOENT;
}

/* ---- updates ------------------------------------------------------------------ */

NYX_EXPORT int nyx_vhost_prefetch(struct nyx_vhost *v, uint32_t id, uint64_t iova,
				  uint64_t length)
{
	uint64_t last = iova + (length - 1);
	const struct nyx_vhost_channel *c;
	struct nyx_mirror_map map;
	int ret;

	if (!length || last < iova)
		return nyx__fail(-EINVAL);
	ret = nyx__changes_enter(v->changes);
	if (ret)
		return ret;
	c = channel_of(v, id);
	ret = c ? 0 : -ENOENT;
	while (!ret) {
		if (!nyx__mirror_find(v->mirror, iova, &map))
			ret = nyx__fail(-ENOENT);
		else
			ret = send_update(v, c, &map);
		if (ret || map.iova + (map.length - 1) >= last)
			break;
		iova = map.iova + map.length;
	}
	nyx__changes_leave(v->changes);
	return ret;
}

/* ---- misses ------------------------------------------------------------------- */

/* Sends what is missed, if the mirror has it. 1: it has not; 0; a negative errno. */
static int answer(struct nyx_vhost *v, uint32_t id, const struct vhost_iotlb_msg *msg, bool first)
{
	const struct nyx_vhost_channel *c;
	struct nyx_mirror_map map;
	int ret;

	ret = nyx__changes_enter(v->changes);
	if (ret)
		return ret;
	c = channel_of(v, id);
	if (first && c && msg->type == VHOST_IOTLB_MISS)
		v->stat.misses++;
	if (!c)
		ret = -ENOENT;
	else if (msg->type == VHOST_IOTLB_MISS && nyx__mirror_find(v->mirror, msg->iova, &map) &&
		 !(msg->perm & ~map.prot))
		ret = send_update(v, c, &map);
	else
		ret = 1;
	nyx__changes_leave(v->changes);
	return ret;
}

static int refuse(struct nyx_vhost *v)
{
	int ret = nyx__changes_enter(v->changes);

	if (ret)
		return ret;
	v->stat.refused++;
	nyx__changes_leave(v->changes);
	return nyx__fail(-EREMOTEIO);
}

/* Asks the unit, which reports a refusal. 1: it is refused; 0; a negative errno. */
static int ask_unit(struct nyx_vhost *v, const struct vhost_iotlb_msg *msg)
{
	struct nyx_translate translate = NYX_TRANSLATE_INIT;
	int ret;

	translate.flags = NYX_TRANSLATE_F_REPORT;
	translate.sbdf = v->device.sbdf;
	translate.access = msg->perm;
	translate.iova = msg->iova;
	translate.length = 1;
	ret = nyx_device_translate(nyx__changes_unit(v->changes), &translate);
	return ret ? ret : translate.out_fault.reason != NYX_FAULT_NONE;
}

NYX_EXPORT int nyx_vhost_message(struct nyx_vhost *v, uint32_t id,
				 const struct vhost_iotlb_msg *msg)
{
	unsigned int i;
	int ret;

	if ((msg->type != VHOST_IOTLB_MISS && msg->type != VHOST_IOTLB_ACCESS_FAIL) ||
	    !msg->perm || msg->perm & ~VHOST_ACCESS_RW)
		return nyx__fail(-EPROTO);
	for (i = 0; i < MISS_TRIES; i++) {
		ret = answer(v, id, msg, !i);
		if (ret <= 0)
			return ret;
		ret = ask_unit(v, msg);
		if (ret < 0)
			return ret;
		/* An access that the back end has refused itself has no answer. */
		if (ret || msg->type != VHOST_IOTLB_MISS)
			break;
		ret = nyx_changes_handle(v->changes, NULL, NULL);
		if (!nyx__changes_applied(ret))
			return ret;
	}
	/* Or the unit maps what is no memory of the mirror. */
	return refuse(v);
}

NYX_EXPORT int nyx_vhost_receive(struct nyx_vhost *v, uint32_t id)
{
	const struct nyx_vhost_channel *c;
	struct vhost_iotlb_msg msg;
	int ret;

	ret = nyx__changes_enter(v->changes);
	if (ret)
		return ret;
	c = channel_of(v, id);
	if (!c)
		ret = -ENOENT;
	else if (!c->receive)
		ret = nyx__fail(-EOPNOTSUPP);
	else
		ret = c->receive(c, &msg);
	nyx__changes_leave(v->changes);
	if (ret)
		return ret;
	return nyx_vhost_message(v, id, &msg);
}

NYX_EXPORT int nyx_vhost_stat_get(struct nyx_vhost *v, struct nyx_vhost_stat *stat)
{
	uint32_t size = stat->size;
	struct nyx_vhost_stat st;
	int ret = nyx__size_check(size);

	if (!ret)
		ret = nyx__changes_enter(v->changes);
	if (ret)
		return ret;
	st = v->stat;
	nyx__changes_leave(v->changes);
	st.size = size;
	memset(stat, 0, size);
	memcpy(stat, &st, size < sizeof(st) ? size : sizeof(st));
	return 0;
}

/* ---- back ends of the kernel -------------------------------------------------- */

/* The kernel has dropped the translations, and ended all accesses by them, when it returns. */
static int kernel_send(const struct nyx_vhost_channel *channel, const struct vhost_iotlb_msg *iotlb)
{
	const struct vhost_msg_v2 msg = {
		.type = channel->flags & KERNEL_V2 ? VHOST_IOTLB_MSG_V2 : VHOST_IOTLB_MSG,
		.iotlb = *iotlb,
	};
	ssize_t n;

	do {
		n = write(channel->fd, &msg, sizeof(msg));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == (ssize_t)sizeof(msg) ? 0 : -EPROTO;
}

static int kernel_receive(const struct nyx_vhost_channel *channel, struct vhost_iotlb_msg *iotlb)
{
	struct pollfd readable = { .fd = channel->fd, .events = POLLIN };
	struct vhost_msg_v2 msg;
	ssize_t n;

	/* The file may be one that blocks. */
	if (poll(&readable, 1, 0) <= 0 || !(readable.revents & POLLIN))
		return nyx__fail(-EAGAIN);
	n = read(channel->fd, &msg, sizeof(msg));
	if (n < 0)
		return nyx__fail(errno == EINTR ? -EAGAIN : -errno);
	if (n != (ssize_t)sizeof(msg) ||
	    msg.type != (channel->flags & KERNEL_V2 ? VHOST_IOTLB_MSG_V2 : VHOST_IOTLB_MSG))
		return nyx__fail(-EPROTO);
	*iotlb = msg.iotlb;
	return 0;
}

NYX_EXPORT int nyx_vhost_kernel(int fd, struct nyx_vhost_channel *channel)
{
	struct nyx_vhost_channel c = {
		.size = channel->size, .fd = fd, .send = kernel_send, .receive = kernel_receive,
	};
	uint64_t features;
	int ret;

	if (channel->size != sizeof(c))
		return nyx__fail(-EINVAL);
	/* Linux before 4.20 has messages of the first version only. */
	ret = nyx__ioctl_other(fd, VHOST_GET_BACKEND_FEATURES, &features);
	if (ret >= 0 && features & UINT64_C(1) << VHOST_BACKEND_F_IOTLB_MSG_V2) {
		features = UINT64_C(1) << VHOST_BACKEND_F_IOTLB_MSG_V2;
		ret = nyx__ioctl_other(fd, VHOST_SET_BACKEND_FEATURES, &features);
		if (ret < 0)
			return nyx__fail(ret);
		c.flags = KERNEL_V2;
	}
	*channel = c;
	return 0;
}
