/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx host build: a list where the kernel has a tree: few fault trackers wait.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "host/kernel.h"

#ifndef NYX_HOST_TIMERQUEUE_H
#define NYX_HOST_TIMERQUEUE_H

struct timerqueue_node {
	struct timerqueue_node *next;
	s64 expires;
};

struct timerqueue_head { struct timerqueue_node *first; };

#define timerqueue_init_head(h)	((h)->first = NULL)
#define timerqueue_init(n)	((n)->next = NULL)
#define timerqueue_getnext(h)	((h)->first)

/* True if the node is the first one. */
static inline bool timerqueue_add(struct timerqueue_head *head,
				  struct timerqueue_node *node)
{
	struct timerqueue_node **at = &head->first;

	while (*at && (*at)->expires <= node->expires)
		at = &(*at)->next;
	node->next = *at;
	*at = node;
	return at == &head->first;
}

static inline bool timerqueue_del(struct timerqueue_head *head,
				  struct timerqueue_node *node)
{
	struct timerqueue_node **at = &head->first;

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	return head->first;
}

#endif
