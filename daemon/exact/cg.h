/* SPDX-License-Identifier: MIT */
/*
 * Conjugate gradients on eight right hand sides at a time, and the Cholesky factor of the same
 * system, both for S x = b with
 *
 *	S = I - C + z z'		one graph, C symmetric
 *	S = I - C_eo C_oe + z z'	two graphs: a bipartite I - C with every other state eliminated
 *
 * where z is the unit null vector of S without z z'. S is symmetric positive definite, and no
 * eigenvalue is above 2.
 */
#ifndef PBIT_EXACT_CG_H
#define PBIT_EXACT_CG_H

#include "lanes.h"
#include "parallel.h"

struct cg_system {
	size_t unknowns;
	bool halves;
	struct lanes_graph out;	 /* halves: C_oe; rows of the eliminated states */
	struct lanes_graph back; /* C, or C_eo */
	const double *z;
	double *factor; /* of Cholesky, unknowns^2, or NULL; owned */
	double factor_condition;
};

/* Vectors of `unknowns` rows; `middle` only for halves (else NULL). */
struct cg_vectors {
	lanes *x, *r, *p, *q, *middle;
};

struct cg_solve {
	const struct exact_run *run;
	double tolerance; /* of |r| / |b| */
	int probe;	  /* lane that only has to get to PROBE_TOLERANCE, or -1 */
	bool started;	  /* x is not 0 */
	void (*rhs)(const void *data,
		    lanes *b); /* the right hand sides, again and again the same */
	const void *rhs_data;
	void (*progress)(void *data, double share);
	void *progress_data;

	/* Results. */
	unsigned int iterations;
	lanes residual;	      /* squared norm, of b - S x recomputed when tolerance < 1e-11 */
	lanes b2, x2;	      /* squared norms */
	double *alpha, *beta; /* of the probe, owned, [steps] */
	size_t steps, room;
};

/* Leaves x; -EDOM when a lane stops above the tolerance; -ECANCELED, -ENOMEM. */
int cg_run(const struct cg_system *s, struct cg_vectors *v, struct cg_solve *c, struct err *e);

/* Forms S column by column and factors it. */
int cg_factor(struct cg_system *s, struct cg_vectors *v, const struct exact_run *run,
	      struct err *e);
/* By the factor, refined twice. columns: scratch of unknowns * LANES. */
int cg_run_factored(const struct cg_system *s, struct cg_vectors *v, struct cg_solve *c,
		    double *columns, struct err *e);

/*
 * Smallest and largest eigenvalue of the tridiagonal matrix that the coefficients of `steps`
 * iterations make (Lanczos): they approach those of S from inside. By bisection on the signs of
 * the LDL' pivots, to three digits.
 */
void cg_extremes(const double *alpha, const double *beta, size_t steps, double *ret_min,
		 double *ret_max);

void cg_solve_done(struct cg_solve *c);
#define _cleanup_cg_solve_ _cleanup_(cg_solve_done)

#endif
