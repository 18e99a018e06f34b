// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: mirrors, which keep an IOMMU of the host equal to what a guest has mapped.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "mirror.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES	4096u

/* Messages of interrupts: no translation leads there, of no guest. */
#define MSI_FIRST	UINT64_C(0xfee00000)
#define MSI_LAST	UINT64_C(0xfeefffff)

/* ---- what the guest may map, and the back end cannot -------------------------- */

struct conflicts {
	struct nyx_mirror_range *ranges;
	size_t nr;
	size_t n;
};

static void add_conflict(struct conflicts *c, uint64_t first, uint64_t last)
{
	if (c->n < c->nr)
		c->ranges[c->n] = (struct nyx_mirror_range){ .first = first, .last = last };
	c->n++;
}

/* Add what is not reserved of a range that the back end cannot map. */
static void add_gap(const struct nyx_mirror *m, struct conflicts *c, uint64_t first,
		    uint64_t last)
{
	size_t i;

	for (i = 0; i < m->nr_reserved; i++) {
		const struct nyx_mirror_range *r = &m->reserved[i];

		if (r->last < first)
			continue;
		if (r->first > last)
			break;
		if (r->first > first)
			add_conflict(c, first, r->first - 1);
		if (r->last >= last)
			return;
		first = r->last + 1;
	}
	add_conflict(c, first, last);
}

static int find_conflicts(const struct nyx_mirror *m, struct conflicts *c)
{
	uint64_t at = 0;
	size_t i;

	for (i = 0; i < m->nr_ranges; i++) {
		const struct nyx_mirror_range *r = &m->ranges[i];

		if (r->first > m->last)
			break;
		if (r->first > at)
			add_gap(m, c, at, r->first - 1);
		if (r->last >= m->last)
			return c->n ? nyx__fail(-ERANGE) : 0;
		at = r->last + 1;
	}
	add_gap(m, c, at, m->last);
	return c->n ? nyx__fail(-ERANGE) : 0;
}

NYX_EXPORT int nyx_mirror_check(struct nyx_mirror *m, struct nyx_mirror_range *conflicts,
				size_t nr, size_t *nr_conflicts)
{
	struct conflicts c = { .ranges = conflicts, .nr = nr };
	int ret = nyx__changes_enter(m->changes);

	if (ret)
		return ret;
	ret = nyx__mirror_limits(m);
	if (!ret) {
		ret = find_conflicts(m, &c);
		*nr_conflicts = c.n;
	}
	nyx__changes_leave(m->changes);
	return ret;
}

/* ---- open and close ----------------------------------------------------------- */

static int compare_ranges(const void *a, const void *b)
{
	const struct nyx_mirror_range *r = a, *s = b;

	return r->first < s->first ? -1 : r->first > s->first;
}

/* Copy the reserved ranges, with that of interrupts, in order. */
static int take_reserved(struct nyx_mirror *m, const struct nyx_mirror_opts *o)
{
	size_t i;

	for (i = 0; i < o->nr_reserved; i++) {
		if (o->reserved[i].first > o->reserved[i].last)
			return nyx__fail(-EINVAL);
	}
	m->reserved = calloc(o->nr_reserved + 1, sizeof(*m->reserved));
	if (!m->reserved)
		return nyx__fail(-ENOMEM);
	if (o->nr_reserved)
		memcpy(m->reserved, o->reserved, o->nr_reserved * sizeof(*m->reserved));
	m->nr_reserved = o->nr_reserved + 1;
	m->reserved[o->nr_reserved] = (struct nyx_mirror_range) {
		.first = MSI_FIRST, .last = MSI_LAST,
	};
	qsort(m->reserved, m->nr_reserved, sizeof(*m->reserved), compare_ranges);
	return 0;
}

static int take_last(struct nyx_mirror *m, uint64_t last)
{
	struct nyx_unit_info info = { .size = sizeof(info) };
	int ret;

	m->last = last;
	if (last)
		return 0;
	ret = nyx_unit_get(nyx__changes_unit(m->changes), &info);
	if (!ret)
		m->last = info.address_width < 64 ? (UINT64_C(1) << info.address_width) - 1 :
						    UINT64_MAX;
	return ret;
}

static void mirror_free(struct nyx_mirror *m)
{
	size_t i;

	nyx__spans_remove(&m->pieces, 0, UINT64_MAX);
	for (i = 0; i < m->nr_memory; i++)
		free(m->memory[i].dirty);
	free(m->reserved);
	free(m->ranges);
	free(m->memory);
	free(m);
}

