// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the gate that commands pass, and that keeps them out of a unit.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/gate.h"

#include <linux/lockdep.h>
#include <linux/nyx_iommu.h>

#include "base/reason.h"
#include "core/space/inval.h"
#include "core/unit.h"

int nyx_gate_init(struct nyx_gate *gate)
{
	int ret = epoch_init(&gate->epoch);

	if (ret)
		return ret;
	epoch_dep_outer(&gate->epoch);
	gate->state = NYX_MIGRATE_RUNNING;
	init_waitqueue_head(&gate->wait);
	mutex_init(&gate->lock);
	return 0;
}

void nyx_gate_fini(struct nyx_gate *gate)
{
	mutex_destroy(&gate->lock);
	epoch_fini(&gate->epoch);
}

int nyx_gate_wait(struct nyx_unit *unit, bool nonblock)
{
	struct nyx_gate *gate = &unit->gate;

	if (READ_ONCE(gate->state) == NYX_MIGRATE_RESUMING)
		return NYX_ERR(UNIT_LOADING);
	if (nonblock && READ_ONCE(gate->state))
		return NYX_ERR(UNIT_STOPPED);
	/* Of several commands EINTR says that the change was made: only a kill ends this wait. */
	if (wait_event_state(gate->wait,
			     READ_ONCE(gate->state) != NYX_MIGRATE_STOP_COPY ||
			     READ_ONCE(unit->dead), (TASK_KILLABLE | TASK_FREEZABLE)))
		return -EINTR;
	return READ_ONCE(unit->dead) ? NYX_ERR(UNIT_ENDED) : 0;
}

int nyx_gate_close(struct nyx_unit *unit, u32 state)
{
	int ret;

	lockdep_assert_held(&unit->gate.lock);
	WRITE_ONCE(unit->gate.state, state);
	/* A full barrier; pairs with nyx_gate_enter(). */
	ret = nyx_inval_wait_commands(unit);
	if (ret)
		nyx_gate_open(unit);
	return ret;
}

void nyx_gate_open(struct nyx_unit *unit)
{
	lockdep_assert_held(&unit->gate.lock);
	WRITE_ONCE(unit->gate.state, NYX_MIGRATE_RUNNING);
	wake_up_all(&unit->gate.wait);
}
