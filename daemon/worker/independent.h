/* SPDX-License-Identifier: MIT */
/* The baseline of independent pixels: one Bernoulli variable a pixel and class. */
#ifndef PBIT_WORKER_INDEPENDENT_H
#define PBIT_WORKER_INDEPENDENT_H

#include "dataset.h"

/*
 * Independent pixels, per class: P(v_i = +1 | u) = (count + alpha) / (N + 2 alpha), counted over
 * training and validation rows together. alpha is the one of a grid under which each of these rows
 * is likeliest given all the others (leave-one-out): the strongest form of the baseline.
 */
struct independent {
	size_t pixels, first, n; /* as the dataset's */
	unsigned int classes;
	double alpha;
	double *log_p; /* [classes][pixels][2]: ln P(v_i = -1), ln P(v_i = +1) */
};

int independent_fit(const struct dataset *d, struct independent **ret, struct err *e);
/* ln p(v | class) of each row (n spins each, as in the dataset). */
void independent_log_p(const struct independent *b, unsigned int class, const int8_t *rows,
		       size_t count, double *log_p);
struct independent *independent_free(struct independent *b);
static inline void independent_freep(struct independent **b)
{
	*b = independent_free(*b);
}
#define _cleanup_independent_ _cleanup_(independent_freep)

/*
 * w0[n * m] = couplings of independent pixels of the training rows: column 0 (visible biases)
 * atanh of the mean spin, shrunk by `alpha` pseudo-counts each way, divided by beta; all else 0.
 * class_only < 0: the mean over all rows of all classes.
 */
void independent_visible_bias(const struct dataset *d, int class_only, size_t m, double beta,
			      double alpha, double *w0);

#endif
