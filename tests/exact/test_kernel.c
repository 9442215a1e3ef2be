// SPDX-License-Identifier: MIT
/* Names, units, and A2. */
#include "brute.h"

START_TEST(test_names)
{
	enum exact_kernel k = EXACT_MIXTURE;
	struct err e = { 0 };

	for (unsigned int i = 0; i < EXACT_KERNELS; i++) {
		ck_assert_int_eq(
			exact_kernel_parse(exact_kernel_name((enum exact_kernel)i), &k, NULL), 0);
		ck_assert_uint_eq(k, i);
	}
	ck_assert_int_eq(exact_kernel_parse("palindrom", &k, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "did you mean palindrome"));
	e.code = 0;
	ck_assert_int_eq(exact_kernel_parse("metropolis-hastings", &k, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "alternating"));
	ck_assert_uint_eq(k, EXACT_ALTERNATING);
}
END_TEST

START_TEST(test_steps_per_sweep)
{
	struct exact_model mo = { 3, 5, 1, reference_w };

	ck_assert_double_eq(exact_kernel_steps_per_sweep(EXACT_RANDOM_SCAN, &mo), 8);
	ck_assert_double_eq(exact_kernel_steps_per_sweep(EXACT_RANDOM_2_BLOCK, &mo), 2);
	ck_assert_double_eq(exact_kernel_steps_per_sweep(EXACT_PALINDROME, &mo), 8.0 / 11);
	ck_assert_double_eq(exact_kernel_steps_per_sweep(EXACT_MIXTURE, &mo), 1);
	ck_assert_double_eq(exact_kernel_steps_per_sweep(EXACT_ALTERNATING, &mo), 1);
}
END_TEST

/* The reference instance, and others against the definition. */
START_TEST(test_a2)
{
	static const unsigned int shapes[][2] = { { 2, 2 }, { 1, 3 }, { 3, 2 }, { 3, 3 } };
	enum exact_kernel k = (enum exact_kernel)_i;

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		unsigned int n = shapes[i][0], m = shapes[i][1];
		double w[MAX_W], ret;
		struct exact_model mo = { n, m, 1, w };
		struct brute b;
		bool whole;
		real want;

		random_couplings(w, n * m, 1, i);
		if (i == 0)
			memcpy(w, reference_w, sizeof(reference_w));
		ck_assert_int_eq(exact_a2_residual(&mo, k, &ret, &whole, NULL), 0);
		ck_assert(whole);
		brute_init(&b, w, n, m, 1, k);
		brute_a2(&b, &want);
		brute_free(&b);
		if (exact_kernel_reversible(k)) {
			ck_assert_double_lt(ret, 3e-17);
			ck_assert_double_lt((double)want, 3e-17);
		} else if (m > 1 && n > 1) {
			ck_assert_double_gt(ret, 1e-3);
			ck_assert_double_lt(relative(ret, (double)want), 1e-13);
			if (i == 0)
				ck_assert_double_eq_tol(ret, 1.0e-2, 0.5e-3);
		}
	}
}
END_TEST

/* Beyond the limit of pairs a part of the states is looked at, and it says so. */
START_TEST(test_a2_of_a_part)
{
	enum exact_kernel k = (enum exact_kernel)_i;
	double w[MAX_W], ret;
	struct exact_model mo = { 7, 7, 1, w };
	bool whole;

	random_couplings(w, 49, 0.4, 1);
	ck_assert_int_eq(exact_a2_residual(&mo, k, &ret, &whole, NULL), 0);
	ck_assert_int_eq(whole, k == EXACT_RANDOM_SCAN);
	if (exact_kernel_reversible(k))
		ck_assert_double_lt(ret, 1e-17);
	else
		ck_assert_double_gt(ret, 1e-7);
}
END_TEST

static void add(TCase *t)
{
	tcase_add_test(t, test_names);
	tcase_add_test(t, test_steps_per_sweep);
	tcase_add_loop_test(t, test_a2, 0, EXACT_KERNELS);
	tcase_add_loop_test(t, test_a2_of_a_part, 0, EXACT_KERNELS);
}

int main(void)
{
	return run_cases("kernel", add);
}
