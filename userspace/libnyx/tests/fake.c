// SPDX-License-Identifier: GPL-2.0-only
/*
 * libnyx tests: a unit with change streams that is a part of the program.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "fake.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STREAM_ID	7u

#define START {					\
	.lock = PTHREAD_MUTEX_INITIALIZER,	\
	.done = PTHREAD_COND_INITIALIZER,	\
	.address_width = 48,			\
	.stream = -1,				\
}

struct fake fake = START;

int (*fake_other)(int fd, unsigned long request, void *arg);

static void signal_stream(bool on)
{
	uint64_t count = 1;

	if (fake.flags & NYX_CHANGES_F_INLINE)
		return;
	if (on)
		ASSERT_EQ(sizeof(count), write(fake.stream, &count, sizeof(count)));
	else
		/* Nothing is there if it was not signalled. */
		count = (uint64_t)read(fake.stream, &count, sizeof(count));
}

void fake_changed(void)
{
	fake.dirty = true;
	signal_stream(true);
}

/* ---- comparing ---------------------------------------------------------------- */

static void emit(struct nyx_change change)
{
	ASSERT_LT(fake.nr, FAKE_QUEUE);
	fake.queue[fake.nr++] = change;
}

static uint64_t iova_of(const struct fake_device *dev, uint32_t page)
{
	return dev->base + page * FAKE_PAGE;
}

static void emit_unmap(const struct fake_device *dev, uint32_t first, uint32_t last)
{
	emit((struct nyx_change) {
		.kind = NYX_CHANGE_UNMAP,
		.target = dev->target,
		.iova = iova_of(dev, first),
		.last = iova_of(dev, last) + (FAKE_PAGE - 1),
	});
}

static void emit_state(struct fake_device *dev)
{
	dev->told = dev->state;
	dev->told_domain = dev->state == NYX_CHANGE_ATTACHED ? dev->domain : 0;
	emit((struct nyx_change) {
		.kind = NYX_CHANGE_STATE,
		.target = dev->target,
		.state = dev->state,
		.domain_id = dev->told_domain,
	});
}

/* Is all of a map as the table has it? */
static bool is_wanted(const struct fake_device *dev, const struct fake_map *map)
{
	uint32_t i;

	for (i = map->first; i <= map->last; i++) {
		if (dev->want[i].prot != map->prot ||
		    dev->want[i].gpa != map->gpa + (i - map->first))
			return false;
	}
	return true;
}

/* Report maps that are gone; neighbours may be one record. */
static void compare_gone(struct fake_device *dev)
{
	uint32_t i, nr = 0, first = 0, last = 0;
	bool open = false;

	for (i = 0; i < dev->nr_maps; i++) {
		struct fake_map map = dev->map[i];

		if (is_wanted(dev, &map)) {
			dev->map[nr++] = map;
			if (open)
				emit_unmap(dev, first, last);
			open = false;
			continue;
		}
		if (open && rng_below(&fake.rng, 3) == 0) {
			emit_unmap(dev, first, last);
			open = false;
		}
		if (!open)
			first = map.first;
		last = map.last;
		open = true;
	}
	if (open)
		emit_unmap(dev, first, last);
	dev->nr_maps = nr;
}

static void insert_map(struct fake_device *dev, struct fake_map map)
{
	uint32_t i = dev->nr_maps++;

	for (; i && dev->map[i - 1].first > map.first; i--)
		dev->map[i] = dev->map[i - 1];
	dev->map[i] = map;
}

static bool follows(const struct fake_page *a, const struct fake_page *b)
{
	return b->prot == a->prot && b->gpa == a->gpa + 1 &&
	       !(fake.memory_cut && b->gpa % fake.memory_cut == 0);
}

