// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: a high precision event timer.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * IA-PC HPET Specification 1.0a. A counter of 100 MHz and three timers, which interrupt by
 * pins of the IOAPIC or, as "legacy replacement", in place of the PIT and the clock. They
 * send no messages of their own, so no IOMMU has to know the HPET.
 */
#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "vmm.h"

#define NS		1000000000
#define TICK_NS		10
#define TICK_FS		UINT64_C(10000000)
#define PERIOD_MIN	10000		/* ticks: keeps a guest from making the host busy */

enum {
	HPET_SIZE	= 0x400,
	TIMERS		= 3,

	REG_CAPS	= 0x000,
	REG_CONFIG	= 0x010,
	REG_STATUS	= 0x020,
	REG_COUNTER	= 0x0f0,
	REG_TIMERS	= 0x100,
	TIMER_STEP	= 0x20,
	TIMER_CONFIG	= 0x00,
	TIMER_COMPARATOR = 0x08,

	VENDOR		= 0x8086,
	REVISION	= 1,
	CAPS_64BIT	= 1 << 13,
	CAPS_LEGACY	= 1 << 15,

	CONFIG_ENABLE	= 1 << 0,
	CONFIG_LEGACY	= 1 << 1,

	TIMER_LEVEL	= 1 << 1,
	TIMER_ENABLE	= 1 << 2,
	TIMER_PERIODIC	= 1 << 3,
	TIMER_PERIODIC_CAP = 1 << 4,
	TIMER_64BIT_CAP	= 1 << 5,
	TIMER_SET	= 1 << 6,
	TIMER_32BIT	= 1 << 8,
	TIMER_ROUTE	= 9,		/* shift */
	TIMER_ROUTES	= 0x1f << TIMER_ROUTE,
	TIMER_WRITABLE	= TIMER_LEVEL | TIMER_ENABLE | TIMER_PERIODIC | TIMER_SET |
			  TIMER_32BIT | TIMER_ROUTES,
};

/* Timers may use pins 16 to 23, which no device needs as edges */
#define ROUTES		(UINT64_C(0xff0000) << 32)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	uint64_t config;
	uint64_t status;
	uint64_t counter;		/* the count while the counter is halted */
	uint64_t start;			/* time in ns when the running counter was 0 */
	struct timer {
		uint64_t config;
		uint64_t comparator;
		uint64_t period;
		uint64_t due;		/* the whole count, not cut to 32 bits */
		bool armed;
		unsigned int pin;	/* pin that the timer drives while @high */
		bool high;
	} timers[TIMERS];
} hpet;					/* @lock; after vmm::lock, before the IOAPIC's */
static atomic_bool legacy;
static int timer_fd = -1;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS + (uint64_t)now.tv_nsec;
}

static uint64_t count(void)
{
	if (!(hpet.config & CONFIG_ENABLE))
		return hpet.counter;
	return hpet.counter + (now_ns() - hpet.start) / TICK_NS;
}

bool hpet_is_legacy(void)
{
	return atomic_load(&legacy);
}

static unsigned int pin_of(unsigned int nr)
{
	if (hpet.config & CONFIG_LEGACY && nr < 2)
		return nr ? PIN_RTC : PIN_PIT;
	return hpet.timers[nr].config >> TIMER_ROUTE & 0x1f;
}

static void drive(struct vmm *vmm, unsigned int nr, bool high)
{
	struct timer *t = &hpet.timers[nr];

	if (high)
		t->pin = pin_of(nr);
	if (high || t->high)
		ioapic_set(vmm, t->pin, SOURCE_HPET + nr, high);
	t->high = high;
}

static void fire(struct vmm *vmm, unsigned int nr)
{
	const struct timer *t = &hpet.timers[nr];

	if (t->config & TIMER_LEVEL) {
		hpet.status |= UINT64_C(1) << nr;
		if (t->config & TIMER_ENABLE)
			drive(vmm, nr, true);
	} else if (t->config & TIMER_ENABLE) {
		drive(vmm, nr, true);
		drive(vmm, nr, false);
	}
}

