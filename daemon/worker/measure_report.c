// SPDX-License-Identifier: MIT
/* report.json of a measure job. */
#include <math.h>

#include "json_number.h"
#include "measure.h"
#include "report.h"

#define A7_TRACE                                                                                  \
	"the relaxation rate of the bulk beside the slowest modes shows in no trace; what does, " \
	"gamma_at_most, bounds the slowest mode alone"
#define A7_EXACT "gamma_bulk by enumeration; at least 0.1 a sweep is asked"

/* The code's tau against K. */
static struct mixing mixing_of(const struct measure_job *m, const struct measured *x)
{
	const struct spec_measure *s = m->spec;
	struct mixing mixing = {
		.tau = x->tau,
		.class = (unsigned int)x->code,
		.K = s->window ? s->window : s->device.sweeps,
		.chains = s->device.chains,
		.ratio = s->ratio,
		.traced = s->device.sweeps,
	};

	mixing.a6 = mixing_verdict(&mixing);
	return mixing;
}

/* Does x, after y, decide? One that fails does, then one that is not resolved; then the slower. */
static bool decides(const struct mixing *x, const struct mixing *y)
{
	static const unsigned int rank[] = {
		[A6_HOLDS] = 0, [A6_NOT_RESOLVED] = 1, [A6_FAILS] = 2
	};

	if (x->a6 != y->a6)
		return rank[x->a6] > rank[y->a6];
	/* None is slower than one that is not known. */
	return !isnan(y->tau.tau) && !(x->tau.tau <= y->tau.tau);
}

/* What all codes come to is what the one that decides shows. */
static struct mixing mixing_of_all(const struct measure_job *m)
{
	struct mixing all = mixing_of(m, &m->of[0]);

	for (unsigned int k = 1; k < m->codes; k++) {
		struct mixing x = mixing_of(m, &m->of[k]);

		if (decides(&x, &all))
			all = x;
	}
	return all;
}

/* Of the slowest bulk of all codes; one that is not known leaves it open. */
static void put_a7(json_t *o, const struct measure_job *m)
{
	double slowest = INFINITY;

	for (unsigned int k = 0; k < m->codes && !isnan(slowest); k++)
		if (!(m->of[k].gamma_bulk >= slowest))
			slowest = m->of[k].gamma_bulk;
	json_object_set_new(o, "a7_reason", json_string(isnan(slowest) ? A7_TRACE : A7_EXACT));
	json_object_set_new(o, "gamma_bulk", json_number(slowest));
	if (!isnan(slowest))
		json_object_set_new(o, "a7",
				    json_string(slowest >= MEASURE_A7 ? "holds" : "fails"));
}

static json_t *mixing_json(const struct measure_job *m)
{
	struct mixing all = mixing_of_all(m);
	json_t *o = mixing_to_json(&all);

	put_a7(o, m);
	json_object_set_new(o, "k_needed", json_number(ceil(all.ratio * all.tau.tau)));
	return o;
}

static json_t *code_json(const struct measure_job *m, const struct measured *x)
{
	struct mixing mixing = mixing_of(m, x);
	const struct t_o *t = &x->t_o;
	bool moved = t->sum_var > 0;
	char observable[64];

	snprintf(observable, sizeof(observable), "v%u h%u", x->tau.v, x->tau.h);
	return json_pack(
		"{s:I, s:s, s:o, s:o, s:o, s:b, s:s, s:o, s:o, s:o, s:b, s:o, s:I, s:f, s:f, s:o, "
		"s:o, s:f, s:f, s:I, s:I, s:f, s:f}",
		"code", (json_int_t)x->code, "a6", a6_names[mixing.a6], "tau_int",
		json_number(x->tau.tau), "tau_error", json_number(x->tau.error), "tau_window",
		json_integer((json_int_t)x->tau.window), "resolved", (int)x->tau.resolved,
		"observable", observable, "T_O", json_number(t->value), "T_O_error",
		json_number(t->error), "T_O_window", json_integer((json_int_t)t->window),
		"T_O_resolved", (int)t->resolved, "T_O_at_least",
		json_number(moved ? t_o_at_least(t) : NAN), "T_O_terms", (json_int_t)t->terms,
		"sum_var", t->sum_var, "sum_var_error", t->sum_var_error, "gamma_at_most",
		json_number(moved ? fmin(t_o_gamma_at_most(t), 1) : NAN), "drift",
		json_number(x->drift), "mean_energy", x->energy, "mean_energy_error",
		x->energy_error, "constant_observables", (json_int_t)x->tau.constant,
		"moving_observables", (json_int_t)x->moved, "T_O_bound", t->bound,
		"T_O_bound_error", t->bound_error);
}

json_t *measure_report(const struct measure_job *m)
{
	const struct spec_measure *s = m->spec;
	uint64_t elapsed = m->state.elapsed_us + (uint64_t)(now_us() - m->started_us);
	json_t *timing = report_timing(elapsed, &m->state.ledger), *codes = json_array();
	json_t *r = json_pack(
		"{s:s, s:s?, s:I, s:o, s:I, s:I, s:b, s:s, s:I, s:I, s:f}", "kind", "measure",
		"name", m->job->spec->name, "seed", (json_int_t)m->job->spec->seed, "spec",
		spec_to_json(m->job->spec), "n", (json_int_t)m->rbm.n, "m", (json_int_t)m->rbm.m,
		"references", (int)m->rbm.clamped, "scan", scan_names[s->device.scan], "chains",
		(json_int_t)s->device.chains, "flips", (json_int_t)m->state.ledger.flips,
		"device_joules", ledger_device_joules(&m->state.ledger));

	for (unsigned int k = 0; k < m->codes; k++)
		json_array_append_new(codes, code_json(m, &m->of[k]));
	json_object_set_new(r, "codes", codes);
	json_object_set_new(r, "mixing", mixing_json(m));
	json_object_set_new(r, "device", report_devices(m->job, m->device));
	json_object_set_new(r, "energy", ledger_to_json(&m->state.ledger));
	json_object_set(r, "seconds", json_object_get(timing, "seconds"));
	json_object_set_new(r, "timing", timing);
	return r;
}
