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
 * A line for one vector of a function; NULL: this machine has none left, or no IOMMU that
 * binds interrupts. Any thread.
 */
struct irq_line *irq_line_new(struct vmm *vmm);

/*
 * The function at @rid sends a message. @line: that of its vector, or NULL. The functions
 * below are called with the lock of the function held.
 */
void irq_line_send(struct vmm *vmm, struct irq_line *line, uint16_t rid, uint64_t address,
		   uint32_t data);

/*
 * The message is this one now, and the function may send it if @usable; or, with @usable
 * false, the IOMMU may make something else of it. True: one was on its way, and the function
 * is to send it anew; it arrives once.
 */
bool irq_line_follow(struct vmm *vmm, struct irq_line *line, bool usable, uint64_t address,
		     uint32_t data);

/* No function sends any more. */
void irq_lines_exit(void);

#endif /* NYX_VMM_IRQ_LINE_H */
