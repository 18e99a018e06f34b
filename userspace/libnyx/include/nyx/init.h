/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: initialisers, and the rule of sizes.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A structure with a member "size" has it first, 32 bits wide, and the caller sets it to the
 * sizeof() of the structure in its own header, before the first use, for inputs, outputs and
 * every item of an array. Functions take no separate size for such a structure. The
 * initialisers set the member, and those members whose default is not zero: no PASID, no
 * eventfd. So
 *
 *	struct nyx_dma dma = NYX_DMA_INIT;
 *
 * A structure without such a member goes with a parameter "size" behind it: what listings
 * give (struct nyx_domain_info and the like), struct nyx_policy, struct nyx_limits.
 *
 * Either way a program and a library of different ages work together: what the older side
 * does not know is zero, and -E2BIG if it would matter. A size of 0 is -EINVAL, and so are
 * items of different sizes in an array.
 *
 * The initialisers are for C; in C++ and elsewhere set the members that they set.
 */
#ifndef NYX_INIT_H
#define NYX_INIT_H

#include <linux/nyx_iommu.h>

#include <nyx/acpi.h>
#include <nyx/domain.h>
#include <nyx/mirror.h>
#include <nyx/unit.h>
#include <nyx/vhost.h>

/* Of the commands that are passed on as they are. */
#define NYX_MAP_INIT		{ .size = sizeof(struct nyx_map) }
#define NYX_UNMAP_INIT		{ .size = sizeof(struct nyx_unmap) }
#define NYX_INVALIDATE_INIT \
	{ .size = sizeof(struct nyx_invalidate), .pasid = NYX_PASID_NONE }
#define NYX_TRANSLATE_INIT \
	{ .size = sizeof(struct nyx_translate), .pasid = NYX_PASID_NONE }
#define NYX_DMA_INIT		{ .size = sizeof(struct nyx_dma), .pasid = NYX_PASID_NONE }
#define NYX_ARRAY_INIT		{ .size = sizeof(struct nyx_array) }
#define NYX_WALK_INIT		{ .size = sizeof(struct nyx_walk), .pasid = NYX_PASID_NONE }
#define NYX_IRTE_SET_INIT	{ .size = sizeof(struct nyx_irte_set) }
#define NYX_IRQ_SEND_INIT	{ .size = sizeof(struct nyx_irq_send), .eventfd = -1 }
#define NYX_IRQ_BIND_INIT \
	{ .size = sizeof(struct nyx_irq_bind), .source = -1, .target = -1 }
#define NYX_IRQ_CHANGE_INIT	{ .size = sizeof(struct nyx_irq_change) }
#define NYX_MMIO_INIT		{ .size = sizeof(struct nyx_mmio) }
#define NYX_MODULE_INFO_INIT	{ .size = sizeof(struct nyx_module_info) }
#define NYX_UNIT_INFO_INIT	{ .size = sizeof(struct nyx_unit_info) }

/* Of the library's own. */
#define NYX_UNIT_CREATE_OPTS_INIT	{ .size = sizeof(struct nyx_unit_create_opts) }
#define NYX_UNIT_STATUS_INIT		{ .size = sizeof(struct nyx_unit_status) }
#define NYX_UNIT_OPEN_OPTS_INIT		{ .size = sizeof(struct nyx_unit_open_opts) }
#define NYX_DOMAIN_CREATE_OPTS_INIT	{ .size = sizeof(struct nyx_domain_create_opts) }
#define NYX_ACPI_DMAR_OPTS_INIT		{ .size = sizeof(struct nyx_acpi_dmar_opts) }
#define NYX_ACPI_IVRS_OPTS_INIT		{ .size = sizeof(struct nyx_acpi_ivrs_opts) }
#define NYX_MIRROR_BACKEND_INIT		{ .size = sizeof(struct nyx_mirror_backend) }
#define NYX_MIRROR_OPTS_INIT		{ .size = sizeof(struct nyx_mirror_opts) }
#define NYX_MIRROR_EVENT_INIT		{ .size = sizeof(struct nyx_mirror_event) }
#define NYX_MIRROR_STAT_INIT		{ .size = sizeof(struct nyx_mirror_stat) }
#define NYX_VHOST_CHANNEL_INIT		{ .size = sizeof(struct nyx_vhost_channel), .fd = -1 }
#define NYX_VHOST_STAT_INIT		{ .size = sizeof(struct nyx_vhost_stat) }

#endif /* NYX_INIT_H */
