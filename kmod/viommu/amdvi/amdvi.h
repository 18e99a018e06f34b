/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: AMD-Vi: a unit's vIOMMU model.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Locks: see viommu/vendor.h; &amdvi.log_mutex is inside &vendor.mutex, and outside of
 * &vendor.lock.
 *
 * Both logs lie in guest memory, and faults come up in any context. So log_put(), under
 * &vendor.lock, keeps an entry in a buffer of the log's own size, at the offset that it
 * will have in the log. log_flush(), under &amdvi.log_mutex, brings kept entries to guest
 * memory: first the entry, then the tail, then the interrupt. Its callers are:
 *
 * - log_work(), which never waits for user space: it takes no &vendor.mutex, and only tries
 *   &amdvi.log_mutex, whose owner queues the work again when an entry is left. It asks
 *   again for memory that is not at hand, for five seconds. Then, or at once if there is
 *   no such memory, it sends the interrupt before the entry, and leaves the entry to the
 *   access of a register that follows;
 * - reads of registers, before they look; without &vendor.mutex. They wait for the memory;
 *   entries for which there is none are lost;
 * - writes of registers, likewise, but under &vendor.mutex. A write holds
 *   &amdvi.log_mutex, with nothing kept, while the registers change: no entry is written
 *   by their old values. A reset holds it, too, and drops what is kept.
 */
#ifndef NYX_VIOMMU_AMDVI_H
#define NYX_VIOMMU_AMDVI_H

#include <linux/container_of.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "viommu/amdvi/amdvi_state.h"
#include "viommu/vendor.h"

/**
 * struct amdvi_log - a log in guest memory
 * @kept: entries that are to be written to the log, at the offset that they will have
 *        there, from the tail register on; as large as the log
 * @size: bytes of @kept, or 0
 * @spare: becomes @kept when the base changes; under &vendor.mutex
 * @spare_size: bytes of @spare, or 0; likewise
 * @nr: entries that are kept
 * @full: an entry found no room; log_overflow() follows when the kept entries are written
 * @lost: there is no memory where entries go: those that come up before
 *        amdvi_log_resume() are lost, too; changes under &amdvi.log_mutex only
 */
struct amdvi_log {
	u64 *kept;
	u64 size;
	u64 *spare;
	u64 spare_size;
	u32 nr;
	bool full;
	bool lost;
};

/**
 * struct amdvi - a unit's model
 * @base: the part that all models share
 * @cfg: configuration
 * @arch: architectural state
 * @log_mutex: serialises flushes of the logs to guest memory, and keeps their registers as
 *             they are
 * @log_work: brings the logs to guest memory
 * @log_tries: how often log_work() has tried for memory; no other function uses it
 * @log: by enum amdvi_log_id; under &vendor.lock
 * @any_fresh: there are bits in @fresh
 * @fresh: requesters whose entry was invalidated while older accesses may still meet a
 *         fault, by requester id; under &vendor.mutex
 */
struct amdvi {
	struct vendor base;
	struct amdvi_cfg cfg;
	struct amdvi_arch arch;
	struct mutex log_mutex;
	struct delayed_work log_work;
	unsigned int log_tries;
	struct amdvi_log log[LOG_MAX];
	bool any_fresh;
	DECLARE_BITMAP(fresh, AMDVI_REQUESTERS);
};

/* ---- amdvi_log.c -------------------------------------------------------- */

/**
 * amdvi_log_event() - log an event
 * @amdvi: the vIOMMU model
 * @rid: the requester, or 0
 * @did: its domain, or 0
 * @code: AMDVI_EVENT_*
 * @address: address
 *
 * Section 2.5. Context: any.
 */
void amdvi_log_event(struct amdvi *amdvi, u16 rid, u16 did, u16 code, u64 address);

/**
 * amdvi_log_event_locked() - log an event
 * @amdvi: the vIOMMU model
 * @rid: the requester, or 0
 * @did: its domain, or 0
 * @code: AMDVI_EVENT_*
 * @address: address
 *
 * Context: under &vendor.lock.
 */
void amdvi_log_event_locked(struct amdvi *amdvi, u16 rid, u16 did, u16 code,
			    u64 address);

/**
 * amdvi_log_guest() - log an interrupt of a guest of the guest
 * @amdvi: the vIOMMU model
 * @rid: the requester
 * @tag: GATag
 *
 * Section 2.10. Context: any.
 */
void amdvi_log_guest(struct amdvi *amdvi, u16 rid, u32 tag);

/**
 * amdvi_log_init() - prepare the logs
 * @amdvi: the vIOMMU model
 *
 * Context: any; before the model is published.
 */
void amdvi_log_init(struct amdvi *amdvi);

/**
 * amdvi_log_stop() - end the work item
 * @amdvi: the vIOMMU model, which logs nothing any more
 *
 * Context: may sleep.
 */
void amdvi_log_stop(struct amdvi *amdvi);

