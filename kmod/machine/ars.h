/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Random words: ARS, the AES-round counter generator of Salmon, Moraes, Dror and Shaw ("Parallel
 * random numbers: as easy as 1, 2, 3", SC 2011), with 7 rounds, which its authors recommend.
 *
 * One block is 128 bits, a pure function of a key and a counter:
 *
 *	key      low 64 bits: the seed; high 64 bits: ARS_KEY_HIGH
 *	counter  word 0: what the block is for within the sweep (a group of 8 p-bits)
 *	         word 1: chain
 *	         word 2: sweep, low 32 bits
 *	         word 3: sweep, next 24 bits | visit << 24 | use << 28
 *
 * Words are little-endian. The 16-bit lane k of an ARS_USE_UPPER block is the upper half of the
 * uniform 32-bit word of p-bit 8 g + k, the same lane of the ARS_USE_LOWER block its lower half.
 * visit counts the updates of the same p-bit within one sweep (the palindrome has two).
 */
#ifndef PBM_ARS_H
#define PBM_ARS_H

#include "machine.h"

#define ARS_ROUNDS     7
#define ARS_MAX_ROUNDS 10
#define ARS_KEY_HIGH   0x706269746d616368ull
#define ARS_HIDDEN     0x80000000u /* set in word 0 for groups of hidden p-bits */
#define ARS_SWEEP_BITS 56

enum ars_use {
	ARS_USE_UPPER = 0,
	ARS_USE_LOWER = 1,
	ARS_USE_ORDER = 2,  /* bit t % 128 of block "sweep t / 128": direction of sweep t */
	ARS_USE_INIT = 3,   /* 128 initial spins, word 0 = side | index of the 128 */
	ARS_USE_SPREAD = 4, /* what a p-bit of the device is like, word 0 = p-bit; see spread.h */
};

/* Weyl sequence of round keys: golden ratio, sqrt(3) - 1. */
#define ARS_WEYL_LOW  0x9e3779b97f4a7c15ull
#define ARS_WEYL_HIGH 0xbb67ae8584caa73bull

struct ars_block {
	u64 w[2];
};

struct ars_key {
	struct ars_block k[ARS_MAX_ROUNDS + 1];
};

static inline void ars_key_init(struct ars_key *key, u64 low, u64 high)
{
	unsigned int r;

	for (r = 0; r <= ARS_MAX_ROUNDS; r++) {
		key->k[r].w[0] = low;
		key->k[r].w[1] = high;
		low += ARS_WEYL_LOW;
		high += ARS_WEYL_HIGH;
	}
}

static inline void ars_key_seed(struct ars_key *key, u64 seed)
{
	ars_key_init(key, seed, ARS_KEY_HIGH);
}

static inline struct ars_block ars_counter(u32 word0, u32 chain, u64 sweep, u32 visit, u32 use)
{
	u32 top = (u32)(sweep >> 32 & 0xffffff) | visit << 24 | use << 28;
	struct ars_block c = { { (u64)chain << 32 | word0, (u64)top << 32 | (u32)sweep } };

	return c;
}

/* Portable, with a table; the vector routes use AES instructions. rounds <= ARS_MAX_ROUNDS. */
struct ars_block ars_encrypt(const struct ars_key *key, struct ars_block counter,
			     unsigned int rounds);

static inline u32 ars_lane(const struct ars_block *b, u32 lane)
{
	return (u32)(b->w[lane / 4] >> 16 * (lane % 4)) & 0xffff;
}

/* The coins of 128 sweeps of a chain, and that of one of them: 1 visible first, 0 hidden first. */
static inline struct ars_block ars_coins(const struct ars_key *key, u32 chain, u64 sweep)
{
	return ars_encrypt(key, ars_counter(0, chain, sweep >> 7, 0, ARS_USE_ORDER), ARS_ROUNDS);
}

static inline u32 ars_coin(const struct ars_block *coins, u64 sweep)
{
	return (u32)(coins->w[sweep / 64 % 2] >> sweep % 64) & 1;
}

static inline u32 ars_direction(const struct ars_key *key, u32 chain, u64 sweep)
{
	struct ars_block coins = ars_coins(key, chain, sweep);

	return ars_coin(&coins, sweep);
}

#endif
