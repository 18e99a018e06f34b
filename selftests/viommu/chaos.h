/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx selftests: a guest that does whatever comes to its mind.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Random registers, random tables and commands that are nearly right, random DMA
 * and messages, memory that comes and goes; from three threads. The kernel must
 * not complain, and every command must come back. A vendor's program says what
 * its tables and registers look like. -s repeats the sequence of each thread.
 *
 * One thread alone is for the fuzzers, which compare what it does with a model: see
 * selftests/fuzz. They have neither threads nor a kernel's locks, memory and eventfds. No bug
 * of selftests/mutations needs these programs: they are for KASAN and lockdep.
 */
#ifndef NYX_SELFTESTS_CHAOS_H
#define NYX_SELFTESTS_CHAOS_H

#include "guest.h"

/* Pages of the guest, as far as it keeps to its plan; what precedes is the vendor's. */
#define TABLE_PAGE	16u
#define PAGES		48u
#define CHAOS_RAM	(2 * SZ_1M)

struct chaos;

/**
 * struct chaos_model - what guests of a vendor do
 * @devices: the devices
 * @nr_devices: of them
 * @page: an entry of a table that is a page is this and an address
 * @write_memory: change a table
 * @use_queue: give commands, as a driver
 * @access_registers: any of them, in any way
 * @revive: everything on, at its place
 * @message: set address and data of an interrupt
 */
struct chaos_model {
	const __u32 *devices;
	unsigned int nr_devices;
	__u64 page;
	void (*write_memory)(struct guest *g, struct rng *r);
	void (*use_queue)(struct chaos *c, struct rng *r);
	void (*access_registers)(struct chaos *c, struct rng *r);
	void (*revive)(struct chaos *c, struct rng *r);
	void (*message)(struct rng *r, struct nyx_irq_send *s);
};

/**
 * struct chaos - one thread of a guest
 * @g: the guest
 * @model: its vendor
 * @salt: of the sequence
 * @steps: how many
 * @memory: it also takes memory and devices away
 * @source: eventfds of a binding
 * @target: likewise
 * @binding: its id
 */
struct chaos {
	struct guest *g;
	const struct chaos_model *model;
	__u64 salt;
	unsigned long steps;
	bool memory;
	int source;
	int target;
	__u32 binding;
};

/* A table, mostly; or any page, or anything. */
__u64 chaos_page(struct rng *r);
/* Few bits. */
__u64 chaos_noise(struct rng *r);
__u64 chaos_iova(struct rng *r);
__u32 chaos_device(const struct chaos_model *model, struct rng *r);
/* Write @value to a register, or a half of it to a half, and read it; or try what is no access. */
void chaos_access(struct guest *g, struct rng *r, __u16 offset, __u64 value);

/* An entry of two words: the second first. */
static inline void chaos_store(struct guest *g, __u64 at, __u64 lo, __u64 hi)
{
	store64(g, at + 8, hi);
	store64(g, at, lo);
}

/* Runs three threads of @steps; @salt tells their sequences from others. Then a reset. */
void chaos(struct guest *g, const struct chaos_model *model, __u64 salt, unsigned long steps);
/* A line about what was done. */
void chaos_tell(struct guest *g);

#endif /* NYX_SELFTESTS_CHAOS_H */
