/* SPDX-License-Identifier: MIT */
/*
 * Measure jobs: what they say of models that can be enumerated, what they refuse to say, and that
 * they say the same however often they are stopped. Coverage of the intervals is test_t_o's.
 */
#include "exact/mixing.h"
#include "exact/spectrum.h"
#include "job_support.h"
#include "model_file.h"

#include "../run_suite.h"

#define N 5
#define M 4

static const int8_t couplings[N * M] = { 40, -30, 20, 12, -5, 25, -35, 50, 9,  -14,
					 31, 22,  -8, 17, 3,  41, -26, 13, 19, -11 };

static int measure_dir_of(const char *name, const int8_t *w, size_t n, size_t m, const char *device,
			  const char *more)
{
	int dir = job_dir(name);
	size_t shape[2] = { n, m };
	struct array W;
	char spec[1024];

	ck_assert_int_eq(array_new(&W, DT_I8, 2, shape, NULL), 0);
	memcpy(W.data, w, n * m);
	write_array(dir, "input/0", &W);
	snprintf(spec, sizeof(spec),
		 "{\"kind\": \"measure\", \"model\": \"W.npy\", \"device\": {%s}%s}", device, more);
	write_job(dir, spec, "{\"W.npy\": \"input/0\"}", 2);
	return dir;
}

static int measure_dir(const char *name, const char *device, const char *more)
{
	return measure_dir_of(name, couplings, N, M, device, more);
}

static double number(const json_t *o, const char *key)
{
	const json_t *x = json_object_get(o, key);

	ck_assert_msg(json_is_number(x), "%s is no number", key);
	return json_number_value(x);
}