NYX_EXPORT int nyx_mirror_open(struct nyx_changes *changes,
			       const struct nyx_mirror_backend *backend,
			       const struct nyx_mirror_opts *opts, struct nyx_mirror **mirror)
{
	struct nyx_mirror_opts o = { 0 };
	struct nyx_mirror *m;
	int ret;

	m = calloc(1, sizeof(*m));
	if (!m)
		return nyx__fail(-ENOMEM);
	nyx__spans_init(&m->pieces);
	m->changes = changes;
	m->sink = nyx__mirror_sink;
	ret = nyx__opts_copy(&m->backend, sizeof(m->backend), backend, backend->size);
	if (!ret)
		ret = nyx__opts_copy(&o, sizeof(o), opts, opts ? opts->size : 0);
	if (!ret && (o.flags || m->backend.reserved || !m->backend.map || !m->backend.unmap ||
		     !m->backend.limits))
		ret = nyx__fail(-EINVAL);
	m->event = o.event;
	m->arg = o.arg;
	if (!ret)
		ret = take_last(m, o.last);
	if (!ret)
		ret = take_reserved(m, &o);
	if (!ret)
		ret = nyx__mirror_limits(m);
	if (!ret)
		ret = nyx__changes_enter(changes);
	if (ret) {
		mirror_free(m);
		return ret;
	}
	ret = nyx__changes_sink_add(changes, &m->sink);
	nyx__changes_leave(changes);
	if (ret) {
		mirror_free(m);
		return ret;
	}
	*mirror = m;
	return 0;
}

/* Remove a target from the stream, and free it. */
static void target_free(struct nyx_mirror *m, struct mirror_target *t)
{
	struct mirror_target **at;

	for (at = &m->targets; *at != t; at = &(*at)->next)
		;
	*at = t->next;
	m->stat.targets--;
	if (t->streamed)
		nyx__changes_remove(m->changes, t->number);
	nyx__spans_remove(&t->maps, 0, UINT64_MAX);
	free(t);
}

NYX_EXPORT int nyx_mirror_close(struct nyx_mirror *m)
{
	struct nyx_mirror_event event = { .kind = NYX_MIRROR_BROKEN, .error = -EIO };
	struct nyx_changes *changes;
	int ret;

	if (!m)
		return 0;
	changes = m->changes;
	ret = nyx__changes_enter(changes);
	if (ret)
		return ret;
	if (m->broken || (nyx__mirror_empty(m) && nyx__mirror_tell(m, NULL, &event)))
		ret = nyx__fail(-EIO);
	while (m->targets)
		target_free(m, m->targets);
	nyx__changes_sink_remove(changes, &m->sink);
	nyx__changes_leave(changes);
	mirror_free(m);
	return ret;
}

/* ---- targets ------------------------------------------------------------------ */

/*
 * Go into the stream, to change the mirror; leave() is the end of it. Afterwards a mirror
 * that has failed has its targets quarantined, which is done when the stream is read.
 */
static int enter(struct nyx_mirror *m)
{
	int ret = nyx__changes_enter(m->changes);

	if (!ret && m->broken) {
		nyx__changes_leave(m->changes);
		ret = nyx__fail(-EIO);
	}
	return ret;
}

static int leave(struct nyx_mirror *m, int ret)
{
	bool failed = m->failed;
	int err;

	nyx__changes_leave(m->changes);
	ret = ret < 0 ? ret : 0;
	if (!failed)
		return ret;
	err = nyx_changes_handle(m->changes, NULL, NULL);
	return ret || nyx__changes_applied(err) ? ret : err;
}

static struct mirror_target *find_target(struct nyx_mirror *m, uint32_t kind, uint32_t id)
{
	struct mirror_target *t;

	for (t = m->targets; t; t = t->next) {
		if (t->kind == kind && t->id == id)
			return t;
	}
	return NULL;
}

static bool has_live(const struct nyx_mirror *m)
{
	const struct mirror_target *t;

	for (t = m->targets; t; t = t->next) {
		if (t->live)
			return true;
	}
	return false;
}

static int target_make(struct nyx_mirror *m, uint32_t kind, uint32_t id,
		       struct mirror_target **target)
{
	struct conflicts none = { 0 };
	struct mirror_target *t;
	int ret;

	ret = nyx__mirror_limits(m);
	if (!ret)
		ret = find_conflicts(m, &none);
	if (ret)
		return ret;
	if (find_target(m, kind, id))
		return nyx__fail_for(-EEXIST, NYX_REASON_TARGET_EXISTS);
	t = calloc(1, sizeof(*t));
	if (!t)
		return nyx__fail(-ENOMEM);
	nyx__spans_init(&t->maps);
	t->kind = kind;
	t->id = id;
	t->live = !m->targets;
	t->next = m->targets;
	m->targets = t;
	m->stat.targets++;
	*target = t;
	return 0;
}

