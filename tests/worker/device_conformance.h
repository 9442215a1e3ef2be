/* SPDX-License-Identifier: MIT */
/*
 * What every device must do, whatever stands behind it. Who includes this says which device it is:
 * subject() opens one.
 */
#ifndef PBIT_TESTS_DEVICE_CONFORMANCE_H
#define PBIT_TESTS_DEVICE_CONFORMANCE_H

#include "device_support.h"

static struct device *subject(void);

static const struct pbm_shape shapes[] = {
	{ PBM_NET_RBM, 5, 3, 7, 8 },	   { PBM_NET_RBM, 64, 64, 33, 16 },
	{ PBM_NET_RBM, 37, 70, 200, 8 },   { PBM_NET_RBM, 130, 65, 65, 8 },
	{ PBM_NET_RBM, 129, 20, 100, 16 }, { PBM_NET_RBM, 1, 1, 3, 8 },
};

/* The whole run, twice on one program, against the scalar machine in this process. */
START_TEST(bits_are_those_of_the_machine)
{
	uint32_t scan = (uint32_t)_i % 3;
	struct device *d = subject(), *scalar = open_device(1, PBM_ISA_SCALAR);

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		_cleanup_input_ struct input in = { 0 };
		struct program *p, *q;

		input_random(&in, &shapes[i], _i >= 3, scan, SEED + i);
		p = start(scalar, &in);
		q = start(d, &in);
		for (unsigned int k = 0; k < 2; k++) {
			_cleanup_outcome_ struct outcome want = { 0 }, got = { 0 };

			submit(p, &in);
			submit(q, &in);
			finish(p, &want);
			finish(q, &got);
			outcomes_equal(&want, &got);
			in.s.sweep0 += in.s.sweeps;
			in.s.every = 5; /* the second records otherwise, in another order */
			in.s.scan = (scan + 1) % 3;
		}
		program_free(p);
		program_free(q);
	}
	device_close(d);
	device_close(scalar);
}
END_TEST

/* What is asked for changes from run to run of one program; what is not asked for is not there. */
START_TEST(accumulates_what_is_asked)
{
	struct device *d = subject(), *scalar = open_device(1, PBM_ISA_SCALAR);
	_cleanup_input_ struct input in = { 0 };
	struct program *p, *q;

	input_random(&in, &shapes[3], true, 2, SEED);
	p = start(scalar, &in);
	q = start(d, &in);
	for (unsigned int accumulate = 0; accumulate < 16; accumulate++) {
		_cleanup_outcome_ struct outcome want = { 0 }, got = { 0 };

		in.s.accumulate = accumulate;
		in.s.sweeps = 3 + accumulate;
		submit(p, &in);
		submit(q, &in);
		finish(p, &want);
		finish(q, &got);
		outcomes_equal(&want, &got);
		ck_assert(!got.sums == !(accumulate & ACC_MOMENTS));
		ck_assert(!got.trace == !(accumulate & ACC_ENERGY_TRACE));
		ck_assert(!got.state_trace == !(accumulate & ACC_STATE_TRACE));
		in.s.sweep0 += in.s.sweeps;
	}
	program_free(p);
	program_free(q);
	device_close(d);
	device_close(scalar);
}
END_TEST

/* New couplings count from the next run on, and only then. */
START_TEST(couplings_are_replaced)
{
	struct device *d = subject(), *scalar = open_device(1, PBM_ISA_SCALAR);
	_cleanup_input_ struct input in = { 0 };
	const struct pbm_shape *s = &shapes[_i ? 4 : 2]; /* 16 bits, 8 bits */
	struct program *p, *q;
	struct err e = { 0 };

	input_random(&in, s, false, 0, SEED);
	p = start(scalar, &in);
	q = start(d, &in);
	for (unsigned int k = 0; k < 4; k++) {
		_cleanup_outcome_ struct outcome want = { 0 }, got = { 0 };

		for (size_t i = k; k && i < (size_t)s->n * s->m; i += 3)
			in.w[i] = (int16_t)-in.w[i];
		ck_assert_int_eq(program_set_couplings(p, in.w, &e), 0);
		ck_assert_int_eq(program_set_couplings(q, in.w, &e), 0);
		submit(p, &in);
		submit(q, &in);
		finish(p, &want);
		finish(q, &got);
		outcomes_equal(&want, &got);
	}
	program_free(p);
	program_free(q);
	device_close(d);
	device_close(scalar);
}
END_TEST

