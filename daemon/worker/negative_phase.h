/* SPDX-License-Identifier: MIT */
/*
 * The negative phase: persistent chains of every class on the device, one program a class.
 *
 * At each step all classes are submitted before the first is waited for, so that the device
 * overlaps them, and the caller computes the positive phase meanwhile. Step t runs sweeps
 * t K .. (t + 1) K - 1 of the generator: no random word is used twice.
 */
#ifndef PBIT_WORKER_NEGATIVE_PHASE_H
#define PBIT_WORKER_NEGATIVE_PHASE_H

#include "couplings.h"
#include "energy_ledger.h"

struct negative_phase {
	unsigned int classes;
	uint32_t sweeps, scan;
	uint64_t *seed;		  /* [classes] */
	struct program **program; /* [classes] */
	bool serial;		  /* as the device's */
	bool waits;		  /* the caller computes nothing meanwhile */
	/* The step in flight. */
	uint64_t step;
	uint32_t done, piece; /* sweeps: behind it, and on the device */
	uint64_t submitted;   /* ns */
	uint64_t device_ns;   /* that it took, all pieces */
	uint64_t moments_ns;  /* for moments, here and on devices that tell */
	/* [classes] sums of a step that was one piece, where they are so near: see below */
	const int16_t **near;
};

/* Chains start at random. model tells the chains of one model of the job from another's. */
int negative_new(struct device *d, const struct couplings *c, const struct spec_device *device,
		 uint64_t seed, unsigned int model, struct negative_phase *ret, struct err *e);
void negative_free(struct negative_phase *p);
#define _cleanup_negative_ _cleanup_(negative_free)

/* Programs the couplings. */
int negative_load(struct negative_phase *p, const struct couplings *c, struct energy_ledger *ledger,
		  struct err *e);

/* Submits the step, or its first piece where it is long. */
int negative_begin(struct negative_phase *p, const struct couplings *c, uint64_t step,
		   struct err *e);

/*
 * Waits for what was submitted and adds its sums to vh [classes][n * m], which the step's first
 * ones set. 1: the next piece is submitted, come again; the pieces are there for stop requests to
 * be heard between them. 0: the step is complete and vh = <v_i h_j> over K sweeps and all chains.
 *
 * With leave_near, of a step of one piece the sums are left where they are, as long as the device
 * has them as s16: p->near[class][n * m] then, to be divided by negative_samples() for means, until
 * the next step; p->near[class] NULL, and the means in vh, otherwise.
 */
int negative_continue(struct negative_phase *p, const struct couplings *c, bool leave_near,
		      double *vh, struct energy_ledger *ledger, struct err *e);
double negative_samples(const struct negative_phase *p);

/* Gives up the piece in flight; the chains are then somewhere within the step. */
void negative_abandon(struct negative_phase *p);

/* All states as one block of words, for checkpoints: [classes][chains][state_words]. */
size_t negative_states_size(const struct negative_phase *p);
void negative_get_states(const struct negative_phase *p, uint64_t *states);
void negative_set_states(struct negative_phase *p, const uint64_t *states);

#endif
