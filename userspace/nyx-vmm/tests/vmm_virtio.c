// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm tests: what virtio devices refuse, and that they go on afterwards.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Virtual I/O Device (VIRTIO) 1.2: 2.7 (split queues), 3.1 (status), 5.1, 5.2.
 */
#include "vmm_env.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOT		1
#define BAR		0xc8000000
#define TABLE		(ENV_DATA + 0x1000)	/* an indirect one */
#define DISK		(64 * KIB)
#define OUTSIDE		UINT64_C(0xc0000000)
#define REFUSED		(ENV_DATA + 0x3000)
#define HEADER		12			/* in front of each frame */

struct desc { uint64_t addr; uint32_t len; uint16_t flags, next; };

static void put_descs(struct env_virtio *dev, uint64_t at, const struct desc *d, unsigned int nr)
{
	for (; nr--; d++, at += 16) {
		env_put(dev->vmm, at, d->addr, 8);
		env_put(dev->vmm, at + 8, d->len, 4);
		env_put(dev->vmm, at + 12, d->flags, 2);
		env_put(dev->vmm, at + 14, d->next, 2);
	}
}

/* 16 random bytes, and no fault. */
static void rng_works(struct vmm *vmm)
{
	struct env_virtio dev = env_virtio(vmm, SLOT, BAR, 256);

	env_desc(&dev, 0, 5, ENV_DATA, 16, ENV_WRITE, 0);
	env_give(&dev, 0, 5);
	ASSERT_TRUE(env_wait(&dev, 0));
	ASSERT_EQ(5, env_get(vmm, ENV_RING + ENV_USED + 4, 4));
	ASSERT_EQ(16, env_get(vmm, ENV_RING + ENV_USED + 8, 4));
}

#define W	ENV_WRITE
#define N	ENV_NEXT
#define I	ENV_INDIRECT

static const struct {
	const char *name;
	uint16_t head, more;		/* more: what the index says beyond the truth */
	struct desc descs[3];
	struct desc table[3];		/* at TABLE */
} broken[] = {
	{ "head_256", .head = 256 },
	{ "head_65535", .head = 65535 },
	{ "index_too_far", .more = 256, .descs = { { ENV_DATA, 16, W } } },
	{ "next_256", .descs = { { ENV_DATA, 16, W | N, 256 } } },
	{ "next_65535", .descs = { { ENV_DATA, 16, W | N, 65535 } } },
	{ "itself", .descs = { { ENV_DATA, 16, W | N, 0 } } },
	{ "loop", .descs = { { ENV_DATA, 16, W | N, 1 }, { ENV_DATA, 16, W | N, 0 } } },
	{ "read_behind_write",
	  .descs = { { ENV_DATA, 16, W | N, 1 }, { ENV_DATA, 16, 0 } } },
	{ "outside", .descs = { { OUTSIDE, 16, W } } },
	{ "across_the_end", .descs = { { ENV_RAM - 8, 16, W } } },
	{ "overflow", .descs = { { UINT64_MAX - 7, 16, W } } },
	{ "indirect_and_next", .descs = { { TABLE, 16, I | N, 1 }, { ENV_DATA, 16, W } },
	  .table = { { ENV_DATA, 16, W } } },
	{ "indirect_empty", .descs = { { TABLE, 0, I } }, .table = { { ENV_DATA, 16, W } } },
	{ "indirect_odd", .descs = { { TABLE, 17, I } }, .table = { { ENV_DATA, 16, W } } },
	{ "indirect_long", .descs = { { TABLE, 16 * 259, I } },
	  .table = { { ENV_DATA, 16, W } } },
	{ "indirect_4g", .descs = { { TABLE, 0xfffffff0, I } },
	  .table = { { ENV_DATA, 16, W } } },
	{ "indirect_outside", .descs = { { OUTSIDE, 16, I } } },
	{ "indirect_twice", .descs = { { TABLE, 32, I } }, .table = { { TABLE, 16, I } } },
	{ "indirect_next", .descs = { { TABLE, 32, I } },
	  .table = { { ENV_DATA, 16, W | N, 2 }, { 0 }, { ENV_DATA, 16, W } } },
	{ "indirect_loop", .descs = { { TABLE, 32, I } },
	  .table = { { ENV_DATA, 16, W | N, 1 }, { ENV_DATA, 16, W | N, 0 } } },
};

TEST_EACH(broken_queue, broken)
{
	static const struct desc good = { ENV_DATA, 16, W };
	static const struct desc three[] = {
		{ ENV_DATA, 16, W | N, 1 }, { ENV_DATA, 16, W | N, 2 }, { ENV_DATA, 16, W },
	};
	struct vmm *vmm = env_machine(ENV_MAP);
	struct env_virtio dev;

	ASSERT_EQ(0, virtio_rng_init(vmm));
	rng_works(vmm);
	dev = env_virtio(vmm, SLOT, BAR, 256);
	/* Good descriptors lie behind the table, in memory and in the device's copies. */
	put_descs(&dev, ENV_RING + 16 * 256, &good, 1);
	put_descs(&dev, ENV_RING + 16 * 65535, &good, 1);
	put_descs(&dev, TABLE, three, 3);
	env_desc(&dev, 0, 9, TABLE, sizeof(three), I, 0);
	env_give(&dev, 0, 9);
	ASSERT_TRUE(env_wait(&dev, 0));

	put_descs(&dev, ENV_RING, v->descs, 3);
	put_descs(&dev, TABLE, v->table, 3);
	dev.avail[0] += v->more;
	env_give(&dev, 0, v->head);
	EXPECT_TRUE(!env_wait(&dev, 0));
	rng_works(vmm);
	env_end(vmm);
}

