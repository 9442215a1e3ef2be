// SPDX-License-Identifier: MIT
/*
 * P-bits that differ: how they are distributed, what each does by its own law (counting random
 * words), where small networks of them settle (the chain's exact stationary law), and that what is
 * stuck never moves. Thresholds are 6 sigma, seeds are fixed.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "room.h"
#include "spread.h"

#include "../run_suite.h"

#define P_BITS 262144u

static struct pbm_p_bit *some_p_bits(const struct pbm_spread_params *params, u32 count)
{
	struct pbm_p_bit *p = calloc(count, sizeof(*p));

	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(pbm_spread_check(params), 0);
	pbm_spread_make(params, 0, count, p);
	return p;
}

static const struct pbm_spread_params wide = {
	.seed = 31,
	.beta = PBM_SPREAD_MAX_BETA,
	.offset = PBM_SPREAD_MAX_OFFSET,
	.drift = 5000000,
	.drift_period = 1000,
	.stuck = 20000,
};

/* In units of sigma. */
static double variate(const struct pbm_p_bit *p, int which)
{
	if (which == 0)
		return ldexp(p->beta, -PBM_BETA_FRAC) / (wide.beta * 1e-6);
	if (which == 1)
		return ldexp(p->offset, -PBM_OFFSET_FRAC) / (wide.offset * 1e-3);
	return ldexp(p->drift, -PBM_OFFSET_FRAC) / (wide.drift * 1e-3);
}

/* Sample mean, variance and fourth moment of 12 uniform variates' sum: 0, 1, and 3 - 0.1. */
START_TEST(moments_of_deviations)
{
	struct pbm_p_bit *p = some_p_bits(&wide, P_BITS);
	double sum[5] = { 0 }, next = 0, other = 0, worst = 0;
	u32 k;

	for (k = 0; k < P_BITS; k++) {
		double x = variate(&p[k], _i);

		sum[1] += x;
		sum[2] += x * x;
		sum[4] += x * x * x * x;
		next += x * variate(&p[(k + 1) % P_BITS], _i);
		other += x * variate(&p[k], (_i + 1) % 3);
		worst = fmax(worst, fabs(x));
	}
	ck_assert_double_le(fabs(sum[1]), 6 * sqrt(P_BITS));
	/* Var x^2 = E x^4 - 1 = 1.9; Var x^4 = E x^8 - 2.9^2, below 105 - 2.9^2 */
	ck_assert_double_le(fabs(sum[2] - P_BITS), 6 * sqrt(1.9 * P_BITS));
	ck_assert_double_le(fabs(sum[4] - 2.9 * P_BITS), 6 * sqrt(96.6 * P_BITS));
	ck_assert_double_le(fabs(next), 6 * sqrt(P_BITS));
	ck_assert_double_le(fabs(other), 6 * sqrt(P_BITS));
	ck_assert_double_lt(worst, 6);
	ck_assert_double_gt(worst, 4);
	free(p);
}
END_TEST

START_TEST(stuck_and_phase)
{
	struct pbm_p_bit *p = some_p_bits(&wide, P_BITS);
	double stuck = 0, sign = 0, octants[8] = { 0 }, q = wide.stuck * 1e-6;
	u32 k;

	for (k = 0; k < P_BITS; k++) {
		ck_assert(abs(p[k].stuck) <= 1);
		stuck += p[k].stuck != 0;
		sign += p[k].stuck;
		octants[p[k].phase >> 29]++;
	}
	ck_assert_double_le(fabs(stuck - q * P_BITS), 6 * sqrt(q * (1 - q) * P_BITS));
	ck_assert_double_le(fabs(sign), 6 * sqrt(stuck));
	for (k = 0; k < 8; k++)
		ck_assert_double_le(fabs(octants[k] - P_BITS / 8.0), 6 * sqrt(P_BITS * 7.0 / 64));
	free(p);
}
END_TEST

