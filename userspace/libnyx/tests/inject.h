/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libnyx tests: errors that the module gives only in rare circumstances; see inject.c.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef LIBNYX_TESTS_INJECT_H
#define LIBNYX_TESTS_INJECT_H

#include <stdbool.h>

/* What NYX_INJECT asks for has happened. */
extern bool inject_done;

#endif /* LIBNYX_TESTS_INJECT_H */
