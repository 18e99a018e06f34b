// SPDX-License-Identifier: GPL-2.0-only
/*
 * libnyx tests: the device IOTLB of vhost back ends that are parts of the program, beside a unit
 * that is one. They need no module, and no vhost of the kernel: a back end is the other end of a
 * socket, whose messages are those of the kernel.
 *
 * Each back end keeps the translations that it was sent. Each time that all changes are
 * acknowledged, the oracle compares them with what the unit has reported: a back end may have
 * less, and nothing else.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/vhost.h>

#include "mirror_world.h"

#define ENDS		3u
#define ENTRIES		4096u
#define NOWHERE		(BASE - PAGE)

/**
 * struct end - a back end
 * @fd: of the back end
 * @channel_fd: the library's
 * @features: backend features that it offers; -1: it does not know that
 * @set: those that were set
 * @id: its channel
 * @entry: translations
 * @nr: how many
 * @updates: updates since end_take()
 * @invalidations: likewise
 */
static struct end {
	int fd;
	int channel_fd;
	int64_t features;
	uint64_t set;
	uint32_t id;
	struct vhost_iotlb_msg entry[ENTRIES];
	size_t nr;
	unsigned int updates;
	unsigned int invalidations;
} ends[ENDS];

static struct nyx_vhost *vhost;
static struct world world;

/* ---- back ends ---------------------------------------------------------------- */

static int vhost_ioctl(int fd, unsigned long request, void *arg)
{
	struct end *end;

	for (end = ends; end < ends + ENDS && end->channel_fd != fd; end++)
		;
	if (end == ends + ENDS || end->features < 0) {
		errno = ENOTTY;
		return -1;
	}
	if (request == VHOST_GET_BACKEND_FEATURES) {
		*(uint64_t *)arg = (uint64_t)end->features;
		return 0;
	}
	ASSERT_EQ(VHOST_SET_BACKEND_FEATURES, request);
	end->set = *(uint64_t *)arg;
	if (!(end->set & ~(uint64_t)end->features))
		return 0;
	errno = EOPNOTSUPP;
	return -1;
}

static void end_apply(struct end *end, const struct vhost_iotlb_msg *msg)
{
	uint64_t last = msg->iova + (msg->size - 1);
	size_t i, n = 0;

	ASSERT_NE(0, msg->size);
	ASSERT_LE(msg->iova, last);
	if (msg->type == VHOST_IOTLB_UPDATE) {
		ASSERT_LT(end->nr, ENTRIES);
		ASSERT_NE(0, msg->perm);
		end->entry[end->nr++] = *msg;
		end->updates++;
		return;
	}
	ASSERT_EQ(VHOST_IOTLB_INVALIDATE, msg->type);
	end->invalidations++;
	for (i = 0; i < end->nr; i++) {
		const struct vhost_iotlb_msg *e = &end->entry[i];

		if (e->iova > last || e->iova + (e->size - 1) < msg->iova)
			end->entry[n++] = *e;
	}
	end->nr = n;
}

/* Take the messages that were sent, as the kernel does inside write(). */
static void end_take(struct end *end)
{
	struct vhost_msg_v2 msg;
	ssize_t n;

	while ((n = recv(end->fd, &msg, sizeof(msg), MSG_DONTWAIT)) > 0) {
		ASSERT_EQ(sizeof(msg), n);
		ASSERT_EQ(end->set ? VHOST_IOTLB_MSG_V2 : VHOST_IOTLB_MSG, msg.type);
		ASSERT_EQ(0, msg.asid);
		end_apply(end, &msg.iotlb);
	}
}

static void end_say(struct end *end, uint8_t type, uint64_t iova, uint8_t perm)
{
	const struct vhost_msg_v2 msg = {
		.type = end->set ? VHOST_IOTLB_MSG_V2 : VHOST_IOTLB_MSG,
		.iotlb = { .type = type, .iova = iova, .perm = perm },
	};

	ASSERT_EQ(sizeof(msg), send(end->fd, &msg, sizeof(msg), 0));
}

