// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: page tables of the Intel VT-d second stage format.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The templates, compiled for fmt_vtdss.h. The functions are reached through pt.c.
 */
#include "pt/pt.h"

#include "pt/fmt_vtdss.h"

#include "pt/pt_iter.h"
#include "pt/pt_map.h"
#include "pt/pt_unmap.h"
#include "pt/pt_walk.h"
