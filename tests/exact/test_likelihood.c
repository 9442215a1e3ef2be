// SPDX-License-Identifier: MIT
/* ln Z, means and the ln-likelihood against sums over all states. */
#include "brute.h"
#include "exact/likelihood.h"

START_TEST(test_even_sector)
{
	static const unsigned int shapes[][2] = {
		{ 1, 1 }, { 1, 4 }, { 4, 1 }, { 2, 3 }, { 4, 4 }
	};

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		unsigned int n = shapes[i][0], m = shapes[i][1];
		double w[MAX_W];
		struct exact_model mo = { n, m, 0.8, w };
		_cleanup_exact_even_ struct exact_even *v = NULL;
		struct brute b = { .n = n, .m = m, .states = 1u << (n + m), .beta = 0.8, .w = w };

		random_couplings(w, n * m, 2, i);
		ck_assert_int_eq(exact_even_new(&mo, NULL, &v, NULL), 0);
		brute_weights(&b);
		ck_assert_double_eq_tol(v->ln_z, (double)b.ln_z, 1e-14);
		for (size_t s = 0; s < v->states; s++) {
			/* The last hidden p-bit is up: the top bit of the whole state. */
			double want = (double)(2 * b.pi[s | v->states]);

			ck_assert_double_lt(relative(v->pi[s], want), 3e-16);
			ck_assert_double_eq_tol(v->log_pi[s], log(want), 1e-14);
		}
		for (unsigned int a = 0; a < n * m; a++) {
			real mean = 0;

			for (unsigned int s = 0; s < b.states; s++)
				mean += b.pi[s] * brute_spin(s, a / m) * brute_spin(s, n + a % m);
			ck_assert_double_eq_tol(v->mean[a], (double)mean, 1e-15);
			ck_assert_double_eq_tol(v->var[a], (double)(1 - mean * mean), 1e-15);
		}
		free(b.pi);
	}
}
END_TEST

/* Far past what exp can hold: ground states alone are left, and ln Z is right. */
START_TEST(test_strong_coupling)
{
	static const double strengths[] = { 30, 350, 4000, 1e9 };
	double w[4] = { 0 }, s = strengths[_i];
	struct exact_model mo = { 2, 2, 1, w };
	_cleanup_exact_even_ struct exact_even *v = NULL;

	w[0] = w[3] = s;
	ck_assert_int_eq(exact_even_new(&mo, NULL, &v, NULL), 0);
	ck_assert_double_lt(relative(v->ln_z, 2 * s + log(4)), 1e-15);
	for (size_t k = 0; k < v->states; k++)
		ck_assert(isfinite(v->log_pi[k]) && v->log_pi[k] <= 0);
	ck_assert_double_eq(v->var[0], 4 * v->plus[0] * v->minus[0]);
	ck_assert_double_eq(v->var[1], 1);
	if (s < 350.5)
		ck_assert_double_lt(relative(v->minus[0], exp(-2 * s) / (1 + exp(-2 * s))), 1e-13);
	else
		ck_assert_double_eq(v->minus[0], 0);
}
END_TEST

static double likelihood(const double *w, const int8_t *rows, const double *weight, double *grad,
			 double *g2)
{
	struct exact_model mo = { 3, 2, 0.7, w };
	_cleanup_exact_even_ struct exact_even *v = NULL;
	double ret = NAN;

	ck_assert_int_eq(exact_even_new(&mo, NULL, &v, NULL), 0);
	ck_assert_int_eq(exact_likelihood(v, rows, 3, weight, &ret, grad, g2, NULL), 0);
	return ret;
}

START_TEST(test_likelihood)
{
	const int8_t rows[9] = { 1, 1, -1, -1, 1, 1, 1, 1, 1 };
	const double weight[3] = { 1, 0, 3 }, share[3] = { 0.25, 0, 0.75 };
	double w[6], grad[6], want = 0, g2, sum = 0;
	struct brute b = { .n = 3, .m = 2, .states = 32, .beta = 0.7, .w = w };

	random_couplings(w, 6, 1, 3);
	brute_weights(&b);
	for (int d = 0; d < 3; d++) {
		unsigned int v = 0;
		real p = 0;

		for (unsigned int i = 0; i < 3; i++)
			v |= (unsigned int)(rows[d * 3 + (int)i] > 0) << i;
		for (unsigned int h = 0; h < 4; h++)
			p += b.pi[h << 3 | v];
		want += share[d] * (double)logl(p);
	}
	free(b.pi);
	ck_assert_double_eq_tol(likelihood(w, rows, weight, grad, &g2), want, 1e-14);
	for (int a = 0; a < 6; a++) {
		double h = 1e-5, at[2], keep = w[a];

		for (int k = 0; k < 2; k++) {
			w[a] = keep + (k ? h : -h);
			at[k] = likelihood(w, rows, weight, NULL, NULL);
		}
		w[a] = keep;
		ck_assert_double_eq_tol((at[1] - at[0]) / (2 * h), grad[a], 1e-9);
		sum += grad[a] * grad[a] / 0.49;
	}
	ck_assert_double_lt(relative(g2, sum), 1e-14);
}
END_TEST

START_TEST(test_visible_law)
{
	double w[12], log_p[8], sum = 0;
	struct exact_model mo = { 3, 4, 1, w };
	_cleanup_exact_even_ struct exact_even *v = NULL;

	random_couplings(w, 12, 1.5, 3);
	ck_assert_int_eq(exact_even_new(&mo, NULL, &v, NULL), 0);
	ck_assert_int_eq(exact_log_p_visible(v, log_p, NULL), 0);
	for (int s = 0; s < 8; s++) {
		int8_t row[3];
		double one;

		for (int i = 0; i < 3; i++)
			row[i] = s >> i & 1 ? 1 : -1;
		ck_assert_int_eq(exact_likelihood(v, row, 1, NULL, &one, NULL, NULL, NULL), 0);
		ck_assert_double_eq_tol(one, log_p[s], 1e-14);
		sum += exp(log_p[s]);
	}
	ck_assert_double_eq_tol(sum, 1, 1e-14);
}
END_TEST

START_TEST(test_bad_data)
{
	struct exact_model mo = { 2, 2, 1, reference_w };
	_cleanup_exact_even_ struct exact_even *v = NULL;
	const int8_t good[4] = { 1, -1, 1, 1 }, bad[4] = { 1, -1, 0, 1 };
	const double weights[][2] = { { 1, -1 }, { NAN, 1 }, { INFINITY, 1 }, { 0, 0 } };
	double ret = 7;
	struct err e = { 0 };

	ck_assert_int_eq(exact_even_new(&mo, NULL, &v, NULL), 0);
	ck_assert_int_eq(exact_likelihood(v, bad, 2, NULL, &ret, NULL, NULL, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "row 1, spin 0"));
	for (size_t i = 0; i < ARRAY_SIZE(weights); i++)
		ck_assert_int_eq(exact_likelihood(v, good, 2, weights[i], &ret, NULL, NULL, NULL),
				 -EINVAL);
	ck_assert_int_eq(exact_likelihood(v, good, 0, NULL, &ret, NULL, NULL, NULL), -EINVAL);
	ck_assert_double_eq(ret, 7);
}
END_TEST

static void add(TCase *t)
{
	tcase_add_test(t, test_even_sector);
	tcase_add_loop_test(t, test_strong_coupling, 0, 4);
	tcase_add_test(t, test_likelihood);
	tcase_add_test(t, test_visible_law);
	tcase_add_test(t, test_bad_data);
}

int main(void)
{
	return run_cases("likelihood", add);
}
