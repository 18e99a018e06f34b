// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: each failure has a reason.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A case for each of enum nyx_reason: a command that fails for it, the errno, and the field
 * that is to blame. undriven[] has the others, with the cause; table_is_complete() finds a
 * reason that is in neither.
 */
#include "changes.h"
#include "saved.h"
#include "view.h"

#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#define USER		12345	/* without privileges */
#define X_ABSENT	NYX_SBDF(0, 9, 9, 1)
#define X_OTHER		NYX_SBDF(0, 9, 9, 2)
#define ABSENT		999u	/* no domain, binding or group */
#define FILE_MAX	"/proc/sys/fs/file-max"

/* The outcome of the last command; a child process leaves it here, too. */
static struct outcome {
	int ret;
	struct nyx_head head;
} *last;

/*
 * Issues a command, and remembers what it came to. Before it, the reason is none, so that
 * one which is not written back is seen.
 */
static int try(int fd, unsigned long request, void *arg)
{
	struct nyx_head *head = arg;

	head->out_err_reason = NYX_REASON_NONE;
	head->out_err_field = 0;
	last->ret = nyx_cmd(fd, request, arg);
	last->head = *head;
	return last->ret;
}

#define TRY(fd, request, type, ...)					\
	try(fd, request, &(struct type){ .size = sizeof(struct type), __VA_ARGS__ })

/* In a process of its own, without privileges if @user is not 0. */
static void in_child(uid_t user, void (*fn)(struct env *e), struct env *e)
{
	pid_t pid;

	/* The node is root's. */
	test_cmd(chmod(NYX_DEVICE, 0666));
	pid = fork();
	ASSERT_TRUE(pid >= 0);
	if (!pid) {
		if (user)
			test_cmd(setresuid(user, user, user));
		fn(e);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	test_cmd(chmod(NYX_DEVICE, 0660));
}

static int unit_of(__u32 model)
{
	int fd = nyx_open();

	test_cmd(TRY(fd, NYX_UNIT_CREATE, nyx_unit_create, .model = model));
	return fd;
}

/* Makes units until one is too many. */
static void fill_units(struct env *e)
{
	struct rlimit files = { 65536, 65536 };

	(void)e;
	setrlimit(RLIMIT_NOFILE, &files);
	while (!TRY(nyx_open(), NYX_UNIT_CREATE, nyx_unit_create, .event_entries = 16,
		    .irt_entries = 1))
		;
}

/* ---- a device whose access does not end ---- */

/**
 * struct held - an access that is under way, and a command that waits for it
 * @e: the unit
 * @stall: where the access is held
 * @dma: it
 * @command: the command
 */
struct held {
	struct env *e;
	struct stall stall;
	struct caller dma;
	struct caller command;
};

static int held_dma(void *arg)
{
	static unsigned char buf[2 * SZ_4K];
	struct held *h = arg;
	struct nyx_dma c;

	return cmd_dma_write(h->e->fd, &c, h->e->sbdf, 0, buf, sizeof(buf));
}

static void held_begin(struct held *h, struct env *e)
{
	*h = (struct held){ .e = e };
	test_cmd(cmd_device_add(e->fd, X_OTHER));
	test_cmd(cmd_map(e->fd, e->domain, 0, 0, SZ_64K, RW));
	stall_arm(&h->stall, e->mem + SZ_4K, SZ_4K);
	caller_start(&h->dma, held_dma, h);
	stall_wait(&h->stall);
}

static void held_end(struct held *h)
{
	stall_release(&h->stall, 0);
	caller_end(&h->dma);
	if (h->command.fn)
		caller_end(&h->command);
}

static int do_detach(void *arg)
{
	struct held *h = arg;

	return cmd_device_detach(h->e->fd, h->e->sbdf);
}

static int do_destroy(void *arg)
{
	struct held *h = arg;

	return cmd_domain_destroy(h->e->fd, h->e->domain);
}

static void device_moving(struct env *e)
{
	struct held h;

	held_begin(&h, e);
	caller_start(&h.command, do_detach, &h);
	ASSERT_TRUE(caller_waits(&h.command));
	TRY(e->fd, NYX_DEVICE_ATTACH, nyx_device_attach, .sbdf = e->sbdf,
	    .domain_id = e->domain, .pasid = NYX_PASID_NONE);
	held_end(&h);
}

/* The device has left the domain, its access has not. */
static void detach_and_kill(struct held *h)
{
	struct nyx_device_info info;
	pid_t pid = caller_fork(do_detach, h);

	do {
		pause_ms(1);
		device_info(h->e->fd, h->e->sbdf, &info);
	} while (info.domain_id);
	caller_kill(pid);
}

/* @fn: a command on the domain that the device is on its way out of. */
static void while_leaving(struct env *e, void (*fn)(struct env *e))
{
	struct held h;

	held_begin(&h, e);
	caller_start(&h.command, do_detach, &h);
	ASSERT_TRUE(caller_waits(&h.command));
	fn(e);
	held_end(&h);
}

static void domain_draining(struct env *e)
{
	struct held h;

	held_begin(&h, e);
	detach_and_kill(&h);
	TRY(e->fd, NYX_DEVICE_ATTACH, nyx_device_attach, .sbdf = X_OTHER,
	    .domain_id = e->domain, .pasid = NYX_PASID_NONE);
	held_end(&h);
}

/* @fn: a command on the domain, which another destroys. */
static void while_dying(struct env *e, void (*fn)(struct env *e))
{
	struct held h;

	held_begin(&h, e);
	detach_and_kill(&h);
	caller_start(&h.command, do_destroy, &h);
	ASSERT_TRUE(caller_waits(&h.command));
	fn(e);
	held_end(&h);
}

static void attach_other(struct env *e)
{
	TRY(e->fd, NYX_DEVICE_ATTACH, nyx_device_attach, .sbdf = X_OTHER,
	    .domain_id = e->domain, .pasid = NYX_PASID_NONE);
}

static void destroy(struct env *e)
{
	TRY(e->fd, NYX_DOMAIN_DESTROY, nyx_domain_destroy, .domain_id = e->domain);
}

static void domain_leaving(struct env *e)
{
	while_leaving(e, attach_other);
}

static void domain_leaving_destroy(struct env *e)
{
	while_leaving(e, destroy);
}

static void domain_dying(struct env *e)
{
	while_dying(e, attach_other);
}

static void domain_dying_destroy(struct env *e)
{
	while_dying(e, destroy);
}

/* ---- all commands ---- */

static void on_alarm(int sig)
{
	(void)sig;
}

static void signalled(struct env *e)
{
	struct nyx_page page = { .access = NYX_PROT_READ };
	struct nyx_page_request c;

	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_alarm }, NULL);
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 100000 }, { 0, 100000 } }, NULL);
	nyx_page_init(&c, 0, e->sbdf, &page, 1, 60000);
	try(e->fd, NYX_PAGE_REQUEST, &c);
}

static void no_descriptor(struct env *e)
{
	struct rlimit none = { 0, 0 };

	test_cmd(setrlimit(RLIMIT_NOFILE, &none));
	TRY(e->fd, NYX_EVENTS_OPEN, nyx_events_open, 0);
}

