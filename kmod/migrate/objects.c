// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: what a stream has of each object of a unit: the tables.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * An id is given once. A new field has the section's next version as its @since, and is
 * mandatory if a module that does not know it would load another unit.
 */
#include "migrate/objects.h"

#include <linux/kernel.h>

#include "base/export.h"

#define FIELD_FLAGS(_id, _flags, _name, _type, _member, _elements) {	\
	.name = _name,							\
	.id = _id,							\
	.size = sizeof_field(struct _type, _member) / (_elements),	\
	.flags = _flags,						\
	.count = _elements,						\
	.since = 1,							\
	.offset = offsetof(struct _type, _member),			\
}

/* A field without which the copy would be another one. */
#define FIELD(_id, _type, _member) \
	FIELD_FLAGS(_id, NYX_FIELD_F_MANDATORY, #_member, _type, _member, 1)
#define FIELD_ARRAY(_id, _type, _member, _elements) \
	FIELD_FLAGS(_id, NYX_FIELD_F_MANDATORY, #_member, _type, _member, _elements)
/* A field that a reader may do without. */
#define FIELD_INFO(_id, _type, _member) \
	FIELD_FLAGS(_id, 0, #_member, _type, _member, 1)
#define FIELD_IN(_id, _name, _type, _member) \
	FIELD_FLAGS(_id, NYX_FIELD_F_MANDATORY, _name, _type, _member, 1)

/* The members of a policy, and of limits, with ids from @_id on. */
#define POLICY_FIELDS(_id, _type)						\
	FIELD_IN((_id) + 0, "policy_flags", _type, policy.flags),		\
	FIELD_IN((_id) + 1, "action", _type, policy.action),			\
	FIELD_IN((_id) + 2, "threshold", _type, policy.threshold),		\
	FIELD_IN((_id) + 3, "window_ms", _type, policy.window_ms),		\
	FIELD_FLAGS((_id) + 4, NYX_FIELD_F_MANDATORY, "class_weight", _type,	\
		    policy.weight, 8),						\
	FIELD_IN((_id) + 5, "backoff_ms", _type, policy.backoff_ms),		\
	FIELD_IN((_id) + 6, "backoff_max_ms", _type, policy.backoff_max_ms),	\
	FIELD_IN((_id) + 7, "probation_ms", _type, policy.probation_ms),	\
	FIELD_IN((_id) + 8, "max_tries", _type, policy.max_tries),		\
	FIELD_IN((_id) + 9, "records_per_s", _type, policy.records_per_s)
#define LIMIT_FIELDS(_id, _type)						\
	FIELD_IN((_id) + 0, "bytes_per_s", _type, limits.bytes_per_s),		\
	FIELD_IN((_id) + 1, "ops_per_s", _type, limits.ops_per_s),		\
	FIELD_IN((_id) + 2, "irqs_per_s", _type, limits.irqs_per_s),		\
	FIELD_IN((_id) + 3, "burst_ms", _type, limits.burst_ms)

#define TABLE(_object, _name, _section) {				\
	.name = _name,							\
	.type = NYX_SECTION_##_section,					\
	.version = 1,							\
	.flags = NYX_SECTION_F_MANDATORY,				\
	.size = sizeof(struct object_##_object),			\
	.field = _object##_fields,					\
	.nr = ARRAY_SIZE(_object##_fields),				\
}

static const struct table_field unit_fields[] = {
	FIELD(1, object_unit, model),
	FIELD(2, object_unit, address_width),
	FIELD(3, object_unit, irt_entries),
	FIELD_ARRAY(4, object_unit, data, NYX_UNIT_DATA_MAX),
	FIELD(5, object_unit, irq_mode),
	FIELD(6, object_unit, next_domain),
	FIELD(7, object_unit, irq_changes),
	POLICY_FIELDS(16, object_unit),
	FIELD_INFO(32, object_unit, iotlb_entries),
	FIELD_INFO(33, object_unit, event_entries),
	FIELD_INFO(34, object_unit, max_domains),
	FIELD_INFO(35, object_unit, max_devices),
	FIELD_INFO(36, object_unit, max_memory),
	FIELD_INFO(37, object_unit, view_timeout_ms),
	FIELD_FLAGS(38, 0, "name", object_unit, name, NYX_NAME_LEN),
};

static const struct table_field memory_fields[] = {
	FIELD(1, object_memory, gpa),
	FIELD(2, object_memory, length),
	FIELD(3, object_memory, flags),
};

static const struct table_field domain_fields[] = {
	FIELD(1, object_domain, id),
	FIELD(2, object_domain, flags),
	FIELD(3, object_domain, kind),
	FIELD(4, object_domain, format),
	FIELD(5, object_domain, address_width),
	FIELD(6, object_domain, page_sizes),
	FIELD_ARRAY(7, object_domain, name, NYX_NAME_LEN),
	LIMIT_FIELDS(16, object_domain),
};

static const struct table_field mapping_fields[] = {
	FIELD(1, object_mapping, iova),
	FIELD(2, object_mapping, gpa),
	FIELD(3, object_mapping, length),
	FIELD(4, object_mapping, prot),
};

static const struct table_field irte_fields[] = {
	FIELD(1, object_irte, index),
	FIELD(2, object_irte, flags),
	FIELD(3, object_irte, dest),
	FIELD(4, object_irte, source),
	FIELD(5, object_irte, posted),
	FIELD(6, object_irte, vector),
	FIELD(7, object_irte, delivery),
	FIELD(8, object_irte, source_check),
	FIELD(9, object_irte, source_mask),
};

static const struct table_field device_fields[] = {
	FIELD(1, object_device, sbdf),
	FIELD(2, object_device, domain_id),
	FIELD(3, object_device, own_policy),
	FIELD(4, object_device, state),
	FIELD(5, object_device, tries),
	FIELD(6, object_device, next_in_ns),
	FIELD(7, object_device, would_ago_ns),
	FIELD(8, object_device, part_ago_ns),
	FIELD_ARRAY(9, object_device, weight, OBJECT_SCORE_PARTS),
	POLICY_FIELDS(16, object_device),
	LIMIT_FIELDS(32, object_device),
	FIELD_ARRAY(48, object_device, sample_address, NYX_SAMPLES_MAX),
	FIELD_ARRAY(49, object_device, sample_ago_ns, NYX_SAMPLES_MAX),
	FIELD_ARRAY(50, object_device, sample_count, NYX_SAMPLES_MAX),
	FIELD_ARRAY(51, object_device, sample_reason, NYX_SAMPLES_MAX),
	FIELD_ARRAY(52, object_device, sample_access, NYX_SAMPLES_MAX),
};

static const struct table_field end_fields[] = {
	FIELD(1, object_end, nr_sections),
};

const struct table object_unit_table = TABLE(unit, "unit", UNIT);
const struct table object_memory_table = TABLE(memory, "memory", MEMORY);
const struct table object_domain_table = TABLE(domain, "domains", DOMAINS);
const struct table object_mapping_table = TABLE(mapping, "mappings", MAPPINGS);
const struct table object_irte_table = TABLE(irte, "irtes", IRTES);
const struct table object_device_table = TABLE(device, "devices", DEVICES);
const struct table object_end_table = TABLE(end, "end", END);

NYX_EXPORT_FOR_TEST(object_unit_table);
NYX_EXPORT_FOR_TEST(object_memory_table);
NYX_EXPORT_FOR_TEST(object_domain_table);
NYX_EXPORT_FOR_TEST(object_mapping_table);
NYX_EXPORT_FOR_TEST(object_irte_table);
NYX_EXPORT_FOR_TEST(object_device_table);
NYX_EXPORT_FOR_TEST(object_end_table);
