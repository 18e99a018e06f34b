// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: a unit to test with, and what can be observed about it.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Also the hooks of the harness. After each case, when all its processes are
 * gone, the system must have as many units and as many pinned pages as before,
 * and the module must not have written to the kernel log. Some releases are
 * asynchronous (file descriptors in flight, work queues): they are given time.
 */
#include "nyx_env.h"

#include <ctype.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include <linux/userfaultfd.h>

const struct memory_case memory_cases[4] = {
	{ "user", MEM_USER }, { "pinned", MEM_PINNED }, { "file", MEM_FILE },
	{ "file_pinned", MEM_FILE_PINNED },
};

#define LEAK_TRIES	500	/* of 20 ms */

static long base_units, base_pins;
static int kmsg = -1;

void pause_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

/* ---- hooks of the harness ---- */

const char *ktap_precheck(void)
{
	static char reason[128];
	int fd = open(NYX_DEVICE, O_RDWR);

	if (fd < 0) {
		snprintf(reason, sizeof(reason), "%s: %s", NYX_DEVICE, strerror(errno));
		return reason;
	}
	close(fd);
	return NULL;
}

static long count_units(void)
{
	struct nyx_module_info info;
	int fd = open(NYX_DEVICE, O_RDWR | O_CLOEXEC);
	long n = -1;

	if (fd >= 0 && !cmd_module_info(fd, &info))
		n = info.out_nr_units;
	close(fd);
	return n;
}

