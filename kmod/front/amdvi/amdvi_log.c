// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: AMD-Vi: event log, GA log, and the unit's own interrupts.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Sections 2.5 (event log), 2.10 (GA log), 3.4.9 (XT interrupt registers).
 */
#include "front/amdvi/amdvi.h"

#include <linux/bitfield.h>
#include <linux/lockdep.h>
#include <linux/sched.h>

#include "core/unit.h"
#include "tlb/epoch.h"

/**
 * struct log_def - what tells the logs apart
 * @base: registers
 * @head: likewise
 * @tail: likewise
 * @vector: of its interrupts, with CONTROL.IntCapXTEn
 * @entry_size: bytes
 * @enable: bits of CONTROL
 * @irq_enable: likewise
 * @run: bits of STATUS
 * @overflow: likewise
 * @irq: likewise
 */
struct log_def {
	enum amdvi_reg base;
	enum amdvi_reg head;
	enum amdvi_reg tail;
	enum amdvi_reg vector;
	u32 entry_size;
	u64 enable;
	u64 irq_enable;
	u64 run;
	u64 overflow;
	u64 irq;
};

static const struct log_def log_defs[LOG_MAX] = {
	[LOG_EVENT] = {
		.base = REG_EVT_BASE, .head = REG_EVT_HEAD, .tail = REG_EVT_TAIL,
		.vector = REG_XT_GENERAL, .entry_size = AMDVI_EVENT_SIZE,
		.enable = AMDVI_CTL_EVT_LOG, .irq_enable = AMDVI_CTL_EVT_INT,
		.run = AMDVI_STS_EVT_RUN, .overflow = AMDVI_STS_EVT_OVERFLOW,
		.irq = AMDVI_STS_EVT_INT,
	},
	[LOG_GA] = {
		.base = REG_GA_BASE, .head = REG_GA_HEAD, .tail = REG_GA_TAIL,
		.vector = REG_XT_GA, .entry_size = AMDVI_GA_ENTRY_SIZE,
		.enable = AMDVI_CTL_GA_LOG, .irq_enable = AMDVI_CTL_GA_INT,
		.run = AMDVI_STS_GA_RUN, .overflow = AMDVI_STS_GA_OVERFLOW,
		.irq = AMDVI_STS_GA_INT,
	},
};

u64 amdvi_ring_size(u64 base)
{
	u64 len = FIELD_GET(AMDVI_RING_LEN, base);

	return len < AMDVI_RING_LEN_MIN ? 0 : 16ull << len;
}

/* ---- interrupts --------------------------------------------------------- */

static void send(struct amdvi *amdvi, enum amdvi_reg reg)
{
	u64 xt = amdvi->value[reg], address;
	struct irt_msg msg;
	u32 data;

	lockdep_assert_held(&amdvi->lock);
	if (!(amdvi->value[REG_CONTROL] & AMDVI_CTL_INT_CAP_XT)) {
		nyx_guest_msi_function(amdvi->front.unit);
		return;
	}
	/* A vector of 0 is how drivers mask it. */
	if (!(xt & AMDVI_XT_VECTOR)) {
		amdvi->unsent[reg - REG_XT_GENERAL] = true;
		return;
	}
	amdvi->unsent[reg - REG_XT_GENERAL] = false;
	msg = (struct irt_msg) {
		.dest = FIELD_GET(AMDVI_XT_DEST_LOW, xt) |
			FIELD_GET(AMDVI_XT_DEST_HIGH, xt) << 24,
		.vector = FIELD_GET(AMDVI_XT_VECTOR, xt),
		.delivery = FIELD_GET(AMDVI_XT_DELIVERY, xt),
		.flags = xt & AMDVI_XT_LOGICAL ? NYX_IRTE_F_LOGICAL : 0,
	};
	irt_compose(&msg, &address, &data);
	nyx_guest_msi(amdvi->front.unit, address, data);
}

void amdvi_vector_written(struct amdvi *amdvi, enum amdvi_reg reg)
{
	lockdep_assert_held(&amdvi->lock);
	if (amdvi->unsent[reg - REG_XT_GENERAL])
		send(amdvi, reg);
}

/* Set a bit of STATUS; the first time, if that is enabled, somebody is told. */
static void raise(struct amdvi *amdvi, u64 status, u64 enable,
		  enum amdvi_reg vector)
{
	u64 before = amdvi->value[REG_STATUS];

