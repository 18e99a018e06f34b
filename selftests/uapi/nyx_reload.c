// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: the module is loaded and unloaded, again and again.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * rmmod is refused while something holds the module, and changes nothing then. It
 * works when the last holder is gone, and leaves nothing behind. Processes that use
 * the module meanwhile find it or find that it is away.
 *
 * NYX_VM_MODULES names the directory of nyx-iommu.ko: selftests/vm/run sets it. The
 * module stays loaded when the program ends, whatever has failed.
 */
#include "fail.h"
#include "nyx_env.h"

#include <dirent.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define MODULE		"nyx_iommu"
#define CLASS		"/sys/class/nyx-iommu"
#define DEBUGFS		"/sys/kernel/debug/nyx-iommu"
#define PARAMETER	"/sys/module/" MODULE "/parameters/max_units"
#define MEMORY		SZ_64K
#define ENTRY		5u

/* ---- load and unload ---- */

/* The file of the module; -errno if there is none. */
static int module_file(void)
{
	const char *folder = getenv("NYX_VM_MODULES");
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/nyx-iommu.ko", folder ? folder : "");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int load(const char *parameters)
{
	int fd = module_file(), ret;

	if (fd < 0)
		return fd;
	ret = syscall(SYS_finit_module, fd, parameters, 0) ? -errno : 0;
	close(fd);
	return ret;
}

/* It does not wait for the holders of the module. */
static int unload(void)
{
	return syscall(SYS_delete_module, MODULE, O_NONBLOCK) ? -errno : 0;
}

/* In the program itself, when all of its cases are over: the next one needs the module. */
__attribute__((__destructor__)) static void leave_it_loaded(void)
{
	load("");
}

/* ---- what there is of a loaded module ---- */

/* debugfs and tracefs may lack: then nothing is looked for there. */
static const struct {
	const char *path;
	const char *needs;
} places[] = {
	{ NYX_DEVICE, "/dev" },
	{ CLASS, "/sys" },
	{ "/sys/module/" MODULE, "/sys" },
	{ "/sys/class/misc/nyx-iommu", "/sys" },
	{ "/sys/devices/virtual/misc/nyx-iommu", "/sys" },
	{ "/sys/devices/virtual/workqueue/nyx", "/sys" },
	{ DEBUGFS, "/sys/kernel/debug/clear_warn_once" },
	{ TRACING "/events/nyx", TRACING "/events" },
};

static bool exists(const char *path)
{
	struct stat st;

	return !stat(path, &st);
}

/* Lines of @path that have @word, or begin with it. */
static unsigned int lines_with(const char *path, const char *word, bool first)
{
	FILE *f = fopen(path, "re");
	unsigned int nr = 0;
	char line[4096];

	ASSERT_TRUE(f);
	while (fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, word);

		nr += at && (!first || at == line);
	}
	fclose(f);
	return nr;
}

static void all_is_there(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (exists(places[i].needs) && !exists(places[i].path))
			FAIL("the module is loaded without %s", places[i].path);
	ASSERT_EQ(1, lines_with("/proc/modules", MODULE " ", true));
	ASSERT_EQ(1, lines_with("/proc/misc", " nyx-iommu\n", false));
}

static void nothing_is_left(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (exists(places[i].path))
			FAIL("the module is unloaded and leaves %s", places[i].path);
	ASSERT_EQ(0, lines_with("/proc/modules", MODULE " ", true));
	ASSERT_EQ(0, lines_with("/proc/misc", " nyx-iommu\n", false));
}

static long references(void)
{
	FILE *f = fopen("/sys/module/" MODULE "/refcnt", "re");
	long n;

	ASSERT_TRUE(f && fscanf(f, "%ld", &n) == 1);
	fclose(f);
	return n;
}