/* The translation of a page; NULL: it would be missed. */
static const struct vhost_iotlb_msg *end_entry(struct end *end, uint64_t iova)
{
	size_t i;

	for (i = 0; i < end->nr; i++) {
		if (end->entry[i].iova <= iova && iova - end->entry[i].iova < end->entry[i].size)
			return &end->entry[i];
	}
	return NULL;
}

static void check_entry(const struct vhost_iotlb_msg *e)
{
	struct fake_page page;
	uint64_t at;

	ASSERT_EQ(0, (e->iova | e->size) % PAGE);
	for (at = 0; at < e->size; at += PAGE) {
		page = fake_told(&fake.device[0], (uint32_t)((e->iova + at - BASE) / PAGE));
		ktap_note("IOVA 0x%llx", (unsigned long long)(e->iova + at));
		ASSERT_EQ(page.prot, e->perm);
		ASSERT_EQ((uintptr_t)host_of(page.gpa), e->uaddr + at);
	}
}

static void check_ends(void)
{
	struct end *end;
	size_t i;

	for (end = ends; end < ends + ENDS; end++) {
		if (end->fd < 0)
			continue;
		end_take(end);
		for (i = 0; i < end->nr; i++)
			check_entry(&end->entry[i]);
	}
}

static void end_open(struct end *end, int64_t features, uint32_t eager)
{
	struct nyx_vhost_channel channel = NYX_VHOST_CHANNEL_INIT;
	int fds[2];

	memset(end, 0, sizeof(*end));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds));
	end->fd = fds[0];
	end->channel_fd = fds[1];
	end->features = features;
	ASSERT_EQ(0, nyx_vhost_kernel(end->channel_fd, &channel));
	channel.eager = eager;
	ASSERT_EQ(0, nyx_vhost_add(vhost, &channel, &end->id));
}

static void end_close(struct end *end)
{
	if (end->fd < 0)
		return;
	close(end->fd);
	close(end->channel_fd);
	end->fd = end->channel_fd = -1;
}

/* ---- the world ---------------------------------------------------------------- */

static void vhost_world(unsigned int nr)
{
	static const int64_t features[ENDS] = {
		1 << VHOST_BACKEND_F_IOTLB_MSG_V2, -1,
		1 << VHOST_BACKEND_F_IOTLB_MSG_V2 | 1 << VHOST_BACKEND_F_IOTLB_BATCH,
	};
	struct nyx_mirror_opts opts = NYX_MIRROR_OPTS_INIT;
	unsigned int i;

	/* Without the mirror of other tests, which belongs to their back end */
	world = world_open(NYX_CHANGES_F_INLINE);
	ASSERT_EQ(0, nyx_mirror_close(world.mirror));
	opts.event = note_event;
	opts.arg = told;
	ASSERT_EQ(0, nyx_vhost_open(world.changes, FAKE_DEV(0), &opts, &vhost));
	world.mirror = nyx_vhost_mirror(vhost);
	for (i = 0; i < RANGES; i++)
		memory_add(world.mirror, i);
	fake_other = vhost_ioctl;
	for (i = 0; i < ENDS; i++)
		ends[i].fd = ends[i].channel_fd = -1;
	for (i = 0; i < nr; i++)
		end_open(&ends[i], features[i], 0);
	fake.acknowledged = check_ends;
}

/* The same, with a device that maps all of its table. */
static void vhost_mapped(unsigned int nr)
{
	vhost_world(nr);
	fake_attach(0, 1, 0, RW);
	ASSERT_EQ(0, nyx_mirror_add_device(world.mirror, FAKE_DEV(0)));
}

static void vhost_end(void)
{
	unsigned int i;

	fake.acknowledged = NULL;
	ASSERT_EQ(0, nyx_vhost_close(vhost));
	for (i = 0; i < ENDS; i++)
		end_close(&ends[i]);
	ASSERT_EQ(0, nyx_changes_close(world.changes));
	nyx_unit_unref(world.unit);
}

static struct nyx_vhost_stat vhost_stat(void)
{
	struct nyx_vhost_stat stat = NYX_VHOST_STAT_INIT;

	ASSERT_EQ(0, nyx_vhost_stat_get(vhost, &stat));
	return stat;
}

