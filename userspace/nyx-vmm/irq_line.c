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
 * A line belongs to a vector of a function, and is protected by the vector's lock. Lines stay
 * until the end of the machine.
 */
#include "irq_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "iommu.h"
#include "vmm.h"

struct irq_line {
	int source;
	int target;
	uint32_t binding;		/* of the unit; 0: none yet */
	bool open;
	bool broken;			/* the unit or KVM has refused the line: do not retry */
	bool kept;			/* the unit keeps an interrupt until the line opens */
	uint64_t address;		/* the message */
	uint32_t data;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct irq_line lines[IRQ_LINES];
static unsigned int nr_lines;		/* @lock */

static unsigned int gsi_of(const struct irq_line *line)
{
	return IOAPIC_PINS + (unsigned int)(line - lines);
}

static void close_both(struct irq_line *line)
{
	if (line->source >= 0)
		close(line->source);
	if (line->target >= 0)
		close(line->target);
}

struct irq_line *irq_line_new(struct vmm *vmm)
{
	struct irq_line *line = NULL;

	if (!vmm->iommu->bind)
		return NULL;
	pthread_mutex_lock(&lock);
	if (nr_lines < IRQ_LINES) {
		line = &lines[nr_lines];
		*line = (struct irq_line){
			.source = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
			.target = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		};
		line->broken = line->source < 0 || line->target < 0 ||
			kvm_irqfd(vmm, line->target, gsi_of(line), true);
		nr_lines++;
	}
	pthread_mutex_unlock(&lock);
	return line;
}

/* Open the line: the CPUs get @message for each of its interrupts. */
static void line_open(struct vmm *vmm, struct irq_line *line, uint16_t rid, uint64_t address,
		      uint32_t data, const struct irq_message *message)
{
	struct irq_binding binding = {
		.source = line->source, .target = line->target, .id = line->binding,
		.address = address, .data = data,
	};

	line->broken = irq_route_set(vmm, gsi_of(line), message) ||
		vmm->iommu->bind(vmm, rid, &binding);
	line->binding = binding.id;
	line->address = address;
	line->data = data;
	line->open = !line->broken;
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
		/* The write fails only if 2^64 - 2 signals are pending. */
		if (write(line->source, &one, sizeof(one)) == sizeof(one))
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
	line->open = false;
	line->kept = vmm->iommu->unbind(vmm, line->binding);
	return line->kept;
}

void irq_lines_exit(void)
{
	while (nr_lines)
		close_both(&lines[--nr_lines]);
}
