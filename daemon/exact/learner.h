/* SPDX-License-Identifier: MIT */
/*
 * A hypernetwork W = g_phi(u) that learns the four teachers of one split axis at once: an m x m RBM
 * without biases, beta 1, loss the mean over the codes of
 *
 *	KL_k = sum_v p_k(v) (ln p_k(v) - ln p(v; W_u_k)),
 *	dKL_k / dW_ij = <v_i h_j>_model - <v_i h_j>_teacher,
 *
 * all sums over the 2^(m-1) visible states up to the flip, nothing sampled. Adam without decay.
 */
#ifndef PBIT_EXACT_LEARNER_H
#define PBIT_EXACT_LEARNER_H

#include "mlp.h"
#include "optimizer.h"
#include "teacher.h"

#define LEARNER_HIDDEN 8
#define LEARNER_OUT_SD 1.0 /* of the start: |W_ij| is about 0.4 |u| */
#define LEARNER_RATE   0.05

struct learner {
	unsigned int m;
	struct mlp *g;
	struct optimizer *optimizer;
	double *law;	/* [TEACHER_CODES][2^m] */
	double *w, *dw; /* [TEACHER_CODES][m * m] of the last step */
	double *grad;	/* [params] */
	double *log_p;	/* [2^(m-1)] scratch */
	double *tanhs;	/* [2^(m-1)][m] scratch */
	struct mlp_tape tape;
};

/* phi_0 from the seed. -EINVAL as teacher_law(). */
int learner_new(unsigned int m, unsigned int axis, uint64_t seed, struct learner **ret,
		struct err *e);
struct learner *learner_free(struct learner *l);
static inline void learner_freep(struct learner **l)
{
	*l = learner_free(*l);
}
#define _cleanup_learner_ _cleanup_(learner_freep)

/* The loss at phi, nats; grad: NULL, or [params]. */
int learner_loss(struct learner *l, double *ret_kl, double *grad, struct err *e);
/* So many steps. -EDOM when the descent leaves the finite numbers. */
int learner_train(struct learner *l, unsigned int steps, struct err *e);
/* w[m * m] = g_phi(u_code). */
int learner_couplings(const struct learner *l, unsigned int code, double *w, struct err *e);

/* KL and dKL/dW[m * m] of one teacher, at couplings w; the scratch is l's. */
double learner_kl(struct learner *l, const double *law, const double *w, double *dw);

#endif
