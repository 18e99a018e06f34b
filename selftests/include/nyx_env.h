/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx selftests: a unit to test with, and what can be observed about it.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The functions end the case when something fails that is not its subject. The
 * kernel cleans up after a case when its process ends, and the harness checks
 * that it did: nyx_env.c defines the hooks of ktap.h.
 */
#ifndef NYX_SELFTESTS_NYX_ENV_H
#define NYX_SELFTESTS_NYX_ENV_H

#include <pthread.h>
#include <sys/types.h>

#include "nyx_cmd.h"

#define ENV_SBDF	NYX_SBDF(0, 3, 0, 0)
#define ENV_IOTLB_OFF	0xfffffffeu

/**
 * enum env_memory - guest memory of an env
 * @MEM_USER: anonymous memory, not pinned
 * @MEM_PINNED: anonymous memory, pinned
 * @MEM_FILE: a memfd, not pinned
 * @MEM_FILE_PINNED: a memfd, pinned
 * @MEM_NONE: none
 * @MEM_RESERVED: addresses without memory behind them, to translate to
 */
enum env_memory {
	MEM_USER = 0,
	MEM_PINNED,
	MEM_FILE,
	MEM_FILE_PINNED,
	MEM_NONE,
	MEM_RESERVED,
};

/* For TEST_EACH(): memory of every kind that there is something in. */
struct memory_case {
	const char *name;
	enum env_memory memory;
};

extern const struct memory_case memory_cases[4];

/**
 * struct env_opts - what is wanted; zero is the default of each
 * @iotlb: entries of the cache; 0: the interface's default, or ENV_IOTLB_OFF
 * @unit_width: address width of the unit
 * @events: size of the event ring
 * @memory: kind of guest memory
 * @mem_size: its size, 4 MiB if 0; it begins at GPA 0
 * @domain_flags: of the domain
 * @kind: of the domain
 * @format: of the domain
 * @width: of the domain
 * @page_sizes: of the domain
 * @no_domain: a unit with memory only
 * @irt: entries of the interrupt remapping table
 * @view_timeout_ms: of the unit
 * @shared: other processes may open the unit, and reach its memory
 * @kernel_policy: leave the fault policy as the kernel has it; otherwise every
 *                 fault is a record of its own, and nothing follows from it
 */
struct env_opts {
	__u32 iotlb;
	__u32 unit_width;
	__u32 events;
	enum env_memory memory;
	size_t mem_size;
	__u32 domain_flags;
	__u32 kind;
	__u32 format;
	__u32 width;
	__u64 page_sizes;
	bool no_domain;
	__u32 irt;
	__u32 view_timeout_ms;
	bool shared;
	bool kernel_policy;
};

/**
 * struct env - a unit with guest memory, a domain and a device attached to it
 * @fd: bound to the unit
 * @unit: the unit's id
 * @domain: the domain's id
 * @sbdf: the device
 * @mem: guest memory in the test's address space, aligned to 2 MiB
 * @mem_size: its size
 * @file: the memfd, or -1
 */
struct env {
	int fd;
	__u32 unit;
	__u32 domain;
	__u32 sbdf;
	unsigned char *mem;
	size_t mem_size;
	int file;
};

void env_open_opts(struct env *e, const struct env_opts *o);
#define env_open(e, ...) \
	env_open_opts(e, &(struct env_opts){ __VA_ARGS__ })

/* Gives a unit the policy that env_open() sets: 0 or -errno. */
int policy_only_report(int fd);

/* Memory of @size bytes, aligned to @align, on 4 KiB pages, of zeros. */
void *map_aligned(size_t size, size_t align, int prot, int flags, int fd);
int memfd_new(const char *name, size_t size);

/* A DMA that must work in whole. */
void dma_write(int fd, __u32 sbdf, __u64 iova, const void *buf, __u64 length);
void dma_read(int fd, __u32 sbdf, __u64 iova, void *buf, __u64 length);

/* Fails unless a DMA of one byte is refused for this reason. */
void dma_refused(int fd, __u32 sbdf, __u64 iova, __u32 access, __u32 reason);

/* Fails unless @f is exactly this. @level -1 is any. */
void check_fault(const struct nyx_fault *f, __u32 reason, __u32 access, int level, __u64 iova,
		 __u64 gpa);

/* One counter of the unit. */
__u64 unit_stat(int fd, enum nyx_stat stat);

/* The whole of a listing, for the caller to free. @nr is the number of entries. */
void *list_all(int fd, __u32 type, __u32 domain, size_t entry_size, size_t *nr);

void domain_info(int fd, __u32 id, struct nyx_domain_info *info);
void device_info(int fd, __u32 sbdf, struct nyx_device_info *info);
void binding_info(int fd, __u32 id, struct nyx_binding_info *info);
__u32 device_state(int fd, __u32 sbdf);
__u32 units_in_system(int fd);