/* A back end misses a page. */
static int miss(struct end *end, uint64_t iova, uint8_t perm)
{
	int ret;

	end_say(end, VHOST_IOTLB_MISS, iova, perm);
	ret = nyx_vhost_receive(vhost, end->id);
	end_take(end);
	return ret;
}

/* ---- misses ------------------------------------------------------------------- */

static const struct {
	const char *name;
	unsigned int end;
} versions[] = {
	{ "v2", 0 },
	{ "v1", 1 },
	{ "v2_of_more", 2 },
};

TEST_EACH(answers_a_miss, versions)
{
	const struct vhost_iotlb_msg *e;
	struct nyx_mirror_map map;
	struct end *end;

	vhost_mapped(ENDS);
	end = &ends[v->end];
	ASSERT_EQ(v->end == 1 ? 0 : 1 << VHOST_BACKEND_F_IOTLB_MSG_V2, end->set);
	/* Nothing is sent before it is missed. */
	check_ends();
	ASSERT_EQ(0, end->updates);
	ASSERT_EQ(-EAGAIN, nyx_vhost_receive(vhost, end->id));
	ASSERT_EQ(0, miss(end, BASE + 5 * PAGE + 17, VHOST_ACCESS_RO));
	e = end_entry(end, BASE + 5 * PAGE);
	ASSERT_TRUE(e);
	ASSERT_EQ(0, nyx_mirror_find(world.mirror, BASE + 5 * PAGE + 4095, &map));
	ASSERT_EQ(map.iova, e->iova);
	ASSERT_EQ(map.length, e->size);
	ASSERT_EQ(RW, e->perm);
	ASSERT_EQ((uintptr_t)map.host, e->uaddr);
	check_ends();
	/* The others have not asked. */
	ASSERT_EQ(0, ends[(v->end + 1) % ENDS].nr);
	ASSERT_EQ(1, vhost_stat().misses);
	ASSERT_EQ(1, vhost_stat().updates);
	ASSERT_EQ(ENDS, vhost_stat().channels);
	ASSERT_EQ(0, fake.device[0].faults);
	vhost_end();
}

static const struct {
	const char *name;
	uint64_t iova;
	uint8_t type, perm;
	int ret;
	unsigned int faults;
} refusals[] = {
	{ "below", NOWHERE, VHOST_IOTLB_MISS, VHOST_ACCESS_RO, -EREMOTEIO, 1 },
	{ "write", BASE, VHOST_IOTLB_MISS, VHOST_ACCESS_WO, -EREMOTEIO, 1 },
	{ "read_and_write", BASE, VHOST_IOTLB_MISS, VHOST_ACCESS_RW, -EREMOTEIO, 1 },
	{ "failed_write", BASE, VHOST_IOTLB_ACCESS_FAIL, VHOST_ACCESS_WO, -EREMOTEIO, 1 },
	{ "failed_read", BASE, VHOST_IOTLB_ACCESS_FAIL, VHOST_ACCESS_RO, -EREMOTEIO, 0 },
	{ "no_permission", BASE, VHOST_IOTLB_MISS, 0, -EPROTO, 0 },
	{ "odd_permission", BASE, VHOST_IOTLB_MISS, 0x11, -EPROTO, 0 },
	{ "update", BASE, VHOST_IOTLB_UPDATE, VHOST_ACCESS_RW, -EPROTO, 0 },
	{ "no_type", BASE, 0, VHOST_ACCESS_RO, -EPROTO, 0 },
};

TEST_EACH(refuses, refusals)
{
	vhost_world(1);
	fake_attach(0, 1, 0, NYX_PROT_READ);
	ASSERT_EQ(0, nyx_mirror_add_device(world.mirror, FAKE_DEV(0)));
	end_say(&ends[0], v->type, v->iova, v->perm);
	ASSERT_EQ(v->ret, nyx_vhost_receive(vhost, ends[0].id));
	end_take(&ends[0]);
	ASSERT_EQ(0, ends[0].updates);
	ASSERT_EQ(v->faults, fake.device[0].faults);
	ASSERT_EQ(v->ret == -EREMOTEIO, vhost_stat().refused);
	/* An access that is granted is still answered. */
	ASSERT_EQ(0, miss(&ends[0], BASE, VHOST_ACCESS_RO));
	ASSERT_EQ(1, ends[0].updates);
	ASSERT_EQ(VHOST_ACCESS_RO, ends[0].entry[0].perm);
	vhost_end();
}

