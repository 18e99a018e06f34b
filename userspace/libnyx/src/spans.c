// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: sets of ranges of IOVAs that do not overlap.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "spans.h"

#include <stdlib.h>
#include <sys/random.h>

void nyx__spans_init(struct spans *spans)
{
	uint64_t seed = 0;

	/* Without random bytes the address of the set has to do. */
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
		seed ^= (uintptr_t)spans;
	*spans = (struct spans){ .random = seed | 1 };
}

/* Marsaglia's xorshift, of 64 bits */
static uint32_t next_priority(struct spans *spans)
{
	uint64_t x = spans->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	spans->random = x;
	return (uint32_t)(x >> 32);
}

struct span *nyx__spans_from(const struct spans *spans, uint64_t iova)
{
	struct span *at = spans->root, *found = NULL;

	while (at) {
		if (at->last < iova) {
			at = at->right;
		} else {
			found = at;
			at = at->left;
		}
	}
	return found;
}

struct span *nyx__spans_upto(const struct spans *spans, uint64_t iova)
{
	struct span *at = spans->root, *found = NULL;

	while (at) {
		if (at->iova > iova) {
			at = at->left;
		} else {
			found = at;
			at = at->right;
		}
	}
	return found;
}

struct span *nyx__spans_next(const struct spans *spans, const struct span *span)
{
	return span->last == UINT64_MAX ? NULL : nyx__spans_from(spans, span->last + 1);
}

/* Split a tree into ranges that begin before @iova, and the others. */
static void split(struct span *root, uint64_t iova, struct span **before, struct span **behind)
{
	while (root) {
		if (root->iova < iova) {
			*before = root;
			before = &root->right;
			root = root->right;
		} else {
			*behind = root;
			behind = &root->left;
			root = root->left;
		}
	}
	*before = NULL;
	*behind = NULL;
}

/* Join two trees; all ranges of @a are before those of @b. */
static struct span *join(struct span *a, struct span *b)
{
	struct span *root = NULL, **to = &root;

	while (a && b) {
		if (a->priority > b->priority) {
			*to = a;
			to = &a->right;
			a = a->right;
		} else {
			*to = b;
			to = &b->left;
			b = b->left;
		}
	}
	*to = a ? a : b;
	return root;
}

void nyx__spans_insert(struct spans *spans, struct span *span)
{
	struct span **at = &spans->root;

	span->priority = next_priority(spans);
	while (*at && (*at)->priority > span->priority)
		at = (*at)->iova < span->iova ? &(*at)->right : &(*at)->left;
	split(*at, span->iova, &span->left, &span->right);
	*at = span;
	spans->nr++;
	spans->bytes += span_length(span);
}

/* Free a tree, without recursion: the left subtree of each root is turned to its right. */
static void free_tree(struct spans *spans, struct span *root)
{
	struct span *left;

	while (root) {
		left = root->left;
		if (left) {
			root->left = left->right;
			left->right = root;
			root = left;
			continue;
		}
		left = root->right;
		spans->nr--;
		spans->bytes -= span_length(root);
		free(root);
		root = left;
	}
}

void nyx__spans_remove(struct spans *spans, uint64_t first, uint64_t last)
{
	struct span *before, *inside, *behind = NULL;

	split(spans->root, first, &before, &inside);
	if (last != UINT64_MAX)
		split(inside, last + 1, &inside, &behind);
	spans->root = join(before, behind);
	free_tree(spans, inside);
}
