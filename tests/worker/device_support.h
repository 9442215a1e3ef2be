/* SPDX-License-Identifier: MIT */
/* Programs from a seed, run on an embedded device, and all that they leave behind. */
#ifndef PBIT_TESTS_DEVICE_SUPPORT_H
#define PBIT_TESTS_DEVICE_SUPPORT_H

#include <check.h>
#include <math.h>
#include <string.h>

#include "device.h"

#define SEED 0x5eed0123456789abull

static uint64_t rng_state;

static inline uint64_t rng(void)
{
	uint64_t z = (rng_state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* Everything that a run leaves behind, copied. */
struct outcome {
	struct pbm_shape shape;
	struct results r;
	uint64_t *states;
	int64_t *sums;	/* vh, v, h */
	int64_t *trace; /* energy */
	uint64_t *state_trace;
};

static inline void outcome_free(struct outcome *o)
{
	free(o->states);
	free(o->sums);
	free(o->trace);
	free(o->state_trace);
}
#define _cleanup_outcome_ _cleanup_(outcome_free)

static inline size_t states_size(const struct pbm_shape *s)
{
	return (size_t)s->chains * pbm_state_words(s) * sizeof(uint64_t);
}

static inline void *copy(const void *from, size_t size)
{
	void *to = malloc(size + 1);

	ck_assert_ptr_nonnull(to);
	if (size)
		memcpy(to, from, size);
	return to;
}

static inline void outcome_take(struct outcome *o, struct program *p, const struct results *r)
{
	const struct pbm_shape *s = program_shape(p);
	size_t nm = (size_t)s->n * s->m;

	*o = (struct outcome){ .shape = *s, .r = *r };
	o->states = copy(program_states(p), states_size(s));
	if (r->vh) {
		o->sums = malloc((nm + s->n + s->m) * sizeof(*o->sums));
		ck_assert_ptr_nonnull(o->sums);
		memcpy(o->sums, r->vh, nm * sizeof(*o->sums));
		memcpy(o->sums + nm, r->v, s->n * sizeof(*o->sums));
		memcpy(o->sums + nm + s->n, r->h, s->m * sizeof(*o->sums));
	}
	if (r->energy_trace)
		o->trace = copy(r->energy_trace, r->records * s->chains * sizeof(*o->trace));
	if (r->state_trace)
		o->state_trace = copy(r->state_trace, r->records * states_size(s));
}

static inline void outcomes_equal(const struct outcome *a, const struct outcome *b)
{
	const struct pbm_shape *s = &a->shape;

	ck_assert_mem_eq(a->states, b->states, states_size(s));
	ck_assert_uint_eq(a->r.records, b->r.records);
	ck_assert_uint_eq(a->r.samples, b->r.samples);
	ck_assert_uint_eq(a->r.flips, b->r.flips);
	ck_assert_uint_eq(a->r.changed, b->r.changed);
	ck_assert_int_eq(a->r.energy, b->r.energy);
	ck_assert(!a->sums == !b->sums && !a->trace == !b->trace);
	if (a->sums)
		ck_assert_mem_eq(a->sums, b->sums,
				 ((size_t)s->n * s->m + s->n + s->m) * sizeof(*a->sums));
	if (a->trace)
		ck_assert_mem_eq(a->trace, b->trace, a->r.records * s->chains * sizeof(*a->trace));
	if (a->state_trace)
		ck_assert_mem_eq(a->state_trace, b->state_trace, a->r.records * states_size(s));
}

/* A program's inputs, from a seed. */
struct input {
	struct pbm_shape shape;
	int16_t *w;
	uint64_t *clamp; /* or NULL */
	struct submission s;
	uint64_t gain;
};

static inline void input_free(struct input *in)
{
	free(in->w);
	free(in->clamp);
}
#define _cleanup_input_ _cleanup_(input_free)

static inline void set_bit(uint64_t *row, uint32_t i)
{
	row[i / 64] |= UINT64_C(1) << (i % 64);
}

static inline uint64_t *random_clamp(const struct pbm_shape *s)
{
	uint64_t *clamp = calloc(pbm_state_words(s), sizeof(*clamp));
	uint32_t i;

	ck_assert_ptr_nonnull(clamp);
	for (i = 0; i < s->n; i++)
		if (rng() % 4 == 0)
			set_bit(clamp, i);
	for (i = 0; i < s->m; i++)
		if (rng() % 4 == 0)
			set_bit(clamp + pbm_side_words(s->n), i);
	return clamp;
}

static inline void input_random(struct input *in, const struct pbm_shape *shape, bool clamped,
				uint32_t scan, uint64_t seed)
{
	size_t i, size = (size_t)shape->n * shape->m;
	int limit = shape->bits == 8 ? 63 : 9000;

	rng_state = seed;
	*in = (struct input){ .shape = *shape };
	in->w = malloc(size * sizeof(*in->w));
	ck_assert_ptr_nonnull(in->w);
	for (i = 0; i < size; i++)
		in->w[i] = (int16_t)((int)(rng() % (2u * (unsigned int)limit + 1)) - limit);
	if (clamped)
		in->clamp = random_clamp(shape);
	in->gain = gain_from_beta(1, 1.5 / (limit * sqrt((double)(shape->n + shape->m))));
	in->s = (struct submission){
		.seed = seed,
		.sweep0 = 1000,
		.sweeps = 12,
		.every = 3,
		.scan = scan,
		.gains = 1,
		.accumulate = ACC_MOMENTS | ACC_ENERGY | ACC_ENERGY_TRACE | ACC_STATE_TRACE,
	};
}

static inline struct device *open_device(unsigned int threads, enum pbm_isa isa)
{
	struct device *d = NULL;
	struct err e = { 0 };

	ck_assert_msg(device_open_embedded_isa(threads, isa, &d, &e) == 0, "%s", e.text);
	return d;
}

static inline struct program *start(struct device *d, const struct input *in)
{
	struct program *p = NULL;
	struct err e = { 0 };

	ck_assert_msg(program_new(d, &in->shape, in->clamp, &p, &e) == 0, "%s", e.text);
	ck_assert_msg(program_set_couplings(p, in->w, &e) == 0, "%s", e.text);
	pbm_states_random(&in->shape, in->s.seed, 0, in->shape.chains, NULL, program_states(p));
	return p;
}

static inline void submit(struct program *p, const struct input *in)
{
	struct submission s = in->s;
	struct err e = { 0 };

	if (!s.gain)
		s.gain = &in->gain;
	ck_assert_msg(program_submit(p, &s, &e) == 0, "%s", e.text);
}

static inline void finish(struct program *p, struct outcome *ret)
{
	struct results r;
	struct err e = { 0 };

	ck_assert_msg(program_wait(p, &r, &e) == 0, "%s", e.text);
	outcome_take(ret, p, &r);
}

static inline void run_input(struct device *d, const struct input *in, struct outcome *ret)
{
	struct program *p = start(d, in);

	submit(p, in);
	finish(p, ret);
	program_free(p);
}

static inline int spin(const uint64_t *row, uint32_t i)
{
	return (row[i / 64] >> (i % 64)) & 1 ? 1 : -1;
}

static inline int64_t energy_of(const struct input *in, const uint64_t *row)
{
	const uint64_t *h = row + pbm_side_words(in->shape.n);
	int64_t sum = 0;
	uint32_t i, j;

	for (i = 0; i < in->shape.n; i++)
		for (j = 0; j < in->shape.m; j++)
			sum -= in->w[i * in->shape.m + j] * spin(row, i) * spin(h, j);
	return sum;
}

static inline void says(int r, int code, struct err *e, const char *what)
{
	ck_assert_int_eq(r, code);
	ck_assert_int_eq(e->code, code);
	ck_assert_msg(strstr(e->text, what), "'%s' does not say '%s'", e->text, what);
	*e = (struct err){ 0 };
}

#endif
