/* SPDX-License-Identifier: MIT */
/*
 * T_O of the random scan and its gradient through an eigendecomposition: what must not be done.
 *
 * S = D^(1/2) P D^(-1/2) = U diag(lambda) U' on the even states (D = diag pi), and F with columns
 * F_a = D^(1/2) f~_a. Without the stationary pair, lambda = 1,
 *
 *	T_O = sum_k |c_k|^2 / (1 - lambda_k),  c = U' F
 *
 * Backwards as automatic differentiation does it, with G_x for dT_O / dx:
 *
 *	G_lambda_k = |c_k|^2 / (1 - lambda_k)^2,  G_c = 2 c / (1 - lambda),  G_U = F G_c',  G_F = U G_c
 *	G_S = U ( diag(G_lambda) + E o (U' G_U) ) U',  E_jk = 1 / (lambda_k - lambda_j), E_jj = 0
 *
 * (the derivative of a symmetric eigendecomposition), then through S and F to W. In exact arithmetic
 * the gaps cancel, as T_O does not care how a multiple eigenvalue's space is spanned. In doubles
 * U' G_U has rounding errors of 1e-16 that E multiplies by 1 / gap.
 */
#ifndef PBIT_TRAP_EIGH_H
#define PBIT_TRAP_EIGH_H

#include "exact/even.h"

#define EIGH_MAX_STATES ((size_t)1 << 11)

struct eigh {
	double t_o;
	double *dt_o;	/* [n * m] */
	double *lambda; /* [states], ascending */
};

/* -E2BIG above EIGH_MAX_STATES, -EDOM when LAPACK finds no eigenvalues. */
int eigh_gradient(const struct exact_even *v, struct eigh **ret, struct err *e);
struct eigh *eigh_free(struct eigh *g);
static inline void eigh_freep(struct eigh **g)
{
	*g = eigh_free(*g);
}
#define _cleanup_eigh_ _cleanup_(eigh_freep)

#endif
