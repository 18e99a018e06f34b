// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: accesses of devices by a view of a unit, without a system call.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A thread has a slot of the one view, which it takes with its first access. It begins a section,
 * translates, copies, and ends the section, after 64 KiB at the latest: the guest's
 * invalidations wait for it. A longer use, a request of a disk, has holds.
 *
 * A thread waits for nothing inside a section, and libnyx refuses its other commands there. So
 * the CPU of the guest that writes the unit's registers, which waits for sections and holds, is
 * inside none, and those that it waits for need neither it nor its locks.
 *
 * A view that was cut off, as this process did not let go in time, is left by each thread as it
 * learns of that, and closed by the last; a new one takes its place. The device was quarantined
 * by then, whatever the policy: the guest sees it fail, and a reset of the device, which waits
 * for its requests, takes it out.
 */
#include "dma_view.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "vmm.h"

#define SECTION		(64 * KIB)	/* bytes that are copied in one section */
#define NR_OPS		32		/* translated together */
#define NR_RUNS		(DMA_SPAN_SEGS + 64)
#define HOLDS_FOR_QUEUE	1024		/* of a disk */
#define SLOTS_FOR_CPUS	16		/* CPUs access memory only for edu */
#define BUS_0		256		/* ids of bus 0; behind it, each bus has one device */
#define NR_RIDS		(BUS_0 + 256)	/* see index_of() */

/* A view, as long as it is the current one, or a thread has a slot, or something is held */
struct view {
	struct nyx_view *nyx;
	atomic_uint users;
	atomic_bool told[NR_RIDS];	/* dma_views::cut was set for this view */
};

struct dma_views {
	struct vmm *vmm;
	struct nyx_unit *unit;
	pthread_key_t key;
	struct nyx_view_device devices[NR_RIDS];
	atomic_bool cut[NR_RIDS];	/* a thread of the device has learned that it was */
	pthread_mutex_t lock;
	struct view *now;		/* @lock */
	bool none;			/* @lock: the unit has no view for us */
};

/* The part of a thread in a view */
struct slot {
	struct dma_views *views;
	struct view *view;
	struct nyx_view_thread *thread;	/* NULL: all slots of @view are taken */
};

/* NR_RIDS: no function of the machine has this id. */
static unsigned int index_of(uint16_t rid)
{
	if (rid < BUS_0)
		return rid;
	return rid & 0xff ? NR_RIDS : BUS_0 + (rid >> 8);
}

static uint16_t rid_of(unsigned int index)
{
	return (uint16_t)(index < BUS_0 ? index : (index - BUS_0) << 8);
}

/* ---- views and slots ---------------------------------------------------------------- */

static void put_view(struct view *view)
{
	if (atomic_fetch_sub(&view->users, 1) > 1)
		return;
	nyx_view_close(view->nyx);
	free(view);
}

static uint32_t disk_queues(const struct options *opts)
{
	uint32_t nr = 0;
	unsigned int i;

	for (i = 0; i < opts->nr_disks; i++)
		nr += opts->disks[i].queues;
	return nr;
}

/* A device in a slot is a disk at the most, with a queue for each processor. */
static uint32_t card_queues(const struct options *opts)
{
	return opts->hotplug_slots * default_disk_queues(opts);
}

static uint32_t nr_slots(const struct options *opts)
{
	uint32_t nr = disk_queues(opts) + 2 * opts->nr_nets + opts->rng + card_queues(opts);

	if (opts->edu)
		nr += opts->cpus < SLOTS_FOR_CPUS ? opts->cpus : SLOTS_FOR_CPUS;
	return nr < 1 ? 1 : nr < NYX_VIEW_SLOTS_MAX ? nr : NYX_VIEW_SLOTS_MAX;
}

static uint32_t nr_holds(const struct options *opts)
{
	uint32_t nr = HOLDS_FOR_QUEUE * (disk_queues(opts) + card_queues(opts));

	return nr < NYX_VIEW_HOLDS_MAX ? nr : NYX_VIEW_HOLDS_MAX;
}

static int add_memory(const struct vmm *vmm, struct nyx_view *view)
{
	int rc = nyx_view_memory_add(view, 0, vmm->ram_low, vmm->ram, 0);

	if (!rc && vmm->ram_high)
		rc = nyx_view_memory_add(view, GPA_RAM_HIGH, vmm->ram_high,
					 vmm->ram + vmm->ram_low, 0);
	return rc;
}

