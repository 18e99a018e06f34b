// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: mirrors: what the back end has mapped.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Pieces that are to be unmapped wait in one range, to which the next ones are added if no
 * piece that stays is between: so a call of the back end removes what many records take away.
 * The range is unmapped before anything is mapped, and before changes are acknowledged.
 */
#include "mirror.h"

#include <stdlib.h>

/* A back end has no more ranges, and not more each time. */
#define RANGES_MAX	65536u
#define LIMITS_TRIES	16u

int nyx__mirror_tell(struct nyx_mirror *m, const struct mirror_target *t,
		     struct nyx_mirror_event *event)
{
	if (!m->event)
		return -EOPNOTSUPP;
	event->size = sizeof(*event);
	event->sbdf = t && t->kind == NYX_CHANGES_DEVICE ? t->id : NYX_SBDF_ANY;
	if (t && t->kind == NYX_CHANGES_DOMAIN)
		event->domain_id = t->id;
	event->maps = m->pieces.nr;
	event->max_maps = m->max_maps == UINT64_MAX ? 0 : m->max_maps;
	event->bytes = m->pieces.bytes;
	return m->event(m, event, m->arg);
}

/* ---- unmapping ---------------------------------------------------------------- */

/* Call the back end for pieces of which @first is the first, @last the last. */
static int call_unmap(struct nyx_mirror *m, const struct span *first, const struct span *last,
		      uint64_t *unmapped)
{
	m->stat.unmap_calls++;
	m->dirty = true;
	*unmapped = 0;
	return m->backend.unmap(&m->backend, first->iova, last->last - first->iova + 1, unmapped);
}

static void forget_pieces(struct nyx_mirror *m, uint64_t first, uint64_t last)
{
	uint64_t nr = m->pieces.nr, bytes = m->pieces.bytes;

	nyx__mirror_dirty_unmapped(m, first, last);
	nyx__spans_remove(&m->pieces, first, last);
	m->stat.unmapped += nr - m->pieces.nr;
	m->stat.unmapped_bytes += bytes - m->pieces.bytes;
	/* NYX_MIRROR_NEAR_LIMIT is told again after a fall below 3/4 of the limit. */
	if (m->pieces.nr < m->max_maps - m->max_maps / 4)
		m->near = false;
}

/* After an error: one piece after another. */
static int empty_singly(struct nyx_mirror *m)
{
	struct span *piece, *next;
	uint64_t unmapped;
	int ret = 0, err;

	for (piece = nyx__spans_from(&m->pieces, 0); piece; piece = next) {
		next = nyx__spans_next(&m->pieces, piece);
		err = call_unmap(m, piece, piece, &unmapped);
		if (err)
			ret = err;
		else
			forget_pieces(m, piece->iova, piece->iova);
	}
	return ret;
}

int nyx__mirror_empty(struct nyx_mirror *m)
{
	struct span *first = nyx__spans_from(&m->pieces, 0), *last;
	uint64_t unmapped, bytes = m->pieces.bytes;
	int ret = 0;

	m->has_pending = false;
	if (first) {
		last = nyx__spans_upto(&m->pieces, UINT64_MAX);
		/* The length of all addresses does not fit. */
		if (last->last - first->iova == UINT64_MAX ||
		    call_unmap(m, first, last, &unmapped) || unmapped != bytes)
			ret = empty_singly(m);
		else
			forget_pieces(m, 0, UINT64_MAX);
	}
	if (!ret && m->dirty && m->backend.commit)
		ret = m->backend.commit(&m->backend);
	if (ret)
		return -EIO;
	m->dirty = false;
	return 0;
}

int nyx__mirror_fail(struct nyx_mirror *m, uint32_t why, int error)
{
	struct nyx_mirror_event event = {
		.kind = NYX_MIRROR_BROKEN, .why = why, .error = error,
	};
	struct mirror_target *t;

	m->stat.failures++;
	m->failed = true;
	for (t = m->targets; t; t = t->next) {
		t->cut = true;
		nyx__spans_remove(&t->maps, 0, UINT64_MAX);
	}
	if (nyx__mirror_empty(m)) {
		if (nyx__mirror_tell(m, NULL, &event)) {
			m->broken = true;
			return nyx__fail(-EIO);
		}
		/* The caller has cut off the device. */
		forget_pieces(m, 0, UINT64_MAX);
		m->dirty = false;
	}
	event.kind = NYX_MIRROR_FAILED;
	nyx__mirror_tell(m, NULL, &event);
	return MIRROR_FAILED;
}

