/* SPDX-License-Identifier: MIT */
/*
 * The random scan on the even sector, P = (1/N) sum_i P_i, symmetrised and scaled to a unit
 * diagonal. With a_i(s)^2 = pi(s^i) / (pi(s) + pi(s^i)), the probability that step i flips,
 *
 *	D^(1/2) (I - P) D^(-1/2):	d(s) = (1/N) sum_i a_i(s)^2 on the diagonal,
 *					-a_i(s) a_i(s^i) / N = -1 / (2N cosh(beta dE / 2)) beside it
 *
 * and C_i(s) = a_i(s) a_i(s^i) / (N g(s) g(s^i)), g = sqrt(d), is what cg.h takes. Of vectors,
 * x = (I - P)^-1 f~ is held as y = sqrt(pi) x, and in the system as g y.
 *
 * When N is even, every flip changes the parity of the N - 1 bits that number a state: the graph
 * is bipartite, and conjugate gradients see only the states of even parity. Storage then is:
 * state s at s >> 1 within its parity, those of odd parity behind.
 */
#ifndef PBIT_EXACT_SCAN_H
#define PBIT_EXACT_SCAN_H

#include "cg.h"
#include "even.h"

struct scan {
	const struct exact_even *even;
	unsigned int bits; /* N, the degree */
	bool halves;
	size_t states;
	struct cg_system system;
	uint32_t within[EXACT_MAX_BITS]; /* masks of the graphs of `system` */
	uint32_t across[EXACT_MAX_BITS]; /* storage ^ across[i]: the state with p-bit i flipped */
	double *c;			 /* [states * N], in storage order like all that follows */
	double *g, *root;		 /* [states] sqrt(d), sqrt(pi) */
	double *source;			 /* [states] root / g */
	uint32_t *state; /* [states] the state, with the bit of the last hidden p-bit */
	double *z;	 /* [unknowns] */
	double *flip_v;	 /* [2^(m-1)][n][2] a_i by h, i and the bit of v_i */
	double *flip_h;	 /* [2^n][m][2] a_i by v, j and the bit of h_j */
};

/* -EDOM where the rate at which some state is left underflows. */
int scan_new(const struct exact_even *v, struct scan **ret, struct err *e);
struct scan *scan_free(struct scan *s);
static inline void scan_freep(struct scan **s)
{
	*s = scan_free(*s);
}
#define _cleanup_scan_ _cleanup_(scan_freep)

/* What scan_new() allocates, and what each column block of eight needs in addition. */
size_t scan_bytes(const struct exact_model *mo);
size_t scan_block_bytes(const struct exact_model *mo);
size_t scan_unknowns(const struct exact_model *mo);

static inline size_t scan_state(const struct scan *s, size_t at)
{
	size_t half = s->states / 2, low, k;

	if (!s->halves)
		return at;
	k = at < half ? at : at - half;
	low = (size_t)__builtin_parityl(k) ^ (at >= half);
	return k << 1 | low;
}

/* a_i(s) and a_i(s^i) of every p-bit i. */
void scan_flips(const struct scan *s, size_t state, double *a, double *b);

/*
 * Eight columns: observables first .. first + 7, then one probe (random signs), then nothing.
 */
struct scan_block {
	const struct scan *scan;
	size_t first;
	unsigned int observables; /* in this block */
	int probe;		  /* its lane, or -1 */
	struct lanes_pairs f;	  /* f~ of each lane; 0 of those without an observable */
	const lanes *given;	  /* the scaled right hand side in storage, instead of that of f~ */
	lanes *odd;		  /* scratch for the eliminated half; set by who owns the vectors */
};

static inline size_t scan_blocks(const struct exact_model *mo)
{
	return (exact_observables(mo) + 1 + LANES - 1) / LANES;
}
void scan_block_init(struct scan_block *b, const struct scan *s, size_t index);
/* The scaled right hand side in storage[from, from + count). */
void scan_rhs(const struct scan_block *b, size_t from, size_t count, lanes *ret);
/* The right hand side of `system`; data: a struct scan_block. */
void scan_system_rhs(const void *data, lanes *ret);

/* Where conjugate gradients start, from y of a solution nearby. */
void scan_start(const struct scan *s, const double *x0, lanes *x);
/*
 * y of every state, [states]: from g y of the unknowns, which are its first part. Then E x = 0.
 */
void scan_finish(const struct scan_block *b, lanes *y);

/*
 * G of every lane by the variational form. w[states], in the order of states: for every lane l,
 * weight[l] times pi(s) dG / dpi(s) is added. w may be NULL.
 */
void scan_value(const struct scan_block *b, const lanes *y, const lanes *weight, double *w,
		lanes *ret_g);

#endif
