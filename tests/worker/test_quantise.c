// SPDX-License-Identifier: MIT
/* Real couplings to device integers: the scale's rule, rounding, and every refusal. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "quantise.h"
#include "splitmix.h"

#include "../run_suite.h"

/* The largest coupling gets the largest integer, at a scale of 24 bits that makes W_q exact. */
START_TEST(scale_uses_the_whole_range)
{
	for (unsigned int bits = 8; bits <= 16; bits += 8) {
		double limit = quantise_limit(bits);

		for (uint64_t k = 0; k < 2000; k++) {
			double max = exp(20 * splitmix_uniform(bits, k) - 9);
			double scale = quantise_scale(max, bits);
			int exponent;
			double mantissa = ldexp(frexp(scale, &exponent), 24);

			if (scale == QUANTISE_MIN_SCALE)
				continue;
			ck_assert_double_eq(mantissa, rint(mantissa));
			ck_assert_double_eq(rint(max / scale), limit);
			ck_assert_double_ge(scale * limit, max);
			ck_assert_double_le(scale * limit, max * (1 + 0x1p-22));
		}
	}
}
END_TEST

START_TEST(scale_at_the_edges)
{
	ck_assert_double_eq(quantise_scale(0, 8), QUANTISE_MIN_SCALE);
	ck_assert_double_eq(quantise_scale(127, 8), 1);
	ck_assert_double_eq(quantise_scale(254, 8), 2);
	ck_assert_double_eq(quantise_scale(32767, 16), 1);
	ck_assert_double_eq(quantise_scale(127 * QUANTISE_MAX_SCALE, 8), QUANTISE_MAX_SCALE);
	ck_assert_double_eq(quantise_scale(128 * QUANTISE_MAX_SCALE, 8), 0);
	ck_assert_double_eq(quantise_scale(INFINITY, 8), 0);
	ck_assert_double_eq(quantise_scale(NAN, 8), 0);
	ck_assert_double_eq(quantise_scale(5e-324, 16), QUANTISE_MIN_SCALE);
}
END_TEST

START_TEST(rounds_to_nearest_even)
{
	static const double w[] = { 0.5, 1.5, 2.5, -0.5, -1.5, 0.49, -127, 127.4, 0 };
	static const int16_t expected[] = { 0, 2, 2, 0, -2, 0, -127, 127, 0 };
	int16_t q[9];
	double wq[9], scale;

	ck_assert_int_eq(quantise(w, 3, 3, 8, 1, "W", q, wq, &scale, NULL), 0);
	ck_assert_double_eq(scale, 1);
	for (int i = 0; i < 9; i++) {
		ck_assert_int_eq(q[i], expected[i]);
		ck_assert_double_eq(wq[i], expected[i]);
	}
}
END_TEST

/* The error is at most half a scale, and W_q is a fixed point. */
START_TEST(quantised_couplings_stay)
{
	double w[200], wq[200], again[200], scale, scale2;
	int16_t q[200], q2[200];

	for (unsigned int bits = 8; bits <= 16; bits += 8) {
		double max = 0;

		for (uint64_t i = 0; i < 200; i++) {
			w[i] = splitmix_normal(bits, i);
			max = MAX(max, fabs(w[i]));
		}
		ck_assert_int_eq(quantise(w, 20, 10, bits, 0, "W", q, wq, &scale, NULL), 0);
		ck_assert_double_eq(scale, quantise_scale(max, bits));
		for (int i = 0; i < 200; i++) {
			ck_assert_double_le(fabs(wq[i] - w[i]), scale / 2);
			ck_assert_double_eq(wq[i], scale * q[i]);
		}
		ck_assert_int_eq(quantise(wq, 20, 10, bits, scale, "W", q2, again, &scale2, NULL),
				 0);
		ck_assert(!memcmp(q, q2, sizeof(q)) && !memcmp(wq, again, sizeof(wq)));
		/* In place, and without W_q. */
		ck_assert_int_eq(quantise(w, 20, 10, bits, 0, "W", q2, NULL, &scale, NULL), 0);
		ck_assert_int_eq(quantise(w, 20, 10, bits, 0, "W", q2, w, &scale, NULL), 0);
		ck_assert(!memcmp(q, q2, sizeof(q)) && !memcmp(wq, w, sizeof(wq)));
	}
}
END_TEST

static void refused(const double *w, unsigned int bits, double scale, int code, const char *says)
{
	int16_t q[6] = { 9, 9, 9, 9, 9, 9 };
	double wq[6] = { 9 }, used = 9;
	struct err e = {};

	ck_assert_int_eq(quantise(w, 2, 3, bits, scale, "W of code 3", q, wq, &used, &e), code);
	ck_assert_msg(strstr(e.text, says), "\"%s\" lacks \"%s\"", e.text, says);
	ck_assert_ptr_eq(strstr(e.text, "W of code 3"), e.text);
	ck_assert(q[0] == 9 && q[5] == 9 && wq[0] == 9 && used == 9);
}

START_TEST(refusals)
{
	double w[6] = { 1, 2, 3, 4, 5, 128 };

	refused(w, 8, 1, -ERANGE, "128 in row 1, column 2");
	refused(w, 7, 1, -EINVAL, "7 bits");
	refused(w, 8, -1, -EINVAL, "scale is -1");
	refused(w, 8, NAN, -EINVAL, "scale");
	refused(w, 8, INFINITY, -EINVAL, "scale");
	refused(w, 8, 1e-320, -ERANGE, "row 0, column 0");
	w[5] = 32768;
	refused(w, 16, 1, -ERANGE, "row 1, column 2");
	w[5] = -32768; /* has no negative in s16 */
	refused(w, 16, 1, -ERANGE, "row 1, column 2");
	w[5] = 1e300;
	refused(w, 8, 0, -ERANGE, "1e+300");
	w[4] = NAN;
	refused(w, 8, 0, -EDOM, "row 1, column 1");
	w[4] = 0;
	w[1] = -INFINITY;
	refused(w, 16, 1, -EDOM, "row 0, column 1");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("quantise");
	TCase *t = tcase_create("quantise");

	tcase_add_test(t, scale_uses_the_whole_range);
	tcase_add_test(t, scale_at_the_edges);
	tcase_add_test(t, rounds_to_nearest_even);
	tcase_add_test(t, quantised_couplings_stay);
	tcase_add_test(t, refusals);
	suite_add_tcase(s, t);
	return run_suite(s);
}
