/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: units in sysfs and debugfs.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_OBS_OBS_H
#define NYX_OBS_OBS_H

struct nyx_unit;

/**
 * nyx_sysfs_init() - make the class nyx-iommu
 *
 * Return: 0 or negative errno.
 */
int nyx_sysfs_init(void);
void nyx_sysfs_exit(void);

/**
 * nyx_sysfs_add() - show a unit in sysfs
 * @unit: the unit
 *
 * Return: 0 or negative errno.
 */
int nyx_sysfs_add(struct nyx_unit *unit);

/* When it returns no process reads the unit's files. */
void nyx_sysfs_remove(struct nyx_unit *unit);

/* debugfs is best effort: a failure only hides its files. */
void nyx_debugfs_init(void);
void nyx_debugfs_exit(void);
void nyx_debugfs_add(struct nyx_unit *unit);

/* When it returns no process reads the unit's files. */
void nyx_debugfs_remove(struct nyx_unit *unit);

#endif /* NYX_OBS_OBS_H */
