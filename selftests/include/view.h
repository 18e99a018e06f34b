/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx selftests: views: the two areas of NYX_VIEW_OPEN, by system calls alone.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_SELFTESTS_VIEW_H
#define NYX_SELFTESTS_VIEW_H

#include <nyx/view_reader.h>

#include "nyx_env.h"

/**
 * struct view - a view, mapped
 * @fd: its file
 * @id: its id
 * @head: the window
 * @size: bytes of the window
 * @devs: in the window
 * @doms: likewise
 * @sets: likewise
 * @ctl: the writable area
 * @rw_size: bytes of that
 * @slots: in that
 * @holds: likewise
 */
struct view {
	int fd;
	__u32 id;
	const struct nyx_window_head *head;
	size_t size;
	const struct nyx_window_dev *devs;
	const struct nyx_window_dom *doms;
	const struct nyx_window_entry *sets;
	struct nyx_view_ctl *ctl;
	size_t rw_size;
	struct nyx_view_slot *slots;
	struct nyx_view_hold *holds;
};

void view_open(struct view *v, int unit, __u32 slots, __u32 holds);
int view_try_open(struct view *v, int unit, __u32 slots, __u32 holds);	/* 0 or -errno */
void view_close(struct view *v);	/* unmaps both areas, too */

/* A word of the window, as it is now. */
__u64 view_dev(const struct view *v, __u32 index);
__u64 view_dom(const struct view *v, __u32 index);

/* The index that the window has for a device, or 0. */
__u32 view_find(const struct view *v, __u32 sbdf);
/* The domain index in its word. */
__u32 view_domain_of(const struct view *v, __u32 sbdf);

/*
 * Ask libnyx's reader about one byte at an IOVA of a device, in a section of its own in slot 3;
 * @ram is the guest's memory, from address 0. *gpa is set if it has found that, and the
 * kernel is not needed.
 */
enum nyx_reader_answer view_reads(struct view *v, const void *ram, __u64 size, __u32 sbdf,
				  __u64 iova, __u64 *gpa);

/* The count becomes odd, or even; in the window's phase. */
void slot_enter(struct view *v, unsigned int i, __u32 dev);
void slot_leave(struct view *v, unsigned int i);
/* Of pages @first to @last, in the window's phase; raises holds_used. */
void hold_take(struct view *v, unsigned int i, __u32 dom, __u32 dev, __u64 first, __u64 last);
void hold_release(struct view *v, unsigned int i);

#endif /* NYX_SELFTESTS_VIEW_H */
