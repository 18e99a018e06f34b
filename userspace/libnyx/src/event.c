// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: the event stream.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <nyx/domain.h>
#include <nyx/event.h>
#include <nyx/text.h>

#include "private.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
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
		return nyx__fail(-EINVAL);
	n = read(fd, events, nr * sizeof(*events));
	if (n < 0)
		return nyx__fail(-errno);
	if ((size_t)n % sizeof(*events))
		return nyx__fail(-EIO);
	*got = (size_t)n / sizeof(*events);
	return 0;
}

/* The index of an interrupt without an entry. */
#define NO_INDEX	UINT32_MAX

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

static void put_domain(struct text *text, uint32_t id)
{
	if (id && text->guest)
		put(text, ", DID %" PRIu32, nyx_domain_did((nyx_domain_t){ id }));
	else if (id)
		put(text, ", domain %" PRIu32, id);
}

static void put_count(struct text *text, uint64_t count)
{
	if (count > 1)
		put(text, " (and %" PRIu64 " %s before it)", count - 1,
		    count == 2 ? "fault" : "faults");
}

/* True if the cause adds something to the fault's reason. */
static bool says_more(uint32_t cause)
{
	switch (cause) {
	case NYX_CAUSE_NEVER_MAPPED:
	case NYX_CAUSE_UNMAPPED:
	case NYX_CAUSE_PAST_END:
	case NYX_CAUSE_PERMISSION:
		return true;
	default:
		return false;
	}
}

static void put_fault(struct text *text, const struct nyx_event_fault *fault)
{
	char cause[NYX_CAUSE_TEXT_LEN];

	put_device(text, fault->sbdf, fault->pasid);
	put_domain(text, fault->domain_id);
	put(text, ": %s of %" PRIu64 " %s at IOVA 0x%" PRIx64 " refused: %s",
	    access_name(fault->fault.access), (uint64_t)fault->length,
	    fault->length == 1 ? "byte" : "bytes", (uint64_t)fault->fault.iova,
	    nyx_fault_reason_text(fault->fault.reason));
	if (fault->fault.vendor)
		put(text, ", 0x%02x to the guest", fault->fault.vendor);
	if (fault->fault.gpa != NYX_GPA_UNKNOWN)
		put(text, ", GPA 0x%" PRIx64, (uint64_t)fault->fault.gpa);
	if (fault->fault.level != NYX_LEVEL_NONE)
		put(text, ", level %u", fault->fault.level);
	if (says_more(fault->cause)) {
		nyx_fault_cause_format(fault, cause, sizeof(cause));
		put(text, "; %s", cause);
	}
	put_count(text, fault->count);
}

static void put_irq_fault(struct text *text, const struct nyx_event_irq_fault *fault)
{
	put_device(text, fault->sbdf, NYX_PASID_NONE);
	put(text, ": interrupt, address 0x%" PRIx64 " data 0x%" PRIx32, (uint64_t)fault->address,
	    (uint32_t)fault->data);
	if (fault->index != NO_INDEX)
		put(text, ", entry %" PRIu32, (uint32_t)fault->index);
	put(text, ", refused: %s", nyx_fault_reason_text(fault->reason));
	if (fault->vendor)
		put(text, ", 0x%02x to the guest", fault->vendor);
	put_count(text, fault->count);
}

static const char *state_name(uint32_t state)
{
	const char *name = nyx_device_state_name(state);

	if (state == NYX_DEVICE_PROBATION)
		return "on probation";
	return name ? name : "in an unknown state";
}

static void put_samples(struct text *text, const struct nyx_event_state *state)
{
	const struct nyx_fault_sample *ev = state->samples;
	const char *reason;
	unsigned int i;

	for (i = 0; i < state->nr_samples && i < NYX_SAMPLES_MAX; i++, ev++) {
		reason = nyx_fault_reason_name(ev->reason);
		put(text, "; %u x %s at 0x%" PRIx64 " (%s), %" PRIu32 " ms before", ev->count,
		    ev->reason >= NYX_FAULT_IRQ_REQUEST ? "interrupt" : access_name(ev->access),
		    (uint64_t)ev->address, reason ? reason : "unknown", (uint32_t)ev->ago_ms);
	}
}

