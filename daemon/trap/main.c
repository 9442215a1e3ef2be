/* SPDX-License-Identifier: MIT */
/*
 * pbit-trap: the gradient by an eigendecomposition, shown beside the resolvent's. A tool of its own,
 * so that no job has such a gradient in it; `pbit certify --trap` runs it.
 *
 * stdout: one JSON object a line, a case each, and last one with the key "summary".
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "quantity.h"
#include "trap.h"
#include "worker/json_number.h"

extern void openblas_set_num_threads(int threads);

static int print(json_t *o)
{
	_cleanup_free_ char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	json_decref(o);
	if (!text)
		return -ENOMEM;
	return puts(text) < 0 || fflush(stdout) != 0 ? -EPIPE : 0;
}

static void put(json_t *o, const char *key, double x)
{
	json_object_set_new(o, key, json_number(x));
}

static int on_case(void *data, const struct trap_case *c, unsigned int done, unsigned int count)
{
	json_t *o =
		json_pack("{s:s, s:s, s:i, s:i, s:I, s:I, s:I, s:i, s:i}", "kind",
			  trap_kind_name(c->kind), "name", c->name, "n", (int)c->n, "m", (int)c->m,
			  "states", (json_int_t)c->states, "close", (json_int_t)c->close, "ties",
			  (json_int_t)c->ties, "done", (int)done, "count", (int)count);

	(void)data;
	if (!o)
		return -ENOMEM;
	put(o, "T_O", c->t_o);
	put(o, "gap", c->gap);
	put(o, "gradient", c->gradient);
	put(o, "eigh_value", c->eigh_value);
	put(o, "resolvent_value", c->resolvent_value);
	put(o, "eigh_error", c->eigh_error);
	put(o, "resolvent_error", c->resolvent_error);
	put(o, "eigh_condition", c->eigh_condition);
	put(o, "resolvent_condition", c->resolvent_condition);
	json_object_set_new(o, "eigh_finite", json_boolean(c->eigh_finite));
	json_object_set_new(o, "eigh_wrong", json_boolean(c->eigh_wrong));
	json_object_set_new(o, "resolvent_right", json_boolean(c->resolvent_right));
	json_object_set_new(o, "as_expected", json_boolean(c->as_expected));
	return print(o);
}

static int print_summary(const struct trap_summary *s)
{
	json_t *o =
		json_pack("{s:b, s:i, s:i, s:i, s:i, s:i, s:b, s:f}", "summary", 1, "traps",
			  (int)s->cases, "controls", (int)s->controls, "wrong", (int)s->wrong,
			  "resolvent_right", (int)s->resolvent_right, "controls_right",
			  (int)s->controls_right, "shown", (int)s->shown, "seconds", s->seconds);

	if (!o)
		return -ENOMEM;
	put(o, "worst_eigh_error", s->worst_eigh_error);
	put(o, "worst_eigh_condition", s->worst_eigh_condition);
	put(o, "worst_resolvent_error", s->worst_resolvent_error);
	put(o, "worst_resolvent_condition", s->worst_resolvent_condition);
	put(o, "worst_control_error", s->worst_control_error);
	return print(o);
}

int main(int argc, char **argv)
{
	struct trap_options o = { .seed = 1, .on_case = on_case };
	struct exact_run run = { .threads = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN) };
	_cleanup_free_ struct trap_case *cases = NULL;
	struct trap_summary summary;
	struct err e = { 0 };
	int r;

	if (argc > 2 || (argc == 2 && quantity_number(argv[1], &o.seed) < 0)) {
		fprintf(stderr, "usage: pbit-trap [SEED]; run by `pbit certify --trap`\n");
		return 2;
	}
	openblas_set_num_threads(1);
	cases = alloc_zeroed(trap_count(), sizeof(*cases));
	r = cases ? trap_run(&o, &run, cases, &summary, &e) : err_oom(&e);
	if (r >= 0)
		r = print_summary(&summary);
	if (r >= 0)
		return 0;
	fprintf(stderr, "pbit-trap: %s\n", e.code ? e.text : strerror(-r));
	return 1;
}
