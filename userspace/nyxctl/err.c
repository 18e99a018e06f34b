// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl: errors.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "out.h"

static bool json_errors;

void err_init(bool json)
{
	json_errors = json;
}

static const struct {
	int err;
	const char *code;
	const char *text;
} errors[] = {
	{ E2BIG, "E2BIG", "nyxctl is newer than the module; load the module of the same release" },
	{ EACCES, "EACCES", "the unit belongs to another user, or its program does not share it" },
	{ EAGAIN, "EAGAIN", "a limit is reached for now; try again" },
	{ EBADF, "EBADF", "bad file descriptor" },
	{ EBUSY, "EBUSY", "it is in use" },
	{ EDQUOT, "EDQUOT",
	  "pinning would exceed the limit on locked memory; raise it with 'ulimit -l' or leave out --pinned" },
	{ EEXIST, "EEXIST", "it already exists" },
	{ EFAULT, "EFAULT", "bad address: the memory for the data is not accessible" },
	{ EINTR, "EINTR", "interrupted by a signal" },
	{ EINVAL, "EINVAL", "a value is out of its range or misaligned" },
	{ EIO, "EIO", "input/output error" },
	{ EISDIR, "EISDIR", "is a directory" },
	{ ELOOP, "ELOOP", "the source of a binding is the target of one, or the reverse" },
	{ EMFILE, "EMFILE", "too many open files; raise the limit with 'ulimit -n'" },
	{ EMSGSIZE, "EMSGSIZE", "the listing grew meanwhile; try again" },
	{ ENAMETOOLONG, "ENAMETOOLONG", "the name is too long; use at most 31 characters" },
	{ ENODEV, "ENODEV", "the unit was destroyed meanwhile" },
	{ ENOENT, "ENOENT", "there is no such object" },
	{ ENOMEM, "ENOMEM", "out of memory" },
	{ ENOSPC, "ENOSPC",
	  "a limit is reached; 'nyxctl unit show' and 'nyxctl module info' list the limits" },
	{ ENOTTY, "ENOTTY", "the module does not know the command; load the module of the same release" },
	{ ENXIO, "ENXIO", "no unit is open on this file descriptor" },
	{ EOPNOTSUPP, "EOPNOTSUPP", "the module, or this kind of object, does not support it" },
	{ EOVERFLOW, "EOVERFLOW", "address and length together go beyond 64 bits" },
	{ EPERM, "EPERM", "operation not permitted; run nyxctl as root" },
	{ EPIPE, "EPIPE", "broken pipe" },
	{ ERANGE, "ERANGE", "the range goes beyond the address width" },
	{ EREMOTEIO, "EFAULTED", "the IOMMU refused the access" },
	{ ESPIPE, "ESPIPE", "illegal seek" },
	{ ETIMEDOUT, "ETIMEDOUT", "timed out" },
	{ ETXTBSY, "ETXTBSY", "text file busy" },
};

const char *err_code(int err)
{
	size_t i;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (errors[i].err == -err)
			return errors[i].code;
	}
	return "EUNKNOWN";
}

const char *err_text(int err)
{
	size_t i;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (errors[i].err == -err)
			return errors[i].text;
	}
	return strerror(-err);
}

static int exit_code_of(int err)
{
	switch (-err) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return EXIT_ABSENT;
	case EACCES:
	case EPERM:
		return EXIT_DENIED;
	case ETIMEDOUT:
		return EXIT_TIMEOUT;
	default:
		return EXIT_REFUSED;
	}
}

__attribute__((format(printf, 3, 0)))
static void say(const char *code, const char *more, const char *format, va_list args)
{
	char *text = NULL, *message = NULL;

	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	if (more && asprintf(&message, "%s: %s", text ? text : "", more) < 0)
		message = NULL;
	if (!message)
		message = text ? strdup(text) : NULL;
	fflush(stdout);
	fprintf(stderr, "nyxctl: %s\n", message ? message : "out of memory");
	if (json_errors && code)
		out_error_json(code, message ? message : "out of memory");
	free(message);
	free(text);
}

int err_usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("USAGE", NULL, format, args);
	va_end(args);
	return EXIT_USAGE;
}

int err_say(int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(err_code(err), NULL, format, args);
	va_end(args);
	return exit_code_of(err);
}

int err_explain(int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(err_code(err), err_text(err), format, args);
	va_end(args);
	return exit_code_of(err);
}

int err_exit(int exit_code, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(err_code(err), NULL, format, args);
	va_end(args);
	return exit_code;
}

void err_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(NULL, NULL, format, args);
	va_end(args);
}
