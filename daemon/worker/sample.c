/* SPDX-License-Identifier: MIT */
/*
 * The job kind "sample": parallel chains of one RBM, from random starts. The work is cut into
 * pieces whose bounds follow from the spec alone, so that sums come out the same however often the
 * job was stopped and resumed.
 */
#include <limits.h>
#include <string.h>

#include "checkpoint.h"
#include "job_model.h"
#include "sample_state.h"
#include "seed.h"

#define PIECE_UPDATES	       ((uint64_t)1 << 25)
#define PIECE_TRACE_BYTES      ((size_t)32 << 20)
#define CHECKPOINT_INTERVAL_US 5000000
#define SAMPLING_SHARE	       0.98

static void sample_free(struct sample_job *s)
{
	program_free(s->program);
	device_close(s->device);
	rbm_file_free(&s->rbm);
	free(s->vh);
	job_log_close(&s->energy);
}

static int make_program(struct sample_job *s, struct err *e)
{
	const struct spec_device *d = &s->spec->device;
	int r = job_model_program(&s->rbm, d, s->device, &s->program, e);

	if (r < 0)
		return r;
	s->gain = gain_from_beta(d->beta, s->rbm.scale);
	s->vh = alloc_zeroed(s->rbm.n * s->rbm.m, sizeof(*s->vh));
	return s->vh ? 0 : err_oom(e);
}

static int save(struct sample_job *s, struct err *e)
{
	_cleanup_checkpoint_ struct checkpoint c = { 0 };
	struct sample_state state = s->state;
	int64_t now = now_us();
	int r;

	r = job_log_sync(&s->energy, e);
	if (r < 0)
		return r;
	state.energy_bytes = s->energy.size;
	state.elapsed_us += (uint64_t)(now - s->started_us);
	checkpoint_begin(&c);
	checkpoint_put(&c, "state", &state, sizeof(state));
	checkpoint_put(&c, "chains", program_states(s->program), sample_states_size(s));
	checkpoint_put(&c, "vh", s->vh, s->rbm.n * s->rbm.m * sizeof(*s->vh));
	r = checkpoint_save(&c, s->job->ckpt, s->identity, s->sequence, e);
	if (r < 0)
		return r;
	s->sequence++;
	s->saved_us = now;
	return 0;
}

static void start_afresh(struct sample_job *s)
{
	s->state = (struct sample_state){ .best = INT64_MAX };
	memset(s->vh, 0, s->rbm.n * s->rbm.m * sizeof(*s->vh));
	job_model_states(&s->rbm, s->program, s->seed);
	ledger_add_couplings(&s->state.ledger, program_shape(s->program));
}

static int restore(struct sample_job *s, const struct checkpoint *c, struct err *e)
{
	int r;

	r = checkpoint_get(c, "state", &s->state, sizeof(s->state), e);
	if (r == 0)
		r = checkpoint_get(c, "chains", program_states(s->program), sample_states_size(s),
				   e);
	if (r == 0)
		r = checkpoint_get(c, "vh", s->vh, s->rbm.n * s->rbm.m * sizeof(*s->vh), e);
	return r < 0 ? r :
		       job_log_open(&s->energy, s->job->ckpt, "energy", s->state.energy_bytes, e);
}

/* From the newest checkpoint that is whole, else the one before, else from the start. */
static int resume(struct sample_job *s, struct err *e)
{
	_cleanup_checkpoint_ struct checkpoint newest = { 0 }, older = { 0 };
	unsigned int refused = 0;
	uint64_t sequence = 0;
	int r;

	r = checkpoint_load(s->job->ckpt, s->identity, &newest, &sequence, &refused, e);
	if (refused)
		fprintf(stderr, "pbit-worker: %u checkpoint%s damaged or foreign, not used\n",
			refused, refused > 1 ? "s are" : " is");
	if (r == 0) {
		s->sequence = sequence + 1;
		if (restore(s, &newest, NULL) == 0)
			return 0;
		if (sequence > 0 &&
		    checkpoint_load_one(s->job->ckpt, s->identity, sequence - 1, &older, NULL) ==
			    0 &&
		    restore(s, &older, NULL) == 0)
			return 0;
	} else if (r != -ENOENT) {
		return r;
	}
	start_afresh(s);
	return job_log_open(&s->energy, s->job->ckpt, "energy", 0, e);
}

