// SPDX-License-Identifier: MIT
/* What strangers hand in: refused with a sentence, and nothing is touched. */
#include "exact/report.h"
#include "support.h"

static void expect(int want, const char *words, const double *w, unsigned int ndim, size_t n,
		   size_t m, double beta)
{
	size_t shape[3] = { n, m, 1 };
	struct exact_model mo = { .n = 77 };
	struct err e = { 0 };

	ck_assert_int_eq(exact_model_init(&mo, w, ndim, shape, beta, &e), want);
	if (want == 0)
		return;
	ck_assert_uint_eq(mo.n, 77);
	ck_assert_msg(strstr(e.text, words), "'%s' lacks '%s'", e.text, words);
}

START_TEST(test_shapes)
{
	double w[4] = { 1, 2, 3, 4 };

	expect(0, "", w, 2, 2, 2, 1);
	expect(0, "", w, 2, 1, 4, 1);
	expect(-EINVAL, "3 dimensions", w, 3, 2, 2, 1);
	expect(-EINVAL, "1 dimensions", w, 1, 4, 1, 1);
	expect(-EINVAL, "0 x 2", w, 2, 0, 2, 1);
	expect(-EINVAL, "2 x 0", w, 2, 2, 0, 1);
	expect(-E2BIG, "at most 28 p-bits", w, 2, 15, 14, 1);
	expect(-E2BIG, "at most 28 p-bits", w, 2, SIZE_MAX, SIZE_MAX, 1);
	expect(-E2BIG, "at most 28 p-bits", w, 2, SIZE_MAX, 1, 1);
}
END_TEST

START_TEST(test_values)
{
	double w[4] = { 1, 2, 3, 4 };

	expect(-EINVAL, "beta is 0", w, 2, 2, 2, 0);
	expect(-EINVAL, "beta is -1", w, 2, 2, 2, -1);
	expect(-EDOM, "beta is not a finite", w, 2, 2, 2, NAN);
	expect(-EDOM, "beta is not a finite", w, 2, 2, 2, INFINITY);
	w[2] = NAN;
	expect(-EDOM, "W[1][0]", w, 2, 2, 2, 1);
	w[2] = -INFINITY;
	expect(-EDOM, "W[1][0]", w, 2, 2, 2, 1);
	w[2] = 1e308;
	w[3] = 1e308;
	expect(-EDOM, "scale W down", w, 2, 2, 2, 1);
	w[3] = w[2] = 1e-308;
	expect(0, "", w, 2, 2, 2, 1e-300);
}
END_TEST

static int ask_of(const struct exact_ask *ask, struct err *e)
{
	struct exact_model mo = { 2, 2, 1, reference_w };
	struct exact_mixing *x = (void *)1;
	int r = exact_mixing_of(&mo, ask, NULL, &x, e);

	if (r < 0)
		ck_assert_ptr_eq(x, (void *)1);
	else
		exact_mixing_free(x);
	return r;
}

START_TEST(test_questions)
{
	struct exact_ask ask = { .kernel = EXACT_ALTERNATING };
	struct err e = { 0 };

	ck_assert_int_eq(ask_of(&ask, &e), -EOPNOTSUPP);
	ck_assert_ptr_nonnull(strstr(e.text, "not reversible"));
	ck_assert_ptr_nonnull(strstr(e.text, "palindrome"));
	ask = (struct exact_ask){ .dtau = true, .observable = 4 };
	ck_assert_int_eq(ask_of(&ask, NULL), -EINVAL);
	ask.observable = 3;
	ck_assert_int_eq(ask_of(&ask, NULL), 0);
	ask = (struct exact_ask){ .tolerance = NAN };
	ck_assert_int_eq(ask_of(&ask, NULL), -EINVAL);
	ask.tolerance = -1;
	ck_assert_int_eq(ask_of(&ask, NULL), -EINVAL);
	ask.tolerance = 1;
	ck_assert_int_eq(ask_of(&ask, NULL), -EINVAL);
	ask = (struct exact_ask){ .max_error = NAN };
	ck_assert_int_eq(ask_of(&ask, NULL), -EINVAL);
	ask.max_error = 1e-17; /* no double is that good */
	e.code = 0;
	ck_assert_int_eq(ask_of(&ask, &e), -EDOM);
	ck_assert_ptr_nonnull(strstr(e.text, "no value is given"));
}
END_TEST

