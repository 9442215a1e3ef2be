/* SPDX-License-Identifier: MIT */
/* A2 by the definition: pi(s) P(s, s') against pi(s') P(s', s), with P from the conditional laws. */
#include <math.h>

#include "even.h"
#include "parallel.h"

/* The states that are looked at: every v of a list with every h of a list. */
struct grid {
	const struct exact_even *even;
	size_t v_count, h_count, v_step, h_step;
	double *pi;	 /* [v][h] in the whole space */
	double *h_given; /* [v][h] P(h | v) */
	double *v_given; /* [v][h] P(v | h) */
	double *there;	 /* [h][h'] sum over all v of P(v | h) P(h' | v), for the palindrome */
};

static void grid_done(struct grid *g)
{
	free(g->pi);
	free(g->h_given);
	free(g->v_given);
	free(g->there);
}
#define _cleanup_grid_ _cleanup_(grid_done)

static double logistic(double u)
{
	double t = exp(-fabs(u));

	return u > 0 ? 1 / (1 + t) : t / (1 + t);
}

/* P(of | given), of: the hidden layer (of_h) or the visible one, both as bits. */
static double conditional(const struct exact_model *mo, bool of_h, size_t of, size_t given)
{
	size_t i, j, own = of_h ? mo->m : mo->n, other = of_h ? mo->n : mo->m;
	double p = 1;

	for (i = 0; i < own; i++) {
		double u = 0;

		for (j = 0; j < other; j++) {
			double w = of_h ? mo->w[j * mo->m + i] : mo->w[i * mo->m + j];

			u += given >> j & 1 ? w : -w;
		}
		u *= 2 * mo->beta;
		p *= logistic(of >> i & 1 ? u : -u);
	}
	return p;
}

static double probability(const struct exact_even *v, size_t visible, size_t hidden)
{
	size_t n_mask = ((size_t)1 << v->model.n) - 1, h_top = (size_t)1 << (v->model.m - 1);

	if (!(hidden & h_top)) {
		visible = ~visible & n_mask;
		hidden = ~hidden;
	}
	return v->pi[(hidden & (h_top - 1)) << v->model.n | visible] / 2;
}

