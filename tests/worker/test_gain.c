/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <math.h>

#include "device.h"

#include "../run_suite.h"

/* 113 bits of mantissa: beta * scale is exact, and the rest is good to 2^-111. */
__extension__ typedef __float128 quad;
#define LOG2E 1.44269504088896340735992468100189213742664595415298593Q

static uint64_t rng_state = 20240817;

static uint64_t rng(void)
{
	uint64_t z = (rng_state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static double random_double(int low, int high)
{
	int exponent = low + (int)(rng() % (unsigned int)(high - low + 1));

	return ldexp(1.0 + ldexp((double)(rng() >> 12), -52), exponent);
}

static quad exact_gain(double beta, double scale)
{
	return (quad)beta * (quad)scale * __extension__ LOG2E * (quad)ldexp(1, PBM_GAIN_FRAC + 1);
}

/* The nearest integer, so half a unit at most; the quad reference itself is off by 2^-110. */
static void check_one(double beta, double scale)
{
	quad want = exact_gain(beta, scale), got = (quad)gain_from_beta(beta, scale), error;

	if (want >= (quad)UINT64_MAX) {
		ck_assert_msg(gain_from_beta(beta, scale) == UINT64_MAX, "beta %a scale %a", beta,
			      scale);
		return;
	}
	error = got > want ? got - want : want - got;
	ck_assert_msg(error <= (quad)0.5 + want * (quad)ldexp(1, -108),
		      "beta %a scale %a: gain %ju is off by %g", beta, scale,
		      (uintmax_t)gain_from_beta(beta, scale), (double)error);
}

START_TEST(nearest_integer)
{
	int i;

	for (i = 0; i < 200000; i++)
		check_one(random_double(-40, 6), random_double(-30, 2));
}
END_TEST

START_TEST(extreme_exponents)
{
	int i;

	for (i = 0; i < 100000; i++)
		check_one(random_double(-1022, 1023), random_double(-1022, 1023));
	check_one(ldexp(1, -1074), ldexp(1, 1023)); /* a denormal */
	check_one(ldexp(3, -1074), ldexp(1, 1020));
	check_one(ldexp(1, -1074), ldexp(1, -1074));
	check_one(ldexp(1, 1023), ldexp(1, 1023));
}
END_TEST

START_TEST(known_values)
{
	/* 2 log2(e) 2^58, by arbitrary-precision arithmetic */
	ck_assert_uint_eq(gain_from_beta(1, 1), 831657068615270156ull);
	ck_assert_uint_eq(gain_from_beta(2, 0.5), 831657068615270156ull);
	ck_assert_uint_eq(gain_from_beta(0.5, 1), 415828534307635078ull);
	ck_assert_uint_eq(gain_from_beta(0, 1), 0);
	ck_assert_uint_eq(gain_from_beta(1, 0), 0);
	ck_assert_uint_eq(gain_from_beta(-0.0, 1), 0);
	ck_assert_uint_eq(gain_from_beta(ldexp(1, -1074), 1), 0);
	/* 2^-60 beta: 2 log2(e) / 4 = 0.72 rounds to 1; 2^-61: 0.36 to 0 */
	ck_assert_uint_eq(gain_from_beta(ldexp(1, -60), 1), 1);
	ck_assert_uint_eq(gain_from_beta(ldexp(1, -61), 1), 0);
}
END_TEST

START_TEST(saturates)
{
	/* 2 beta scale log2(e) < 2^6 is what fits: beta scale < 22.18 */
	ck_assert_uint_lt(gain_from_beta(22.18, 1), UINT64_MAX);
	ck_assert_uint_eq(gain_from_beta(22.2, 1), UINT64_MAX);
	ck_assert_uint_eq(gain_from_beta(1e300, 1e300), UINT64_MAX);
	check_one(22.180709777918249, 1);
}
END_TEST

START_TEST(outside_the_contract)
{
	ck_assert_uint_eq(gain_from_beta((double)NAN, 1), 0);
	ck_assert_uint_eq(gain_from_beta(1, (double)NAN), 0);
	ck_assert_uint_eq(gain_from_beta(-1, 1), 0);
	ck_assert_uint_eq(gain_from_beta(1, -1), 0);
	ck_assert_uint_eq(gain_from_beta((double)INFINITY, 0), 0);
	ck_assert_uint_eq(gain_from_beta(0, (double)INFINITY), 0);
	ck_assert_uint_eq(gain_from_beta((double)INFINITY, 1), UINT64_MAX);
	ck_assert_uint_eq(gain_from_beta(1, (double)INFINITY), UINT64_MAX);
}
END_TEST

START_TEST(monotone)
{
	uint64_t last = 0;
	double beta;

	for (beta = 1e-3; beta < 50; beta *= 1.0001) {
		uint64_t gain = gain_from_beta(beta, 0.03);

		ck_assert_uint_ge(gain, last);
		last = gain;
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("gain");
	TCase *t = tcase_create("gain");

	tcase_add_test(t, nearest_integer);
	tcase_add_test(t, extreme_exponents);
	tcase_add_test(t, known_values);
	tcase_add_test(t, saturates);
	tcase_add_test(t, outside_the_contract);
	tcase_add_test(t, monotone);
	suite_add_tcase(s, t);
	return run_suite(s);
}
