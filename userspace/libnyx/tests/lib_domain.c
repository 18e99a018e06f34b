// SPDX-License-Identifier: GPL-2.0-only
/*
 * libnyx tests: domains, devices and the manager that brings them together.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "lib_env.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static struct nyx_domain_info domain_info(struct nyx_unit *unit, nyx_domain_t id)
{
	struct nyx_domain_info info;

	ASSERT_EQ(0, nyx_domain_get(unit, id, &info, sizeof(info)));
	return info;
}

static uint32_t domain_of(struct nyx_unit *unit, nyx_device_t device)
{
	struct nyx_device_info info;

	ASSERT_EQ(0, nyx_device_get(unit, device, &info, sizeof(info)));
	return info.domain_id;
}

static void expect_contents(struct nyx_unit *unit, unsigned int domains, unsigned int devices)
{
	struct nyx_unit_info info = NYX_UNIT_INFO_INIT;

	ASSERT_EQ(0, nyx_unit_get(unit, &info));
	EXPECT_EQ(domains, info.nr_domains);
	EXPECT_EQ(devices, info.nr_devices);
}

TEST(domain_create_and_find)
{
	const struct nyx_domain_create_opts opts = {
		.size = sizeof(opts),
		.name = "net",
		.flags = NYX_DOMAIN_F_SHARED | NYX_DOMAIN_F_BATCHED,
		.format = NYX_FORMAT_AMDV1,
		.address_width = 40,
		.page_sizes = 4096 | 2 << 20,
		.domain_id = 77,
	};
	struct nyx_unit *unit = env_unit();
	struct nyx_domain_info info;
	nyx_domain_t id = { 0 };

	ASSERT_EQ(0, nyx_domain_create(unit, &opts, &id));
	EXPECT_EQ(77, id.id);
	info = domain_info(unit, id);
	EXPECT_EQ(77, info.domain_id);
	EXPECT_EQ(opts.flags, info.flags);
	EXPECT_EQ(NYX_FORMAT_AMDV1, info.format);
	EXPECT_EQ(40, info.address_width);
	EXPECT_EQ(opts.page_sizes, info.page_sizes);
	memset(&info, 0, sizeof(info));
	ASSERT_EQ(0, nyx_domain_find(unit, "net", &info, sizeof(info)));
	EXPECT_EQ(77, info.domain_id);
	EXPECT_EQ(-ENOENT, nyx_domain_find(unit, "ne", &info, sizeof(info)));
	EXPECT_EQ(-ENOENT, nyx_domain_find(unit, "", &info, sizeof(info)));
	EXPECT_EQ(-ENOENT, nyx_domain_get(unit, (nyx_domain_t){ 76 }, &info, sizeof(info)));
	EXPECT_EQ(-ENOENT, nyx_domain_get(unit, (nyx_domain_t){ 0 }, &info, sizeof(info)));
	EXPECT_EQ(-EEXIST, nyx_domain_create(unit, &opts, &id));
	ASSERT_EQ(0, nyx_domain_destroy(unit, (nyx_domain_t){ 77 }));
	EXPECT_EQ(-ENOENT, nyx_domain_destroy(unit, (nyx_domain_t){ 77 }));
}

TEST(domain_opts_checks)
{
	struct nyx_domain_create_opts opts = { .size = sizeof(opts), .reserved = 1 };
	struct nyx_unit *unit = env_unit();
	nyx_domain_t id;

	EXPECT_EQ(-EINVAL, nyx_domain_create(unit, &opts, &id));
	opts.reserved = 0;
	opts.size = 1;
	EXPECT_EQ(-EINVAL, nyx_domain_create(unit, &opts, &id));
	opts.size = sizeof(opts);
	opts.name = "01234567890123456789012345678901";
	EXPECT_EQ(-ENAMETOOLONG, nyx_domain_create(unit, &opts, &id));
	opts.name = NULL;
	opts.kind = NYX_DOMAIN_IDENTITY;
	opts.page_sizes = 4096;
	EXPECT_EQ(-EINVAL, nyx_domain_create(unit, &opts, &id));
	expect_contents(unit, 0, 0);
}

static int count_domain(const struct nyx_domain_info *info, void *arg)
{
	uint32_t *last = arg;

	EXPECT_EQ(*last + 1, info->domain_id);
	*last = info->domain_id;
	return 0;
}

static int count_device(const struct nyx_device_info *info, void *arg)
{
	uint32_t *nr = arg;

	EXPECT_EQ(NYX_SBDF(1, 0, 0, 0) + *nr, info->sbdf);
	++*nr;
	return 0;
}

/* More than a page of a listing. */
TEST(listings_of_many)
{
	unsigned int domains = 1000, devices = 500, i;
	struct nyx_unit *unit = env_unit();
	uint32_t last = 0, nr = 0;

	for (i = 0; i < domains; i++)
		ASSERT_EQ(0, nyx_domain_create(unit, NULL, NULL));
	for (i = 0; i < devices; i++)
		ASSERT_EQ(0, nyx_device_add(unit, (nyx_device_t){ NYX_SBDF(1, 0, 0, 0) + i }));
	ASSERT_EQ(0, nyx_domain_foreach(unit, count_domain, &last));
	EXPECT_EQ(domains, last);
	ASSERT_EQ(0, nyx_device_foreach(unit, count_device, &nr));
	EXPECT_EQ(devices, nr);
}

