// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: views.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The reader is <nyx/view_reader.h>. This file adds the threads that have slots, the places
 * where guest memory is mapped, the holds that are free, and the calls of the kernel.
 *
 * The ranges of memory of a view are a table that map_replace() replaces as a whole. A section
 * uses the table that it finds, so map_replace() waits for the sections that run, by their
 * slots, before it frees the old table. If the unit removes memory, &nyx_window_head.memory_gen
 * goes up, and the next section marks the ranges of the table that have gone.
 *
 * The list of all views is for fork handlers and for nyx_memory_remove().
 */
#include <nyx/view.h>
#include <nyx/view_reader.h>

#include "private.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* No generation: the ranges are compared with those of the unit before they are used. */
#define GEN_NONE	UINT64_MAX

/* Segments, and extents of each, that one system call fills. */
#define FILL_ITEMS	16u
#define FILL_EXTENTS	8u

#define PAGE_BYTES	4096u

enum {
	RANGE_READONLY = 1 << 0,
	RANGE_GONE = 1 << 1,	/* the unit has it no more */
};

struct range {
	uint64_t gpa;
	uint64_t length;
	char *host;
	atomic_uint flags;
};

/**
 * struct map - where guest memory is
 * @gen: &nyx_window_head.memory_gen with which @range was compared
 * @nr: ranges
 * @range: the ranges, by GPA; they do not overlap
 */
struct map {
	_Atomic uint64_t gen;
	size_t nr;
	struct range range[];
};

/**
 * struct nyx_view_thread - a slot
 * @reader: the slot, and where the window is
 * @device: of the section
 * @view: the view
 * @next: of the same thread
 * @index: of the slot
 * @last: index of the range that was found last
 */
struct nyx_view_thread {
	struct nyx_view_reader reader;
	struct nyx_view_device *device;
	struct nyx_view *view;
	struct nyx_view_thread *next;
	uint32_t index;
	size_t last;
};

struct nyx_view {
	struct nyx_unit *unit;
	int fd;				/* holds are free when the file is closed everywhere */
	uint32_t id;
	uint32_t nr_slots;
	uint32_t nr_holds;
	bool forked;			/* of the parent of this process */
	const struct nyx_window_head *head;
	uint64_t window_size;
	uint64_t view_size;
	struct nyx_view_ctl *ctl;
	struct nyx_view_slot *slots;
	struct nyx_view_hold *holds;
	struct map *_Atomic map;
	atomic_uint low;		/* no word of @free below this one has a bit, mostly */
	_Atomic uint64_t *free;		/* a bit for each hold */
	struct nyx_view_thread **threads;	/* by slot; under views_lock, as what follows */
	struct nyx_view *next;
};

static pthread_mutex_t views_lock = PTHREAD_MUTEX_INITIALIZER;
static struct nyx_view *views;

/* Slots of the calling thread, and whether it is this file that calls the kernel. */
static _Thread_local struct nyx_view_thread *own_threads;
static _Thread_local bool own_call;

/* Of a child: cut off, and an empty window. */
static struct nyx_view_slot no_slot = { .cut = 1 };
static const struct nyx_window_head no_window;

bool nyx__in_section(void)
{
	const struct nyx_view_thread *t;

	if (own_call)
		return false;
	for (t = own_threads; t; t = t->next) {
		if (t->reader.seq & 1)
			return true;
	}
	return false;
}

/* ---- fork -------------------------------------------------------------------- */

static void before_fork(void)
{
	pthread_mutex_lock(&views_lock);
}

static void in_parent(void)
{
	pthread_mutex_unlock(&views_lock);
}

/* The areas are not mapped in a child: lead its views to memory that says so. */
static void in_child(void)
{
	struct nyx_view *view;
	uint32_t i;

	for (view = views; view; view = view->next) {
		view->forked = true;
		view->head = &no_window;
		/* Or this process would keep the holds of its parent. */
		close(view->fd);
		view->fd = -1;
		for (i = 0; i < view->nr_slots; i++) {
			struct nyx_view_thread *t = view->threads[i];

			if (!t)
				continue;
			t->reader.head = &no_window;
			t->reader.slot = &no_slot;
			t->reader.seq &= ~(uint64_t)1;
		}
	}
	pthread_mutex_unlock(&views_lock);
}

static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
static int fork_error;

static void handle_fork(void)
{
	fork_error = pthread_atfork(before_fork, in_parent, in_child);
}

/* ---- open and close ------------------------------------------------------------ */

static void view_free(struct nyx_view *view)
{
	free(atomic_load_explicit(&view->map, memory_order_relaxed));
	free(view->free);
	free(view->threads);
	free(view);
}

static struct nyx_view *view_alloc(uint32_t nr_slots, uint32_t nr_holds)
{
	struct nyx_view *view = calloc(1, sizeof(*view));
	struct map *map = calloc(1, sizeof(*map));
	uint32_t i;

