/* SPDX-License-Identifier: MIT */
/*
 * The random scan in __float128, as currents: with the conductances
 * F_i(s) = (1/N) pi(s) pi(s^i) / (pi(s) + pi(s^i)), (I - P) x = f~ reads
 * sum_i F_i(s) (x(s) - x(s^i)) = pi(s) f~(s). x is corrected by solves in double, of which only a
 * relative precision is asked, until the currents balance.
 */
#include <math.h>
#include <string.h>

#include "quad_even.h"
#include "scan.h"

struct quad_scan {
	struct quad_job *job;
	struct scan *scan;
	size_t states, edges; /* edges: p-bits that flip; each edge is held at its lower end */
	quad *f;	      /* [states * N] F_i(s) where s < s^i */
	quad *x;	      /* [LANES][states] in the order of states */
	quad *current;	      /* [states] */
	quad *root;	      /* [states] sqrt(pi), in storage order */
	struct cg_vectors v;
	lanes *given, *y;
};

static void done(struct quad_scan *q)
{
	free(q->f);
	free(q->x);
	free(q->current);
	free(q->root);
	free(q->v.r);
	free(q->v.p);
	free(q->v.q);
	free(q->v.middle);
	free(q->given);
	free(q->y);
	scan_free(q->scan);
}
#define _cleanup_quad_scan_ _cleanup_(done)

static size_t flipped(const struct quad_scan *q, size_t s, unsigned int i)
{
	return i + 1 < q->scan->bits ? s ^ (size_t)1 << i : s ^ (q->states - 1);
}

static void fill_conductances(struct quad_scan *q)
{
	const struct quad_even *v = q->job->even;
	quad n = q->scan->bits;
	unsigned int i;
	size_t s;

	for (s = 0; s < q->states; s++)
		for (i = 0; i < q->scan->bits; i++) {
			quad here = v->pi[s], there = v->pi[flipped(q, s, i)];

			if (s < flipped(q, s, i))
				q->f[s * q->scan->bits + i] =
					here + there > 0 ? here / (here + there) * there / n : 0;
		}
}

static int start(struct quad_scan *q, struct quad_job *job, struct err *e)
{
	size_t rows, at;
	int r;

	q->job = job;
	r = scan_new(job->rough, &q->scan, e);
	if (r < 0)
		return r;
	rows = q->scan->system.unknowns;
	q->states = job->even->states;
	q->f = alloc_zeroed(q->states * q->scan->bits, sizeof(quad));
	q->x = alloc_zeroed(q->states * LANES, sizeof(quad));
	q->current = alloc_zeroed(q->states, sizeof(quad));
	q->root = alloc_zeroed(q->states, sizeof(quad));
	q->v.r = alloc_zeroed(rows, sizeof(lanes));
	q->v.p = alloc_zeroed(rows, sizeof(lanes));
	q->v.q = alloc_zeroed(rows, sizeof(lanes));
	q->v.middle = q->scan->halves ? alloc_zeroed(rows, sizeof(lanes)) : NULL;
	q->given = alloc_zeroed(q->states, sizeof(lanes));
	q->y = q->v.x = alloc_zeroed(q->states, sizeof(lanes));
	if (!q->f || !q->x || !q->current || !q->root || !q->v.r || !q->v.p || !q->v.q ||
	    (q->scan->halves && !q->v.middle) || !q->given || !q->y)
		return err_oom(e);
	fill_conductances(q);
	for (at = 0; at < q->states; at++)
		q->root[at] = quad_sqrt(job->even->pi[scan_state(q->scan, at)]);
	return 0;
}

/* The current that leaves every state. */
static void flow(struct quad_scan *q, const quad *x)
{
	unsigned int i, bits = q->scan->bits;
	size_t s, t;

	memset(q->current, 0, q->states * sizeof(quad));
	for (s = 0; s < q->states; s++)
		for (i = 0; i < bits; i++) {
			t = flipped(q, s, i);
			if (s < t) {
				quad c = q->f[s * bits + i] * (x[s] - x[t]);

				q->current[s] += c;
				q->current[t] -= c;
			}
		}
}

/*
 * The residual of observable a, scaled, into its lane; G by 2 <f~, x> - Dir(x), Dir(x) = sum of
 * x times the current. Returns |r| / |f~| in the norm of pi.
 */
static double residual(struct quad_scan *q, size_t a, unsigned int lane)
{
	const struct quad_even *v = q->job->even;
	const quad *x = q->x + lane * q->states;
	quad g = 0, rr = 0, ff = 0;
	size_t at;

	flow(q, x);
	for (at = 0; at < q->states; at++) {
		size_t s = scan_state(q->scan, at);
		quad f = quad_observable(v, a, s), source = v->pi[s] * f;
		quad r = source - q->current[s], root = q->root[at];

		g += x[s] * (source + r);
		ff += source * f;
		if (root > 0) {
			r /= root;
			rr += r * r;
			q->given[at][lane] = (double)r / q->scan->g[at];
		}
	}
	q->job->g[a] = g;
	return ff > 0 ? (double)quad_sqrt(rr / ff) : 0;
}

