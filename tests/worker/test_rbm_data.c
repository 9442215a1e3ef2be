// SPDX-License-Identifier: MIT
/* Figures of rows: against plain sums, and that neither threads nor chunks show in their bits. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "crew.h"
#include "rbm_exact.h"
#include "splitmix.h"

#include "../run_suite.h"

#define ROWS  1000
#define CHUNK 256 /* rows that are taken at a time */
#define CREWS 4	  /* nobody, then one to three threads */

static const struct shape {
	size_t n, m;
	double beta;
	bool references;
} shapes[] = {
	{ 1, 1, 1, false }, { 1, 3, 1, true },	    { 3, 1, 0.7, true },
	{ 7, 5, 1, true },  { 65, 33, -0.9, true }, { 40, 66, 1.3, false },
};

static const size_t counts[] = { 0, 1, 255, 256, 257, 513, 700, ROWS };

struct figures {
	double log_p[ROWS], sum, errors;
};

struct model {
	struct rbm r;
	double *w;
	int8_t *rows;
	struct crew *crew[CREWS];
	struct figures want, got;
};

static void model_new(struct model *x, const struct shape *s)
{
	size_t size = s->n * s->m;

	memset(x, 0, sizeof(*x));
	x->r = (struct rbm){ .n = s->n,
			     .m = s->m,
			     .ref_v = s->references,
			     .ref_h = s->references,
			     .beta = s->beta };
	x->w = calloc(size, sizeof(*x->w));
	x->rows = calloc(ROWS, s->n);
	ck_assert(x->w && x->rows);
	for (size_t k = 0; k < size; k++)
		x->w[k] = 0.2 * splitmix_normal(1, k);
	for (size_t k = 0; k < ROWS * s->n; k++)
		x->rows[k] = (s->references && k % s->n == 0) || splitmix_below(2, k, 2) ? 1 : -1;
	x->r.w = x->w;
	for (unsigned int k = 1; k < CREWS; k++)
		ck_assert_int_eq(crew_new(k, &x->crew[k], NULL), 0);
}

static void model_free(struct model *x)
{
	for (unsigned int k = 1; k < CREWS; k++)
		crew_free(x->crew[k]);
	free(x->w);
	free(x->rows);
}

static void take(const struct model *x, struct crew *crew, size_t count, struct figures *ret)
{
	struct figures alone;

	for (size_t k = 0; k < ROWS; k++)
		ret->log_p[k] = alone.log_p[k] = 77;
	ck_assert_int_eq(
		rbm_log_p_star(crew, &x->r, x->rows, count, ret->log_p, &ret->errors, NULL), 0);
	ck_assert_int_eq(rbm_sum_log_p_star(crew, &x->r, x->rows, count, &ret->sum, NULL), 0);
	/* Without reconstruction, the same. */
	ck_assert_int_eq(rbm_log_p_star(crew, &x->r, x->rows, count, alone.log_p, NULL, NULL), 0);
	ck_assert_mem_eq(alone.log_p, ret->log_p, sizeof(alone.log_p));
}

/* Of one row; adds its errors. */
static double plain_log_p(const struct rbm *r, const int8_t *v, double *errors)
{
	long double h[80], log_p = 0;

	for (size_t j = 0; j < r->m; j++) {
		long double field = 0;

		for (size_t i = 0; i < r->n; i++)
			field += r->beta * (long double)r->w[i * r->m + j] * v[i];
		h[j] = tanhl(field);
		log_p += logl(2 * coshl(field));
		if (r->ref_h && j == 0) {
			h[j] = 1;
			log_p = field;
		}
	}
	for (size_t i = r->ref_v; i < r->n; i++) {
		long double agree = 0;

		for (size_t j = 0; j < r->m; j++)
			agree += r->beta * (long double)r->w[i * r->m + j] * h[j] * v[i];
		*errors += agree < 0;
	}
	return (double)log_p;
}

