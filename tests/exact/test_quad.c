// SPDX-License-Identifier: MIT
/* Doubles against the __float128 reference, and the reference against the definition. */
#include "brute.h"
#include "exact/quad.h"

struct pair {
	struct exact_even *even;
	struct exact_mixing *mixing;
	struct exact_quad *quad;
};

static int solve(const double *w, unsigned int n, unsigned int m, enum exact_kernel kernel,
		 struct pair *ret, struct err *e)
{
	struct exact_model mo = { n, m, 1, w };
	struct exact_ask ask = { .kernel = kernel,
				 .gradient = true,
				 .dtau = true,
				 .observable = EXACT_WORST,
				 .keep_x = true };
	int r;

	*ret = (struct pair){ 0 };
	r = exact_even_new(&mo, NULL, &ret->even, e);
	if (r == 0)
		r = exact_mixing(ret->even, &ask, NULL, &ret->mixing, e);
	if (r == 0)
		r = exact_quad(ret->even, ret->mixing, NULL, &ret->quad, e);
	return r;
}

static void done(struct pair *p)
{
	exact_even_free(p->even);
	exact_mixing_free(p->mixing);
	exact_quad_free(p->quad);
}

/* What the gate promises, and that the answer's own bounds hold. */
static void check_agreement(const struct pair *p)
{
	const struct exact_quad *q = p->quad;

	ck_assert_double_le(q->value_relative, 1e-14);
	ck_assert_double_le(q->g_relative, 1e-14);
	ck_assert_double_le(q->gradient_relative, 1e-12);
	/* tau_int of a layer drawn anew is near 1 and flat where couplings are weak. */
	if (p->mixing->kernel == EXACT_RANDOM_SCAN)
		ck_assert_double_le(q->dtau_relative, 1e-12);
	ck_assert_double_le(q->residual, 1e-20);
	ck_assert_double_le(q->value_relative, p->mixing->error_value);
	ck_assert_double_le(q->gradient_relative, p->mixing->error_gradient);
	ck_assert_double_le(q->dtau_relative, p->mixing->error_dtau);
}

START_TEST(test_family_sizes)
{
	static const double scales[] = { 0, 0.1, 0.5, 1.5, 3 };
	unsigned int most = _i == EXACT_RANDOM_SCAN ? 5 : 6;

	for (unsigned int m = 3; m <= most; m++)
		for (size_t k = 0; k < ARRAY_SIZE(scales); k++) {
			double w[MAX_W];
			struct pair p;
			struct err e = { 0 };

			random_couplings(w, m * m, scales[k], 10 * m + k);
			ck_assert_msg(solve(w, m, m, (enum exact_kernel)_i, &p, &e) == 0, "%s",
				      e.text);
			check_agreement(&p);
			done(&p);
		}
}
END_TEST

START_TEST(test_largest_of_the_family)
{
	double w[MAX_W];
	struct pair p;
	struct err e = { 0 };

	random_couplings(w, 36, 0.8, 66);
	ck_assert_msg(solve(w, 6, 6, EXACT_RANDOM_SCAN, &p, &e) == 0, "%s", e.text);
	check_agreement(&p);
	done(&p);
}
END_TEST

START_TEST(test_definition)
{
	double w[6];
	struct brute b;
	struct pair p;

	random_couplings(w, 6, 1.5, 4);
	ck_assert_int_eq(solve(w, 2, 3, (enum exact_kernel)_i, &p, NULL), 0);
	brute_init(&b, w, 2, 3, 1, (enum exact_kernel)_i);
	brute_resolvent(&b);
	ck_assert(fabsl(p.quad->t_o + (real)p.quad->t_o_rest - b.t_o) < 1e-17L * b.t_o);
	ck_assert_double_lt(fabs(p.quad->t_o_rest), 1.2e-16 * p.quad->t_o);
	for (int a = 0; a < 6; a++)
		ck_assert_double_eq((double)b.g[a], p.quad->g[a]);
	brute_free(&b);
	done(&p);
}
END_TEST

/* A wrong answer is seen: the comparison is made, not assumed. */
START_TEST(test_sees_errors)
{
	struct exact_quad *q = NULL;
	double w[9];
	struct pair p;

	random_couplings(w, 9, 1, 4);
	ck_assert_int_eq(solve(w, 3, 3, (enum exact_kernel)_i, &p, NULL), 0);
	p.mixing->t_o *= 1 + 1e-9;
	p.mixing->g[2] *= 1 + 1e-8;
	p.mixing->dt_o[4] += 1e-7 * p.mixing->t_o;
	for (size_t k = 0; k < p.mixing->x_count; k++)
		p.mixing->x[k] *= 1 + 1e-3 * cos((double)k);
	ck_assert_int_eq(exact_quad(p.even, p.mixing, NULL, &q, NULL), 0);
	ck_assert_double_eq_tol(q->value_relative, 1e-9, 1e-14);
	ck_assert_double_eq_tol(q->g_relative, 1e-8, 1e-14);
	ck_assert_double_gt(q->gradient_relative, 1e-8);
	/* The reference itself is not led astray by the x that it starts from. */
	ck_assert_double_lt(relative(q->t_o, p.quad->t_o), 1e-16);
	for (int a = 0; a < 9; a++)
		ck_assert_double_eq_tol(q->dt_o[a], p.quad->dt_o[a], 1e-16 * q->t_o);
	exact_quad_free(q);
	done(&p);
}
END_TEST

START_TEST(test_refusals)
{
	double w[MAX_W] = { 0 };
	struct exact_quad *q = (void *)1;
	struct err e = { 0 };
	struct pair p, other;

	ck_assert_int_eq(solve(w, 2, 2, EXACT_RANDOM_SCAN, &p, NULL), 0);
	ck_assert_int_eq(solve(w, 2, 3, EXACT_RANDOM_SCAN, &other, NULL), 0);
	ck_assert_int_eq(exact_quad(p.even, other.mixing, NULL, &q, &e), -EINVAL);
	free(p.mixing->x);
	p.mixing->x = NULL;
	e.code = 0;
	ck_assert_int_eq(exact_quad(p.even, p.mixing, NULL, &q, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "keep_x"));
	ck_assert_ptr_eq(q, (void *)1);
	done(&p);
	done(&other);
	ck_assert_int_eq(solve(w, 8, 9, EXACT_RANDOM_2_BLOCK, &p, &e), -E2BIG);
	done(&p);
}
END_TEST

static void add(TCase *t)
{
	tcase_add_loop_test(t, test_family_sizes, 0, EXACT_ALTERNATING);
	tcase_add_test(t, test_largest_of_the_family);
	tcase_add_loop_test(t, test_definition, 0, EXACT_ALTERNATING);
	tcase_add_loop_test(t, test_sees_errors, 0, EXACT_ALTERNATING);
	tcase_add_test(t, test_refusals);
}

int main(void)
{
	return run_cases("quad", add);
}
