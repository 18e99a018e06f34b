// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: page tables of the x86-64 format.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The templates, compiled for fmt_x86.h. The functions are reached through pt.c.
 */
#include "pt/pt.h"

#include "pt/fmt_x86.h"

#include "pt/pt_iter.h"
#include "pt/pt_map.h"
#include "pt/pt_unmap.h"
#include "pt/pt_walk.h"
