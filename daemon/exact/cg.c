/* SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>

#include "cg.h"

#define PROBE_TOLERANCE 1e-7
#define RESTARTS	3
#define MAX_ITERATIONS	100000u
/* Without a new least residual in so many iterations a lane is given up. */
#define PATIENCE	3000u

/* q = S p, s = z' p, pq = p' q. */
static void apply(const struct cg_system *s, const lanes *p, const lanes *zp, lanes *middle,
		  lanes *q, lanes *pq)
{
	if (s->halves)
		lanes_gather(&s->out, p, middle);
	lanes_apply(&s->back, p, s->halves ? middle : p, s->z, zp, q, pq);
}

/* r = b - S x, by p and q; returns squared norms. */
static void residual(const struct cg_system *s, struct cg_vectors *v, struct cg_solve *c)
{
	lanes none = { 0 }, zx, xx;
	size_t k;

	c->rhs(c->rhs_data, v->r);
	lanes_turn(s->unknowns, &none, v->x, s->z, v->p, &zx);
	apply(s, v->p, &zx, v->middle, v->q, &xx);
	c->residual = c->x2 = (lanes){ 0 };
	for (k = 0; k < s->unknowns; k++) {
		v->r[k] -= v->q[k];
		c->residual += v->r[k] * v->r[k];
		c->x2 += v->x[k] * v->x[k];
	}
}

static int record(struct cg_solve *c, double alpha, double beta)
{
	if (c->steps == c->room) {
		size_t room = MAX(2 * c->room, (size_t)64);
		double *a = realloc(c->alpha, room * sizeof(*a));
		double *b;

		if (!a)
			return -ENOMEM;
		c->alpha = a;
		b = realloc(c->beta, room * sizeof(*b));
		if (!b)
			return -ENOMEM;
		c->beta = b;
		c->room = room;
	}
	c->alpha[c->steps] = alpha;
	c->beta[c->steps++] = beta;
	return 0;
}

/* Which lanes go on, with how far the slowest is on its way. */
struct lane_state {
	bool active[LANES];
	double best[LANES], goal[LANES];
	unsigned int since[LANES];
	unsigned int left; /* active lanes */
};

static void judge(struct lane_state *st, const lanes *rr)
{
	unsigned int l;

	st->left = 0;
	for (l = 0; l < LANES; l++) {
		if (!st->active[l])
			continue;
		if ((*rr)[l] < st->best[l]) {
			st->best[l] = (*rr)[l];
			st->since[l] = 0;
		} else {
			st->since[l]++;
		}
		st->active[l] =
			(*rr)[l] > st->goal[l] && st->since[l] < PATIENCE && isfinite((*rr)[l]);
		st->left += st->active[l];
	}
}

static double share_done(const struct lane_state *st, const struct cg_solve *c)
{
	double least = 1;
	unsigned int l;

	for (l = 0; l < LANES; l++)
		if (st->active[l])
			least = MIN(least,
				    log(st->best[l] / c->b2[l]) / log(st->goal[l] / c->b2[l]));
	return MAX(least, 0);
}

/* From r = b - S x on until every lane is at its goal or stuck. */
static int iterate(const struct cg_system *s, struct cg_vectors *v, struct cg_solve *c,
		   struct lane_state *st, bool first, struct err *e)
{
	lanes zp, pq, alpha, beta = { 0 }, rr = c->residual, next;
	unsigned int l;
	int r;

	judge(st, &rr);
	lanes_turn(s->unknowns, &beta, v->r, s->z, v->p, &zp);
	while (st->left > 0 && c->iterations < MAX_ITERATIONS) {
		apply(s, v->p, &zp, v->middle, v->q, &pq);
		for (l = 0; l < LANES; l++)
			alpha[l] = st->active[l] && pq[l] > 0 ? rr[l] / pq[l] : 0;
		lanes_step(s->unknowns, &alpha, v->p, v->q, v->x, v->r, &next);
		for (l = 0; l < LANES; l++)
			beta[l] = st->active[l] && rr[l] > 0 ? next[l] / rr[l] : 0;
		if (first && c->probe >= 0 && st->active[c->probe] &&
		    record(c, alpha[c->probe], beta[c->probe]) < 0)
			return err_oom(e);
		rr = next;
		judge(st, &rr);
		lanes_turn(s->unknowns, &beta, v->r, s->z, v->p, &zp);
		c->iterations++;
		r = exact_run_check(c->run, e);
		if (r < 0)
			return r;
		if (c->progress && c->iterations % 8 == 0)
			c->progress(c->progress_data, share_done(st, c));
	}
	c->residual = rr;
	return 0;
}

