/* SPDX-License-Identifier: MIT */
/* How a computation runs: threads, memory, progress, stop; and what it will cost. */
#ifndef PBIT_EXACT_RUN_H
#define PBIT_EXACT_RUN_H

#include <stdatomic.h>

#include "kernel.h"

struct exact_run {
	unsigned int threads;	   /* 0: 1. Every result has the same bits for any number. */
	size_t memory;		   /* bytes that may be allocated; 0: no limit. Checked before. */
	const atomic_bool *cancel; /* NULL, or set by anyone at any time: -ECANCELED soon after */
	/*
	 * NULL, or called by the thread that asked whenever there is some: what is being done
	 * ("enumerate", "build", "solve", "sum", "reference", "spectrum"), and the share of that,
	 * 0 .. 1. At small sizes it is called thousands of times a second.
	 */
	void (*progress)(void *data, const char *what, double share);
	void *data;
};

struct exact_estimate {
	size_t states;	 /* of the even sector */
	size_t unknowns; /* of the linear system that is solved */
	size_t memory;	 /* bytes, at most */
	double seconds; /* a guess for this machine and so many threads, good to a factor of about 3 */
	bool dense;	/* Cholesky; else conjugate gradients */
};

/* What exact_mixing() with the gradient will take. Checks the model, allocates nothing. */
int exact_estimate(const struct exact_model *mo, enum exact_kernel kernel, unsigned int threads,
		   struct exact_estimate *ret, struct err *e);

#endif
