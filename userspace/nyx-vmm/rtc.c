// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: the clock and memory of an MC146818 at 0x70, without interrupts.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * It shows the host's UTC, 24 hours, BCD; setting it has no effect.
 */
#include <string.h>
#include <time.h>

#include "vmm.h"

enum {
	RTC_BASE	= 0x70,
	REG_SECONDS	= 0x00,
	REG_MINUTES	= 0x02,
	REG_HOURS	= 0x04,
	REG_WEEKDAY	= 0x06,
	REG_DAY		= 0x07,
	REG_MONTH	= 0x08,
	REG_YEAR	= 0x09,
	REG_A		= 0x0a,
	REG_B		= 0x0b,
	REG_C		= 0x0c,
	REG_D		= 0x0d,
	REG_CENTURY	= 0x32,
	A_32KHZ		= 0x26,
	B_24H		= 0x02,
	B_BINARY	= 0x04,
	D_VALID		= 0x80,
};

static struct {
	uint8_t index;
	uint8_t bytes[128];
} rtc;					/* vmm::lock */

static uint8_t digits(int value)
{
	if (rtc.bytes[REG_B] & B_BINARY)
		return (uint8_t)value;
	return (uint8_t)(value / 10 << 4 | value % 10);
}

static uint8_t rtc_read(uint8_t index)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	switch (index) {
	case REG_SECONDS:
		return digits(tm.tm_sec);
	case REG_MINUTES:
		return digits(tm.tm_min);
	case REG_HOURS:
		return digits(tm.tm_hour);
	case REG_WEEKDAY:
		return digits(tm.tm_wday + 1);
	case REG_DAY:
		return digits(tm.tm_mday);
	case REG_MONTH:
		return digits(tm.tm_mon + 1);
	case REG_YEAR:
		return digits(tm.tm_year % 100);
	case REG_CENTURY:
		return digits((tm.tm_year + 1900) / 100);
	case REG_A:
		return A_32KHZ;		/* never "update in progress" */
	case REG_C:
		return 0;
	case REG_D:
		return D_VALID;
	default:
		return rtc.bytes[index];
	}
}

static uint64_t port_read(void *opaque, uint64_t offset, unsigned int len)
{
	(void)opaque;
	(void)len;
	return offset ? rtc_read(rtc.index) : 0xff;
}

static void port_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	(void)opaque;
	(void)len;
	if (offset)
		rtc.bytes[rtc.index] = (uint8_t)value;
	else
		rtc.index = value & 0x7f;
}

static const struct io_ops ops = { port_read, port_write };

int rtc_init(struct vmm *vmm)
{
	memset(&rtc, 0, sizeof(rtc));
	rtc.bytes[REG_B] = B_24H;
	return io_add(vmm, IO_PORT, RTC_BASE, 2, &ops, NULL);
}
