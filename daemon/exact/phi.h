/* SPDX-License-Identifier: MIT */
/* From couplings to the parameters of W = g_phi(u) and to the code, at one code. */
#ifndef PBIT_EXACT_PHI_H
#define PBIT_EXACT_PHI_H

#include "mlp.h"

/* grad[params] = (dW/dphi)' dw, for dw[out] the gradient of an objective in W. */
int phi_gradient(const struct mlp *g, const double *code, const double *dw, double *grad,
		 struct err *e);
/*
 * The same by a forward and a backward pass of their own in __float128, rounded at the end: what
 * carries a reference in W to phi.
 */
int phi_gradient_quad(const struct mlp *g, const double *code, const double *dw, double *grad,
		      struct err *e);

/* |dW/du|, Frobenius. */
int phi_code_jacobian(const struct mlp *g, const double *code, double *ret, struct err *e);

#endif
