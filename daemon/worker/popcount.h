/* SPDX-License-Identifier: MIT */
/*
 * Counting bits is most of the work of correlations, and baseline x86-64 has no instruction for it:
 * hot loops are compiled twice, once WITH_POPCNT, and picked at run time. The sums are the same.
 */
#ifndef PBIT_WORKER_POPCOUNT_H
#define PBIT_WORKER_POPCOUNT_H

#include <stdbool.h>

#if defined(__x86_64__)
#define WITH_POPCNT __attribute__((target("popcnt")))
static inline bool have_popcnt(void)
{
	return __builtin_cpu_supports("popcnt");
}
#else
#define WITH_POPCNT
static inline bool have_popcnt(void)
{
	return false;
}
#endif

#endif
