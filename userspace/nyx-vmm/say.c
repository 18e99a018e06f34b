// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: messages on standard error.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * No thread waits for a reader while the machine runs: a virtual CPU, or the main loop, which
 * takes signals, would stand still. say() counts a line that finds no room, and puts the
 * count in front of the next line that finds some. Before the machine runs, and after it,
 * when a line tells why nyx-vmm ends, a reader has a second.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm.h"

#define PATIENCE_MS	1000
#define LINE		512

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int say_fd = STDERR_FILENO;
static bool runs;			/* @lock */
static __thread char *captured;
static __thread size_t captured_size;
static unsigned long lost;		/* @lock */

void say_init(void)
{
	int fd = open_anew(STDERR_FILENO, O_WRONLY);

	if (fd >= 0)
		say_fd = fd;
}

/*
 * Called with @lock held. Write a line in one call, so that lines do not mix: it is written
 * whole or dropped.
 */
static bool put(const char *text, size_t len)
{
	struct pollfd p = { .fd = say_fd, .events = POLLOUT };

	/* poll() returns at once if there is room. A pipe has room for 4K, or for nothing */
	if (poll(&p, 1, runs ? 0 : PATIENCE_MS) != 1 || !(p.revents & POLLOUT))
		return false;
	return write(say_fd, text, len) == (ssize_t)len;
}

/* Called with @lock held. @line: ends with a newline, or is empty. */
static void put_line(const char *line)
{
	char text[2 * LINE] = "";
	size_t len;

	if (lost)
		snprintf(text, LINE, "nyx-vmm: %lu messages dropped\n", lost);
	len = strlen(text);
	snprintf(text + len, sizeof(text) - len, "%s", line);
	if (put(text, strlen(text)))
		lost = 0;
	else if (*line)
		lost++;
}

void say_capture(char *text, size_t size)
{
	captured = text;
	captured_size = size;
}

void say(const char *format, ...)
{
	char text[LINE], line[LINE + 16];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (captured) {
		snprintf(captured, captured_size, "%s", text);
		return;
	}
	snprintf(line, sizeof(line), "nyx-vmm: %s\n", text);
	pthread_mutex_lock(&lock);
	put_line(line);
	pthread_mutex_unlock(&lock);
}

void say_running(bool running)
{
	pthread_mutex_lock(&lock);
	runs = running;
	if (!runs && lost)
		put_line("");
	pthread_mutex_unlock(&lock);
}
