/* SPDX-License-Identifier: MIT */
/*
 * The autocovariance of all gradient observables f_ij = -v_i h_j together, from a trace of states:
 *
 *	S(t) = sum_ij Cov( f_ij(0), f_ij(t) ) = R(t) - Q
 *	R(t) = E[ (v(0)'v(t)) (h(0)'h(t)) ],   Q = sum_ij <v_i h_j>^2 = E[ (v'v*) (h'h*) ]
 *
 * with (v, h) and (v*, h*) of two independent chains: the sum over i and j of a product of products
 * is the product of two overlaps, so that n m observables cost as much as one, and none is left
 * out. S(0) = sum_ij Var f_ij, and sum_(t >= 0) S(t) = T_O of the kernel whose step is a record. A
 * product of two clamped p-bits adds 1 to R and to Q, and nothing to S.
 *
 * Both means are free of bias whatever the length of the trace, as long as the chains are
 * independent and stationary; a mean per chain is not taken. Sums are exact integers.
 *
 * The chains are two halves, the first chains / 2 and the rest, that are never paired: what one half
 * was used to choose, the other one judges without having seen it.
 */
#ifndef PBIT_WORKER_OVERLAP_H
#define PBIT_WORKER_OVERLAP_H

#include "err.h"
#include "machine.h"

/* Beyond this lag not every record begins a pair: pairs begin lag / OVERLAP_FINE records apart. */
#define OVERLAP_FINE 16

struct overlap {
	struct pbm_shape shape;
	const uint64_t *states; /* [records][chains][pbm_state_words(shape)], borrowed */
	size_t records;
	size_t lags, room; /* R is there for lags 0 .. lags - 1 */
	double *r;	   /* [room][chains] R(t) of each chain */
	double *q; /* [chains] mean over pairs with the others of its half; their mean is Q */
};

/* At least four chains and two records (-EINVAL). Q is there at once. */
int overlap_new(const struct pbm_shape *shape, const uint64_t *states, size_t records,
		struct overlap *ret, struct err *e);
void overlap_free(struct overlap *o);
#define _cleanup_overlap_ _cleanup_(overlap_free)

/* Makes R(0) .. R(lag) be there; lag < records. -ENOMEM. */
int overlap_extend(struct overlap *o, size_t lag, struct err *e);

enum overlap_half { OVERLAP_FIRST, OVERLAP_SECOND, OVERLAP_ALL };

static inline size_t overlap_from(const struct overlap *o, enum overlap_half half)
{
	return half == OVERLAP_SECOND ? o->shape.chains / 2 : 0;
}

static inline size_t overlap_to(const struct overlap *o, enum overlap_half half)
{
	return half == OVERLAP_FIRST ? o->shape.chains / 2 : o->shape.chains;
}

/* S(t) over the chains of a half; R(t) must be there. */
double overlap_s(const struct overlap *o, size_t lag, enum overlap_half half);

#endif