int nyx__mirror_flush(struct nyx_mirror *m)
{
	struct span *first, *last, *piece;
	uint64_t unmapped, bytes = 0;
	int ret;

	if (!m->has_pending)
		return 0;
	m->has_pending = false;
	first = nyx__spans_from(&m->pieces, m->pending_first);
	last = nyx__spans_from(&m->pieces, m->pending_last);
	if (last->last - first->iova == UINT64_MAX) {
		/* The length of all addresses does not fit. */
		ret = call_unmap(m, first, first, &unmapped);
		if (!ret && unmapped != span_length(first))
			ret = -EPROTO;
		if (ret)
			goto fail;
		forget_pieces(m, first->iova, first->iova);
		first = nyx__spans_from(&m->pieces, 0);
	}
	for (piece = first; piece; piece = nyx__spans_next(&m->pieces, piece)) {
		bytes += span_length(piece);
		if (piece == last)
			break;
	}
	ret = call_unmap(m, first, last, &unmapped);
	if (!ret && unmapped != bytes)
		ret = -EPROTO;
	if (ret)
		goto fail;
	forget_pieces(m, first->iova, last->iova);
	return 0;

fail:
	return nyx__mirror_fail(m, ret == -EPROTO ? NYX_MIRROR_WHY_PROTOCOL :
				NYX_MIRROR_WHY_BACKEND, ret);
}

/* Is there a piece between two ranges, the first of which ends before the second begins? */
static bool piece_between(struct nyx_mirror *m, uint64_t end, uint64_t begin)
{
	struct span *piece = nyx__spans_from(&m->pieces, end + 1);

	return piece && piece->iova < begin;
}

int nyx__mirror_drop(struct nyx_mirror *m, uint64_t first, uint64_t last)
{
	struct span *a = nyx__spans_from(&m->pieces, first), *b;
	int ret;

	if (!a || a->iova > last)
		return 0;
	b = nyx__spans_upto(&m->pieces, last);
	if (m->has_pending && ((a->iova > m->pending_last &&
				piece_between(m, m->pending_last, a->iova)) ||
			       (b->last < m->pending_first &&
				piece_between(m, b->last, m->pending_first)))) {
		ret = nyx__mirror_flush(m);
		if (ret)
			return ret;
	}
	if (!m->has_pending || a->iova < m->pending_first)
		m->pending_first = a->iova;
	if (!m->has_pending || b->last > m->pending_last)
		m->pending_last = b->last;
	m->has_pending = true;
	return 0;
}

int nyx__mirror_commit(struct nyx_mirror *m)
{
	int ret = nyx__mirror_flush(m);

	if (ret || !m->dirty)
		return ret;
	ret = m->backend.commit ? m->backend.commit(&m->backend) : 0;
	if (ret)
		return nyx__mirror_fail(m, NYX_MIRROR_WHY_BACKEND, ret);
	m->dirty = false;
	return 0;
}

/* ---- mapping ------------------------------------------------------------------ */

