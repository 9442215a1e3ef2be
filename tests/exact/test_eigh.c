// SPDX-License-Identifier: MIT
/* The derivative of an eigendecomposition: right where eigenvalues are far apart, and only there. */
#include "exact/mixing.h"
#include "splitmix.h"
#include "support.h"
#include "trap/eigh.h"

struct both {
	double w[20];
	struct exact_model mo;
	struct exact_even *even;
	struct exact_mixing *mixing;
	struct eigh *eigh;
};

static void both_make(struct both *b, unsigned int n, unsigned int m, double sd)
{
	struct exact_ask ask = { .kernel = EXACT_RANDOM_SCAN, .gradient = true };
	struct err e = {};

	*b = (struct both){ .mo = { .n = n, .m = m, .beta = 0.8, .w = b->w } };
	for (size_t i = 0; i < (size_t)n * m; i++)
		b->w[i] = sd * splitmix_normal(21, i);
	ck_assert_msg(exact_even_new(&b->mo, NULL, &b->even, &e) == 0, "%s", e.text);
	ck_assert_msg(exact_mixing(b->even, &ask, NULL, &b->mixing, &e) == 0, "%s", e.text);
	ck_assert_msg(eigh_gradient(b->even, &b->eigh, &e) == 0, "%s", e.text);
}

static void both_free(struct both *b)
{
	exact_even_free(b->even);
	exact_mixing_free(b->mixing);
	eigh_free(b->eigh);
}

static double smallest_gap(const struct both *b)
{
	double gap = INFINITY;

	for (size_t k = 1; k < b->even->states; k++)
		gap = fmin(gap, b->eigh->lambda[k] - b->eigh->lambda[k - 1]);
	return gap;
}

static const unsigned int shapes[][2] = { { 1, 2 }, { 3, 5 }, { 4, 5 }, { 5, 4 } };

START_TEST(right_where_eigenvalues_are_apart)
{
	unsigned int n = shapes[_i][0], m = shapes[_i][1];
	double most = 0, error = 0;
	struct both b;

	both_make(&b, n, m, 0.5);
	ck_assert_double_ge(smallest_gap(&b), 1e-6);
	ck_assert_double_eq_tol(b.eigh->lambda[b.even->states - 1], 1, 1e-14);
	ck_assert_double_eq_tol(b.eigh->t_o / b.mixing->t_o, 1, 1e-13);
	for (size_t i = 0; i < (size_t)n * m; i++) {
		most = fmax(most, fabs(b.mixing->dt_o[i]));
		error = fmax(error, fabs(b.eigh->dt_o[i] - b.mixing->dt_o[i]));
	}
	ck_assert_double_gt(most, 0.1);
	ck_assert_double_le(error, 1e-11 * most);
	both_free(&b);
}
END_TEST

/* The value does not suffer where the gradient does: T_O = n m (n + m) / 2, eigenvalues 1 - k / N. */
START_TEST(value_without_couplings)
{
	struct both b;
	size_t at = 127;

	both_make(&b, 4, 4, 0);
	ck_assert_double_eq_tol(b.eigh->t_o, 64, 1e-11);
	for (unsigned int k = 0, ways = 1; k <= 8; k += 2) {
		for (unsigned int i = 0; i < ways; i++)
			ck_assert_double_eq_tol(b.eigh->lambda[at--], 1 - k / 8.0, 1e-14);
		ways = ways * (8 - k) * (7 - k) / ((k + 1) * (k + 2));
	}
	ck_assert_double_le(smallest_gap(&b), 1e-15);
	both_free(&b);
}
END_TEST

START_TEST(too_large)
{
	struct exact_even v = { .model = { .n = 8, .m = 8, .beta = 1 }, .states = 1 << 15 };
	struct eigh *g = NULL;
	struct err e = {};

	ck_assert_int_eq(eigh_gradient(&v, &g, &e), -E2BIG);
	ck_assert_ptr_null(g);
	ck_assert_ptr_nonnull(strstr(e.text, "32768"));
}
END_TEST

static void add(TCase *t)
{
	tcase_add_loop_test(t, right_where_eigenvalues_are_apart, 0, ARRAY_SIZE(shapes));
	tcase_add_test(t, value_without_couplings);
	tcase_add_test(t, too_large);
}

int main(void)
{
	return run_cases("eigh", add);
}