static void put_state(struct text *text, uint64_t now, const struct nyx_event_state *state)
{
	put_device(text, state->sbdf, NYX_PASID_NONE);
	if (state->cause == NYX_STATE_WOULD)
		put(text, " is %s and would be %s", state_name(state->old_state),
		    state_name(state->new_state));
	else
		put(text, " was %s and is %s", state_name(state->old_state),
		    state_name(state->new_state));
	switch (state->cause) {
	case NYX_STATE_BY_FAULTS:
	case NYX_STATE_WOULD:
		put(text, ": too many faults, score %" PRIu32, (uint32_t)state->score);
		break;
	case NYX_STATE_BY_TIME:
		put(text, ": its time has passed");
		break;
	case NYX_STATE_BY_COMMAND:
		put(text, ": by command");
		break;
	case NYX_STATE_BY_VIEW:
		put(text, ": a view held up a command in its name");
		break;
	case NYX_STATE_BY_CHANGES:
		put(text, ": a change stream of it was late, or full");
		break;
	}
	if (state->tries)
		put(text, ", try %" PRIu32, (uint32_t)state->tries);
	if (state->next_ns > now)
		put(text, ", next change in %" PRIu64 ".%u s",
		    (uint64_t)(state->next_ns - now) / 1000000000,
		    (unsigned int)((state->next_ns - now) % 1000000000 / 100000000));
	put_samples(text, state);
}

static void put_irte(struct text *text, const struct nyx_event_irte *irte)
{
	if (irte->sbdf != NYX_SBDF_ANY) {
		put_device(text, irte->sbdf, NYX_PASID_NONE);
		put(text, ": ");
	}
	if (irte->nr == 1)
		put(text, "entry %u of the interrupt remapping table has changed", irte->index);
	else
		put(text, "%u entries of the interrupt remapping table have changed, from %u on",
		    irte->nr, irte->index);
}

static void put_msi(struct text *text, const struct nyx_event_msi *msi)
{
	if (msi->flags & NYX_MSI_F_FUNCTION) {
		put(text, "the unit sends the interrupt of its PCI function");
		return;
	}
	put(text, "the unit sends an interrupt, address 0x%" PRIx64 " data 0x%" PRIx32,
	    (uint64_t)msi->address, (uint32_t)msi->data);
}

static void put_view(struct text *text, const struct nyx_event_view *view)
{
	const char *part = nyx_view_part_name(view->part);

	put(text, "view %" PRIu32 " of process %" PRIu32 " (%.*s) was cut off: ",
	    (uint32_t)view->view_id, (uint32_t)view->pid, (int)sizeof(view->name),
	    (const char *)view->name);
	if (view->sbdf != NYX_SBDF_ANY) {
		put_device(text, view->sbdf, view->pasid);
		put(text, ", ");
	}
	put(text, "%s %" PRIu32, part ? part : "part", (uint32_t)view->index);
	if (view->domain_id) {
		put_domain(text, view->domain_id);
		put(text, ", IOVA 0x%" PRIx64 " to 0x%" PRIx64 ",", (uint64_t)view->iova,
		    (uint64_t)view->last);
	}
	put(text, " held up a command");
}

static void put_page(struct text *text, uint32_t type, const struct nyx_event_page *page)
{
	const char *response;

	put_device(text, page->sbdf, page->pasid);
	put_domain(text, page->domain_id);
	if (type == NYX_EVENT_PAGE_REQUEST) {
		put(text, ": asks for the page at IOVA 0x%" PRIx64 " to %s",
		    (uint64_t)page->iova,
		    page->access == (NYX_PROT_READ | NYX_PROT_WRITE) ? "read and write" :
		    access_name((uint8_t)page->access));
		put(text, ", page %" PRIu64 " of %u of group %u", (uint64_t)page->index + 1,
		    page->nr, page->group);
		return;
	}
	response = nyx_page_response_name(page->response);
	put(text, ": the answer to group %" PRIu32 " is %s", (uint32_t)page->group,
	    response ? response : "unknown");
}