/* Loaded, with all that it has in sight, and without holders. */
static void begin(void)
{
	const char *kernel = getenv("NYX_VM");
	int fd = module_file(), ret;

	/*
	 * Its KASAN knows nothing of vmalloc(): the red zones of a module's variables stay
	 * when it is unloaded, and are reported when the next one is loaded in their place.
	 */
	if (kernel && !strcmp(kernel, "uml"))
		NOT_HERE("this kernel's KASAN allows no second load of a module");
	if (fd < 0)
		SKIP("no nyx-iommu.ko in NYX_VM_MODULES: %s", strerror(-fd));
	close(fd);
	if (exists("/sys/kernel/debug") && !exists("/sys/kernel/debug/clear_warn_once"))
		mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	if (exists(TRACING) && !exists(TRACING "/events"))
		mount("none", TRACING, "tracefs", 0, NULL);
	ret = load("");		/* a case before this one may have failed */
	ASSERT_TRUE(!ret || ret == -EEXIST);
	all_is_there();
	/* The last one to close a file may be a process that has just died. */
	WAIT_FOR(references() == 0);
}

/* Unloaded, and loaded again, it works. */
static void unload_and_load(void)
{
	struct env e;

	test_cmd(unload());
	nothing_is_left();
	test_err(ENOENT, unload());
	test_cmd(load(""));
	all_is_there();
	ASSERT_EQ(0, references());
	env_open(&e, .iotlb = 64);
	ASSERT_GT(references(), 0);
	close(e.fd);
}

/* ---- holders ---- */

/**
 * struct held - what holds the module
 * @fd: a file, or what is left of it
 * @ev: another one
 * @source: an eventfd that was bound
 * @target: likewise
 * @unit: a persistent unit
 */
struct held {
	int fd;
	int ev;
	int source;
	int target;
	__u32 unit;
};

static void hold_file(struct held *h)
{
	h->fd = nyx_open();
}

static void file_works(struct held *h)
{
	struct nyx_module_info info;

	test_cmd(cmd_module_info(h->fd, &info));
	ASSERT_EQ(0, info.out_nr_units);
}

static void release_file(struct held *h)
{
	test_cmd(close(h->fd));
}

static void hold_unit(struct held *h)
{
	struct env e;

	env_open(&e);
	h->fd = e.fd;
}

static void unit_works(struct held *h)
{
	struct nyx_unit_info info;

	test_cmd(cmd_unit_info(h->fd, &info));
	ASSERT_EQ(1, info.nr_devices);
}

/* A file that is in a socket only, without a reader. */
static void hold_in_flight(struct held *h)
{
	char room[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
	struct iovec vec = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &vec, .msg_iovlen = 1, .msg_control = room,
		.msg_controllen = sizeof(room),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int pair[2], fd = nyx_open();

	test_cmd(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	*c = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(fd)),
	};
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	ASSERT_EQ(1, sendmsg(pair[0], &m, 0));
	close(fd);
	h->fd = pair[0];
	h->ev = pair[1];
}

static void release_in_flight(struct held *h)
{
	close(h->fd);
	close(h->ev);
}

/* No file at all. */
static void hold_kept(struct held *h)
{
	int fd = nyx_open();

	test_cmd(cmd_unit_create_dflt(fd, "reload", UNIT_PERSISTENT, &h->unit));
	close(fd);
}

static void kept_works(struct held *h)
{
	char path[200];

	snprintf(path, sizeof(path), CLASS "/unit%u", h->unit);
	ASSERT_TRUE(exists(path));
}

static void release_kept(struct held *h)
{
	int fd = nyx_open();

	test_cmd(cmd_unit_open(fd, NYX_ID_ANY, "reload", NULL));
	test_cmd(cmd_unit_destroy(fd));
	close(fd);
	(void)h;
}

/* A stream whose unit has ended. */
static void hold_events(struct held *h)
{
	hold_unit(h);
	test_cmd(cmd_events_open(h->fd, NYX_EVENTS_F_NONBLOCK | NYX_EVENTS_F_HISTORY, &h->ev));
	close(h->fd);
	h->fd = h->ev;
}

