/* SPDX-License-Identifier: MIT */
/*
 * The kernels by their definition: P as a matrix on all 2^N states, no symmetry used, and
 * (I - P + 1 pi') x = f~ by elimination with pivots, in long double.
 */
#ifndef PBIT_TESTS_EXACT_BRUTE_H
#define PBIT_TESTS_EXACT_BRUTE_H

#include "support.h"

typedef long double real;

struct brute {
	unsigned int n, m, states;
	double beta;
	const double *w;
	real ln_z, *pi, *p; /* p[states * states] */
	real g[MAX_W], var[MAX_W], t_o;
};

static inline int brute_spin(unsigned int s, unsigned int i)
{
	return s >> i & 1 ? 1 : -1;
}

static inline void brute_weights(struct brute *b)
{
	real z = 0;

	b->pi = calloc(b->states, sizeof(real));
	for (unsigned int s = 0; s < b->states; s++) {
		real e = 0;

		for (unsigned int a = 0; a < b->n * b->m; a++)
			e -= b->w[a] * (real)brute_spin(s, a / b->m) *
			     brute_spin(s, b->n + a % b->m);
		z += b->pi[s] = expl(-b->beta * e);
	}
	for (unsigned int s = 0; s < b->states; s++)
		b->pi[s] /= z;
	b->ln_z = logl(z);
}

/* K of drawing the p-bits of `mask` anew, given the others. */
static inline real *brute_draw(const struct brute *b, unsigned int mask)
{
	real *k = calloc((size_t)b->states * b->states, sizeof(real));

	for (unsigned int s = 0; s < b->states; s++) {
		real sum = 0;

		for (unsigned int t = 0; t < b->states; t++)
			if ((s & ~mask) == (t & ~mask))
				sum += b->pi[t];
		for (unsigned int t = 0; t < b->states; t++)
			if ((s & ~mask) == (t & ~mask))
				k[(size_t)s * b->states + t] = b->pi[t] / sum;
	}
	return k;
}

static inline void brute_add(const struct brute *b, real scale, const real *k)
{
	for (size_t i = 0; i < (size_t)b->states * b->states; i++)
		b->p[i] += scale * k[i];
}

static inline real *brute_product(const struct brute *b, const real *x, const real *y)
{
	size_t n = b->states;
	real *z = calloc(n * n, sizeof(real));

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			for (size_t j = 0; j < n; j++)
				z[i * n + j] += x[i * n + k] * y[k * n + j];
	return z;
}

static inline void brute_kernel(struct brute *b, enum exact_kernel kernel)
{
	unsigned int bits = b->n + b->m, v = (1u << b->n) - 1;
	real *kv = brute_draw(b, v), *kh = brute_draw(b, b->states - 1 - v);
	real *vh = brute_product(b, kv, kh), *hv = brute_product(b, kh, kv), *vhv;

	b->p = calloc((size_t)b->states * b->states, sizeof(real));
	switch (kernel) {
	case EXACT_RANDOM_SCAN:
		for (unsigned int i = 0; i < bits; i++) {
			real *one = brute_draw(b, 1u << i);

			brute_add(b, 1.0L / bits, one);
			free(one);
		}
		break;
	case EXACT_RANDOM_2_BLOCK:
		brute_add(b, 0.5L, kv);
		brute_add(b, 0.5L, kh);
		break;
	case EXACT_PALINDROME:
		vhv = brute_product(b, vh, kv);
		brute_add(b, 1, vhv);
		free(vhv);
		break;
	case EXACT_MIXTURE:
		brute_add(b, 0.5L, vh);
		brute_add(b, 0.5L, hv);
		break;
	default:
		brute_add(b, 1, vh);
	}
	free(kv);
	free(kh);
	free(vh);
	free(hv);
}

static inline void brute_a2(const struct brute *b, real *ret)
{
	*ret = 0;
	for (unsigned int s = 0; s < b->states; s++)
		for (unsigned int t = 0; t < b->states; t++)
			*ret = fmaxl(*ret, fabsl(b->pi[s] * b->p[(size_t)s * b->states + t] -
						 b->pi[t] * b->p[(size_t)t * b->states + s]));
}

/* Gauss-Jordan of the rows a[n][cols], n unknowns, right hand sides behind them. */
static inline void brute_eliminate(real *a, size_t n, size_t cols)
{
	for (size_t p = 0; p < n; p++) {
		size_t best = p;

		for (size_t i = p; i < n; i++)
			if (fabsl(a[i * cols + p]) > fabsl(a[best * cols + p]))
				best = i;
		for (size_t j = 0; j < cols; j++) {
			real t = a[p * cols + j];

			a[p * cols + j] = a[best * cols + j];
			a[best * cols + j] = t;
		}
		for (size_t i = 0; i < n; i++) {
			real f = i == p ? 0 : a[i * cols + p] / a[p * cols + p];

			for (size_t j = p; j < cols && f != 0; j++)
				a[i * cols + j] -= f * a[p * cols + j];
		}
	}
}

static inline void brute_resolvent(struct brute *b)
{
	size_t n = b->states, count = b->n * b->m, cols = n + count;
	real *a = calloc(n * cols, sizeof(real)), *f = calloc(n * count, sizeof(real));

	for (size_t o = 0; o < count; o++) {
		real mean = 0;

		for (unsigned int s = 0; s < n; s++) {
			f[s * count + o] = -brute_spin(s, (unsigned int)o / b->m) *
					   brute_spin(s, b->n + (unsigned int)o % b->m);
			mean += b->pi[s] * f[s * count + o];
		}
		b->var[o] = 0;
		for (size_t s = 0; s < n; s++) {
			f[s * count + o] -= mean;
			a[s * cols + n + o] = f[s * count + o];
			b->var[o] += b->pi[s] * f[s * count + o] * f[s * count + o];
		}
	}
	for (size_t s = 0; s < n; s++)
		for (size_t t = 0; t < n; t++)
			a[s * cols + t] = (s == t) - b->p[s * n + t] + b->pi[t];
	brute_eliminate(a, n, cols);
	b->t_o = 0;
	for (size_t o = 0; o < count; o++) {
		b->g[o] = 0;
		for (size_t s = 0; s < n; s++)
			b->g[o] +=
				b->pi[s] * f[s * count + o] * a[s * cols + n + o] / a[s * cols + s];
		b->t_o += b->g[o];
	}
	free(a);
	free(f);
}

static inline void brute_free(struct brute *b)
{
	free(b->pi);
	free(b->p);
}

static inline void brute_init(struct brute *b, const double *w, unsigned int n, unsigned int m,
			      double beta, enum exact_kernel kernel)
{
	*b = (struct brute){ .n = n, .m = m, .states = 1u << (n + m), .beta = beta, .w = w };
	brute_weights(b);
	brute_kernel(b, kernel);
}

#endif
