/* SPDX-License-Identifier: MIT */
/* The distribution that a device samples, against enumeration. */
#include "device_support.h"

#include "../run_suite.h"

#define SMALL_N	     4
#define SMALL_M	     3
#define SMALL_STATES (1 << (SMALL_N + SMALL_M))
#define SMALL_CHAINS 40000

/* Visible p-bits in bits 0 to 3, hidden ones in 4 to 6. */
static void enumerate(const struct input *in, double beta_scale, double p[SMALL_STATES])
{
	double z = 0;
	int k;

	for (k = 0; k < SMALL_STATES; k++) {
		uint64_t row[2] = { (uint64_t)k & 15, (uint64_t)k >> 4 };

		p[k] = exp(-beta_scale * (double)energy_of(in, row));
		/* v_0 clamped to +1, h_1 to -1 */
		if (in->clamp && (!(k & 1) || (k >> 5 & 1)))
			p[k] = 0;
		z += p[k];
	}
	for (k = 0; k < SMALL_STATES; k++)
		p[k] /= z;
}

/* Pearson's statistic, less its mean, in units of its standard deviation. */
static double chi_square(const double p[SMALL_STATES], const unsigned int count[SMALL_STATES])
{
	double x = 0;
	int k, freedom = -1;

	for (k = 0; k < SMALL_STATES; k++) {
		double want = p[k] * SMALL_CHAINS;

		if (p[k] > 0) {
			x += (count[k] - want) * (count[k] - want) / want;
			freedom++;
		} else {
			ck_assert_uint_eq(count[k], 0);
		}
	}
	return (x - freedom) / sqrt(2.0 * freedom);
}

/*
 * One state of each of 40,000 independent chains, after 40 sweeps, against enumeration. 6 sigma
 * of chi-square with 31 or 127 degrees of freedom: a right machine fails once in 10^6 seeds; the
 * seed is fixed. The control, 10 % off in beta, must be told apart.
 */
START_TEST(distribution_of_a_small_rbm)
{
	const double scale = 0.01, beta = 0.8;
	struct pbm_shape s = { PBM_NET_RBM, SMALL_N, SMALL_M, SMALL_CHAINS, 8 };
	struct device *d = open_device(2, pbm_isa_best());
	_cleanup_input_ struct input in = { 0 };
	_cleanup_outcome_ struct outcome o = { 0 };
	unsigned int count[SMALL_STATES] = { 0 };
	double p[SMALL_STATES];
	struct program *prog;
	uint64_t *states;
	size_t i;

	input_random(&in, &s, false, (uint32_t)_i % 3, SEED + 77);
	in.gain = gain_from_beta(beta, scale);
	in.s.sweeps = 40;
	in.s.accumulate = 0;
	if (_i >= 3) {
		in.clamp = calloc(2, sizeof(*in.clamp));
		ck_assert_ptr_nonnull(in.clamp);
		in.clamp[0] = 1;
		in.clamp[1] = 2;
	}
	prog = start(d, &in);
	states = program_states(prog);
	for (i = 0; in.clamp && i < SMALL_CHAINS; i++) {
		states[2 * i] |= 1;
		states[2 * i + 1] &= ~UINT64_C(2);
	}
	submit(prog, &in);
	finish(prog, &o);
	for (i = 0; i < SMALL_CHAINS; i++)
		count[o.states[2 * i] | o.states[2 * i + 1] << 4]++;
	enumerate(&in, beta * scale, p);
	ck_assert_double_lt(fabs(chi_square(p, count)), 6);
	enumerate(&in, 1.1 * beta * scale, p);
	ck_assert_double_gt(chi_square(p, count), 6);
	program_free(prog);
	device_close(d);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("device_law");
	TCase *t = tcase_create("device_law");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, distribution_of_a_small_rbm, 0, 6);
	suite_add_tcase(s, t);
	return run_suite(s);
}
