/* SPDX-License-Identifier: MIT */
/*
 * The memory of a kernel device's programs.
 *
 * Couplings and states are the buffers that program and device share. The driver's program, which
 * has its scan order and buffers for good, is made at the first submission, and again when one
 * comes that needs another order, more room, or what was not accumulated before.
 */
#include <string.h>

#include "kernel_program.h"

/* A trace buffer in the kernel, where a record is not larger itself. */
#define TRACE_BYTES ((size_t)64 << 20)

static void drop(struct kernel_program *p)
{
	struct pbit_handle h = { .handle = p->handle };

	if (p->handle)
		kernel_ioctl(context_of(p), PBIT_IOC_PROGRAM_DESTROY, &h);
	p->handle = 0;
}

static int create(struct kernel_program *p, uint32_t scan, struct err *e)
{
	const struct pbm_shape *s = &p->program.shape;
	struct pbit_program_create a = {
		.net = s->net,
		.n = s->n,
		.m = s->m,
		.chains = s->chains,
		.coupling_bits = s->bits,
		.scan = scan,
		.clamp_words = p->clamp ? pbm_state_words(s) : 0,
		.clamp = (uintptr_t)p->clamp,
		.couplings = p->couplings.handle,
		.states = p->states.handle,
		.sums = p->sums.handle,
		.energy_trace = p->energy.buffer.handle,
		.state_trace = p->state.buffer.handle,
	};
	int r = kernel_ioctl(context_of(p), PBIT_IOC_PROGRAM_CREATE, &a);

	if (r < 0)
		return kernel_error(context_of(p), "programming a network", r, e);
	p->handle = a.handle;
	p->scan = scan;
	p->load = true;
	return 0;
}

/* A buffer of at least so many bytes; a new one is for a new program. */
static int ensure(struct kernel_program *p, struct kernel_buffer *b, uint32_t kind, size_t size,
		  struct err *e)
{
	if (b->size >= size)
		return 0;
	drop(p);
	kernel_buffer_free(context_of(p), b);
	return kernel_buffer_new(context_of(p), kind, size, b, e);
}

static size_t sums_size(const struct pbm_shape *s)
{
	return (1 + (size_t)s->n + s->m + (size_t)s->n * s->m) * sizeof(int64_t);
}

/* Room for the records of a piece, and for all of them where there are more. */
static int ensure_trace(struct kernel_program *p, struct kernel_trace *t, struct err *e)
{
	const struct submission *s = &p->submission;
	uint32_t piece = MIN(s->sweeps, MAX(p->most, s->every)) / s->every;
	int r;

	if (!(s->accumulate & t->accumulate))
		return 0;
	r = ensure(p, &t->buffer, t->kind, MAX(piece * t->row, (size_t)1), e);
	if (r < 0 || s->sweeps <= p->most)
		return r;
	r = device_reserve(&t->gathered, &t->gathered_size, p->records * t->row);
	return r < 0 ? err_oom(e) : 0;
}

static int ensure_program(struct kernel_program *p, struct err *e)
{
	const struct submission *s = &p->submission;
	int r = 0;

	if (s->accumulate & (ACC_MOMENTS | ACC_ENERGY))
		r = ensure(p, &p->sums, PBIT_BUFFER_SUMS, sums_size(&p->program.shape), e);
	if (r == 0)
		r = ensure_trace(p, &p->energy, e);
	if (r == 0)
		r = ensure_trace(p, &p->state, e);
	if (r < 0)
		return r;
	if (p->handle && p->scan != s->scan)
		drop(p);
	return p->handle ? 0 : create(p, s->scan, e);
}

/* Sweeps of a piece: what the driver takes of sweeps, of gains and, if asked for, of traces. */
static uint32_t most_sweeps(const struct kernel_program *p)
{
	const struct kernel_limits *l = &context_of(p)->limits;
	const struct submission *s = &p->submission;
	const struct kernel_trace *traces[] = { &p->energy, &p->state };
	uint64_t most = MIN(l->max_sweeps, (uint64_t)PBM_MAX_SWEEPS);
	uint64_t room = MIN((uint64_t)TRACE_BYTES, l->max_bytes / 8);

	if (s->gains > 1)
		most = MIN(most, room / sizeof(uint64_t));
	for (size_t k = 0; k < ARRAY_SIZE(traces); k++)
		if (s->accumulate & traces[k]->accumulate)
			most = MIN(most, MAX(room / traces[k]->row, 1u) * s->every);
	return (uint32_t)MAX(most, 1u);
}

