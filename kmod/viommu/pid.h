/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: posted-interrupt descriptors.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * VT-d specification, section 9.11. An entry of a native unit posts into such a descriptor,
 * too.
 */
#ifndef NYX_VIOMMU_PID_H
#define NYX_VIOMMU_PID_H

#include <linux/types.h>

struct irt_msg;
struct nyx_viommu;

/**
 * pid_post() - post an interrupt into a descriptor in guest memory
 * @viommu: the unit's vIOMMU model
 * @sbdf: the sender
 * @msg: says which bit of which descriptor; set to the notification, if there is to be
 *       one
 * @sleep: the caller may sleep
 *
 * Context: any; may sleep if @sleep.
 * Return: as &nyx_viommu_ops.post_irte.
 */
int pid_post(struct nyx_viommu *viommu, u32 sbdf, struct irt_msg *msg,
	     bool sleep);

#endif /* NYX_VIOMMU_PID_H */
