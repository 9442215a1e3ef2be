/* SPDX-License-Identifier: MIT */
/*
 * The sum over the states of one layer of an RBM: what ln Z and the exact means are made of.
 *
 * The layer that is summed over is called a, the other one b; couplings come multiplied by beta.
 * The weight of a state s of a, with b summed out, is
 *
 *	f(s) = exp(lin(s)) prod_b 2 cosh(x_b(s)),  x_b(s) = base_b + sum_k s_k K_kb
 *
 * A state is cut into low p-bits, the lanes of one vector loop, and high ones. Products over b are
 * taken of e^x = e^(high part) e^(low part), four multiplications instead of an exponential; where
 * fields are too large for that, of |x| + ln(1 + e^(-2|x|)).
 */
#ifndef PBIT_WORKER_RBM_SUM_H
#define PBIT_WORKER_RBM_SUM_H

#include "rbm_exact.h"

#define RBM_SUM_LANE_BITS 8
#define RBM_SUM_LANES	  (1 << RBM_SUM_LANE_BITS)
#define RBM_SUM_BLOCKS	  64

struct rbm_sum {
	size_t bits, high; /* free p-bits of a; those above the lanes */
	size_t n_b;	   /* free p-bits of b */
	size_t blocks;	   /* at most RBM_SUM_BLOCKS; each an equal run of high states */
	double constant;   /* the coupling of the two reference spins */
	double *pair;	   /* [bits][n_b] */
	double *lin;	   /* [bits] coupling with b's reference spin */
	double *base;	   /* [n_b] coupling with a's reference spin */
	double *lin_low;   /* [LANES]; -inf beyond the last state */
	double *low;	   /* [n_b][LANES] low part of x */
	double *e_low,
		*i_low; /* [n_b][LANES] exp(low), exp(-low); NULL when fields are too large */
	size_t group;	/* factors whose product stays well inside the doubles */
};

/* The states of one high value: ln f and, when means are asked for, tanh x_b. */
struct rbm_lanes {
	double log_f[RBM_SUM_LANES];
	double *x;  /* [n_b] scratch: high part of x */
	double *th; /* [n_b][LANES] tanh x, or NULL */
};

int rbm_sum_new(const struct rbm *r, bool sum_visible, struct rbm_sum **ret, struct err *e);
struct rbm_sum *rbm_sum_free(struct rbm_sum *s);
static inline void rbm_sum_freep(struct rbm_sum **s)
{
	*s = rbm_sum_free(*s);
}
#define _cleanup_rbm_sum_ _cleanup_(rbm_sum_freep)

/* +1 or -1: p-bit k of the state with these high bits; lanes hold p-bits below the lane bits. */
static inline double rbm_sum_spin(size_t state, size_t k)
{
	return (state >> k) & 1 ? 1 : -1;
}

void rbm_sum_lanes(const struct rbm_sum *s, size_t high_state, struct rbm_lanes *lanes);

#endif