	amdvi->value[REG_STATUS] |= status;
	if (!(before & status) && (amdvi->value[REG_CONTROL] & enable))
		send(amdvi, vector);
}

void amdvi_completion(struct amdvi *amdvi)
{
	lockdep_assert_held(&amdvi->lock);
	raise(amdvi, AMDVI_STS_WAIT_INT, AMDVI_CTL_WAIT_INT, REG_XT_GENERAL);
}

/* ---- logs --------------------------------------------------------------- */

void amdvi_status_update(struct amdvi *amdvi)
{
	u64 control = amdvi->value[REG_CONTROL], run = 0;
	unsigned int i;

	lockdep_assert_held(&amdvi->lock);
	if (control & AMDVI_CTL_IOMMU) {
		if ((control & AMDVI_CTL_CMD) && !amdvi->cmd_stopped)
			run |= AMDVI_STS_CMD_RUN;
		for (i = 0; i < LOG_MAX; i++) {
			if ((control & log_defs[i].enable) &&
			    !amdvi->log[i].stopped)
				run |= log_defs[i].run;
		}
	}
	amdvi->value[REG_STATUS] &= ~(AMDVI_STS_CMD_RUN | AMDVI_STS_EVT_RUN |
				      AMDVI_STS_GA_RUN);
	amdvi->value[REG_STATUS] |= run;
}

void amdvi_control_written(struct amdvi *amdvi, const struct reg_write *w)
{
	u64 on = w->new & ~w->old, status = amdvi->value[REG_STATUS];
	unsigned int i;

	lockdep_assert_held(&amdvi->lock);
	if (on & AMDVI_CTL_CMD)
		amdvi->cmd_stopped = false;
	for (i = 0; i < LOG_MAX; i++) {
		const struct log_def *def = &log_defs[i];

		/* Section 2.5: a 1 restarts it, once its overflow was cleared. */
		if ((on & def->enable) ||
		    ((w->written & def->enable) && !(status & def->overflow)))
			amdvi->log[i].stopped = false;
		/* What nobody was told of so far. */
		if ((on & def->irq_enable) && (status & (def->irq | def->overflow)))
			send(amdvi, def->vector);
	}
	if ((on & AMDVI_CTL_WAIT_INT) && (status & AMDVI_STS_WAIT_INT))
		send(amdvi, REG_XT_GENERAL);
	amdvi_status_update(amdvi);
}

static void log_put(struct amdvi *amdvi, enum amdvi_log_id id, u64 lo, u64 hi)
{
	const struct log_def *def = &log_defs[id];
	struct amdvi_log *log = &amdvi->log[id];
	u64 size = amdvi_ring_size(amdvi->value[def->base]);
	u64 status = amdvi->value[REG_STATUS], used;
	u64 *entry;

	lockdep_assert_held(&amdvi->lock);
	if (!(status & def->run) || (status & def->overflow) || !size)
		return;
	used = amdvi->value[def->tail] - amdvi->value[def->head];
	used = (used & (size - 1)) + (u64)log->nr * def->entry_size;
	/* One stays free, or full would look like empty. */
	if (used + def->entry_size >= size || log->nr == AMDVI_LOG_KEPT) {
		log->stopped = true;
		amdvi_status_update(amdvi);
		raise(amdvi, def->overflow, def->irq_enable, def->vector);
		return;
	}
	entry = log->entry[(log->first + log->nr++) % AMDVI_LOG_KEPT];
	entry[0] = lo;
	entry[1] = hi;
	raise(amdvi, def->irq, def->irq_enable, def->vector);
}

void amdvi_log_event_locked(struct amdvi *amdvi, u16 rid, u16 did, u16 code,
			    u64 address)
{
	log_put(amdvi, LOG_EVENT, (u64)code << 48 | (u64)did << 32 | rid, address);
}

void amdvi_log_event(struct amdvi *amdvi, u16 rid, u16 did, u16 code, u64 address)
{
	unsigned long flags;

	spin_lock_irqsave(&amdvi->lock, flags);
	amdvi_log_event_locked(amdvi, rid, did, code, address);
	spin_unlock_irqrestore(&amdvi->lock, flags);
}

void amdvi_log_guest(struct amdvi *amdvi, u16 rid, u32 tag)
{
	unsigned long flags;

	spin_lock_irqsave(&amdvi->lock, flags);
	log_put(amdvi, LOG_GA, AMDVI_GA_ENTRY_GUEST |
		FIELD_PREP(AMDVI_GA_ENTRY_DEVICE, (u64)rid) | tag, 0);
	spin_unlock_irqrestore(&amdvi->lock, flags);
}