/* Of two programs with the same couplings one is given them, and both have them. */
START_TEST(couplings_are_shared)
{
	struct device *d = subject(), *scalar = open_device(1, PBM_ISA_SCALAR);
	_cleanup_input_ struct input in = { 0 };
	const struct pbm_shape *s = &shapes[_i ? 4 : 2];
	struct program *p, *q, *of;
	struct err e = { 0 };

	input_random(&in, s, false, 0, SEED);
	p = start(scalar, &in);
	of = start(d, &in);
	q = start(d, &in);
	program_share_couplings(q, of);
	ck_assert_int_eq(program_submit(q, &in.s, &e), -EINVAL); /* none have been set since */
	for (unsigned int k = 0; k < 3; k++) {
		_cleanup_outcome_ struct outcome want = { 0 }, got = { 0 }, other = { 0 };

		for (size_t i = k; k && i < (size_t)s->n * s->m; i += 3)
			in.w[i] = (int16_t)-in.w[i];
		ck_assert_int_eq(program_set_couplings(p, in.w, &e), 0);
		ck_assert_int_eq(program_set_couplings(of, in.w, &e), 0);
		submit(p, &in);
		submit(q, &in);
		ck_assert_int_eq(program_set_couplings(of, in.w, &e), -EBUSY);
		submit(of, &in);
		finish(p, &want);
		finish(q, &got);
		finish(of, &other);
		outcomes_equal(&want, &got);
		outcomes_equal(&want, &other);
	}
	program_free(p);
	program_free(q);
	ck_assert_int_eq(program_set_couplings(of, in.w, &e), 0);
	program_free(of);
	device_close(d);
	device_close(scalar);
}
END_TEST

/* Sweeps in one run, and in pieces of 3, 1, 8: states, sums and traces add up. */
START_TEST(cuts_in_sweeps_do_not_show)
{
	static const uint32_t pieces[] = { 3, 1, 8 };
	struct device *d = subject();
	_cleanup_input_ struct input in = { 0 };
	_cleanup_outcome_ struct outcome want = { 0 };
	uint64_t gains[12], flips = 0, changed = 0, record = 0;
	int64_t energy = 0, vh = 0;
	struct program *p;
	size_t i;

	input_random(&in, &shapes[2], true, (uint32_t)_i, SEED);
	for (i = 0; i < ARRAY_SIZE(gains); i++) /* a ramp: every sweep its own beta */
		gains[i] = in.gain / 12 * (i + 1);
	in.s.every = 1;
	in.s.gains = 12;
	in.s.gain = gains;
	run_input(d, &in, &want);

	p = start(d, &in);
	for (i = 0; i < ARRAY_SIZE(pieces); i++) {
		_cleanup_outcome_ struct outcome got = { 0 };
		size_t row = in.shape.chains;

		in.s.sweeps = in.s.gains = pieces[i];
		submit(p, &in);
		finish(p, &got);
		ck_assert_mem_eq(got.trace, want.trace + record * row,
				 got.r.records * row * sizeof(*got.trace));
		ck_assert_mem_eq(got.state_trace,
				 (char *)want.state_trace + record * states_size(&in.shape),
				 got.r.records * states_size(&in.shape));
		record += got.r.records;
		flips += got.r.flips;
		changed += got.r.changed;
		energy += got.r.energy;
		vh += got.sums[17];
		in.s.sweep0 += pieces[i];
		in.s.gain += pieces[i];
	}
	ck_assert_mem_eq(program_states(p), want.states, states_size(&in.shape));
	ck_assert_uint_eq(record, want.r.records);
	ck_assert_uint_eq(flips, want.r.flips);
	ck_assert_uint_eq(changed, want.r.changed);
	ck_assert_int_eq(energy, want.r.energy);
	ck_assert_int_eq(vh, want.sums[17]);
	program_free(p);
	device_close(d);
}
END_TEST

/* A chain's bits do not depend on how many chains there are beside it. */
START_TEST(fewer_chains_are_a_prefix)
{
	struct device *d = subject();
	_cleanup_input_ struct input in = { 0 };
	_cleanup_outcome_ struct outcome want = { 0 };
	static const uint32_t chains[] = { 1, 2, 31, 64, 199 };
	size_t i;

	input_random(&in, &shapes[2], false, (uint32_t)_i, SEED + 5);
	run_input(d, &in, &want);
	for (i = 0; i < ARRAY_SIZE(chains); i++) {
		_cleanup_outcome_ struct outcome got = { 0 };

		in.shape.chains = chains[i];
		run_input(d, &in, &got);
		ck_assert_mem_eq(got.states, want.states, states_size(&in.shape));
	}
	device_close(d);
}
END_TEST