/* The text of the next record of the module or of a splat, or NULL. */
static const char *next_kernel_message(char *rec, size_t size)
{
	ssize_t n;

	while ((n = read(kmsg, rec, size - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		char *text;

		if (n < 0)
			continue;
		rec[n] = '\0';
		text = strchr(rec, ';');
		if (!text++)
			continue;
		text[strcspn(text, "\n")] = '\0';
		if (!strncmp(text, "nyx:", 4) || !strncmp(text, "nyx_iommu:", 10) ||
		    !strncmp(text, "nyx-iommu:", 10) || strstr(text, "WARNING:") ||
		    strstr(text, "BUG:"))
			return text;
	}
	return NULL;
}

void kernel_said(const char *text)
{
	static char rec[8192];
	const char *msg;

	/* The place in the log is that of the program, which has opened it. */
	msg = kmsg < 0 ? NULL : next_kernel_message(rec, sizeof(rec));
	if (!msg || !strstr(msg, text))
		FAIL("the kernel says '%.300s', not '%s'", msg ? msg : "nothing", text);
}

void ktap_baseline(void)
{
	if (kmsg < 0) {
		kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (kmsg >= 0)
			lseek(kmsg, 0, SEEK_END);
	}
	base_units = count_units();
	base_pins = pinned_pages();
}

const char *ktap_leaks(void)
{
	static char text[1200];
	static char rec[8192];
	const char *msg;
	long units = 0, pins = 0;

	for (int i = 0; i < LEAK_TRIES; i++) {
		units = count_units();
		pins = pinned_pages();
		if (units <= base_units && pins <= base_pins)
			break;
		pause_ms(20);
	}
	if (units != base_units) {
		snprintf(text, sizeof(text), "%ld units, before it %ld", units, base_units);
		return text;
	}
	if (pins > base_pins) {
		snprintf(text, sizeof(text), "%ld pinned pages, before it %ld", pins, base_pins);
		return text;
	}
	if (kmsg >= 0) {
		msg = next_kernel_message(rec, sizeof(rec));
		if (msg) {
			snprintf(text, sizeof(text), "in the kernel log: %.1000s", msg);
			return text;
		}
	}
	return NULL;
}

/* ---- memory ---- */

void *map_aligned(size_t size, size_t align, int prot, int flags, int fd)
{
	size_t room = size + align;
	unsigned char *area, *p;

	area = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (area == MAP_FAILED)
		SKIP("no %zu bytes of address space: %s", room, strerror(errno));
	p = (unsigned char *)(((uintptr_t)area + align - 1) & ~(uintptr_t)(align - 1));
	if (mmap(p, size, prot, flags | MAP_FIXED, fd, 0) != p)
		FAIL("mmap of %zu bytes: %s", size, strerror(errno));
	/* The rest of the area stays inaccessible: guard pages. */
	madvise(p, size, MADV_NOHUGEPAGE);
	return p;
}

int memfd_new(const char *name, size_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		SKIP("memfd_create: %s", strerror(errno));
	if (ftruncate(fd, size))
		FAIL("ftruncate: %s", strerror(errno));
	return fd;
}

static void env_add_memory(struct env *e, const struct env_opts *o)
{
	const int anon = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	__u32 flags = o->shared ? NYX_MEMORY_F_SHARED : 0;

	if (o->memory == MEM_PINNED || o->memory == MEM_FILE_PINNED)
		flags |= NYX_MEMORY_F_PINNED;
	e->mem_size = o->mem_size ? o->mem_size : 4 * SZ_1M;
	switch (o->memory) {
	case MEM_NONE:
		return;
	case MEM_RESERVED:
		e->mem = map_aligned(e->mem_size, SZ_2M, PROT_NONE, anon, -1);
		test_cmd(cmd_memory_add(e->fd, flags, 0, e->mem_size, e->mem));
		return;
	case MEM_USER:
	case MEM_PINNED:
		e->mem = map_aligned(e->mem_size, SZ_2M, PROT_READ | PROT_WRITE, anon, -1);
		test_cmd(cmd_memory_add(e->fd, flags, 0, e->mem_size, e->mem));
		return;
	case MEM_FILE:
	case MEM_FILE_PINNED:
		e->file = memfd_new("guest", e->mem_size);
		e->mem = map_aligned(e->mem_size, SZ_2M, PROT_READ | PROT_WRITE, MAP_SHARED,
				     e->file);
		test_cmd(cmd_memory_add_file(e->fd, flags, 0, e->mem_size, e->file, 0));
		return;
	}
}

int policy_only_report(int fd)
{
	static const struct nyx_policy policy = {
		.action = NYX_ACTION_REPORT, .threshold = 1000000, .window_ms = 1000,
		.weight = { 1, 1, 1, 1, 1 }, .backoff_ms = 1000, .backoff_max_ms = 1000,
		.probation_ms = 1000, .max_tries = 1, .records_per_s = 0xffffffff,
	};

	return cmd_policy_set(fd, NYX_SCOPE_UNIT, 0, &policy);
}

void env_open_opts(struct env *e, const struct env_opts *o)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct nyx_unit_create u = {
		.flags = o->shared ? NYX_UNIT_F_SHARED : 0,
		.address_width = o->unit_width, .event_entries = o->events,
		.iotlb_entries = o->iotlb ? o->iotlb : NYX_DEFAULT, .irt_entries = o->irt,
		.view_timeout_ms = o->view_timeout_ms,
	};
	struct nyx_domain_create d = {
		.flags = o->domain_flags, .kind = o->kind, .format = o->format,
		.address_width = o->width, .page_sizes = o->page_sizes,
	};

	if (o->iotlb == ENV_IOTLB_OFF)
		u.iotlb_entries = 0;
	*e = (struct env){ .fd = nyx_open(), .sbdf = ENV_SBDF, .file = -1 };
	setrlimit(RLIMIT_MEMLOCK, &unlimited);	/* where it may */
	test_cmd(cmd_unit_create(e->fd, &u));
	e->unit = u.out_unit_id;
	if (!o->kernel_policy)
		test_cmd(policy_only_report(e->fd));
	env_add_memory(e, o);
	if (o->no_domain)
		return;
	test_cmd(cmd_domain_create(e->fd, &d));
	e->domain = d.out_domain_id;
	test_cmd(cmd_device_add(e->fd, e->sbdf));
	test_cmd(cmd_device_attach(e->fd, e->sbdf, e->domain, 0));
}

/* ---- accesses ---- */

static void check_dma(int ret, const struct nyx_dma *c)
{
	if (ret || c->out_fault.reason || c->out_done != c->length)
		FAIL("DMA op %u of 0x%llx at 0x%llx: %s, done 0x%llx, fault %u at 0x%llx", c->op,
		     (unsigned long long)c->length, (unsigned long long)c->iova, strerror(-ret),
		     (unsigned long long)c->out_done, c->out_fault.reason,
		     (unsigned long long)c->out_fault.iova);
}

void dma_write(int fd, __u32 sbdf, __u64 iova, const void *buf, __u64 length)
{
	struct nyx_dma c;

	check_dma(cmd_dma_write(fd, &c, sbdf, iova, buf, length), &c);
}

void dma_read(int fd, __u32 sbdf, __u64 iova, void *buf, __u64 length)
{
	struct nyx_dma c;

	check_dma(cmd_dma_read(fd, &c, sbdf, iova, buf, length), &c);
}

void dma_refused(int fd, __u32 sbdf, __u64 iova, __u32 access, __u32 reason)
{
	struct nyx_dma c;
	__u8 byte = 0;

	if (access == NYX_PROT_READ)
		test_cmd(cmd_dma_read(fd, &c, sbdf, iova, &byte, 1));
	else
		test_cmd(cmd_dma_write(fd, &c, sbdf, iova, &byte, 1));
	ASSERT_EQ(0, c.out_done);
	ASSERT_EQ(reason, c.out_fault.reason);
	ASSERT_EQ(access, c.out_fault.access);
	ASSERT_EQ(iova, c.out_fault.iova);
	ASSERT_EQ(0, c.out_fault.vendor);
}

void check_fault(const struct nyx_fault *f, __u32 reason, __u32 access, int level, __u64 iova,
		 __u64 gpa)
{
	ASSERT_EQ(reason, f->reason);
	ASSERT_EQ(access, f->access);
	if (level >= 0)
		ASSERT_EQ(level, f->level);
	ASSERT_EQ(0, f->vendor);
	ASSERT_EQ(iova, f->iova);
	ASSERT_EQ(gpa, f->gpa);
}

/* ---- listings ---- */

__u64 unit_stat(int fd, enum nyx_stat stat)
{
	__u64 values[NYX_STAT_MAX];

	test_cmd(cmd_stats(fd, NYX_SCOPE_UNIT, 0, values));
	return values[stat];
}

void *list_all(int fd, __u32 type, __u32 domain, size_t entry_size, size_t *nr)
{
	struct nyx_list l = { .type = type, .domain_id = domain };
	const size_t page = 256;
	unsigned char *all = NULL;
	size_t n = 0;

	do {
		all = realloc(all, (n + page) * entry_size);
		if (!all)
			FAIL("no memory");
		memset(all + n * entry_size, NYX_POISON, page * entry_size);
		test_cmd(cmd_list(fd, &l, all + n * entry_size, entry_size, page));
		ASSERT_LE(l.out_nr, page);
		n += l.out_nr;
		if (l.out_more) {
			ASSERT_EQ(1, l.out_more);
			ASSERT_GT(l.out_nr, 0);
			ASSERT_GT(l.out_next, l.start);
		}
		l.start = l.out_next;
	} while (l.out_more);
	*nr = n;
	return all;
}

void domain_info(int fd, __u32 id, struct nyx_domain_info *info)
{
	struct nyx_list l = { .type = NYX_LIST_DOMAINS, .start = id };

	test_cmd(cmd_list(fd, &l, info, sizeof(*info), 1));
	ASSERT_EQ(1, l.out_nr);
	ASSERT_EQ(id, info->domain_id);
}

void device_info(int fd, __u32 sbdf, struct nyx_device_info *info)
{
	struct nyx_list l = { .type = NYX_LIST_DEVICES, .start = sbdf };

	test_cmd(cmd_list(fd, &l, info, sizeof(*info), 1));
	ASSERT_EQ(1, l.out_nr);
	ASSERT_EQ(sbdf, info->sbdf);
}

__u32 device_state(int fd, __u32 sbdf)
{
	struct nyx_device_info info;

	device_info(fd, sbdf, &info);
	return info.state;
}

void binding_info(int fd, __u32 id, struct nyx_binding_info *info)
{
	struct nyx_list l = { .type = NYX_LIST_BINDINGS, .start = id };

	test_cmd(cmd_list(fd, &l, info, sizeof(*info), 1));
	ASSERT_EQ(1, l.out_nr);
	ASSERT_EQ(id, info->binding_id);
}

__u32 units_in_system(int fd)
{
	struct nyx_module_info info;

	test_cmd(cmd_module_info(fd, &info));
	return info.out_nr_units;
}

/* ---- events ---- */

unsigned int events_read(int ev, struct nyx_event *event, unsigned int max)
{
	ssize_t n;

	memset(event, NYX_POISON, max * sizeof(*event));
	n = read(ev, event, max * sizeof(*event));
	if (n < 0) {
		ASSERT_EQ(EAGAIN, errno);
		return 0;
	}
	ASSERT_EQ(0, n % sizeof(*event));
	return n / sizeof(*event);
}

/* Ends the case if nothing comes. */
static void wait_readable(int fd, const char *what)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n;

	do {
		n = poll(&p, 1, PATIENCE_NS / 1000000);
	} while (n < 0 && errno == EINTR);
	if (n != 1)
		FAIL("waited in vain for %s", what);
}

