/* SPDX-License-Identifier: MIT */
/*
 * The threads of a job off the device: loops over arrays, cut in parts. What a part computes must
 * not depend on who computes it, nor on how many threads there are; then neither do the bits.
 */
#ifndef PBIT_NUMERICS_CREW_H
#define PBIT_NUMERICS_CREW_H

#include "err.h"

struct crew;

/* threads: 1 to POOL_MAX_THREADS, the caller's included. */
int crew_new(unsigned int threads, struct crew **ret, struct err *e);
struct crew *crew_free(struct crew *c);
/* The caller's included; of NULL, the caller alone. Parts side by side are at most so many. */
unsigned int crew_threads(const struct crew *c);

/*
 * part(data, k) for every k below parts, in any order and side by side; returns when all are done.
 * crew may be NULL: the caller alone. Waking threads takes some 10 us, so that only parts that
 * take as long are worth more than one.
 */
void crew_run(struct crew *c, size_t parts, void (*part)(void *data, size_t k), void *data);

/* A loop over many numbers: parts of so many, the last one shorter. */
#define CREW_PART ((size_t)1 << 15)

static inline size_t crew_parts(size_t count)
{
	return (count + CREW_PART - 1) / CREW_PART;
}

/* Part k of `count` numbers: from where, and how many. */
static inline size_t crew_part(size_t count, size_t k, size_t *ret_from)
{
	*ret_from = k * CREW_PART;
	return MIN(CREW_PART, count - *ret_from);
}

#endif
