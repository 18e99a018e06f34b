// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: VT-d units: guests and callers that mean no good.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "vtd_guest.h"

#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define P		1ull
#define VECTOR(v)	((__u64)(v) << 16)
#define SVT_RID(sid)	((__u64)(sid) | 1ull << 18)

/* ---- memory that does not come ---- */

/* A page request must not wait for the guest's tables with a lock held. */
TEST(page_request_while_context_stalls)
{
	struct nyx_page page = { .access = NYX_PROT_READ };
	struct nyx_page_request ask = {
		.size = sizeof(ask), .flags = NYX_PAGE_F_NOWAIT, .sbdf = DEV,
		.pasid = NYX_PASID_NONE, .pages = PTR(&page), .nr = 1, .timeout_ms = 1000,
	};
	struct guest guest, *g = &guest;
	struct stall stall;

	guest_open(g);
	attach(g, DEV, DID, 3);
	boot(g, BOOT_ALL);
	stall_arm(&stall, g->ram + AT_CTX, SZ_4K);
	test_err(EOPNOTSUPP, nyx_cmd(g->fd, NYX_PAGE_REQUEST, &ask));
	test_cmd(cmd_device_remove(g->fd, DEV2));
	stall_release(&stall, 0);
}

static const struct killed_case {
	const char *name;
	__u64 at;
	bool translate;
} killed_cases[] = {
	{ "root_entry", AT_ROOT, false },
	{ "context_entry", AT_CTX, false },
	{ "table", AT_TABLES, false },
	{ "root_entry_translate", AT_ROOT, true },
	{ "table_translate", AT_TABLES, true },
};

/* A caller that is killed while the tables are read has met no fault of the guest's. */
TEST_EACH(killed_is_no_fault, killed_cases)
{
	struct nyx_translate t = {
		.size = sizeof(t), .flags = NYX_TRANSLATE_F_REPORT, .sbdf = DEV,
		.pasid = NYX_PASID_NONE, .access = NYX_PROT_WRITE, .length = 1,
	};
	struct nyx_device_info info;
	struct guest guest, *g = &guest;
	struct stall stall;
	struct nyx_dma c;
	__u8 byte = 0;
	int status;
	pid_t pid;

	guest_open(g);
	ASSERT_EQ(AT_TABLES, attach(g, DEV, DID, 3));
	boot(g, BOOT_ALL);
	stall_arm(&stall, g->ram + v->at, SZ_4K);
	pid = fork();
	ASSERT_NE(-1, pid);
	if (!pid) {
		if (v->translate)
			nyx_cmd(g->fd, NYX_TRANSLATE, &t);
		else
			cmd_dma_write(g->fd, &c, DEV, 0x5000, &byte, 1);
		_exit(1);
	}
	stall_wait(&stall);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	expect_no_record(g);
	ASSERT_EQ(0, events(g, NYX_EVENT_FAULT, NULL));
	device_info(g->fd, DEV, &info);
	ASSERT_EQ(0, info.fault_events);
	stall_release(&stall, 0);
}

/**
 * struct doing - a command that has to wait
 * @g: the guest
 * @tid: the thread that gives it
 * @ret: what came of it
 * @c: a DMA
 */
struct doing {
	struct guest *g;
	pid_t tid;
	int ret;
	struct nyx_dma c;
};

static void *do_dma(void *arg)
{
	struct doing *d = arg;
	__u8 byte = 0;

	d->ret = cmd_dma_write(d->g->fd, &d->c, DEV, 0x5000, &byte, 1);
	return NULL;
}

