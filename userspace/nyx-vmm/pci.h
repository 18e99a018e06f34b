/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm: PCI functions.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A device embeds a struct pci_dev, fills in its configuration with the functions
 * below, and registers it. Functions sit on bus 0 or behind a root port,
 * see pci_port.h.
 */
#ifndef NYX_VMM_PCI_H
#define NYX_VMM_PCI_H

#include <linux/pci_regs.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm.h"

#define PCI_FUNCTIONS	8		/* of a slot */
#define PCI_BARS	6
#define PCI_ROM		6	/* the expansion ROM, behind the BARs */
#define PCI_CONFIG_SIZE	4096
#define PCI_MSIX_MAX	2048
#define PCI_MSI_MAX	32
#define PCI_NO_VECTOR	0xffff
#define PCI_LINK	(1 | 1 << 4)	/* 2.5 GT/s, one lane */
#define PCI_NO_RID	0xffff	/* not on a bus */

struct pci_port;

struct pci_bar {
	uint64_t size;			/* 0: none */
	const struct io_ops *ops;
	void *opaque;
	uint64_t addr;			/* where the guest sees it now */
	uint32_t flags;			/* PCI_BASE_ADDRESS_SPACE_IO, _MEM_TYPE_64, _MEM_PREFETCH */
	bool mapped;
};

/* An entry of the table of MSI-X. Each has a lock: queues that interrupt do not wait for others. */
struct msix_vector {
	pthread_mutex_t lock;
	uint64_t address;
	uint32_t data, control;
	bool pending;
	struct irq_line *line;		/* or NULL */
};

struct pci_dev {
	struct vmm *vmm;
	atomic_ushort rid;		/* bus, device, function; changed with @vmm->lock */
	const char *name;
	/* Before pci_register(): function 0 of the slot for this one; NULL: a new slot */
	struct pci_dev *slot_of;
	uint8_t function;		/* 1 to 7, with @slot_of */
	uint8_t intx_source;		/* of the pins of the IOAPIC */
	uint8_t intx_slot;		/* of bus 0, whose pins it drives; const */
	struct pci_port *port;		/* behind this one, or NULL: on bus 0; const */

	/* @vmm->lock */
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t writable[PCI_CONFIG_SIZE];
	uint8_t initial[PCI_CONFIG_SIZE];	/* @config after a reset; const */
	struct pci_bar bars[PCI_ROM + 1];
	uint16_t next_cap;
	/* BAR @bar was mapped at bars[bar].addr, or unmapped; may be NULL */
	void (*bar_moved)(struct pci_dev *dev, unsigned int bar, bool mapped);
	/*
	 * Reads a capability that the device itself handles: returns true if it did; may be
	 * NULL
	 */
	bool (*config_read)(struct pci_dev *dev, unsigned int at, unsigned int len,
			    uint32_t *value);
	/* Before the bytes are stored; may be NULL */
	void (*config_write)(struct pci_dev *dev, unsigned int at, unsigned int len,
			     uint32_t value);
	void (*config_written)(struct pci_dev *dev, unsigned int at, unsigned int len);
	/* Ends all DMA and interrupts of the function; may be NULL. For cards */
	void (*reset)(struct pci_dev *dev);
	/*
	 * The function is a device of the IOMMU, @rid, and will be on the bus: 0, or a negative
	 * errno after a message. It was reset, and will be no device of the IOMMU. May be NULL
	 */
	int (*connect)(struct pci_dev *dev, uint16_t rid);
	void (*disconnect)(struct pci_dev *dev);
	void (*destroy)(struct pci_dev *dev);

	atomic_ushort command;		/* as config has it, for other threads */

	pthread_mutex_t irq_lock;
	struct {
		uint16_t cap;		/* 0: none */
		uint16_t control;
		uint64_t address;
		uint32_t data;		/* of message 0 */
		struct irq_line *lines[PCI_MSI_MAX];	/* by message; or NULL */
	} msi;				/* @irq_lock */
	struct {
		uint16_t cap;
		uint16_t nr;
		atomic_ushort control;	/* as config has it */
		struct msix_vector *table;
	} msix;
	bool intx;			/* level that the device drives, @irq_lock */
};

/* pci.c */
int pci_init(struct vmm *vmm);
void pci_exit(struct vmm *vmm);
/* Calls @fn for each function, in the order of their ids; vmm::lock is held. */
void pci_foreach(struct vmm *vmm, void (*fn)(struct pci_dev *dev, void *arg), void *arg);
/* The guest has changed how the IOMMU remaps messages; called with vmm::lock held. */
void pci_irtes_changed(struct vmm *vmm);
/* As the guest writes to the configuration; called with vmm::lock held. */
void pci_config_write(struct pci_dev *dev, unsigned int at, uint32_t value, unsigned int len);
/* The addresses of large BARs, above the guest's memory. */
void pci_high_window(const struct vmm *vmm, uint64_t *first, uint64_t *last);
/* Call these before pci_register(): */
void pci_config_set(struct pci_dev *dev, unsigned int at, uint32_t value, unsigned int len);
void pci_config_init(struct pci_dev *dev, struct vmm *vmm, const char *name,
		     uint16_t vendor, uint16_t device, uint32_t class_revision);
/* @bar: 0 to 5, or PCI_ROM; @size is a power of 2; @flags as in struct pci_bar */
void pci_bar_init(struct pci_dev *dev, unsigned int bar, uint64_t size, uint32_t flags,
		  const struct io_ops *ops, void *opaque);