	if (!view || !map) {
		free(map);
		free(view);
		return NULL;
	}
	atomic_init(&map->gen, GEN_NONE);
	atomic_init(&view->map, map);
	view->nr_slots = nr_slots;
	view->nr_holds = nr_holds;
	view->threads = calloc(nr_slots ? nr_slots : 1, sizeof(view->threads[0]));
	view->free = calloc(nr_holds / 64 + 1, sizeof(view->free[0]));
	if (!view->threads || !view->free) {
		view_free(view);
		return NULL;
	}
	for (i = 0; i < nr_holds; i++)
		view->free[i / 64] |= UINT64_C(1) << i % 64;
	return view;
}

/* Map both areas of the file. */
static int view_map(struct nyx_view *view, int fd)
{
	uint64_t holds = ((uint64_t)(1 + view->nr_slots) * sizeof(struct nyx_view_slot) +
			  PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
	struct nyx_view_reader reader;
	void *window, *area;

	if (view->view_size < holds + (uint64_t)view->nr_holds * sizeof(struct nyx_view_hold) ||
	    view->window_size < sizeof(*view->head))
		return nyx__fail(-EPROTONOSUPPORT);
	window = mmap(NULL, view->window_size, PROT_READ, MAP_SHARED, fd, 0);
	if (window == MAP_FAILED)
		return nyx__fail(-errno);
	area = mmap(NULL, view->view_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    (off_t)NYX_VIEW_RW);
	if (area == MAP_FAILED) {
		int ret = nyx__fail(-errno);

		munmap(window, view->window_size);
		return ret;
	}
	view->head = window;
	view->ctl = area;
	view->slots = (struct nyx_view_slot *)area + 1;
	view->holds = (struct nyx_view_hold *)((char *)area + holds);
	if (view->ctl->version == NYX_VIEW_VERSION &&
	    nyx_reader_init(&reader, window, view->window_size, &view->slots[0]))
		return 0;
	munmap(area, view->view_size);
	munmap(window, view->window_size);
	return nyx__fail(-EPROTONOSUPPORT);
}

NYX_EXPORT int nyx_view_open(struct nyx_unit *unit, uint32_t nr_slots, uint32_t nr_holds,
			     struct nyx_view **out)
{
	struct nyx_view_open req = {
		.size = sizeof(req),
		.nr_slots = nr_slots,
		.nr_holds = nr_holds,
	};
	struct nyx_view *view;
	int ret;

	pthread_once(&fork_once, handle_fork);
	if (fork_error)
		return nyx__fail(-fork_error);
	ret = nyx__ioctl(unit->fd, NYX_VIEW_OPEN, &req);
	if (ret)
		return ret;
	view = view_alloc(nr_slots, nr_holds);
	if (!view) {
		close(req.out_fd);
		return nyx__fail(-ENOMEM);
	}
	view->id = req.out_view_id;
	view->window_size = req.out_window_size;
	view->view_size = req.out_view_size;
	ret = view_map(view, req.out_fd);
	if (ret) {
		close(req.out_fd);
		view_free(view);
		return ret;
	}
	view->fd = req.out_fd;
	view->unit = nyx_unit_ref(unit);
	pthread_mutex_lock(&views_lock);
	view->next = views;
	views = view;
	pthread_mutex_unlock(&views_lock);
	*out = view;
	return 0;
}

static bool in_use(const struct nyx_view *view)
{
	uint32_t i;

	for (i = 0; i < view->nr_slots; i++) {
		if (view->threads[i])
			return true;
	}
	for (i = 0; i < view->nr_holds; i++) {
		if (!(view->free[i / 64] >> i % 64 & 1))
			return true;
	}
	return false;
}

/* Take a slot out of the list of the calling thread; false: it is another thread's. */
static bool forget_thread(const struct nyx_view_thread *thread)
{
	struct nyx_view_thread **at;

	for (at = &own_threads; *at; at = &(*at)->next) {
		if (*at == thread) {
			*at = thread->next;
			return true;
		}
	}
	return false;
}

NYX_EXPORT int nyx_view_close(struct nyx_view *view)
{
	struct nyx_view **at;
	uint32_t i;

	if (!view)
		return 0;
	pthread_mutex_lock(&views_lock);
	if (!view->forked && in_use(view)) {
		pthread_mutex_unlock(&views_lock);
		return nyx__fail(-EBUSY);
	}
	for (at = &views; *at != view; at = &(*at)->next)
		;
	*at = view->next;
	pthread_mutex_unlock(&views_lock);
	if (!view->forked) {
		munmap(view->ctl, view->view_size);
		munmap((void *)view->head, view->window_size);
		close(view->fd);
	}
	for (i = 0; i < view->nr_slots; i++) {
		if (view->threads[i])
			forget_thread(view->threads[i]);
		free(view->threads[i]);
	}
	nyx_unit_unref(view->unit);
	view_free(view);
	return 0;
}

NYX_EXPORT uint32_t nyx_view_id(const struct nyx_view *view)
{
	return view->id;
}

NYX_EXPORT int nyx_view_fd(const struct nyx_view *view)
{
	return view->fd;
}

NYX_EXPORT int nyx_view_thread_open(struct nyx_view *view, struct nyx_view_thread **thread)
{
	struct nyx_view_thread *t = calloc(1, sizeof(*t));
	uint32_t i;
	int ret = 0;

	if (!t)
		return nyx__fail(-ENOMEM);
	pthread_mutex_lock(&views_lock);
	for (i = 0; i < view->nr_slots && view->threads[i]; i++)
		;
	if (view->forked)
		ret = -ESTALE;
	else if (i == view->nr_slots)
		ret = -ENOSPC;
	/* A unit that has ended has no layout; commands say so. */
	else if (!nyx_reader_init(&t->reader, view->head, view->window_size,
				  &view->slots[i]))
		ret = -ENODEV;
	else
		view->threads[i] = t;
	pthread_mutex_unlock(&views_lock);
	if (ret) {
		free(t);
		return nyx__fail(ret);
	}
	t->view = view;
	t->index = i;
	t->next = own_threads;
	own_threads = t;
	*thread = t;
	return 0;
}

NYX_EXPORT int nyx_view_thread_close(struct nyx_view_thread *t)
{
	if (!t)
		return 0;
	if (t->reader.seq & 1)
		return nyx__fail(-EDEADLK);
	if (!forget_thread(t))
		return nyx__fail(-EPERM);
	pthread_mutex_lock(&views_lock);
	t->view->threads[t->index] = NULL;
	pthread_mutex_unlock(&views_lock);
	free(t);
	return 0;
}

NYX_EXPORT struct nyx_view_device nyx_view_device_of(nyx_device_t device)
{
	return (struct nyx_view_device){ .sbdf = device.sbdf, .pasid = NYX_PASID_NONE };
}

NYX_EXPORT int nyx_view_begin(struct nyx_view_thread *t, struct nyx_view_device *device)
{
	if (t->reader.seq & 1)
		return nyx__fail(-EDEADLK);
	t->device = device;
	if (nyx_reader_enter(&t->reader, (uint32_t)nyx__read64(&device->__id)))
		return 0;
	(void)nyx_reader_leave(&t->reader);
	return nyx__fail(-ESTALE);
}

NYX_EXPORT int nyx_view_end(struct nyx_view_thread *t)
{
	if (!(t->reader.seq & 1))
		return nyx__fail(t->view->forked ? -ESTALE : -EINVAL);
	return nyx_reader_leave(&t->reader) ? 0 : nyx__fail(-ESTALE);
}

/* ---- memory ----------------------------------------------------------------------- */

/* Wait until no section uses what it may have found before. */
static void wait_sections(const struct nyx_view *view)
{
	uint64_t seq;
	uint32_t i;

	/* The change before the looks; pairs with nyx_reader_enter(). */
	atomic_thread_fence(memory_order_seq_cst);
	for (i = 0; i < view->nr_slots; i++) {
		const __u64 *at = &view->slots[i].seq;

		seq = __atomic_load_n(at, __ATOMIC_ACQUIRE);
		while (seq & 1 && __atomic_load_n(at, __ATOMIC_ACQUIRE) == seq)
			sched_yield();
	}
}

/* Copy the ranges that are there, but @without, and with @with; the list is locked. */
static struct map *map_copy(const struct map *old, const struct range *without,
			    const struct range *with)
{
	struct map *map = malloc(sizeof(*map) + (old->nr + 1) * sizeof(map->range[0]));
	size_t i, n = 0;

	if (!map)
		return NULL;
	for (i = 0; i <= old->nr; i++) {
		const struct range *r = &old->range[i];

		if (with && (i == old->nr || with->gpa < r->gpa)) {
			map->range[n++] = *with;
			with = NULL;
		}
		if (i < old->nr && r != without && !(r->flags & RANGE_GONE))
			map->range[n++] = *r;
	}
	map->nr = n;
	/* All is compared anew: the ranges may have gone since the old generation. */
	atomic_init(&map->gen, GEN_NONE);
	return map;
}

/* Put a table in the place of another one; unlocks the list. */
static int map_replace(struct nyx_view *view, struct map *old, struct map *map)
{
	if (!map) {
		pthread_mutex_unlock(&views_lock);
		return nyx__fail(-ENOMEM);
	}
	atomic_store_explicit(&view->map, map, memory_order_release);
	pthread_mutex_unlock(&views_lock);
	wait_sections(view);
	free(old);
	return 0;
}

static int refuse_change(const struct nyx_view *view)
{
	if (nyx__in_section())
		return nyx__fail(-EDEADLK);
	return view->forked ? nyx__fail(-ESTALE) : 0;
}

NYX_EXPORT int nyx_view_memory_add(struct nyx_view *view, uint64_t gpa, uint64_t length,
				   void *host, uint32_t flags)
{
	const struct range new = {
		.gpa = gpa,
		.length = length,
		.host = host,
		.flags = flags & NYX_MEMORY_F_READONLY ? RANGE_READONLY : 0,
	};
	struct map *map;
	size_t i;
	int ret;

	if (flags & ~(uint32_t)NYX_MEMORY_F_READONLY)
		return nyx__fail(-EOPNOTSUPP);
	if (!host || !length || (gpa | length) % PAGE_BYTES)
		return nyx__fail(-EINVAL);
	if (gpa + (length - 1) < gpa)
		return nyx__fail(-EOVERFLOW);
	ret = refuse_change(view);
	if (ret)
		return ret;
	pthread_mutex_lock(&views_lock);
	map = atomic_load_explicit(&view->map, memory_order_relaxed);
	for (i = 0; i < map->nr; i++) {
		const struct range *r = &map->range[i];

		if (!(r->flags & RANGE_GONE) && gpa <= r->gpa + (r->length - 1) &&
		    gpa + (length - 1) >= r->gpa) {
			pthread_mutex_unlock(&views_lock);
			return nyx__fail(-EEXIST);
		}
	}
	return map_replace(view, map, map_copy(map, NULL, &new));
}

NYX_EXPORT int nyx_view_memory_remove(struct nyx_view *view, uint64_t gpa, uint64_t length)
{
	struct map *map;
	size_t i;
	int ret;

	ret = refuse_change(view);
	if (ret)
		return ret;
	pthread_mutex_lock(&views_lock);
	map = atomic_load_explicit(&view->map, memory_order_relaxed);
	for (i = 0; i < map->nr; i++) {
		if (map->range[i].gpa == gpa && map->range[i].length == length)
			return map_replace(view, map, map_copy(map, &map->range[i], NULL));
	}
	pthread_mutex_unlock(&views_lock);
	return nyx__fail(-ENOENT);
}

void nyx__view_memory_gone(const struct nyx_unit *unit, uint64_t gpa, uint64_t length)
{
	struct nyx_view *view;
	struct map *map;
	size_t i;

	pthread_mutex_lock(&views_lock);
	for (view = views; view; view = view->next) {
		if (view->unit->id != unit->id)
			continue;
		map = atomic_load_explicit(&view->map, memory_order_relaxed);
		for (i = 0; i < map->nr; i++) {
			struct range *r = &map->range[i];

			if (gpa <= r->gpa + (r->length - 1) && gpa + (length - 1) >= r->gpa)
				r->flags |= RANGE_GONE;
		}
	}
	pthread_mutex_unlock(&views_lock);
}

/**
 * struct sweep - both lists of ranges, side by side
 * @map: those of the view
 * @i: the range that is compared
 * @next: its first address that was not found in the unit's
 */
struct sweep {
	struct map *map;
	size_t i;
	uint64_t next;
};

static void sweep_on(struct sweep *s)
{
	s->i++;
	if (s->i < s->map->nr)
		s->next = s->map->range[s->i].gpa;
}

static int sweep_entry(const void *entry, void *arg)
{
	const struct nyx_memory_info *info = entry;
	uint64_t info_last = info->gpa + (info->length - 1);
	struct sweep *s = arg;

	while (s->i < s->map->nr) {
		struct range *r = &s->map->range[s->i];

		if (s->next > info_last)
			return 0;
		if (s->next < info->gpa) {
			r->flags |= RANGE_GONE;
			sweep_on(s);
			continue;
		}
		if (info->flags & NYX_MEMORY_F_READONLY)
			r->flags |= RANGE_READONLY;
		if (r->gpa + (r->length - 1) > info_last) {
			s->next = info_last + 1;
			return 0;
		}
		sweep_on(s);
	}
	return 0;
}

/* Mark the ranges that the unit has no more. The caller is inside a section. */
static int map_compare(const struct nyx_view *view, struct map *map)
{
	struct sweep s = { .map = map, .i = 0 };
	/* A removal from now on counts up once more, and waits for this section. */
	uint64_t gen = __atomic_load_n(&view->head->memory_gen, __ATOMIC_ACQUIRE);
	int ret;

	if (map->nr)
		s.next = map->range[0].gpa;
	ret = nyx__list(view->unit->fd, NYX_LIST_MEMORY, 0, 0, sweep_entry, &s);
	if (ret)
		return ret;
	for (; s.i < map->nr; s.i++)
		map->range[s.i].flags |= RANGE_GONE;
	atomic_store_explicit(&map->gen, gen, memory_order_release);
	return 0;
}

static bool in_range(const struct range *r, uint64_t gpa)
{
	return gpa - r->gpa < r->length;
}

/* Find the range of @gpa; NULL: none, with *next where the one behind it is. */
static __attribute__((noinline)) const struct range *search(struct nyx_view_thread *t,
							    const struct map *map, uint64_t gpa,
							    uint64_t *next)
{
	size_t low = 0, high = map->nr, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (map->range[mid].gpa > gpa)
			high = mid;
		else
			low = mid + 1;
	}
	if (low && in_range(&map->range[low - 1], gpa)) {
		t->last = low - 1;
		return &map->range[t->last];
	}
	*next = low < map->nr ? map->range[low].gpa : UINT64_MAX;
	return NULL;
}

