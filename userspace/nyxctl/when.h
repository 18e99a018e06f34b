/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyxctl: moments, which the module counts in nanoseconds of CLOCK_BOOTTIME.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYXCTL_WHEN_H
#define NYXCTL_WHEN_H

#include <stddef.h>
#include <stdint.h>

#define WHEN_TEXT_LEN	40

/* Writes a text like "12 ms", in the largest unit of which there are at least two. */
void when_duration(char *buf, size_t size, uint64_t ns);
/* "3 s ago", or "in 3 s" */
void when_relative(char *buf, size_t size, uint64_t boot_ns);
/* "2026-11-29T14:05:01.123Z", RFC 3339 */
void when_utc(char *buf, size_t size, uint64_t boot_ns);
/* "2026-11-29 14:05:01.123", of the time zone */
void when_local(char *buf, size_t size, uint64_t boot_ns);

#endif /* NYXCTL_WHEN_H */
