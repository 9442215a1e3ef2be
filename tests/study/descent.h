/* SPDX-License-Identifier: MIT */
/* Minimisation of a smooth function of a few dozen numbers: BFGS with a backtracking line search. */
#ifndef PBIT_STUDY_DESCENT_H
#define PBIT_STUDY_DESCENT_H

#include "err.h"

struct descent {
	size_t n;
	/* The value at x, and its gradient; < 0: it has none there, and the step is shortened. */
	int (*value)(void *data, const double *x, double *ret, double *grad);
	void *data;
	unsigned int steps; /* at most */
	double tolerance;   /* ends where the largest entry of the gradient is below */
};

/* x[n]: the start, and the end. *ret: the value there; *ret_steps: taken. -ENOMEM, -EDOM. */
int descent_run(const struct descent *d, double *x, double *ret, unsigned int *ret_steps);

#endif
