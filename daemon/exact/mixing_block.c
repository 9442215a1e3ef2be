/* SPDX-License-Identifier: MIT */
/*
 * T_O of the block kernels. With a = E[x | v], b = E[x | h], A = E[f~ | v], B = E[f~ | h],
 * ta = T* a = E[a | h], tb = T b = E[b | v], the solutions of (I - P) x = f~ are
 *
 *	random-2-block	x = f~ + (a + b) / 2	(I - T T*) a = 2 A + 2 T B,  b = 2 B + T* a
 *	palindrome	x = f~ + b - B		(I - T* T) b = B
 *	mixture		x = f~ + (ta + tb) / 2	a = u + w, b = B + T* (u - w / 2), with
 *			u = R_1 (2/3) (A + T B), w = R_(1/4) (A / 3 - T B / 6)
 *
 * (the last by partial fractions of 1 / ((1 - s^2)(1 - s^2 / 4)) on the singular values s of T, and
 * the same with the layers exchanged), and the explicit derivatives of 2 <f~, x> - Dir(x) in pi(s),
 * at fixed x, are
 *
 *	random-2-block	2 f~ x - (x - a)^2 / 2 - (x - b)^2 / 2
 *	palindrome	2 f~ x - (x - b)^2 - (b - tb)^2 - 2 B (x - b)
 *	mixture		2 f~ x - (x - a)^2 / 2 - (x - b)^2 / 2 - (a - b)^2 / 2
 *			- (b - ta) (x - b) - (a - tb) (x - a)
 *
 * The terms in (x - a) and (x - b) alone have mean 0: what is left of each line has mean G.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "block.h"
#include "mixing_parts.h"

/* Configurations of the hidden layer that one thread takes at a time. */
#define ITEM 16

/* Functions of v at all 2^n configurations, and of h at the 2^(m-1) of the even sector. */
struct layers {
	double *a, *tb;	      /* by v: [observable][2^n] */
	double *b, *ta, *f_h; /* by h: [observable][2^(m-1)]; f_h is B */
};

struct sums {
	struct mixing_job *job;
	const struct layers *of;
	double *part;  /* [items][observables] of G */
	size_t chosen; /* only this observable, into w_tau; SIZE_MAX: all, into w */
};

size_t mixing_block_bytes(const struct exact_model *mo, enum exact_kernel k)
{
	size_t count = exact_observables(mo);
	size_t v = (size_t)1 << mo->n, h = (size_t)1 << (mo->m - 1);
	size_t a = (size_t)1 << (MIN(mo->n, mo->m) - 1), b = (size_t)1 << (MAX(mo->n, mo->m) - 1);
	size_t items = (h + ITEM - 1) / ITEM;

	return block_bytes(mo, k) +
	       count * (2 * v + 3 * h + 8 * a + 3 * b + items) * sizeof(double);
}

/* From [class][column] to [column][configuration]. */
static void spread_v(const struct exact_model *mo, size_t count, const double *from, double *to)
{
	size_t rows = (size_t)1 << mo->n, c, v;

	for (c = 0; c < count; c++)
		for (v = 0; v < rows; v++)
			to[c * rows + v] = from[block_class(mo->n, v) * count + c];
}

static void spread_h(const struct exact_model *mo, size_t count, const double *from, double *to)
{
	size_t rows = (size_t)1 << (mo->m - 1), c, h;

	for (c = 0; c < count; c++)
		for (h = 0; h < rows; h++)
			to[c * rows + h] = from[h * count + c];
}

static void layers_done(struct layers *l)
{
	free(l->a);
	free(l->tb);
	free(l->b);
	free(l->ta);
	free(l->f_h);
}

