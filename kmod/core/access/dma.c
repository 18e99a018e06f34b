// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: DMA: devices read and write guest memory.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/access/dma.h"

#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "base/export.h"
#include "base/trace.h"
#include "core/access/device.h"
#include "core/access/translate.h"
#include "core/account/qos.h"
#include "core/space/domain.h"
#include "core/unit.h"

/* Bytes between two calls of cond_resched(). */
#define DMA_BATCH	SZ_1M

static unsigned int dma_perm(u32 op)
{
	switch (op) {
	case NYX_DMA_READ:
		return NYX_ACC_READ;
	case NYX_DMA_WRITE:
	case NYX_DMA_FILL:
		return NYX_ACC_WRITE;
	default:
		return NYX_ACC_RW;
	}
}

/* The operand of a FILL, repeated to eight bytes. */
static u64 fill_pattern(const struct nyx_dma_req *req)
{
	u64 pattern = req->operand;
	unsigned int bits;

	if (req->width < sizeof(pattern))
		pattern &= nyx_lg2_last(8 * req->width);
	for (bits = 8 * req->width; bits < 64; bits *= 2)
		pattern |= pattern << bits;
	return pattern;
}

static int do_atomic(struct nyx_dma_req *req, const struct nyx_segment *seg)
{
	static const u8 op[] = {
		[NYX_DMA_CAS] = REGION_CAS,
		[NYX_DMA_FETCH_ADD] = REGION_ADD,
		[NYX_DMA_SWAP] = REGION_SWAP,
	};

	return region_atomic(seg->region, seg->offset,
			     op[array_index_nospec(req->op, ARRAY_SIZE(op))],
			     req->width, req->operand, req->compare, &req->old);
}

/* Do the part of the DMA that lies in @seg. Returns bytes done. */
static u64 do_segment(struct nyx_dma_req *req, const struct nyx_segment *seg,
		      u64 pattern, int *err)
{
	void __user *buf = req->buf + req->done;

	switch (req->op) {
	case NYX_DMA_READ:
		return region_read(seg->region, seg->offset, buf, req->iter,
				   seg->length, err);
	case NYX_DMA_WRITE:
		return region_write(seg->region, seg->offset, buf, req->iter,
				    seg->length, err);
	case NYX_DMA_FILL:
		return region_fill(seg->region, seg->offset, pattern,
				   req->done & 7, seg->length, err);
	default:
		/* The operand of an atomic is aligned, so it lies in one segment. */
		*err = do_atomic(req, seg);
		return *err ? 0 : seg->length;
	}
}

/* Transfer up to byte @end. */
static int dma_run(struct nyx_access *acc, struct nyx_dma_req *req, u64 end)
{
	unsigned int perm = dma_perm(req->op);
	u64 pattern = req->op == NYX_DMA_FILL ? fill_pattern(req) : 0;
	u64 n, pause = DMA_BATCH;
	struct nyx_segment seg;
	int err = 0;

	while (req->done < end) {
		if (!nyx_translate(acc, req->iova + req->done,
				   end - req->done, perm, &seg,
				   &req->fault))
			return 0;
		seg.length = min_t(u64, seg.length, DMA_BATCH);
		n = do_segment(req, &seg, pattern, &err);
		req->done += n;
		if (unlikely(n < seg.length)) {
			if (err != -EIO)
				return err;
			nyx_access_fault(acc, NYX_FAULT_MEMORY_ERROR,
					 req->iova + req->done, perm, seg.gpa + n,
					 &req->fault);
			return 0;
		}
		if (unlikely(req->done >= pause)) {
			if (fatal_signal_pending(current))
				return -EINTR;
			cond_resched();
			pause = req->done + DMA_BATCH;
		}
	}
	return 0;
}

static void dma_count(struct nyx_stats_cpu __percpu *stats,
		      const struct nyx_dma_req *req, u64 bytes)
{
	unsigned int perm = dma_perm(req->op);

	if (perm & NYX_ACC_READ)
		nyx_stat_add(stats, NYX_STAT_READ_BYTES, bytes);
	if (perm & NYX_ACC_WRITE)
		nyx_stat_add(stats, NYX_STAT_WRITE_BYTES, bytes);
}

