// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "adam.h"
#include "wide.h"

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

/* Of one step: what is the same for all parameters. */
struct step {
	double rate, correct_m, correct_v;
	double keep; /* of the average */
};

/* Where one parameter goes. Stored once all parameters are known good. */
struct move {
	double m, v, phi;
};

static inline __attribute__((always_inline)) struct move
move_one(double m, double v, double phi, double g, double decay, const struct step *s)
{
	struct move to = {
		.m = ADAM_BETA1 * m + (1 - ADAM_BETA1) * g,
		.v = ADAM_BETA2 * v + (1 - ADAM_BETA2) * g * g,
	};
	double step = to.m / s->correct_m / (sqrt(to.v / s->correct_v) + ADAM_EPSILON);

	to.phi = phi - s->rate * (step + decay * phi);
	return to;
}

static double decay_of(const struct adam *a, size_t i)
{
	return a->mask[i] ? a->decay : 0;
}

WIDE_BODY move_all_body(const struct adam *a, double *restrict phi, const double *restrict grad,
			const struct step *step)
{
	const uint8_t *restrict mask = a->mask;
	double *restrict m = a->m, *restrict v = a->v, *restrict average = a->average;
	double decay = a->decay;
	struct step s = *step;
	size_t n = a->n;

	for (size_t i = 0; i < n; i++) {
		struct move to = move_one(m[i], v[i], phi[i], grad[i], mask[i] ? decay : 0.0, &s);

		m[i] = to.m;
		v[i] = to.v;
		phi[i] = to.phi;
		average[i] = s.keep * average[i] + (1 - s.keep) * to.phi;
	}
}
WIDE(move_all,
     (const struct adam *a, double *restrict phi, const double *restrict grad,
      const struct step *step),
     (a, phi, grad, step))

WIDE_BODY all_below_body(const double *x, size_t n, double limit, bool *ret)
{
	uint64_t beyond = 0;

	for (size_t i = 0; i < n; i++)
		beyond |= fabs(x[i]) < limit ? 0u : 1u; /* NaN is beyond */
	*ret = !beyond;
}
WIDE(all_below, (const double *x, size_t n, double limit, bool *ret), (x, n, limit, ret))

static bool below(const double *x, size_t n, double limit)
{
	bool yes;

	all_below(x, n, limit, &yes);
	return yes;
}

/*
 * Numbers so far from the ends of the doubles that no move gets there: what is below these limits
 * moves to where it still is, by m and v, or to what is finite, by phi.
 */
#define TAME_ROOT   1e100
#define TAME_SQUARE 1e200

static bool is_tame(struct adam *a, const double *phi, const double *grad, const struct step *s)
{
	if (!a->tame)
		a->tame = below(a->m, a->n, TAME_ROOT) && below(a->v, a->n, TAME_SQUARE);
	return a->tame && fabs(s->rate) < TAME_ROOT && below(grad, a->n, TAME_ROOT) &&
	       below(phi, a->n, TAME_ROOT);
}

/* Every move, before any is made. */
static int check_moves(const struct adam *a, const double *phi, const double *grad,
		       const struct step *s, struct err *e)
{
	for (size_t i = 0; i < a->n; i++) {
		struct move to = move_one(a->m[i], a->v[i], phi[i], grad[i], decay_of(a, i), s);

		if (!isfinite(to.phi) || !isfinite(to.v))
			return err_set(
				e, -EDOM,
				"step %llu: the gradient of parameter %zu is %g and moves it to %g; "
				"training diverged, use a smaller optimizer.rate",
				(unsigned long long)a->t + 1, i, grad[i], to.phi);
	}
	return 0;
}

/* 1 - b^t without cancellation. */
static double correction(double b, uint64_t t)
{
	return -expm1((double)t * log(b));
}

int adam_step(struct adam *a, double *phi, const double *grad, double rate_now, struct err *e)
{
	uint64_t t = a->t + 1;
	struct step s = {
		.rate = a->rate * rate_now,
		.correct_m = correction(ADAM_BETA1, t),
		.correct_v = correction(ADAM_BETA2, t),
		.keep = MIN(ADAM_AVERAGE, (double)t / ((double)t + 10)),
	};
	bool tame = is_tame(a, phi, grad, &s);
	int r = tame ? 0 : check_moves(a, phi, grad, &s, e);

	if (r < 0)
		return r;
	if (!a->t)
		memcpy(a->average, phi, a->n * sizeof(*phi));
	move_all(a, phi, grad, &s);
	a->tame = tame;
	a->t = t;
	return 0;
}
