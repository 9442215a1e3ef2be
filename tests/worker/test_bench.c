/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <math.h>
#include <string.h>

#include "bench.h"
#include "bench_trained.h"
#include "machine.h"
#include "sgemm_route.h"

#include "../run_suite.h"

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
	struct sgemm_shape shape = { N, M, CHAINS, (unsigned int)_i, false };
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
	struct sgemm_shape shape = { 1, HIDDEN, COPIES, 1, false };
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
	struct sgemm_shape shape = { 0, 3, 4, 1, false };
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
	ck_assert_int_eq(json_object_get(row, "over_sgemm") != NULL, !sgemm);
	ck_assert_int_eq(json_object_get(row, "over_one_thread") != NULL,
			 number(row, "threads") > 1);
	ck_assert_double_gt(number(row, "changed"), 0.02);
	ck_assert_double_lt(number(row, "changed"), 0.5);
}

/* Both backends sample one law, so the same fraction of their updates changes the p-bit. */
static void check_changed(const json_t *rows, const char *network)
{
	double changed[2] = { 0 };
	size_t i;
	json_t *row;

	json_array_foreach(rows, i, row)
		if (!strcmp(text(row, "network"), network))
			changed[!strcmp(text(row, "backend"), "embedded")] = number(row, "changed");
	ck_assert_double_gt(changed[0], 0);
	ck_assert_double_lt(fabs(changed[0] - changed[1]), 0.03); /* 6 sigma of one sweep: 0.013 */
}

START_TEST(report_is_complete)
{
	struct spec_bench spec = { .seconds = 0.005, .chains = 8, .threads = 2, .training = 2 };
	struct watcher w = { 0 };
	struct err e = { 0 };
	json_t *report = NULL, *row;
	size_t i, routes = 0;

	ck_assert_msg(bench_run(&spec, NULL, 3, NULL, watch, &w, &report, &e) == 0, "%s", e.text);
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
	ck_assert_uint_eq(i, 26 + (unsigned int)pbm_isa_best());
	check_changed(json_object_get(report, "rows"), "2048x2048");
	check_changed(json_object_get(report, "rows"), "784x512 trained");
	ck_assert_ptr_nonnull(strstr(text(report, "trained"), "2 steps"));
	json_array_foreach(json_object_get(report, "ratios"), i, row) {
		ck_assert_uint_gt(strlen(text(row, "network")), 0);
		ck_assert_double_gt(number(row, "threads"), 0);
		ck_assert_double_gt(number(row, "embedded_over_sgemm"), 0);
		ck_assert_int_eq(json_object_get(row, "embedded_over_one_thread") != NULL,
				 number(row, "threads") > 1);
		ck_assert_int_eq(json_object_get(row, "sgemm_over_one_thread") != NULL,
				 number(row, "threads") > 1);
	}
	ck_assert_uint_eq(i, 13);
	ck_assert_ptr_null(json_object_get(report, "empty_run"));
	json_decref(report);
}
END_TEST

static int count(void *arg)
{
	return ++*(int *)arg == 3 ? -ECANCELED : 0;
}

/* The same couplings on every route and number of threads; and they are learnt. */
START_TEST(trained_on_any_route)
{
	enum { SIZE = BENCH_TRAINED_N * BENCH_TRAINED_M };
	static int16_t w[2][SIZE];
	double scale[2];
	struct err e = { 0 };
	int calls, differ = 0;

	for (int k = 0; k < 2; k++) {
		enum pbm_isa isa = k ? PBM_ISA_SCALAR : pbm_isa_best();
		struct device *d = NULL;

		ck_assert_int_eq(device_open_embedded_isa(2u - (unsigned int)k, isa, &d, &e), 0);
		calls = -100;
		ck_assert_int_eq(bench_train(d, 2, 7, count, &calls, w[k], &scale[k], &e), 0);
		ck_assert_int_eq(calls, -98);
		device_close(d);
	}
	ck_assert_mem_eq(w[0], w[1], sizeof(w[0]));
	ck_assert_double_eq(scale[0], scale[1]);
	for (size_t k = 0; k < SIZE; k++)
		differ += w[0][k] != 0;
	ck_assert_int_eq(w[0][0], 0);
	ck_assert_int_gt(differ, SIZE / 4);
	/* A corner is white, the middle is black in most digits. */
	ck_assert_int_lt(w[0][27 * BENCH_TRAINED_M], 0);
	ck_assert_int_gt(w[0][(14 * 28 + 14) * BENCH_TRAINED_M], w[0][27 * BENCH_TRAINED_M]);
}
END_TEST