size_t nyx__mirror_memory_from(const struct nyx_mirror *m, uint64_t gpa)
{
	size_t low = 0, high = m->nr_memory, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (m->memory[middle].last < gpa)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct mirror_memory *memory_at(const struct nyx_mirror *m, uint64_t gpa)
{
	size_t i = nyx__mirror_memory_from(m, gpa);

	return i < m->nr_memory && m->memory[i].gpa <= gpa ? &m->memory[i] : NULL;
}

/* The permissions of a piece in @memory. */
static uint32_t prot_in(const struct mirror_memory *memory, uint32_t prot)
{
	return memory->readonly ? prot & ~(uint32_t)NYX_PROT_WRITE : prot;
}

/*
 * The next segment that begins in @at to @last. False: there is none. At each step either a
 * segment is found, or the address moves on to where a map of a target begins.
 */
static bool next_segment(const struct nyx_mirror *m, uint64_t at, uint64_t last,
			 struct segment *seg)
{
	const struct mirror_target *t;
	const struct span *map;
	bool again, first;

	do {
		again = false;
		first = true;
		*seg = (struct segment) {
			.iova = at, .last = last, .prot = NYX_PROT_READ | NYX_PROT_WRITE,
		};
		for (t = m->targets; t; t = t->next) {
			if (!t->live || t->cut)
				continue;
			map = nyx__spans_from(&t->maps, at);
			if (!map || map->iova > last)
				return false;
			if (map->iova > at) {
				at = map->iova;
				again = true;
				break;
			}
			if (map->last < seg->last)
				seg->last = map->last;
			if (first)
				seg->gpa = map->gpa + (at - map->iova);
			else if (seg->gpa != map->gpa + (at - map->iova))
				seg->prot = 0;
			seg->prot &= map->prot;
			first = false;
		}
	} while (again);
	return !first;
}

static bool in_ranges(const struct nyx_mirror *m, uint64_t first, uint64_t last)
{
	size_t low = 0, high = m->nr_ranges, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (m->ranges[middle].last < first)
			low = middle + 1;
		else
			high = middle;
	}
	return low < m->nr_ranges && m->ranges[low].first <= first && m->ranges[low].last >= last;
}

/* The part of a segment from @at on that is in one range of memory; NULL: there is none. */
static const struct mirror_memory *cut(const struct nyx_mirror *m, const struct segment *seg,
				       uint64_t at, uint64_t last, struct nyx_mirror_map *map)
{
	uint64_t gpa = seg->gpa + (at - seg->iova);
	const struct mirror_memory *memory = memory_at(m, gpa);

	if (!memory)
		return NULL;
	if (memory->last - gpa < last - at)
		last = at + (memory->last - gpa);
	*map = (struct nyx_mirror_map) {
		.iova = at,
		.length = last - at + 1,
		.gpa = gpa,
		.host = memory->host + (gpa - memory->gpa),
		.prot = prot_in(memory, seg->prot),
	};
	return memory;
}

/* The next part of a segment that is not mapped; false: there is none. */
static bool next_hole(const struct nyx_mirror *m, const struct segment *seg, uint64_t *at,
		      uint64_t *last)
{
	const struct span *piece;

	while ((piece = nyx__spans_from(&m->pieces, *at)) && piece->iova <= *at) {
		if (piece->last >= seg->last)
			return false;
		*at = piece->last + 1;
	}
	*last = piece && piece->iova <= seg->last ? piece->iova - 1 : seg->last;
	return true;
}

/* Can a segment be mapped? Tells in *nr how many pieces that takes. */
static uint32_t check_segment(const struct nyx_mirror *m, const struct segment *seg, uint64_t *nr)
{
	uint64_t at = seg->iova, last;
	struct nyx_mirror_map map;

	*nr = 0;
	if (!in_ranges(m, seg->iova, seg->last) || (seg->iova & m->page_mask) ||
	    ((seg->last + 1) & m->page_mask))
		return NYX_MIRROR_WHY_RANGE;
	while (next_hole(m, seg, &at, &last)) {
		do {
			if (!cut(m, seg, at, last, &map) || !map.prot)
				return NYX_MIRROR_WHY_MEMORY;
			if (((uintptr_t)map.host | map.iova | map.length) & m->page_mask)
				return NYX_MIRROR_WHY_RANGE;
			++*nr;
			at += map.length - 1;
		} while (at++ != last);
		if (last == seg->last)
			break;
	}
	return *nr > m->max_maps - m->pieces.nr ? NYX_MIRROR_WHY_LIMIT : NYX_MIRROR_WHY_NONE;
}

/* 0, an error of the back end, or NO_MEMORY. */
enum { NO_MEMORY = 1 };

