// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: change streams.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A stream has a buffer of records that the kernel has reported and nobody has applied yet.
 * They are acknowledged when all of the buffer is applied, by the call that reads the next
 * ones. nyx_changes_mmio() fills the buffer, too, if it is empty and no other thread is inside
 * the stream: so records are applied in the order in which they were reported.
 *
 * An ioctl that adds a target may sleep, so it is called without the mutex: a record of the
 * target may come before its number is known. A thread that meets a target that it does
 * not know waits for those who add one.
 *
 * A sink that has failed quarantines devices. That command waits for all readers of the
 * unit, so the reader of a threaded stream cannot call it: a thread of its own does.
 */
#include "changes.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Records that are read at a time */
#define BUFFER	256u

/**
 * struct target - a target of a stream
 * @number: its number
 * @sink: what applies its changes; NULL: the caller
 * @cookie: for @sink
 */
struct target {
	uint32_t number;
	struct nyx__sink *sink;
	void *cookie;
};

/**
 * struct nyx_changes - a change stream
 * @unit: the unit; const after open
 * @fd: const after open
 * @id: const after open
 * @is_inline: const after open
 * @lock: protects @targets to @working, and the state of the thread
 * @changed: signalled when one of these changes
 * @targets: the targets
 * @nr: how many
 * @room: for how many there is memory
 * @adding: calls that add a target
 * @inside: a thread is inside, which is @owner
 * @owner: the thread
 * @working: sinks whose work is under way
 * @has_thread: there is a thread of nyx_changes_start()
 * @stopping: a thread waits for its end
 * @thread: the thread
 * @thread_error: what has ended it
 * @stop_fd: tells it to end
 * @fn: of it
 * @arg: of it
 * @sinks: written by the thread inside and under @lock; what follows is the thread's
 * @at: the first record of @buffer that is not applied
 * @n: records there
 * @seq: number of the last record that was reported
 * @more: the kernel may have more
 * @reads: system calls that have read records
 * @buffer: records
 */
struct nyx_changes {
	struct nyx_unit *unit;
	int fd;
	uint32_t id;
	bool is_inline;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct target *targets;
	size_t nr;
	size_t room;
	unsigned int adding;
	bool inside;
	pthread_t owner;
	unsigned int working;

	bool has_thread;
	bool stopping;
	pthread_t thread;
	int thread_error;
	int stop_fd;
	nyx_change_fn fn;
	void *arg;

	struct nyx__sink *sinks;
	size_t at;
	size_t n;
	uint64_t seq;
	bool more;
	uint64_t reads;
	uint64_t irte_changes;
	struct nyx_change buffer[BUFFER];
};

struct nyx_unit *nyx__changes_unit(const struct nyx_changes *changes)
{
	return changes->unit;
}

uint64_t nyx__changes_reads(const struct nyx_changes *changes)
{
	return changes->reads;
}

/* ---- one thread inside -------------------------------------------------------- */

static bool is_owner(const struct nyx_changes *changes)
{
	return changes->inside && pthread_equal(changes->owner, pthread_self());
}

/* Go in. @quiet: wait for the work of sinks, too. */
static int enter(struct nyx_changes *changes, bool quiet)
{
	int ret = 0;

	pthread_mutex_lock(&changes->lock);
	if (is_owner(changes)) {
		ret = nyx__fail(-EDEADLK);
	} else {
		while (changes->inside || (quiet && changes->working))
			pthread_cond_wait(&changes->changed, &changes->lock);
		changes->inside = true;
		changes->owner = pthread_self();
	}
	pthread_mutex_unlock(&changes->lock);
	return ret;
}

/* Go in if no thread is inside. */
static bool try_enter(struct nyx_changes *changes)
{
	bool done;

	pthread_mutex_lock(&changes->lock);
	done = !changes->inside;
	if (done) {
		changes->inside = true;
		changes->owner = pthread_self();
	}
	pthread_mutex_unlock(&changes->lock);
	return done;
}

int nyx__changes_enter(struct nyx_changes *changes)
{
	return enter(changes, true);
}

void nyx__changes_leave(struct nyx_changes *changes)
{
	pthread_mutex_lock(&changes->lock);
	changes->inside = false;
	pthread_cond_broadcast(&changes->changed);
	pthread_mutex_unlock(&changes->lock);
}

/* ---- open and close ----------------------------------------------------------- */

NYX_EXPORT int nyx_changes_open(struct nyx_unit *unit, uint32_t flags,
				struct nyx_changes **changes)
{
	struct nyx_changes_open req = { .size = sizeof(req), .flags = flags };
	struct nyx_changes *c;
	int ret;