static void *do_reset(void *arg)
{
	struct nyx_unit_reset reset = { .size = sizeof(reset) };
	struct doing *d = arg;

	__atomic_store_n(&d->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	d->ret = nyx_cmd(d->g->fd, NYX_UNIT_RESET, &reset);
	return NULL;
}

/* A fault of before the reset is not told after it. */
TEST(reset_while_table_stalls)
{
	struct guest guest, *g = &guest;
	struct doing dma = { .g = g }, reset = { .g = g };
	pthread_t who_dma, who_reset;
	struct stall stall;

	guest_open(g);
	ASSERT_EQ(AT_TABLES, attach(g, DEV, DID, 3));
	boot(g, BOOT_ALL);
	W32(FECTL, 0);
	stall_arm(&stall, g->ram + AT_TABLES, SZ_4K);
	who_dma = thread_start(do_dma, &dma);
	stall_wait(&stall);
	who_reset = thread_start(do_reset, &reset);
	while (!__atomic_load_n(&reset.tid, __ATOMIC_ACQUIRE))
		sched_yield();
	wait_asleep(reset.tid);
	stall_release(&stall, 0);
	thread_end(who_dma, "the DMA");
	thread_end(who_reset, "the reset");
	test_cmd(dma.ret);
	test_cmd(reset.ret);
	ASSERT_EQ(NYX_FAULT_TABLE_NOT_PRESENT, dma.c.out_fault.reason);
	R32(FSTS, 0);
	R32(FECTL, IM);
	for (unsigned int n = 0; n < 8; n++) {
		R64(FRCD(n), 0);
		R64(FRCD(n) + 8, 0);
	}
	ASSERT_EQ(0, msis(g, NULL));
}

/* A limit of a domain would be gone as soon as the guest makes the domain anew. */
TEST(limits_are_of_devices)
{
	struct nyx_limit_set set = {
		.size = sizeof(set), .scope = NYX_SCOPE_DOMAIN, .limits.bytes_per_s = 1,
	};
	struct nyx_device_info info;
	struct guest guest, *g = &guest;
	struct nyx_dma c = {
		.size = sizeof(c), .op = NYX_DMA_FILL, .sbdf = DEV, .pasid = NYX_PASID_NONE,
		.iova = 0x5000, .length = SZ_4K, .width = 8,
	};

	guest_open(g);
	set_pte(g, attach(g, DEV, DID, 3), 3, 0x5000, 0, 0x800000 | PTE_RW);
	boot(g, BOOT_ALL);
	ASSERT_EQ(0, poke(g, DEV, 0x5000));
	device_info(g->fd, DEV, &info);
	set.id = info.domain_id;
	test_err(EOPNOTSUPP, nyx_cmd(g->fd, NYX_LIMIT_SET, &set));
	set.scope = NYX_SCOPE_DEVICE;
	set.id = DEV;
	test_cmd(nyx_cmd(g->fd, NYX_LIMIT_SET, &set));
	ASSERT_EQ(0, fcntl(g->fd, F_SETFL, fcntl(g->fd, F_GETFL) | O_NONBLOCK));
	test_cmd(nyx_cmd(g->fd, NYX_DMA, &c));
	invalidate(g, CC_GLOBAL, 0);
	test_err(EAGAIN, nyx_cmd(g->fd, NYX_DMA, &c));
}

/* ---- interrupts ---- */

/* Without a table there are two entries, at address 0. */
TEST(no_table_was_set)
{
	struct nyx_unit_reset reset = { .size = sizeof(reset) };
	struct guest guest, *g = &guest;

	guest_open(g);
	for (int turn = 0; turn < 2; turn++) {
		command(g, G_IRE | G_CFI, 0);
		msi_refused(g, DEV, msi_address(1), 0, 0x22, 1);
		msi_refused(g, DEV, msi_address(2), 0, 0x21, 2);
		/* A large one, of before */
		boot(g, BOOT_QUEUE | BOOT_IRQ);
		msi_refused(g, DEV, msi_address(2), 0, 0x22, 2);
		test_cmd(nyx_cmd(g->fd, NYX_UNIT_RESET, &reset));
		g->gcmd = 0;
	}
}

/*
 * An interrupt that comes when the entry is there does not go the way of one that
 * came before, and is refused.
 */
TEST(bound_after_refused)
{
	struct guest guest, *g = &guest;
	struct nyx_irq_bind b;

	guest_open(g);
	boot(g, BOOT_QUEUE | BOOT_IRQ);
	bind_irq(g, &b, msi_address(7), 0);
	for (unsigned long i = 0; i < ktap_iterations(200); i++) {
		ktap_note("turn %lu", i);
		store64(g, AT_IRT + 16 * 7, 0);
		invalidate(g, IEC_INDEX(7, 0), 0);
		eventfd_give(b.source);
		for (unsigned int k = 0; k < i % 16; k++)
			pause_ms(1);
		store64(g, AT_IRT + 16 * 7, P | VECTOR(0x60));
		invalidate(g, IEC_INDEX(7, 0), 0);
		eventfd_take(b.target);
		eventfd_give(b.source);
		WAIT_FOR(eventfd_take(b.target));
	}
	unbind_irq(g, &b);
}

/* The entry number @n: no two have a word in common; every other one is not for DEV. */
static void nth(unsigned int n, __u64 entry[2])
{
	entry[0] = P | VECTOR(n % 2 ? 0x50 : 0x40) | (__u64)n << 32;
	entry[1] = n % 2 ? 0 : SVT_RID(DEV2);
}

/* An entry is read as it was at some time, not half as it was at another. */
TEST(entry_is_read_whole)
{
	struct guest guest, *g = &guest;
	struct flipper f = { .nth = nth };
	pthread_t t;

	guest_open(g);
	f.at = words(g, AT_IRT + 16 * 5);
	boot(g, BOOT_QUEUE | BOOT_IRQ);
	t = flipper_start(&f);
	for (unsigned long i = 0; i < ktap_iterations(20000); i++) {
		flipper_sends(&f);
		if (send_msi(g, DEV, msi_address(5), 0) == NYX_IRQ_DELIVER) {
			ASSERT_EQ(0x50, g->s.out_vector);
			ASSERT_EQ(1, g->s.out_dest % 2);
		}
		put(g, IEC_INDEX(5, 0), 0);
		submit(g);
	}
	flipper_end(&f, t);
}

/**
 * struct sender - sends interrupts
 * @g: the guest
 * @n: how many
 * @stop: it is enough
 */
struct sender {
	struct guest *g;
	unsigned long n;
	bool stop;
};

static void *send_many(void *arg)
{
	struct sender *s = arg;
	struct nyx_irq_send c;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		c = (struct nyx_irq_send){
			.size = sizeof(c), .sbdf = DEV, .address = msi_address(5),
		};
		test_cmd(nyx_cmd(s->g->fd, NYX_IRQ_SEND, &c));
		ASSERT_EQ(NYX_IRQ_DELIVER, c.out_result);
		s->n++;
	}
	return NULL;
}

