// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl: moments, which the module counts in nanoseconds of CLOCK_BOOTTIME.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "when.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NS_PER_S	1000000000

static int64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

void when_duration(char *buf, size_t size, uint64_t ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "d", UINT64_C(86400) * NS_PER_S }, { "h", UINT64_C(3600) * NS_PER_S },
		{ "m", UINT64_C(60) * NS_PER_S }, { "s", NS_PER_S }, { "ms", 1000000 },
		{ "us", 1000 }, { "ns", 1 },
	};
	size_t i = 0;

	/* "90 s" says more than "1 m" does. */
	while (units[i].ns > 1 && ns < 2 * units[i].ns)
		i++;
	snprintf(buf, size, "%" PRIu64 " %s", ns / units[i].ns, units[i].name);
}

void when_relative(char *buf, size_t size, uint64_t boot_ns)
{
	int64_t ago = now(CLOCK_BOOTTIME) - (int64_t)boot_ns;
	char text[WHEN_TEXT_LEN];

	when_duration(text, sizeof(text), (uint64_t)(ago < 0 ? -ago : ago));
	if (ago < 0)
		snprintf(buf, size, "in %s", text);
	else
		snprintf(buf, size, "%s ago", text);
}

/* The time of day, in parts; the milliseconds are returned. */
static int calendar(uint64_t boot_ns, struct tm *(*convert)(const time_t *time, struct tm *tm),
		    struct tm *tm)
{
	static int64_t offset;
	int64_t ns;
	time_t s;

	/* Compute the offset once, so that it is the same for all rows. */
	if (!offset)
		offset = now(CLOCK_REALTIME) - now(CLOCK_BOOTTIME);
	ns = (int64_t)boot_ns + offset;
	s = (time_t)(ns / NS_PER_S);
	if (!convert(&s, tm))
		memset(tm, 0, sizeof(*tm));
	return (int)(ns % NS_PER_S / 1000000);
}

void when_utc(char *buf, size_t size, uint64_t boot_ns)
{
	char text[WHEN_TEXT_LEN];
	struct tm tm;
	int ms = calendar(boot_ns, gmtime_r, &tm);

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf, size, "%s.%03dZ", text, ms);
}

void when_local(char *buf, size_t size, uint64_t boot_ns)
{
	char text[WHEN_TEXT_LEN];
	struct tm tm;
	int ms = calendar(boot_ns, localtime_r, &tm);

	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(buf, size, "%s.%03d", text, ms);
}
