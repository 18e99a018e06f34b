/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: fault policy, quarantine and recovery.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Each device has a fault tracker that weighs its faults. When their weight reaches the
 * threshold of its policy within the window, the device is quarantined:
 *
 *                faults                  time
 *     ACTIVE -----------> QUARANTINED --------> PROBATION
 *       ^                      ^                  |  |  |
 *       |                      |     faults       |  |  |
 *       |                      +------------------+  |  |
 *       |       time without a burst                 |  |
 *       +--------------------------------------------+  |
 *                                                       | faults, no tries left
 *                           DISABLED <------------------+
 *
 * A device that faults again in PROBATION is quarantined for twice as long. A command
 * brings a device from each state to ACTIVE, QUARANTINED or DISABLED.
 *
 * Quarantine sets a mark of the device, which each access and interrupt checks. A fault
 * tracker neither moves a device nor waits for accesses: it stops accesses that come later,
 * and nyx_device_control() waits for those in flight. Faults come in any context, so a
 * fault tracker has a spinlock:
 *
 *   nyx_fault_tracker::lock  state, score, samples, the device's context
 *   nyx_deadlines::lock      inside it: the queue of fault trackers that wait for a time
 *
 * The work item of a unit changes states when their time is over, and records the faults
 * whose own records were suppressed.
 */
#ifndef NYX_CORE_QUARANTINE_H
#define NYX_CORE_QUARANTINE_H

#include <linux/nyx_iommu.h>
#include <linux/spinlock.h>
#include <linux/timerqueue.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct nyx_device;
struct nyx_domain;
struct nyx_fault_info;
struct nyx_unit;
struct object_device;

/* Parts of a window; the oldest part expires as a whole. */
#define NYX_SCORE_PARTS	8u

/**
 * struct nyx_score - weight of faults within a window
 * @part_ns: length of a part; const until it is set up anew
 * @start: time at which the current part began
 * @part: index of the current part
 * @sum: of all parts
 * @weight: by part
 */
struct nyx_score {
	u64 part_ns;
	u64 start;
	u32 part;
	u32 sum;
	u32 weight[NYX_SCORE_PARTS];
};

/* Faults that look alike; see struct nyx_fault_sample. */
struct nyx_sample {
	u64 address;
	u64 time_ns;
	u8 reason;
	u8 access;
	u16 count;
};

/**
 * struct nyx_tracker_config - the fault policy of a device, as commands set it
 * @policy: the policy that applies
 * @own: the policy is the device's, not the unit's
 */
struct nyx_tracker_config {
	struct nyx_policy policy;
	bool own;
};

/**
 * struct nyx_tracker_state - quarantine state of a device
 * @next_ns: CLOCK_BOOTTIME of the next change of state, or 0
 * @would_ns: CLOCK_BOOTTIME of the last record of NYX_STATE_WOULD
 * @score: weight of its faults
 * @samples: the last kinds of faults
 * @tries: times that it was quarantined since it was last active for good
 * @device: of enum nyx_device_state
 *
 * Plain data: all that a reset of the device by command takes back.
 */
struct nyx_tracker_state {
	u64 next_ns;
	u64 would_ns;
	struct nyx_score score;
	struct nyx_sample samples[NYX_SAMPLES_MAX];
	u32 tries;
	u32 device;
};

/**
 * struct nyx_tracker_records - how many records of faults a device has had
 * @start_ns: CLOCK_BOOTTIME at which the current second of records began
 * @suppressed: faults since the last record
 * @event: the last suppressed fault; NULL: none was suppressed yet, or there was no memory
 *         for it
 * @emitted: records in the current second
 *
 * Few devices ever fault that often, so @event is there from the first suppressed fault on.
 */
struct nyx_tracker_records {
	u64 start_ns;
	u64 suppressed;
	struct nyx_event *event;
	u32 emitted;
};

/**
 * struct nyx_fault_tracker - watches the faults of a device
 * @lock: protects what follows
 * @cfg: configuration; also written under &nyx_unit.lock, which is enough to read it
 * @state: state of the device
 * @records: records of its faults
 * @gone: the device has been removed
 * @held: domain whose &nyx_domain.quarantined counts this device, or NULL
 * @node: in &nyx_deadlines.queue; under &nyx_deadlines.lock
 * @queued: @node is in that queue; under &nyx_deadlines.lock
 */
struct nyx_fault_tracker {
	spinlock_t lock;
	struct nyx_tracker_config cfg;
	struct nyx_tracker_state state;
	struct nyx_tracker_records records;
	bool gone;
	struct nyx_domain *held;
	struct timerqueue_node node;
	bool queued;
};

/**
 * struct nyx_deadlines - fault trackers of a unit that wait for a time
 * @lock: protects @queue
 * @queue: of &nyx_fault_tracker.node, by CLOCK_BOOTTIME
 * @work: does what is due
 */
struct nyx_deadlines {
	spinlock_t lock;
	struct timerqueue_head queue;
	struct delayed_work work;
};

/**
 * nyx_score_setup() - empty the window
 * @score: the score
 * @window_ns: its length
 *
 * Context: any; the caller serialises the users of @score.
 */
void nyx_score_setup(struct nyx_score *score, u64 window_ns);

/**
 * nyx_score_add() - add a fault
 * @score: the score
 * @now: CLOCK_BOOTTIME; never goes back by more than a part
 * @weight: what it counts; 0: only bring the score up to date
 *
 * Context: any; the caller serialises the users of @score.
 * Return: weight of the faults in the window.
 */