static void open_events(struct env *e)
{
	TRY(e->fd, NYX_EVENTS_OPEN, nyx_events_open, 0);
}

/* Run @fn as USER while the limit in the file @path is @limit. */
static void limited(const char *path, const char *limit, void (*fn)(struct env *), struct env *e)
{
	char before[32] = "";
	int fd = open(path, O_RDONLY);

	ASSERT_GT(read(fd, before, sizeof(before) - 1), 0);
	close(fd);
	write_file(path, limit);
	in_child(USER, fn, e);
	write_file(path, before);
}

/* The limit does not hold for root, who raises it again. The count is not exact above 0. */
static void files_max(struct env *e)
{
	limited(FILE_MAX, "0", open_events, e);
}

static void too_short(struct env *e)
{
	struct nyx_map c = { .size = sizeof(struct nyx_head) };

	try(e->fd, NYX_MAP, &c);
}

static void too_long(struct env *e)
{
	static struct nyx_map c[100];

	c[0].size = SZ_4K + 8;
	try(e->fd, NYX_MAP, c);
}

static void unknown_part(struct env *e)
{
	struct nyx_device_add c[2] = { { .size = sizeof(c) }, { .size = 1 } };

	try(e->fd, NYX_DEVICE_ADD, c);
}

static void item_size(struct env *e)
{
	struct nyx_map m[2] = {
		{ .size = sizeof(m[0]), .domain_id = e->domain, .prot = RW, .length = SZ_4K },
		{ .size = sizeof(m[0]) + 8 },
	};

	TRY(e->fd, NYX_ARRAY, nyx_array, .cmd = NYX_CMD_MAP, .item_size = sizeof(m[0]),
	    .items = PTR(m), .nr = 2);
	/* The item says so, too. */
	ASSERT_EQ(NYX_REASON_ITEM_SIZE, m[1].out_err_reason);
}

static void no_unit(struct env *e)
{
	(void)e;
	TRY(nyx_open(), NYX_UNIT_SHARE, nyx_unit_share, 0);
}

static void unit_ended(struct env *e)
{
	test_cmd(cmd_unit_destroy(e->fd));
	TRY(e->fd, NYX_UNIT_SHARE, nyx_unit_share, 0);
}

static void inspect(struct env *e)
{
	int fd = nyx_open();

	test_cmd(cmd_unit_open(fd, e->unit, NULL, NULL));
	TRY(fd, NYX_DEVICE_ADD, nyx_device_add, .sbdf = X_OTHER);
}

static void inspect_only(struct env *e)
{
	in_child(0, inspect, e);
}

static void vendor_model(struct env *e)
{
	(void)e;
	TRY(unit_of(NYX_MODEL_VTD), NYX_DOMAIN_CREATE, nyx_domain_create, 0);
}

static void rate_limit(struct env *e)
{
	struct nyx_limits l = { .ops_per_s = 1, .burst_ms = 1 };
	unsigned char byte = 0;
	struct nyx_dma c;

	test_cmd(cmd_limit_set(e->fd, NYX_SCOPE_DEVICE, e->sbdf, &l));
	test_cmd(fcntl(e->fd, F_SETFL, O_NONBLOCK));
	do {
		nyx_dma_init(&c, e->sbdf, NYX_DMA_WRITE, 0, 1);
		c.buffer = PTR(&byte);
	} while (!try(e->fd, NYX_DMA, &c));
}

static void name_sign(struct env *e)
{
	TRY(e->fd, NYX_DOMAIN_CREATE, nyx_domain_create, .name = "a b");
}

/* ---- units ---- */

static void unit_name_taken(struct env *e)
{
	(void)e;
	test_cmd(cmd_unit_create_dflt(nyx_open(), "reason-unit", 0, NULL));
	TRY(nyx_open(), NYX_UNIT_CREATE, nyx_unit_create, .name = "reason-unit");
}

static void units_max_user(struct env *e)
{
	in_child(USER, fill_units, e);
}

static void open_root(struct env *e)
{
	TRY(nyx_open(), NYX_UNIT_OPEN, nyx_unit_open, .flags = NYX_OPEN_F_OWNER,
	    .unit_id = e->unit);
}

static void unit_private(struct env *e)
{
	in_child(USER, open_root, e);
}

/* ---- guest memory ---- */

#define ADD_FILE(e, file, ...)						\
	TRY((e)->fd, NYX_MEMORY_ADD, nyx_memory_add, .flags = NYX_MEMORY_F_FILE, .gpa = SZ_1G, \
	    .length = SZ_64K, .fd = (file), __VA_ARGS__)

static void memory_max(struct env *e)
{
	int fd = nyx_open();

	test_cmd(TRY(fd, NYX_UNIT_CREATE, nyx_unit_create, .max_memory = 1));
	test_cmd(cmd_memory_add(fd, 0, 0, SZ_4K, e->mem));
	TRY(fd, NYX_MEMORY_ADD, nyx_memory_add, .gpa = SZ_1G, .length = SZ_4K,
	    .user_addr = PTR(e->mem));
}

static void memory_private(struct env *e)
{
	int fd = nyx_open();

	test_cmd(TRY(fd, NYX_UNIT_CREATE, nyx_unit_create, .flags = NYX_UNIT_F_SHARED));
	TRY(fd, NYX_MEMORY_ADD, nyx_memory_add, .length = SZ_4K, .user_addr = PTR(e->mem));
}

static void file_sealed(struct env *e)
{
	int fd = memfd_new("sealed", SZ_64K);

	test_cmd(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	ADD_FILE(e, fd);
}

static void file_access(struct env *e)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd_new("read", SZ_64K));
	ADD_FILE(e, open(path, O_RDONLY));
}

static void file_append(struct env *e)
{
	int fd = memfd_new("append", SZ_64K);
	int flags = FS_APPEND_FL;

	if (ioctl(fd, FS_IOC_SETFLAGS, &flags))
		SKIP("a file of this kernel cannot be for appending only");
	ADD_FILE(e, fd);
}

static void file_pages(struct env *e)
{
	int fd = memfd_create("huge", MFD_HUGETLB);

	if (fd < 0 || ftruncate(fd, 4 * SZ_2M))
		SKIP("no huge pages");
	ADD_FILE(e, fd);
}

