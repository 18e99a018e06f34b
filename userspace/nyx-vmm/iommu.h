/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm: what an IOMMU does for the machine.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * One structure of functions for each kind of IOMMU; a function that is missing
 * means "as if there were none". Everything else of the machine is the same with
 * and without one.
 */
#ifndef NYX_VMM_IOMMU_H
#define NYX_VMM_IOMMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dma_op;
struct vmm;

/* An interrupt as the local APICs take it. */
struct irq_message {
	uint32_t address_lo;
	uint32_t address_hi;		/* bits 31:8: those of a 32-bit destination */
	uint32_t data;
};

/* The message of a pin of the IOAPIC, or of a line (irq_line.c) */
struct irq_route {
	uint32_t gsi;
	struct irq_message message;
};

/* An interrupt of a function that is sent by a write to an eventfd. */
struct irq_binding {
	int source;			/* that is it */
	int target;			/* is signalled if the message is not blocked */
	uint32_t id;			/* 0: new; set */
	uint64_t address;		/* the message */
	uint32_t data;
};

struct iommu_ops {
	const char *name;
	/* The requester id of the IOAPIC's messages. Not 0, which Linux takes for "none". */
	uint16_t ioapic_rid;

	/* Before the devices are made, with RAM in place; registers: io_add(). */
	int (*init)(struct vmm *vmm);
	/* After the virtual CPUs and all workers have ended. */
	void (*exit)(struct vmm *vmm);
	/* Its PCI functions. After the devices. */
	int (*functions)(struct vmm *vmm);

	/* A function appears at @rid. Before its first access. */
	int (*device_add)(struct vmm *vmm, uint16_t rid);

	/*
	 * Accesses of @rid, in order; each that is done it marks. 0, or -EFAULT: one was
	 * refused, at the byte that the IOMMU reports; those behind it may have been done.
	 * Any thread.
	 */
	int (*access)(struct vmm *vmm, uint16_t rid, struct dma_op *ops, unsigned int nr);

	/*
	 * The host's view of [iova, iova + len), if it is in one piece and may be
	 * kept until the end of the device's request; NULL: the device copies.
	 */
	void *(*map)(struct vmm *vmm, uint16_t rid, uint64_t iova, uint64_t len, bool write);

	/*
	 * A message of @rid to the CPUs. 0: it is the same until the guest changes interrupt
	 * entries; 1: only now; -EFAULT: blocked. Any thread.
	 */
	int (*remap)(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data,
		     struct irq_message *message);

	/*
	 * Signals of the source are interrupts of @rid; or, where the binding is there already, are
	 * again, with another message: then one that was kept is sent by it. 0 or an error. NULL:
	 * there are no bindings. Any thread.
	 */
	int (*bind)(struct vmm *vmm, uint16_t rid, struct irq_binding *binding);
	/* They are none. True: one was signalled and not sent, and is kept. Any thread. */
	bool (*unbind)(struct vmm *vmm, uint32_t id);

	/* Its ACPI table (DMAR, IVRS). 0 and its bytes; -EMSGSIZE: no room. */
	int (*acpi)(struct vmm *vmm, void *table, size_t room, size_t *length);
};

extern const struct iommu_ops iommu_none;
extern const struct iommu_ops iommu_vtd;
extern const struct iommu_ops iommu_amdvi;

#endif /* NYX_VMM_IOMMU_H */
