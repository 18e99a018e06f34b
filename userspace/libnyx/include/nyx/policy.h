/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: what follows when a device does wrong, and changing its state by hand.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A device that makes too many faults is quarantined: its accesses and
 * interrupts are refused, and not reported any more. How many are too many, and
 * whether and when it comes back, says the policy: the device's own, or else
 * the unit's.
 */
#ifndef NYX_POLICY_H
#define NYX_POLICY_H

#include <stddef.h>
#include <stdint.h>
#include <linux/nyx_iommu.h>

#include <nyx/unit.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * nyx_policy_get() - the policy that applies
 * @unit: the unit
 * @scope: NYX_SCOPE_UNIT or NYX_SCOPE_DEVICE
 * @sbdf: the device; 0 for the unit
 * @policy: where to put it
 * @size: sizeof(struct nyx_policy) as the caller knows it
 * @own: where to put 1 if the device has a policy of its own, 0 if it has the
 *       unit's; or NULL
 *
 * Return: 0; -ENOENT if there is no such device.
 */
int nyx_policy_get(struct nyx_unit *unit, uint32_t scope, uint32_t sbdf,
		   struct nyx_policy *policy, size_t size, uint32_t *own);

/**
 * nyx_policy_set() - set the policy of a unit or of a device
 * @unit: the unit
 * @scope: NYX_SCOPE_UNIT: for devices without a policy of their own; or
 *         NYX_SCOPE_DEVICE
 * @sbdf: the device; 0 for the unit
 * @policy: the policy. To change a part of it begin with nyx_policy_get()
 * @size: sizeof(struct nyx_policy) as the caller knows it
 *
 * A device that is quarantined stays so, for the time that was set then.
 *
 * Return: 0; -EINVAL for a value out of its range; -ENOENT if there is no such
 * device; -E2BIG if the library is older than the policy.
 */
int nyx_policy_set(struct nyx_unit *unit, uint32_t scope, uint32_t sbdf,
		   const struct nyx_policy *policy, size_t size);

/**
 * nyx_policy_inherit() - let a device have the policy of the unit again
 * @unit: the unit
 * @sbdf: the device
 *
 * Return: 0, also if it has; -ENOENT.
 */
int nyx_policy_inherit(struct nyx_unit *unit, uint32_t sbdf);

/**
 * nyx_device_reset() - make a device active, and forget its faults
 * @unit: the unit
 * @sbdf: the device
 *
 * Return: 0; -ENOENT.
 */
int nyx_device_reset(struct nyx_unit *unit, uint32_t sbdf);

/**
 * nyx_device_quarantine() - quarantine a device, until nyx_device_reset()
 * @unit: the unit
 * @sbdf: the device
 *
 * When the call returns no access or interrupt of the device is under way.
 *
 * Return: 0; -ENOENT.
 */
int nyx_device_quarantine(struct nyx_unit *unit, uint32_t sbdf);

/**
 * nyx_device_disable() - disable a device, until nyx_device_reset()
 * @unit: the unit
 * @sbdf: the device
 *
 * When the call returns no access or interrupt of the device is under way.
 *
 * Return: 0; -ENOENT.
 */
int nyx_device_disable(struct nyx_unit *unit, uint32_t sbdf);

#ifdef __cplusplus
}
#endif

#endif /* NYX_POLICY_H */