/* The oldest entry, and where it goes. False if there is none. */
static bool log_next(struct amdvi *amdvi, enum amdvi_log_id id, u64 *gpa,
		     u64 word[2])
{
	const struct log_def *def = &log_defs[id];
	struct amdvi_log *log = &amdvi->log[id];
	u64 base, size;
	bool any;

	spin_lock_irq(&amdvi->lock);
	base = amdvi->value[def->base];
	size = amdvi_ring_size(base);
	any = log->nr && size;
	if (any) {
		*gpa = (base & AMDVI_BASE_ADDR) +
		       (amdvi->value[def->tail] & (size - 1));
		word[0] = log->entry[log->first][0];
		word[1] = log->entry[log->first][1];
	} else {
		log->nr = 0;
	}
	spin_unlock_irq(&amdvi->lock);
	return any;
}

static void log_done(struct amdvi *amdvi, enum amdvi_log_id id, bool written)
{
	const struct log_def *def = &log_defs[id];
	struct amdvi_log *log = &amdvi->log[id];
	u64 size, *tail = &amdvi->value[def->tail];

	spin_lock_irq(&amdvi->lock);
	size = amdvi_ring_size(amdvi->value[def->base]);
	if (log->nr) {
		log->first = (log->first + 1) % AMDVI_LOG_KEPT;
		log->nr--;
		/* Where there is no memory the entry is lost. */
		if (written && size)
			*tail = (*tail + def->entry_size) & (size - 1);
	}
	spin_unlock_irq(&amdvi->lock);
}

static int log_write(struct amdvi *amdvi, u64 gpa, const u64 word[2], u32 size)
{
	struct nyx_unit *unit = amdvi->front.unit;
	unsigned int pair = epoch_enter(&unit->irq.posting);
	int ret = 0;

	/* Drivers take an entry without a code, in the first word, for unfinished. */
	if (size > sizeof(u64))
		ret = nyx_guest_write64(unit, gpa + 8, word[1]);
	if (!ret)
		ret = nyx_guest_write64(unit, gpa, word[0]);
	epoch_exit(&unit->irq.posting, pair);
	return ret;
}

/* Section 2.10: drivers need not read the register. */
static int ga_tail_store(struct amdvi *amdvi)
{
	u64 gpa, word[2] = {};
	int ret;

	spin_lock_irq(&amdvi->lock);
	gpa = amdvi->value[REG_GA_TAIL_ADDR];
	word[0] = amdvi->value[REG_GA_TAIL];
	spin_unlock_irq(&amdvi->lock);
	ret = gpa ? log_write(amdvi, gpa, word, sizeof(word[0])) : 0;
	if (ret == -EINTR)
		return ret;
	/* Where there is no memory nobody looks. */
	WRITE_ONCE(amdvi->ga_tail_moved, false);
	return 0;
}

/* As many as can have been there: more may come all the time. */
static int log_flush(struct amdvi *amdvi, enum amdvi_log_id id)
{
	unsigned int n;
	u64 gpa, word[2];
	int ret;

	for (n = 0; n < AMDVI_LOG_KEPT; n++) {
		if (!log_next(amdvi, id, &gpa, word))
			break;
		ret = log_write(amdvi, gpa, word, log_defs[id].entry_size);
		if (ret == -EINTR)
			return ret;
		log_done(amdvi, id, !ret);
		cond_resched();
	}
	if (n && id == LOG_GA)
		WRITE_ONCE(amdvi->ga_tail_moved, true);
	return 0;
}

int amdvi_log_flush(struct amdvi *amdvi)
{
	unsigned int i;
	int ret = 0;

	/* What comes from now on is as good as a moment later. */
	if (!READ_ONCE(amdvi->log[LOG_EVENT].nr) &&
	    !READ_ONCE(amdvi->log[LOG_GA].nr) &&
	    !READ_ONCE(amdvi->ga_tail_moved))
		return 0;
	if (mutex_lock_killable(&amdvi->log_mutex))
		return -EINTR;
	for (i = 0; i < LOG_MAX && !ret; i++)
		ret = log_flush(amdvi, i);
	if (!ret && amdvi->ga_tail_moved)
		ret = ga_tail_store(amdvi);
	mutex_unlock(&amdvi->log_mutex);
	return ret;
}
