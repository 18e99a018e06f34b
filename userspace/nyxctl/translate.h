/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyxctl device translate: where an access of a device would go.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYXCTL_TRANSLATE_H
#define NYXCTL_TRANSLATE_H

#include "cmd.h"

extern const struct out_col translate_cols[];

/* The arguments are DEVICE IOVA [LENGTH], the options --access and --report. */
int translate_run(struct cli *cli);

#endif /* NYXCTL_TRANSLATE_H */
