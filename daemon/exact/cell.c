// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "cell.h"
#include "differences.h"
#include "phi.h"
#include "quad.h"
#include "spectrum.h"
#include "splitmix.h"

#define BETA 1.0

/* The cell's network at a checkpoint, and what the engine said of it. */
struct anchor {
	struct learner *l;
	const double *code;
	double *w;   /* [m * m] */
	double *phi; /* [params] dT_O / dphi */
	struct exact_even *even;
	struct exact_mixing *mixing;
};

static void anchor_clear(struct anchor *a)
{
	exact_mixing_free(TAKE_PTR(a->mixing));
	exact_even_free(TAKE_PTR(a->even));
}

static void anchor_free(struct anchor *a)
{
	anchor_clear(a);
	learner_free(a->l);
	free(a->w);
	free(a->phi);
}
#define _cleanup_anchor_ _cleanup_(anchor_free)

void cell_place(unsigned int index, struct family_cell *c)
{
	unsigned int per_axis = TEACHER_CODES * FAMILY_STARTS, per_m = TEACHER_AXES * per_axis;

	memset(c, 0, sizeof(*c)); /* the padding too: cells are compared and kept as bytes */
	c->index = index;
	c->m = FAMILY_SMALLEST + index / per_m;
	c->axis = 1 + index % per_m / per_axis;
	c->code = index % per_axis / FAMILY_STARTS;
	c->start = index % FAMILY_STARTS;
}

int cell_learner(const struct family_cell *c, uint64_t seed, struct learner **ret, struct err *e)
{
	return learner_new(c->m, c->axis, splitmix(seed, c->index), ret, e);
}

static bool all_finite(const double *x, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!isfinite(x[i]))
			return false;
	return true;
}

static double largest(const double *x, size_t count)
{
	double most = 0;

	for (size_t i = 0; i < count; i++)
		most = fmax(most, fabs(x[i]));
	return most;
}

/* The largest error of an entry against the largest entry; infinite where there is a NaN. */
static double distance(const double *x, const double *reference, size_t count)
{
	double most = 0;

	for (size_t i = 0; i < count; i++) {
		double error = fabs(x[i] - reference[i]);

		most = isnan(error) ? INFINITY : fmax(most, error);
	}
	return most / largest(reference, count);
}

static _printf_(2, 3) void say(struct family_cell *c, const char *fmt, ...)
{
	va_list ap;

	if (c->why[0])
		return;
	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
}

/*
 * T_O and its gradient in phi where training stands. A refusal of the engine (-EDOM) is an answer:
 * then *ret_finite is false.
 */
static int evaluate(struct family_cell *c, struct anchor *a, const struct exact_run *run,
		    bool *ret_finite, struct err *e)
{
	struct exact_model mo = { .n = c->m, .m = c->m, .beta = BETA, .w = a->w };
	struct exact_ask ask = { .kernel = EXACT_RANDOM_SCAN, .gradient = true, .keep_x = true };
	struct err refusal = {};
	int r;

	anchor_clear(a);
	r = learner_couplings(a->l, c->code, a->w, e);
	if (r < 0)
		return r;
	r = exact_even_new(&mo, run, &a->even, &refusal);
	if (r == 0)
		r = exact_mixing(a->even, &ask, run, &a->mixing, &refusal);
	if (r == -EDOM) {
		say(c, "%.150s", refusal.text);
		*ret_finite = false;
		return 0;
	}
	if (r < 0)
		return err_set(e, r, "%s", refusal.text);
	r = phi_gradient(a->l->g, a->code, a->mixing->dt_o, a->phi, e);
	if (r < 0)
		return r;
	*ret_finite = isfinite(a->mixing->t_o) && all_finite(a->phi, a->l->g->params);
	return 0;
}

/* (a), from the start to the anchor. */
static int train(struct family_cell *c, struct anchor *a, const struct exact_run *run,
		 struct err *e)
{
	int r = learner_loss(a->l, &c->kl_start, NULL, e);
	bool finite = true;

	for (unsigned int k = 0; r == 0 && finite && k < FAMILY_CHECKPOINTS; k++) {
		if (k)
			r = learner_train(a->l, FAMILY_STEPS / (FAMILY_CHECKPOINTS - 1), e);
		if (r == 0)
			r = evaluate(c, a, run, &finite, e);
	}
	c->finite = r == 0 && finite;
	return r < 0 ? r : learner_loss(a->l, &c->kl_end, NULL, e);
}

/* (b) */
static int measure_code(struct family_cell *c, const struct anchor *a, struct err *e)
{
	double sum = 0;

	for (size_t i = 0; i < (size_t)c->m * c->m; i++)
		sum += a->w[i] * a->w[i];
	c->couplings = sqrt(sum);
	return phi_code_jacobian(a->l->g, a->code, &c->jacobian, e);
}

/* (c), and the half of (d) that needs the reference. */
static int measure_values(struct family_cell *c, const struct anchor *a,
			  const struct exact_run *run, struct err *e)
{
	_cleanup_exact_quad_ struct exact_quad *q = NULL;
	_cleanup_free_ double *phi = alloc_zeroed(a->l->g->params, sizeof(*phi));
	struct exact_spectrum spectrum;
	int r;

	if (!phi)
		return err_oom(e);
	r = exact_quad(a->even, a->mixing, run, &q, e);
	if (r == 0)
		r = exact_spectrum(a->even, EXACT_RANDOM_SCAN, run, &spectrum, e);
	if (r == 0)
		r = phi_gradient_quad(a->l->g, a->code, q->dt_o, phi, e);
	if (r < 0)
		return r;
	c->value_absolute = q->value_absolute;
	c->value_relative = q->value_relative;
	c->sum_relative = fabs(a->mixing->t_o - spectrum.t_o) / spectrum.t_o;
	c->reference_w = q->gradient_relative;
	c->reference_phi = distance(a->phi, phi, a->l->g->params);
	return 0;
}