/*
 * Find the memory at @gpa, cut *length to its range, and *prot to what it allows. Returns NULL
 * if it is in none, with *length up to where the next one begins.
 */
static inline char *find_memory(struct nyx_view_thread *t, const struct map *map, uint64_t gpa,
				uint64_t *length, uint32_t *prot)
{
	const struct range *r = &map->range[t->last];
	uint64_t left, next;
	unsigned int flags;

	if (t->last >= map->nr || !in_range(r, gpa)) {
		r = search(t, map, gpa, &next);
		if (!r) {
			if (*length > next - gpa)
				*length = next - gpa;
			return NULL;
		}
	}
	left = r->length - (gpa - r->gpa);
	if (*length > left)
		*length = left;
	flags = atomic_load_explicit(&r->flags, memory_order_relaxed);
	if (flags & RANGE_GONE)
		return NULL;
	if (flags & RANGE_READONLY)
		*prot &= ~(uint32_t)NYX_PROT_WRITE;
	return r->host + (gpa - r->gpa);
}

/* ---- translation ------------------------------------------------------------------- */

/**
 * struct answer - what a translation has found so far
 * @t: the slot
 * @runs: the pieces
 * @nr: room for them
 * @n: how many there are
 * @base: how many there were before this segment
 * @access: of enum nyx_prot
 * @done: bytes
 * @full: there was no room for a piece
 * @fault: what refused the rest
 */