void event_wait(int ev, __u32 type, struct nyx_event *event)
{
	char what[40];

	snprintf(what, sizeof(what), "an event of type %u", type);
	for (;;) {
		wait_readable(ev, what);
		ASSERT_EQ(1, events_read(ev, event, 1));
		if (event->type == type)
			return;
		ASSERT_NE(NYX_EVENT_LOST, event->type);
	}
}

unsigned int events_count(int ev, __u32 type)
{
	struct nyx_event event[16];
	unsigned int n, count = 0;

	while ((n = events_read(ev, event, ARRAY_SIZE(event))) > 0) {
		for (unsigned int i = 0; i < n; i++) {
			ASSERT_NE(NYX_EVENT_LOST, event[i].type);
			count += event[i].type == type;
		}
	}
	return count;
}

/* ---- eventfd(2) ---- */

int eventfd_new(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		FAIL("eventfd: %s", strerror(errno));
	return fd;
}

void eventfd_give(int fd)
{
	const __u64 one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		FAIL("write to an eventfd: %s", strerror(errno));
}

__u64 eventfd_take(int fd)
{
	__u64 count;

	if (read(fd, &count, sizeof(count)) == sizeof(count))
		return count;
	ASSERT_EQ(EAGAIN, errno);
	return 0;
}

