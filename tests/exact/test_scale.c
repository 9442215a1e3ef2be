// SPDX-License-Identifier: MIT
/*
 * T_O and its gradient where only the matrix-free way goes, along a random direction against
 * differences. PBIT_TEST_SCALE=m: that size, once, with its time and memory said.
 */
#include <sys/resource.h>
#include <time.h>

#include "support.h"

#define DEFAULT_SCALE 7

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static struct exact_mixing *solve(const double *w, unsigned int m, const struct exact_ask *ask)
{
	struct exact_model mo = { m, m, 1, w };
	struct exact_run run = { .threads = 2, .memory = (size_t)(m <= 10 ? 4 : 12) << 30 };
	struct exact_mixing *x = NULL;
	struct err e = { 0 };

	ck_assert_msg(exact_mixing_of(&mo, ask, &run, &x, &e) == 0, "%s", e.text);
	return x;
}

static void tell(unsigned int m, const struct exact_mixing *x, double took)
{
	static const double zero[MAX_W];
	struct exact_model mo = { m, m, 1, zero };
	struct exact_estimate est = { 0 };
	struct rusage use;

	ck_assert_int_eq(exact_estimate(&mo, EXACT_RANDOM_SCAN, 2, &est, NULL), 0);
	getrusage(RUSAGE_SELF, &use);
	printf("m = n = %u: T_O %.16g, %u iterations, residual %.1e, condition %.3g; %.1f s "
	       "(estimate %.1f), %.2f GiB (estimate %.2f)\n",
	       m, x->t_o, x->iterations, x->residual, x->condition, took, est.seconds,
	       (double)use.ru_maxrss / (1 << 20), (double)est.memory / (1 << 30));
	ck_assert_double_lt((double)use.ru_maxrss * 1024,
			    1.1 * (double)est.memory + (double)((size_t)64 << 20));
}

START_TEST(test_scale)
{
	const char *asked = getenv("PBIT_TEST_SCALE");
	unsigned int m = asked ? (unsigned int)atoi(asked) : DEFAULT_SCALE;
	struct exact_ask ask = { .gradient = true, .dtau = true, .observable = EXACT_WORST };
	struct exact_ask value = { .tolerance = 1e-9 };
	double w[MAX_W], d[MAX_W], v[MAX_W], slope = 0, at[2], h = 1e-4, start = seconds();
	struct exact_mixing *x;

	ck_assert_uint_ge(m, 2);
	ck_assert_uint_le(m, 12);
	random_couplings(w, m * m, 0.5, 1);
	random_couplings(d, m * m, 1, 2);
	x = solve(w, m, &ask);
	if (asked)
		tell(m, x, seconds() - start);
	for (int k = 0; k < 2; k++) {
		struct exact_mixing *y;

		for (size_t a = 0; a < m * m; a++)
			v[a] = w[a] + (k ? h : -h) * d[a];
		y = solve(v, m, &value);
		at[k] = y->t_o;
		exact_mixing_free(y);
	}
	for (size_t a = 0; a < m * m; a++)
		slope += x->dt_o[a] * d[a];
	ck_assert_double_eq_tol((at[1] - at[0]) / (2 * h), slope, 1e-7 * x->t_o);
	exact_mixing_free(x);
}
END_TEST

static void add(TCase *t)
{
	tcase_set_timeout(t, 24 * 3600);
	tcase_add_test(t, test_scale);
}

int main(void)
{
	return run_cases("scale", add);
}
