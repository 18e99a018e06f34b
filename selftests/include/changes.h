/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx selftests: a reader of a change stream, which keeps what the changes make.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * It ends the case if a change breaks a rule: a map where something is mapped, an unmap that
 * does not begin and end where maps do, maps in a state in which there are none.
 */
#ifndef NYX_SELFTESTS_CHANGES_H
#define NYX_SELFTESTS_CHANGES_H

#include "nyx_env.h"

#define STREAM_TARGETS	8u

/* A map that a target has reported. */
struct stream_map {
	__u64 iova;
	__u64 last;
	__u64 gpa;
	__u32 prot;
};

/**
 * struct stream_target - what a target has reported
 * @state: of enum nyx_change_state
 * @domain: as reported with it
 * @nr: maps
 * @room: of @map
 * @map: the maps
 */
struct stream_target {
	__u32 state;
	__u32 domain;
	size_t nr;
	size_t room;
	struct stream_map *map;
};

/**
 * struct stream - a change stream, and what its changes have made
 * @unit: file of the unit
 * @fd: file of the stream
 * @id: its id
 * @seq: number of the last change that was read
 * @target: by number less one
 * @maps: changes of each kind since stream_count() was last called
 * @unmaps: likewise
 * @states: likewise
 */
struct stream {
	int unit;
	int fd;
	__u32 id;
	__u64 seq;
	struct stream_target target[STREAM_TARGETS];
	unsigned int maps;
	unsigned int unmaps;
	unsigned int states;
};

int cmd_changes_open(int fd, __u32 flags, struct nyx_changes_open *c);
int cmd_changes_add(int fd, struct nyx_changes_add *c, __u32 id, __u32 kind, __u32 of);
int cmd_changes_remove(int fd, __u32 id, __u32 target);
int cmd_changes_next(int fd, struct nyx_changes_next *c, __u32 id, __u64 ack,
		     struct nyx_change *to, __u32 nr);

void stream_open(struct stream *s, int unit, __u32 flags);
__u32 stream_add(struct stream *s, __u32 kind, __u32 of);	/* a number */
__u32 stream_add_max(struct stream *s, __u32 kind, __u32 of, __u32 max_maps);

/* Applies changes. */
void stream_apply(struct stream *s, const struct nyx_change *change, __u32 nr);
/* One call, with room for @nr changes, which are applied. Returns true if there may be more. */
bool stream_next(struct stream *s, __u64 ack, __u32 nr);
/* Reads and acknowledges until nothing is left. */
void stream_settle(struct stream *s);
/* Reads until nothing is left, and acknowledges nothing. */
void stream_read(struct stream *s);
/* Is the file readable? */
bool stream_ready(const struct stream *s);

/* A target has exactly one map, this; or none with a length of 0. */
void stream_has(struct stream *s, __u32 target, __u64 iova, __u64 length, __u64 gpa,
		__u32 prot);
/* A target has a map of this among others. */
bool stream_maps(struct stream *s, __u32 target, __u64 iova, __u64 length, __u64 gpa,
		 __u32 prot);
/* Changes since the last call were these. */
void stream_count(struct stream *s, unsigned int maps, unsigned int unmaps,
		  unsigned int states);
/* The map that an IOVA is in, or NULL. */
const struct stream_map *stream_find(struct stream *s, __u32 target, __u64 iova);
/* For reads, the unit translates the first pages of a device as the stream says. */
void stream_compare(struct stream *s, __u32 target, __u32 sbdf, unsigned int pages);

#endif /* NYX_SELFTESTS_CHANGES_H */
