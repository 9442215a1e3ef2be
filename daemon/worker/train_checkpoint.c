/* SPDX-License-Identifier: MIT */
/* A train job's checkpoint: its state, the best phi of each model, and the trainer of the phase. */
#include <string.h>

#include "train_job.h"

static const char *const best_tag[MODEL_COUNT] = { "best.0", "best.1" };

int train_save(struct train_job *t, struct err *e)
{
	_cleanup_checkpoint_ struct checkpoint c = { 0 };
	struct train_state state = t->state;
	int64_t now = now_us();
	int r;

	/* What the checkpoint refers to is durable before it is. */
	r = job_log_sync(&t->metrics, e);
	if (r < 0)
		return r;
	state.metrics_bytes = t->metrics.size;
	state.elapsed_us += (uint64_t)(now - t->started_us);
	checkpoint_begin(&c);
	checkpoint_put(&c, "state", &state, sizeof(state));
	checkpoint_put(&c, "params", t->params, sizeof(t->params));
	for (unsigned int k = 0; k < MODEL_COUNT; k++)
		checkpoint_put(&c, best_tag[k], t->best_phi[k],
			       t->best_phi[k] ? t->params[k] * sizeof(double) : 0);
	checkpoint_put(&c, "chains.0", t->chains, t->chains ? t->chains_size : 0);
	if (t->trainer)
		trainer_save(t->trainer, &c);
	r = checkpoint_save(&c, t->job->ckpt, t->identity, t->sequence, e);
	if (r < 0)
		return r;
	t->sequence++;
	t->saved_us = now;
	return 0;
}

/* A phi that the checkpoint has if an epoch of that model has been judged. */
static int load_best(struct train_job *t, const struct checkpoint *c, unsigned int k, struct err *e)
{
	size_t bytes = t->params[k] * sizeof(double);

	if (t->state.best_epoch[k] == 0)
		return 0;
	t->best_phi[k] = malloc(bytes);
	if (!t->best_phi[k])
		return err_oom(e);
	return checkpoint_get(c, best_tag[k], t->best_phi[k], bytes, e);
}

static size_t chains_size(const struct train_job *t)
{
	const struct spec_train *s = &t->job->spec->train;
	size_t m = (size_t)s->model.hidden + !s->model.even; /* data->n has its own reference */
	size_t words = (t->data->n + 63) / 64 + (m + 63) / 64;

	return t->data->classes * s->device.chains * words * sizeof(uint64_t);
}

static int restore(struct train_job *t, const struct checkpoint *c, struct err *e)
{
	struct train_state state;
	int r;

	r = checkpoint_get(c, "state", &state, sizeof(state), e);
	if (r == 0)
		r = checkpoint_get(c, "params", t->params, sizeof(t->params), e);
	if (r < 0)
		return r;
	if (state.phase > PHASE_JUDGE)
		return err_set(e, -EINVAL, "checkpoint of phase %llu",
			       (unsigned long long)state.phase);
	r = train_enter(t, state.phase, e);
	if (r < 0)
		return r;
	t->state = state;
	for (unsigned int k = 0; r == 0 && k < MODEL_COUNT; k++)
		r = load_best(t, c, k, e);
	if (r == 0 && state.phase > MODEL_HYPERNETWORK) {
		t->chains_size = chains_size(t);
		t->chains = malloc(t->chains_size);
		r = t->chains ? checkpoint_get(c, "chains.0", t->chains, t->chains_size, e) :
				err_oom(e);
	}
	if (r == 0 && t->trainer)
		r = trainer_load(t->trainer, c, e);
	return r;
}

/* Undoes a restore that found the checkpoint unfit. */
static void forget(struct train_job *t)
{
	t->trainer = trainer_free(t->trainer);
	for (unsigned int k = 0; k < MODEL_COUNT; k++) {
		free(t->best_phi[k]);
		t->best_phi[k] = NULL;
	}
	free(t->chains);
	t->chains = NULL;
	t->state = (struct train_state){ 0 };
}

static int try_checkpoint(struct train_job *t, const struct checkpoint *c, struct err *e)
{
	struct err why = { 0 };
	int r;

	r = restore(t, c, &why);
	if (r == 0)
		r = job_log_open(&t->metrics, t->job->out, "metrics.jsonl", t->state.metrics_bytes,
				 &why);
	if (r == 0)
		return 0;
	forget(t);
	if (r == -EINVAL || r == -ENOENT || r == -ENODATA) {
		fprintf(stderr, "pbit-worker: a checkpoint is of no use: %s\n",
			why.code ? why.text : "metrics.jsonl is shorter than it says");
		return -ENOENT;
	}
	return err_set(e, r, "%s", why.text);
}

int train_resume(struct train_job *t, struct err *e)
{
	_cleanup_checkpoint_ struct checkpoint newest = { 0 }, older = { 0 };
	unsigned int refused;
	uint64_t sequence;
	int r;

	r = checkpoint_load(t->job->ckpt, t->identity, &newest, &sequence, &refused, e);
	if (r == 0 || r == -ENOENT)
		if (refused)
			fprintf(stderr,
				"pbit-worker: %u checkpoint%s damaged or foreign, not "
				"used\n",
				refused, refused > 1 ? "s are" : " is");
	if (r < 0)
		return r;
	t->sequence = sequence + 1;
	r = try_checkpoint(t, &newest, e);
	if (r != -ENOENT || sequence == 0)
		return r;
	if (checkpoint_load_one(t->job->ckpt, t->identity, sequence - 1, &older, NULL) < 0)
		return -ENOENT;
	return try_checkpoint(t, &older, e);
}
