/* SPDX-License-Identifier: MIT */
/* Sample jobs: the law, the figures, and the same bits however often they are stopped. */
#include "job_support.h"

#include "../run_suite.h"

static int sample_dir_of(const int8_t w[6], const char *name, const char *device, const char *more)
{
	int dir = job_dir(name);
	size_t shape[2] = { 3, 2 };
	struct array W;
	char spec[1024];

	ck_assert_int_eq(array_new(&W, DT_I8, 2, shape, NULL), 0);
	memcpy(W.data, w, 6);
	write_array(dir, "input/0", &W);
	snprintf(spec, sizeof(spec),
		 "{\"kind\": \"sample\", \"model\": \"W.npy\", \"device\": {\"scale\": 0.03125, %s}"
		 "%s}",
		 device, more);
	write_job(dir, spec, "{\"W.npy\": \"input/0\"}", 2);
	return dir;
}

static int sample_dir(const char *name, const char *device, const char *more)
{
	static const int8_t w[6] = { 40, -30, 20, 25, -35, 50 };

	return sample_dir_of(w, name, device, more);
}

static void load_array(int dir, const char *name, struct array *a)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "%s is missing", name);
	ck_assert_int_eq(npy_read(fd, name, a, NULL), 0);
	close(fd);
}

/* <v_i h_j> by enumeration of the 32 states. */
static void exact_moments(double vh[6])
{
	static const int8_t w[6] = { 40, -30, 20, 25, -35, 50 };
	double z = 0;

	memset(vh, 0, 6 * sizeof(*vh));
	for (unsigned int s = 0; s < 32; s++) {
		double energy = 0, p;

		for (unsigned int k = 0; k < 6; k++)
			energy -= w[k] / 32.0 * (s >> (k / 2) & 1 ? 1 : -1) *
				  (s >> (3 + k % 2) & 1 ? 1 : -1);
		p = exp(-energy);
		z += p;
		for (unsigned int k = 0; k < 6; k++)
			vh[k] += p * (s >> (k / 2) & 1 ? 1 : -1) * (s >> (3 + k % 2) & 1 ? 1 : -1);
	}
	for (unsigned int k = 0; k < 6; k++)
		vh[k] /= z;
}

START_TEST(sample_gives_the_law)
{
	int dir = sample_dir("a", "\"chains\": 64, \"sweeps\": 2100",
			     ", \"burn\": 100, \"every\": 2");
	struct array moments, states, energy;
	double exact[6], mean = 0, best = INFINITY;
	json_t *report;

	run_to_done(dir);
	load_array(dir, "out/moments.npy", &moments);
	load_array(dir, "out/states.npy", &states);
	load_array(dir, "out/energy.npy", &energy);
	ck_assert_uint_eq(states.shape[0], 64);
	ck_assert_uint_eq(states.shape[1], 5);
	for (size_t k = 0; k < states.count; k++)
		ck_assert_int_eq(abs(((int8_t *)states.data)[k]), 1);
	ck_assert_uint_eq(energy.shape[0], 1000);
	ck_assert_uint_eq(energy.shape[1], 64);
	exact_moments(exact);
	for (unsigned int k = 0; k < 6; k++) /* tau below 8 records */
		ck_assert_double_lt(fabs(array_get(&moments, k) - exact[k]),
				    6 * sqrt((1 - exact[k] * exact[k]) * 8 / 64000));
	for (size_t k = 0; k < energy.count; k++) {
		mean += array_get(&energy, k) / (double)energy.count;
		best = fmin(best, array_get(&energy, k));
	}
	report = load_report(dir);
	ck_assert_double_eq_tol(json_number_value(json_object_get(report, "mean_energy")), mean,
				1e-9);
	ck_assert_double_eq(json_number_value(json_object_get(report, "best_energy")), best);
	ck_assert_int_eq(json_integer_value(json_object_get(report, "flips")), 64 * 2100 * 5);
	ck_assert_int_eq(json_integer_value(json_object_get(report, "records")), 1000);
	ck_assert_double_gt(json_number_value(json_object_get(report, "tau_int")), 1);
	json_decref(report);
	array_free(&moments);
	array_free(&states);
	array_free(&energy);
	close(dir);
}
END_TEST

