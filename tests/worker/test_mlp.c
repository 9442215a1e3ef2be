// SPDX-License-Identifier: MIT
/* The hypernetwork: a published reference instance, and gradients against central differences. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "mlp.h"
#include "rbm_exact.h"
#include "splitmix.h"

#include "../run_suite.h"

static const struct {
	size_t code_dim, out, rows;
	unsigned int layers, widths[3];
	bool table;
} nets[] = {
	{ 2, 4, 1, 1, { 3 }, false },	     { 3, 7, 3, 0, {}, false },
	{ 4, 6, 5, 2, { 5, 2 }, false },     { 1, 1, 2, 3, { 1, 1, 1 }, false },
	{ 5, 12, 4, 3, { 4, 9, 3 }, false }, { 3, 5, 3, 0, {}, true },
};

static struct mlp *make(int k)
{
	struct mlp *m = NULL;
	int r;

	if (nets[k].table)
		r = mlp_new_table(nets[k].code_dim, nets[k].out, &m, NULL);
	else
		r = mlp_new(nets[k].code_dim, nets[k].widths, nets[k].layers, nets[k].out, &m,
			    NULL);
	ck_assert_int_eq(r, 0);
	return m;
}

static void fill(double *x, size_t count, uint64_t seed)
{
	for (size_t i = 0; i < count; i++)
		x[i] = splitmix_normal(seed, i);
}

START_TEST(reference_instance)
{
	static const double expected[] = { -0.165460216688931, -0.503730108081027,
					   -0.136124001192678, -0.608282363834905 };
	static const double u[] = { 0.3, -0.8 };
	_cleanup_mlp_ struct mlp *m = make(0);
	double w[4];

	ck_assert_uint_eq(m->params, 25);
	for (size_t k = 0; k < m->params; k++)
		m->phi[k] = 0.5 * sin(1 + 0.7 * (double)k);
	ck_assert_int_eq(mlp_forward(m, u, 1, w, NULL, NULL), 0);
	for (int i = 0; i < 4; i++)
		ck_assert_double_le(fabs(w[i] - expected[i]), 1e-14);
}
END_TEST

/* d/dt of sum dw . W(phi + t direction), by central differences of fourth order. */
static double directional(struct mlp *m, const double *codes, size_t rows, const double *dw,
			  const double *direction)
{
	static const double weight[] = { 1, -8, 0, 8, -1 };
	_cleanup_free_ double *w = alloc_zeroed(rows * mlp_out(m), sizeof(*w));
	_cleanup_free_ double *kept = alloc_zeroed(m->params, sizeof(*kept));
	double step = 1e-3, sum = 0;

	memcpy(kept, m->phi, m->params * sizeof(*kept));
	for (int k = 0; k < 5; k++) {
		for (size_t i = 0; i < m->params; i++)
			m->phi[i] = kept[i] + (k - 2) * step * direction[i];
		ck_assert_int_eq(mlp_forward(m, codes, rows, w, NULL, NULL), 0);
		for (size_t i = 0; i < rows * mlp_out(m); i++)
			sum += weight[k] * dw[i] * w[i];
	}
	memcpy(m->phi, kept, m->params * sizeof(*kept));
	return sum / (12 * step);
}

/* dW/du, a code at a time, by the same formula in the code. */
START_TEST(code_tangent_agrees_with_differences)
{
	static const double weight[] = { 1, -8, 0, 8, -1 };
	double u[5], at[5], du[5], w[12], dw[12], sum[12] = {};
	_cleanup_mlp_ struct mlp *m = make(_i);
	double step = 1e-3;

	fill(m->phi, m->params, 4);
	fill(u, mlp_code_dim(m), 5);
	fill(du, mlp_code_dim(m), 6);
	for (int k = 0; k < 5; k++) {
		for (size_t i = 0; i < mlp_code_dim(m); i++)
			at[i] = u[i] + (k - 2) * step * du[i];
		ck_assert_int_eq(mlp_forward(m, at, 1, w, NULL, NULL), 0);
		for (size_t i = 0; i < mlp_out(m); i++)
			sum[i] += weight[k] * w[i] / (12 * step);
	}
	ck_assert_int_eq(mlp_code_tangent(m, u, du, dw, NULL), 0);
	for (size_t i = 0; i < mlp_out(m); i++)
		ck_assert_double_eq_tol(dw[i], sum[i], 1e-9);
}
END_TEST