/* The next piece: how many sweeps, and which of them are recorded. */
static void next_piece(const struct sample_job *s, struct submission *ret)
{
	const struct pbm_shape *shape = program_shape(s->program);
	uint64_t cost = ((uint64_t)shape->n + shape->m) * shape->chains;
	uint64_t burn = s->spec->burn, every = s->spec->every;
	uint64_t most = MAX(PIECE_UPDATES / cost, (uint64_t)1), left;

	ret->accumulate = 0;
	if (s->state.sweeps < burn) {
		ret->sweeps = (uint32_t)MIN(most, burn - s->state.sweeps);
		ret->every = ret->sweeps;
		return;
	}
	left = every - (s->state.sweeps - burn) % every;
	if (left > most) {
		/* A part of the way to the next record. */
		ret->sweeps = (uint32_t)most;
		ret->every = ret->sweeps;
		return;
	}
	ret->accumulate = ACC_MOMENTS | ACC_ENERGY_TRACE;
	if (left < every) {
		ret->sweeps = ret->every = (uint32_t)left;
		return;
	}
	most = MIN(most / every, MAX(PIECE_TRACE_BYTES / 8 / shape->chains, (size_t)1));
	most = MIN(most, s->records - s->state.records);
	ret->sweeps = (uint32_t)(most * every);
	ret->every = (uint32_t)every;
}

static int take_energies(struct sample_job *s, const struct results *res, struct err *e)
{
	size_t chains = program_shape(s->program)->chains;

	for (uint64_t t = 0; t < res->records; t++) {
		const int64_t *row = res->energy_trace + t * chains;
		int r;

		for (size_t c = 0; c < chains; c++) {
			s->state.best = MIN(s->state.best, row[c]);
			s->state.energy_sum += (double)row[c];
		}
		r = job_log_append(&s->energy, row, s->kept * sizeof(*row), e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int take_results(struct sample_job *s, const struct submission *sub,
			const struct results *res, struct err *e)
{
	size_t size = s->rbm.n * s->rbm.m;

	s->state.sweeps += sub->sweeps;
	ledger_add_run(&s->state.ledger, res->flips, res->ns);
	if (!sub->accumulate)
		return 0;
	s->state.records += res->records;
	for (size_t k = 0; k < size; k++)
		s->vh[k] += res->vh[k];
	ledger_add_moments(&s->state.ledger, program_shape(s->program));
	s->state.ledger.reads += res->records * program_shape(s->program)->chains;
	return take_energies(s, res, e);
}

static int run_piece(struct sample_job *s, struct err *e)
{
	struct submission sub = {
		.seed = s->seed,
		.sweep0 = s->state.sweeps,
		.scan = s->spec->device.scan,
		.gains = 1,
		.gain = &s->gain,
	};
	struct results res;
	int r;

	next_piece(s, &sub);
	r = program_run(s->program, &sub, &res, e);
	return r < 0 ? r : take_results(s, &sub, &res, e);
}

static void tell_progress(struct sample_job *s)
{
	double total = (double)s->spec->burn + (double)s->records * s->spec->every;
	json_t *more;

	if (!control_is_due(s->job->control))
		return;
	more = json_pack("{s:I, s:f, s:I, s:I}", "flips", (json_int_t)s->state.ledger.flips,
			 "device_seconds", (double)s->state.ledger.device_ns / 1e9, "sweeps",
			 (json_int_t)s->state.sweeps, "records", (json_int_t)s->state.records);
	if (s->state.records) {
		double samples = (double)s->state.records * s->spec->device.chains;

		json_object_set_new(more, "best_energy",
				    json_real(s->rbm.scale * (double)s->state.best));
		json_object_set_new(more, "mean_energy",
				    json_real(s->rbm.scale * s->state.energy_sum / samples));
	}
	control_account(s->job->control, &s->state.ledger);
	control_progress(s->job->control, SAMPLING_SHARE * (double)s->state.sweeps / total, more);
}

static int run_all(struct sample_job *s, struct err *e)
{
	int r;

	while (s->state.records < s->records) {
		r = control_poll(s->job->control);
		if (r == -EINTR) {
			int saved = save(s, e);

			return saved < 0 ? saved : r;
		}
		if (r == 0)
			r = run_piece(s, e);
		if (r == 0 && now_us() - s->saved_us >= CHECKPOINT_INTERVAL_US)
			r = save(s, e);
		if (r < 0)
			return r;
		tell_progress(s);
	}
	return 0;
}

int sample_run(struct job *job, struct err *e)
{
	_cleanup_(sample_free) struct sample_job s = {
		.job = job,
		.spec = &job->spec->sample,
		.seed = seed_derive(job->spec->seed, SEED_SAMPLE, 0),
		.energy.fd = -1,
		.started_us = now_us(),
		.saved_us = now_us(),
	};
	int r;

	s.records = (s.spec->device.sweeps - s.spec->burn) / s.spec->every;
	s.kept = MIN((size_t)s.spec->device.chains,
		     MAX(SAMPLE_ENERGY_BYTES / 8 / s.records, (size_t)1));
	r = job_model_read(job, s.spec->model, s.spec->code, &s.spec->device, &s.rbm, e);
	if (r == 0)
		r = job_open_device(job, &s.device, e);
	if (r == 0)
		r = make_program(&s, e);
	if (r == 0)
		r = job_model_identity(job, &s.rbm, s.device, &s.identity, e);
	if (r == 0)
		r = resume(&s, e);
	if (r == 0)
		r = run_all(&s, e);
	if (r == 0)
		r = sample_write_results(&s, e);
	control_account(job->control, &s.state.ledger);
	return r;
}