/* ---- events: of a file descriptor with NYX_EVENTS_F_NONBLOCK ---- */

/* Reads up to @max records; 0 if there are none now, or no more ever. */
unsigned int events_read(int ev, struct nyx_event *event, unsigned int max);

/* The next record of a type; others before it are skipped. */
void event_wait(int ev, __u32 type, struct nyx_event *event);

/* Reads all that is there: how many of a type it was. */
unsigned int events_count(int ev, __u32 type);

/* ---- eventfd(2), which never block ---- */

int eventfd_new(void);
void eventfd_give(int fd);	/* adds 1 */
__u64 eventfd_take(int fd);	/* what is there, which may be 0 */
__u64 eventfd_wait(int fd);	/* what is there, when something is */

/**
 * struct snapshot - all that commands tell about a unit
 * @data: everything, one after the other
 * @size: bytes
 * @capacity: room
 */
struct snapshot {
	unsigned char *data;
	size_t size;
	size_t capacity;
};

/* With @counters false the NYX_STATS are left out. */
void snapshot_take(struct snapshot *s, int fd, bool counters);
void snapshot_check(const struct snapshot *s, int fd, bool counters);
void snapshot_free(struct snapshot *s);

/* Pages that are pinned in the system now, or -1 if the kernel does not tell. */
long pinned_pages(void);

/* A field of /proc/self/status in KiB, or -1. */
long status_kb(const char *field);

unsigned int nr_cpus(void);

__u64 boottime_ns(void);
void pause_ms(unsigned int ms);

/*
 * Until something that must come has come. Only a case that fails takes that long.
 */
#define PATIENCE_NS	60000000000ull
#define WAIT_FOR(cond) do {						\
	__u64 __until = boottime_ns() + PATIENCE_NS;			\
									\
	while (!(cond)) {						\
		if (boottime_ns() > __until)				\
			FAIL("waited in vain for %s", #cond);		\
		pause_ms(1);						\
	}								\
} while (0)

/* Starts a thread; ends the case if it cannot. */
pthread_t thread_start(void *(*fn)(void *), void *arg);

/* Joins a thread; ends the case if it hangs. */
void thread_end(pthread_t t, const char *what);

/**
 * struct signaller - a thread that signals an eventfd all the time
 * @fd: the eventfd
 * @stop: it is to end
 * @given: signals so far
 * @thread: it
 */
struct signaller {
	int fd;
	bool stop;
	unsigned long given;
	pthread_t thread;
};

void signaller_start(struct signaller *s, int fd);
void signaller_stop(struct signaller *s);

/**
 * struct stall - memory whose first access waits until the test lets it go on
 * @uffd: userfaultfd(2)
 * @addr: the page
 * @size: its size
 */
struct stall {
	int uffd;
	unsigned char *addr;
	size_t size;
};

/* Skips the case where the kernel has no userfaultfd. */
void stall_arm(struct stall *s, void *addr, size_t size);
void stall_wait(struct stall *s);	/* until an access is held up */
void stall_release(struct stall *s, unsigned char fill);
void stall_release_with(struct stall *s, const void *content);	/* of @size bytes */

/* Waits for a little while until thread @tid sleeps in the kernel. Never fails. */
void wait_asleep(pid_t tid);

/**
 * struct caller - a thread that makes one call, which may have to wait
 * @fn: the call
 * @arg: for it
 * @ret: what it returned
 * @done: it has returned
 * @tid: the thread
 * @thread: likewise
 */
struct caller {
	int (*fn)(void *arg);
	void *arg;
	int ret;
	bool done;
	pid_t tid;
	pthread_t thread;
};

void caller_start(struct caller *c, int (*fn)(void *arg), void *arg);
/* True if it waits; a thread that is slow counts as one that does. */
bool caller_waits(struct caller *c);
int caller_end(struct caller *c);	/* what it returned; ends the case if it hangs */

/* A process that makes the call, then ends with status 0. It makes no other use of @arg. */
pid_t caller_fork(int (*fn)(void *arg), void *arg);
/* Kills it in the call, from which it must not have returned. */
void caller_kill(pid_t pid);

/*
 * The next message about the module, or report, in the kernel's log has @text: it is expected.
 * Any other fails the case, or the harness finds it behind the case.
 */
void kernel_said(const char *text);

/* The whole of a file is @text; ends the case if that does not work. */
void write_file(const char *path, const char *text);

#define TRACING		"/sys/kernel/tracing"
#define TRACE_INSTANCE	TRACING "/instances/nyx-selftests"

/* Begins to trace an event, "group/name"; skips the case where that is not possible. */
void trace_begin(const char *event);
void trace_stop(void);
FILE *trace_open(void);		/* what was traced until now; it traces no longer */
void trace_end(FILE *f);
void trace_forget(void);	/* the same without a file */

#endif /* NYX_SELFTESTS_NYX_ENV_H */
