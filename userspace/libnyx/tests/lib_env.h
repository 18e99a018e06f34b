/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libnyx tests: what they share.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The programs run against the module. inject.c makes the errors that it rarely gives.
 */
#ifndef LIBNYX_TESTS_LIB_ENV_H
#define LIBNYX_TESTS_LIB_ENV_H

#include <nyx/nyx.h>

#include "inject.h"
#include "ktap.h"

#define SBDF	NYX_SBDF(0, 3, 0, 0)
#define SBDF2	NYX_SBDF(0, 4, 0, 0)
#define DEV	((nyx_device_t){ SBDF })
#define DEV2	((nyx_device_t){ SBDF2 })

#define RW	(NYX_PROT_READ | NYX_PROT_WRITE)

/* A context; a unit without a name, which ends with the case. */
struct nyx_ctx *env_ctx(void);
struct nyx_unit *env_unit(void);

/* Faults have no consequences, and each has a record. */
void env_tolerate(struct nyx_unit *unit);

/* A command fails: @spec is what NYX_INJECT has in inject.c. */
void env_inject(const char *spec);

#endif /* LIBNYX_TESTS_LIB_ENV_H */
