/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: tracepoints.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Scalars only, so that every layer may use them. Field names are stable and
 * documented in Documentation/reference/tracepoints.rst.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM nyx

#if !defined(NYX_BASE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define NYX_BASE_TRACE_H

#include <linux/tracepoint.h>
#include <linux/types.h>

#define NYX_TRACE_ACCESS(x) \
	__print_flags(x, "", { 0x1, "r" }, { 0x2, "w" }, { 0x4, "x" })

TRACE_EVENT(nyx_map,
	TP_PROTO(u32 unit, u32 domain, u64 iova, u64 last, u64 gpa, u32 prot,
		 int error),
	TP_ARGS(unit, domain, iova, last, gpa, prot, error),
	TP_STRUCT__entry(
		__field(u32, unit)
		__field(u32, domain)
		__field(u64, iova)
		__field(u64, last)
		__field(u64, gpa)
		__field(u32, prot)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->unit = unit;
		__entry->domain = domain;
		__entry->iova = iova;
		__entry->last = last;
		__entry->gpa = gpa;
		__entry->prot = prot;
		__entry->error = error;
	),
	TP_printk("unit=%u domain=%u iova=0x%llx last=0x%llx gpa=0x%llx prot=%s error=%d",
		  __entry->unit, __entry->domain, __entry->iova, __entry->last,
		  __entry->gpa, NYX_TRACE_ACCESS(__entry->prot), __entry->error)
);

TRACE_EVENT(nyx_unmap,
	TP_PROTO(u32 unit, u32 domain, u64 iova, u64 last, u64 unmapped,
		 int error),
	TP_ARGS(unit, domain, iova, last, unmapped, error),
	TP_STRUCT__entry(
		__field(u32, unit)
		__field(u32, domain)
		__field(u64, iova)
		__field(u64, last)
		__field(u64, unmapped)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->unit = unit;
		__entry->domain = domain;
		__entry->iova = iova;
		__entry->last = last;
		__entry->unmapped = unmapped;
		__entry->error = error;
	),
	TP_printk("unit=%u domain=%u iova=0x%llx last=0x%llx unmapped=%llu error=%d",
		  __entry->unit, __entry->domain, __entry->iova, __entry->last,
		  __entry->unmapped, __entry->error)
);

TRACE_EVENT(nyx_invalidate,
	TP_PROTO(u32 unit, u32 domain, u64 iova, u64 last, bool whole),
	TP_ARGS(unit, domain, iova, last, whole),
	TP_STRUCT__entry(
		__field(u32, unit)
		__field(u32, domain)
		__field(u64, iova)
		__field(u64, last)
		__field(bool, whole)
	),
	TP_fast_assign(
		__entry->unit = unit;
		__entry->domain = domain;
		__entry->iova = iova;
		__entry->last = last;
		__entry->whole = whole;
	),
	TP_printk("unit=%u domain=%u iova=0x%llx last=0x%llx whole=%d",
		  __entry->unit, __entry->domain, __entry->iova, __entry->last,
		  __entry->whole)
);

TRACE_EVENT(nyx_translate_miss,
	TP_PROTO(u32 unit, u32 domain, u32 sbdf, u64 iova, u32 access),
	TP_ARGS(unit, domain, sbdf, iova, access),
	TP_STRUCT__entry(
		__field(u32, unit)
		__field(u32, domain)
		__field(u32, sbdf)
		__field(u64, iova)
		__field(u32, access)
	),
	TP_fast_assign(
		__entry->unit = unit;
		__entry->domain = domain;
		__entry->sbdf = sbdf;
		__entry->iova = iova;
		__entry->access = access;
	),
	TP_printk("unit=%u domain=%u sbdf=0x%08x iova=0x%llx access=%s",
		  __entry->unit, __entry->domain, __entry->sbdf, __entry->iova,
		  NYX_TRACE_ACCESS(__entry->access))
);

TRACE_EVENT(nyx_fault,
	TP_PROTO(u32 unit, u32 domain, u32 sbdf, u64 iova, u64 gpa, u32 access,
		 u32 reason, u32 level),
	TP_ARGS(unit, domain, sbdf, iova, gpa, access, reason, level),
	TP_STRUCT__entry(
		__field(u32, unit)
		__field(u32, domain)
		__field(u32, sbdf)
		__field(u64, iova)
		__field(u64, gpa)
		__field(u32, access)
		__field(u32, reason)
		__field(u32, level)
	),
	TP_fast_assign(
		__entry->unit = unit;
		__entry->domain = domain;
		__entry->sbdf = sbdf;
		__entry->iova = iova;
		__entry->gpa = gpa;
		__entry->access = access;
		__entry->reason = reason;
		__entry->level = level;
	),
	TP_printk("unit=%u domain=%u sbdf=0x%08x iova=0x%llx gpa=0x%llx access=%s reason=%u level=%u",
		  __entry->unit, __entry->domain, __entry->sbdf, __entry->iova,
		  __entry->gpa, NYX_TRACE_ACCESS(__entry->access),
		  __entry->reason, __entry->level)
);