/* Counts of a domain are not lost when the guest's context goes. */
TEST(counts_survive_contexts)
{
	struct guest guest, *g = &guest;
	struct sender s = { .g = g };
	pthread_t t;
	__u64 root;

	guest_open(g);
	set_irte(g, 5, P | VECTOR(0x50), 0);
	root = attach(g, DEV, DID, 3);
	set_pte(g, root, 3, 0x5000, 0, 0x800000 | PTE_RW);
	boot(g, BOOT_ALL);
	t = thread_start(send_many, &s);
	for (unsigned long i = 0; i < ktap_iterations(3000); i++) {
		ASSERT_EQ(0, poke(g, DEV, 0x5000));
		invalidate(g, CC_GLOBAL, 0);
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_SEQ_CST);
	thread_end(t, "the sender");
	ASSERT_EQ(s.n, unit_stat(g->fd, NYX_STAT_IRQS));
}

/* ---- a file system of the caller's own ---- */

/**
 * struct fuse - a file that the caller serves, and does not
 * @fd: /dev/fuse
 * @path: where it is
 * @reading: a thread waits for what is in it
 * @give: give it to them
 */
struct fuse {
	int fd;
	char path[32];
	bool reading;
	bool give;
};

static void fuse_answer(struct fuse *f, __u64 unique, const void *data, size_t size)
{
	char buf[SZ_4K + sizeof(struct fuse_out_header)];
	struct fuse_out_header *out = (void *)buf;

	*out = (struct fuse_out_header){ .len = sizeof(*out) + size, .unique = unique };
	memcpy(out + 1, data, size);
	ASSERT_EQ(out->len, write(f->fd, buf, out->len));
}

