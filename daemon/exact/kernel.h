/* SPDX-License-Identifier: MIT */
/*
 * Scan orders as Markov kernels P on the states of the RBM, and A2, their reversibility.
 *
 * K_v and K_h draw a whole layer anew from its conditional law. As operators on functions,
 * (P f)(s) = E[f(s') | s]: K_v f = E[f | h], K_h f = E[f | v].
 *
 *	random-scan	P = (1/N) sum_i P_i, one p-bit a step		N steps a sweep
 *	random-2-block	P = (K_v + K_h) / 2, one layer a step		2 steps a sweep
 *	palindrome	P = K_v K_h K_v, layers v, h, v			N / (2n + m) steps a sweep
 *	mixture		P = (K_v K_h + K_h K_v) / 2, a whole sweep
 *			forwards or backwards with probability 1/2	1 step a sweep
 *	alternating	P = K_v K_h, v then h				1 step a sweep
 *
 * (1 sweep: as many p-bit updates as there are p-bits.) All leave pi invariant; alternating is not
 * reversible, and everything that needs reversibility refuses it with -EOPNOTSUPP and the reason.
 */
#ifndef PBIT_EXACT_KERNEL_H
#define PBIT_EXACT_KERNEL_H

#include "model.h"

enum exact_kernel {
	EXACT_RANDOM_SCAN,
	EXACT_RANDOM_2_BLOCK,
	EXACT_PALINDROME,
	EXACT_MIXTURE,
	EXACT_ALTERNATING,
	EXACT_KERNELS
};

const char *exact_kernel_name(enum exact_kernel k); /* "random-scan", ... */
/* -EINVAL with the nearest known name. */
int exact_kernel_parse(const char *name, enum exact_kernel *ret, struct err *e);
bool exact_kernel_reversible(enum exact_kernel k);
double exact_kernel_steps_per_sweep(enum exact_kernel k, const struct exact_model *mo);
/* -EOPNOTSUPP, the sentence names the kernel, says why, and what to take instead. */
int exact_kernel_require_reversible(enum exact_kernel k, struct err *e);

/*
 * A2: max |pi(s) P(s, s') - pi(s') P(s', s)|, computed over the pairs of states of the whole space
 * (flipped ones too). All pairs up to EXACT_A2_PAIRS of them; beyond, the s are every k-th one and
 * *ret_all is false. About 1e-17 for reversible kernels; rounding is all that it then shows.
 */
#define EXACT_A2_PAIRS ((size_t)1 << 26)
int exact_a2_residual(const struct exact_model *mo, enum exact_kernel k, double *ret, bool *ret_all,
		      struct err *e);

#endif
