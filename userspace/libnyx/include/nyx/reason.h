/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: why a function failed.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A negative errno may stand for many causes. The module says which: each thread
 * has a record of the last command that a function of the library issued in it.
 */
#ifndef NYX_REASON_H
#define NYX_REASON_H

#include <stdint.h>
#include <linux/nyx_iommu.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * nyx_last_reason() - why a function failed
 * @error: the negative errno that the last function which this thread called with
 *         a context or a unit, or nyx_memfd_create(), returned
 *
 * Context: any thread; each has a record of its own calls only.
 * Return: of enum nyx_reason, also one of a later module; NYX_REASON_NONE if @error does
 * not come from the module, or the module gave no reason.
 */
uint32_t nyx_last_reason(int error);

/**
 * nyx_last_field() - the field of a command that was to blame
 * @error: as for nyx_last_reason()
 *
 * Context: any thread; each has a record of its own calls only.
 * Return: the member of the command's structure in <linux/nyx_iommu.h>, like
 * "domain_id" or "policy.window_ms", or NULL.
 */
const char *nyx_last_field(int error);

/**
 * nyx_reason_name() - the name of a reason
 * @reason: of enum nyx_reason
 *
 * Return: a name like "domain-strict", or NULL if the library does not know it.
 */
const char *nyx_reason_name(uint32_t reason);

/**
 * nyx_reason_text() - a reason for people
 * @reason: of enum nyx_reason
 *
 * Return: a text like "the domain has devices".
 */
const char *nyx_reason_text(uint32_t reason);

#ifdef __cplusplus
}
#endif

#endif /* NYX_REASON_H */