static void events_work(struct held *h)
{
	struct nyx_event event;

	events_read(h->fd, &event, 1);
}

/* A thread waits in read(2) for events, and has the last descriptor. */
static struct caller reader;

static int read_event(void *arg)
{
	struct held *h = arg;
	struct nyx_event event;
	ssize_t n = read(h->ev, &event, sizeof(event));

	return n < 0 ? -errno : n;
}

static void hold_reader(struct held *h)
{
	hold_unit(h);
	test_cmd(cmd_events_open(h->fd, 0, &h->ev));
	caller_start(&reader, read_event, h);
	ASSERT_TRUE(caller_waits(&reader));
	close(h->ev);
}

static void reader_waits(struct held *h)
{
	ASSERT_TRUE(!reader.done);
	unit_works(h);
}

static void release_reader(struct held *h)
{
	close(h->fd);		/* the end of the stream */
	test_cmd(caller_end(&reader));
}

/* The eventfds stay: the source has no listener when the unit is gone. */
static void hold_binding(struct held *h)
{
	hold_unit(h);
	h->source = eventfd_new();
	h->target = eventfd_new();
	test_cmd(cmd_irte_simple(h->fd, ENTRY, 1, 0x40));
	test_cmd(cmd_irq_bind(h->fd, ENV_SBDF, msi_index(ENTRY), h->source, h->target, NULL));
}

static void binding_works(struct held *h)
{
	eventfd_give(h->source);
	ASSERT_EQ(1, eventfd_wait(h->target));
}

static void sources_are_free(struct held *h)
{
	eventfd_give(h->source);
	ASSERT_EQ(1, eventfd_take(h->source));
	ASSERT_EQ(0, eventfd_take(h->target));
}

/* A file of debugfs whose unit has ended. */
static void hold_debugfs(struct held *h)
{
	char path[200];
	struct env e;

	if (!exists(DEBUGFS))
		NOT_HERE("no debugfs in this kernel");
	env_open(&e);
	snprintf(path, sizeof(path), DEBUGFS "/unit%u/devices", e.unit);
	h->fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_TRUE(h->fd >= 0);
	close(e.fd);
}

static void debugfs_is_empty(struct held *h)
{
	char byte;

	ASSERT_EQ(-1, pread(h->fd, &byte, 1, 0));
	ASSERT_EQ(EIO, errno);
}

/**
 * struct holder - what holds the module
 * @name: its name
 * @hold: begins to
 * @works: what it does while it is held; or NULL
 * @release: the last holder is gone then
 * @after: what is left does no harm when the module is away; or NULL
 */
static const struct holder {
	const char *name;
	void (*hold)(struct held *h);
	void (*works)(struct held *h);
	void (*release)(struct held *h);
	void (*after)(struct held *h);
} holders[] = {
	{ "file", hold_file, file_works, release_file, NULL },
	{ "unit", hold_unit, unit_works, release_file, NULL },
	{ "file_in_flight", hold_in_flight, NULL, release_in_flight, NULL },
	{ "kept_unit", hold_kept, kept_works, release_kept, NULL },
	{ "events", hold_events, events_work, release_file, NULL },
	{ "waiting_reader", hold_reader, reader_waits, release_reader, NULL },
	{ "binding", hold_binding, binding_works, release_file, sources_are_free },
	{ "debugfs_file", hold_debugfs, debugfs_is_empty, release_file, NULL },
};

TEST_EACH(held, holders)
{
	struct held h = { .fd = -1 };
	long held;

	begin();
	v->hold(&h);
	held = references();
	ASSERT_GT(held, 0);
	for (int i = 0; i < 2; i++) {
		test_err(EWOULDBLOCK, unload());
		ASSERT_EQ(held, references());
		all_is_there();
		if (v->works)
			v->works(&h);
	}
	test_err(EEXIST, load(""));
	ASSERT_EQ(held, references());
	v->release(&h);
	/* The kernel frees units in flight, and those in a debugfs file, a little later. */
	WAIT_FOR(references() == 0);
	test_cmd(unload());
	nothing_is_left();
	if (v->after)
		v->after(&h);
	test_cmd(load(""));
	unload_and_load();
	if (v->after)
		v->after(&h);
}

