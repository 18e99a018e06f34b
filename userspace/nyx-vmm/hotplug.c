// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: devices that come and go, by name.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "hotplug.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "device.h"
#include "pci_port.h"
#include "vmm.h"

/* Slots by the number of their port. vmm::lock */
static struct slot {
	char id[HOTPLUG_ID];		/* empty: nothing is in it, nor on its way into it */
	char *words;			/* without the name and the slot */
	uint64_t serial;
} slots[MAX_HOTPLUG_SLOTS];
static uint64_t next_serial;		/* vmm::lock */
static int gone_fd = -1;

/* Without the thread of the control socket, which does it otherwise */
static void reap_on_main(void *opaque, int fd)
{
	uint64_t nr;

	if (read(fd, &nr, sizeof(nr)) == sizeof(nr))
		hotplug_reap(opaque);
}

int hotplug_init(struct vmm *vmm)
{
	memset(slots, 0, sizeof(slots));
	gone_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (gone_fd < 0) {
		say("hot-plug: %s", strerror(errno));
		return -errno;
	}
	if (!vmm->opts->control && vmm->opts->hotplug_slots &&
	    loop_add(gone_fd, reap_on_main, vmm)) {
		say("hot-plug: too many files");
		return -ENOSPC;
	}
	return pci_ports_init(vmm, vmm->opts->hotplug_slots);
}

void hotplug_exit(void)
{
	unsigned int i;

	for (i = 0; i < MAX_HOTPLUG_SLOTS; i++) {
		free(slots[i].words);
		slots[i] = (struct slot){ .words = NULL };
	}
	if (gone_fd >= 0) {
		loop_remove(gone_fd);
		close(gone_fd);
	}
	gone_fd = -1;
}

int hotplug_fd(void)
{
	return gone_fd;
}

static void clear(struct slot *slot)
{
	free(slot->words);
	slot->words = NULL;
	slot->id[0] = '\0';
}

void hotplug_gone(void)
{
	uint64_t one = 1;

	if (write(gone_fd, &one, sizeof(one)) < 0)
		return;		/* full: it is readable */
}

void hotplug_reap(struct vmm *vmm)
{
	struct pci_port *port;
	struct pci_dev *dev;
	unsigned int i;

	for (i = 0; (port = pci_port_at(vmm, i)); i++) {
		pthread_mutex_lock(&vmm->lock);
		dev = port->gone;
		pthread_mutex_unlock(&vmm->lock);
		if (!dev)
			continue;
		/* No other card comes meanwhile: the slot has a name. */
		pci_function_free(dev);
		pthread_mutex_lock(&vmm->lock);
		port->gone = NULL;
		clear(&slots[i]);
		pthread_mutex_unlock(&vmm->lock);
	}
}

/* Called with vmm::lock held. */
static struct slot *by_id(const char *id)
{
	struct slot *slot;

	for (slot = slots; slot < slots + MAX_HOTPLUG_SLOTS; slot++) {
		if (slot->id[0] && !strcmp(slot->id, id))
			return slot;
	}
	return NULL;
}

/* Called with vmm::lock held. NULL: that one has gone. */
static struct slot *by_serial(uint64_t serial)
{
	struct slot *slot;

	for (slot = slots; slot < slots + MAX_HOTPLUG_SLOTS; slot++) {
		if (slot->id[0] && slot->serial == serial)
			return slot;
	}
	return NULL;
}

static bool is_id(const char *word, size_t len)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t i;

	for (i = 0; i < len; i++) {
		if (!word[i] || !strchr(letters, word[i]))
			return false;
	}
	return len && len < HOTPLUG_ID;
}

/*
 * Take the name off *words, or make one of the type: called with vmm::lock held. Returns 0 or a
 * negative errno, after a message.
 */
static int take_id(const char **words, char *id)
{
	size_t len = strcspn(*words, ",=");
	unsigned int i;

	if ((*words)[len] == '=') {
		if (!is_id(*words, len)) {
			say("'%.*s' is no name; use 1 to %d letters, digits and '._-'",
			    (int)(len < 64 ? len : 64), *words, HOTPLUG_ID - 1);
			return -EINVAL;
		}
		snprintf(id, HOTPLUG_ID, "%.*s", (int)len, *words);
		*words += len + 1;
		if (!by_id(id))
			return 0;
		say("there is a device '%s' already", id);
		return -EEXIST;
	}
	for (i = 1; i == 1 || by_id(id); i++)
		snprintf(id, HOTPLUG_ID, "%.*s%u", (int)(len < 16 ? len : 16), *words, i);
	return 0;
}

/*
 * Take "slot=N," off *words. *nr: N, or 0 without it; a device may have the name "slot". Returns 0
 * or a negative errno, after a message.
 */
static int take_number(const char **words, unsigned long *nr)
{
	const char *word = *words + 5;
	size_t len;
	char *end;

	*nr = 0;
	if (strncmp(*words, "slot=", 5) || !*word || !strchr("0123456789", *word))
		return 0;
	*nr = strtoul(word, &end, 10);
	if (*nr && *end == ',') {
		*words = end + 1;
		return 0;
	}
	len = strcspn(word, ",");
	say("'%.*s' is no number of a slot; write it like slot=1,rng", (int)(len < 32 ? len : 32),
	    word);
	return -EINVAL;
}

/*
 * The slot @nr of those that are @there, or the first empty one for 0. NULL, and *rc, after a
 * message: there is none.
 */
static struct slot *find_slot(unsigned int there, unsigned long nr, int *rc)
{
	unsigned int i;

