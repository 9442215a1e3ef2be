// SPDX-License-Identifier: MIT
/* Exact sums of RBMs against brute force over all states of both layers, in long double. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "rbm_exact.h"
#include "splitmix.h"

#include "../run_suite.h"

#define MAX_N 12
#define MAX_M 12

struct brute {
	long double log_z;
	long double vh[MAX_N][MAX_M];
};

static int spin(unsigned int state, size_t i)
{
	return state >> i & 1 ? 1 : -1;
}

/* Adds exp(exponent - shift) of all h at this v, and its means; returns the largest exponent. */
static long double add_visible(const struct rbm *r, unsigned int v, long double shift,
			       struct brute *b, long double *z)
{
	long double field[MAX_M] = {}, mean[MAX_M] = {}, largest = -INFINITY;

	for (size_t i = 0; i < r->n; i++)
		for (size_t j = 0; j < r->m; j++)
			field[j] += r->beta * (long double)r->w[i * r->m + j] * spin(v, i);
	for (unsigned int h = r->ref_h; h < 1u << r->m; h += 1 + r->ref_h) {
		long double x = 0, p;

		for (size_t j = 0; j < r->m; j++)
			x += spin(h, j) * field[j];
		largest = fmaxl(largest, x);
		if (isinf(shift))
			continue;
		p = expl(x - shift);
		*z += p;
		for (size_t j = 0; j < r->m; j++)
			mean[j] += spin(h, j) * p;
	}
	for (size_t i = 0; i < r->n; i++)
		for (size_t j = 0; j < r->m; j++)
			b->vh[i][j] += spin(v, i) * mean[j];
	return largest;
}

/* Reference spins are bit 0 of their side and stay +1. Twice: the first pass finds the shift. */
static void brute_force(const struct rbm *r, struct brute *ret)
{
	long double shift = INFINITY, z = 0;

	for (int pass = 0; pass < 2; pass++) {
		long double largest = -INFINITY;

		memset(ret, 0, sizeof(*ret));
		z = 0;
		for (unsigned int v = r->ref_v; v < 1u << r->n; v += 1 + r->ref_v)
			largest = fmaxl(largest, add_visible(r, v, shift, ret, &z));
		shift = largest;
	}
	ret->log_z = shift + logl(z);
	for (size_t i = 0; i < r->n; i++)
		for (size_t j = 0; j < r->m; j++)
			ret->vh[i][j] /= z;
}

static void random_couplings(double *w, size_t count, double sd, uint64_t seed)
{
	for (size_t i = 0; i < count; i++)
		w[i] = sd * splitmix_normal(seed, i);
}

/* Exponents come to about |ln Z|, and their rounding with them. */
static void compare(const struct rbm *r)
{
	double vh[MAX_N * MAX_M], z, z2, tolerance;
	struct err e = {};
	struct brute b;

	brute_force(r, &b);
	ck_assert_int_eq(rbm_log_z(r, 1, &z, &e), 0);
	ck_assert_int_eq(rbm_moments(r, 1, vh, &z2, &e), 0);
	ck_assert(z == z2);
	tolerance = 2e-15 * (fabs(z) + 10);
	ck_assert_double_le(fabs(z - (double)b.log_z), tolerance);
	for (size_t i = 0; i < r->n; i++)
		for (size_t j = 0; j < r->m; j++)
			ck_assert_double_le(fabs(vh[i * r->m + j] - (double)b.vh[i][j]), tolerance);
}

/* Shapes where either layer is the smaller, one p-bit, only biases, above and below the lanes. */
static const struct {
	size_t n, m;
} shapes[] = { { 1, 1 }, { 1, 5 },  { 5, 1 },  { 2, 2 },  { 3, 6 },
	       { 6, 3 }, { 4, 11 }, { 11, 4 }, { 9, 10 }, { 10, 9 } };

START_TEST(sums_agree_with_brute_force)
{
	static const double sizes[] = { 0, 0.3, 2, 60 };
	double w[MAX_N * MAX_M];
	struct rbm r = { .n = shapes[_i].n, .m = shapes[_i].m, .w = w };

	for (int refs = 0; refs < 4; refs++) {
		for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
			random_couplings(w, r.n * r.m, sizes[k], 10 * _i + k);
			r.ref_v = refs & 1;
			r.ref_h = refs & 2;
			r.beta = k == 1 ? 1 : 0.7;
			compare(&r);
		}
	}
}
END_TEST

START_TEST(huge_fields_take_the_other_route)
{
	double w[6 * 5];
	struct rbm r = { .n = 6, .m = 5, .ref_v = true, .ref_h = true, .beta = 1, .w = w };

	/* sum |W| of a column is in the thousands: e^x would overflow. */
	random_couplings(w, 30, 1000, 5);
	compare(&r);
	/* Strong, and yet not decided: two degenerate ground states. */
	memset(w, 0, sizeof(w));
	w[1 * 5 + 1] = 500;
	w[2 * 5 + 2] = 0.25;
	compare(&r);
}
END_TEST