static const struct { const char *name; uint64_t desc, avail, used; } rings[] = {
	{ "desc_outside", OUTSIDE, ENV_RING + ENV_AVAIL, ENV_RING + ENV_USED },
	{ "desc_over_bar", BAR, ENV_RING + ENV_AVAIL, ENV_RING + ENV_USED },
	{ "avail_outside", ENV_RING, ENV_RAM - 4, ENV_RING + ENV_USED },
	{ "avail_overflow", ENV_RING, UINT64_MAX - 1, ENV_RING + ENV_USED },
	{ "used_outside", ENV_RING, ENV_RING + ENV_AVAIL, ENV_RAM - 4 },
	{ "used_overflow", ENV_RING, ENV_RING + ENV_AVAIL, UINT64_MAX - 3 },
};

TEST_EACH(misplaced_ring, rings)
{
	struct vmm *vmm = env_machine(ENV_MAP);
	struct env_virtio dev;

	ASSERT_EQ(0, virtio_rng_init(vmm));
	rng_works(vmm);
	/* Once more, by hand: status, features, queue 0 elsewhere */
	env_out(vmm, IO_MMIO, BAR + 0x14, 0, 1);
	env_out(vmm, IO_MMIO, BAR + 0x08, 1, 4);
	env_out(vmm, IO_MMIO, BAR + 0x0c, 1, 4);
	env_out(vmm, IO_MMIO, BAR + 0x14, 8, 1);
	env_out(vmm, IO_MMIO, BAR + 0x16, 0, 2);
	env_out(vmm, IO_MMIO, BAR + 0x20, v->desc, 8);
	env_out(vmm, IO_MMIO, BAR + 0x28, v->avail, 8);
	env_out(vmm, IO_MMIO, BAR + 0x30, v->used, 8);
	env_out(vmm, IO_MMIO, BAR + 0x1c, 1, 2);
	dev = (struct env_virtio){ .vmm = vmm, .slot = SLOT, .bar = BAR };
	env_put(vmm, ENV_RING + ENV_USED, 0, 4);
	env_put(vmm, ENV_RING + ENV_AVAIL, 0, 4);
	env_desc(&dev, 0, 0, ENV_DATA, 16, W, 0);
	env_out(vmm, IO_MMIO, BAR + 0x14, 12, 1);
	env_give(&dev, 0, 0);
	EXPECT_TRUE(!env_wait(&dev, 0));
	rng_works(vmm);
	env_end(vmm);
}

static const struct { const char *name; enum env_dma dma; uint64_t without; } needed[] = {
	{ "version_1", ENV_MAP, UINT64_C(1) << 32 },
	{ "access_platform", ENV_FAULTS, UINT64_C(1) << 33 },
};

TEST_EACH(needed_feature, needed)
{
	struct vmm *vmm = env_machine(v->dma);
	uint64_t features = 0;
	unsigned int i;

	ASSERT_EQ(0, virtio_rng_init(vmm));
	rng_works(vmm);
	env_out(vmm, IO_MMIO, BAR + 0x14, 0, 1);
	for (i = 0; i < 2; i++) {
		env_out(vmm, IO_MMIO, BAR, i, 4);
		features |= env_in(vmm, IO_MMIO, BAR + 4, 4) << 32 * i;
	}
	ASSERT_TRUE(features & v->without);
	for (i = 0; i < 2; i++) {
		env_out(vmm, IO_MMIO, BAR + 8, i, 4);
		env_out(vmm, IO_MMIO, BAR + 12, (features & ~v->without) >> 32 * i, 4);
	}
	env_out(vmm, IO_MMIO, BAR + 0x14, 15, 1);
	EXPECT_EQ(3, env_in(vmm, IO_MMIO, BAR + 0x14, 1));
	env_end(vmm);
}

/* ---- the disk ------------------------------------------------------------------------- */

enum { IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8, OK = 0, IOERR = 1, UNSUPP = 2 };