START_TEST(backward_agrees_with_differences)
{
	_cleanup_mlp_ struct mlp *m = make(_i);
	_cleanup_mlp_tape_ struct mlp_tape tape = {};
	size_t rows = nets[_i].rows;
	_cleanup_free_ double *codes = alloc_zeroed(rows * mlp_code_dim(m), sizeof(*codes));
	_cleanup_free_ double *w = alloc_zeroed(rows * mlp_out(m), sizeof(*w));
	_cleanup_free_ double *dw = alloc_zeroed(rows * mlp_out(m), sizeof(*dw));
	_cleanup_free_ double *grad = alloc_zeroed(m->params, sizeof(*grad));
	_cleanup_free_ double *direction = alloc_zeroed(m->params, sizeof(*direction));

	mlp_init(m, 3, 0.7);
	fill(codes, rows * mlp_code_dim(m), 4);
	fill(dw, rows * mlp_out(m), 5);
	ck_assert_int_eq(mlp_forward(m, codes, rows, w, &tape, NULL), 0);
	fill(grad, m->params, 6); /* set, not added to */
	ck_assert_int_eq(mlp_backward(m, &tape, dw, grad, NULL), 0);

	/* Every parameter by itself, then all at once. */
	for (size_t k = 0; k <= m->params; k++) {
		double along = 0, size = 0, numeric;

		for (size_t i = 0; i < m->params; i++) {
			direction[i] = k == m->params ? splitmix_normal(7, i) : i == k;
			along += grad[i] * direction[i];
			size += fabs(grad[i] * direction[i]);
		}
		numeric = directional(m, codes, rows, dw, direction);
		ck_assert_double_le(fabs(numeric - along), 1e-9 * (1 + size));
	}
}
END_TEST

/* One-hot codes: row u of a table is W_u, and the gradient is dw itself. */
START_TEST(table_is_free_couplings)
{
	_cleanup_mlp_ struct mlp *m = make(5);
	_cleanup_mlp_tape_ struct mlp_tape tape = {};
	static const double one_hot[] = { 1, 0, 0, 0, 1, 0, 0, 0, 1 };
	static const double w0[] = { 1, 2, 3, 4, 5 }, w1[] = { 10, 20, 30, 40, 50 };
	static const uint8_t free_out[] = { 1, 0, 0, 1, 0 };
	double w[15], dw[15], grad[15];
	uint8_t mask[15];

	ck_assert_uint_eq(m->params, 15);
	mlp_add_baseline(m, w0);
	mlp_table_add(m, 1, w1);
	ck_assert_int_eq(mlp_forward(m, one_hot, 3, w, &tape, NULL), 0);
	for (int u = 0; u < 3; u++)
		for (int i = 0; i < 5; i++)
			ck_assert_double_eq(w[u * 5 + i], w0[i] + (u == 1 ? w1[i] : 0));
	fill(dw, 15, 1);
	ck_assert_int_eq(mlp_backward(m, &tape, dw, grad, NULL), 0);
	mlp_decay_mask(m, free_out, mask);
	for (int u = 0; u < 3; u++) {
		for (int i = 0; i < 5; i++) {
			ck_assert_double_eq(grad[i * 3 + u], dw[u * 5 + i]);
			ck_assert_uint_eq(mask[i * 3 + u], !free_out[i]);
		}
	}
}
END_TEST

/* A network starts near its baseline: W_u - w0 is as small as out_sd, and differs by code. */
START_TEST(starts_at_the_baseline)
{
	static const unsigned int widths[] = { 16 };
	_cleanup_mlp_ struct mlp *m = NULL, *again = NULL;
	double codes[9] = { 1, 0, 0, 0, 1, 0, 0, 0, 1 };
	double w[3 * 200], w0[200], sum = 0;

	ck_assert_int_eq(mlp_new(3, widths, 1, 200, &m, NULL), 0);
	ck_assert_int_eq(mlp_new(3, widths, 1, 200, &again, NULL), 0);
	fill(w0, 200, 9);
	mlp_init(m, 11, 0.01);
	mlp_init(again, 11, 0.01);
	ck_assert(!memcmp(m->phi, again->phi, m->params * sizeof(double)));
	mlp_init(again, 12, 0.01);
	ck_assert(memcmp(m->phi, again->phi, m->params * sizeof(double)));
	mlp_add_baseline(m, w0);
	ck_assert_int_eq(mlp_forward(m, codes, 3, w, NULL, NULL), 0);
	for (int i = 0; i < 600; i++)
		sum += (w[i] - w0[i % 200]) * (w[i] - w0[i % 200]);
	/* |a| <= 1, so the deviation is below out_sd; well above 0 because codes do something. */
	ck_assert_double_le(sqrt(sum / 600), 0.01);
	ck_assert_double_ge(sqrt(sum / 600), 0.001);
	ck_assert(w[0] != w[200]);
}
END_TEST

