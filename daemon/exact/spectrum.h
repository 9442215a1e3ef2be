/* SPDX-License-Identifier: MIT */
/*
 * Eigenvalues of P on the even sector, for information and for checks of values only. No object
 * that computes a gradient refers to these functions, and a test of the link map says so.
 *
 * Lanczos from every observable f~_a: the Gauss quadrature of its spectral measure, Ritz values
 * theta of I - P with weights c(theta), sum c = Var_a.
 */
#ifndef PBIT_EXACT_SPECTRUM_H
#define PBIT_EXACT_SPECTRUM_H

#include "mixing.h"

struct exact_spectrum {
	double gamma; /* spectral gap of P, even sector: 1 - lambda_2. Per step. From above. */
	double gamma_observed; /* the slowest mode that the observables excite */
	/*
	 * A7: the relaxation of the overlapping bulk, per step. The cluster is the group of the slowest
	 * modes that the observables excite and that together carry at least half of T_O; modes
	 * whose 1 - sigma agree to 1e-6 belong together, and so does what follows closer than a
	 * tenth. gamma_bulk = 1 - sigma of the slowest mode excited outside it; 1 when there is none.
	 */
	double gamma_bulk;
	double cluster_share; /* of T_O that the cluster carries */
	double t_o;	      /* sum_a sum c(theta) / theta: the plain eigenvalue sum, value only */
	unsigned int steps;   /* of Lanczos */
	double residual;      /* of gamma: |(I-P) u - gamma u|; not converged: near gamma itself */
	bool converged; /* gamma and t_o changed by less than 1e-12 and 1e-13 at the last steps */
};

/* -EOPNOTSUPP for a kernel that is not reversible; otherwise as exact_mixing(). */
int exact_spectrum(const struct exact_even *v, enum exact_kernel k, const struct exact_run *run,
		   struct exact_spectrum *ret, struct err *e);

#endif