static struct view *open_view(struct dma_views *views)
{
	const struct options *opts = views->vmm->opts;
	struct view *view = calloc(1, sizeof(*view));
	int rc = -ENOMEM;

	if (view)
		rc = nyx_view_open(views->unit, nr_slots(opts), nr_holds(opts), &view->nyx);
	if (!rc) {
		rc = add_memory(views->vmm, view->nyx);
		if (rc)
			nyx_view_close(view->nyx);
	}
	if (!rc) {
		atomic_init(&view->users, 1);
		return view;
	}
	free(view);
	if (opts->verbose)
		say("devices have no view of the unit: %s", strerror(-rc));
	return NULL;
}

/* The current view, with a reference, or NULL. */
static struct view *get_view(struct dma_views *views)
{
	struct view *view;

	pthread_mutex_lock(&views->lock);
	if (!views->now && !views->none) {
		views->now = open_view(views);
		views->none = !views->now;
	}
	view = views->now;
	if (view)
		atomic_fetch_add(&view->users, 1);
	pthread_mutex_unlock(&views->lock);
	return view;
}

/* The view was cut off: the next access opens another one. */
static void forget_view(struct dma_views *views, const struct view *cut)
{
	struct view *view = NULL;

	pthread_mutex_lock(&views->lock);
	if (views->now == cut) {
		view = views->now;
		views->now = NULL;
	}
	pthread_mutex_unlock(&views->lock);
	if (view)
		put_view(view);
}

static void leave_view(struct slot *slot)
{
	if (!slot->view)
		return;
	nyx_view_thread_close(slot->thread);
	put_view(slot->view);
	slot->thread = NULL;
	slot->view = NULL;
}

static void cut_off(struct slot *slot, uint16_t rid)
{
	unsigned int i = index_of(rid);

	/* A queue that learns of it later tells nothing new: the device was reset meanwhile. */
	if (!atomic_exchange(&slot->view->told[i], true))
		atomic_store(&slot->views->cut[i], true);
	forget_view(slot->views, slot->view);
	leave_view(slot);
}

/* As the thread ends */
static void free_slot(void *arg)
{
	leave_view(arg);
	free(arg);
}

/* The slot of the thread, or NULL. */
static struct slot *own_slot(struct dma_views *views)
{
	struct slot *slot = pthread_getspecific(views->key);

	if (!slot) {
		slot = calloc(1, sizeof(*slot));
		if (!slot)
			return NULL;
		slot->views = views;
		if (pthread_setspecific(views->key, slot)) {
			free(slot);
			return NULL;
		}
	}
	if (!slot->view) {
		slot->view = get_view(views);
		if (slot->view && nyx_view_thread_open(slot->view->nyx, &slot->thread))
			slot->thread = NULL;
	}
	return slot->thread ? slot : NULL;
}

/* Begin a section. Returns NULL if there can be none. */
static struct slot *begin(struct dma_views *views, uint16_t rid)
{
	unsigned int i = index_of(rid);
	struct slot *slot = i < NR_RIDS ? own_slot(views) : NULL;

	if (!slot || !nyx_view_begin(slot->thread, &views->devices[i]))
		return slot;
	cut_off(slot, rid);
	slot = own_slot(views);
	return slot && !nyx_view_begin(slot->thread, &views->devices[i]) ? slot : NULL;
}

/* End a section. False: the view was cut off meanwhile. */
static bool end(struct slot *slot, uint16_t rid)
{
	if (!nyx_view_end(slot->thread))
		return true;
	cut_off(slot, rid);
	return false;
}

struct dma_views *dma_views_new(struct vmm *vmm, struct nyx_unit *unit)
{
	struct dma_views *views = calloc(1, sizeof(*views));
	unsigned int i;

	if (!views)
		return NULL;
	views->vmm = vmm;
	views->unit = unit;
	if (pthread_key_create(&views->key, free_slot)) {
		free(views);
		return NULL;
	}
	for (i = 0; i < NR_RIDS; i++)
		views->devices[i] = nyx_view_device_of((nyx_device_t){ rid_of(i) });
	pthread_mutex_init(&views->lock, NULL);
	return views;
}

void dma_views_free(struct dma_views *views)
{
	struct slot *slot;

	if (!views)
		return;
	slot = pthread_getspecific(views->key);
	if (slot)
		free_slot(slot);
	pthread_key_delete(views->key);
	if (views->now)
		put_view(views->now);
	pthread_mutex_destroy(&views->lock);
	free(views);
}