u32 nyx_score_add(struct nyx_score *score, u64 now, u32 weight);

/* The policy of a new unit. */
extern const struct nyx_policy nyx_policy_default;

void nyx_deadlines_init(struct nyx_deadlines *deadlines);

/* Cancel the work item: no device of the unit can fault any more. May sleep. */
void nyx_deadlines_fini(struct nyx_deadlines *deadlines);

/**
 * nyx_tracker_init() - begin to watch a device
 * @dev: the device
 * @policy: the unit's policy
 *
 * Context: any; before the device is published.
 */
void nyx_tracker_init(struct nyx_device *dev, const struct nyx_policy *policy);

/* Free what a fault tracker has allocated; a grace period after its device has gone. */
void nyx_tracker_free(struct nyx_device *dev);

/**
 * nyx_tracker_gone() - stop watching a device that is removed
 * @unit: the unit
 * @dev: the device
 *
 * Context: under &nyx_unit.lock, or without other users.
 */
void nyx_tracker_gone(struct nyx_unit *unit, struct nyx_device *dev);

/**
 * nyx_tracker_flush() - record the faults that were only counted, and take the device's
 *                       word out of the window
 * @unit: the unit, which ends
 * @dev: the device
 *
 * Context: under &nyx_unit.lock.
 */
void nyx_tracker_flush(struct nyx_unit *unit, struct nyx_device *dev);

/**
 * nyx_tracker_hold() - make a device's domain refuse its other devices, too, or stop that
 * @dev: the device, whose domain has changed
 *
 * Context: any, under &nyx_fault_tracker.lock.
 */
void nyx_tracker_hold(struct nyx_device *dev);

/**
 * nyx_tracker_fault() - weigh a fault, and say whether to record it
 * @unit: the unit
 * @dev: the device, which cannot go
 * @info: the fault
 * @event: its record, with its time and without its cause; its count is set
 * @state: set to the record of a change of the device's state, if there is one
 * @changed: set to whether there is one
 *
 * Context: any.
 * Return: true if @event is to be recorded.
 */
bool nyx_tracker_fault(struct nyx_unit *unit, struct nyx_device *dev,
		       const struct nyx_fault_info *info, struct nyx_event *event,
		       struct nyx_event *state, bool *changed);

/**
 * nyx_tracker_emit() - record a change of state
 * @unit: the unit
 * @dev: the device
 * @event: the record that nyx_tracker_fault() has made
 *
 * Context: any.
 */
void nyx_tracker_emit(struct nyx_unit *unit, struct nyx_device *dev,
		      struct nyx_event *event);

/**
 * nyx_tracker_get() - what a fault tracker knows
 * @dev: the device
 * @info: state, score, tries, time and flags are set
 *
 * Context: any.
 */
void nyx_tracker_get(struct nyx_device *dev, struct nyx_device_info *info);

/**
 * nyx_tracker_control() - change a device's state by hand
 * @unit: the unit
 * @dev: the device, which cannot go
 * @action: of enum nyx_device_action
 * @cause: of enum nyx_state_cause, for the record
 *
 * Context: any process. Accesses that begin later see the new state.
 */
void nyx_tracker_control(struct nyx_unit *unit, struct nyx_device *dev,
			 u32 action, u32 cause);

/**
 * nyx_tracker_save() - write down what a fault tracker knows
 * @dev: the device
 * @o: set: policy, state, score and samples
 *
 * Context: under &nyx_unit.lock.
 */
void nyx_tracker_save(struct nyx_device *dev, struct object_device *o);

/**
 * nyx_tracker_load() - take over what a fault tracker knew
 * @unit: the unit
 * @dev: a device without faults, that has its policy and its domain already
 * @o: state, score and samples, untrusted
 *
 * Nothing is recorded.
 *
 * Context: under &nyx_unit.lock.
 * Return: 0, or -EINVAL with nothing changed.
 */
int nyx_tracker_load(struct nyx_unit *unit, struct nyx_device *dev,
		     const struct object_device *o);

/**
 * nyx_tracker_quarantine() - quarantine a device, unless it is already
 * @unit: the unit
 * @dev: the device
 * @cause: of enum nyx_state_cause, for the record
 *
 * Context: process, under &nyx_unit.lock. Accesses that begin later see the new state.
 */
void nyx_tracker_quarantine(struct nyx_unit *unit, struct nyx_device *dev, u32 cause);

/**
 * nyx_policy_set() - set a policy
 * @unit: the unit
 * @sbdf: the device, or NULL: the unit's own, and that of its devices without
 *        one of their own
 * @policy: the policy, checked by the caller; NULL: the unit's
 *
 * Context: may sleep.
 * Return: 0 or -ENOENT.
 */
int nyx_policy_set(struct nyx_unit *unit, const u32 *sbdf,
		   const struct nyx_policy *policy);

/**
 * nyx_policy_get() - read a policy
 * @unit: the unit
 * @sbdf: the device, or NULL
 * @policy: set
 * @own: set to whether the device has one of its own
 *
 * Context: may sleep.
 * Return: 0 or -ENOENT.
 */
int nyx_policy_get(struct nyx_unit *unit, const u32 *sbdf,
		   struct nyx_policy *policy, bool *own);

#endif /* NYX_CORE_QUARANTINE_H */