/* Report what is new. */
static void compare_new(struct fake_device *dev)
{
	bool covered[FAKE_PAGES] = { 0 };
	uint32_t i, j;

	for (i = 0; i < dev->nr_maps; i++) {
		for (j = dev->map[i].first; j <= dev->map[i].last; j++)
			covered[j] = true;
	}
	for (i = 0; i < FAKE_PAGES; i = j) {
		j = i + 1;
		if (covered[i] || !dev->want[i].prot)
			continue;
		while (j < FAKE_PAGES && !covered[j] && follows(&dev->want[j - 1], &dev->want[j]) &&
		       (fake.whole || rng_below(&fake.rng, 8)))
			j++;
		emit((struct nyx_change) {
			.kind = NYX_CHANGE_MAP,
			.target = dev->target,
			.prot = dev->want[i].prot,
			.iova = iova_of(dev, i),
			.last = iova_of(dev, j - 1) + (FAKE_PAGE - 1),
			.gpa = dev->want[i].gpa * FAKE_PAGE,
		});
		insert_map(dev, (struct fake_map) {
			.first = i, .last = j - 1, .gpa = dev->want[i].gpa,
			.prot = dev->want[i].prot,
		});
	}
}

static void compare(struct fake_device *dev)
{
	if (dev->state != NYX_CHANGE_ATTACHED) {
		if (dev->nr_maps)
			emit_unmap(dev, dev->map[0].first, dev->map[dev->nr_maps - 1].last);
		dev->nr_maps = 0;
		if (dev->told != dev->state)
			emit_state(dev);
		return;
	}
	if (dev->told != dev->state || dev->told_domain != dev->domain)
		emit_state(dev);
	compare_gone(dev);
	compare_new(dev);
}

struct fake_page fake_told(const struct fake_device *dev, uint32_t page)
{
	uint32_t i;

	for (i = 0; i < dev->nr_maps; i++) {
		if (dev->map[i].first <= page && page <= dev->map[i].last)
			return (struct fake_page) {
				.prot = dev->map[i].prot,
				.gpa = dev->map[i].gpa + (page - dev->map[i].first),
			};
	}
	return (struct fake_page){ 0 };
}

/* Fill the queue, if it is empty. */
static void compare_all(void)
{
	uint32_t i;

	if (fake.at < fake.nr || fake.script)
		return;
	fake.at = 0;
	fake.nr = 0;
	fake.dirty = false;
	for (i = 0; i < FAKE_DEVICES; i++) {
		if (fake.device[i].target)
			compare(&fake.device[i]);
	}
}

static uint32_t hand_out(uint64_t to, uint32_t room)
{
	uint32_t n = fake.nr - fake.at;

	if (n > room)
		n = room;
	/* A call does a bounded amount of work, and may find nothing with that. */
	if (n && !fake.script)
		n = (uint32_t)rng_below(&fake.rng, n + 1);
	if (n)
		memcpy((void *)(uintptr_t)to, &fake.queue[fake.at], n * sizeof(fake.queue[0]));
	fake.at += n;
	fake.seq += n;
	return n;
}

/* ---- commands ----------------------------------------------------------------- */

static int changes_open(struct nyx_changes_open *req)
{
	if (req->flags & ~(uint32_t)NYX_CHANGES_F_INLINE)
		return -EOPNOTSUPP;
	fake.flags = req->flags;
	fake.stream = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ASSERT_LE(0, fake.stream);
	req->out_fd = fake.stream;
	req->out_changes_id = STREAM_ID;
	return 0;
}

static struct fake_device *device_of(uint32_t kind, uint32_t id)
{
	uint32_t i;

	for (i = 0; i < FAKE_DEVICES; i++) {
		if (id == (kind == NYX_CHANGES_DOMAIN ? i + 1 : FAKE_SBDF(i)))
			return &fake.device[i];
	}
	return NULL;
}

static int changes_add(struct nyx_changes_add *req)
{
	struct fake_device *dev = device_of(req->kind, req->id);

	ASSERT_EQ(STREAM_ID, req->changes_id);
	ASSERT_EQ(NYX_PASID_NONE, req->pasid);
	if (fake.add_error)
		return fake.add_error;
	if (!dev)
		return -ENOENT;
	if (dev->target)
		return -EEXIST;
	dev->kind = req->kind;
	dev->target = ++fake.next_target;
	dev->max_maps = req->max_maps;
	dev->told = NYX_CHANGE_NONE;
	dev->told_domain = 0;
	dev->nr_maps = 0;
	req->out_target = dev->target;
	fake_changed();
	return 0;
}

