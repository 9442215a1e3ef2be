// SPDX-License-Identifier: MIT
/*
 * Gaps from 1 to below 1e-12, and couplings past all doubles: an answer is within its own bounds of
 * the __float128 reference, or there is none.
 */
#include "exact/quad.h"
#include "support.h"

struct tally {
	unsigned int answered, refused, unchecked;
	double largest;
};

static void judge(const double *w, unsigned int n, unsigned int m, const struct exact_ask *ask,
		  struct tally *t)
{
	struct exact_model mo = { n, m, 1, w };
	_cleanup_exact_even_ struct exact_even *v = NULL;
	_cleanup_exact_mixing_ struct exact_mixing *x = NULL;
	_cleanup_exact_quad_ struct exact_quad *q = NULL;
	struct err e = { 0 };
	int r;

	ck_assert_int_eq(exact_even_new(&mo, NULL, &v, NULL), 0);
	r = exact_mixing(v, ask, NULL, &x, &e);
	if (r < 0) {
		ck_assert_int_eq(r, -EDOM);
		ck_assert_uint_gt(strlen(e.text), 20);
		t->refused++;
		return;
	}
	r = exact_quad(v, x, NULL, &q, &e);
	if (r < 0) {
		ck_assert_int_eq(r, -EDOM);
		t->unchecked++;
		return;
	}
	ck_assert_double_le(q->value_relative, x->error_value);
	ck_assert_double_le(q->gradient_relative, x->error_gradient);
	ck_assert_double_le(q->dtau_relative, x->error_dtau);
	t->answered++;
	t->largest = fmax(t->largest, x->t_o);
}

static struct exact_ask question(enum exact_kernel kernel, enum exact_route route)
{
	return (struct exact_ask){ .kernel = kernel,
				   .route = route,
				   .gradient = true,
				   .dtau = true,
				   .observable = EXACT_WORST,
				   .keep_x = true };
}

static const struct {
	enum exact_kernel kernel;
	enum exact_route route;
} ways[] = {
	{ EXACT_RANDOM_SCAN, EXACT_CHOLESKY }, { EXACT_RANDOM_SCAN, EXACT_CG },
	{ EXACT_RANDOM_SCAN, EXACT_AUTO },     { EXACT_RANDOM_2_BLOCK, EXACT_AUTO },
	{ EXACT_PALINDROME, EXACT_AUTO },      { EXACT_MIXTURE, EXACT_AUTO },
};

/* Pairs that hardly see each other: their relative sign flips once in exp(2 strength) steps. */
START_TEST(test_wells)
{
	struct exact_ask ask = question(ways[_i].kernel, ways[_i].route);
	struct tally t = { 0 };

	for (double s = 1; s < 16; s += 1.5) {
		const double two[4] = { s, 0.1, 0, s };
		const double three[9] = { s, 0.3, 0, 0, -s, 0.1, 0, -0.2, s };

		judge(two, 2, 2, &ask, &t);
		judge(three, 3, 3, &ask, &t);
	}
	ck_assert_uint_eq(t.refused, 0);
	ck_assert_uint_eq(t.unchecked, 0);
	/* 1 / gap in steps, in the one unit that all kernels share to a factor of 20. */
	ck_assert_double_gt(t.largest, 5e11);
}
END_TEST

START_TEST(test_random_strong)
{
	struct exact_ask ask = question(ways[_i].kernel, ways[_i].route);
	struct tally t = { 0 };

	for (double s = 2; s < 600; s *= 1.7)
		for (unsigned int m = 3; m <= 4; m++) {
			double w[MAX_W];

			random_couplings(w, 3 * m, s, (uint64_t)(s * 10) + m);
			judge(w, 3, m, &ask, &t);
		}
	ck_assert_uint_gt(t.answered, 8);
}
END_TEST

/* Patterns with exact ties, so that whole sets of states have one energy. */
START_TEST(test_patterns)
{
	struct exact_ask ask = question(ways[_i].kernel, ways[_i].route);
	struct tally t = { 0 };

	for (double s = 0.5; s < 20; s *= 2) {
		double w[16];

		for (int i = 0; i < 4; i++)
			for (int j = 0; j < 4; j++)
				w[i * 4 + j] = s * ((i < 2) == (j < 2) ? 1 : (i & j & 1) ? 0.5 : 0);
		judge(w, 4, 4, &ask, &t);
	}
	ck_assert_uint_gt(t.answered, 3);
}
END_TEST

/* Past everything: no number, a sentence. */
START_TEST(test_past_doubles)
{
	const double w[4] = { 900, 0, 0, 900 };
	struct exact_model mo = { 2, 2, 1, w };

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct exact_ask ask = question(ways[i].kernel, ways[i].route);
		struct exact_mixing *x = NULL;
		struct err e = { 0 };

		ck_assert_int_eq(exact_mixing_of(&mo, &ask, NULL, &x, &e), -EDOM);
		ck_assert_ptr_null(x);
		ck_assert_ptr_nonnull(strstr(e.text, "double precision"));
	}
}
END_TEST

static void add(TCase *t)
{
	tcase_add_loop_test(t, test_wells, 0, ARRAY_SIZE(ways));
	tcase_add_loop_test(t, test_random_strong, 0, ARRAY_SIZE(ways));
	tcase_add_loop_test(t, test_patterns, 0, ARRAY_SIZE(ways));
	tcase_add_test(t, test_past_doubles);
}

int main(void)
{
	return run_cases("adversarial", add);
}