	c = calloc(1, sizeof(*c));
	if (!c)
		return nyx__fail(-ENOMEM);
	ret = nyx__ioctl(unit->fd, NYX_CHANGES_OPEN, &req);
	if (ret) {
		free(c);
		return ret;
	}
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	c->unit = nyx_unit_ref(unit);
	c->fd = req.out_fd;
	c->id = req.out_changes_id;
	c->is_inline = flags & NYX_CHANGES_F_INLINE;
	c->stop_fd = -1;
	*changes = c;
	return 0;
}

NYX_EXPORT int nyx_changes_close(struct nyx_changes *changes)
{
	int ret;

	if (!changes)
		return 0;
	ret = enter(changes, true);
	if (ret)
		return ret;
	if (changes->sinks || changes->has_thread) {
		nyx__changes_leave(changes);
		return nyx__fail(-EBUSY);
	}
	close(changes->fd);
	nyx_unit_unref(changes->unit);
	pthread_cond_destroy(&changes->changed);
	pthread_mutex_destroy(&changes->lock);
	free(changes->targets);
	free(changes);
	return 0;
}

NYX_EXPORT int nyx_changes_fd(const struct nyx_changes *changes)
{
	return changes->fd;
}

NYX_EXPORT uint64_t nyx_changes_irte_changes(const struct nyx_changes *changes)
{
	return __atomic_load_n(&changes->irte_changes, __ATOMIC_RELAXED);
}

NYX_EXPORT uint32_t nyx_changes_id(const struct nyx_changes *changes)
{
	return changes->id;
}

/* ---- sinks -------------------------------------------------------------------- */

/* Targets of the caller's and sinks exclude each other. Under @lock. */
static bool has_own_targets(const struct nyx_changes *changes)
{
	return !changes->sinks && (changes->nr || changes->adding);
}

int nyx__changes_sink_add(struct nyx_changes *changes, struct nyx__sink *sink)
{
	bool busy;

	pthread_mutex_lock(&changes->lock);
	busy = has_own_targets(changes);
	if (!busy) {
		sink->next = changes->sinks;
		changes->sinks = sink;
	}
	pthread_mutex_unlock(&changes->lock);
	return busy ? nyx__fail(-EBUSY) : 0;
}

void nyx__changes_sink_remove(struct nyx_changes *changes, struct nyx__sink *sink)
{
	struct nyx__sink **at;

	pthread_mutex_lock(&changes->lock);
	for (at = &changes->sinks; *at != sink; at = &(*at)->next)
		;
	*at = sink->next;
	pthread_mutex_unlock(&changes->lock);
}

/* ---- targets ------------------------------------------------------------------ */

/* Under @lock. */
static struct target *find_target(struct nyx_changes *changes, uint32_t number)
{
	size_t i;

	for (i = 0; i < changes->nr; i++) {
		if (changes->targets[i].number == number)
			return &changes->targets[i];
	}
	return NULL;
}

/* Room for one more, for each that is being added. Under @lock. */
static int make_room(struct nyx_changes *changes)
{
	size_t room = changes->room ? changes->room * 2 : 8;
	struct target *targets;

	if (changes->nr + changes->adding < changes->room)
		return 0;
	targets = realloc(changes->targets, room * sizeof(*targets));
	if (!targets)
		return nyx__fail(-ENOMEM);
	changes->targets = targets;
	changes->room = room;
	return 0;
}

int nyx__changes_add(struct nyx_changes *changes, uint32_t kind, uint32_t id, uint32_t max_maps,
		     struct nyx__sink *sink, void *cookie, uint32_t *target)
{
	struct nyx_changes_add req = {
		.size = sizeof(req),
		.changes_id = changes->id,
		.kind = kind,
		.id = id,
		.pasid = NYX_PASID_NONE,
		.max_maps = max_maps,
	};
	int ret;

	pthread_mutex_lock(&changes->lock);
	ret = !sink && changes->sinks ? nyx__fail(-EBUSY) : make_room(changes);
	if (!ret)
		changes->adding++;
	pthread_mutex_unlock(&changes->lock);
	if (ret)
		return ret;
	ret = nyx__ioctl(changes->unit->fd, NYX_CHANGES_ADD, &req);
	pthread_mutex_lock(&changes->lock);
	changes->adding--;
	if (!ret) {
		*target = req.out_target;
		changes->targets[changes->nr++] = (struct target) {
			.number = req.out_target, .sink = sink, .cookie = cookie,
		};
	}
	pthread_cond_broadcast(&changes->changed);
	pthread_mutex_unlock(&changes->lock);
	return ret;
}