/* ---- accesses ------------------------------------------------------------------------- */

/* Where a list of accesses is: the next one, and the bytes of it that are done */
struct place {
	struct dma_op *op, *end;
	uint64_t at;
};

/* The accesses of one section, all reads or all writes */
static unsigned int next_segs(const struct place *p, struct nyx_dma_seg *segs)
{
	const struct dma_op *op;
	uint64_t left = SECTION, at = p->at, part;
	unsigned int n = 0;

	for (op = p->op; op < p->end && n < NR_OPS && left && op->write == p->op->write; op++) {
		part = op->len - at < left ? op->len - at : left;
		segs[n++] = (struct nyx_dma_seg){ op->iova + at, part };
		left -= part;
		at = 0;
	}
	return n;
}

/* Copy what was translated. False: not all of that is in reach. */
static bool copy_runs(struct place *p, const struct nyx_view_run *runs, size_t nr)
{
	uint8_t *buffer;

	for (; nr--; runs++) {
		if (!runs->host)
			return false;
		buffer = (uint8_t *)p->op->buffer + p->at;
		if (p->op->write)
			dma_copy(runs->host, buffer, runs->length);
		else
			dma_copy(buffer, runs->host, runs->length);
		p->at += runs->length;
		if (p->at < p->op->len)
			continue;
		p->op->done = true;
		p->op++;
		p->at = 0;
	}
	return true;
}

unsigned int dma_view_access(struct dma_views *views, uint16_t rid, struct dma_op *ops,
			     unsigned int nr, int *rc)
{
	struct place p = { ops, ops + nr, 0 };
	struct nyx_view_run runs[2 * NR_OPS];
	struct nyx_dma_seg segs[NR_OPS];
	struct nyx_fault fault;
	struct slot *slot;
	size_t got;
	bool all;
	int ret;

	*rc = 0;
	while (p.op < p.end) {
		slot = begin(views, rid);
		if (!slot)
			break;
		ret = nyx_view_translatev(slot->thread, segs, next_segs(&p, segs),
					  p.op->write ? NYX_PROT_WRITE : NYX_PROT_READ, runs,
					  ARRAY_SIZE(runs), &got, NULL, &fault);
		all = copy_runs(&p, runs, got);
		/* If the view was cut off, the copies are made nevertheless. */
		end(slot, rid);
		if (!all || ret)
			break;
		if (fault.reason != NYX_FAULT_NONE) {
			*rc = -EFAULT;
			break;
		}
	}
	return (unsigned int)(p.op - ops);
}

/* ---- holds ----------------------------------------------------------------------------- */

/* The spans of one section, all to be read or all to be written */
struct group {
	struct dma_span *first, *end;
	unsigned int nr_segs;
	struct nyx_dma_seg segs[DMA_SPAN_SEGS];
};

/* Returns false if there is no room for all of them. */
static bool add_segs(struct group *g, const struct dma_span *s)
{
	uint64_t skip = s->skip, left = s->len, part;
	unsigned int i, n = g->nr_segs;

	for (i = 0; left; i++) {
		if (skip >= s->segs[i].len) {
			skip -= s->segs[i].len;
			continue;
		}
		if (n == DMA_SPAN_SEGS)
			return false;
		part = s->segs[i].len - skip;
		if (part > left)
			part = left;
		g->segs[n++] = (struct nyx_dma_seg){ s->segs[i].iova + skip, part };
		left -= part;
		skip = 0;
	}
	g->nr_segs = n;
	return true;
}

/* Gather spans from g->first on. Spans that are not asked for have no segments here. */
static void gather(struct group *g, struct dma_span *end)
{
	g->nr_segs = 0;
	for (g->end = g->first; g->end < end; g->end++) {
		if (g->end->rc)
			continue;
		if (g->end->write != g->first->write || !add_segs(g, g->end))
			break;
	}
}

/* Do the pages of a piece continue those from *first to *last? Then these are more. */
static bool continues(const struct nyx_view_run *run, uint64_t *first, uint64_t *last)
{
	if (run->first > *last + 1 || run->last + 1 < *first)
		return false;
	if (run->first < *first)
		*first = run->first;
	if (run->last > *last)
		*last = run->last;
	return true;
}

