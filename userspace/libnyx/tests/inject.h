/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libnyx tests: errors that the module gives only in rare circumstances; see inject.c.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef LIBNYX_TESTS_INJECT_H
#define LIBNYX_TESTS_INJECT_H

#include <stdbool.h>

/* The call that NYX_INJECT names has failed. */
extern bool inject_done;

#endif /* LIBNYX_TESTS_INJECT_H */
