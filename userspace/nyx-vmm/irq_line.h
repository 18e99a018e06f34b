/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm: interrupt messages that devices send by eventfd.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_VMM_IRQ_LINE_H
#define NYX_VMM_IRQ_LINE_H

#include <stdbool.h>
#include <stdint.h>

struct irq_line;
struct vmm;

/*
 * Create a line for one vector of a function. NULL: the machine has no line left, or no
 * IOMMU that binds interrupts. Any thread.
 */
struct irq_line *irq_line_new(struct vmm *vmm);

/*
 * The function at @rid sends a message. @line: the line of its vector, or NULL. This and
 * the functions below are called with the lock of the PCI function held.
 */
void irq_line_send(struct vmm *vmm, struct irq_line *line, uint16_t rid, uint64_t address,
		   uint32_t data);

/*
 * The message changes to this one, which the function may send if @usable; without @usable,
 * the IOMMU may remap the message differently. True: an interrupt was in flight, and the
 * function must send it again; it arrives once.
 */
bool irq_line_follow(struct vmm *vmm, struct irq_line *line, bool usable, uint64_t address,
		     uint32_t data);

/*
 * Create a line for signals of @source that others send: the kernel, for a device of the host.
 * While the line is closed, the main thread calls @signalled for them, without locks, which is
 * to send the message with irq_line_send(). NULL: none is left. Only the main thread frees it.
 */
typedef void irq_line_fn(void *opaque, unsigned int vector);
struct irq_line *irq_line_on(struct vmm *vmm, int source, irq_line_fn *signalled, void *opaque,
			     unsigned int vector);
void irq_line_free(struct vmm *vmm, struct irq_line *line);

/*
 * The function was reset: what its line has not sent yet is lost, and it may have another id
 * afterwards. Frees a line of irq_line_new(); returns one of irq_line_on(), and else NULL.
 */
struct irq_line *irq_line_reset(struct vmm *vmm, struct irq_line *line);

/*
 * Open a line of irq_line_on() for this message, unless the IOMMU blocks that: then the first
 * signal is to be sent, and is a fault. Does nothing for other lines, NULL, and open ones.
 */
void irq_line_arm(struct vmm *vmm, struct irq_line *line, uint16_t rid, uint64_t address,
		  uint32_t data);

/* True if a closed line of irq_line_on() keeps a signal. */
bool irq_line_pending(struct vmm *vmm, struct irq_line *line);

/* Free all lines. Called when no function sends any more. */
void irq_lines_exit(void);

#endif /* NYX_VMM_IRQ_LINE_H */