/* The stream has yet to report what the unit translates already. */
TEST(answers_what_is_on_its_way)
{
	vhost_world(1);
	ASSERT_EQ(0, nyx_mirror_add_device(world.mirror, FAKE_DEV(0)));
	ASSERT_EQ(-EREMOTEIO, miss(&ends[0], BASE, VHOST_ACCESS_RO));
	ASSERT_EQ(1, fake.device[0].faults);
	fake_attach(0, 1, 0, RW);
	ASSERT_EQ(0, miss(&ends[0], BASE, VHOST_ACCESS_RW));
	ASSERT_TRUE(end_entry(&ends[0], BASE));
	ASSERT_EQ(1, fake.device[0].faults);
	ASSERT_EQ(2, vhost_stat().misses);
	vhost_end();
}

/* The guest takes away, and maps again, what the device misses. */
static unsigned int translations;

static void flicker(void)
{
	translations++;
	fake.device[0].want[0].prot = RW;
}

static void goes_again(void)
{
	fake.device[0].want[0].prot = 0;
	check_ends();
}

TEST(does_not_try_for_ever)
{
	vhost_mapped(1);
	fake.device[0].want[0].prot = 0;
	ASSERT_EQ(0, nyx_mirror_run(world.mirror));
	fake.translating = flicker;
	fake.acknowledged = goes_again;
	ASSERT_EQ(-EREMOTEIO, miss(&ends[0], BASE, VHOST_ACCESS_RO));
	ASSERT_TRUE(translations > 1 && translations < 10);
	ASSERT_TRUE(!end_entry(&ends[0], BASE));
	vhost_end();
}

/* The unit maps memory of which the mirror knows nothing. */
TEST(memory_that_is_missing)
{
	vhost_mapped(1);
	memory_remove(world.mirror, 0);
	ASSERT_EQ(-EREMOTEIO, miss(&ends[0], BASE, VHOST_ACCESS_RO));
	memory_add(world.mirror, 0);
	ASSERT_EQ(0, miss(&ends[0], BASE, VHOST_ACCESS_RO));
	check_ends();
	memory_remove(world.mirror, 0);
	end_take(&ends[0]);
	ASSERT_TRUE(!end_entry(&ends[0], BASE));
	vhost_end();
}

/* ---- invalidations ------------------------------------------------------------ */

TEST(forgets_what_is_unmapped)
{
	unsigned int i;
	uint32_t page;

	vhost_mapped(ENDS);
	for (i = 0; i < ENDS; i++) {
		for (page = 0; page < FAKE_PAGES; page++)
			ASSERT_EQ(0, miss(&ends[i], BASE + page * PAGE, VHOST_ACCESS_RW));
		ASSERT_LT(0, ends[i].nr);
	}
	for (page = 8; page < 16; page++)
		fake.device[0].want[page].prot = 0;
	ASSERT_EQ(0, nyx_mirror_run(world.mirror));
	for (i = 0; i < ENDS; i++) {
		end_take(&ends[i]);
		ASSERT_LT(0, ends[i].invalidations);
		for (page = 8; page < 16; page++)
			ASSERT_TRUE(!end_entry(&ends[i], BASE + page * PAGE));
	}
	ASSERT_EQ(-EREMOTEIO, miss(&ends[1], BASE + 8 * PAGE, VHOST_ACCESS_RO));

	/* A quarantined device has nothing, and neither has one that is removed. */
	fake.device[0].state = NYX_CHANGE_QUARANTINED;
	ASSERT_EQ(0, nyx_mirror_run(world.mirror));
	for (i = 0; i < ENDS; i++) {
		end_take(&ends[i]);
		ASSERT_EQ(0, ends[i].nr);
	}
	ASSERT_EQ(-EREMOTEIO, miss(&ends[0], BASE, VHOST_ACCESS_RO));
	fake.device[0].state = NYX_CHANGE_ATTACHED;
	ASSERT_EQ(0, miss(&ends[0], BASE, VHOST_ACCESS_RO));
	ASSERT_LT(0, ends[0].nr);
	ASSERT_EQ(0, nyx_mirror_remove_device(world.mirror, FAKE_DEV(0)));
	end_take(&ends[0]);
	ASSERT_EQ(0, ends[0].nr);
	vhost_end();
}

