/* SPDX-License-Identifier: MIT */
/* The block kernels in __float128: the formulas of mixing_block.c, one observable at a time. */
#include <math.h>
#include <string.h>

#include "block.h"
#include "quad_even.h"

struct quad_block {
	struct quad_job *job;
	struct block *rough;
	size_t size[2];
	quad *given[2]; /* P(b | a) [A * B], P(a | b) [B * A] */
	quad *p;	/* [A] */
	/* Functions on the sides, [0] on A: E[f~ | .], E[x | .], E[E[x | other] | .]. */
	quad *f[2], *x[2], *y[2];
	quad *rhs, *u, *far; /* [A], [A], [B] */
	double *r, *d, *scratch;
};

static void done(struct quad_block *q)
{
	unsigned int side;

	for (side = 0; side < 2; side++) {
		free(q->given[side]);
		free(q->f[side]);
		free(q->x[side]);
		free(q->y[side]);
	}
	free(q->p);
	free(q->rhs);
	free(q->u);
	free(q->far);
	free(q->r);
	free(q->d);
	free(q->scratch);
	block_free(q->rough);
}
#define _cleanup_quad_block_ _cleanup_(done)

static bool is_v(const struct quad_block *q, unsigned int side)
{
	return (side == 0) == q->rough->small_is_v;
}

/* P(other side | class). */
static void conditional(const struct quad_block *q, unsigned int side, size_t class, quad *law,
			quad *ret)
{
	unsigned int bits = q->rough->bits[!side], own = q->rough->bits[side], i;
	size_t k, top = (size_t)1 << (bits - 1), layer = class | (size_t)1 << (own - 1);

	law[0] = 1;
	for (i = 0; i < bits; i++) {
		quad u = quad_field(&q->job->even->model, !is_v(q, side), i, layer);
		quad up = quad_logistic(u), down = quad_logistic(-u);

		for (k = 0; k < (size_t)1 << i; k++) {
			law[k | (size_t)1 << i] = law[k] * up;
			law[k] *= down;
		}
	}
	for (k = 0; k < top; k++)
		ret[k] = law[k | top] + law[~k & (top - 1)];
}

static int fill(struct quad_block *q)
{
	const struct quad_even *v = q->job->even;
	unsigned int most = MAX(v->model.n, v->model.m), side;
	_cleanup_free_ quad *law = alloc_zeroed((size_t)1 << most, sizeof(*law));
	size_t i, s, n_mask = ((size_t)1 << v->model.n) - 1, h_top = (size_t)1 << (v->model.m - 1);

	if (!law)
		return -ENOMEM;
	for (side = 0; side < 2; side++)
		for (i = 0; i < q->size[side]; i++)
			conditional(q, side, i, law, q->given[side] + i * q->size[!side]);
	for (s = 0; s < v->states; s++) {
		size_t layer = q->rough->small_is_v ? s & n_mask : s >> v->model.n | h_top;

		q->p[block_class(q->rough->bits[0], layer)] += v->pi[s];
	}
	return 0;
}

static int start(struct quad_block *q, struct quad_job *job, struct err *e)
{
	unsigned int side;
	size_t small, big;
	bool ok = true;
	int r;

	q->job = job;
	r = block_new(job->rough, job->answer->kernel, job->run, &q->rough, e);
	if (r < 0)
		return r;
	small = q->size[0] = q->rough->size[0];
	big = q->size[1] = q->rough->size[1];
	for (side = 0; side < 2; side++) {
		q->given[side] = alloc_zeroed(small * big, sizeof(quad));
		q->f[side] = alloc_zeroed(q->size[side], sizeof(quad));
		q->x[side] = alloc_zeroed(q->size[side], sizeof(quad));
		q->y[side] = alloc_zeroed(q->size[side], sizeof(quad));
		ok = ok && q->given[side] && q->f[side] && q->x[side] && q->y[side];
	}
	q->p = alloc_zeroed(small, sizeof(quad));
	q->rhs = alloc_zeroed(small, sizeof(quad));
	q->u = alloc_zeroed(small, sizeof(quad));
	q->far = alloc_zeroed(big, sizeof(quad));
	q->r = alloc_zeroed(small, sizeof(double));
	q->d = alloc_zeroed(small, sizeof(double));
	q->scratch = alloc_zeroed(2 * small, sizeof(double));
	if (!ok || !q->p || !q->rhs || !q->u || !q->far || !q->r || !q->d || !q->scratch ||
	    fill(q) < 0)
		return err_oom(e);
	return 0;
}

