/* SPDX-License-Identifier: MIT */
/*
 * tau_int against chains whose autocorrelation is known. Statistical checks allow 6 standard
 * errors (two-sided error 2e-9 each) and have fixed seeds.
 */
#include <check.h>
#include <math.h>
#include <string.h>

#include "device.h"
#include "rbm_exact.h"
#include "splitmix.h"
#include "tau.h"

#include "../run_suite.h"

/* A symmetric two-state chain that flips with probability p: rho(t) = (1 - 2p)^t. */
static double two_state_tau(double p)
{
	return (1 - p) / p;
}

static double *two_state(uint64_t seed, double p, size_t records, size_t chains)
{
	double *x = calloc(records * chains, sizeof(*x));

	ck_assert_ptr_nonnull(x);
	for (size_t c = 0; c < chains; c++) {
		double s = splitmix_uniform(seed, c) < 0.5 ? -1 : 1;

		for (size_t r = 0; r < records; r++) {
			x[r * chains + c] = s;
			if (splitmix_uniform(seed + 1, r * chains + c) < p)
				s = -s;
		}
	}
	return x;
}

/* Series of an n x m network, one real series a p-bit, packed as the device traces states. */
static uint64_t *pack(double **unit, const struct pbm_shape *shape, size_t records)
{
	uint32_t words = pbm_state_words(shape), v_words = pbm_side_words(shape->n);
	uint64_t *states = calloc(records * shape->chains * words, sizeof(*states));

	ck_assert_ptr_nonnull(states);
	for (size_t k = 0; k < records * shape->chains; k++) {
		for (uint32_t u = 0; u < shape->n + shape->m; u++) {
			uint32_t bit = u < shape->n ? u : v_words * 64 + u - shape->n;

			if (unit[u][k] > 0)
				states[k * words + bit / 64] |= 1ull << (bit % 64);
		}
	}
	return states;
}

static const double flip_p[] = { 0.5, 0.3, 0.1, 0.04 };

START_TEST(series_has_the_known_tau)
{
	double p = flip_p[_i];

	for (uint64_t seed = 1; seed <= 5; seed++) {
		double *x = two_state(seed * 1000, p, 4000, 128);
		struct tau t;

		tau_of_series(x, 4000, 128, &t);
		ck_assert(t.resolved);
		ck_assert_double_lt(t.error, 0.1 * two_state_tau(p));
		ck_assert_double_lt(fabs(t.tau_l - two_state_tau(p)), 6 * t.error);
		ck_assert_double_ge((double)t.window, TAU_WINDOW * t.tau_l);
		free(x);
	}
}
END_TEST

/* Bits along time and plain sums are one estimator: the same numbers, at any number of records. */
START_TEST(product_equals_series)
{
	static const size_t lengths[] = { 17, 63, 64, 65, 200, 511, 512, 1000, 1024 };
	struct pbm_shape shape = { .net = PBM_NET_RBM, .n = 2, .m = 1, .chains = 5, .bits = 8 };
	size_t records = lengths[_i];
	double *unit[3], *product = calloc(records * 5, sizeof(*product));
	struct tau a, b;
	uint64_t *states;

	for (uint64_t u = 0; u < 3; u++)
		unit[u] = two_state(50 + 10 * u, 0.05 + 0.1 * (double)u, records, 5);
	for (size_t k = 0; k < records * 5; k++)
		product[k] = unit[1][k] * unit[2][k];
	states = pack(unit, &shape, records);
	tau_of_series(product, records, 5, &a);
	ck_assert_int_eq(tau_of_product(&shape, states, records, 1, 0, 1, &b, NULL), 0);
	ck_assert_uint_eq(a.window, b.window);
	ck_assert_int_eq(a.resolved, b.resolved);
	ck_assert_double_eq_tol(a.tau_l, b.tau_l, 1e-9 * fabs(a.tau_l) + 1e-9);
	ck_assert_double_eq_tol(a.tau_2l, b.tau_2l, 1e-9 * fabs(a.tau_2l) + 1e-9);
	free(states);
	free(product);
	for (unsigned int u = 0; u < 3; u++)
		free(unit[u]);
}
END_TEST

/* Sums over blocks change the work, not the answer. */
START_TEST(blocks_have_the_known_tau)
{
	struct pbm_shape shape = { .net = PBM_NET_RBM, .n = 1, .m = 1, .chains = 64, .bits = 8 };
	size_t records = 16384 + 37;
	double p = 1.0 / 64, *unit[2];
	uint64_t *states;

	unit[0] = two_state(31, p, records, 64);
	unit[1] = two_state(32, 0, records, 64);
	states = pack(unit, &shape, records);
	for (unsigned int block = 1; block <= 16; block *= 2) {
		struct tau t;

		ck_assert_int_eq(tau_of_product(&shape, states, records, 0, 0, block, &t, NULL), 0);
		ck_assert(t.resolved);
		ck_assert_double_lt(t.error, 0.05 * two_state_tau(p));
		ck_assert_double_lt(fabs(t.tau_l - two_state_tau(p)), 6 * t.error);
		ck_assert_double_ge((double)t.window, TAU_WINDOW * t.tau_l);
	}
	free(states);
	free(unit[0]);
	free(unit[1]);
}
END_TEST

