/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/kernel.h"

#ifndef NYX_HOST_LIST_H
#define NYX_HOST_LIST_H

struct list_head { struct list_head *next, *prev; };

#define LIST_HEAD(name) struct list_head name = { &(name), &(name) }

static inline void INIT_LIST_HEAD(struct list_head *head)
{
	head->next = head;
	head->prev = head;
}

/* No member of the head's "entry" is looked at: it is not aligned as one. */
#define list_entry_is_head(pos, head, member)					\
	((char *)(pos) + offsetof(typeof(*(pos)), member) == (char *)(head))

#define list_for_each_entry_safe(pos, n, head, member)				\
	for (pos = container_of((head)->next, typeof(*pos), member),		\
	     n = container_of(pos->member.next, typeof(*pos), member);		\
	     !list_entry_is_head(pos, head, member);				\
	     pos = n, n = container_of(n->member.next, typeof(*n), member))

static inline void list_add(struct list_head *entry, struct list_head *head)
{
	entry->next = head->next;
	entry->prev = head;
	head->next->prev = entry;
	head->next = entry;
}

static inline void list_add_tail(struct list_head *entry, struct list_head *head)
{
	list_add(entry, head->prev);
}

static inline void list_del(struct list_head *entry)
{
	entry->next->prev = entry->prev;
	entry->prev->next = entry->next;
}

static inline void list_del_init(struct list_head *entry)
{
	list_del(entry);
	INIT_LIST_HEAD(entry);
}

static inline bool list_empty(const struct list_head *head)
{
	return READ_ONCE(head->next) == head;
}

#define list_first_entry_or_null(head, type, member)				\
	(list_empty(head) ? NULL : container_of((head)->next, type, member))

#define list_for_each_entry(pos, head, member)					\
	for (pos = container_of((head)->next, typeof(*pos), member);		\
	     !list_entry_is_head(pos, head, member);				\
	     pos = container_of(pos->member.next, typeof(*pos), member))

static inline void list_splice(struct list_head *list, struct list_head *head)
{
	if (list->next == list)
		return;
	list->next->prev = head;
	list->prev->next = head->next;
	head->next->prev = list->prev;
	head->next = list->next;
}

static inline void list_splice_init(struct list_head *list, struct list_head *head)
{
	list_splice(list, head);
	list->next = list->prev = list;
}

#endif
