/* SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <string.h>

#include "mixing_parts.h"

#define DEFAULT_TOLERANCE 1e-14
#define DEFAULT_MAX_ERROR 1e-6

bool mixing_is_worst(const struct mixing_job *job, size_t a)
{
	struct exact_mixing *out = job->out;
	double var = job->even->var[a];

	out->tau[a] = var > 0 ? 2 * out->g[a] / var - 1 : 0;
	if (a > 0 && !(out->tau[a] > out->tau_max))
		return false;
	out->tau_max = out->tau[a];
	out->worst = a;
	return true;
}

static int ask_check(const struct exact_ask *ask, const struct exact_model *mo, struct err *e)
{
	int r = exact_kernel_require_reversible(ask->kernel, e);

	if (r < 0)
		return r;
	if (ask->dtau && ask->observable != EXACT_WORST && ask->observable >= exact_observables(mo))
		return err_set(e, -EINVAL, "observable %zu: there are %zu", ask->observable,
			       exact_observables(mo));
	if (!(ask->tolerance >= 0 && ask->tolerance < 1) || !(ask->max_error >= 0))
		return err_set(e, -EINVAL, "a tolerance is to be in 0 .. 1");
	return 0;
}

static int out_new(const struct exact_ask *ask, const struct exact_even *v,
		   struct exact_mixing **ret)
{
	_cleanup_exact_mixing_ struct exact_mixing *out = calloc(1, sizeof(*out));
	size_t count = exact_observables(&v->model);

	if (!out)
		return -ENOMEM;
	out->kernel = ask->kernel;
	out->n = v->model.n;
	out->m = v->model.m;
	out->steps_per_sweep = exact_kernel_steps_per_sweep(ask->kernel, &v->model);
	out->g = calloc(count, sizeof(double));
	out->var_a = calloc(count, sizeof(double));
	out->tau = calloc(count, sizeof(double));
	out->dt_o = ask->gradient ? calloc(count, sizeof(double)) : NULL;
	out->dtau = ask->dtau ? calloc(count, sizeof(double)) : NULL;
	if (!out->g || !out->var_a || !out->tau || (ask->gradient && !out->dt_o) ||
	    (ask->dtau && !out->dtau))
		return -ENOMEM;
	memcpy(out->var_a, v->var, count * sizeof(double));
	*ret = TAKE_PTR(out);
	return 0;
}

static double sum(const double *x, size_t count)
{
	long double s = 0;
	size_t a;

	for (a = 0; a < count; a++)
		s += x[a];
	return (double)s;
}

/* d tau = (2 dG - (tau + 1) dVar) / Var, dVar / dpi = f~^2. */
static int tau_gradient(const struct mixing_job *job)
{
	const struct exact_even *v = job->even;
	struct exact_mixing *out = job->out;
	size_t a = out->dtau_of, s, k, count = exact_observables(&v->model);
	double same = 4 * v->minus[a] * v->minus[a], differ = 4 * v->plus[a] * v->plus[a];

	if (!(v->var[a] > 0))
		return 0;
	for (s = 0; s < v->states; s++) {
		bool up = exact_product(&v->model, s, a / v->model.m, a % v->model.m) > 0;
		double dvar = v->pi[s] * (up ? same : differ);

		job->w_tau[s] = (2 * job->w_tau[s] - (out->tau[a] + 1) * dvar) / v->var[a];
	}
	if (exact_pull_back(v, job->w_tau, out->dtau) < 0)
		return -ENOMEM;
	for (k = 0; k < count; k++)
		if (!isfinite(out->dtau[k]))
			return -EDOM;
	return 0;
}

/*
 * The error of G is r' S^-1 r, at most |r|^2 over the smallest eigenvalue; that of x in the energy
 * norm is its root, and enters the gradient twice. Rounding perturbs S by an ulp, which the inverse
 * smallest eigenvalue magnifies in x, and its root in the differences of x. A gradient that is small
 * beside the sums that it is made of (beta T_O) has lost what cancelled.
 */
static double against(const double *grad, size_t count, double scale)
{
	double most = 0;
	size_t a;

	for (a = 0; grad && a < count; a++)
		most = MAX(most, fabs(grad[a]));
	return most > 1e-12 * scale && most < scale ? scale / most : 1;
}

static void bound_errors(const struct mixing_job *job)
{
	struct exact_mixing *out = job->out;
	double second = out->t_o > 0 ? job->residuals / job->smallest / out->t_o : 0;
	double rounding = DBL_EPSILON / job->smallest;
	double beta = job->even->model.beta, base = 4 * (sqrt(second) + rounding + 4 * DBL_EPSILON);
	size_t count = exact_observables(&job->even->model);

	out->error_value = second + 8 * DBL_EPSILON * sqrt(1 + 1 / job->smallest);
	out->error_gradient = base * against(out->dt_o, count, beta * out->t_o);
	out->error_dtau = base * against(out->dtau, count, beta * (out->tau[out->dtau_of] + 1));
}

static int refuse(const struct mixing_job *job, const char *what, double error, struct err *e)
{
	const struct exact_mixing *out = job->out;

	if (error <= job->ask->max_error)
		return 0;
	return err_set(e, -EDOM,
		       "%s could only be told to a relative error of %.2g (condition %.2g, "
		       "residual %.2g), and %.2g was asked for: no value is given",
		       what, error, out->condition, out->residual, job->ask->max_error);
}

