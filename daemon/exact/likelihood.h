/* SPDX-License-Identifier: MIT */
/* The ln-likelihood of visible data, exactly, and its gradient in W. */
#ifndef PBIT_EXACT_LIKELIHOOD_H
#define PBIT_EXACT_LIKELIHOOD_H

#include "even.h"

/*
 * L = sum_d p_d ln p(v_d), the p_d >= 0 scaled to sum 1 (weight NULL: all equal); rows: count x n
 * spins, +-1. With a teacher's law in weight this is minus the cross entropy.
 *
 *	L = sum_d p_d [ sum_j ln 2cosh(beta (W' v_d)_j) ] - ln Z
 *	dL / dW_ij = beta (<v_i h_j>_data - <v_i h_j>_pi),  <h_j | v> = tanh(beta (W' v)_j)
 *
 * grad[n * m] and ret_g2 may be NULL; ret_g2: sum_a (E_data f_a - E_pi f_a)^2, as Q_struct takes it.
 * -EINVAL for a spin that is not +-1, weights that are negative, not finite, or all zero.
 */
int exact_likelihood(const struct exact_even *v, const int8_t *rows, size_t count,
		     const double *weight, double *ret, double *grad, double *ret_g2,
		     struct err *e);

/* p[2^n], index bit i = v_i: ln p(v), exactly; a teacher's law, or what a held-out set is scored by. */
int exact_log_p_visible(const struct exact_even *v, double *log_p, struct err *e);

#endif
