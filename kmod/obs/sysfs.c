// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: /sys/class/nyx-iommu.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A directory per unit, one value a file, in bytes, counts or words. What the
 * files mean is in Documentation/ABI/testing/sysfs-class-nyx-iommu.
 */
#include "obs/obs.h"

#include <linux/device.h>
#include <linux/err.h>
#include <linux/sysfs.h>
#include <linux/uidgid.h>

#include "compat.h"
#include "core/domain.h"
#include "core/unit.h"

static struct class *nyx_class;

/* What a file shows; each needs the unit's lock. */
enum value {
	VAL_DOMAINS,
	VAL_DEVICES,
	VAL_MEMORY_RANGES,
	VAL_MEMORY_BYTES,
	VAL_MAPPED_BYTES,
	VAL_TABLE_BYTES,
	VAL_FAULT_EVENTS,
};

static u64 value_of(struct nyx_unit *unit, enum value value)
{
	struct nyx_unit_totals totals;

	lockdep_assert_held(&unit->lock);
	switch (value) {
	case VAL_DOMAINS:
		return unit->nr_domains;
	case VAL_DEVICES:
		return unit->nr_devices;
	case VAL_MEMORY_RANGES:
		return unit->nr_memory;
	case VAL_MEMORY_BYTES:
		return unit->mem.bytes;
	default:
		nyx_unit_get_totals(unit, &totals);
		return value == VAL_MAPPED_BYTES ? totals.mapped :
		       value == VAL_TABLE_BYTES ? totals.tables : totals.faults;
	}
}

static ssize_t show_value(struct device *dev, enum value value, char *buf)
{
	struct nyx_unit *unit = dev_get_drvdata(dev);
	u64 v;

	mutex_lock(&unit->lock);
	v = value_of(unit, value);
	mutex_unlock(&unit->lock);
	return sysfs_emit(buf, "%llu\n", v);
}

#define VALUE_ATTR(_name, _value)					\
static ssize_t _name##_show(struct device *dev,			\
			    struct device_attribute *attr, char *buf)	\
{									\
	return show_value(dev, _value, buf);				\
}									\
static DEVICE_ATTR_RO(_name)

VALUE_ATTR(domains, VAL_DOMAINS);
VALUE_ATTR(devices, VAL_DEVICES);
VALUE_ATTR(memory_ranges, VAL_MEMORY_RANGES);
VALUE_ATTR(memory_bytes, VAL_MEMORY_BYTES);
VALUE_ATTR(mapped_bytes, VAL_MAPPED_BYTES);
VALUE_ATTR(table_bytes, VAL_TABLE_BYTES);
VALUE_ATTR(fault_events, VAL_FAULT_EVENTS);

/* A file that shows one thing, which needs no lock. */
#define UNIT_ATTR(_name, _format, _value)				\
static ssize_t _name##_show(struct device *dev,			\
			    struct device_attribute *attr, char *buf)	\
{									\
	struct nyx_unit *unit = dev_get_drvdata(dev);			\
									\
	return sysfs_emit(buf, _format "\n", _value);			\
}									\
static DEVICE_ATTR_RO(_name)

static const char *model_name(const struct nyx_unit *unit)
{
	static const char * const name[] = {
		[NYX_MODEL_NATIVE] = "native",
		[NYX_MODEL_VTD] = "vtd",
		[NYX_MODEL_AMDVI] = "amdvi",
	};

	return name[unit->cfg.model];
}

UNIT_ATTR(name, "%s", unit->cfg.name);
UNIT_ATTR(model, "%s", model_name(unit));
UNIT_ATTR(address_width, "%u", unit->cfg.address_width);
UNIT_ATTR(owner_uid, "%u", from_kuid_munged(&init_user_ns, unit->owner));
UNIT_ATTR(iotlb_entries, "%u", unit->cfg.iotlb_entries);
UNIT_ATTR(iotlb_hits, "%llu", nyx_unit_get_stat(unit, NYX_STAT_IOTLB_HITS));
UNIT_ATTR(iotlb_misses, "%llu", nyx_unit_get_stat(unit, NYX_STAT_IOTLB_MISSES));
UNIT_ATTR(oracle_mismatches, "%llu",
	  nyx_unit_get_stat(unit, NYX_STAT_ORACLE_MISMATCHES));
UNIT_ATTR(files, "%u", READ_ONCE(unit->users));
UNIT_ATTR(irt_entries, "%u", unit->cfg.irt_entries);
UNIT_ATTR(irtes, "%u", READ_ONCE(unit->irq.nr_irtes));
UNIT_ATTR(bindings, "%u", READ_ONCE(unit->irq.nr_bindings));
UNIT_ATTR(interrupts, "%llu", nyx_unit_get_stat(unit, NYX_STAT_IRQS));
UNIT_ATTR(quarantined, "%d", atomic_read(&unit->nr_refused));

static struct attribute *unit_attrs[] = {
	&dev_attr_name.attr,
	&dev_attr_model.attr,
	&dev_attr_address_width.attr,
	&dev_attr_owner_uid.attr,
	&dev_attr_domains.attr,
	&dev_attr_devices.attr,
	&dev_attr_memory_ranges.attr,
	&dev_attr_memory_bytes.attr,
	&dev_attr_mapped_bytes.attr,
	&dev_attr_table_bytes.attr,
	&dev_attr_fault_events.attr,
	&dev_attr_iotlb_entries.attr,
	&dev_attr_iotlb_hits.attr,
	&dev_attr_iotlb_misses.attr,
	&dev_attr_irt_entries.attr,
	&dev_attr_irtes.attr,
	&dev_attr_bindings.attr,
	&dev_attr_interrupts.attr,
	&dev_attr_quarantined.attr,
	&dev_attr_oracle_mismatches.attr,
	&dev_attr_files.attr,
	NULL
};
ATTRIBUTE_GROUPS(unit);

int nyx_sysfs_init(void)
{
	nyx_class = compat_class_create("nyx-iommu");
	return PTR_ERR_OR_ZERO(nyx_class);
}

void nyx_sysfs_exit(void)
{
	class_destroy(nyx_class);
}

int nyx_sysfs_add(struct nyx_unit *unit)
{
	struct device *dev;

	dev = device_create_with_groups(nyx_class, NULL, MKDEV(0, 0), unit,
					unit_groups, "unit%u", unit->id);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	unit->dev = dev;
	return 0;
}

void nyx_sysfs_remove(struct nyx_unit *unit)
{
	device_unregister(unit->dev);
	unit->dev = NULL;
}