static int judge(const struct mixing_job *job, struct err *e)
{
	struct exact_mixing *out = job->out;
	size_t a;
	int r;

	for (a = 0; a < exact_observables(&job->even->model); a++)
		if (!isfinite(out->g[a]) || !isfinite(out->tau[a]) || out->g[a] < 0 ||
		    (out->dt_o && !isfinite(out->dt_o[a])) ||
		    (out->dtau && !isfinite(out->dtau[a])))
			return err_set(e, -EDOM,
				       "the answer is past double precision: no value is given");
	/* A variance that underflows is not one of zero, and no number stands against it. */
	if (!(out->t_o >= DBL_MIN))
		return err_set(
			e, -EDOM,
			"all v_i h_j of this model are frozen: their variances, and so T_O, are "
			"past double precision; lower beta or the couplings");
	r = refuse(job, "T_O", out->error_value, e);
	if (r == 0 && out->dt_o)
		r = refuse(job, "the gradient of T_O", out->error_gradient, e);
	if (r == 0 && out->dtau)
		r = refuse(job, "the gradient of tau_int", out->error_dtau, e);
	return r;
}

static int finish(struct mixing_job *job, struct err *e)
{
	struct exact_mixing *out = job->out;
	size_t count = exact_observables(&job->even->model);
	int r;

	out->t_o = sum(out->g, count);
	out->var = sum(out->var_a, count);
	if (job->w_tau) {
		r = tau_gradient(job);
		if (r < 0)
			return err_set(e, r, "the gradient of tau_int could not be computed");
	}
	if (job->w && exact_pull_back(job->even, job->w, out->dt_o) < 0)
		return err_oom(e);
	bound_errors(job);
	return judge(job, e);
}

size_t mixing_bytes(const struct exact_model *mo, const struct exact_ask *ask, unsigned int threads)
{
	size_t bytes = exact_even_bytes(mo) + 2 * exact_states(mo) * sizeof(double);

	return bytes + (ask->kernel == EXACT_RANDOM_SCAN ? mixing_scan_bytes(mo, ask, threads) :
							   mixing_block_bytes(mo, ask->kernel));
}

int exact_mixing(const struct exact_even *v, const struct exact_ask *user_ask,
		 const struct exact_run *run, struct exact_mixing **ret, struct err *e)
{
	_cleanup_exact_mixing_ struct exact_mixing *out = NULL;
	_cleanup_free_ double *w = NULL, *w_tau = NULL;
	struct exact_ask ask = *user_ask;
	struct mixing_job job = { .even = v, .ask = &ask, .run = exact_run_or_default(run) };
	int r;

	r = ask_check(&ask, &v->model, e);
	if (r < 0)
		return r;
	ask.tolerance = ask.tolerance > 0 ? ask.tolerance : DEFAULT_TOLERANCE;
	ask.max_error = ask.max_error > 0 ? ask.max_error : DEFAULT_MAX_ERROR;
	r = exact_run_admit(job.run, mixing_bytes(&v->model, &ask, 1), e);
	if (r < 0)
		return r;
	if (out_new(&ask, v, &out) < 0)
		return err_oom(e);
	if (ask.gradient)
		w = alloc_zeroed(v->states, sizeof(*w));
	if (ask.dtau)
		w_tau = alloc_zeroed(v->states, sizeof(*w_tau));
	if ((ask.gradient && !w) || (ask.dtau && !w_tau))
		return err_oom(e);
	job.out = out;
	job.w = w;
	job.w_tau = w_tau;
	r = ask.kernel == EXACT_RANDOM_SCAN ? mixing_scan(&job, e) : mixing_block(&job, e);
	if (r < 0)
		return r;
	r = finish(&job, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(out);
	return 0;
}

int exact_mixing_of(const struct exact_model *mo, const struct exact_ask *ask,
		    const struct exact_run *run, struct exact_mixing **ret, struct err *e)
{
	_cleanup_exact_even_ struct exact_even *v = NULL;
	int r;

	r = exact_model_check(mo, e);
	if (r < 0)
		return r;
	r = ask_check(ask, mo, e);
	if (r < 0)
		return r;
	run = exact_run_or_default(run);
	r = exact_run_admit(run, mixing_bytes(mo, ask, 1), e);
	if (r < 0)
		return r;
	r = exact_even_new(mo, run, &v, e);
	if (r < 0)
		return r;
	return exact_mixing(v, ask, run, ret, e);
}

struct exact_mixing *exact_mixing_free(struct exact_mixing *x)
{
	if (!x)
		return NULL;
	free(x->g);
	free(x->var_a);
	free(x->tau);
	free(x->dt_o);
	free(x->dtau);
	free(x->x);
	free(x);
	return NULL;
}

void exact_log_t_o_gradient(const struct exact_mixing *x, double *grad)
{
	size_t a;

	for (a = 0; a < (size_t)x->n * x->m; a++)
		grad[a] = x->dt_o[a] / x->t_o;
}

double exact_q_struct(double k_steps, double g2, double t_o)
{
	return t_o > 0 ? k_steps / 2 * g2 / t_o : INFINITY;
}
