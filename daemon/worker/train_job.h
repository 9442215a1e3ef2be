/* SPDX-License-Identifier: MIT */
/*
 * A train job in progress. Its phases: train the hypernetwork, train the separate RBMs if they are
 * asked for, then judge both and write the results. What is judged of each model is the epoch with
 * the best validation log-likelihood, of those that were judged at their ends, or the last one where
 * no images are set aside for that, or AIS resolves none.
 */
#ifndef PBIT_WORKER_TRAIN_JOB_H
#define PBIT_WORKER_TRAIN_JOB_H

#include "job.h"
#include "likelihood.h"
#include "mixing.h"
#include "trainer.h"

#define PHASE_JUDGE MODEL_COUNT /* after the models' own phases */

/* Stands in checkpoints as it stands here: no padding, no pointers. */
struct train_state {
	uint64_t phase;		/* enum trainer_model, then PHASE_JUDGE */
	uint64_t epochs;	/* of the phase, that have ended */
	uint64_t metrics_bytes; /* of out/metrics.jsonl */
	uint64_t elapsed_us;	/* of all processes of the job; timing only */
	uint64_t best_epoch[MODEL_COUNT];
	double best[MODEL_COUNT]; /* validation log-likelihood of it; NaN: not resolved */
	struct energy_ledger ledger;
	uint64_t step_ns[TIME_COUNT]; /* what steps took; timing only */
};

struct train_job {
	struct job *job;
	const struct spec_train *spec;
	uint64_t seed, identity;
	struct inputs in;
	struct dataset *data;
	struct device *device;

	struct train_state state;
	struct trainer *trainer;       /* of the phase, NULL in PHASE_JUDGE */
	double *best_phi[MODEL_COUNT]; /* set from the model's first judged epoch on */
	size_t params[MODEL_COUNT];
	uint64_t *chains; /* the hypernetwork's, once it is trained */
	size_t chains_size;

	struct job_log metrics;
	uint64_t sequence;  /* of the next checkpoint */
	int64_t saved_us;   /* when the last one was written */
	int64_t started_us; /* this process */
	double loss;	    /* of the last judged epoch, for progress lines; NaN: none */
	json_t *judged;	    /* more of that epoch for them: likelihoods, tau_int; or NULL */
};

/* The couplings of phi, rounded for the device, and ln Z of every class; words of that epoch. */
int train_partition(struct train_job *t, struct trainer *tr, const double *phi, uint64_t epoch,
		    struct energy_ledger *ledger, struct couplings *ret, struct partition *ret_z,
		    struct err *e);

/* Judges the epoch that has just ended, appends its line of metrics and keeps the best phi. */
int train_epoch_judge(struct train_job *t, struct err *e);

/* Saves; or finds the newest checkpoint of this job and continues from it. */
int train_save(struct train_job *t, struct err *e);
/* -ENOENT: there is none that can be used: start from the beginning. */
int train_resume(struct train_job *t, struct err *e);

/* A phase's trainer, in place of the one before. */
int train_enter(struct train_job *t, uint64_t phase, struct err *e);

/* PHASE_JUDGE: the figures, the pictures and the files in out/. */
int train_judge(struct train_job *t, struct err *e);

#endif