	for (i = 0; !nr && i < there && slots[i].id[0]; i++)
		;
	*rc = -ENOSPC;
	if (!there) {
		say("there are no slots; see --hotplug-slots");
	} else if (!nr && i == there) {
		say("all %u slots are occupied", there);
	} else if (nr > there) {
		say("there is no slot %lu; the last one is %u", nr, there);
		*rc = -ENOENT;
	} else if (nr && slots[nr - 1].id[0]) {
		say("slot %lu is occupied, by '%s'", nr, slots[nr - 1].id);
		*rc = -EBUSY;
	} else {
		return &slots[nr ? nr - 1 : i];
	}
	return NULL;
}

/* Take a slot for a device: called with vmm::lock held. */
static int take_slot(unsigned int there, const char *words, struct slot **taken, char *id)
{
	struct slot *slot;
	unsigned long nr;
	int rc;

	rc = take_number(&words, &nr);
	if (!rc)
		rc = take_id(&words, id);
	if (rc)
		return rc;
	if (!device_type_of(words))
		return -EINVAL;
	slot = find_slot(there, nr, &rc);
	if (!slot)
		return rc;
	slot->words = strdup(words);
	if (!slot->words) {
		say("out of memory");
		return -ENOMEM;
	}
	memcpy(slot->id, id, HOTPLUG_ID);
	slot->serial = ++next_serial;
	*taken = slot;
	return 0;
}

static int check(unsigned int nr_slots, const char *words)
{
	char id[HOTPLUG_ID], *copy;
	struct slot *slot;
	int rc = take_slot(nr_slots, words, &slot, id);

	if (rc)
		return rc;
	copy = strdup(slot->words);
	if (!copy)
		say("out of memory");
	rc = copy ? device_check(copy) : -ENOMEM;
	free(copy);
	return rc;
}

int hotplug_check(const struct options *opts, const char **wrong)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; i < opts->nr_plugs && !rc; i++) {
		*wrong = opts->plugs[i];
		rc = check(opts->hotplug_slots, *wrong);
	}
	for (i = 0; i < MAX_HOTPLUG_SLOTS; i++)
		clear(&slots[i]);
	return rc;
}

int hotplug_add(struct vmm *vmm, const char *words, bool at_start, char *id)
{
	unsigned int there;
	struct slot *slot;
	char *copy;
	int rc;

	pthread_mutex_lock(&vmm->lock);
	for (there = 0; pci_port_at(vmm, there); there++)
		;
	rc = take_slot(there, words, &slot, id);
	/* The device may have gone before device_make() returns. */
	copy = rc ? NULL : strdup(slot->words);
	pthread_mutex_unlock(&vmm->lock);
	if (rc)
		return rc;
	pci_register_into(pci_port_at(vmm, (unsigned int)(slot - slots)), at_start);
	if (!copy)
		say("out of memory");
	rc = copy ? device_make(vmm, copy) : -ENOMEM;
	pci_register_into(NULL, false);
	free(copy);
	if (!rc)
		return (int)(slot - slots) + 1;
	pthread_mutex_lock(&vmm->lock);
	clear(slot);
	pthread_mutex_unlock(&vmm->lock);
	return rc;
}

int hotplug_remove(struct vmm *vmm, const char *id, bool force, uint64_t *serial)
{
	struct pci_port *port;
	struct slot *slot;

	pthread_mutex_lock(&vmm->lock);
	slot = by_id(id);
	port = slot ? pci_port_at(vmm, (unsigned int)(slot - slots)) : NULL;
	if (port) {
		*serial = slot->serial;
		/* Without a card, the guest has let it go just now. */
		if (port->card && force)
			pci_port_pull(port);
		else if (port->card)
			pci_port_ask(port);
	}
	pthread_mutex_unlock(&vmm->lock);
	hotplug_reap(vmm);
	return port ? 0 : -ENOENT;
}

bool hotplug_is_there(struct vmm *vmm, uint64_t serial)
{
	bool there;

	pthread_mutex_lock(&vmm->lock);
	there = by_serial(serial);
	pthread_mutex_unlock(&vmm->lock);
	return there;
}

void hotplug_forget(struct vmm *vmm, uint64_t serial)
{
	struct slot *slot;

	pthread_mutex_lock(&vmm->lock);
	slot = by_serial(serial);
	if (slot)
		pci_port_forget(pci_port_at(vmm, (unsigned int)(slot - slots)));
	pthread_mutex_unlock(&vmm->lock);
}

bool hotplug_get(const struct pci_port *port, struct hotplug_info *info)
{
	const struct slot *slot = &slots[port->nr];

	if (!port->card || !slot->id[0])
		return false;
	memcpy(info->id, slot->id, HOTPLUG_ID);
	info->words = slot->words;
	info->state = port->asked ? "leaving" : port->on ? "on" : "off";
	return true;
}

char **hotplug_words(struct vmm *vmm)
{
	char **list = alloc_for("the slots", (MAX_HOTPLUG_SLOTS + 1) * sizeof(*list));
	struct hotplug_info info;
	struct pci_port *port;
	unsigned int i, n = 0;

	if (!list)
		return NULL;
	pthread_mutex_lock(&vmm->lock);
	for (i = 0; (port = pci_port_at(vmm, i)); i++) {
		if (!hotplug_get(port, &info))
			continue;
		/* The reset has taken the power of the slot: nothing is left to wait for. */
		if (port->asked)
			say("'%s' has left slot %u with the reset, as it was asked to", info.id, i + 1);
		else if (asprintf(&list[n], "slot=%u,%s=%s", i + 1, info.id, info.words) >= 0)
			n++;
	}
	pthread_mutex_unlock(&vmm->lock);
	list[n] = NULL;
	return list;
}
