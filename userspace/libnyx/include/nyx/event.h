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
enum { NYX_EVENT_TEXT_LEN = 1024 };

/**
 * nyx_event_format() - say in one line what happened
 * @event: the record
 * @buffer: where to put the text, without a new line
 * @size: room at @buffer; NYX_EVENT_TEXT_LEN is enough
 *
 * The text is for people: its wording may change.
 *
 * Return: 0; -EMSGSIZE if @size is too small; -EINVAL for a type that the
 * library does not know.
 */
int nyx_event_format(const struct nyx_event *event, char *buffer, size_t size);

/**
 * nyx_event_format_guest() - nyx_event_format() for a unit with a vendor model
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
 * @device: where to put it
 *
 * Return: 0; -ENOENT if it is about no device.
 */
int nyx_event_device(const struct nyx_event *event, nyx_device_t *device);

/*
 * The parts of a record, for languages without unions. Each function returns NULL for a
 * record of another type; what it returns is a part of the record, and lives as long.
 */

/**
 * nyx_event_lost() - how many records a reader has missed
 * @event: the record
 * @lost: where to put the number
 *
 * Return: 0; -ENOENT if it is no NYX_EVENT_LOST.
 */
int nyx_event_lost(const struct nyx_event *event, uint64_t *lost);

/**
 * nyx_event_as_fault() - an access that was refused
 * @event: the record
 *
 * Return: the part of a record of type NYX_EVENT_FAULT, or NULL.
 */
const struct nyx_event_fault *nyx_event_as_fault(const struct nyx_event *event);

/**
 * nyx_event_as_irq_fault() - an interrupt that was refused
 * @event: the record
 *
 * Return: the part of a record of type NYX_EVENT_IRQ_FAULT, or NULL.
 */
const struct nyx_event_irq_fault *nyx_event_as_irq_fault(const struct nyx_event *event);

/**
 * nyx_event_as_state() - a change of a device's state
 * @event: the record
 *
 * Return: the part of a record of type NYX_EVENT_DEVICE_STATE, or NULL.
 */
const struct nyx_event_state *nyx_event_as_state(const struct nyx_event *event);

/**
 * nyx_event_as_irte() - a change of interrupt remapping
 * @event: the record
 *
 * Return: the part of a record of type NYX_EVENT_IRTE, or NULL.
 */
const struct nyx_event_irte *nyx_event_as_irte(const struct nyx_event *event);

/**
 * nyx_event_as_page() - a page request, or the answer to a group
 * @event: the record
 *
 * Return: the part of a record of type NYX_EVENT_PAGE_REQUEST or NYX_EVENT_PAGE_RESPONSE, or NULL.
 */
const struct nyx_event_page *nyx_event_as_page(const struct nyx_event *event);

/**
 * nyx_event_as_msi() - an interrupt of the unit's own
 * @event: the record
 *
 * Return: the part of a record of type NYX_EVENT_MSI, or NULL.
 */
const struct nyx_event_msi *nyx_event_as_msi(const struct nyx_event *event);

/**
 * nyx_event_as_view() - a view that was cut off
 * @event: the record
 *
 * Return: the part of a record of type NYX_EVENT_VIEW, or NULL.
 */
const struct nyx_event_view *nyx_event_as_view(const struct nyx_event *event);

#ifdef __cplusplus
}
#endif

#endif /* NYX_EVENT_H */