static int format(const struct nyx_event *event, bool guest, char *buffer, size_t size)
{
	struct text text = { .at = buffer, .room = size, .guest = guest };

	switch (event->type) {
	case NYX_EVENT_LOST:
		put(&text, "%" PRIu64 " records lost, from number %" PRIu64 " on",
		    (uint64_t)event->lost, (uint64_t)event->seq);
		return text.err;
	case NYX_EVENT_FAULT:
		put_fault(&text, &event->fault);
		return text.err;
	case NYX_EVENT_IRQ_FAULT:
		put_irq_fault(&text, &event->irq_fault);
		return text.err;
	case NYX_EVENT_DEVICE_STATE:
		put_state(&text, event->time_ns, &event->state);
		return text.err;
	case NYX_EVENT_IRTE:
		put_irte(&text, &event->irte);
		return text.err;
	case NYX_EVENT_PAGE_REQUEST:
	case NYX_EVENT_PAGE_RESPONSE:
		put_page(&text, event->type, &event->page);
		return text.err;
	case NYX_EVENT_MSI:
		put_msi(&text, &event->msi);
		return text.err;
	case NYX_EVENT_VIEW:
		put_view(&text, &event->view);
		return text.err;
	default:
		return -EINVAL;
	}
}

NYX_EXPORT int nyx_event_format(const struct nyx_event *event, char *buffer, size_t size)
{
	return format(event, false, buffer, size);
}

NYX_EXPORT int nyx_event_format_guest(const struct nyx_event *event, char *buffer, size_t size)
{
	return format(event, true, buffer, size);
}

NYX_EXPORT int nyx_event_device(const struct nyx_event *event, nyx_device_t *device)
{
	switch (event->type) {
	case NYX_EVENT_FAULT:
		device->sbdf = event->fault.sbdf;
		return 0;
	case NYX_EVENT_IRQ_FAULT:
		device->sbdf = event->irq_fault.sbdf;
		return 0;
	case NYX_EVENT_DEVICE_STATE:
		device->sbdf = event->state.sbdf;
		return 0;
	case NYX_EVENT_PAGE_REQUEST:
	case NYX_EVENT_PAGE_RESPONSE:
		device->sbdf = event->page.sbdf;
		return 0;
	case NYX_EVENT_IRTE:
		device->sbdf = event->irte.sbdf;
		return device->sbdf == NYX_SBDF_ANY ? -ENOENT : 0;
	case NYX_EVENT_VIEW:
		device->sbdf = event->view.sbdf;
		return device->sbdf == NYX_SBDF_ANY ? -ENOENT : 0;
	default:
		return -ENOENT;
	}
}

/* ---- parts of a record -------------------------------------------------------- */

NYX_EXPORT int nyx_event_lost(const struct nyx_event *event, uint64_t *lost)
{
	if (event->type != NYX_EVENT_LOST)
		return -ENOENT;
	*lost = event->lost;
	return 0;
}

NYX_EXPORT const struct nyx_event_fault *nyx_event_as_fault(const struct nyx_event *event)
{
	return event->type == NYX_EVENT_FAULT ? &event->fault : NULL;
}

NYX_EXPORT const struct nyx_event_irq_fault *nyx_event_as_irq_fault(const struct nyx_event *event)
{
	return event->type == NYX_EVENT_IRQ_FAULT ? &event->irq_fault : NULL;
}

NYX_EXPORT const struct nyx_event_state *nyx_event_as_state(const struct nyx_event *event)
{
	return event->type == NYX_EVENT_DEVICE_STATE ? &event->state : NULL;
}

NYX_EXPORT const struct nyx_event_irte *nyx_event_as_irte(const struct nyx_event *event)
{
	return event->type == NYX_EVENT_IRTE ? &event->irte : NULL;
}

NYX_EXPORT const struct nyx_event_page *nyx_event_as_page(const struct nyx_event *event)
{
	return event->type == NYX_EVENT_PAGE_REQUEST || event->type == NYX_EVENT_PAGE_RESPONSE ?
		&event->page : NULL;
}

NYX_EXPORT const struct nyx_event_msi *nyx_event_as_msi(const struct nyx_event *event)
{
	return event->type == NYX_EVENT_MSI ? &event->msi : NULL;
}

NYX_EXPORT const struct nyx_event_view *nyx_event_as_view(const struct nyx_event *event)
{
	return event->type == NYX_EVENT_VIEW ? &event->view : NULL;
}