static int make_piece(struct nyx_mirror *m, const struct nyx_mirror_map *map)
{
	struct span *piece = malloc(sizeof(*piece));
	int ret;

	if (!piece)
		return NO_MEMORY;
	*piece = (struct span) {
		.iova = map->iova,
		.last = map->iova + (map->length - 1),
		.gpa = map->gpa,
		.host = map->host,
		.prot = map->prot,
		.tag = m->tag,
	};
	m->stat.map_calls++;
	m->dirty = true;
	ret = m->backend.map(&m->backend, map);
	if (ret) {
		free(piece);
		return ret;
	}
	nyx__spans_insert(&m->pieces, piece);
	m->stat.mapped++;
	m->stat.mapped_bytes += map->length;
	return 0;
}

static uint32_t why_of(int error)
{
	switch (error) {
	case -ENOMEM:
		return NYX_MIRROR_WHY_MEMLOCK;
	case -ENOSPC:
		return NYX_MIRROR_WHY_LIMIT;
	case NO_MEMORY:
		return NYX_MIRROR_WHY_NO_MEMORY;
	default:
		return NYX_MIRROR_WHY_BACKEND;
	}
}

int nyx__mirror_refuse(struct nyx_mirror *m, const struct mirror_target *t,
		       const struct segment *seg, uint32_t why, int error)
{
	struct nyx_mirror_event event = {
		.kind = NYX_MIRROR_REFUSED,
		.why = why,
		.error = error,
		.prot = seg->prot,
		.iova = seg->iova,
		.last = seg->last,
		.gpa = seg->gpa,
	};

	m->stat.refused++;
	return nyx__mirror_tell(m, t, &event) ? nyx__mirror_fail(m, why, error) : 0;
}

/* Tell that the limit is near. */
static void check_limit(struct nyx_mirror *m, const struct mirror_target *t)
{
	struct nyx_mirror_event event = { .kind = NYX_MIRROR_NEAR_LIMIT };

	if (m->near || m->max_maps == UINT64_MAX ||
	    m->pieces.nr < m->max_maps - m->max_maps / 8)
		return;
	m->near = true;
	nyx__mirror_tell(m, t, &event);
}

/* Unmap the pieces of a segment that were made last. */
static int undo(struct nyx_mirror *m, const struct segment *seg)
{
	struct span *piece = nyx__spans_from(&m->pieces, seg->iova);
	int ret = 0;

	for (; !ret && piece && piece->iova <= seg->last;
	     piece = nyx__spans_next(&m->pieces, piece)) {
		if (piece->tag == m->tag)
			ret = nyx__mirror_drop(m, piece->iova, piece->last);
	}
	return ret ? ret : nyx__mirror_flush(m);
}

/* Map the holes of a segment: all of them, or none. */
static int map_segment(struct nyx_mirror *m, const struct mirror_target *t,
		       const struct segment *seg)
{
	uint64_t at = seg->iova, last, nr, made = 0;
	struct nyx_mirror_map map;
	uint32_t why;
	int ret = 0;

	why = check_segment(m, seg, &nr);
	if (why)
		return nyx__mirror_refuse(m, t, seg, why, 0);
	m->tag++;
	while (made < nr && next_hole(m, seg, &at, &last)) {
		cut(m, seg, at, last, &map);
		ret = make_piece(m, &map);
		if (ret)
			break;
		made++;
	}
	if (!ret) {
		if (made)
			check_limit(m, t);
		return 0;
	}
	why = why_of(ret);
	if (why == NYX_MIRROR_WHY_BACKEND)
		return nyx__mirror_fail(m, why, ret);
	if (made) {
		int err = undo(m, seg);

		if (err)
			return err;
	}
	return nyx__mirror_refuse(m, t, seg, why, ret == NO_MEMORY ? -ENOMEM : ret);
}

int nyx__mirror_fill(struct nyx_mirror *m, const struct mirror_target *t, uint64_t first,
		     uint64_t last)
{
	struct segment seg;
	int ret;

	ret = nyx__mirror_flush(m);
	while (!ret && next_segment(m, first, last, &seg)) {
		if (seg.prot)
			ret = map_segment(m, t, &seg);
		if (seg.last == last)
			break;
		first = seg.last + 1;
	}
	return ret;
}