struct answer {
	struct nyx_view_thread *t;
	struct nyx_view_run *runs;
	size_t nr;
	size_t n;
	size_t base;
	uint32_t access;
	uint64_t done;
	bool full;
	struct nyx_fault fault;
};

static bool extends(const struct nyx_view_run *last, const struct nyx_view_run *run)
{
	return last->gpa + last->length == run->gpa && last->prot == run->prot &&
	       last->domain == run->domain &&
	       (run->host ? last->host && (char *)last->host + last->length == run->host :
			    !last->host);
}

/* Add a piece, which follows the one before it in the segment. */
static bool add_run(struct answer *a, const struct nyx_view_run *run)
{
	struct nyx_view_run *last = a->n ? &a->runs[a->n - 1] : NULL;

	if (a->n > a->base && extends(last, run)) {
		last->length += run->length;
		if (run->last > last->last)
			last->last = run->last;
	} else if (a->n < a->nr) {
		a->runs[a->n++] = *run;
	} else {
		a->full = true;
		return false;
	}
	a->done += run->length;
	return true;
}

/* Counters of the slot, which only this thread writes. */
static inline void count(__u64 *counter, uint64_t n)
{
	nyx__write64(counter, nyx__read64(counter) + n);
}

static inline void count_bytes(struct nyx_view_slot *slot, uint32_t access, uint64_t n)
{
	if (access & NYX_PROT_READ)
		count(&slot->read_bytes, n);
	if (access & NYX_PROT_WRITE)
		count(&slot->write_bytes, n);
}

