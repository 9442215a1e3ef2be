/* SPDX-License-Identifier: MIT */
#include "mixing.h"

#include <math.h>
#include <string.h>

#include "held.h"
#include "json_number.h"
#include "seed.h"

/* Of the traces as they come, one a lane, and of the turned ones of all classes. */
#define TRACE_BYTES ((size_t)256 << 20)

const char *const a6_names[] = {
	[A6_HOLDS] = "holds",
	[A6_FAILS] = "fails",
	[A6_NOT_RESOLVED] = "not resolved",
};

/* Two programs take turns: the device runs the next class while the last one is looked at. */
#define LANES 2

struct lanes {
	struct program *program[LANES];
};

static void lanes_free(struct lanes *l)
{
	for (unsigned int k = 0; k < LANES; k++)
		program_free(l->program[k]);
}

/* How many chains of each class can be traced over so many sweeps. */
static size_t trace_room(const struct pbm_shape *shape, uint32_t records, unsigned int classes)
{
	size_t row = LANES * pbm_state_words(shape) * sizeof(uint64_t) +
		     ((size_t)shape->n + shape->m) * classes / 8;

	return TRACE_BYTES / row / records;
}

static int submit_class(struct program *p, const struct couplings *c,
			const struct negative_phase *np, unsigned int class,
			const struct mixing_options *o, struct energy_ledger *ledger, struct err *e)
{
	const struct pbm_shape *shape = program_shape(p);
	size_t words = (size_t)shape->chains * pbm_state_words(shape);
	struct submission s = {
		.seed = seed_derive(o->seed, SEED_TAU, seed_index(o->model, class, o->epoch)),
		.every = 1,
		.scan = o->scan,
		.gains = 1,
		.gain = &c->gain[class],
	};
	struct results res;
	int r;

	memcpy(program_states(p), program_states(np->program[class]), words * sizeof(uint64_t));
	r = program_set_couplings(p, c->q + couplings_at(c, class), e);
	if (r < 0)
		return r;
	ledger_add_couplings(ledger, shape);
	ledger_add_states(ledger, shape, true);
	if (o->burn) {
		s.sweeps = o->burn;
		r = program_run(p, &s, &res, e);
		if (r < 0)
			return r;
		ledger_add_run(ledger, res.flips, res.ns);
	}
	s.sweep0 = o->burn;
	s.sweeps = o->tau_sweeps;
	s.accumulate = ACC_STATE_TRACE;
	return program_submit(p, &s, e);
}

static int look_at_class(struct program *p, const struct couplings *c, unsigned int class,
			 struct tau_search *search, struct energy_ledger *ledger, struct err *e)
{
	const struct pbm_shape *shape = program_shape(p);
	_cleanup_free_ uint64_t *held = alloc_zeroed(pbm_state_words(shape), sizeof(*held));
	struct results res;
	size_t moved;
	int r;

	if (!held)
		return err_oom(e);
	r = program_wait(p, &res, e);
	if (r < 0)
		return r;
	ledger_add_run(ledger, res.flips, res.ns);
	ledger->reads += res.records * shape->chains * ((uint64_t)shape->n + shape->m);
	if (!c->even)
		held_by_references(shape, c->q + couplings_at(c, class), c->beta * c->scale[class],
				   held);
	return tau_search_add(search, res.state_trace, res.records, held, &moved, e);
}

enum a6 mixing_verdict(const struct mixing *x)
{
	if (!x->tau.resolved || !(x->tau.tau > 0))
		return A6_NOT_RESOLVED;
	return x->K / x->tau.tau >= x->ratio ? A6_HOLDS : A6_FAILS;
}

static int start_search(const struct couplings *c, struct program *p, struct tau_search **ret,
			struct err *e)
{
	const struct pbm_shape *shape = program_shape(p);
	_cleanup_free_ uint64_t *clamp = alloc_zeroed(pbm_state_words(shape), sizeof(*clamp));