/**
 * amdvi_log_fini() - free what the logs hold
 * @amdvi: the vIOMMU model, without users
 *
 * Context: may sleep.
 */
void amdvi_log_fini(struct amdvi *amdvi);

/**
 * amdvi_log_flush() - bring the logs to guest memory
 * @amdvi: the vIOMMU model
 *
 * Context: may sleep.
 * Return: 0, or -EINTR if the caller was killed.
 */
int amdvi_log_flush(struct amdvi *amdvi);

/**
 * amdvi_log_flush_locked() - bring the logs to guest memory
 * @amdvi: the vIOMMU model
 *
 * Context: may sleep; under &amdvi.log_mutex.
 * Return: 0, or -EINTR if the caller was killed.
 */
int amdvi_log_flush_locked(struct amdvi *amdvi);

/**
 * amdvi_log_pending() - is there an entry that is not in guest memory?
 * @amdvi: the vIOMMU model
 *
 * Context: any; the answer lasts under &vendor.lock.
 * Return: true if there is.
 */
bool amdvi_log_pending(const struct amdvi *amdvi);

/**
 * amdvi_log_resume() - log again after entries were lost for want of memory
 * @amdvi: the vIOMMU model
 *
 * Context: under &amdvi.log_mutex and &vendor.lock.
 */
void amdvi_log_resume(struct amdvi *amdvi);

/**
 * amdvi_log_unlock() - release &amdvi.log_mutex, and queue log_work() if an entry is left
 * @amdvi: the vIOMMU model
 *
 * Context: under &amdvi.log_mutex.
 */
void amdvi_log_unlock(struct amdvi *amdvi);

/**
 * amdvi_log_make_room() - make room for logs as large as registers say
 * @amdvi: the vIOMMU model
 * @reg: values that the registers are about to have, by enum amdvi_reg
 *
 * Context: may sleep; under &vendor.mutex.
 * Return: 0 or -ENOMEM.
 */
int amdvi_log_make_room(struct amdvi *amdvi, const u64 *reg);

/**
 * amdvi_log_base_written() - EVT_BASE or GA_BASE was written
 * @amdvi: the vIOMMU model
 * @reg: which one
 *
 * Context: under &amdvi.log_mutex and &vendor.lock, with nothing kept.
 */
void amdvi_log_base_written(struct amdvi *amdvi, enum amdvi_reg reg);

/**
 * amdvi_log_restart() - drop all kept entries, for logs as large as registers say now
 * @amdvi: the vIOMMU model, after amdvi_log_make_room() if a log grows
 *
 * Context: under &amdvi.log_mutex and &vendor.lock.
 */
void amdvi_log_restart(struct amdvi *amdvi);

/**
 * amdvi_status_update() - make STATUS say which rings run
 * @amdvi: the vIOMMU model
 *
 * Context: under &vendor.lock.
 */
void amdvi_status_update(struct amdvi *amdvi);

/**
 * amdvi_control_written() - CONTROL was written
 * @amdvi: the vIOMMU model
 * @w: the write
 *
 * Context: under &vendor.lock.
 */
void amdvi_control_written(struct amdvi *amdvi, const struct reg_write *w);

/**
 * amdvi_vector_written() - XT_GENERAL, XT_PPR or XT_GA was written
 * @amdvi: the vIOMMU model
 * @reg: which one
 *
 * Context: under &vendor.lock.
 */
void amdvi_vector_written(struct amdvi *amdvi, enum amdvi_reg reg);

/**
 * amdvi_completion() - a COMPLETION_WAIT asks for an interrupt
 * @amdvi: the vIOMMU model
 *
 * Context: under &vendor.lock.
 */
void amdvi_completion(struct amdvi *amdvi);

/* ---- amdvi_cmd.c -------------------------------------------------------- */

extern const struct queue_ops amdvi_queue_ops;

/**
 * amdvi_clear_silence() - log page faults of requesters again
 * @amdvi: the vIOMMU model
 * @first: the first requester
 * @nr: how many
 *
 * Context: under &vendor.mutex; to be followed by amdvi_drain().
 */
void amdvi_clear_silence(struct amdvi *amdvi, u32 first, u32 nr);

/**
 * amdvi_drain() - wait until no access uses what was invalidated
 * @amdvi: the vIOMMU model
 *
 * Context: may sleep; under &vendor.mutex.
 * Return: 0, or -EINTR if the caller was killed.
 */
int amdvi_drain(struct amdvi *amdvi);

/**
 * amdvi_cmd_run() - execute what is in the command buffer
 * @amdvi: the vIOMMU model
 *
 * Context: may sleep; under &vendor.mutex.
 * Return: 0, or -EINTR if the caller was killed: the rest is executed with the
 * next write of the tail.
 */
int amdvi_cmd_run(struct amdvi *amdvi);

static inline struct amdvi *to_amdvi(struct nyx_viommu *viommu)
{
	return container_of(viommu, struct amdvi, base.viommu);
}

#endif /* NYX_VIOMMU_AMDVI_H */
