// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: IOMMU units.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A handle is one file descriptor of its own, bound to the unit.
 */
#include <nyx/unit.h>

#include "private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct nyx_unit *unit_alloc(void)
{
	struct nyx_unit *unit = calloc(1, sizeof(*unit));

	if (unit) {
		atomic_init(&unit->refs, 1);
		unit->fd = -1;
	}
	return unit;
}

static int bind_by_create(struct nyx_unit *unit, void *request)
{
	struct nyx_unit_create *create = request;
	int ret = nyx__ioctl(unit->fd, NYX_UNIT_CREATE, create);

	unit->id = create->out_unit_id;
	return ret;
}

static int bind_by_open(struct nyx_unit *unit, void *request)
{
	struct nyx_unit_open *req = request;
	int ret = nyx__ioctl(unit->fd, NYX_UNIT_OPEN, req);

	unit->id = req->out_unit_id;
	return ret;
}

/* Open a file descriptor, and bind it to a unit by @bind. */
static int unit_bind(struct nyx_ctx *ctx, int (*bind)(struct nyx_unit *unit, void *request),
		     void *request, struct nyx_unit **out)
{
	struct nyx_unit *unit = unit_alloc();
	int ret;

	if (!unit)
		return nyx__fail(-ENOMEM);
	unit->fd = nyx__open_node(ctx->path);
	if (unit->fd < 0) {
		ret = unit->fd;
		goto err_free;
	}
	ret = bind(unit, request);
	if (ret)
		goto err_close;
	*out = unit;
	return 0;

err_close:
	close(unit->fd);
err_free:
	free(unit);
	return ret;
}

NYX_EXPORT int nyx_unit_create(struct nyx_ctx *ctx, const struct nyx_unit_create_opts *opts,
			       struct nyx_unit **unit)
{
	struct nyx_unit_create req = { .size = sizeof(req) };
	struct nyx_unit_create_opts o = { 0 };
	int ret;

	ret = nyx__opts_copy(&o, sizeof(o), opts, opts ? opts->size : 0);
	if (ret)
		return ret;
	ret = nyx__name_copy(req.name, o.name);
	if (ret)
		return ret;
	req.flags = o.flags;
	req.model = o.model;
	req.address_width = o.address_width;
	if (o.iotlb_entries == NYX_IOTLB_OFF)
		req.iotlb_entries = 0;
	else
		req.iotlb_entries = o.iotlb_entries ? o.iotlb_entries : NYX_DEFAULT;
	req.event_entries = o.event_entries;
	req.max_domains = o.max_domains;
	req.max_devices = o.max_devices;
	req.max_memory = o.max_memory;
	req.irt_entries = o.irt_entries;
	req.data_len = o.data_len;
	req.data_uptr = (uintptr_t)o.data;
	req.view_timeout_ms = o.view_timeout_ms;
	return unit_bind(ctx, bind_by_create, &req, unit);
}

NYX_EXPORT int nyx_unit_open_with(struct nyx_ctx *ctx, const struct nyx_unit_open_opts *opts,
				  struct nyx_unit **unit)
{
	struct nyx_unit_open req = { .size = sizeof(req) };
	struct nyx_unit_open_opts o = { 0 };
	int ret;

	ret = nyx__opts_copy(&o, sizeof(o), opts, opts ? opts->size : 0);
	if (ret)
		return ret;
	if (o.reserved || !o.id == !(o.name && *o.name))
		return nyx__fail(-EINVAL);
	ret = nyx__name_copy(req.name, o.name);
	if (ret)
		return ret;
	req.unit_id = o.id;
	req.flags = o.flags;
	req.owner_uid = o.owner_uid;
	return unit_bind(ctx, bind_by_open, &req, unit);
}

NYX_EXPORT int nyx_unit_open(struct nyx_ctx *ctx, const char *name, struct nyx_unit **unit)
{
	struct nyx_unit_open_opts opts = { .size = sizeof(opts), .name = name };

	return nyx_unit_open_with(ctx, &opts, unit);
}

NYX_EXPORT int nyx_unit_open_id(struct nyx_ctx *ctx, uint32_t id, struct nyx_unit **unit)
{
	struct nyx_unit_open_opts opts = { .size = sizeof(opts), .id = id };

	return nyx_unit_open_with(ctx, &opts, unit);
}

NYX_EXPORT int nyx_unit_adopt(int fd, struct nyx_unit **out)
{
	struct nyx_unit *unit = unit_alloc();
	struct nyx_unit_info info = { .size = sizeof(info) };
	int ret;

	if (!unit)
		return nyx__fail(-ENOMEM);
	unit->fd = fd;
	ret = nyx_unit_get(unit, &info);
	if (ret) {
		free(unit);
		return ret;
	}
	unit->id = info.unit_id;
	*out = unit;
	return 0;
}

NYX_EXPORT struct nyx_unit *nyx_unit_ref(struct nyx_unit *unit)
{
	atomic_fetch_add_explicit(&unit->refs, 1, memory_order_relaxed);
	return unit;
}

