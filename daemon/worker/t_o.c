// SPDX-License-Identifier: MIT
#include "t_o.h"

#include <math.h>
#include <string.h>

#include "tau.h"

/*
 * What is linear in the covariances: sum_t r[t] R(t) + q Q. Its standard error over chains takes Q
 * by its projections, 2 q_c - Q.
 */
struct linear {
	const double *r; /* [lags] */
	size_t lags;
	double q;
};

static double linear_value(const struct overlap *o, const struct linear *f, enum overlap_half half,
			   double *ret_error)
{
	size_t from = overlap_from(o, half), to = overlap_to(o, half), n = to - from;
	double sum = 0, squares = 0, first = 0;

	for (size_t c = from; c < to; c++) {
		double y = 2 * f->q * o->q[c];

		for (size_t t = 0; t < f->lags; t++)
			y += f->r[t] * o->r[t * o->shape.chains + c];
		if (c == from)
			first = y;
		sum += y - first;
		squares += (y - first) * (y - first);
	}
	*ret_error = sqrt(fmax(squares - sum * sum / (double)n, 0) / (double)(n - 1) / (double)n);
	/* Half of what Q was counted for. */
	{
		double q = 0;

		for (size_t c = from; c < to; c++)
			q += o->q[c];
		return first + sum / (double)n - f->q * q / (double)n;
	}
}

/* ---- the sum over a window ---- */

/* Sokal's window; the sum of S over 0 .. L. False when it does not close in time. */
static int find_window(struct overlap *o, double s0, size_t *ret_window, double *ret_sum,
		       bool *ret_closed, struct err *e)
{
	size_t limit = o->records / 4, lag = 0;
	double sum = s0;

	while (lag < limit && (lag == 0 || (double)lag < TAU_WINDOW * (2 * sum / s0 - 1))) {
		int r = overlap_extend(o, ++lag, e);

		if (r < 0)
			return r;
		sum += overlap_s(o, lag, OVERLAP_ALL);
	}
	*ret_window = lag;
	*ret_sum = sum;
	*ret_closed = lag > 0 && (double)lag >= TAU_WINDOW * (2 * sum / s0 - 1);
	return 0;
}

static int sum_window(struct overlap *o, struct t_o *t, struct err *e)
{
	_cleanup_free_ double *ones = NULL;
	struct linear f;
	bool closed;
	size_t lags;
	int r;

	r = find_window(o, t->sum_var, &t->window, &t->at_l, &closed, e);
	if (r < 0)
		return r;
	lags = closed ? 2 * t->window : t->window;
	r = overlap_extend(o, lags, e);
	if (r < 0)
		return r;
	ones = alloc_zeroed(lags + 1, sizeof(*ones));
	if (!ones)
		return err_oom(e);
	for (size_t k = 0; k <= lags; k++)
		ones[k] = 1;
	f = (struct linear){ .r = ones, .lags = lags + 1, .q = -(double)(lags + 1) };
	t->value = linear_value(o, &f, OVERLAP_ALL, &t->error);
	t->error = hypot(t->error, t->value - t->at_l);
	t->tau = 2 * t->value / t->sum_var - 1;
	t->resolved = closed && t->value > 0 && t->error < TAU_DOUBLING * t->value;
	return 0;
}

/* ---- the lower bound ---- */

/* The bound of (L, c) on a half; weights: room for 2L. */
static double bound_of(const struct overlap *o, size_t terms, double c, enum overlap_half half,
		       double *weights, double *ret_error)
{
	double first = 2 * c - c * c, second = c * c;
	struct linear f = {
		.r = weights,
		.lags = 2 * terms,
		.q = -(double)terms * (first + second),
	};

	for (size_t t = 0; t < terms; t++) {
		weights[t] = first;
		weights[terms + t] = second;
	}
	return linear_value(o, &f, half, ret_error);
}

/* The best c for L terms on a half; 0 when what relaxes cannot be told from none. */
static double best_factor(const struct overlap *o, size_t terms, enum overlap_half half)
{
	double b = 0, rest = 0;

	for (size_t t = 0; t < terms; t++) {
		b += overlap_s(o, t, half);
		rest += overlap_s(o, terms + t, half);
	}
	return b > 0 && rest < b ? b / (b - rest) : 0;
}

