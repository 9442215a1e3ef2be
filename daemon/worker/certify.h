/* SPDX-License-Identifier: MIT */
/* What the parts of the job kind "certify" share. */
#ifndef PBIT_WORKER_CERTIFY_H
#define PBIT_WORKER_CERTIFY_H

#include <jansson.h>

#include "exact/report.h"
#include "job.h"

struct certify_job {
	struct job *job;
	const struct spec_certify *spec;
	struct exact_run run;
	atomic_bool cancel;  /* what run.cancel points to */
	bool spectrum, quad; /* are asked for; for the progress alone, as is ... */
	double told;	     /* ... the share that was told last */
	int64_t started_us;
};

/* Threads, memory, progress and cancel of the job. */
void certify_run_init(struct certify_job *c);

/*
 * What -ECANCELED of the engine means: the result of control_poll(), without a sentence. Other
 * results are r itself.
 */
int certify_outcome(struct certify_job *c, int r, const struct err *from, struct err *e);

/* The gradient that the spec asks for, [n * m], owned by x or in buf[n * m]; NULL for none. */
const double *certify_gradient(const struct certify_job *c, const struct exact_mixing *x,
			       double *buf);

/* The whole report of one matrix. gradient: as above. */
json_t *certify_report(const struct certify_job *c, const struct exact_model *mo,
		       const struct exact_estimate *estimate, const struct exact_report *r,
		       const double *gradient);

/* The suite "family". */
int certify_family(struct certify_job *c, struct err *e);

#endif
