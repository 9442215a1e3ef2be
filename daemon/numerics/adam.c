// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "adam.h"

int adam_new(size_t n, double rate, double decay, struct adam **ret, struct err *e)
{
	_cleanup_adam_ struct adam *a = NULL;

	if (!n)
		return err_set(e, -EINVAL, "there are no parameters to train");
	if (!isfinite(rate) || rate <= 0)
		return err_set(e, -EINVAL, "optimizer.rate is %g; give a number above 0", rate);
	if (!isfinite(decay) || decay < 0 || rate * decay >= 1)
		return err_set(e, -EINVAL,
			       "optimizer.decay is %g; give a number from 0 to below 1 / rate = %g",
			       decay, 1 / rate);
	a = alloc_zeroed(1, sizeof(*a));
	if (!a)
		return err_oom(e);
	*a = (struct adam){ .n = n, .rate = rate, .decay = decay };
	a->m = alloc_zeroed(n, sizeof(*a->m));
	a->v = alloc_zeroed(n, sizeof(*a->v));
	a->average = alloc_zeroed(n, sizeof(*a->average));
	a->mask = alloc_zeroed(n, sizeof(*a->mask));
	if (!a->m || !a->v || !a->average || !a->mask)
		return err_oom(e);
	memset(a->mask, 1, n);
	*ret = TAKE_PTR(a);
	return 0;
}

struct adam *adam_free(struct adam *a)
{
	if (!a)
		return NULL;
	free(a->m);
	free(a->v);
	free(a->average);
	free(a->mask);
	free(a);
	return NULL;
}

void adam_set_mask(struct adam *a, const uint8_t *mask)
{
	memcpy(a->mask, mask, a->n);
}

/* Where one parameter goes. Stored once all parameters are known good. */
struct move {
	double m, v, phi;
};

static struct move move_one(const struct adam *a, size_t i, double phi, double g, double rate,
			    double correct_m, double correct_v)
{
	struct move to = {
		.m = ADAM_BETA1 * a->m[i] + (1 - ADAM_BETA1) * g,
		.v = ADAM_BETA2 * a->v[i] + (1 - ADAM_BETA2) * g * g,
	};
	double step = to.m / correct_m / (sqrt(to.v / correct_v) + ADAM_EPSILON);

	to.phi = phi - rate * (step + (a->mask[i] ? a->decay * phi : 0));
	return to;
}

/* 1 - b^t without cancellation. */
static double correction(double b, uint64_t t)
{
	return -expm1((double)t * log(b));
}

int adam_step(struct adam *a, double *phi, const double *grad, double rate_now, struct err *e)
{
	uint64_t t = a->t + 1;
	double cm = correction(ADAM_BETA1, t), cv = correction(ADAM_BETA2, t);
	double keep = MIN(ADAM_AVERAGE, (double)t / ((double)t + 10));
	double rate = a->rate * rate_now;

	if (!a->t)
		memcpy(a->average, phi, a->n * sizeof(*phi));
	for (size_t i = 0; i < a->n; i++) {
		struct move to = move_one(a, i, phi[i], grad[i], rate, cm, cv);

		if (!isfinite(to.phi) || !isfinite(to.v))
			return err_set(
				e, -EDOM,
				"step %llu: the gradient of parameter %zu is %g and moves it to %g; "
				"training diverged, use a smaller optimizer.rate",
				(unsigned long long)t, i, grad[i], to.phi);
	}
	for (size_t i = 0; i < a->n; i++) {
		struct move to = move_one(a, i, phi[i], grad[i], rate, cm, cv);

		a->m[i] = to.m;
		a->v[i] = to.v;
		phi[i] = to.phi;
		a->average[i] = keep * a->average[i] + (1 - keep) * to.phi;
	}
	a->t = t;
	return 0;
}
