/* SPDX-License-Identifier: MIT */
/*
 * The even sector enumerated, in log space: no coupling is too strong for ln Z and ln pi. Energies
 * are summed in long double, so that pi is right to a few parts in 1e16 even where |beta E| is large.
 */
#ifndef PBIT_EXACT_EVEN_H
#define PBIT_EXACT_EVEN_H

#include "run.h"

struct exact_even {
	struct exact_model model; /* w is owned here */
	size_t states;
	double ln_z;	/* of the whole space: both s and -s count */
	double *pi;	/* [states], sums to 1; 0 where it underflows */
	double *log_pi; /* [states], of the even sector: finite always */
	double *plus;	/* [n * m], P(v_i h_j = +1); f~_ij = -2 minus there */
	double *minus;	/* [n * m], P(v_i h_j = -1); f~_ij = +2 plus there */
	double *mean;	/* [n * m], E[v_i h_j] */
	double *var;	/* [n * m], Var f_ij = 4 plus minus: no cancellation when it is frozen */
};

int exact_even_new(const struct exact_model *mo, const struct exact_run *run,
		   struct exact_even **ret, struct err *e);
struct exact_even *exact_even_free(struct exact_even *v);
static inline void exact_even_freep(struct exact_even **v)
{
	*v = exact_even_free(*v);
}
#define _cleanup_exact_even_ _cleanup_(exact_even_freep)

/*
 * plus[a] = sum of w over the states with v_i h_j = +1, minus[a] over the others, by pairwise sums.
 * Destroys w[states]. -ENOMEM.
 */
int exact_contract(const struct exact_model *mo, double *w, double *plus, double *minus);

/*
 * grad[a] = beta sum_s w(s) (v_i h_j - E[v_i h_j]), w(s) = pi(s) dF / dpi(s): the gradient in W of
 * a functional F of pi. Destroys w[states]. -ENOMEM.
 */
int exact_pull_back(const struct exact_even *v, double *w, double *grad);

/* What exact_even_new() allocates. */
size_t exact_even_bytes(const struct exact_model *mo);

/* v_i h_j = +-1 in a state of the even sector. */
static inline int exact_product(const struct exact_model *mo, size_t state, size_t i, size_t j)
{
	bool v = state >> i & 1;
	bool h = j + 1 == mo->m || (state >> (mo->n + j) & 1);

	return v == h ? 1 : -1;
}

#endif
