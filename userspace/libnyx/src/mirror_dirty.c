// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: mirrors: which guest memory the host's devices have written.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Each range of memory has a bitmap by GPA while writes are tracked. It gets what the back end
 * tells of the pieces that are mapped, when a caller asks; and each piece that is unmapped, in
 * whole, if the device might write it: between a question and the unmapping it could have written
 * any page of it. So a back end that can tell nothing makes all of its pieces dirty each time.
 */
#include "mirror.h"

#include <stdlib.h>

#define PAGE_SHIFT	12
#define WORD_BITS	64u

static uint64_t words_of(uint64_t length)
{
	return nyx_dirty_words(length, UINT64_C(1) << PAGE_SHIFT);
}

/* Set @nr bits from @at on, or those of @from, from its bit 0 on. */
static void set_bits(uint64_t *bitmap, uint64_t at, uint64_t nr, const uint64_t *from)
{
	uint64_t i;

	for (i = 0; i < nr; i++) {
		if (!from || from[i / WORD_BITS] >> i % WORD_BITS & 1)
			bitmap[(at + i) / WORD_BITS] |= UINT64_C(1) << (at + i) % WORD_BITS;
	}
}

/* The range of memory that has a piece, or NULL: it is gone, or devices do not write it. */
static struct mirror_memory *memory_of(struct nyx_mirror *m, const struct span *piece)
{
	size_t i = nyx__mirror_memory_from(m, piece->gpa);

	return i < m->nr_memory && m->memory[i].gpa <= piece->gpa && m->memory[i].dirty ?
		&m->memory[i] : NULL;
}

/* Note what was written in a piece; @whole: all of it. */
static void note_piece(struct nyx_mirror *m, const struct span *piece, bool whole)
{
	struct mirror_memory *memory = memory_of(m, piece);
	uint64_t nr = span_length(piece) >> PAGE_SHIFT, at, *bits = NULL;

	if (!memory || !(piece->prot & NYX_PROT_WRITE))
		return;
	if (!whole && m->host_tracks)
		bits = calloc(words_of(span_length(piece)), sizeof(*bits));
	if (bits && m->backend.dirty(&m->backend, NYX_MIRROR_DIRTY_READ, piece->iova,
				     span_length(piece), bits)) {
		free(bits);
		bits = NULL;
	}
	at = (piece->gpa - memory->gpa) >> PAGE_SHIFT;
	set_bits(memory->dirty, at, nr, bits);
	free(bits);
}

int nyx__mirror_dirty_memory(struct nyx_mirror *m, struct mirror_memory *memory)
{
	memory->dirty = NULL;
	if (!m->tracks || memory->readonly)
		return 0;
	memory->dirty = calloc(words_of(memory->last - memory->gpa + 1), sizeof(uint64_t));
	return memory->dirty ? 0 : nyx__fail(-ENOMEM);
}

void nyx__mirror_dirty_unmapped(struct nyx_mirror *m, uint64_t first, uint64_t last)
{
	struct span *piece;

	if (!m->tracks)
		return;
	for (piece = nyx__spans_from(&m->pieces, first); piece && piece->iova <= last;
	     piece = nyx__spans_next(&m->pieces, piece))
		note_piece(m, piece, true);
}

static void stop(struct nyx_mirror *m)
{
	size_t i;

	if (m->host_tracks)
		m->backend.dirty(&m->backend, NYX_MIRROR_DIRTY_STOP, 0, 0, NULL);
	m->host_tracks = false;
	m->tracks = false;
	for (i = 0; i < m->nr_memory; i++) {
		free(m->memory[i].dirty);
		m->memory[i].dirty = NULL;
	}
}

NYX_EXPORT int nyx_mirror_dirty_start(struct nyx_mirror *m)
{
	int ret = nyx__changes_enter(m->changes);
	size_t i;

	if (ret)
		return ret;
	if (m->tracks) {
		ret = nyx__fail(-EBUSY);
		goto out;
	}
	m->tracks = true;
	for (i = 0; !ret && i < m->nr_memory; i++)
		ret = nyx__mirror_dirty_memory(m, &m->memory[i]);
	if (ret) {
		stop(m);
		goto out;
	}
	/* A back end that cannot tell is no failure. */
	m->host_tracks = m->backend.dirty &&
			 !m->backend.dirty(&m->backend, NYX_MIRROR_DIRTY_START, 0, 0, NULL);
out:
	nyx__changes_leave(m->changes);
	return ret;
}

NYX_EXPORT int nyx_mirror_dirty_stop(struct nyx_mirror *m)
{
	int ret = nyx__changes_enter(m->changes);

	if (ret)
		return ret;
	if (m->tracks)
		stop(m);
	else
		ret = nyx__fail(-EINVAL);
	nyx__changes_leave(m->changes);
	return ret;
}

/* Move the bits of a range of memory that are in the pages from @first to @last. */
static void take_bits(struct mirror_memory *memory, uint64_t first, uint64_t last,
		      uint64_t *bitmap)
{
	const uint64_t base = memory->gpa >> PAGE_SHIFT;
	uint64_t from = first > base ? first : base, to = memory->last >> PAGE_SHIFT, i;

	if (to > last)
		to = last;
	for (i = from; memory->dirty && i <= to; i++) {
		uint64_t *word = &memory->dirty[(i - base) / WORD_BITS];
		uint64_t bit = UINT64_C(1) << (i - base) % WORD_BITS;

		if (*word & bit)
			set_bits(bitmap, i - first, 1, NULL);
		*word &= ~bit;
	}
}

NYX_EXPORT int nyx_mirror_dirty_read(struct nyx_mirror *m, uint64_t gpa, uint64_t length,
				     uint64_t *bitmap)
{
	const uint64_t last = gpa + (length - 1);
	struct span *piece;
	size_t i;
	int ret;

	if (!length || (gpa | length) & ((1u << PAGE_SHIFT) - 1))
		return nyx__fail(-EINVAL);
	if (last < gpa)
		return nyx__fail(-EOVERFLOW);
	ret = nyx__changes_enter(m->changes);
	if (ret)
		return ret;
	if (!m->tracks) {
		ret = nyx__fail(-EINVAL);
		goto out;
	}
	for (piece = nyx__spans_from(&m->pieces, 0); piece;
	     piece = nyx__spans_next(&m->pieces, piece)) {
		if (piece->gpa <= last && piece->gpa + (span_length(piece) - 1) >= gpa)
			note_piece(m, piece, false);
	}
	for (i = nyx__mirror_memory_from(m, gpa); i < m->nr_memory && m->memory[i].gpa <= last; i++)
		take_bits(&m->memory[i], gpa >> PAGE_SHIFT, last >> PAGE_SHIFT, bitmap);
out:
	nyx__changes_leave(m->changes);
	return ret;
}
