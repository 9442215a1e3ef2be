/* SPDX-License-Identifier: MIT */
/*
 * T_O and tau_int with their exact gradients in W, by one solve of the deflated resolvent.
 *
 * For a reversible kernel P with stationary pi, f~ = f - E_pi f:
 *
 *	G_a  = <f~_a, (I - P)^-1 f~_a>_pi = sum_(t >= 0) Cov(f_a(0), f_a(t))	[steps of P]
 *	T_O  = sum_a G_a							[steps of P]
 *	Var  = sum_a Var_pi f_a
 *	tau_a = 1 + 2 sum_(t >= 1) rho_a(t) = 2 G_a / Var_a - 1			[steps of P]
 *
 * over a = (i, j), f_ij = -v_i h_j. W = 0, random scan: T_O = n m (n + m) / 2 (m^3 when n = m),
 * tau_a = N - 1.
 *
 * In sweeps: tau / steps_per_sweep, the sweeps that one independent sample is worth when every step
 * is averaged over. For random-scan and random-2-block (P >= 0) a record of one value a sweep has a
 * tau_int that is larger, by less than 1.
 *
 * One solve x_a = (I - P)^-1 f~_a gives the value and the gradient, by the variational form
 * G = max_x { 2 <f~, x> - Dir(x) } and the envelope theorem: with w(s) the explicit derivative of
 * 2 <f~, x> - Dir(x) in pi(s) at fixed x,
 *
 *	dG / dW_ij = beta Cov_pi(w, v_i h_j),   dVar_a / dW_ij = beta Cov_pi(f~_a^2, v_i h_j),
 *	dtau_a = (2 dG_a - (tau_a + 1) dVar_a) / Var_a.
 *
 * The error of G is of second order in that of x. No adjoint solve, and no eigendecomposition: the
 * objects of this header and of what it uses refer to no eigen-solver.
 *
 * Systems. random-scan: the symmetrised I - P on the 2^(N-1) even states, whose entries
 * -1 / (2N cosh(beta dE / 2)) depend on energy differences only, so that nothing underflows. The
 * block kernels reduce to functions on the even states of one layer or both: 2^(n-1) + 2^(m-1)
 * unknowns at most.
 */
#ifndef PBIT_EXACT_MIXING_H
#define PBIT_EXACT_MIXING_H

#include "even.h"

enum exact_route {
	EXACT_AUTO,	/* Cholesky while it is faster, or where conjugate gradients stall */
	EXACT_CHOLESKY, /* dense, refined; -E2BIG above EXACT_MAX_DENSE unknowns */
	EXACT_CG,	/* matrix-free conjugate gradients, a block of observables at a time */
};
#define EXACT_MAX_DENSE 8192

#define EXACT_WORST SIZE_MAX /* the observable of tau_max */

struct exact_ask {
	enum exact_kernel kernel;
	enum exact_route route;
	bool gradient;	   /* dT_O */
	bool dtau;	   /* dtau, of the observable below */
	size_t observable; /* i * m + j, or EXACT_WORST */
	bool keep_x;	   /* hand x out */
	/*
	 * Where conjugate gradients start, or NULL: x of an answer for the same shape and kernel (of a
	 * W nearby: finite differences). Without effect on Cholesky, which the block kernels use.
	 */
	const double *x0;
	/*
	 * Relative residual |f~ - (I-P) x| / |f~| in the norm of pi at which conjugate gradients end; 0:
	 * 1e-14. Value only: 1e-8 gives G to about 1e-16 cond.
	 */
	double tolerance;
	/* Refuse (-EDOM) when the error bound of value or gradient is above this; 0: 1e-6. */
	double max_error;
};

struct exact_mixing {
	enum exact_kernel kernel;
	unsigned int n, m;
	double t_o, var; /* T_O in steps, sum of variances */
	double *g;	 /* [n * m] G_a */
	double *var_a;	 /* [n * m] */
	double *tau;	 /* [n * m] in steps; 0 where Var_a = 0 (a frozen observable) */
	size_t worst;	 /* the observable of tau_max; the first of equals */
	double tau_max;	 /* steps */
	double steps_per_sweep;
	double *dt_o;	/* [n * m] dT_O / dW, or NULL */
	double *dtau;	/* [n * m] dtau_a / dW, or NULL */
	size_t dtau_of; /* a */
	double *x;	/* layout private, for x0 and exact_quad(); NULL for the block kernels */
	size_t x_count;

	bool dense;
	size_t unknowns;
	unsigned int iterations; /* of the column that took most; 0: dense */
	double residual;  /* worst over the observables, relative, recomputed from x at the end */
	double condition; /* lambda_max / lambda_min of the system: from the coefficients of the
			   * conjugate gradients, or LAPACK's 1-norm estimate */
	/*
	 * Relative bounds, from residual, condition and rounding: of T_O; of dt_o and dtau, to their
	 * largest |entry| (to beta T_O, beta 2G/Var where the gradient is below 1e-12 of that).
	 */
	double error_value, error_gradient, error_dtau;
};

/*
 * run may be NULL: one thread, no limits. -EOPNOTSUPP: kernel not reversible; -ENOMEM, -EFBIG: past
 * the memory limit, said before anything is allocated; -EDOM: the solve did not converge, its error
 * bound is above max_error, or T_O underflows, and no answer is given; -ECANCELED.
 */
int exact_mixing(const struct exact_even *v, const struct exact_ask *ask,
		 const struct exact_run *run, struct exact_mixing **ret, struct err *e);
struct exact_mixing *exact_mixing_free(struct exact_mixing *x);
static inline void exact_mixing_freep(struct exact_mixing **x)
{
	*x = exact_mixing_free(*x);
}
#define _cleanup_exact_mixing_ _cleanup_(exact_mixing_freep)

/* Enumerates and asks: for callers that need nothing else of the even sector. */
int exact_mixing_of(const struct exact_model *mo, const struct exact_ask *ask,
		    const struct exact_run *run, struct exact_mixing **ret, struct err *e);

/* grad[n * m] = d ln T_O / dW = dT_O / T_O. */
void exact_log_t_o_gradient(const struct exact_mixing *x, double *grad);

/*
 * Q_struct = (K/2) |g|^2 / T_O. K: the averaging window in steps of the kernel of T_O (sweeps times
 * steps_per_sweep); g2 = sum_a (E_data f_a - E_pi f_a)^2, without beta. It is Q_op of an estimator
 * that averages K >> tau_int steps, of variance about 2 T_O / K. +inf for T_O = 0.
 */
double exact_q_struct(double k_steps, double g2, double t_o);

#endif
