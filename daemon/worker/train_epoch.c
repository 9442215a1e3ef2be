/* SPDX-License-Identifier: MIT */
/* An epoch is judged at its end: how good is the model, do its chains mix, is it the best so far? */
#include <math.h>
#include <string.h>

#include "json_number.h"
#include "mixing_loss.h"
#include "train_job.h"

struct epoch {
	bool exact;
	struct likelihood train, validation;
	double reconstruction; /* of validation images; without them, of training images */
	struct mixing mixing;
	bool has_mixing;
	double t_o, tau_max;	     /* exact, of the slowest class; NaN: not asked for */
	struct energy_ledger ledger; /* the job's, with this epoch's judging added */
};

static void epoch_free(struct epoch *x)
{
	likelihood_free(&x->train);
	likelihood_free(&x->validation);
}

static int judge_exactly(const struct spec_train *s, const struct couplings *c, struct epoch *x,
			 struct err *e)
{
	_cleanup_mixing_exact_ struct mixing_exact exact = { 0 };
	int r = mixing_exact_measure(s, c, &exact, e);

	if (r < 0)
		return r;
	x->t_o = mixing_exact_worst(&exact, exact.t_o);
	x->tau_max = mixing_exact_worst(&exact, exact.tau_max);
	return 0;
}

int train_partition(struct train_job *t, struct trainer *tr, const double *phi, uint64_t epoch,
		    struct energy_ledger *ledger, struct couplings *ret, struct partition *ret_z,
		    struct err *e)
{
	const struct spec_train *s = t->spec;
	struct partition_options o = {
		.threads = t->job->threads,
		.ais_chains = s->report.ais_chains,
		.ais_betas = s->report.ais_betas,
		.scan = s->device.scan,
		.seed = t->seed,
		.model = tr->model,
		.epoch = epoch,
	};
	int r = trainer_couplings_new(tr, ret, e);

	if (r == 0)
		r = trainer_couplings(tr, phi, ret, e);
	if (r == 0)
		r = partition_measure(t->device, ret, &o, t->job->control, ledger, ret_z, e);
	return r;
}

/* Likelihoods are those of the optimizer's average, which is what would be kept. */
static int judge_likelihood(struct train_job *t, struct epoch *x, struct err *e)
{
	_cleanup_couplings_ struct couplings c = { 0 };
	_cleanup_partition_ struct partition z = { 0 };
	struct trainer *tr = t->trainer;
	int r = train_partition(t, tr, tr->optimizer->average, t->state.epochs + 1, &x->ledger, &c,
				&z, e);

	if (r == 0)
		r = likelihood_measure(&c, &z, t->data, PART_VALIDATION, &x->validation,
				       &x->reconstruction, e);
	if (r == 0)
		r = likelihood_measure(&c, &z, t->data, PART_TRAIN, &x->train,
				       x->validation.images ? NULL : &x->reconstruction, e);
	if (r == 0 && t->spec->mixing.on)
		r = judge_exactly(t->spec, &c, x, e);
	x->exact = z.exact;
	return r;
}

/* Mixing is that of the chains the gradient comes from, at the couplings they run with. */
static int judge_mixing(struct train_job *t, struct epoch *x, struct err *e)
{
	const struct spec_train *s = t->spec;
	struct mixing_options o = {
		.tau_sweeps = s->report.tau_sweeps,
		.scan = s->device.scan,
		.ratio = s->report.a6_ratio,
		.seed = t->seed,
		.model = t->trainer->model,
		.epoch = t->state.epochs + 1,
	};
	_cleanup_couplings_ struct couplings c = { 0 };
	struct trainer *tr = t->trainer;
	int r;

	if (tr->model != MODEL_HYPERNETWORK)
		return 0;
	r = trainer_couplings_new(tr, &c, e);
	if (r == 0)
		r = trainer_couplings(tr, tr->mlp->phi, &c, e);
	if (r == 0)
		r = mixing_measure(t->device, &c, &tr->negative, &o, t->job->control, &x->ledger,
				   &x->mixing, e);
	x->has_mixing = r == 0;
	return r;
}

