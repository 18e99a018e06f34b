# SPDX-License-Identifier: GPL-2.0-only
# Out of drivers/iommu/amd/amd_iommu_types.h: all macros, and the two structs that
# io_pgtable.c works with. The rest of it is about hardware.
/^#define/ { macro = 1 }
/^(struct amd_io_pgtable|struct protection_domain|enum protection_domain_mode) \{/ { text = 1 }
macro || text { print }
macro && !/\\$/ { macro = 0 }
text && /^};/ { text = 0 }
