// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: domains whose translations are checked.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/space/oracle.h"

#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "base/trace.h"
#include "base/types.h"
#include "core/account/stats.h"
#include "core/space/domain.h"
#include "core/unit.h"

#define RANGES		BIT(PT_NR_FORMATS)
/* Ranges that ranges_clear() takes out at once. */
#define PIECE		512u

#define PAGE_NUMBER	((1ull << (64 - NYX_PAGE_LG2)) - 1)

/* ---- ranges ------------------------------------------------------------- */

/*
 * The value that is stored for a range: it is the same for each page, so it stays right for
 * the rest when a part is cut out.
 */
static void *range_value(u64 iova, u64 gpa, unsigned int perm)
{
	u64 apart = ((gpa - iova) >> NYX_PAGE_LG2) & PAGE_NUMBER;

	return xa_mk_value(apart << 2 | perm);
}

/**
 * struct reference - what the ranges say of an address
 * @value: what is stored there, or NULL
 * @oa: where the address leads to
 * @perm: NYX_ACC_*
 */
struct reference {
	void *value;
	u64 oa;
	unsigned int perm;
};

static struct reference ranges_find(struct nyx_oracle *o, u64 iova)
{
	void *value = mtree_load(&o->ranges, iova >> NYX_PAGE_LG2);
	u64 bits = value ? xa_to_value(value) : 0;

	return (struct reference) {
		.value = value,
		.oa = iova + (bits >> 2 << NYX_PAGE_LG2),
		.perm = bits & NYX_ACC_RW,
	};
}

static bool ranges_busy(struct nyx_oracle *o, u64 iova, u64 last)
{
	unsigned long index = iova >> NYX_PAGE_LG2;

	return mt_find(&o->ranges, &index, last >> NYX_PAGE_LG2);
}

/* The first ranges of a part of the tree: sets where they end, returns pages. */
static u64 ranges_piece(struct nyx_oracle *o, unsigned long first,
			unsigned long last, unsigned long *end)
{
	MA_STATE(mas, &o->ranges, first, first);
	unsigned int left = PIECE;
	u64 pages = 0;
	void *value;

	*end = last;
	rcu_read_lock();
	mas_for_each(&mas, value, last) {
		*end = min(mas.last, last);
		pages += *end - max(mas.index, first) + 1;
		if (!--left)
			break;
	}
	rcu_read_unlock();
	return pages;
}

/* Take out the ranges from @iova to @last. Sets the bytes that were mapped. */
static int ranges_clear(struct nyx_oracle *o, u64 iova, u64 last, u64 *bytes)
{
	unsigned long first = iova >> NYX_PAGE_LG2, end;
	u64 pages;
	int ret;

	last >>= NYX_PAGE_LG2;
	for (*bytes = 0;; first = end + 1) {
		pages = ranges_piece(o, first, last, &end);
		if (!pages)
			return 0;
		ret = mtree_store_range(&o->ranges, first, end, NULL,
					GFP_CALLER);
		if (ret)
			return ret;
		*bytes += pages << NYX_PAGE_LG2;
		if (end == last)
			return 0;
		cond_resched();
	}
}

/* ---- life --------------------------------------------------------------- */

struct nyx_oracle *nyx_oracle_create(const struct pt *pt)
{
	struct pt_config cfg = { .va_lg2 = fls64(pt->va_last) };
	struct nyx_oracle *o;

	o = kzalloc(sizeof(*o), GFP_CALLER);
	if (!o)
		return NULL;
	seqcount_init(&o->seq);
	mt_init_flags(&o->ranges, MT_FLAGS_USE_RCU);
	o->following = RANGES;
	for (cfg.format = 0; cfg.format < PT_NR_FORMATS; cfg.format++) {
		cfg.levels = pt_format_levels(cfg.format, cfg.va_lg2);
		if (cfg.format != pt->format && cfg.levels &&
		    !pt_init(&o->table[cfg.format], &cfg))
			o->following |= BIT(cfg.format);
	}
	return o;
}

void nyx_oracle_destroy(struct nyx_oracle *o)
{
	unsigned int format;
	u64 bytes;

	if (!o)
		return;
	for (format = 0; format < PT_NR_FORMATS; format++)
		pt_fini(&o->table[format]);
	/*
	 * Free the ranges in pieces; without memory for that, mtree_destroy() frees all at
	 * once.
	 */
	ranges_clear(o, 0, U64_MAX, &bytes);
	mtree_destroy(&o->ranges);
	kfree(o);
}

/* ---- map and unmap ------------------------------------------------------ */

static void give_up(struct nyx_oracle *o, unsigned int tables)
{
	WRITE_ONCE(o->following, o->following & ~tables);
}

/* Did a table fail for -ENOMEM or -EINTR, which is no mismatch? */
static bool excused(int err)
{
	return err == -ENOMEM || err == -EINTR;
}

/* Report a table that has mapped or unmapped something else than the ranges say. */
static void report_change(struct nyx_domain *dom, unsigned int format, u64 iova)
{
	trace_nyx_oracle(dom->unit->id, dom->id, format, iova, 0xff,
			 NYX_GPA_UNKNOWN, 0, NYX_GPA_UNKNOWN, 0);
	nyx_stat_add(dom->stats, NYX_STAT_ORACLE_MISMATCHES, 1);
}

/* Does a table that took part in a change hold as much as the domain's? */
static void check_change(struct nyx_domain *dom, unsigned int format, u64 iova,
			 bool same)
{
	if (!same || dom->oracle->table[format].mapped != dom->pt.mapped)
		report_change(dom, format, iova);
}