/* Is a piece what the targets map there? */
static bool is_right(const struct nyx_mirror *m, const struct span *piece)
{
	const struct mirror_memory *memory = memory_at(m, piece->gpa);
	struct segment seg;

	return next_segment(m, piece->iova, piece->last, &seg) && seg.iova == piece->iova &&
	       seg.last == piece->last && seg.gpa == piece->gpa && memory &&
	       prot_in(memory, seg.prot) == piece->prot;
}

int nyx__mirror_reconcile(struct nyx_mirror *m)
{
	struct span *piece = nyx__spans_from(&m->pieces, 0);
	uint64_t at, last;
	int ret = 0;

	while (!ret && piece) {
		at = piece->iova;
		last = piece->last;
		if (!is_right(m, piece))
			ret = nyx__mirror_drop(m, at, last);
		/* A flush has freed what was dropped before. */
		piece = last == UINT64_MAX ? NULL : nyx__spans_from(&m->pieces, last + 1);
	}
	return ret ? ret : nyx__mirror_fill(m, NULL, 0, UINT64_MAX);
}

/* ---- what is mapped ----------------------------------------------------------- */

bool nyx__mirror_find(const struct nyx_mirror *m, uint64_t iova, struct nyx_mirror_map *map)
{
	const struct span *piece = nyx__spans_from(&m->pieces, iova);

	if (!piece || piece->iova > iova ||
	    (m->has_pending && piece->iova >= m->pending_first && piece->last <= m->pending_last))
		return false;
	*map = nyx__mirror_map_of(piece);
	return true;
}

uint64_t nyx__mirror_bytes(const struct nyx_mirror *m, uint64_t first, uint64_t last)
{
	const struct span *piece = nyx__spans_from(&m->pieces, first);
	uint64_t bytes = 0;

	for (; piece && piece->last <= last; piece = nyx__spans_next(&m->pieces, piece))
		bytes += span_length(piece);
	return bytes;
}

/* ---- what can be mapped ------------------------------------------------------- */

/* Check the ranges that a back end has told, and join neighbours. */
static int take_ranges(struct nyx_mirror *m, struct nyx_mirror_range *ranges, size_t nr)
{
	size_t i, n = 0;

	for (i = 0; i < nr; i++) {
		if (ranges[i].first > ranges[i].last ||
		    (n && ranges[i].first <= ranges[n - 1].last))
			return -EPROTO;
		if (n && ranges[i].first == ranges[n - 1].last + 1)
			ranges[n - 1].last = ranges[i].last;
		else
			ranges[n++] = ranges[i];
	}
	free(m->ranges);
	m->ranges = ranges;
	m->nr_ranges = n;
	return 0;
}

int nyx__mirror_limits(struct nyx_mirror *m)
{
	struct nyx_mirror_limits limits = { .nr = 16 };
	struct nyx_mirror_range *ranges = NULL, *more;
	unsigned int tries = 0;
	int ret;

	/* A device that is added meanwhile makes more of them. */
	for (;;) {
		ret = -EPROTO;
		if (limits.nr > RANGES_MAX || tries++ == LIMITS_TRIES)
			goto err_free;
		ret = -ENOMEM;
		more = realloc(ranges, limits.nr * sizeof(*ranges));
		if (!more)
			goto err_free;
		ranges = more;
		limits.ranges = ranges;
		ret = m->backend.limits(&m->backend, &limits);
		if (ret)
			goto err_free;
		if (limits.nr_ranges <= limits.nr)
			break;
		limits.nr = limits.nr_ranges;
	}
	ret = -EPROTO;
	if (!limits.page_size || limits.page_size & (limits.page_size - 1))
		goto err_free;
	ret = take_ranges(m, ranges, limits.nr_ranges);
	if (ret)
		goto err_free;
	m->page_mask = limits.page_size - 1;
	m->max_maps = limits.more_maps > UINT64_MAX - m->pieces.nr ? UINT64_MAX :
		      limits.more_maps + m->pieces.nr;
	return 0;

err_free:
	free(ranges);
	return nyx__fail(ret);
}
