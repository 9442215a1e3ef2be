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
	int64_t submitted;	  /* us, of the step in flight */
};

/* Chains start at random. model tells the chains of one model of the job from another's. */
int negative_new(struct device *d, const struct couplings *c, const struct spec_device *device,
		 uint64_t seed, unsigned int model, struct negative_phase *ret, struct err *e);
void negative_free(struct negative_phase *p);
#define _cleanup_negative_ _cleanup_(negative_free)

int negative_submit(struct negative_phase *p, const struct couplings *c, uint64_t step,
		    struct energy_ledger *ledger, struct err *e);
/* vh: [classes][n * m] = <v_i h_j> over K sweeps and all chains. */
int negative_wait(struct negative_phase *p, double *vh, struct energy_ledger *ledger,
		  struct err *e);

/* All states as one block of words, for checkpoints: [classes][chains][state_words]. */
size_t negative_states_size(const struct negative_phase *p);
void negative_get_states(const struct negative_phase *p, uint64_t *states);
void negative_set_states(struct negative_phase *p, const uint64_t *states);

#endif
