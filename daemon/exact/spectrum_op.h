/* SPDX-License-Identifier: MIT */
/* I - P on y = sqrt(pi) x, for Lanczos: eight columns at a time, in the order of states. */
#ifndef PBIT_EXACT_SPECTRUM_OP_H
#define PBIT_EXACT_SPECTRUM_OP_H

#include "lanes.h"
#include "scan.h"

struct spectrum_op {
	const struct exact_even *even;
	enum exact_kernel kernel;
	size_t states;
	size_t scratch; /* rows that apply needs */
	double *root;	/* [states], in the storage order of the kernel */
	struct scan *scan;
	struct lanes_graph graph; /* random-scan, not scaled; c is owned */
	double *c;
	double *given_v, *given_h; /* block kernels: root over that of its class of v, of h */
};

int spectrum_op_new(const struct exact_even *v, enum exact_kernel k, struct spectrum_op **ret,
		    struct err *e);
struct spectrum_op *spectrum_op_free(struct spectrum_op *op);

/* sqrt(pi) f~ of the observables from `first` on, then random signs, then 0. */
void spectrum_op_start(const struct spectrum_op *op, size_t first, lanes *x);
/* y = (I - P) x */
void spectrum_op_apply(const struct spectrum_op *op, const lanes *x, lanes *y, lanes *scratch);

#endif
