/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: the gate that commands pass, and that keeps them out of a unit.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A command that uses or changes a unit is inside &nyx_gate.epoch. While the unit is
 * stopped or loaded no command is inside, but those that only look at it, or end it.
 */
#ifndef NYX_CORE_GATE_H
#define NYX_CORE_GATE_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "tlb/epoch.h"

struct nyx_unit;

/**
 * struct nyx_gate - the gate of a unit
 * @state: of enum nyx_migrate_state; written under @lock
 * @epoch: commands that are inside
 * @wait: commands that wait until the unit goes on
 * @lock: serialises changes of @state; outside of all other locks
 * @owner: the migration that has changed @state, or NULL; under @lock
 */
struct nyx_gate {
	u32 state;
	struct epoch epoch;
	wait_queue_head_t wait;
	struct mutex lock;
	void *owner;
};

/**
 * nyx_gate_init() - make a gate that is open
 * @gate: the gate
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int nyx_gate_init(struct nyx_gate *gate);

/* Free what nyx_gate_init() has made; no command is inside, and none can come. */
void nyx_gate_fini(struct nyx_gate *gate);

/**
 * nyx_gate_wait() - wait until a gate lets commands in, or the unit has ended
 * @unit: the unit
 * @nonblock: do not wait
 *
 * Context: may sleep.
 * Return: 0; -EAGAIN: the unit is stopped, and @nonblock; -EBUSY: it is loaded; -EINTR if the
 * caller was killed; -ENODEV: the unit has ended.
 */
int nyx_gate_wait(struct nyx_unit *unit, bool nonblock);

/**
 * nyx_gate_enter() - begin a command
 * @unit: the unit, of which the caller is a user
 * @gate: its gate
 * @nonblock: do not wait
 * @pair: set: what to hand to nyx_gate_exit()
 *
 * Context: may sleep.
 * Return: as nyx_gate_wait().
 */
static inline int nyx_gate_enter(struct nyx_unit *unit, struct nyx_gate *gate,
				 bool nonblock, unsigned int *pair)
{
	int ret;

	for (;;) {
		*pair = epoch_enter(&gate->epoch);
		/* epoch_enter() is a full barrier; pairs with nyx_gate_close(). */
		if (likely(!READ_ONCE(gate->state)))
			return 0;
		epoch_exit(&gate->epoch, *pair);
		ret = nyx_gate_wait(unit, nonblock);
		if (ret)
			return ret;
	}
}

/* End a command. */
static inline void nyx_gate_exit(struct nyx_gate *gate, unsigned int pair)
{
	epoch_exit(&gate->epoch, pair);
}

/**
 * nyx_gate_close() - keep commands out
 * @unit: the unit, whose gate is open
 * @state: the state that it gets
 *
 * When it returns 0, no command is inside.
 *
 * Context: under &nyx_gate.lock.
 * Return: 0, or -EINTR if the caller was killed: the gate is open.
 */
int nyx_gate_close(struct nyx_unit *unit, u32 state);

/**
 * nyx_gate_open() - let commands in
 * @unit: the unit
 *
 * Context: under &nyx_gate.lock.
 */
void nyx_gate_open(struct nyx_unit *unit);

#endif /* NYX_CORE_GATE_H */