/*
 * Set @t to its first match from @now on; a comparator behind the counter matches after it
 * wraps.
 */
static void aim(struct timer *t, uint64_t now)
{
	uint64_t left = t->comparator - now;

	if (t->config & TIMER_32BIT)
		left &= UINT32_MAX;
	t->armed = !__builtin_add_overflow(now, left, &t->due);
}

static void match(struct vmm *vmm, unsigned int nr, uint64_t now)
{
	struct timer *t = &hpet.timers[nr];
	uint64_t period;

	if (!t->armed || t->due > now)
		return;
	t->armed = false;
	if (t->config & TIMER_PERIODIC && t->period) {
		/* One interrupt stands for all missed periods. */
		period = t->period < PERIOD_MIN ? PERIOD_MIN : t->period;
		t->comparator += ((now - t->due) / period + 1) * period;
		if (t->config & TIMER_32BIT)
			t->comparator &= UINT32_MAX;
		aim(t, now);
	}
	fire(vmm, nr);
}

/*
 * Called with @lock held, after each change: raise what is due, and arm the timer for the
 * next match.
 */
static void update(struct vmm *vmm)
{
	uint64_t now = count(), first = UINT64_MAX, ns;
	struct itimerspec spec = { 0 };
	unsigned int nr;

	if (hpet.config & CONFIG_ENABLE) {
		for (nr = 0; nr < TIMERS; nr++) {
			match(vmm, nr, now);
			if (hpet.timers[nr].armed && hpet.timers[nr].due < first)
				first = hpet.timers[nr].due;
		}
	}
	if (first != UINT64_MAX) {
		ns = first - now;
		ns = ns > UINT32_MAX * UINT64_C(1000) ? UINT32_MAX * UINT64_C(1000) : ns;
		ns = (ns + 1) * TICK_NS;
		spec.it_value.tv_sec = (time_t)(ns / NS);
		spec.it_value.tv_nsec = (long)(ns % NS);
	}
	timerfd_settime(timer_fd, 0, &spec, NULL);
}

/* Main thread */
static void expired(void *opaque, int fd)
{
	uint64_t times;

	if (read(fd, &times, sizeof(times)) != sizeof(times))
		return;
	pthread_mutex_lock(&lock);
	update(opaque);
	pthread_mutex_unlock(&lock);
}

/* ---- registers ---------------------------------------------------------------------- */

static uint64_t reg_read(uint64_t reg)
{
	const struct timer *t = &hpet.timers[(reg - REG_TIMERS) / TIMER_STEP % TIMERS];

	switch (reg) {
	case REG_CAPS:
		return TICK_FS << 32 | (uint64_t)VENDOR << 16 | CAPS_LEGACY | CAPS_64BIT |
			(TIMERS - 1) << 8 | REVISION;
	case REG_CONFIG:
		return hpet.config;
	case REG_STATUS:
		return hpet.status;
	case REG_COUNTER:
		return count();
	}
	if (reg < REG_TIMERS || reg >= REG_TIMERS + TIMERS * TIMER_STEP)
		return 0;
	switch (reg % TIMER_STEP) {
	case TIMER_CONFIG:
		return t->config | ROUTES | TIMER_PERIODIC_CAP | TIMER_64BIT_CAP;
	case TIMER_COMPARATOR:
		return t->config & TIMER_32BIT ? (uint32_t)t->comparator : t->comparator;
	}
	return 0;
}

static void set_config(uint64_t value)
{
	bool counts = hpet.config & CONFIG_ENABLE, counted = value & CONFIG_ENABLE;
	uint64_t now = count();
	unsigned int nr;

	if (counts != counted) {
		hpet.counter = now;
		hpet.start = now_ns();
	}
	hpet.config = value & (CONFIG_ENABLE | CONFIG_LEGACY);
	atomic_store(&legacy, hpet.config & CONFIG_LEGACY);
	for (nr = 0; nr < TIMERS && counted && !counts; nr++)
		aim(&hpet.timers[nr], now);
}

