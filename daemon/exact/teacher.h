/* SPDX-License-Identifier: MIT */
/*
 * The teachers of the family: laws of m visible spins with modes along a split axis. All are even,
 * p(-v) = p(v), as every RBM without biases is.
 *
 *	a_x(i) = (-1)^popcount(x & i), i < m		Walsh vector x = 0 .. 3, repeated past i = 3
 *	q_x(v) = (1/2) prod_i (1 + mu a_x(i) v_i) / 2 + (1/2) prod_i (1 - mu a_x(i) v_i) / 2
 *	p_(s,k) = (q_(s-1) + q_((s-1) xor k)) / 2
 *
 * q_x has two modes, v = a_x and v = -a_x, each blurred by flips of probability (1 - mu) / 2. Axis s
 * is the one that is common to the four codes: code 0 has its two modes alone, codes 1 to 3 two
 * more, along another vector each.
 */
#ifndef PBIT_EXACT_TEACHER_H
#define PBIT_EXACT_TEACHER_H

#include "err.h"

#define TEACHER_CODES	 4
#define TEACHER_CODE_DIM 2
#define TEACHER_AXES	 4
#define TEACHER_MU	 0.8 /* flips of probability 0.1 */
#define TEACHER_MAX_BITS 16

/* u_k, in R^2; no two of them opposite, so that an odd g_phi is not favoured. */
extern const double teacher_code[TEACHER_CODES][TEACHER_CODE_DIM];

/*
 * law[2^m], bit i of the index: v_i = +1. Sums to 1. axis 1 .. TEACHER_AXES, code below
 * TEACHER_CODES, m 1 .. TEACHER_MAX_BITS: -EINVAL otherwise.
 */
int teacher_law(unsigned int m, unsigned int axis, unsigned int code, double *law, struct err *e);

#endif
