/* SPDX-License-Identifier: MIT */
/* The even sector in __float128, and what its solvers share. */
#ifndef PBIT_EXACT_QUAD_EVEN_H
#define PBIT_EXACT_QUAD_EVEN_H

#include "parallel.h"
#include "quad.h"

typedef __float128 quad;

/* exp(x) of x <= 0, 0 below -11300; sqrt(x); the logistic function. To a few times 1e-34. */
quad quad_exp(quad x);
quad quad_sqrt(quad x);
quad quad_logistic(quad u);

struct quad_even {
	struct exact_model model; /* borrowed */
	size_t states;
	quad *pi;
	quad *plus, *minus; /* [n * m] */
};

int quad_even_new(const struct exact_model *mo, struct quad_even *ret);
void quad_even_done(struct quad_even *v);
#define _cleanup_quad_even_ _cleanup_(quad_even_done)

/* 2 beta sum of the couplings of one p-bit of a layer with the other layer's configuration. */
quad quad_field(const struct exact_model *mo, bool on_v, size_t at, size_t others);
/* f~_a in a state. */
static inline quad quad_observable(const struct quad_even *v, size_t a, size_t state)
{
	return exact_product(&v->model, state, a / v->model.m, a % v->model.m) > 0 ?
		       -2 * v->minus[a] :
		       2 * v->plus[a];
}
/* grad[a] = beta sum_s w(s) (v_i h_j - E[v_i h_j]). Destroys w. */
int quad_pull_back(const struct quad_even *v, quad *w, quad *grad);

/* What is computed: G, and with w not NULL pi dG / dpi of all, or of one observable. */
struct quad_job {
	const struct quad_even *even;
	const struct exact_even *rough; /* the same in double */
	const struct exact_mixing *answer;
	const struct exact_run *run;
	quad *g;     /* [n * m] */
	quad *w;     /* [states] or NULL */
	quad *w_tau; /* [states] or NULL, of answer->dtau_of */
	double residual;
	unsigned int refinements;
};

/* Of |f~ - (I - P) x| / |f~|: then x is right to this times the condition number. */
#define QUAD_TOLERANCE	     1e-21
#define QUAD_MAX_REFINEMENTS 12u

int quad_scan(struct quad_job *job, struct err *e);
int quad_block(struct quad_job *job, struct err *e);

#endif