__u64 eventfd_wait(int fd)
{
	wait_readable(fd, "a signal");
	return eventfd_take(fd);
}

/* ---- snapshots ---- */

static void snapshot_add(struct snapshot *s, const void *p, size_t n)
{
	if (s->size + n > s->capacity) {
		s->capacity = 2 * (s->size + n);
		s->data = realloc(s->data, s->capacity);
		if (!s->data)
			FAIL("no memory");
	}
	if (n)
		memcpy(s->data + s->size, p, n);
	s->size += n;
}

static void *snapshot_list(struct snapshot *s, int fd, __u32 type, __u32 domain,
			   size_t entry_size, size_t *nr)
{
	void *all = list_all(fd, type, domain, entry_size, nr);

	snapshot_add(s, nr, sizeof(*nr));
	snapshot_add(s, all, *nr * entry_size);
	return all;
}

static void snapshot_limits(struct snapshot *s, int fd, __u32 scope, __u32 id)
{
	struct nyx_limits limits;

	test_cmd(cmd_limit_get(fd, scope, id, &limits));
	snapshot_add(s, &limits, sizeof(limits));
}

static void snapshot_policy(struct snapshot *s, int fd, __u32 scope, __u32 sbdf)
{
	struct nyx_policy_get policy;

	test_cmd(cmd_policy_get(fd, scope, sbdf, &policy));
	snapshot_add(s, &policy, sizeof(policy));
}

static void snapshot_stats(struct snapshot *s, int fd, __u32 scope, __u32 id)
{
	__u64 values[NYX_STAT_MAX];

	test_cmd(cmd_stats(fd, scope, id, values));
	snapshot_add(s, values, sizeof(values));
}