START_TEST(programs_in_flight_do_not_meet)
{
	struct device *d = subject();
	struct input in[8];
	struct outcome alone[8], together;
	struct program *p[8];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(in); i++) {
		input_random(&in[i], &shapes[i % ARRAY_SIZE(shapes)], i & 1, (uint32_t)i % 3,
			     SEED + i);
		run_input(d, &in[i], &alone[i]);
		p[i] = start(d, &in[i]);
	}
	for (i = 0; i < ARRAY_SIZE(in); i++)
		submit(p[i], &in[i]);
	for (i = ARRAY_SIZE(in); i-- > 0;) {
		finish(p[i], &together);
		outcomes_equal(&alone[i], &together);
		outcome_free(&together);
		outcome_free(&alone[i]);
	}
	for (i = 0; i < ARRAY_SIZE(in); i++) {
		submit(p[i], &in[i]); /* freed in flight */
		program_free(p[i]);
		input_free(&in[i]);
	}
	device_close(d);
}
END_TEST

/* Sums and traces are recounted from the state trace. */
START_TEST(results_agree_with_the_states)
{
	struct device *d = subject();
	const struct pbm_shape *s = &shapes[_i % (int)ARRAY_SIZE(shapes)];
	_cleanup_input_ struct input in = { 0 };
	_cleanup_outcome_ struct outcome o = { 0 };
	size_t words = pbm_state_words(s), nm = (size_t)s->n * s->m, row, k;
	int64_t *sums = calloc(nm + s->n + s->m, sizeof(*sums)), energy = 0;

	ck_assert_ptr_nonnull(sums);
	input_random(&in, s, _i & 1, (uint32_t)_i % 3, SEED + 9);
	in.s.sweeps = 7;
	run_input(d, &in, &o);
	ck_assert_uint_eq(o.r.records, 2);
	ck_assert_uint_eq(o.r.samples, 2 * s->chains);
	for (row = 0; row < 2 * (size_t)s->chains; row++) {
		const uint64_t *v = o.state_trace + row * words, *h = v + pbm_side_words(s->n);

		ck_assert_int_eq(o.trace[row], energy_of(&in, v));
		energy += o.trace[row];
		for (k = 0; k < nm; k++)
			sums[k] += spin(v, (uint32_t)(k / s->m)) * spin(h, (uint32_t)(k % s->m));
		for (k = 0; k < s->n; k++)
			sums[nm + k] += spin(v, (uint32_t)k);
		for (k = 0; k < s->m; k++)
			sums[nm + s->n + k] += spin(h, (uint32_t)k);
	}
	ck_assert_int_eq(o.r.energy, energy);
	ck_assert_mem_eq(o.sums, sums, (nm + s->n + s->m) * sizeof(*sums));
	free(sums);
	device_close(d);
}
END_TEST

/* Updates are counted; clamped p-bits stay; without a field half of the updates change. */
START_TEST(counts_and_clamps)
{
	struct device *d = subject();
	_cleanup_input_ struct input in = { 0 };
	_cleanup_outcome_ struct outcome o = { 0 };
	const struct pbm_shape *s = &shapes[3];
	size_t words = pbm_state_words(s), i, w;
	uint64_t free_v = s->n, free_h = s->m, flips;
	uint64_t *before = malloc(states_size(s));
	double sigma;

	ck_assert_ptr_nonnull(before);
	input_random(&in, s, true, (uint32_t)_i, SEED + 3);
	in.gain = 0;
	for (w = 0; w < words; w++)
		*(w < pbm_side_words(s->n) ? &free_v : &free_h) -=
			(uint64_t)__builtin_popcountll(in.clamp[w]);
	pbm_states_random(s, in.s.seed, 0, s->chains, NULL, before);
	run_input(d, &in, &o);
	flips = (free_h + free_v * (_i == PBM_SCAN_PALINDROME ? 2 : 1)) * s->chains * in.s.sweeps;
	ck_assert_uint_eq(o.r.flips, flips);
	sigma = sqrt((double)flips) / 2;
	ck_assert_double_lt(fabs((double)o.r.changed - (double)flips / 2), 6 * sigma);
	for (i = 0; i < s->chains; i++)
		for (w = 0; w < words; w++)
			ck_assert_uint_eq(
				(o.states[i * words + w] ^ before[i * words + w]) & in.clamp[w], 0);
	free(before);
	device_close(d);
}
END_TEST

