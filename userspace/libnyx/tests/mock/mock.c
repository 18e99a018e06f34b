// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A module that is not there: state, and the system calls that lead to it.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "mock.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NODE	"/dev/nyx-iommu"
#define MAGIC	0x6e79786d
#define API	__attribute__((visibility("default")))

struct m_state *m_state;
int m_state_fd = -1;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct m_file files[MAX_FILES];
static pid_t files_pid;

static struct {
	uint64_t serial;
	int fd;
} live[MAX_MEMORY];

#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

static void state_open(void)
{
	const char *path = getenv("NYX_MOCK_STATE");
	struct stat st;

	if (m_state || !path)
		return;
	m_state_fd = REAL(open)(path, O_RDWR | O_CLOEXEC);
	if (m_state_fd < 0)
		return;
	flock(m_state_fd, LOCK_EX);
	if (!fstat(m_state_fd, &st) && (size_t)st.st_size < sizeof(*m_state) &&
	    ftruncate(m_state_fd, sizeof(*m_state)))
		abort();
	m_state = mmap(NULL, sizeof(*m_state), PROT_READ | PROT_WRITE, MAP_SHARED, m_state_fd, 0);
	if (m_state == MAP_FAILED)
		abort();
	if (m_state->magic != MAGIC) {
		m_state->magic = MAGIC;
		m_state->storage_end = (sizeof(*m_state) + 0xfffff) & ~(uint64_t)0xfffff;
	}
	flock(m_state_fd, LOCK_UN);
}

/*
 * Threads by the mutex, processes by the file. A child of fork(2) has the file
 * descriptors of its parent, but the units count them once.
 */
static void enter(void)
{
	pthread_mutex_lock(&lock);
	state_open();
	if (files_pid != getpid()) {
		if (files_pid && m_state_fd >= 0) {
			/* Its own open file, for a lock of its own. */
			REAL(close)(m_state_fd);
			m_state_fd = REAL(open)(getenv("NYX_MOCK_STATE"), O_RDWR | O_CLOEXEC);
		}
		memset(files, 0, sizeof(files));
		files_pid = getpid();
	}
	if (m_state_fd >= 0)
		flock(m_state_fd, LOCK_EX);
}

static void leave(void)
{
	int err = errno;

	if (m_state_fd >= 0)
		flock(m_state_fd, LOCK_UN);
	pthread_mutex_unlock(&lock);
	errno = err;
}

void m_pause(void)
{
	const struct timespec ts = { .tv_nsec = 2000000 };

	leave();
	nanosleep(&ts, NULL);
	enter();
}

struct m_unit *m_unit_find(uint32_t id)
{
	unsigned int i;

	for (i = 0; id && i < MAX_UNITS; i++) {
		if (m_state->units[i].info.unit_id == id)
			return &m_state->units[i];
	}
	return NULL;
}

void m_unit_free(struct m_unit *unit)
{
	memset(unit, 0, sizeof(*unit));
}

void m_unit_use(struct m_unit *unit)
{
	struct m_user *user, *free = NULL;

	for (user = unit->users; user < unit->users + MAX_USERS; user++) {
		if (user->pid == getpid())
			break;
		if (!user->pid && !free)
			free = user;
	}
	if (user == unit->users + MAX_USERS)
		user = free;
	if (!user)
		abort();
	user->pid = getpid();
	user->files++;
	unit->info.nr_files++;
}

void m_unit_unuse(struct m_unit *unit, pid_t pid, uint32_t nr)
{
	struct m_user *user;

	for (user = unit->users; user < unit->users + MAX_USERS; user++) {
		if (user->pid != pid)
			continue;
		user->files -= nr;
		if (!user->files)
			user->pid = 0;
		unit->info.nr_files -= nr;
	}
	if (!unit->info.nr_files && !(unit->info.flags & NYX_UNIT_F_KEEP))
		m_unit_free(unit);
}

void m_collect(void)
{
	struct m_unit *unit;
	unsigned int i;

	for (unit = m_state->units; unit < m_state->units + MAX_UNITS; unit++) {
		for (i = 0; unit->info.unit_id && i < MAX_USERS; i++) {
			if (unit->users[i].pid && kill(unit->users[i].pid, 0) && errno == ESRCH)
				m_unit_unuse(unit, unit->users[i].pid, unit->users[i].files);
		}
	}
}

