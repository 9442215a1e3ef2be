/* SPDX-License-Identifier: MIT */
/*
 * Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019), and the
 * exponential average of its iterates.
 *
 *	m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2,  t <- t + 1
 *	phi <- phi - rate * ( m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps) + decay * mask * phi )
 *	average <- d_t average + (1 - d_t) phi,  d_t = min(ADAM_AVERAGE, t / (t + 10))
 *
 * The average is what is evaluated and kept as the model: it is the same network with the noise of
 * the last steps averaged out. phi itself goes on training.
 */
#ifndef PBIT_NUMERICS_ADAM_H
#define PBIT_NUMERICS_ADAM_H

#include "err.h"

#define ADAM_BETA1   0.9
#define ADAM_BETA2   0.999
#define ADAM_EPSILON 1e-8
#define ADAM_AVERAGE 0.98

/* The whole state: a checkpoint that keeps t, m, v, average (and phi) resumes to the same bits. */
struct adam {
	size_t n; /* parameters */
	double rate, decay;
	uint64_t t;	 /* steps done */
	double *m, *v;	 /* [n] */
	double *average; /* [n]; equal to phi at the first step's start */
	uint8_t *mask;	 /* [n], 1: decays. All ones unless adam_set_mask() */
	bool tame;	 /* m and v are known to be far from overflow; false is always right */
};

/* rate > 0 and decay >= 0, finite, rate * decay < 1: -EINVAL otherwise. */
int adam_new(size_t n, double rate, double decay, struct adam **ret, struct err *e);
struct adam *adam_free(struct adam *a);
static inline void adam_freep(struct adam **a)
{
	*a = adam_free(*a);
}
#define _cleanup_adam_ _cleanup_(adam_freep)

/* mask[n] is copied: which parameters decay (see mlp_decay_mask()). */
void adam_set_mask(struct adam *a, const uint8_t *mask);

/*
 * One step down grad[n], the gradient of the loss to be *minimised*. rate_now multiplies the rate
 * (a schedule; 1 for none). -EDOM with the place when a gradient or the new phi is not finite;
 * phi and the state are then as before the call.
 */
int adam_step(struct adam *a, double *phi, const double *grad, double rate_now, struct err *e);

#endif
