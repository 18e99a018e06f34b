// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the module: what is started, in which order.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "base/types.h"
#include "chr/ioctl.h"
#include "core/irq/irqfd.h"
#include "core/space/dirty.h"
#include "core/unit.h"
#include "obs/obs.h"
#include "viommu/viommu.h"

static unsigned int max_units = 4096;
module_param(max_units, uint, 0444);
MODULE_PARM_DESC(max_units, "most IOMMU units that may exist (default 4096)");

static unsigned int max_units_per_user = 256;
module_param(max_units_per_user, uint, 0444);
MODULE_PARM_DESC(max_units_per_user,
		 "most units of a user without CAP_SYS_RESOURCE (default 256)");

module_param_named(max_bindings_per_user, nyx_max_bindings_per_user, uint, 0644);
MODULE_PARM_DESC(max_bindings_per_user,
		 "most bound interrupts in the units of a user without CAP_SYS_RESOURCE (default 262144)");

module_param_named(max_dirty_kib_per_user, nyx_max_dirty_kib_per_user, uint, 0644);
MODULE_PARM_DESC(max_dirty_kib_per_user,
		 "most KiB of dirty bitmaps in the units of a user without CAP_SYS_RESOURCE (default 262144)");

static int unit_shown(struct nyx_unit *unit)
{
	int ret = nyx_sysfs_add(unit);

	if (!ret)
		nyx_debugfs_add(unit);
	return ret;
}

static void unit_hidden(struct nyx_unit *unit)
{
	nyx_debugfs_remove(unit);
	nyx_sysfs_remove(unit);
}

static const struct nyx_observer observer = {
	.add = unit_shown,
	.remove = unit_hidden,
};

static int __init nyx_init(void)
{
	int ret;

	nyx_models_init();
	nyx_unit_init(max_units, max_units_per_user, &observer);
	ret = nyx_irqfd_init();
	if (ret)
		return ret;
	ret = nyx_sysfs_init();
	if (ret)
		goto err_irqfd;
	nyx_debugfs_init();
	ret = nyx_chr_init();
	if (ret)
		goto err_obs;
	return 0;

err_obs:
	nyx_debugfs_exit();
	nyx_sysfs_exit();
err_irqfd:
	nyx_irqfd_exit();
	return ret;
}

/* No file is open and no unit exists: each holds the module. */
static void __exit nyx_exit(void)
{
	nyx_chr_exit();
	nyx_debugfs_exit();
	nyx_sysfs_exit();
	nyx_irqfd_exit();
	nyx_unit_exit();
}

module_init(nyx_init);
module_exit(nyx_exit);
MODULE_AUTHOR("The Nyx authors");
MODULE_DESCRIPTION("Nyx: a software IOMMU for virtual machines");
MODULE_VERSION(NYX_VERSION);
MODULE_LICENSE("GPL");
