/* SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <string.h>

#include "even.h"
#include "parallel.h"

/* Log weights of a run of states that share their high bits. */
#define TILE_BITS 11

struct tile {
	unsigned int bits;
	size_t tiles;
	long double l[1 << TILE_BITS];
};

/* -beta E = sum_i c_i v_i of every state of tile t, c_i = beta (W h)_i. */
static void tile_fill(const struct exact_model *mo, struct tile *tl, size_t t)
{
	long double c[EXACT_MAX_BITS];
	size_t state = t << tl->bits, k;
	unsigned int i, j;

	for (i = 0; i < mo->n; i++) {
		c[i] = 0;
		for (j = 0; j < mo->m; j++) {
			bool up = j + 1 == mo->m || (state >> (mo->n + j) & 1);
			long double w = mo->w[(size_t)i * mo->m + j];

			c[i] += up ? w : -w;
		}
		c[i] *= mo->beta;
	}
	tl->l[0] = 0;
	for (i = 0; i < mo->n; i++)
		tl->l[0] += i >= tl->bits && (state >> i & 1) ? c[i] : -c[i];
	for (i = 0; i < tl->bits; i++)
		for (k = 0; k < (size_t)1 << i; k++)
			tl->l[k | (size_t)1 << i] = tl->l[k] + 2 * c[i];
}

/* pi and log_pi against the largest weight; sums by tile, so that none is long. */
static int enumerate(struct exact_even *v, struct tile *tl, const struct exact_run *run,
		     struct err *e)
{
	long double top = -LDBL_MAX, sum = 0, shift;
	size_t size = (size_t)1 << tl->bits, t, k;
	int r;

	for (t = 0; t < tl->tiles; t++) {
		tile_fill(&v->model, tl, t);
		for (k = 0; k < size; k++)
			top = MAX(top, tl->l[k]);
	}
	for (t = 0; t < tl->tiles; t++) {
		long double part = 0;

		r = exact_run_check(run, e);
		if (r < 0)
			return r;
		tile_fill(&v->model, tl, t);
		for (k = 0; k < size; k++) {
			long double w = expl(tl->l[k] - top);

			part += w;
			v->pi[t * size + k] = (double)w;
			v->log_pi[t * size + k] = (double)(tl->l[k] - top);
		}
		sum += part;
	}
	shift = logl(sum);
	v->ln_z = (double)(top + shift + logl(2));
	for (k = 0; k < v->states; k++) {
		v->pi[k] = (double)(v->pi[k] / sum);
		v->log_pi[k] = (double)(v->log_pi[k] - shift);
	}
	return 0;
}

/* Pairwise down to short runs. */
static double sum_of(const double *w, size_t count)
{
	double s[4] = { 0 };
	size_t k;

	if (count > 64)
		return sum_of(w, count / 2) + sum_of(w + count / 2, count / 2);
	for (k = 0; k + 4 <= count; k += 4) {
		s[0] += w[k];
		s[1] += w[k + 1];
		s[2] += w[k + 2];
		s[3] += w[k + 3];
	}
	for (; k < count; k++)
		s[0] += w[k];
	return (s[0] + s[1]) + (s[2] + s[3]);
}

/* Sums of w[2^bits] over the indices that have bit i, and over the others, by folding in halves. */
static void fold(double *w, unsigned int bits, double *up, double *down)
{
	while (bits-- > 0) {
		size_t half = (size_t)1 << bits, k;

		up[bits] = sum_of(w + half, half);
		down[bits] = sum_of(w, half);
		for (k = 0; k < half; k++)
			w[k] += w[k + half];
	}
}

/* A sum and what rounding took from it. */
struct long_sum {
	double sum, rest;
};

static void long_add(struct long_sum *s, double x)
{
	double t = s->sum + x;
	double back = t - s->sum;

	s->rest += (s->sum - (t - back)) + (x - back);
	s->sum = t;
}

