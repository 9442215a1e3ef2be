/* SPDX-License-Identifier: MIT */
/*
 * The inner loops: eight right hand sides side by side, one a lane, so that every load of an entry
 * of the operator serves eight. A lane never meets another one, and products are not fused: the
 * bits do not depend on the width of the CPU's vectors.
 */
#ifndef PBIT_EXACT_LANES_H
#define PBIT_EXACT_LANES_H

#include <stddef.h>
#include <stdint.h>

#define LANES 8
typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));
typedef uint64_t lanes_bits __attribute__((vector_size(LANES * sizeof(uint64_t))));

/* The rows k of a sparse matrix: entry c[k * degree + i] in column k ^ mask[i]. */
struct lanes_graph {
	size_t rows;
	unsigned int degree;
	const uint32_t *mask; /* [degree] */
	const double *c;      /* [rows * degree] */
};

/* Functions of two bits of a state, one a lane: `same` where they agree. */
struct lanes_pairs {
	lanes same, differ;
	lanes_bits first, second;
};

/* out[k] = scale[k] f(state[k]) */
void lanes_columns(size_t rows, const struct lanes_pairs *f, const uint32_t *state,
		   const double *scale, lanes *out);
/* out = C in */
void lanes_gather(const struct lanes_graph *g, const lanes *in, lanes *out);
/* out += C in */
void lanes_gather_add(const struct lanes_graph *g, const lanes *in, lanes *out);
/* q = p - C t + z s, *pq = sum p q; one value z[k] a row. */
void lanes_apply(const struct lanes_graph *g, const lanes *p, const lanes *t, const double *z,
		 const lanes *s, lanes *q, lanes *pq);
/* x += alpha p, r -= alpha q, *rr = sum r r */
void lanes_step(size_t rows, const lanes *alpha, const lanes *p, const lanes *q, lanes *x, lanes *r,
		lanes *rr);
/* p = r + beta p, *s = sum z p */
void lanes_turn(size_t rows, const lanes *beta, const lanes *r, const double *z, lanes *p,
		lanes *s);

/*
 * The edges of row k of a graph of `degree` neighbours at k ^ mask[i]:
 * D_i = (y[k] a[i] - y[k ^ mask[i]] b[i])^2; *dir = sum_i D_i, *weighted = sum_i a[i]^2 D_i.
 */
void lanes_edges(size_t k, unsigned int degree, const uint32_t *mask, const double *a,
		 const double *b, const lanes *y, lanes *dir, lanes *weighted);

#endif
