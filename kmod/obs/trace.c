// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: tracepoints: their one definition.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#define CREATE_TRACE_POINTS
#include "base/trace.h"
