/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx fuzzers: the host build's header, with a cheap large table.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A unit's interrupt remapping table is of 1 MiB, of which a run uses a few pages:
 * to clear all of it would be most of what a run does.
 */
#ifndef NYX_FUZZ_HOST_MEMORY_H
#define NYX_FUZZ_HOST_MEMORY_H

#include_next "host/memory.h"

void *fuzz_kvcalloc(size_t n, size_t size, gfp_t gfp);
void fuzz_kvfree(const void *p);

#undef kvcalloc
#undef kvfree
#define kvcalloc		fuzz_kvcalloc
#define kvfree			fuzz_kvfree

#endif /* NYX_FUZZ_HOST_MEMORY_H */