TEST(device_life)
{
	struct nyx_unit *unit = env_unit();
	struct nyx_device_info info;
	nyx_domain_t a, b;

	ASSERT_EQ(0, nyx_domain_create(unit, NULL, &a));
	ASSERT_EQ(0, nyx_domain_create(unit, NULL, &b));
	ASSERT_EQ(0, nyx_device_add(unit, DEV));
	EXPECT_EQ(-EEXIST, nyx_device_add(unit, DEV));
	EXPECT_EQ(-ENOENT, nyx_device_attach(unit, DEV2, a, 0));
	EXPECT_EQ(-ENOENT, nyx_device_attach(unit, DEV, (nyx_domain_t){ 99 }, 0));
	EXPECT_EQ(-ENOENT, nyx_device_detach(unit, DEV));
	ASSERT_EQ(0, nyx_device_attach(unit, DEV, a, 0));
	EXPECT_EQ(-EBUSY, nyx_device_attach(unit, DEV, b, 0));
	ASSERT_EQ(0, nyx_device_attach(unit, DEV, b, NYX_ATTACH_F_REPLACE));
	EXPECT_EQ(b.id, domain_of(unit, DEV));
	EXPECT_EQ(0, domain_info(unit, a).nr_devices);
	EXPECT_EQ(-EBUSY, nyx_domain_destroy(unit, b));
	ASSERT_EQ(0, nyx_device_add(unit, DEV2));
	EXPECT_EQ(-EBUSY, nyx_device_attach(unit, DEV2, b, 0));
	ASSERT_EQ(0, nyx_device_detach(unit, DEV));
	ASSERT_EQ(0, nyx_device_remove(unit, DEV));
	EXPECT_EQ(-ENOENT, nyx_device_remove(unit, DEV));
	EXPECT_EQ(-ENOENT, nyx_device_get(unit, DEV, &info, sizeof(info)));
	/* The next one is not taken for it. */
	ASSERT_EQ(0, nyx_device_get(unit, DEV2, &info, sizeof(info)));
}

TEST(assign_strict)
{
	struct nyx_unit *unit = env_unit();
	struct nyx_domain_info info;
	nyx_domain_t id, id2;

	ASSERT_EQ(0, nyx_device_assign(unit, DEV, NYX_ISOLATION_STRICT, NULL, &id));
	EXPECT_EQ(id.id, domain_of(unit, DEV));
	info = domain_info(unit, id);
	EXPECT_EQ(0, strcmp("strict/0000:03:00.0", (char *)info.name));
	EXPECT_EQ(NYX_DOMAIN_PAGING, info.kind);
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(-EBUSY, nyx_device_assign(unit, DEV, NYX_ISOLATION_STRICT, NULL, NULL));
	EXPECT_EQ(-EBUSY, nyx_device_assign(unit, DEV, NYX_ISOLATION_SHARED, NULL, NULL));
	ASSERT_EQ(0, nyx_device_assign(unit, DEV2, NYX_ISOLATION_STRICT, NULL, &id2));
	EXPECT_TRUE(id.id != id2.id);
	expect_contents(unit, 2, 2);
	ASSERT_EQ(0, nyx_device_release(unit, DEV));
	expect_contents(unit, 1, 1);
	EXPECT_EQ(id2.id, domain_of(unit, DEV2));
	EXPECT_EQ(-ENOENT, nyx_device_release(unit, DEV));
	ASSERT_EQ(0, nyx_device_release(unit, DEV2));
	expect_contents(unit, 0, 0);
}