START_TEST(decay_leaves_biases)
{
	static const uint8_t free_out[] = { 0, 1, 0, 0, 0, 1 };
	_cleanup_mlp_ struct mlp *m = make(2); /* 4 -> 5 -> 2 -> 6 */
	uint8_t mask[20 + 5 + 10 + 2 + 12 + 6];

	ck_assert_uint_eq(m->params, sizeof(mask));
	for (int some_free = 0; some_free < 2; some_free++) {
		size_t at = 0;

		mlp_decay_mask(m, some_free ? free_out : NULL, mask);
		for (; at < 20; at++)
			ck_assert_uint_eq(mask[at], 1);
		for (; at < 25; at++)
			ck_assert_uint_eq(mask[at], 0);
		for (; at < 35; at++)
			ck_assert_uint_eq(mask[at], 1);
		for (; at < 37; at++)
			ck_assert_uint_eq(mask[at], 0);
		for (; at < 49; at++)
			ck_assert_uint_eq(mask[at], !(some_free && free_out[(at - 37) / 2]));
		for (; at < 55; at++)
			ck_assert_uint_eq(mask[at], !(some_free && free_out[at - 49]));
	}
}
END_TEST

/* Chosen outputs take their targets at the codes, the others keep their values. */
START_TEST(outputs_are_fitted)
{
	static const unsigned int widths[] = { 12, 6, 2 };
	static const uint8_t which[] = { 1, 0, 1, 0, 0 };
	static const double baseline[] = { 3, 1, -2, 0, 1 }; /* c is part of what is fitted */
	double codes[25], target[25], before[25], after[25];

	for (int i = 0; i < 25; i++)
		codes[i] = i % 6 == 0;
	fill(target, 25, 31);
	for (size_t k = 0; k <= ARRAY_SIZE(widths); k++) {
		_cleanup_mlp_ struct mlp *m = NULL;
		double rest = 0, size = 0;
		bool table = k == ARRAY_SIZE(widths);

		if (table)
			ck_assert_int_eq(mlp_new_table(5, 5, &m, NULL), 0);
		else
			ck_assert_int_eq(mlp_new(5, widths + k, 1, 5, &m, NULL), 0);
		mlp_init(m, k, 0.3);
		mlp_add_baseline(m, baseline);
		ck_assert_int_eq(mlp_forward(m, codes, 5, before, NULL, NULL), 0);
		ck_assert_int_eq(mlp_fit_outputs(m, codes, 5, which, target, NULL), 0);
		ck_assert_int_eq(mlp_forward(m, codes, 5, after, NULL, NULL), 0);
		for (int i = 0; i < 25; i++) {
			if (!which[i % 5]) {
				ck_assert_double_eq(after[i], before[i]);
				continue;
			}
			rest += (after[i] - target[i]) * (after[i] - target[i]);
			size += (target[i] - baseline[i % 5]) * (target[i] - baseline[i % 5]);
		}
		if (table || widths[k] >= 5)
			ck_assert_double_le(sqrt(rest / size), 1e-4);
		else /* two units for five codes: better than c alone, and not exact */
			ck_assert(rest < size && rest > 1e-3 * size);
	}
}
END_TEST

/* Code 0 of an affine network has nothing to fit with. */
START_TEST(nothing_to_fit_with)
{
	static const uint8_t which[] = { 1, 1 };
	_cleanup_mlp_ struct mlp *m = NULL;
	double codes[3] = {}, target[2] = { 5, 6 };

	ck_assert_int_eq(mlp_new(3, NULL, 0, 2, &m, NULL), 0);
	mlp_init(m, 1, 1);
	ck_assert_int_eq(mlp_fit_outputs(m, codes, 1, which, target, NULL), 0);
	for (size_t k = 0; k < m->params; k++)
		ck_assert_double_eq(m->phi[k], 0);
}
END_TEST

/*
 * The whole chain of training: exact log-likelihood of data under W = g_phi(u), differentiated
 * through W to phi; relative error 1e-7 along random directions.
 */
struct chain {
	struct mlp *m;
	double codes[4];	/* 2 codes of 2 */
	int8_t rows[2][40 * 5]; /* 40 images of 5 spins a code */
};

enum { N = 5, M = 4 };

