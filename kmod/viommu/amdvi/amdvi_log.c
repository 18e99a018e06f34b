// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: AMD-Vi: event log, GA log, and the unit's own interrupts.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Sections 2.5 (event log), 2.10 (GA log), 3.4.9 (XT interrupt registers).
 */
#include "viommu/amdvi/amdvi.h"

#include <linux/bitfield.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "core/space/memory.h"
#include "core/unit.h"

/* How often log_work() tries for memory, each delay a millisecond longer: 5 s. */
#define LOG_TRIES	100u

/**
 * struct log_def - what tells the logs apart
 * @base: register of the base
 * @head: register of the head
 * @tail: register of the tail
 * @vector: register of its interrupts, with CONTROL.IntCapXTEn
 * @entry_size: bytes
 * @enable: bit of CONTROL for the log
 * @irq_enable: bit of CONTROL for its interrupts
 * @run: bit of STATUS: the log runs
 * @overflow: bit of STATUS: the log has overflowed
 * @irq: bit of STATUS: the log has a new entry
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

/* ---- interrupts --------------------------------------------------------- */

static void send(struct amdvi *amdvi, enum amdvi_reg reg)
{
	u64 xt = amdvi->arch.reg[reg], address;
	struct irt_msg msg;
	u32 data;

	lockdep_assert_held(&amdvi->base.lock);
	if (!(amdvi->arch.reg[REG_CONTROL] & AMDVI_CTL_INT_CAP_XT)) {
		nyx_guest_msi_function(amdvi->base.viommu.unit);
		return;
	}
	/* Drivers mask the interrupt by a vector of 0. */
	if (!(xt & AMDVI_XT_VECTOR)) {
		amdvi->arch.unsent[reg - REG_XT_GENERAL] = true;
		return;
	}
	amdvi->arch.unsent[reg - REG_XT_GENERAL] = false;
	msg = (struct irt_msg) {
		.dest = FIELD_GET(AMDVI_XT_DEST_LOW, xt) |
			FIELD_GET(AMDVI_XT_DEST_HIGH, xt) << 24,
		.vector = FIELD_GET(AMDVI_XT_VECTOR, xt),
		.delivery = FIELD_GET(AMDVI_XT_DELIVERY, xt),
		.flags = xt & AMDVI_XT_LOGICAL ? NYX_IRTE_F_LOGICAL : 0,
	};
	irt_compose(&msg, &address, &data);
	nyx_guest_msi(amdvi->base.viommu.unit, address, data);
}

void amdvi_vector_written(struct amdvi *amdvi, enum amdvi_reg reg)
{
	lockdep_assert_held(&amdvi->base.lock);
	if (amdvi->arch.unsent[reg - REG_XT_GENERAL])
		send(amdvi, reg);
}

/* Set a bit of STATUS. If it was clear and its interrupt is enabled, send that. */
static void raise(struct amdvi *amdvi, u64 status, u64 enable,
		  enum amdvi_reg vector)
{
	u64 before = amdvi->arch.reg[REG_STATUS];

	amdvi->arch.reg[REG_STATUS] |= status;
	if (!(before & status) && (amdvi->arch.reg[REG_CONTROL] & enable))
		send(amdvi, vector);
}

void amdvi_completion(struct amdvi *amdvi)
{
	lockdep_assert_held(&amdvi->base.lock);
	raise(amdvi, AMDVI_STS_WAIT_INT, AMDVI_CTL_WAIT_INT, REG_XT_GENERAL);
}

/* ---- logs --------------------------------------------------------------- */

void amdvi_status_update(struct amdvi *amdvi)
{
	lockdep_assert_held(&amdvi->base.lock);
	amdvi->arch.reg[REG_STATUS] &= ~AMDVI_STS_RUN;
	amdvi->arch.reg[REG_STATUS] |= amdvi_running(&amdvi->arch);
}

void amdvi_control_written(struct amdvi *amdvi, const struct reg_write *w)
{
	u64 on = w->new & ~w->old, status = amdvi->arch.reg[REG_STATUS];
	unsigned int i;

	lockdep_assert_held(&amdvi->base.lock);
	if (on & AMDVI_CTL_CMD)
		amdvi->arch.cmd_stopped = false;
	for (i = 0; i < LOG_MAX; i++) {
		const struct log_def *def = &log_defs[i];

		/* Section 2.5: writing 1 restarts a log, once its overflow was cleared. */
		if ((on & def->enable) ||
		    ((w->written & def->enable) && !(status & def->overflow)))
			amdvi->arch.log_stopped[i] = false;
		/* The guest has had no interrupt for the entries so far. */
		if ((on & def->irq_enable) && (status & (def->irq | def->overflow)))
			send(amdvi, def->vector);
	}
	if ((on & AMDVI_CTL_WAIT_INT) && (status & AMDVI_STS_WAIT_INT))
		send(amdvi, REG_XT_GENERAL);
	amdvi_status_update(amdvi);
}