/* Frozen: the same directions in every cell with as many parameters. */
static void direction(uint64_t seed, unsigned int k, double *d, size_t count)
{
	double size = 0;

	for (size_t i = 0; i < count; i++) {
		d[i] = splitmix_normal(splitmix(seed, FAMILY_CELLS + k), i);
		size += d[i] * d[i];
	}
	for (size_t i = 0; i < count; i++)
		d[i] /= sqrt(size);
}

/* (d) */
static int measure_gradient(struct family_cell *c, const struct anchor *a, uint64_t seed,
			    const struct exact_run *run, struct err *e)
{
	struct differences o = { .g = a->l->g,
				 .code = a->code,
				 .n = c->m,
				 .m = c->m,
				 .beta = BETA,
				 .kernel = EXACT_RANDOM_SCAN,
				 .at = a->mixing };
	size_t params = a->l->g->params;
	_cleanup_free_ double *d = alloc_zeroed(params, sizeof(*d));
	double error, step, slope;

	if (!d)
		return err_oom(e);
	for (unsigned int k = 0; k < FAMILY_DIRECTIONS; k++) {
		int r;

		direction(seed, k, d, params);
		slope = 0;
		for (size_t i = 0; i < params; i++)
			slope += a->phi[i] * d[i];
		r = differences_along(&o, d, slope, run, &error, &step, e);
		if (r < 0)
			return r;
		if (!(error <= c->gradient_error)) {
			c->gradient_error = error;
			c->gradient_step = step;
		}
	}
	return 0;
}

static int measure(struct family_cell *c, struct anchor *a, uint64_t seed,
		   const struct exact_run *run, struct err *e)
{
	int r = train(c, a, run, e);

	if (r < 0 || !c->finite)
		return r;
	c->t_o = a->mixing->t_o;
	c->tau_max = a->mixing->tau_max;
	c->condition = a->mixing->condition;
	c->residual = a->mixing->residual;
	r = measure_code(c, a, e);
	if (r == 0)
		r = measure_values(c, a, run, e);
	return r < 0 ? r : measure_gradient(c, a, seed, run, e);
}

/* What is not measured is no number, so that it passes no criterion. */
static void forget(struct family_cell *c)
{
	c->t_o = c->tau_max = c->condition = c->residual = NAN;
	c->couplings = c->jacobian = NAN;
	c->value_absolute = c->value_relative = c->sum_relative = NAN;
	c->reference_w = c->reference_phi = NAN;
	c->gradient_error = c->gradient_step = NAN;
}

void cell_decide(struct family_cell *c)
{
	c->depends = c->jacobian > FAMILY_JACOBIAN_LIMIT * c->couplings;
	c->agrees = c->value_relative <= FAMILY_VALUE_LIMIT && c->sum_relative <= FAMILY_SUM_LIMIT;
	c->gradient_holds = c->reference_w <= FAMILY_REFERENCE_LIMIT &&
			    c->reference_phi <= FAMILY_REFERENCE_LIMIT &&
			    c->gradient_error <= FAMILY_GRADIENT_LIMIT;
	c->constructed = c->finite && c->depends && c->agrees && c->gradient_holds;
	if (!c->finite)
		say(c, "T_O or its gradient is not finite at a checkpoint");
	else if (!c->depends)
		say(c, "W does not depend on u: |dW/du| = %.3g, |W| = %.3g", c->jacobian,
		    c->couplings);
	else if (!c->agrees)
		say(c, "T_O is off by %.3g of the __float128 value, by %.3g of the eigenvalue sum",
		    c->value_relative, c->sum_relative);
	else if (!c->gradient_holds)
		say(c,
		    "the gradient is off by %.3g in W and %.3g in phi of __float128, by %.3g of "
		    "differences",
		    c->reference_w, c->reference_phi, c->gradient_error);
}

static double processor_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int cell_run(struct family_cell *c, uint64_t seed, const struct exact_run *run, struct err *e)
{
	_cleanup_anchor_ struct anchor a = { .code = teacher_code[c->code] };
	double start = processor_seconds();
	struct err failure = {};
	int r = cell_learner(c, seed, &a.l, e);

	if (r < 0)
		return r;
	a.w = alloc_zeroed((size_t)c->m * c->m, sizeof(*a.w));
	a.phi = alloc_zeroed(a.l->g->params, sizeof(*a.phi));
	if (!a.w || !a.phi)
		return err_oom(e);
	c->params = (unsigned int)a.l->g->params;
	forget(c);
	r = measure(c, &a, seed, run, &failure);
	/* No reference, no difference: the gate is not passed, and the family goes on. */
	if (r == -EDOM)
		say(c, "%.150s", failure.text);
	else if (r < 0)
		return err_set(e, r, "%s", failure.text);
	cell_decide(c);
	c->seconds = processor_seconds() - start;
	c->done = true;
	return 0;
}
