/* SPDX-License-Identifier: MIT */
/*
 * The reference in __float128 (113 bits): energies, pi and every entry of the operator anew from W,
 * x refined until its residual is below quad_tolerance, value and gradient by the same variational
 * form. It shares no arithmetic with the double engine but x as a start, which it corrects.
 */
#ifndef PBIT_EXACT_QUAD_H
#define PBIT_EXACT_QUAD_H

#include "mixing.h"

/* Above this many even states the reference is refused (-E2BIG): it would take many minutes. */
#define EXACT_QUAD_MAX_STATES ((size_t)1 << 15)

struct exact_quad {
	double t_o, t_o_rest; /* T_O = t_o + t_o_rest */
	double *g;	      /* [n * m] rounded to double */
	double *dt_o;	      /* [n * m], or NULL */
	double *dtau;	      /* [n * m], or NULL; of answer->dtau_of */
	double residual;      /* worst relative residual of the refined x, in __float128 */
	unsigned int refinements;

	/*
	 * How the double answer compares. Relative: to T_O; to the largest |entry| of the gradient, or
	 * to beta T_O (beta 2G/Var) where the gradient is below 1e-12 of that, as symmetry makes it.
	 */
	double value_absolute, value_relative;
	double gradient_relative; /* dT_O; 0 without a gradient */
	double dtau_relative;
	double g_relative; /* worst over the G_a */
};

/*
 * answer: of exact_mixing() for the same v; with keep_x when the kernel is random-scan. -EDOM when refinement does not converge
 * (condition above about 1e14): then there is no reference, and nothing is said.
 */
int exact_quad(const struct exact_even *v, const struct exact_mixing *answer,
	       const struct exact_run *run, struct exact_quad **ret, struct err *e);
struct exact_quad *exact_quad_free(struct exact_quad *q);
static inline void exact_quad_freep(struct exact_quad **q)
{
	*q = exact_quad_free(*q);
}
#define _cleanup_exact_quad_ _cleanup_(exact_quad_freep)

#endif
