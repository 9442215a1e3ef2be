/* SPDX-License-Identifier: MIT */
/*
 * An RBM exactly: E(v, h) = -v' W h, pi = exp(-beta E) / Z, spins +-1, W real n x m row major.
 *
 * With a clamped visible reference spin v_0 = +1 (row 0 of W: hidden biases) and a clamped hidden
 * one h_0 = +1 (column 0: visible biases), Z and all means run over the free spins. Without them,
 * E is even: pi(-v, -h) = pi(v, h).
 *
 *	ln p*(v) = beta sum_i v_i W_i0 + sum_(j free) ln 2cosh(beta sum_i v_i W_ij)
 *	ln p(v)  = ln p*(v) - ln Z
 *	d ln p(v) / d W_ij = beta ( v_i <h_j | v> - <v_i h_j> ),  <h_j | v> = tanh(beta sum_i v_i W_ij)
 *
 * (column 0 of <h | v> is 1). Z sums over the states of the smaller free layer. The sum is cut into
 * blocks that do not depend on the number of threads and are added in order: the same bits always.
 */
#ifndef PBIT_WORKER_RBM_EXACT_H
#define PBIT_WORKER_RBM_EXACT_H

#include "err.h"

#define RBM_EXACT_MAX_BITS 22

struct rbm {
	size_t n, m; /* reference spins included */
	bool ref_v, ref_h;
	double beta;
	const double *w; /* [n * m], borrowed */
};

/* The free p-bits of the smaller layer, and whether rbm_log_z() can sum over their states. */
size_t rbm_smaller_layer(const struct rbm *r);
static inline bool rbm_is_exact(const struct rbm *r)
{
	return rbm_smaller_layer(r) <= RBM_EXACT_MAX_BITS;
}

/*
 * ln Z. -E2BIG when the smaller layer has more than RBM_EXACT_MAX_BITS p-bits, -EDOM when W or beta
 * is not finite (or Z leaves the doubles), -EINVAL for empty shapes.
 */
int rbm_log_z(const struct rbm *r, unsigned int threads, double *ret_log_z, struct err *e);

/* Exact means: vh[n * m] = <v_i h_j> (reference spins included, so row 0 is <h_j>), and ln Z. */
int rbm_moments(const struct rbm *r, unsigned int threads, double *vh, double *ret_log_z,
		struct err *e);

/*
 * log_p[count] = ln p*(v), unnormalised; rows: count x n spins, the reference spin included. Rows
 * are taken side by side, and the bits are the same for any number of threads; crew: see crew.h;
 * may be NULL.
 *
 * ret_errors, unless NULL: reconstruction, too. h = <h | v>, then v' = the sign of <v | h>; counted
 * are, over the rows, the free visible p-bits with v' != v; a p-bit with zero mean counts one half.
 */
struct crew;
int rbm_log_p_star(struct crew *crew, const struct rbm *r, const int8_t *rows, size_t count,
		   double *log_p, double *ret_errors, struct err *e);

/* Sum of ln p*(v) over the rows. */
int rbm_sum_log_p_star(struct crew *crew, const struct rbm *r, const int8_t *rows, size_t count,
		       double *ret_sum, struct err *e);

/* The positive phase, exact: vh[n * m] = sum over the rows of v_i <h_j | v> (a sum, not a mean). */
int rbm_positive(const struct rbm *r, const int8_t *rows, size_t count, double *vh, struct err *e);

/*
 * The same of w = scale q as quantise() makes them, faster: in integers, with <h_j | v> rounded to a
 * multiple of 2^-16. So every sum is such a multiple, off by count * 2^-17 at most (and count * 2^-31
 * by the tanh), and has the same bits on every processor and for any number of threads.
 *
 * positive_new() makes the room for n x m couplings, 1 to PBM_MAX_UNITS on each side (otherwise
 * -EINVAL); the phase itself allocates nothing and cannot fail. r is to be of that shape; its w is
 * not looked at. crew: see crew.h; may be NULL.
 */
struct positive;
int positive_new(size_t n, size_t m, struct positive **ret, struct err *e);
struct positive *positive_free(struct positive *p);
void rbm_positive_quantised(struct positive *p, struct crew *crew, const struct rbm *r,
			    const int16_t *q, double scale, const int8_t *rows, size_t count,
			    double *vh);

#endif