/* Parts of a table are those of the whole; twice the sigma is the same pattern, to rounding. */
START_TEST(tables_from_a_seed)
{
	struct pbm_spread_params half = wide, all = wide;
	struct pbm_p_bit *whole = some_p_bits(&wide, 1000), *halved, *stuck, part[7];
	u32 k;

	half.beta /= 2;
	half.offset /= 2;
	half.drift /= 2;
	all.stuck = PBM_SPREAD_MAX_STUCK;
	halved = some_p_bits(&half, 1000);
	stuck = some_p_bits(&all, 1000);
	pbm_spread_make(&wide, 500, 7, part);
	ck_assert_mem_eq(part, whole + 500, sizeof(part));
	for (k = 0; k < 1000; k++) {
		ck_assert_int_le(abs(whole[k].beta - 2 * halved[k].beta), 1);
		ck_assert_int_le(abs(whole[k].offset - 2 * halved[k].offset), 1);
		ck_assert_int_le(abs(whole[k].drift - 2 * halved[k].drift), 1);
		ck_assert_uint_eq(whole[k].phase, halved[k].phase);
		ck_assert_int_eq(whole[k].stuck, halved[k].stuck);
		ck_assert_int_eq(abs(stuck[k].stuck), 1);
	}
	half.seed++;
	pbm_spread_make(&half, 0, 1000, halved);
	for (k = 0; k < 1000; k++)
		ck_assert_int_ne(whole[k].phase, halved[k].phase);
	free(whole), free(halved), free(stuck);
}
END_TEST

START_TEST(refusals)
{
	struct pbm_spread_params p = { .drift_period = 1 };

	ck_assert_int_eq(pbm_spread_check(&p), 0);
	ck_assert(pbm_spread_is_ideal(&p));
	p.drift_period = 0;
	ck_assert_int_eq(pbm_spread_check(&p), -22);
	p = (struct pbm_spread_params){ .drift_period = 1, .beta = PBM_SPREAD_MAX_BETA + 1 };
	ck_assert_int_eq(pbm_spread_check(&p), -22);
	ck_assert(!pbm_spread_is_ideal(&p));
	p = (struct pbm_spread_params){ .drift_period = 1, .offset = PBM_SPREAD_MAX_OFFSET + 1 };
	ck_assert_int_eq(pbm_spread_check(&p), -22);
	p = (struct pbm_spread_params){ .drift_period = 1, .drift = PBM_SPREAD_MAX_OFFSET + 1 };
	ck_assert_int_eq(pbm_spread_check(&p), -22);
	p = (struct pbm_spread_params){ .drift_period = 1, .stuck = PBM_SPREAD_MAX_STUCK + 1 };
	ck_assert_int_eq(pbm_spread_check(&p), -22);
}
END_TEST

/* As the header has it. */
static long double triangle(long double x)
{
	x -= floorl(x);
	return 1 - 4 * fabsl(x - 0.5L);
}

