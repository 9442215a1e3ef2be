// SPDX-License-Identifier: MIT
#include <math.h>

#include "differences.h"

/* In this order: from near to far, so that what is extrapolated to is never far from what is known. */
static const int steps[] = { 1, -1, 2, -2, 4, -4 };
#define KNOWN (ARRAY_SIZE(steps) + 1)

struct walk {
	const struct differences *o;
	double *phi, *w, *x0;
	unsigned int known;
	int t[KNOWN]; /* in units of h_0 */
	const double *x[KNOWN];
	double value[KNOWN];
	struct exact_mixing *answer[KNOWN];
};

/* x0: the Lagrange polynomial through the known x, at t. */
static void extrapolate(struct walk *k, int t)
{
	size_t count = k->o->at->x_count;

	for (size_t i = 0; i < count; i++)
		k->x0[i] = 0;
	for (unsigned int a = 0; a < k->known; a++) {
		double weight = 1;

		for (unsigned int b = 0; b < k->known; b++)
			if (b != a)
				weight *= (double)(t - k->t[b]) / (k->t[a] - k->t[b]);
		for (size_t i = 0; i < count; i++)
			k->x0[i] += weight * k->x[a][i];
	}
}

static int value_at(struct walk *k, const double *direction, int t, const struct exact_run *run,
		    struct err *e)
{
	const struct differences *o = k->o;
	struct mlp moved = *o->g;
	struct exact_model mo = { .n = o->n, .m = o->m, .beta = o->beta, .w = k->w };
	struct exact_ask ask = { .kernel = o->kernel,
				 .route = EXACT_CG,
				 .keep_x = true,
				 .x0 = k->x0,
				 .tolerance = 1e-9 };
	int r;

	moved.phi = k->phi;
	for (size_t i = 0; i < moved.params; i++)
		k->phi[i] = o->g->phi[i] + t * DIFFERENCES_STEP * direction[i];
	r = mlp_forward(&moved, o->code, 1, k->w, NULL, e);
	if (r < 0)
		return r;
	extrapolate(k, t);
	r = exact_mixing_of(&mo, &ask, run, &k->answer[k->known], e);
	if (r < 0)
		return r;
	k->t[k->known] = t;
	k->value[k->known] = k->answer[k->known]->t_o;
	k->x[k->known] = k->answer[k->known]->x;
	k->known++;
	return 0;
}

static double difference(const struct walk *k, unsigned int near)
{
	double narrow = k->value[near] - k->value[near + 1];
	double wide = k->value[near + 2] - k->value[near + 3];

	return (8 * narrow - wide) / (12 * k->t[near] * DIFFERENCES_STEP);
}

static int walk(struct walk *k, const double *direction, double slope, const struct exact_run *run,
		double *ret_error, double *ret_step, struct err *e)
{
	double best = INFINITY, step = 0;

	k->phi = alloc_zeroed(k->o->g->params, sizeof(*k->phi));
	k->w = alloc_zeroed(mlp_out(k->o->g), sizeof(*k->w));
	k->x0 = alloc_zeroed(k->o->at->x_count, sizeof(*k->x0));
	if (!k->phi || !k->w || !k->x0)
		return err_oom(e);
	k->x[0] = k->o->at->x;
	k->value[0] = k->o->at->t_o;
	k->known = 1;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int r = value_at(k, direction, steps[i], run, e);

		if (r < 0)
			return r;
	}
	for (unsigned int near = 1; near + 3 < k->known; near += 2) {
		double error = fabs(difference(k, near) - slope) / fabs(slope);

		if (error < best) {
			best = error;
			step = k->t[near] * DIFFERENCES_STEP;
		}
	}
	*ret_error = best;
	*ret_step = step;
	return 0;
}

int differences_along(const struct differences *o, const double *direction, double slope,
		      const struct exact_run *run, double *ret_error, double *ret_step,
		      struct err *e)
{
	struct walk k = { .o = o };
	int r = walk(&k, direction, slope, run, ret_error, ret_step, e);

	for (size_t i = 0; i < KNOWN; i++)
		exact_mixing_free(k.answer[i]);
	free(k.phi);
	free(k.w);
	free(k.x0);
	return r;
}
