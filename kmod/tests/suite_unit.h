/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: a unit for a case of a KUnit suite, and a vIOMMU model of the suite's own.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_TESTS_SUITE_UNIT_H
#define NYX_TESTS_SUITE_UNIT_H

#include <kunit/resource.h>
#include <kunit/test.h>
#include <linux/container_of.h>
#include <linux/err.h>

#include "core/unit.h"

/* A small unit, as initialisers of struct nyx_unit_config; others may follow. */
#define SUITE_UNIT(_model, _width)						\
	.model = (_model), .address_width = (_width), .event_entries = 64,	\
	.max_domains = 16, .max_devices = 4, .max_memory = 4

static inline int suite_unit_keep(struct kunit_resource *res, void *unit)
{
	res->data = unit;
	return 0;
}

static inline void suite_unit_close(struct kunit_resource *res)
{
	nyx_unit_close(res->data);
}

/* Create a unit that is closed behind the case, after the suite's exit function. */
static inline struct nyx_unit *suite_unit_open(struct kunit *test,
					       const struct nyx_unit_config *cfg)
{
	struct nyx_unit *unit = nyx_unit_create(cfg);

	KUNIT_ASSERT_FALSE(test, IS_ERR(unit));
	KUNIT_ASSERT_NOT_NULL(test, kunit_alloc_resource(test, suite_unit_keep,
							 suite_unit_close, GFP_KERNEL,
							 unit));
	return unit;
}

/**
 * struct suite_viommu - a vIOMMU model of the suite's own, in place of a unit's
 * @base: the vIOMMU model, in memory of the case
 * @native: the one that the unit was made with; @base destroys it
 */
struct suite_viommu {
	struct nyx_viommu base;
	struct nyx_viommu *native;
};

/* &nyx_viommu_ops.destroy of such a model */
static inline void suite_viommu_destroy(struct nyx_viommu *base)
{
	struct suite_viommu *viommu = container_of(base, struct suite_viommu, base);

	viommu->native->ops->destroy(viommu->native);
}

/* Let a native unit have the vIOMMU model @viommu with @ops. */
static inline void suite_viommu_use(struct suite_viommu *viommu, struct nyx_unit *unit,
				    const struct nyx_viommu_ops *ops)
{
	viommu->base = (struct nyx_viommu){ .ops = ops, .unit = unit };
	viommu->native = unit->guest.viommu;
	unit->guest.viommu = &viommu->base;
}

#endif /* NYX_TESTS_SUITE_UNIT_H */
