/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: fault policies, and changing the state of a device by hand.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A device that makes too many faults is quarantined: its accesses and
 * interrupts are refused, and not reported any more. The policy, the device's
 * own or else the unit's, says how many faults are too many, and whether and
 * when the device comes back.
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
 * nyx_policy_get_unit() - the policy of devices that have none of their own
 * @unit: the unit
 * @policy: where to put it
 * @size: sizeof(struct nyx_policy) as the caller knows it
 *
 * Return: 0 or a negative errno.
 */
int nyx_policy_get_unit(struct nyx_unit *unit, struct nyx_policy *policy, size_t size);

/**
 * nyx_policy_get_device() - the policy that applies to a device
 * @unit: the unit
 * @device: the device
 * @policy: where to put it
 * @size: sizeof(struct nyx_policy) as the caller knows it
 * @own: where to put 1 if the device has a policy of its own, 0 if it has the
 *       unit's; or NULL
 *
 * Return: 0; -ENOENT if there is no such device.
 */
int nyx_policy_get_device(struct nyx_unit *unit, nyx_device_t device, struct nyx_policy *policy,
			  size_t size, uint32_t *own);

/**
 * nyx_policy_set_unit() - set the policy of devices that have none of their own
 * @unit: the unit
 * @policy: the policy. To change a part of it begin with nyx_policy_get_unit()
 * @size: sizeof(struct nyx_policy) as the caller knows it
 *
 * A device that is quarantined stays so, for the time that was set then.
 *
 * Return: 0; -EINVAL for a value out of its range; -E2BIG if the library is
 * older than the policy.
 */
int nyx_policy_set_unit(struct nyx_unit *unit, const struct nyx_policy *policy, size_t size);

/**
 * nyx_policy_set_device() - give a device a policy of its own
 * @unit: the unit
 * @device: the device
 * @policy: the policy. To change a part of it begin with nyx_policy_get_device()
 * @size: sizeof(struct nyx_policy) as the caller knows it
 *
 * Return: as nyx_policy_set_unit(); -ENOENT if there is no such device.
 */
int nyx_policy_set_device(struct nyx_unit *unit, nyx_device_t device,
			  const struct nyx_policy *policy, size_t size);

/**
 * nyx_policy_inherit() - revert a device to the policy of the unit
 * @unit: the unit
 * @device: the device
 *
 * Return: 0, also if the device had no policy of its own; -ENOENT.
 */
int nyx_policy_inherit(struct nyx_unit *unit, nyx_device_t device);

/**
 * nyx_device_reset() - make a device active, and forget its faults
 * @unit: the unit
 * @device: the device
 *
 * Return: 0; -ENOENT.
 */
int nyx_device_reset(struct nyx_unit *unit, nyx_device_t device);

/**
 * nyx_device_quarantine() - quarantine a device, until nyx_device_reset()
 * @unit: the unit
 * @device: the device
 *
 * When the call returns no access or interrupt of the device is under way.
 *
 * Return: 0; -ENOENT.
 */
int nyx_device_quarantine(struct nyx_unit *unit, nyx_device_t device);

/**
 * nyx_device_disable() - disable a device, until nyx_device_reset()
 * @unit: the unit
 * @device: the device
 *
 * When the call returns no access or interrupt of the device is under way.
 *
 * Return: 0; -ENOENT.
 */
int nyx_device_disable(struct nyx_unit *unit, nyx_device_t device);

#ifdef __cplusplus
}
#endif

#endif /* NYX_POLICY_H */
