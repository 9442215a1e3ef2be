/* SPDX-License-Identifier: MIT */
/*
 * Runs whose sections with the FPU held are looked at, in the kernel and, for times that are the
 * processor's own, in user space: every kind of work between two rests.
 */
#ifndef TESTS_MACHINE_SECTIONS_H
#define TESTS_MACHINE_SECTIONS_H

#include <stdio.h>
#include <stdlib.h>

#include "machine.h"
#include "spread.h"

enum { CASE_MOMENTS = 1, CASE_ENERGY = 2, CASE_UNLIKE = 4 };

struct section_case {
	const char *name;
	u32 n, m, chains, bits, scan;
	u32 least, most; /* of |W| */
	u32 sweeps, flags;
};

/* Fields fit 16 bits in "8-bit" and "few values", and do not in "wide". */
static const struct section_case section_cases[] = {
	{ "8-bit", 784, 512, 64, 8, 0, 0, 35, 6, 0 },
	{ "8-bit, one chain", 784, 512, 1, 8, 0, 0, 35, 60, 0 },
	{ "8-bit, random direction", 784, 512, 64, 8, PBM_SCAN_RANDOM_DIRECTION, 0, 35, 6, 0 },
	{ "8-bit, palindrome", 784, 512, 64, 8, PBM_SCAN_PALINDROME, 0, 35, 4, 0 },
	{ "8-bit, moments", 784, 512, 64, 8, 0, 0, 35, 5, CASE_MOMENTS },
	{ "8-bit, energies", 784, 512, 64, 8, 0, 0, 35, 3, CASE_ENERGY },
	{ "8-bit, p-bits differ", 784, 512, 16, 8, 0, 0, 35, 3, CASE_UNLIKE },
	{ "wide", 784, 512, 64, 8, 0, 95, 127, 4, 0 },
	{ "16-bit", 784, 512, 16, 16, 0, 0, 9000, 3, 0 },
	{ "16-bit, moments", 784, 512, 16, 16, 0, 0, 9000, 3, CASE_MOMENTS },
	{ "16-bit, p-bits differ", 784, 512, 8, 16, 0, 0, 9000, 3, CASE_UNLIKE },
	{ "8-bit", 2048, 2048, 16, 8, 0, 0, 24, 2, 0 },
	{ "8-bit, moments", 2048, 2048, 16, 8, 0, 0, 24, 2, CASE_MOMENTS },
	{ "wide", 2048, 2048, 16, 8, 0, 0, 127, 2, 0 },
	{ "16-bit", 2048, 2048, 4, 16, 0, 0, 9000, 2, 0 },
	{ "few values", 16384, 64, 16, 8, 0, 0, 3, 4, 0 },
	{ "few values", 64, 16384, 16, 8, PBM_SCAN_PALINDROME, 0, 3, 4, 0 },
	{ "wide", 16384, 64, 16, 8, 0, 0, 127, 3, CASE_MOMENTS },
	{ "wide", 64, 16384, 16, 8, PBM_SCAN_RANDOM_DIRECTION, 0, 127, 3, CASE_ENERGY },
	{ "16-bit", 16384, 64, 4, 16, 0, 0, 9000, 2, 0 },
};

#define SECTION_CASES (sizeof(section_cases) / sizeof(section_cases[0]))

/* So hot that about one update in six changes its p-bit. */
static inline u64 section_gain(const struct section_case *c)
{
	u32 root = 1, units = (c->n + c->m) / 2, mean = (c->least + c->most) / 2;

	while ((root + 1) * (root + 1) <= units)
		root++;
	return (1ull << PBM_GAIN_FRAC) / ((u64)root * (mean ? mean : 1) / 3 + 1);
}

static inline void section_couplings(const struct section_case *c, void *w)
{
	u32 x = 1, k;

	for (k = 0; k < c->n * c->m; k++) {
		s32 v;

		x = x * 1664525 + 1013904223;
		v = (s32)(c->least + (x >> 8) % (c->most - c->least + 1));
		v = x >> 31 ? -v : v;
		if (c->bits == 8)
			((s8 *)w)[k] = (s8)v;
		else
			((s16 *)w)[k] = (s16)v;
	}
}

static const struct pbm_spread_params section_spread = {
	.seed = 7,
	.beta = 80000,
	.offset = 25000,
	.drift = 40000,
	.drift_period = 50,
	.stuck = 50000,
};

static inline int section_by_ns(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return (x > y) - (x < y);
}

/* Sorts the times; what: of what they are. */
static inline void section_tell(const struct section_case *c, const char *what, u64 *ns,
				size_t count)
{
	char shape[24];

	snprintf(shape, sizeof(shape), "%u x %u", c->n, c->m);
	if (!count) {
		printf("%-12s %-24s no %s\n", shape, c->name, what);
		return;
	}
	qsort(ns, count, sizeof(*ns), section_by_ns);
	printf("%-12s %-24s %8zu %-9s median %7.1f us, 99%% %7.1f us, longest %7.1f us\n", shape,
	       c->name, count, what, (double)ns[count / 2] * 1e-3,
	       (double)ns[count * 99 / 100] * 1e-3, (double)ns[count - 1] * 1e-3);
}

#endif
