/* SPDX-License-Identifier: MIT */
/*
 * The end of a train job: the models that were kept are judged on held-out images, their couplings
 * draw pictures on the device, and the results are written. report.json comes last: where it is,
 * all is.
 */
#include <math.h>
#include <string.h>

#include "independent.h"
#include "model_file.h"
#include "npy.h"
#include "picture.h"
#include "report.h"
#include "seed.h"

/* Sweeps from a random start to a generated image. */
#define SAMPLE_SWEEPS	  1000
#define SAMPLE_PIECE	  100
#define SAMPLE_TAUS	  20
#define MAX_SAMPLE_SWEEPS 100000

static void program_freep(struct program **p)
{
	program_free(*p);
}

/* The kept model's couplings and its likelihood on held-out images. ret_reconstruction or NULL. */
static int judge_model(struct train_job *t, struct trainer *tr, struct couplings *c,
		       struct likelihood *l, double *ret_reconstruction, bool *ret_exact,
		       struct err *e)
{
	_cleanup_partition_ struct partition z = { 0 };
	/* Epochs of training count from 1. */
	int r = train_partition(t, tr, t->best_phi[tr->model], 0, &t->state.ledger, c, &z, e);

	if (r == 0)
		r = likelihood_measure(c, &z, t->data, PART_HELD_OUT, l, ret_reconstruction, e);
	if (r == 0)
		*ret_exact = z.exact;
	return r;
}

/* At the reported couplings, from the chains as training left them, after a burn-in. */
static int judge_mixing(struct train_job *t, struct trainer *tr, struct figures *f, struct err *e)
{
	const struct spec_train *s = t->spec;
	struct mixing_options o = {
		.burn = s->report.tau_sweeps,
		.tau_sweeps = s->report.tau_sweeps,
		.extend = 2,
		.scan = s->device.scan,
		.ratio = s->report.a6_ratio,
		.seed = t->seed,
		.model = tr->model,
		.epoch = 0,
	};

	negative_set_states(&tr->negative, t->chains);
	return mixing_measure(t->device, &f->couplings, &tr->negative, &o, t->job->control,
			      &t->state.ledger, &f->mixing, e);
}

static int write_model(struct train_job *t, const struct trainer *tr, const struct couplings *c,
		       const char *name, bool layers, struct err *e)
{
	_cleanup_free_ void *buf = NULL;
	size_t size;
	int r;

	r = model_encode(c, layers ? tr->mlp : NULL, t->best_phi[tr->model], tr->codes, &buf, &size,
			 e);
	return r < 0 ? r : job_write(t->job, name, buf, size, e);
}

static int judge_hypernetwork(struct train_job *t, struct figures *f, struct err *e)
{
	_cleanup_(trainer_freep) struct trainer *tr = NULL;
	int r;

	r = trainer_new(MODEL_HYPERNETWORK, t->spec, t->seed, t->data, &t->in.codes, t->device, &tr,
			e);
	if (r == 0)
		r = judge_model(t, tr, &f->couplings, &f->hypernetwork, &f->reconstruction_error,
				&f->exact, e);
	if (r == 0)
		r = judge_mixing(t, tr, f, e);
	if (r == 0 && t->spec->mixing.on)
		r = mixing_exact_measure(t->spec, &f->couplings, &f->exact_mixing, e);
	return r < 0 ? r : write_model(t, tr, &f->couplings, "model.safetensors", true, e);
}

static int judge_separate(struct train_job *t, struct figures *f, struct err *e)
{
	_cleanup_(trainer_freep) struct trainer *tr = NULL;
	_cleanup_couplings_ struct couplings c = { 0 };
	int r;

	if (!t->spec->baseline_separate)
		return 0;
	r = trainer_new(MODEL_SEPARATE, t->spec, t->seed, t->data, &t->in.codes, t->device, &tr, e);
	if (r == 0)
		r = judge_model(t, tr, &c, &f->separate, NULL, &f->exact, e);
	if (r < 0)
		return r;
	f->has_separate = true;
	return write_model(t, tr, &c, "separate.safetensors", false, e);
}

static int independent_rows(void *model, unsigned int class, const int8_t *rows, size_t count,
			    double *log_p, _unused_ struct err *e)
{
	independent_log_p(model, class, rows, count, log_p);
	return 0;
}

static int judge_independent(struct train_job *t, struct figures *f, struct err *e)
{
	_cleanup_independent_ struct independent *b = NULL;
	int r;

	if (!t->spec->baseline_independent)
		return 0;
	r = independent_fit(t->data, &b, e);
	if (r == 0)
		r = likelihood_of(t->data, PART_HELD_OUT, independent_rows, b, &f->independent, e);
	if (r < 0)
		return r;
	f->alpha = b->alpha;
	f->has_independent = true;
	return 0;
}

