/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "quad_even.h"

static double magnitude(quad x)
{
	return (double)(x < 0 ? -x : x);
}

/*
 * max |mine - reference| over max |reference|; over the scale of the sums that a gradient is made
 * of, where it vanishes by symmetry.
 */
static double compare(const double *mine, const quad *reference, size_t count, double scale)
{
	double error = 0, most = 0;
	size_t a;

	for (a = 0; a < count; a++) {
		error = MAX(error, magnitude(mine[a] - reference[a]));
		most = MAX(most, magnitude(reference[a]));
	}
	if (most < 1e-12 * scale)
		most = scale;
	return most > 0 ? error / most : error;
}

static int round_to(double **ret, const quad *x, size_t count)
{
	double *to = calloc(count, sizeof(*to));
	size_t a;

	if (!to)
		return -ENOMEM;
	for (a = 0; a < count; a++)
		to[a] = (double)x[a];
	*ret = to;
	return 0;
}

static int take_values(struct exact_quad *q, const struct quad_job *job)
{
	const struct exact_mixing *x = job->answer;
	size_t a, count = exact_observables(&job->even->model);
	quad t_o = 0;

	for (a = 0; a < count; a++) {
		double most = magnitude(job->g[a]), error = magnitude(x->g[a] - job->g[a]);

		t_o += job->g[a];
		q->g_relative = MAX(q->g_relative, most > 0 ? error / most : error);
	}
	q->t_o = (double)t_o;
	q->t_o_rest = (double)(t_o - q->t_o);
	q->value_absolute = magnitude(x->t_o - t_o);
	q->value_relative = t_o > 0 ? q->value_absolute / q->t_o : q->value_absolute;
	q->residual = job->residual;
	q->refinements = job->refinements;
	return round_to(&q->g, job->g, count);
}

static int take_gradient(struct exact_quad *q, const struct quad_job *job, quad *grad)
{
	size_t count = exact_observables(&job->even->model);

	if (!job->w)
		return 0;
	if (quad_pull_back(job->even, job->w, grad) < 0)
		return -ENOMEM;
	q->gradient_relative =
		compare(job->answer->dt_o, grad, count, job->even->model.beta * q->t_o);
	return round_to(&q->dt_o, grad, count);
}

static int take_dtau(struct exact_quad *q, const struct quad_job *job, quad *grad)
{
	const struct quad_even *v = job->even;
	size_t s, count = exact_observables(&v->model), a = job->answer->dtau_of;
	quad var = 4 * v->plus[a] * v->minus[a];

	if (!job->w_tau)
		return 0;
	for (s = 0; s < v->states; s++) {
		quad f = quad_observable(v, a, s);

		if (var > 0) /* tau + 1 = 2 G / Var */
			job->w_tau[s] =
				2 * (job->w_tau[s] - job->g[a] / var * (v->pi[s] * f * f)) / var;
	}
	if (quad_pull_back(v, job->w_tau, grad) < 0)
		return -ENOMEM;
	q->dtau_relative =
		compare(job->answer->dtau, grad, count, v->model.beta * (job->answer->tau[a] + 1));
	return round_to(&q->dtau, grad, count);
}

static int check(const struct exact_even *v, const struct exact_mixing *answer, struct err *e)
{
	if (answer->n != v->model.n || answer->m != v->model.m)
		return err_set(e, -EINVAL, "the answer is of another model");
	if (v->states > EXACT_QUAD_MAX_STATES)
		return err_set(e, -E2BIG,
			       "the __float128 reference takes at most %zu even states; this model "
			       "has %zu",
			       EXACT_QUAD_MAX_STATES, v->states);
	return 0;
}

int exact_quad(const struct exact_even *v, const struct exact_mixing *answer,
	       const struct exact_run *run, struct exact_quad **ret, struct err *e)
{
	_cleanup_exact_quad_ struct exact_quad *q = NULL;
	_cleanup_quad_even_ struct quad_even even = { 0 };
	_cleanup_free_ quad *g = NULL, *w = NULL, *w_tau = NULL;
	struct quad_job job = {
		.even = &even, .rough = v, .answer = answer, .run = exact_run_or_default(run)
	};
	size_t count = exact_observables(&v->model);
	int r;

	r = check(v, answer, e);
	if (r < 0)
		return r;
	q = calloc(1, sizeof(*q));
	g = alloc_zeroed(2 * count, sizeof(*g));
	w = answer->dt_o ? alloc_zeroed(v->states, sizeof(*w)) : NULL;
	w_tau = answer->dtau ? alloc_zeroed(v->states, sizeof(*w_tau)) : NULL;
	if (!q || !g || (answer->dt_o && !w) || (answer->dtau && !w_tau) ||
	    quad_even_new(&v->model, &even) < 0)
		return err_oom(e);
	job.g = g;
	job.w = w;
	job.w_tau = w_tau;
	r = answer->kernel == EXACT_RANDOM_SCAN ? quad_scan(&job, e) : quad_block(&job, e);
	if (r < 0)
		return r;
	if (take_values(q, &job) < 0 || take_gradient(q, &job, g + count) < 0 ||
	    take_dtau(q, &job, g + count) < 0)
		return err_oom(e);
	*ret = TAKE_PTR(q);
	return 0;
}

struct exact_quad *exact_quad_free(struct exact_quad *q)
{
	if (!q)
		return NULL;
	free(q->g);
	free(q->dt_o);
	free(q->dtau);
	free(q);
	return NULL;
}
