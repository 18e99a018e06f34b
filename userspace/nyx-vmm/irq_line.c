// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: interrupt messages that devices send by eventfd.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A device that has sent a message once sends it again by a write to an eventfd. The IOMMU's
 * unit listens to it, checks the message as it checks any other, and signals a second eventfd,
 * to which KVM listens. KVM has a route for that one: the message as the IOMMU has made it.
 *
 * A line is open while its route is what the IOMMU makes of its message. The first message
 * goes by irq_translate(), whose answer becomes the route. The line is closed when the
 * function changes or masks the message, and when the guest changes interrupt entries: then the
 * unit keeps what was signalled and not sent, and the next message begins anew. iommu_unit.c
 * closes the lines before the CPU goes on that has changed the entries.
 *
 * The unit sends what it has kept when the line is opened again. So the function sends a
 * message for it, which opens the line, and which is delivered by hand only where that fails:
 * one signal is one interrupt.
 *
 * A device of the host signals by itself, from within the kernel: VFIO writes to the eventfd.
 * Its line is opened before the first signal, with what the IOMMU would make of the message,
 * so that the VMM has no part in an interrupt. Without an IOMMU KVM listens to the device's
 * eventfd itself. Where the IOMMU blocks the message, the main thread waits for signals, and
 * has them sent as messages, so that each is a fault.
 *
 * A line belongs to a vector of a function, and is protected by the vector's lock. Lines stay
 * until the function is reset, or until the end of the machine; those of a device of the host,
 * which the main thread may be listening to, until the device goes.
 */
#include "irq_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "iommu.h"
#include "vmm.h"

struct irq_line {
	int source;
	int target;			/* -1: KVM listens to the source */
	uint32_t binding;		/* of the unit; 0: none yet */
	bool used;
	bool open;
	bool waited_for;		/* by the main thread */
	bool broken;			/* the unit or KVM has refused the line: do not retry */
	bool kept;			/* the unit keeps an interrupt until the line opens */
	uint64_t address;		/* the message */
	uint32_t data;
	/* Of irq_line_on(), whose source belongs to the caller */
	irq_line_fn *signalled;
	void *opaque;
	unsigned int vector;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct irq_line lines[IRQ_LINES];	/* irq_line::used: @lock */
static int closed_lines = -1;	/* epoll: sources of irq_line_on() whose line is closed; @lock */

static unsigned int gsi_of(const struct irq_line *line)
{
	return IOAPIC_PINS + (unsigned int)(line - lines);
}

static void close_files(struct irq_line *line)
{
	if (line->source >= 0 && !line->signalled)
		close(line->source);
	if (line->target >= 0)
		close(line->target);
}

/* Called with @lock held. */
static struct irq_line *find_free(void)
{
	struct irq_line *line;

	for (line = lines; line < lines + IRQ_LINES; line++) {
		if (!line->used)
			return line;
	}
	return NULL;
}

struct irq_line *irq_line_new(struct vmm *vmm)
{
	struct irq_line *line;

	if (!vmm->iommu->bind)
		return NULL;
	pthread_mutex_lock(&lock);
	line = find_free();
	if (line) {
		*line = (struct irq_line){
			.source = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
			.target = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .used = true,
		};
		line->broken = line->source < 0 || line->target < 0 ||
			kvm_irqfd(vmm, line->target, gsi_of(line), true);
	}
	pthread_mutex_unlock(&lock);
	return line;
}

/* ---- lines whose source others signal -------------------------------------------- */

/* Main thread */
static void closed_ready(void *opaque, int fd)
{
	struct epoll_event events[16];
	struct irq_line *line;
	int i, got;

	(void)opaque;
	got = epoll_wait(fd, events, ARRAY_SIZE(events), 0);
	for (i = 0; i < got; i++) {
		line = events[i].data.ptr;
		/* The line may have been opened meanwhile, and has its signals. */
		if (event_take(line->source))
			line->signalled(line->opaque, line->vector);
	}
}

/* Called with @lock held. */
static int begin_waiting(void)
{
	int rc;

	if (closed_lines >= 0)
		return 0;
	closed_lines = epoll_create1(EPOLL_CLOEXEC);
	if (closed_lines < 0)
		return -errno;
	rc = loop_add(closed_lines, closed_ready, NULL);
	if (rc) {
		close(closed_lines);
		closed_lines = -1;
	}
	return rc;
}

/* The main thread takes signals of the source, or no longer. */
static void wait_for(struct irq_line *line, bool on)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = line };

	if (!line->signalled || on == line->waited_for)
		return;
	if (!epoll_ctl(closed_lines, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, line->source, &event))
		line->waited_for = on;
}

struct irq_line *irq_line_on(struct vmm *vmm, int source, irq_line_fn *signalled, void *opaque,
			     unsigned int vector)
{
	bool bound = vmm->iommu->bind;
	struct irq_line *line;

	pthread_mutex_lock(&lock);
	line = begin_waiting() ? NULL : find_free();
	if (line) {
		*line = (struct irq_line){
			.source = source, .used = true, .signalled = signalled,
			.opaque = opaque, .vector = vector,
			.target = bound ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1,
		};
		line->broken = bound && (line->target < 0 ||
					 kvm_irqfd(vmm, line->target, gsi_of(line), true));
		wait_for(line, true);
		if (!line->waited_for) {
			close_files(line);
			line->used = false;
			line = NULL;
		}
	}
	pthread_mutex_unlock(&lock);
	return line;
}