int nyx__changes_remove(struct nyx_changes *changes, uint32_t target)
{
	struct nyx_changes_remove req = {
		.size = sizeof(req), .changes_id = changes->id, .target = target,
	};
	struct target *t;

	pthread_mutex_lock(&changes->lock);
	t = find_target(changes, target);
	if (t)
		*t = changes->targets[--changes->nr];
	pthread_mutex_unlock(&changes->lock);
	return nyx__ioctl(changes->unit->fd, NYX_CHANGES_REMOVE, &req);
}

NYX_EXPORT int nyx_changes_add_device(struct nyx_changes *changes, nyx_device_t device,
				      uint32_t max_maps, uint32_t *target)
{
	return nyx__changes_add(changes, NYX_CHANGES_DEVICE, device.sbdf, max_maps, NULL, NULL,
				target);
}

NYX_EXPORT int nyx_changes_add_domain(struct nyx_changes *changes, nyx_domain_t domain,
				      uint32_t max_maps, uint32_t *target)
{
	return nyx__changes_add(changes, NYX_CHANGES_DOMAIN, domain.id, max_maps, NULL, NULL,
				target);
}

NYX_EXPORT int nyx_changes_remove(struct nyx_changes *changes, uint32_t target)
{
	bool inside, own;
	struct target *t;
	int ret;

	pthread_mutex_lock(&changes->lock);
	inside = is_owner(changes);
	pthread_mutex_unlock(&changes->lock);
	/* The function that is called for it has returned then. */
	if (!inside)
		enter(changes, false);
	pthread_mutex_lock(&changes->lock);
	t = find_target(changes, target);
	own = t && t->sink;
	pthread_mutex_unlock(&changes->lock);
	if (!t)
		ret = nyx__fail_for(-ENOENT, NYX_REASON_NO_SUCH_TARGET);
	else
		ret = own ? nyx__fail(-EBUSY) : nyx__changes_remove(changes, target);
	if (!inside)
		nyx__changes_leave(changes);
	return ret;
}

/* The target of a record; its number is 0 if there is none. */
static struct target target_of(struct nyx_changes *changes, const struct nyx_change *change)
{
	struct target none = { 0 }, *t;

	pthread_mutex_lock(&changes->lock);
	while (!(t = find_target(changes, change->target)) && changes->adding)
		pthread_cond_wait(&changes->changed, &changes->lock);
	if (t)
		none = *t;
	pthread_mutex_unlock(&changes->lock);
	return none;
}

/* ---- reading ------------------------------------------------------------------ */

static int read_changes(struct nyx_changes *changes, struct nyx_change *to, size_t room,
			size_t *n)
{
	struct nyx_changes_next req = {
		.size = sizeof(req),
		.changes_id = changes->id,
		.nr = room < NYX_ARRAY_MAX ? (uint32_t)room : NYX_ARRAY_MAX,
		.changes = (uintptr_t)to,
		.ack = changes->seq,
	};
	int ret;

	ret = nyx__ioctl(changes->unit->fd, NYX_CHANGES_NEXT, &req);
	changes->reads++;
	__atomic_store_n(&changes->irte_changes, req.out_irte_changes, __ATOMIC_RELAXED);
	if (req.out_nr > req.nr)
		return nyx__fail(-EPROTO);
	/* Records before an error are of use; the next call meets the error again. */
	if (ret && !req.out_nr)
		return ret;
	*n = req.out_nr;
	changes->more = ret || req.out_more;
	changes->seq = req.out_seq;
	return 0;
}

static int buffer_fill(struct nyx_changes *changes)
{
	changes->at = 0;
	changes->n = 0;
	return read_changes(changes, changes->buffer, BUFFER, &changes->n);
}

static int buffer_apply(struct nyx_changes *changes, nyx_change_fn fn, void *arg)
{
	struct target t;
	int ret = 0;

	for (; !ret && changes->at < changes->n; changes->at += !ret) {
		const struct nyx_change *change = &changes->buffer[changes->at];

		t = target_of(changes, change);
		/* A target that was removed has nothing to tell any more. */
		if (!t.number)
			continue;
		if (t.sink)
			ret = t.sink->change(t.sink, t.cookie, change);
		else
			ret = fn ? fn(change, arg) : nyx__fail(-EINVAL);
	}
	return ret;
}

static int commit(struct nyx_changes *changes)
{
	struct nyx__sink *sink;
	int ret = 0;

	for (sink = changes->sinks; sink && !ret; sink = sink->next)
		ret = sink->commit(sink);
	return ret;
}