NYX_EXPORT void nyx_unit_unref(struct nyx_unit *unit)
{
	if (!unit || atomic_fetch_sub_explicit(&unit->refs, 1, memory_order_acq_rel) != 1)
		return;
	close(unit->fd);
	free(unit);
}

NYX_EXPORT int nyx_unit_fd(const struct nyx_unit *unit)
{
	return unit->fd;
}

NYX_EXPORT uint32_t nyx_unit_id(const struct nyx_unit *unit)
{
	return unit->id;
}

NYX_EXPORT int nyx_unit_get(struct nyx_unit *unit, struct nyx_unit_info *info)
{
	uint32_t size = info->size;
	int ret = nyx__size_check(size);

	if (ret)
		return ret;
	memset(info, 0, size);
	info->size = size;
	return nyx__ioctl(unit->fd, NYX_UNIT_INFO, info);
}

NYX_EXPORT int nyx_unit_status_get(struct nyx_unit *unit, struct nyx_unit_status *status)
{
	struct nyx_unit_status st = { .size = status->size };
	uint32_t size = status->size;
	struct nyx_unit_info info = { .size = sizeof(info) };
	int ret = nyx__size_check(size);

	if (ret)
		return ret;
	ret = nyx_unit_get(unit, &info);
	if (ret && ret != -ENODEV)
		return ret;
	if (!ret) {
		st.enabled = 1;
		st.model = info.model;
		st.nr_domains = info.nr_domains;
		st.nr_devices = info.nr_devices;
		st.mapped_bytes = info.mapped_bytes;
		st.fault_events = info.fault_events;
		st.irt_entries = info.irt_entries;
		st.nr_irtes = info.nr_irtes;
		st.nr_bindings = info.nr_bindings;
		st.nr_quarantined = info.nr_quarantined;
	}
	memset(status, 0, size);
	memcpy(status, &st, size < sizeof(st) ? size : sizeof(st));
	return 0;
}

NYX_EXPORT int nyx_unit_share(struct nyx_unit *unit)
{
	struct nyx_unit_share req = { .size = sizeof(req) };

	return nyx__ioctl(unit->fd, NYX_UNIT_SHARE, &req);
}

NYX_EXPORT int nyx_unit_persist(struct nyx_unit *unit, int persist)
{
	struct nyx_unit_persist req = { .size = sizeof(req), .persist = persist ? 1 : 0 };

	return nyx__ioctl(unit->fd, NYX_UNIT_PERSIST, &req);
}

NYX_EXPORT int nyx_unit_destroy(struct nyx_unit *unit)
{
	struct nyx_unit_destroy req = { .size = sizeof(req) };

	return nyx__ioctl(unit->fd, NYX_UNIT_DESTROY, &req);
}

NYX_EXPORT int nyx_unit_reset(struct nyx_unit *unit)
{
	struct nyx_unit_reset req = { .size = sizeof(req) };

	return nyx__ioctl(unit->fd, NYX_UNIT_RESET, &req);
}

NYX_EXPORT int nyx_mmio_read(struct nyx_unit *unit, uint32_t offset, uint32_t width,
			     uint64_t *value)
{
	struct nyx_mmio req = { .size = sizeof(req), .offset = offset, .width = width };
	int ret;

	ret = nyx__ioctl(unit->fd, NYX_MMIO, &req);
	if (!ret)
		*value = req.value;
	return ret;
}

/* Do not repeat after EINTR: the module returns it only to a thread that is being killed. */
NYX_EXPORT int nyx_mmio_write(struct nyx_unit *unit, uint32_t offset, uint32_t width,
			      uint64_t value)
{
	struct nyx_mmio req = {
		.size = sizeof(req), .flags = NYX_MMIO_F_WRITE, .offset = offset,
		.width = width, .value = value,
	};

	return nyx__ioctl_once(unit->fd, NYX_MMIO, &req);
}

NYX_EXPORT int nyx_mmio(struct nyx_unit *unit, struct nyx_mmio *access)
{
	return nyx__ioctl_once(unit->fd, NYX_MMIO, access);
}

NYX_EXPORT uint64_t nyx_register_key(uint32_t offset, uint32_t index)
{
	return NYX_REGISTER_KEY(offset, index);
}

NYX__ENTRY(register, nyx_register_fn)

NYX_EXPORT int nyx_register_foreach(struct nyx_unit *unit, uint64_t start, nyx_register_fn fn,
				    void *arg)
{
	struct register_call call = { .fn = fn, .arg = arg };

	return nyx__list(unit->fd, NYX_LIST_REGISTERS, 0, start, register_entry, &call);
}

NYX__ENTRY(unit, nyx_unit_fn)

NYX_EXPORT int nyx_unit_foreach(struct nyx_ctx *ctx, nyx_unit_fn fn, void *arg)
{
	struct unit_call call = { .fn = fn, .arg = arg };

	return nyx__list(ctx->fd, NYX_LIST_UNITS, 0, 0, unit_entry, &call);
}