TEST(assign_shared)
{
	struct nyx_unit *unit = env_unit();
	nyx_domain_t a, b, c, d;

	ASSERT_EQ(0, nyx_device_assign(unit, DEV, NYX_ISOLATION_SHARED, NULL, &a));
	ASSERT_EQ(0, nyx_device_assign(unit, DEV2, NYX_ISOLATION_SHARED, NULL, &b));
	ASSERT_EQ(0, nyx_device_assign(unit, (nyx_device_t){ 5 }, NYX_ISOLATION_SHARED,
				       "storage", &c));
	ASSERT_EQ(0, nyx_device_assign(unit, (nyx_device_t){ 6 }, NYX_ISOLATION_SHARED,
				       "storage", &d));
	EXPECT_EQ(a.id, b.id);
	EXPECT_EQ(c.id, d.id);
	EXPECT_TRUE(a.id != c.id);
	EXPECT_EQ(0, strcmp("shared", (char *)domain_info(unit, a).name));
	EXPECT_EQ(0, strcmp("shared/storage", (char *)domain_info(unit, c).name));
	EXPECT_EQ(2, domain_info(unit, a).nr_devices);
	expect_contents(unit, 2, 4);
	ASSERT_EQ(0, nyx_device_release(unit, DEV));
	EXPECT_EQ(a.id, domain_of(unit, DEV2));
	ASSERT_EQ(0, nyx_device_release(unit, DEV2));
	ASSERT_EQ(0, nyx_device_release(unit, (nyx_device_t){ 5 }));
	ASSERT_EQ(0, nyx_device_release(unit, (nyx_device_t){ 6 }));
	expect_contents(unit, 0, 0);
}

TEST(assign_unmanaged)
{
	struct nyx_unit *unit = env_unit();
	nyx_domain_t a, b;

	ASSERT_EQ(0, nyx_device_assign(unit, DEV, NYX_ISOLATION_UNMANAGED, NULL, &a));
	ASSERT_EQ(0, nyx_device_assign(unit, DEV2, NYX_ISOLATION_UNMANAGED, NULL, &b));
	EXPECT_EQ(a.id, b.id);
	EXPECT_EQ(NYX_DOMAIN_IDENTITY, domain_info(unit, a).kind);
	EXPECT_EQ(0, strcmp("identity", (char *)domain_info(unit, a).name));
	ASSERT_EQ(0, nyx_device_release(unit, DEV));
	ASSERT_EQ(0, nyx_device_release(unit, DEV2));
	expect_contents(unit, 0, 0);
}

TEST(assign_bad_arguments)
{
	struct nyx_unit *unit = env_unit();

	EXPECT_EQ(-EINVAL, nyx_device_assign(unit, DEV, 3, NULL, NULL));
	EXPECT_EQ(-EINVAL, nyx_device_assign(unit, DEV, NYX_ISOLATION_STRICT, "g", NULL));
	EXPECT_EQ(-EINVAL, nyx_device_assign(unit, DEV, NYX_ISOLATION_UNMANAGED, "g", NULL));
	EXPECT_EQ(-EINVAL, nyx_device_assign(unit, DEV, NYX_ISOLATION_SHARED, "", NULL));
	EXPECT_EQ(-ENAMETOOLONG, nyx_device_assign(unit, DEV, NYX_ISOLATION_SHARED,
						   "0123456789012345678901234", NULL));
	expect_contents(unit, 0, 0);
	ASSERT_EQ(0, nyx_device_assign(unit, DEV, NYX_ISOLATION_SHARED,
				       "012345678901234567890123", NULL));
}

