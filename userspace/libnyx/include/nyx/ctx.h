/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: the way to the module.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A context is the device node, held open. Through it a program asks what the
 * module can do and which units exist, and creates and opens units.
 */
#ifndef NYX_CTX_H
#define NYX_CTX_H

#include <stddef.h>
#include <linux/nyx_iommu.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The device node that nyx_ctx_open() opens by default. */
#define NYX_NODE_DEFAULT	"/dev/nyx-iommu"

struct nyx_ctx;

/**
 * nyx_ctx_open() - open the device node
 * @path: the node, or NULL for NYX_NODE_DEFAULT
 * @ctx: where to put the new context, with one reference
 *
 * Return: 0; -ENOENT, -ENXIO or -ENODEV if the module is not loaded; -EACCES if
 * the caller may not open the node; -ENOTTY if @path is another device;
 * -EMFILE, -ENFILE, -ENOMEM.
 */
int nyx_ctx_open(const char *path, struct nyx_ctx **ctx);

/**
 * nyx_ctx_ref() - take a reference
 * @ctx: the context
 *
 * Return: @ctx.
 */
struct nyx_ctx *nyx_ctx_ref(struct nyx_ctx *ctx);

/**
 * nyx_ctx_unref() - drop a reference, and with the last one the context
 * @ctx: the context, or NULL
 *
 * Units that were opened through the context do not need it any more.
 */
void nyx_ctx_unref(struct nyx_ctx *ctx);

/**
 * nyx_module_get() - what the module is and can do
 * @ctx: the context
 * @info: where to put it; begins as NYX_MODULE_INFO_INIT
 *
 * Return: 0 or a negative errno.
 */
int nyx_module_get(struct nyx_ctx *ctx, struct nyx_module_info *info);

/**
 * nyx_library_version() - the release of the library that is running
 *
 * Return: a string like "0.1.0", never freed.
 */
const char *nyx_library_version(void);

#ifdef __cplusplus
}
#endif

#endif /* NYX_CTX_H */
