/* SPDX-License-Identifier: MIT */
#ifndef PBIT_TESTS_EXACT_SUPPORT_H
#define PBIT_TESTS_EXACT_SUPPORT_H

#include <check.h>
#include <math.h>
#include <string.h>

#include "../run_suite.h"
#include "exact/mixing.h"

#define MAX_W 144

/* Uniform in -scale .. scale, a function of the seed alone. */
static inline void random_couplings(double *w, size_t count, double scale, uint64_t seed)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;

	for (size_t a = 0; a < count; a++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		w[a] = scale * ((double)(x >> 11) * 0x1p-52 - 1);
	}
}

static inline struct exact_mixing *mixing(const double *w, unsigned int n, unsigned int m,
					  double beta, const struct exact_ask *ask)
{
	struct exact_model mo = { n, m, beta, w };
	struct exact_mixing *x = NULL;
	struct err e = { 0 };
	int r = exact_mixing_of(&mo, ask, NULL, &x, &e);

	ck_assert_msg(r == 0, "%s", e.text);
	return x;
}

static inline double relative(double a, double b)
{
	return fabs(a - b) / fabs(b);
}

/* The reference instance: m = n = 2, W = g_phi(u) of a 2-3-4 tanh MLP. */
static const double reference_w[4] = { -0.165460216688931, -0.503730108081027, -0.136124001192678,
				       -0.608282363834905 };

static inline int run_cases(const char *name, void (*add)(TCase *t))
{
	Suite *s = suite_create(name);
	TCase *t = tcase_create(name);

	tcase_set_timeout(t, 600);
	add(t);
	suite_add_tcase(s, t);
	return run_suite(s);
}

#endif
