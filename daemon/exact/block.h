/* SPDX-License-Identifier: MIT */
/*
 * The block kernels on functions of one layer. T f = E[f(h) | v] and T* g = E[g(v) | h] are adjoint
 * under pi; on the even sector v and -v are one class, so the layers have 2^(n-1) and 2^(m-1)
 * classes. Everything is solved on the layer that has fewer (side A; the other is B) with
 *
 *	S = That That' , That(a, b) = sqrt(P(b | a) P(a | b)) = pi(a, b) / sqrt(p(a) p(b))
 *
 * I - S is the generator of a chain on the classes of A, K(a, a') = sum_b P(b | a) P(a' | b); its
 * diagonal is taken as the sum d(a) of the rates that leave a, which loses nothing where they are
 * small, and it is scaled to a unit diagonal, g = sqrt(d):
 *
 *	R_1 = (I - C + z z')^-1, C(a, a') = S(a, a') / (g(a) g(a')) off the diagonal, z the unit
 *	null vector of I - C, along g sqrt(p);	R_(1/4) = (I - S / 4)^-1
 *
 * Classes are numbered by the bits of the representative whose last p-bit is +1.
 */
#ifndef PBIT_EXACT_BLOCK_H
#define PBIT_EXACT_BLOCK_H

#include "even.h"

struct block {
	const struct exact_even *even;
	bool small_is_v;
	unsigned int bits[2]; /* p-bits of side A and of side B */
	size_t size[2];	      /* classes */
	double *given[2];     /* [0]: P(b | a) [A * B] row major; [1]: P(a | b) [B * A] */
	double *root;	      /* [A] sqrt(p(a)) */
	double *g;	      /* [A] */
	double *z;	      /* [A] */
	double *sym;	      /* [A * B] That */
	double *s;	      /* [A * A] S */
	double *c;	      /* [A * A] C */
	double *factor[2];    /* [A * A] Cholesky of I - C + zz', and of I - S/4 */
	double condition;     /* of the first */
};

size_t block_bytes(const struct exact_model *mo, enum exact_kernel k);
int block_new(const struct exact_even *v, enum exact_kernel k, const struct exact_run *run,
	      struct block **ret, struct err *e);
struct block *block_free(struct block *b);
static inline void block_freep(struct block **b)
{
	*b = block_free(*b);
}
#define _cleanup_block_ _cleanup_(block_freep)

/*
 * f~_ij given the class of one layer: E[f~ | layer], col[a * count + column], columns first ..
 * first + count of the observables. side: 0 is A.
 */
void block_project(const struct block *b, unsigned int side, size_t first, size_t count,
		   double *col);
/* to[other side] = E[from | other side]; from side `side`. */
void block_condition(const struct block *b, unsigned int side, size_t count, const double *from,
		     double *to);
/*
 * x = R_1 rhs (which = 0) or (I - S/4)^-1 rhs (which = 1), functions on side A, count columns.
 * Refined once; *ret_residuals gets the sum of squared residuals in the norm of pi, *ret_worst the
 * largest relative one (both may be NULL). scratch: 2 * A * count.
 */
void block_solve(const struct block *b, unsigned int which, size_t count, const double *rhs,
		 double *x, double *scratch, double *ret_residuals, double *ret_worst);

/* Value of a function of a class at any configuration of that layer (bits of that layer). */
static inline size_t block_class(unsigned int bits, size_t layer)
{
	size_t top = (size_t)1 << (bits - 1);

	return (layer & top ? layer : ~layer) & (top - 1);
}

#endif