START_TEST(test_too_large_for_cholesky)
{
	static const double w[64];
	struct exact_model mo = { 8, 8, 1, w };
	struct exact_ask ask = { .route = EXACT_CHOLESKY };
	struct exact_mixing *x = NULL;
	struct err e = { 0 };

	ck_assert_int_eq(exact_mixing_of(&mo, &ask, NULL, &x, &e), -E2BIG);
	ck_assert_ptr_nonnull(strstr(e.text, "16384 unknowns"));
}
END_TEST

/* The limit is compared before anything is allocated: 2^27 states would take 80 GiB. */
START_TEST(test_memory_limit)
{
	static const double w[196];
	struct exact_model mo = { 14, 14, 1, w };
	struct exact_ask ask = { .kernel = (enum exact_kernel)_i, .gradient = true };
	struct exact_run run = { .memory = (size_t)4 << 30 };
	struct exact_mixing *x = NULL;
	struct exact_estimate est;
	struct err e = { 0 };

	ck_assert_int_eq(exact_estimate(&mo, ask.kernel, 2, &est, NULL), 0);
	ck_assert_uint_gt(est.memory, run.memory);
	ck_assert_int_eq(exact_mixing_of(&mo, &ask, &run, &x, &e), -EFBIG);
	ck_assert_ptr_nonnull(strstr(e.text, "GiB of memory, and 4 GiB are allowed"));
	ck_assert_ptr_null(x);
}
END_TEST

START_TEST(test_estimates)
{
	static const double w[196];
	struct exact_estimate before = { 0 }, est;

	for (unsigned int m = 2; m <= 14; m++) {
		struct exact_model mo = { m, m, 1, w };

		ck_assert_int_eq(exact_estimate(&mo, (enum exact_kernel)_i, 2, &est, NULL), 0);
		ck_assert_uint_eq(est.states, (size_t)1 << (2 * m - 1));
		ck_assert_uint_gt(est.memory, before.memory);
		ck_assert_double_gt(est.seconds, before.seconds);
		ck_assert_uint_le(est.unknowns, est.states);
		before = est;
	}
	ck_assert_int_eq(exact_estimate(&(struct exact_model){ 3, 3, 1, w }, EXACT_ALTERNATING, 1,
					&est, NULL),
			 -EOPNOTSUPP);
	ck_assert_uint_eq(est.states, before.states);
}
END_TEST

/* What was promised for m = n = 10 and 12. */
START_TEST(test_scale_fits)
{
	static const double w[144];
	struct exact_estimate est;

	ck_assert_int_eq(exact_estimate(&(struct exact_model){ 10, 10, 1, w }, EXACT_RANDOM_SCAN, 2,
					&est, NULL),
			 0);
	ck_assert_uint_lt(est.memory, (size_t)4 << 30);
	ck_assert_int_eq(exact_estimate(&(struct exact_model){ 12, 12, 1, w }, EXACT_RANDOM_SCAN, 2,
					&est, NULL),
			 0);
	ck_assert_uint_lt(est.memory, (size_t)12 << 30);
}
END_TEST

static void add(TCase *t)
{
	tcase_add_test(t, test_shapes);
	tcase_add_test(t, test_values);
	tcase_add_test(t, test_questions);
	tcase_add_test(t, test_too_large_for_cholesky);
	tcase_add_loop_test(t, test_memory_limit, 0, EXACT_ALTERNATING);
	tcase_add_loop_test(t, test_estimates, 0, EXACT_ALTERNATING);
	tcase_add_test(t, test_scale_fits);
}

int main(void)
{
	return run_cases("model", add);
}
