/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "json_number.h"
#include "npy.h"
#include "report.h"
#include "sample_state.h"
#include "tau.h"

static int write_array(struct sample_job *s, const char *name, const struct array *a, struct err *e)
{
	_cleanup_free_ void *buf = NULL;
	size_t size;
	int r = npy_encode(a, &buf, &size, e);

	return r < 0 ? r : job_write(s->job, name, buf, size, e);
}

/* One side of one chain, as +-1. */
static void unpack(const uint64_t *words, uint32_t units, int8_t *ret)
{
	for (uint32_t k = 0; k < units; k++)
		ret[k] = words[k / 64] >> (k % 64) & 1 ? 1 : -1;
}

static int write_states(struct sample_job *s, struct err *e)
{
	const struct pbm_shape *shape = program_shape(s->program);
	size_t units = (size_t)shape->n + shape->m, dims[2] = { shape->chains, units };
	_cleanup_array_ struct array a = { 0 };
	int8_t *row;
	int r = array_new(&a, DT_I8, 2, dims, e);

	if (r < 0)
		return r;
	row = a.data;
	for (uint32_t c = 0; c < shape->chains; c++, row += units) {
		const uint64_t *words =
			program_states(s->program) + (size_t)c * pbm_state_words(shape);

		unpack(words, shape->n, row);
		unpack(words + pbm_side_words(shape->n), shape->m, row + shape->n);
	}
	return write_array(s, "states.npy", &a, e);
}

static int write_moments(struct sample_job *s, struct err *e)
{
	double samples = (double)s->state.records * s->spec->device.chains;
	size_t dims[2] = { s->rbm.n, s->rbm.m };
	_cleanup_array_ struct array a = { 0 };
	int r = array_new(&a, DT_F64, 2, dims, e);

	if (r < 0)
		return r;
	for (size_t k = 0; k < a.count; k++)
		((double *)a.data)[k] = (double)s->vh[k] / samples;
	return write_array(s, "moments.npy", &a, e);
}

/*
 * From records to the sweeps between them. Of a correlation that falls, tau is at most `every` times
 * that of records and at least 1 + every (tau_records - 1), for what happens between two records is
 * not seen: where they are far apart, `every` itself would come out, whatever tau is.
 */
static void in_sweeps(unsigned int every, struct tau *tau)
{
	double unseen = every - 1;

	tau->tau *= every;
	tau->resolved = tau->resolved && !(unseen >= TAU_DOUBLING * tau->tau);
}

/* The kept energies, back from ckpt/energy, in units of J; tau from them, in sweeps. */
static int write_energy(struct sample_job *s, struct tau *ret, struct err *e)
{
	size_t dims[2] = { s->records, s->kept };
	_cleanup_array_ struct array a = { 0 };
	double *x;
	int r = array_new(&a, DT_F64, 2, dims, e);

	if (r < 0)
		return r;
	if (lseek(s->energy.fd, 0, SEEK_SET) < 0)
		return err_set(e, -errno, "ckpt/energy: cannot be read back: %s", strerror(errno));
	r = read_full(s->energy.fd, a.data, a.count * sizeof(double));
	if (r < 0)
		return err_set(e, r, "ckpt/energy: cannot be read back: %s", strerror(-r));
	x = a.data;
	for (size_t k = 0; k < a.count; k++) {
		int64_t energy;

		memcpy(&energy, &x[k], sizeof(energy));
		x[k] = s->rbm.scale * (double)energy;
	}
	tau_of_series(x, s->records, s->kept, ret);
	in_sweeps(s->spec->every, ret);
	/* Only all chains make the file that its name promises. */
	return s->kept < s->spec->device.chains ? 0 : write_array(s, "energy.npy", &a, e);
}

static json_t *make_report(const struct sample_job *s, const struct tau *tau)
{
	const struct sample_state *st = &s->state;
	double samples = (double)st->records * s->spec->device.chains;
	uint64_t elapsed = st->elapsed_us + (uint64_t)(now_us() - s->started_us);
	json_t *timing = report_timing(elapsed, &st->ledger);
	json_t *r = json_pack(
		"{s:s, s:s?, s:I, s:o, s:I, s:f, s:f, s:f, s:I, s:I, s:f, s:I, s:I}", "kind",
		"sample", "name", s->job->spec->name, "seed", (json_int_t)s->job->spec->seed,
		"spec", spec_to_json(s->job->spec), "flips", (json_int_t)st->ledger.flips,
		"device_joules", ledger_device_joules(&st->ledger), "best_energy",
		s->rbm.scale * (double)st->best, "mean_energy",
		s->rbm.scale * st->energy_sum / samples, "records", (json_int_t)st->records,
		"chains", (json_int_t)s->spec->device.chains, "scale", s->rbm.scale, "n",
		(json_int_t)s->rbm.n, "m", (json_int_t)s->rbm.m);

	if (!r) {
		json_decref(timing);
		return NULL;
	}
	json_object_set_new(r, "tau_int", json_number(tau->tau));
	json_object_set_new(r, "tau_observable", json_string("energy"));
	json_object_set_new(r, "resolved", json_boolean(tau->resolved));
	json_object_set_new(r, "device", report_devices(s->job, s->device));
	json_object_set_new(r, "energy", ledger_to_json(&st->ledger));
	json_object_set(r, "seconds", json_object_get(timing, "seconds"));
	json_object_set(r, "flips_per_ns", json_object_get(timing, "flips_per_ns"));
	json_object_set_new(r, "timing", timing);
	return r;
}

int sample_write_results(struct sample_job *s, struct err *e)
{
	struct tau tau;
	int r;

	ledger_add_states(&s->state.ledger, program_shape(s->program), false);
	r = write_states(s, e);
	if (r == 0)
		r = write_moments(s, e);
	if (r == 0)
		r = write_energy(s, &tau, e);
	return r < 0 ? r : job_write_json(s->job, "report.json", make_report(s, &tau), e);
}