START_TEST(short_trace_is_not_resolved)
{
	/* tau = 199, ten of them in the trace. */
	double *x = two_state(7, 0.005, 2000, 1);
	struct tau t;

	tau_of_series(x, 2000, 1, &t);
	ck_assert(!t.resolved);
	free(x);
}
END_TEST

/* Each chain alone looks fast; together they never forget where they started. */
START_TEST(chains_in_two_modes_are_not_resolved)
{
	double *x = two_state(9, 0.5, 2000, 16);
	struct tau t;

	for (size_t k = 0; k < 2000 * 16; k++)
		x[k] += k % 16 < 8 ? 3 : -3;
	tau_of_series(x, 2000, 16, &t);
	ck_assert(!t.resolved);
	ck_assert_double_gt(t.tau, 100);
	free(x);
}
END_TEST

START_TEST(constant_has_no_tau)
{
	double x[64] = { 0 };
	struct tau t;

	tau_of_series(x, 16, 4, &t);
	ck_assert(isnan(t.tau));
	ck_assert(!t.resolved);
}
END_TEST

static void slowest_of(const struct pbm_shape *shape, const uint64_t *clamp, const uint64_t *states,
		       size_t records, struct tau *ret)
{
	struct tau_search *search;
	unsigned int class;
	size_t moved;

	ck_assert_int_eq(tau_search_new(shape, clamp, 1, NULL, &search, NULL), 0);
	ck_assert_int_eq(tau_search_add(search, states, records, NULL, &moved, NULL), 0);
	tau_search_find(search, ret, &class);
	ck_assert_uint_eq(class, 0);
	ck_assert_uint_eq(moved, ret->observables);
	tau_search_free(search);
}

/* The screening must not lose the slowest: compare with every product, one by one. */
START_TEST(slowest_is_the_maximum)
{
	struct pbm_shape shape = { .net = PBM_NET_RBM, .n = 5, .m = 4, .chains = 8, .bits = 8 };
	uint64_t clamp[2] = { 1, 1 }, *states;
	size_t records = 700;
	double *unit[9], most = 0;
	struct tau slowest, one;

	for (uint64_t u = 0; u < 9; u++)
		unit[u] = two_state(100 * (uint64_t)_i + 20 * u,
				    u % 3 ? 0.4 : 0.06 + 0.01 * (double)u, records, 8);
	/* Both reference spins stand still, and so does p-bit v4. */
	for (size_t k = 0; k < records * 8; k++)
		unit[0][k] = unit[5][k] = unit[4][k] = 1;
	states = pack(unit, &shape, records);
	slowest_of(&shape, clamp, states, records, &slowest);
	for (unsigned int i = 0; i < 5; i++) {
		for (unsigned int j = 0; j < 4; j++) {
			ck_assert_int_eq(
				tau_of_product(&shape, states, records, i, j, 1, &one, NULL), 0);
			most = fmax(most, one.tau); /* fmax passes over NaN */
		}
	}
	ck_assert_double_eq_tol(slowest.tau, most, 0.05 * most); /* blocks blur the window */
	ck_assert_uint_eq(slowest.constant, 1);			 /* v4 h0; v0 h0 is clamped */
	ck_assert_uint_eq(slowest.observables, 18);		 /* 20 products but these two */
	for (unsigned int u = 0; u < 9; u++)
		free(unit[u]);
	free(states);
}
END_TEST

START_TEST(frozen_network_is_not_resolved)
{
	struct pbm_shape shape = { .net = PBM_NET_RBM, .n = 3, .m = 2, .chains = 2, .bits = 8 };
	uint64_t states[64 * 2 * 2] = { 0 };
	struct tau t;

	slowest_of(&shape, NULL, states, 64, &t);
	ck_assert(isnan(t.tau));
	ck_assert(!t.resolved);
	ck_assert_uint_eq(t.constant, 6);
}
END_TEST

/* ---- a 2 x 2 RBM: tau from the transition matrix over its 16 states ---- */

#define STATES 16
#define BETA   1.0

static const int16_t tiny_w[4] = { 40, -25, 30, 55 };
static const double tiny_scale = 1.0 / 32;

static int spin(unsigned int s, unsigned int unit)
{
	return s >> unit & 1 ? 1 : -1;
}

/* P(unit = its value in s | the other side in s), units 0, 1 visible and 2, 3 hidden. */
static double unit_probability(unsigned int s, unsigned int unit)
{
	double field = 0;

	for (unsigned int k = 0; k < 2; k++)
		field += unit < 2 ? tiny_w[unit * 2 + k] * spin(s, 2 + k) :
				    tiny_w[k * 2 + unit - 2] * spin(s, k);
	return 1 / (1 + exp(-2 * BETA * tiny_scale * field * spin(s, unit)));
}

