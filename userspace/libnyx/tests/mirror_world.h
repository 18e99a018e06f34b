/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libnyx tests: a mirror between a unit (fake.h) and a back end that are parts of the program.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The back end keeps a list of mappings, and refuses nothing that is right: a mapping that
 * overlaps another, or an unmapping that cuts one, ends the test. Each time that all changes are
 * acknowledged, the oracle compares it page by page with what the unit has reported.
 */
#ifndef LIBNYX_TESTS_MIRROR_WORLD_H
#define LIBNYX_TESTS_MIRROR_WORLD_H

#include "fake.h"

#define RW		(NYX_PROT_READ | NYX_PROT_WRITE)
#define PAGE		FAKE_PAGE
#define BASE		UINT64_C(0x100000)	/* of the devices' tables */
#define RAM_PAGES	256u
#define RANGE_PAGES	16u			/* of each range of memory */
#define RANGES		(RAM_PAGES / RANGE_PAGES)
#define MAPS		4096u

/**
 * struct host - the back end
 * @map: mappings, by IOVA
 * @nr: how many
 * @limits: what it can map
 * @range: of it
 * @calls: calls of its functions
 * @maps: calls that have mapped
 * @unmaps: calls that have unmapped
 * @commits: calls of commit
 * @pending: calls since the last commit
 * @fail_at: number of the call that fails; 0: none
 * @fail_on: only calls of this kind count: 'm', 'u', 'c'; 0: all
 * @error: with which
 * @for_good: all calls from then on
 * @failed: a call has failed
 * @short_unmap: the next unmapping tells a page less
 * @skip_unmap: the next unmapping does nothing
 */
struct host {
	struct nyx_mirror_map map[MAPS];
	size_t nr;
	struct nyx_mirror_limits limits;
	struct nyx_mirror_range range[4];
	unsigned long calls;
	unsigned long maps;
	unsigned long unmaps;
	unsigned long commits;
	unsigned long pending;
	unsigned long fail_at;
	char fail_on;
	int error;
	bool for_good;
	bool failed;
	bool short_unmap;
	bool skip_unmap;
};

extern struct host host;
extern struct nyx_mirror_backend backend;

extern char *ram;			/* RAM_PAGES, range by range in reverse order */
extern bool mirrored[FAKE_DEVICES];	/* devices that the oracle looks at */
extern bool blind;			/* the oracle does not look */

/* Events, by kind: how many, the last one, and what the function returns. */
extern unsigned int told[8];
extern struct nyx_mirror_event last_event[8];
extern int answer[8];
/* &nyx_mirror_opts.event: notes it there. @arg is told. */
int note_event(struct nyx_mirror *mirror, const struct nyx_mirror_event *event, void *arg);

struct world {
	struct nyx_unit *unit;
	struct nyx_changes *changes;
	struct nyx_mirror *mirror;
};

/* Nothing is mapped or fails, and all can be mapped. */
void host_reset(void);
/* Where a page of guest memory is. */
char *host_of(uint32_t gpa);
/* Does the back end have what the unit has reported? */
void compare(void);

/* A unit, a stream, a mirror with all memory and no device. */
struct world world_open(uint32_t flags);
/* The same, with a device that maps all of its table. */
struct world world_mapped(uint32_t flags);
void world_close(struct world *w);
/* Another mirror, without memory. */
struct nyx_mirror *mirror_open(struct nyx_changes *changes);
void memory_add(struct nyx_mirror *mirror, uint32_t range);
void memory_remove(struct nyx_mirror *mirror, uint32_t range);
/* Add a device to the mirror. */
void add(struct world *w, unsigned int index);
void run(struct world *w);
struct nyx_mirror_stat stat_of(struct world *w);
/* Something changes in the table of a device, or in its state. */
void change_something(struct rng *rng, struct fake_device *dev);
/* A record of target 1 */
void say(uint32_t kind, uint64_t iova, uint64_t last, uint64_t gpa);
/* The back end can map two ranges. */
void set_ranges(uint64_t first, uint64_t last, uint64_t first2, uint64_t last2);

#endif /* LIBNYX_TESTS_MIRROR_WORLD_H */
