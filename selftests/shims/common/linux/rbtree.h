/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx host build: a list where the kernel has a tree: few domains have names.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "host/kernel.h"

#ifndef NYX_HOST_RBTREE_H
#define NYX_HOST_RBTREE_H

struct rb_node { struct rb_node *next; };
struct rb_root { struct rb_node *first; };

#define rb_entry(p, type, member)	container_of(p, type, member)

/* A node that is like @node, or NULL: then @node has been added. */
static inline struct rb_node *
rb_find_add(struct rb_node *node, struct rb_root *root,
	    int (*cmp)(struct rb_node *node, const struct rb_node *other))
{
	struct rb_node *other;

	for (other = root->first; other; other = other->next) {
		if (!cmp(node, other))
			return other;
	}
	node->next = root->first;
	root->first = node;
	return NULL;
}

static inline void rb_erase(struct rb_node *node, struct rb_root *root)
{
	struct rb_node **at = &root->first;

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
}

#endif /* NYX_HOST_RBTREE_H */
