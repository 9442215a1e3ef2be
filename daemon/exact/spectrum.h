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

/* Even states up to which it is offered: beyond, -E2BIG. */
#define EXACT_SPECTRUM_MAX_STATES ((size_t)1 << 20)

struct exact_spectrum {
	double gamma; /* spectral gap of P, even sector: 1 - lambda_2, per step; from above */
	double gamma_observed; /* of the slowest mode that the observables excite */
	/*
	 * A7, the relaxation of the overlapping bulk, per step. The cluster: the slowest modes that the
	 * observables excite, as many as it takes to carry half of T_O, and with each all those whose
	 * 1 - sigma agrees to 1e-6. gamma_bulk = 1 - sigma of the slowest mode that they excite
	 * outside it; 1 when there is none. Excited: more than 1e-12 of the variance.
	 */
	double gamma_bulk;
	double cluster_share; /* of T_O that the cluster carries */
	double t_o;	      /* sum_a sum c(theta) / theta: the plain eigenvalue sum, value only */
	unsigned int steps;   /* of Lanczos, of the column that took most */
	double residual;      /* |(I - P) u - gamma u| of the mode of gamma */
	/*
	 * T_O to 1e-13 and gamma to 1e-9 did not change with half of the steps more, and gamma is
	 * above 1e-9: below, doubles hold too few digits of it, and of the sum.
	 */
	bool converged;
};

/* -EOPNOTSUPP for a kernel that is not reversible; -EFBIG past the memory limit; -ECANCELED. */
int exact_spectrum(const struct exact_even *v, enum exact_kernel k, const struct exact_run *run,
		   struct exact_spectrum *ret, struct err *e);

#endif
