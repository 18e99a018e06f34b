/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm tests: a machine without KVM.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The platform and its devices as nyx-vmm makes them; what a guest's CPU would do the
 * tests do, by io_access(). RAM lies between pages that no access may touch.
 */
#ifndef NYX_VMM_TESTS_VMM_ENV_H
#define NYX_VMM_TESTS_VMM_ENV_H

#include "iommu.h"
#include "ktap.h"
#include "vmm.h"

#define ENV_RAM		(32 * MIB)

/* The last two: an IOMMU that refuses some; with a view of a unit that is none */
enum env_dma { ENV_MAP, ENV_COPY, ENV_FAULTS, ENV_VIEW };

/* A page that the IOMMU of ENV_FAULTS lets no device reach */
static inline bool env_refuses(uint64_t iova)
{
	return iova >> 12 & 1 && (iova >> 12) % 13 == 5;
}

/* One machine for each case. Its main loop runs in a thread. */
struct vmm *env_machine(enum env_dma dma);
/* Fails the case if a thread or a file descriptor is left. */
void env_end(struct vmm *vmm);
/* The kernel has no asynchronous I/O for the case from now on: io_setup(2) fails with @error. */
void env_no_aio(int error);
/* Keep the guest's output away from the lines of the harness, which then has none, either. */
void env_mute(bool on);
unsigned int env_accesses(uint64_t iova);	/* to its page, refused or not, of ENV_FAULTS */
/* Accesses of ENV_FAULTS wait, until env_stall(false). */
void env_stall(bool on);
unsigned int env_stalled(void);		/* that wait now */
unsigned int env_sent(uint8_t vector);	/* that devices of ENV_FAULTS have sent */
/* Of a unit of VT-d that is none: its IRTA_REG, and the device that sent an interrupt last */
extern uint64_t env_irta;
extern uint32_t env_sender;
extern int env_remove;			/* what that answers to the removal of a device, if not 0 */
bool env_unit_has(uint16_t rid);	/* it has the device */
unsigned int env_handled(void);		/* how often its changes were, which ends -EINPROGRESS */
/* Of ENV_VIEW: what was refused, views that were opened, and holds that were taken */
unsigned int env_refused(void);
unsigned int env_views(void);
unsigned int env_holds(void);
void env_no_holds(bool on);		/* all are taken */
unsigned int env_slots(void);		/* of threads; one too many fails the case */
void env_cut_off(void);			/* the current view is */
unsigned int env_freed(void);		/* resets that took a device out of quarantine for that */
extern int env_irqfd;			/* what KVM answers to an eventfd of a line */
extern int env_routes;			/* and to a table of routes */
/* True if KVM listens to the eventfd @fd; @message: the route of it */
bool env_irqfd_get(int fd, struct irq_message *message);
extern int env_memory;			/* what KVM answers to memory */
void *env_memory_at(uint64_t gpa);	/* memory of KVM besides RAM, or NULL */
unsigned int env_memories(void);	/* how many slots there are */
unsigned int env_stops(void);		/* how often the guest wanted to end it */
const char *env_said(void);		/* the last message */
unsigned int env_says(void);		/* how many there were */
unsigned int env_messages(void);	/* interrupts that reached KVM */
struct irq_message env_message(void);	/* the last of them */
bool env_awaits_eoi(uint8_t vector);	/* KVM would report it */
void env_no_memory(bool on);		/* calloc() fails */
extern void (*env_syncs)(void);		/* called by fdatasync(), or NULL */

/* A file of @size bytes, all @byte; its name is valid until the next call. */
const char *env_file(uint64_t size, uint8_t byte, int *fd);
/* The same, and not in memory if the program's folder is not */
const char *env_disk(uint64_t size, uint8_t byte, int *fd);

/* Guest RAM, which workers change meanwhile: no race that a sanitizer is to see. */
void env_put(struct vmm *vmm, uint64_t gpa, uint64_t value, unsigned int len);
uint64_t env_get(struct vmm *vmm, uint64_t gpa, unsigned int len);

uint64_t env_in(struct vmm *vmm, enum io_kind kind, uint64_t addr, unsigned int len);
void env_out(struct vmm *vmm, enum io_kind kind, uint64_t addr, uint64_t value,
	     unsigned int len);
uint64_t env_ecam(unsigned int slot, unsigned int at);
uint32_t env_config_get(struct vmm *vmm, unsigned int slot, unsigned int at);
void env_config_set(struct vmm *vmm, unsigned int slot, unsigned int at, uint32_t value);

/* Split queues of a virtio device; tables of queue Q at ENV_RING + Q * ENV_RING_STEP. */
#define ENV_RING	0x400000
#define ENV_RING_STEP	0x10000
#define ENV_QUEUES	16		/* most of a device */
#define ENV_AVAIL	0x4000
#define ENV_USED	0x8000
#define ENV_DATA	0x600000	/* for buffers; env_refuses() none of its first 12K */

enum { ENV_NEXT = 1, ENV_WRITE = 2, ENV_INDIRECT = 4 };

struct env_virtio {
	struct vmm *vmm;
	unsigned int slot;
	uint64_t bar;
	uint16_t avail[ENV_QUEUES];	/* what the test has given the queues */
};

/*
 * Resets the device in @slot, whose BAR 0 is at @bar, and starts it, queues of @size. The
 * driver takes what is offered, with or without EVENT_IDX; the first has it without.
 */
struct env_virtio env_virtio(struct vmm *vmm, unsigned int slot, uint64_t bar, uint16_t size);
struct env_virtio env_virtio_events(struct vmm *vmm, unsigned int slot, uint64_t bar,
				    uint16_t size, bool event_idx);
/* Queue @queue interrupts by MSI-X with @vector. */
void env_msix(struct env_virtio *dev, unsigned int queue, uint8_t vector);
void env_desc(struct env_virtio *dev, unsigned int queue, unsigned int nr, uint64_t addr,
	      uint32_t len, uint16_t flags, uint16_t next);
/* Makes @head available, and kicks. */
void env_give(struct env_virtio *dev, unsigned int queue, uint16_t head);
void env_kick(struct env_virtio *dev, unsigned int queue);
/* Waits until all that was given is used. False: the device "needs reset". */
bool env_wait(struct env_virtio *dev, unsigned int queue);

/* The lower half of a redirection entry of the IOAPIC, as a guest reaches it. */
#define REMOTE_IRR	0x4000u
#define LEVEL		0x8000u
#define MASKED		0x10000u
void rte_set(struct vmm *vmm, unsigned int pin, uint32_t low);
uint32_t rte_get(struct vmm *vmm, unsigned int pin);

#endif /* NYX_VMM_TESTS_VMM_ENV_H */
