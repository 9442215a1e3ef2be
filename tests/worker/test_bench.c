/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <math.h>
#include <string.h>

#include "bench.h"
#include "machine.h"
#include "sgemm_route.h"

#define N      4
#define M      3
#define CHAINS 30000

/* Real couplings of a small RBM, every pair different. */
static void small_couplings(float w[N * M])
{
	int k;

	for (k = 0; k < N * M; k++)
		w[k] = 0.4f * sinf(1.0f + 2.3f * (float)k);
}

/* <v_i h_j> by summing over all states. */
static void exact_moments(const float w[N * M], double beta, double moment[N * M])
{
	double z = 0;
	int s, k;

	memset(moment, 0, N * M * sizeof(*moment));
	for (s = 0; s < 1 << (N + M); s++) {
		double energy = 0, p;

		for (k = 0; k < N * M; k++)
			energy -= (double)w[k] * (s >> (k / M) & 1 ? 1 : -1) *
				  (s >> (N + k % M) & 1 ? 1 : -1);
		p = exp(-beta * energy);
		z += p;
		for (k = 0; k < N * M; k++)
			moment[k] +=
				p * (s >> (k / M) & 1 ? 1 : -1) * (s >> (N + k % M) & 1 ? 1 : -1);
	}
	for (k = 0; k < N * M; k++)
		moment[k] /= z;
}

/* The largest deviation in standard errors; one state of each of CHAINS independent chains. */
static double worst_deviation(const struct sgemm_route *r, const double moment[N * M])
{
	const float *v = sgemm_route_visible(r), *h = sgemm_route_hidden(r);
	double worst = 0;
	int c, k;

	for (k = 0; k < N * M; k++) {
		double sum = 0, error = sqrt((1 - moment[k] * moment[k]) / CHAINS);

		for (c = 0; c < CHAINS; c++)
			sum += (double)(v[c * N + k / M] * h[c * M + k % M]);
		worst = MAX(worst, fabs(sum / CHAINS - moment[k]) / error);
	}
	return worst;
}

/* 12 moments within 6 standard errors: one false alarm in 4 * 10^7 seeds, and it is fixed. */
START_TEST(sgemm_moments_are_exact)
{
	struct sgemm_shape shape = { N, M, CHAINS, (unsigned int)_i };
	struct sgemm_route *r = NULL;
	struct err e = { 0 };
	double moment[N * M];
	float w[N * M];

	small_couplings(w);
	ck_assert_int_eq(sgemm_route_new(&shape, w, 0.9, 11, &r, &e), 0);
	sgemm_route_run(r, 40);
	exact_moments(w, 0.9, moment);
	ck_assert_double_lt(worst_deviation(r, moment), 6);
	exact_moments(w, 1.0, moment); /* the control: another beta is told apart */
	ck_assert_double_gt(worst_deviation(r, moment), 6);
	sgemm_route_free(r);
}
END_TEST

/* Hidden p-bits under one spin alone: v_0 h_j = +1 with probability sigma(2 beta J), hot to cold. */
START_TEST(sgemm_follows_the_law)
{
	static const double betas[] = { 0, 0.1, 1, 2, 4, 6, 200 };
	enum { HIDDEN = 700, COPIES = 700 };
	struct sgemm_shape shape = { 1, HIDDEN, COPIES, 1 };
	double count = (double)HIDDEN * COPIES;
	struct err e = { 0 };
	float w[HIDDEN];
	size_t b, k;

	for (k = 0; k < HIDDEN; k++)
		w[k] = 1;
	for (b = 0; b < ARRAY_SIZE(betas); b++) {
		double p = 1 / (1 + exp(-2 * betas[b])), error = sqrt(p * (1 - p) / count), sum = 0;
		struct sgemm_route *r = NULL;

		ck_assert_int_eq(sgemm_route_new(&shape, w, betas[b], b, &r, &e), 0);
		sgemm_route_run(r, 2);
		for (k = 0; k < (size_t)HIDDEN * COPIES; k++)
			sum += (double)(sgemm_route_visible(r)[k / HIDDEN] *
					sgemm_route_hidden(r)[k]) > 0;
		ck_assert_double_le(fabs(sum / count - p), 6 * error + 1e-6);
		sgemm_route_free(r);
	}
}
END_TEST

START_TEST(sgemm_refuses)
{
	struct sgemm_shape shape = { 0, 3, 4, 1 };
	struct sgemm_route *r = NULL;
	struct err e = { 0 };
	float w[3] = { 0 };

	ck_assert_int_eq(sgemm_route_new(&shape, w, 1, 1, &r, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "0 x 3"));
	ck_assert_ptr_null(r);
}
END_TEST

struct watcher {
	double last;
	int calls, stop_at;
};

static int watch(double done, void *arg)
{
	struct watcher *w = arg;

	ck_assert(done >= w->last && done <= 1);
	w->last = done;
	return ++w->calls == w->stop_at ? -ECANCELED : 0;
}

