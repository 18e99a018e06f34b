/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: functions that only the test module needs from outside.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The KUnit suites are a module of their own and call the layers directly.
 * The functions that they call are exported in a namespace, and only where KUnit
 * exists; so the module exports nothing on a kernel of a distribution.
 *
 * A namespace was a bare word up to kernel 6.12 and is a string since 6.13;
 * there, a file that includes this one defines NYX_INTERNAL as "NYX_INTERNAL".
 */
#ifndef NYX_BASE_EXPORT_H
#define NYX_BASE_EXPORT_H

#include <linux/export.h>
#include <linux/kconfig.h>

#if IS_ENABLED(CONFIG_KUNIT)
#define NYX_EXPORT_FOR_TEST(sym)	EXPORT_SYMBOL_NS_GPL(sym, NYX_INTERNAL)
#else
/* Declares nothing, so that a semicolon can follow. */
#define NYX_EXPORT_FOR_TEST(sym)	struct nyx_no_export_##sym
#endif

#endif /* NYX_BASE_EXPORT_H */