int nyx_oracle_map(struct nyx_domain *dom, u64 iova, u64 last, u64 gpa,
		   unsigned int perm, struct pt_chain *free)
{
	struct nyx_oracle *o = dom->oracle;
	unsigned int format;
	int ret, err;

	lockdep_assert_held(&dom->lock);
	raw_write_seqcount_begin(&o->seq);
	ret = pt_map(&dom->pt, iova, last, gpa, perm, free);
	if (excused(ret) || !(o->following & RANGES))
		goto out;
	if (ranges_busy(o, iova, last) != (ret == -EEXIST))
		report_change(dom, dom->pt.format, iova);
	for (format = 0; format < PT_NR_FORMATS; format++) {
		if (!(o->following & BIT(format)))
			continue;
		err = pt_map(&o->table[format], iova, last, gpa, perm, free);
		if (excused(err))
			give_up(o, BIT(format));
		else
			check_change(dom, format, iova, err == ret);
	}
	if (!ret && mtree_store_range(&o->ranges, iova >> NYX_PAGE_LG2,
				      last >> NYX_PAGE_LG2,
				      range_value(iova, gpa, perm), GFP_CALLER))
		give_up(o, ~0u);
out:
	raw_write_seqcount_end(&o->seq);
	return ret;
}

int nyx_oracle_unmap(struct nyx_domain *dom, u64 iova, u64 last,
		     struct pt_chain *free, u64 *unmapped)
{
	struct nyx_oracle *o = dom->oracle;
	unsigned int format;
	int ret, err;
	u64 bytes;

	lockdep_assert_held(&dom->lock);
	raw_write_seqcount_begin(&o->seq);
	ret = pt_unmap(&dom->pt, iova, last, free, unmapped);
	if (ret || !(o->following & RANGES))
		goto out;
	for (format = 0; format < PT_NR_FORMATS; format++) {
		if (!(o->following & BIT(format)))
			continue;
		err = pt_unmap(&o->table[format], iova, last, free, &bytes);
		if (err)
			give_up(o, BIT(format));
		else
			check_change(dom, format, iova, bytes == *unmapped);
	}
	if (ranges_clear(o, iova, last, &bytes))
		give_up(o, ~0u);
	else if (bytes != *unmapped)
		report_change(dom, dom->pt.format, iova);
out:
	raw_write_seqcount_end(&o->seq);
	return ret;
}

/* ---- walk --------------------------------------------------------------- */

/* A permission as a format has it: x86 has no pages to be written only. */
static unsigned int format_perm(unsigned int format, unsigned int perm)
{
	return format == PT_X86 && perm ? perm | NYX_ACC_READ : perm;
}

static bool same_value(unsigned int format, struct reference a, struct reference b)
{
	return a.value && b.value && a.oa == b.oa &&
	       format_perm(format, a.perm) == format_perm(format, b.perm);
}

/* Do the ranges map the whole page of @iova alike? Compares both ends of the page. */
static bool page_agrees(struct nyx_oracle *o, unsigned int format, u64 iova,
			unsigned int lg2, struct reference ref)
{
	u64 mask = nyx_lg2_last(lg2), inside = iova & mask;
	struct reference first = ranges_find(o, iova & ~mask);
	struct reference last = ranges_find(o, iova | mask);

	first.oa += inside;
	last.oa -= mask - inside;
	return same_value(format, first, ref) &&
	       same_value(format, last, ref);
}

static bool agrees(struct nyx_oracle *o, unsigned int format, u64 iova,
		   unsigned int access, const struct pt_result *res,
		   struct reference ref)
{
	unsigned int perm = format_perm(format, ref.perm);
	unsigned int missing = access & ~perm;
	unsigned int status = PT_OK;

	if (!ref.value)
		return res->status == PT_WIDTH || res->status == PT_NOT_PRESENT ||
		       res->status == PT_TABLE_NOT_PRESENT;
	if (missing)
		status = missing & NYX_ACC_WRITE ? PT_NO_WRITE : PT_NO_READ;
	return res->status == status && res->oa == ref.oa &&
	       res->perm == perm && page_agrees(o, format, iova, res->lg2, ref);
}

bool nyx_oracle_walk(struct nyx_domain *dom, u64 iova, unsigned int access,
		     struct pt_result *res)
{
	struct nyx_oracle *o = dom->oracle;
	struct pt_result all[PT_NR_FORMATS];
	unsigned int format, seq, asked, wrong = 0;
	struct reference ref;

	rcu_read_lock();
	seq = raw_read_seqcount(&o->seq);
	asked = READ_ONCE(o->following) | BIT(dom->pt.format);
	pt_walk(&dom->pt, iova, access, res);
	all[dom->pt.format] = *res;
	ref = ranges_find(o, iova);
	for (format = 0; format < PT_NR_FORMATS; format++) {
		if (!(asked & BIT(format)))
			continue;
		if (format != dom->pt.format)
			pt_walk(&o->table[format], iova, access, &all[format]);
		if (!agrees(o, format, iova, access, &all[format], ref))
			wrong |= BIT(format);
	}
	rcu_read_unlock();
	/* Beside a writer, or without the ranges, there is nothing to compare. */
	if ((seq & 1) || read_seqcount_retry(&o->seq, seq) || !(asked & RANGES))
		return true;

	nyx_stat_add(dom->stats, NYX_STAT_ORACLE_CHECKS, 1);
	if (likely(!wrong))
		return true;
	for (format = 0; format < PT_NR_FORMATS; format++) {
		if (wrong & BIT(format))
			trace_nyx_oracle(dom->unit->id, dom->id, format, iova,
					 all[format].status, all[format].oa,
					 all[format].perm,
					 ref.value ? ref.oa : NYX_GPA_UNKNOWN,
					 ref.perm);
	}
	nyx_stat_add(dom->stats, NYX_STAT_ORACLE_MISMATCHES, 1);
	return false;
}
