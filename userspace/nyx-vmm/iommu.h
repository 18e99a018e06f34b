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

struct dma_holds;
struct dma_op;
struct dma_span;
struct vfio_container;
struct vhost;
struct vmm;

/* A message in the format of the local APICs. */
struct irq_message {
	uint32_t address_lo;
	uint32_t address_hi;		/* bits 31:8: those of a 32-bit destination */
	uint32_t data;
};

/* A route of KVM: the message of a pin of the IOAPIC, or of a line (irq_line.c). */
struct irq_route {
	uint32_t gsi;
	struct irq_message message;
};

/* An interrupt that a function sends by a write to an eventfd. */
struct irq_binding {
	int source;			/* the function writes to it */
	int target;			/* the unit signals it unless the message is blocked */
	uint32_t id;			/* 0: a new binding; bind() sets it */
	uint64_t address;		/* the message */
	uint32_t data;
};

struct iommu_ops {
	const char *name;
	/* The requester id of the IOAPIC's messages. Not 0, which Linux takes for "none". */
	uint16_t ioapic_rid;

	/* Called after RAM exists and before the devices; registers MMIO with io_add(). */
	int (*init)(struct vmm *vmm);
	/* Called after the virtual CPUs and all workers have ended. */
	void (*exit)(struct vmm *vmm);
	/* Adds the IOMMU's PCI functions. Called after the devices exist. */
	int (*functions)(struct vmm *vmm);

	/* A function appears at @rid. Called before its first access. */
	int (*device_add)(struct vmm *vmm, uint16_t rid);
	/* It goes, and makes no accesses any more; @rid is free for @device_add again. */
	void (*device_remove)(struct vmm *vmm, uint16_t rid);

	/*
	 * Does accesses of @rid in order, and sets @done of each that succeeds. 0, or
	 * -EFAULT: one was refused, at the byte that the IOMMU reports; later ones may
	 * have been done. Any thread.
	 */
	int (*access)(struct vmm *vmm, uint16_t rid, struct dma_op *ops, unsigned int nr);

	/*
	 * Finds the memory of the spans whose @rc is 0, by dma_piece(), and holds their
	 * translations. Sets @rc and @done. NULL: devices copy. Any thread.
	 */
	void (*hold)(struct vmm *vmm, uint16_t rid, struct dma_span *spans, unsigned int nr);
	/* Ends all holds. Any thread. */
	void (*release)(struct vmm *vmm, struct dma_holds *holds);

	/* @rid was reset, and has no request in flight. May be NULL. Any thread. */
	void (*device_reset)(struct vmm *vmm, uint16_t rid);

	/*
	 * Remaps a message of @rid to the CPUs. 0: the result holds until the guest changes
	 * interrupt entries; 1: it holds only now; -EFAULT: the message is blocked. Any
	 * thread.
	 */
	int (*remap)(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data,
		     struct irq_message *message);

	/* The answer of @remap; no message is sent, counted or reported. Any thread. */
	int (*probe)(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data,
		     struct irq_message *message);

	/*
	 * Makes signals of the source interrupts of @rid. An existing binding is unmasked with
	 * another message, and a kept interrupt is sent with that. 0 or an error. NULL: the
	 * IOMMU has no bindings. Any thread.
	 */
	int (*bind)(struct vmm *vmm, uint16_t rid, struct irq_binding *binding);
	/*
	 * Masks a binding. True: a signal was not sent as an interrupt, and is kept. Any
	 * thread.
	 */
	bool (*unbind)(struct vmm *vmm, uint32_t id);
	/* Ends a binding, and loses what it keeps. Any thread. */
	void (*bind_end)(struct vmm *vmm, uint32_t id);

	/*
	 * Prepares the address space of a host's devices, before the first of them is there, until
	 * @mirror_close, before the last one is closed. 0 or an error, and then nothing is mapped.
	 * After a message: -EOPNOTSUPP, the IOMMU would not learn of what the guest maps;
	 * -ERANGE, the host's IOMMU does not map all of its addresses. Main thread, without
	 * vmm::lock.
	 */
	int (*mirror_open)(struct vmm *vmm, struct vfio_container *container);
	void (*mirror_close)(struct vmm *vmm, struct vfio_container *container);
	/*
	 * Keeps it equal to what the guest lets @rid reach, until @unmirror. 0 or an error, and
	 * then nothing is mapped for it. NULL: it reaches the same all the time. With vmm::lock
	 * held, or before the CPUs run.
	 */
	int (*mirror)(struct vmm *vmm, uint16_t rid, struct vfio_container *container);
	void (*unmirror)(struct vmm *vmm, uint16_t rid, struct vfio_container *container);

	/*
	 * Makes the device IOTLB of a back end that serves @rid, vhost::iotlb, with what the guest
	 * has mapped, until @iotlb_close. 0 or an error. NULL: the IOMMU cannot do it. vmm::lock is
	 * held.
	 */
	int (*iotlb_open)(struct vmm *vmm, uint16_t rid, struct vhost *vhost);
	void (*iotlb_close)(struct vmm *vmm, uint16_t rid, struct vhost *vhost);
	/* The guest has reset @rid, which was quarantined for its back end: ends that. vmm::lock */
	void (*iotlb_reset)(struct vmm *vmm, uint16_t rid);
	/* True while all accesses of @rid are refused. NULL: they never are. Any thread. */
	bool (*is_cut_off)(struct vmm *vmm, uint16_t rid);

	/*
	 * The host's IOMMU has refused an access of a host's device: finds the fault as if @rid had
	 * made the access here. -EFAULT: it is one; 0: the guest allows the access; another error.
	 * NULL: the IOMMU has no faults. Main thread.
	 */
	int (*host_fault)(struct vmm *vmm, uint16_t rid, uint64_t iova, bool write);

	/* Writes the IOMMU's ACPI table (DMAR, IVRS). 0, with its length; -EMSGSIZE: no room. */
	int (*acpi)(struct vmm *vmm, void *table, size_t room, size_t *length);
};

extern const struct iommu_ops iommu_none;
extern const struct iommu_ops iommu_vtd;
extern const struct iommu_ops iommu_amdvi;

#endif /* NYX_VMM_IOMMU_H */
