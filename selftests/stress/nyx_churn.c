// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx stress: threads that do anything to a shared set of objects.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Units come and go, with everything that belongs to them, while others use
 * them. No result is right or wrong by itself, only the errno must be one that
 * the race explains; the kernel must stay silent, and in the end nothing is
 * left.
 */
#include "nyx_env.h"

#include <stdlib.h>
#include <sys/mman.h>

#define SLOTS		4	/* files that the threads share */
#define DOMAINS		6	/* ids 1.. of each unit */
#define DEVICES		6
#define RANGES		8

/* The calls that are made; those of units first, which not all cases make. */
enum call {
	CALL_CREATE, CALL_DESTROY, CALL_OPEN,
	CALL_STATS, CALL_INFO, CALL_LIST,
	CALL_DOMAIN_CREATE, CALL_DOMAIN_DESTROY, CALL_DEVICE_ADD, CALL_DEVICE_REMOVE,
	CALL_ATTACH, CALL_DETACH, CALL_MEMORY_ADD, CALL_MEMORY_REMOVE,
	CALL_MAP, CALL_UNMAP, CALL_UNMAP_ALL, CALL_INVALIDATE,
	CALL_READ, CALL_WRITE, CALL_FILL, CALL_ATOMIC, CALL_TRANSLATE,
	CALL_MAX
};

static const char *const call_names[CALL_MAX] = {
	"create", "destroy", "open",
	"stats", "info", "list",
	"domain_create", "domain_destroy", "device_add", "device_remove",
	"attach", "detach", "memory_add", "memory_remove",
	"map", "unmap", "unmap_all", "invalidate",
	"read", "write", "fill", "atomic", "translate",
};

/**
 * struct churn - a run
 * @fd: files that the threads share
 * @mem: guest memory
 * @memfd: likewise, as a file
 * @steps: of each thread at least
 * @kill_units: units come and go, too
 * @worked: how often each call did
 */
struct churn {
	int fd[SLOTS];
	unsigned char *mem;
	int memfd;
	unsigned long steps;
	bool kill_units;
	unsigned long worked[CALL_MAX];
};

struct churner {
	struct churn *c;
	unsigned int nr;
	unsigned long ok, refused;
};

/* Fails on a result that neither a race nor the random arguments can explain. */
static void judge(struct churner *t, enum call nr, int ret)
{
	switch (ret) {
	case 0:
		t->ok++;
		__atomic_add_fetch(&t->c->worked[nr], 1, __ATOMIC_RELAXED);
		return;
	case -ENOENT:
	case -EEXIST:
	case -EBUSY:
	case -ENODEV:
	case -ENXIO:
	case -ENOSPC:
	case -EBADF:
	case -EOPNOTSUPP:	/* a map of a domain that is not paging */
	case -ERANGE:
	case -EINVAL:		/* a file where another file was */
	case -ENOTTY:
		t->refused++;
		return;
	}
	FAIL("%s: %s", call_names[nr], strerror(-ret));
}

/* An access that the unit refuses is a command that works. */
static void judge_access(struct churner *t, enum call nr, int ret,
			 const struct nyx_fault *fault)
{
	if (!ret && fault->reason)
		t->refused++;
	else
		judge(t, nr, ret);
}

/* Has each call worked at least once? With luck sooner, else later, but it does. */
static bool all_worked(const struct churn *c, __u64 *until)
{
	unsigned int nr = c->kill_units ? 0 : CALL_STATS;

	while (nr < CALL_MAX && __atomic_load_n(&c->worked[nr], __ATOMIC_RELAXED))
		nr++;
	if (nr == CALL_MAX)
		return true;
	if (!*until)
		*until = boottime_ns() + PATIENCE_NS;
	if (boottime_ns() > *until)
		FAIL("no '%s' has worked", call_names[nr]);
	return false;
}

static __u64 range_gpa(unsigned int n)
{
	return n % RANGES * SZ_1M;
}

/* Something to work with: a new unit is empty. */
static void populate(struct churner *t, struct rng *r, int fd)
{
	policy_only_report(fd);
	for (unsigned int i = 0; i < RANGES; i += 2)
		cmd_memory_add(fd, 0, range_gpa(i), SZ_1M, t->c->mem + i * SZ_1M);
	for (__u32 i = 1; i <= DOMAINS / 2; i++) {
		struct nyx_domain_create d = {
			.flags = rng_below(r, 4), .domain_id = i, .format = rng_below(r, 3),
		};

		cmd_domain_create(fd, &d);
		cmd_map(fd, i, 0, 0, 4 * SZ_1M, RW);
		cmd_device_add(fd, i - 1);
		cmd_device_attach(fd, i - 1, i, 0);
	}
}