static const struct {
	const char *device, *more;
} sample_ways[] = {
	{ "\"chains\": 2000, \"sweeps\": 2500", ", \"burn\": 1000, \"every\": 3" },
	/* A record takes several pieces. */
	{ "\"chains\": 15000, \"sweeps\": 1010", ", \"burn\": 10, \"every\": 1000" },
};

START_TEST(sample_resumes_to_the_same_bits)
{
	int whole = sample_dir("whole", sample_ways[_i].device, sample_ways[_i].more);
	int cut = sample_dir("cut", sample_ways[_i].device, sample_ways[_i].more);

	run_to_done(whole);
	ck_assert_uint_gt(run_with_stops(cut, SIGTERM, 30000, 3), 0);
	check_same_report(whole, cut);
	check_same_file(whole, cut, "out/states.npy");
	check_same_file(whole, cut, "out/moments.npy");
	check_same_file(whole, cut, "out/energy.npy");
	close(whole);
	close(cut);
}
END_TEST

/*
 * Records that are far apart say that tau is below their distance, and no more. Here it is some 8
 * sweeps: two pairs v h that rarely turn over, and an energy between them. Hot, it is one.
 */
START_TEST(tau_between_records)
{
	static const int8_t w[6] = { 64, 16, 16, 64, 0, 0 };
	static const struct {
		const char *device, *more;
		bool resolved;
		double least, most;
	} cases[] = {
		{ "\"sweeps\": 4100, \"beta\": 0.1", "", true, 0.9, 1.3 },
		{ "\"sweeps\": 40100, \"beta\": 0.1", ", \"every\": 10", false, 9, 11 },
		{ "\"sweeps\": 20100, \"beta\": 1", "", true, 7, 9.5 },
		{ "\"sweeps\": 20100, \"beta\": 1", ", \"every\": 2", true, 7, 9.5 },
		{ "\"sweeps\": 40100, \"beta\": 1", ", \"every\": 40", false, 30, 60 },
	};
	int dir = sample_dir_of(w, "a", cases[_i].device, cases[_i].more);
	json_t *report;
	double tau;

	run_to_done(dir);
	report = load_report(dir);
	tau = json_number_value(json_object_get(report, "tau_int"));
	ck_assert_msg(tau >= cases[_i].least && tau <= cases[_i].most, "%g", tau);
	ck_assert_int_eq(json_is_true(json_object_get(report, "resolved")), cases[_i].resolved);
	json_decref(report);
	close(dir);
}
END_TEST

/* A trained model is sampled with its reference spins held at +1. */
START_TEST(sample_of_a_trained_model)
{
	int train = train_dir("train", ", \"optimizer\": {\"epochs\": 2, \"steps\": 5}", 1), dir;
	struct array states;
	json_t *report;
	size_t size;
	char *model;

	run_to_done(train);
	model = slurp(train, "out/model.safetensors", &size);
	dir = job_dir("sample");
	write_file(dir, "input/0", model, size);
	write_job(dir,
		  "{\"kind\": \"sample\", \"model\": \"m.safetensors\", \"code\": 1, \"device\": "
		  "{\"chains\": 32, \"sweeps\": 300}}",
		  "{\"m.safetensors\": \"input/0\"}", 1);
	run_to_done(dir);
	load_array(dir, "out/states.npy", &states);
	ck_assert_uint_eq(states.shape[1], PIXELS + 1 + 3 + 1);
	for (size_t c = 0; c < 32; c++) {
		ck_assert_int_eq(array_get_int(&states, c * 14), 1);
		ck_assert_int_eq(array_get_int(&states, c * 14 + PIXELS + 1), 1);
	}
	report = load_report(dir);
	ck_assert_int_eq(json_integer_value(json_object_get(report, "flips")), 32 * 300 * 12);
	json_decref(report);
	array_free(&states);

	write_job(dir, "{\"kind\": \"sample\", \"model\": \"m.safetensors\", \"code\": 2}",
		  "{\"m.safetensors\": \"input/0\"}", 1);
	run_to_failure(dir, "codes 0 to 1");
	free(model);
	close(train);
	close(dir);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sample");
	TCase *t = tcase_create("sample");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, make_root, remove_root);
	tcase_add_test(t, sample_gives_the_law);
	tcase_add_loop_test(t, sample_resumes_to_the_same_bits, 0, 2);
	tcase_add_loop_test(t, tau_between_records, 0, 5);
	tcase_add_test(t, sample_of_a_trained_model);
	suite_add_tcase(s, t);
	return run_suite(s);
}
