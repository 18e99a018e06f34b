// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: interrupt remapping: from a device's message to what the processor sees.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/irq/irq.h"

#include <linux/ktime.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>

#include "base/export.h"
#include "base/trace.h"
#include "base/types.h"
#include "compat.h"
#include "core/access/device.h"
#include "core/account/qos.h"
#include "core/fault/fault.h"
#include "core/irq/irte.h"
#include "core/space/domain.h"
#include "core/space/inval.h"
#include "core/space/memory.h"
#include "core/unit.h"

int nyx_irq_init(struct nyx_irq *irq, u32 entries, bool cache)
{
	int ret;

	ret = cache ? irt_init_cache(&irq->irt, entries) : irt_init(&irq->irt, entries);
	if (ret)
		return ret;
	ret = epoch_init(&irq->epoch);
	if (ret) {
		irt_fini(&irq->irt);
		return ret;
	}
	irq->mode = 0;
	irq->per_device = !entries;
	mutex_init(&irq->lock);
	xa_init_flags(&irq->bindings, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	return 0;
}

void nyx_irq_fini(struct nyx_irq *irq)
{
	xa_destroy(&irq->bindings);
	mutex_destroy(&irq->lock);
	epoch_fini(&irq->epoch);
	irt_fini(&irq->irt);
}

/* ---- senders and limits --------------------------------------------------- */

/**
 * struct sender - a device that sends, inside &nyx_irq.epoch and under RCU
 * @dev: the device
 * @dom: the domain in which the interrupt counts
 */
struct sender {
	struct nyx_device *dev;
	struct nyx_domain *dom;
};

static int find_sender(struct nyx_unit *unit, u32 sbdf, struct sender *s)
{
	s->dev = xa_load(&unit->devices, sbdf);
	s->dom = s->dev ? nyx_device_domain_rcu(s->dev) : NULL;
	return likely(s->dom && !READ_ONCE(s->dev->leaving)) ? 0 : -ENOENT;
}

/*
 * Refuse an interrupt. The caller has set the fields of the fault that the guest's tables
 * tell.
 */
static void refuse_with(struct nyx_unit *unit, const struct nyx_irq_req *req,
			struct nyx_irq_reply *reply)
{
	struct nyx_fault_info *fault = &reply->fault;

	fault->irq = true;
	fault->access = NYX_ACC_WRITE;
	fault->level = NYX_LEVEL_NONE;
	fault->pasid = NYX_PASID_NONE;
	fault->address = req->address;
	fault->gpa = NYX_GPA_UNKNOWN;
	fault->index = reply->msg.index;
	fault->data = req->data;
	nyx_fault_name(unit, fault);
	reply->result = NYX_IRQ_REFUSED;
}

/* Refuse an interrupt for @reason; the device cannot go. */
static noinline void refuse(struct nyx_unit *unit, const struct nyx_device *dev,
			    const struct nyx_irq_req *req, u32 reason,
			    struct nyx_irq_reply *reply)
{
	const struct irt_device *irqs = READ_ONCE(dev->irqs);
	bool guest = nyx_viommu_has_guest(unit->guest.viommu);
	bool hidden = reply->msg.flags & NYX_IRTE_F_FPD;

	/* A guest hides the fault from its own log, the owner of a native unit from the host. */
	reply->fault = (struct nyx_fault_info) {
		.reason = reason,
		.fpd = hidden && guest,
		.unreported = hidden && !guest,
		.did = irqs ? READ_ONCE(irqs->did) : 0,
	};
	refuse_with(unit, req, reply);
}

/* Refuse an interrupt of a device in quarantine. False: it is not in quarantine. */
static bool quarantined(struct nyx_unit *unit, const struct sender *s,
			const struct nyx_irq_req *req, struct nyx_irq_reply *reply)
{
	if (likely(!nyx_device_quarantined(s->dev, s->dom)))
		return false;
	reply->msg = (struct irt_msg){ .index = IRT_INDEX_NONE };
	refuse(unit, s->dev, req, NYX_FAULT_QUARANTINED, reply);
	return true;
}

/*
 * Charge an interrupt to limits. True: it is over a limit, and charged for later unless
 * @req->nonblock; or @req->nowait, and nothing is charged.
 */
static noinline bool charge(const struct sender *s, const struct nyx_irq_req *req,
			    struct nyx_qos *mine, struct nyx_qos *ours,
			    struct nyx_irq_wait *wait)
{
	const bool reserve = !req->nonblock;

	if (req->nowait)
		return true;
	wait->charge.work = (struct nyx_work){ .amount[NYX_RATE_IRQS] = 1 };
	wait->ns = nyx_qos_charge(mine, ours, &wait->charge, ktime_get_ns(),
				  reserve);
	wait->charged = reserve || !wait->ns;
	/* Hold the domain for nyx_irq_wait_end(), which may have to take back the charge. */
	if (wait->charged && wait->hold && refcount_inc_not_zero(&s->dom->ref))
		wait->dom = s->dom;
	if (!wait->ns)
		return false;
	nyx_stat_add_both(s->dev->stats, s->dom->stats, NYX_STAT_THROTTLED, 1);
	return true;
}

/* Is an interrupt over a limit? Then charge for later unless @req->nonblock. */
static __always_inline bool throttled(const struct sender *s,
				      const struct nyx_irq_req *req,
				      struct nyx_irq_wait *wait)
{
	struct nyx_qos *mine = rcu_dereference(s->dev->qos);
	struct nyx_qos *ours = rcu_dereference(s->dom->qos);

	if (likely(!mine && !ours) || wait->charged)
		return false;
	return charge(s, req, mine, ours, wait);
}

void nyx_irq_wait_end(struct nyx_unit *unit, u32 sbdf, struct nyx_irq_wait *wait,
		      bool sent)
{
	if (!wait->charged)
		return;
	if (!sent)
		nyx_qos_give_back(unit, sbdf, wait->dom, &wait->charge);
	if (wait->dom)
		nyx_domain_put(wait->dom);
	*wait = (struct nyx_irq_wait){};
}

/* ---- fetch ------------------------------------------------------------------ */

/**
 * struct fetched - how an interrupt is to be remapped
 * @dev: the sender
 * @mode: of enum nyx_irq_mode
 * @word: the entry; unused if the message passes as it is
 */
struct fetched {
	const struct nyx_device *dev;
	u32 mode;
	struct irt_word word;
};

/* Fetch from the cache. Any context; inside an epoch that keeps the device. */
static __always_inline u32 fetch_cached(struct nyx_unit *unit,
					const struct nyx_device *dev,
					const struct nyx_irq_req *req,
					struct irt_msg *msg, struct fetched *f)
{
	struct nyx_irq *irq = &unit->irq;
	const struct irt *irt = &irq->irt;
	struct irt_device *irqs = NULL;
	u32 imode = 0, reason;

	f->dev = dev;
	f->mode = READ_ONCE(irq->mode);
	if (unlikely(irq->per_device)) {
		/* Pairs with resolve_irqs(). */
		irqs = smp_load_acquire(&dev->irqs);
		imode = irt_device_imode(irqs);
	}
	reason = unit->guest.viommu->ops->decode_msg(imode, f->mode, req->address,
						     req->data, msg);
	if (unlikely(reason || msg->passthrough))
		return reason;
	if (unlikely(irq->per_device)) {
		if (!(imode & IRT_KNOWN))
			return NYX_FAULT_IRQ_NOT_PRESENT;
		irt = &irqs->irt;
	}
	return irt_fetch(irt, msg->index, &f->word);
}

/* Did the cache miss an entry that guest memory may have? */
static bool missed(const struct nyx_unit *unit, u32 reason)
{
	return reason == NYX_FAULT_IRQ_NOT_PRESENT &&
	       unit->guest.viommu->ops->decode_irte;
}

/* Find a device that is not leaving; inside nyx_guest_mem_enter(), which keeps the device. */
static struct nyx_device *find_device(struct nyx_unit *unit, u32 sbdf)
{
	struct nyx_device *dev;

	rcu_read_lock();
	dev = xa_load(&unit->devices, sbdf);
	/* nyx_device_remove() may have waited before this section began. */
	if (dev && READ_ONCE(dev->leaving))
		dev = NULL;
	rcu_read_unlock();
	return dev;
}

/*
 * Fetch from the cache or, if the entry is not there, from the guest's memory. Returns 0,
 * also if the interrupt is refused, -ENOENT, or an error of nyx_guest_fetch_irte(). May
 * sleep; inside nyx_guest_mem_enter().
 */
static int fetch(struct nyx_unit *unit, const struct nyx_irq_req *req,
		 struct nyx_irq_reply *reply, struct fetched *f)
{
	struct nyx_device *dev = find_device(unit, req->sbdf);
	struct irt_msg *msg = &reply->msg;
	struct irt_entry e;
	u32 reason;
	int ret;

	reply->fault.reason = NYX_FAULT_NONE;
	f->dev = dev;
	if (!dev)
		return -ENOENT;
	reason = fetch_cached(unit, dev, req, msg, f);
	if (!missed(unit, reason)) {
		if (reason)
			refuse(unit, dev, req, reason, reply);
		return 0;
	}
	ret = nyx_guest_fetch_irte(unit, dev, msg->index, &e, &reply->fault);
	if (ret == -EACCES) {
		/* decode_irte() or decode_irqs() has set the fault. */
		refuse_with(unit, req, reply);
		return 0;
	}
	if (ret)
		return ret;
	irt_pack(&e, &f->word);
	msg->dest = e.dest;
	msg->post = e.post;
	return 0;
}

/* ---- remap ------------------------------------------------------------------ */

/* Say what an interrupt becomes, unless it is refused already. */
static __always_inline void remap(struct nyx_unit *unit, const struct fetched *f,
				  const struct nyx_irq_req *req,
				  struct nyx_irq_reply *reply)
{
	u32 reason;

	if (unlikely(reply->fault.reason || reply->msg.passthrough))
		return;
	reason = irt_remap(&f->word, f->mode, req->sbdf, &reply->msg);
	if (unlikely(reason))
		refuse(unit, f->dev, req, reason, reply);
}

/* ---- deliver ---------------------------------------------------------------- */

/* As post(), for an entry with NYX_IRTE_F_POSTED. */
static noinline int post_entry(struct nyx_unit *unit, const struct nyx_device *dev,
			       const struct nyx_irq_req *req,
			       struct nyx_irq_reply *reply, bool sleep)
{
	struct nyx_viommu *viommu = unit->guest.viommu;
	int ret;

	ret = viommu->ops->post_irte(viommu, req->sbdf, &reply->msg, sleep);
	if (ret == -EINPROGRESS || ret == -EINTR)
		return ret;
	if (ret == -EAGAIN)
		return -EBUSY;
	reply->result = ret;
	if (ret < 0)
		refuse(unit, dev, req, ret == -EINVAL ? NYX_FAULT_IRQ_POST_RESERVED :
							NYX_FAULT_IRQ_POST, reply);
	return 0;
}

/*
 * Set the result, and post the interrupt if its entry has NYX_IRTE_F_POSTED. Returns 0,
 * also if the interrupt is refused; -EINPROGRESS: @sleep is false, and guest memory may
 * have to be brought in; -EINTR; -EBUSY: guest memory is not at hand.
 */
static __always_inline int post(struct nyx_unit *unit, const struct nyx_device *dev,
				const struct nyx_irq_req *req,
				struct nyx_irq_reply *reply, bool sleep)
{
	if (unlikely(reply->fault.reason))
		return 0;
	reply->result = NYX_IRQ_DELIVER;
	if (likely(!(reply->msg.flags & NYX_IRTE_F_POSTED)))
		return 0;
	return post_entry(unit, dev, req, reply, sleep);
}

/* After post(): signal and count an interrupt, or report its fault. */
static __always_inline void deliver(struct nyx_unit *unit, const struct sender *s,
				    const struct nyx_irq_req *req,
				    struct nyx_irq_reply *reply)
{
	const struct irt_msg *msg = &reply->msg;

	if (unlikely(reply->result == NYX_IRQ_REFUSED)) {
		nyx_fault_report(unit, s->dev, s->dom, &reply->fault);
	} else {
		nyx_stat_add_both(s->dev->stats, s->dom->stats, NYX_STAT_IRQS, 1);
		if (msg->flags & NYX_IRTE_F_POSTED)
			nyx_stat_add_both(s->dev->stats, s->dom->stats,
					  NYX_STAT_IRQS_POSTED, 1);
		if (req->signal && reply->result != NYX_IRQ_POSTED)
			compat_eventfd_signal(req->signal);
	}
	trace_nyx_irq(unit->id, req->sbdf, req->address, req->data, msg->index,
		      reply->result, reply->fault.reason, msg->vector, msg->dest);
}

/* ---- an interrupt ----------------------------------------------------------- */

int nyx_irq_try(struct nyx_unit *unit, const struct nyx_irq_req *req,
		struct nyx_irq_wait *wait, struct nyx_irq_reply *reply)
{
	unsigned int pair = epoch_enter(&unit->irq.epoch);
	struct fetched f;
	struct sender s;
	u32 reason;
	int ret;

	rcu_read_lock();
	ret = find_sender(unit, req->sbdf, &s);
	if (unlikely(ret))
		goto out;
	reply->fault.reason = NYX_FAULT_NONE;
	if (likely(!quarantined(unit, &s, req, reply))) {
		reason = fetch_cached(unit, s.dev, req, &reply->msg, &f);
		if (unlikely(missed(unit, reason))) {
			ret = -EINPROGRESS;
			goto out;
		}
		if (unlikely(reason))
			refuse(unit, s.dev, req, reason, reply);
		remap(unit, &f, req, reply);
	}
	if (unlikely(throttled(&s, req, wait))) {
		ret = -EAGAIN;
		goto out;
	}
	ret = post(unit, s.dev, req, reply, false);
	if (likely(!ret))
		deliver(unit, &s, req, reply);
out:
	rcu_read_unlock();
	epoch_exit(&unit->irq.epoch, pair);
	return ret;
}

/* May an interrupt be sent now? Checks quarantine and limits as they are after remap(). */
static int admit(struct nyx_unit *unit, const struct nyx_irq_req *req,
		 struct nyx_irq_wait *wait, struct nyx_irq_reply *reply)
{
	unsigned int pair = epoch_enter(&unit->irq.epoch);
	struct sender s;
	int ret;

	rcu_read_lock();
	ret = find_sender(unit, req->sbdf, &s);
	if (!ret) {
		quarantined(unit, &s, req, reply);
		ret = throttled(&s, req, wait) ? -EAGAIN : 0;
	}
	rcu_read_unlock();
	epoch_exit(&unit->irq.epoch, pair);
	return ret;
}

/* Deliver, also for a device that is leaving: nyx_device_remove() waits for send_slow(). */
static void deliver_slow(struct nyx_unit *unit, const struct nyx_irq_req *req,
			 struct nyx_irq_reply *reply)
{
	unsigned int pair = epoch_enter(&unit->irq.epoch);
	struct sender s;

	rcu_read_lock();
	find_sender(unit, req->sbdf, &s);
	if (s.dom)
		deliver(unit, &s, req, reply);
	rcu_read_unlock();
	epoch_exit(&unit->irq.epoch, pair);
}

/* Errors for which send_slow() gives up, and refuses the interrupt. */
#define GIVE_UP_MEMORY	BIT(0)	/* memory that is not at hand; otherwise -EBUSY */
#define GIVE_UP_STALE	BIT(1)	/* an entry that changes again; otherwise -ESTALE */

/* Is the interrupt refused for an error of fetch()? Otherwise send_slow() returns the error. */
static bool gives_up(int *error, unsigned int give_up)
{
	if (*error == -ESTALE)
		return give_up & GIVE_UP_STALE;
	if (*error != -EAGAIN)
		return false;
	*error = -EBUSY;
	return give_up & GIVE_UP_MEMORY;
}

/*
 * Fetch, remap and deliver, with guest memory that may have to be brought in. A command
 * that takes an entry, the device or memory away waits for nyx_guest_mem_exit().
 */
static int send_slow(struct nyx_unit *unit, const struct nyx_irq_req *req,
		     struct nyx_irq_wait *wait, unsigned int give_up,
		     struct nyx_irq_reply *reply)
{
	unsigned int pair = nyx_guest_mem_enter(unit);
	struct fetched f;
	int ret;

	ret = fetch(unit, req, reply, &f);
	if (ret && !gives_up(&ret, give_up))
		goto out;
	if (ret)
		refuse(unit, f.dev, req, NYX_FAULT_IRQ_TABLE, reply);
	remap(unit, &f, req, reply);
	ret = admit(unit, req, wait, reply);
	if (ret)
		goto out;
	ret = post(unit, f.dev, req, reply, true);
	if (ret == -EBUSY && (give_up & GIVE_UP_MEMORY)) {
		refuse(unit, f.dev, req, NYX_FAULT_IRQ_POST, reply);
		ret = 0;
	}
	if (!ret)
		deliver_slow(unit, req, reply);
out:
	nyx_guest_mem_exit(unit, pair);
	return ret;
}

/* How often a worker fetches an entry that the guest keeps invalidating. */
#define FETCH_TRIES	8u

int nyx_irq_try_slow(struct nyx_unit *unit, const struct nyx_irq_req *req,
		     struct nyx_irq_wait *wait, bool last,
		     struct nyx_irq_reply *reply)
{
	unsigned int give_up = last ? GIVE_UP_MEMORY : 0, tries;
	int ret;

	for (tries = 1; tries < FETCH_TRIES; tries++) {
		ret = send_slow(unit, req, wait, give_up, reply);
		if (ret != -ESTALE)
			return ret;
		cond_resched();
	}
	if (last)
		give_up |= GIVE_UP_STALE;
	ret = send_slow(unit, req, wait, give_up, reply);
	return ret == -ESTALE ? -EBUSY : ret;
}

/* Send an interrupt for a command, which can be killed. */
static int send_once(struct nyx_unit *unit, const struct nyx_irq_req *req,
		     struct nyx_irq_wait *wait, struct nyx_irq_reply *reply)
{
	int ret = nyx_irq_try(unit, req, wait, reply);

	while (unlikely(ret == -EINPROGRESS || ret == -ESTALE)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		ret = send_slow(unit, req, wait, GIVE_UP_MEMORY, reply);
		cond_resched();
	}
	return ret;
}

int nyx_irq_send(struct nyx_unit *unit, const struct nyx_irq_req *req,
		 struct nyx_irq_reply *reply)
{
	struct nyx_irq_wait wait = { .hold = true };
	int ret;

	ret = send_once(unit, req, &wait, reply);
	if (unlikely(ret == -EAGAIN && wait.charged)) {
		ret = nyx_qos_wait(unit, req->sbdf, wait.dom, &wait.charge,
				   wait.ns);
		if (ret) {
			/* nyx_qos_wait() has taken the charge back. */
			nyx_irq_wait_end(unit, req->sbdf, &wait, true);
			return ret;
		}
		ret = send_once(unit, req, &wait, reply);
	}
	nyx_irq_wait_end(unit, req->sbdf, &wait, !ret);
	return ret;
}

/* Fetch and remap; inside nyx_guest_mem_enter(). */
static int probe(struct nyx_unit *unit, const struct nyx_irq_req *req,
		 struct nyx_irq_reply *reply)
{
	struct fetched f;
	struct sender s;
	int ret;

	ret = fetch(unit, req, reply, &f);
	if (ret)
		return ret;
	remap(unit, &f, req, reply);
	rcu_read_lock();
	ret = find_sender(unit, req->sbdf, &s);
	if (!ret)
		quarantined(unit, &s, req, reply);
	rcu_read_unlock();
	if (!reply->fault.reason)
		reply->result = reply->msg.flags & NYX_IRTE_F_POSTED ?
			NYX_IRQ_POSTED : NYX_IRQ_DELIVER;
	return ret;
}

int nyx_irq_probe(struct nyx_unit *unit, const struct nyx_irq_req *req,
		  struct nyx_irq_reply *reply)
{
	unsigned int pair;
	int ret;

	do {
		if (fatal_signal_pending(current))
			return -EINTR;
		pair = nyx_guest_mem_enter(unit);
		ret = probe(unit, req, reply);
		nyx_guest_mem_exit(unit, pair);
		cond_resched();
	} while (ret == -ESTALE);
	return ret;
}

void nyx_irq_set_mode(struct nyx_unit *unit, u32 mode, struct nyx_ticket *t)
{
	mutex_lock(&unit->irq.lock);
	WRITE_ONCE(unit->irq.mode, mode);
	nyx_irq_notify_change(unit, NYX_SBDF_ANY, 0,
			      unit->irq.irt.nr ?: IRT_DEVICE_ENTRIES);
	mutex_unlock(&unit->irq.lock);
	nyx_inval_lookups(t);
}

NYX_EXPORT_FOR_TEST(nyx_irq_send);
NYX_EXPORT_FOR_TEST(nyx_irq_probe);
NYX_EXPORT_FOR_TEST(nyx_irq_set_mode);