/* A page of the file is to be made where its filesystem has no room. */
static void file_pin(struct env *e)
{
	int fd;

	test_cmd(unshare(CLONE_NEWNS));
	test_cmd(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	test_cmd(mount("tmpfs", "/tmp", "tmpfs", 0, "size=16k"));
	fd = open("/tmp/file", O_RDWR | O_CREAT, 0600);
	test_cmd(ftruncate(fd, SZ_64K));
	TRY(e->fd, NYX_MEMORY_ADD, nyx_memory_add, .gpa = SZ_1G, .length = SZ_64K, .fd = fd,
	    .flags = NYX_MEMORY_F_FILE | NYX_MEMORY_F_PINNED);
}

static void pin_limit(struct env *e)
{
	struct rlimit none = { 0, 0 };

	test_cmd(setrlimit(RLIMIT_MEMLOCK, &none));
	test_cmd(setresuid(USER, USER, USER));
	TRY(e->fd, NYX_MEMORY_ADD, nyx_memory_add, .flags = NYX_MEMORY_F_PINNED, .gpa = SZ_1G,
	    .length = SZ_64K, .user_addr = PTR(e->mem));
}

/* ---- domains and devices ---- */

static void domain_name_taken(struct env *e)
{
	test_cmd(TRY(e->fd, NYX_DOMAIN_CREATE, nyx_domain_create, .name = "net"));
	TRY(e->fd, NYX_DOMAIN_CREATE, nyx_domain_create, .name = "net");
}

static void domains_max(struct env *e)
{
	int fd = nyx_open();

	(void)e;
	test_cmd(TRY(fd, NYX_UNIT_CREATE, nyx_unit_create, .max_domains = 1));
	test_cmd(TRY(fd, NYX_DOMAIN_CREATE, nyx_domain_create, 0));
	TRY(fd, NYX_DOMAIN_CREATE, nyx_domain_create, 0);
}

static void domain_strict(struct env *e)
{
	test_cmd(cmd_device_add(e->fd, X_OTHER));
	attach_other(e);
}

static void not_paging(struct env *e)
{
	__u32 id;

	test_cmd(cmd_domain_kind(e->fd, NYX_DOMAIN_BLOCKED, 0, &id));
	TRY(e->fd, NYX_MAP, nyx_map, .domain_id = id, .prot = RW, .length = SZ_4K);
}

static void device_not_paging(struct env *e)
{
	struct nyx_page page = { .access = NYX_PROT_READ };
	struct nyx_page_request c;

	test_cmd(cmd_device_add(e->fd, X_OTHER));
	nyx_page_init(&c, NYX_PAGE_F_NOWAIT, X_OTHER, &page, 1, 60000);
	try(e->fd, NYX_PAGE_REQUEST, &c);
}

static void mapped(struct env *e)
{
	test_cmd(cmd_map(e->fd, e->domain, SZ_64K, 0, SZ_4K, RW));
	TRY(e->fd, NYX_MAP, nyx_map, .domain_id = e->domain, .prot = RW, .iova = 0,
	    .length = 2 * SZ_64K);
}

static void devices_max(struct env *e)
{
	int fd = nyx_open();

	(void)e;
	test_cmd(TRY(fd, NYX_UNIT_CREATE, nyx_unit_create, .max_devices = 1));
	test_cmd(cmd_device_add(fd, 1));
	TRY(fd, NYX_DEVICE_ADD, nyx_device_add, .sbdf = 2);
}

static void segment(struct env *e)
{
	(void)e;
	TRY(unit_of(NYX_MODEL_VTD), NYX_DEVICE_ADD, nyx_device_add, .sbdf = NYX_SBDF(1, 0, 0, 0));
}

static void not_attached(struct env *e)
{
	test_cmd(cmd_device_add(e->fd, X_OTHER));
	TRY(e->fd, NYX_DEVICE_DETACH, nyx_device_detach, .sbdf = X_OTHER, .pasid = NYX_PASID_NONE);
}

static void ask_for_page(struct env *e)
{
	struct nyx_page page = { .access = NYX_PROT_READ };
	struct nyx_page_request c;

	nyx_page_init(&c, NYX_PAGE_F_NOWAIT, e->sbdf, &page, 1, 60000);
	try(e->fd, NYX_PAGE_REQUEST, &c);
}

static void quarantined(struct env *e)
{
	test_cmd(cmd_device_control(e->fd, e->sbdf, NYX_DEVICE_DO_QUARANTINE));
	ask_for_page(e);
}

/* It has no fault of its own, but shares the domain with a device in quarantine. */
static void domain_quarantined(struct env *e)
{
	const struct nyx_policy whole = {
		.flags = NYX_POLICY_F_DOMAIN, .action = NYX_ACTION_QUARANTINE, .threshold = 1,
		.window_ms = 1000, .weight = { 1, 1, 1, 1, 1 }, .backoff_ms = 1,
		.backoff_max_ms = 1, .probation_ms = 1, .max_tries = 1,
		.records_per_s = 0xffffffff,
	};
	struct env shared;

	(void)e;
	env_open(&shared, .domain_flags = NYX_DOMAIN_F_SHARED);
	test_cmd(cmd_policy_set(shared.fd, NYX_SCOPE_UNIT, 0, &whole));
	test_cmd(cmd_device_add(shared.fd, X_OTHER));
	test_cmd(cmd_device_attach(shared.fd, X_OTHER, shared.domain, 0));
	test_cmd(cmd_device_control(shared.fd, X_OTHER, NYX_DEVICE_DO_QUARANTINE));
	ask_for_page(&shared);
}

static void groups_max_device(struct env *e)
{
	do
		ask_for_page(e);
	while (!last->ret);
}

static void groups_max_unit(struct env *e)
{
	struct nyx_page page[9];
	struct nyx_page_request c;
	struct env small;

	(void)e;
	env_open(&small, .events = 16);
	for (int i = 0; i < 9; i++)
		page[i] = (struct nyx_page){ .iova = i * SZ_4K, .access = NYX_PROT_READ };
	nyx_page_init(&c, NYX_PAGE_F_NOWAIT, small.sbdf, page, 9, 60000);
	try(small.fd, NYX_PAGE_REQUEST, &c);
}

/* ---- interrupts ---- */

#define BIND(e, from, to, ...)						\
	TRY((e)->fd, NYX_IRQ_BIND, nyx_irq_bind, .sbdf = (e)->sbdf, .address = 0xfee00010, \
	    .source = (from), .target = (to), __VA_ARGS__)

static void source_bound(struct env *e)
{
	int source = eventfd_new();

	test_cmd(BIND(e, source, eventfd_new()));
	BIND(e, source, eventfd_new());
}

static void source_is_target(struct env *e)
{
	int target = eventfd_new();

	test_cmd(BIND(e, eventfd_new(), target));
	BIND(e, target, eventfd_new());
}

static void target_is_source(struct env *e)
{
	int source = eventfd_new();

	test_cmd(BIND(e, source, eventfd_new()));
	BIND(e, eventfd_new(), source);
}

static void same_eventfd(struct env *e)
{
	int fd = eventfd_new();

	BIND(e, fd, fd);
}

static void bind_two(struct env *e)
{
	struct env own;

	(void)e;
	test_cmd(cmd_unit_create_dflt(own.fd = nyx_open(), NULL, 0, NULL));
	own.sbdf = 1;
	test_cmd(cmd_device_add(own.fd, own.sbdf));
	if (!BIND(&own, eventfd_new(), eventfd_new()))
		BIND(&own, eventfd_new(), eventfd_new());
}

#define MAX_BINDINGS	"/sys/module/nyx_iommu/parameters/max_bindings_per_user"

static void bindings_max_user(struct env *e)
{
	limited(MAX_BINDINGS, "1", bind_two, e);
}

/* ---- views ---- */

static void views_max(struct env *e)
{
	while (!TRY(e->fd, NYX_VIEW_OPEN, nyx_view_open, .nr_slots = 1))
		;
}

static void view_timeout(struct env *e)
{
	struct view view;

	close(e->fd);
	env_open(e, .view_timeout_ms = 10);
	test_cmd(cmd_map(e->fd, e->domain, 0, 0, SZ_4K, RW));
	view_open(&view, e->fd, 1, 0);
	slot_enter(&view, 0, 0);
	TRY(e->fd, NYX_UNMAP, nyx_unmap, .domain_id = e->domain, .length = SZ_4K);
}

static void has_limits(struct env *e)
{
	const struct nyx_limits l = { .ops_per_s = 1, .burst_ms = 1 };

	test_cmd(cmd_limit_set(e->fd, NYX_SCOPE_DEVICE, e->sbdf, &l));
	TRY(e->fd, NYX_VIEW_FILL, nyx_view_fill, .sbdf = e->sbdf, .pasid = NYX_PASID_NONE,
	    .access = RW, .length = 1);
}

/* ---- dirty tracking ---- */

#define MAX_DIRTY	"/sys/module/nyx_iommu/parameters/max_dirty_kib_per_user"

static void dirty_on(struct env *e)
{
	test_cmd(cmd_dirty_start(e->fd));
	TRY(e->fd, NYX_DIRTY_START, nyx_dirty_start, 0);
}

static void track_one(struct env *e)
{
	int fd = nyx_open();

	test_cmd(cmd_unit_create_dflt(fd, NULL, 0, NULL));
	test_cmd(cmd_memory_add(fd, 0, 0, e->mem_size, e->mem));
	TRY(fd, NYX_DIRTY_START, nyx_dirty_start, 0);
}

static void dirty_max_user(struct env *e)
{
	limited(MAX_DIRTY, "0", track_one, e);
}

static void tracked(struct env *e)
{
	test_cmd(cmd_dirty_start(e->fd));
	TRY(e->fd, NYX_VIEW_FILL, nyx_view_fill, .sbdf = e->sbdf, .pasid = NYX_PASID_NONE,
	    .access = RW, .length = 1);
}

/* ---- change streams ---- */

static void streams_max(struct env *e)
{
	while (!TRY(e->fd, NYX_CHANGES_OPEN, nyx_changes_open, .flags = 0))
		;
}

static __u32 stream_of(struct env *e, __u32 flags)
{
	struct nyx_changes_open c;

	test_cmd(cmd_changes_open(e->fd, flags, &c));
	return c.out_changes_id;
}

static int follow(struct env *e, __u32 stream, __u32 sbdf)
{
	return TRY(e->fd, NYX_CHANGES_ADD, nyx_changes_add, .changes_id = stream,
		   .kind = NYX_CHANGES_DEVICE, .id = sbdf, .pasid = NYX_PASID_NONE);
}

static void targets_max(struct env *e)
{
	__u32 stream = stream_of(e, 0);

	for (__u32 sbdf = 0x1000; sbdf < 0x1000 + NYX_CHANGES_TARGETS_MAX + 1; sbdf++) {
		test_cmd(cmd_device_add(e->fd, sbdf));
		if (follow(e, stream, sbdf))
			break;
	}
}

static void target_exists(struct env *e)
{
	__u32 stream = stream_of(e, 0);

	test_cmd(follow(e, stream, e->sbdf));
	follow(e, stream, e->sbdf);
}

static void followed(struct env *e)
{
	test_cmd(follow(e, stream_of(e, 0), e->sbdf));
	TRY(e->fd, NYX_DEVICE_REMOVE, nyx_device_remove, .sbdf = e->sbdf);
}

static void changes_pending(struct env *e)
{
	test_cmd(cmd_map(e->fd, e->domain, 0, 0, SZ_4K, RW));
	test_cmd(follow(e, stream_of(e, NYX_CHANGES_F_INLINE), e->sbdf));
	TRY(e->fd, NYX_UNMAP, nyx_unmap, .domain_id = e->domain, .length = SZ_4K);
}

static void no_such_target(struct env *e)
{
	TRY(e->fd, NYX_CHANGES_REMOVE, nyx_changes_remove, .changes_id = stream_of(e, 0),
	    .target = 1);
}

/* ---- the table ---- */

/* A command on a unit that stands for itself. */
#define SIMPLE(fn, request, type, ...)					\
	static void fn(struct env *e)					\
	{								\
		TRY(e->fd, request, type, __VA_ARGS__);			\
	}

SIMPLE(no_such_stream, NYX_CHANGES_NEXT, nyx_changes_next, .nr = 1)
SIMPLE(dirty_off, NYX_DIRTY_STOP, nyx_dirty_stop, 0)
SIMPLE(pointer, NYX_STATS, nyx_stats, .nr = 4)
SIMPLE(flag, NYX_MAP, nyx_map, .flags = 1u << 31)
SIMPLE(reserved, NYX_DEVICE_ADD, nyx_device_add, .__reserved = 1)
SIMPLE(unknown_value, NYX_DOMAIN_CREATE, nyx_domain_create, .kind = 99)
SIMPLE(out_of_range, NYX_DOMAIN_CREATE, nyx_domain_create, .domain_id = 65536)
SIMPLE(misaligned, NYX_MEMORY_REMOVE, nyx_memory_remove, .gpa = 1, .length = SZ_4K)
SIMPLE(empty, NYX_MEMORY_REMOVE, nyx_memory_remove, .gpa = 0)
SIMPLE(unused, NYX_LIST, nyx_list, .domain_id = 1, .entry_size = 8)
SIMPLE(conflict, NYX_DMA, nyx_dma, .sbdf = e->sbdf, .pasid = NYX_PASID_NONE, .op = NYX_DMA_SWAP,
	.width = 4, .length = 8)
SIMPLE(overflow, NYX_MEMORY_REMOVE, nyx_memory_remove, .gpa = -SZ_4K, .length = SZ_64K)
SIMPLE(pasid, NYX_DEVICE_DETACH, nyx_device_detach, .sbdf = e->sbdf, .pasid = 1)
SIMPLE(not_in_array, NYX_ARRAY, nyx_array, .cmd = NYX_CMD_DEVICE_ADD, .nr = 1, .item_size = 24)
SIMPLE(no_vendor_model, NYX_UNIT_RESET, nyx_unit_reset, 0)
SIMPLE(bad_fd, NYX_MEMORY_ADD, nyx_memory_add, .flags = NYX_MEMORY_F_FILE, .gpa = SZ_1G,
	.length = SZ_64K, .fd = -1)
SIMPLE(file_bound, NYX_UNIT_OPEN, nyx_unit_open, .unit_id = e->unit)
SIMPLE(persist_unshared, NYX_UNIT_PERSIST, nyx_unit_persist, .persist = 1)
SIMPLE(memory_unshared, NYX_UNIT_SHARE, nyx_unit_share, 0)
SIMPLE(gpa_width, NYX_MEMORY_REMOVE, nyx_memory_remove, .gpa = 1ull << 52, .length = SZ_4K)
SIMPLE(memory_overlap, NYX_MEMORY_ADD, nyx_memory_add, .length = SZ_4K, .user_addr = PTR(e->mem))
SIMPLE(no_such_memory, NYX_MEMORY_REMOVE, nyx_memory_remove, .gpa = SZ_1G, .length = SZ_4K)
SIMPLE(address_space, NYX_MEMORY_ADD, nyx_memory_add, .gpa = SZ_1G, .length = SZ_4K,
	.user_addr = 1ull << 62)
SIMPLE(format_width, NYX_DOMAIN_CREATE, nyx_domain_create, .address_width = 40)
SIMPLE(unit_width, NYX_DOMAIN_CREATE, nyx_domain_create, .address_width = 57)
SIMPLE(page_sizes, NYX_DOMAIN_CREATE, nyx_domain_create, .page_sizes = SZ_2M)
SIMPLE(domain_id_taken, NYX_DOMAIN_CREATE, nyx_domain_create, .domain_id = e->domain)
SIMPLE(no_such_domain, NYX_DOMAIN_DESTROY, nyx_domain_destroy, .domain_id = ABSENT)
SIMPLE(iova_width, NYX_UNMAP, nyx_unmap, .domain_id = e->domain, .iova = 1ull << 60,
	.length = SZ_4K)
SIMPLE(not_mapped, NYX_UNMAP, nyx_unmap, .domain_id = e->domain, .length = SZ_4K)
SIMPLE(no_such_device, NYX_DEVICE_REMOVE, nyx_device_remove, .sbdf = X_ABSENT)
SIMPLE(device_exists, NYX_DEVICE_ADD, nyx_device_add, .sbdf = e->sbdf)
SIMPLE(device_attached, NYX_DEVICE_ATTACH, nyx_device_attach, .sbdf = e->sbdf,
	.domain_id = e->domain, .pasid = NYX_PASID_NONE)
SIMPLE(irte_beyond, NYX_IRTE_CLEAR, nyx_irte_clear, .index = 65536, .nr = 1)
SIMPLE(no_such_irte, NYX_IRTE_CLEAR, nyx_irte_clear, .nr = 1)
SIMPLE(descriptor_width, NYX_IRTE_SET, nyx_irte_set, .flags = NYX_IRTE_F_POSTED, .vector = 32,
	.posted = 1ull << 52)
SIMPLE(no_such_binding, NYX_IRQ_UNBIND, nyx_irq_unbind, .binding_id = ABSENT)
SIMPLE(no_such_group, NYX_PAGE_RESPOND, nyx_page_respond, .group = ABSENT)
SIMPLE(walk_pasid, NYX_WALK, nyx_walk, .sbdf = e->sbdf, .pasid = 1)
SIMPLE(no_registers, NYX_LIST, nyx_list, .type = NYX_LIST_REGISTERS, .entry_size = 8)
SIMPLE(probe_and_signal, NYX_IRQ_SEND, nyx_irq_send, .sbdf = e->sbdf,
	.flags = NYX_IRQ_F_PROBE | NYX_IRQ_F_SIGNAL)
SIMPLE(no_options, NYX_UNIT_CREATE, nyx_unit_create, .model = NYX_MODEL_VTD, .data_len = 8)
SIMPLE(options_too_long, NYX_UNIT_CREATE, nyx_unit_create, .model = NYX_MODEL_VTD,
	.data_uptr = PTR(e->mem), .data_len = SZ_4K + 8)
SIMPLE(model_width, NYX_UNIT_CREATE, nyx_unit_create, .model = NYX_MODEL_VTD,
	.address_width = 47)
SIMPLE(model_entries, NYX_UNIT_CREATE, nyx_unit_create, .model = NYX_MODEL_AMDVI,
	.irt_entries = 256)

/* A unit of a model, with options that are all 0 but for one. */
static void with_options(struct env *e, __u32 model, __u32 flags, __u32 second, __u32 third)
{
	__u32 data[3] = { flags, second, third };

	TRY(e->fd, NYX_UNIT_CREATE, nyx_unit_create, .model = model, .data_uptr = PTR(data),
	    .data_len = sizeof(data));
}

static void option_unknown(struct env *e)
{
	with_options(e, NYX_MODEL_VTD, 1u << 31, 0, 0);
}

static void option_range(struct env *e)
{
	with_options(e, NYX_MODEL_VTD, 0, 9, 0);
}

static void option_conflict(struct env *e)
{
	with_options(e, NYX_MODEL_AMDVI, NYX_AMDVI_F_SMALL_IRTES, 0, 0);
}

static void options_unknown_part(struct env *e)
{
	with_options(e, NYX_MODEL_AMDVI, 0, 0, 1);
}

static void no_such_unit(struct env *e)
{
	(void)e;
	TRY(nyx_open(), NYX_UNIT_OPEN, nyx_unit_open, .name = "no such unit!");
	TRY(nyx_open(), NYX_UNIT_OPEN, nyx_unit_open, .name = "no-such-unit");
}

static void file_kind(struct env *e)
{
	ADD_FILE(e, open("/dev/zero", O_RDWR));
}

static void file_end(struct env *e)
{
	ADD_FILE(e, memfd_new("short", SZ_4K));
}

static void no_eventfd(struct env *e)
{
	BIND(e, e->fd, eventfd_new());
}

static void target_bad_fd(struct env *e)
{
	BIND(e, eventfd_new(), -1);
}

static void target_no_eventfd(struct env *e)
{
	BIND(e, eventfd_new(), e->fd);
}

/* ---- migration ---- */

#define GOTO(fd, to)	TRY(fd, NYX_MIGRATE, nyx_migrate, .state = NYX_MIGRATE_##to)

static void unit_stopped(struct env *e)
{
	test_cmd(GOTO(e->fd, STOP_COPY));
	test_cmd(fcntl(e->fd, F_SETFL, O_NONBLOCK));
	TRY(e->fd, NYX_DEVICE_ADD, nyx_device_add, .sbdf = X_OTHER);
}

static void unit_loading(struct env *e)
{
	int fd = unit_of(NYX_MODEL_NATIVE);

	(void)e;
	test_cmd(GOTO(fd, RESUMING));
	TRY(fd, NYX_DEVICE_ADD, nyx_device_add, .sbdf = X_OTHER);
}

static void unit_not_empty(struct env *e)
{
	GOTO(e->fd, RESUMING);
}

static void migrate_state(struct env *e)
{
	test_cmd(GOTO(e->fd, STOP_COPY));
	GOTO(e->fd, RESUMING);
}

static void migrate_blocked(struct env *e)
{
	test_cmd(BIND(e, eventfd_new(), eventfd_new()));
	GOTO(e->fd, STOP_COPY);
}

/* Loads the stream of an empty unit into another one, after a change. */
static void load(void (*change)(struct saved *s))
{
	int from = unit_of(NYX_MODEL_NATIVE), to = unit_of(NYX_MODEL_NATIVE);
	struct nyx_migrate c = { .size = sizeof(c), .state = NYX_MIGRATE_RESUMING };
	struct saved s;

	saved_init(&s);
	saved_save(from, &s);
	change(&s);
	test_cmd(nyx_cmd(to, NYX_MIGRATE, &c));
	saved_write(c.out_fd, &s, s.size);
	GOTO(to, RUNNING);
}

#define LOAD(_name, _statement)						\
	static void change_##_name(struct saved *s)			\
	{								\
		struct nyx_stream_section *unit = saved_find(s, NYX_SECTION_UNIT, 0);	\
									\
		_statement;						\
		if (#_name[7] != 'c')					\
			saved_fix(unit);				\
		saved_fix_head(s);					\
	}								\
	static void _name(struct env *e)				\
	{								\
		(void)e;						\
		load(change_##_name);					\
	}

LOAD(stream_magic, s->data[0]++)
LOAD(stream_version, s->data[8]++)
LOAD(stream_length, *(__u32 *)((struct nyx_stream_table *)(unit + 1) + 0) = 1000)
LOAD(stream_checksum, unit->crc++)
LOAD(stream_order, unit->part = 1)
LOAD(stream_section, unit->id = 1)
LOAD(stream_field, ((struct nyx_stream_table *)(unit + 1))->nr_fields--)
LOAD(stream_value, saved_set(unit, "next_domain", 0, 0xffffffff))
LOAD(stream_ends, s->size--)
LOAD(stream_differs, saved_set(unit, "model", 0, NYX_MODEL_VTD))

#define AT(type, member)	offsetof(struct type, member)
#define CASE(fn, reason, err, at)	{ #fn, fn, NYX_REASON_##reason, err, at }

static const struct reason_case {
	const char *name;
	void (*fn)(struct env *e);
	__u32 reason;
	int err;
	__u32 field;
} cases[] = {
	CASE(signalled, SIGNAL, EINTR, 0),
	CASE(pointer, POINTER, EFAULT, AT(nyx_stats, values)),
	CASE(no_descriptor, NO_DESCRIPTOR, EMFILE, 0),
	CASE(files_max, FILES_MAX, ENFILE, 0),
	CASE(too_short, SIZE, EINVAL, 0),
	CASE(too_long, TOO_LONG, E2BIG, 0),
	CASE(unknown_part, UNKNOWN_PART, E2BIG, 0),
	CASE(flag, FLAG, EOPNOTSUPP, AT(nyx_head, flags)),
	CASE(reserved, RESERVED, EOPNOTSUPP, AT(nyx_device_add, __reserved)),
	CASE(unknown_value, UNKNOWN_VALUE, EOPNOTSUPP, AT(nyx_domain_create, kind)),
	CASE(out_of_range, OUT_OF_RANGE, EINVAL, AT(nyx_domain_create, domain_id)),
	CASE(misaligned, MISALIGNED, EINVAL, AT(nyx_memory_remove, gpa)),
	CASE(empty, EMPTY, EINVAL, AT(nyx_memory_remove, length)),
	CASE(unused, UNUSED, EINVAL, AT(nyx_list, domain_id)),
	CASE(conflict, CONFLICT, EINVAL, AT(nyx_dma, length)),
	CASE(overflow, OVERFLOW, EOVERFLOW, AT(nyx_memory_remove, length)),
	CASE(pasid, PASID, EOPNOTSUPP, AT(nyx_device_detach, pasid)),
	CASE(not_in_array, NOT_IN_ARRAY, EOPNOTSUPP, AT(nyx_array, cmd)),
	CASE(item_size, ITEM_SIZE, EINVAL, AT(nyx_array, items)),
	CASE(no_unit, NO_UNIT, ENXIO, 0),
	CASE(unit_ended, UNIT_ENDED, ENODEV, 0),
	CASE(inspect_only, INSPECT_ONLY, EACCES, 0),
	CASE(vendor_model, VENDOR_MODEL, EOPNOTSUPP, 0),
	CASE(no_vendor_model, NO_VENDOR_MODEL, EOPNOTSUPP, 0),
	CASE(rate_limit, RATE_LIMIT, EAGAIN, 0),
	CASE(name_sign, NAME, EINVAL, AT(nyx_domain_create, name)),
	CASE(bad_fd, BAD_FD, EBADF, AT(nyx_memory_add, fd)),
	CASE(file_bound, FILE_BOUND, EBUSY, 0),
	CASE(persist_unshared, PERSIST_UNSHARED, EINVAL, 0),
	CASE(unit_name_taken, UNIT_NAME_TAKEN, EEXIST, AT(nyx_unit_create, name)),
	CASE(units_max_user, UNITS_MAX_USER, ENOSPC, 0),
	CASE(no_such_unit, NO_SUCH_UNIT, ENOENT, 0),
	CASE(unit_private, UNIT_PRIVATE, EACCES, 0),
	CASE(memory_unshared, MEMORY_UNSHARED, EBUSY, 0),
	CASE(gpa_width, GPA_WIDTH, ERANGE, AT(nyx_memory_remove, gpa)),
	CASE(memory_overlap, MEMORY_OVERLAP, EEXIST, AT(nyx_memory_add, gpa)),
	CASE(memory_max, MEMORY_MAX, ENOSPC, 0),
	CASE(no_such_memory, NO_SUCH_MEMORY, ENOENT, AT(nyx_memory_remove, gpa)),
	CASE(memory_private, MEMORY_PRIVATE, EPERM, 0),
	CASE(address_space, ADDRESS_SPACE, EINVAL, AT(nyx_memory_add, user_addr)),
	CASE(file_sealed, FILE_SEALED, EPERM, AT(nyx_memory_add, fd)),
	CASE(file_access, FILE_ACCESS, EACCES, AT(nyx_memory_add, fd)),
	CASE(file_append, FILE_APPEND, EACCES, AT(nyx_memory_add, fd)),
	CASE(file_kind, FILE_KIND, EINVAL, AT(nyx_memory_add, fd)),
	CASE(file_pages, FILE_PAGES, EINVAL, AT(nyx_memory_add, file_offset)),
	CASE(file_end, FILE_END, EINVAL, AT(nyx_memory_add, file_offset)),
	CASE(file_pin, FILE_PIN, EINVAL, AT(nyx_memory_add, fd)),
	CASE(pin_limit, PIN_LIMIT, EDQUOT, 0),
	CASE(format_width, FORMAT_WIDTH, EINVAL, AT(nyx_domain_create, address_width)),
	CASE(unit_width, UNIT_WIDTH, EINVAL, AT(nyx_domain_create, address_width)),
	CASE(page_sizes, PAGE_SIZES, EINVAL, AT(nyx_domain_create, page_sizes)),
	CASE(domain_name_taken, DOMAIN_NAME_TAKEN, EEXIST, AT(nyx_domain_create, name)),
	CASE(domain_id_taken, DOMAIN_ID_TAKEN, EEXIST, AT(nyx_domain_create, domain_id)),
	CASE(domains_max, DOMAINS_MAX, ENOSPC, 0),
	CASE(no_such_domain, NO_SUCH_DOMAIN, ENOENT, AT(nyx_domain_destroy, domain_id)),
	CASE(destroy, DOMAIN_HAS_DEVICES, EBUSY, AT(nyx_domain_destroy, domain_id)),
	CASE(domain_dying, DOMAIN_DYING, EBUSY, AT(nyx_device_attach, domain_id)),
	CASE(domain_dying_destroy, DOMAIN_DYING, EBUSY, AT(nyx_domain_destroy, domain_id)),
	CASE(domain_strict, DOMAIN_STRICT, EBUSY, AT(nyx_device_attach, domain_id)),
	CASE(domain_draining, DOMAIN_DRAINING, EBUSY, AT(nyx_device_attach, domain_id)),
	CASE(domain_leaving, DOMAIN_DRAINING, EBUSY, AT(nyx_device_attach, domain_id)),
	CASE(domain_leaving_destroy, DOMAIN_DRAINING, EBUSY, AT(nyx_domain_destroy, domain_id)),
	CASE(not_paging, NOT_PAGING, EOPNOTSUPP, AT(nyx_map, domain_id)),
	CASE(device_not_paging, DEVICE_NOT_PAGING, EOPNOTSUPP, AT(nyx_page_request, sbdf)),
	CASE(iova_width, IOVA_WIDTH, ERANGE, AT(nyx_unmap, iova)),
	CASE(mapped, MAPPED, EEXIST, AT(nyx_map, iova)),
	CASE(not_mapped, NOT_MAPPED, ENOENT, AT(nyx_unmap, iova)),
	CASE(no_such_device, NO_SUCH_DEVICE, ENOENT, AT(nyx_device_remove, sbdf)),
	CASE(device_exists, DEVICE_EXISTS, EEXIST, AT(nyx_device_add, sbdf)),
	CASE(devices_max, DEVICES_MAX, ENOSPC, 0),
	CASE(segment, SEGMENT, EINVAL, AT(nyx_device_add, sbdf)),
	CASE(device_attached, DEVICE_ATTACHED, EBUSY, AT(nyx_device_attach, sbdf)),
	CASE(device_moving, DEVICE_MOVING, EBUSY, AT(nyx_device_attach, sbdf)),
	CASE(not_attached, NOT_ATTACHED, ENOENT, AT(nyx_device_detach, sbdf)),
	CASE(quarantined, QUARANTINED, EPERM, AT(nyx_page_request, sbdf)),
	CASE(domain_quarantined, DOMAIN_QUARANTINED, EPERM, AT(nyx_page_request, sbdf)),
	CASE(irte_beyond, IRTE_BEYOND, EINVAL, AT(nyx_irte_clear, index)),
	CASE(no_such_irte, NO_SUCH_IRTE, ENOENT, AT(nyx_irte_clear, index)),
	CASE(descriptor_width, DESCRIPTOR_WIDTH, ERANGE, AT(nyx_irte_set, posted)),
	CASE(no_eventfd, NO_EVENTFD, EINVAL, AT(nyx_irq_bind, source)),
	CASE(target_bad_fd, TARGET_BAD_FD, EBADF, AT(nyx_irq_bind, target)),
	CASE(target_no_eventfd, TARGET_NO_EVENTFD, EINVAL, AT(nyx_irq_bind, target)),
	CASE(same_eventfd, SAME_EVENTFD, EINVAL, AT(nyx_irq_bind, target)),
	CASE(source_bound, SOURCE_BOUND, EBUSY, AT(nyx_irq_bind, source)),
	CASE(source_is_target, SOURCE_IS_TARGET, ELOOP, AT(nyx_irq_bind, source)),
	CASE(target_is_source, TARGET_IS_SOURCE, ELOOP, AT(nyx_irq_bind, target)),
	CASE(bindings_max_user, BINDINGS_MAX_USER, ENOSPC, 0),
	CASE(no_such_binding, NO_SUCH_BINDING, ENOENT, AT(nyx_irq_unbind, binding_id)),
	CASE(groups_max_device, GROUPS_MAX_DEVICE, ENOSPC, AT(nyx_page_request, sbdf)),
	CASE(groups_max_unit, GROUPS_MAX_UNIT, ENOSPC, 0),
	CASE(no_such_group, NO_SUCH_GROUP, ENOENT, AT(nyx_page_respond, group)),
	CASE(walk_pasid, PASID, EOPNOTSUPP, AT(nyx_walk, pasid)),
	CASE(no_registers, NO_VENDOR_MODEL, EOPNOTSUPP, AT(nyx_list, type)),
	CASE(probe_and_signal, CONFLICT, EINVAL, AT(nyx_head, flags)),
	CASE(no_options, CONFLICT, EINVAL, AT(nyx_unit_create, data_uptr)),
	CASE(options_too_long, TOO_LONG, E2BIG, AT(nyx_unit_create, data_len)),
	CASE(options_unknown_part, UNKNOWN_PART, E2BIG, AT(nyx_unit_create, data_uptr)),
	CASE(model_width, MODEL_WIDTH, EINVAL, AT(nyx_unit_create, address_width)),
	CASE(model_entries, MODEL_ENTRIES, EINVAL, AT(nyx_unit_create, irt_entries)),
	CASE(option_unknown, OPTION_UNKNOWN, EOPNOTSUPP, AT(nyx_unit_create, data_uptr)),
	CASE(option_range, OPTION_RANGE, EINVAL, AT(nyx_unit_create, data_uptr)),
	CASE(option_conflict, OPTION_CONFLICT, EINVAL, AT(nyx_unit_create, data_uptr)),
	CASE(views_max, VIEWS_MAX, ENOSPC, 0),
	CASE(view_timeout, VIEW_TIMEOUT, ETIMEDOUT, 0),
	CASE(has_limits, HAS_LIMITS, EOPNOTSUPP, AT(nyx_view_fill, sbdf)),
	CASE(changes_pending, CHANGES_PENDING, EINPROGRESS, 0),
	CASE(no_such_stream, NO_SUCH_STREAM, ENOENT, AT(nyx_changes_next, changes_id)),
	CASE(no_such_target, NO_SUCH_TARGET, ENOENT, AT(nyx_changes_remove, target)),
	CASE(target_exists, TARGET_EXISTS, EEXIST, AT(nyx_changes_add, id)),
	CASE(targets_max, TARGETS_MAX, ENOSPC, 0),
	CASE(streams_max, STREAMS_MAX, ENOSPC, 0),
	CASE(followed, FOLLOWED, EBUSY, AT(nyx_device_remove, sbdf)),
	CASE(dirty_on, DIRTY_ON, EBUSY, 0),
	CASE(dirty_off, DIRTY_OFF, EINVAL, 0),
	CASE(dirty_max_user, DIRTY_MAX_USER, ENOSPC, 0),
	CASE(tracked, TRACKED, EOPNOTSUPP, 0),
	CASE(unit_stopped, UNIT_STOPPED, EAGAIN, 0),
	CASE(unit_loading, UNIT_LOADING, EBUSY, 0),
	CASE(unit_not_empty, UNIT_NOT_EMPTY, EBUSY, 0),
	CASE(migrate_state, MIGRATE_STATE, EINVAL, AT(nyx_migrate, state)),
	CASE(migrate_blocked, MIGRATE_BLOCKED, EBUSY, 0),
	CASE(stream_magic, STREAM_MAGIC, EINVAL, 0),
	CASE(stream_version, STREAM_VERSION, EOPNOTSUPP, 0),
	CASE(stream_length, STREAM_LENGTH, EINVAL, 0),
	CASE(stream_checksum, STREAM_CHECKSUM, EBADMSG, 0),
	CASE(stream_order, STREAM_ORDER, EINVAL, 0),
	CASE(stream_section, STREAM_SECTION, EOPNOTSUPP, 0),
	CASE(stream_field, STREAM_FIELD, EOPNOTSUPP, 0),
	CASE(stream_value, STREAM_VALUE, EINVAL, 0),
	CASE(stream_ends, STREAM_ENDS, ENODATA, 0),
	CASE(stream_differs, STREAM_DIFFERS, EINVAL, 0),
};

static const struct {
	__u32 reason;
	const char *why;
} undriven[] = {
	{ NYX_REASON_NO_MEMORY, "nyx_fail lets allocations fail" },
	{ NYX_REASON_OTHER, "no errno without a reason is known" },
	{ NYX_REASON_UNITS_MAX, "takes 4096 units" },
	{ NYX_REASON_MODULE_LEAVES, "an open file holds the module" },
	{ NYX_REASON_BINDINGS_MAX, "65536 bindings have as many eventfds" },
};

TEST(table_is_complete)
{
	for (__u32 reason = NYX_REASON_NONE + 1; reason < NYX_REASON_MAX; reason++) {
		bool found = false;

		for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
			found |= cases[i].reason == reason;
		for (size_t i = 0; i < ARRAY_SIZE(undriven); i++)
			found |= undriven[i].reason == reason && *undriven[i].why;
		if (!found)
			FAIL("no case fails for reason %u", reason);
	}
}

static void last_init(void)
{
	last = mmap(NULL, sizeof(*last), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(last != MAP_FAILED);
}

TEST_EACH(reason, cases)
{
	struct env e;

	last_init();
	env_open(&e, 0);
	v->fn(&e);
	ASSERT_EQ(-v->err, last->ret);
	ASSERT_EQ(v->reason, last->head.out_err_reason);
	ASSERT_EQ(v->field, last->head.out_err_field);
}

/* An item says why it failed, and which of its fields; the array which item it is. */
TEST(item)
{
	struct nyx_map m[40];
	struct nyx_array c = {
		.size = sizeof(c), .cmd = NYX_CMD_MAP, .item_size = sizeof(m[0]),
		.items = PTR(m), .nr = 40,
	};
	struct env e;

	last_init();
	env_open(&e, 0);
	for (int i = 0; i < 40; i++)
		m[i] = (struct nyx_map){
			.size = sizeof(m[0]), .domain_id = e.domain, .prot = RW,
			.iova = i * SZ_4K, .length = SZ_4K,
		};
	m[35].gpa = 1;
	ASSERT_EQ(-EINVAL, try(e.fd, NYX_ARRAY, &c));
	ASSERT_EQ(35, c.out_done);
	ASSERT_EQ(NYX_REASON_MISALIGNED, c.out_err_reason);
	ASSERT_EQ(AT(nyx_array, items), c.out_err_field);
	ASSERT_EQ(NYX_REASON_MISALIGNED, m[35].out_err_reason);
	ASSERT_EQ(AT(nyx_map, gpa), m[35].out_err_field);
	ASSERT_EQ(NYX_REASON_NONE, m[34].out_err_reason);
	ASSERT_EQ(NYX_REASON_NONE, m[36].out_err_reason);
}

/**
 * struct array_call - an array that a thread hands in
 * @fd: of the unit
 * @c: the array
 */
struct array_call {
	int fd;
	struct nyx_array c;
};

static int do_array(void *arg)
{
	struct array_call *call = arg;

	return nyx_cmd(call->fd, NYX_ARRAY, &call->c);
}

/*
 * All items have run, and the answer of the last can no longer be written. No item is to blame:
 * the reason is written to none, and not behind the array.
 */
TEST(behind_array)
{
	static unsigned char buf[2 * SZ_4K];
	unsigned char *at = mmap(NULL, 2 * SZ_4K, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct nyx_dma *item = (struct nyx_dma *)(at + SZ_4K) - 1;
	struct array_call call;
	struct caller caller;
	struct stall stall;
	struct env e;

	ASSERT_TRUE(at != MAP_FAILED);
	env_open(&e, 0);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_64K, RW));
	nyx_dma_init(item, e.sbdf, NYX_DMA_WRITE, 0, sizeof(buf));
	item->buffer = PTR(buf);
	memset(at + SZ_4K, 0xa5, SZ_4K);
	call.fd = e.fd;
	call.c = (struct nyx_array){
		.size = sizeof(call.c), .cmd = NYX_CMD_DMA, .item_size = sizeof(*item),
		.items = PTR(item), .nr = 1,
	};
	stall_arm(&stall, e.mem + SZ_4K, SZ_4K);
	caller_start(&caller, do_array, &call);
	stall_wait(&stall);
	test_cmd(mprotect(at, SZ_4K, PROT_READ));
	stall_release(&stall, 0);
	ASSERT_EQ(-EFAULT, caller_end(&caller));
	ASSERT_EQ(1, call.c.out_done);
	ASSERT_EQ(NYX_REASON_POINTER, call.c.out_err_reason);
	for (size_t i = 0; i < SZ_4K; i++)
		ASSERT_EQ(0xa5, at[SZ_4K + i]);
}

/* Where the reason cannot be written the errno is the same, and nothing else is written. */
TEST(read_only)
{
	struct nyx_map *c = mmap(NULL, SZ_4K, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct nyx_map before;
	struct env e;

	ASSERT_TRUE(c != MAP_FAILED);
	env_open(&e, 0);
	*c = (struct nyx_map){
		.size = sizeof(*c), .domain_id = ABSENT, .prot = RW, .length = SZ_4K,
		.out_err_reason = NYX_REASON_MAX, .out_err_field = 5,
	};
	before = *c;
	test_cmd(mprotect(c, SZ_4K, PROT_READ));
	test_err(ENOENT, nyx_cmd(e.fd, NYX_MAP, c));
	ASSERT_EQ(0, memcmp(&before, c, sizeof(before)));
	test_cmd(mprotect(c, SZ_4K, PROT_READ | PROT_WRITE));
	test_err(ENOENT, nyx_cmd(e.fd, NYX_MAP, c));
	ASSERT_EQ(NYX_REASON_NO_SUCH_DOMAIN, c->out_err_reason);
	ASSERT_EQ(AT(nyx_map, domain_id), c->out_err_field);
	/* All but these two. */
	c->out_err_reason = before.out_err_reason;
	c->out_err_field = before.out_err_field;
	ASSERT_EQ(0, memcmp(&before, c, sizeof(before)));
}

/* A structure that is too short for a reason gets none. */
TEST(short_structure)
{
	__u32 c[8] = { 0 };
	struct env e;

	env_open(&e, 0);
	for (__u32 size = 0; size < sizeof(struct nyx_head); size++) {
		c[0] = size;
		test_err(EINVAL, nyx_cmd(e.fd, NYX_DEVICE_ADD, c));
		for (int i = 1; i < 8; i++)
			ASSERT_EQ(0, c[i]);
	}
	c[0] = sizeof(struct nyx_head);
	test_err(EINVAL, nyx_cmd(e.fd, NYX_DEVICE_ADD, c));
	ASSERT_EQ(NYX_REASON_SIZE, c[2]);
}
