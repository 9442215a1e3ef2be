// SPDX-License-Identifier: MIT
/* T_O and tau_int against published numbers, the definition, and differences of themselves. */
#include "brute.h"

static const enum exact_route routes[] = { EXACT_CHOLESKY, EXACT_CG };

START_TEST(test_reference_instance)
{
	const double want[4] = { -0.0529257336, 0.1564308348, 0.3542240721, -0.3752691138 };
	struct exact_ask ask = { .gradient = true, .route = routes[_i] };
	_cleanup_exact_mixing_ struct exact_mixing *x = mixing(reference_w, 2, 2, 1, &ask);

	ck_assert_double_eq_tol(x->t_o, 8.331609849209988, 4e-15);
	ck_assert_double_eq_tol(x->var, 3.402558280482539, 2e-15);
	for (int a = 0; a < 4; a++)
		ck_assert_double_eq_tol(x->dt_o[a], want[a], 5.1e-11);
	ck_assert_int_eq(x->dense, ask.route == EXACT_CHOLESKY);
	ck_assert_double_eq(x->steps_per_sweep, 4);
}
END_TEST

/* Exactly degenerate eigenvalues 1 - k/N; every f_ij has 1 - sigma = 2/N. */
START_TEST(test_no_couplings)
{
	static const unsigned int shapes[][2] = { { 1, 1 }, { 2, 2 }, { 3, 3 }, { 4, 4 }, { 5, 5 },
						  { 6, 6 }, { 1, 3 }, { 3, 2 }, { 4, 5 } };
	const double w[MAX_W] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		unsigned int n = shapes[i][0], m = shapes[i][1];
		struct exact_ask ask = { .gradient = true,
					 .dtau = true,
					 .observable = EXACT_WORST,
					 .route = n + m < 11 ? routes[_i] : EXACT_AUTO };
		_cleanup_exact_mixing_ struct exact_mixing *x = mixing(w, n, m, 0.7, &ask);
		double want = n * m * (n + m) / 2.0;

		ck_assert_double_eq_tol(x->t_o, want, 1e-15 * want);
		ck_assert_double_eq_tol(x->var, n * m, 1e-15 * n * m);
		ck_assert_double_eq_tol(x->tau_max, n + m - 1, 1e-14 * (n + m));
		for (size_t a = 0; a < n * m; a++) {
			ck_assert_double_eq_tol(x->dt_o[a], 0, 1e-14 * want);
			ck_assert_double_eq_tol(x->dtau[a], 0, 1e-14 * want);
		}
	}
}
END_TEST

static void against_definition(unsigned int n, unsigned int m, double scale, uint64_t seed,
			       enum exact_kernel kernel)
{
	double w[MAX_W];
	struct brute b;
	struct exact_ask ask = { .kernel = kernel };
	struct exact_mixing *x;

	random_couplings(w, n * m, scale, seed);
	brute_init(&b, w, n, m, 1.3, kernel);
	brute_resolvent(&b);
	x = mixing(w, n, m, 1.3, &ask);
	ck_assert_double_lt(relative(x->t_o, (double)b.t_o), 1e-14);
	for (size_t a = 0; a < n * m; a++) {
		double tau = (double)(2 * b.g[a] / b.var[a] - 1);

		ck_assert_double_lt(relative(x->g[a], (double)b.g[a]), 1e-14);
		ck_assert_double_lt(relative(x->var_a[a], (double)b.var[a]), 1e-14);
		ck_assert_double_eq_tol(x->tau[a], tau, 1e-13 * (1 + tau));
		ck_assert_double_le(x->tau[a], x->tau_max);
	}
	ck_assert_double_eq(x->tau[x->worst], x->tau_max);
	exact_mixing_free(x);
	brute_free(&b);
}

START_TEST(test_definition)
{
	static const unsigned int shapes[][2] = { { 1, 1 }, { 1, 3 }, { 3, 1 }, { 2, 2 },
						  { 2, 3 }, { 3, 2 }, { 3, 3 } };

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		for (uint64_t seed = 1; seed <= 2; seed++)
			against_definition(shapes[i][0], shapes[i][1], seed == 1 ? 0.6 : 1.8, seed,
					   (enum exact_kernel)_i);
}
END_TEST

