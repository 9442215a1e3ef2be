/* SPDX-License-Identifier: MIT */
/*
 * Mixing in the loss: how slowly the chain of W_u forgets, exactly, as a term beside the likelihood,
 *
 *	lambda sum_u (B_u / B) ln(1 + O(W_u)),   O = T_O / (n m) or tau_max, in sweeps,
 *
 * of the spec's kernel (exact/mixing.h). For slow chains lambda is what an e-fold of O is worth in
 * nats an image, whatever the model's size. The 1 bounds the term below: without it a model that
 * freezes, whose variances and with them T_O go to 0 exponentially, would be rewarded without end.
 * Its gradient dO / (1 + O) comes from one solve a class, at the couplings that the device holds,
 * and is handed to the real W unchanged, as that of the likelihood is. tau_max is the largest of
 * many: its gradient is that of the observable that is slowest now.
 */
#ifndef PBIT_WORKER_MIXING_LOSS_H
#define PBIT_WORKER_MIXING_LOSS_H

#include <jansson.h>

#include "couplings.h"
#include "spec.h"

/* grad[classes][n * m] = d ln(1 + O(W_u)) / dW_u. -EDOM when a solve is refused, with the class. */
int mixing_loss_gradient(const struct spec_train *s, const struct couplings *c, double *grad,
			 struct err *e);

/* What the kernel's chains are like, of every class. */
struct mixing_exact {
	unsigned int classes;
	double *t_o, *sum_var, *tau_max; /* [classes]; T_O and tau_max in steps */
	double steps_per_sweep;
};

int mixing_exact_measure(const struct spec_train *s, const struct couplings *c,
			 struct mixing_exact *ret, struct err *e);
void mixing_exact_free(struct mixing_exact *x);
#define _cleanup_mixing_exact_ _cleanup_(mixing_exact_free)

/* Of the class where it is largest. */
double mixing_exact_worst(const struct mixing_exact *x, const double *values);

/* The report's "mixing.exact". */
json_t *mixing_exact_to_json(const struct spec_train *s, const struct mixing_exact *x);

#endif