static void churn_unit(struct churner *t, struct rng *r, int *slot)
{
	struct nyx_unit_create c = {
		.iotlb_entries = rng_below(r, 3) ? 1u << rng_below(r, 10) : 0,
		.event_entries = 16, .max_domains = DOMAINS, .max_devices = DEVICES,
	};
	int fd;

	switch (rng_below(r, 4)) {
	case 0:
		/* The number may be another file's by now: such is life. */
		fd = open(NYX_DEVICE, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			FAIL("open: %s", strerror(errno));
		judge(t, CALL_CREATE, cmd_unit_create(fd, &c));
		populate(t, r, fd);
		fd = __atomic_exchange_n(slot, fd, __ATOMIC_SEQ_CST);
		close(fd);
		break;
	case 1:
		fd = dup(*slot);
		if (fd >= 0) {
			fd = __atomic_exchange_n(slot, fd, __ATOMIC_SEQ_CST);
			close(fd);
		}
		break;
	case 2:
		judge(t, CALL_DESTROY, cmd_unit_destroy(*slot));
		break;
	default: {
		struct nyx_unit_info info;
		__u32 id = 0;

		if (!cmd_unit_info(*slot, &info))
			id = info.unit_id;
		fd = open(NYX_DEVICE, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			FAIL("open: %s", strerror(errno));
		judge(t, CALL_OPEN, cmd_unit_open(fd, id ? id : 0x7fffffff, NULL, NULL));
		fd = __atomic_exchange_n(&t->c->fd[rng_below(r, SLOTS)], fd, __ATOMIC_SEQ_CST);
		close(fd);
	}
	}
}

static void churn_read(struct churner *t, struct rng *r, int fd)
{
	static const struct {
		__u32 type;
		size_t size;
	} lists[] = {
		{ NYX_LIST_UNITS, sizeof(struct nyx_unit_info) },
		{ NYX_LIST_MEMORY, sizeof(struct nyx_memory_info) },
		{ NYX_LIST_DOMAINS, sizeof(struct nyx_domain_info) },
		{ NYX_LIST_DEVICES, sizeof(struct nyx_device_info) },
		{ NYX_LIST_MAPPINGS, sizeof(struct nyx_mapping_info) },
		{ NYX_LIST_IRTES, sizeof(struct nyx_irte_info) },
		{ NYX_LIST_BINDINGS, sizeof(struct nyx_binding_info) },
	};
	unsigned char buf[8 * 256];
	__u64 values[NYX_STAT_MAX];
	struct nyx_unit_info info;
	unsigned int n = rng_below(r, 10);
	struct nyx_list l;
	int ev;

	switch (n) {
	case 7:
		judge(t, CALL_STATS, cmd_stats(fd, rng_below(r, 3), rng_below(r, DOMAINS), values));
		break;
	case 8:
		judge(t, CALL_INFO, cmd_unit_info(fd, &info));
		break;
	case 9:
		if (cmd_events_open(fd, NYX_EVENTS_F_HISTORY | NYX_EVENTS_F_NONBLOCK, &ev))
			break;
		while (read(ev, buf, sizeof(buf)) > 0 && rng_below(r, 4))
			;
		close(ev);
		break;
	default:
		l = (struct nyx_list){ .type = lists[n].type };
		if (l.type == NYX_LIST_MAPPINGS)
			l.domain_id = 1 + rng_below(r, DOMAINS);
		judge(t, CALL_LIST, cmd_list(fd, &l, buf, lists[n].size, 8));
	}
}

static void churn_objects(struct churner *t, struct rng *r, int fd)
{
	struct nyx_domain_create d = {
		.flags = rng_below(r, 4), .kind = rng_below(r, 8) ? 0 : 1 + rng_below(r, 2),
		.domain_id = 1 + rng_below(r, DOMAINS),
	};
	__u32 sbdf = rng_below(r, DEVICES), domain = 1 + rng_below(r, DOMAINS);
	unsigned int range = rng_below(r, RANGES);
	__u32 pinned = rng_below(r, 2) ? NYX_MEMORY_F_PINNED : 0;

	if (d.kind)
		d.flags &= ~NYX_DOMAIN_F_BATCHED;
	else
		d.format = rng_below(r, 3);
	switch (rng_below(r, 9)) {
	case 0:
	case 1:
		judge(t, CALL_DOMAIN_CREATE, cmd_domain_create(fd, &d));
		break;
	case 2:
		judge(t, CALL_DOMAIN_DESTROY, cmd_domain_destroy(fd, domain));
		break;
	case 3:
		judge(t, CALL_DEVICE_ADD, cmd_device_add(fd, sbdf));
		break;
	case 4:
		judge(t, CALL_DEVICE_REMOVE, cmd_device_remove(fd, sbdf));
		break;
	case 5:
		judge(t, CALL_ATTACH, cmd_device_attach(fd, sbdf, domain, rng_below(r, 2)));
		break;
	case 6:
		judge(t, CALL_DETACH, cmd_device_detach(fd, sbdf));
		break;
	case 7:
		if (rng_below(r, 2))
			judge(t, CALL_MEMORY_ADD,
			      cmd_memory_add(fd, pinned, range_gpa(range), SZ_1M,
					     t->c->mem + range * SZ_1M));
		else
			judge(t, CALL_MEMORY_ADD,
			      cmd_memory_add_file(fd, pinned, range_gpa(range), SZ_1M,
						  t->c->memfd, range * SZ_1M));
		break;
	default:
		judge(t, CALL_MEMORY_REMOVE, cmd_memory_remove(fd, range_gpa(range), SZ_1M));
	}
}

static void churn_mappings(struct churner *t, struct rng *r, int fd)
{
	__u32 domain = 1 + rng_below(r, DOMAINS), sbdf = rng_below(r, DEVICES);
	__u64 iova = rng_below(r, 1024) * SZ_4K, length = (1 + rng_below(r, 600)) * SZ_4K;

	switch (rng_below(r, 5)) {
	case 0:
	case 1:
		judge(t, CALL_MAP, cmd_map(fd, domain, iova, iova, length, 1 + rng_below(r, 3)));
		break;
	case 2:
		judge(t, CALL_UNMAP, cmd_unmap(fd, domain, iova, length, NULL));
		break;
	case 3:
		if (!rng_below(r, 8))
			judge(t, CALL_UNMAP_ALL, cmd_unmap_all(fd, domain, NULL));
		break;
	default:
		switch (rng_below(r, 4)) {
		case 0:
			judge(t, CALL_INVALIDATE,
			      cmd_invalidate(fd, NYX_SCOPE_UNIT, 0, 0, 0, 0));
			break;
		case 1:
			judge(t, CALL_INVALIDATE,
			      cmd_invalidate(fd, NYX_SCOPE_DOMAIN, domain, 0, 0, 0));
			break;
		case 2:
			judge(t, CALL_INVALIDATE,
			      cmd_invalidate(fd, NYX_SCOPE_DEVICE, 0, sbdf, 0, 0));
			break;
		default:
			judge(t, CALL_INVALIDATE,
			      cmd_invalidate(fd, NYX_SCOPE_RANGE, domain, 0, iova, length));
		}
	}
}

static void churn_accesses(struct churner *t, struct rng *r, int fd)
{
	__u64 iova = rng_below(r, 4 * SZ_1M), length = 1 + rng_below(r, 3 * SZ_4K);
	__u32 sbdf = rng_below(r, DEVICES);
	static __thread unsigned char buf[3 * 4096];
	struct nyx_translate tr;
	struct nyx_dma c;
	int ret;

	switch (rng_below(r, 5)) {
	case 0:
		ret = cmd_dma_read(fd, &c, sbdf, iova, buf, length);
		judge_access(t, CALL_READ, ret, &c.out_fault);
		break;
	case 1:
		ret = cmd_dma_write(fd, &c, sbdf, iova, buf, length);
		judge_access(t, CALL_WRITE, ret, &c.out_fault);
		break;
	case 2:
		length = length & ~7ull ? length & ~7ull : 8;
		ret = cmd_dma_fill(fd, &c, sbdf, iova, length, 8, iova);
		judge_access(t, CALL_FILL, ret, &c.out_fault);
		break;
	case 3:
		ret = cmd_dma_atomic(fd, &c, sbdf, NYX_DMA_FETCH_ADD, iova & ~7ull, 8, 1, 0);
		judge_access(t, CALL_ATOMIC, ret, &c.out_fault);
		break;
	default:
		ret = cmd_translate(fd, &tr, sbdf, 1 + rng_below(r, 3), iova, length);
		judge_access(t, CALL_TRANSLATE, ret, &tr.out_fault);
	}
}

static void *churner(void *arg)
{
	struct churner *t = arg;
	struct rng r = { .state = ktap_seed + 1000003 * t->nr };
	__u64 until = 0;

	for (unsigned long i = 0; i < t->c->steps || !all_worked(t->c, &until); i++) {
		int *slot = &t->c->fd[rng_below(&r, SLOTS)];
		int fd = __atomic_load_n(slot, __ATOMIC_SEQ_CST);
		unsigned int what = rng_below(&r, 100);

		if (what < 2 && t->c->kill_units)
			churn_unit(t, &r, slot);
		else if (what < 25)
			churn_objects(t, &r, fd);
		else if (what < 55)
			churn_mappings(t, &r, fd);
		else if (what < 93)
			churn_accesses(t, &r, fd);
		else
			churn_read(t, &r, fd);
	}
	return NULL;
}

static const struct churn_case {
	const char *name;
	unsigned int threads;
	bool kill_units;
} churn_cases[] = {
	{ "2_threads_one_unit", 2, false },
	{ "2_threads", 2, true },
	{ "4_threads", 4, true },
	{ "9_threads", 9, true },
};

TEST_EACH(churn, churn_cases)
{
	struct churn c = {
		.steps = ktap_iterations(8000) / v->threads, .kill_units = v->kill_units,
	};
	struct churner t[9] = { { .c = NULL } };
	pthread_t thread[9];
	unsigned long ok = 0, refused = 0;
	__u32 units;
	int spare = nyx_open();

	ktap_print("seed %llu", (unsigned long long)ktap_seed);
	units = units_in_system(spare);
	c.memfd = memfd_new("churn", RANGES * SZ_1M);
	c.mem = map_aligned(RANGES * SZ_1M, SZ_2M, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1);
	for (int i = 0; i < SLOTS; i++) {
		struct nyx_unit_create u = {
			.iotlb_entries = 64, .event_entries = 16, .max_domains = DOMAINS,
			.max_devices = DEVICES,
		};

		c.fd[i] = nyx_open();
		if (i && !v->kill_units) {
			close(c.fd[i]);
			c.fd[i] = dup(c.fd[0]);
			continue;
		}
		test_cmd(cmd_unit_create(c.fd[i], &u));
		test_cmd(policy_only_report(c.fd[i]));
	}
	for (unsigned int i = 0; i < v->threads; i++) {
		t[i] = (struct churner){ .c = &c, .nr = i };
		thread[i] = thread_start(churner, &t[i]);
	}
	for (unsigned int i = 0; i < v->threads; i++) {
		pthread_join(thread[i], NULL);
		ok += t[i].ok;
		refused += t[i].refused;
	}
	for (int i = 0; i < SLOTS; i++)
		close(c.fd[i]);
	ktap_print("%lu commands worked, %lu were refused", ok, refused);
	ASSERT_EQ(units, units_in_system(spare));
}

/* Units that are listed, opened and shown while they come and go. */
static void *lister(void *arg)
{
	bool *stop = arg;
	struct nyx_unit_info info[16];

	while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		struct nyx_list l = { .type = NYX_LIST_UNITS };
		int fd = nyx_open();

		test_cmd(cmd_list(fd, &l, info, sizeof(info[0]), 16));
		for (__u32 i = 0; i < l.out_nr; i++) {
			int ret = cmd_unit_open(fd, info[i].unit_id, NULL, NULL);

			ASSERT_TRUE(!ret || ret == -ENOENT);
			if (!ret)
				break;
		}
		if (cmd_unit_info(fd, info))
			sched_yield();
		close(fd);
	}
	return NULL;
}

TEST(units_come_and_go)
{
	bool stop = false;
	pthread_t t[2];

	for (int i = 0; i < 2; i++)
		t[i] = thread_start(lister, &stop);
	for (unsigned long i = 0; i < ktap_iterations(400); i++) {
		int fd = nyx_open();
		__u32 id;

		test_cmd(cmd_unit_create_dflt(fd, i % 3 ? NULL : "come-and-go", i % 2 ?
					      UNIT_PERSISTENT : 0, &id));
		test_cmd(cmd_domain_paging(fd, 0, &id));
		test_cmd(cmd_map(fd, id, 0, 0, SZ_64K, RW));
		if (i % 2)
			test_cmd(cmd_unit_destroy(fd));
		close(fd);
		if (i % 3 == 0) {
			/* The name may still be held by a lister. */
			sched_yield();
			fd = nyx_open();
			if (!cmd_unit_open(fd, NYX_ID_ANY, "come-and-go", NULL))
				cmd_unit_destroy(fd);
			close(fd);
		}
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}