static void log_overflow(struct amdvi *amdvi, enum amdvi_log_id id)
{
	const struct log_def *def = &log_defs[id];

	amdvi->log[id].full = false;
	amdvi->arch.log_stopped[id] = true;
	amdvi_status_update(amdvi);
	raise(amdvi, def->overflow, def->irq_enable, def->vector);
}

static void log_put(struct amdvi *amdvi, enum amdvi_log_id id, u64 lo, u64 hi)
{
	const struct log_def *def = &log_defs[id];
	struct amdvi_log *log = &amdvi->log[id];
	u64 size = amdvi_ring_size(amdvi->arch.reg[def->base]);
	u64 status = amdvi->arch.reg[REG_STATUS], next;
	u64 *entry;

	lockdep_assert_held(&amdvi->base.lock);
	if (!(status & def->run) || (status & def->overflow) || log->full ||
	    log->lost || !size)
		return;
	next = amdvi->arch.reg[def->tail] + (u64)log->nr * def->entry_size;
	/* One entry stays free, or a full log would look empty. */
	if (((next - amdvi->arch.reg[def->head]) & (size - 1)) + def->entry_size >= size) {
		log->full = true;
		if (!log->nr)
			log_overflow(amdvi, id);
		return;
	}
	entry = log->kept + (next & (size - 1)) / sizeof(*entry);
	entry[0] = lo;
	if (def->entry_size > sizeof(*entry))
		entry[1] = hi;
	WRITE_ONCE(log->nr, log->nr + 1);
	queue_delayed_work(system_unbound_wq, &amdvi->log_work, 0);
}

void amdvi_log_event_locked(struct amdvi *amdvi, u16 rid, u16 did, u16 code,
			    u64 address)
{
	log_put(amdvi, LOG_EVENT, (u64)code << 48 | (u64)did << 32 | rid, address);
}

void amdvi_log_event(struct amdvi *amdvi, u16 rid, u16 did, u16 code, u64 address)
{
	unsigned long flags;

	spin_lock_irqsave(&amdvi->base.lock, flags);
	amdvi_log_event_locked(amdvi, rid, did, code, address);
	spin_unlock_irqrestore(&amdvi->base.lock, flags);
}

void amdvi_log_guest(struct amdvi *amdvi, u16 rid, u32 tag)
{
	unsigned long flags;

	spin_lock_irqsave(&amdvi->base.lock, flags);
	log_put(amdvi, LOG_GA, AMDVI_GA_ENTRY_GUEST |
		FIELD_PREP(AMDVI_GA_ENTRY_DEVICE, (u64)rid) | tag, 0);
	spin_unlock_irqrestore(&amdvi->base.lock, flags);
}

/* ---- to guest memory ---------------------------------------------------- */

/**
 * struct log_entry - an entry on its way
 * @gpa: GPA at which the entry is stored
 * @word: the entry
 * @tail: the tail after the entry
 * @tail_gpa: where the tail is stored, too, or 0
 */
struct log_entry {
	u64 gpa;
	u64 word[2];
	u64 tail;
	u64 tail_gpa;
};

/* Get the oldest kept entry. False if there is none. */
static bool log_next(struct amdvi *amdvi, enum amdvi_log_id id,
		     struct log_entry *e)
{
	const struct log_def *def = &log_defs[id];
	struct amdvi_log *log = &amdvi->log[id];
	u64 base, size, at;
	bool any;

	spin_lock_irq(&amdvi->base.lock);
	any = log->nr;
	if (any) {
		base = amdvi->arch.reg[def->base];
		size = amdvi_ring_size(base);
		at = amdvi->arch.reg[def->tail] & (size - 1);
		*e = (struct log_entry) {
			.gpa = (base & AMDVI_BASE_ADDR) + at,
			.tail = (at + def->entry_size) & (size - 1),
			.tail_gpa = id == LOG_GA ?
				    amdvi->arch.reg[REG_GA_TAIL_ADDR] : 0,
		};
		memcpy(e->word, log->kept + at / sizeof(*log->kept),
		       def->entry_size);
	}
	spin_unlock_irq(&amdvi->base.lock);
	return any;
}