/* One class's images: chains from random starts, their last visible states. */
static int generate_class(struct train_job *t, const struct figures *f, unsigned int class,
			  uint8_t *samples, struct err *e)
{
	_cleanup_(program_freep) struct program *p = NULL;
	struct submission s = {
		.seed = seed_derive(t->seed, SEED_PICTURES, class),
		.sweeps = SAMPLE_PIECE,
		.every = SAMPLE_PIECE,
		.scan = t->spec->device.scan,
		.gains = 1,
		.gain = &f->couplings.gain[class],
	};
	const struct pbm_shape *shape;
	struct results res;
	int r;

	r = couplings_program(&f->couplings, t->device, t->spec->report.samples, &p, e);
	if (r < 0)
		return r;
	shape = program_shape(p);
	couplings_random_states(&f->couplings, p, s.seed);
	r = program_set_couplings(p, f->couplings.q + couplings_at(&f->couplings, class), e);
	while (r == 0 && s.sweep0 < f->sample_sweeps) {
		r = control_poll(t->job->control);
		if (r == 0)
			r = program_run(p, &s, &res, e);
		if (r == 0)
			ledger_add_run(&t->state.ledger, res.flips, res.ns);
		s.sweep0 += s.sweeps;
	}
	if (r < 0)
		return r;
	for (uint32_t c = 0; c < shape->chains; c++) {
		const uint64_t *row = program_states(p) + (size_t)c * pbm_state_words(shape);

		for (size_t i = t->data->first; i < shape->n; i++)
			*samples++ = row[i / 64] >> (i % 64) & 1;
	}
	ledger_add_couplings(&t->state.ledger, shape);
	ledger_add_states(&t->state.ledger, shape, false);
	return 0;
}

static int write_pictures(struct train_job *t, const struct array *samples, struct err *e)
{
	_cleanup_free_ void *npy = NULL, *png = NULL;
	size_t size;
	int r;

	r = npy_encode(samples, &npy, &size, e);
	if (r == 0)
		r = job_write(t->job, "samples.npy", npy, size, e);
	if (r == 0)
		r = picture_encode(t->data, samples->data, samples->shape[1], &png, &size, e);
	return r < 0 ? r : job_write(t->job, "picture.png", png, size, e);
}

static int generate(struct train_job *t, struct figures *f, struct err *e)
{
	size_t shape[3] = { t->data->classes, t->spec->report.samples, t->data->pixels };
	_cleanup_array_ struct array samples = { 0 };
	double tau = f->mixing.tau.tau;
	int r;

	f->sample_sweeps = SAMPLE_SWEEPS;
	if (isfinite(tau) && SAMPLE_TAUS * tau > SAMPLE_SWEEPS)
		f->sample_sweeps =
			SAMPLE_PIECE *
			(uint32_t)ceil(fmin(SAMPLE_TAUS * tau, MAX_SAMPLE_SWEEPS) / SAMPLE_PIECE);
	r = array_new(&samples, DT_U8, 3, shape, e);
	for (unsigned int u = 0; r == 0 && u < t->data->classes; u++)
		r = generate_class(t, f, u, (uint8_t *)samples.data + u * shape[1] * shape[2], e);
	return r < 0 ? r : write_pictures(t, &samples, e);
}

static int write_report(struct train_job *t, const struct figures *f, struct err *e)
{
	json_t *report, *epochs, *timing, *separate = NULL;
	int r;

	r = report_epochs(t, MODEL_HYPERNETWORK, &epochs, e);
	if (r < 0)
		return r;
	r = report_epochs(t, MODEL_SEPARATE, &separate, e);
	if (r < 0) {
		json_decref(epochs);
		return r;
	}
	report = report_train(t, f);
	json_object_set_new(report, "epochs", epochs);
	json_object_set_new(report, "epochs_separate", separate);
	timing = report_timing(t->state.elapsed_us + (uint64_t)(now_us() - t->started_us),
			       &t->state.ledger);
	json_object_set_new(timing, "steps", report_steps(&t->state));
	json_object_set_new(report, "timing", timing);
	return job_write_json(t->job, "report.json", report, e);
}

static void tell(struct train_job *t, double progress, const char *what)
{
	control_account(t->job->control, &t->state.ledger);
	control_progress(t->job->control, progress,
			 json_pack("{s:s, s:I, s:f}", "phase", what, "flips",
				   (json_int_t)t->state.ledger.flips, "device_seconds",
				   (double)t->state.ledger.device_ns / 1e9));
}

int train_judge(struct train_job *t, struct err *e)
{
	_cleanup_(figures_free) struct figures f = { .alpha = 1 };
	int r;

	tell(t, 0.97, "judging");
	r = judge_hypernetwork(t, &f, e);
	if (r == 0)
		r = judge_separate(t, &f, e);
	if (r == 0)
		r = judge_independent(t, &f, e);
	if (r < 0)
		return r;
	tell(t, 0.99, "drawing");
	r = generate(t, &f, e);
	return r < 0 ? r : write_report(t, &f, e);
}