static void set_goals(const struct cg_solve *c, struct lane_state *st)
{
	unsigned int l;

	for (l = 0; l < LANES; l++) {
		double tol = (int)l == c->probe ? MAX(PROBE_TOLERANCE, c->tolerance) : c->tolerance;

		st->goal[l] = tol * tol * c->b2[l];
		st->active[l] = c->b2[l] > 0;
		st->best[l] = INFINITY;
		st->since[l] = 0;
	}
}

/*
 * What rounding leaves of a residual when x is as right as doubles can have it: one unit in the
 * last place of x.
 */
static double floor_of(const struct cg_solve *c, unsigned int l)
{
	double at = 4 * DBL_EPSILON * (sqrt(c->b2[l]) + sqrt(c->x2[l]));

	return at * at;
}

static int converged(const struct cg_solve *c, const struct lane_state *st, struct err *e)
{
	unsigned int l;

	for (l = 0; l < LANES; l++) {
		double goal = MAX(4 * st->goal[l], floor_of(c, l));

		if ((int)l == c->probe)
			continue;
		if (!(c->residual[l] <= goal))
			return err_set(e, -EDOM,
				       "conjugate gradients did not converge: relative residual "
				       "%.2g after %u iterations",
				       sqrt(c->residual[l] / c->b2[l]), c->iterations);
	}
	return 0;
}

int cg_run(const struct cg_system *s, struct cg_vectors *v, struct cg_solve *c, struct err *e)
{
	struct lane_state st;
	unsigned int i, l;
	size_t k;
	int r;

	c->rhs(c->rhs_data, v->r);
	c->b2 = (lanes){ 0 };
	for (k = 0; k < s->unknowns; k++)
		c->b2 += v->r[k] * v->r[k];
	c->residual = c->b2;
	c->x2 = (lanes){ 0 };
	if (c->started)
		residual(s, v, c);

	set_goals(c, &st);
	r = iterate(s, v, c, &st, true, e);
	if (r < 0)
		return r;
	for (i = 0; i < RESTARTS && c->tolerance < 1e-11; i++) {
		bool again = false;

		residual(s, v, c);
		set_goals(c, &st);
		for (l = 0; l < LANES; l++) {
			st.goal[l] = MAX(st.goal[l], floor_of(c, l));
			again |= st.active[l] && c->residual[l] > 4 * st.goal[l];
		}
		if (!again)
			break;
		r = iterate(s, v, c, &st, false, e);
		if (r < 0)
			return r;
	}
	return converged(c, &st, e);
}

void cg_solve_done(struct cg_solve *c)
{
	free(c->alpha);
	free(c->beta);
	c->alpha = c->beta = NULL;
}

/*
 * How many eigenvalues of the tridiagonal matrix are below at. With the diagonal
 * 1 / alpha_k + beta_(k-1) / alpha_(k-1) and the off-diagonal sqrt(beta_k) / alpha_k.
 */
static size_t below(const double *alpha, const double *beta, size_t steps, double at)
{
	double pivot = 1;
	size_t k, count = 0;

	for (k = 0; k < steps; k++) {
		double d = 1 / alpha[k] - at;

		if (k > 0) {
			d += beta[k - 1] / alpha[k - 1];
			d -= beta[k - 1] / (alpha[k - 1] * alpha[k - 1]) / pivot;
		}
		pivot = d != 0 ? d : DBL_MIN;
		count += pivot < 0;
	}
	return count;
}

void cg_extremes(const double *alpha, const double *beta, size_t steps, double *ret_min,
		 double *ret_max)
{
	double lo, hi;

	while (steps > 0 && !(alpha[steps - 1] > 0))
		steps--;
	if (steps == 0) {
		*ret_min = *ret_max = 1;
		return;
	}
	for (lo = DBL_EPSILON * DBL_EPSILON, hi = 4; hi / lo > 1.001;) {
		double mid = sqrt(lo * hi);

		if (below(alpha, beta, steps, mid) > 0)
			hi = mid;
		else
			lo = mid;
	}
	*ret_min = lo;
	for (hi = 4; hi / lo > 1.001;) {
		double mid = sqrt(lo * hi);

		if (below(alpha, beta, steps, mid) < steps)
			lo = mid;
		else
			hi = mid;
	}
	*ret_max = hi;
}