static int layers_new(struct layers *l, const struct exact_model *mo)
{
	size_t count = exact_observables(mo);
	size_t v = ((size_t)1 << mo->n) * count, h = ((size_t)1 << (mo->m - 1)) * count;

	l->a = alloc_zeroed(v, sizeof(double));
	l->tb = alloc_zeroed(v, sizeof(double));
	l->b = alloc_zeroed(h, sizeof(double));
	l->ta = alloc_zeroed(h, sizeof(double));
	l->f_h = alloc_zeroed(h, sizeof(double));
	return l->a && l->tb && l->b && l->ta && l->f_h ? 0 : -ENOMEM;
}

/* Working functions on the two sides, [class][column]. */
struct sides {
	size_t count, small, big; /* columns, entries of a side */
	double *fa, *fb;	  /* E[f~ | side] */
	double *xa, *xb;	  /* E[x | side] */
	double *ya, *yb;	  /* E[xb | A], E[xa | B] */
	double *rhs, *more, *scratch;
};

static void sides_done(struct sides *s)
{
	free(s->fa);
	free(s->fb);
	free(s->xa);
	free(s->xb);
	free(s->ya);
	free(s->yb);
	free(s->rhs);
	free(s->more);
	free(s->scratch);
}
#define _cleanup_sides_ _cleanup_(sides_done)

static int sides_new(struct sides *s, const struct block *b, size_t count)
{
	s->count = count;
	s->small = b->size[0] * count;
	s->big = b->size[1] * count;
	s->fa = alloc_zeroed(s->small, sizeof(double));
	s->xa = alloc_zeroed(s->small, sizeof(double));
	s->ya = alloc_zeroed(s->small, sizeof(double));
	s->rhs = alloc_zeroed(s->small, sizeof(double));
	s->more = alloc_zeroed(s->small, sizeof(double));
	s->scratch = alloc_zeroed(2 * s->small, sizeof(double));
	s->fb = alloc_zeroed(s->big, sizeof(double));
	s->xb = alloc_zeroed(s->big, sizeof(double));
	s->yb = alloc_zeroed(s->big, sizeof(double));
	return s->fa && s->xa && s->ya && s->rhs && s->more && s->scratch && s->fb && s->xb &&
			       s->yb ?
		       0 :
		       -ENOMEM;
}

static void solve(struct mixing_job *job, const struct block *b, struct sides *s,
		  unsigned int which, double *x)
{
	double residuals, worst;

	block_solve(b, which, s->count, s->rhs, x, s->scratch, &residuals, &worst);
	job->residuals += residuals;
	job->out->residual = MAX(job->out->residual, worst);
}

static void solve_2_block(struct mixing_job *job, const struct block *b, struct sides *s)
{
	size_t k;

	block_condition(b, 1, s->count, s->fb, s->rhs);
	for (k = 0; k < s->small; k++)
		s->rhs[k] = 2 * (s->fa[k] + s->rhs[k]);
	solve(job, b, s, 0, s->xa);
	block_condition(b, 0, s->count, s->xa, s->xb);
	for (k = 0; k < s->big; k++)
		s->xb[k] += 2 * s->fb[k];
}

/* E[x | h] on its side; then E[that | v] on the other one: ya or yb. */
static void solve_palindrome(struct mixing_job *job, const struct block *b, struct sides *s)
{
	size_t k;

	if (!b->small_is_v) {
		memcpy(s->rhs, s->fa, s->small * sizeof(double));
		solve(job, b, s, 0, s->xa);
		block_condition(b, 0, s->count, s->xa, s->yb);
		return;
	}
	block_condition(b, 1, s->count, s->fb, s->rhs);
	solve(job, b, s, 0, s->ya);
	block_condition(b, 0, s->count, s->ya, s->xb);
	for (k = 0; k < s->big; k++)
		s->xb[k] += s->fb[k];
}