	if (!clamp)
		return err_oom(e);
	if (!c->even)
		couplings_clamp_mask(shape, clamp);
	return tau_search_new(shape, clamp, c->classes, c->crew, ret, e);
}

static void tau_search_freep(struct tau_search **s)
{
	tau_search_free(*s);
}

static int trace_classes(struct device *d, const struct couplings *c,
			 const struct negative_phase *np, const struct mixing_options *o,
			 struct control *control, struct energy_ledger *ledger, struct mixing *ret,
			 struct err *e)
{
	_cleanup_(lanes_free) struct lanes lanes = { 0 };
	_cleanup_(tau_search_freep) struct tau_search *search = NULL;
	const struct pbm_shape *shape = program_shape(np->program[0]);
	size_t room = trace_room(shape, o->tau_sweeps, c->classes);
	uint32_t chains = (uint32_t)MIN((size_t)shape->chains, MAX(room, (size_t)1));
	int r = 0;

	for (unsigned int k = 0; r == 0 && k < LANES; k++)
		r = couplings_program(c, d, chains, &lanes.program[k], e);
	if (r == 0)
		r = start_search(c, lanes.program[0], &search, e);
	for (unsigned int u = 0; r == 0 && u <= c->classes; u++) {
		r = control ? control_poll(control) : 0;
		if (r == 0 && u < c->classes)
			r = submit_class(lanes.program[u % LANES], c, np, u, o, ledger, e);
		if (r == 0 && u > 0)
			r = look_at_class(lanes.program[(u - 1) % LANES], c, u - 1, search, ledger,
					  e);
	}
	if (r < 0)
		return r;
	tau_search_find(search, &ret->tau, &ret->class);
	ret->traced = o->tau_sweeps;
	return 0;
}

int mixing_measure(struct device *d, const struct couplings *c, const struct negative_phase *np,
		   const struct mixing_options *o, struct control *control,
		   struct energy_ledger *ledger, struct mixing *ret, struct err *e)
{
	const struct pbm_shape *shape = program_shape(np->program[0]);
	struct mixing_options now = *o;
	struct mixing x = {
		.K = np->sweeps,
		.chains = shape->chains,
		.ratio = o->ratio,
	};
	int r;

	for (;;) {
		r = trace_classes(d, c, np, &now, control, ledger, &x, e);
		if (r < 0)
			return r;
		if (x.tau.resolved || now.extend == 0 || now.tau_sweeps > PBM_MAX_SWEEPS / 4 ||
		    trace_room(shape, now.tau_sweeps * 4, c->classes) < shape->chains)
			break;
		now.tau_sweeps *= 4;
		now.extend--;
	}
	x.a6 = mixing_verdict(&x);
	*ret = x;
	return 0;
}

json_t *mixing_to_json(const struct mixing *x)
{
	double k_over_tau = x->K / x->tau.tau;
	char observable[64];

	snprintf(observable, sizeof(observable), "v%u h%u, class %u", x->tau.v, x->tau.h, x->class);
	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:b, s:s, s:s, s:s, s:o, s:s, s:I, s:f}",
			 "K", (json_int_t)x->K, "tau_int", json_number(x->tau.tau), "tau_error",
			 json_number(x->tau.error), "tau_window",
			 json_integer((json_int_t)x->tau.window), "tau_doubled_window",
			 json_number(x->tau.tau_2l), "k_over_tau", json_number(k_over_tau),
			 "resolved", (int)x->tau.resolved, "a6", a6_names[x->a6], "a7",
			 "not verifiable", "a7_reason",
			 "the bulk relaxation rate needs the chain's spectrum over all states",
			 "ess", json_number(k_over_tau * x->chains), "observable", observable,
			 "constant_observables", (json_int_t)x->tau.constant, "ratio", x->ratio,
			 "tau_sweeps", (json_int_t)x->traced);
}
