/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyxctl: facts about a PCI device of this host and what VFIO needs.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYXCTL_VFIO_HOST_H
#define NYXCTL_VFIO_HOST_H

#include "vfio_check.h"

/*
 * Collect the facts about the PCI device @name, like 0000:03:00.0, from the folders sys, proc,
 * dev and lib under @root. Returns 0; -ENOENT: there is no such device; -ENOTDIR: @root has no
 * PCI bus; or another negative errno. A fact that cannot be read is no error, but missing.
 */
int vfio_host_read(const char *root, const char *name, struct vfio_host *host);

/* Call @fn with the name of each PCI device under @root; leave out names of another form. */
void vfio_host_foreach(const char *root, void (*fn)(const char *name, void *arg), void *arg);

#endif /* NYXCTL_VFIO_HOST_H */