/* The table of ranges, or NULL if it has to be compared with the unit's. */
static inline const struct map *current_map(const struct nyx_view *view)
{
	const struct map *map = atomic_load_explicit(&view->map, memory_order_acquire);

	return nyx__read64(&view->head->memory_gen) ==
	       atomic_load_explicit(&map->gen, memory_order_acquire) ? map : NULL;
}

/* Where the entry of a table in guest memory is */
struct table_map {
	struct nyx_view_thread *t;
	const struct map *map;
};

static inline const __u64 *entry_at(void *arg, uint64_t gpa)
{
	const struct table_map *m = arg;
	uint64_t length = sizeof(__u64);
	uint32_t prot = NYX_PROT_READ;
	const char *entry = find_memory(m->t, m->map, gpa, &length, &prot);

	/* A load of 8 bytes that crosses a cache line could see half of what the guest wrote. */
	return (uintptr_t)entry % sizeof(__u64) ? NULL : (const __u64 *)entry;
}

/* Walk the guest's table for what the cache does not have. */
static __attribute__((noinline)) bool walk(struct nyx_view_thread *t, const struct map *map,
					   uint64_t iova, uint32_t access, struct nyx_view_hit *hit)
{
	struct table_map m = { .t = t, .map = map };

	return nyx_reader_walk(&t->reader, iova, access, entry_at, &m, hit);
}

/*
 * Look for one piece of the range. Returns the counter of what has found it; NULL: the kernel
 * has to be asked.
 */
