/* SPDX-License-Identifier: MIT */
/*
 * The model that the exact gate judges: a bias-free RBM, E(v, h) = -v' W h, pi = exp(-beta E) / Z,
 * spins +-1, W real n x m row major in units of J, beta unitless.
 *
 * E(-v, -h) = E(v, h) for every W, so that every kernel here commutes with the global flip and every
 * f_ij = -v_i h_j is even: all of it lives on the even sector, where s and -s are one state. Its
 * 2^(N-1) states (N = n + m) are numbered by bits, 1 = +1: bit i (i < n) is v_i, bit n + j is h_j for
 * j < m - 1, and h_(m-1) = +1 always. A clamped reference spin or a bias breaks the symmetry and
 * has no place here.
 */
#ifndef PBIT_EXACT_MODEL_H
#define PBIT_EXACT_MODEL_H

#include "err.h"

/* p-bits in all: 2^(N-1) states are enumerated, and their number fits an unsigned int. */
#define EXACT_MAX_BITS 28

struct exact_model {
	unsigned int n, m;
	double beta;
	const double *w; /* [n * m], borrowed */
};

/*
 * Shape and values from strangers: ndim and shape as an array file has them. -EINVAL for what is
 * not n x m, for n or m = 0 and for beta <= 0; -E2BIG for more than EXACT_MAX_BITS p-bits; -EDOM
 * when an entry or beta is not finite, or beta sum |W_ij| leaves 1e300. *ret borrows w.
 */
int exact_model_init(struct exact_model *ret, const double *w, unsigned int ndim,
		     const size_t *shape, double beta, struct err *e);

/* Of these, what the shape alone says, before there are values. */
int exact_model_check_shape(unsigned int ndim, const size_t *shape, struct err *e);

/* The same checks of a model that is there; every entry point makes them. */
int exact_model_check(const struct exact_model *mo, struct err *e);

static inline unsigned int exact_bits(const struct exact_model *mo)
{
	return mo->n + mo->m;
}
static inline size_t exact_states(const struct exact_model *mo)
{
	return (size_t)1 << (mo->n + mo->m - 1);
}
static inline size_t exact_observables(const struct exact_model *mo)
{
	return (size_t)mo->n * mo->m;
}

#endif