/* x += (I - P)^-1 of the residuals; then E x = 0. */
static int correct(struct quad_scan *q, struct scan_block *b, struct err *e)
{
	const struct quad_even *v = q->job->even;
	_cleanup_cg_solve_ struct cg_solve c = { .run = q->job->run,
						 .tolerance = 1e-10,
						 .probe = -1,
						 .rhs = scan_system_rhs,
						 .rhs_data = b };
	unsigned int l;
	size_t at;
	int r;

	memset(q->y, 0, q->states * sizeof(*q->y));
	r = cg_run(&q->scan->system, &q->v, &c, e);
	if (r < 0)
		return r;
	scan_finish(b, q->y);
	for (l = 0; l < b->observables; l++) {
		quad *x = q->x + l * q->states, mean = 0;

		for (at = 0; at < q->states; at++) {
			size_t s = scan_state(q->scan, at);
			quad root = q->root[at];

			if (root > 0)
				x[s] += q->y[at][l] / root;
			mean += v->pi[s] * x[s];
		}
		for (at = 0; at < q->states; at++)
			x[at] -= mean;
	}
	return 0;
}

static int refine(struct quad_scan *q, struct scan_block *b, struct err *e)
{
	double worst;
	unsigned int l, i;
	int r;

	for (i = 0;; i++) {
		worst = 0;
		memset(q->given, 0, q->states * sizeof(*q->given));
		for (l = 0; l < b->observables; l++)
			worst = MAX(worst, residual(q, b->first + l, l));
		if (worst <= QUAD_TOLERANCE)
			break;
		if (i == QUAD_MAX_REFINEMENTS || !isfinite(worst))
			return err_set(e, -EDOM,
				       "the __float128 reference did not converge: residual %.2g",
				       worst);
		r = correct(q, b, e);
		if (r < 0)
			return r;
	}
	q->job->refinements = MAX(q->job->refinements, i);
	q->job->residual = MAX(q->job->residual, worst);
	return 0;
}

/*
 * w += pi dG / dpi = pi (2 f~ x) - sum_i (1/N) pi pi_i^2 / (pi + pi_i)^2 (x - x_i)^2 of the lanes
 * first .. end - 1.
 */
static void add_explicit(struct quad_scan *q, const struct scan_block *b, unsigned int first,
			 unsigned int end, quad *w)
{
	const struct quad_even *v = q->job->even;
	unsigned int i, l, bits = q->scan->bits;
	size_t s, t;

	for (s = 0; s < q->states; s++)
		for (l = first; l < end; l++)
			w[s] += 2 * v->pi[s] * quad_observable(v, b->first + l, s) *
				q->x[l * q->states + s];
	for (s = 0; s < q->states; s++)
		for (i = 0; i < bits; i++) {
			quad d2 = 0, share;

			t = flipped(q, s, i);
			if (s > t || !(v->pi[s] + v->pi[t] > 0))
				continue;
			for (l = first; l < end; l++) {
				quad d = q->x[l * q->states + s] - q->x[l * q->states + t];

				d2 += d * d;
			}
			d2 *= q->f[s * bits + i];
			share = v->pi[t] / (v->pi[s] + v->pi[t]);
			w[s] -= share * d2;
			w[t] -= (1 - share) * d2;
		}
}

static void load(struct quad_scan *q, const struct scan_block *b)
{
	const double *y = q->job->answer->x + b->first * q->states;
	unsigned int l;
	size_t at;

	for (l = 0; l < b->observables; l++)
		for (at = 0; at < q->states; at++) {
			size_t s = scan_state(q->scan, at);
			quad root = q->root[at];

			q->x[l * q->states + s] = root > 0 ? y[at * LANES + l] / root : 0;
		}
}

int quad_scan(struct quad_job *job, struct err *e)
{
	_cleanup_quad_scan_ struct quad_scan q = { 0 };
	size_t blocks = scan_blocks(&job->even->model), i, chosen = job->answer->dtau_of;
	struct scan_block b;
	int r;

	if (!job->answer->x)
		return err_set(e, -EINVAL, "the reference needs x: ask for it with keep_x");
	r = start(&q, job, e);
	if (r < 0)
		return r;
	for (i = 0; i < blocks; i++) {
		scan_block_init(&b, q.scan, i);
		b.odd = q.y + q.scan->system.unknowns;
		b.given = q.given;
		b.probe = -1;
		load(&q, &b);
		r = refine(&q, &b, e);
		if (r < 0)
			return r;
		if (job->w)
			add_explicit(&q, &b, 0, b.observables, job->w);
		if (job->w_tau && chosen >= b.first && chosen < b.first + b.observables)
			add_explicit(&q, &b, (unsigned int)(chosen - b.first),
				     (unsigned int)(chosen - b.first + 1), job->w_tau);
		exact_run_progress(job->run, "reference", (double)(i + 1) / (double)blocks);
	}
	return 0;
}