/* One request at a time, in the order in which they come. */
static void *fuse_serve(void *arg)
{
	static char buf[SZ_64K];
	static const char page[SZ_4K];
	const struct fuse_in_header *in = (void *)buf;
	struct fuse *f = arg;
	struct fuse_init_out init = {
		.major = 7, .minor = 31, .max_write = SZ_4K, .max_readahead = 0,
	};
	struct fuse_attr_out attr = {
		.attr_valid = 1000,
		.attr = { .ino = 1, .size = SZ_4K, .blocks = 8, .mode = S_IFREG | 0600,
			  .nlink = 1, .blksize = SZ_4K },
	};
	struct fuse_open_out open = { .fh = 1 };

	while (read(f->fd, buf, sizeof(buf)) > 0) {
		switch (in->opcode) {
		case FUSE_INIT:
			fuse_answer(f, in->unique, &init, sizeof(init));
			break;
		case FUSE_GETATTR:
			fuse_answer(f, in->unique, &attr, sizeof(attr));
			break;
		case FUSE_OPEN:
			fuse_answer(f, in->unique, &open, sizeof(open));
			break;
		case FUSE_READ:
			__atomic_store_n(&f->reading, true, __ATOMIC_SEQ_CST);
			while (!__atomic_load_n(&f->give, __ATOMIC_SEQ_CST))
				pause_ms(1);
			fuse_answer(f, in->unique, page, sizeof(page));
			break;
		case FUSE_FORGET:
		case FUSE_BATCH_FORGET:
		case FUSE_INTERRUPT:
			break;
		default:
			fuse_answer(f, in->unique, NULL, 0);
			break;
		}
	}
	return NULL;
}

static void fuse_mount(struct fuse *f)
{
	char opts[96];
	int fd;

	*f = (struct fuse){ .fd = open("/dev/fuse", O_RDWR | O_CLOEXEC) };
	if (f->fd < 0)
		NOT_HERE("/dev/fuse: %s", strerror(errno));
	strcpy(f->path, "/tmp/nyx-fuse-XXXXXX");
	fd = mkstemp(f->path);
	ASSERT_TRUE(fd >= 0);
	close(fd);
	/* No other process sees it, and it goes with us. */
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		SKIP("mounts of our own: %s", strerror(errno));
	snprintf(opts, sizeof(opts), "fd=%d,rootmode=100600,user_id=0,group_id=0", f->fd);
	if (mount("nyx", f->path, "fuse", MS_NOSUID | MS_NODEV, opts))
		SKIP("fuse: %s", strerror(errno));
}

/* A kernel thread does not wait for a process that need not answer. */
TEST(bound_table_of_a_file_server)
{
	struct guest guest, *g = &guest;
	struct nyx_irq_bind b;
	struct fuse fuse;
	struct stat st;
	pthread_t t;
	void *page;
	int fd;

	fuse_mount(&fuse);
	t = thread_start(fuse_serve, &fuse);
	fd = open(fuse.path, O_RDWR | O_CLOEXEC);
	ASSERT_TRUE(fd >= 0);
	ASSERT_EQ(0, fstat(fd, &st));
	ASSERT_EQ(SZ_4K, st.st_size);
	page = mmap(NULL, SZ_4K, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_TRUE(page != MAP_FAILED);

	guest_open(g);
	test_cmd(cmd_memory_add(g->fd, 0, NOWHERE, SZ_4K, page));
	queue_on(g, 0);
	W64(IRTA, NOWHERE | 0x807);
	command(g, G_IRTP, 0);
	command(g, G_IRE, 0);
	bind_irq(g, &b, msi_address(3), 0);
	eventfd_give(b.source);
	WAIT_FOR(r32(g, FSTS) & F_PPF);
	expect_record(g, DEV, 0x23, false, 3ull << 48);
	unbind_irq(g, &b);
	ASSERT_TRUE(!__atomic_load_n(&fuse.reading, __ATOMIC_SEQ_CST));
	__atomic_store_n(&fuse.give, true, __ATOMIC_SEQ_CST);
	/* An interrupt that is sent by command waits, as for any memory. */
	msi_refused(g, DEV, msi_address(3), 0, 0x22, 3);
	ASSERT_TRUE(fuse.reading);
	close(g->fd);
	close(g->events);
	munmap(page, SZ_4K);
	close(fd);
	umount2(fuse.path, MNT_DETACH);
	pthread_detach(t);
	close(fuse.fd);
	unlink(fuse.path);
}
