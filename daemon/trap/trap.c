// SPDX-License-Identifier: MIT
#include <math.h>
#include <time.h>

#include "eigh.h"
#include "exact/parallel.h"
#include "exact/quad.h"
#include "instance.h"
#include "trap.h"

/* A gradient this small against T_O is 0 up to rounding. */
#define NO_GRADIENT 1e-10

const char *trap_kind_name(enum trap_kind k)
{
	static const char *const name[TRAP_KINDS] = { "zero", "symmetric", "trained", "control" };

	return name[k];
}

unsigned int trap_count(void)
{
	return instance_count();
}

static void measure_gaps(struct trap_case *c, const double *lambda, size_t count)
{
	size_t equal = 0; /* how many before k have its eigenvalue */

	c->gap = INFINITY;
	for (size_t k = 1; k < count; k++) {
		double gap = lambda[k] - lambda[k - 1];

		equal = gap != 0 ? 0 : equal + 1;
		c->ties += equal;
		c->close += gap <= TRAP_GAP;
		if (gap > 0 && gap < c->gap)
			c->gap = gap;
	}
	c->eigh_condition = 1 / c->gap;
}

/* What is no number is worse than any. */
static void worse(double *worst, double x)
{
	if (!isnan(*worst) && !(x <= *worst))
		*worst = x;
}

static double error_of(const double *x, const double *reference, size_t count, double scale)
{
	double most = 0;

	for (size_t i = 0; i < count; i++)
		worse(&most, fabs(x[i] - reference[i]));
	return most / scale;
}

static bool all_finite(const double *x, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!isfinite(x[i]))
			return false;
	return true;
}

static void compare(struct trap_case *c, const struct eigh *g, const struct exact_mixing *x,
		    const struct exact_quad *q)
{
	size_t obs = (size_t)c->n * c->m;
	double scale;

	c->t_o = q->t_o;
	for (size_t i = 0; i < obs; i++)
		c->gradient = fmax(c->gradient, fabs(q->dt_o[i]));
	scale = c->gradient > NO_GRADIENT * c->t_o ? c->gradient : c->t_o;
	c->eigh_value = fabs(g->t_o - q->t_o) / q->t_o;
	c->resolvent_value = q->value_relative;
	c->eigh_error = error_of(g->dt_o, q->dt_o, obs, scale);
	c->resolvent_error = error_of(x->dt_o, q->dt_o, obs, scale);
	c->resolvent_condition = x->condition;
	c->eigh_finite = all_finite(g->dt_o, obs);
}

static void judge(struct trap_case *c)
{
	bool separate = !c->ties && c->gap >= TRAP_SEPARATE;

	c->eigh_wrong = c->eigh_finite && c->eigh_error > TRAP_WRONG;
	c->eigh_right = c->eigh_finite && c->eigh_error <= TRAP_RIGHT;
	c->resolvent_right =
		c->resolvent_error <= TRAP_RIGHT && c->resolvent_condition <= TRAP_CONDITION;
	if (c->kind == TRAP_CONTROL)
		c->as_expected = separate && c->eigh_right && c->resolvent_right;
	else
		c->as_expected = c->close && c->eigh_wrong && c->resolvent_right;
}

static int run_case(struct trap_case *c, const double *w, const struct exact_run *run,
		    struct err *e)
{
	struct exact_model mo = { .n = c->n, .m = c->m, .beta = 1, .w = w };
	struct exact_ask ask = { .kernel = EXACT_RANDOM_SCAN, .gradient = true, .keep_x = true };
	_cleanup_exact_even_ struct exact_even *v = NULL;
	_cleanup_exact_mixing_ struct exact_mixing *x = NULL;
	_cleanup_exact_quad_ struct exact_quad *q = NULL;
	_cleanup_eigh_ struct eigh *g = NULL;
	int r;

	c->states = exact_states(&mo);
	r = exact_even_new(&mo, run, &v, e);
	if (r == 0)
		r = exact_mixing(v, &ask, run, &x, e);
	if (r == 0)
		r = exact_quad(v, x, run, &q, e);
	if (r == 0)
		r = eigh_gradient(v, &g, e);
	if (r < 0)
		return r;
	measure_gaps(c, g->lambda, v->states);
	compare(c, g, x, q);
	judge(c);
	return 0;
}

static void count_case(const struct trap_case *c, struct trap_summary *s,
		       unsigned int *expected_of_kind)
{
	s->resolvent_right += c->resolvent_right;
	worse(&s->worst_resolvent_error, c->resolvent_error);
	worse(&s->worst_resolvent_condition, c->resolvent_condition);
	expected_of_kind[c->kind] += c->as_expected;
	if (c->kind == TRAP_CONTROL) {
		s->controls++;
		s->controls_right += c->as_expected;
		s->worst_control_error =
			fmax(s->worst_control_error, fmax(c->eigh_error, c->resolvent_error));
		return;
	}
	s->cases++;
	s->wrong += c->as_expected;
	worse(&s->worst_eigh_error, c->eigh_error);
	worse(&s->worst_eigh_condition, c->eigh_condition);
}

void trap_summarise(const struct trap_case *cases, unsigned int count, struct trap_summary *ret)
{
	unsigned int expected[TRAP_KINDS] = {};

	*ret = (struct trap_summary){};
	for (unsigned int i = 0; i < count; i++)
		count_case(&cases[i], ret, expected);
	ret->shown = 2 * ret->wrong > ret->cases && ret->resolvent_right == count &&
		     ret->controls && ret->controls_right == ret->controls;
	for (int k = 0; k < TRAP_KINDS; k++)
		ret->shown = ret->shown && expected[k];
}

static double wall_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int trap_run(const struct trap_options *o, const struct exact_run *run, struct trap_case *cases,
	     struct trap_summary *ret, struct err *e)
{
	const struct exact_run *how = exact_run_or_default(run);
	struct exact_run one = { .threads = 1, .memory = how->memory, .cancel = how->cancel };
	unsigned int count = trap_count();
	double w[TRAP_MAX_COUPLINGS], start = wall_seconds();

	for (unsigned int i = 0; i < count; i++) {
		int r = exact_run_check(how, e);

		if (r == 0)
			r = instance_make(i, o->seed, &cases[i], w, e);
		if (r == 0)
			r = run_case(&cases[i], w, &one, e);
		if (r < 0)
			return r;
		exact_run_progress(how, "trap", (double)(i + 1) / count);
		if (o->on_case)
			r = o->on_case(o->data, &cases[i], i + 1, count);
		if (r < 0)
			return r;
	}
	trap_summarise(cases, count, ret);
	ret->seconds = wall_seconds() - start;
	return 0;
}
