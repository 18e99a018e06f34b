/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: mirrors, what their files share.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * mirror.c has the interface and the targets, mirror_apply.c what the stream calls, mirror_map.c
 * the mappings. All of a mirror belongs
 * to the thread that is inside its stream, see changes.h.
 *
 * A mirror has pieces: what the back end has mapped. Each piece is a part of one map of each
 * target that is live, and of one range of memory. A map that the stream reports as gone is
 * reported as a whole, so its pieces go as a whole, too.
 */
#ifndef LIBNYX_MIRROR_H
#define LIBNYX_MIRROR_H

#include <nyx/memory.h>
#include <nyx/mirror.h>

#include "changes.h"
#include "spans.h"

/**
 * struct mirror_target - a device or a domain
 * @next: of the mirror
 * @kind: of enum nyx_changes_kind
 * @id: SBDF, or id of the domain
 * @number: in the stream
 * @streamed: the stream has it
 * @live: its maps count; otherwise it is new, and the stream has yet to report all of it
 * @cut: the mirror has failed, and the target is to be quarantined: its changes do not count
 * @maps: what it maps, as reported
 */
struct mirror_target {
	struct mirror_target *next;
	uint32_t kind;
	uint32_t id;
	uint32_t number;
	bool streamed;
	bool live;
	bool cut;
	struct spans maps;
};

/**
 * struct mirror_memory - a range of guest memory
 * @gpa: first GPA
 * @last: last GPA
 * @host: address of @gpa
 * @readonly: devices cannot write it
 * @dirty: a bit for each page that a device has written, or NULL
 */
struct mirror_memory {
	uint64_t gpa;
	uint64_t last;
	char *host;
	bool readonly;
	uint64_t *dirty;
};

/**
 * struct nyx_mirror - a mirror
 * @sink: what the stream calls
 * @changes: the stream
 * @backend: where to map
 * @last: last IOVA that the guest may map
 * @reserved: ranges that it does not map, ascending
 * @nr_reserved: how many
 * @event: what is told, or NULL
 * @arg: for @event
 * @targets: the targets
 * @memory: guest memory, by GPA
 * @nr_memory: how many ranges
 * @ranges: what the back end can map, ascending, with a gap between two
 * @nr_ranges: how many
 * @page_mask: bits that are 0 in the address of a page of the back end
 * @max_maps: mappings that there may be; UINT64_MAX: no limit
 * @pieces: what the back end has mapped
 * @tag: of the pieces that were made last, together
 * @has_pending: the pieces from @pending_first to @pending_last are to be unmapped
 * @pending_first: first IOVA of a piece
 * @pending_last: last IOVA of a piece
 * @dirty: the back end was called since it was told to commit
 * @near: NYX_MIRROR_NEAR_LIMIT was told
 * @failed: targets are to be quarantined
 * @broken: the back end cannot be emptied: nothing is acknowledged any more
 * @tracks: writes are tracked
 * @host_tracks: by the back end, too
 * @stat: counts, without those that are elsewhere
 */
struct nyx_mirror {
	struct nyx__sink sink;
	struct nyx_changes *changes;
	struct nyx_mirror_backend backend;
	uint64_t last;
	struct nyx_mirror_range *reserved;
	size_t nr_reserved;
	nyx_mirror_event_fn event;
	void *arg;
	struct mirror_target *targets;
	struct mirror_memory *memory;
	size_t nr_memory;
	struct nyx_mirror_range *ranges;
	size_t nr_ranges;
	uint64_t page_mask;
	uint64_t max_maps;
	struct spans pieces;
	uint64_t tag;
	bool has_pending;
	uint64_t pending_first;
	uint64_t pending_last;
	bool dirty;
	bool near;
	bool failed;
	bool broken;
	bool tracks;
	bool host_tracks;
	struct nyx_mirror_stat stat;
};

static inline struct nyx_mirror_map nyx__mirror_map_of(const struct span *piece)
{
	return (struct nyx_mirror_map) {
		.iova = piece->iova,
		.length = span_length(piece),
		.gpa = piece->gpa,
		.host = piece->host,
		.prot = piece->prot,
	};
}

/* A range that all targets map, to the same memory if @prot is not 0 */
struct segment {
	uint64_t iova;
	uint64_t last;
	uint64_t gpa;
	uint32_t prot;
};

/*
 * The functions below return 0; MIRROR_FAILED if the mirror has failed meanwhile: it is empty,
 * all its targets are cut, and nothing is left to do; -EIO if it is broken.
 */
enum { MIRROR_FAILED = 1 };

/* Tell something about @t, or NULL. @event has what is special. Returns what the function did. */
int nyx__mirror_tell(struct nyx_mirror *m, const struct mirror_target *t,
		     struct nyx_mirror_event *event);
/* Empty the mirror, and let its targets be quarantined. */
int nyx__mirror_fail(struct nyx_mirror *m, uint32_t why, int error);
/* Tell that a segment is not mapped, and why, and fail if the function says so. */
int nyx__mirror_refuse(struct nyx_mirror *m, const struct mirror_target *t,
		       const struct segment *seg, uint32_t why, int error);
/* Unmap the pieces in a range, at the next flush. */
int nyx__mirror_drop(struct nyx_mirror *m, uint64_t first, uint64_t last);
/* Unmap what was dropped. */
int nyx__mirror_flush(struct nyx_mirror *m);
/* Complete all calls of the back end. */
int nyx__mirror_commit(struct nyx_mirror *m);
/* Map what the targets map in a range, and is not mapped. @t: whose change that is, or NULL */
int nyx__mirror_fill(struct nyx_mirror *m, const struct mirror_target *t, uint64_t first,
		     uint64_t last);
/* The set of live targets has changed: unmap and map what differs. */
int nyx__mirror_reconcile(struct nyx_mirror *m);
/* Unmap all; 0 or -EIO. */
int nyx__mirror_empty(struct nyx_mirror *m);
/* The index of the first range of memory that ends at or behind @gpa. */
size_t nyx__mirror_memory_from(const struct nyx_mirror *m, uint64_t gpa);
/* Ask the back end what it can map; 0 or a negative errno. */
int nyx__mirror_limits(struct nyx_mirror *m);
/* The mapping at @iova; false: there is none, or it is to be unmapped. Inside the stream. */
bool nyx__mirror_find(const struct nyx_mirror *m, uint64_t iova, struct nyx_mirror_map *map);
/* Bytes that are mapped in a range that cuts no mapping. */
uint64_t nyx__mirror_bytes(const struct nyx_mirror *m, uint64_t first, uint64_t last);

/* A range of memory is new: give it a bitmap, if writes are tracked; 0 or -ENOMEM. */
int nyx__mirror_dirty_memory(struct nyx_mirror *m, struct mirror_memory *memory);
/* The pieces in a range have been unmapped: they count as written. */
void nyx__mirror_dirty_unmapped(struct nyx_mirror *m, uint64_t first, uint64_t last);

/* Functions that the stream calls */
extern const struct nyx__sink nyx__mirror_sink;
/* Limit on the maps of a target, as the kernel takes it. */
uint32_t nyx__mirror_max_maps(const struct nyx_mirror *m);

#endif /* LIBNYX_MIRROR_H */