TEST(random_misses_and_changes)
{
	unsigned long i, n = ktap_iterations(6000);
	struct rng rng = rng_start(2);

	vhost_mapped(ENDS);
	fake.rng = rng;
	for (i = 0; i < n; i++) {
		struct end *end = &ends[rng_below(&rng, ENDS)];
		int ret = 0;

		switch (rng_below(&rng, 4)) {
		case 0:
			change_something(&rng, &fake.device[0]);
			break;
		case 1:
			ASSERT_EQ(0, nyx_mirror_run(world.mirror));
			break;
		default:
			ret = miss(end, BASE - PAGE + rng_below(&rng, (FAKE_PAGES + 2) * PAGE),
				   1 + (uint8_t)rng_below(&rng, 3));
		}
		ASSERT_TRUE(!ret || ret == -EREMOTEIO);
	}
	ASSERT_LT(n / 20, vhost_stat().updates);
	ASSERT_LT(0, vhost_stat().refused);
	ASSERT_EQ(0, told[NYX_MIRROR_FAILED]);
	vhost_end();
}

static atomic_bool enough;

static void *miss_until_enough(void *arg)
{
	struct end *end = arg;
	struct rng rng = rng_start(3 + end->id);
	int ret;

	while (!atomic_load(&enough)) {
		end_say(end, VHOST_IOTLB_MISS, BASE + rng_below(&rng, FAKE_PAGES) * PAGE,
			VHOST_ACCESS_RO);
		ret = nyx_vhost_receive(vhost, end->id);
		ASSERT_TRUE(!ret || ret == -EREMOTEIO);
		/* The socket does not fill up. */
		pthread_mutex_lock(&fake.lock);
		end_take(end);
		pthread_mutex_unlock(&fake.lock);
	}
	return NULL;
}

/* Each back end has a thread of its own, and a processor of the guest unmaps. */
TEST(misses_during_changes)
{
	unsigned long i, n = ktap_iterations(3000);
	struct rng rng = rng_start(7);
	pthread_t thread[ENDS];

	vhost_mapped(ENDS);
	for (i = 0; i < ENDS; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, miss_until_enough, &ends[i]));
	for (i = 0; i < n; i++) {
		change_something(&rng, &fake.device[0]);
		ASSERT_EQ(0, nyx_mirror_run(world.mirror));
	}
	atomic_store(&enough, true);
	for (i = 0; i < ENDS; i++)
		ASSERT_EQ(0, pthread_join(thread[i], NULL));
	ASSERT_LT(0, vhost_stat().updates);
	vhost_end();
}

/* ---- prefetch ----------------------------------------------------------------- */

TEST(sends_rings_before_they_are_missed)
{
	const uint64_t last = BASE + FAKE_PAGES * PAGE - 1;
	uint32_t page;

	vhost_mapped(2);
	ASSERT_EQ(0, nyx_vhost_prefetch(vhost, ends[0].id, BASE, FAKE_PAGES * PAGE));
	check_ends();
	for (page = 0; page < FAKE_PAGES; page++)
		ASSERT_TRUE(end_entry(&ends[0], BASE + page * PAGE));
	ASSERT_EQ(0, ends[1].nr);
	ASSERT_EQ(ends[0].updates, vhost_stat().updates);
	ASSERT_EQ(0, vhost_stat().misses);

	/* Up to what is not mapped, which is no fault. */
	fake.device[0].want[3].prot = 0;
	ASSERT_EQ(0, nyx_mirror_run(world.mirror));
	ASSERT_EQ(-ENOENT, nyx_vhost_prefetch(vhost, ends[1].id, BASE + 2 * PAGE, 2 * PAGE));
	ASSERT_EQ(-ENOENT, nyx_vhost_prefetch(vhost, ends[1].id, last, 2));
	ASSERT_EQ(0, fake.device[0].faults);
	check_ends();
	ASSERT_TRUE(end_entry(&ends[1], BASE + 2 * PAGE));
	ASSERT_EQ(-EINVAL, nyx_vhost_prefetch(vhost, ends[1].id, BASE, 0));
	ASSERT_EQ(-EINVAL, nyx_vhost_prefetch(vhost, ends[1].id, UINT64_MAX, 2));
	ASSERT_EQ(-ENOENT, nyx_vhost_prefetch(vhost, 2, BASE, 1));
	vhost_end();
}

