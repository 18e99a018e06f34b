/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx selftests: a process that is killed in the middle of a long command.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The process has a unit of its own, which the test opens, too: what the command
 * has done by then, and when it is over, can be looked at. Nothing is measured in
 * time: a command that ends soon is one that has not done all of its work.
 *
 *	for (int i = 0; i < VICTIM_TRIES; i++) {
 *		victim_start(&v, prepare, run, arg);
 *		victim_kill(&v, under_way, arg);
 *		before = what is done by now;
 *		if (victim_end(&v))
 *			after = what has been done at all;
 *		victim_close(&v);
 *	}
 *
 * A command may be too fast for the signal. Then it says nothing, and the test tries
 * again; a command that no signal ends is one that has done everything each time.
 */
#ifndef NYX_SELFTESTS_VICTIM_H
#define NYX_SELFTESTS_VICTIM_H

#include "nyx_env.h"

#define VICTIM_TRIES	20

/**
 * struct victim_state - what both processes see
 * @unit: id of the unit, when it is there
 * @go: the command may begin
 * @done: the command has returned
 */
struct victim_state {
	__u32 unit;
	bool go;
	bool done;
};

/**
 * struct victim - such a process
 * @pid: the process
 * @fd: its unit, opened by the test
 * @state: shared
 */
struct victim {
	pid_t pid;
	int fd;
	struct victim_state *state;
};

/* In the process: @prepare makes a unit and returns its file, @run is the command. */
void victim_start(struct victim *v, int (*prepare)(void *arg), void (*run)(void *arg),
		  void *arg);
/* Kills it when @under_way says that the command has begun, or it is over. */
void victim_kill(struct victim *v, bool (*under_way)(struct victim *v, void *arg), void *arg);
/* Waits for its end. False if the command had returned before the signal came. */
bool victim_end(struct victim *v);
void victim_close(struct victim *v);

/**
 * struct victim_queue - a long queue that the register write of a guest executes
 * @prepare: as in victim_start(); also leaves the queue full
 * @run: writes the register
 * @executed: entries that were executed so far, of the unit of a file
 * @entries: of the queue
 */
struct victim_queue {
	int (*prepare)(void *arg);
	void (*run)(void *arg);
	unsigned int (*executed)(int fd);
	unsigned int entries;
};

/* A writer that is killed executes no entry after the one that is under way. */
void victim_in_queue(const struct victim_queue *q, void *arg);

/* Memory of zeros that both processes see; the test maps it before. */
void *victim_memory(size_t size);

#endif /* NYX_SELFTESTS_VICTIM_H */