/* to = E[from | other side] */
static void condition(const struct quad_block *q, unsigned int side, const quad *from, quad *to)
{
	size_t i, k, rows = q->size[!side], cols = q->size[side];

	for (i = 0; i < rows; i++) {
		to[i] = 0;
		for (k = 0; k < cols; k++)
			to[i] += q->given[!side][i * cols + k] * from[k];
	}
}

/* E[f~ | side] */
static void project(const struct quad_block *q, unsigned int side, size_t a)
{
	const struct quad_even *v = q->job->even;
	size_t i, row = a / v->model.m, at = a % v->model.m;
	size_t own = is_v(q, side) ? row : at, other = is_v(q, side) ? at : row;

	for (i = 0; i < q->size[side]; i++) {
		size_t layer = i | (size_t)1 << (q->rough->bits[side] - 1);
		quad u = quad_field(&v->model, !is_v(q, side), other, layer);
		quad same = quad_logistic(layer >> own & 1 ? u : -u);

		q->f[side][i] = 2 * v->plus[a] * (1 - same) - 2 * v->minus[a] * same;
	}
}

/* r = rhs - (I - c S) x, of mean 0 for c = 1; |r| / |rhs| in the norm of pi. */
static double residual(struct quad_block *q, unsigned int which, const quad *x)
{
	size_t i, n = q->size[0];
	quad rr = 0, bb = 0, mean = 0;

	condition(q, 0, x, q->far);
	condition(q, 1, q->far, q->u);
	for (i = 0; i < n; i++) {
		q->u[i] = q->rhs[i] - (x[i] - q->u[i] / (which == 0 ? 1 : 4));
		mean += q->p[i] * q->u[i];
	}
	for (i = 0; i < n; i++) {
		quad r = which == 0 ? q->u[i] - mean : q->u[i];

		rr += q->p[i] * r * r;
		bb += q->p[i] * q->rhs[i] * q->rhs[i];
		q->r[i] = (double)r;
	}
	return bb > 0 ? (double)quad_sqrt(rr / bb) : 0;
}

/* x = R_c rhs, which = 0: c = 1, which = 1: c = 1/4. x is not rhs. */
static int solve(struct quad_block *q, unsigned int which, quad *x, struct err *e)
{
	size_t i, n = q->size[0];
	unsigned int k;

	memset(x, 0, n * sizeof(*x));
	for (k = 0;; k++) {
		double worst = residual(q, which, x);

		if (worst <= QUAD_TOLERANCE) {
			q->job->residual = MAX(q->job->residual, worst);
			q->job->refinements = MAX(q->job->refinements, k);
			return 0;
		}
		if (k == QUAD_MAX_REFINEMENTS || !isfinite(worst))
			return err_set(e, -EDOM,
				       "the __float128 reference did not converge: residual %.2g",
				       worst);
		block_solve(q->rough, which, 1, q->r, q->d, q->scratch, NULL, NULL);
		for (i = 0; i < n; i++)
			x[i] += q->d[i];
	}
}

static int solve_2_block(struct quad_block *q, struct err *e)
{
	size_t i;
	int r;

	condition(q, 1, q->f[1], q->rhs);
	for (i = 0; i < q->size[0]; i++)
		q->rhs[i] = 2 * (q->f[0][i] + q->rhs[i]);
	r = solve(q, 0, q->x[0], e);
	condition(q, 0, q->x[0], q->x[1]);
	for (i = 0; i < q->size[1]; i++)
		q->x[1][i] += 2 * q->f[1][i];
	return r;
}

static int solve_palindrome(struct quad_block *q, struct err *e)
{
	size_t i;
	int r;

	if (!q->rough->small_is_v) {
		memcpy(q->rhs, q->f[0], q->size[0] * sizeof(quad));
		r = solve(q, 0, q->x[0], e);
		condition(q, 0, q->x[0], q->y[1]);
		return r;
	}
	condition(q, 1, q->f[1], q->rhs);
	r = solve(q, 0, q->y[0], e);
	condition(q, 0, q->y[0], q->x[1]);
	for (i = 0; i < q->size[1]; i++)
		q->x[1][i] += q->f[1][i];
	return r;
}