static const struct request {
	const char *name;
	uint32_t type;
	uint64_t sector, addr;
	uint32_t len;
	uint8_t status;
	bool readonly, shrunk;
} requests[] = {
	{ "read", IN, 1, ENV_DATA, 512, OK },
	{ "read_last", IN, 127, ENV_DATA, 512, OK },
	{ "read_nothing", IN, 128, ENV_DATA, 0, OK },
	{ "read_behind", IN, 128, ENV_DATA, 512, IOERR },
	{ "read_across", IN, 127, ENV_DATA, 1024, IOERR },
	{ "read_overflow", IN, UINT64_MAX, ENV_DATA, 1024, IOERR },
	{ "read_wraps", IN, UINT64_C(1) << 55, ENV_DATA, 512, IOERR },
	{ "read_unaligned", IN, 1, ENV_DATA, 511, IOERR },
	{ "read_4g", IN, 0, ENV_DATA, UINT32_MAX, IOERR },
	{ "read_to_nowhere", IN, 0, OUTSIDE, 512, IOERR },
	{ "read_over_the_end", IN, 0, ENV_RAM - 512, 1024, IOERR },
	{ "read_shrunk", IN, 0, ENV_DATA, 512, IOERR, .shrunk = true },
	{ "write", OUT, 1, ENV_DATA, 512, OK },
	{ "write_behind", OUT, 128, ENV_DATA, 512, IOERR },
	{ "write_unaligned", OUT, 0, ENV_DATA, 1000, IOERR },
	{ "write_from_nowhere", OUT, 0, OUTSIDE, 512, IOERR },
	{ "write_readonly", OUT, 0, ENV_DATA, 512, IOERR, .readonly = true },
	{ "flush", FLUSH, 0, ENV_DATA, 0, OK },
	{ "flush_readonly", FLUSH, 0, ENV_DATA, 0, OK, .readonly = true },
	{ "id", GET_ID, 0, ENV_DATA, 20, OK },
	{ "id_short", GET_ID, 0, ENV_DATA, 19, IOERR },
	{ "unknown", 0x7fffffff, 0, ENV_DATA, 512, UNSUPP },
};

static void blk_request(struct vmm *vmm, uint32_t type, uint64_t sector, uint64_t addr,
			uint32_t len, uint8_t want)
{
	struct env_virtio dev = env_virtio(vmm, SLOT, BAR, 256);
	const uint64_t header = ENV_DATA + 0x1000, status = header + 16;

	env_put(vmm, header, type, 8);
	env_put(vmm, header + 8, sector, 8);
	env_put(vmm, status, 0xee, 1);
	env_desc(&dev, 0, 0, header, 16, N, len ? 1 : 2);
	env_desc(&dev, 0, 1, addr, len, (uint16_t)(type == OUT ? N : N | W), 2);
	env_desc(&dev, 0, 2, status, 1, W, 0);
	env_give(&dev, 0, 0);
	ASSERT_TRUE(env_wait(&dev, 0));
	ASSERT_EQ(want, env_get(vmm, status, 1));
}

typedef const char *file_fn(uint64_t size, uint8_t byte, int *fd);

static void blk_case(enum env_dma dma, file_fn *file, const struct request *v)
{
	struct vmm *vmm = env_machine(dma);
	uint8_t sector[512];
	int fd, i;

	ktap_note("%s", dma == ENV_MAP ? "mapped" : dma == ENV_COPY ? "copied" :
		  dma == ENV_VIEW ? "viewed" : "refused");
	ASSERT_EQ(0, virtio_blk_init(vmm, file(DISK, 0x5a, &fd), v->readonly, 1));
	if (v->shrunk)
		ASSERT_EQ(0, ftruncate(fd, 0));
	for (i = 0; i < 1024; i++)
		env_put(vmm, ENV_DATA + i, 0xa5, 1);
	blk_request(vmm, v->type, v->sector, v->addr, v->len, v->status);
	if (v->type == IN && v->status == OK && v->len)
		EXPECT_EQ(0x5a5a, env_get(vmm, ENV_DATA + v->len - 2, 2));
	if (!v->shrunk) {
		ASSERT_EQ(512, pread(fd, sector, 512, 512));
		ASSERT_FILLED(sector, v->type == OUT && v->status == OK ? 0xa5 : 0x5a, 512);
		blk_request(vmm, IN, 0, ENV_DATA, 1024, OK);
	}
	close(fd);
	env_end(vmm);
}

TEST_EACH(blk_mapped, requests) { blk_case(ENV_MAP, env_file, v); }
TEST_EACH(blk_in_flight, requests) { blk_case(ENV_MAP, env_disk, v); }
TEST_EACH(blk_copied, requests) { blk_case(ENV_COPY, env_file, v); }
TEST_EACH(blk_iommu, requests) { blk_case(ENV_FAULTS, env_disk, v); }
TEST_EACH(blk_view, requests) { blk_case(ENV_VIEW, env_disk, v); }

/* An access that the IOMMU refuses is not repeated, and the driver learns it. */
static const struct { const char *name; uint32_t type; uint64_t data; uint8_t status; } once[] = {
	{ "read", IN, REFUSED, IOERR },
	{ "read_end", IN, REFUSED - 512, IOERR },
	{ "write", OUT, REFUSED, IOERR },
	{ "nothing", IN, ENV_DATA, OK },
};