/* The best of central differences over steps; *ret_scale: the largest difference quotient. */
static double difference_error(const double *w, unsigned int n, unsigned int m,
			       const struct exact_ask *ask, const struct exact_mixing *x,
			       bool of_tau)
{
	const double *grad = of_tau ? x->dtau : x->dt_o;
	double worst = 0, scale = 0;

	for (size_t a = 0; a < n * m; a++) {
		double best = INFINITY;

		for (double h = 1e-3; h > 1e-6; h /= 4) {
			double at[2], v[MAX_W];

			for (int k = 0; k < 2; k++) {
				struct exact_mixing *y;

				memcpy(v, w, n * m * sizeof(*v));
				v[a] += k ? h : -h;
				y = mixing(v, n, m, 0.9, ask);
				at[k] = of_tau ? y->tau[x->dtau_of] : y->t_o;
				exact_mixing_free(y);
			}
			best = fmin(best, fabs((at[1] - at[0]) / (2 * h) - grad[a]));
		}
		worst = fmax(worst, best);
		scale = fmax(scale, fabs(grad[a]));
	}
	return worst / scale;
}

START_TEST(test_differences)
{
	static const unsigned int shapes[][2] = { { 2, 2 }, { 2, 3 }, { 3, 2 }, { 4, 4 } };
	struct exact_ask value = { .kernel = (enum exact_kernel)_i };
	struct exact_ask ask = { .kernel = (enum exact_kernel)_i,
				 .gradient = true,
				 .dtau = true,
				 .observable = EXACT_WORST };

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		unsigned int n = shapes[i][0], m = shapes[i][1];
		struct exact_mixing *x;
		double w[MAX_W], log_grad[MAX_W];

		random_couplings(w, n * m, 1.1, 7 + i);
		ask.observable = i % 2 ? EXACT_WORST : 1;
		x = mixing(w, n, m, 0.9, &ask);
		ck_assert_uint_eq(x->dtau_of, i % 2 ? x->worst : 1);
		ck_assert_double_lt(difference_error(w, n, m, &value, x, false), 1e-8);
		ck_assert_double_lt(difference_error(w, n, m, &value, x, true), 1e-8);
		exact_log_t_o_gradient(x, log_grad);
		for (size_t a = 0; a < n * m; a++)
			ck_assert_double_eq_tol(log_grad[a] * x->t_o, x->dt_o[a],
						1e-14 * fabs(x->dt_o[a]));
		exact_mixing_free(x);
	}
}
END_TEST

/* Swapping the layers is a relabelling for the kernels that treat them alike. */
START_TEST(test_transposed)
{
	static const enum exact_kernel same[] = { EXACT_RANDOM_SCAN, EXACT_RANDOM_2_BLOCK,
						  EXACT_MIXTURE };
	struct exact_ask ask = { .kernel = same[_i], .gradient = true };
	double w[12], t[12];
	struct exact_mixing *x, *y;

	random_couplings(w, 12, 1.4, 3);
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 4; j++)
			t[j * 3 + i] = w[i * 4 + j];
	x = mixing(w, 3, 4, 1, &ask);
	y = mixing(t, 4, 3, 1, &ask);
	ck_assert_double_lt(relative(x->t_o, y->t_o), 2e-15);
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 4; j++)
			ck_assert_double_eq_tol(x->dt_o[i * 4 + j], y->dt_o[j * 3 + i],
						1e-13 * x->t_o);
	exact_mixing_free(x);
	exact_mixing_free(y);
}
END_TEST

START_TEST(test_routes_agree)
{
	for (unsigned int m = 3; m <= 5; m++) {
		struct exact_ask ask = { .gradient = true, .route = EXACT_CHOLESKY };
		struct exact_mixing *x, *y;
		double w[MAX_W];

		random_couplings(w, m * (m + 1), 1.2, m);
		x = mixing(w, m, m + (m & 1), 1, &ask);
		ask.route = EXACT_CG;
		y = mixing(w, m, m + (m & 1), 1, &ask);
		ck_assert(x->dense && !y->dense);
		ck_assert_uint_gt(y->iterations, 5);
		ck_assert_double_lt(relative(x->t_o, y->t_o), 1e-15);
		for (size_t a = 0; a < m * (m + (m & 1)); a++)
			ck_assert_double_eq_tol(x->dt_o[a], y->dt_o[a], 1e-12 * x->t_o);
		ck_assert_double_lt(y->residual, 4e-14);
		ck_assert_double_ge(y->condition, 1);
		ck_assert_double_lt(y->condition, 100);
		exact_mixing_free(x);
		exact_mixing_free(y);
	}
}
END_TEST