static int changes_remove(struct nyx_changes_remove *req)
{
	uint32_t i, j, nr;

	if (fake.removing)
		fake.removing();
	for (i = 0; i < FAKE_DEVICES; i++) {
		if (fake.device[i].target != req->target)
			continue;
		fake.device[i].target = 0;
		for (j = fake.at, nr = fake.at; j < fake.nr; j++) {
			if (fake.queue[j].target != req->target)
				fake.queue[nr++] = fake.queue[j];
		}
		fake.nr = nr;
		return 0;
	}
	return -ENOENT;
}

static int changes_next(struct nyx_changes_next *req)
{
	fake.reads++;
	fake.reader = pthread_self();
	req->out_irte_changes = fake.reads;
	ASSERT_EQ(STREAM_ID, req->changes_id);
	if (fake.destroyed)
		return -ENODEV;
	if (fake.next_error) {
		int error = fake.next_error;

		fake.next_error = 0;
		return error;
	}
	ASSERT_LE(req->ack, fake.seq);
	ASSERT_LE(fake.acked, req->ack);
	fake.acked = req->ack;
	if (fake.acked == fake.seq && fake.at == fake.nr && fake.acknowledged)
		fake.acknowledged();
	compare_all();
	req->out_nr = hand_out(req->changes, req->nr);
	req->out_more = fake.at < fake.nr;
	req->out_seq = fake.seq;
	if (!req->out_nr && !req->out_more) {
		signal_stream(false);
		pthread_cond_broadcast(&fake.done);
		return fake.end_error;
	}
	return 0;
}

static int mmio(struct nyx_mmio *req)
{
	if (!(req->flags & NYX_MMIO_F_WRITE)) {
		ASSERT_EQ(0, req->changes_id);
		req->value = 0x1234;
		return 0;
	}
	if (fake.mmio)
		fake.mmio();
	if (!req->changes_id)
		return 0;
	ASSERT_EQ(STREAM_ID, req->changes_id);
	compare_all();
	req->out_nr_changes = hand_out(req->changes, req->nr_changes);
	req->out_seq = fake.seq;
	req->out_pending = req->out_nr_changes || fake.at < fake.nr;
	return 0;
}

static int device_control(struct nyx_device_control *req)
{
	struct fake_device *dev = device_of(NYX_CHANGES_DEVICE, req->sbdf);

	if (!dev)
		return -ENOENT;
	if (req->action == NYX_DEVICE_DO_RESET) {
		dev->state = NYX_CHANGE_ATTACHED;
		fake_changed();
		return 0;
	}
	ASSERT_EQ(NYX_DEVICE_DO_QUARANTINE, req->action);
	if (fake.no_quarantine)
		return -fake.no_quarantine;
	/* Otherwise the reader would wait for itself. */
	ASSERT_TRUE(!dev->target || dev->kind == NYX_CHANGES_DOMAIN);
	ASSERT_TRUE(fake.flags & NYX_CHANGES_F_INLINE ||
		    !pthread_equal(fake.reader, pthread_self()));
	dev->state = NYX_CHANGE_QUARANTINED;
	dev->quarantines++;
	return fake.busy ? -EINPROGRESS : 0;
}

static int translate(struct nyx_translate *req)
{
	struct fake_device *dev = device_of(NYX_CHANGES_DEVICE, req->sbdf);
	const struct fake_page *page = NULL;

	if (!dev)
		return -ENOENT;
	ASSERT_EQ(NYX_PASID_NONE, req->pasid);
	ASSERT_EQ(1, req->length);
	ASSERT_NE(0, req->access);
	if (fake.translating)
		fake.translating();
	if (req->iova >= dev->base && (req->iova - dev->base) / FAKE_PAGE < FAKE_PAGES)
		page = &dev->want[(req->iova - dev->base) / FAKE_PAGE];
	if (dev->state == NYX_CHANGE_ATTACHED && page && !(req->access & ~page->prot))
		return 0;
	req->out_fault.reason = NYX_FAULT_NOT_PRESENT;
	dev->faults += req->flags == NYX_TRANSLATE_F_REPORT;
	return 0;
}

