// SPDX-License-Identifier: MIT
/* Eigenvalues: known ones, the plain sum against the resolvent, gamma against a dense solver. */
#include "brute.h"
#include "exact/report.h"

void dsyev_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w,
	    double *work, const int *lwork, int *info);

static void spectrum(const double *w, unsigned int n, unsigned int m, enum exact_kernel k,
		     struct exact_spectrum *ret)
{
	struct exact_model mo = { n, m, 1, w };
	_cleanup_exact_even_ struct exact_even *v = NULL;
	struct err e = { 0 };

	ck_assert_int_eq(exact_even_new(&mo, NULL, &v, NULL), 0);
	ck_assert_msg(exact_spectrum(v, k, NULL, ret, &e) == 0, "%s", e.text);
}

/* W = 0: 1 - k/N; even observables of two p-bits see k = 2 alone. */
START_TEST(test_no_couplings)
{
	const double w[MAX_W] = { 0 };

	for (unsigned int m = 1; m <= 6; m++) {
		struct exact_spectrum s;

		spectrum(w, m, m, EXACT_RANDOM_SCAN, &s);
		ck_assert_double_lt(relative(s.gamma, 1.0 / m), 1e-13);
		ck_assert_double_lt(relative(s.gamma_observed, 1.0 / m), 1e-13);
		ck_assert_double_lt(relative(s.t_o, m * m * m), 1e-13);
		ck_assert_double_eq(s.gamma_bulk, 1);
		ck_assert_double_eq(s.cluster_share, 1);
		ck_assert(s.converged);
	}
}
END_TEST

START_TEST(test_sum_is_the_resolvent)
{
	for (unsigned int m = 2; m <= 5; m++) {
		struct exact_ask ask = { .kernel = (enum exact_kernel)_i };
		struct exact_spectrum s;
		struct exact_mixing *x;
		double w[MAX_W];

		random_couplings(w, m * (m + 1), 0.9, m);
		x = mixing(w, m, m + (m & 1), 1, &ask);
		spectrum(w, m, m + (m & 1), ask.kernel, &s);
		ck_assert(s.converged);
		ck_assert_double_lt(relative(s.t_o, x->t_o), 1e-12);
		ck_assert_double_le(s.gamma, s.gamma_observed * (1 + 1e-6));
		ck_assert_double_le(s.gamma_observed, s.gamma_bulk);
		ck_assert_double_ge(s.cluster_share, 0.5);
		exact_mixing_free(x);
	}
}
END_TEST

/* The second eigenvalue of an even function of P on all states, symmetrised. */
static double dense_gamma(const struct brute *b)
{
	int n = (int)b->states / 2, lwork = 64 * n, info;
	double *a = calloc((size_t)n * n, sizeof(*a)), *eig = calloc((size_t)n, sizeof(*eig));
	double *work = calloc((size_t)lwork, sizeof(*work)), gamma;
	unsigned int top = b->states / 2;

	for (int s = 0; s < n; s++)
		for (int t = 0; t < n; t++) {
			const real *row = b->p + (size_t)(s | (int)top) * b->states;
			real p = row[t | (int)top] + row[(~t & (n - 1))];

			a[s * n + t] =
				(double)(sqrtl(b->pi[s | (int)top] / b->pi[t | (int)top]) * p);
		}
	dsyev_("N", "U", &n, a, &n, eig, work, &lwork, &info);
	ck_assert_int_eq(info, 0);
	ck_assert_double_eq_tol(eig[n - 1], 1, 1e-13);
	gamma = 1 - eig[n - 2];
	free(a);
	free(eig);
	free(work);
	return gamma;
}

START_TEST(test_gamma)
{
	static const unsigned int shapes[][2] = { { 2, 2 }, { 2, 3 }, { 3, 3 } };

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		unsigned int n = shapes[i][0], m = shapes[i][1];
		double w[MAX_W];
		struct exact_spectrum s;
		struct brute b;

		random_couplings(w, n * m, 1.5, i);
		brute_init(&b, w, n, m, 1, (enum exact_kernel)_i);
		spectrum(w, n, m, (enum exact_kernel)_i, &s);
		ck_assert_double_lt(relative(s.gamma, dense_gamma(&b)), 1e-10);
		brute_free(&b);
	}
}
END_TEST