int kernel_program_prepare(struct kernel_program *p, const struct submission *s, size_t records,
			   struct err *e)
{
	struct kernel_context *c = context_of(p);

	if (!(c->limits.scans >> s->scan & 1))
		return err_set(e, -EOPNOTSUPP, "/dev/%s has no scan order %u; choose another",
			       c->name, s->scan);
	if (device_reserve(&p->gain, &p->gain_size, s->gains * sizeof(*s->gain)) < 0)
		return err_oom(e);
	memcpy(p->gain, s->gain, s->gains * sizeof(*s->gain));
	p->submission = *s;
	p->submission.gain = NULL; /* the caller's; ours is p->gain */
	p->records = records;
	p->most = most_sweeps(p);
	return ensure_program(p, e);
}

void kernel_program_free(struct program *program)
{
	struct kernel_program *p = to_kernel_program(program);
	struct kernel_context *c = context_of(p);

	drop(p);
	kernel_buffer_free(c, &p->couplings);
	kernel_buffer_free(c, &p->states);
	kernel_buffer_free(c, &p->sums);
	kernel_buffer_free(c, &p->energy.buffer);
	kernel_buffer_free(c, &p->state.buffer);
	free(p->energy.gathered);
	free(p->state.gathered);
	free(p->gain);
	free(p->clamp);
	free(p);
}

/* Within what the machine can do; whether it is within what this device can. */
static int check_shape(const struct kernel_context *c, const struct pbm_shape *s, struct err *e)
{
	const struct kernel_limits *l = &c->limits;

	if (!(l->nets >> s->net & 1))
		return err_set(e, -EOPNOTSUPP, "/dev/%s has no network of kind %u", c->name,
			       s->net);
	if ((uint64_t)s->n + s->m > l->p_bits || MAX(s->n, s->m) > l->units)
		return err_set(e, -E2BIG,
			       "/dev/%s has %llu p-bits, %llu a side, and the network %u x %u; "
			       "use a smaller one or another device",
			       c->name, (unsigned long long)l->p_bits, (unsigned long long)l->units,
			       s->n, s->m);
	if (s->chains > l->chains)
		return err_set(e, -E2BIG,
			       "/dev/%s runs %llu chains and %u are asked for; use fewer or "
			       "another device",
			       c->name, (unsigned long long)l->chains, s->chains);
	if (s->bits > l->coupling_bits)
		return err_set(e, -E2BIG,
			       "/dev/%s has %llu-bit couplings and %u are asked for; set "
			       "device.bits or use another device",
			       c->name, (unsigned long long)l->coupling_bits, s->bits);
	return 0;
}

int kernel_program_new(struct device *device, const struct pbm_shape *shape, const uint64_t *clamp,
		       struct program **ret, struct err *e)
{
	struct kernel_context *c = &to_kernel(device)->context;
	size_t words = pbm_state_words(shape), row = words * shape->chains * sizeof(uint64_t);
	struct kernel_program *p;
	int r;

	r = check_shape(c, shape, e);
	if (r < 0)
		return r;
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_oom(e);
	p->program.device = device;
	p->energy = (struct kernel_trace){ .kind = PBIT_BUFFER_ENERGY_TRACE,
					   .accumulate = ACC_ENERGY_TRACE,
					   .row = shape->chains * sizeof(int64_t) };
	p->state = (struct kernel_trace){ .kind = PBIT_BUFFER_STATE_TRACE,
					  .accumulate = ACC_STATE_TRACE,
					  .row = row };
	if (clamp) {
		p->clamp = alloc_zeroed(words, sizeof(*clamp));
		if (p->clamp)
			memcpy(p->clamp, clamp, words * sizeof(*clamp));
		else
			r = err_oom(e);
	}
	if (r == 0)
		r = kernel_buffer_new(c, PBIT_BUFFER_COUPLINGS,
				      (size_t)shape->n * shape->m * (shape->bits / 8),
				      &p->couplings, e);
	if (r == 0)
		r = kernel_buffer_new(c, PBIT_BUFFER_STATES, row, &p->states, e);
	if (r < 0) {
		kernel_program_free(&p->program);
		return r;
	}
	p->program.couplings = p->couplings.mem;
	p->program.states = p->states.mem;
	*ret = &p->program;
	return 0;
}