/* p -> p times the update of one side. */
static void update_side(double p[STATES], bool hidden)
{
	double q[STATES] = { 0 };
	unsigned int mask = hidden ? 12 : 3, shift = hidden ? 2 : 0;

	for (unsigned int s = 0; s < STATES; s++) {
		for (unsigned int k = 0; k < 4; k++) {
			unsigned int to = (s & ~mask) | k << shift;

			q[to] += p[s] * unit_probability(to, shift) *
				 unit_probability(to, shift + 1);
		}
	}
	memcpy(p, q, sizeof(q));
}

static void update_sweep(double p[STATES], enum pbm_scan scan)
{
	double other[STATES];

	memcpy(other, p, sizeof(other));
	update_side(p, false);
	update_side(p, true);
	if (scan == PBM_SCAN_PALINDROME)
		update_side(p, false);
	if (scan != PBM_SCAN_RANDOM_DIRECTION)
		return;
	update_side(other, true);
	update_side(other, false);
	for (unsigned int s = 0; s < STATES; s++)
		p[s] = (p[s] + other[s]) / 2;
}

/* 1 + 2 sum rho(t) of v_i h_j, by carrying pi f through the matrix. */
static double exact_tau(unsigned int i, unsigned int j, enum pbm_scan scan)
{
	double pi[STATES], carried[STATES], z = 0, mean = 0, c0 = 0, tau = 1;

	for (unsigned int s = 0; s < STATES; s++) {
		double energy = 0;

		for (unsigned int k = 0; k < 4; k++)
			energy -= tiny_scale * tiny_w[k] * spin(s, k / 2) * spin(s, 2 + k % 2);
		pi[s] = exp(-BETA * energy);
		z += pi[s];
	}
	for (unsigned int s = 0; s < STATES; s++) {
		pi[s] /= z;
		mean += pi[s] * spin(s, i) * spin(s, 2 + j);
	}
	for (unsigned int s = 0; s < STATES; s++) {
		double f = spin(s, i) * spin(s, 2 + j) - mean;

		carried[s] = pi[s] * f;
		c0 += pi[s] * f * f;
	}
	for (unsigned int t = 1; t < 3000; t++) {
		double c = 0;

		update_sweep(carried, scan);
		for (unsigned int s = 0; s < STATES; s++)
			c += carried[s] * (spin(s, i) * spin(s, 2 + j) - mean);
		tau += 2 * c / c0;
	}
	return tau;
}

START_TEST(device_has_the_exact_tau)
{
	struct pbm_shape shape = { .net = PBM_NET_RBM, .n = 2, .m = 2, .chains = 64, .bits = 8 };
	uint64_t gain = gain_from_beta(BETA, tiny_scale);
	struct submission s = {
		.seed = 77,
		.sweeps = 200,
		.every = 1,
		.scan = (uint32_t)_i,
		.gains = 1,
		.gain = &gain,
	};
	double slowest = 0;
	struct program *p;
	struct device *d;
	struct results res;
	struct tau t;

	ck_assert_int_eq(device_open_embedded(1, &d, NULL), 0);
	ck_assert_int_eq(program_new(d, &shape, NULL, &p, NULL), 0);
	ck_assert_int_eq(program_set_couplings(p, tiny_w, NULL), 0);
	pbm_states_random(&shape, 77, 0, 64, NULL, program_states(p));
	ck_assert_int_eq(program_run(p, &s, &res, NULL), 0);
	s.sweep0 = s.sweeps;
	s.sweeps = 4096;
	s.accumulate = ACC_STATE_TRACE;
	ck_assert_int_eq(program_run(p, &s, &res, NULL), 0);

	for (unsigned int k = 0; k < 4; k++) {
		double exact = exact_tau(k / 2, k % 2, s.scan);

		slowest = fmax(slowest, exact);
		ck_assert_int_eq(tau_of_product(&shape, res.state_trace, res.records, k / 2, k % 2,
						1, &t, NULL),
				 0);
		ck_assert(t.resolved);
		ck_assert_double_lt(t.error, 0.1 * exact);
		ck_assert_double_lt(fabs(t.tau_l - exact), 6 * t.error);
	}
	slowest_of(&shape, NULL, res.state_trace, res.records, &t);
	ck_assert(t.resolved);
	ck_assert_double_lt(fabs(t.tau_l - slowest), 6 * t.error);
	program_free(p);
	device_close(d);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tau");
	TCase *t = tcase_create("tau");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, series_has_the_known_tau, 0, 4);
	tcase_add_loop_test(t, product_equals_series, 0, 9);
	tcase_add_test(t, blocks_have_the_known_tau);
	tcase_add_test(t, short_trace_is_not_resolved);
	tcase_add_test(t, chains_in_two_modes_are_not_resolved);
	tcase_add_test(t, constant_has_no_tau);
	tcase_add_loop_test(t, slowest_is_the_maximum, 0, 5);
	tcase_add_test(t, frozen_network_is_not_resolved);
	tcase_add_loop_test(t, device_has_the_exact_tau, 0, 3);
	suite_add_tcase(s, t);
	return run_suite(s);
}
