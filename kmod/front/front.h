/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: the models that there are.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_FRONT_FRONT_H
#define NYX_FRONT_FRONT_H

#include "core/front.h"

extern const struct nyx_front_ops native_model;
extern const struct nyx_front_ops vtd_model;
extern const struct nyx_front_ops amdvi_model;

/* Register all of them; while the module starts. */
void nyx_models_init(void);

#endif /* NYX_FRONT_FRONT_H */