/*
 * An eager back end is sent the mappings that are made from then on, so it has exactly those. The
 * other one, which asks for none, has nothing.
 */
TEST(sends_what_is_mapped)
{
	unsigned long i, n = ktap_iterations(500);
	struct rng rng = rng_start(3);
	struct fake_page *want = fake.device[0].want;
	uint32_t page;

	vhost_mapped(1);
	end_open(&ends[1], 1 << VHOST_BACKEND_F_IOTLB_MSG_V2, 1);
	check_ends();
	ASSERT_EQ(0, ends[1].updates);
	for (page = 0; page < FAKE_PAGES; page++)
		want[page].prot = 0;
	ASSERT_EQ(0, nyx_mirror_run(world.mirror));
	for (i = 0; i < n; i++) {
		page = (uint32_t)rng_below(&rng, FAKE_PAGES);
		want[page].prot = want[page].prot ? 0 : RW;
		ASSERT_EQ(0, nyx_mirror_run(world.mirror));
		check_ends();
		for (page = 0; page < FAKE_PAGES; page++)
			ASSERT_EQ(want[page].prot != 0, !!end_entry(&ends[1], BASE + page * PAGE));
	}
	ASSERT_LT(0, ends[1].updates);
	ASSERT_EQ(ends[1].updates, vhost_stat().updates);
	ASSERT_EQ(0, vhost_stat().misses);
	ASSERT_EQ(0, ends[0].nr);
	vhost_end();
}

/* ---- channels ----------------------------------------------------------------- */

static int no_send(const struct nyx_vhost_channel *channel, const struct vhost_iotlb_msg *msg)
{
	ASSERT_EQ(7, channel->flags);
	ASSERT_TRUE(channel->arg == told);
	return msg->type == VHOST_IOTLB_INVALIDATE ? -EPIPE : 0;
}

TEST(channels_come_and_go)
{
	struct nyx_vhost_channel channel = NYX_VHOST_CHANNEL_INIT;
	const struct vhost_iotlb_msg msg = {
		.type = VHOST_IOTLB_MISS, .iova = BASE, .perm = VHOST_ACCESS_RO,
	};
	uint32_t i, id;

	vhost_mapped(1);
	ASSERT_EQ(-EINVAL, nyx_vhost_add(vhost, &channel, &id));
	channel.send = no_send;
	channel.flags = 7;
	channel.arg = told;
	channel.eager = 2;
	ASSERT_EQ(-EINVAL, nyx_vhost_add(vhost, &channel, &id));
	channel.eager = 0;
	for (i = 1; i < NYX_VHOST_CHANNELS_MAX; i++) {
		ASSERT_EQ(0, nyx_vhost_add(vhost, &channel, &id));
		ASSERT_EQ(i, id);
	}
	ASSERT_EQ(-ENOSPC, nyx_vhost_add(vhost, &channel, &id));
	ASSERT_EQ(-EOPNOTSUPP, nyx_vhost_receive(vhost, 1));
	ASSERT_EQ(0, nyx_vhost_message(vhost, 1, &msg));
	ASSERT_EQ(NYX_VHOST_CHANNELS_MAX, vhost_stat().channels);
	for (i = 1; i < NYX_VHOST_CHANNELS_MAX; i++)
		ASSERT_EQ(0, nyx_vhost_remove(vhost, i));
	ASSERT_EQ(-ENOENT, nyx_vhost_remove(vhost, 1));
	ASSERT_EQ(-ENOENT, nyx_vhost_remove(vhost, NYX_VHOST_CHANNELS_MAX));
	ASSERT_EQ(-ENOENT, nyx_vhost_message(vhost, 1, &msg));
	ASSERT_EQ(-ENOENT, nyx_vhost_receive(vhost, UINT32_MAX));
	ASSERT_EQ(1, vhost_stat().channels);
	/* A channel that is gone is sent nothing: it would fail. */
	fake.device[0].want[0].prot = 0;
	ASSERT_EQ(0, nyx_mirror_run(world.mirror));
	ASSERT_EQ(0, told[NYX_MIRROR_BROKEN]);
	vhost_end();
}

