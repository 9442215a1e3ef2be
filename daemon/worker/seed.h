/* SPDX-License-Identifier: MIT */
/*
 * One seed a job; every use of the generators gets its own from it, hashed from (job seed,
 * purpose, index), so that no two uses share random words.
 */
#ifndef PBIT_WORKER_SEED_H
#define PBIT_WORKER_SEED_H

#include "splitmix.h"

enum seed_purpose {
	SEED_SPLIT = 1, /* which images are held out */
	SEED_INIT,	/* the first phi; index: model */
	SEED_SHUFFLE,	/* order of the images; index: pass over them */
	SEED_CHAINS,	/* persistent chains; index: seed_index(model, class, 0) */
	SEED_TAU,	/* traces for tau_int; index: seed_index(model, class, epoch) */
	SEED_AIS,	/* annealed importance sampling; index: as SEED_TAU */
	SEED_PICTURES,	/* generated images; index: class */
	SEED_SAMPLE,	/* a job of kind sample */
	SEED_SESSION,	/* a session's own chains; index: of the last reset */
	SEED_ROWS,	/* a session's chains that start at rows */
	SEED_MEASURE,	/* a job of kind measure; index: code */
	SEED_POSITIVE,	/* a positive phase on the device; index: as SEED_CHAINS */
};

static inline uint64_t seed_derive(uint64_t seed, enum seed_purpose purpose, uint64_t index)
{
	return splitmix(splitmix(seed, (uint64_t)purpose), index);
}

/* model < 2^8, class < 2^16, epoch < 2^40 */
static inline uint64_t seed_index(unsigned int model, unsigned int class, uint64_t epoch)
{
	return (uint64_t)model << 56 | (uint64_t) class << 40 | epoch;
}

#endif
