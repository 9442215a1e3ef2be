/* SPDX-License-Identifier: MIT */
/*
 * The images of one gradient step: all of them, or the next `size` of a shuffled stream.
 *
 * The stream is pass after pass over the training part, each in its own order; step s takes places
 * s * size .. (s + 1) * size - 1. The place follows from the step alone, so that a resumed run
 * needs no other memory.
 */
#ifndef PBIT_WORKER_MINIBATCH_H
#define PBIT_WORKER_MINIBATCH_H

#include "dataset.h"

struct minibatch {
	size_t total;	 /* images */
	size_t *count;	 /* [classes] */
	uint32_t *place; /* [total] training rows, sorted, or NULL: all */
};

void minibatch_free(struct minibatch *b);

/*
 * size: 0, or at least as many as there are: all. order [training images] and *pass are the
 * caller's cache of the last pass's order.
 */
int minibatch_take(const struct dataset *d, size_t size, uint64_t step, uint64_t seed,
		   uint32_t *order, uint64_t *pass, struct minibatch *ret, struct err *e);

/* The rows of one class; rows: room for `total` rows, unused when the batch is everything. */
const int8_t *minibatch_class(const struct minibatch *b, const struct dataset *d,
			      unsigned int class, int8_t *rows, size_t *ret_count);

#endif