/* Two pairs, and a third that is weaker: one slow mode, far from the rest. */
START_TEST(test_bulk)
{
	const double w[9] = { 4, 0, 0, 0, 4, 0, 0, 0, 0.5 };
	struct exact_spectrum s;

	spectrum(w, 3, 3, EXACT_RANDOM_SCAN, &s);
	ck_assert_double_lt(s.gamma, 1e-3);
	ck_assert_double_lt(relative(s.gamma_observed, s.gamma), 1e-9);
	ck_assert_double_gt(s.cluster_share, 0.5);
	ck_assert_double_gt(s.gamma_bulk, 20 * s.gamma);
}
END_TEST

START_TEST(test_refused)
{
	struct exact_model mo = { 2, 2, 1, reference_w };
	_cleanup_exact_even_ struct exact_even *v = NULL;
	struct exact_spectrum s;

	ck_assert_int_eq(exact_even_new(&mo, NULL, &v, NULL), 0);
	ck_assert_int_eq(exact_spectrum(v, EXACT_ALTERNATING, NULL, &s, NULL), -EOPNOTSUPP);
	ck_assert_int_eq(exact_spectrum(v, EXACT_RANDOM_SCAN,
					&(struct exact_run){ .memory = 10000 }, &s, NULL),
			 -EFBIG);
}
END_TEST

START_TEST(test_report)
{
	struct exact_report_ask ask = { .mixing = { .gradient = true },
					.spectrum = true,
					.quad = true,
					.k_steps = 100,
					.g2 = 2 };
	struct exact_model mo = { 2, 2, 1, reference_w };
	struct exact_report *r = NULL;

	ck_assert_int_eq(exact_report(&mo, &ask, NULL, &r, NULL), 0);
	ck_assert(r->has_quad && r->has_spectrum && r->a2_all);
	ck_assert_double_lt(r->value_agreement, 1e-15);
	ck_assert_double_lt(r->a2, 1e-17);
	ck_assert_double_lt(relative(r->q_struct, 100 / 8.331609849209988), 1e-14);
	exact_report_free(r);

	ask.mixing.kernel = EXACT_ALTERNATING;
	ck_assert_int_eq(exact_report(&mo, &ask, NULL, &r, NULL), 0);
	ck_assert_ptr_null(r->mixing);
	ck_assert_ptr_nonnull(strstr(r->refused.text, "not reversible"));
	ck_assert_double_eq_tol(r->a2, 1e-2, 0.5e-3);
	ck_assert(isnan(r->value_agreement) && isnan(r->q_struct));
	ck_assert(!r->has_quad && !r->has_spectrum);
	exact_report_free(r);
}
END_TEST

/* A gap that double eigenvalues cannot hold is not called converged; the resolvent has it. */
START_TEST(test_gap_below_doubles)
{
	const double w[4] = { 24, 0, 0, 24 };
	struct exact_report_ask ask = { .mixing = { .kernel = (enum exact_kernel)_i },
					.spectrum = true,
					.quad = true };
	struct exact_model mo = { 2, 2, 1, w };
	struct exact_report *r = NULL;

	ck_assert_int_eq(exact_report(&mo, &ask, NULL, &r, NULL), 0);
	ck_assert_double_gt(r->mixing->t_o, 1e20);
	ck_assert(!r->spectrum.converged);
	if (!r->has_quad)
		ck_assert(isnan(r->value_agreement));
	else
		ck_assert_double_lt(r->value_agreement, 1e-14);
	exact_report_free(r);
}
END_TEST

static void add(TCase *t)
{
	tcase_add_test(t, test_no_couplings);
	tcase_add_loop_test(t, test_sum_is_the_resolvent, 0, EXACT_ALTERNATING);
	tcase_add_loop_test(t, test_gamma, 0, EXACT_ALTERNATING);
	tcase_add_test(t, test_bulk);
	tcase_add_test(t, test_refused);
	tcase_add_test(t, test_report);
	tcase_add_loop_test(t, test_gap_below_doubles, 0, EXACT_ALTERNATING);
}

int main(void)
{
	return run_cases("spectrum", add);
}