TEST_EACH(blk_refused_once, once)
{
	struct vmm *vmm = env_machine(ENV_VIEW);
	int fd;

	ASSERT_TRUE(env_refuses(REFUSED) && !env_refuses(REFUSED - 512));
	ASSERT_EQ(0, virtio_blk_init(vmm, env_disk(DISK, 0x5a, &fd), false, 1));
	blk_request(vmm, v->type, 1, v->data, 1024, v->status);
	EXPECT_EQ(v->status == IOERR, env_refused());
	close(fd);
	env_end(vmm);
}

/* A view that was cut off is left, and another one takes its place. */
TEST(blk_cut_off)
{
	struct vmm *vmm = env_machine(ENV_VIEW);
	int fd;

	ASSERT_EQ(0, virtio_blk_init(vmm, env_disk(DISK, 0x5a, &fd), false, 1));
	blk_request(vmm, IN, 1, ENV_DATA, 512, OK);
	ASSERT_EQ(1, env_views());
	ASSERT_TRUE(env_holds());
	env_cut_off();
	blk_request(vmm, IN, 1, ENV_DATA, 512, OK);
	ASSERT_EQ(2, env_views());
	close(fd);
	env_end(vmm);
}

#define MANY		85		/* three descriptors each */
#define MANY_DATA(queue, i)	(ENV_DATA + 0x100000 * (1 + (queue)) + 0x2000 * (i))
#define MANY_SECTOR(queue, i)	(DISK / 512 * (queue) + (i))

/* Request @i: a write of its sector, or a read of what was there; one in eight is a flush. */
static uint32_t many_type(unsigned int i)
{
	return i % 8 == 7 ? FLUSH : i % 2 ? OUT : IN;
}

static void many_give(struct env_virtio *dev, unsigned int queue)
{
	const uint64_t avail = ENV_RING + ENV_RING_STEP * queue + ENV_AVAIL;
	struct vmm *vmm = dev->vmm;
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		const uint64_t header = MANY_DATA(queue, i), data = header + 0x200;
		uint32_t type = many_type(i);

		env_put(vmm, header, type, 8);
		env_put(vmm, header + 8, MANY_SECTOR(queue, i), 8);
		env_put(vmm, header + 16, 0xee, 1);
		env_put(vmm, data, UINT64_C(0x1111111111111111) * (i % 15 + 1), 8);
		env_put(vmm, data + 504, UINT64_C(0x1111111111111111) * (i % 15 + 1), 8);
		env_desc(dev, queue, 3 * i, header, 16, N,
			 (uint16_t)(type == FLUSH ? 3 * i + 2 : 3 * i + 1));
		env_desc(dev, queue, 3 * i + 1, data, 512, (uint16_t)(type == OUT ? N : N | W),
			 (uint16_t)(3 * i + 2));
		env_desc(dev, queue, 3 * i + 2, header + 16, 1, W, 0);
		env_put(vmm, avail + 4 + 2 * i, 3 * i, 2);
	}
	env_put(vmm, avail + 2, MANY, 2);
	dev->avail[queue] = MANY;
	env_kick(dev, queue);
}

static const struct files {
	const char *name;
	file_fn *file;
	enum env_dma dma;
	unsigned int queues;
} files[] = {
	{ "memory", env_file, ENV_MAP, 1 }, { "disk", env_disk, ENV_MAP, 1 },
	{ "disk_view", env_disk, ENV_VIEW, 1 }, { "memory_4", env_file, ENV_MAP, 4 },
	{ "disk_4", env_disk, ENV_MAP, 4 }, { "disk_view_4", env_disk, ENV_VIEW, 4 },
};

/* A machine with a disk, as its options say */
static struct vmm *disk_machine(const struct files *v, int *fd)
{
	struct vmm *vmm = env_machine(v->dma);
	static struct options opts;

	opts = *vmm->opts;
	opts.nr_disks = 1;
	opts.disks[0].queues = v->queues;
	vmm->opts = &opts;
	ASSERT_EQ(0, virtio_blk_init(vmm, v->file(DISK * v->queues, 0x5a, fd), false, v->queues));
	return vmm;
}

#define TURN		10		/* requests in a turn, three descriptors each */
#define TURN_RING	32

/*
 * Writes where all holds are taken, so that they are served one by one, of which some are read
 * behind the end of the ring, and so at another time than those before it: each goes to its own
 * sector.
 */
