/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: limits on what devices and domains do in a second.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * An access or interrupt has to keep the limits of its device and those of the
 * device's domain. Over a limit a call waits; if the file descriptor of the unit
 * is non-blocking (fcntl(2), O_NONBLOCK) it returns -EAGAIN instead.
 */
#ifndef NYX_LIMIT_H
#define NYX_LIMIT_H

#include <stddef.h>
#include <stdint.h>
#include <linux/nyx_iommu.h>

#include <nyx/unit.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * nyx_limit_get_domain() - the limits of a domain
 * @unit: the unit
 * @domain: the domain
 * @limits: where to put them; a rate of 0 is no limit
 * @size: sizeof(struct nyx_limits) as the caller knows it
 *
 * Return: 0; -ENOENT.
 */
int nyx_limit_get_domain(struct nyx_unit *unit, nyx_domain_t domain, struct nyx_limits *limits,
			 size_t size);

/**
 * nyx_limit_set_domain() - set the limits of a domain
 * @unit: the unit
 * @domain: the domain
 * @limits: the limits; NULL, or all rates 0: none
 * @size: sizeof(struct nyx_limits) as the caller knows it
 *
 * Return: 0; -EINVAL for a value out of its range; -ENOENT; -E2BIG if the
 * library is older than the limits.
 */
int nyx_limit_set_domain(struct nyx_unit *unit, nyx_domain_t domain,
			 const struct nyx_limits *limits, size_t size);

/**
 * nyx_limit_get_device() - the limits of a device
 * @unit: the unit
 * @device: the device
 * @limits: where to put them; a rate of 0 is no limit
 * @size: sizeof(struct nyx_limits) as the caller knows it
 *
 * Return: 0; -ENOENT.
 */
int nyx_limit_get_device(struct nyx_unit *unit, nyx_device_t device, struct nyx_limits *limits,
			 size_t size);

/**
 * nyx_limit_set_device() - set the limits of a device
 * @unit: the unit
 * @device: the device
 * @limits: the limits; NULL, or all rates 0: none
 * @size: sizeof(struct nyx_limits) as the caller knows it
 *
 * Return: 0; -EINVAL for a value out of its range; -ENOENT; -E2BIG if the
 * library is older than the limits.
 */
int nyx_limit_set_device(struct nyx_unit *unit, nyx_device_t device,
			 const struct nyx_limits *limits, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* NYX_LIMIT_H */