static int log_write(struct amdvi *amdvi, const struct log_entry *e, u32 size)
{
	struct nyx_unit *unit = amdvi->base.viommu.unit;
	unsigned int pair = nyx_guest_mem_enter(unit);
	int ret = 0;

	/* Drivers take an entry without a code, in the first word, for unfinished. */
	if (size > sizeof(u64))
		ret = nyx_guest_write64(unit, e->gpa + 8, e->word[1]);
	if (!ret)
		ret = nyx_guest_write64(unit, e->gpa, e->word[0]);
	/* Section 2.10: drivers need not read the register. */
	if (!ret && e->tail_gpa) {
		ret = nyx_guest_write64(unit, e->tail_gpa, e->tail);
		/* Ignore -EIO: the guest has put the tail where it has no memory. */
		if (ret == -EIO)
			ret = 0;
	}
	nyx_guest_mem_exit(unit, pair);
	return ret;
}

/* Move the tail: the oldest kept entry is in guest memory. */
static void log_done(struct amdvi *amdvi, enum amdvi_log_id id, u64 tail)
{
	const struct log_def *def = &log_defs[id];
	struct amdvi_log *log = &amdvi->log[id];

	spin_lock_irq(&amdvi->base.lock);
	amdvi->arch.reg[def->tail] = tail;
	WRITE_ONCE(log->nr, log->nr - 1);
	raise(amdvi, def->irq, def->irq_enable, def->vector);
	if (!log->nr && log->full)
		log_overflow(amdvi, id);
	spin_unlock_irq(&amdvi->base.lock);
}

/* Drop the kept entries, as there is no memory where they go. The tail stays. */
static void log_lose(struct amdvi *amdvi, enum amdvi_log_id id)
{
	struct amdvi_log *log = &amdvi->log[id];

	spin_lock_irq(&amdvi->base.lock);
	WRITE_ONCE(log->nr, 0);
	/* Drop later entries, too: a write of a register waits until nothing is kept. */
	log->lost = true;
	if (log->full)
		log_overflow(amdvi, id);
	spin_unlock_irq(&amdvi->base.lock);
}

/*
 * Only a write of a register moves the head, and waits for @log_mutex: the log fills up,
 * and the loop ends.
 */
static int log_flush(struct amdvi *amdvi, enum amdvi_log_id id)
{
	struct log_entry e;
	int ret = 0;

	lockdep_assert_held(&amdvi->log_mutex);
	while (!ret && log_next(amdvi, id, &e)) {
		ret = fatal_signal_pending(current) ? -EINTR :
		      log_write(amdvi, &e, log_defs[id].entry_size);
		if (!ret)
			log_done(amdvi, id, e.tail);
		cond_resched();
	}
	return ret;
}

bool amdvi_log_pending(const struct amdvi *amdvi)
{
	return READ_ONCE(amdvi->log[LOG_EVENT].nr) ||
	       READ_ONCE(amdvi->log[LOG_GA].nr);
}

int amdvi_log_flush_locked(struct amdvi *amdvi)
{
	unsigned int i;
	int ret;

	lockdep_assert_held(&amdvi->log_mutex);
	for (i = 0; i < LOG_MAX; i++) {
		ret = log_flush(amdvi, i);
		if (ret == -EINTR)
			return ret;
		if (ret)
			log_lose(amdvi, i);
	}
	return 0;
}

void amdvi_log_resume(struct amdvi *amdvi)
{
	lockdep_assert_held(&amdvi->log_mutex);
	lockdep_assert_held(&amdvi->base.lock);
	amdvi->log[LOG_EVENT].lost = false;
	amdvi->log[LOG_GA].lost = false;
}

void amdvi_log_unlock(struct amdvi *amdvi)
{
	if (amdvi->log[LOG_EVENT].lost || amdvi->log[LOG_GA].lost) {
		spin_lock_irq(&amdvi->base.lock);
		amdvi_log_resume(amdvi);
		spin_unlock_irq(&amdvi->base.lock);
	}
	mutex_unlock(&amdvi->log_mutex);
	/* Pairs with log_work(), which does not wait for @log_mutex. */
	smp_mb();
	if (amdvi_log_pending(amdvi))
		queue_delayed_work(system_unbound_wq, &amdvi->log_work, 0);
}