static int solve_mixture(struct quad_block *q, struct err *e)
{
	quad *tb = q->y[0], *w = q->y[0];
	size_t i;
	int r;

	condition(q, 1, q->f[1], tb);
	for (i = 0; i < q->size[0]; i++)
		q->rhs[i] = (q->f[0][i] + tb[i]) * 2 / 3;
	r = solve(q, 0, q->x[0], e);
	if (r < 0)
		return r;
	for (i = 0; i < q->size[0]; i++)
		q->rhs[i] = q->f[0][i] / 3 - tb[i] / 6;
	r = solve(q, 1, w, e);
	for (i = 0; i < q->size[0]; i++) {
		q->rhs[i] = q->x[0][i] - w[i] / 2;
		q->x[0][i] += w[i];
	}
	condition(q, 0, q->rhs, q->x[1]);
	for (i = 0; i < q->size[1]; i++)
		q->x[1][i] += q->f[1][i];
	condition(q, 1, q->x[1], q->y[0]);
	condition(q, 0, q->x[0], q->y[1]);
	return r;
}

/* One state: what has mean G, and what only the gradient has (*ret_more). */
static quad explicit_part(enum exact_kernel k, quad f, quad f_h, quad a, quad b, quad ta, quad tb,
			  quad *ret_more)
{
	quad x, xa, xb;

	switch (k) {
	case EXACT_RANDOM_2_BLOCK:
		x = f + (a + b) / 2;
		*ret_more = 0;
		return 2 * f * x - ((x - a) * (x - a) + (x - b) * (x - b)) / 2;
	case EXACT_PALINDROME:
		x = f + b - f_h;
		*ret_more = -2 * f_h * (x - b);
		return 2 * f * x - (x - b) * (x - b) - (b - tb) * (b - tb);
	default:
		x = f + (ta + tb) / 2;
		xa = x - a;
		xb = x - b;
		*ret_more = -(b - ta) * xb - (a - tb) * xa;
		return 2 * f * x - (xa * xa + xb * xb + (a - b) * (a - b)) / 2;
	}
}

static void add_up(const struct quad_block *q, size_t o)
{
	struct quad_job *job = q->job;
	const struct quad_even *e = job->even;
	unsigned int side_v = q->rough->small_is_v ? 0 : 1, side_h = !side_v;
	size_t rows = (size_t)1 << e->model.n, s;

	job->g[o] = 0;
	for (s = 0; s < e->states; s++) {
		size_t v = block_class(e->model.n, s & (rows - 1)), h = s >> e->model.n;
		quad more, g;

		g = explicit_part(job->answer->kernel, quad_observable(e, o, s), q->f[side_h][h],
				  q->x[side_v][v], q->x[side_h][h], q->y[side_h][h],
				  q->y[side_v][v], &more);
		job->g[o] += e->pi[s] * g;
		if (job->w)
			job->w[s] += e->pi[s] * (g + more);
		if (job->w_tau && job->answer->dtau_of == o)
			job->w_tau[s] += e->pi[s] * (g + more);
	}
}

int quad_block(struct quad_job *job, struct err *e)
{
	_cleanup_quad_block_ struct quad_block q = { 0 };
	size_t a, count = exact_observables(&job->even->model);
	int r;

	r = start(&q, job, e);
	for (a = 0; a < count && r == 0; a++) {
		project(&q, 0, a);
		project(&q, 1, a);
		if (job->answer->kernel == EXACT_RANDOM_2_BLOCK)
			r = solve_2_block(&q, e);
		else if (job->answer->kernel == EXACT_PALINDROME)
			r = solve_palindrome(&q, e);
		else
			r = solve_mixture(&q, e);
		if (r < 0)
			return r;
		add_up(&q, a);
		exact_run_progress(job->run, "reference", (double)(a + 1) / (double)count);
		r = exact_run_check(job->run, e);
	}
	return r;
}