/* With one route's fields just inside the limit and the other's just outside, ln Z is continuous. */
START_TEST(routes_join)
{
	double w[3 * 4], z[2];
	struct rbm r = { .n = 3, .m = 4, .beta = 1, .w = w };

	for (int k = 0; k < 2; k++) {
		random_couplings(w, 12, 0.5, 3);
		w[0] = k ? 300.0000001 : 290;
		w[4] = w[8] = 0; /* fields of h_0 are w[0] alone */
		ck_assert_int_eq(rbm_log_z(&r, 1, &z[k], NULL), 0);
	}
	/* v_0 and h_0 are locked together: Z grows by e^(dW) to within e^-580. */
	ck_assert_double_le(fabs(z[1] - z[0] - 10.0000001), 1e-12 * z[1]);
}
END_TEST

START_TEST(bits_do_not_depend_on_threads)
{
	const size_t n = 65, m = 18; /* enough for several threads to be worth it */
	_cleanup_free_ double *w = alloc_zeroed(n * m, sizeof(*w));
	_cleanup_free_ double *one = alloc_zeroed(n * m, sizeof(*one));
	_cleanup_free_ double *many = alloc_zeroed(n * m, sizeof(*many));
	struct rbm r = { .n = n, .m = m, .ref_v = true, .ref_h = true, .beta = 1, .w = w };
	double z1, z;

	random_couplings(w, n * m, 0.4, 8);
	ck_assert_int_eq(rbm_moments(&r, 1, one, &z1, NULL), 0);
	for (unsigned int threads = 0; threads <= 9; threads += 3) {
		ck_assert_int_eq(rbm_moments(&r, threads, many, &z, NULL), 0);
		ck_assert(!memcmp(one, many, n * m * sizeof(*one)));
		ck_assert(!memcmp(&z, &z1, sizeof(z)));
	}
	/* And against the mean of row 0 by another route: d ln Z / d W_0j, central differences. */
	w[3] += 1e-5;
	ck_assert_int_eq(rbm_log_z(&r, 2, &z1, NULL), 0);
	w[3] -= 2e-5;
	ck_assert_int_eq(rbm_log_z(&r, 2, &z, NULL), 0);
	ck_assert_double_le(fabs((z1 - z) / 2e-5 - one[3]), 1e-8);
}
END_TEST

/* ln p* over all v sums to Z, whichever layer log_z sums over. */
START_TEST(probabilities_sum_to_one)
{
	const size_t n = 8;
	int8_t rows[128 * 8];
	double w[8 * 12], log_p[128], z, sum = 0, total;

	for (size_t m = 4; m <= 12; m += 8) {
		struct rbm r = {
			.n = n, .m = m, .ref_v = true, .ref_h = true, .beta = 1.3, .w = w
		};

		random_couplings(w, n * m, 0.5, m);
		for (size_t k = 0; k < 128; k++)
			for (size_t i = 0; i < n; i++)
				rows[k * n + i] = !i || (k >> (i - 1) & 1) ? 1 : -1;
		ck_assert_int_eq(rbm_log_z(&r, 1, &z, NULL), 0);
		ck_assert_int_eq(rbm_log_p_star(NULL, &r, rows, 128, log_p, NULL, NULL), 0);
		ck_assert_int_eq(rbm_sum_log_p_star(NULL, &r, rows, 128, &total, NULL), 0);
		sum = 0;
		for (size_t k = 0; k < 128; k++) {
			sum += exp(log_p[k] - z);
			total -= log_p[k];
		}
		ck_assert_double_le(fabs(sum - 1), 1e-13);
		ck_assert_double_le(fabs(total), 1e-10);
	}
}
END_TEST

/* Without reference spins every W gives an even law; with one it does not. */
START_TEST(law_is_even_without_reference_spins)
{
	int8_t rows[2 * 7];
	double w[7 * 5], log_p[2];

	random_couplings(w, 35, 0.8, 21);
	for (unsigned int v = 0; v < 128; v++) {
		struct rbm r = { .n = 7, .m = 5, .beta = 1, .w = w };

		for (size_t i = 0; i < 7; i++) {
			rows[i] = v >> i & 1 ? 1 : -1;
			rows[7 + i] = -rows[i];
		}
		ck_assert_int_eq(rbm_log_p_star(NULL, &r, rows, 2, log_p, NULL, NULL), 0);
		ck_assert(log_p[0] == log_p[1]);
		r.ref_h = true;
		ck_assert_int_eq(rbm_log_p_star(NULL, &r, rows, 2, log_p, NULL, NULL), 0);
		ck_assert(fabs(log_p[0] - log_p[1]) > 1e-6);
	}
}
END_TEST