/* ---- what does not hold it ---- */

static void read_fails(int fd, int error)
{
	char byte;

	ASSERT_EQ(-1, pread(fd, &byte, 1, 0));
	ASSERT_EQ(error, errno);
}

/* Files of sysfs that are open: those of a unit that has ended, and of the module. */
TEST(open_sysfs_files)
{
	int unit, parameter;
	char path[200];
	struct env e;

	begin();
	env_open(&e);
	snprintf(path, sizeof(path), CLASS "/unit%u/model", e.unit);
	unit = open(path, O_RDONLY | O_CLOEXEC);
	parameter = open(PARAMETER, O_RDONLY | O_CLOEXEC);
	ASSERT_TRUE(unit >= 0 && parameter >= 0);
	test_err(EWOULDBLOCK, unload());
	close(e.fd);
	WAIT_FOR(references() == 0);
	for (int i = 0; i < 2; i++) {
		test_cmd(unload());
		read_fails(unit, ENODEV);
		read_fails(parameter, ENODEV);
		nothing_is_left();
		test_cmd(load(""));
		/* They are other files now. */
		read_fails(unit, ENODEV);
		read_fails(parameter, ENODEV);
	}
}

/* Tracepoints that are enabled go with the module, and come back disabled. */
TEST(enabled_tracepoint)
{
	struct env e;
	char state;
	int fd;

	begin();
	for (int i = 0; i < 2; i++) {
		trace_begin("nyx/nyx_map");
		env_open(&e);
		test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_4K, RW));
		close(e.fd);
		ASSERT_EQ(1, lines_with(TRACE_INSTANCE "/trace", "nyx_map: ", false));
		test_cmd(unload());
		nothing_is_left();
		ASSERT_TRUE(!exists(TRACE_INSTANCE "/events/nyx"));
		/* No record is left that only the module could print. */
		ASSERT_EQ(0, lines_with(TRACE_INSTANCE "/trace", "nyx", false));
		test_cmd(load(""));
		fd = open(TRACE_INSTANCE "/events/nyx/nyx_map/enable", O_RDONLY | O_CLOEXEC);
		ASSERT_EQ(1, read(fd, &state, 1));
		ASSERT_EQ('0', state);
		close(fd);
	}
	trace_forget();
}

/* ---- parameters ---- */

static const struct parameters {
	const char *name;
	const char *text;
	int error;
	const char *says;
} wrong[] = {
	{ "no_number", "max_units=many", EINVAL, "`many' invalid for parameter `max_units'" },
	{ "empty", "max_units=", EINVAL, "`' invalid for parameter `max_units'" },
	{ "negative", "max_units_per_user=-1", EINVAL, "invalid for parameter `max_units_per_user'" },
	{ "too_large", "max_units=4294967296", ERANGE, "invalid for parameter `max_units'" },
	{ "second_one", "max_units=7 max_bindings_per_user=0x", EINVAL,
	  "invalid for parameter `max_bindings_per_user'" },
};

TEST_EACH(wrong_parameters, wrong)
{
	begin();
	test_cmd(unload());
	for (int i = 0; i < 3; i++) {
		test_err(v->error, load(v->text));
		kernel_said(v->says);
		nothing_is_left();
	}
	test_cmd(load(""));
	unload_and_load();
}

static unsigned long parameter(void)
{
	FILE *f = fopen(PARAMETER, "re");
	unsigned long value;

	ASSERT_TRUE(f && fscanf(f, "%lu", &value) == 1);
	fclose(f);
	return value;
}