static double log_likelihood(const struct chain *c, struct mlp_tape *tape, double *dw)
{
	double w[2 * N * M], positive[N * M], model[N * M], sum = 0, z, star;

	ck_assert_int_eq(mlp_forward(c->m, c->codes, 2, w, tape, NULL), 0);
	for (int u = 0; u < 2; u++) {
		struct rbm r = { .n = N, .m = M, .ref_v = true, .ref_h = true, .beta = 0.9 };

		r.w = w + u * N * M;
		ck_assert_int_eq(rbm_moments(&r, 1, model, &z, NULL), 0);
		ck_assert_int_eq(rbm_sum_log_p_star(NULL, &r, c->rows[u], 40, &star, NULL), 0);
		ck_assert_int_eq(rbm_positive(&r, c->rows[u], 40, positive, NULL), 0);
		sum += star - 40 * z;
		for (int i = 0; dw && i < N * M; i++)
			dw[u * N * M + i] = r.beta * (positive[i] - 40 * model[i]);
	}
	return sum;
}

START_TEST(likelihood_gradient_reaches_phi)
{
	static const unsigned int widths[] = { 3, 4 };
	_cleanup_mlp_ struct mlp *m = NULL;
	_cleanup_mlp_tape_ struct mlp_tape tape = {};
	_cleanup_free_ double *grad = NULL, *kept = NULL;
	double dw[2 * N * M];
	struct chain c = {};

	ck_assert_int_eq(mlp_new(2, widths, 2, N * M, &m, NULL), 0);
	mlp_init(m, 5, 0.8);
	c.m = m;
	fill(c.codes, 4, 8);
	for (size_t i = 0; i < sizeof(c.rows); i++)
		c.rows[i / sizeof(c.rows[0])][i % sizeof(c.rows[0])] =
			i % N == 0 || splitmix_uniform(13, i) < 0.4 ? 1 : -1;
	grad = alloc_zeroed(m->params, sizeof(*grad));
	kept = alloc_zeroed(m->params, sizeof(*kept));
	log_likelihood(&c, &tape, dw);
	ck_assert_int_eq(mlp_backward(m, &tape, dw, grad, NULL), 0);
	memcpy(kept, m->phi, m->params * sizeof(*kept));

	for (uint64_t d = 0; d < 5; d++) {
		static const double weight[] = { 1, -8, 0, 8, -1 };
		double along = 0, numeric = 0, step = 2e-4;

		for (size_t i = 0; i < m->params; i++)
			along += grad[i] * splitmix_normal(100 + d, i);
		for (int k = 0; k < 5; k++) {
			for (size_t i = 0; i < m->params; i++)
				m->phi[i] = kept[i] + (k - 2) * step * splitmix_normal(100 + d, i);
			numeric += weight[k] * log_likelihood(&c, NULL, NULL) / (12 * step);
		}
		ck_assert_double_le(fabs(numeric - along), 1e-7 * fabs(along));
	}
}
END_TEST

START_TEST(refusals)
{
	static const unsigned int zero[] = { 3, 0 }, wide[] = { 1u << 20 };
	struct mlp *m = (struct mlp *)&m;
	struct mlp *untouched = m;
	double w[1];
	struct err e = {};

	ck_assert_int_eq(mlp_new(2, zero, 2, 4, &m, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "layer 2"));
	ck_assert_int_eq(mlp_new(0, zero, 1, 4, &m, NULL), -EINVAL);
	ck_assert_int_eq(mlp_new(2, zero, SPEC_MAX_LAYERS + 1, 4, &m, NULL), -EINVAL);
	e = (struct err){};
	ck_assert_int_eq(mlp_new(2, wide, 1, 1 << 20, &m, &e), -EFBIG);
	ck_assert_ptr_nonnull(strstr(e.text, "narrower"));
	ck_assert_int_eq(mlp_new(SIZE_MAX, wide, 1, SIZE_MAX, &m, NULL), -EFBIG);
	ck_assert_int_eq(mlp_new_table(1 << 20, 1 << 20, &m, NULL), -EFBIG);
	ck_assert_ptr_eq(m, untouched);
	m = make(0);
	ck_assert_int_eq(mlp_forward(m, w, 0, w, NULL, NULL), -EINVAL);
	mlp_free(m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mlp");
	TCase *t = tcase_create("mlp");

	tcase_add_test(t, reference_instance);
	tcase_add_loop_test(t, backward_agrees_with_differences, 0, ARRAY_SIZE(nets));
	tcase_add_loop_test(t, code_tangent_agrees_with_differences, 0, ARRAY_SIZE(nets));
	tcase_add_test(t, table_is_free_couplings);
	tcase_add_test(t, starts_at_the_baseline);
	tcase_add_test(t, decay_leaves_biases);
	tcase_add_test(t, outputs_are_fitted);
	tcase_add_test(t, nothing_to_fit_with);
	tcase_add_test(t, likelihood_gradient_reaches_phi);
	tcase_add_test(t, refusals);
	suite_add_tcase(s, t);
	return run_suite(s);
}