int amdvi_log_flush(struct amdvi *amdvi)
{
	int ret;

	/* An entry that comes from now on may as well come after this call. */
	if (!amdvi_log_pending(amdvi))
		return 0;
	if (mutex_lock_killable(&amdvi->log_mutex))
		return -EINTR;
	ret = amdvi_log_flush_locked(amdvi);
	amdvi_log_unlock(amdvi);
	return ret;
}

/*
 * Send the interrupt before the entry, whose memory is not at hand: a handler that reads a
 * register can wait for the memory.
 */
static void log_call(struct amdvi *amdvi, enum amdvi_log_id id)
{
	const struct log_def *def = &log_defs[id];

	spin_lock_irq(&amdvi->base.lock);
	if (amdvi->log[id].nr)
		raise(amdvi, def->irq, def->irq_enable, def->vector);
	spin_unlock_irq(&amdvi->base.lock);
}

static void log_work(struct work_struct *work)
{
	struct amdvi *amdvi = container_of(to_delayed_work(work), struct amdvi,
					   log_work);
	bool again = false;
	unsigned int i;
	int ret;

	/*
	 * An entry was kept before this work was queued. Pairs with amdvi_log_unlock(): a
	 * thread that holds @log_mutex now, and may wait for user space, queues the work
	 * again.
	 */
	smp_mb();
	if (!mutex_trylock(&amdvi->log_mutex))
		return;
	for (i = 0; i < LOG_MAX; i++) {
		ret = log_flush(amdvi, i);
		if (ret == -EAGAIN && amdvi->log_tries < LOG_TRIES)
			again = true;
		else if (ret)
			log_call(amdvi, i);
	}
	amdvi->log_tries = again ? amdvi->log_tries + 1 : 0;
	if (again)
		queue_delayed_work(system_unbound_wq, &amdvi->log_work,
				   msecs_to_jiffies(amdvi->log_tries));
	mutex_unlock(&amdvi->log_mutex);
}

/* ---- registers and life ------------------------------------------------- */

int amdvi_log_make_room(struct amdvi *amdvi, const u64 *reg)
{
	struct amdvi_log *log;
	unsigned int i;
	u64 want;

	lockdep_assert_held(&amdvi->base.mutex);
	for (i = 0; i < LOG_MAX; i++) {
		log = &amdvi->log[i];
		want = amdvi_ring_size(reg[log_defs[i].base]);
		if (want <= max(log->size, log->spare_size))
			continue;
		kvfree(log->spare);
		log->spare = kvmalloc(want, GFP_CALLER);
		log->spare_size = log->spare ? want : 0;
		if (!log->spare)
			return -ENOMEM;
	}
	return 0;
}

static void use_room(struct amdvi_log *log)
{
	if (log->spare_size > log->size) {
		swap(log->kept, log->spare);
		swap(log->size, log->spare_size);
	}
}

/* Sections 2.5 and 2.10: a new buffer is empty, unless the log runs. */
void amdvi_log_base_written(struct amdvi *amdvi, enum amdvi_reg reg)
{
	enum amdvi_log_id id = reg == REG_GA_BASE ? LOG_GA : LOG_EVENT;
	const struct log_def *def = &log_defs[id];

	lockdep_assert_held(&amdvi->log_mutex);
	lockdep_assert_held(&amdvi->base.lock);
	use_room(&amdvi->log[id]);
	if (amdvi->arch.reg[REG_STATUS] & def->run)
		return;
	amdvi->arch.reg[def->head] = 0;
	amdvi->arch.reg[def->tail] = 0;
}

void amdvi_log_restart(struct amdvi *amdvi)
{
	unsigned int i;

	lockdep_assert_held(&amdvi->log_mutex);
	lockdep_assert_held(&amdvi->base.lock);
	for (i = 0; i < LOG_MAX; i++) {
		use_room(&amdvi->log[i]);
		WRITE_ONCE(amdvi->log[i].nr, 0);
		amdvi->log[i].full = false;
	}
}

void amdvi_log_init(struct amdvi *amdvi)
{
	mutex_init(&amdvi->log_mutex);
	INIT_DELAYED_WORK(&amdvi->log_work, log_work);
}

void amdvi_log_stop(struct amdvi *amdvi)
{
	cancel_delayed_work_sync(&amdvi->log_work);
}

void amdvi_log_fini(struct amdvi *amdvi)
{
	unsigned int i;

	for (i = 0; i < LOG_MAX; i++) {
		kvfree(amdvi->log[i].kept);
		kvfree(amdvi->log[i].spare);
	}
	mutex_destroy(&amdvi->log_mutex);
}
