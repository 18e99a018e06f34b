/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: what a stream has of each object of a unit.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A structure for a record of each section, and its table. Times are relative to the
 * moment of the save.
 */
#ifndef NYX_MIGRATE_OBJECTS_H
#define NYX_MIGRATE_OBJECTS_H

#include <linux/nyx_iommu.h>
#include <linux/types.h>

#include "migrate/table.h"

/**
 * struct object_unit - a unit
 * @model: of enum nyx_model
 * @address_width: as in struct nyx_unit_create, and so on to @name
 * @iotlb_entries: see there
 * @event_entries: see there
 * @max_domains: see there
 * @max_devices: see there
 * @max_memory: see there
 * @irt_entries: see there
 * @view_timeout_ms: see there
 * @name: see there
 * @data: options of the model
 * @irq_mode: of enum nyx_irq_mode
 * @next_domain: where the search for a free domain id begins
 * @irq_changes: changes of interrupt entries so far
 * @policy: fault policy
 */
struct object_unit {
	u32 model;
	u32 address_width;
	u32 iotlb_entries;
	u32 event_entries;
	u32 max_domains;
	u32 max_devices;
	u32 max_memory;
	u32 irt_entries;
	u32 view_timeout_ms;
	u8 name[NYX_NAME_LEN];
	u8 data[NYX_UNIT_DATA_MAX];
	u32 irq_mode;
	u32 next_domain;
	u64 irq_changes;
	struct nyx_policy policy;
};

/**
 * struct object_memory - a range of guest memory
 * @gpa: first GPA
 * @length: bytes
 * @flags: NYX_MEMORY_F_READONLY
 */
struct object_memory {
	u64 gpa;
	u64 length;
	u32 flags;
};

/**
 * struct object_domain - a domain
 * @id: its id
 * @flags: of enum nyx_domain_flags
 * @kind: of enum nyx_domain_kind
 * @format: of enum nyx_format
 * @address_width: bits of an IOVA
 * @page_sizes: bit mask
 * @name: name, or empty
 * @limits: its limits
 */
struct object_domain {
	u32 id;
	u32 flags;
	u32 kind;
	u32 format;
	u32 address_width;
	u64 page_sizes;
	u8 name[NYX_NAME_LEN];
	struct nyx_limits limits;
};

/**
 * struct object_mapping - an extent of a domain
 * @iova: first IOVA
 * @gpa: first GPA
 * @length: bytes
 * @prot: of enum nyx_prot
 */
struct object_mapping {
	u64 iova;
	u64 gpa;
	u64 length;
	u32 prot;
};

/**
 * struct object_irte - an entry of the interrupt remapping table
 * @index: which
 * @flags: as in struct nyx_irte_set, and so on
 * @dest: see there
 * @source: see there
 * @posted: see there
 * @vector: see there
 * @delivery: see there
 * @source_check: see there
 * @source_mask: see there
 */
struct object_irte {
	u32 index;
	u32 flags;
	u32 dest;
	u32 source;
	u64 posted;
	u8 vector;
	u8 delivery;
	u8 source_check;
	u8 source_mask;
};

/* Parts of the window in which a fault tracker weighs faults. */
#define OBJECT_SCORE_PARTS	8u

/**
 * struct object_device - a device
 * @sbdf: segment and requester id
 * @domain_id: the domain that a command has attached it to, or 0
 * @own_policy: its policy is its own, not the unit's
 * @policy: its policy
 * @limits: its limits
 * @state: of enum nyx_device_state
 * @tries: times that it was quarantined since it was last active for good
 * @next_in_ns: time until the next change of state; 0: none is due
 * @would_ago_ns: time since the last record of NYX_STATE_WOULD, plus 1; 0: there was none
 * @part_ago_ns: time since the current part of the window began
 * @weight: weight of faults in each part of the window, the current part first
 * @sample_address: of each kind of faults that it had last: the address
 * @sample_ago_ns: likewise: for how long
 * @sample_count: likewise: how often; 0: there is no such kind
 * @sample_reason: likewise: of enum nyx_fault_reason
 * @sample_access: likewise: of enum nyx_prot
 */
struct object_device {
	u32 sbdf;
	u32 domain_id;
	u8 own_policy;
	struct nyx_policy policy;
	struct nyx_limits limits;
	u32 state;
	u32 tries;
	u64 next_in_ns;
	u64 would_ago_ns;
	u64 part_ago_ns;
	u32 weight[OBJECT_SCORE_PARTS];
	u64 sample_address[NYX_SAMPLES_MAX];
	u64 sample_ago_ns[NYX_SAMPLES_MAX];
	u16 sample_count[NYX_SAMPLES_MAX];
	u8 sample_reason[NYX_SAMPLES_MAX];
	u8 sample_access[NYX_SAMPLES_MAX];
};

/**
 * struct object_end - the end of a stream
 * @nr_sections: sections before this one
 */
struct object_end {
	u64 nr_sections;
};

extern const struct table object_unit_table;
extern const struct table object_memory_table;
extern const struct table object_domain_table;
extern const struct table object_mapping_table;
extern const struct table object_irte_table;
extern const struct table object_device_table;
extern const struct table object_end_table;

/* Name of NYX_SECTION_MODEL, which has no table, and its version. */
#define OBJECT_MODEL_NAME	"model"
#define OBJECT_MODEL_VERSION	1u

#endif /* NYX_MIGRATE_OBJECTS_H */
