// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: a machine without IOMMU.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "iommu.h"

const struct iommu_ops iommu_none = {
	.name = "none",
	.ioapic_rid = 0xff00,		/* not used */
};