/* Transfer up to byte @end, and count the bytes. */
static int dma_part(struct nyx_access *acc, struct nyx_dma_req *req, u64 end)
{
	u64 start = req->done;
	int ret = dma_run(acc, req, end);

	if (unlikely(req->fault.reason != NYX_FAULT_NONE))
		nyx_access_report(acc, &req->fault, req->length - req->done);
	if (!start) {
		nyx_stat_add_both(acc->dev->stats, acc->dom->stats,
				  NYX_STAT_DMA_OPS, 1);
	}
	dma_count(acc->dev->stats, req, req->done - start);
	dma_count(acc->dom->stats, req, req->done - start);
	return ret;
}

/* ---- limits ------------------------------------------------------------- */

static bool is_limited(const struct nyx_access *acc)
{
	return rcu_access_pointer(acc->dev->qos) ||
	       rcu_access_pointer(acc->dom->qos);
}

/*
 * Charge the next part of the DMA, up to @end, to the limits. Returns ns to wait before
 * that part, which is charged already unless @req->nonblock.
 */
static u64 charge_part(const struct nyx_access *acc,
		       const struct nyx_dma_req *req, u64 *end,
		       struct nyx_charge *charge)
{
	struct nyx_qos *dev, *dom;
	u64 wait;

	rcu_read_lock();
	dev = rcu_dereference(acc->dev->qos);
	dom = rcu_dereference(acc->dom->qos);
	*end = req->done + nyx_qos_chunk(dev, dom, min_t(u64, DMA_BATCH,
							 req->length - req->done));
	charge->work = (struct nyx_work) {
		.amount[NYX_RATE_BYTES] = *end - req->done,
		.amount[NYX_RATE_OPS] = !req->done,
	};
	wait = nyx_qos_charge(dev, dom, charge, ktime_get_ns(), !req->nonblock);
	rcu_read_unlock();
	if (wait) {
		nyx_stat_add_both(acc->dev->stats, acc->dom->stats,
				  NYX_STAT_THROTTLED, 1);
	}
	return wait;
}

/* End the access, wait for the limit, and begin another access. */
static int wait_for_limit(struct nyx_access *acc, const struct nyx_dma_req *req,
			  u64 wait, const struct nyx_charge *charge)
{
	struct nyx_unit *unit = acc->unit;
	struct nyx_domain *dom = acc->dom;
	int ret;

	/* The access keeps @dom only until nyx_access_end(). */
	refcount_inc(&dom->ref);
	nyx_access_end(acc);
	ret = nyx_qos_wait(unit, req->sbdf, dom, charge, wait);
	if (!ret) {
		ret = nyx_access_begin(unit, req->sbdf, req->pasid, acc);
		if (ret)
			nyx_qos_give_back(unit, req->sbdf, dom, charge);
	}
	nyx_domain_put(dom);
	return ret;
}

/*
 * Do a DMA whose device or domain has limits in parts, each an access of its own, so that
 * no drain waits for a DMA that sleeps for a limit.
 */
static int dma_limited(struct nyx_unit *unit, struct nyx_dma_req *req)
{
	struct nyx_charge charge;
	struct nyx_access acc;
	u64 end, wait;
	int ret;

	do {
		ret = nyx_access_begin(unit, req->sbdf, req->pasid, &acc);
		if (ret)
			return ret;
		wait = charge_part(&acc, req, &end, &charge);
		if (wait && req->nonblock) {
			nyx_access_end(&acc);
			return -EAGAIN;
		}
		if (wait) {
			ret = wait_for_limit(&acc, req, wait, &charge);
			if (ret)
				return ret;
		}
		ret = dma_part(&acc, req, end);
		nyx_access_end(&acc);
	} while (!ret && req->fault.reason == NYX_FAULT_NONE &&
		 req->done < req->length);
	return ret;
}

int nyx_dma_do(struct nyx_unit *unit, struct nyx_dma_req *req)
{
	struct nyx_access acc;
	int ret;

	req->done = 0;
	req->old = 0;
	req->fault.reason = NYX_FAULT_NONE;
	ret = nyx_access_begin(unit, req->sbdf, req->pasid, &acc);
	if (ret)
		return ret;
	if (unlikely(is_limited(&acc))) {
		nyx_access_end(&acc);
		if (req->nowait)
			return -EAGAIN;
		ret = dma_limited(unit, req);
	} else {
		ret = dma_part(&acc, req, req->length);
		nyx_access_end(&acc);
	}
	trace_nyx_dma(unit->id, req->sbdf, req->op, req->iova, req->length,
		      req->done, req->fault.reason);
	return ret;
}

NYX_EXPORT_FOR_TEST(nyx_dma_do);