struct work {
	struct nyx_changes *changes;
	struct nyx__sink *sink;
};

static void set_working(struct nyx_changes *changes, struct nyx__sink *sink, bool working)
{
	pthread_mutex_lock(&changes->lock);
	sink->working = working;
	pthread_mutex_unlock(&changes->lock);
}

static void *work_run(void *arg)
{
	struct work *work = arg;
	struct nyx_changes *changes = work->changes;

	work->sink->work(work->sink);
	set_working(changes, work->sink, false);
	free(work);
	/* The sink may have failed again meanwhile, when it could not settle. */
	nyx_changes_handle(changes, NULL, NULL);
	pthread_mutex_lock(&changes->lock);
	changes->working--;
	pthread_cond_broadcast(&changes->changed);
	pthread_mutex_unlock(&changes->lock);
	return NULL;
}

/* Make a thread in which all signals are blocked. */
static int thread_make(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	sigset_t all, old;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	ret = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -ret;
}

static void work_begin(struct nyx_changes *changes, struct nyx__sink *sink)
{
	struct work *work = NULL;
	pthread_t thread;

	/* Nothing waits for the reader of an inline stream. */
	if (!changes->is_inline)
		work = malloc(sizeof(*work));
	if (work) {
		*work = (struct work) { .changes = changes, .sink = sink };
		pthread_mutex_lock(&changes->lock);
		changes->working++;
		sink->working = true;
		pthread_mutex_unlock(&changes->lock);
		if (!thread_make(&thread, work_run, work)) {
			pthread_detach(thread);
			return;
		}
		pthread_mutex_lock(&changes->lock);
		changes->working--;
		sink->working = false;
		pthread_mutex_unlock(&changes->lock);
		free(work);
	}
	sink->work(sink);
}

/* All is acknowledged. True if a sink has begun something that may bring more. */
static bool settle(struct nyx_changes *changes)
{
	struct nyx__sink *sink;
	bool begun = false, working;

	for (sink = changes->sinks; sink; sink = sink->next) {
		pthread_mutex_lock(&changes->lock);
		working = sink->working;
		pthread_mutex_unlock(&changes->lock);
		if (!working && sink->settle(sink)) {
			work_begin(changes, sink);
			begun = true;
		}
	}
	return begun;
}

static int handle(struct nyx_changes *changes, nyx_change_fn fn, void *arg)
{
	struct nyx__sink *sink;
	int ret, late = 0;

	do {
		do {
			ret = buffer_apply(changes, fn, arg);
			if (!ret)
				ret = commit(changes);
			if (ret)
				return ret;
			ret = buffer_fill(changes);
		} while (!ret && (changes->n || changes->more));
		if (ret == -ETIMEDOUT)
			late = ret;
	} while (nyx__changes_applied(ret) && settle(changes));
	if (ret == -ENODEV) {
		for (sink = changes->sinks; sink; sink = sink->next)
			sink->gone(sink);
	}
	return ret || !late ? ret : nyx__fail_for(late, NYX_REASON_VIEW_TIMEOUT);
}

NYX_EXPORT int nyx_changes_handle(struct nyx_changes *changes, nyx_change_fn fn, void *arg)
{
	int ret = enter(changes, false);

	if (ret)
		return ret;
	ret = handle(changes, fn, arg);
	nyx__changes_leave(changes);
	return ret;
}

NYX_EXPORT int nyx_changes_next(struct nyx_changes *changes, struct nyx_change *records,
				size_t nr, size_t *nr_records, int *more)
{
	size_t n = 0;
	int ret;

	if (!nr)
		return nyx__fail(-EINVAL);
	ret = enter(changes, false);
	if (ret)
		return ret;
	if (changes->sinks || changes->has_thread) {
		ret = nyx__fail(-EBUSY);
	} else if (changes->at < changes->n) {
		/* Those that nyx_changes_mmio() has got */
		n = changes->n - changes->at < nr ? changes->n - changes->at : nr;
		memcpy(records, &changes->buffer[changes->at], n * sizeof(*records));
		changes->at += n;
		changes->more = true;
	} else {
		ret = read_changes(changes, records, nr, &n);
	}
	if (!ret) {
		*nr_records = n;
		*more = changes->more;
	}
	nyx__changes_leave(changes);
	return ret;
}