/* rbm_positive - count <v_i h_j> is the gradient of the log-likelihood, more than a chunk of rows. */
START_TEST(likelihood_gradient)
{
	enum { N = 9, M = 6, ROWS = 300 };
	int8_t rows[ROWS * N];
	double w[N * M], positive[N * M], model[N * M], z, beta = 0.8;
	struct rbm r = { .n = N, .m = M, .ref_v = true, .ref_h = true, .beta = beta, .w = w };

	random_couplings(w, N * M, 0.3, 2);
	for (size_t i = 0; i < sizeof(rows); i++)
		rows[i] = i % N == 0 || splitmix_uniform(4, i) < 0.3 ? 1 : -1;
	ck_assert_int_eq(rbm_positive(&r, rows, ROWS, positive, NULL), 0);
	ck_assert_int_eq(rbm_moments(&r, 1, model, &z, NULL), 0);
	for (size_t i = 1; i < N * M; i++) {
		double up, down, z_up, z_down, step = 1e-4, kept = w[i];
		double gradient = beta * (positive[i] - ROWS * model[i]);

		w[i] = kept + step;
		ck_assert_int_eq(rbm_sum_log_p_star(NULL, &r, rows, ROWS, &up, NULL), 0);
		ck_assert_int_eq(rbm_log_z(&r, 1, &z_up, NULL), 0);
		w[i] = kept - step;
		ck_assert_int_eq(rbm_sum_log_p_star(NULL, &r, rows, ROWS, &down, NULL), 0);
		ck_assert_int_eq(rbm_log_z(&r, 1, &z_down, NULL), 0);
		w[i] = kept;
		ck_assert_double_le(
			fabs((up - down - ROWS * (z_up - z_down)) / (2 * step) - gradient),
			1e-6 * ROWS);
	}
}
END_TEST

START_TEST(reconstruction)
{
	/* One hidden p-bit that copies v_1: v_1 comes back, v_2 (uncoupled) is a tie. */
	double w[3 * 2] = { 0, 0, 0, 2, 0, 0 }, log_p[2], errors;
	struct rbm r = { .n = 3, .m = 2, .ref_v = true, .ref_h = true, .beta = 1, .w = w };
	static const int8_t rows[] = { 1, 1, 1, 1, -1, -1 };

	ck_assert_int_eq(rbm_log_p_star(NULL, &r, rows, 2, log_p, &errors, NULL), 0);
	ck_assert_double_eq(errors, 1);
	w[4] = 1; /* visible bias of v_2: right once, wrong once */
	ck_assert_int_eq(rbm_log_p_star(NULL, &r, rows, 2, log_p, &errors, NULL), 0);
	ck_assert_double_eq(errors, 1);
	w[2] = -9; /* and v_1 pulled down: wrong in the first row */
	ck_assert_int_eq(rbm_log_p_star(NULL, &r, rows, 2, log_p, &errors, NULL), 0);
	ck_assert_double_eq(errors, 2);
}
END_TEST

START_TEST(refusals)
{
	static double w[23 * 23];
	struct rbm r = { .n = 23, .m = 23, .beta = 1, .w = w };
	int8_t row[23] = { 1 };
	double out[2] = { 7, 7 };
	struct err e = {};

	row[1] = -1;
	ck_assert_uint_eq(rbm_smaller_layer(&r), 23);
	ck_assert_int_eq(rbm_log_z(&r, 1, out, &e), -E2BIG);
	ck_assert_ptr_nonnull(strstr(e.text, "23 free p-bits"));
	r.ref_h = true;
	ck_assert(rbm_is_exact(&r));

	r = (struct rbm){ .n = 2, .m = 2, .beta = 1, .w = w };
	w[3] = NAN;
	e = (struct err){};
	ck_assert_int_eq(rbm_log_z(&r, 1, out, &e), -EDOM);
	ck_assert_ptr_nonnull(strstr(e.text, "row 1, column 1"));
	ck_assert_int_eq(rbm_moments(&r, 1, out, NULL, NULL), -EDOM);
	ck_assert_int_eq(rbm_log_p_star(NULL, &r, row, 1, out, NULL, NULL), -EDOM);
	ck_assert_int_eq(rbm_sum_log_p_star(NULL, &r, row, 1, out, NULL), -EDOM);
	w[3] = 1e308;
	w[2] = 1e308;
	ck_assert_int_eq(rbm_log_z(&r, 1, out, NULL), -EDOM);
	w[3] = w[2] = 0;
	r.beta = INFINITY;
	ck_assert_int_eq(rbm_log_z(&r, 1, out, NULL), -EDOM);
	r.beta = 1;
	r.n = 0;
	ck_assert_int_eq(rbm_log_z(&r, 1, out, NULL), -EINVAL);
	ck_assert_int_eq(rbm_log_p_star(NULL, &r, row, 1, out, NULL, NULL), -EINVAL);
	ck_assert(out[0] == 7 && out[1] == 7);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rbm_exact");
	TCase *t = tcase_create("exact");

	tcase_add_loop_test(t, sums_agree_with_brute_force, 0, ARRAY_SIZE(shapes));
	tcase_add_test(t, huge_fields_take_the_other_route);
	tcase_add_test(t, routes_join);
	tcase_add_test(t, bits_do_not_depend_on_threads);
	tcase_add_test(t, probabilities_sum_to_one);
	tcase_add_test(t, law_is_even_without_reference_spins);
	tcase_add_test(t, likelihood_gradient);
	tcase_add_test(t, reconstruction);
	tcase_add_test(t, refusals);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return run_suite(s);
}
