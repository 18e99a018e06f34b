/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx host build: a binary search tree that nobody balances: the trees of tests are small.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "host/kernel.h"

#ifndef NYX_HOST_RBTREE_H
#define NYX_HOST_RBTREE_H

struct rb_node {
	struct rb_node *up;
	struct rb_node *rb_left;
	struct rb_node *rb_right;
};

struct rb_root { struct rb_node *rb_node; };

#define RB_ROOT				((struct rb_root){ NULL })
#define rb_entry(p, type, member)	container_of(p, type, member)
#define rb_entry_safe(p, type, member) ({				\
	__auto_type _node = (p);					\
									\
	_node ? rb_entry(_node, type, member) : NULL;			\
})

/* The lowest node of the tree below @node, or the highest. */
static inline struct rb_node *host_rb_end(struct rb_node *node, bool high)
{
	struct rb_node *next = node;

	while (next) {
		node = next;
		next = high ? node->rb_right : node->rb_left;
	}
	return node;
}

static inline struct rb_node *rb_first(const struct rb_root *root)
{
	return host_rb_end(root->rb_node, false);
}

static inline struct rb_node *rb_last(const struct rb_root *root)
{
	return host_rb_end(root->rb_node, true);
}

static inline void rb_link_node(struct rb_node *node, struct rb_node *up,
				struct rb_node **at)
{
	*node = (struct rb_node){ .up = up };
	*at = node;
}

static inline void rb_insert_color(struct rb_node *node, struct rb_root *root)
{
}

/* Let what is above @node be above @other, which may be NULL, instead. */
static inline void host_rb_replace(struct rb_root *root, struct rb_node *node,
				   struct rb_node *other)
{
	if (!node->up)
		root->rb_node = other;
	else if (node->up->rb_left == node)
		node->up->rb_left = other;
	else
		node->up->rb_right = other;
	if (other)
		other->up = node->up;
}

static inline void rb_erase(struct rb_node *node, struct rb_root *root)
{
	struct rb_node *next;

	if (!node->rb_left || !node->rb_right) {
		host_rb_replace(root, node, node->rb_left ?: node->rb_right);
		return;
	}
	/* The next higher one, which has nothing on its left, takes the place of @node. */
	next = host_rb_end(node->rb_right, false);
	host_rb_replace(root, next, next->rb_right);
	next->rb_left = node->rb_left;
	next->rb_right = node->rb_right;
	next->rb_left->up = next;
	if (next->rb_right)
		next->rb_right->up = next;
	host_rb_replace(root, node, next);
}

/* The first node of the tree below @node that has no other below it. */
static inline struct rb_node *host_rb_leaf(struct rb_node *node)
{
	while (node && (node->rb_left || node->rb_right))
		node = node->rb_left ?: node->rb_right;
	return node;
}

static inline struct rb_node *host_rb_next_postorder(const struct rb_node *node)
{
	struct rb_node *up = node->up;

	return up && node == up->rb_left && up->rb_right ? host_rb_leaf(up->rb_right) : up;
}

/* @pos may be freed in the loop. */
#define rbtree_postorder_for_each_entry_safe(pos, n, root, member)		\
	for (pos = rb_entry_safe(host_rb_leaf((root)->rb_node), typeof(*pos), member); \
	     pos && ({								\
		n = rb_entry_safe(host_rb_next_postorder(&pos->member),		\
				  typeof(*pos), member);			\
		1; });								\
	     pos = n)

/* A node that is like @node, or NULL: then @node has been added. */
static inline struct rb_node *
rb_find_add(struct rb_node *node, struct rb_root *root,
	    int (*cmp)(struct rb_node *node, const struct rb_node *other))
{
	struct rb_node **at = &root->rb_node, *up = NULL;
	int order;

	while (*at) {
		up = *at;
		order = cmp(node, up);
		if (!order)
			return up;
		at = order < 0 ? &up->rb_left : &up->rb_right;
	}
	rb_link_node(node, up, at);
	return NULL;
}

#endif /* NYX_HOST_RBTREE_H */
