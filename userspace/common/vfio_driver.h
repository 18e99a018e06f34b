/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drivers of a host, as VFIO sees them: nyx-vmm uses a device by it, nyxctl says beforehand
 * whether it can.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_COMMON_VFIO_DRIVER_H
#define NYX_COMMON_VFIO_DRIVER_H

#include <stdbool.h>
#include <string.h>

/* vfio-pci, or a variant of it, such as mlx5_vfio_pci */
static inline bool vfio_driver_is_own(const char *driver)
{
	return strstr(driver, "vfio");
}

/* Drivers that leave a device alone: the others keep its group from being used. */
static inline bool vfio_driver_is_harmless(const char *driver)
{
	return vfio_driver_is_own(driver) || !strcmp(driver, "pci-stub") ||
	       !strcmp(driver, "pcieport");
}

#endif /* NYX_COMMON_VFIO_DRIVER_H */