/* A domain or a device that was there before is used, and stays after a failure. */
TEST(assign_uses_what_exists)
{
	struct nyx_domain_create_opts opts = { .size = sizeof(opts), .name = "shared" };
	struct nyx_unit *unit = env_unit();
	nyx_domain_t made, id;

	ASSERT_EQ(0, nyx_device_add(unit, DEV));
	opts.flags = NYX_DOMAIN_F_SHARED;
	ASSERT_EQ(0, nyx_domain_create(unit, &opts, &made));
	ASSERT_EQ(0, nyx_device_assign(unit, DEV, NYX_ISOLATION_SHARED, NULL, &id));
	EXPECT_EQ(made.id, id.id);
	expect_contents(unit, 1, 1);

	/* Of the wrong kind. */
	opts.name = "identity";
	ASSERT_EQ(0, nyx_domain_create(unit, &opts, &made));
	EXPECT_EQ(-EEXIST, nyx_device_assign(unit, DEV2, NYX_ISOLATION_UNMANAGED, NULL, NULL));
	expect_contents(unit, 2, 1);

	/* A STRICT domain that another device has. */
	opts.name = "strict/0000:04:00.0";
	opts.flags = 0;
	ASSERT_EQ(0, nyx_domain_create(unit, &opts, &made));
	ASSERT_EQ(0, nyx_device_add(unit, (nyx_device_t){ 9 }));
	ASSERT_EQ(0, nyx_device_attach(unit, (nyx_device_t){ 9 }, made, 0));
	EXPECT_EQ(-EBUSY, nyx_device_assign(unit, DEV2, NYX_ISOLATION_STRICT, NULL, NULL));
	expect_contents(unit, 3, 2);
}

TEST(release_spares_other_domains)
{
	const struct nyx_domain_create_opts opts = { .size = sizeof(opts), .name = "shared-by-hand" };
	struct nyx_unit *unit = env_unit();
	nyx_domain_t id;

	ASSERT_EQ(0, nyx_domain_create(unit, &opts, &id));
	ASSERT_EQ(0, nyx_device_add(unit, DEV));
	ASSERT_EQ(0, nyx_device_attach(unit, DEV, id, 0));
	ASSERT_EQ(0, nyx_device_release(unit, DEV));
	expect_contents(unit, 1, 0);
	ASSERT_EQ(0, nyx_device_add(unit, DEV));
	ASSERT_EQ(0, nyx_device_release(unit, DEV));
	expect_contents(unit, 1, 0);
}

static const struct {
	const char *name;
	const char *fail;
	int err;
} failures[] = {
	{ "domain_create", "0x0a:28", -ENOSPC },
	{ "device_add", "0x0c:28", -ENOSPC },
	{ "attach", "0x0e:12", -ENOMEM },
};

/* A failure on the way leaves nothing. */
TEST_EACH(assign_undoes, failures)
{
	struct nyx_unit *unit = env_unit();

	env_inject(v->fail);
	EXPECT_EQ(v->err, nyx_device_assign(unit, DEV, NYX_ISOLATION_STRICT, NULL, NULL));
	expect_contents(unit, 0, 0);
	/* The injected failure is gone. */
	ASSERT_EQ(0, nyx_device_assign(unit, DEV, NYX_ISOLATION_STRICT, NULL, NULL));
	expect_contents(unit, 1, 1);
}

/* The limits of a unit make two of these failures without injection. */
TEST(assign_undoes_at_limits)
{
	struct nyx_unit_create_opts opts = { .size = sizeof(opts), .max_devices = 1 };
	struct nyx_ctx *ctx = env_ctx();
	struct nyx_unit *unit;

	ASSERT_EQ(0, nyx_unit_create(ctx, &opts, &unit));
	ASSERT_EQ(0, nyx_device_assign(unit, DEV, NYX_ISOLATION_STRICT, NULL, NULL));
	EXPECT_EQ(-ENOSPC, nyx_device_assign(unit, DEV2, NYX_ISOLATION_STRICT, NULL, NULL));
	EXPECT_EQ(-ENOSPC, nyx_device_assign(unit, DEV2, NYX_ISOLATION_SHARED, NULL, NULL));
	expect_contents(unit, 1, 1);

	opts.max_devices = 0;
	opts.max_domains = 1;
	ASSERT_EQ(0, nyx_unit_create(ctx, &opts, &unit));
	ASSERT_EQ(0, nyx_device_assign(unit, DEV, NYX_ISOLATION_STRICT, NULL, NULL));
	EXPECT_EQ(-ENOSPC, nyx_device_assign(unit, DEV2, NYX_ISOLATION_STRICT, NULL, NULL));
	expect_contents(unit, 1, 1);
}

/*
 * Another caller took the domain between the look and the attach, so that the attach
 * does not find it: assign begins anew.
 */
TEST(assign_domain_vanishes)
{
	struct nyx_unit *unit = env_unit();
	nyx_domain_t id;

	env_inject("0x0e:2");
	ASSERT_EQ(0, nyx_device_assign(unit, DEV, NYX_ISOLATION_SHARED, NULL, &id));
	EXPECT_TRUE(inject_done);
	EXPECT_EQ(id.id, domain_of(unit, DEV));
	expect_contents(unit, 1, 1);
}

