// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: the event stream.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <nyx/event.h>
#include <nyx/text.h>

#include "private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

NYX_EXPORT int nyx_event_open(struct nyx_unit *unit, uint32_t flags, int *fd)
{
	struct nyx_events_open req = { .size = sizeof(req), .flags = flags };
	int ret;

	ret = nyx__ioctl(unit->fd, NYX_EVENTS_OPEN, &req);
	if (!ret)
		*fd = req.out_fd;
	return ret;
}

NYX_EXPORT int nyx_event_read(int fd, struct nyx_event *events, size_t nr, size_t *got)
{
	ssize_t n;

	if (!nr)
		return -EINVAL;
	n = read(fd, events, nr * sizeof(*events));
	if (n < 0)
		return -errno;
	if ((size_t)n % sizeof(*events))
		return -EIO;
	*got = (size_t)n / sizeof(*events);
	return 0;
}

/* A text that is written piece by piece into a buffer of limited size. */
struct text {
	char *at;
	size_t room;
	int err;
};

__attribute__((format(printf, 2, 3)))
static void put(struct text *text, const char *format, ...)
{
	va_list args;
	int n;

	if (text->err)
		return;
	va_start(args, format);
	n = vsnprintf(text->at, text->room, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= text->room) {
		text->err = -EMSGSIZE;
		return;
	}
	text->at += n;
	text->room -= (size_t)n;
}

static const char *access_name(uint8_t access)
{
	switch (access) {
	case NYX_PROT_READ:
		return "read";
	case NYX_PROT_WRITE:
		return "write";
	case NYX_PROT_READ | NYX_PROT_WRITE:
		return "read-modify-write";
	default:
		return "access";
	}
}

static void put_fault(struct text *text, const struct nyx_event_fault *fault)
{
	char sbdf[NYX_SBDF_TEXT_LEN];

	nyx_sbdf_format(fault->sbdf, sbdf, sizeof(sbdf));
	put(text, "device %s", sbdf);
	if (fault->pasid != NYX_PASID_NONE)
		put(text, " PASID %" PRIu32, fault->pasid);
	if (fault->domain_id)
		put(text, ", domain %" PRIu32, fault->domain_id);
	put(text, ": %s of %" PRIu64 " %s at IOVA 0x%" PRIx64 " refused: %s",
	    access_name(fault->fault.access), (uint64_t)fault->length,
	    fault->length == 1 ? "byte" : "bytes", (uint64_t)fault->fault.iova, nyx_fault_reason_text(fault->fault.reason));
	if (fault->fault.gpa != NYX_GPA_UNKNOWN)
		put(text, ", GPA 0x%" PRIx64, (uint64_t)fault->fault.gpa);
	if (fault->fault.level != NYX_LEVEL_NONE)
		put(text, ", level %u", fault->fault.level);
}

NYX_EXPORT int nyx_event_format(const struct nyx_event *event, char *buffer, size_t size)
{
	struct text text = { .at = buffer, .room = size };

	switch (event->type) {
	case NYX_EVENT_LOST:
		put(&text, "%" PRIu64 " records lost, from number %" PRIu64 " on",
		    (uint64_t)event->lost, (uint64_t)event->seq);
		return text.err;
	case NYX_EVENT_FAULT:
		put_fault(&text, &event->fault);
		return text.err;
	default:
		return -EINVAL;
	}
}