static inline __u64 *look_up(struct nyx_view_thread *t, const struct map *map, uint64_t iova,
			     uint64_t length, uint32_t access, struct nyx_view_run *run)
{
	__u64 *counter = &t->reader.slot->hits;
	struct nyx_view_hit hit;

	switch (nyx_reader_lookup(&t->reader, nyx__read64(&t->device->__id), iova, length, access,
				  &hit)) {
	case NYX_READER_HIT:
		break;
	case NYX_READER_TABLE:
		counter = &t->reader.slot->walks;
		if (walk(t, map, iova, access, &hit))
			break;
		return NULL;
	default:
		return NULL;
	}
	run->host = find_memory(t, map, hit.gpa, &hit.length, &hit.prot);
	/* Memory that is not known may not be there, or be read-only. */
	if (!run->host || access & ~hit.prot)
		return NULL;
	run->iova = iova;
	run->length = hit.length;
	run->gpa = hit.gpa;
	run->first = hit.first;
	run->last = hit.last;
	run->prot = hit.prot;
	run->domain = hit.domain;
	return counter;
}

/* Translate without the kernel, as far as that goes. Returns the bytes. */
static uint64_t translate_here(struct answer *a, uint64_t iova, uint64_t length)
{
	struct nyx_view_thread *t = a->t;
	const struct map *map = current_map(t->view);
	struct nyx_view_run run;
	uint64_t done = 0;
	__u64 *counter;

	while (map && done < length) {
		counter = look_up(t, map, iova + done, length - done, a->access, &run);
		if (!counter || !add_run(a, &run))
			break;
		count(counter, 1);
		done += run.length;
	}
	return done;
}

/* Add an extent that the kernel has given, cut at the bounds of the ranges. */
static void add_extent(struct answer *a, const struct map *map,
		       const struct nyx_view_extent *ext, uint32_t domain)
{
	struct nyx_view_run run;
	uint64_t done;

	for (done = 0; done < ext->length; done += run.length) {
		run.iova = ext->iova + done;
		run.length = ext->length - done;
		run.gpa = ext->gpa + done;
		run.prot = ext->prot;
		run.host = find_memory(a->t, map, run.gpa, &run.length, &run.prot);
		/* A range that the view takes for read-only is out of reach for writes. */
		if (a->access & ~run.prot) {
			run.host = NULL;
			run.prot = ext->prot;
		}
		run.first = ext->first;
		run.last = ext->last;
		run.domain = domain;
		if (!add_run(a, &run))
			return;
	}
}

/* Remember where the window has the device's word. */
static void learn_device(struct nyx_view_thread *t, uint32_t index)
{
	struct nyx_view_reader *reader = &t->reader;
	struct nyx_view_device *dev = t->device;
	uint64_t id = 0;

	if (index < t->view->head->nr_devs)
		id = nyx_reader_device(reader, index, dev->sbdf, dev->pasid);
	if (id == nyx__read64(&dev->__id))
		return;
	nyx__write64(&dev->__id, id);
	nyx__write32(&reader->slot->dev, (uint32_t)id);
}

/**
 * struct fills - questions to the kernel
 * @item: the questions
 * @extent: room for the answers
 * @n: how many there are
 */
struct fills {
	struct nyx_view_fill item[FILL_ITEMS];
	struct nyx_view_extent extent[FILL_ITEMS][FILL_EXTENTS];
	uint32_t n;
};

static void ask(struct fills *f, const struct answer *a, uint64_t iova, uint64_t length)
{
	f->item[f->n] = (struct nyx_view_fill) {
		.size = sizeof(f->item[0]),
		.sbdf = a->t->device->sbdf,
		.pasid = a->t->device->pasid,
		.access = a->access,
		.nr_extents = FILL_EXTENTS,
		.iova = iova,
		.length = length,
		.extents = (uintptr_t)f->extent[f->n],
	};
	f->n++;
}

/* Returns 0 or an error, and in *ran the number of questions that were answered. */
static int submit(const struct nyx_unit *unit, struct fills *f, uint32_t *ran)
{
	struct nyx_array array = {
		.size = sizeof(array),
		.flags = NYX_ARRAY_F_STOP,
		.cmd = NYX_CMD_VIEW_FILL,
		.item_size = sizeof(f->item[0]),
		.items = (uintptr_t)f->item,
		.nr = f->n,
	};
	int ret;

	if (f->n == 1) {
		ret = nyx__ioctl(unit->fd, NYX_VIEW_FILL, &f->item[0]);
		*ran = !ret;
		return ret;
	}
	ret = nyx__ioctl_once(unit->fd, NYX_ARRAY, &array);
	*ran = array.out_done;
	if (ret) {
		nyx__item_error(&array);
		/* The answers are of use; the rest is asked again. */
		return ret == -EINTR && array.out_done ? 0 : ret;
	}
	/* The one with a fault is answered, too. */
	if (*ran < f->n)
		*ran += 1;
	return 0;
}