void snapshot_take(struct snapshot *s, int fd, bool counters)
{
	struct nyx_domain_info *domains;
	struct nyx_device_info *devices;
	struct nyx_unit_info unit;
	__u32 units;
	size_t n, m;

	*s = (struct snapshot){ 0 };
	units = units_in_system(fd);
	snapshot_add(s, &units, sizeof(units));
	test_cmd(cmd_unit_info(fd, &unit));
	snapshot_add(s, &unit, sizeof(unit));
	if (counters)
		snapshot_stats(s, fd, NYX_SCOPE_UNIT, 0);
	snapshot_policy(s, fd, NYX_SCOPE_UNIT, 0);
	free(snapshot_list(s, fd, NYX_LIST_MEMORY, 0, sizeof(struct nyx_memory_info), &n));
	free(snapshot_list(s, fd, NYX_LIST_IRTES, 0, sizeof(struct nyx_irte_info), &n));
	free(snapshot_list(s, fd, NYX_LIST_BINDINGS, 0, sizeof(struct nyx_binding_info), &n));

	domains = snapshot_list(s, fd, NYX_LIST_DOMAINS, 0, sizeof(*domains), &n);
	for (size_t i = 0; i < n; i++) {
		if (counters)
			snapshot_stats(s, fd, NYX_SCOPE_DOMAIN, domains[i].domain_id);
		snapshot_limits(s, fd, NYX_SCOPE_DOMAIN, domains[i].domain_id);
		if (domains[i].kind == NYX_DOMAIN_PAGING)
			free(snapshot_list(s, fd, NYX_LIST_MAPPINGS, domains[i].domain_id,
					   sizeof(struct nyx_mapping_info), &m));
	}
	free(domains);

	devices = list_all(fd, NYX_LIST_DEVICES, 0, sizeof(*devices), &n);
	for (size_t i = 0; i < n; i++) {
		devices[i].score = 0;	/* goes by with time */
		snapshot_add(s, &devices[i], sizeof(devices[i]));
		snapshot_limits(s, fd, NYX_SCOPE_DEVICE, devices[i].sbdf);
		snapshot_policy(s, fd, NYX_SCOPE_DEVICE, devices[i].sbdf);
		if (counters)
			snapshot_stats(s, fd, NYX_SCOPE_DEVICE, devices[i].sbdf);
	}
	free(devices);
}

void snapshot_check(const struct snapshot *s, int fd, bool counters)
{
	struct snapshot now;

	snapshot_take(&now, fd, counters);
	if (now.size != s->size)
		FAIL("the state of the unit has changed: %zu bytes, before %zu", now.size, s->size);
	ASSERT_SAME(now.data, s->data, s->size);
	snapshot_free(&now);
}

void snapshot_free(struct snapshot *s)
{
	free(s->data);
	*s = (struct snapshot){ 0 };
}

/* ---- the system ---- */

/* The number behind @key at the beginning of a line of @path, or -1. */
static long file_value(const char *path, const char *key)
{
	size_t len = strlen(key);
	char line[256];
	long value = -1;
	FILE *f = fopen(path, "re");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, key, len) && (isspace(line[len]) || line[len] == ':')) {
			value = strtol(line + len + 1, NULL, 10);
			break;
		}
	}
	fclose(f);
	return value;
}

long pinned_pages(void)
{
	long acquired, released;
	char c;
	int fd = open("/proc/sys/vm/stat_refresh", O_RDONLY | O_CLOEXEC);

	/* Reading it folds the counters of all CPUs into the global ones. */
	if (fd >= 0) {
		if (read(fd, &c, 1) < 0)
			errno = 0;
		close(fd);
	}
	acquired = file_value("/proc/vmstat", "nr_foll_pin_acquired");
	released = file_value("/proc/vmstat", "nr_foll_pin_released");
	return acquired < 0 || released < 0 ? -1 : acquired - released;
}

long status_kb(const char *field)
{
	return file_value("/proc/self/status", field);
}

unsigned int nr_cpus(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n;
}

pthread_t thread_start(void *(*fn)(void *), void *arg)
{
	pthread_t t;
	int ret = pthread_create(&t, NULL, fn, arg);

	if (ret)
		FAIL("pthread_create: %s", strerror(ret));
	return t;
}

void thread_end(pthread_t t, const char *what)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_NS / 1000000000;
	if (pthread_timedjoin_np(t, NULL, &until))
		FAIL("%s hangs", what);
}

__u64 boottime_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void *signal_on(void *arg)
{
	struct signaller *s = arg;

	while (!__atomic_load_n(&s->stop, __ATOMIC_SEQ_CST)) {
		eventfd_give(s->fd);
		if (__atomic_add_fetch(&s->given, 1, __ATOMIC_SEQ_CST) % 8 == 0)
			sched_yield();
	}
	return NULL;
}

void signaller_start(struct signaller *s, int fd)
{
	*s = (struct signaller){ .fd = fd };
	s->thread = thread_start(signal_on, s);
}

void signaller_stop(struct signaller *s)
{
	__atomic_store_n(&s->stop, true, __ATOMIC_SEQ_CST);
	thread_end(s->thread, "the signaller");
}