static const struct {
	const char *name;
	bool cut;
} cuts[] = {
	{ "that_is_stopped", true },
	{ "that_goes_on", false },
};

/* A back end that does not take an invalidation still has the page. */
TEST_EACH(a_back_end_that_is_gone, cuts)
{
	vhost_mapped(2);
	ASSERT_EQ(0, miss(&ends[0], BASE, VHOST_ACCESS_RO));
	end_close(&ends[1]);
	answer[NYX_MIRROR_BROKEN] = v->cut ? 0 : -1;
	fake.device[0].want[0].prot = 0;
	ASSERT_EQ(v->cut ? 0 : -EIO, nyx_mirror_run(world.mirror));
	ASSERT_EQ(1, told[NYX_MIRROR_BROKEN]);
	ASSERT_EQ(v->cut, told[NYX_MIRROR_FAILED]);
	ASSERT_EQ(v->cut, fake.device[0].quarantines);
	/* The other one has forgotten. */
	end_take(&ends[0]);
	ASSERT_EQ(0, ends[0].nr);
	if (!v->cut)
		return;
	ASSERT_EQ(0, nyx_vhost_remove(vhost, ends[1].id));
	fake.device[0].state = NYX_CHANGE_ATTACHED;
	ASSERT_EQ(0, miss(&ends[0], BASE + PAGE, VHOST_ACCESS_RO));
	fake.device[0].want[1].prot = 0;
	ASSERT_EQ(0, nyx_mirror_run(world.mirror));
	ASSERT_EQ(1, told[NYX_MIRROR_BROKEN]);
	vhost_end();
}

TEST(files_that_are_wrong)
{
	struct nyx_vhost_channel channel = NYX_VHOST_CHANNEL_INIT;
	struct nyx_vhost_stat stat = { .size = 0 };
	const uint32_t word = 5;

	vhost_mapped(2);
	channel.size--;
	ASSERT_EQ(-EINVAL, nyx_vhost_kernel(ends[0].channel_fd, &channel));
	ASSERT_EQ(-EINVAL, nyx_vhost_stat_get(vhost, &stat));
	/* A message of another length, or of the other version */
	ASSERT_EQ(sizeof(word), send(ends[0].fd, &word, sizeof(word), 0));
	ASSERT_EQ(-EPROTO, nyx_vhost_receive(vhost, ends[0].id));
	ends[0].set = 0;
	end_say(&ends[0], VHOST_IOTLB_MISS, BASE, VHOST_ACCESS_RO);
	ASSERT_EQ(-EPROTO, nyx_vhost_receive(vhost, ends[0].id));
	ASSERT_EQ(0, vhost_stat().misses);
	ASSERT_EQ(0, vhost_stat().updates);
	vhost_end();
	ASSERT_EQ(0, nyx_vhost_close(NULL));
}

TEST(finds_a_mapping)
{
	struct nyx_mirror_map map;

	vhost_mapped(0);
	ASSERT_EQ(-ENOENT, nyx_mirror_find(world.mirror, NOWHERE, &map));
	ASSERT_EQ(-ENOENT, nyx_mirror_find(world.mirror, UINT64_MAX, &map));
	ASSERT_EQ(0, nyx_mirror_find(world.mirror, BASE + 20 * PAGE, &map));
	ASSERT_TRUE(map.iova <= BASE + 20 * PAGE &&
		    BASE + 20 * PAGE - map.iova < map.length);
	ASSERT_TRUE((char *)map.host + (BASE + 20 * PAGE - map.iova) == host_of(20));
	ASSERT_EQ(RW, map.prot);
	vhost_end();
}
