// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "optimizer.h"
#include "wide.h"

int optimizer_new(enum spec_method method, size_t n, double rate, double decay,
		  struct optimizer **ret, struct err *e)
{
	_cleanup_optimizer_ struct optimizer *o = NULL;

	if (!n)
		return err_set(e, -EINVAL, "there are no parameters to train");
	if (!isfinite(rate) || rate <= 0)
		return err_set(e, -EINVAL, "optimizer.rate is %g; give a number above 0", rate);
	if (!isfinite(decay) || decay < 0 || rate * decay >= 1)
		return err_set(e, -EINVAL,
			       "optimizer.decay is %g; give a number from 0 to below 1 / rate = %g",
			       decay, 1 / rate);
	o = alloc_zeroed(1, sizeof(*o));
	if (!o)
		return err_oom(e);
	*o = (struct optimizer){ .method = method, .n = n, .rate = rate, .decay = decay };
	o->average = alloc_zeroed(n, sizeof(*o->average));
	o->mask = alloc_zeroed(n, sizeof(*o->mask));
	if (method == METHOD_ADAM) {
		o->m = alloc_zeroed(n, sizeof(*o->m));
		o->v = alloc_zeroed(n, sizeof(*o->v));
	}
	if (!o->average || !o->mask || (method == METHOD_ADAM && (!o->m || !o->v)))
		return err_oom(e);
	memset(o->mask, 1, n);
	*ret = TAKE_PTR(o);
	return 0;
}

struct optimizer *optimizer_free(struct optimizer *o)
{
	if (!o)
		return NULL;
	free(o->m);
	free(o->v);
	free(o->average);
	free(o->mask);
	free(o);
	return NULL;
}