/* One line of metrics.jsonl; timing comes last, so that the rest can be compared. */
static json_t *epoch_to_json(const struct train_job *t, const struct epoch *x)
{
	json_t *line = json_pack(
		"{s:s, s:I, s:I, s:s, s:o, s:o, s:o, s:o, s:o}", "model",
		trainer_names[t->trainer->model], "epoch", (json_int_t)t->state.epochs + 1, "step",
		(json_int_t)t->trainer->step, "method", x->exact ? "exact" : "ais", "loglik_train",
		json_number(x->train.all), "loglik_validation", json_number(x->validation.all),
		"error", x->exact ? json_null() : json_number(x->validation.error), "ais_ess",
		json_number(fmin(x->train.ess, x->validation.ess)), "reconstruction_error",
		json_number(x->reconstruction));
	json_t *mixing;

	if (x->has_mixing) {
		mixing = mixing_to_json(&x->mixing);
		json_object_update(line, mixing);
		json_decref(mixing);
	}
	if (t->spec->mixing.on) {
		json_object_set_new(line, "T_O", json_number(x->t_o));
		json_object_set_new(line, "tau_max", json_number(x->tau_max));
	}
	json_object_set_new(line, "flips", json_integer((json_int_t)x->ledger.flips));
	json_object_set_new(
		line, "seconds",
		json_real((double)(t->state.elapsed_us + (uint64_t)(now_us() - t->started_us)) /
			  1e6));
	return line;
}

static int append_line(struct train_job *t, const struct epoch *x, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	json_t *line = epoch_to_json(t, x);
	size_t size;

	text = line ? json_dumps(line, JSON_COMPACT) : NULL;
	json_decref(line);
	if (!text)
		return err_oom(e);
	size = strlen(text);
	text[size] = '\n';
	return job_log_append(&t->metrics, text, size + 1, e);
}

static int keep_best(struct train_job *t, const struct epoch *x, struct err *e)
{
	unsigned int k = t->trainer->model;
	size_t bytes = t->params[k] * sizeof(double);
	double now = x->validation.all;

	/*
	 * Without validation images, the last epoch is the one; the last one as long as none is
	 * resolved, too, and then only those that are count.
	 */
	if (t->best_phi[k] && x->validation.images && isfinite(t->state.best[k]) &&
	    !(now > t->state.best[k]))
		return 0;
	if (!t->best_phi[k])
		t->best_phi[k] = malloc(bytes);
	if (!t->best_phi[k])
		return err_oom(e);
	memcpy(t->best_phi[k], t->trainer->optimizer->average, bytes);
	t->state.best[k] = now;
	t->state.best_epoch[k] = t->state.epochs + 1;
	return 0;
}

/*
 * Progress lines are for people who look on; a figure that there is none of is left out. They stay
 * until the next judged epoch, so they come with the number of theirs.
 */
static json_t *judged(const struct epoch *x, uint64_t number)
{
	const struct {
		const char *key;
		double value;
	} figures[] = {
		{ "loglik_train", x->train.all },
		{ "loglik_validation", x->validation.all },
		{ "loglik_error", x->exact ? NAN : x->validation.error },
		{ "ais_ess", fmin(x->train.ess, x->validation.ess) },
		{ "K", x->has_mixing ? (double)x->mixing.K : (double)NAN },
		{ "tau_int", x->has_mixing ? x->mixing.tau.tau : NAN },
		{ "tau_error", x->has_mixing ? x->mixing.tau.error : NAN },
		{ "k_over_tau", x->has_mixing ? x->mixing.K / x->mixing.tau.tau : NAN },
		{ "T_O", x->t_o },
		{ "tau_max", x->tau_max },
	};
	json_t *object = json_object();

	for (size_t k = 0; k < ARRAY_SIZE(figures); k++)
		if (isfinite(figures[k].value))
			json_object_set_new(object, figures[k].key, json_real(figures[k].value));
	json_object_set_new(object, "judged_epoch", json_integer((json_int_t)number));
	json_object_set_new(object, "method", json_string(x->exact ? "exact" : "ais"));
	if (x->has_mixing)
		json_object_set_new(object, "resolved", json_boolean(x->mixing.tau.resolved));
	return object;
}

int train_epoch_judge(struct train_job *t, struct err *e)
{
	_cleanup_(epoch_free) struct epoch x = { .t_o = NAN,
						 .tau_max = NAN,
						 .ledger = t->state.ledger };
	int r;

	r = judge_mixing(t, &x, e);
	if (r == 0)
		r = judge_likelihood(t, &x, e);
	if (r == 0)
		r = append_line(t, &x, e);
	if (r == 0)
		r = keep_best(t, &x, e);
	if (r < 0)
		return r;
	t->state.ledger = x.ledger;
	t->state.epochs++;
	t->loss = -(x.validation.images ? x.validation.all : x.train.all);
	json_decref(t->judged);
	t->judged = judged(&x, t->state.epochs);
	return 0;
}
