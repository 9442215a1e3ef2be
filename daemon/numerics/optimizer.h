/* SPDX-License-Identifier: MIT */
/*
 * How phi follows its gradient g, by one of two methods, and the exponential average of the iterates.
 *
 * Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019):
 *
 *	m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2,  t <- t + 1
 *	phi <- phi - rate * ( m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps) + decay * mask * phi )
 *
 * Gradient descent (Robbins and Monro 1951), which leaves alone what has no gradient, and costs less:
 *
 *	t <- t + 1,  phi <- phi - rate * ( g + decay * mask * phi )
 *
 * Both: average <- d_t average + (1 - d_t) phi,  d_t = min(OPTIMIZER_AVERAGE, t / (t + 10))
 *
 * The average is what is evaluated and kept as the model: it is the same network with the noise of
 * the last steps averaged out. phi itself goes on training.
 */
#ifndef PBIT_NUMERICS_OPTIMIZER_H
#define PBIT_NUMERICS_OPTIMIZER_H

#include "crew.h"
#include "err.h"
#include "spec.h"

#define ADAM_BETA1   0.9
#define ADAM_BETA2   0.999
#define ADAM_EPSILON 1e-8

#define OPTIMIZER_AVERAGE 0.98

/* The whole state: a checkpoint that keeps t, m, v, average (and phi) resumes to the same bits. */
struct optimizer {
	enum spec_method method;
	size_t n; /* parameters */
	double rate, decay;
	uint64_t t;	   /* steps done */
	double *m, *v;	   /* [n], Adam's; NULL for gradient descent */
	double *average;   /* [n]; equal to phi at the first step's start */
	uint8_t *mask;	   /* [n], 1: decays. All ones unless optimizer_set_mask() */
	struct crew *crew; /* borrowed, or NULL: who does the work; the bits are the same */
	bool tame;	   /* m and v are known to be far from overflow; false is always right */
};

/* rate > 0 and decay >= 0, finite, rate * decay < 1: -EINVAL otherwise. */
int optimizer_new(enum spec_method method, size_t n, double rate, double decay,
		  struct optimizer **ret, struct err *e);
struct optimizer *optimizer_free(struct optimizer *o);
static inline void optimizer_freep(struct optimizer **o)
{
	*o = optimizer_free(*o);
}
#define _cleanup_optimizer_ _cleanup_(optimizer_freep)

/* mask[n] is copied: which parameters decay (see mlp_decay_mask()). */
void optimizer_set_mask(struct optimizer *o, const uint8_t *mask);

/*
 * One step down grad[n], the gradient of the loss to be *minimised*. rate_now multiplies the rate
 * (a schedule; 1 for none). -EDOM with the place when a gradient or the new phi is not finite;
 * phi and the state are then as before the call.
 */
int optimizer_step(struct optimizer *o, double *phi, const double *grad, double rate_now,
		   struct err *e);

#endif
