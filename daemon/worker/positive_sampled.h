/* SPDX-License-Identifier: MIT */
/*
 * The positive phase on the device: the visible side of each chain is clamped to an image, and one
 * draw of the hidden side samples h given v. Unbiased, noisier than the exact phase, and as cheap as
 * half a sweep. One program a class, which has the couplings of the negative phase's.
 */
#ifndef PBIT_WORKER_POSITIVE_SAMPLED_H
#define PBIT_WORKER_POSITIVE_SAMPLED_H

#include "minibatch.h"
#include "negative_phase.h"

struct positive_sampled {
	unsigned int classes;
	struct program **program; /* [classes] */
	uint64_t *seed;		  /* [classes] */
	uint64_t *rows;		  /* [training rows][words]: the images */
	uint32_t words;
	const int16_t **near;		/* [classes] the last sums, where the device has them so */
	uint64_t device_ns, moments_ns; /* of the last run */
};

/*
 * As many chains a class as it has images in a step. -EINVAL where that differs from step to step,
 * in minibatches of several classes, or is more than the device has.
 */
int positive_sampled_new(struct device *d, const struct couplings *c, const struct dataset *data,
			 size_t batch, const struct negative_phase *negative, uint64_t seed,
			 unsigned int model, struct positive_sampled *ret, struct err *e);
void positive_sampled_free(struct positive_sampled *p); /* before the negative phase */
#define _cleanup_positive_ _cleanup_(positive_sampled_free)

/*
 * Sums of v_i h_j over the images of the batch, at the couplings that the negative phase has been
 * given: p->near[class][n * m], until the next run, or where that is NULL vh [classes][n * m].
 */
int positive_sampled_run(struct positive_sampled *p, const struct couplings *c,
			 const struct dataset *data, const struct minibatch *b, uint64_t step,
			 double *vh, struct energy_ledger *ledger, struct err *e);

#endif
