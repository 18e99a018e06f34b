/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: commands that end accesses: attach, detach, remove or stop a device, destroy a domain.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Many files look at a device (core/access/device.h). A command that detaches or removes
 * one waits for all of them, so this file is a layer above them: above interrupts and page
 * requests.
 *
 * &nyx_device.moving lets one command at a time move a device.
 */
#ifndef NYX_CORE_ATTACH_H
#define NYX_CORE_ATTACH_H

#include <linux/types.h>

struct nyx_unit;

/**
 * nyx_device_remove() - remove a device
 * @unit: the unit
 * @sbdf: the device
 *
 * Context: may sleep.
 * Return: 0; -ENOENT if there is no such device, and no access of it is under
 * way; -EBUSY if another command is moving it; -EINTR if the caller was killed
 * before the device's accesses had ended: the device is still there, detached.
 */
int nyx_device_remove(struct nyx_unit *unit, u32 sbdf);

/**
 * nyx_device_attach() - give a device a domain
 * @unit: the unit
 * @sbdf: the device
 * @domain_id: the domain
 * @replace: if the device is attached to another domain, move it
 *
 * Context: may sleep.
 * Return: 0; -ENOENT; -EBUSY if the domain is STRICT and has a device, if the device has a
 * domain and @replace is false, or if another command is moving the device or destroying
 * the domain; -EINTR if the caller was killed: the device is attached, but accesses may
 * still use its old domain. A second call, with @replace, waits for these accesses.
 */
int nyx_device_attach(struct nyx_unit *unit, u32 sbdf, u32 domain_id,
		      bool replace);

/**
 * nyx_device_detach() - detach a device from its domain
 * @unit: the unit
 * @sbdf: the device
 *
 * Context: may sleep.
 * Return: 0; -ENOENT if there is no such device, or it has no domain, and no access of it
 * uses one; -EBUSY if another command is moving it; -EINTR if the caller was killed: the
 * device is detached, but accesses may still use its old domain. A second call waits for
 * these accesses.
 */
int nyx_device_detach(struct nyx_unit *unit, u32 sbdf);

/**
 * nyx_device_control() - change a device's state by hand
 * @unit: the unit
 * @sbdf: the device
 * @action: of enum nyx_device_action
 *
 * Context: may sleep.
 * Return: 0; -ENOENT; -EBUSY if a command is moving the device; -EINTR if the
 * caller was killed before the device's accesses had ended.
 */
int nyx_device_control(struct nyx_unit *unit, u32 sbdf, u32 action);

/**
 * nyx_domain_destroy() - destroy a domain
 * @unit: the unit
 * @id: its id
 *
 * Context: may sleep.
 * Return: as nyx_inval_drop().
 */
int nyx_domain_destroy(struct nyx_unit *unit, u32 id);

#endif /* NYX_CORE_ATTACH_H */
