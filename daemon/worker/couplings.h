/* SPDX-License-Identifier: MIT */
/*
 * The couplings of every class as the device holds them: integers, their scales, the gains that
 * turn fields into probabilities, and the same numbers as reals, W = scale * q, of which gradients
 * and likelihoods are taken.
 *
 * Each W_u is n x m with the clamped reference spins first on both sides. W_u[0][0] couples the
 * two; it moves no p-bit and is kept zero. An even model has no reference spins.
 */
#ifndef PBIT_WORKER_COUPLINGS_H
#define PBIT_WORKER_COUPLINGS_H

#include "device.h"
#include "err.h"
#include "rbm_exact.h"
#include "spec.h"

struct couplings {
	unsigned int classes, bits;
	size_t n, m;
	double beta;
	bool even;	   /* set after couplings_new(); it leaves the reference spins in */
	int16_t *q;	   /* [classes][n * m] */
	double *w;	   /* [classes][n * m] scale * q */
	double *scale;	   /* [classes] */
	uint64_t *gain;	   /* [classes] */
	struct crew *crew; /* borrowed, or NULL */
};

int couplings_new(unsigned int classes, size_t n, size_t m, unsigned int bits, double beta,
		  struct couplings *ret, struct err *e);
void couplings_free(struct couplings *c);
#define _cleanup_couplings_ _cleanup_(couplings_free)

/*
 * w: [classes][n * m] reals; w[u][0] becomes zero where it couples reference spins. scale: 0 for the smallest that fits each
 * class; else it is given, and couplings beyond the device's range saturate: w is clipped to
 * it. -EDOM and, when no scale fits, -ERANGE name the class and the place.
 */
int couplings_quantise(struct couplings *c, double *w, double scale, struct err *e);

/* The largest coupling of a class that its scale can express. */
double couplings_limit(const struct couplings *c, unsigned int class);

static inline size_t couplings_at(const struct couplings *c, unsigned int class)
{
	return (size_t) class * c->n * c->m;
}

/* The RBM of a class, for rbm_exact.h; borrows c->w. */
static inline struct rbm couplings_rbm(const struct couplings *c, unsigned int class)
{
	return (struct rbm){ .n = c->n,
			     .m = c->m,
			     .ref_v = !c->even,
			     .ref_h = !c->even,
			     .beta = c->beta,
			     .w = c->w + couplings_at(c, class) };
}

/* A program of this shape with both reference spins, if there are some, clamped. */
int couplings_program(const struct couplings *c, struct device *d, uint32_t chains,
		      struct program **ret, struct err *e);
/* Fair coins for the free p-bits, +1 for the reference spins. */
void couplings_random_states(const struct couplings *c, struct program *p, uint64_t seed);
/* [pbm_state_words] with the bits of the two reference spins. */
void couplings_clamp_mask(const struct pbm_shape *shape, uint64_t *mask);

#endif