/* They hold until the module is unloaded; the next load has the defaults again. */
TEST(parameters)
{
	static const unsigned int few[] = { 0, 1, 3 };
	unsigned long usual;
	int fd[4];

	begin();
	usual = parameter();
	for (size_t i = 0; i < ARRAY_SIZE(few); i++) {
		char text[40];

		test_cmd(unload());
		snprintf(text, sizeof(text), "max_units=%u", few[i]);
		test_cmd(load(text));
		ASSERT_EQ(few[i], parameter());
		for (unsigned int n = 0; n <= few[i]; n++) {
			fd[n] = nyx_open();
			test_err(n < few[i] ? 0 : ENOSPC,
				 cmd_unit_create_dflt(fd[n], NULL, 0, NULL));
		}
		for (unsigned int n = 0; n <= few[i]; n++)
			close(fd[n]);
	}
	test_cmd(unload());
	test_cmd(load(""));
	ASSERT_EQ(usual, parameter());
}

/* ---- an allocation that fails while it is loaded ---- */

/* Works as far as it is there: the kernel goes on without a node in /dev. */
static void try_out(void)
{
	struct env e;

	if (!exists(NYX_DEVICE))
		return;
	env_open(&e);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_4K, RW));
	close(e.fd);
}

#define LONG_ENOUGH_NS	60000000000ull	/* an emulated machine makes fewer rounds */

/* Loads, of which allocation @n fails. Returns whether there was such a one. */
static bool load_in_vain(int nth, unsigned int n, unsigned int *failed)
{
	bool used;
	int ret;

	ktap_note("allocation %u", n);
	fail_arm(nth, n);
	ret = load("");
	used = fail_disarm(nth);
	if (ret) {
		ASSERT_TRUE(used);
		ASSERT_EQ(-ENOMEM, ret);
		(*failed)++;
	} else {
		try_out();
		WAIT_FOR(references() == 0);
		test_cmd(unload());
	}
	nothing_is_left();
	return used;
}

/* All allocations, from any of them on, as far as the time goes. */
TEST(failing_load)
{
	struct rng r = rng_start(0);
	const unsigned int first = 1 + rng_below(&r, 100);
	const __u64 end = boottime_ns() + LONG_ENOUGH_NS;
	unsigned int n = first, tried = 0, failed = 0;
	bool from_start = false;
	int nth = fail_open(false);

	begin();
	fail_only_below("do_one_initcall");
	test_cmd(unload());
	while (boottime_ns() < end && !(from_start && n == first)) {
		ASSERT_LT(n, FAIL_MAX);
		tried++;
		if (load_in_vain(nth, n, &failed)) {
			n++;
		} else if (!from_start) {
			from_start = true;
			n = 1;
		} else {
			n = first;
		}
	}
	ktap_print("%u loads of which an allocation was to fail, %u failed", tried, failed);
	/* Two workqueues, a class, a device: each has several. */
	if (from_start && n == first)
		ASSERT_GT(failed, 10);
	test_cmd(load(""));
	unload_and_load();
}

/* ---- under load ---- */

#define USERS	2

/**
 * struct user_state - a process that uses the module
 * @done: how often all of it worked
 * @away: how often there was no module
 */
struct user_state {
	unsigned long done;
	unsigned long away;
};

/**
 * struct shared - what the processes tell each other
 * @unloading: the module is about to go: it is only opened, and closed again
 * @stop: the end
 * @user: the processes
 */
struct shared {
	bool unloading;
	bool stop;
	struct user_state user[USERS];
};

#define GET(x)	__atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define SET(x, value)	__atomic_store_n(&(x), value, __ATOMIC_SEQ_CST)
#define COUNT(x)	__atomic_add_fetch(&(x), 1, __ATOMIC_SEQ_CST)

static bool is_away(int error)
{
	return error == ENOENT || error == ENODEV || error == ENXIO;
}