static int target_remove(struct nyx_mirror *m, struct mirror_target *t)
{
	bool was_live = t->live;
	int ret = 0;

	t->live = false;
	/* No command waits for a target that is removed: so it is emptied before. */
	if (was_live && !has_live(m))
		ret = nyx__mirror_drop(m, 0, UINT64_MAX);
	if (!ret)
		ret = nyx__mirror_commit(m);
	target_free(m, t);
	if (!ret && was_live)
		ret = nyx__mirror_reconcile(m);
	if (!ret)
		ret = nyx__mirror_commit(m);
	return ret;
}

/* The stream has reported all of a new target, or @ret is an error. */
static int target_begin(struct nyx_mirror *m, struct mirror_target *t, int ret)
{
	if (!t)		/* removed meanwhile, by another thread */
		return ret ? ret : nyx__fail_for(-ENOENT, NYX_REASON_NO_SUCH_TARGET);
	/* A command that waits, or has waited, is not this one. */
	if (!nyx__changes_applied(ret)) {
		target_remove(m, t);
		return ret;
	}
	ret = 0;
	if (t->cut) {
		/* The mirror may have failed before the number of the target was known. */
		m->failed = true;
		return 0;
	}
	if (!t->live) {
		t->live = true;
		ret = nyx__mirror_reconcile(m);
	}
	return ret ? ret : nyx__mirror_commit(m);
}

static int target_add(struct nyx_mirror *m, uint32_t kind, uint32_t id)
{
	struct mirror_target *t;
	struct nyx__error error;
	uint32_t max, number;
	int ret;

	ret = enter(m);
	if (ret)
		return ret;
	ret = target_make(m, kind, id, &t);
	max = nyx__mirror_max_maps(m);
	if (!ret)
		t->streamed = true;
	nyx__changes_leave(m->changes);
	if (ret)
		return ret;

	/* Other threads may read the stream meanwhile, and apply changes of the target. */
	ret = nyx__changes_add(m->changes, kind, id, max, &m->sink, t, &number);
	error = nyx__last;
	nyx__changes_enter(m->changes);
	if (ret) {
		t->streamed = false;
		target_free(m, t);
	} else {
		t->number = number;
	}
	nyx__changes_leave(m->changes);
	if (!ret) {
		ret = nyx_changes_handle(m->changes, NULL, NULL);
		error = nyx__last;
		nyx__changes_enter(m->changes);
		ret = leave(m, target_begin(m, find_target(m, kind, id), ret));
	}
	if (ret == error.error)
		nyx__last = error;
	return ret;
}

static int target_drop(struct nyx_mirror *m, uint32_t kind, uint32_t id)
{
	struct mirror_target *t;
	int ret = enter(m);

	if (ret)
		return ret;
	t = find_target(m, kind, id);
	if (t)
		ret = target_remove(m, t);
	else
		ret = nyx__fail_for(-ENOENT, NYX_REASON_NO_SUCH_TARGET);
	return leave(m, ret);
}

NYX_EXPORT int nyx_mirror_add_device(struct nyx_mirror *m, nyx_device_t device)
{
	return target_add(m, NYX_CHANGES_DEVICE, device.sbdf);
}

NYX_EXPORT int nyx_mirror_add_domain(struct nyx_mirror *m, nyx_domain_t domain)
{
	return target_add(m, NYX_CHANGES_DOMAIN, domain.id);
}

NYX_EXPORT int nyx_mirror_remove_device(struct nyx_mirror *m, nyx_device_t device)
{
	return target_drop(m, NYX_CHANGES_DEVICE, device.sbdf);
}

NYX_EXPORT int nyx_mirror_remove_domain(struct nyx_mirror *m, nyx_domain_t domain)
{
	return target_drop(m, NYX_CHANGES_DOMAIN, domain.id);
}

NYX_EXPORT int nyx_mirror_run(struct nyx_mirror *m)
{
	return nyx_changes_handle(m->changes, NULL, NULL);
}

/* ---- memory ------------------------------------------------------------------- */

/* Map what leads to a new range. */
static int memory_fill(struct nyx_mirror *m, uint64_t gpa, uint64_t last)
{
	struct span *map = NULL;
	struct mirror_target *t;
	int ret = 0;

	/* Each segment is a part of a map of each live target, so one of them is enough. */
	for (t = m->targets; t && !t->live; t = t->next)
		;
	if (t)
		map = nyx__spans_from(&t->maps, 0);
	for (; !ret && map; map = nyx__spans_next(&t->maps, map)) {
		if (map->gpa <= last && map->gpa + (map->last - map->iova) >= gpa)
			ret = nyx__mirror_fill(m, t, map->iova, map->last);
	}
	return ret ? ret : nyx__mirror_commit(m);
}

