/* SPDX-License-Identifier: MIT */
/*
 * One model in training: W = g_phi(u) for every class u, by stochastic gradient descent on the
 * negative log-likelihood of the images.
 *
 *	dL/dW_u = -beta ( sum_(v in batch of u) v <h|v>' / B  -  B_u / B <v h'>_u ),
 *
 * B images in the batch, B_u of them of class u; with mixing in the loss (mixing_loss.h), its
 * gradient is added. Both phases are taken at the quantised couplings
 * and the gradient is handed to the real W unchanged (straight through), then to phi by
 * backpropagation, then to the optimizer, whose rate falls to zero along half a cosine over all
 * steps. What is evaluated and kept is its average of phi.
 *
 * Two models: the hypernetwork, and the table of separate RBMs that share nothing. A hypernetwork
 * of one class, without layers, is that table, too.
 */
#ifndef PBIT_WORKER_TRAINER_H
#define PBIT_WORKER_TRAINER_H

#include "checkpoint.h"
#include "control.h"
#include "couplings.h"
#include "dataset.h"
#include "energy_ledger.h"
#include "mlp.h"
#include "negative_phase.h"
#include "optimizer.h"
#include "positive_sampled.h"
#include "spec.h"

enum trainer_model { MODEL_HYPERNETWORK, MODEL_SEPARATE, MODEL_COUNT };
extern const char *const trainer_names[MODEL_COUNT];

/* What a step's time goes to; the positive phase while the device is busy. */
enum trainer_time {
	TIME_SAMPLER,  /* the device, less its moments; both phases, if both are sampled */
	TIME_MOMENTS,  /* where the device tells */
	TIME_POSITIVE, /* the positive phase */
	TIME_GRADIENT, /* the network's two ways, the minibatch, the optimizer */
	TIME_LOADING,  /* couplings to the device: quantised, and its image */
	TIME_ALL,      /* all of it; less than the parts where phases overlap */
	TIME_COUNT
};
extern const char *const trainer_time_names[TIME_COUNT];

struct trainer {
	enum trainer_model model;
	const struct spec_train *spec; /* borrowed, as is the data */
	const struct dataset *data;
	uint64_t seed;
	size_t n, m; /* reference spins included, if there are some */

	size_t code_dim;
	double *codes; /* [classes][code_dim] */
	struct mlp *mlp;
	struct optimizer *optimizer;
	struct mlp_tape tape;
	struct couplings couplings; /* at phi */
	struct negative_phase negative;
	/* The positive phase: one of these, by optimizer.positive. */
	struct positive *positive;
	struct positive_sampled sampled;
	struct crew *crew;

	double *w;	   /* [classes][n * m], also its gradient */
	double *grad;	   /* [params] */
	double *pos, *neg; /* [classes][n * m] sums, means */
	double *mix;	   /* [classes][n * m] of mixing_loss.h, or NULL */
	int8_t *rows;	   /* a minibatch of one class */
	uint32_t *order;   /* training rows in the order of the pass */
	uint64_t pass;	   /* to which order belongs; UINT64_MAX: none yet */

	uint64_t ns[TIME_COUNT]; /* of steps, until someone sets them to zero */

	uint64_t step; /* steps done */
	bool torn;     /* a stop request came within a step: its chains are of no use */
};

/* codes: the model's array, or with data == NULL one-hot. */
int trainer_new(enum trainer_model model, const struct spec_train *spec, uint64_t seed,
		const struct dataset *data, const struct array *codes, struct device *d,
		struct trainer **ret, struct err *e);
struct trainer *trainer_free(struct trainer *t);
static inline void trainer_freep(struct trainer **t)
{
	*t = trainer_free(*t);
}

/*
 * One gradient step. control may be NULL; otherwise its requests are heard within long steps and
 * come back as errors (see control.h), with torn set: the state is then not to be saved.
 */
int trainer_step(struct trainer *t, struct control *control, struct energy_ledger *ledger,
		 struct err *e);

/* Room for the couplings of all classes. */
int trainer_couplings_new(const struct trainer *t, struct couplings *ret, struct err *e);
/* W of all classes at a given phi [params], quantised. */
int trainer_couplings(struct trainer *t, const double *phi, struct couplings *c, struct err *e);

/* The part of the state that a step changes, in sections; the rest follows from the spec. */
void trainer_save(const struct trainer *t, struct checkpoint *c);
int trainer_load(struct trainer *t, const struct checkpoint *c, struct err *e);

#endif
