/* SPDX-License-Identifier: MIT */
/* p-bits that a reference spin holds, against the law over all states of the others. */
#include <check.h>
#include <math.h>
#include <stdbool.h>

#include "held.h"

#include "../run_suite.h"

#define N 5
#define M 4

/* The likeliest that unit `k` of a side leaves its reference spin's side, whatever the others are. */
static double most_likely(const int16_t *q, unsigned int k, bool hidden, double unit)
{
	unsigned int count = hidden ? N : M;
	double most = 0;

	for (unsigned int others = 0; others < 1u << count; others += 2) {
		double field = hidden ? q[k] : q[k * M];
		double sign = field < 0 ? -1 : 1;

		for (unsigned int p = 1; p < count; p++)
			field +=
				(others >> p & 1 ? 1 : -1) * (hidden ? q[p * M + k] : q[k * M + p]);
		most = fmax(most, 1 / (1 + exp(2 * unit * field * sign)));
	}
	return most;
}

START_TEST(holds_whatever_the_others_are)
{
	static const int16_t q[N * M] = {
		0,   100, -90, 3,   /* h1 and h2 by their reference spin */
		-90, 4,	  -5,  2,   /* v1 */
		90,  30,  20,  10,  /* not v2, by a little */
		5,   -1,  2,   100, /* v3 by h3, which is free */
		0,   2,	  1,   -1,
	};
	struct pbm_shape shape = { .net = PBM_NET_RBM, .n = N, .m = M, .chains = 1, .bits = 8 };
	unsigned int found = 0;

	for (double unit = 1. / 128; unit < 0.2; unit *= 1.1) {
		uint64_t held[2] = { ~0ull, ~0ull };

		held_by_references(&shape, q, unit, held);
		ck_assert_uint_eq(held[0] & ~0x1eull, 0);
		ck_assert_uint_eq(held[1] & ~0xeull, 0);
		for (unsigned int u = 1; u < N + M - 1; u++) {
			bool hidden = u >= N;
			unsigned int k = hidden ? u - N + 1 : u;
			double most = most_likely(q, k, hidden, unit);
			bool is = held[hidden] >> k & 1;

			ck_assert_int_eq(is, most <= 1e-3);
			found += is;
		}
	}
	ck_assert_uint_gt(found, 10);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("held");
	TCase *t = tcase_create("held");

	tcase_add_test(t, holds_whatever_the_others_are);
	suite_add_tcase(s, t);
	return run_suite(s);
}
