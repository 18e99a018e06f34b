/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm: devices that come and go, by name.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A device is written "slot=N,ID=TYPE,OPTION...". Without "slot=N," it gets the first empty slot,
 * without "ID=" a name of its type. One thread at a time may call hotplug_add(), hotplug_remove()
 * and hotplug_reap(). They take vmm::lock themselves, as do the others.
 */
#ifndef NYX_VMM_HOTPLUG_H
#define NYX_VMM_HOTPLUG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options;
struct pci_port;
struct vmm;

enum { HOTPLUG_ID = 32 };		/* size of a name, with the NUL */

/*
 * Before there is a machine: 0, if the words of --plug describe devices for its slots. Otherwise a
 * negative errno, after a message about @wrong, one of them.
 */
int hotplug_check(const struct options *opts, const char **wrong);
int hotplug_init(struct vmm *vmm);
void hotplug_exit(void);

/*
 * Puts a device into an empty slot; @at_start: before the machine runs. Returns its slot, from 1
 * on, with its name in @id; or a negative errno, after a message: -EBUSY, if that slot is occupied,
 * -ENOENT, if it does not exist.
 */
int hotplug_add(struct vmm *vmm, const char *words, bool at_start, char *id);

/*
 * Asks the guest to let a device go, or takes it away at once. Returns 0, and which of the devices
 * of that name it is; -ENOENT.
 */
int hotplug_remove(struct vmm *vmm, const char *id, bool force, uint64_t *serial);
/* True if that one is there. */
bool hotplug_is_there(struct vmm *vmm, uint64_t serial);
/* The wait for it to go is over. */
void hotplug_forget(struct vmm *vmm, uint64_t serial);

/* A file descriptor that is readable, and is to be read, when hotplug_reap() has something to do */
int hotplug_fd(void);
/*
 * Frees the devices that have left the bus, which may wait for disks of the host. Until then they
 * are there, with their names and slots.
 */
void hotplug_reap(struct vmm *vmm);

/* A device in a slot */
struct hotplug_info {
	char id[HOTPLUG_ID];
	const char *words;
	const char *state;		/* on, off: the guest has not switched it on; leaving */
};

/* Of a port, with vmm::lock held. False: its slot is empty. */
bool hotplug_get(const struct pci_port *port, struct hotplug_info *info);

/*
 * The devices that a reset of the machine leaves in their slots, as hotplug_add() takes them: words
 * to be freed, as is the array, closed by NULL. Says which ones it takes away: those that the guest
 * was asked to let go.
 */
char **hotplug_words(struct vmm *vmm);

#endif /* NYX_VMM_HOTPLUG_H */
