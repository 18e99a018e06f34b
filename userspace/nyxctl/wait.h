/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyxctl: calls that wait for in-flight accesses.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The kernel heeds only a fatal signal in such a wait. So a thread of nyxctl watches the
 * call: after a second it says what the command waits for, and when the time of --timeout
 * has passed it ends the process, and with it the wait. The changes that the command has
 * made by then are kept.
 */
#ifndef NYXCTL_WAIT_H
#define NYXCTL_WAIT_H

#include "cmd.h"

#define WAIT_NOTICE_MS	1000

#define WAIT_OPT \
	{ "timeout", 0, "TIME", WORD_TIME, NULL, \
	  "give up waiting after this time, like 500ms or 2s (default: never)" }

/*
 * Call only one function of libnyx between wait_begin() and wait_end(), and nothing that
 * prints or holds a lock. @resume: how to go on waiting after a time-out; NULL: --timeout,
 * if there is one, is not for this wait.
 */
#define WAIT_REPEAT	"repeat the command to keep waiting"

__attribute__((format(printf, 3, 4)))
void wait_begin(struct cli *cli, const char *resume, const char *format, ...);
void wait_end(void);

/* --timeout in milliseconds, or UINT64_MAX. */
uint64_t wait_timeout(const struct cli *cli);

#endif /* NYXCTL_WAIT_H */
