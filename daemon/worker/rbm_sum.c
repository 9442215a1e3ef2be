// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "rbm_sum.h"

/* Largest |x| for which e^x and e^-x are formed, and largest exponent of a product of cosh's. */
#define FACTOR_LIMIT  300.0
#define PRODUCT_LIMIT 600.0

struct rbm_sum *rbm_sum_free(struct rbm_sum *s)
{
	if (!s)
		return NULL;
	free(s->pair);
	free(s->lin);
	free(s->base);
	free(s->lin_low);
	free(s->low);
	free(s->e_low);
	free(s->i_low);
	free(s);
	return NULL;
}

/* beta W with the summed layer as rows, reference spins still in place. */
static double coupling(const struct rbm *r, bool sum_visible, size_t a, size_t b)
{
	return r->beta * (sum_visible ? r->w[a * r->m + b] : r->w[b * r->m + a]);
}

static void take_couplings(struct rbm_sum *s, const struct rbm *r, bool sum_visible)
{
	size_t ref_a = sum_visible ? r->ref_v : r->ref_h, ref_b = sum_visible ? r->ref_h : r->ref_v;

	if (ref_a && ref_b)
		s->constant = coupling(r, sum_visible, 0, 0);
	for (size_t k = 0; k < s->bits; k++) {
		for (size_t b = 0; b < s->n_b; b++)
			s->pair[k * s->n_b + b] = coupling(r, sum_visible, k + ref_a, b + ref_b);
		if (ref_b)
			s->lin[k] = coupling(r, sum_visible, k + ref_a, 0);
	}
	for (size_t b = 0; ref_a && b < s->n_b; b++)
		s->base[b] = coupling(r, sum_visible, 0, b + ref_b);
}

static void fill_low(struct rbm_sum *s)
{
	size_t low_bits = s->bits - s->high, states = (size_t)1 << low_bits;

	for (size_t state = 0; state < RBM_SUM_LANES; state++) {
		if (state >= states) {
			s->lin_low[state] = -INFINITY;
			continue;
		}
		for (size_t k = 0; k < low_bits; k++) {
			double spin = rbm_sum_spin(state, k);

			s->lin_low[state] += spin * s->lin[k];
			for (size_t b = 0; b < s->n_b; b++)
				s->low[b * RBM_SUM_LANES + state] += spin * s->pair[k * s->n_b + b];
		}
	}
}

/* The largest |x_b| that any state can give. */
static double largest_field(const struct rbm_sum *s)
{
	double largest = 0;

	for (size_t b = 0; b < s->n_b; b++) {
		double sum = fabs(s->base[b]);

		for (size_t k = 0; k < s->bits; k++)
			sum += fabs(s->pair[k * s->n_b + b]);
		largest = MAX(largest, sum);
	}
	return largest;
}

static int fill_factors(struct rbm_sum *s, struct err *e)
{
	double largest = largest_field(s);
	size_t size = s->n_b * RBM_SUM_LANES;

	if (!(largest <= FACTOR_LIMIT))
		return 0;
	s->group = (size_t)(PRODUCT_LIMIT / (largest + M_LN2));
	s->e_low = alloc_zeroed(MAX(size, 1), sizeof(double));
	s->i_low = alloc_zeroed(MAX(size, 1), sizeof(double));
	if (!s->e_low || !s->i_low)
		return err_oom(e);
	for (size_t i = 0; i < size; i++) {
		s->e_low[i] = exp(s->low[i]);
		s->i_low[i] = exp(-s->low[i]);
	}
	return 0;
}

