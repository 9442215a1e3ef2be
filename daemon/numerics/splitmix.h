/* SPDX-License-Identifier: MIT */
/*
 * Counter-based random numbers for what happens off the device: splits, initial weights. A number
 * is a function of (seed, counter) alone. The device has its own generator.
 */
#ifndef PBIT_NUMERICS_SPLITMIX_H
#define PBIT_NUMERICS_SPLITMIX_H

#include <math.h>
#include <stdint.h>

/* The finaliser of SplitMix64 (Steele, Lea and Flood 2014). */
static inline uint64_t splitmix_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static inline uint64_t splitmix(uint64_t seed, uint64_t counter)
{
	return splitmix_mix(splitmix_mix(seed) + (counter + 1) * 0x9e3779b97f4a7c15u);
}

/* In (0, 1): 52 bits and a half, so neither end is met. */
static inline double splitmix_uniform(uint64_t seed, uint64_t counter)
{
	return ((double)(splitmix(seed, counter) >> 12) + 0.5) * 0x1p-52;
}

/* Below n > 0, without bias that could be seen: n is far below 2^32. */
static inline uint64_t splitmix_below(uint64_t seed, uint64_t counter, uint32_t n)
{
	return ((splitmix(seed, counter) >> 32) * n) >> 32;
}

/* Standard normal by Box and Muller, from the counters 2i and 2i + 1. */
static inline double splitmix_normal(uint64_t seed, uint64_t i)
{
	double r = sqrt(-2 * log(splitmix_uniform(seed, 2 * i)));

	return r * cos(6.283185307179586477 * splitmix_uniform(seed, 2 * i + 1));
}

#endif
