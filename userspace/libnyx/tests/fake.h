/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libnyx tests: a unit with change streams that is a part of the program.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * fake.c replaces ioctl(2). The unit has devices, each with a table of pages, and one stream. As
 * the kernel does, it keeps what it has reported of each target, and compares when it is asked.
 * It merges and cuts maps at random, within what the interface promises.
 *
 * Each time that all was acknowledged, fake.acknowledged() is called: a test compares then.
 */
#ifndef LIBNYX_TESTS_FAKE_H
#define LIBNYX_TESTS_FAKE_H

#include <pthread.h>

#include <nyx/nyx.h>

#include "ktap.h"

#define FAKE_PAGE	UINT64_C(4096)
#define FAKE_PAGES	64u		/* of each device's table */
#define FAKE_DEVICES	4u
#define FAKE_QUEUE	(FAKE_DEVICES * (3 * FAKE_PAGES + 4))

/* The device with an index. */
#define FAKE_SBDF(i)	NYX_SBDF(0, 1, (i), 0)
#define FAKE_DEV(i)	((nyx_device_t){ FAKE_SBDF(i) })

/**
 * struct fake_page - what a page of a device's table leads to
 * @prot: of enum nyx_prot; 0: nothing
 * @gpa: page number
 */
struct fake_page {
	uint32_t prot;
	uint32_t gpa;
};

/**
 * struct fake_map - a map that was reported
 */
struct fake_map {
	uint32_t first;
	uint32_t last;
	uint32_t gpa;
	uint32_t prot;
};

/**
 * struct fake_device - a device, or a domain, and the target that follows it
 * @state: of enum nyx_change_state
 * @domain: its domain
 * @base: IOVA of the first page of its table
 * @want: its table
 * @kind: of enum nyx_changes_kind
 * @target: number of its target; 0: none
 * @max_maps: of its target
 * @told: state that was reported
 * @told_domain: likewise
 * @map: what was reported
 * @nr_maps: how many
 * @quarantines: commands that have quarantined it
 * @faults: translations that were refused and reported
 */
struct fake_device {
	uint32_t state;
	uint32_t domain;
	uint64_t base;
	struct fake_page want[FAKE_PAGES];
	uint32_t kind;
	uint32_t target;
	uint32_t max_maps;
	uint32_t told;
	uint32_t told_domain;
	struct fake_map map[FAKE_PAGES];
	uint32_t nr_maps;
	unsigned int quarantines;
	unsigned int faults;
};

/**
 * struct fake - the unit
 * @lock: protects all of it
 * @done: signalled when all was acknowledged
 * @rng: where maps are merged and cut
 * @memory_cut: no map crosses a GPA that is a multiple of so many pages; 0: any may
 * @fd: of the unit
 * @stream: of the stream; an eventfd, which counts while there is something to report
 * @flags: of the stream
 * @device: the devices
 * @next_target: number of the next target
 * @queue: records that are to be handed out
 * @at: the first of them
 * @nr: how many there are
 * @seq: number of the last record that was handed out
 * @acked: number of the last record that was acknowledged
 * @whole: no map is cut at random
 * @dirty: something has changed since the last comparison
 * @script: records are pushed by fake_say() only, nothing is compared
 * @reads: calls of NYX_CHANGES_NEXT
 * @reader: thread that has called it last
 * @destroyed: the unit is gone
 * @busy: commands that wait for readers return -EINPROGRESS
 * @no_quarantine: errno with which quarantine fails
 * @address_width: of the unit
 * @next_error: errno with which the next NYX_CHANGES_NEXT fails
 * @end_error: errno with which a NYX_CHANGES_NEXT fails that finds nothing left
 * @add_error: errno with which NYX_CHANGES_ADD fails
 * @mmio: called for a write of a register, or NULL
 * @acknowledged: called when all that was handed out is acknowledged, or NULL
 * @translating: called when the unit is to translate, or NULL
 * @adding: called when a target was added, before the command returns, or NULL
 * @removing: called when a target is to be removed, or NULL
 */
struct fake {
	pthread_mutex_t lock;
	pthread_cond_t done;
	struct rng rng;
	uint32_t memory_cut;
	int fd;
	int stream;
	uint32_t flags;
	struct fake_device device[FAKE_DEVICES];
	uint32_t next_target;
	struct nyx_change queue[FAKE_QUEUE];
	uint32_t at;
	uint32_t nr;
	uint64_t seq;
	uint64_t acked;
	bool whole;
	bool dirty;
	bool script;
	uint64_t reads;
	pthread_t reader;
	bool destroyed;
	bool busy;
	int no_quarantine;
	uint32_t address_width;
	int next_error;
	int end_error;
	int add_error;
	void (*mmio)(void);
	void (*acknowledged)(void);
	void (*translating)(void);
	void (*adding)(void);
	void (*removing)(void);
};

extern struct fake fake;

/* A unit; all devices are detached, their tables are empty. */
struct nyx_unit *fake_unit(void);
/* Under fake.lock: what is to be reported has changed. */
void fake_changed(void);
/* Under fake.lock: wait until all is reported and acknowledged. */
void fake_wait(void);
/* Hand out a record as it is; fake.script is set. */
void fake_say(struct nyx_change change);
/* A device is attached to a domain, and all of its table is mapped to GPAs from a page on. */
void fake_attach(unsigned int index, uint32_t domain, uint32_t gpa, uint32_t prot);
/* The memory that a page leads to, as reported to the target of a device. */
struct fake_page fake_told(const struct fake_device *dev, uint32_t page);

/* Of each other file: what tests replace, or NULL. Returns what ioctl(2) does. */
extern int (*fake_other)(int fd, unsigned long request, void *arg);

#endif /* LIBNYX_TESTS_FAKE_H */
