// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl: the table of objects, and the options that every command has.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <string.h>

#include "cmd.h"

const struct cmd_object cmd_objects[] = {
	{ "module", "release and capabilities of the kernel module", cmd_module_verbs },
	{ "unit", "emulated IOMMUs, one per virtual machine", cmd_unit_verbs },
	{ "memory", "guest memory that devices reach", cmd_memory_verbs },
	{ "domain", "address spaces of devices", cmd_domain_verbs },
	{ "device", "devices and what they are attached to", cmd_device_verbs },
	{ "map", "mappings of a domain", cmd_map_verbs },
	{ "iotlb", "the translation cache", cmd_iotlb_verbs },
	{ "dma", "accesses as a device makes them", cmd_dma_verbs },
	{ "irq", "interrupts and their remapping", cmd_irq_verbs },
	{ "mmio", "registers that a guest programs", cmd_mmio_verbs },
	{ "page", "page requests of devices", cmd_page_verbs },
	{ "view", "processes that translate by themselves", cmd_view_verbs },
	{ "target", "what programs mirror, such as devices of a host", cmd_target_verbs },
	{ "fault", "accesses and interrupts that were refused", cmd_fault_verbs },
	{ "event", "the event stream", cmd_event_verbs },
	{ "stat", "counters", cmd_stat_verbs },
	{ "walk", "page tables, level by level", cmd_walk_verbs },
	{ "migrate", "units saved to streams, and loaded from them", cmd_migrate_verbs },
	{ "vfio", "PCI devices of this host that are to be passed to guests", cmd_vfio_verbs },
	{ "version", "releases of nyxctl, the library and the module", cmd_version_verbs },
	{ "help", "explanations of objects and commands", cmd_help_verbs },
	{ 0 }
};

static const char *const formats[] = { "table", "json", "raw", NULL };

const struct cmd_opt cmd_globals[] = {
	{ "unit", 'u', "UNIT", WORD_UNIT, NULL, "the unit, by name or id (default: NYX_UNIT)" },
	{ "owner", 0, "USER", WORD_ANY, NULL, "the user that owns the unit, by name or id (default: you)" },
	{ "output", 'o', "FORMAT", WORD_CHOICE, formats, "table, json or raw (default: table)" },
	{ "json", 'j', NULL, WORD_ANY, NULL, "the same as --output json" },
	{ "columns", 0, "LIST", WORD_ANY, NULL, "the columns to print, separated by commas" },
	{ "bytes", 'b', NULL, WORD_ANY, NULL, "sizes in bytes, not in K, M, G" },
	{ "quiet", 'q', NULL, WORD_ANY, NULL, "print nothing about success or waiting" },
	{ "verbose", 'v', NULL, WORD_ANY, NULL, "show all columns in full width" },
	{ "node", 0, "PATH", WORD_FILE, NULL, "the device node (default: " NYX_NODE_DEFAULT ")" },
	{ "help", 'h', NULL, WORD_ANY, NULL, "explain the object or the command, and exit" },
	{ "version", 'V', NULL, WORD_ANY, NULL, "print the release of nyxctl, and exit" },
	{ 0 }
};

const struct cmd_object *cmd_find_object(const char *name)
{
	const struct cmd_object *object;

	for (object = cmd_objects; object->name; object++) {
		if (!strcmp(object->name, name))
			return object;
	}
	return NULL;
}

const struct cmd_verb *cmd_find_verb(const struct cmd_object *object, const char *name)
{
	const struct cmd_verb *verb;

	for (verb = object->verbs; verb->name; verb++) {
		if (!strcmp(verb->name, name))
			return verb;
	}
	return NULL;
}

const struct cmd_verb *cmd_only_verb(const struct cmd_object *object)
{
	return *object->verbs->name ? NULL : object->verbs;
}

const struct cmd_opt *cmd_find_opt(const struct cmd_opt *opts, const char *name)
{
	for (; opts->name; opts++) {
		if (!strcmp(opts->name, name))
			return opts;
	}
	return NULL;
}

bool cmd_has_option(const struct cmd_verb *verb, const char *name)
{
	return verb && cmd_find_opt(verb->opts, name);
}
