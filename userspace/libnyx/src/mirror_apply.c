// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: mirrors: the changes that the stream tells, and what follows from a failure.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Quarantine of a device waits for the readers of the unit's streams, and the mirror may be
 * one. So its targets leave the stream first, and come back when they are quarantined: then
 * the stream reports that, and later that the device was released, as for a new target.
 */
#include "mirror.h"

#include <nyx/device.h>
#include <nyx/policy.h>

#include <stdlib.h>

#define PROT_ALL	((uint32_t)(NYX_PROT_READ | NYX_PROT_WRITE))

static struct nyx_mirror *mirror_of(struct nyx__sink *sink)
{
	return (struct nyx_mirror *)sink;	/* the first member */
}

/* ---- changes ------------------------------------------------------------------ */

static int protocol(struct nyx_mirror *m)
{
	return nyx__mirror_fail(m, NYX_MIRROR_WHY_PROTOCOL, -EPROTO);
}

static int apply_map(struct nyx_mirror *m, struct mirror_target *t,
		     const struct nyx_change *change)
{
	const struct segment all = {
		.iova = change->iova,
		.last = change->last,
		.gpa = change->gpa,
		.prot = change->prot,
	};
	struct span *map;

	if (change->iova > change->last ||
	    change->gpa + (change->last - change->iova) < change->gpa || !change->prot ||
	    change->prot & ~PROT_ALL)
		return protocol(m);
	map = nyx__spans_from(&t->maps, change->iova);
	if (map && map->iova <= change->last)
		return protocol(m);
	map = malloc(sizeof(*map));
	if (!map)
		return nyx__mirror_refuse(m, t, &all, NYX_MIRROR_WHY_NO_MEMORY, -ENOMEM);
	*map = (struct span) {
		.iova = change->iova,
		.last = change->last,
		.gpa = change->gpa,
		.prot = change->prot,
	};
	nyx__spans_insert(&t->maps, map);
	return t->live ? nyx__mirror_fill(m, t, change->iova, change->last) : 0;
}

static int apply_unmap(struct nyx_mirror *m, struct mirror_target *t, uint64_t first,
		       uint64_t last)
{
	const struct span *map;

	if (first > last)
		return protocol(m);
	/* No map is cut. */
	map = nyx__spans_from(&t->maps, first);
	if (map && map->iova < first)
		return protocol(m);
	map = nyx__spans_from(&t->maps, last);
	if (map && map->iova <= last && map->last > last)
		return protocol(m);
	nyx__spans_remove(&t->maps, first, last);
	return t->live ? nyx__mirror_drop(m, first, last) : 0;
}

static int apply_state(struct nyx_mirror *m, struct mirror_target *t, uint32_t state,
		       uint32_t domain_id)
{
	struct nyx_mirror_event event = {
		.kind = NYX_MIRROR_STATE, .state = state, .domain_id = domain_id,
	};
	int ret = 0;

	if (state != NYX_CHANGE_ATTACHED) {
		nyx__spans_remove(&t->maps, 0, UINT64_MAX);
		if (t->live)
			ret = nyx__mirror_drop(m, 0, UINT64_MAX);
		if (!ret)
			ret = nyx__mirror_flush(m);
	}
	if (!ret)
		nyx__mirror_tell(m, t, &event);
	return ret;
}

static int mirror_change(struct nyx__sink *sink, void *cookie, const struct nyx_change *change)
{
	struct nyx_mirror *m = mirror_of(sink);
	struct mirror_target *t = cookie;
	int ret;

	if (m->broken)
		return nyx__fail(-EIO);
	if (t->cut)
		return 0;
	m->stat.changes++;
	switch (change->kind) {
	case NYX_CHANGE_MAP:
		ret = apply_map(m, t, change);
		break;
	case NYX_CHANGE_UNMAP:
		ret = apply_unmap(m, t, change->iova, change->last);
		break;
	case NYX_CHANGE_STATE:
		ret = apply_state(m, t, change->state, change->domain_id);
		break;
	default:
		ret = protocol(m);
	}
	return ret < 0 ? ret : 0;
}

static int mirror_commit(struct nyx__sink *sink)
{
	struct nyx_mirror *m = mirror_of(sink);
	int ret = m->broken ? nyx__fail(-EIO) : nyx__mirror_commit(m);

	return ret < 0 ? ret : 0;
}

/* ---- quarantine --------------------------------------------------------------- */

static bool mirror_settle(struct nyx__sink *sink)
{
	struct nyx_mirror *m = mirror_of(sink);
	struct mirror_target *t;

	if (!m->failed)
		return false;
	m->failed = false;
	for (t = m->targets; t; t = t->next) {
		/* One without a number is being added. */
		if (t->cut && t->streamed && t->number) {
			nyx__changes_remove(m->changes, t->number);
			t->streamed = false;
		}
	}
	return true;
}

struct domain_call {
	struct nyx_unit *unit;
	uint32_t id;
};

static int quarantine_in_domain(const struct nyx_device_info *info, void *arg)
{
	const struct domain_call *call = arg;

	if (info->domain_id == call->id)
		nyx_device_quarantine(call->unit, (nyx_device_t){ info->sbdf });
	return 0;
}

/* -EINPROGRESS: readers of other streams have something to do, and the device is quarantined. */
static bool quarantine(struct nyx_mirror *m, const struct mirror_target *t)
{
	struct domain_call call = { .unit = nyx__changes_unit(m->changes), .id = t->id };
	int ret;

	if (t->kind == NYX_CHANGES_DOMAIN) {
		nyx_device_foreach(call.unit, quarantine_in_domain, &call);
		/* Quarantine of its devices is no change of a domain, which would report all. */
		return false;
	}
	ret = nyx_device_quarantine(call.unit, (nyx_device_t){ t->id });
	return !ret || ret == -EINPROGRESS || ret == -ETIMEDOUT;
}

uint32_t nyx__mirror_max_maps(const struct nyx_mirror *m)
{
	if (m->max_maps > NYX_CHANGES_MAPS_MAX)
		return NYX_CHANGES_MAPS_MAX;
	return m->max_maps ? (uint32_t)m->max_maps : 1;
}

static void mirror_work(struct nyx__sink *sink)
{
	struct nyx_mirror *m = mirror_of(sink);
	struct mirror_target *t;

	for (t = m->targets; t; t = t->next) {
		if (!t->cut || t->streamed || !quarantine(m, t))
			continue;
		/* A record of it may be applied before the call returns. */
		t->cut = false;
		t->live = true;
		t->streamed = true;
		if (nyx__changes_add(m->changes, t->kind, t->id, nyx__mirror_max_maps(m),
				     &m->sink, t, &t->number)) {
			t->cut = true;
			t->streamed = false;
		}
	}
}

static void mirror_gone(struct nyx__sink *sink)
{
	struct nyx_mirror *m = mirror_of(sink);
	struct nyx_mirror_event event = { .kind = NYX_MIRROR_BROKEN, .error = -ENODEV };
	struct mirror_target *t;

	if (!m->broken && nyx__mirror_empty(m) && nyx__mirror_tell(m, NULL, &event))
		m->broken = true;
	for (t = m->targets; t; t = t->next)
		nyx__spans_remove(&t->maps, 0, UINT64_MAX);
	event.kind = NYX_MIRROR_GONE;
	nyx__mirror_tell(m, NULL, &event);
}

const struct nyx__sink nyx__mirror_sink = {
	.change = mirror_change,
	.commit = mirror_commit,
	.settle = mirror_settle,
	.work = mirror_work,
	.gone = mirror_gone,
};
