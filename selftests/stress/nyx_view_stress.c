// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx stress: no view uses a page that was taken away.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Processes with views read and write guest memory in place, inside sections and under holds
 * that other threads release. They close their views and open others, fork, and are killed at
 * any moment. Meanwhile threads of the case take pages away: by unmap, detach, removal of
 * memory, quarantine... When that command has returned, the pages are painted with poison. A
 * reader must not see it, and no write may land in it, until the pages are given back.
 *
 * The readers are the code of libnyx, as a thread of a VMM runs it.
 */
#include "view.h"
#include "vtd_guest.h"

#include <nyx/view_reader.h>

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define PAGES		16u	/* that a device reaches, from IOVA 0 on */
#define ZONES		9u	/* at most */
#define PROCESSES	3u
#define READERS		2u	/* threads of a process that have sections */
#define HOLDS		16u
#define PATIENCE	300u	/* yields to wait for the readers */

#define REMOVABLE	(16 * SZ_1G)	/* GPA of memory that comes and goes */
#define HALF		SZ_1M		/* either half of a zone is there */
#define GENERATIONS	64u

#define POISON		0x50
#define GOOD		0x67
#define POISON_WORD	0x5050505050505050ull
#define MARK_WORD	0xddddddddddddddddull

struct zone;

/**
 * struct kind - a way to take pages away
 * @name: name
 * @take: takes pages away, and says which; the result of the command
 * @give: gives them back
 * @domain_flags: of the domains
 */
struct kind {
	const char *name;
	int (*take)(struct zone *z);
	void (*give)(struct zone *z);
	__u32 domain_flags;
};

/**
 * struct shared - what all processes of a case see
 * @stop: the readers are to end
 * @turns: sections, used or not
 * @hits: sections that were used without the kernel
 * @walks: sections that were used by the guest's table
 * @fills: sections that were used by an answer of the kernel
 * @holds: holds that were released behind their use
 * @views: views that were opened
 * @forks: sections in which a process has forked
 * @cuts: views that were found to be cut off
 * @forking: threads of a process that fork
 * @dying: the process is about to be killed
 * @where: generation of memory, << 32, and 1 + the half that is there, or 0
 */
struct shared {
	bool stop;
	unsigned long turns;
	unsigned long hits;
	unsigned long walks;
	unsigned long fills;
	unsigned long holds;
	unsigned long views;
	unsigned long forks;
	unsigned long cuts;
	unsigned int forking[PROCESSES];
	bool dying[PROCESSES];
	__u64 where[GENERATIONS];
};

/**
 * struct zone - a device, its pages, and who takes them away
 * @run: the case
 * @kind: how
 * @sbdf: the device
 * @domain: the one with the pages, and another one
 * @gpa: of the pages
 * @mem: the memory that they have now
 * @half: of it, of REMOVABLE
 * @gen: removals so far
 * @first: the first page that was taken away
 * @nr: how many were
 * @rng: of the taker
 * @thread: likewise
 */
struct zone {
	struct run *run;
	const struct kind *kind;
	__u32 sbdf;
	__u32 domain[2];
	__u64 gpa;
	unsigned char *mem;
	unsigned int half;
	__u64 gen;
	unsigned int first;
	unsigned int nr;
	struct rng rng;
	pthread_t thread;
};

/**
 * struct run - a case
 * @sh: shared
 * @fd: the unit
 * @file: guest memory
 * @guest: of a unit of a vendor
 * @root: its table
 * @zone: the zones
 * @nr: how many
 * @rounds: of each taker
 * @ended: takers that have ended
 * @kills: processes are killed, and forks are made
 * @stalls: some readers take longer than the unit's time-out: nobody writes
 */
struct run {
	struct shared *sh;
	int fd;
	int file;
	struct guest guest;
	__u64 root;
	struct zone zone[ZONES];
	unsigned int nr;
	unsigned long rounds;
	unsigned int ended;
	bool kills;
	bool stalls;
};

/* ---- readers ------------------------------------------------------------- */

