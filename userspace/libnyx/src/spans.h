/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: sets of ranges of IOVAs that do not overlap.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A treap: a search tree by IOVA, and a heap by random priorities, so that no guest chooses
 * addresses that make it deep.
 */
#ifndef LIBNYX_SPANS_H
#define LIBNYX_SPANS_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct span - a range
 * @iova: first IOVA
 * @last: last IOVA
 * @gpa: GPA of @iova
 * @host: address of @iova, or NULL
 * @prot: of enum nyx_prot
 * @tag: for the owner of the set
 * @priority: above those of both subtrees
 * @left: ranges before this one
 * @right: ranges behind it
 */
struct span {
	uint64_t iova;
	uint64_t last;
	uint64_t gpa;
	char *host;
	uint32_t prot;
	uint32_t priority;
	uint64_t tag;
	struct span *left;
	struct span *right;
};

/**
 * struct spans - a set of ranges
 * @root: the tree
 * @nr: ranges
 * @bytes: their sum
 * @random: state of the source of priorities
 */
struct spans {
	struct span *root;
	uint64_t nr;
	uint64_t bytes;
	uint64_t random;
};

void nyx__spans_init(struct spans *spans);
/* The first range that ends at @iova or behind it, or NULL. */
struct span *nyx__spans_from(const struct spans *spans, uint64_t iova);
/* The last range that begins at @iova or before it, or NULL. */
struct span *nyx__spans_upto(const struct spans *spans, uint64_t iova);
/* The next range, or NULL. */
struct span *nyx__spans_next(const struct spans *spans, const struct span *span);
/* Takes over @span, from malloc(3), which overlaps no range. */
void nyx__spans_insert(struct spans *spans, struct span *span);
/* Removes and frees the ranges that begin in @first to @last. */
void nyx__spans_remove(struct spans *spans, uint64_t first, uint64_t last);

static inline uint64_t span_length(const struct span *span)
{
	return span->last - span->iova + 1;
}

#endif /* LIBNYX_SPANS_H */
