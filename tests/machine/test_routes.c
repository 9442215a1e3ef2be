// SPDX-License-Identifier: MIT
/*
 * Every route gives the bits of the plain reference (reference.h), on random programs of odd sizes,
 * with clamps, every scan order, both coupling widths, hot and cold; and a run cut into pieces
 * gives the bits of the whole.
 */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>

#include "reference.h"
#include "room.h"

#include "../run_suite.h"

static u64 random_state;

static u64 next_random(void)
{
	u64 z = (random_state += 0x9e3779b97f4a7c15ull);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

struct outcome {
	u64 *states, *state_trace;
	s64 *energy_trace;
	struct pbm_sums sums;
	s64 energy;
};

struct program {
	struct pbm_shape shape;
	struct pbm_run run;
	void *couplings, *image, *scratch;
	u64 *gains, *clamp, *initial;
	u32 records;
	struct pbm_p_bit *p_bits;
	struct pbm_spread spread;
};

/* FAR: so many inputs that their rows are added in spans; WIDE: fields beyond s16 from s8 couplings. */
enum kind { ANY, FAR, WIDE };

/* Those of WIDE are of the largest magnitude alone. */
static void random_couplings(struct program *p, enum kind kind)
{
	u64 count = (u64)p->shape.n * p->shape.m, k;
	static const s32 limits[] = { 5, 31, 63, 127, 32767, 2000 };
	s32 limit = limits[kind == FAR	      ? next_random() % 3 :
			   kind == WIDE	      ? 2 + next_random() % 2 :
			   p->shape.bits == 8 ? next_random() % 4 :
						4 + next_random() % 2];
	bool biased = p->shape.bits == 8 && (next_random() & 1 || kind == FAR); /* by unit 0 */

	p->couplings = zeroed(count * p->shape.bits / 8);
	for (k = 0; k < count; k++) {
		s32 most = biased && (k < p->shape.m || k % p->shape.m == 0) ? 127 : limit;
		s32 w = (s32)(next_random() % (2 * (u64)most + 1)) - most;

		if (kind == WIDE)
			w = w < 0 ? -most : most;
		if (p->shape.bits == 8)
			((s8 *)p->couplings)[k] = (s8)w;
		else
			((s16 *)p->couplings)[k] = (s16)w;
	}
}

/* Half of the programs run on p-bits that differ, by much against their fields. */
static void random_spread(struct program *p)
{
	struct pbm_spread_params params = {
		.seed = next_random(),
		.beta = PBM_SPREAD_MAX_BETA,
		.offset = (u32)(next_random() % PBM_SPREAD_MAX_OFFSET) >> next_random() % 16,
		.drift = (u32)(next_random() % PBM_SPREAD_MAX_OFFSET) >> next_random() % 16,
		.drift_period = 1 + (u32)(next_random() % 20),
		.stuck = 100000,
	};

	p->p_bits = zeroed((p->shape.n + p->shape.m) * sizeof(*p->p_bits));
	pbm_spread_make(&params, 0, p->shape.n + p->shape.m, p->p_bits);
	p->spread = (struct pbm_spread){ p->p_bits, params.drift_period };
	if (next_random() & 1)
		p->run.spread = &p->spread;
}

static void random_program_of(struct program *p, enum kind kind)
{
	struct pbm_shape *s = &p->shape;
	u32 words, k;
	u64 base;

	memset(p, 0, sizeof(*p));
	s->net = PBM_NET_RBM;
	s->n = 1 + (u32)(next_random() % 150);
	s->m = 1 + (u32)(next_random() % 150);
	s->chains = 1 + (u32)(next_random() % 90);
	s->bits = next_random() & 1 ? 8 : 16;
	if (kind != ANY)
		*s = (struct pbm_shape){ s->net, (kind == FAR ? 550 : 1050) + s->n, 1 + s->m / 8,
					 s->chains, 8 };
	random_couplings(p, kind);
	words = pbm_state_words(s);
	p->clamp = zeroed(words * sizeof(u64));
	if (next_random() & 1)
		for (k = 0; k < words; k++)
			p->clamp[k] = next_random() & next_random() & next_random();
	for (k = 0; k < 2; k++)
		p->clamp[k ? pbm_side_words(s->n) : 0] |= next_random() & 1;
	p->initial = zeroed((u64)words * s->chains * sizeof(u64));
	pbm_states_random(s, next_random(), 0, s->chains, NULL, p->initial);
	p->run.seed = next_random();
	p->run.sweep0 = next_random() >> (8 + next_random() % 56);
	if (next_random() & 1) /* the coins of random directions are drawn anew on the way */
		p->run.sweep0 = (p->run.sweep0 | 127) - next_random() % 8;
	p->run.sweeps = 1 + (u32)(next_random() % 9);
	p->run.every = 1 + (u32)(next_random() % 3);
	p->run.scan = (u32)(next_random() % 3);
	p->run.chain0 = (u32)(next_random() % 1000);
	p->run.chains = s->chains;
	p->run.gains = next_random() & 1 ? 1 : p->run.sweeps;
	p->gains = zeroed(p->run.gains * sizeof(u64));
	base = next_random() % 34; /* |F| gain from far below 1 to far above 33 */
	for (k = 0; k < p->run.gains; k++)
		p->gains[k] = (next_random() | 1ull << 63) >> (base + next_random() % 3);
	p->run.gain = p->gains;
	p->run.clamp = p->clamp;
	p->run.trace_chains = s->chains + 3;
	p->run.trace_chain0 = 2;
	p->records = p->run.sweeps / p->run.every;
	p->image = zeroed(pbm_image_size(s));
	p->scratch = zeroed(pbm_scratch_size(s));
	random_spread(p);
	ck_assert_int_eq(pbm_load(s, p->couplings, p->image), 0);
}

static void random_program(struct program *p)
{
	random_program_of(p, next_random() % 8 ? ANY : next_random() & 1 ? FAR : WIDE);
}

static void free_program(struct program *p)
{
	free(p->couplings);
	free(p->image);
	free(p->scratch);
	free(p->gains);
	free(p->clamp);
	free(p->initial);
	free(p->p_bits);
}

static void new_outcome(const struct program *p, struct outcome *o)
{
	u64 words = pbm_state_words(&p->shape), rows = (u64)p->records * p->run.trace_chains;

	memset(o, 0, sizeof(*o));
	o->states = zeroed(words * p->shape.chains * sizeof(u64));
	memcpy(o->states, p->initial, words * p->shape.chains * sizeof(u64));
	o->state_trace = zeroed(rows * words * sizeof(u64));
	o->energy_trace = zeroed(rows * sizeof(s64));
	o->sums.vh = zeroed((u64)p->shape.n * p->shape.m * sizeof(s64));
	o->sums.v = zeroed(p->shape.n * sizeof(s64));
	o->sums.h = zeroed(p->shape.m * sizeof(s64));
	o->sums.energy = &o->energy;
}

static void free_outcome(struct outcome *o)
{
	free(o->states);
	free(o->state_trace);
	free(o->energy_trace);
	free(o->sums.vh);
	free(o->sums.v);
	free(o->sums.h);
	free(o->sums.near);
}

/* Sums on their way to vh, in memory that held something else. */
static void new_near(const struct pbm_shape *s, struct pbm_sums *sums)
{
	sums->near = zeroed((u64)s->n * s->m * sizeof(s16));
	memset(sums->near, 0x55, sizeof(s16) * s->n * s->m);
}

static struct pbm_run bound_run(const struct program *p, struct outcome *o)
{
	struct pbm_run run = p->run;

	run.states = o->states;
	run.state_trace = o->state_trace;
	run.energy_trace = o->energy_trace;
	return run;
}

static void assert_equal(const struct program *p, const struct outcome *a, const struct outcome *b)
{
	u64 words = pbm_state_words(&p->shape), rows = (u64)p->records * p->run.trace_chains;

	ck_assert_mem_eq(a->states, b->states, words * p->shape.chains * sizeof(u64));
	ck_assert_mem_eq(a->state_trace, b->state_trace, rows * words * sizeof(u64));
	ck_assert_mem_eq(a->energy_trace, b->energy_trace, rows * sizeof(s64));
	ck_assert_mem_eq(a->sums.vh, b->sums.vh, sizeof(s64) * p->shape.n * p->shape.m);
	ck_assert_mem_eq(a->sums.v, b->sums.v, sizeof(s64) * p->shape.n);
	ck_assert_mem_eq(a->sums.h, b->sums.h, sizeof(s64) * p->shape.m);
	ck_assert_int_eq(a->energy, b->energy);
	ck_assert_uint_eq(a->sums.samples, b->sums.samples);
	ck_assert_uint_eq(a->sums.flips, b->sums.flips);
	ck_assert_uint_eq(a->sums.changed, b->sums.changed);
}

/* Without energies, of a reference that has them: what is then left out must not show. */
static void drop_energies(const struct program *p, struct outcome *ref, struct outcome *got,
			  struct pbm_run *run, bool sum, bool trace)
{
	if (sum) {
		got->sums.energy = NULL;
		ref->energy = 0;
	}
	if (trace) {
		run->energy_trace = NULL;
		memset(ref->energy_trace, 0, sizeof(s64) * p->records * p->run.trace_chains);
	}
}

/* How a route makes fields: as it chooses, by events, by products. */
static const u32 ways[] = { 0, PBM_RUN_EVENTS, PBM_RUN_PRODUCT };
#define WAYS ((int)(sizeof(ways) / sizeof(*ways)))

/* What a run leaves out of its sums, or has on their way. */
struct asked {
	bool no_sum, no_trace; /* of energies */
	bool near, near_first;
};

/* Runs and frees the program. */
static void equals_reference(struct program *p, enum pbm_isa isa, u32 flags, struct asked asked)
{
	struct outcome ref, got;
	struct pbm_run run;

	new_outcome(p, &ref);
	new_outcome(p, &got);
	run = bound_run(p, &ref);
	ref_run(&p->shape, p->couplings, &run, &ref.sums);
	run = bound_run(p, &got);
	run.flags = flags;
	drop_energies(p, &ref, &got, &run, asked.no_sum, asked.no_trace);
	if (asked.near)
		new_near(&p->shape, &got.sums);
	ck_assert_int_eq(pbm_run(&p->shape, p->image, &run, &got.sums, p->scratch, isa), 0);
	pbm_sums_settle(&p->shape, &got.sums, asked.near_first);
	assert_equal(p, &ref, &got);
	free_outcome(&ref);
	free_outcome(&got);
	free_program(p);
}

START_TEST(routes_equal_reference)
{
	enum pbm_isa isa = (enum pbm_isa)(_i / WAYS);
	unsigned int k;

	if (isa > pbm_isa_best()) {
		printf("note: this CPU has no %s route\n", pbm_isa_name(isa));
		return;
	}
	random_state = 11;
	for (k = 0; k < 120; k++) {
		struct asked asked = { k % 3, k % 3, k % 2, k % 4 == 1 };
		struct program p;

		random_program(&p);
		equals_reference(&p, isa, ways[_i % WAYS], asked);
	}
}
END_TEST

START_TEST(far_inputs_equal_reference)
{
	enum pbm_isa isa = (enum pbm_isa)_i;
	unsigned int k;

	if (isa > pbm_isa_best())
		return;
	random_state = 16;
	for (k = 0; k < 60; k++) {
		struct asked asked = { .no_sum = k % 2, .no_trace = k % 2 };
		struct program p;

		random_program_of(&p, FAR);
		equals_reference(&p, isa, 0, asked);
	}
}
END_TEST

/* A side that is clamped as a whole is not looked at, but where energies are asked for. */
START_TEST(clamped_sides_equal_reference)
{
	enum pbm_isa isa = (enum pbm_isa)(_i / WAYS);
	unsigned int k;

	if (isa > pbm_isa_best())
		return;
	random_state = 15;
	for (k = 0; k < 24; k++) {
		struct asked asked = { .no_sum = k & 4, .no_trace = k & 8 };
		struct program p;
		u32 side;

		random_program(&p);
		for (side = 0; side < 2; side++)
			if ((k % 3 + 1) >> side & 1)
				memset(p.clamp + (side ? pbm_side_words(p.shape.n) : 0), 0xff,
				       pbm_side_words(side ? p.shape.m : p.shape.n) * sizeof(u64));
		equals_reference(&p, isa, ways[_i % WAYS], asked);
	}
}
END_TEST

/*
 * Fields of a few units, a unit from 2^-1.5 to 2^-13 in probability: where the fast decision gives
 * out just beyond the first fields, some 100 of its decisions would show if it did so wrongly.
 */
START_TEST(coarse_units)
{
	static const double units[] = { 1.5, 4, 6, 9, 13 }; /* of log2, of a field of 1 */
	const struct pbm_shape s = { PBM_NET_RBM, 70, 60, 40, 8 };
	enum pbm_isa isa = (enum pbm_isa)(_i / WAYS);
	u64 words = pbm_state_words(&s) * s.chains, *ref, *got, gain, k;
	void *image, *scratch;
	s64 vh[70 * 60] = { 0 }, v[70] = { 0 }, h[60] = { 0 }, energy = 0;
	struct pbm_sums sums = { .vh = vh, .v = v, .h = h, .energy = &energy };
	s8 w[70 * 60];

	if (isa > pbm_isa_best())
		return;
	ref = zeroed(words * sizeof(u64));
	got = zeroed(words * sizeof(u64));
	image = zeroed(pbm_image_size(&s));
	scratch = zeroed(pbm_scratch_size(&s));
	random_state = 14;
	for (k = 0; k < sizeof(w); k++)
		w[k] = next_random() % 16 ? 0 : (s8)(next_random() % 3) - 1;
	ck_assert_int_eq(pbm_load(&s, w, image), 0);
	for (k = 0; k < 5; k++) {
		struct pbm_run run = { .seed = k,
				       .sweeps = 20,
				       .every = 21,
				       .chains = s.chains,
				       .gains = 1,
				       .gain = &gain,
				       .trace_chains = s.chains,
				       .flags = ways[_i % WAYS] };

		gain = (u64)(units[k] * (double)(1ull << PBM_GAIN_FRAC));
		pbm_states_random(&s, k, 0, s.chains, NULL, ref);
		memcpy(got, ref, words * sizeof(u64));
		run.states = ref;
		ref_run(&s, w, &run, &sums);
		run.states = got;
		ck_assert_int_eq(pbm_run(&s, image, &run, NULL, scratch, isa), 0);
		ck_assert_mem_eq(ref, got, words * sizeof(u64));
	}
	free(ref);
	free(got);
	free(image);
	free(scratch);
}
END_TEST

/* Cut after some chains, and each piece after some sweeps (every = 1, so that records stay put). */
START_TEST(pieces_equal_whole)
{
	unsigned int k;

	random_state = 12;
	for (k = 0; k < 60; k++) {
		struct outcome whole, cut;
		struct pbm_run run;
		struct program p;
		u32 chains, sweeps, c, t;

		random_program(&p);
		p.run.every = 1;
		p.records = p.run.sweeps;
		new_outcome(&p, &whole);
		new_outcome(&p, &cut);
		run = bound_run(&p, &whole);
		ck_assert_int_eq(
			pbm_run(&p.shape, p.image, &run, &whole.sums, p.scratch, pbm_isa_best()),
			0);
		chains = 1 + (u32)(next_random() % p.run.chains);
		sweeps = 1 + (u32)(next_random() % p.run.sweeps);
		for (c = 0; c < p.run.chains; c += chains) {
			for (t = 0; t < p.run.sweeps; t += sweeps) {
				u64 words = pbm_state_words(&p.shape);
				u64 row = (u64)t * p.run.trace_chains;

				run = bound_run(&p, &cut);
				run.chain0 += c;
				run.trace_chain0 += c;
				run.states += c * words;
				run.chains = chains < p.run.chains - c ? chains : p.run.chains - c;
				run.sweep0 += t;
				run.sweeps = sweeps < p.run.sweeps - t ? sweeps : p.run.sweeps - t;
				if (run.gains != 1) {
					run.gain += t;
					run.gains = run.sweeps;
				}
				run.energy_trace += row;
				run.state_trace += row * words;
				ck_assert_int_eq(pbm_run(&p.shape, p.image, &run, &cut.sums,
							 p.scratch, pbm_isa_best()),
						 0);
			}
		}
		assert_equal(&p, &whole, &cut);
		free_outcome(&whole);
		free_outcome(&cut);
		free_program(&p);
	}
}
END_TEST

/* Samples of the scratch go to the sums, in parts. */
static void sum_all(const struct program *p, struct outcome *o, enum pbm_isa isa)
{
	struct pbm_run run = bound_run(p, o);
	u32 at = 0;

	while (pbm_sum_part(&p->shape, &run, &o->sums, p->scratch, isa, &at) > 0)
		ck_assert_uint_lt(at, p->shape.n);
	ck_assert_uint_eq(pbm_batched(p->scratch), 0);
}

/* As the kernel does it: pieces of a block of chains share a scratch, moments wait in it. */
static void run_held(const struct program *p, struct outcome *o, enum pbm_isa isa, u32 *summed)
{
	u32 c, t, samples, words = pbm_state_words(&p->shape);
	struct pbm_run run;

	for (c = 0; c < p->run.chains; c += PBM_RUN_BLOCK)
		for (t = 0; t < p->run.sweeps; t += run.sweeps) {
			u64 row = (u64)(t / p->run.every) * p->run.trace_chains;

			run = bound_run(p, o);
			run.flags = PBM_RUN_HOLD | (t ? PBM_RUN_FIELDS : 0) |
				    (t || c ? PBM_RUN_BATCH : 0);
			run.chain0 += c;
			run.trace_chain0 += c;
			run.states += c * words;
			run.chains = p->run.chains - c < PBM_RUN_BLOCK ? p->run.chains - c :
									 PBM_RUN_BLOCK;
			run.sweeps = (1 + (u32)(next_random() % 3)) * run.every;
			if (run.sweeps > p->run.sweeps - t)
				run.sweeps = p->run.sweeps - t;
			run.sweep0 += t;
			if (run.gains != 1) {
				run.gain += t;
				run.gains = run.sweeps;
			}
			run.energy_trace += row;
			run.state_trace += row * words;
			samples = run.chains * (run.sweeps / run.every);
			if ((t || c) && pbm_batched(p->scratch) + samples > PBM_RUN_BATCH_SAMPLES) {
				ck_assert_int_eq(pbm_run(&p->shape, p->image, &run, &o->sums,
							 p->scratch, isa),
						 -22);
				sum_all(p, o, isa);
				*summed += 1;
			}
			ck_assert_int_eq(
				pbm_run(&p->shape, p->image, &run, &o->sums, p->scratch, isa), 0);
		}
	sum_all(p, o, isa);
}

START_TEST(held_samples)
{
	enum pbm_isa isa = (enum pbm_isa)_i;
	u32 k, summed = 0;

	if (isa > pbm_isa_best()) {
		printf("note: this CPU has no %s route\n", pbm_isa_name(isa));
		return;
	}
	random_state = 13;
	for (k = 0; k < 60; k++) {
		struct outcome whole, held;
		struct pbm_run run;
		struct program p;

		random_program(&p);
		new_outcome(&p, &whole);
		new_outcome(&p, &held);
		run = bound_run(&p, &whole);
		ck_assert_int_eq(
			pbm_run(&p.shape, p.image, &run, &whole.sums, p.scratch, pbm_isa_best()),
			0);
		run_held(&p, &held, isa, &summed);
		assert_equal(&p, &whole, &held);
		free_outcome(&whole);
		free_outcome(&held);
		free_program(&p);
	}
	ck_assert_uint_gt(summed, 0);
}
END_TEST

/* Chains that stand still, so that what they sum to is plain: all sizes of a batch, then many. */
static void sum_still(const struct pbm_shape *s, u32 sweeps, bool near, enum pbm_isa isa)
{
	u64 words = pbm_state_words(s), *states = zeroed(words * s->chains * sizeof(u64)), gain = 0;
	u64 *clamp = zeroed(words * sizeof(u64));
	void *image = zeroed(pbm_image_size(s)), *scratch = zeroed(pbm_scratch_size(s));
	s8 *w = zeroed((u64)s->n * s->m);
	struct pbm_run run = { .sweeps = sweeps,
			       .every = 1,
			       .chains = s->chains,
			       .gains = 1,
			       .gain = &gain,
			       .clamp = clamp,
			       .states = states };
	struct pbm_sums sums = { 0 };
	u32 c, i, j, h = pbm_side_words(s->n);

	sums.vh = zeroed((u64)s->n * s->m * sizeof(s64));
	sums.v = zeroed(s->n * sizeof(s64));
	sums.h = zeroed(s->m * sizeof(s64));
	if (near)
		new_near(s, &sums);
	memset(clamp, 0xff, words * sizeof(u64));
	pbm_states_random(s, sweeps + s->chains, 0, s->chains, NULL, states);
	for (c = 0; c < s->chains; c++) { /* some that always differ, or never */
		states[c * words] |= 3;
		states[c * words] &= ~4ull;
		states[c * words + h] |= 1;
		states[c * words + h] &= ~2ull;
	}
	ck_assert_int_eq(pbm_load(s, w, image), 0);
	ck_assert_int_eq(pbm_run(s, image, &run, &sums, scratch, isa), 0);
	pbm_sums_settle(s, &sums, near && s->chains * sweeps < 32768);
	for (i = 0; i < s->n; i++)
		for (j = 0; j < s->m; j++) {
			s64 sum = 0;

			for (c = 0; c < s->chains; c++) {
				const u64 *row = states + c * words;
				u64 vi = row[i / 64] >> i % 64, hj = row[h + j / 64] >> j % 64;

				sum += (vi ^ hj) & 1 ? -1 : 1;
			}
			ck_assert_int_eq(sums.vh[(u64)i * s->m + j], sum * sweeps);
		}
	ck_assert_int_eq(sums.v[1], (s64)s->chains * sweeps);
	ck_assert_int_eq(sums.v[2], -(s64)s->chains * sweeps);
	ck_assert_int_eq(sums.h[1], -(s64)s->chains * sweeps);
	free(states);
	free(clamp);
	free(image);
	free(scratch);
	free(w);
	free(sums.vh);
	free(sums.v);
	free(sums.h);
	free(sums.near);
}

START_TEST(still_chains)
{
	static const u32 widths[] = { 3, 64, 70, 128, 131 };
	enum pbm_isa isa = (enum pbm_isa)_i;
	struct pbm_shape s = { PBM_NET_RBM, 67, 0, 0, 8 };
	u32 k;

	if (isa > pbm_isa_best())
		return;
	for (k = 1; k <= 260; k += k < 8 || k > 244 ? 1 : 5) {
		s.m = widths[k % 5];
		s.chains = k;
		sum_still(&s, 1, k & 1, isa);
	}
	s.chains = 256;
	sum_still(&s, 130, false, isa);
	sum_still(&s, 130, true, isa); /* more than s16 holds */
}
END_TEST

START_TEST(refusals)
{
	struct pbm_shape good = { PBM_NET_RBM, 3, 2, 1, 8 }, bad;
	u64 gain = 1ull << 57, states[2] = { 0 };
	struct pbm_run run = { .sweeps = 1,
			       .every = 1,
			       .chains = 1,
			       .gains = 1,
			       .gain = &gain,
			       .states = states,
			       .trace_chains = 1 };
	s8 w[6] = { 1, 2, 3, -4, 5, -127 };
	void *image = zeroed(pbm_image_size(&good)), *scratch = zeroed(pbm_scratch_size(&good));
	const struct pbm_spread still = { 0 };
	struct pbm_run wrong;

	ck_assert_int_eq(pbm_shape_check(&good), 0);
	bad = good, bad.net = 2;
	ck_assert_int_eq(pbm_shape_check(&bad), -22);
	bad = good, bad.n = 0;
	ck_assert_int_eq(pbm_shape_check(&bad), -22);
	bad = good, bad.m = PBM_MAX_UNITS + 1;
	ck_assert_int_eq(pbm_shape_check(&bad), -22);
	bad = good, bad.chains = 0;
	ck_assert_int_eq(pbm_shape_check(&bad), -22);
	bad = good, bad.bits = 12;
	ck_assert_int_eq(pbm_shape_check(&bad), -22);
	ck_assert_int_eq(pbm_load(&good, w, image), 0);
	ck_assert_int_eq(pbm_run(&good, image, &run, NULL, scratch, PBM_ISA_SCALAR), 0);
	wrong = run, wrong.every = 0;
	ck_assert_int_eq(pbm_run(&good, image, &wrong, NULL, scratch, PBM_ISA_SCALAR), -22);
	wrong = run, wrong.gains = 2;
	ck_assert_int_eq(pbm_run(&good, image, &wrong, NULL, scratch, PBM_ISA_SCALAR), -22);
	wrong = run, wrong.scan = 3;
	ck_assert_int_eq(pbm_run(&good, image, &wrong, NULL, scratch, PBM_ISA_SCALAR), -22);
	wrong = run, wrong.sweep0 = ~0ull;
	ck_assert_int_eq(pbm_run(&good, image, &wrong, NULL, scratch, PBM_ISA_SCALAR), -22);
	wrong = run, wrong.spread = &still;
	ck_assert_int_eq(pbm_run(&good, image, &wrong, NULL, scratch, PBM_ISA_SCALAR), -22);
	bad = good, bad.bits = 16;
	ck_assert_int_eq(pbm_run(&bad, image, &run, NULL, scratch, PBM_ISA_SCALAR), -22);
	w[2] = -128;
	ck_assert_int_eq(pbm_load(&good, w, image), -34);
	free(image);
	free(scratch);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("routes");
	TCase *t = tcase_create("routes");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, routes_equal_reference, 0, 5 * WAYS);
	tcase_add_loop_test(t, far_inputs_equal_reference, 0, 5);
	tcase_add_loop_test(t, clamped_sides_equal_reference, 0, 5 * WAYS);
	tcase_add_loop_test(t, coarse_units, 0, 5 * WAYS);
	tcase_add_test(t, pieces_equal_whole);
	tcase_add_loop_test(t, held_samples, 0, 5);
	tcase_add_loop_test(t, still_chains, 0, 5);
	tcase_add_test(t, refusals);
	suite_add_tcase(s, t);
	return run_suite(s);
}
