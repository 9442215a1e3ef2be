/* SPDX-License-Identifier: MIT */
/*
 * T_O = sum_a <f~_a, (I - P)^-1 f~_a>_pi over all gradient observables, measured from chains of a
 * reversible kernel P whose step is a record; and a lower bound, for what a trace is too short to
 * show it cannot deny.
 *
 * Estimate: T_O = sum_(t >= 0) S(t) (overlap.h), cut at twice Sokal's window L >= 5 tau, with
 * tau = 2 T_O / S(0) - 1. Resolved by the rules of tau.h, here with the error below.
 *
 * Lower bound, by the variational form: for every trial function x_a,
 *	T_O >= sum_a 2 <f~_a, x_a> - Dir(x_a).
 * Trial functions x_a = c sum_(k < L) P^k f~_a, the beginning of the series of the resolvent: with
 * B = S(0) + .. + S(L - 1) and B' = S(L) + .. + S(2L - 1),
 *	T_O >= 2 c B - c^2 (B - B'),	which is B^2 / (B - B') at the best c.
 * For a single slow mode that is T_O whatever L. L and c are chosen on one half of the chains and the
 * bound is taken on the other, where it is linear in measured covariances and so free of bias; and
 * the other way about; the mean of both counts. No chain needs to have forgotten anything for it.
 *
 * Slowest mode: the S(t) are sums of w_j sigma_j^t with w_j >= 0, so that by the power mean
 *	max sigma_j >= ( S(2k + s) / S(2k) )^(1/s),
 * which bounds the spectral gap from above.
 *
 * Errors are standard errors over chains: of means, and of Q as a U-statistic by its projections.
 */
#ifndef PBIT_WORKER_T_O_H
#define PBIT_WORKER_T_O_H

#include "overlap.h"

struct t_o {
	double sum_var, sum_var_error; /* S(0) = sum_a Var f_a */
	double value;		       /* T_O in records: the sum to 2L; NaN when nothing moved */
	double error;  /* with what the sum from L to 2L adds: a bias that a longer one may have */
	double at_l;   /* the sum to L */
	double tau;    /* 2 T_O / S(0) - 1, in records */
	size_t window; /* L */
	bool resolved;
	double bound, bound_error; /* lower bound: estimate and standard error */
	size_t terms;		   /* L of the trial functions, the larger one */
	double gamma_most,
		gamma_most_error; /* upper bound of the gap 1 - max sigma; 1 if unknown */
};

/* One-sided, at 95 %: T_O is larger, the gap is smaller. */
static inline double t_o_at_least(const struct t_o *t)
{
	return t->bound - 1.6449 * t->bound_error;
}

static inline double t_o_gamma_at_most(const struct t_o *t)
{
	return t->gamma_most + 1.6449 * t->gamma_most_error;
}

/* o: without any R as yet, or with. -ENOMEM only. */
int t_o_measure(struct overlap *o, struct t_o *ret, struct err *e);

#endif
