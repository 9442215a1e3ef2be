/* SPDX-License-Identifier: MIT */
/*
 * The suite "family". Cells are judged a few at a time; those that are done stand in the
 * checkpoint, so that a job that makes room for others goes on where it was.
 */
#include <string.h>

#include "certify.h"
#include "checkpoint.h"
#include "exact/family.h"
#include "json_number.h"

#define CELLS_AT_ONCE 16

struct family_job {
	struct certify_job *c;
	struct family_cell *cells; /* [count] */
	unsigned int count, done;
	uint64_t elapsed_us; /* of the processes before this one */
	uint64_t identity, sequence;
};

static int on_cell(void *data, const struct family_cell *cell, unsigned int done,
		   unsigned int count)
{
	struct family_job *f = data;
	struct control *control = f->c->job->control;

	(void)cell, (void)count;
	if (control_is_due(control))
		control_progress(control, 0.99 * (f->done + done) / f->count,
				 json_pack("{s:i, s:i}", "cell", (int)(f->done + done), "cells",
					   (int)f->count));
	return control_poll(control);
}

static int make_identity(struct family_job *f, struct err *e)
{
	json_t *spec = spec_to_json(f->c->job->spec);
	_cleanup_free_ char *text = spec ? json_dumps(spec, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	/* The layout of a cell is that of this program. */
	size_t size = sizeof(struct family_cell);

	json_decref(spec);
	if (!text)
		return err_oom(e);
	f->identity = checkpoint_identity(CHECKPOINT_IDENTITY, text, strlen(text));
	f->identity = checkpoint_identity(f->identity, PBIT_VERSION, strlen(PBIT_VERSION));
	f->identity = checkpoint_identity(f->identity, &size, sizeof(size));
	return 0;
}

static uint64_t elapsed_us(const struct family_job *f)
{
	return f->elapsed_us + (uint64_t)(now_us() - f->c->started_us);
}

static int save(struct family_job *f, struct err *e)
{
	_cleanup_checkpoint_ struct checkpoint c = { 0 };
	uint64_t state[2] = { f->done, elapsed_us(f) };

	checkpoint_begin(&c);
	checkpoint_put(&c, "state", state, sizeof(state));
	checkpoint_put(&c, "cells", f->cells, f->count * sizeof(*f->cells));
	return checkpoint_save(&c, f->c->job->ckpt, f->identity, f->sequence++, e);
}

/* From the newest checkpoint of this job, or from the start. */
static int resume(struct family_job *f, struct err *e)
{
	_cleanup_checkpoint_ struct checkpoint c = { 0 };
	unsigned int refused = 0;
	uint64_t state[2];
	int r = checkpoint_load(f->c->job->ckpt, f->identity, &c, &f->sequence, &refused, e);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	f->sequence++;
	if (checkpoint_get(&c, "state", state, sizeof(state), NULL) < 0 || state[0] > f->count ||
	    checkpoint_get(&c, "cells", f->cells, f->count * sizeof(*f->cells), NULL) < 0) {
		memset(f->cells, 0, f->count * sizeof(*f->cells));
		return 0;
	}
	f->done = (unsigned int)state[0];
	f->elapsed_us = state[1];
	return 0;
}

static int run_some(struct family_job *f, struct err *e)
{
	struct family_options o = {
		.seed = f->c->job->spec->seed,
		.first = f->done,
		.count = MIN(f->count - f->done, (unsigned int)CELLS_AT_ONCE),
		.on_cell = on_cell,
		.data = f,
	};
	struct exact_run run = f->c->run;
	struct family_summary summary;
	struct err own = { 0 };
	int r;

	/* Cells tell of their own progress. */
	run.progress = NULL;
	r = family_run(&o, &run, f->cells + f->done, &summary, &own);
	if (r < 0) {
		int stop = control_poll(f->c->job->control);

		return stop < 0 ? stop : certify_outcome(f->c, r, &own, e);
	}
	f->done += o.count;
	return save(f, e);
}

static json_t *cell_object(const struct family_cell *c)
{
	json_t *o = json_pack("{s:i, s:i, s:i, s:i, s:i, s:b, s:s}", "index", (int)c->index, "m",
			      (int)c->m, "axis", (int)c->axis, "code", (int)c->code, "start",
			      (int)c->start, "constructed", (int)c->constructed, "why", c->why);
	const struct {
		const char *key;
		double value;
	} figures[] = {
		{ "kl_start", c->kl_start },
		{ "kl_end", c->kl_end },
		{ "T_O", c->t_o },
		{ "tau_max", c->tau_max },
		{ "condition", c->condition },
		{ "residual", c->residual },
		{ "jacobian", c->jacobian },
		{ "value_absolute", c->value_absolute },
		{ "value_agreement", c->value_relative },
		{ "sum_agreement", c->sum_relative },
		{ "reference_error_W", c->reference_w },
		{ "reference_error_phi", c->reference_phi },
		{ "gradient_error", c->gradient_error },
		{ "gradient_step", c->gradient_step },
	};

	json_object_set_new(o, "criteria",
			    json_pack("{s:b, s:b, s:b, s:b}", "a", (int)c->finite, "b",
				      (int)c->depends, "c", (int)c->agrees, "d",
				      (int)c->gradient_holds));
	for (size_t k = 0; k < ARRAY_SIZE(figures); k++)
		json_object_set_new(o, figures[k].key, json_number(figures[k].value));
	return o;
}

/* NaN is worse than any number. */
static void worse(double *worst, double x)
{
	if (!isnan(*worst) && !(x <= *worst))
		*worst = x;
}

static json_t *report(const struct family_job *f)
{
	const struct spec *spec = f->c->job->spec;
	double value = 0, absolute = 0, sum = 0, reference = 0, gradient = 0, condition = 0;
	json_t *table = json_array(), *o;
	int constructed = 0;

	for (unsigned int k = 0; k < f->count; k++) {
		const struct family_cell *c = &f->cells[k];

		constructed += c->constructed;
		worse(&value, c->value_relative);
		worse(&absolute, c->value_absolute);
		worse(&sum, c->sum_relative);
		worse(&reference, c->reference_w);
		worse(&reference, c->reference_phi);
		worse(&gradient, c->gradient_error);
		worse(&condition, c->condition);
		json_array_append_new(table, cell_object(c));
	}
	o = json_pack(
		"{s:s, s:s?, s:I, s:o, s:s, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:s}",
		"kind", "certify", "name", spec->name, "seed", (json_int_t)spec->seed, "spec",
		spec_to_json(spec), "suite", "family", "cells", (int)f->count, "constructed",
		constructed, "worst_value_agreement", json_number(value), "worst_value_absolute",
		json_number(absolute), "worst_sum_agreement", json_number(sum),
		"worst_reference_error", json_number(reference), "worst_gradient_error",
		json_number(gradient), "worst_condition", json_number(condition), "seconds",
		(double)elapsed_us(f) / 1e6, "g1b",
		constructed == (int)f->count ? "constructed" : "not constructed");
	if (!o) {
		json_decref(table);
		return NULL;
	}
	json_object_set_new(o, "threads", json_integer(f->c->run.threads));
	json_object_set_new(o, "table", table);
	return o;
}

int certify_family(struct certify_job *c, struct err *e)
{
	_cleanup_free_ struct family_cell *cells = alloc_zeroed(FAMILY_CELLS, sizeof(*cells));
	struct family_job f = { .c = c, .cells = cells, .count = c->spec->cells };
	int r;

	if (!cells)
		return err_oom(e);
	r = make_identity(&f, e);
	if (r == 0)
		r = resume(&f, e);
	while (r == 0 && f.done < f.count)
		r = run_some(&f, e);
	return r < 0 ? r : job_write_json(c->job, "report.json", report(&f), e);
}