/* The number of words that give +1: they are one interval from 0. */
static u64 words_up(const struct pbm_p_bit *p, u32 angle, s32 field, u64 gain)
{
	u64 low = 0, high = 1ull << 32;

	while (low < high) {
		u64 mid = (low + high) / 2;

		if (pbm_spread_decide(p, angle, field, gain, (u32)mid))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* 2^32 sigma of the p-bit's beta I, with its offset in coupling units. */
static long double expected_words(const struct pbm_p_bit *p, long double field, u64 gain)
{
	long double b = 1 + ldexpl(p->beta, -PBM_BETA_FRAC);

	return 0x1p32L / (1 + exp2l(-field * b * ldexpl(gain, -PBM_GAIN_FRAC)));
}

/*
 * The drift is known to 2^-14 of its amplitude, an offset to half its last place, and a gain to its
 * last place: the words counted lie between those of the fields that far up and down.
 */
START_TEST(law_of_one_p_bit)
{
	struct pbm_p_bit *p = some_p_bits(&wide, 4096);
	u32 k, moderate = 0;

	for (k = 0; k < 4096; k++) {
		s32 field = (s32)(k * 2654435761u) >> (2 + k % 29);
		u64 sweep = (u64)k * k * 77777, gain = (1ull << 63) >> (k * 7 % 40);
		long double x, off, seen;

		p[k].offset >>= k % 29; /* from 10^5 units to less than one */
		p[k].drift >>= k % 23;
		x = field + ldexpl(p[k].offset, -PBM_OFFSET_FRAC) +
		    ldexpl(p[k].drift, -PBM_OFFSET_FRAC) *
			    triangle(ldexpl(p[k].phase, -32) +
				     (long double)sweep / wide.drift_period);
		off = ldexpl(abs(p[k].drift), -PBM_OFFSET_FRAC - 14) + 0x1p-12L +
		      fabsl(x) / (long double)gain;
		seen = (long double)words_up(&p[k], pbm_drift_angle(sweep, wide.drift_period),
					     field, gain);
		if (p[k].stuck) {
			ck_assert(seen == (p[k].stuck > 0 ? 0x1p32L : 0));
			continue;
		}
		ck_assert_ldouble_ge(seen,
				     expected_words(&p[k], x - off, gain) - PBM_LAW_ERROR_UNITS);
		ck_assert_ldouble_le(seen,
				     expected_words(&p[k], x + off, gain) + PBM_LAW_ERROR_UNITS);
		moderate += seen > 0x1p20L && seen < 0x1p32L - 0x1p20L;
	}
	ck_assert_uint_gt(moderate, 1000);
	free(p);
}
END_TEST

#define CHAINS 8192u
#define ROUNDS 40u
#define APART  10u /* sweeps between samples */

/* Two visible and two hidden p-bits: 16 states, visible in the low bits. */
struct small {
	s8 w[4];
	double x; /* 2 beta scale */
	struct pbm_p_bit p_bits[4];
};

#define BETA(b)	  ((s32)((b) * (1 << PBM_BETA_FRAC)))
#define OFFSET(o) ((s32)((o) * (1 << PBM_OFFSET_FRAC)))

/* The drift has a period of one sweep: phase 1/8 is offset - drift / 2 always. */
static const struct small smalls[] = {
	{ { 30, -20, 11, 7 },
	  0.05,
	  { { 0, OFFSET(9.5), 0, 0, 0 }, { 0, OFFSET(-14.25), 0, 0, 0 } } },
	{ { 30, -20, 11, 7 },
	  0.05,
	  { { BETA(0.5), 0, 0, 0, 0 },
	    { BETA(-0.5), OFFSET(3), 0, 0, 0 },
	    { BETA(0.25), 0, OFFSET(-12), 1u << 29, 0 },
	    { BETA(-0.75), OFFSET(20), 0, 0, 0 } } },
	{ { 30, -20, 11, 7 },
	  0.05,
	  { { 0, 0, 0, 0, 1 }, { BETA(-0.5), OFFSET(3), 0, 0, 0 }, { 0, 0, 0, 0, -1 } } },
};

/* P(+1) of p-bit k, given the state, by the law as the header states it. */
static double up(const struct small *o, u32 k, u32 state)
{
	const struct pbm_p_bit *p = &o->p_bits[k];
	double f = ldexp(p->offset - p->drift / 2.0, -PBM_OFFSET_FRAC);
	u32 j;

	if (p->stuck)
		return p->stuck > 0;
	for (j = 0; j < 2; j++)
		f += (k < 2 ? o->w[2 * k + j] : o->w[2 * j + k - 2]) *
		     (state >> (k < 2 ? 2 + j : j) & 1 ? 1.0 : -1.0);
	return 1 / (1 + exp(-o->x * (1 + ldexp(p->beta, -PBM_BETA_FRAC)) * f));
}

/* The law after the p-bits of one side have been drawn. */
static void draw_side(const struct small *o, int hidden, double *law)
{
	double next[16] = { 0 };
	u32 s, d, k;

	for (s = 0; s < 16; s++)
		for (d = 0; d < 4; d++) {
			u32 to = hidden ? (s & 3) | d << 2 : (s & 12) | d;
			double p = law[s];

			for (k = 2 * hidden; k < 2 * hidden + 2u; k++)
				p *= to >> k & 1 ? up(o, k, s) : 1 - up(o, k, s);
			next[to] += p;
		}
	memcpy(law, next, sizeof(next));
}

/* The law that visible-then-hidden sweeps leave invariant, by iteration. */
static void stationary(const struct small *o, double *law)
{
	u32 t;

	for (t = 0; t < 16; t++)
		law[t] = 1.0 / 16;
	for (t = 0; t < 2000; t++) {
		draw_side(o, 0, law);
		draw_side(o, 1, law);
	}
}

static void count_states(const struct small *o, enum pbm_isa isa, u32 *count)
{
	const struct pbm_shape s = { PBM_NET_RBM, 2, 2, CHAINS, 8 };
	void *image = room(pbm_image_size(&s));
	void *scratch = room(pbm_scratch_size(&s));
	u64 *states = calloc(CHAINS, 2 * sizeof(u64));
	u64 gain = (u64)(o->x * M_LOG2E * 0x1p58);
	const struct pbm_spread spread = { o->p_bits, 1 };
	struct pbm_run run = { .seed = 5,
			       .sweeps = 20,
			       .every = 1,
			       .chains = CHAINS,
			       .gains = 1,
			       .gain = &gain,
			       .states = states,
			       .spread = &spread };
	u32 c, r;

	ck_assert_int_eq(pbm_load(&s, o->w, image), 0);
	for (r = 0; r < ROUNDS; r++) {
		ck_assert_int_eq(pbm_run(&s, image, &run, NULL, scratch, isa), 0);
		run.sweep0 += run.sweeps;
		run.sweeps = APART;
		for (c = 0; c < CHAINS; c++)
			count[states[2 * c] | states[2 * c + 1] << 2]++;
	}
	free(image), free(scratch), free(states);
}

/* The largest deviation of a state's count, in units of its binomial sigma. */
static double worst_deviation(const struct small *o, const u32 *count)
{
	const double total = (double)CHAINS * ROUNDS;
	double law[16], worst = 0;
	u32 k;

	stationary(o, law);
	for (k = 0; k < 16; k++) {
		double mean = law[k] * total, sigma = sqrt(mean * (1 - law[k]));

		if (law[k] == 0)
			ck_assert_uint_eq(count[k], 0);
		else
			worst = fmax(worst, fabs(count[k] - mean) / sigma);
	}
	return worst;
}

START_TEST(small_networks)
{
	const struct small *o = &smalls[_i];
	struct small ideal = *o;
	u32 count[16] = { 0 };

	count_states(o, pbm_isa_best(), count);
	ck_assert_double_le(worst_deviation(o, count), 6);
	/* The test can fail: against ideal p-bits, where nothing is stuck, it would. */
	memset(ideal.p_bits, 0, sizeof(ideal.p_bits));
	ck_assert_double_gt(worst_deviation(&ideal, count), 6);
}
END_TEST

#define N     37u
#define M     70u
#define WORDS 3u

/* A run of 60 sweeps on p-bits of which half are stuck; returns a hash of the states. */
static u64 run_program(enum pbm_isa isa, const struct pbm_spread *spread, u32 bits, u64 *states,
		       u64 *trace)
{
	const struct pbm_shape s = { PBM_NET_RBM, N, M, 3, bits };
	void *image = room(pbm_image_size(&s));
	void *scratch = room(pbm_scratch_size(&s));
	u64 gain = (1ull << PBM_GAIN_FRAC) / 100, clamp[WORDS] = { 2, 0, 4 }, hash = 0;
	struct pbm_run run = { .seed = 20240229,
			       .sweep0 = 0xfffffff0,
			       .sweeps = 60,
			       .every = 1,
			       .scan = PBM_SCAN_RANDOM_DIRECTION,
			       .chain0 = 40,
			       .chains = 3,
			       .gains = 1,
			       .gain = &gain,
			       .clamp = clamp,
			       .states = states,
			       .state_trace = trace,
			       .trace_chains = 3,
			       .spread = spread };
	s16 w16[N * M];
	s8 w8[N * M];
	u32 k;

	for (k = 0; k < N * M; k++)
		w16[k] = w8[k] = (s8)((k * 37 + k / M * 101) % 61 - 30);
	pbm_states_random(&s, 99, 40, 3, NULL, states);
	ck_assert_int_eq(pbm_load(&s, bits == 8 ? (void *)w8 : (void *)w16, image), 0);
	ck_assert_int_eq(pbm_run(&s, image, &run, NULL, scratch, isa), 0);
	for (k = 0; k < 60 * 3 * WORDS; k++)
		hash = (hash ^ trace[k]) * 0x100000001b3ull;
	free(image), free(scratch);
	return hash;
}

static u64 bit(const u64 *row, u32 k)
{
	return k < N ? row[0] >> k & 1 : row[1 + (k - N) / 64] >> (k - N) % 64 & 1;
}

START_TEST(stuck_never_move)
{
	struct pbm_spread_params params = wide;
	u64 states[3 * WORDS] = { 0 }, start[3 * WORDS] = { 0 }, trace[60 * 3 * WORDS];
	struct pbm_spread spread = { .drift_period = 7 };
	const struct pbm_shape s = { PBM_NET_RBM, N, M, 3, 8 };
	struct pbm_p_bit *p;
	u32 k, t, moved = 0, stuck = 0;

	params.stuck = 500000;
	params.offset = 30000;
	params.drift = 10000;
	spread.p_bits = p = some_p_bits(&params, N + M);
	pbm_states_random(&s, 99, 40, 3, NULL, start);
	run_program(pbm_isa_best(), &spread, 8, states, trace);
	for (k = 0; k < N + M; k++) {
		int clamped = k == 1 || k == N + 66;
		u64 value = clamped ? bit(start, k) : p[k].stuck > 0;

		stuck += p[k].stuck != 0;
		for (t = 0; t < 60; t++)
			if (clamped || p[k].stuck)
				ck_assert_uint_eq(bit(trace + 3 * WORDS * t, k), value);
			else
				moved += bit(trace + 3 * WORDS * t, k) != bit(start, k);
	}
	ck_assert_uint_gt(stuck, 30);
	ck_assert_uint_gt(moved, 300);
	free(p);
}
END_TEST

/*
 * What this seed makes for ever, and the bits of a run on it: changing one is a change of format.
 */
static const struct pbm_p_bit golden_p_bits[] = {
	{ 4545372, 313000000, -53040625, 0x8b5e7b6a, 0 },
	{ -2163343, -51835000, -8050313, 0x9f83fda8, 0 },
	{ -269107, -389185000, 42188, 0xa17648f2, 0 },
};
static const struct pbm_p_bit golden_stuck = { 1182474, 126265000, -37109688, 0x5ea26ad2, 1 };
static const u64 golden_hash = 2748061401961144040ull;

START_TEST(golden_bits)
{
	u64 states[3 * WORDS] = { 0 }, trace[60 * 3 * WORDS];
	struct pbm_p_bit *p = some_p_bits(&wide, N + M);
	const struct pbm_spread spread = { p, 50 };
	enum pbm_isa isa = (enum pbm_isa)(_i / 2);
	u32 k;

	ck_assert_mem_eq(p, golden_p_bits, sizeof(golden_p_bits));
	ck_assert_mem_eq(&p[71], &golden_stuck, sizeof(golden_stuck));
	for (k = 0; k < N + M; k++) { /* offsets as large as the fields */
		p[k].offset /= 4096;
		p[k].drift /= 256;
	}
	if (isa > pbm_isa_best()) {
		printf("note: this CPU has no %s route\n", pbm_isa_name(isa));
		free(p);
		return;
	}
	ck_assert_uint_eq(run_program(isa, &spread, _i % 2 ? 16 : 8, states, trace), golden_hash);
	free(p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("spread");
	TCase *t = tcase_create("spread");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, moments_of_deviations, 0, 3);
	tcase_add_test(t, stuck_and_phase);
	tcase_add_test(t, tables_from_a_seed);
	tcase_add_test(t, refusals);
	tcase_add_test(t, law_of_one_p_bit);
	tcase_add_loop_test(t, small_networks, 0, 3);
	tcase_add_test(t, stuck_never_move);
	tcase_add_loop_test(t, golden_bits, 0, 8);
	suite_add_tcase(s, t);
	return run_suite(s);
}