TEST(blk_ring_ends_in_a_batch)
{
	const uint64_t avail = ENV_RING + ENV_AVAIL;
	struct vmm *vmm = env_machine(ENV_VIEW);
	struct env_virtio dev;
	uint8_t sector[512];
	unsigned int i, turn;
	int fd;

	ASSERT_EQ(0, virtio_blk_init(vmm, env_disk(DISK, 0x5a, &fd), false, 1));
	dev = env_virtio(vmm, SLOT, BAR, TURN_RING);
	env_no_holds(true);
	for (turn = 0; turn < 16; turn++) {
		for (i = 0; i < TURN; i++) {
			const uint64_t header = ENV_DATA + 0x2000 * i, data = header + 0x200;
			const uint64_t value = UINT64_C(0x0101010101010101) * (turn * TURN + i);

			env_put(vmm, header, OUT, 8);
			env_put(vmm, header + 8, i, 8);
			env_put(vmm, header + 16, 0xee, 1);
			env_put(vmm, data, value, 8);
			env_put(vmm, data + 504, value, 8);
			env_desc(&dev, 0, 3 * i, header, 16, N, (uint16_t)(3 * i + 1));
			env_desc(&dev, 0, 3 * i + 1, data, 512, N, (uint16_t)(3 * i + 2));
			env_desc(&dev, 0, 3 * i + 2, header + 16, 1, W, 0);
			env_put(vmm, avail + 4 + 2 * ((dev.avail[0] + i) % TURN_RING), 3 * i, 2);
		}
		dev.avail[0] = (uint16_t)(dev.avail[0] + TURN);
		atomic_thread_fence(memory_order_seq_cst);
		env_put(vmm, avail + 2, dev.avail[0], 2);
		env_kick(&dev, 0);
		ASSERT_TRUE(env_wait(&dev, 0));
		for (i = 0; i < TURN; i++) {
			ASSERT_EQ(OK, env_get(vmm, ENV_DATA + 0x2000 * i + 16, 1));
			ASSERT_EQ(512, pread(fd, sector, 512, 512 * (off_t)i));
			ASSERT_EQ(turn * TURN + i, sector[0]);
			ASSERT_EQ(turn * TURN + i, sector[511]);
		}
	}
	env_no_holds(false);
	close(fd);
	env_end(vmm);
}

static void many_check(struct vmm *vmm, unsigned int queue, int fd)
{
	const uint64_t used = ENV_RING + ENV_RING_STEP * queue + ENV_USED;
	bool seen[MANY] = { false };
	uint8_t sector[512];
	unsigned int i;
	uint64_t head;

	for (i = 0; i < MANY; i++) {
		const uint64_t header = MANY_DATA(queue, i);

		head = env_get(vmm, used + 4 + 8 * i, 4);
		ASSERT_TRUE(head % 3 == 0 && head / 3 < MANY && !seen[head / 3]);
		seen[head / 3] = true;
		ASSERT_EQ(OK, env_get(vmm, header + 16, 1));
		if (many_type(i) == IN)
			ASSERT_EQ(0x5a5a5a5a5a5a5a5a, env_get(vmm, header + 0x200 + 504, 8));
		if (many_type(i) != OUT)
			continue;
		ASSERT_EQ(512, pread(fd, sector, 512, 512 * (off_t)MANY_SECTOR(queue, i)));
		ASSERT_EQ(0x11 * (i % 15 + 1), sector[0]);
		ASSERT_EQ(0x11 * (i % 15 + 1), sector[511]);
	}
}

/* Each request ends once, with its own data. */
TEST_EACH(blk_many, files)
{
	struct env_virtio dev;
	unsigned int queue;
	struct vmm *vmm;
	int fd;

	vmm = disk_machine(v, &fd);
	dev = env_virtio(vmm, SLOT, BAR, 256);
	for (queue = 0; queue < v->queues; queue++)
		many_give(&dev, queue);
	for (queue = 0; queue < v->queues; queue++) {
		ASSERT_TRUE(env_wait(&dev, queue));
		many_check(vmm, queue, fd);
	}
	if (v->dma == ENV_VIEW)
		EXPECT_EQ(v->queues, env_slots());
	close(fd);
	env_end(vmm);
}

/* A reset ends what is in flight: nothing is written to the guest's memory after it. */
TEST_EACH(blk_reset_in_flight, files)
{
	unsigned int i, queue, round;
	struct env_virtio dev;
	struct vmm *vmm;
	int fd;

	vmm = disk_machine(v, &fd);
	for (round = 0; round < 50; round++) {
		dev = env_virtio(vmm, SLOT, BAR, 256);
		for (queue = 0; queue < v->queues; queue++)
			many_give(&dev, queue);
		env_out(vmm, IO_MMIO, BAR + 0x14, 0, 1);
		for (i = 0; i < MANY * v->queues; i++)
			env_put(vmm, MANY_DATA(i / MANY, i % MANY) + 16, 0xdd, 1);
		usleep(100);
		for (i = 0; i < MANY * v->queues; i++)
			ASSERT_EQ(0xdd, env_get(vmm, MANY_DATA(i / MANY, i % MANY) + 16, 1));
	}
	blk_request(vmm, IN, 0, ENV_DATA, 512, OK);
	close(fd);
	env_end(vmm);
}

static struct env_virtio many_end(struct vmm *vmm, unsigned int queues)
{
	struct env_virtio dev = env_virtio(vmm, SLOT, BAR, 256);
	unsigned int queue;

	for (queue = 0; queue < queues; queue++)
		many_give(&dev, queue);
	for (queue = 0; queue < queues; queue++)
		ASSERT_TRUE(env_wait(&dev, queue));
	return dev;
}

/*
 * Each queue leaves a view that was cut off, and takes a slot of the other one. The next reset
 * ends the quarantine, and those behind it end none: queues that learn of it later are no reason.
 */
