// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: the 8254 timer, and port 0x61.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A Linux guest needs none of it as long as it finds kvmclock and the TSC deadline timer;
 * one that is told not to use them calibrates its TSC with channel 2 and its local APIC
 * timer with channel 0. Channel 0 is a timer of the host, which raises pin 2 of the
 * IOAPIC; the other channels only count.
 *
 * Modes 0 (once), 2 and 3 (again and again); the rest is taken for mode 2. BCD is not
 * supported, no known guest uses it.
 */
#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "vmm.h"

#define PIT_HZ		1193182
#define NS		1000000000

enum {
	PIT_BASE	= 0x40,
	PORT_CONTROL	= 3,		/* 0x43 */
	PORT_SPEAKER	= 0x61,
	SPEAKER_GATE	= 1 << 0,
	SPEAKER_DATA	= 1 << 1,
	SPEAKER_REFRESH	= 1 << 4,
	SPEAKER_OUT	= 1 << 5,
	CHANNELS	= 3,
};

static struct channel {
	uint8_t mode;
	uint8_t access;			/* 1 low byte, 2 high byte, 3 both */
	bool high_next_write, high_next_read;
	bool latched, status_latched;
	uint8_t low, status;
	uint16_t latch;
	uint32_t reload;		/* 1 to 0x10000 */
	uint64_t start;			/* ns, when counting began */
	bool loaded;
} channels[CHANNELS];			/* vmm::lock */
static uint8_t speaker;			/* vmm::lock */
static int timer_fd = -1;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS + (uint64_t)now.tv_nsec;
}

static bool is_periodic(const struct channel *c)
{
	return c->mode == 2 || c->mode == 3;
}

/* Ticks since the channel was loaded */
static uint64_t elapsed(const struct channel *c)
{
	uint64_t ns = now_ns() - c->start;

	return ns / NS * PIT_HZ + ns % NS * PIT_HZ / NS;
}

static uint16_t count(const struct channel *c)
{
	uint64_t ticks;

	if (!c->loaded)
		return 0;
	ticks = elapsed(c);
	if (is_periodic(c))
		return (uint16_t)(c->reload - ticks % c->reload);
	return (uint16_t)(c->reload - ticks);
}

static bool output(const struct channel *c)
{
	uint64_t ticks;

	if (!c->loaded)
		return c->mode != 0;
	ticks = elapsed(c);
	if (c->mode == 3)
		return ticks % c->reload < (c->reload + 1) / 2;
	return c->mode == 2 || ticks >= c->reload;
}

static void arm(void)
{
	const struct channel *c = &channels[0];
	struct itimerspec spec = { 0 };
	uint64_t ns;

	if (c->loaded) {
		ns = (uint64_t)c->reload * NS / PIT_HZ;
		spec.it_value.tv_nsec = (long)(ns ? ns : 1);
		if (is_periodic(c)) {
			/* Bound the rate, so that a guest cannot keep the host busy. */
			if (ns < 100000)
				ns = 100000;
			spec.it_interval.tv_nsec = (long)ns;
		}
	}
	timerfd_settime(timer_fd, 0, &spec, NULL);
}

/* Main thread */
static void expired(void *opaque, int fd)
{
	uint64_t times;

	if (read(fd, &times, sizeof(times)) != sizeof(times) || hpet_is_legacy())
		return;
	ioapic_set(opaque, PIN_PIT, 0, true);
	ioapic_set(opaque, PIN_PIT, 0, false);
}

static void load(unsigned int nr, uint16_t value)
{
	struct channel *c = &channels[nr];

	c->reload = value ? value : 0x10000;
	c->start = now_ns();
	c->loaded = true;
	if (!nr)
		arm();
}

static void control(uint8_t value)
{
	unsigned int nr = value >> 6, i;
	struct channel *c;

	if (nr == CHANNELS) {		/* read-back */
		for (i = 0; i < CHANNELS; i++) {
			c = &channels[i];
			if (!(value >> (i + 1) & 1))
				continue;
			if (!(value & 0x20) && !c->latched) {
				c->latch = count(c);
				c->latched = true;
			}
			if (!(value & 0x10) && !c->status_latched) {
				c->status = (uint8_t)(output(c) << 7 | !c->loaded << 6 |
						      c->access << 4 | c->mode << 1);
				c->status_latched = true;
			}
		}
		return;
	}
	c = &channels[nr];
	if (!(value & 0x30)) {		/* latch */
		if (!c->latched) {
			c->latch = count(c);
			c->latched = true;
		}
		return;
	}
	c->access = value >> 4 & 3;
	c->mode = value >> 1 & 7;
	if (c->mode > 5)
		c->mode -= 4;		/* 6 and 7 are 2 and 3 */
	c->high_next_write = c->high_next_read = false;
	c->loaded = false;
	if (!nr)
		arm();
}

static void counter_write(unsigned int nr, uint8_t value)
{
	struct channel *c = &channels[nr];

	switch (c->access) {
	case 1:
		load(nr, value);
		break;
	case 2:
		load(nr, (uint16_t)(value << 8));
		break;
	case 3:
		if (c->high_next_write)
			load(nr, (uint16_t)(value << 8 | c->low));
		else
			c->low = value;
		c->high_next_write = !c->high_next_write;
		break;
	}
}

static uint8_t counter_read(unsigned int nr)
{
	struct channel *c = &channels[nr];
	bool high = c->access == 2;
	uint16_t value;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	value = c->latched ? c->latch : count(c);
	if (c->access == 3) {
		high = c->high_next_read;
		c->high_next_read = !high;
	}
	if (c->access != 3 || high)
		c->latched = false;
	return (uint8_t)(high ? value >> 8 : value);
}

static uint64_t pit_read(void *opaque, uint64_t offset, unsigned int len)
{
	(void)opaque;
	(void)len;
	return offset < CHANNELS ? counter_read((unsigned int)offset) : 0xff;
}

static void pit_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	(void)opaque;
	(void)len;
	if (offset == PORT_CONTROL)
		control((uint8_t)value);
	else
		counter_write((unsigned int)offset, (uint8_t)value);
}

static uint64_t speaker_read(void *opaque, uint64_t offset, unsigned int len)
{
	uint8_t value = speaker & (SPEAKER_GATE | SPEAKER_DATA);

	(void)opaque;
	(void)offset;
	(void)len;
	/* The refresh bit toggles every 15 us. */
	if (now_ns() / 15000 & 1)
		value |= SPEAKER_REFRESH;
	if (output(&channels[2]))
		value |= SPEAKER_OUT;
	return value;
}

static void speaker_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	(void)opaque;
	(void)offset;
	(void)len;
	/* The gate starts channel 2 anew. */
	if (value & ~speaker & SPEAKER_GATE)
		channels[2].start = now_ns();
	speaker = (uint8_t)value;
}

static const struct io_ops pit_ops = { pit_read, pit_write };
static const struct io_ops speaker_ops = { speaker_read, speaker_write };

int pit_init(struct vmm *vmm)
{
	int rc;

	memset(channels, 0, sizeof(channels));
	speaker = 0;
	timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (timer_fd < 0)
		return -errno;
	rc = loop_add(timer_fd, expired, vmm);
	if (!rc)
		rc = io_add(vmm, IO_PORT, PIT_BASE, 4, &pit_ops, NULL);
	if (!rc)
		rc = io_add(vmm, IO_PORT, PORT_SPEAKER, 1, &speaker_ops, NULL);
	return rc;
}

void pit_exit(void)
{
	if (timer_fd >= 0)
		close(timer_fd);
	timer_fd = -1;
}
