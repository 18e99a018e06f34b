/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: the vendor models that there are.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_FRONT_FRONT_H
#define NYX_FRONT_FRONT_H

/* Make the front ends of a vendor known; while the module starts. */
void vtd_init(void);
void amdvi_init(void);

#endif /* NYX_FRONT_FRONT_H */