static void set_timer_config(struct vmm *vmm, unsigned int nr, uint64_t value)
{
	struct timer *t = &hpet.timers[nr];

	/* A write of a pin that ROUTES does not offer keeps the former pin. */
	if (!(ROUTES >> 32 >> (value >> TIMER_ROUTE & 0x1f) & 1))
		value = (value & ~(uint64_t)TIMER_ROUTES) | (t->config & TIMER_ROUTES);
	t->config = value & TIMER_WRITABLE;
	if (!(t->config & TIMER_ENABLE) || !(t->config & TIMER_LEVEL))
		drive(vmm, nr, false);
	if (t->config & TIMER_32BIT) {
		t->comparator &= UINT32_MAX;
		t->period &= UINT32_MAX;
	}
	aim(t, count());
}

/* Set the bits @mask of the comparator to those of @value. */
static void set_comparator(struct timer *t, uint64_t value, uint64_t mask)
{
	if (t->config & TIMER_32BIT)
		mask &= UINT32_MAX;
	if (!(t->config & TIMER_PERIODIC) || t->config & TIMER_SET)
		t->comparator = (t->comparator & ~mask) | (value & mask);
	if (t->config & TIMER_PERIODIC)
		t->period = (t->period & ~mask) | (value & mask);
	t->config &= ~(uint64_t)TIMER_SET;
	aim(t, count());
}

static void reg_write(struct vmm *vmm, uint64_t reg, uint64_t value, uint64_t mask)
{
	uint64_t all = (reg_read(reg) & ~mask) | (value & mask);
	unsigned int nr = (unsigned int)((reg - REG_TIMERS) / TIMER_STEP);

	switch (reg) {
	case REG_CONFIG:
		set_config(all);
		return;
	case REG_STATUS:
		hpet.status &= ~(value & mask);
		for (nr = 0; nr < TIMERS; nr++) {
			if (!(hpet.status >> nr & 1))
				drive(vmm, nr, false);
		}
		return;
	case REG_COUNTER:
		if (!(hpet.config & CONFIG_ENABLE))
			hpet.counter = all;
		return;
	}
	if (reg < REG_TIMERS || nr >= TIMERS)
		return;
	if (reg % TIMER_STEP == TIMER_CONFIG)
		set_timer_config(vmm, nr, all);
	else if (reg % TIMER_STEP == TIMER_COMPARATOR)
		set_comparator(&hpet.timers[nr], value, mask);
}

/* Registers have 64 bits, accesses 64 or 32, aligned; others read zero. */
static bool is_access(uint64_t offset, unsigned int len)
{
	return (len == 4 || len == 8) && !(offset % len);
}

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned int len)
{
	uint64_t value;

	(void)opaque;
	if (!is_access(offset, len))
		return 0;
	pthread_mutex_lock(&lock);
	value = reg_read(offset & ~UINT64_C(7));
	pthread_mutex_unlock(&lock);
	return value >> 8 * (offset & 7);
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	unsigned int shift = 8 * (offset & 7);

	if (!is_access(offset, len))
		return;
	pthread_mutex_lock(&lock);
	reg_write(opaque, offset & ~UINT64_C(7), value << shift,
		  (len == 8 ? UINT64_MAX : UINT32_MAX) << shift);
	update(opaque);
	pthread_mutex_unlock(&lock);
}

static const struct io_ops ops = { mmio_read, mmio_write };

int hpet_init(struct vmm *vmm)
{
	unsigned int nr;
	int rc;

	memset(&hpet, 0, sizeof(hpet));
	for (nr = 0; nr < TIMERS; nr++)
		hpet.timers[nr].comparator = UINT64_MAX;
	atomic_store(&legacy, false);
	timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	rc = timer_fd < 0 ? -errno : loop_add(timer_fd, expired, vmm);
	if (!rc)
		rc = io_add(vmm, IO_MMIO, GPA_HPET, HPET_SIZE, &ops, vmm);
	if (rc)
		say("the HPET: %s", strerror(-rc));
	return rc;
}

void hpet_exit(void)
{
	if (timer_fd >= 0)
		close(timer_fd);
	timer_fd = -1;
}