static void solve_mixture(struct mixing_job *job, const struct block *b, struct sides *s)
{
	double *tb = s->ya;
	size_t k;

	block_condition(b, 1, s->count, s->fb, tb);
	for (k = 0; k < s->small; k++)
		s->rhs[k] = (s->fa[k] + tb[k]) * 2 / 3;
	solve(job, b, s, 0, s->xa);
	for (k = 0; k < s->small; k++)
		s->rhs[k] = s->fa[k] / 3 - tb[k] / 6;
	solve(job, b, s, 1, s->more);
	for (k = 0; k < s->small; k++) {
		s->rhs[k] = s->xa[k] - s->more[k] / 2;
		s->xa[k] += s->more[k];
	}
	block_condition(b, 0, s->count, s->rhs, s->xb);
	for (k = 0; k < s->big; k++)
		s->xb[k] += s->fb[k];
	block_condition(b, 1, s->count, s->xb, s->ya);
	block_condition(b, 0, s->count, s->xa, s->yb);
}

static int solve_layers(struct mixing_job *job, struct layers *l, struct err *e)
{
	const struct exact_model *mo = &job->even->model;
	_cleanup_block_ struct block *b = NULL;
	_cleanup_sides_ struct sides s = { 0 };
	enum exact_kernel k = job->ask->kernel;
	size_t count = exact_observables(mo);
	int r;

	r = block_new(job->even, k, job->run, &b, e);
	if (r < 0)
		return r;
	if (sides_new(&s, b, count) < 0)
		return err_oom(e);
	job->out->unknowns = b->size[0];
	job->out->condition = b->condition;
	job->smallest = 1 / b->condition;
	block_project(b, 0, 0, count, s.fa);
	block_project(b, 1, 0, count, s.fb);
	if (k == EXACT_RANDOM_2_BLOCK)
		solve_2_block(job, b, &s);
	else if (k == EXACT_PALINDROME)
		solve_palindrome(job, b, &s);
	else
		solve_mixture(job, b, &s);

	spread_v(mo, count, b->small_is_v ? s.xa : s.xb, l->a);
	spread_v(mo, count, b->small_is_v ? s.ya : s.yb, l->tb);
	spread_h(mo, count, b->small_is_v ? s.xb : s.xa, l->b);
	spread_h(mo, count, b->small_is_v ? s.yb : s.ya, l->ta);
	spread_h(mo, count, b->small_is_v ? s.fb : s.fa, l->f_h);
	return exact_run_check(job->run, e);
}

/* What the states of one h share. */
struct row {
	size_t i;	 /* of v_i */
	double up, down; /* f~ where v_i = +1, -1 */
	double b, ta, f_h;
	const double *a, *tb, *pi;
	size_t count;
};

/* pi w of one h into w (NULL: not wanted); returns the sum of what has mean G. */
static double row_2_block(const struct row *o, double *w)
{
	double sum = 0;
	size_t v;

	for (v = 0; v < o->count; v++) {
		double f = v >> o->i & 1 ? o->up : o->down;
		double half = (o->a[v] + o->b) / 2, x = f + half;
		double xa = x - o->a[v], xb = x - o->b;
		double g = o->pi[v] * (2 * f * x - (xa * xa + xb * xb) / 2);

		sum += g;
		if (w)
			w[v] += g;
	}
	return sum;
}

static double row_palindrome(const struct row *o, double *w)
{
	double sum = 0;
	size_t v;

	for (v = 0; v < o->count; v++) {
		double f = v >> o->i & 1 ? o->up : o->down;
		double x = f + o->b - o->f_h;
		double xb = x - o->b, bc = o->b - o->tb[v];
		double g = o->pi[v] * (2 * f * x - xb * xb - bc * bc);

		sum += g;
		if (w)
			w[v] += g - o->pi[v] * (2 * o->f_h * xb);
	}
	return sum;
}

static double row_mixture(const struct row *o, double *w)
{
	double sum = 0;
	size_t v;

	for (v = 0; v < o->count; v++) {
		double f = v >> o->i & 1 ? o->up : o->down;
		double x = f + (o->ta + o->tb[v]) / 2;
		double xa = x - o->a[v], xb = x - o->b, ab = o->a[v] - o->b;
		double g = o->pi[v] * (2 * f * x - (xa * xa + xb * xb + ab * ab) / 2);

		sum += g;
		if (w)
			w[v] += g - o->pi[v] * ((o->b - o->ta) * xb + (o->a[v] - o->tb[v]) * xa);
	}
	return sum;
}