void optimizer_set_mask(struct optimizer *o, const uint8_t *mask)
{
	memcpy(o->mask, mask, o->n);
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
move_adam(double m, double v, double phi, double g, double decay, const struct step *s)
{
	struct move to = {
		.m = ADAM_BETA1 * m + (1 - ADAM_BETA1) * g,
		.v = ADAM_BETA2 * v + (1 - ADAM_BETA2) * g * g,
	};
	double step = to.m / s->correct_m / (sqrt(to.v / s->correct_v) + ADAM_EPSILON);

	to.phi = phi - s->rate * (step + decay * phi);
	return to;
}

static inline __attribute__((always_inline)) double descend(double phi, double g, double decay,
							    const struct step *s)
{
	return phi - s->rate * (g + decay * phi);
}

static double decay_of(const struct optimizer *o, size_t i)
{
	return o->mask[i] ? o->decay : 0;
}

WIDE_BODY move_all_adam_body(const struct optimizer *o, size_t from, size_t to,
			     double *restrict phi, const double *restrict grad,
			     const struct step *step)
{
	const uint8_t *restrict mask = o->mask;
	double *restrict m = o->m, *restrict v = o->v, *restrict average = o->average;
	double decay = o->decay;
	struct step s = *step;

	for (size_t i = from; i < to; i++) {
		struct move x = move_adam(m[i], v[i], phi[i], grad[i], mask[i] ? decay : 0.0, &s);

		m[i] = x.m;
		v[i] = x.v;
		phi[i] = x.phi;
		average[i] = s.keep * average[i] + (1 - s.keep) * x.phi;
	}
}
WIDE(move_all_adam,
     (const struct optimizer *o, size_t from, size_t to, double *restrict phi,
      const double *restrict grad, const struct step *step),
     (o, from, to, phi, grad, step))

WIDE_BODY descend_all_body(const struct optimizer *o, size_t from, size_t to, double *restrict phi,
			   const double *restrict grad, const struct step *step)
{
	const uint8_t *restrict mask = o->mask;
	double *restrict average = o->average;
	double decay = o->decay;
	struct step s = *step;

	for (size_t i = from; i < to; i++) {
		phi[i] = descend(phi[i], grad[i], mask[i] ? decay : 0.0, &s);
		average[i] = s.keep * average[i] + (1 - s.keep) * phi[i];
	}
}
WIDE(descend_all,
     (const struct optimizer *o, size_t from, size_t to, double *restrict phi,
      const double *restrict grad, const struct step *step),
     (o, from, to, phi, grad, step))

WIDE_BODY all_below_body(const double *x, size_t n, double limit, bool *ret)
{
	uint64_t beyond = 0;

	for (size_t i = 0; i < n; i++)
		beyond |= fabs(x[i]) < limit ? 0u : 1u; /* NaN is beyond */
	*ret = !beyond;
}
WIDE(all_below, (const double *x, size_t n, double limit, bool *ret), (x, n, limit, ret))

/* A step, as the crew sees it. */
struct crew_step {
	struct optimizer *optimizer;
	double *phi;
	const double *grad;
	const struct step *step;
	atomic_bool wild; /* some number is not below its limit */
};

/*
 * Numbers so far from the ends of the doubles that no move gets there: what is below these limits
 * moves to where it still is, by m and v, or to what is finite, by phi.
 */
#define TAME_ROOT   1e100
#define TAME_SQUARE 1e200

static bool below(const double *x, size_t n, double limit)
{
	bool yes;

	all_below(x, n, limit, &yes);
	return yes;
}

static void check_part(void *data, size_t k)
{
	struct crew_step *s = data;
	const struct optimizer *o = s->optimizer;
	size_t at, n = crew_part(o->n, k, &at);
	bool tame = below(s->grad + at, n, TAME_ROOT) && below(s->phi + at, n, TAME_ROOT);

	if (tame && o->m && !o->tame)
		tame = below(o->m + at, n, TAME_ROOT) && below(o->v + at, n, TAME_SQUARE);
	if (!tame)
		atomic_store(&s->wild, true);
}

static bool is_tame(struct crew_step *s)
{
	struct optimizer *o = s->optimizer;

	crew_run(o->crew, crew_parts(o->n), check_part, s);
	return !atomic_load(&s->wild) && fabs(s->step->rate) < TAME_ROOT;
}

/* Every move, before any is made. */
static int check_moves(const struct optimizer *o, const double *phi, const double *grad,
		       const struct step *s, struct err *e)
{
	for (size_t i = 0; i < o->n; i++) {
		double decay = decay_of(o, i);
		struct move to = { .phi = descend(phi[i], grad[i], decay, s) };

		if (o->method == METHOD_ADAM)
			to = move_adam(o->m[i], o->v[i], phi[i], grad[i], decay, s);
		if (!isfinite(to.phi) || !isfinite(to.v))
			return err_set(
				e, -EDOM,
				"step %llu: the gradient of parameter %zu is %g and moves it to %g; "
				"training diverged, use a smaller optimizer.rate",
				(unsigned long long)o->t + 1, i, grad[i], to.phi);
	}
	return 0;
}

/* 1 - b^t without cancellation. */
static double correction(double b, uint64_t t)
{
	return -expm1((double)t * log(b));
}

static void move_part(void *data, size_t k)
{
	struct crew_step *s = data;
	const struct optimizer *o = s->optimizer;
	size_t from, n = crew_part(o->n, k, &from);

	(o->method == METHOD_ADAM ? move_all_adam : descend_all)(o, from, from + n, s->phi, s->grad,
								 s->step);
}

int optimizer_step(struct optimizer *o, double *phi, const double *grad, double rate_now,
		   struct err *e)
{
	uint64_t t = o->t + 1;
	struct step s = {
		.rate = o->rate * rate_now,
		.correct_m = correction(ADAM_BETA1, t),
		.correct_v = correction(ADAM_BETA2, t),
		.keep = MIN(OPTIMIZER_AVERAGE, (double)t / ((double)t + 10)),
	};
	struct crew_step all = { .optimizer = o, .phi = phi, .grad = grad, .step = &s };
	bool tame = is_tame(&all);
	int r = tame ? 0 : check_moves(o, phi, grad, &s, e);

	if (r < 0)
		return r;
	if (!o->t)
		memcpy(o->average, phi, o->n * sizeof(*phi));
	crew_run(o->crew, crew_parts(o->n), move_part, &all);
	o->tame = tame;
	o->t = t;
	return 0;
}
