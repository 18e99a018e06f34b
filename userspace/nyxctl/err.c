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

#include <nyx/reason.h>

#include "cmd.h"
#include "out.h"

/* Room for the text of a reason, a field and a remedy. */
#define WHY_LEN	320

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
	{ EAGAIN, "EAGAIN", "resource temporarily unavailable; try again" },
	{ EBADF, "EBADF", "bad file descriptor" },
	{ EBADMSG, "EBADMSG", "a checksum in the stream is wrong" },
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
	{ ENODATA, "ENODATA", "the stream ends too early" },
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

/* Remedies, by the reason that the module gives. */
static const struct {
	uint32_t reason;
	const char *text;
} remedies[] = {
	{ NYX_REASON_NO_DESCRIPTOR, "raise the limit with 'ulimit -n'" },
	{ NYX_REASON_UNKNOWN_PART, "load the module of the same release" },
	{ NYX_REASON_RATE_LIMIT, "try again" },
	{ NYX_REASON_NO_VENDOR_MODEL, "create it with --model" },
	{ NYX_REASON_UNIT_NAME_TAKEN, "use another name; 'nyxctl unit list' shows all" },
	{ NYX_REASON_UNITS_MAX, "'nyxctl module info' shows the limit" },
	{ NYX_REASON_MEMORY_OVERLAP, "'nyxctl memory list' shows all" },
	{ NYX_REASON_MEMORY_MAX, "'nyxctl unit show' lists the limits" },
	{ NYX_REASON_NO_SUCH_MEMORY, "'nyxctl memory list' shows all" },
	{ NYX_REASON_DIRTY_OFF, "start it with 'nyxctl memory track'" },
	{ NYX_REASON_FILE_SEALED, "use --read-only" },
	{ NYX_REASON_PIN_LIMIT, "raise it with 'ulimit -l' or leave out --pinned" },
	{ NYX_REASON_DOMAIN_NAME_TAKEN, "'nyxctl domain list' shows all" },
	{ NYX_REASON_DOMAIN_ID_TAKEN, "'nyxctl domain list' shows all" },
	{ NYX_REASON_DOMAINS_MAX, "'nyxctl unit show' lists the limits" },
	{ NYX_REASON_NO_SUCH_DOMAIN, "'nyxctl domain list' shows all" },
	{ NYX_REASON_DOMAIN_HAS_DEVICES, "detach them first" },
	{ NYX_REASON_DOMAIN_DYING, "try again" },
	{ NYX_REASON_DOMAIN_STRICT,
	  "make a domain for many devices with 'nyxctl domain create --shared'" },
	{ NYX_REASON_DOMAIN_DRAINING, "'nyxctl iotlb invalidate domain' waits for them" },
	{ NYX_REASON_DEVICE_NOT_PAGING,
	  "attach it to one with 'nyxctl device assign' or 'nyxctl device attach'" },
	{ NYX_REASON_MAPPED, "'nyxctl map list' shows the mappings" },
	{ NYX_REASON_NOT_MAPPED, "'nyxctl map list' shows the mappings" },
	{ NYX_REASON_NO_SUCH_DEVICE, "add it with 'nyxctl device add' or 'nyxctl device assign'" },
	{ NYX_REASON_DEVICE_EXISTS, "'nyxctl device show' shows its domain" },
	{ NYX_REASON_DEVICES_MAX, "'nyxctl unit show' lists the limits" },
	{ NYX_REASON_DEVICE_ATTACHED,
	  "'nyxctl device attach --replace' moves it, 'nyxctl device release' releases it" },
	{ NYX_REASON_DEVICE_MOVING, "try again" },
	{ NYX_REASON_QUARANTINED, "'nyxctl device reset' brings it back" },
	{ NYX_REASON_DOMAIN_QUARANTINED,
	  "'nyxctl device list' shows it, 'nyxctl device reset' brings it back" },
	{ NYX_REASON_IRTE_BEYOND, "'nyxctl unit create --irt' makes a larger one" },
	{ NYX_REASON_NO_SUCH_IRTE, "'nyxctl irq list' shows all" },
	{ NYX_REASON_GROUPS_MAX_DEVICE, "answer them with 'nyxctl page respond'" },
	{ NYX_REASON_GROUPS_MAX_UNIT, "answer them with 'nyxctl page respond'" },
	{ NYX_REASON_NO_SUCH_GROUP, "'nyxctl event monitor --history' shows all requests" },
	{ NYX_REASON_VIEWS_MAX, "'nyxctl view list' shows all" },
	{ NYX_REASON_VIEW_TIMEOUT,
	  "'nyxctl event monitor --history' names the process, or the device" },
	{ NYX_REASON_FOLLOWED, "its VMM has to let it go first" },
	{ NYX_REASON_UNIT_STOPPED, "try again when the migration has ended" },
	{ NYX_REASON_UNIT_LOADING, "try again when the migration has ended" },
	{ NYX_REASON_UNIT_NOT_EMPTY, "'nyxctl migrate load --create' makes a new unit" },
	{ NYX_REASON_MIGRATE_BLOCKED, "'nyxctl migrate check' lists what" },
	{ NYX_REASON_STREAM_DIFFERS, "'nyxctl migrate show' shows the options and the memory" },
};