TEST(blk_queues_cut_off)
{
	const struct files disk = { .file = env_disk, .dma = ENV_VIEW, .queues = 4 };
	struct env_virtio dev;
	unsigned int round;
	struct vmm *vmm;
	int fd;

	vmm = disk_machine(&disk, &fd);
	for (round = 1; round <= 3; round++) {
		dev = many_end(vmm, disk.queues);
		ASSERT_EQ(round, env_views());
		ASSERT_EQ(disk.queues, env_slots());
		env_cut_off();
		env_give(&dev, 1, 0);
		ASSERT_TRUE(env_wait(&dev, 1));
		ASSERT_EQ(round + 1, env_views());
		ASSERT_EQ(round - 1, env_freed());
		many_end(vmm, disk.queues);
		ASSERT_EQ(round, env_freed());
		many_end(vmm, disk.queues);
		ASSERT_EQ(round, env_freed());
	}
	close(fd);
	env_end(vmm);
}

static const struct { const char *name; unsigned int queues; } offers[] = {
	{ "1", 1 }, { "2", 2 }, { "16", 16 },
};

/* 5.2.4: the driver learns how many queues there are, and the last one serves it. */
TEST_EACH(blk_offers, offers)
{
	const struct files disk = { .file = env_file, .queues = v->queues };
	struct env_virtio dev;
	struct vmm *vmm;
	int fd;

	vmm = disk_machine(&disk, &fd);
	dev = env_virtio(vmm, SLOT, BAR, 256);
	EXPECT_EQ(v->queues, env_in(vmm, IO_MMIO, BAR + 0x12, 2));
	EXPECT_EQ(v->queues, env_in(vmm, IO_MMIO, BAR + 0x2000 + 34, 2));
	env_out(vmm, IO_MMIO, BAR, 0, 4);
	EXPECT_EQ(v->queues > 1, env_in(vmm, IO_MMIO, BAR + 4, 4) >> 12 & 1);
	many_give(&dev, v->queues - 1);
	ASSERT_TRUE(env_wait(&dev, v->queues - 1));
	many_check(vmm, v->queues - 1, fd);
	close(fd);
	env_end(vmm);
}

static const struct { const char *name; uint32_t header; bool status; } hopeless[] = {
	{ "short_header", 15, true },
	{ "no_status", 16, false },
};

TEST_EACH(blk_without, hopeless)
{
	struct vmm *vmm = env_machine(ENV_MAP);
	struct env_virtio dev;
	int fd;

	ASSERT_EQ(0, virtio_blk_init(vmm, env_file(DISK, 0, &fd), false, 1));
	dev = env_virtio(vmm, SLOT, BAR, 256);
	env_desc(&dev, 0, 0, ENV_DATA, v->header, v->status ? N : 0, 1);
	env_desc(&dev, 0, 1, ENV_DATA + 0x100, 1, W, 0);
	env_give(&dev, 0, 0);
	EXPECT_TRUE(!env_wait(&dev, 0));
	blk_request(vmm, IN, 0, ENV_DATA, 512, OK);
	close(fd);
	env_end(vmm);
}

/* Several requests, made available together; the third has something that is refused. */
#define PAGE(n)		(ENV_DATA + 0x10000 + 0x1000 * (n))

static const struct { const char *name; struct desc desc; uint16_t head; } refused[] = {
	{ "header", { REFUSED, 16, N, 1 }, 6 },
	{ "header_outside", { OUTSIDE, 16, N, 1 }, 6 },
	{ "header_overflow", { UINT64_MAX - 7, 16, N, 1 }, 6 },
	{ "table", { REFUSED, 48, I }, 6 },
	{ "head", { 0 }, 256 },
};

TEST_EACH(one_of_four, refused)
{
	struct vmm *vmm = env_machine(ENV_FAULTS);
	struct env_virtio dev;
	unsigned int i;
	int fd;

	ASSERT_TRUE(env_refuses(REFUSED));
	ASSERT_EQ(0, virtio_blk_init(vmm, env_file(DISK, 0, &fd), false, 1));
	dev = env_virtio(vmm, SLOT, BAR, 256);
	for (i = 0; i < 4; i++) {
		ASSERT_TRUE(!env_refuses(PAGE(i)));
		env_put(vmm, PAGE(i), FLUSH, 8);
		env_put(vmm, PAGE(i) + 8, 0, 8);
		env_put(vmm, PAGE(9) + i, 0xee, 1);
		env_desc(&dev, 0, 3 * i, PAGE(i), 16, N, (uint16_t)(3 * i + 1));
		env_desc(&dev, 0, 3 * i + 1, PAGE(9) + i, 1, W, 0);
		env_put(vmm, ENV_RING + ENV_AVAIL + 4 + 2 * i, i == 2 ? v->head : 3 * i, 2);
	}
	put_descs(&dev, ENV_RING + 16 * 6, &v->desc, 1);
	env_put(vmm, ENV_RING + ENV_AVAIL + 2, 4, 2);
	dev.avail[0] = 4;
	env_kick(&dev, 0);
	ASSERT_TRUE(!env_wait(&dev, 0));

	ASSERT_EQ(2, env_get(vmm, ENV_RING + ENV_USED + 2, 2));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(i < 2 ? OK : 0xee, env_get(vmm, PAGE(9) + i, 1));
	EXPECT_EQ(1, env_accesses(PAGE(0)));
	EXPECT_EQ(1, env_accesses(PAGE(1)));
	EXPECT_TRUE(env_accesses(REFUSED) <= 1);
	close(fd);
	env_end(vmm);
}

