/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: a third model, made up.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Documentation/design/viommu.rst shows by this model what a model needs. Its tables are
 * registers, so that a guest needs no memory: 16 contexts, 16 interrupt entries, and one
 * register for the last fault.
 */
#ifndef NYX_TESTS_DEMO_MODEL_H
#define NYX_TESTS_DEMO_MODEL_H

#include <linux/bits.h>
#include <linux/types.h>

#include "core/viommu.h"

/* Of enum nyx_model, if it were one. */
#define NYX_MODEL_DEMO		(NYX_MODELS_MAX - 1)

#define DEMO_ENTRIES		16u

/* Registers of eight bytes. A context or an entry is that of the low bits of a RID. */
#define DEMO_CONTEXT(n)		(8 * (n))
#define DEMO_IRTE(n)		(8 * (DEMO_ENTRIES + (n)))
#define DEMO_FAULT		(8 * 2 * DEMO_ENTRIES)
#define DEMO_SIZE		(DEMO_FAULT + 8)

#define DEMO_VALID		BIT_ULL(0)
#define DEMO_WRITABLE		BIT_ULL(1)	/* of a context */
#define DEMO_VECTOR		GENMASK_ULL(15, 8)	/* of an entry */
#define DEMO_DEST		GENMASK_ULL(63, 32)

/* The fault register: what, and of which RID. A write clears it. */
#define DEMO_FAULT_CODE		GENMASK_ULL(7, 0)
#define DEMO_FAULT_RID		GENMASK_ULL(31, 16)

enum demo_code {
	DEMO_NO_CONTEXT = 1,
	DEMO_DENIED = 2,
	DEMO_NO_ENTRY = 3,
};

/* The options, which struct nyx_unit_demo would be in the interface. */
struct demo_options {
	u32 flags;
};

#define DEMO_F_READONLY		BIT(0)	/* no context allows writes */

extern const struct nyx_viommu_ops demo_model;

#endif /* NYX_TESTS_DEMO_MODEL_H */