static double number(const json_t *row, const char *key)
{
	const json_t *v = json_object_get(row, key);

	ck_assert_msg(json_is_number(v), "no number '%s'", key);
	return json_number_value(v);
}

static const char *text(const json_t *row, const char *key)
{
	const json_t *v = json_object_get(row, key);

	ck_assert_msg(json_is_string(v), "no text '%s'", key);
	return json_string_value(v);
}

static void check_row(const json_t *row)
{
	bool sgemm = !strcmp(text(row, "backend"), "openblas-sgemm");

	ck_assert(sgemm || !strcmp(text(row, "backend"), "embedded"));
	ck_assert_uint_gt(strlen(text(row, "route")), 0);
	ck_assert((int)number(row, "chains") == 8 || (int)number(row, "chains") == 1);
	ck_assert_int_eq((int)number(row, "bits"), sgemm ? 32 : 8);
	ck_assert_double_gt(number(row, "flips_per_ns"), 0);
	ck_assert_double_ge(number(row, "best"), number(row, "flips_per_ns"));
	ck_assert_double_gt(number(row, "changed"), 0.02);
	ck_assert_double_lt(number(row, "changed"), 0.5);
}

/* Both backends sample one law, so the same fraction of their updates changes the p-bit. */
static void check_changed(const json_t *rows)
{
	double changed[2] = { 0 };
	size_t i;
	json_t *row;

	json_array_foreach(rows, i, row)
		if (!strcmp(text(row, "network"), "2048x2048"))
			changed[!strcmp(text(row, "backend"), "embedded")] = number(row, "changed");
	ck_assert_double_gt(changed[0], 0);
	ck_assert_double_lt(fabs(changed[0] - changed[1]), 0.03); /* 6 sigma of one sweep: 0.013 */
}

START_TEST(report_is_complete)
{
	struct spec_bench spec = { .seconds = 0.005, .chains = 8, .threads = 2 };
	struct watcher w = { 0 };
	struct err e = { 0 };
	json_t *report = NULL, *row;
	size_t i, routes = 0;

	ck_assert_msg(bench_run(&spec, 3, NULL, watch, &w, &report, &e) == 0, "%s", e.text);
	ck_assert(w.last >= 1);
	ck_assert_str_eq(text(report, "kind"), "bench");
	ck_assert_uint_gt(strlen(text(report, "cpu")), 0);
	ck_assert_double_gt(number(json_object_get(report, "timing"), "seconds"), 0);
	json_array_foreach(json_object_get(report, "rows"), i, row) {
		check_row(row);
		routes += !strcmp(text(row, "network"), "784x512") && number(row, "threads") < 2 &&
			  number(row, "chains") > 1 && !strcmp(text(row, "backend"), "embedded");
	}
	ck_assert_uint_eq(routes, (unsigned int)pbm_isa_best() + 1u);
	ck_assert_uint_eq(i, 22 + (unsigned int)pbm_isa_best());
	check_changed(json_object_get(report, "rows"));
	json_array_foreach(json_object_get(report, "ratios"), i, row) {
		ck_assert_uint_gt(strlen(text(row, "network")), 0);
		ck_assert_double_gt(number(row, "threads"), 0);
		ck_assert_double_gt(number(row, "embedded_over_sgemm"), 0);
	}
	ck_assert_uint_eq(i, 11);
	ck_assert_ptr_null(json_object_get(report, "empty_run"));
	json_decref(report);
}
END_TEST

START_TEST(stops_when_told)
{
	struct spec_bench spec = { .seconds = 0.001, .chains = 2, .threads = 1 };
	struct watcher w = { .stop_at = 5 };
	struct err e = { 0 };
	json_t *report = NULL;

	ck_assert_int_eq(bench_run(&spec, 3, NULL, watch, &w, &report, &e), -ECANCELED);
	ck_assert_int_eq(e.code, 0); /* as control.h has it: no failure to tell of */
	ck_assert_int_eq(w.calls, 5);
	ck_assert_ptr_null(report);
}
END_TEST

START_TEST(refuses_too_many_threads)
{
	struct spec_bench spec = { .seconds = 0.001, .chains = 2, .threads = 1000000 };
	struct err e = { 0 };
	json_t *report = NULL;

	ck_assert_int_eq(bench_run(&spec, 3, NULL, NULL, NULL, &report, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "1000000 threads"));
	ck_assert_ptr_null(report);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bench");
	TCase *t = tcase_create("bench");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, sgemm_moments_are_exact, 1, 4);
	tcase_add_test(t, sgemm_follows_the_law);
	tcase_add_test(t, sgemm_refuses);
	tcase_add_test(t, report_is_complete);
	tcase_add_test(t, stops_when_told);
	tcase_add_test(t, refuses_too_many_threads);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