static int fill_there(struct grid *g, const struct exact_run *run, struct err *e)
{
	const struct exact_model *mo = &g->even->model;
	size_t v, h, k;
	_cleanup_free_ double *to = calloc(g->h_count, sizeof(*to));
	int r;

	g->there = alloc_zeroed(g->h_count * g->h_count, sizeof(double));
	if (!g->there || !to)
		return err_oom(e);
	for (v = 0; v < (size_t)1 << mo->n; v++) {
		for (k = 0; k < g->h_count; k++)
			to[k] = conditional(mo, true, k * g->h_step, v);
		for (h = 0; h < g->h_count; h++) {
			double from = conditional(mo, false, v, h * g->h_step);

			for (k = 0; k < g->h_count; k++)
				g->there[h * g->h_count + k] += from * to[k];
		}
		r = exact_run_check(run, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int grid_fill(struct grid *g, bool palindrome, const struct exact_run *run, struct err *e)
{
	size_t size = g->v_count * g->h_count, v, h, k;

	g->pi = alloc_zeroed(size, sizeof(double));
	g->h_given = alloc_zeroed(size, sizeof(double));
	g->v_given = alloc_zeroed(size, sizeof(double));
	if (!g->pi || !g->h_given || !g->v_given)
		return err_oom(e);
	for (v = 0; v < g->v_count; v++)
		for (h = 0; h < g->h_count; h++) {
			size_t visible = v * g->v_step, hidden = h * g->h_step;

			k = v * g->h_count + h;
			g->pi[k] = probability(g->even, visible, hidden);
			g->h_given[k] = conditional(&g->even->model, true, hidden, visible);
			g->v_given[k] = conditional(&g->even->model, false, visible, hidden);
		}
	return palindrome ? fill_there(g, run, e) : 0;
}

/* P((v, h), (w, k)), off the diagonal. */
static double step(const struct grid *g, enum exact_kernel kernel, size_t v, size_t h, size_t w,
		   size_t k)
{
	size_t m = g->h_count;
	double forth = g->v_given[w * m + h] * g->h_given[w * m + k]; /* v anew, then h */
	double back = g->h_given[v * m + k] * g->v_given[w * m + k];  /* h anew, then v */

	switch (kernel) {
	case EXACT_RANDOM_2_BLOCK:
		return ((h == k ? g->v_given[w * m + h] : 0) +
			(v == w ? g->h_given[v * m + k] : 0)) /
		       2;
	case EXACT_PALINDROME:
		return g->there[h * m + k] * g->v_given[w * m + k];
	case EXACT_MIXTURE:
		return (forth + back) / 2;
	default:
		return forth;
	}
}

static double block_residual(const struct grid *g, enum exact_kernel kernel)
{
	size_t size = g->v_count * g->h_count, s, t;
	double worst = 0;

	for (s = 0; s < size; s++)
		for (t = 0; t < s; t++) {
			size_t v = s / g->h_count, h = s % g->h_count;
			size_t w = t / g->h_count, k = t % g->h_count;
			double there = g->pi[s] * step(g, kernel, v, h, w, k);
			double back = g->pi[t] * step(g, kernel, w, k, v, h);

			worst = MAX(worst, fabs(there - back));
		}
	return worst;
}

/* Steps through a layer so that both lists together have at most 2^bits states. */
static void grid_shape(struct grid *g, const struct exact_model *mo, unsigned int bits)
{
	unsigned int v = MIN(mo->n, MAX(bits / 2, bits - MIN(bits, mo->m)));
	unsigned int h = MIN(mo->m, bits - v);

	g->v_count = (size_t)1 << v;
	g->h_count = (size_t)1 << h;
	/* Odd steps where some are left out: every p-bit is then seen in both states. */
	g->v_step = v < mo->n ? ((size_t)1 << (mo->n - v)) - 1 : 1;
	g->h_step = h < mo->m ? ((size_t)1 << (mo->m - h)) - 1 : 1;
}

static double scan_residual(const struct exact_even *v, size_t every)
{
	const struct exact_model *mo = &v->model;
	size_t n_mask = ((size_t)1 << mo->n) - 1, s, i, top = (size_t)1 << (mo->m - 1);
	double worst = 0, bits = exact_bits(mo);

	for (s = 0; s < v->states; s += every)
		for (i = 0; i < exact_bits(mo); i++) {
			size_t vis = s & n_mask, hid = s >> mo->n | top, j;
			size_t own = i < mo->n ? i : i - mo->n;
			bool set = (i < mo->n ? vis : hid) >> own & 1;
			size_t count = i < mo->n ? mo->m : mo->n, others = i < mo->n ? hid : vis;
			double u = 0, here, there;

			for (j = 0; j < count; j++) {
				double w =
					i < mo->n ? mo->w[own * mo->m + j] : mo->w[j * mo->m + own];

				u += others >> j & 1 ? w : -w;
			}
			u *= 2 * mo->beta * (set ? -1 : 1); /* the flipped state is ahead by u */
			here = v->pi[s] / 2 * (logistic(u) / bits);
			if (i < mo->n)
				vis ^= (size_t)1 << own;
			else
				hid ^= (size_t)1 << own;
			there = probability(v, vis, hid) * (logistic(-u) / bits);
			worst = MAX(worst, fabs(here - there));
		}
	return worst;
}

int exact_a2_residual(const struct exact_model *mo, enum exact_kernel k, double *ret, bool *ret_all,
		      struct err *e)
{
	_cleanup_exact_even_ struct exact_even *v = NULL;
	_cleanup_grid_ struct grid g = { 0 };
	const struct exact_run *run = exact_run_or_default(NULL);
	unsigned int most = 0;
	int r;

	r = exact_even_new(mo, NULL, &v, e);
	if (r < 0)
		return r;
	if (k == EXACT_RANDOM_SCAN) {
		size_t every = exact_states(mo) * exact_bits(mo) / EXACT_A2_PAIRS + 1;

		*ret = scan_residual(v, every | 1);
		*ret_all = every == 1;
		return 0;
	}
	while ((size_t)1 << (2 * (most + 1)) <= EXACT_A2_PAIRS)
		most++;
	g.even = v;
	grid_shape(&g, mo, MIN(most, exact_bits(mo)));
	r = grid_fill(&g, k == EXACT_PALINDROME, run, e);
	if (r < 0)
		return r;
	*ret = block_residual(&g, k);
	*ret_all = exact_bits(mo) <= most;
	return 0;
}