/* Twice its error deducted, this L promises most: of those that are powers of two. */
static void choose_terms(const struct overlap *o, size_t most, enum overlap_half half,
			 double *weights, size_t *ret_terms, double *ret_c)
{
	double best = -INFINITY;

	for (size_t terms = 1; terms <= most; terms *= 2) {
		double c = best_factor(o, terms, half), error;
		double own = bound_of(o, terms, c, half, weights, &error) - 2 * error;

		if (own <= best)
			continue;
		best = own;
		*ret_terms = terms;
		*ret_c = c;
	}
}

static int find_bound(struct overlap *o, struct t_o *t, struct err *e)
{
	size_t most = 1;
	_cleanup_free_ double *weights = NULL;
	int r;

	while (2 * most <= t->window && 4 * most < o->records / 2)
		most *= 2;
	r = overlap_extend(o, 2 * most - 1, e);
	if (r < 0)
		return r;
	weights = alloc_zeroed(2 * most, sizeof(*weights));
	if (!weights)
		return err_oom(e);
	for (enum overlap_half half = OVERLAP_FIRST; half <= OVERLAP_SECOND; half++) {
		double c = 0, error;
		size_t terms = 1;

		choose_terms(o, most, half, weights, &terms, &c);
		t->bound += bound_of(o, terms, c, !half, weights, &error) / 2;
		/* The two are not independent. */
		t->bound_error += error / 2;
		t->terms = MAX(t->terms, terms);
	}
	return 0;
}

/* ---- the slowest mode ---- */

/*
 * From the lag 2k ~ tau on, over as long again. The ratio is a smooth function of two linear ones:
 * its error is that of its differential. What the power mean bounds is max |sigma|; the sigmas of
 * the kernels at hand are above -1/8 (a mean of P Q and Q P of two projections; a palindrome's are
 * not negative), so that a larger one is positive.
 */
static int find_gamma(struct overlap *o, struct t_o *t, struct err *e)
{
	size_t at = t->tau > 2 ? 2 * (size_t)(t->tau / 2) : 0, over = MAX(at, (size_t)1);
	_cleanup_free_ double *weights = NULL;
	double early, late, ratio, error;
	struct linear f;
	int r;

	t->gamma_most = 1;
	at = MIN(at, o->records / 4) & ~(size_t)1;
	over = MIN(over, MAX(o->records / 4, (size_t)1));
	r = overlap_extend(o, at + over, e);
	if (r < 0)
		return r;
	early = overlap_s(o, at, OVERLAP_ALL);
	late = overlap_s(o, at + over, OVERLAP_ALL);
	if (!(early > 0) || !(late > 0))
		return 0;
	weights = alloc_zeroed(at + over + 1, sizeof(*weights));
	if (!weights)
		return err_oom(e);
	weights[at] = -1 / early;
	weights[at + over] += 1 / late;
	f = (struct linear){ .r = weights, .lags = at + over + 1, .q = 1 / early - 1 / late };
	linear_value(o, &f, OVERLAP_ALL, &error);
	ratio = log(late / early) / (double)over;
	if (exp(ratio) <= 1. / 8)
		return 0;
	/* Noise may make it grow. */
	t->gamma_most = -expm1(fmin(ratio, 0));
	t->gamma_most_error = exp(fmin(ratio, 0)) * error / (double)over;
	return 0;
}

int t_o_measure(struct overlap *o, struct t_o *ret, struct err *e)
{
	struct t_o t = { .value = NAN, .error = NAN, .tau = NAN, .at_l = NAN, .gamma_most = 1 };
	static const double one = 1;
	struct linear f = { .r = &one, .lags = 1, .q = -1 };
	int r;

	r = overlap_extend(o, 0, e);
	if (r < 0)
		return r;
	t.sum_var = linear_value(o, &f, OVERLAP_ALL, &t.sum_var_error);
	if (!(t.sum_var > 0)) {
		*ret = t;
		return 0;
	}
	r = sum_window(o, &t, e);
	if (r == 0)
		r = find_bound(o, &t, e);
	if (r == 0)
		r = find_gamma(o, &t, e);
	if (r == 0)
		*ret = t;
	return r;
}