/* Release the holds from the @from-th on. */
static void release_from(struct dma_holds *holds, unsigned int from)
{
	struct view *view = holds->owner;

	while (holds->nr > from) {
		nyx_view_hold_release(view->nyx, holds->ids[--holds->nr]);
		put_view(view);
	}
}

/*
 * Hold the pages of pieces: those next to one another have one hold, and so have those for which
 * there is no room of their own.
 */
static int take_holds(const struct slot *slot, struct dma_holds *holds,
		      const struct nyx_view_run *runs, size_t nr)
{
	uint64_t first, last;
	size_t n;

	if (holds->nr && holds->owner != slot->view)
		return -EAGAIN;
	holds->owner = slot->view;
	for (; nr; runs += n, nr -= n) {
		if (holds->nr == DMA_HOLDS)
			return -EAGAIN;
		first = runs[0].first;
		last = runs[0].last;
		for (n = 1; n < nr && (holds->nr >= DMA_HOLDS - 2 ||
				       continues(&runs[n], &first, &last)); n++)
			;
		if (nyx_view_hold_take(slot->thread, runs, n, &holds->ids[holds->nr]))
			return -EAGAIN;
		holds->nr++;
		atomic_fetch_add(&slot->view->users, 1);
	}
	return 0;
}

static int hold_span(const struct slot *slot, struct dma_span *s,
		     const struct nyx_view_run *runs, size_t nr)
{
	unsigned int had = s->holds->nr;
	size_t i;

	for (i = 0; i < nr; i++) {
		if (!runs[i].host || !dma_piece(s, runs[i].host, runs[i].length))
			return -EAGAIN;
	}
	if (!take_holds(slot, s->holds, runs, nr))
		return 0;
	release_from(s->holds, had);
	return -EAGAIN;
}

/*
 * Give each span of a group its pieces. Returns the first span that is to be asked for once more;
 * what follows one that was refused was not looked at.
 */
static struct dma_span *deal(const struct slot *slot, struct group *g,
			     const struct nyx_view_run *runs, size_t nr, bool refused, int error)
{
	struct dma_span *s;
	uint64_t sum;
	size_t n;

	for (s = g->first; s < g->end; s++, runs += n, nr -= n) {
		n = 0;
		if (s->rc)
			continue;
		for (sum = 0; n < nr && sum < s->len; n++)
			sum += runs[n].length;
		if (sum == s->len) {
			s->rc = hold_span(slot, s, runs, n);
			continue;
		}
		/* A span that fits nowhere, or about which the kernel says nothing, is copied. */
		if (!refused && !error && s > g->first)
			return s;
		s->rc = refused ? -EFAULT : -EAGAIN;
		s->done = sum;
		return s + 1;
	}
	return s;
}

/* The view was cut off while the spans were looked up. */
static void drop_spans(struct dma_span *s, const struct dma_span *end)
{
	for (; s < end; s++) {
		if (s->rc)
			continue;
		release_from(s->holds, 0);
		s->rc = -EAGAIN;
	}
}

void dma_view_hold(struct dma_views *views, uint16_t rid, struct dma_span *spans, unsigned int nr)
{
	struct dma_span *end_span = spans + nr, *next;
	struct nyx_view_run runs[NR_RUNS];
	struct nyx_fault fault;
	struct slot *slot;
	struct group g;
	size_t got;
	int ret;

	for (g.first = spans; g.first < end_span; g.first = next) {
		next = g.first + 1;
		if (g.first->rc)
			continue;
		gather(&g, end_span);
		slot = g.nr_segs ? begin(views, rid) : NULL;
		if (!slot) {
			g.first->rc = -EAGAIN;
			continue;
		}
		ret = nyx_view_translatev(slot->thread, g.segs, g.nr_segs,
					  g.first->write ? NYX_PROT_WRITE : NYX_PROT_READ, runs,
					  NR_RUNS, &got, NULL, &fault);
		next = deal(slot, &g, runs, got, fault.reason != NYX_FAULT_NONE, ret);
		if (!end(slot, rid))
			drop_spans(g.first, next);
	}
}

void dma_view_release(struct dma_holds *holds)
{
	release_from(holds, 0);
}

bool dma_view_was_cut_off(struct dma_views *views, uint16_t rid)
{
	unsigned int i = index_of(rid);

	return i < NR_RIDS && atomic_exchange(&views->cut[i], false);
}
