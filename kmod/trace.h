/* SPDX-License-Identifier: GPL-2.0-only */
/* Tracepoints: a submission is queued, starts, ends; the FPU was held for so long. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM pbit

#if !defined(PBIT_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define PBIT_TRACE_H

#include <linux/tracepoint.h>

#include "pbit.h"

/* clang-format off */
TRACE_EVENT(pbit_submit,
	TP_PROTO(const struct pbit_context *ctx, const struct pbit_submission *s),
	TP_ARGS(ctx, s),
	TP_STRUCT__entry(
		__field(const void *, ctx)
		__field(int, device)
		__field(u64, sequence)
		__field(u32, program)
		__field(u32, chains)
		__field(u32, sweeps)
		__field(u32, flags)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->device = ctx->dev->id;
		__entry->sequence = s->event.sequence;
		__entry->program = s->event.program;
		__entry->chains = s->program->shape.chains;
		__entry->sweeps = s->args.sweeps;
		__entry->flags = s->args.flags;
	),
	TP_printk("pbit%d context %p sequence %llu program %u chains %u sweeps %u flags %#x",
		  __entry->device, __entry->ctx, __entry->sequence, __entry->program,
		  __entry->chains, __entry->sweeps, __entry->flags)
);

TRACE_EVENT(pbit_start,
	TP_PROTO(const struct pbit_context *ctx, const struct pbit_submission *s),
	TP_ARGS(ctx, s),
	TP_STRUCT__entry(
		__field(const void *, ctx)
		__field(int, device)
		__field(u64, sequence)
		__field(u64, wait_ns)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->device = ctx->dev->id;
		__entry->sequence = s->event.sequence;
		__entry->wait_ns = s->event.wait_ns;
	),
	TP_printk("pbit%d context %p sequence %llu wait_ns %llu", __entry->device, __entry->ctx,
		  __entry->sequence, __entry->wait_ns)
);

TRACE_EVENT(pbit_done,
	TP_PROTO(const struct pbit_context *ctx, const struct pbit_submission *s),
	TP_ARGS(ctx, s),
	TP_STRUCT__entry(
		__field(const void *, ctx)
		__field(int, device)
		__field(u64, sequence)
		__field(int, status)
		__field(u64, device_ns)
		__field(u64, flips)
		__field(u64, section_ns)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->device = ctx->dev->id;
		__entry->sequence = s->event.sequence;
		__entry->status = s->event.status;
		__entry->device_ns = s->event.device_ns;
		__entry->flips = s->event.flips;
		__entry->section_ns = s->section_ns;
	),
	TP_printk("pbit%d context %p sequence %llu status %d device_ns %llu flips %llu section_max_ns %llu",
		  __entry->device, __entry->ctx, __entry->sequence, __entry->status,
		  __entry->device_ns, __entry->flips, __entry->section_ns)
);

TRACE_EVENT(pbit_fpu_section,
	TP_PROTO(const struct pbit_device *dev, u64 ns),
	TP_ARGS(dev, ns),
	TP_STRUCT__entry(
		__field(int, device)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->device = dev->id;
		__entry->ns = ns;
	),
	TP_printk("pbit%d ns %llu", __entry->device, __entry->ns)
);
/* clang-format on */

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