static void check_same_bits(const struct exact_mixing *x, const struct exact_mixing *y)
{
	size_t size = (size_t)x->n * x->m * sizeof(double);

	ck_assert_mem_eq(&x->t_o, &y->t_o, sizeof(double));
	ck_assert_mem_eq(x->g, y->g, size);
	ck_assert_mem_eq(x->dt_o, y->dt_o, size);
	ck_assert_mem_eq(x->dtau, y->dtau, size);
	ck_assert_mem_eq(&x->condition, &y->condition, sizeof(double));
	ck_assert_uint_eq(x->dtau_of, y->dtau_of);
}

START_TEST(test_same_bits_for_any_number_of_threads)
{
	struct exact_ask ask = { .kernel = (enum exact_kernel)_i,
				 .gradient = true,
				 .dtau = true,
				 .observable = EXACT_WORST };
	struct exact_mixing *x;
	double w[MAX_W];

	random_couplings(w, 25, 1, 5);
	x = mixing(w, 5, 5, 1, &ask);
	for (unsigned int threads = 2; threads <= 9; threads++) {
		struct exact_model mo = { 5, 5, 1, w };
		struct exact_run run = { .threads = threads };
		struct exact_mixing *y = NULL;

		ck_assert_int_eq(exact_mixing_of(&mo, &ask, &run, &y, NULL), 0);
		check_same_bits(x, y);
		exact_mixing_free(y);
	}
	exact_mixing_free(x);
}
END_TEST

START_TEST(test_warm_start)
{
	struct exact_ask ask = { .route = EXACT_CG, .keep_x = true, .tolerance = 1e-10 };
	struct exact_mixing *cold, *near, *warm;
	double w[MAX_W];

	random_couplings(w, 25, 1, 5);
	near = mixing(w, 5, 5, 1, &ask);
	ck_assert_uint_ge(near->x_count, 512 * 25);
	w[3] += 1e-5;
	cold = mixing(w, 5, 5, 1, &ask);
	ask.x0 = near->x;
	warm = mixing(w, 5, 5, 1, &ask);
	ck_assert_uint_lt(warm->iterations, cold->iterations);
	ck_assert_double_lt(relative(warm->t_o, cold->t_o), 1e-15);
	exact_mixing_free(cold);
	exact_mixing_free(near);
	exact_mixing_free(warm);
}
END_TEST

/* G is of second order in the residual: half of the digits of x are enough. */
START_TEST(test_loose_tolerance)
{
	struct exact_ask ask = { .route = EXACT_CG };
	struct exact_mixing *x, *y;
	double w[MAX_W];

	random_couplings(w, 16, 1, 9);
	x = mixing(w, 4, 4, 1, &ask);
	ask.tolerance = 1e-8;
	y = mixing(w, 4, 4, 1, &ask);
	ck_assert_uint_lt(y->iterations, x->iterations);
	ck_assert_double_gt(y->residual, 1e-11);
	ck_assert_double_lt(relative(y->t_o, x->t_o), 3e-15);
	exact_mixing_free(x);
	exact_mixing_free(y);
}
END_TEST

START_TEST(test_q_struct)
{
	ck_assert_double_eq(exact_q_struct(100, 0.5, 25), 1);
	ck_assert(isinf(exact_q_struct(100, 0.5, 0)));
}
END_TEST

static void add(TCase *t)
{
	tcase_add_loop_test(t, test_reference_instance, 0, 2);
	tcase_add_loop_test(t, test_no_couplings, 0, 2);
	tcase_add_loop_test(t, test_definition, 0, EXACT_ALTERNATING);
	tcase_add_loop_test(t, test_differences, 0, EXACT_ALTERNATING);
	tcase_add_loop_test(t, test_transposed, 0, 3);
	tcase_add_test(t, test_routes_agree);
	tcase_add_loop_test(t, test_same_bits_for_any_number_of_threads, 0, EXACT_ALTERNATING);
	tcase_add_test(t, test_warm_start);
	tcase_add_test(t, test_loose_tolerance);
	tcase_add_test(t, test_q_struct);
}

int main(void)
{
	return run_cases("mixing", add);
}
