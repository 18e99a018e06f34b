// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the module of the KUnit suites.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <linux/module.h>

MODULE_DESCRIPTION("Nyx: KUnit suites");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(NYX_INTERNAL);