/* True if the unit has kept an interrupt. */
static bool close_line(struct vmm *vmm, struct irq_line *line)
{
	line->open = false;
	if (line->target >= 0)
		return vmm->iommu->unbind(vmm, line->binding);
	/* Signals that KVM has not taken remain in the source. */
	kvm_irqfd(vmm, line->source, gsi_of(line), false);
	wait_for(line, true);
	return false;
}

/* The IOMMU blocks the message: let the main thread have the signals, not the binding. */
static void end_binding(struct vmm *vmm, struct irq_line *line)
{
	if (line->binding)
		vmm->iommu->bind_end(vmm, line->binding);
	line->binding = 0;
	line->kept = false;
	wait_for(line, true);
}

void irq_line_free(struct vmm *vmm, struct irq_line *line)
{
	if (!line)
		return;
	if (line->open)
		close_line(vmm, line);
	end_binding(vmm, line);
	wait_for(line, false);
	if (line->target >= 0)
		kvm_irqfd(vmm, line->target, gsi_of(line), false);
	close_files(line);
	pthread_mutex_lock(&lock);
	line->used = false;
	pthread_mutex_unlock(&lock);
}

struct irq_line *irq_line_reset(struct vmm *vmm, struct irq_line *line)
{
	if (!line || !line->signalled) {
		irq_line_free(vmm, line);
		return NULL;
	}
	if (line->open)
		close_line(vmm, line);
	/* A signal that was kept is lost with the function's state. */
	end_binding(vmm, line);
	event_take(line->source);
	return line;
}

bool irq_line_pending(struct vmm *vmm, struct irq_line *line)
{
	return line && line->signalled && !line->open && line->binding &&
		vmm->iommu->unbind(vmm, line->binding);
}

/* ---- opening and closing --------------------------------------------------------- */

/* Open the line: the CPUs get @message for each of its interrupts. */
static void line_open(struct vmm *vmm, struct irq_line *line, uint16_t rid, uint64_t address,
		      uint32_t data, const struct irq_message *message)
{
	struct irq_binding binding = {
		.source = line->source, .target = line->target, .id = line->binding,
		.address = address, .data = data,
	};

	/* Two readers of the source would take each other's signals. */
	wait_for(line, false);
	line->broken = irq_route_set(vmm, gsi_of(line), message) ||
		(line->target < 0 ? kvm_irqfd(vmm, line->source, gsi_of(line), true) :
		 vmm->iommu->bind(vmm, rid, &binding));
	line->binding = binding.id;
	line->address = address;
	line->data = data;
	line->open = !line->broken;
	if (line->broken)
		wait_for(line, true);
}

void irq_line_arm(struct vmm *vmm, struct irq_line *line, uint16_t rid, uint64_t address,
		  uint32_t data)
{
	struct irq_message message;

	if (!line || !line->signalled || line->open || line->broken)
		return;
	if (irq_probe(vmm, rid, address, data, &message)) {
		end_binding(vmm, line);
		return;
	}
	line_open(vmm, line, rid, address, data, &message);
	line->kept &= line->broken;	/* the unit has sent it */
}

/* True if opening the line made the unit send an interrupt that it had kept. */
static bool line_sends_kept(struct irq_line *line)
{
	bool sends = line && line->open && line->kept;

	if (sends)
		line->kept = false;
	return sends;
}

void irq_line_send(struct vmm *vmm, struct irq_line *line, uint16_t rid, uint64_t address,
		   uint32_t data)
{
	static const uint64_t one = 1;
	struct irq_message message;
	int rc;

	if (line && line->open) {
		/* A write fails only if 2^64 - 2 signals are pending. */
		if (line->signalled ? event_signal(line->source) :
		    write(line->source, &one, sizeof(one)) == sizeof(one))
			return;
	}
	rc = irq_translate(vmm, rid, address, data, &message);
	if (rc < 0)
		return;			/* blocked: it is lost */
	if (line && !line->broken && !rc)
		line_open(vmm, line, rid, address, data, &message);
	if (!line_sends_kept(line))
		irq_deliver(vmm, &message);
}

bool irq_line_follow(struct vmm *vmm, struct irq_line *line, bool usable, uint64_t address,
		     uint32_t data)
{
	if (!line || !line->open ||
	    (usable && line->address == address && line->data == data))
		return false;
	line->kept = close_line(vmm, line);
	return line->kept;
}

void irq_lines_exit(void)
{
	struct irq_line *line;

	for (line = lines; line < lines + IRQ_LINES; line++) {
		if (line->used)
			close_files(line);
		line->used = false;
	}
	if (closed_lines >= 0) {
		loop_remove(closed_lines);
		close(closed_lines);
	}
	closed_lines = -1;
}