/* ---- the network card ------------------------------------------------------------------- */

static struct env_virtio net_start(struct vmm *vmm, int fd)
{
	struct env_virtio dev;

	ASSERT_EQ(0, virtio_net_init(vmm, NULL, fd));
	dev = env_virtio(vmm, SLOT, BAR, 256);
	env_desc(&dev, 0, 0, ENV_DATA, 1526, W, 0);
	env_give(&dev, 0, 0);
	return dev;
}

/* The next frame is 60 times @byte. */
static void net_receives(struct env_virtio *dev, uint8_t byte)
{
	ASSERT_TRUE(env_wait(dev, 0));
	ASSERT_EQ(HEADER + 60, env_get(dev->vmm, ENV_RING + ENV_USED + 8, 4));
	ASSERT_EQ(byte, env_get(dev->vmm, ENV_DATA + HEADER, 1));
	ASSERT_EQ(byte, env_get(dev->vmm, ENV_DATA + HEADER + 59, 1));
}

static void net_sends(struct env_virtio *dev, uint64_t addr, uint32_t len)
{
	env_desc(dev, 1, 0, addr, len, 0, 0);
	env_give(dev, 1, 0);
	ASSERT_TRUE(env_wait(dev, 1));
}

TEST(net_odd_frames)
{
	uint8_t frame[2000], seen[100];
	struct env_virtio dev;
	struct vmm *vmm;
	int fds[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
	vmm = env_machine(ENV_MAP);
	dev = net_start(vmm, fds[0]);
	memset(frame, 7, sizeof(frame));
	ASSERT_EQ(0, send(fds[1], frame, 0, 0));
	ASSERT_EQ(2000, send(fds[1], frame, 2000, 0));	/* longer than the buffer */
	memset(frame, 9, sizeof(frame));
	ASSERT_EQ(60, send(fds[1], frame, 60, 0));
	net_receives(&dev, 9);

	net_sends(&dev, 0x700000, HEADER);		/* no frame at all */
	net_sends(&dev, 0x700000, HEADER + 65537);
	net_sends(&dev, 0x700000, UINT32_MAX);
	net_sends(&dev, 0x700000, HEADER + 42);
	ASSERT_EQ(42, recv(fds[1], seen, sizeof(seen), 0));
	shutdown(fds[1], SHUT_RDWR);
	net_sends(&dev, 0x700000, HEADER + 42);		/* the peer has gone */
	env_end(vmm);
}

/* By UDP: the other side comes later than our first frame. */
TEST(net_refused_once)
{
	struct sockaddr_in a = { .sin_family = AF_INET }, b = a, nobody = a;
	int ours = socket(AF_INET, SOCK_DGRAM, 0), theirs = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t len = sizeof(a);
	struct env_virtio dev;
	uint8_t frame[60];
	struct vmm *vmm;

	a.sin_addr.s_addr = b.sin_addr.s_addr = nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	nobody.sin_port = htons(1);
	ASSERT_EQ(0, bind(ours, (struct sockaddr *)&a, len));
	ASSERT_EQ(0, getsockname(ours, (struct sockaddr *)&a, &len));
	ASSERT_EQ(0, bind(theirs, (struct sockaddr *)&b, len));
	ASSERT_EQ(0, getsockname(theirs, (struct sockaddr *)&b, &len));
	/* It takes nothing but from there: ours is refused. */
	ASSERT_EQ(0, connect(theirs, (struct sockaddr *)&nobody, len));
	ASSERT_EQ(0, connect(ours, (struct sockaddr *)&b, len));

	vmm = env_machine(ENV_MAP);
	dev = net_start(vmm, ours);
	net_sends(&dev, 0x700000, HEADER + 60);
	net_sends(&dev, 0x700000, HEADER + 60);
	ASSERT_EQ(0, connect(theirs, (struct sockaddr *)&a, len));
	memset(frame, 3, sizeof(frame));
	ASSERT_EQ(60, send(theirs, frame, sizeof(frame), 0));
	net_receives(&dev, 3);
	env_end(vmm);
}

/* When the peer has ended, the card neither spins nor stops sending. */
TEST(net_ended)
{
	struct env_virtio dev;
	struct vmm *vmm;
	int fds[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds));
	vmm = env_machine(ENV_MAP);
	dev = net_start(vmm, fds[0]);
	shutdown(fds[1], SHUT_RDWR);
	net_sends(&dev, 0x700000, HEADER + 42);
	env_end(vmm);
}

/* ---- interrupts ----------------------------------------------------------------------- */

#define VECTOR		0x21	/* refusing_remap() of vmm_env.c lets it pass */

static int wire[2];

