// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: the way to the module.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <nyx/ctx.h>

#include "private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int nyx__open_node(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? nyx__fail(-errno) : fd;
}

NYX_EXPORT int nyx_ctx_open(const char *path, struct nyx_ctx **ctx)
{
	struct nyx_module_info info = { .size = sizeof(info) };
	struct nyx_ctx *c;
	int ret;

	c = calloc(1, sizeof(*c));
	if (!c)
		return nyx__fail(-ENOMEM);
	c->path = strdup(path ? path : NYX_NODE_DEFAULT);
	if (!c->path) {
		ret = nyx__fail(-ENOMEM);
		goto err_free;
	}
	c->fd = nyx__open_node(c->path);
	if (c->fd < 0) {
		ret = c->fd;
		goto err_free;
	}
	atomic_init(&c->refs, 1);
	/* Check that the node belongs to Nyx. */
	ret = nyx_module_get(c, &info);
	if (ret)
		goto err_close;
	*ctx = c;
	return 0;

err_close:
	close(c->fd);
err_free:
	free(c->path);
	free(c);
	return ret;
}

NYX_EXPORT struct nyx_ctx *nyx_ctx_ref(struct nyx_ctx *ctx)
{
	atomic_fetch_add_explicit(&ctx->refs, 1, memory_order_relaxed);
	return ctx;
}

NYX_EXPORT void nyx_ctx_unref(struct nyx_ctx *ctx)
{
	if (!ctx || atomic_fetch_sub_explicit(&ctx->refs, 1, memory_order_acq_rel) != 1)
		return;
	close(ctx->fd);
	free(ctx->path);
	free(ctx);
}

NYX_EXPORT int nyx_module_get(struct nyx_ctx *ctx, struct nyx_module_info *info)
{
	uint32_t size = info->size;
	int ret = nyx__size_check(size);

	if (ret)
		return ret;
	memset(info, 0, size);
	info->size = size;
	return nyx__ioctl(ctx->fd, NYX_MODULE_INFO, info);
}

NYX_EXPORT const char *nyx_library_version(void)
{
	return LIBNYX_VERSION;
}
