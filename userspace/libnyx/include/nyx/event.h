/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: the event stream of a unit.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The stream is a file descriptor: wait for it with poll(2) or epoll(7).
 */
#ifndef NYX_EVENT_H
#define NYX_EVENT_H

#include <stddef.h>
#include <stdint.h>
#include <linux/nyx_iommu.h>

#include <nyx/unit.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * nyx_event_open() - open the event stream
 * @unit: the unit
 * @flags: of enum nyx_events_flags
 * @fd: where to put the file descriptor; close(2) it when done. It does not
 *      keep the unit alive
 *
 * Return: 0 or a negative errno.
 */
int nyx_event_open(struct nyx_unit *unit, uint32_t flags, int *fd);

/**
 * nyx_event_read() - read records
 * @fd: the stream
 * @events: where to put them
 * @nr: room at @events, not 0
 * @got: where to put the number of records; 0: the unit has ended
 *
 * A reader that falls behind finds one record of type NYX_EVENT_LOST with the
 * number of records that are missing.
 *
 * Return: 0; -EAGAIN if there is no record now and the stream is non-blocking;
 * -EINTR if a signal interrupted the wait: the library does not wait again, so
 * that a signal handler can end a loop.
 */
int nyx_event_read(int fd, struct nyx_event *events, size_t nr, size_t *got);

/* Enough room for every text of nyx_event_format(). */
#define NYX_EVENT_TEXT_LEN	1024

/**
 * nyx_event_format() - say in one line what happened
 * @event: the record
 * @buffer: where to put the text, without a new line
 * @size: room at @buffer; NYX_EVENT_TEXT_LEN is enough
 *
 * For people: the wording may change.
 *
 * Return: 0; -EMSGSIZE if @size is too small; -EINVAL for a type that the
 * library does not know.
 */
int nyx_event_format(const struct nyx_event *event, char *buffer, size_t size);

/**
 * nyx_event_format_guest() - the same, of a unit with a vendor model
 * @event: the record
 * @buffer: where to put the text, without a new line
 * @size: room at @buffer; NYX_EVENT_TEXT_LEN is enough
 *
 * Domains have the id by which the guest knows them: "DID 5", not "domain 1281".
 *
 * Return: as nyx_event_format().
 */
int nyx_event_format_guest(const struct nyx_event *event, char *buffer, size_t size);

/**
 * nyx_event_device() - the device that an event is about
 * @event: the record
 * @sbdf: where to put it
 *
 * Return: 0; -ENOENT if it is about no device.
 */
int nyx_event_device(const struct nyx_event *event, uint32_t *sbdf);

#ifdef __cplusplus
}
#endif

#endif /* NYX_EVENT_H */