/* Where a translation is: the segment, and the bytes of it that are done. */
struct place {
	const struct nyx_dma_seg *seg;
	const struct nyx_dma_seg *end;
	uint64_t in_seg;
};

/* Ask the kernel for what comes next, and add the answers. */
static int translate_filled(struct answer *a, struct place *p)
{
	struct nyx_view_thread *t = a->t;
	const struct nyx_dma_seg *seg = p->seg;
	uint32_t i, j, ran;
	struct fills f;
	struct map *map;
	int ret;

	map = atomic_load_explicit(&t->view->map, memory_order_acquire);
	if (nyx__read64(&t->view->head->memory_gen) !=
	    atomic_load_explicit(&map->gen, memory_order_relaxed)) {
		ret = map_compare(t->view, map);
		if (ret)
			return ret;
	}
	f.n = 0;
	ask(&f, a, seg->iova + p->in_seg, seg->length - p->in_seg);
	/* No more than there may be room for. */
	for (seg++; seg < p->end && f.n < FILL_ITEMS && a->n + f.n < a->nr; seg++) {
		if (seg->length)
			ask(&f, a, seg->iova, seg->length);
	}
	ret = submit(t->view->unit, &f, &ran);
	count(&t->reader.slot->misses, ran);
	for (i = 0; i < ran; i++) {
		const struct nyx_view_fill *item = &f.item[i];
		uint64_t before = a->done;

		learn_device(t, item->out_device);
		for (j = 0; j < item->out_nr_extents && !a->full; j++)
			add_extent(a, map, &f.extent[i][j], item->out_domain);
		p->in_seg += a->done - before;
		if (a->full)
			break;
		if (item->out_fault.reason != NYX_FAULT_NONE) {
			a->fault = item->out_fault;
			break;
		}
		/* More than its extents have room for: that is asked again. */
		if (p->in_seg < p->seg->length)
			return ret || a->done > before ? ret : nyx__fail(-EIO);
		do {
			p->seg++;
			p->in_seg = 0;
		} while (i + 1 < ran && !p->seg->length);
		a->base = a->n;
	}
	return ret;
}

static int translate(struct answer *a, struct place *p)
{
	int ret = 0;

	for (; !ret && !a->full && a->fault.reason == NYX_FAULT_NONE && p->seg < p->end;) {
		if (p->in_seg == p->seg->length) {
			p->seg++;
			p->in_seg = 0;
			a->base = a->n;
			continue;
		}
		p->in_seg += translate_here(a, p->seg->iova + p->in_seg,
					    p->seg->length - p->in_seg);
		if (p->in_seg < p->seg->length && !a->full) {
			own_call = true;
			ret = translate_filled(a, p);
			own_call = false;
		}
	}
	count_bytes(a->t->reader.slot, a->access, a->done);
	return ret;
}

static int check(const struct nyx_view_thread *t, uint32_t access, size_t nr)
{
	if (!(t->reader.seq & 1))
		return t->view->forked ? -ESTALE : -EINVAL;
	return !access || access & ~(uint32_t)(NYX_PROT_READ | NYX_PROT_WRITE) || !nr ? -EINVAL :
	       0;
}

static int check_range(uint64_t iova, uint64_t length)
{
	return length && iova + (length - 1) < iova ? -EOVERFLOW : 0;
}

/* The rest of both functions: translate, unless @ret is an error. */
static int finish(struct answer *a, struct place *p, int ret, size_t *nr_runs,
		  struct nyx_fault *fault)
{
	ret = ret ? nyx__fail(ret) : translate(a, p);
	*nr_runs = a->n;
	if (fault)
		*fault = a->fault;
	else if (!ret && a->fault.reason != NYX_FAULT_NONE)
		ret = -EREMOTEIO;
	return ret;
}

NYX_EXPORT int nyx_view_translatev(struct nyx_view_thread *thread, const struct nyx_dma_seg *segs,
				   size_t nr_segs, uint32_t access, struct nyx_view_run *runs,
				   size_t nr, size_t *nr_runs, uint64_t *done,
				   struct nyx_fault *fault)
{
	struct answer a = { .t = thread, .runs = runs, .nr = nr, .access = access };
	struct place p = { .seg = segs, .end = segs + nr_segs };
	int ret = check(a.t, access, nr);
	size_t i;

	for (i = 0; !ret && i < nr_segs; i++)
		ret = check_range(segs[i].iova, segs[i].length);
	ret = finish(&a, &p, ret, nr_runs, fault);
	if (done)
		*done = a.done;
	return ret;
}

/* The rest of nyx_view_translate(): all but one piece that the kernel is not needed for. */
static __attribute__((noinline)) int translate_any(struct nyx_view_thread *t, uint64_t iova,
						   uint64_t length, uint32_t access,
						   struct nyx_view_run *runs, size_t nr,
						   size_t *nr_runs, struct nyx_fault *fault)
{
	const struct nyx_dma_seg seg = { .iova = iova, .length = length };
	struct answer a = { .t = t, .runs = runs, .nr = nr, .access = access };
	struct place p = { .seg = &seg, .end = &seg + 1 };
	int ret = check(t, access, nr);

	if (!ret)
		ret = length ? check_range(iova, length) : -EINVAL;
	return finish(&a, &p, ret, nr_runs, fault);
}