TRACE_EVENT(nyx_dma,
	TP_PROTO(u32 unit, u32 sbdf, u32 op, u64 iova, u64 length, u64 done,
		 u32 reason),
	TP_ARGS(unit, sbdf, op, iova, length, done, reason),
	TP_STRUCT__entry(
		__field(u32, unit)
		__field(u32, sbdf)
		__field(u32, op)
		__field(u64, iova)
		__field(u64, length)
		__field(u64, done)
		__field(u32, reason)
	),
	TP_fast_assign(
		__entry->unit = unit;
		__entry->sbdf = sbdf;
		__entry->op = op;
		__entry->iova = iova;
		__entry->length = length;
		__entry->done = done;
		__entry->reason = reason;
	),
	TP_printk("unit=%u sbdf=0x%08x op=%u iova=0x%llx length=%llu done=%llu reason=%u",
		  __entry->unit, __entry->sbdf, __entry->op, __entry->iova,
		  __entry->length, __entry->done, __entry->reason)
);

TRACE_EVENT(nyx_irq,
	TP_PROTO(u32 unit, u32 sbdf, u64 address, u32 data, u32 index,
		 u32 result, u32 reason, u32 vector, u32 dest),
	TP_ARGS(unit, sbdf, address, data, index, result, reason, vector, dest),
	TP_STRUCT__entry(
		__field(u32, unit)
		__field(u32, sbdf)
		__field(u64, address)
		__field(u32, data)
		__field(u32, index)
		__field(u32, result)
		__field(u32, reason)
		__field(u32, vector)
		__field(u32, dest)
	),
	TP_fast_assign(
		__entry->unit = unit;
		__entry->sbdf = sbdf;
		__entry->address = address;
		__entry->data = data;
		__entry->index = index;
		__entry->result = result;
		__entry->reason = reason;
		__entry->vector = vector;
		__entry->dest = dest;
	),
	TP_printk("unit=%u sbdf=0x%08x address=0x%llx data=0x%x index=%d result=%u reason=%u vector=%u dest=0x%x",
		  __entry->unit, __entry->sbdf, __entry->address, __entry->data,
		  __entry->index, __entry->result, __entry->reason,
		  __entry->vector, __entry->dest)
);

TRACE_EVENT(nyx_irq_stall,
	TP_PROTO(u32 unit, u32 sbdf, u32 binding, u32 waited_ms, u32 again_ms,
		 u32 stalled),
	TP_ARGS(unit, sbdf, binding, waited_ms, again_ms, stalled),
	TP_STRUCT__entry(
		__field(u32, unit)
		__field(u32, sbdf)
		__field(u32, binding)
		__field(u32, waited_ms)
		__field(u32, again_ms)
		__field(u32, stalled)
	),
	TP_fast_assign(
		__entry->unit = unit;
		__entry->sbdf = sbdf;
		__entry->binding = binding;
		__entry->waited_ms = waited_ms;
		__entry->again_ms = again_ms;
		__entry->stalled = stalled;
	),
	TP_printk("unit=%u sbdf=0x%08x binding=%u waited_ms=%u again_ms=%u stalled=%u",
		  __entry->unit, __entry->sbdf, __entry->binding,
		  __entry->waited_ms, __entry->again_ms, __entry->stalled)
);

TRACE_EVENT(nyx_device_state,
	TP_PROTO(u32 unit, u32 sbdf, u32 old, u32 new, u32 cause, u32 score,
		 u32 tries),
	TP_ARGS(unit, sbdf, old, new, cause, score, tries),
	TP_STRUCT__entry(
		__field(u32, unit)
		__field(u32, sbdf)
		__field(u32, old)
		__field(u32, new)
		__field(u32, cause)
		__field(u32, score)
		__field(u32, tries)
	),
	TP_fast_assign(
		__entry->unit = unit;
		__entry->sbdf = sbdf;
		__entry->old = old;
		__entry->new = new;
		__entry->cause = cause;
		__entry->score = score;
		__entry->tries = tries;
	),
	TP_printk("unit=%u sbdf=0x%08x old=%u new=%u cause=%u score=%u tries=%u",
		  __entry->unit, __entry->sbdf, __entry->old, __entry->new,
		  __entry->cause, __entry->score, __entry->tries)
);

#if IS_ENABLED(CONFIG_NYX_ORACLE)
TRACE_EVENT(nyx_oracle,
	TP_PROTO(u32 unit, u32 domain, u32 format, u64 iova, u32 status,
		 u64 gpa, u32 prot, u64 true_gpa, u32 true_prot),
	TP_ARGS(unit, domain, format, iova, status, gpa, prot, true_gpa,
		true_prot),
	TP_STRUCT__entry(
		__field(u32, unit)
		__field(u32, domain)
		__field(u32, format)
		__field(u64, iova)
		__field(u32, status)
		__field(u64, gpa)
		__field(u32, prot)
		__field(u64, true_gpa)
		__field(u32, true_prot)
	),
	TP_fast_assign(
		__entry->unit = unit;
		__entry->domain = domain;
		__entry->format = format;
		__entry->iova = iova;
		__entry->status = status;
		__entry->gpa = gpa;
		__entry->prot = prot;
		__entry->true_gpa = true_gpa;
		__entry->true_prot = true_prot;
	),
	TP_printk("unit=%u domain=%u format=%u iova=0x%llx status=%u gpa=0x%llx prot=%s true_gpa=0x%llx true_prot=%s",
		  __entry->unit, __entry->domain, __entry->format,
		  __entry->iova, __entry->status, __entry->gpa,
		  NYX_TRACE_ACCESS(__entry->prot), __entry->true_gpa,
		  NYX_TRACE_ACCESS(__entry->true_prot))
);
#endif

#endif /* NYX_BASE_TRACE_H */

/* Found through the -I of kmod/Kbuild. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH base
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
