// SPDX-License-Identifier: MIT
/*
 * The law: the number of random words for which a p-bit of field F falls to +1, counted exactly,
 * against 2^32 sigma(beta I). The stated bound is PBM_LAW_ERROR_UNITS units of 2^-32, plus half a
 * unit of the gain's last place times the field.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "law.h"

#include "../run_suite.h"

static u64 random_state;

static u64 next_random(void)
{
	u64 z = (random_state += 0x9e3779b97f4a7c15ull);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* 2^32 sigma(-y ln 2), y = |F| gain. */
static long double exact_minority(u32 abs_field, u64 gain)
{
	long double y = (long double)abs_field * gain / exp2l(PBM_GAIN_FRAC);

	return exp2l(32) / (1 + exp2l(y));
}

static void check_field(u32 abs_field, u64 gain)
{
	long double diff = exact_minority(abs_field, gain) - pbm_minority(abs_field, gain);

	ck_assert_msg(fabsl(diff) <= PBM_LAW_ERROR_UNITS, "F %u gain %016llx: off by %g", abs_field,
		      (unsigned long long)gain, (double)diff);
}

/* Gains from 2^-40 to saturated: a mantissa of random bits at each exponent. */
static u64 some_gain(unsigned int i)
{
	return (next_random() | 1ull << 63) >> i % 64;
}

START_TEST(minority_against_sigma)
{
	unsigned int i, k;

	random_state = 1;
	for (i = 0; i < 640; i++) {
		u64 gain = some_gain(i);

		for (k = 0; k < 200; k++)
			check_field((u32)(next_random() >> (33 + next_random() % 31)), gain);
		for (k = 0; k < 32; k++)
			check_field(k, gain);
	}
}
END_TEST

/* Counting words: pbm_decide() is +1 for exactly T of the 2^32 words, and they are one interval. */
START_TEST(words_counted)
{
	unsigned int i;

	random_state = 2;
	for (i = 0; i < 20000; i++) {
		u64 gain = some_gain(i);
		s32 f = (s32)(next_random() >> (33 + next_random() % 31));
		u32 t;

		if (i & 1)
			f = -f;
		t = pbm_minority(f < 0 ? -(u32)f : (u32)f, gain);
		/* the words below t (F < 0) or the top t ones (F >= 0) are the less likely side */
		if (f < 0) {
			ck_assert(!t || pbm_decide(f, gain, t - 1) == 1);
			ck_assert(pbm_decide(f, gain, t) == 0);
			ck_assert(pbm_decide(f, gain, ~0u) == 0);
			ck_assert(!t || pbm_decide(f, gain, 0) == 1);
		} else {
			ck_assert(!t || pbm_decide(f, gain, ~(t - 1)) == 0);
			ck_assert(pbm_decide(f, gain, ~t) == 1);
			ck_assert(pbm_decide(f, gain, 0) == 1);
			ck_assert(!t || pbm_decide(f, gain, ~0u) == 0);
		}
	}
}
END_TEST

/* Every one of the 2^32 words, for one field: the count is the probability. */
START_TEST(all_words)
{
	const s32 field = -5;
	u64 gain = (u64)(0.31 * (double)(1ull << PBM_GAIN_FRAC)), up = 0, w;

	for (w = 0; w < 1ull << 32; w++)
		up += pbm_decide(field, gain, (u32)w);
	ck_assert_uint_eq(up, pbm_minority(5, gain));
}
END_TEST

START_TEST(even_and_monotone)
{
	unsigned int i, k;

	random_state = 3;
	for (i = 0; i < 64 * 20; i++) {
		u64 gain = some_gain(i);
		u32 f = 0, before = 1u << 31;

		ck_assert_uint_eq(pbm_minority(0, gain), 1u << 31);
		for (k = 0; k < 400; k++) {
			u32 t;

			f += 1 + (u32)(next_random() % (1 + k / 8 * k));
			t = pbm_minority(f, gain);
			ck_assert_uint_le(t, before);
			before = t;
		}
	}
	/* 2^-f falls at every one of the table's seams and between neighbours */
	for (k = 1; k < 64; k++)
		for (i = 0; i < 64; i++)
			ck_assert(pbm_exp2_neg(((u64)k << 30) - 32 + i) >
				  pbm_exp2_neg(((u64)k << 30) - 31 + i));
}
END_TEST

