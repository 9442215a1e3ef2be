/* SPDX-License-Identifier: MIT */
#include "mixing_loss.h"

#include <math.h>

#include "exact/mixing.h"
#include "json_number.h"

static int ask_class(const struct spec_train *s, const struct couplings *c, unsigned int class,
		     bool gradient, struct exact_mixing **ret, struct err *e)
{
	struct exact_model mo = { .n = (unsigned int)c->n,
				  .m = (unsigned int)c->m,
				  .beta = c->beta,
				  .w = c->w + couplings_at(c, class) };
	bool tau = s->mixing.observable == OBJECTIVE_TAU_MAX;
	struct exact_ask ask = { .kernel = (enum exact_kernel)s->mixing.kernel,
				 .gradient = gradient && !tau,
				 .dtau = gradient && tau,
				 .observable = EXACT_WORST };
	char what[40];
	int r = exact_mixing_of(&mo, &ask, NULL, ret, e);

	if (r >= 0)
		return 0;
	snprintf(what, sizeof(what), "mixing of class %u", class);
	return err_prefix(e, what);
}

static int add_class(const struct spec_train *s, const struct couplings *c, unsigned int class,
		     double *grad, struct err *e)
{
	_cleanup_exact_mixing_ struct exact_mixing *x = NULL;
	bool tau = s->mixing.observable == OBJECTIVE_TAU_MAX;
	const double *slope;
	double unit, value;
	int r = ask_class(s, c, class, true, &x, e);

	if (r < 0)
		return r;
	slope = tau ? x->dtau : x->dt_o;
	unit = x->steps_per_sweep * (tau ? 1 : (double)(c->n * c->m));
	value = (tau ? x->tau_max : x->t_o) / unit;
	for (size_t k = 0; k < c->n * c->m; k++)
		grad[k] = slope[k] / unit / (1 + value);
	return 0;
}

int mixing_loss_gradient(const struct spec_train *s, const struct couplings *c, double *grad,
			 struct err *e)
{
	int r = 0;

	for (unsigned int u = 0; r == 0 && u < c->classes; u++)
		r = add_class(s, c, u, grad + couplings_at(c, u), e);
	return r;
}

int mixing_exact_measure(const struct spec_train *s, const struct couplings *c,
			 struct mixing_exact *ret, struct err *e)
{
	_cleanup_mixing_exact_ struct mixing_exact all = { .classes = c->classes };

	all.t_o = alloc_zeroed(c->classes, sizeof(double));
	all.sum_var = alloc_zeroed(c->classes, sizeof(double));
	all.tau_max = alloc_zeroed(c->classes, sizeof(double));
	if (!all.t_o || !all.sum_var || !all.tau_max)
		return err_oom(e);
	for (unsigned int u = 0; u < c->classes; u++) {
		_cleanup_exact_mixing_ struct exact_mixing *x = NULL;
		int r = ask_class(s, c, u, false, &x, e);

		if (r < 0)
			return r;
		all.t_o[u] = x->t_o;
		all.sum_var[u] = x->var;
		all.tau_max[u] = x->tau_max;
		all.steps_per_sweep = x->steps_per_sweep;
	}
	*ret = all;
	all = (struct mixing_exact){ 0 };
	return 0;
}

void mixing_exact_free(struct mixing_exact *x)
{
	free(x->t_o);
	free(x->sum_var);
	free(x->tau_max);
	*x = (struct mixing_exact){ 0 };
}

double mixing_exact_worst(const struct mixing_exact *x, const double *values)
{
	double worst = values[0];

	for (unsigned int u = 1; u < x->classes; u++)
		worst = fmax(worst, values[u]);
	return worst;
}

static json_t *list(const double *values, unsigned int n)
{
	json_t *a = json_array();

	for (unsigned int u = 0; u < n; u++)
		json_array_append_new(a, json_number(values[u]));
	return a;
}

json_t *mixing_exact_to_json(const struct spec_train *s, const struct mixing_exact *x)
{
	return json_pack("{s:s, s:f, s:s, s:f, s:o, s:o, s:o}", "kernel",
			 kernel_names[s->mixing.kernel], "weight", s->mixing.weight, "observable",
			 objective_names[s->mixing.observable], "steps_per_sweep",
			 x->steps_per_sweep, "T_O", list(x->t_o, x->classes), "sum_var",
			 list(x->sum_var, x->classes), "tau_max", list(x->tau_max, x->classes));
}
