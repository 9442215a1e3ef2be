/* SPDX-License-Identifier: MIT */
/* What the kernels' solvers share behind exact_mixing(). */
#ifndef PBIT_EXACT_MIXING_PARTS_H
#define PBIT_EXACT_MIXING_PARTS_H

#include "mixing.h"
#include "parallel.h"

/* Fill g, the solve's figures, x, and add pi dG / dpi of all and of one observable. */
struct mixing_job {
	const struct exact_even *even;
	const struct exact_ask *ask; /* with its defaults filled in */
	const struct exact_run *run;
	struct exact_mixing *out;
	double *w;     /* [states] of T_O, or NULL */
	double *w_tau; /* [states] of the observable out->dtau_of, or NULL */
	/* Of the system: the sum over the observables of |r|^2, and its smallest eigenvalue. */
	double residuals, smallest;
};

int mixing_scan(struct mixing_job *job, struct err *e);
int mixing_block(struct mixing_job *job, struct err *e);
size_t mixing_block_bytes(const struct exact_model *mo, enum exact_kernel k);
bool mixing_scan_is_dense(const struct exact_model *mo, enum exact_route route);
size_t mixing_scan_bytes(const struct exact_model *mo, const struct exact_ask *ask,
			 unsigned int threads);

/* All that exact_mixing() needs, the enumeration included. */
size_t mixing_bytes(const struct exact_model *mo, const struct exact_ask *ask,
		    unsigned int threads);

/* Keeps the tau_max so far: observable a has this tau; true when it is the new worst. */
bool mixing_is_worst(const struct mixing_job *job, size_t a);

#endif