static int list(struct nyx_list *req)
{
	struct nyx_device_info info = { 0 };
	uint32_t i;

	ASSERT_EQ(NYX_LIST_DEVICES, req->type);
	ASSERT_EQ(0, req->start);
	memset((void *)(uintptr_t)req->entries, 0, (size_t)req->entry_size * FAKE_DEVICES);
	for (i = 0; i < FAKE_DEVICES; i++) {
		info.sbdf = FAKE_SBDF(i);
		info.domain_id = fake.device[i].domain;
		memcpy((void *)(uintptr_t)(req->entries + (uint64_t)req->entry_size * i), &info,
		       sizeof(info));
	}
	req->out_nr = FAKE_DEVICES;
	req->out_more = 0;
	return 0;
}

static int command(unsigned long request, void *arg)
{
	struct nyx_unit_info *info;

	switch (request) {
	case NYX_UNIT_INFO:
		info = arg;
		info->unit_id = 1;
		info->address_width = fake.address_width;
		return 0;
	case NYX_CHANGES_OPEN:
		return changes_open(arg);
	case NYX_CHANGES_ADD:
		return changes_add(arg);
	case NYX_CHANGES_REMOVE:
		return changes_remove(arg);
	case NYX_CHANGES_NEXT:
		return changes_next(arg);
	case NYX_MMIO:
		return mmio(arg);
	case NYX_DEVICE_CONTROL:
		return device_control(arg);
	case NYX_TRANSLATE:
		return translate(arg);
	case NYX_LIST:
		return list(arg);
	default:
		return -ENOTTY;
	}
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;
	int ret;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (fd != fake.fd || !fake.fd) {
		if (fake_other)
			return fake_other(fd, request, arg);
		return (int)syscall(SYS_ioctl, fd, request, arg);
	}
	pthread_mutex_lock(&fake.lock);
	ret = command(request, arg);
	pthread_mutex_unlock(&fake.lock);
	if (!ret && request == NYX_CHANGES_ADD && fake.adding)
		fake.adding();
	if (!ret)
		return 0;
	errno = -ret;
	return -1;
}

/* ---- for tests ---------------------------------------------------------------- */

struct nyx_unit *fake_unit(void)
{
	uint32_t i, width = fake.address_width;
	struct nyx_unit *unit = NULL;

	fake = (struct fake)START;
	fake.address_width = width;
	fake.fd = eventfd(0, EFD_CLOEXEC);
	ASSERT_LT(0, fake.fd);
	for (i = 0; i < FAKE_DEVICES; i++) {
		fake.device[i].state = NYX_CHANGE_DETACHED;
		fake.device[i].base = 0x100000;
	}
	ASSERT_EQ(0, nyx_unit_adopt(fake.fd, &unit));
	return unit;
}

void fake_wait(void)
{
	while (fake.dirty || fake.acked != fake.seq || fake.at < fake.nr)
		pthread_cond_wait(&fake.done, &fake.lock);
}

void fake_say(struct nyx_change change)
{
	pthread_mutex_lock(&fake.lock);
	fake.script = true;
	if (fake.at == fake.nr) {
		fake.at = 0;
		fake.nr = 0;
	}
	emit(change);
	signal_stream(true);
	pthread_mutex_unlock(&fake.lock);
}

void fake_attach(unsigned int index, uint32_t domain, uint32_t gpa, uint32_t prot)
{
	struct fake_device *dev = &fake.device[index];
	uint32_t i;

	pthread_mutex_lock(&fake.lock);
	dev->state = NYX_CHANGE_ATTACHED;
	dev->domain = domain;
	for (i = 0; i < FAKE_PAGES; i++)
		dev->want[i] = (struct fake_page){ .prot = prot, .gpa = gpa + i };
	fake_changed();
	pthread_mutex_unlock(&fake.lock);
}
