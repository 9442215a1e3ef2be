/* SPDX-License-Identifier: MIT */
/*
 * Central differences of T_O along a direction of phi, against the slope that the gradient says.
 *
 *	D(h) = (8 (T(h) - T(-h)) - (T(2h) - T(-2h))) / 12 h,  T(t) = T_O(g_(phi + t d)(u))
 *
 * for h = h_0 and 2 h_0: the better one counts (best step). Only values are asked for, to a
 * tolerance that the second order of the variational form allows; each solve starts from the
 * polynomial through the x of those before it, so that most take a few iterations.
 */
#ifndef PBIT_EXACT_DIFFERENCES_H
#define PBIT_EXACT_DIFFERENCES_H

#include "mixing.h"
#include "mlp.h"

#define DIFFERENCES_STEP 0x1p-9 /* h_0, for |d| = 1 */

struct differences {
	const struct mlp *g;
	const double *code;
	unsigned int n, m;
	double beta;
	enum exact_kernel kernel;
	const struct exact_mixing *at; /* the answer at t = 0, with x */
};

/* *ret_error: |D(h) - slope| / |slope| at the better h, which goes to *ret_step. */
int differences_along(const struct differences *o, const double *direction, double slope,
		      const struct exact_run *run, double *ret_error, double *ret_step,
		      struct err *e);

#endif
