/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "independent.h"
#include "seed.h"
#include "train_job.h"

#define CHECKPOINT_INTERVAL_US 10000000
/* Share of the bar that training takes; the rest is judging. */
#define TRAINING_SHARE	       0.97

static void train_job_free(struct train_job *t)
{
	trainer_free(t->trainer);
	for (unsigned int k = 0; k < MODEL_COUNT; k++)
		free(t->best_phi[k]);
	free(t->chains);
	job_log_close(&t->metrics);
	json_decref(t->judged);
	device_close(t->device);
	dataset_free(t->data);
	inputs_free(&t->in);
}

/* Everything that the result depends on; a checkpoint made from anything else is foreign. */
static int make_identity(struct train_job *t, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	json_t *spec = spec_to_json(t->job->spec);
	const struct array *arrays[] = { &t->in.images, &t->in.labels, &t->in.codes };

	text = spec ? json_dumps(spec, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	json_decref(spec);
	if (!text)
		return err_oom(e);
	t->identity = checkpoint_identity(CHECKPOINT_IDENTITY, text, strlen(text));
	for (size_t k = 0; k < ARRAY_SIZE(arrays); k++) {
		const struct array *a = arrays[k];

		t->identity = checkpoint_identity(t->identity, a->shape, sizeof(a->shape));
		if (a->data)
			t->identity = checkpoint_identity(t->identity, a->data,
							  a->count * dtype_size(a->dtype));
	}
	t->identity = job_device_identity(t->device, t->identity);
	return 0;
}

static int load_data(struct train_job *t, struct err *e)
{
	const struct spec_train *s = t->spec;
	struct dataset_options o = {
		.threshold = s->data.threshold,
		.holdout = s->data.holdout,
		.validation = s->data.validation,
		.seed = seed_derive(t->seed, SEED_SPLIT, 0),
		.even = s->model.even,
	};
	int r;

	r = inputs_read(t->job->spec, t->job->files, t->job->n_files, &t->in, e);
	if (r < 0)
		return r;
	o.classes = t->in.codes.data ? (unsigned int)t->in.codes.shape[0] : 0;
	return dataset_new(&t->in.images, s->data.images, t->in.labels.data ? &t->in.labels : NULL,
			   s->data.labels, &o, &t->data, e);
}

/* Refuses what this machine has no memory for, before the kernel ends the worker for it. */
static int check_memory(const struct train_job *t, struct err *e)
{
	const struct spec_train *s = t->spec;
	double couplings = (double)t->data->n * (s->model.hidden + 1.0);
	double classes = t->data->classes, before = classes, params = 0, bytes, have;

	for (unsigned int l = 0; l < s->model.n_layers; l++) {
		params += (before + 1) * s->model.layers[l];
		before = s->model.layers[l];
	}
	params += (before + 1) * couplings;
	/* W, gradient, moments and device images; phi with the optimizer's state; chains. */
	bytes = classes * couplings * 64 + MAX(params, classes * couplings) * 56 +
		classes * s->device.chains *
			(couplings / (s->model.hidden + 1.0) + s->model.hidden) / 4;
	have = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
	if (bytes > 0.9 * have)
		return err_set(e, -ENOMEM,
			       "model: %u classes of %zu x %u couplings need about %.1f GiB, this "
			       "machine has %.1f; use fewer hidden p-bits, classes or layers",
			       t->data->classes, t->data->n, s->model.hidden + 1, bytes / 0x1p30,
			       have / 0x1p30);
	return 0;
}

int train_enter(struct train_job *t, uint64_t phase, struct err *e)
{
	int r;

	t->trainer = trainer_free(t->trainer);
	t->state.phase = phase;
	t->state.epochs = 0;
	/* The next model's figures are not these. */
	t->loss = NAN;
	json_decref(t->judged);
	t->judged = NULL;
	if (phase == PHASE_JUDGE)
		return 0;
	r = trainer_new((enum trainer_model)phase, t->spec, t->seed, t->data, &t->in.codes,
			t->device, &t->trainer, e);
	if (r == 0)
		t->params[phase] = t->trainer->mlp->params;
	return r;
}

/* The hypernetwork's chains outlive its trainer: the final mixing figures start from them. */
static int leave_phase(struct train_job *t, struct err *e)
{
	uint64_t next = t->state.phase + 1;

	if (t->state.phase == MODEL_HYPERNETWORK) {
		t->chains_size = negative_states_size(&t->trainer->negative);
		t->chains = malloc(t->chains_size);
		if (!t->chains)
			return err_oom(e);
		negative_get_states(&t->trainer->negative, t->chains);
		if (!t->spec->baseline_separate)
			next = PHASE_JUDGE;
	}
	return train_enter(t, next, e);
}

static void tell_progress(struct train_job *t)
{
	double steps = t->spec->optimizer.steps, epochs = t->spec->optimizer.epochs;
	double phases = t->spec->baseline_separate ? 2 : 1;
	double done = (double)t->state.phase + (double)t->trainer->step / (steps * epochs);
	bool last = t->state.epochs == t->spec->optimizer.epochs;
	json_t *more;

	/* The last epoch's figures are told in any case: after it comes something else. */
	if (!last && !control_is_due(t->job->control))
		return;
	more = json_pack("{s:s, s:I, s:I, s:I, s:f}", "model", trainer_names[t->state.phase],
			 "epoch", (json_int_t)t->state.epochs, "epochs",
			 (json_int_t)t->spec->optimizer.epochs, "flips",
			 (json_int_t)t->state.ledger.flips, "device_seconds",
			 (double)t->state.ledger.device_ns / 1e9);
	if (isfinite(t->loss))
		json_object_set_new(more, "loss", json_real(t->loss));
	if (t->judged)
		json_object_update(more, t->judged);
	control_account(t->job->control, &t->state.ledger);
	control_progress(t->job->control, TRAINING_SHARE * done / phases, more);
}

/*
 * Every so many epochs are judged, and the last one. Of others nothing is written: the next
 * checkpoint has them.
 */
static int end_epoch(struct train_job *t, struct err *e)
{
	uint64_t epoch = t->state.epochs + 1;
	int r;

	if (epoch % t->spec->report.every && epoch != t->spec->optimizer.epochs) {
		t->state.epochs = epoch;
		return 0;
	}
	r = train_epoch_judge(t, e);
	return r < 0 ? r : train_save(t, e);
}

/*
 * One turn: end an epoch that is complete, or leave a phase, or take a step. A stop request is
 * looked at between turns; inside an epoch's judging, which changes nothing until its end; and
 * between the pieces of a long step, which is then torn.
 */
static int turn(struct train_job *t, struct err *e)
{
	uint64_t steps = t->spec->optimizer.steps;
	int r;

	if (t->trainer->step == (t->state.epochs + 1) * steps)
		return end_epoch(t, e);
	if (t->state.epochs == t->spec->optimizer.epochs) {
		r = leave_phase(t, e);
		return r < 0 ? r : train_save(t, e);
	}
	r = trainer_step(t->trainer, t->job->control, &t->state.ledger, e);
	for (unsigned int k = 0; k < TIME_COUNT; k++) {
		t->state.step_ns[k] += t->trainer->ns[k];
		t->trainer->ns[k] = 0;
	}
	if (r == 0 && now_us() - t->saved_us >= CHECKPOINT_INTERVAL_US)
		r = train_save(t, e);
	return r;
}

static int train_models(struct train_job *t, struct err *e)
{
	int r;

	while (t->state.phase < PHASE_JUDGE) {
		r = control_poll(t->job->control);
		if (r == 0)
			r = turn(t, e);
		if (r == -EINTR) {
			/* A step that was torn is done again, from the checkpoint before it. */
			int saved = t->trainer && t->trainer->torn ? 0 : train_save(t, e);

			return saved < 0 ? saved : r;
		}
		if (r < 0)
			return r;
		if (t->trainer)
			tell_progress(t);
	}
	return 0;
}

static int prepare(struct train_job *t, struct err *e)
{
	int r;

	r = load_data(t, e);
	if (r == 0)
		r = check_memory(t, e);
	if (r == 0)
		r = job_open_device(t->job, &t->device, e);
	if (r == 0)
		r = make_identity(t, e);
	if (r < 0)
		return r;
	r = train_resume(t, e);
	if (r != -ENOENT)
		return r;
	r = job_log_open(&t->metrics, t->job->out, "metrics.jsonl", 0, e);
	return r < 0 ? r : train_enter(t, MODEL_HYPERNETWORK, e);
}

int train_run(struct job *job, struct err *e)
{
	_cleanup_(train_job_free) struct train_job t = {
		.job = job,
		.spec = &job->spec->train,
		.seed = job->spec->seed,
		.metrics.fd = -1,
		.started_us = now_us(),
		.saved_us = now_us(),
		.loss = NAN,
	};
	int r;

	r = prepare(&t, e);
	if (r == 0)
		r = train_models(&t, e);
	/* Judging is a function of the checkpoint that stands: stopped, it is done again. */
	if (r == 0)
		r = train_judge(&t, e);
	control_account(job->control, &t.state.ledger);
	return r;
}