/* The ends: no gain is a fair coin, a saturated gain follows the field, tails are kept. */
START_TEST(ends)
{
	ck_assert_uint_eq(pbm_minority(2147483647u, 0), 1u << 31);
	ck_assert_uint_eq(pbm_minority(1, ~0ull), 0);
	ck_assert_uint_eq(pbm_minority(0, ~0ull), 1u << 31);
	/* y = 32: 2^32 sigma = 1 */
	ck_assert_uint_eq(pbm_minority(32, 1ull << PBM_GAIN_FRAC), 1);
	ck_assert_uint_eq(pbm_minority(33, 1ull << PBM_GAIN_FRAC), 0);
	ck_assert_uint_eq(pbm_minority(20, 1ull << PBM_GAIN_FRAC), 4096);
}
END_TEST

START_TEST(table_is_right)
{
	unsigned int k;

	for (k = 0; k < 64; k++)
		/* exp2l itself is good to about half a unit here */
		ck_assert_int_le(
			llabs((s64)pbm_exp2_table[k] - llrintl(exp2l(62 - (long double)k / 64))),
			1);
}
END_TEST

/*
 * The fast decision never goes outside its band: at the word where the exact decision turns, the
 * two sides of its comparison differ by at most PBM_FAST_BAND. Every |F| up to 32767 at 400 gains.
 */
START_TEST(fast_band)
{
	s32 worst = 0;
	unsigned int i;
	u32 f;

	random_state = 4;
	for (i = 0; i < 400; i++) {
		u64 gain = some_gain(i);
		struct pbm_fast fast;

		pbm_fast_init(&fast, gain);
		for (f = 0; f <= 32767; f++) {
			u32 t = pbm_minority(f, gain);
			s32 margin = pbm_fast_margin(&fast, f, t >> 16);

			/* below t the exact decision is "minor" for all low halves of v - 1 */
			worst = abs(margin) > worst ? abs(margin) : worst;
			if (f > 64 && !t)
				break;
		}
	}
	ck_assert_int_lt(worst, PBM_FAST_BAND);	    /* a route's z may be lower by one */
	ck_assert_int_ge(worst, PBM_FAST_BAND / 4); /* the band is not idly wide */
	printf("fast decision: worst margin %d of %d\n", worst, PBM_FAST_BAND);
}
END_TEST

/* The margin at the word where the exact decision turns, for a field of either sign. */
static s32 turning_margin(const struct pbm_fast *fast, s32 field, u64 gain)
{
	s32 near = pbm_fast_field(fast, field), mag = abs(near);
	u32 t = pbm_minority((u32)abs(field), gain), word = field < 0 ? t : ~t;

	ck_assert(mag <= 32767 || !fast->hot);
	return pbm_fast_margin(fast, mag <= 32767 ? (u32)mag : 32767,
			       (near < 0 ? word : ~word) >> 16);
}

/* The same where fields are divided: of either sign, near 0 and up to the largest there are. */
START_TEST(wide_band)
{
	s32 worst = 0, divided = 0;
	unsigned int i, k;

	random_state = 5;
	for (i = 0; i < 2000; i++) {
		u64 gain = some_gain(i) >> next_random() % 16;
		struct pbm_fast fast;

		pbm_fast_init_wide(&fast, gain);
		divided += fast.down != 0;
		ck_assert_int_eq(fast.band, fast.down ? PBM_FAST_WIDE_BAND : PBM_FAST_BAND);
		for (k = 0; k < 4000; k++) {
			s32 most = (s32)(16384u * 32767u >> next_random() % 29);
			s32 field = (s32)(next_random() % (2 * (u64)most + 1)) - most;
			s32 margin = abs(turning_margin(&fast, field, gain));

			ck_assert_int_lt(margin, fast.band);
			if (fast.down && margin > worst)
				worst = margin;
		}
	}
	ck_assert_int_gt(divided, 200);
	ck_assert_int_ge(worst, PBM_FAST_WIDE_BAND / 2);
	printf("divided fields: worst margin %d of %d\n", worst, PBM_FAST_WIDE_BAND);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("law");
	TCase *t = tcase_create("law");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, minority_against_sigma);
	tcase_add_test(t, words_counted);
	tcase_add_test(t, all_words);
	tcase_add_test(t, even_and_monotone);
	tcase_add_test(t, ends);
	tcase_add_test(t, table_is_right);
	tcase_add_test(t, fast_band);
	tcase_add_test(t, wide_band);
	suite_add_tcase(s, t);
	return run_suite(s);
}
