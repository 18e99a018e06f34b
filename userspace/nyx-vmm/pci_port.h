/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm: root ports with a hot-plug slot each.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A card is a function that pci_register() has put into a slot. The guest switches the slot on and
 * off; while it is on, the card is a function of the bus behind the port, and a device of the
 * IOMMU. All functions are called with vmm::lock held, but pci_ports_init().
 */
#ifndef NYX_VMM_PCI_PORT_H
#define NYX_VMM_PCI_PORT_H

#include "pci.h"

#define PCI_PORT_WINDOW	(16 * MIB)	/* memory for the BARs of a card, at first */

struct pci_port {
	struct pci_dev dev;		/* first */
	unsigned int nr;		/* from 0 */
	uint8_t card_source;		/* of pins, for INTx of the card */
	uint16_t exp;			/* its PCI Express capability */
	/* vmm::lock */
	struct pci_dev *card;		/* NULL: the slot is empty */
	struct pci_dev *gone;		/* was the card, and is to be freed: hotplug_reap() */
	bool on;			/* the card is on the bus */
	uint8_t refused;		/* bus where the IOMMU took no device, or 0 */
	bool told;			/* that the IOMMU took no device, once for a card */
	bool asked;			/* the card goes when the guest lets it go */
	bool pressed;			/* somebody waits for that, and has pressed the button */
	bool was_reset;			/* Bridge Control had its bus reset */
	bool event;			/* the condition of the interrupt held before */
};

/* Makes ports with buses 1 to @nr behind them. Prints failures. */
int pci_ports_init(struct vmm *vmm, unsigned int nr);

/* Puts a card into an empty slot; @at_start: switched on, as firmware would. */
void pci_port_insert(struct pci_port *port, struct pci_dev *card, bool at_start);
/* Asks the guest to let the card go, which comes to hotplug_gone(), now or later. */
void pci_port_ask(struct pci_port *port);
/* The wait for that is over: the next time, the guest is asked anew. */
void pci_port_forget(struct pci_port *port);
/* Takes the card away, whatever the guest does with it. */
void pci_port_pull(struct pci_port *port);

/* The function behind the port with that bus number and @devfn, or NULL. */
struct pci_dev *pci_port_function(struct pci_port *port, unsigned int bus, unsigned int devfn);
/* True if the port passes accesses of the CPUs to that range on. */
bool pci_port_forwards(struct pci_port *port, uint64_t addr, uint64_t size);
/* The first address of the port's memory window */
uint64_t pci_port_window(struct pci_port *port);

/* hotplug.c: a pci_port::gone is to be freed. vmm::lock is held. */
void hotplug_gone(void);

#endif /* NYX_VMM_PCI_PORT_H */
