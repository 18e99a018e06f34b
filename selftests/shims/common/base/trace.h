/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx host build: tracepoints that are off.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_BASE_TRACE_H
#define NYX_BASE_TRACE_H

#define trace_nyx_map(...)		do { } while (0)
#define trace_nyx_unmap(...)		do { } while (0)
#define trace_nyx_invalidate(...)	do { } while (0)
#define trace_nyx_translate_miss(...)	do { } while (0)
#define trace_nyx_fault(...)		do { } while (0)
#define trace_nyx_dma(...)		do { } while (0)
#define trace_nyx_irq(...)		do { } while (0)
#define trace_nyx_oracle(...)		do { } while (0)
#define trace_nyx_device_state(...)	do { } while (0)

#endif