static int make_disk(struct vmm *vmm, unsigned int queues)
{
	int fd, rc = virtio_blk_init(vmm, env_file(DISK, 0, &fd), false, queues);

	close(fd);
	return rc;
}

static int make_blk(struct vmm *vmm) { return make_disk(vmm, 1); }
static int make_blk_4(struct vmm *vmm) { return make_disk(vmm, 4); }

static int make_net(struct vmm *vmm)
{
	return virtio_net_init(vmm, NULL, wire[0]);
}

/* One request each */
static void ask_rng(struct env_virtio *dev)
{
	env_desc(dev, 0, 0, ENV_DATA, 16, W, 0);
	env_give(dev, 0, 0);
}

static void ask_disk(struct env_virtio *dev, unsigned int queue)
{
	env_put(dev->vmm, ENV_DATA, FLUSH, 8);
	env_put(dev->vmm, ENV_DATA + 8, 0, 8);
	env_desc(dev, queue, 0, ENV_DATA, 16, N, 1);
	env_desc(dev, queue, 1, ENV_DATA + 0x100, 1, W, 0);
	env_give(dev, queue, 0);
}

static void ask_blk(struct env_virtio *dev) { ask_disk(dev, 0); }
static void ask_blk_3(struct env_virtio *dev) { ask_disk(dev, 3); }

static void ask_net_in(struct env_virtio *dev)
{
	uint8_t frame[60] = { 0 };

	env_desc(dev, 0, 0, ENV_DATA, 1526, W, 0);
	env_give(dev, 0, 0);
	ASSERT_EQ(60, send(wire[1], frame, sizeof(frame), 0));
}

static void ask_net_out(struct env_virtio *dev)
{
	env_desc(dev, 1, 0, ENV_DATA, HEADER + 60, 0, 0);
	env_give(dev, 1, 0);
}

static const struct {
	const char *name;
	int (*make)(struct vmm *vmm);
	void (*ask)(struct env_virtio *dev);
	unsigned int queue;
	bool event_idx, unwanted;
} interrupts[] = {
	{ "rng", virtio_rng_init, ask_rng },
	{ "blk", make_blk, ask_blk },
	{ "blk_3", make_blk_4, ask_blk_3, .queue = 3 },
	{ "net_in", make_net, ask_net_in },
	{ "net_out", make_net, ask_net_out, .queue = 1 },
	{ "rng_events", virtio_rng_init, ask_rng, .event_idx = true },
	{ "blk_events", make_blk, ask_blk, .event_idx = true },
	{ "net_in_events", make_net, ask_net_in, .event_idx = true },
	{ "net_out_events", make_net, ask_net_out, .queue = 1, .event_idx = true },
	{ "rng_unwanted", virtio_rng_init, ask_rng, .unwanted = true },
	{ "blk_unwanted", make_blk, ask_blk, .unwanted = true },
};

/* 2.7.7.2: one request is one interrupt, or none where the driver says so. */
TEST_EACH(one_interrupt, interrupts)
{
	struct env_virtio dev;
	unsigned int round;
	struct vmm *vmm;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, wire));
	vmm = env_machine(ENV_FAULTS);
	ASSERT_EQ(0, v->make(vmm));
	for (round = 1; round <= 3; round++) {
		dev = env_virtio_events(vmm, SLOT, BAR, 256, v->event_idx);
		env_msix(&dev, v->queue, VECTOR);
		if (v->unwanted)
			env_put(vmm, ENV_RING + ENV_AVAIL, 1, 2);
		v->ask(&dev);
		ASSERT_TRUE(env_wait(&dev, v->queue));
		while (!v->unwanted && env_sent(VECTOR) < round)
			usleep(100);
	}
	/* It waits for the worker: no more can come. */
	env_end(vmm);
	EXPECT_EQ(v->unwanted ? 0 : 3, env_sent(VECTOR));
}

/* A queue that breaks stops all. Where several do, while they serve requests, one says so. */
TEST(breaks_all)
{
	struct vmm *vmm = env_machine(ENV_FAULTS);
	unsigned int round, queue;
	struct env_virtio dev;

	ASSERT_EQ(0, make_blk_4(vmm));
	for (round = 1; round <= 3; round++) {
		dev = env_virtio(vmm, SLOT, BAR, 256);
		env_msix(&dev, 0, VECTOR);
		env_out(vmm, IO_MMIO, BAR + 0x10, 0, 2);	/* for the configuration, too */
		env_stall(true);
		for (queue = 1; queue < 4; queue++)
			env_give(&dev, queue, 256);
		while (env_stalled() < 3)
			usleep(100);
		env_stall(false);
		ASSERT_TRUE(!env_wait(&dev, 1));
		while (env_sent(VECTOR) < round)
			usleep(100);
		ask_blk(&dev);
		ASSERT_TRUE(!env_wait(&dev, 0));
		ASSERT_EQ(0, env_get(vmm, ENV_RING + ENV_USED + 2, 2));
	}
	env_end(vmm);
	EXPECT_EQ(3, env_sent(VECTOR));
}