START_TEST(refuses_couplings)
{
	struct pbm_shape s = { PBM_NET_RBM, 2, 3, 2, _i ? 16 : 8 };
	struct device *d = subject();
	int16_t w[6] = { 0 };
	struct program *p;
	struct err e = { 0 };

	ck_assert_int_eq(program_new(d, &s, NULL, &p, &e), 0);
	w[5] = _i ? INT16_MIN : 128;
	says(program_set_couplings(p, w, &e), -ERANGE, &e, "row 1, column 2");
	w[5] = _i ? INT16_MAX : -128;
	w[1] = _i ? INT16_MIN : -128;
	says(program_set_couplings(p, w, &e), -ERANGE, &e, "row 0, column 1");
	w[1] = w[5] = _i ? -INT16_MAX : -127;
	ck_assert_int_eq(program_set_couplings(p, w, &e), 0);
	program_free(p);
	device_close(d);
}
END_TEST

/* One wrong field a row, from a submission that is right. */
static void refuse(struct program *p, struct submission s, int code, const char *what)
{
	struct err e = { 0 };

	says(program_submit(p, &s, &e), code, &e, what);
}

START_TEST(refuses_submissions)
{
	struct device *d = subject();
	_cleanup_input_ struct input in = { 0 };
	struct err e = { 0 };
	struct submission s, bad;
	struct program *p;

	input_random(&in, &shapes[0], false, 0, SEED);
	s = in.s;
	s.gain = &in.gain;
	ck_assert_int_eq(program_new(d, &in.shape, NULL, &p, &e), 0);
	refuse(p, s, -EINVAL, "no couplings");
	ck_assert_int_eq(program_set_couplings(p, in.w, &e), 0);
	says(program_wait(p, NULL, &e), -EINVAL, &e, "not submitted");

	bad = s, bad.sweeps = 0, refuse(p, bad, -EINVAL, "0 sweeps");
	bad = s, bad.sweeps = PBM_MAX_SWEEPS + 1, refuse(p, bad, -EINVAL, "sweeps in one run");
	bad = s, bad.sweep0 = (UINT64_C(1) << 56) - 3, refuse(p, bad, -EINVAL, "2^56");
	bad = s, bad.every = 0, refuse(p, bad, -EINVAL, "every 0");
	bad = s, bad.scan = 3, refuse(p, bad, -EINVAL, "scan order 3");
	bad = s, bad.gains = 5, refuse(p, bad, -EINVAL, "5 gains for 12");
	bad = s, bad.gain = NULL, refuse(p, bad, -EINVAL, "0 gains");
	bad = s, bad.accumulate = 1u << 31, refuse(p, bad, -EINVAL, "0x80000000");
	bad = s, bad.sweeps = PBM_MAX_SWEEPS, bad.every = 1;
	bad.accumulate = ACC_STATE_TRACE;
	refuse(p, bad, -E2BIG, "state trace");

	program_states(p)[2] |= 1u << 5;
	refuse(p, s, -EINVAL, "chain 1");
	program_states(p)[2] = 0;

	ck_assert_int_eq(program_submit(p, &s, &e), 0);
	says(program_set_couplings(p, in.w, &e), -EBUSY, &e, "runs");
	refuse(p, s, -EBUSY, "runs already");
	ck_assert_int_eq(program_wait(p, NULL, &e), 0);
	ck_assert_int_eq(program_wait(p, NULL, &e), 0);
	ck_assert_int_eq(program_set_couplings(p, in.w, &e), 0);
	program_free(p);
	device_close(d);
}
END_TEST

static inline void add_conformance_tests(TCase *t)
{
	tcase_add_loop_test(t, bits_are_those_of_the_machine, 0, 6);
	tcase_add_test(t, accumulates_what_is_asked);
	tcase_add_loop_test(t, couplings_are_replaced, 0, 2);
	tcase_add_loop_test(t, couplings_are_shared, 0, 2);
	tcase_add_loop_test(t, cuts_in_sweeps_do_not_show, 0, 3);
	tcase_add_loop_test(t, fewer_chains_are_a_prefix, 0, 3);
	tcase_add_test(t, programs_in_flight_do_not_meet);
	tcase_add_loop_test(t, results_agree_with_the_states, 0, 6);
	tcase_add_loop_test(t, counts_and_clamps, 0, 3);
	tcase_add_loop_test(t, refuses_couplings, 0, 2);
	tcase_add_test(t, refuses_submissions);
}

#endif
