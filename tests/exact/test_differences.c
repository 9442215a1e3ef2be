// SPDX-License-Identifier: MIT
/* From couplings to phi and u, and central differences that tell a right slope from a wrong one. */
#include "exact/differences.h"
#include "exact/phi.h"
#include "splitmix.h"
#include "support.h"

static const double code[] = { 0.3, -0.8 };

/* The published reference instance: 2 - 3 - 4, phi_k = 0.5 sin(1 + 0.7 k). */
static struct mlp *reference(void)
{
	struct mlp *g = NULL;

	ck_assert_int_eq(mlp_new(2, &(unsigned int){ 3 }, 1, 4, &g, NULL), 0);
	for (size_t k = 0; k < g->params; k++)
		g->phi[k] = 0.5 * sin(1 + 0.7 * (double)k);
	return g;
}

static struct exact_mixing *answer(const struct mlp *g, unsigned int n)
{
	struct exact_ask ask = { .kernel = EXACT_RANDOM_SCAN, .gradient = true, .keep_x = true };
	_cleanup_free_ double *w = alloc_zeroed(mlp_out(g), sizeof(*w));
	struct exact_model mo = { .n = n, .m = (unsigned int)mlp_out(g) / n, .beta = 1, .w = w };
	struct exact_mixing *x = NULL;
	struct err e = {};

	ck_assert_int_eq(mlp_forward(g, code, 1, w, NULL, NULL), 0);
	ck_assert_msg(exact_mixing_of(&mo, &ask, NULL, &x, &e) == 0, "%s", e.text);
	return x;
}

START_TEST(reference_gradient_in_phi)
{
	static const struct {
		size_t k;
		double value;
	} published[] = { { 0, -0.0631968389 }, { 4, -0.0388679256 },  { 8, -0.1295597521 },
			  { 9, 0.0323925288 },	{ 15, -0.2167983832 }, { 22, 0.1564308348 } };
	_cleanup_mlp_ struct mlp *g = reference();
	_cleanup_exact_mixing_ struct exact_mixing *x = answer(g, 2);
	double phi[25], reference_phi[25];

	ck_assert_int_eq(phi_gradient(g, code, x->dt_o, phi, NULL), 0);
	ck_assert_int_eq(phi_gradient_quad(g, code, x->dt_o, reference_phi, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(published); i++)
		ck_assert_double_eq_tol(phi[published[i].k], published[i].value, 5.1e-11);
	for (size_t k = 0; k < 25; k++)
		ck_assert_double_eq_tol(phi[k], reference_phi[k], 1e-15);
}
END_TEST

/* More layers than the reference instance has, of different widths. */
START_TEST(quad_agrees)
{
	_cleanup_mlp_ struct mlp *g = NULL;
	_cleanup_free_ double *a = NULL, *b = NULL;
	double dw[7];

	ck_assert_int_eq(mlp_new(2, (unsigned int[]){ 5, 3, 9 }, 3, 7, &g, NULL), 0);
	mlp_init(g, 5, 1);
	for (size_t i = 0; i < 7; i++)
		dw[i] = splitmix_normal(6, i);
	a = alloc_zeroed(g->params, sizeof(*a));
	b = alloc_zeroed(g->params, sizeof(*b));
	ck_assert_int_eq(phi_gradient(g, code, dw, a, NULL), 0);
	ck_assert_int_eq(phi_gradient_quad(g, code, dw, b, NULL), 0);
	for (size_t k = 0; k < g->params; k++)
		ck_assert_double_eq_tol(a[k], b[k], 1e-14);
}
END_TEST

START_TEST(jacobian_in_the_code)
{
	_cleanup_mlp_ struct mlp *g = reference();
	double there, up[4], down[4], sum = 0, at[2];

	ck_assert_int_eq(phi_code_jacobian(g, code, &there, NULL), 0);
	for (int j = 0; j < 2; j++) {
		memcpy(at, code, sizeof(at));
		at[j] += 1e-6;
		ck_assert_int_eq(mlp_forward(g, at, 1, up, NULL, NULL), 0);
		at[j] -= 2e-6;
		ck_assert_int_eq(mlp_forward(g, at, 1, down, NULL, NULL), 0);
		for (int i = 0; i < 4; i++)
			sum += pow((up[i] - down[i]) / 2e-6, 2);
	}
	ck_assert_double_eq_tol(there, sqrt(sum), 1e-8);

	/* Without a way from u, W is a leaf: the control. */
	memset(g->phi, 0, 6 * sizeof(*g->phi));
	ck_assert_int_eq(phi_code_jacobian(g, code, &there, NULL), 0);
	ck_assert_double_eq(there, 0);
}
END_TEST

static void check_slopes(struct mlp *g, unsigned int n)
{
	_cleanup_exact_mixing_ struct exact_mixing *x = answer(g, n);
	struct differences o = { .g = g,
				 .code = code,
				 .n = n,
				 .m = (unsigned int)mlp_out(g) / n,
				 .beta = 1,
				 .kernel = EXACT_RANDOM_SCAN,
				 .at = x };
	_cleanup_free_ double *phi = alloc_zeroed(g->params, sizeof(*phi));
	_cleanup_free_ double *d = alloc_zeroed(g->params, sizeof(*d));
	double slope = 0, size = 0, error, step;

	ck_assert_int_eq(phi_gradient(g, code, x->dt_o, phi, NULL), 0);
	for (size_t i = 0; i < g->params; i++) {
		d[i] = splitmix_normal(3, i);
		size += d[i] * d[i];
	}
	for (size_t i = 0; i < g->params; i++)
		slope += phi[i] * (d[i] /= sqrt(size));
	ck_assert_int_eq(differences_along(&o, d, slope, NULL, &error, &step, NULL), 0);
	ck_assert_double_le(error, 1e-8);
	ck_assert(step == DIFFERENCES_STEP || step == 2 * DIFFERENCES_STEP);
	/* A slope that is wrong by 1e-5 is found out. */
	ck_assert_int_eq(differences_along(&o, d, slope * (1 + 1e-5), NULL, &error, &step, NULL),
			 0);
	ck_assert_double_eq_tol(error, 1e-5, 1e-7);
	ck_assert_int_eq(differences_along(&o, d, NAN, NULL, &error, &step, NULL), 0);
	ck_assert_double_infinite(error);
}

START_TEST(differences_tell_right_from_wrong)
{
	_cleanup_mlp_ struct mlp *small = reference(), *larger = NULL;

	check_slopes(small, 2);
	ck_assert_int_eq(mlp_new(2, &(unsigned int){ 6 }, 1, 20, &larger, NULL), 0);
	mlp_init(larger, 9, 1);
	check_slopes(larger, 4);
}
END_TEST

static void add(TCase *t)
{
	tcase_add_test(t, reference_gradient_in_phi);
	tcase_add_test(t, quad_agrees);
	tcase_add_test(t, jacobian_in_the_code);
	tcase_add_test(t, differences_tell_right_from_wrong);
}

int main(void)
{
	return run_cases("differences", add);
}
