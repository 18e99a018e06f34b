/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: what a target of a change stream translates.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A source is a domain, seen through the context of a requester, and cut to what memory of the
 * unit is behind it.
 */
#ifndef NYX_CORE_SOURCE_H
#define NYX_CORE_SOURCE_H

#include <linux/types.h>

#include "core/changes/shadow.h"
#include "core/viommu.h"

struct nyx_domain;
struct nyx_unit;

/**
 * struct source - what a target translates
 * @unit: the unit
 * @dom: the domain, with a reference
 * @attrs: of the context
 * @budget: look-ups of tables and memory that are left before source_next() gives up for now
 */
struct source {
	struct nyx_unit *unit;
	struct nyx_domain *dom;
	struct nyx_ctx_attrs attrs;
	u32 budget;
};

/**
 * source_next() - see shadow_next_fn
 * @ctx: a struct source
 * @iova: first IOVA of interest
 * @last: last IOVA of interest
 * @run: set
 *
 * Context: may sleep.
 * Return: as of shadow_next_fn; -EAGAIN when the budget is used up; -EINTR if the caller
 * was killed.
 */
int source_next(void *ctx, u64 iova, u64 last, struct shadow_run *run);

/**
 * source_widen() - widen a range to whole pages of a guest's table
 * @s: the source
 * @first: first IOVA
 * @last: last IOVA
 *
 * A guest that has changed a large page may invalidate any address in it.
 *
 * Context: may sleep.
 */
void source_widen(struct source *s, u64 *first, u64 *last);

#endif /* NYX_CORE_SOURCE_H */
