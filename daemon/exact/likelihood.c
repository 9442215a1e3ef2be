/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "likelihood.h"

/* beta (W' v)_j */
static void fields(const struct exact_model *mo, const int8_t *v, double *u)
{
	size_t i, j;

	for (j = 0; j < mo->m; j++) {
		long double sum = 0;

		for (i = 0; i < mo->n; i++)
			sum += v[i] * (long double)mo->w[i * mo->m + j];
		u[j] = (double)(mo->beta * sum);
	}
}

/* ln of sum over h of exp(-beta E(v, h)) = sum_j ln 2cosh u_j */
static long double log_weight(const struct exact_model *mo, const double *u)
{
	long double sum = 0;
	size_t j;

	for (j = 0; j < mo->m; j++)
		sum += fabs(u[j]) + (long double)log1p(exp(-2 * fabs(u[j])));
	return sum;
}

static int check_row(const int8_t *v, size_t n, size_t row, struct err *e)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (v[i] != 1 && v[i] != -1)
			return err_set(e, -EINVAL, "row %zu, spin %zu is %d: spins are -1 or +1",
				       row, i, v[i]);
	return 0;
}

/* The sum of the weights; each is checked. */
static int total_weight(const double *weight, size_t count, long double *ret, struct err *e)
{
	long double sum = 0;
	size_t d;

	for (d = 0; d < count; d++) {
		if (weight && !(isfinite(weight[d]) && weight[d] >= 0))
			return err_set(e, -EINVAL,
				       "the weight of row %zu is not a finite number >= 0", d);
		sum += weight ? weight[d] : 1;
	}
	if (!(sum > 0))
		return err_set(e, -EINVAL, "the data have no row of a weight above 0");
	*ret = sum;
	return 0;
}

/* What the rows give: the mean of ln of the unnormalised weight, and <v_i h_j>_data. */
static int over_rows(const struct exact_model *mo, const int8_t *rows, size_t count,
		     const double *weight, long double *ret_log, long double *vh, struct err *e)
{
	long double total = 1, sum = 0, p;
	double u[EXACT_MAX_BITS];
	size_t d, i, j;
	int r;

	r = total_weight(weight, count, &total, e);
	if (r < 0)
		return r;
	for (d = 0; d < count; d++) {
		const int8_t *v = rows + d * mo->n;

		r = check_row(v, mo->n, d, e);
		if (r < 0)
			return r;
		p = (weight ? weight[d] : 1) / total;
		fields(mo, v, u);
		sum += p * log_weight(mo, u);
		for (j = 0; j < mo->m; j++) {
			long double h = p * tanh(u[j]);

			for (i = 0; i < mo->n; i++)
				vh[i * mo->m + j] += v[i] * h;
		}
	}
	*ret_log = sum;
	return 0;
}

int exact_likelihood(const struct exact_even *v, const int8_t *rows, size_t count,
		     const double *weight, double *ret, double *grad, double *ret_g2, struct err *e)
{
	size_t a, size = exact_observables(&v->model);
	_cleanup_free_ long double *vh = calloc(size, sizeof(*vh));
	long double sum, g2 = 0;
	int r;

	if (!vh)
		return err_oom(e);
	r = over_rows(&v->model, rows, count, weight, &sum, vh, e);
	if (r < 0)
		return r;
	for (a = 0; a < size; a++) {
		long double g = vh[a] - v->mean[a];

		g2 += g * g;
		if (grad)
			grad[a] = (double)(v->model.beta * g);
	}
	if (ret_g2)
		*ret_g2 = (double)g2;
	*ret = (double)(sum - v->ln_z);
	return 0;
}

int exact_log_p_visible(const struct exact_even *v, double *log_p, struct err *e)
{
	const struct exact_model *mo = &v->model;
	int8_t spins[EXACT_MAX_BITS];
	double u[EXACT_MAX_BITS];
	size_t s, i;

	if (mo->n >= EXACT_MAX_BITS)
		return err_set(e, -E2BIG, "%u visible p-bits are too many", mo->n);
	for (s = 0; s < (size_t)1 << mo->n; s++) {
		for (i = 0; i < mo->n; i++)
			spins[i] = s >> i & 1 ? 1 : -1;
		fields(mo, spins, u);
		log_p[s] = (double)(log_weight(mo, u) - v->ln_z);
	}
	return 0;
}