static double add_row(const struct sums *s, size_t h, size_t a, double *w)
{
	const struct exact_even *v = s->job->even;
	const struct layers *l = s->of;
	size_t rows = (size_t)1 << v->model.n, halves = (size_t)1 << (v->model.m - 1);
	size_t j = a % v->model.m;
	bool set = j + 1 == v->model.m || (h >> j & 1);
	double same = -2 * v->minus[a], differ = 2 * v->plus[a];
	struct row o = { .i = a / v->model.m,
			 .up = set ? same : differ,
			 .down = set ? differ : same,
			 .b = l->b[a * halves + h],
			 .ta = l->ta[a * halves + h],
			 .f_h = l->f_h[a * halves + h],
			 .a = l->a + a * rows,
			 .tb = l->tb + a * rows,
			 .pi = v->pi + h * rows,
			 .count = rows };

	if (w)
		w += h * rows;
	switch (s->job->ask->kernel) {
	case EXACT_RANDOM_2_BLOCK:
		return row_2_block(&o, w);
	case EXACT_PALINDROME:
		return row_palindrome(&o, w);
	default:
		return row_mixture(&o, w);
	}
}

static int sum_item(struct exact_work *work, size_t i, unsigned int worker, struct err *e)
{
	struct sums *s = work->data;
	const struct exact_model *mo = &s->job->even->model;
	size_t halves = (size_t)1 << (mo->m - 1), count = exact_observables(mo), a, h;
	size_t end = MIN((i + 1) * ITEM, halves);

	for (a = 0; a < count; a++) {
		if (s->chosen != SIZE_MAX && a != s->chosen)
			continue;
		for (h = i * ITEM; h < end; h++)
			s->part[i * count + a] +=
				add_row(s, h, a, s->chosen == SIZE_MAX ? s->job->w : s->job->w_tau);
	}
	if (worker == 0)
		exact_run_progress(s->job->run, "sum", (double)i / (double)work->items);
	return exact_run_check(s->job->run, e);
}

static int sum_up(struct mixing_job *job, const struct layers *l, size_t chosen, double *g,
		  struct err *e)
{
	const struct exact_model *mo = &job->even->model;
	size_t count = exact_observables(mo), a, i;
	size_t items = (((size_t)1 << (mo->m - 1)) + ITEM - 1) / ITEM;
	_cleanup_free_ double *part = alloc_zeroed(items * count, sizeof(*part));
	struct sums s = { .job = job, .of = l, .part = part, .chosen = chosen };
	struct exact_work work = { .run = job->run,
				   .threads = job->run->threads,
				   .items = items,
				   .item = sum_item,
				   .data = &s };
	int r;

	if (!part)
		return err_oom(e);
	r = exact_work_run(&work, e);
	if (r < 0 || !g)
		return r;
	for (a = 0; a < count; a++) {
		g[a] = 0;
		for (i = 0; i < items; i++)
			g[a] += part[i * count + a];
	}
	return 0;
}

int mixing_block(struct mixing_job *job, struct err *e)
{
	struct exact_mixing *out = job->out;
	struct layers l = { 0 };
	size_t a;
	int r;

	out->dense = true;
	exact_run_progress(job->run, "build", 0);
	r = layers_new(&l, &job->even->model) < 0 ? err_oom(e) : solve_layers(job, &l, e);
	if (r == 0)
		r = sum_up(job, &l, SIZE_MAX, out->g, e);
	for (a = 0; a < exact_observables(&job->even->model) && r == 0; a++)
		mixing_is_worst(job, a);
	out->dtau_of = job->ask->observable == EXACT_WORST ? out->worst : job->ask->observable;
	if (r == 0 && job->w_tau)
		r = sum_up(job, &l, out->dtau_of, NULL, e);
	layers_done(&l);
	return r;
}