/* The whole of a file, which must be there if @own. */
static void look_at(const char *path, bool own)
{
	char text[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	ktap_note("%s: %s", path, n < 0 ? strerror(errno) : "read");
	/* EIO: of debugfs, whose file is gone. */
	if (n < 0)
		ASSERT_TRUE(!own && (is_away(errno) || errno == EIO));
	else
		ASSERT_TRUE(n > 0 || !own);
	if (fd >= 0)
		close(fd);
}

/* Units of all processes, which come and go. */
static void look_around(void)
{
	static const char *const files[] = { CLASS "/%s/model", DEBUGFS "/%s/iotlb" };
	struct dirent *entry;
	DIR *dir = opendir(CLASS);
	char path[512];

	look_at(PARAMETER, false);
	if (!dir) {
		ASSERT_TRUE(is_away(errno));
		return;
	}
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, "unit", 4))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
			snprintf(path, sizeof(path), files[i], entry->d_name);
			look_at(path, false);
		}
	}
	closedir(dir);
}

/* The unit gets timers and work items to run later, and ends before that. */
static void leave_undone(int fd, int source, int target)
{
	static const struct nyx_policy policy = {
		.flags = NYX_POLICY_F_RECOVER, .action = NYX_ACTION_QUARANTINE, .threshold = 1,
		.window_ms = 60000, .weight = { 1, 1, 1, 1, 1 }, .backoff_ms = 20,
		.backoff_max_ms = 20, .probation_ms = 20, .max_tries = 1000,
		.records_per_s = 0xffffffff,
	};
	const struct nyx_page page = { .iova = SZ_1G, .access = NYX_PROT_READ };
	const __u32 sbdf = ENV_SBDF + 1;
	struct nyx_irq_bind bind;
	struct nyx_dma c;
	__u32 group;
	char byte;

	test_cmd(cmd_device_add(fd, sbdf));
	test_cmd(cmd_policy_set(fd, NYX_SCOPE_DEVICE, sbdf, &policy));
	test_cmd(cmd_dma_read(fd, &c, sbdf, 0, &byte, 1));
	ASSERT_EQ(1, unit_stat(fd, NYX_STAT_QUARANTINES));
	test_cmd(cmd_page_post(fd, ENV_SBDF, &page, 1, 20, &group));
	nyx_bind_init(&bind, ENV_SBDF, msi_index(ENTRY), source, target);
	bind.coalesce_us = 20000;
	test_cmd(nyx_cmd(fd, NYX_IRQ_BIND, &bind));
	eventfd_give(source);
}

/* All of it works, since the file holds the module. */
static void use_unit(int fd, unsigned char *mem, const int *ends)
{
	const int source = ends[0], target = ends[1];
	struct nyx_unit_create c = { .iotlb_entries = 64, .event_entries = 16, .irt_entries = 16 };
	unsigned char out[200], in[200] = { 0 };
	__u32 domain;
	char path[200];
	int ev;

	test_cmd(cmd_unit_create(fd, &c));
	test_cmd(cmd_memory_add(fd, 0, 0, MEMORY, mem));
	test_cmd(cmd_domain_paging(fd, 0, &domain));
	test_cmd(cmd_device_add(fd, ENV_SBDF));
	test_cmd(cmd_device_attach(fd, ENV_SBDF, domain, 0));
	test_cmd(cmd_map(fd, domain, SZ_1G, 0, MEMORY, RW));
	memset(out, 0x5a, sizeof(out));
	dma_write(fd, ENV_SBDF, SZ_1G + SZ_4K - 100, out, sizeof(out));
	dma_read(fd, ENV_SBDF, SZ_1G + SZ_4K - 100, in, sizeof(in));
	ASSERT_SAME(in, out, sizeof(out));
	test_cmd(cmd_events_open(fd, NYX_EVENTS_F_NONBLOCK, &ev));
	test_cmd(cmd_irte_simple(fd, ENTRY, 1, 0x40));
	test_cmd(cmd_irq_bind(fd, ENV_SBDF, msi_index(ENTRY), source, target, NULL));
	eventfd_give(source);
	ASSERT_EQ(1, eventfd_wait(target));
	snprintf(path, sizeof(path), CLASS "/unit%u/model", c.out_unit_id);
	look_at(path, true);
	snprintf(path, sizeof(path), DEBUGFS "/unit%u/devices", c.out_unit_id);
	look_at(path, exists(DEBUGFS));
	leave_undone(fd, ends[2], target);
	/* One more signal, which the end of the unit meets. */
	eventfd_give(source);
	close(fd);
	close(ev);
	for (int i = 0; i < 3; i++)
		eventfd_take(ends[i]);
}