static const char *string(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static const struct {
	const char *scan;
	enum exact_kernel kernel;
} scans[] = {
	{ "random-direction", EXACT_MIXTURE },
	{ "palindrome", EXACT_PALINDROME },
};

START_TEST(agrees_with_enumeration)
{
	struct exact_ask ask = { .kernel = scans[_i].kernel };
	_cleanup_exact_mixing_ struct exact_mixing *x = NULL;
	_cleanup_exact_even_ struct exact_even *even = NULL;
	struct exact_spectrum spectrum;
	double w[N * M], tau, records;
	struct exact_model mo = { .n = N, .m = M, .beta = 1, .w = w };
	char device[160];
	json_t *report, *code, *mixing;
	unsigned int v, h;
	int dir;

	for (unsigned int k = 0; k < N * M; k++)
		w[k] = couplings[k] / 32.;
	ck_assert_int_eq(exact_even_new(&mo, NULL, &even, NULL), 0);
	ck_assert_int_eq(exact_mixing(even, &ask, NULL, &x, NULL), 0);
	ck_assert_int_eq(exact_spectrum(even, ask.kernel, NULL, &spectrum, NULL), 0);

	snprintf(device, sizeof(device),
		 "\"scale\": 0.03125, \"chains\": 64, \"sweeps\": 4096, \"scan\": \"%s\"",
		 scans[_i].scan);
	dir = measure_dir("a", device, "");
	run_to_done(dir);
	report = load_report(dir);
	mixing = json_object_get(report, "mixing");
	code = json_array_get(json_object_get(report, "codes"), 0);
	ck_assert(json_is_true(json_object_get(code, "T_O_resolved")));
	ck_assert_double_lt(fabs(number(code, "sum_var") - x->var),
			    6 * number(code, "sum_var_error"));
	/* A record is a step of these kernels. */
	ck_assert_double_lt(fabs(number(code, "T_O") - x->t_o), 6 * number(code, "T_O_error"));
	ck_assert_double_lt(number(code, "T_O_error"), 0.1 * x->t_o);
	ck_assert_double_lt(number(code, "T_O_bound") - 6 * number(code, "T_O_bound_error"),
			    x->t_o);
	ck_assert_double_gt(number(code, "T_O_at_least"), 0.9 * x->t_o);
	ck_assert_double_gt(number(code, "gamma_at_most"), spectrum.gamma);
	/* The slowest one that was seen is slow. */
	ck_assert_int_eq(sscanf(string(code, "observable"), "v%u h%u", &v, &h), 2);
	tau = x->tau[v * M + h];
	ck_assert_double_lt(fabs(number(code, "tau_int") - tau), 6 * number(code, "tau_error"));
	ck_assert_double_gt(tau, 0.8 * x->tau_max);
	ck_assert_str_eq(string(mixing, "a6"), "holds");
	records = number(mixing, "K");
	ck_assert_double_eq(records, 4096);
	ck_assert_double_eq_tol(number(mixing, "gamma_bulk"),
				spectrum.gamma_bulk * exact_kernel_steps_per_sweep(ask.kernel, &mo),
				1e-9);
	ck_assert_str_eq(string(mixing, "a7"),
			 number(mixing, "gamma_bulk") >= 0.1 ? "holds" : "fails");
	json_decref(report);
	close(dir);
}
END_TEST

static json_t *mixing_of(const char *name, const char *device, const char *more, json_t **report)
{
	int dir = measure_dir(name, device, more);

	run_to_done(dir);
	*report = load_report(dir);
	close(dir);
	return json_object_get(*report, "mixing");
}

/* What must not pass for mixing. */
START_TEST(verdicts)
{
	json_t *report, *mixing;

	mixing = mixing_of("window", "\"scale\": 0.03125", ", \"window\": 12", &report);
	ck_assert_str_eq(string(mixing, "a6"), "fails");
	ck_assert_double_eq(number(mixing, "k_needed"), ceil(10 * number(mixing, "tau_int")));
	json_decref(report);

	mixing = mixing_of("short", "\"scale\": 0.03125, \"sweeps\": 16, \"chains\": 4", "",
			   &report);
	ck_assert_str_eq(string(mixing, "a6"), "not resolved");
	json_decref(report);

	/* So cold that no chain leaves the state that it fell into. */
	mixing = mixing_of("cold", "\"scale\": 1, \"beta\": 100", "", &report);
	ck_assert_str_eq(string(mixing, "a6"), "not resolved");
	json_decref(report);

	/* Chains that still fall. */
	mixing = mixing_of("falling", "\"scale\": 0.125, \"sweeps\": 64, \"chains\": 4096",
			   ", \"burn\": 0", &report);
	ck_assert_str_eq(string(mixing, "a6"), "not resolved");
	ck_assert_double_lt(number(json_array_get(json_object_get(report, "codes"), 0), "drift"),
			    -5);
	json_decref(report);
}
END_TEST

/*
 * Two pairs of p-bits that hold each other, beside two that are free: the products that move are
 * those with the free ones, and fast. The slowest takes 40688 steps.
 */
START_TEST(p_bits_that_stand_still)
{
	static const int8_t pairs[9] = { 6, 0, 0, 0, 6, 0, 0, 0, 0 };
	int dir = measure_dir_of("pairs", pairs, 3, 3,
				 "\"scale\": 1, \"chains\": 4, \"sweeps\": 2000, "
				 "\"scan\": \"palindrome\"",
				 ", \"burn\": 100, \"seed\": 3");
	json_t *report, *code;

	run_to_done(dir);
	report = load_report(dir);
	code = json_array_get(json_object_get(report, "codes"), 0);
	ck_assert_double_lt(number(code, "tau_int"), 1.5);
	ck_assert_str_eq(string(code, "a6"), "not resolved");
	ck_assert(json_is_false(json_object_get(code, "T_O_resolved")));
	ck_assert_str_eq(string(json_object_get(report, "mixing"), "a6"), "not resolved");
	json_decref(report);
	close(dir);
}
END_TEST

/* Of three codes, all p-bits of the second stand still: it decides, and its figures are shown. */
START_TEST(the_code_that_decides_is_shown)
{
	_cleanup_couplings_ struct couplings c = { 0 };
	int dir = job_dir("codes");
	json_t *report, *mixing;
	double w[3 * 9] = { 0 };
	void *model;
	size_t size;

	ck_assert_int_eq(couplings_new(3, 3, 3, 8, 1, &c, NULL), 0);
	c.even = true;
	for (unsigned int k = 0; k < 9; k++) {
		w[k] = 0.1;
		w[9 + k] = 20;
	}
	ck_assert_int_eq(couplings_quantise(&c, w, 0, NULL), 0);
	ck_assert_int_eq(model_encode(&c, NULL, NULL, NULL, &model, &size, NULL), 0);
	write_file(dir, "input/0", model, size);
	free(model);
	write_job(dir,
		  "{\"kind\": \"measure\", \"model\": \"m.safetensors\", \"device\": {\"chains\": "
		  "64, \"sweeps\": 1024}}",
		  "{\"m.safetensors\": \"input/0\"}", 1);
	run_to_done(dir);
	report = load_report(dir);
	mixing = json_object_get(report, "mixing");
	ck_assert_str_eq(string(mixing, "a6"), "not resolved");
	ck_assert(json_is_false(json_object_get(mixing, "resolved")));
	ck_assert(json_is_null(json_object_get(mixing, "tau_int")));
	for (unsigned int k = 0; k < 3; k++)
		ck_assert_str_eq(string(json_array_get(json_object_get(report, "codes"), k), "a6"),
				 k == 1 ? "not resolved" : "holds");
	json_decref(report);
	close(dir);
}
END_TEST

START_TEST(refusals)
{
	run_to_failure(measure_dir("a", "\"scan\": \"alternating\"", ""), "not reversible (A2)");
	run_to_failure(measure_dir("b", "\"chains\": 3", ""), "at least 4");
	run_to_failure(measure_dir("c", "\"sweeps\": 4", ""), "at least 16");
	run_to_failure(measure_dir("d", "\"chains\": 65536, \"sweeps\": 16777216", ""),
		       "traced over at most 512 sweeps");
}
END_TEST

/* Every code of a trained model, with its reference spins; one alone says the same. */
START_TEST(codes_and_stops)
{
	static const char spec[] =
		"{\"kind\": \"measure\", \"model\": \"m.safetensors\", \"burn\": 20000, \"device\": "
		"{\"chains\": 32, \"sweeps\": 2048}%s}";
	int train = train_dir("train", ", \"optimizer\": {\"epochs\": 3, \"steps\": 5}", 1);
	int whole = job_dir("whole"), cut = job_dir("cut"), one = job_dir("one");
	json_t *report, *codes, *alone;
	char text[512];
	size_t size;
	char *model;

	run_to_done(train);
	model = slurp(train, "out/model.safetensors", &size);
	snprintf(text, sizeof(text), spec, "");
	write_file(whole, "input/0", model, size);
	write_job(whole, text, "{\"m.safetensors\": \"input/0\"}", 2);
	write_file(cut, "input/0", model, size);
	write_job(cut, text, "{\"m.safetensors\": \"input/0\"}", 1);
	snprintf(text, sizeof(text), spec, ", \"code\": 1");
	write_file(one, "input/0", model, size);
	write_job(one, text, "{\"m.safetensors\": \"input/0\"}", 1);
	run_to_done(whole);
	run_with_stops(cut, SIGTERM, 100000, 4);
	run_to_done(one);
	report = load_report(whole);
	ck_assert_ptr_null(json_object_get(report, "flips_per_ns"));
	json_decref(report);
	/* Stopped within a code, it made some flips in vain. */
	report = load_report(whole);
	alone = load_report(cut);
	ck_assert(json_equal(json_object_get(report, "codes"), json_object_get(alone, "codes")));
	ck_assert(json_equal(json_object_get(report, "mixing"), json_object_get(alone, "mixing")));
	json_decref(alone);
	alone = load_report(one);
	codes = json_object_get(report, "codes");
	ck_assert_uint_eq(json_array_size(codes), 2);
	ck_assert(json_is_true(json_object_get(report, "references")));
	ck_assert(json_is_null(json_object_get(json_object_get(report, "mixing"), "gamma_bulk")));
	ck_assert_str_eq(string(json_object_get(report, "mixing"), "a7"), "not verifiable");
	ck_assert(json_equal(json_array_get(codes, 1),
			     json_array_get(json_object_get(alone, "codes"), 0)));
	json_decref(report);
	json_decref(alone);
	free(model);
	close(train);
	close(whole);
	close(cut);
	close(one);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("measure");
	TCase *t = tcase_create("measure");

	tcase_set_timeout(t, 300);
	tcase_add_checked_fixture(t, make_root, remove_root);
	tcase_add_loop_test(t, agrees_with_enumeration, 0, ARRAY_SIZE(scans));
	tcase_add_test(t, verdicts);
	tcase_add_test(t, p_bits_that_stand_still);
	tcase_add_test(t, the_code_that_decides_is_shown);
	tcase_add_test(t, refusals);
	tcase_add_test(t, codes_and_stops);
	suite_add_tcase(s, t);
	return run_suite(s);
}