void stall_arm(struct stall *s, void *addr, size_t size)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = PTR(addr), .len = size },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	s->addr = addr;
	s->size = size;
	s->uffd = syscall(__NR_userfaultfd, O_CLOEXEC);
	if (s->uffd < 0 && errno == ENOSYS)
		NOT_HERE("no userfaultfd in this kernel");
	if (s->uffd < 0)
		SKIP("userfaultfd: %s", strerror(errno));
	if (ioctl(s->uffd, UFFDIO_API, &api))
		SKIP("UFFDIO_API: %s", strerror(errno));
	madvise(addr, size, MADV_DONTNEED);
	if (ioctl(s->uffd, UFFDIO_REGISTER, &reg))
		SKIP("UFFDIO_REGISTER: %s", strerror(errno));
}

void stall_wait(struct stall *s)
{
	struct uffd_msg msg;

	if (read(s->uffd, &msg, sizeof(msg)) != sizeof(msg))
		FAIL("read from userfaultfd: %s", strerror(errno));
	ASSERT_EQ(UFFD_EVENT_PAGEFAULT, msg.event);
}

void stall_release_with(struct stall *s, const void *content)
{
	struct uffdio_copy copy = { .dst = PTR(s->addr), .src = PTR(content), .len = s->size };

	while (ioctl(s->uffd, UFFDIO_COPY, &copy)) {
		if (errno != EAGAIN)
			FAIL("UFFDIO_COPY: %s", strerror(errno));
		copy.copy = 0;
	}
	close(s->uffd);
}

void stall_release(struct stall *s, unsigned char fill)
{
	unsigned char *page = ktap_alloc(s->size);

	memset(page, fill, s->size);
	stall_release_with(s, page);
	free(page);
}

void wait_asleep(pid_t tid)
{
	char path[64], state[256], *p;
	int asleep = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	for (int i = 0; i < 100 && asleep < 5; i++) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, state, sizeof(state) - 1);

		close(fd);
		if (n <= 0)
			return;
		state[n] = '\0';
		p = strrchr(state, ')');
		if (p && (p[2] == 'S' || p[2] == 'D'))
			asleep++;
		else
			asleep = 0;
		pause_ms(5);
	}
}

static void *caller_thread(void *arg)
{
	struct caller *c = arg;

	__atomic_store_n(&c->tid, syscall(__NR_gettid), __ATOMIC_RELEASE);
	c->ret = c->fn(c->arg);
	__atomic_store_n(&c->done, true, __ATOMIC_SEQ_CST);
	return NULL;
}

void caller_start(struct caller *c, int (*fn)(void *arg), void *arg)
{
	*c = (struct caller){ .fn = fn, .arg = arg };
	c->thread = thread_start(caller_thread, c);
	while (!__atomic_load_n(&c->tid, __ATOMIC_ACQUIRE))
		sched_yield();
}

bool caller_waits(struct caller *c)
{
	wait_asleep(c->tid);
	return !__atomic_load_n(&c->done, __ATOMIC_SEQ_CST);
}

int caller_end(struct caller *c)
{
	thread_end(c->thread, "a call");
	return c->ret;
}

pid_t caller_fork(int (*fn)(void *arg), void *arg)
{
	pid_t pid = fork();

	ASSERT_TRUE(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fn(arg);
		_exit(0);
	}
	return pid;
}

void caller_kill(pid_t pid)
{
	int status;

	wait_asleep(pid);
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* ---- tracepoints ---- */

void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	ASSERT_TRUE(f);
	ASSERT_TRUE(fputs(text, f) >= 0);
	ASSERT_EQ(0, fclose(f));
}

void trace_begin(const char *event)
{
	char path[128];

	mount("none", TRACING, "tracefs", 0, NULL);
	rmdir(TRACE_INSTANCE);
	if (mkdir(TRACE_INSTANCE, 0700))
		NOT_HERE("no tracefs with instances");
	/* Nothing that the test looks at may be overwritten. */
	write_file(TRACE_INSTANCE "/buffer_size_kb", "4096");
	snprintf(path, sizeof(path), TRACE_INSTANCE "/events/%s/enable", event);
	write_file(path, "1");
}

void trace_stop(void)
{
	write_file(TRACE_INSTANCE "/tracing_on", "0");
}

FILE *trace_open(void)
{
	FILE *f;

	trace_stop();
	f = fopen(TRACE_INSTANCE "/trace", "r");
	ASSERT_TRUE(f);
	return f;
}

void trace_forget(void)
{
	rmdir(TRACE_INSTANCE);
}

void trace_end(FILE *f)
{
	fclose(f);
	trace_forget();
}