NYX_EXPORT int nyx_changes_mmio(struct nyx_changes *changes, struct nyx_mmio *access)
{
	bool inside;
	int ret;

	if (access->size < sizeof(*access))
		return nyx__fail(-EINVAL);
	access->changes_id = 0;
	access->nr_changes = 0;
	access->changes = 0;
	/* A read has no effects; a write waits for the thread of a threaded stream. */
	if (!(access->flags & NYX_MMIO_F_WRITE) || !changes->is_inline) {
		access->out_pending = 0;
		return nyx__ioctl_once(changes->unit->fd, NYX_MMIO, access);
	}
	access->changes_id = changes->id;
	inside = try_enter(changes);
	if (inside && changes->at == changes->n) {
		changes->at = 0;
		changes->n = 0;
		access->nr_changes = BUFFER;
		access->changes = (uintptr_t)changes->buffer;
	}
	ret = nyx__ioctl_once(changes->unit->fd, NYX_MMIO, access);
	if (!ret && access->nr_changes && access->out_nr_changes) {
		if (access->out_nr_changes <= BUFFER)
			changes->n = access->out_nr_changes;
		else
			ret = nyx__fail(-EPROTO);
		changes->seq = access->out_seq;
		access->out_pending = 1;
	}
	if (inside)
		nyx__changes_leave(changes);
	return ret;
}

/* ---- the thread --------------------------------------------------------------- */

static void *thread_run(void *arg)
{
	struct nyx_changes *changes = arg;
	struct pollfd fds[] = {
		{ .fd = changes->fd, .events = POLLIN },
		{ .fd = changes->stop_fd, .events = POLLIN },
	};
	int ret = 0;

	while (!ret) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0) {
			ret = errno == EINTR ? 0 : -errno;
			continue;
		}
		if (fds[1].revents)
			break;
		ret = nyx_changes_handle(changes, changes->fn, changes->arg);
		/* Otherwise it would not sleep any more. */
		if (!ret && fds[0].revents & (POLLERR | POLLHUP | POLLNVAL))
			ret = -ENODEV;
	}
	pthread_mutex_lock(&changes->lock);
	changes->thread_error = ret;
	pthread_mutex_unlock(&changes->lock);
	return NULL;
}

NYX_EXPORT int nyx_changes_start(struct nyx_changes *changes, nyx_change_fn fn, void *arg)
{
	int ret = 0;

	if (changes->is_inline)
		return nyx__fail(-EOPNOTSUPP);
	pthread_mutex_lock(&changes->lock);
	if (changes->has_thread) {
		ret = nyx__fail(-EBUSY);
		goto out;
	}
	changes->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (changes->stop_fd < 0) {
		ret = nyx__fail(-errno);
		goto out;
	}
	changes->fn = fn;
	changes->arg = arg;
	changes->thread_error = 0;
	ret = thread_make(&changes->thread, thread_run, changes);
	if (ret) {
		close(changes->stop_fd);
		nyx__fail(ret);
	} else {
		changes->has_thread = true;
	}
out:
	pthread_mutex_unlock(&changes->lock);
	return ret;
}

NYX_EXPORT int nyx_changes_stop(struct nyx_changes *changes)
{
	const uint64_t one = 1;
	pthread_t thread;
	int ret = 0;

	pthread_mutex_lock(&changes->lock);
	if (changes->has_thread && pthread_equal(changes->thread, pthread_self()))
		ret = nyx__fail(-EDEADLK);
	else if (!changes->has_thread || changes->stopping)
		ret = nyx__fail(-ENOENT);
	else
		changes->stopping = true;
	thread = changes->thread;
	pthread_mutex_unlock(&changes->lock);
	if (ret)
		return ret;
	/* The count is 0 until then, so there is room. */
	if (write(changes->stop_fd, &one, sizeof(one)) != (ssize_t)sizeof(one))
		ret = nyx__fail(-EIO);
	pthread_join(thread, NULL);
	pthread_mutex_lock(&changes->lock);
	close(changes->stop_fd);
	changes->has_thread = false;
	changes->stopping = false;
	ret = changes->thread_error ? nyx__fail(changes->thread_error) : ret;
	pthread_mutex_unlock(&changes->lock);
	return ret;
}

/* ---- the list ----------------------------------------------------------------- */

NYX_EXPORT uint64_t nyx_target_key(uint32_t changes_id, uint32_t target)
{
	return NYX_TARGET_KEY(changes_id, target);
}

NYX__ENTRY(target, nyx_target_fn)

NYX_EXPORT int nyx_target_foreach(struct nyx_unit *unit, nyx_target_fn fn, void *arg)
{
	struct target_call call = { .fn = fn, .arg = arg };

	return nyx__list(unit->fd, NYX_LIST_TARGETS, 0, 0, target_entry, &call);
}