START_TEST(plain_sums)
{
	struct model x;

	model_new(&x, &shapes[_i]);
	for (size_t k = 0; k < ARRAY_SIZE(counts); k++) {
		double errors = 0, sum = 0;

		take(&x, x.crew[2], counts[k], &x.got);
		for (size_t row = 0; row < ROWS; row++) {
			double got = x.got.log_p[row], want = 77;

			if (row < counts[k]) {
				want = plain_log_p(&x.r, x.rows + row * x.r.n, &errors);
				sum += want;
			}
			/* Not a call of Check's for each: they take a write(). */
			if (!(fabs(got - want) <= 1e-12))
				ck_abort_msg("%zu rows, %zu: %a, of %a", counts[k], row, got, want);
		}
		ck_assert_double_le(fabs(x.got.sum - sum), 1e-10 * (1 + fabs(sum)));
		ck_assert_double_eq(x.got.errors, errors);
	}
	model_free(&x);
}
END_TEST

/* The bits: each chunk by itself, and what is summed in the order of rows. */
static void chunk_by_chunk(struct model *x, size_t count, struct figures *ret)
{
	ret->sum = ret->errors = 0;
	for (size_t k = 0; k < ROWS; k++)
		ret->log_p[k] = 77;
	for (size_t at = 0; at < count; at += CHUNK) {
		size_t some = MIN(count - at, (size_t)CHUNK);
		double errors;

		ck_assert_int_eq(rbm_log_p_star(NULL, &x->r, x->rows + at * x->r.n, some,
						ret->log_p + at, &errors, NULL),
				 0);
		ret->errors += errors;
	}
	for (size_t k = 0; k < count; k++)
		ret->sum += ret->log_p[k];
}

START_TEST(any_number_of_threads)
{
	struct model x;

	model_new(&x, &shapes[_i]);
	for (size_t k = 0; k < ARRAY_SIZE(counts); k++) {
		chunk_by_chunk(&x, counts[k], &x.want);
		for (unsigned int threads = 0; threads < CREWS; threads++) {
			take(&x, x.crew[threads], counts[k], &x.got);
			ck_assert_mem_eq(&x.got, &x.want, sizeof(x.got));
		}
	}
	model_free(&x);
}
END_TEST

/* One row whose field overflows, in a chunk that is not the first. */
START_TEST(a_row_that_is_not_finite)
{
	static const struct shape s = { 3, 2, 1, false };
	struct model x;

	model_new(&x, &s);
	x.w[0] = x.w[2] = 1.5e308;
	for (size_t k = 0; k < ROWS; k++)
		x.rows[3 * k + 1] = (int8_t)(k == 600 ? x.rows[3 * k] : -x.rows[3 * k]);
	for (unsigned int threads = 0; threads < CREWS; threads++) {
		struct figures got = { .sum = 7, .errors = 7 };
		struct err e = { 0 };

		ck_assert_int_eq(rbm_log_p_star(x.crew[threads], &x.r, x.rows, ROWS, got.log_p,
						&got.errors, &e),
				 -EDOM);
		ck_assert_ptr_nonnull(strstr(e.text, "ln p* is inf"));
		ck_assert_int_eq(
			rbm_sum_log_p_star(x.crew[threads], &x.r, x.rows, ROWS, &got.sum, NULL),
			-EDOM);
		for (size_t k = 0; k < ROWS; k++)
			if (got.log_p[k] != 0)
				ck_abort_msg("row %zu is touched", k);
		ck_assert(got.sum == 7 && got.errors == 7);
		/* The rows before it have figures. */
		ck_assert_int_eq(
			rbm_log_p_star(x.crew[threads], &x.r, x.rows, 600, got.log_p, NULL, NULL),
			0);
	}
	model_free(&x);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rbm_data");
	TCase *t = tcase_create("rbm_data");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, plain_sums, 0, ARRAY_SIZE(shapes));
	tcase_add_loop_test(t, any_number_of_threads, 0, ARRAY_SIZE(shapes));
	tcase_add_test(t, a_row_that_is_not_finite);
	suite_add_tcase(s, t);
	return run_suite(s);
}
