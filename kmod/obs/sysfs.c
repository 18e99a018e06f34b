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

static ssize_t iotlb_hits_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	struct nyx_unit *unit = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%llu\n",
			  nyx_unit_get_stat(unit, NYX_STAT_IOTLB_HITS));
}
static DEVICE_ATTR_RO(iotlb_hits);

static ssize_t iotlb_misses_show(struct device *dev,
				 struct device_attribute *attr, char *buf)
{
	struct nyx_unit *unit = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%llu\n",
			  nyx_unit_get_stat(unit, NYX_STAT_IOTLB_MISSES));
}
static DEVICE_ATTR_RO(iotlb_misses);

static ssize_t interrupts_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	struct nyx_unit *unit = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%llu\n",
			  nyx_unit_get_stat(unit, NYX_STAT_IRQS));
}
static DEVICE_ATTR_RO(interrupts);

static ssize_t irt_entries_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	struct nyx_unit *unit = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u\n", unit->cfg.irt_entries);
}
static DEVICE_ATTR_RO(irt_entries);

static ssize_t irtes_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	struct nyx_unit *unit = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u\n", READ_ONCE(unit->irq.irt.nr_present));
}
static DEVICE_ATTR_RO(irtes);

static ssize_t bindings_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	struct nyx_unit *unit = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u\n", READ_ONCE(unit->irq.nr_bindings));
}
static DEVICE_ATTR_RO(bindings);

static ssize_t quarantined_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	struct nyx_unit *unit = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%d\n", atomic_read(&unit->nr_refused));
}
static DEVICE_ATTR_RO(quarantined);

static ssize_t name_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	struct nyx_unit *unit = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%s\n", unit->cfg.name);
}
static DEVICE_ATTR_RO(name);

static ssize_t model_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "native\n");
}
static DEVICE_ATTR_RO(model);

static ssize_t address_width_show(struct device *dev,
				  struct device_attribute *attr, char *buf)
{
	struct nyx_unit *unit = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u\n", unit->cfg.address_width);
}
static DEVICE_ATTR_RO(address_width);

static ssize_t owner_uid_show(struct device *dev, struct device_attribute *attr,
			      char *buf)
{
	struct nyx_unit *unit = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u\n",
			  from_kuid_munged(&init_user_ns, unit->owner));
}
static DEVICE_ATTR_RO(owner_uid);

static ssize_t iotlb_entries_show(struct device *dev,
				  struct device_attribute *attr, char *buf)
{
	struct nyx_unit *unit = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u\n", unit->cfg.iotlb_entries);
}
static DEVICE_ATTR_RO(iotlb_entries);

static ssize_t files_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	struct nyx_unit *unit = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u\n", READ_ONCE(unit->users));
}
static DEVICE_ATTR_RO(files);

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
