/* SPDX-License-Identifier: MIT */
/* report.json of a train job: every figure of the run, with its unit. */
#ifndef PBIT_WORKER_REPORT_H
#define PBIT_WORKER_REPORT_H

#include "mixing_loss.h"
#include "train_job.h"

/* What judging found. */
struct figures {
	bool exact; /* how likelihoods were taken */
	struct likelihood hypernetwork, independent, separate;
	bool has_independent, has_separate;
	double alpha;		     /* pseudo-counts of the independent pixels */
	double reconstruction_error; /* held-out images */
	struct mixing mixing;
	/* at the reported couplings */
	struct mixing_exact exact_mixing; /* likewise, when the spec has mixing; else empty */
	struct couplings couplings;	  /* the reported ones */
	uint32_t sample_sweeps;		  /* behind each generated image */
};

void figures_free(struct figures *f);

/* NULL when out of memory. All but "timing" and "device" follows from spec, files and seed. */
json_t *report_train(const struct train_job *t, const struct figures *f);

/* The lines of metrics.jsonl about one model, without their timing. */
int report_epochs(const struct train_job *t, enum trainer_model model, json_t **ret, struct err *e);

/*
 * "device" and "timing", which reports of every kind have. A job that has run on other devices
 * before names them: "earlier", in order.
 */
json_t *report_device(const struct device *d);
json_t *report_devices(const struct job *job, const struct device *d);
json_t *report_timing(uint64_t elapsed_us, const struct energy_ledger *l);
/* Of a train job: the seconds that its steps spent on what; see trainer.h. */
json_t *report_steps(const struct train_state *s);

#endif
