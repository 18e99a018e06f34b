/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyxctl: errors.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * An error is one line on standard error that says what to do, and with --json
 * also a document on standard output, with the module's reason and the field that is
 * to blame, if it named them. Each function returns the exit code.
 */
#ifndef NYXCTL_ERR_H
#define NYXCTL_ERR_H

#include <stdbool.h>
#include <stdint.h>

struct cli;

/* The form of errors from now on. */
void err_init(bool json);

/* "nyxctl: ..." about the command line: EXIT_USAGE. */
__attribute__((format(printf, 1, 2)))
int err_usage(const char *format, ...);

/*
 * "nyxctl: ..." about a failed call, with @err, a negative errno, which chooses
 * the exit code and is named in JSON; the text should say what to do.
 */
__attribute__((format(printf, 2, 3)))
int err_say(int err, const char *format, ...);

/*
 * The same, with the reason after the text: the module's, if @err is that of the last
 * command that failed, and else a general explanation of @err.
 */
__attribute__((format(printf, 2, 3)))
int err_explain(int err, const char *format, ...);

/* As err_say(), but with an exit code of its own. */
__attribute__((format(printf, 3, 4)))
int err_exit(int exit_code, int err, const char *format, ...);

/* Save the reason and field of @err, so that later commands do not replace them. */
void err_keep(int err);

/* Print a line on standard error, without JSON. */
__attribute__((format(printf, 1, 2)))
void err_note(const char *format, ...);

/* The name of a negative errno, like "ENOENT". */
const char *err_code(int err);

/* The meaning of a negative errno, with a remedy. */
const char *err_text(int err);

#endif /* NYXCTL_ERR_H */
