/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: a shadow: what a change stream has reported of an address space.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A shadow has the maps that were reported and not unmapped, none of which overlap. A sync
 * brings a range of it up to date with the translation, in two steps. It first checks each map in
 * the range, and reports an unmap of the whole map if a part of it translates in another way.
 * Then it fills: it reports maps of what translates and is not in the shadow, in the range and
 * where the first step has unmapped more than the range. Unmaps of maps in a row are one change.
 *
 * A sync stops when there is no room for a change, or when the translation says that it has
 * done enough for now, and goes on from there. It begins once more for what changes meanwhile.
 */
#ifndef NYX_CORE_SHADOW_H
#define NYX_CORE_SHADOW_H

#include <linux/rbtree.h>
#include <linux/types.h>

struct nyx_change;

/**
 * struct shadow_run - addresses that translate alike
 * @iova: first IOVA
 * @last: last IOVA
 * @gpa: GPA of @iova
 * @memory: what has the memory, for comparison only
 * @prot: NYX_ACC_*, at least one
 * @lg2: log2 of the size of the largest page behind it, of which it may be a part
 */
struct shadow_run {
	u64 iova;
	u64 last;
	u64 gpa;
	const void *memory;
	u32 prot;
	u8 lg2;
};

/**
 * typedef shadow_next_fn - find what translates
 * @ctx: of shadow_update()
 * @iova: first IOVA of interest
 * @last: last IOVA of interest
 * @run: set to the first run in the range, cut to it. A run may go on behind its end
 *
 * Return: 1; 0: nothing translates; -EAGAIN: go on later, at @run->iova, below which nothing
 * was found; another error.
 */
typedef int shadow_next_fn(void *ctx, u64 iova, u64 last, struct shadow_run *run);

/**
 * struct shadow - what was reported
 * @maps: struct shadow_map by IOVA
 * @nr: how many
 * @max: limit on @nr
 * @bytes: sum of their lengths, modulo 2^64
 * @sizes: bits of &shadow_run.lg2 that maps have had since there was none
 */
struct shadow {
	struct rb_root maps;
	u32 nr;
	u32 max;
	u64 bytes;
	u64 sizes;
};

/* The steps of a sync. */
enum shadow_step {
	SHADOW_IDLE,
	SHADOW_CHECK,
	SHADOW_FILL,
};

/**
 * struct shadow_sync - a sync under way
 * @last: last IOVA
 * @low: first IOVA to fill
 * @high: last IOVA to fill
 * @pos: where the step goes on
 * @step: of enum shadow_step
 */
struct shadow_sync {
	u64 last;
	u64 low;
	u64 high;
	u64 pos;
	u8 step;
};

/**
 * struct shadow_out - where changes go
 * @change: an array
 * @nr: changes in it
 * @room: how many fit
 * @target: for &nyx_change.target
 * @open: the last change is an unmap, and maps that follow may be added to it
 */
struct shadow_out {
	struct nyx_change *change;
	u32 nr;
	u32 room;
	u32 target;
	bool open;
};

/**
 * shadow_init() - prepare a shadow
 * @s: set: it has no map
 * @max: limit on maps
 */
void shadow_init(struct shadow *s, u32 max);

/**
 * shadow_clear() - free all maps
 * @s: the shadow
 *
 * Context: may sleep.
 */
void shadow_clear(struct shadow *s);

/**
 * shadow_span() - the range from the first map to the last
 * @s: the shadow
 * @first: set to the first IOVA
 * @last: set to the last IOVA
 *
 * Return: false if there is no map.
 */
bool shadow_span(const struct shadow *s, u64 *first, u64 *last);

/**
 * shadow_widen() - widen a range to large pages that were reported
 * @s: the shadow
 * @first: first IOVA
 * @last: last IOVA
 *
 * A guest that takes a large page away may name any address in it: also one that is not
 * reported, or that translates as before by another page.
 */
void shadow_widen(const struct shadow *s, u64 *first, u64 *last);

/**
 * shadow_begin() - begin a sync
 * @sync: an idle sync; set
 * @first: first IOVA
 * @last: last IOVA
 */
void shadow_begin(struct shadow_sync *sync, u64 first, u64 last);

/**
 * shadow_update() - go on with a sync
 * @s: the shadow
 * @sync: the sync; idle when it is done
 * @next: the translation
 * @ctx: for @next
 * @out: gets the changes
 *
 * Context: that of @next; may sleep.
 * Return: 0: it is done, or there is no room for a change; -EAGAIN: as @next says; -ENOSPC at
 * the limit on maps; -ENOMEM; another error of @next. After an error the sync may go on.
 */
int shadow_update(struct shadow *s, struct shadow_sync *sync, shadow_next_fn *next,
		  void *ctx, struct shadow_out *out);

#endif /* NYX_CORE_SHADOW_H */
