/* SPDX-License-Identifier: MIT */
/* report.json of the exact gate on one matrix. */
#include <string.h>

#include "certify.h"
#include "json_number.h"

/* [[...], ...], n x m; null for NULL. */
static json_t *matrix(const double *x, unsigned int n, unsigned int m)
{
	json_t *rows;

	if (!x)
		return json_null();
	rows = json_array();
	for (unsigned int i = 0; i < n; i++) {
		json_t *row = json_array();

		for (unsigned int j = 0; j < m; j++)
			json_array_append_new(row, json_number(x[(size_t)i * m + j]));
		json_array_append_new(rows, row);
	}
	return rows;
}

static void put(json_t *o, const char *key, double x)
{
	json_object_set_new(o, key, json_number(x));
}

static void put_model(json_t *o, const struct certify_job *c, const struct exact_model *mo,
		      const struct exact_report *r)
{
	enum exact_kernel k = (enum exact_kernel)c->spec->kernel;

	json_object_set_new(o, "n", json_integer(mo->n));
	json_object_set_new(o, "m", json_integer(mo->m));
	put(o, "beta", mo->beta);
	json_object_set_new(o, "kernel", json_string(exact_kernel_name(k)));
	json_object_set_new(o, "states", json_integer((json_int_t)exact_states(mo)));
	put(o, "ln_Z", r->even->ln_z);
	put(o, "a2_residual", r->a2);
	json_object_set_new(o, "a2_all_pairs", json_boolean(r->a2_all));
	json_object_set_new(o, "reversible", json_boolean(exact_kernel_reversible(k)));
	put(o, "steps_per_sweep", exact_kernel_steps_per_sweep(k, mo));
}

/* The keys of what needs a reversible kernel are there in any case: null without one. */
static void put_mixing(json_t *o, const struct exact_mixing *x)
{
	char name[32];

	put(o, "T_O", x ? x->t_o : (double)NAN);
	put(o, "sum_var", x ? x->var : (double)NAN);
	put(o, "tau_max", x ? x->tau_max : (double)NAN);
	put(o, "tau_max_sweeps", x ? x->tau_max / x->steps_per_sweep : (double)NAN);
	put(o, "condition", x ? x->condition : (double)NAN);
	json_object_set_new(o, "tau", x ? matrix(x->tau, x->n, x->m) : json_null());
	if (!x)
		return;
	snprintf(name, sizeof(name), "v%zu h%zu", x->worst / x->m, x->worst % x->m);
	json_object_set_new(o, "tau_max_observable", json_string(name));
	json_object_set_new(o, "method",
			    json_string(x->dense ? "Cholesky" : "conjugate gradients"));
	json_object_set_new(o, "unknowns", json_integer((json_int_t)x->unknowns));
	json_object_set_new(o, "iterations", json_integer(x->iterations));
	put(o, "residual", x->residual);
	put(o, "error_value", x->error_value);
	put(o, "error_gradient", x->error_gradient);
}

static void put_checks(json_t *o, const struct exact_report *r, const double *gradient)
{
	const struct exact_spectrum *s = r->has_spectrum ? &r->spectrum : NULL;

	put(o, "gamma", s ? s->gamma : (double)NAN);
	put(o, "gamma_observed", s ? s->gamma_observed : (double)NAN);
	put(o, "gamma_bulk", s ? s->gamma_bulk : (double)NAN);
	put(o, "cluster_share", s ? s->cluster_share : (double)NAN);
	put(o, "value_agreement", r->has_quad || s ? r->value_agreement : (double)NAN);
	json_object_set_new(o, "value_reference",
			    r->has_quad ? json_string("__float128") :
			    s		? json_string("eigenvalue sum") :
					  json_null());
	put(o, "value_agreement_absolute", r->has_quad ? r->quad->value_absolute : (double)NAN);
	put(o, "gradient_agreement",
	    !r->has_quad || !gradient ? (double)NAN :
	    r->quad->dt_o	      ? r->quad->gradient_relative :
					r->quad->dtau_relative);
}

json_t *certify_report(const struct certify_job *c, const struct exact_model *mo,
		       const struct exact_estimate *estimate, const struct exact_report *r,
		       const double *gradient)
{
	const struct spec *spec = c->job->spec;
	json_t *o = json_pack("{s:s, s:s?, s:I, s:o}", "kind", "certify", "name", spec->name,
			      "seed", (json_int_t)spec->seed, "spec", spec_to_json(spec));

	if (!o)
		return NULL;
	put_model(o, c, mo, r);
	put_mixing(o, r->mixing);
	put_checks(o, r, gradient);
	json_object_set_new(o, "refused", r->mixing ? json_null() : json_string(r->refused.text));
	json_object_set_new(o, "objective", json_string(objective_names[c->spec->gradient]));
	json_object_set_new(o, "grad_W", matrix(gradient, mo->n, mo->m));
	json_object_set_new(o, "timing",
			    json_pack("{s:f, s:i, s:f, s:f}", "seconds",
				      (double)(now_us() - c->started_us) / 1e6, "threads",
				      (int)c->run.threads, "estimated_seconds", estimate->seconds,
				      "estimated_memory_bytes", (double)estimate->memory));
	return o;
}