NYX_EXPORT int nyx_mirror_memory_add(struct nyx_mirror *m, uint64_t gpa, uint64_t length,
				     void *host, uint32_t flags)
{
	struct mirror_memory *memory, new;
	size_t i;
	int ret;

	if (!length || (gpa | length | (uintptr_t)host) % PAGE_BYTES ||
	    flags & ~(uint32_t)NYX_MEMORY_F_READONLY)
		return nyx__fail(-EINVAL);
	if (gpa + (length - 1) < gpa || (uintptr_t)host + (length - 1) < (uintptr_t)host)
		return nyx__fail(-EOVERFLOW);
	ret = enter(m);
	if (ret)
		return ret;
	i = nyx__mirror_memory_from(m, gpa);
	if (i < m->nr_memory && m->memory[i].gpa <= gpa + (length - 1)) {
		ret = nyx__fail(-EEXIST);
		goto out;
	}
	memory = realloc(m->memory, (m->nr_memory + 1) * sizeof(*memory));
	if (!memory) {
		ret = nyx__fail(-ENOMEM);
		goto out;
	}
	m->memory = memory;
	new = (struct mirror_memory) {
		.gpa = gpa,
		.last = gpa + (length - 1),
		.host = host,
		.readonly = flags & NYX_MEMORY_F_READONLY,
	};
	ret = nyx__mirror_dirty_memory(m, &new);
	if (ret)
		goto out;
	memmove(&memory[i + 1], &memory[i], (m->nr_memory - i) * sizeof(*memory));
	memory[i] = new;
	m->nr_memory++;
	ret = memory_fill(m, gpa, gpa + (length - 1));
out:
	return leave(m, ret);
}

/* Unmap the pieces that lead to a range. */
static int memory_drop(struct nyx_mirror *m, const struct mirror_memory *memory)
{
	struct span *piece = nyx__spans_from(&m->pieces, 0);
	uint64_t last;
	int ret = 0;

	while (!ret && piece) {
		last = piece->last;
		if (piece->gpa >= memory->gpa && piece->gpa <= memory->last)
			ret = nyx__mirror_drop(m, piece->iova, last);
		/* A flush has freed what was dropped before. */
		piece = last == UINT64_MAX ? NULL : nyx__spans_from(&m->pieces, last + 1);
	}
	return ret ? ret : nyx__mirror_commit(m);
}

NYX_EXPORT int nyx_mirror_memory_remove(struct nyx_mirror *m, uint64_t gpa, uint64_t length)
{
	size_t i;
	int ret;

	if (!length)
		return nyx__fail(-ENOENT);
	ret = enter(m);
	if (ret)
		return ret;
	i = nyx__mirror_memory_from(m, gpa);
	if (i == m->nr_memory || m->memory[i].gpa != gpa ||
	    m->memory[i].last != gpa + (length - 1)) {
		ret = nyx__fail(-ENOENT);
		goto out;
	}
	ret = memory_drop(m, &m->memory[i]);
	if (ret < 0)
		goto out;
	m->nr_memory--;
	free(m->memory[i].dirty);
	memmove(&m->memory[i], &m->memory[i + 1], (m->nr_memory - i) * sizeof(*m->memory));
out:
	return leave(m, ret);
}

/* ---- what there is ------------------------------------------------------------ */

NYX_EXPORT int nyx_mirror_map_foreach(struct nyx_mirror *m, nyx_mirror_map_fn fn, void *arg)
{
	const struct span *piece;
	int ret = nyx__changes_enter(m->changes);

	if (ret)
		return ret;
	for (piece = nyx__spans_from(&m->pieces, 0); piece && !ret;
	     piece = nyx__spans_next(&m->pieces, piece)) {
		struct nyx_mirror_map map = nyx__mirror_map_of(piece);

		ret = fn(&map, arg);
	}
	nyx__changes_leave(m->changes);
	return ret;
}

NYX_EXPORT int nyx_mirror_find(struct nyx_mirror *m, uint64_t iova, struct nyx_mirror_map *map)
{
	int ret = nyx__changes_enter(m->changes);

	if (ret)
		return ret;
	if (!nyx__mirror_find(m, iova, map))
		ret = nyx__fail(-ENOENT);
	nyx__changes_leave(m->changes);
	return ret;
}

NYX_EXPORT int nyx_mirror_stat_get(struct nyx_mirror *m, struct nyx_mirror_stat *stat)
{
	uint32_t size = stat->size;
	struct nyx_mirror_stat st;
	int ret = nyx__size_check(size);

	if (ret)
		return ret;
	ret = nyx__changes_enter(m->changes);
	if (ret)
		return ret;
	st = m->stat;
	st.size = size;
	st.maps = m->pieces.nr;
	st.max_maps = m->max_maps == UINT64_MAX ? 0 : m->max_maps;
	st.bytes = m->pieces.bytes;
	st.reads = nyx__changes_reads(m->changes);
	nyx__changes_leave(m->changes);
	memset(stat, 0, size);
	memcpy(stat, &st, size < sizeof(st) ? size : sizeof(st));
	return 0;
}