NYX_EXPORT int nyx_view_translate(struct nyx_view_thread *t, uint64_t iova, uint64_t length,
				  uint32_t access, struct nyx_view_run *runs, size_t nr,
				  size_t *nr_runs, struct nyx_fault *fault)
{
	const struct map *map;
	__u64 *counter;

	if (t->reader.seq & 1 && length && nr &&
	    access - 1u < (NYX_PROT_READ | NYX_PROT_WRITE)) {
		map = current_map(t->view);
		counter = map ? look_up(t, map, iova, length, access, runs) : NULL;
		if (counter && runs->length == length) {
			count(counter, 1);
			count_bytes(t->reader.slot, access, length);
			*nr_runs = 1;
			if (fault)
				fault->reason = NYX_FAULT_NONE;
			return 0;
		}
	}
	return translate_any(t, iova, length, access, runs, nr, nr_runs, fault);
}

/* ---- holds ------------------------------------------------------------------------- */

/* Take the lowest bit of a word; -1 if there is none. */
static int take_bit(_Atomic uint64_t *word)
{
	uint64_t old = atomic_load_explicit(word, memory_order_relaxed);

	while (old) {
		/* Acquire: pairs with nyx_view_hold_release(). */
		if (atomic_compare_exchange_weak_explicit(word, &old, old & (old - 1),
							  memory_order_acquire,
							  memory_order_relaxed))
			return __builtin_ctzll(old);
	}
	return -1;
}

/* Take the lowest hold that is free, or nearly that. */
static bool take_free(struct nyx_view *view, uint32_t *index)
{
	uint32_t words = view->nr_holds / 64 + 1, start, i, at;
	int bit;

	start = atomic_load_explicit(&view->low, memory_order_relaxed);
	for (i = 0; i < words; i++) {
		at = (start + i) % words;
		bit = take_bit(&view->free[at]);
		if (bit < 0)
			continue;
		if (i)
			atomic_store_explicit(&view->low, at, memory_order_relaxed);
		*index = at * 64 + (uint32_t)bit;
		return true;
	}
	return false;
}

/* The kernel looks at no hold of this index or above. */
static void raise_used(struct nyx_view *view, uint32_t used)
{
	uint32_t old = __atomic_load_n(&view->ctl->holds_used, __ATOMIC_RELAXED);

	while (old < used && !__atomic_compare_exchange_n(&view->ctl->holds_used, &old, used, true,
							  __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

NYX_EXPORT int nyx_view_hold_take(struct nyx_view_thread *t, const struct nyx_view_run *runs,
				  size_t nr, uint32_t *hold)
{
	struct nyx_view *view = t->view;
	uint64_t first, last;
	uint32_t index;
	size_t i;

	if (!(t->reader.seq & 1))
		return nyx__fail(view->forked ? -ESTALE : -EINVAL);
	if (!nr)
		return nyx__fail(-EINVAL);
	first = runs[0].first;
	last = runs[0].last;
	for (i = 1; i < nr; i++) {
		if (runs[i].domain != runs[0].domain)
			return nyx__fail(-EXDEV);
		if (runs[i].first < first)
			first = runs[i].first;
		if (runs[i].last > last)
			last = runs[i].last;
	}
	if (last - first > UINT32_MAX)
		return nyx__fail(-ERANGE);
	/* A domain without an index in the window cannot be named. */
	if (!runs[0].domain || !take_free(view, &index))
		return nyx__fail(-ENOSPC);
	raise_used(view, index + 1);
	nyx_hold_take(&view->holds[index], runs[0].domain, t->reader.slot, first,
		      (uint32_t)(last - first));
	*hold = index;
	return 0;
}

NYX_EXPORT void nyx_view_hold_release(struct nyx_view *view, uint32_t hold)
{
	uint32_t word = hold / 64;

	if (view->forked)
		return;
	nyx_hold_release(&view->holds[hold]);
	/* Behind the release: take_bit() of the next thread sees the even count. */
	atomic_fetch_or_explicit(&view->free[word], UINT64_C(1) << hold % 64,
				 memory_order_release);
	if (word < atomic_load_explicit(&view->low, memory_order_relaxed))
		atomic_store_explicit(&view->low, word, memory_order_relaxed);
}

/* ---- the list ------------------------------------------------------------------------ */

NYX__ENTRY(view, nyx_view_fn)

NYX_EXPORT int nyx_view_foreach(struct nyx_unit *unit, nyx_view_fn fn, void *arg)
{
	struct view_call call = { .fn = fn, .arg = arg };

	return nyx__list(unit->fd, NYX_LIST_VIEWS, 0, 0, view_entry, &call);
}