enum { REQUEST_FREE, REQUEST_TAKEN, REQUEST_UNDER_WAY };

/**
 * struct request - what is done under a hold, which has the same index
 * @state: of the above
 * @at: the word that it uses
 */
struct request {
	int state;
	__u64 *at;
};

/**
 * struct proc - a process, or one view of it after the other
 * @run: the case
 * @nr: of the process
 * @view: the view
 * @request: by index of the hold
 * @quit: its threads are to end
 * @cut: the view was cut off
 * @gone: the unit has ended
 * @seed: of its threads
 */
struct proc {
	struct run *run;
	unsigned int nr;
	struct view view;
	struct request request[HOLDS];
	bool quit;
	bool cut;
	bool gone;
	__u64 seed;
};

/**
 * struct reader - a thread that has sections
 * @proc: its process
 * @reader: of its slot
 * @id: of the device of each zone, as nyx_reader_device() gives it
 * @rng: random numbers
 */
struct reader {
	struct proc *proc;
	struct nyx_view_reader reader;
	__u64 id[ZONES];
	struct rng rng;
};

static void count(unsigned long *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

static bool is_set(const bool *flag)
{
	return __atomic_load_n(flag, __ATOMIC_RELAXED);
}

static void set(bool *flag)
{
	__atomic_store_n(flag, true, __ATOMIC_RELAXED);
}

static bool is_cut(const struct proc *p)
{
	return __atomic_load_n(&p->view.slots[0].cut, __ATOMIC_ACQUIRE);
}

/* The threads of a view that was cut off stop; the process opens another one. */
static void cut_off(struct proc *p)
{
	if (!p->run->stalls)
		FAIL("a view was cut off that held nobody up for long");
	ASSERT_TRUE(is_cut(p));
	set(&p->cut);
}

/* One access of a device. */
static void use(struct proc *p, __u64 *at, const char *how)
{
	__u64 word = __atomic_load_n(at, __ATOMIC_ACQUIRE);

	if (word == POISON_WORD && !is_cut(p))
		FAIL("a reader sees, %s, what was taken away", how);
	if (!p->run->stalls)
		__atomic_store_n(at, MARK_WORD, __ATOMIC_RELAXED);
}

/* For a while, in which others run; sometimes for longer than the unit waits. */
static void linger(struct proc *p, struct rng *r)
{
	unsigned int n = rng_below(r, 8);

	if (p->run->stalls && !rng_below(r, 100))
		pause_ms(40);
	else if (n < 3)
		sched_yield();
	else if (n < 6)
		for (volatile unsigned int spin = rng_below(r, 2000); spin; spin--)
			;
}

/* Where a guest-physical address is mapped; inside a section. NULL: nowhere now. */
static __u64 *host_of(const struct proc *p, const struct zone *z, __u64 gpa)
{
	__u64 gen, where;

	if (z->gpa != REMOVABLE)
		return (__u64 *)(z->mem + (gpa - z->gpa));
	gen = nyx__read64(&p->view.head->memory_gen);
	where = __atomic_load_n(&p->run->sh->where[gen % GENERATIONS], __ATOMIC_ACQUIRE);
	if (where >> 32 != gen || !(__u32)where)
		return NULL;
	return (__u64 *)(z->mem + ((__u32)where - 1) * HALF + (gpa - z->gpa));
}

/* An entry of a table of the guest. */
static const __u64 *entry_at(void *arg, uint64_t gpa)
{
	struct guest *g = arg;

	return gpa < GUEST_RAM ? words(g, gpa) : NULL;
}

/* Asks the kernel. False: it refuses. */
static bool fill(struct reader *t, unsigned int i, __u64 iova, struct nyx_view_hit *hit)
{
	struct proc *p = t->proc;
	const struct zone *z = &p->run->zone[i];
	struct nyx_view_fill c;
	int ret = cmd_view_fill(p->run->fd, &c, z->sbdf, RW, iova, 8);

	if (ret == -ENODEV)
		set(&p->gone);
	if (ret) {
		ASSERT_TRUE(ret == -ENODEV || ret == -ENOENT);
		return false;
	}
	ASSERT_LT(c.out_device, p->view.head->nr_devs);
	t->id[i] = nyx_reader_device(&t->reader, c.out_device, z->sbdf, NYX_PASID_NONE);
	if (c.out_fault.reason != NYX_FAULT_NONE)
		return false;
	ASSERT_EQ(8, c.out_done);
	hit->gpa = c.out_extent.gpa;
	hit->first = c.out_extent.first;
	hit->last = c.out_extent.last;
	hit->domain = c.out_domain;
	count(&p->run->sh->fills);
	return true;
}

/* Begins a request under a hold, which another thread ends. */
static void begin_request(struct reader *t, const struct nyx_view_hit *hit, __u64 *at)
{
	struct proc *p = t->proc;

	for (unsigned int i = 0; i < HOLDS; i++) {
		int state = REQUEST_FREE;

		/* Acquires the release of the hold. */
		if (!__atomic_compare_exchange_n(&p->request[i].state, &state, REQUEST_TAKEN,
						 false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			continue;
		nyx_hold_take(&p->view.holds[i], hit->domain, t->reader.slot, hit->first,
			      hit->last - hit->first);
		p->request[i].at = at;
		__atomic_store_n(&p->request[i].state, REQUEST_UNDER_WAY, __ATOMIC_RELEASE);
		return;
	}
}

/*
 * The child has neither area; its copy of the file must keep nothing that it should not. A
 * process is not killed while it forks: the kernel of User Mode Linux faults as it frees
 * an address space that was copied in part (flush_tlb_mm(), Linux 6.12).
 */
static void fork_inside(struct proc *p)
{
	struct shared *sh = p->run->sh;
	pid_t pid = -1;

	__atomic_add_fetch(&sh->forking[p->nr], 1, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&sh->dying[p->nr], __ATOMIC_SEQ_CST))
		pid = fork();
	if (!pid) {
		usleep(20000);
		_exit(0);
	}
	__atomic_sub_fetch(&sh->forking[p->nr], 1, __ATOMIC_SEQ_CST);
	if (pid > 0)
		count(&sh->forks);
}

/* Translates as libnyx does: by the cache, by a table of the guest, by the kernel. */
static bool translate(struct reader *t, unsigned int i, __u64 iova, struct nyx_view_hit *hit)
{
	struct run *run = t->proc->run;

	switch (nyx_reader_lookup(&t->reader, t->id[i], iova, 8, RW, hit)) {
	case NYX_READER_HIT:
		count(&run->sh->hits);
		return true;
	case NYX_READER_TABLE:
		/* Some go to the kernel all the same, which fills the cache. */
		if (!rng_below(&t->rng, 4) ||
		    !nyx_reader_walk(&t->reader, iova, RW, entry_at, &run->guest, hit))
			break;
		count(&run->sh->walks);
		return true;
	default:
		break;
	}
	return fill(t, i, iova, hit);
}

static void section(struct reader *t)
{
	struct proc *p = t->proc;
	struct run *run = p->run;
	unsigned int i = rng_below(&t->rng, run->nr);
	__u64 iova = rng_below(&t->rng, PAGES) * SZ_4K + rng_below(&t->rng, 512) * 8;
	struct nyx_view_hit hit;
	__u64 *at = NULL;

	if (!nyx_reader_enter(&t->reader, t->id[i])) {
		(void)nyx_reader_leave(&t->reader);
		cut_off(p);
		return;
	}
	if (translate(t, i, iova, &hit))
		at = host_of(p, &run->zone[i], hit.gpa);
	if (at) {
		use(p, at, "inside a section");
		if (run->kills && !rng_below(&t->rng, 200))
			fork_inside(p);
		linger(p, &t->rng);
		use(p, at, "inside a section");
		if (hit.domain && !rng_below(&t->rng, 2))
			begin_request(t, &hit, at);
	}
	if (!nyx_reader_leave(&t->reader))
		cut_off(p);
	count(&run->sh->turns);
}

static bool goes_on(const struct proc *p)
{
	return !is_set(&p->quit) && !is_set(&p->cut) && !is_set(&p->gone) &&
	       !is_set(&p->run->sh->stop);
}

static void *read_all(void *arg)
{
	struct reader *t = arg;

	while (goes_on(t->proc)) {
		section(t);
		if (!rng_below(&t->rng, 4))
			sched_yield();
	}
	return NULL;
}

/* Ends requests, in any order. */
static void *end_requests(void *arg)
{
	struct proc *p = arg;
	struct rng r = { .state = p->seed };

	while (goes_on(p)) {
		unsigned int i = rng_below(&r, HOLDS);
		struct request *q = &p->request[i];

		if (__atomic_load_n(&q->state, __ATOMIC_ACQUIRE) != REQUEST_UNDER_WAY) {
			if (!rng_below(&r, HOLDS))
				sched_yield();
			continue;
		}
		use(p, q->at, "under a hold");
		linger(p, &r);
		use(p, q->at, "under a hold");
		nyx_hold_release(&p->view.holds[i]);
		__atomic_store_n(&q->state, REQUEST_FREE, __ATOMIC_RELEASE);
		count(&p->run->sh->holds);
	}
	return NULL;
}

/* One view, for a short while. Requests that are under way at its end go on no more. */
static void one_view(struct proc *p, struct rng *r)
{
	struct run *run = p->run;
	pthread_t thread[READERS + 1];
	struct reader t[READERS];
	int ret = view_try_open(&p->view, run->fd, READERS, HOLDS);

	if (ret) {
		ASSERT_EQ(-ENODEV, ret);
		p->gone = true;
		return;
	}
	p->view.ctl->holds_used = HOLDS;
	memset(p->request, 0, sizeof(p->request));
	p->quit = p->cut = false;
	p->seed = rng_next(r);
	for (unsigned int i = 0; i < READERS; i++) {
		t[i] = (struct reader){ .proc = p, .rng = { .state = rng_next(r) } };
		if (!nyx_reader_init(&t[i].reader, p->view.head, p->view.size,
				     &p->view.slots[i])) {
			ASSERT_EQ(0, p->view.head->version);
			p->gone = true;
		}
	}
	count(&run->sh->views);
	for (unsigned int i = 0; i < READERS; i++)
		thread[i] = thread_start(read_all, &t[i]);
	thread[READERS] = thread_start(end_requests, p);
	for (unsigned int ms = 1 + rng_below(r, 60); ms && goes_on(p); ms--)
		pause_ms(1);
	set(&p->quit);
	for (unsigned int i = 0; i <= READERS; i++)
		thread_end(thread[i], "a reader");
	if (p->cut)
		count(&run->sh->cuts);
	view_close(&p->view);
}

static void *many_views(void *arg)
{
	struct proc *p = arg;
	struct rng r = { .state = p->seed };

	while (!is_set(&p->run->sh->stop) && !p->gone)
		one_view(p, &r);
	return NULL;
}

static pid_t start_process(struct run *run, unsigned int nr, struct rng *r)
{
	struct proc p = { .run = run, .nr = nr, .seed = rng_next(r) };
	pid_t parent = getpid(), pid = ktap_fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	signal(SIGCHLD, SIG_IGN);
	many_views(&p);
	_exit(0);
}

/* ---- ways to take pages away --------------------------------------------- */

/* A command that waits for views has done what it says, also if one of them was cut off. */
static void done(const struct zone *z, int ret)
{
	if (!z->run->stalls || ret != -ETIMEDOUT)
		test_cmd(ret);
}

/* Some pages of the zone, or all. */
static void some(struct zone *z)
{
	z->nr = 1u << rng_below(&z->rng, 3);
	z->first = rng_below(&z->rng, PAGES / z->nr) * z->nr;
}

static void all(struct zone *z)
{
	z->first = 0;
	z->nr = PAGES;
}

static int take_pages(struct zone *z)
{
	some(z);
	return cmd_unmap(z->run->fd, z->domain[0], z->first * SZ_4K, z->nr * SZ_4K, NULL);
}

static void give_pages(struct zone *z)
{
	test_cmd(cmd_map(z->run->fd, z->domain[0], z->first * SZ_4K,
			 z->gpa + z->first * SZ_4K, z->nr * SZ_4K, RW));
}

static int take_array(struct zone *z)
{
	struct nyx_unmap u[PAGES];

	all(z);
	for (unsigned int i = 0; i < PAGES; i++)
		u[i] = (struct nyx_unmap){
			.size = sizeof(u[i]), .domain_id = z->domain[0], .iova = i * SZ_4K,
			.length = SZ_4K,
		};
	return cmd_array(z->run->fd, NYX_CMD_UNMAP, u, sizeof(u[0]), PAGES, NULL);
}

/* Out of a page of 2 MiB, which is whole again before each cut. */
static int take_cut(struct zone *z)
{
	some(z);
	return cmd_unmap(z->run->fd, z->domain[0], z->first * SZ_4K, z->nr * SZ_4K, NULL);
}

static void give_large(struct zone *z)
{
	done(z, cmd_unmap_all(z->run->fd, z->domain[0], NULL));
	test_cmd(cmd_map(z->run->fd, z->domain[0], 0, z->gpa, SZ_2M, RW));
}

static int take_batched(struct zone *z)
{
	const int fd = z->run->fd;

	test_cmd(take_pages(z));
	switch (rng_below(&z->rng, 4)) {
	case 0:
		return cmd_invalidate(fd, NYX_SCOPE_UNIT, 0, 0, 0, 0);
	case 1:
		return cmd_invalidate(fd, NYX_SCOPE_DOMAIN, z->domain[0], 0, 0, 0);
	case 2:
		return cmd_invalidate(fd, NYX_SCOPE_DEVICE, 0, z->sbdf, 0, 0);
	default:
		return cmd_invalidate(fd, NYX_SCOPE_RANGE, z->domain[0], 0, z->first * SZ_4K,
				      z->nr * SZ_4K);
	}
}

static int take_detach(struct zone *z)
{
	all(z);
	return cmd_device_detach(z->run->fd, z->sbdf);
}

static void give_attach(struct zone *z)
{
	done(z, cmd_device_attach(z->run->fd, z->sbdf, z->domain[0], 0));
}

static int take_replace(struct zone *z)
{
	all(z);
	return cmd_device_attach(z->run->fd, z->sbdf, z->domain[1], NYX_ATTACH_F_REPLACE);
}

static void give_replace(struct zone *z)
{
	done(z, cmd_device_attach(z->run->fd, z->sbdf, z->domain[0], NYX_ATTACH_F_REPLACE));
}

static int take_device(struct zone *z)
{
	all(z);
	return cmd_device_remove(z->run->fd, z->sbdf);
}

static void give_device(struct zone *z)
{
	test_cmd(cmd_device_add(z->run->fd, z->sbdf));
	give_attach(z);
}

static int take_quarantine(struct zone *z)
{
	all(z);
	return cmd_device_control(z->run->fd, z->sbdf, NYX_DEVICE_DO_QUARANTINE);
}

static void give_reset(struct zone *z)
{
	test_cmd(cmd_device_control(z->run->fd, z->sbdf, NYX_DEVICE_DO_RESET));
}

/* The pages that were taken away. */
static unsigned char *taken(const struct zone *z)
{
	return z->mem + (__u64)z->half * HALF + z->first * SZ_4K;
}

/* Tell processes which half is there, in this generation of memory. */
static void publish(struct zone *z, __u32 where)
{
	__atomic_store_n(&z->run->sh->where[z->gen % GENERATIONS], z->gen << 32 | where,
			 __ATOMIC_RELEASE);
}

static void add_half(struct zone *z)
{
	test_cmd(cmd_memory_add_file(z->run->fd, NYX_MEMORY_F_SHARED, REMOVABLE, HALF,
				     z->run->file,
				     (z - z->run->zone) * SZ_2M + z->half * HALF));
	publish(z, 1 + z->half);
}

static int take_memory(struct zone *z)
{
	all(z);
	z->gen++;
	publish(z, 0);
	return cmd_memory_remove(z->run->fd, REMOVABLE, HALF);
}

/* Other memory. Its poison of the round before is still whole. */
static void give_memory(struct zone *z)
{
	z->half = !z->half;
	if (z->gen > 1)
		ASSERT_FILLED(taken(z), POISON, z->nr * SZ_4K);
	memset(taken(z), GOOD, z->nr * SZ_4K);
	add_half(z);
}

/* ---- by a guest's driver: tables, and its queue ---- */

static void guest_leaf(struct zone *z, unsigned int page, __u64 leaf)
{
	__atomic_store_n(pte(&z->run->guest, z->run->root, 4, page * SZ_4K, 0), leaf,
			 __ATOMIC_RELEASE);
}

static int take_guest_pages(struct zone *z)
{
	some(z);
	for (unsigned int i = z->first; i < z->first + z->nr; i++)
		guest_leaf(z, i, 0);
	invalidate(&z->run->guest, IOTLB_PAGE(DID),
		   z->first * SZ_4K | (unsigned int)__builtin_ctz(z->nr));
	return 0;
}

static void give_guest_pages(struct zone *z)
{
	for (unsigned int i = z->first; i < z->first + z->nr; i++)
		guest_leaf(z, i, (z->gpa + i * SZ_4K) | PTE_RW);
}

static int take_guest_domain(struct zone *z)
{
	all(z);
	for (unsigned int i = 0; i < PAGES; i++)
		guest_leaf(z, i, 0);
	invalidate(&z->run->guest, IOTLB_DOMAIN(DID), 0);
	return 0;
}

static int take_guest_context(struct zone *z)
{
	struct guest *g = &z->run->guest;

	all(z);
	store64(g, AT_CTX + 16 * (z->sbdf & 0xff), 0);
	put(g, CC_DEVICE(DID, z->sbdf, 0), 0);
	invalidate(g, IOTLB_DOMAIN(DID), 0);
	return 0;
}

static void give_guest_context(struct zone *z)
{
	store64(&z->run->guest, AT_CTX + 16 * (z->sbdf & 0xff), z->run->root | 1);
}

/* ---- the run ------------------------------------------------------------- */

static void wait_for_readers(struct run *run)
{
	unsigned long from = __atomic_load_n(&run->sh->turns, __ATOMIC_RELAXED);

	for (unsigned int i = 0; i < PATIENCE; i++) {
		if (__atomic_load_n(&run->sh->turns, __ATOMIC_RELAXED) > from + 2 * READERS)
			return;
		sched_yield();
	}
}

static void *taker(void *arg)
{
	struct zone *z = arg;
	struct run *run = z->run;

	for (unsigned long i = 0; i < run->rounds; i++) {
		ktap_note("%s, round %lu", z->kind->name, i);
		wait_for_readers(run);
		for (volatile unsigned int spin = rng_below(&z->rng, 3000); spin; spin--)
			;
		done(z, z->kind->take(z));
		/* From here on the pages are ours. */
		memset(taken(z), POISON, z->nr * SZ_4K);
		wait_for_readers(run);
		ASSERT_FILLED(taken(z), POISON, z->nr * SZ_4K);
		if (z->gpa != REMOVABLE)
			memset(taken(z), GOOD, z->nr * SZ_4K);
		z->kind->give(z);
		if (run->stalls)
			give_reset(z);
	}
	__atomic_add_fetch(&run->ended, 1, __ATOMIC_RELEASE);
	return NULL;
}

static const struct kind kinds[ZONES] = {
	{ "unmap", take_pages, give_pages, 0 },
	{ "array", take_array, give_pages, 0 },
	{ "cut_2m", take_cut, give_large, 0 },
	{ "batched", take_batched, give_pages, NYX_DOMAIN_F_BATCHED },
	{ "detach", take_detach, give_attach, 0 },
	{ "replace", take_replace, give_replace, 0 },
	{ "device_remove", take_device, give_device, 0 },
	{ "quarantine", take_quarantine, give_reset, 0 },
	{ "memory_remove", take_memory, give_memory, 0 },
};

static const struct kind guest_kinds[] = {
	{ "page", take_guest_pages, give_guest_pages, 0 },
	{ "domain", take_guest_domain, give_guest_pages, 0 },
	{ "context", take_guest_context, give_guest_context, 0 },
};

/*
 * A device with pages, which are taken away in some way. A STRICT domain takes no device while
 * a command waits for it; that of an invalidation of the unit is for all domains.
 */
static void add_zone(struct run *run, struct env *e, const struct kind *kind, __u32 flags)
{
	struct zone *z = &run->zone[run->nr];
	struct nyx_domain_create d = { .flags = kind->domain_flags | flags };
	const bool removable = kind->take == take_memory;

	z->run = run;
	z->kind = kind;
	z->sbdf = NYX_SBDF(0, 8, run->nr, 0);
	z->gpa = removable ? REMOVABLE : run->nr * SZ_2M;
	z->mem = e->mem + run->nr * SZ_2M;
	memset(z->mem, GOOD, SZ_2M);
	test_cmd(cmd_domain_create(run->fd, &d));
	z->domain[0] = d.out_domain_id;
	test_cmd(cmd_domain_paging(run->fd, flags, &z->domain[1]));
	test_cmd(cmd_device_add(run->fd, z->sbdf));
	give_attach(z);
	if (kind->take == take_cut)
		test_cmd(cmd_map(run->fd, z->domain[0], 0, z->gpa, SZ_2M, RW));
	else
		test_cmd(cmd_map(run->fd, z->domain[0], 0, z->gpa, PAGES * SZ_4K, RW));
	if (removable)
		add_half(z);
	run->nr++;
}

static struct shared *shared_new(void)
{
	struct shared *sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_TRUE(sh != MAP_FAILED);
	return sh;
}

static void takers_start(struct run *run, struct rng *r)
{
	for (unsigned int i = 0; i < run->nr; i++) {
		run->zone[i].rng.state = rng_next(r);
		run->zone[i].thread = thread_start(taker, &run->zone[i]);
	}
}

/* The unit ends, or the readers are told to: they end by themselves in both cases. */
static void readers_stop(struct run *run, struct rng *r)
{
	for (unsigned int i = 0; i < run->nr; i++)
		thread_end(run->zone[i].thread, run->zone[i].kind->name);
	if (rng_below(r, 4))
		test_cmd(cmd_unit_destroy(run->fd));
	else
		set(&run->sh->stop);
}

static void tell(const struct run *run)
{
	const struct shared *sh = run->sh;

	ktap_print("%lu sections, %lu hits, %lu walks, %lu by the kernel, %lu holds, %lu views, %lu forks, %lu cut off",
		   sh->turns, sh->hits, sh->walks, sh->fills, sh->holds, sh->views, sh->forks,
		   sh->cuts);
	/* Otherwise nothing was tested. */
	ASSERT_GT(sh->hits, 0);
	ASSERT_GT(sh->fills, 0);
	ASSERT_GT(sh->holds, 0);
}

/* It was killed while it worked; what it has found wrong ends it before. */
static void process_ended(pid_t pid, bool killed)
{
	int status;

	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	if (killed ? !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL : status != 0)
		FAIL("a reader ended with status 0x%x", status);
}

static void run_processes(struct run *run, struct rng *r)
{
	pid_t pid[PROCESSES];

	for (unsigned int i = 0; i < PROCESSES; i++)
		pid[i] = start_process(run, i, r);
	takers_start(run, r);
	while (__atomic_load_n(&run->ended, __ATOMIC_ACQUIRE) < run->nr) {
		unsigned int i = rng_below(r, PROCESSES);

		pause_ms(1 + rng_below(r, 30));
		if (run->kills) {
			__atomic_store_n(&run->sh->dying[i], true, __ATOMIC_SEQ_CST);
			WAIT_FOR(!__atomic_load_n(&run->sh->forking[i], __ATOMIC_SEQ_CST));
			kill(pid[i], SIGKILL);
			process_ended(pid[i], true);
			run->sh->dying[i] = false;
			pid[i] = start_process(run, i, r);
		} else if (waitpid(pid[i], NULL, WNOHANG)) {
			FAIL("a reader has ended");
		}
	}
	readers_stop(run, r);
	for (unsigned int i = 0; i < PROCESSES; i++)
		process_ended(pid[i], false);
	tell(run);
}

static const struct stress_case {
	const char *name;
	int kind;		/* the only one, or -1: all of them at once */
	bool kills;
	bool stalls;
} stress_cases[] = {
	{ "unmap", 0, false, false },
	{ "array", 1, false, false },
	{ "cut_2m", 2, false, false },
	{ "batched", 3, false, false },
	{ "detach", 4, false, false },
	{ "replace", 5, false, false },
	{ "device_remove", 6, false, false },
	{ "quarantine", 7, false, false },
	{ "memory_remove", 8, false, false },
	{ "all", -1, false, false },
	{ "all_killed", -1, true, false },
	{ "all_stalled", -1, false, true },
};

TEST_EACH(views, stress_cases)
{
	struct run run = {
		.sh = shared_new(), .kills = v->kills, .stalls = v->stalls,
		.rounds = ktap_iterations(200),
	};
	struct rng r = rng_start(1);
	struct env e;

	/* A view that holds nobody up for long is never cut off. */
	env_open(&e, .memory = MEM_FILE, .mem_size = ZONES * SZ_2M, .shared = true,
		 .no_domain = true, .iotlb = 64, .view_timeout_ms = v->stalls ? 20 : 60000);
	run.fd = e.fd;
	run.file = e.file;
	if (v->kind >= 0)
		add_zone(&run, &e, &kinds[v->kind], 0);
	else
		for (unsigned int i = 0; i < ZONES; i++)
			add_zone(&run, &e, &kinds[i], NYX_DOMAIN_F_SHARED);
	run_processes(&run, &r);
	if (v->stalls)
		ASSERT_GT(run.sh->cuts, 0);
}

/* A unit of a vendor, whose guest has its tables in memory of this process alone. */
TEST_EACH(guest_views, guest_kinds)
{
	struct run run = { .sh = shared_new(), .rounds = ktap_iterations(200), .nr = 1 };
	struct zone *z = &run.zone[0];
	struct rng r = rng_start(2);
	struct proc p[2];
	pthread_t t[2];

	guest_open(&run.guest, .iotlb = 64, .view_timeout_ms = 60000);
	run.fd = run.guest.fd;
	run.root = attach(&run.guest, DEV, DID, 4);
	*z = (struct zone){
		.run = &run, .kind = v, .sbdf = DEV, .gpa = AT_DATA,
		.mem = run.guest.ram + AT_DATA,
	};
	for (unsigned int i = 0; i < PAGES; i++)
		set_pte(&run.guest, run.root, 4, i * SZ_4K, 0,
			(z->gpa + i * SZ_4K) | PTE_RW);
	boot(&run.guest, BOOT_QUEUE | BOOT_DMA);
	for (unsigned int i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = (struct proc){ .run = &run, .seed = rng_next(&r) };
		t[i] = thread_start(many_views, &p[i]);
	}
	takers_start(&run, &r);
	readers_stop(&run, &r);
	for (unsigned int i = 0; i < ARRAY_SIZE(p); i++)
		thread_end(t[i], "readers");
	tell(&run);
	ASSERT_GT(run.sh->walks, 0);
}
