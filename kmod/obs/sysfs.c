// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: /sys/class/nyx-iommu.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A directory per unit, one value a file, in bytes, counts or words: what the unit is,
 * and how large. Activity in the unit is reported by commands only, to callers with
 * permission. Documentation/ABI/testing/sysfs-class-nyx-iommu says what the files mean.
 */
#include "obs/obs.h"

#include <linux/device.h>
#include <linux/err.h>
#include <linux/sysfs.h>
#include <linux/uidgid.h>

#include "compat.h"
#include "core/unit.h"

static struct class *nyx_class;

/* For the owner, who is root, and the group; see device_ownership(). */
#define UNIT_ATTR_MODE	0440

/* Defines a file that shows one value, which needs no lock. */
#define UNIT_ATTR(_name, _format, _value)				\
static ssize_t _name##_show(struct device *dev,			\
			    struct device_attribute *attr, char *buf)	\
{									\
	struct nyx_unit *unit = dev_get_drvdata(dev);			\
									\
	return sysfs_emit(buf, _format "\n", _value);			\
}									\
static DEVICE_ATTR(_name, UNIT_ATTR_MODE, _name##_show, NULL)

UNIT_ATTR(name, "%s", unit->cfg.name);
UNIT_ATTR(model, "%s", unit->guest.viommu->ops->name);
UNIT_ATTR(address_width, "%u", unit->cfg.address_width);
UNIT_ATTR(owner_uid, "%u", from_kuid_munged(&init_user_ns, unit->owner));
UNIT_ATTR(iotlb_entries, "%u", unit->cfg.iotlb_entries);
UNIT_ATTR(irt_entries, "%u", unit->cfg.irt_entries);

static ssize_t memory_bytes_show(struct device *dev,
				 struct device_attribute *attr, char *buf)
{
	struct nyx_unit *unit = dev_get_drvdata(dev);

	/* Do not take the unit's lock: the owner's memory cgroup may delay its holder. */
	return sysfs_emit(buf, "%llu\n", READ_ONCE(unit->mem.bytes));
}
static DEVICE_ATTR(memory_bytes, UNIT_ATTR_MODE, memory_bytes_show, NULL);

static struct attribute *unit_attrs[] = {
	&dev_attr_name.attr,
	&dev_attr_model.attr,
	&dev_attr_address_width.attr,
	&dev_attr_owner_uid.attr,
	&dev_attr_memory_bytes.attr,
	&dev_attr_iotlb_entries.attr,
	&dev_attr_irt_entries.attr,
	NULL
};
ATTRIBUTE_GROUPS(unit);

static void device_ownership(compat_ownership_device *dev, kuid_t *uid,
			     kgid_t *gid)
{
	const struct nyx_unit *unit = dev_get_drvdata(dev);

	*uid = GLOBAL_ROOT_UID;
	*gid = unit->cfg.group;
}

int nyx_sysfs_init(void)
{
	nyx_class = compat_class_create("nyx-iommu");
	if (IS_ERR(nyx_class))
		return PTR_ERR(nyx_class);
	nyx_class->get_ownership = device_ownership;
	return 0;
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