/* Two make the same domain: the one that is too late finds it. */
TEST(assign_domain_appears)
{
	struct nyx_unit *unit = env_unit();

	env_inject("0x0a:17");
	ASSERT_EQ(0, nyx_device_assign(unit, DEV, NYX_ISOLATION_SHARED, NULL, NULL));
	EXPECT_TRUE(inject_done);
	expect_contents(unit, 1, 1);
}

#define RACERS	4

struct racer {
	struct nyx_unit *unit;
	uint32_t sbdf;
	unsigned long rounds;
	pthread_t thread;
};

/* Each its own device; all the same domain, which comes and goes with them. */
static void *race_shared(void *arg)
{
	struct racer *racer = arg;
	struct nyx_domain_info info;
	unsigned long i;
	nyx_domain_t id;

	for (i = 0; i < racer->rounds; i++) {
		ASSERT_EQ(0, nyx_device_assign(racer->unit, (nyx_device_t){ racer->sbdf },
					       NYX_ISOLATION_SHARED,
					       "race", &id));
		/* It cannot go while our device is in it. */
		ASSERT_EQ(0, nyx_domain_get(racer->unit, id, &info, sizeof(info)));
		ASSERT_EQ(0, strcmp("shared/race", (char *)info.name));
		ASSERT_EQ(id.id, domain_of(racer->unit, (nyx_device_t){ racer->sbdf }));
		ASSERT_EQ(0, nyx_device_release(racer->unit, (nyx_device_t){ racer->sbdf }));
	}
	return NULL;
}

TEST(assign_races_threads)
{
	struct nyx_unit *unit = env_unit();
	struct racer racers[RACERS];
	int i;

	for (i = 0; i < RACERS; i++) {
		racers[i] = (struct racer){ unit, NYX_SBDF(2, 0, (__u32)i, 0),
					    ktap_iterations(300), 0 };
		ASSERT_EQ(0, pthread_create(&racers[i].thread, NULL, race_shared, &racers[i]));
	}
	for (i = 0; i < RACERS; i++)
		ASSERT_EQ(0, pthread_join(racers[i].thread, NULL));
	expect_contents(unit, 0, 0);
}

TEST(assign_races_processes)
{
	const struct nyx_unit_create_opts opts = {
		.size = sizeof(opts), .name = "lib-races", .flags = NYX_UNIT_F_SHARED,
	};
	struct nyx_ctx *ctx = env_ctx();
	struct nyx_unit *unit;
	struct racer racer;
	int pids[RACERS], i;

	ASSERT_EQ(0, nyx_unit_create(ctx, &opts, &unit));
	for (i = 0; i < RACERS; i++) {
		pids[i] = fork();
		ASSERT_TRUE(pids[i] >= 0);
		if (pids[i])
			continue;
		ctx = env_ctx();
		ASSERT_EQ(0, nyx_unit_open(ctx, "lib-races", &racer.unit));
		racer.sbdf = NYX_SBDF(2, 0, (__u32)i, 0);
		racer.rounds = ktap_iterations(200);
		race_shared(&racer);
		_exit(0);
	}
	for (i = 0; i < RACERS; i++)
		ktap_wait_exit(pids[i]);
	expect_contents(unit, 0, 0);
}

/* ---- reasons ---- */

static void expect_reason(int error, uint32_t reason, const char *field)
{
	const char *seen = nyx_last_field(error);

	EXPECT_EQ(reason, nyx_last_reason(error));
	ASSERT_EQ(!field, !seen);
	if (field)
		EXPECT_EQ(0, strcmp(field, seen));
}

static void *no_reason(void *arg)
{
	(void)arg;
	expect_reason(-EBUSY, NYX_REASON_NONE, NULL);
	return NULL;
}