START_TEST(training_stops_when_told)
{
	static int16_t w[BENCH_TRAINED_N * BENCH_TRAINED_M];
	struct device *d = NULL;
	struct err e = { 0 };
	int calls = 0;
	double scale;

	ck_assert_int_eq(device_open_embedded(1, &d, &e), 0);
	ck_assert_int_eq(bench_train(d, 100, 7, count, &calls, w, &scale, &e), -ECANCELED);
	ck_assert_int_eq(calls, 3);
	ck_assert_int_eq(e.code, 0);
	device_close(d);
}
END_TEST

/* A model with reference spins, which neither route updates, in place of what is learnt. */
START_TEST(takes_a_model)
{
	struct spec_bench spec = {
		.seconds = 0.001, .chains = 4, .threads = 1, .training = 9, .model = (char *)"m"
	};
	int16_t q[6 * 5];
	struct rbm_file model = { .n = 6, .m = 5, .q = q, .scale = 0.01, .clamped = true };
	json_t *report = NULL, *row;
	struct err e = { 0 };
	size_t i, seen = 0;

	for (i = 0; i < ARRAY_SIZE(q); i++)
		q[i] = (int16_t)(i * 7 % 31) - 15;
	ck_assert_msg(bench_run(&spec, &model, 3, NULL, NULL, NULL, &report, &e) == 0, "%s",
		      e.text);
	json_array_foreach(json_object_get(report, "rows"), i, row)
		seen += !strcmp(text(row, "network"), "5x4 model");
	ck_assert_uint_eq(seen, 2);
	ck_assert_str_eq(text(report, "trained"), "m, code 0");
	json_decref(report);
}
END_TEST

/* Reference spins stay at +1. */
START_TEST(sgemm_holds_reference_spins)
{
	struct sgemm_shape shape = { N, M, 50, 2, true };
	struct sgemm_route *r = NULL;
	struct err e = { 0 };
	float w[N * M];

	small_couplings(w);
	ck_assert_int_eq(sgemm_route_new(&shape, w, 1, 5, &r, &e), 0);
	for (int t = 0; t < 4; t++) {
		for (size_t c = 0; c < 50; c++) {
			ck_assert(sgemm_route_visible(r)[c * N] > 0);
			ck_assert(sgemm_route_hidden(r)[c * M] > 0);
		}
		sgemm_route_run(r, 1);
	}
	sgemm_route_free(r);
}
END_TEST

START_TEST(stops_when_told)
{
	struct spec_bench spec = { .seconds = 0.001, .chains = 2, .threads = 1 };
	struct watcher w = { .stop_at = 5 };
	struct err e = { 0 };
	json_t *report = NULL;

	ck_assert_int_eq(bench_run(&spec, NULL, 3, NULL, watch, &w, &report, &e), -ECANCELED);
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

	ck_assert_int_eq(bench_run(&spec, NULL, 3, NULL, NULL, NULL, &report, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "1000000 threads"));
	ck_assert_ptr_null(report);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bench");
	TCase *t = tcase_create("bench");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, sgemm_moments_are_exact, 1, 4);
	tcase_add_test(t, sgemm_follows_the_law);
	tcase_add_test(t, sgemm_refuses);
	tcase_add_test(t, report_is_complete);
	tcase_add_test(t, trained_on_any_route);
	tcase_add_test(t, training_stops_when_told);
	tcase_add_test(t, takes_a_model);
	tcase_add_test(t, sgemm_holds_reference_spins);
	tcase_add_test(t, stops_when_told);
	tcase_add_test(t, refuses_too_many_threads);
	suite_add_tcase(s, t);
	return run_suite(s);
}