static void use_module(struct shared *s, struct user_state *me, unsigned int nr)
{
	struct rng r = { .state = ktap_seed + 1000003 * nr };
	const int ends[3] = { eventfd_new(), eventfd_new(), eventfd_new() };
	unsigned char *mem = map_aligned(MEMORY, SZ_2M, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1);

	while (!GET(s->stop)) {
		int fd = open(NYX_DEVICE, O_RDWR | O_CLOEXEC);

		if (fd < 0) {
			ktap_note("open: %s", strerror(errno));
			ASSERT_TRUE(is_away(errno));
			COUNT(me->away);
			look_around();
			sched_yield();
		} else if (!GET(s->unloading)) {
			use_unit(fd, mem, ends);
			look_around();
			COUNT(me->done);
		} else {
			if (!rng_below(&r, 8))
				test_cmd(cmd_unit_create_dflt(fd, NULL, 0, NULL));
			close(fd);
			usleep(rng_below(&r, 2000));
		}
	}
}

/* Until each process has done it once more. */
static void await(struct shared *s, const struct user_state *before, bool away)
{
	for (unsigned int i = 0; i < USERS; i++) {
		if (away)
			WAIT_FOR(GET(s->user[i].away) > before[i].away);
		else
			WAIT_FOR(GET(s->user[i].done) > before[i].done);
	}
}

static unsigned int unload_at_last(void)
{
	__u64 until = boottime_ns() + PATIENCE_NS;
	unsigned int refused;
	int ret;

	for (refused = 0; (ret = unload()); refused++) {
		ASSERT_EQ(-EWOULDBLOCK, ret);
		ASSERT_LT(boottime_ns(), until);
		usleep(300);		/* let the others close it */
	}
	return refused;
}

TEST(under_load)
{
	unsigned long rounds = ktap_iterations(200), refused = 0, n;
	__u64 until = boottime_ns() + LONG_ENOUGH_NS;
	struct user_state before[USERS];
	pid_t pid[USERS];
	struct shared *s;

	begin();
	ktap_print("seed %llu", (unsigned long long)ktap_seed);
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(s != MAP_FAILED);
	for (unsigned int i = 0; i < USERS; i++) {
		pid[i] = fork();
		ASSERT_TRUE(pid[i] >= 0);
		if (!pid[i]) {
			use_module(s, &s->user[i], i);
			_exit(0);
		}
	}
	for (n = 0; n < rounds && (n < 5 || boottime_ns() < until); n++) {
		ktap_note("round %lu", n);
		memcpy(before, s->user, sizeof(before));
		SET(s->unloading, false);
		await(s, before, false);
		memcpy(before, s->user, sizeof(before));
		SET(s->unloading, true);
		refused += unload_at_last();
		await(s, before, true);
		nothing_is_left();
		test_cmd(load(""));
	}
	SET(s->stop, true);
	for (unsigned int i = 0; i < USERS; i++)
		ktap_wait_exit(pid[i]);
	ktap_print("%lu rounds, %lu times refused; used %lu and %lu times", n, refused,
		   s->user[0].done, s->user[1].done);
	all_is_there();
	WAIT_FOR(references() == 0);
	unload_and_load();
}