int m_file_add(uint32_t unit_id, uint64_t pos, bool nonblock)
{
	int fd = REAL(open)("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0 || fd >= MAX_FILES)
		return -EMFILE;
	files[fd] = (struct m_file){ M_EVENTS, unit_id, pos, nonblock };
	return fd;
}

int m_live_file(uint64_t serial)
{
	unsigned int i;

	for (i = 0; i < MAX_MEMORY; i++) {
		if (live[i].serial == serial)
			return live[i].fd;
	}
	return -1;
}

void m_live_file_add(uint64_t serial, int fd)
{
	live[serial % MAX_MEMORY].serial = serial;
	live[serial % MAX_MEMORY].fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static void file_release(struct m_file *file)
{
	struct m_unit *unit = file->kind == M_NODE ? m_unit_find(file->unit_id) : NULL;

	file->kind = M_NONE;
	if (unit)
		m_unit_unuse(unit, getpid(), 1);
}

__attribute__((destructor))
static void release_all(void)
{
	int i;

	if (files_pid != getpid())
		return;
	enter();
	for (i = 0; i < MAX_FILES; i++) {
		if (files[i].kind)
			file_release(&files[i]);
	}
	leave();
}

static int open_node(void)
{
	const char *err = getenv("NYX_MOCK_OPEN");
	int fd;

	if (err) {
		errno = atoi(err);
		return -1;
	}
	enter();
	fd = REAL(open)("/dev/null", O_RDWR | O_CLOEXEC);
	if (!m_state || fd >= MAX_FILES) {
		errno = ENOENT;
		fd = -1;
	} else if (fd >= 0) {
		files[fd] = (struct m_file){ .kind = M_NODE };
	}
	leave();
	return fd;
}

API int open(const char *path, int flags, ...)
{
	va_list args;
	int mode;

	va_start(args, flags);
	mode = va_arg(args, int);
	va_end(args);
	return strcmp(path, NODE) ? REAL(open)(path, flags, mode) : open_node();
}

API int open64(const char *path, int flags, ...)
{
	va_list args;
	int mode;

	va_start(args, flags);
	mode = va_arg(args, int);
	va_end(args);
	return strcmp(path, NODE) ? REAL(open)(path, flags | O_LARGEFILE, mode) : open_node();
}

static struct m_file *file_of(int fd)
{
	return fd >= 0 && fd < MAX_FILES && files[fd].kind && files_pid == getpid() ?
		&files[fd] : NULL;
}

API int close(int fd)
{
	if (file_of(fd)) {
		enter();
		file_release(&files[fd]);
		leave();
	}
	return REAL(close)(fd);
}

/* NYX_MOCK_FAIL. Returns the errno, or 0. */
static int injected(unsigned long request)
{
	static int skipped;
	static bool done;
	const char *spec = getenv("NYX_MOCK_FAIL");
	int cmd, err, skip = 0;

	if (!spec || done || sscanf(spec, "%i:%i:%i", &cmd, &err, &skip) < 2 ||
	    (unsigned long)cmd != (request & 0xff) || skipped++ < skip)
		return 0;
	done = true;
	return err;
}

/* NYX_MOCK_HANG. A command that waits heeds only fatal signals. */
static void hang(unsigned long request)
{
	const char *cmd = getenv("NYX_MOCK_HANG");

	while (cmd && strtoul(cmd, NULL, 0) == (request & 0xff))
		pause();
}

API int ioctl(int fd, unsigned long request, ...)
{
	struct m_file *file = file_of(fd);
	va_list args;
	void *arg;
	int ret;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (!file || file->kind != M_NODE)
		return REAL(ioctl)(fd, request, arg);

	enter();
	ret = -injected(request);
	if (!ret)
		ret = m_command(file, request, arg);
	leave();
	hang(request);
	if (ret >= 0)
		return 0;
	errno = -ret;
	return -1;
}

/* Records for a reader; 0 if there is none. *ended: and none will come. */
static size_t pull(struct m_file *file, struct nyx_event *out, size_t max, bool *ended)
{
	struct m_unit *unit = m_unit_find(file->unit_id);
	uint64_t oldest;
	size_t n = 0;

	*ended = !unit;
	if (!unit)
		return 0;
	oldest = unit->head > unit->info.event_entries ?
		unit->head - unit->info.event_entries : 0;
	if (file->pos < oldest && n < max) {
		memset(&out[n], 0, sizeof(out[n]));
		out[n].type = NYX_EVENT_LOST;
		out[n].seq = file->pos;
		out[n++].lost = oldest - file->pos;
		file->pos = oldest;
	}
	while (n < max && file->pos < unit->head)
		out[n++] = unit->events[file->pos++ % MAX_EVENTS];
	return n;
}

static void nap(void)
{
	const struct timespec ts = { .tv_nsec = 2000000 };

	nanosleep(&ts, NULL);
}

API ssize_t read(int fd, void *buf, size_t size)
{
	struct m_file *file = file_of(fd);
	bool ended;
	size_t n;

	if (!file || file->kind != M_EVENTS)
		return REAL(read)(fd, buf, size);
	if (size < sizeof(struct nyx_event)) {
		errno = EINVAL;
		return -1;
	}
	for (;;) {
		enter();
		n = pull(file, buf, size / sizeof(struct nyx_event), &ended);
		leave();
		if (n || ended)
			return (ssize_t)(n * sizeof(struct nyx_event));
		if (file->nonblock) {
			errno = EAGAIN;
			return -1;
		}
		nap();
	}
}

static bool readable(struct m_file *file)
{
	struct m_unit *unit;
	bool yes;

	enter();
	unit = m_unit_find(file->unit_id);
	yes = !unit || unit->head > file->pos;
	leave();
	return yes;
}

/* <poll.h> declares @fds as an output only. */
struct pollfd {
	int fd;
	short events;
	short revents;
};

int poll(struct pollfd *fds, unsigned long nr, int timeout);

API int poll(struct pollfd *fds, unsigned long nr, int timeout)
{
	struct m_file *file = nr == 1 ? file_of(fds[0].fd) : NULL;
	int waited;

	if (!file || file->kind != M_EVENTS)
		return REAL(poll)(fds, nr, timeout);
	for (waited = 0; !readable(file); waited += 2) {
		if (timeout >= 0 && waited >= timeout)
			return 0;
		nap();
	}
	fds[0].revents = fds[0].events;
	return 1;
}
