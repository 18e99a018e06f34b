/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx selftests: a guest that does everything at once.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Three threads change tables and registers, give commands, send DMA and messages, and take
 * memory and devices away. The kernel must not complain, every command must come back, and
 * after a reset the unit is as new. A vendor's program says how a driver starts; from
 * then on words of the guest's tables, and registers, are as the driver has left them, but
 * for a bit now and then. -s repeats the sequence of each thread.
 *
 * Values that one thread alone can try are for the fuzzers, which compare what follows with a
 * model: see selftests/fuzz. They have neither threads nor a kernel's locks and memory.
 */
#ifndef NYX_SELFTESTS_CHAOS_H
#define NYX_SELFTESTS_CHAOS_H

#include "guest.h"

/* The driver's mappings: of data, and of a table, which devices overwrite. */
#define CHAOS_DATA	0x5000ull
#define CHAOS_TABLE	0x6000ull

/**
 * struct chaos_model - what guests of a vendor do
 * @devices: the devices
 * @nr_devices: of them
 * @fill: writes the tables, with the mappings of the devices
 * @start: turns everything on, from any state; any thread may
 * @give_commands: to the queue; starts the queue again when it has stopped
 * @message: address and data of an interrupt
 */
struct chaos_model {
	const __u32 *devices;
	unsigned int nr_devices;
	void (*fill)(struct guest *g);
	void (*start)(struct guest *g);
	void (*give_commands)(struct guest *g, struct rng *r);
	void (*message)(struct rng *r, struct nyx_irq_send *s);
};

/* No bit mostly, or one. */
__u64 chaos_noise(struct rng *r);

/*
 * Runs three threads of @steps; @salt tells their sequences from others. Then a reset:
 * memory is empty, and the driver may start.
 */
void chaos(struct guest *g, const struct chaos_model *model, __u64 salt, unsigned long steps);

#endif /* NYX_SELFTESTS_CHAOS_H */
