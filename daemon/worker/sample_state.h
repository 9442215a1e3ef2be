/* SPDX-License-Identifier: MIT */
/* A sample job in progress; sample.c runs it, sample_results.c writes what came out. */
#ifndef PBIT_WORKER_SAMPLE_STATE_H
#define PBIT_WORKER_SAMPLE_STATE_H

#include "device.h"
#include "energy_ledger.h"
#include "job.h"
#include "model_file.h"

/* Energies are kept, and written as energy.npy, up to this many bytes. */
#define SAMPLE_ENERGY_BYTES ((size_t)256 << 20)

/* Stands in checkpoints as it stands here: no padding, no pointers. */
struct sample_state {
	uint64_t sweeps; /* done, the burn-in included */
	uint64_t records;
	uint64_t energy_bytes; /* of ckpt/energy */
	uint64_t elapsed_us;   /* of all processes of the job; timing only */
	int64_t best;	       /* lowest recorded energy, in units of scale */
	double energy_sum;     /* over records and chains, in units of scale */
	struct energy_ledger ledger;
};

struct sample_job {
	struct job *job;
	const struct spec_sample *spec;
	uint64_t seed, identity;
	struct rbm_file rbm;
	struct device *device;
	struct program *program;
	uint64_t gain;
	size_t records; /* in all */
	size_t kept;	/* chains whose energies are kept */

	struct sample_state state;
	int64_t *vh;	       /* [n * m] sums of v_i h_j */
	struct job_log energy; /* ckpt/energy: s64 [records][kept] */
	uint64_t sequence;
	int64_t saved_us, started_us;
};

static inline size_t sample_states_size(const struct sample_job *s)
{
	const struct pbm_shape *shape = program_shape(s->program);

	return (size_t)shape->chains * pbm_state_words(shape) * sizeof(uint64_t);
}

/* states.npy, moments.npy, energy.npy and, last, report.json. */
int sample_write_results(struct sample_job *s, struct err *e);

#endif