int rbm_sum_new(const struct rbm *r, bool sum_visible, struct rbm_sum **ret, struct err *e)
{
	_cleanup_rbm_sum_ struct rbm_sum *s = alloc_zeroed(1, sizeof(*s));
	size_t free_v = r->n - r->ref_v, free_h = r->m - r->ref_h, size;
	int rc;

	if (!s)
		return err_oom(e);
	s->bits = sum_visible ? free_v : free_h;
	s->n_b = sum_visible ? free_h : free_v;
	s->high = s->bits > RBM_SUM_LANE_BITS ? s->bits - RBM_SUM_LANE_BITS : 0;
	s->blocks = MIN((size_t)1 << s->high, (size_t)RBM_SUM_BLOCKS);
	if (!size_mul(MAX(s->n_b, 1), RBM_SUM_LANES, &size))
		return err_oom(e);
	s->pair = alloc_zeroed(MAX(s->bits * s->n_b, 1), sizeof(double));
	s->lin = alloc_zeroed(MAX(s->bits, 1), sizeof(double));
	s->base = alloc_zeroed(MAX(s->n_b, 1), sizeof(double));
	s->lin_low = alloc_zeroed(RBM_SUM_LANES, sizeof(double));
	s->low = alloc_zeroed(size, sizeof(double));
	if (!s->pair || !s->lin || !s->base || !s->lin_low || !s->low)
		return err_oom(e);

	take_couplings(s, r, sum_visible);
	fill_low(s);
	rc = fill_factors(s, e);
	if (rc < 0)
		return rc;
	*ret = TAKE_PTR(s);
	return 0;
}

/* Part of ln f and of x that the high p-bits decide. */
static double high_part(const struct rbm_sum *s, size_t high_state, double *x)
{
	size_t low_bits = s->bits - s->high;
	double lin = s->constant;

	memcpy(x, s->base, s->n_b * sizeof(*x));
	for (size_t k = 0; k < s->high; k++) {
		double spin = rbm_sum_spin(high_state, k);
		const double *pair = s->pair + (low_bits + k) * s->n_b;

		lin += spin * s->lin[low_bits + k];
		for (size_t b = 0; b < s->n_b; b++)
			x[b] += spin * pair[b];
	}
	return lin;
}

/* log_f += ln product; product = 1. */
static void fold(double *restrict log_f, double *restrict product)
{
	for (size_t i = 0; i < RBM_SUM_LANES; i++) {
		log_f[i] += log(product[i]);
		product[i] = 1;
	}
}

static void multiply(double *restrict product, double e, const double *restrict e_low,
		     const double *restrict i_low)
{
	double inverse = 1 / e;

	for (size_t i = 0; i < RBM_SUM_LANES; i++)
		product[i] *= e * e_low[i] + inverse * i_low[i];
}

static void divide(double *restrict th, double e, const double *restrict e_low,
		   const double *restrict i_low)
{
	double inverse = 1 / e;

	for (size_t i = 0; i < RBM_SUM_LANES; i++) {
		double up = e * e_low[i], down = inverse * i_low[i];

		th[i] = (up - down) / (up + down);
	}
}

static void lanes_by_factors(const struct rbm_sum *s, struct rbm_lanes *l)
{
	double product[RBM_SUM_LANES];
	size_t in_group = 0;

	for (size_t i = 0; i < RBM_SUM_LANES; i++)
		product[i] = 1;
	for (size_t b = 0; b < s->n_b; b++) {
		const double *e_low = s->e_low + b * RBM_SUM_LANES;
		const double *i_low = s->i_low + b * RBM_SUM_LANES;
		double e = exp(l->x[b]);

		multiply(product, e, e_low, i_low);
		if (l->th)
			divide(l->th + b * RBM_SUM_LANES, e, e_low, i_low);
		if (++in_group == s->group) {
			fold(l->log_f, product);
			in_group = 0;
		}
	}
	fold(l->log_f, product);
}

static void lanes_by_logs(const struct rbm_sum *s, struct rbm_lanes *l)
{
	for (size_t b = 0; b < s->n_b; b++) {
		for (size_t i = 0; i < RBM_SUM_LANES; i++) {
			double x = l->x[b] + s->low[b * RBM_SUM_LANES + i];

			l->log_f[i] += fabs(x) + log1p(exp(-2 * fabs(x)));
			if (l->th)
				l->th[b * RBM_SUM_LANES + i] = tanh(x);
		}
	}
}

void rbm_sum_lanes(const struct rbm_sum *s, size_t high_state, struct rbm_lanes *l)
{
	double lin = high_part(s, high_state, l->x);

	for (size_t i = 0; i < RBM_SUM_LANES; i++)
		l->log_f[i] = lin + s->lin_low[i];
	if (s->e_low)
		lanes_by_factors(s, l);
	else
		lanes_by_logs(s, l);
}