/* Filled by err_keep(); err is 0 before. */
static struct {
	int err;
	uint32_t reason;
	const char *field;
} kept;

void err_keep(int err)
{
	kept.reason = nyx_last_reason(err);
	kept.field = nyx_last_field(err);
	kept.err = err;
}

static uint32_t last_reason(int err)
{
	return err && err == kept.err ? kept.reason : nyx_last_reason(err);
}

static const char *last_field(int err)
{
	return err && err == kept.err ? kept.field : nyx_last_field(err);
}

/* True if the reason says little without the name of its field. */
static bool needs_field(uint32_t reason)
{
	return reason >= NYX_REASON_FLAG && reason <= NYX_REASON_CONFLICT;
}

/* The explanation of @err: the module's reason with a remedy, written to @room, or err_text(). */
static const char *why(int err, char *room, size_t size)
{
	uint32_t reason = last_reason(err);
	const char *field = last_field(err), *remedy = NULL;
	size_t i;

	switch (reason) {
	case NYX_REASON_NONE:
	case NYX_REASON_OTHER:
	case NYX_REASON_SIGNAL:
	case NYX_REASON_NO_MEMORY:
		return err_text(err);
	}
	for (i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++) {
		if (remedies[i].reason == reason)
			remedy = remedies[i].text;
	}
	field = needs_field(reason) ? field : NULL;
	snprintf(room, size, "%s%s%s%s%s", field ? field : "", field ? ": " : "",
		 nyx_reason_text(reason), remedy ? "; " : "", remedy ? remedy : "");
	return room;
}

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
	/* Quarantine stops the device; the caller has every permission. */
	switch (last_reason(err)) {
	case NYX_REASON_QUARANTINED:
	case NYX_REASON_DOMAIN_QUARANTINED:
		return EXIT_REFUSED;
	}
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

/* @err: the error whose reason JSON shows beside the message, or 0. */
__attribute__((format(printf, 4, 0)))
static void say(const char *code, int err, const char *more, const char *format, va_list args)
{
	uint32_t reason = last_reason(err);
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
		out_error_json(code, message ? message : "out of memory",
			       reason == NYX_REASON_NONE ? NULL : nyx_reason_name(reason),
			       last_field(err));
	free(message);
	free(text);
}

int err_usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("USAGE", 0, NULL, format, args);
	va_end(args);
	return EXIT_USAGE;
}

int err_say(int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(err_code(err), err, NULL, format, args);
	va_end(args);
	return exit_code_of(err);
}

int err_explain(int err, const char *format, ...)
{
	char room[WHY_LEN];
	va_list args;

	va_start(args, format);
	say(err_code(err), err, why(err, room, sizeof(room)), format, args);
	va_end(args);
	return exit_code_of(err);
}

int err_exit(int exit_code, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(err_code(err), err, NULL, format, args);
	va_end(args);
	return exit_code;
}

void err_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(NULL, 0, NULL, format, args);
	va_end(args);
}