/* Offset of a new capability of @size bytes, its first two filled in; 0: no room. */
uint16_t pci_cap_add(struct pci_dev *dev, uint8_t id, uint8_t size);
void pci_writable(struct pci_dev *dev, unsigned int at, uint32_t mask, unsigned int len);
int pci_express_add(struct pci_dev *dev);
/* The pin INTA#, wired to the IOAPIC and to the 8259s. */
void pci_intx_add(struct pci_dev *dev);
/*
 * Chooses a slot and addresses for the BARs, and prints failures. pci_exit() calls
 * @dev->destroy(). Called without vmm::lock.
 */
int pci_register(struct pci_dev *dev);
/*
 * The next function that the thread registers goes into the slot of @port, and gets addresses
 * from the guest, or @at_start. NULL: on bus 0, as before.
 */
void pci_register_into(struct pci_port *port, bool at_start);
/* The port, or NULL, as the thread has said by that */
struct pci_port *pci_register_port(bool *at_start);
/* The slot of that function, from 1 on; 0: it will be on bus 0 */
unsigned int pci_register_slot(void);
/* Of a card, with vmm::lock held: as after power-on */
void pci_function_reset(struct pci_dev *dev);
/* The end of a card that was reset, or of the machine; without vmm::lock */
void pci_function_free(struct pci_dev *dev);
/* Map BARs where their registers say, if that is where the function can be reached. */
void pci_bars_update(struct pci_dev *dev);
/* For root ports: memory of the window of PCI, and the list of them */
int pci_take_window(struct vmm *vmm, uint64_t size, uint64_t *base);
int pci_add_port(struct vmm *vmm, struct pci_port *port);
struct pci_port *pci_port_at(struct vmm *vmm, unsigned int i);	/* NULL: there are not so many */
/* True if [at, at + len) and [first, first + size) have a byte in common */
bool pci_touches(unsigned int at, unsigned int len, unsigned int first, unsigned int size);
/*
 * INTA#..INTD# (0..3) of a slot drive two pins of the IOAPIC: one of their own, and one that
 * is a wire of the 8259s. Those of INTD# are the same for all slots, and no others'. Root ports
 * have that, and no card: the thread of a port's interrupt removes a card, while the driver of
 * another card may wait for all threads of its own interrupt.
 */
#define PCI_INTD	3
unsigned int pci_intx_gsi(unsigned int slot, unsigned int pin);
unsigned int pci_intx_isa(unsigned int slot, unsigned int pin);

/* INTA# is 0. Only for a function that has a pin. */
static inline unsigned int pci_intx_pin(const struct pci_dev *dev)
{
	return dev->config[PCI_INTERRUPT_PIN] - 1u;
}

static inline bool pci_is_master(struct pci_dev *dev)
{
	return atomic_load_explicit(&dev->command, memory_order_relaxed) & PCI_COMMAND_MASTER;
}

/* pci_msi.c. The functions that send may be called by any thread. */
int pci_msi_add(struct pci_dev *dev);
/* Makes BAR @bar, a page with the table and the pending bits. */
int pci_msix_add(struct pci_dev *dev, unsigned int bar, uint16_t nr);
/* Makes a table of @nr masked vectors, for a function that has the capability at @cap. */
int pci_msix_init(struct pci_dev *dev, uint16_t cap, uint16_t nr);
void pci_msix_free(struct pci_dev *dev);
/* The guest's accesses to the table and the pending bits; offsets are those within them. */
uint64_t pci_msix_table_read(struct pci_dev *dev, uint64_t offset, unsigned int len);
void pci_msix_table_write(struct pci_dev *dev, uint64_t offset, uint64_t value, unsigned int len);
uint64_t pci_msix_pending_read(struct pci_dev *dev, uint64_t offset, unsigned int len);
/*
 * Other threads or the kernel signal @line for a vector, or for a message of MSI. NULL: no more,
 * and the caller may free the line.
 */
void pci_msix_line_set(struct pci_dev *dev, uint16_t vector, struct irq_line *line);
void pci_msi_line_set(struct pci_dev *dev, unsigned int message, struct irq_line *line);
/* True if the guest has unmasked a vector, though it may have masked the function. */
bool pci_msix_unmasked(struct pci_dev *dev, uint16_t vector);
void pci_msi_written(struct pci_dev *dev);
/* False: MSI is off, or the guest has enabled fewer messages. */
bool pci_msi_send(struct pci_dev *dev, unsigned int message);
/* Gets the message of @dev's MSI, for a function whose messages bypass the IOMMU. */
bool pci_msi_get(struct pci_dev *dev, uint64_t *address, uint32_t *data);
/* How many messages the guest has enabled; 0: MSI is off */
unsigned int pci_msi_enabled(struct pci_dev *dev);
bool pci_msix_enabled(struct pci_dev *dev);
void pci_msix_send(struct pci_dev *dev, uint16_t vector);
void pci_intx_set(struct pci_dev *dev, bool level);
/*
 * The table of MSI-X as after power-on, and no message under way. vmm::lock is held, the function
 * sends nothing.
 */
void pci_lines_reset(struct pci_dev *dev);
/* The IOMMU may remap the function's messages differently now; called with vmm::lock held. */
void pci_msi_irtes_changed(struct pci_dev *dev);

#endif /* NYX_VMM_PCI_H */