TEST(reasons)
{
	struct nyx_policy policy = { .action = NYX_ACTION_QUARANTINE, .threshold = 1 };
	struct nyx_unit *unit = env_unit();
	const struct nyx_domain_create_opts bad = { .size = sizeof(bad), .reserved = 1 };
	nyx_domain_t id, other;
	pthread_t thread;

	ASSERT_EQ(0, nyx_domain_create(unit, NULL, &id));
	ASSERT_EQ(0, nyx_domain_create(unit, NULL, &other));
	ASSERT_EQ(0, nyx_device_add(unit, DEV));
	ASSERT_EQ(0, nyx_device_add(unit, DEV2));
	ASSERT_EQ(0, nyx_device_attach(unit, DEV, id, 0));
	expect_reason(0, NYX_REASON_NONE, NULL);

	ASSERT_EQ(-EBUSY, nyx_device_attach(unit, DEV, other, 0));
	expect_reason(-EBUSY, NYX_REASON_DEVICE_ATTACHED, "sbdf");
	/* Of this thread, and of this errno. */
	expect_reason(-EINVAL, NYX_REASON_NONE, NULL);
	ASSERT_EQ(0, pthread_create(&thread, NULL, no_reason, NULL));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(-EBUSY, nyx_device_attach(unit, DEV2, id, 0));
	expect_reason(-EBUSY, NYX_REASON_DOMAIN_STRICT, "domain_id");

	ASSERT_EQ(-EINVAL, nyx_policy_set_unit(unit, &policy, sizeof(policy)));
	expect_reason(-EINVAL, NYX_REASON_OUT_OF_RANGE, "policy.window_ms");
	/* An error of the library's own has none, even with the same errno. */
	ASSERT_EQ(-EINVAL, nyx_domain_create(unit, &bad, &id));
	expect_reason(-EINVAL, NYX_REASON_NONE, NULL);
	/* Nor is one left behind success. */
	ASSERT_EQ(-EBUSY, nyx_domain_destroy(unit, id));
	ASSERT_EQ(0, nyx_domain_destroy(unit, other));
	expect_reason(-EBUSY, NYX_REASON_NONE, NULL);
}

/* The field is that of the item, not of the array. */
TEST(reason_of_an_item)
{
	struct nyx_unit *unit = env_unit();
	struct nyx_map map[3];
	nyx_domain_t id;
	size_t done;
	int i;

	ASSERT_EQ(0, nyx_domain_create(unit, NULL, &id));
	for (i = 0; i < 3; i++)
		map[i] = (struct nyx_map){
			.size = sizeof(map[0]), .domain_id = id.id, .prot = RW,
			.iova = (uint64_t)i << 12, .length = 4096,
		};
	map[1].gpa = 1;
	ASSERT_EQ(-EINVAL, nyx_map_add_array(unit, map, 3, &done));
	ASSERT_EQ(1, done);
	expect_reason(-EINVAL, NYX_REASON_MISALIGNED, "gpa");
}

/* The commands that undo an assignment leave the reason as it is. */
TEST(reason_of_assign)
{
	struct nyx_unit *unit = env_unit();

	ASSERT_EQ(0, nyx_device_assign(unit, DEV, NYX_ISOLATION_STRICT, NULL, NULL));
	ASSERT_EQ(-EBUSY, nyx_device_assign(unit, DEV, NYX_ISOLATION_SHARED, NULL, NULL));
	expect_reason(-EBUSY, NYX_REASON_DEVICE_ATTACHED, NULL);
	env_inject("0x0e:28:0:64");
	ASSERT_EQ(-ENOSPC, nyx_device_assign(unit, DEV2, NYX_ISOLATION_STRICT, NULL, NULL));
	expect_reason(-ENOSPC, 64, NULL);
	expect_contents(unit, 1, 1);
}

static uint32_t winners;

static void *race_device(void *arg)
{
	struct racer *racer = arg;
	int ret;

	ret = nyx_device_assign(racer->unit, DEV, NYX_ISOLATION_STRICT, NULL, NULL);
	if (!ret)
		__atomic_add_fetch(&winners, 1, __ATOMIC_RELAXED);
	else
		ASSERT_EQ(-EBUSY, ret);
	return NULL;
}

/* Of many that assign the same device one wins, and the losers harm nothing. */
TEST(assign_same_device)
{
	struct nyx_unit *unit = env_unit();
	struct racer racers[RACERS];
	unsigned long round;
	int i;

	for (round = 0; round < ktap_iterations(50); round++) {
		winners = 0;
		for (i = 0; i < RACERS; i++) {
			racers[i] = (struct racer){ .unit = unit };
			ASSERT_EQ(0, pthread_create(&racers[i].thread, NULL, race_device,
						    &racers[i]));
		}
		for (i = 0; i < RACERS; i++)
			ASSERT_EQ(0, pthread_join(racers[i].thread, NULL));
		ASSERT_EQ(1, winners);
		expect_contents(unit, 1, 1);
		ASSERT_NE(0, domain_of(unit, DEV));
		ASSERT_EQ(0, nyx_device_release(unit, DEV));
		expect_contents(unit, 0, 0);
	}
}