int exact_contract(const struct exact_model *mo, double *w, double *plus, double *minus)
{
	size_t h, i, j, row = (size_t)1 << mo->n, a, count = exact_observables(mo);
	double up[EXACT_MAX_BITS], down[EXACT_MAX_BITS];
	_cleanup_free_ struct long_sum *sums = calloc(2 * count, sizeof(*sums));

	if (!sums)
		return -ENOMEM;
	for (h = 0; h < (size_t)1 << (mo->m - 1); h++) {
		fold(w + h * row, mo->n, up, down);
		for (i = 0; i < mo->n; i++)
			for (j = 0; j < mo->m; j++) {
				bool set = j + 1 == mo->m || (h >> j & 1);
				struct long_sum *s = sums + 2 * (i * mo->m + j);

				long_add(&s[0], set ? up[i] : down[i]);
				long_add(&s[1], set ? down[i] : up[i]);
			}
	}
	for (a = 0; a < count; a++) {
		plus[a] = sums[2 * a].sum + sums[2 * a].rest;
		minus[a] = sums[2 * a + 1].sum + sums[2 * a + 1].rest;
	}
	return 0;
}

int exact_pull_back(const struct exact_even *v, double *w, double *grad)
{
	size_t a, count = exact_observables(&v->model);
	_cleanup_free_ double *parts = calloc(2 * count, sizeof(*parts));
	int r;

	if (!parts)
		return -ENOMEM;
	r = exact_contract(&v->model, w, parts, parts + count);
	if (r < 0)
		return r;
	for (a = 0; a < count; a++)
		grad[a] = 2 * v->model.beta *
			  (parts[a] * v->minus[a] - parts[count + a] * v->plus[a]);
	return 0;
}

static int moments(struct exact_even *v)
{
	_cleanup_free_ double *copy = alloc_zeroed(v->states, sizeof(*copy));
	size_t a;
	int r;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, v->pi, v->states * sizeof(*copy));
	r = exact_contract(&v->model, copy, v->plus, v->minus);
	if (r < 0)
		return r;
	for (a = 0; a < exact_observables(&v->model); a++) {
		v->mean[a] = v->plus[a] - v->minus[a];
		v->var[a] = 4 * v->plus[a] * v->minus[a];
	}
	return 0;
}

size_t exact_even_bytes(const struct exact_model *mo)
{
	return exact_states(mo) * 3 * sizeof(double) + exact_observables(mo) * 16 * sizeof(double) +
	       sizeof(struct tile);
}

static int allocate(struct exact_even *v, const struct exact_model *mo)
{
	size_t count = exact_observables(mo);
	double *w = calloc(count, sizeof(*w));

	v->model = *mo;
	v->model.w = w;
	v->states = exact_states(mo);
	v->pi = alloc_zeroed(v->states, sizeof(*v->pi));
	v->log_pi = alloc_zeroed(v->states, sizeof(*v->log_pi));
	v->plus = calloc(4 * count, sizeof(*v->plus));
	if (!w || !v->pi || !v->log_pi || !v->plus)
		return -ENOMEM;
	memcpy(w, mo->w, count * sizeof(*w));
	v->minus = v->plus + count;
	v->mean = v->plus + 2 * count;
	v->var = v->plus + 3 * count;
	return 0;
}

int exact_even_new(const struct exact_model *mo, const struct exact_run *run,
		   struct exact_even **ret, struct err *e)
{
	_cleanup_exact_even_ struct exact_even *v = NULL;
	_cleanup_free_ struct tile *tl = NULL;
	int r;

	run = exact_run_or_default(run);
	r = exact_model_check(mo, e);
	if (r < 0)
		return r;
	r = exact_run_admit(run, exact_even_bytes(mo), e);
	if (r < 0)
		return r;
	v = calloc(1, sizeof(*v));
	tl = malloc(sizeof(*tl));
	if (!v || !tl || allocate(v, mo) < 0)
		return err_oom(e);
	tl->bits = MIN(mo->n, TILE_BITS);
	tl->tiles = v->states >> tl->bits;

	exact_run_progress(run, "enumerate", 0);
	r = enumerate(v, tl, run, e);
	if (r < 0)
		return r;
	if (moments(v) < 0)
		return err_oom(e);
	*ret = TAKE_PTR(v);
	return 0;
}

struct exact_even *exact_even_free(struct exact_even *v)
{
	if (!v)
		return NULL;
	free((double *)v->model.w);
	free(v->pi);
	free(v->log_pi);
	free(v->plus);
	free(v);
	return NULL;
}
