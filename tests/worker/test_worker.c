/* SPDX-License-Identifier: MIT */
/* The worker as a process: what a job leaves behind, and how a bad one ends. */
#include "job_support.h"

#include "../run_suite.h"

static double number_at(const json_t *report, const char *section, const char *key)
{
	json_t *x = json_object_get(json_object_get(report, section), key);

	ck_assert_msg(json_is_number(x), "%s.%s is not a number", section, key);
	return json_number_value(x);
}

START_TEST(train_leaves_its_results)
{
	static const char *const keys[] = {
		"kind",	  "name",   "seed",   "spec",	"model",  "loglik", "reconstruction_error",
		"mixing", "epochs", "device", "energy", "timing", "picture"
	};
	static const char *const parts[] = { "sampler",	 "moments", "positive",
					     "gradient", "loading", "all" };
	int dir = train_dir("a", ", \"optimizer\": {\"epochs\": 6, \"steps\": 30, \"rate\": 0.05}",
			    1);
	json_t *report, *loglik, *steps;
	struct safetensors s;
	int fd;

	run_to_done(dir);
	report = load_report(dir);
	for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
		ck_assert_msg(json_object_get(report, keys[k]) != NULL, "no %s", keys[k]);
	loglik = json_object_get(report, "loglik");
	ck_assert_str_eq(json_string_value(json_object_get(loglik, "method")), "exact");
	/* Rows and columns are what independent pixels cannot say. */
	ck_assert_double_gt(number_at(report, "loglik", "gain_over_independent"), 0.5);
	ck_assert_uint_eq(json_array_size(json_object_get(report, "epochs")), 6);
	ck_assert_double_gt(number_at(report, "energy", "flips"), 0);
	/* Once a class and step, and for every look at the model. */
	ck_assert_double_ge(number_at(report, "energy", "loads"), 2 * 6 * 30);
	steps = json_object_get(json_object_get(report, "timing"), "steps");
	ck_assert_uint_eq(json_object_size(steps), ARRAY_SIZE(parts));
	for (size_t k = 0; k < ARRAY_SIZE(parts); k++)
		ck_assert_double_gt(json_number_value(json_object_get(steps, parts[k])), 0);
	ck_assert_str_eq(
		json_string_value(json_object_get(json_object_get(report, "mixing"), "a7")),
		"not verifiable");
	json_decref(report);

	fd = openat(dir, "out/model.safetensors", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(safetensors_read(fd, "model", &s, NULL), 0);
	ck_assert_ptr_nonnull(safetensors_get(&s, "couplings"));
	ck_assert_uint_eq(safetensors_get(&s, "couplings")->shape[1], PIXELS + 1);
	ck_assert_uint_eq(safetensors_get(&s, "couplings")->shape[2], 3 + 1);
	ck_assert_ptr_nonnull(safetensors_get(&s, "layer.1.bias"));
	safetensors_free(&s);
	close(fd);
	close(dir);
}
END_TEST

/* Of so few images that none is left for judging, figures are not there; the model is. */
START_TEST(no_held_out_images)
{
	int dir = spec_dir("a",
			   "{\"kind\": \"train\", \"data\": {\"images\": \"i.npy\", \"labels\": "
			   "\"l.npy\", \"holdout\": 0.001}, \"model\": {\"hidden\": 3}, "
			   "\"optimizer\": {\"epochs\": 2, \"steps\": 2}}",
			   1);
	json_t *report, *loglik;

	run_to_done(dir);
	report = load_report(dir);
	loglik = json_object_get(report, "loglik");
	ck_assert(json_is_null(json_object_get(report, "reconstruction_error")));
	ck_assert(json_is_null(json_object_get(loglik, "gain_over_independent")));
	ck_assert(json_is_null(json_object_get(json_object_get(loglik, "hypernetwork"), "all")));
	ck_assert_int_eq(faccessat(dir, "out/model.safetensors", F_OK, 0), 0);
	json_decref(report);
	close(dir);
}
END_TEST

START_TEST(threads_do_not_show)
{
	int one = train_dir("one", LONG, 1), two = train_dir("two", LONG, 2);

	run_to_done(one);
	run_to_done(two);
	check_same_training(one, two);
	close(one);
	close(two);
}
END_TEST

/* The lines of metrics.jsonl, without what they may differ in; flips: of the last one. */
static json_t *judged_lines(int dir, json_int_t *flips)
{
	size_t size;
	char *text = slurp(dir, "out/metrics.jsonl", &size), *rest = text, *line;
	json_t *lines = json_array();

	while ((line = strsep(&rest, "\n")) && *line) {
		json_t *x = json_loads(line, 0, NULL);

		*flips = json_integer_value(json_object_get(x, "flips"));
		ck_assert_int_gt(*flips, 0);
		ck_assert_int_eq(json_object_del(x, "flips"), 0);
		ck_assert_int_eq(json_object_del(x, "seconds"), 0);
		ck_assert_int_eq(json_array_append_new(lines, x), 0);
	}
	free(text);
	return lines;
}

static json_int_t integer_at(const json_t *object, const char *key)
{
	json_t *x = json_object_get(object, key);

	ck_assert_msg(json_is_integer(x), "%s is no whole number", key);
	return json_integer_value(x);
}

/* The report lists the same epochs, and keeps the best of them. */
static void check_judged(int dir, const json_t *lines, bool validation)
{
	json_t *report = load_report(dir), *line, *model;
	json_int_t best = 0;
	bool resolved = false;
	double most = 0;
	size_t k, n[2] = { 0, 0 };

	json_array_foreach(lines, k, line) {
		bool separate =
			!strcmp(json_string_value(json_object_get(line, "model")), "separate");
		json_t *list = json_object_get(report, separate ? "epochs_separate" : "epochs");
		const json_t *figure = json_object_get(line, "loglik_validation");
		double now = json_number_value(figure);

		ck_assert_int_eq(integer_at(json_array_get(list, n[separate]++), "epoch"),
				 integer_at(line, "epoch"));
		/* Of those that are resolved, the best; as long as none is, the last. */
		if (separate || (validation && resolved && !(json_is_number(figure) && now > most)))
			continue;
		resolved = json_is_number(figure);
		best = integer_at(line, "epoch");
		most = now;
	}
	ck_assert_uint_eq(json_array_size(json_object_get(report, "epochs")), n[0]);
	ck_assert_uint_eq(json_array_size(json_object_get(report, "epochs_separate")), n[1]);
	model = json_object_get(report, "model");
	ck_assert_int_eq(integer_at(model, "epoch"), best);
	json_decref(report);
}

/* Two modes of 30 pixels, which more hidden p-bits learn than ln Z is summed for. */
static int ais_dir(const char *name, unsigned int betas)
{
	size_t shape[2] = { 60, 30 };
	struct array images;
	char spec[1024];
	int dir = job_dir(name);

	ck_assert_int_eq(array_new(&images, DT_U8, 2, shape, NULL), 0);
	for (size_t k = 0; k < images.count; k++)
		((uint8_t *)images.data)[k] =
			(splitmix_below(1, k / 30, 2) != 0) ^ (splitmix_uniform(2, k) < 0.1);
	write_array(dir, "input/0", &images);
	snprintf(
		spec, sizeof(spec),
		"{\"kind\": \"train\", \"seed\": 5, \"data\": {\"images\": \"i.npy\", "
		"\"threshold\": 1, \"validation\": 0.2}, \"model\": {\"hidden\": 24, \"layers\": "
		"[]}, \"device\": {\"chains\": 16, \"sweeps\": 8}, \"optimizer\": {\"epochs\": 12, "
		"\"steps\": 10, \"rate\": 0.01}, \"baselines\": [\"independent\"], \"report\": "
		"{\"tau_sweeps\": 64, \"samples\": 1, \"ais_chains\": 32, \"ais_betas\": %u}}",
		betas);
	write_job(dir, spec, "{\"i.npy\": \"input/0\"}", 1);
	return dir;
}

/* Likelihoods by AIS in no epoch, in some, and in all of them. */
START_TEST(ais_is_resolved_or_refused)
{
	static const struct {
		unsigned int betas, least, most;
	} cases[] = { { 2, 0, 0 }, { 110, 1, 11 }, { 1500, 12, 12 } };
	int dir = ais_dir("a", cases[_i].betas);
	json_t *report, *loglik, *model, *lines, *line;
	unsigned int resolved = 0;
	json_int_t flips;
	bool all;
	size_t k;

	run_to_done(dir);
	report = load_report(dir);
	loglik = json_object_get(report, "loglik");
	model = json_object_get(loglik, "hypernetwork");
	lines = judged_lines(dir, &flips);
	json_array_foreach(lines, k, line) {
		bool is = json_number_value(json_object_get(line, "ais_ess")) >= 3 * sqrt(32);

		ck_assert_int_eq(json_is_number(json_object_get(line, "loglik_train")), is);
		ck_assert_int_eq(json_is_number(json_object_get(line, "error")), is);
		resolved += is;
	}
	ck_assert_msg(resolved >= cases[_i].least && resolved <= cases[_i].most, "%u", resolved);
	check_judged(dir, lines, true);
	all = json_is_true(json_object_get(model, "resolved"));
	ck_assert_int_eq(json_is_number(json_object_get(model, "all")), all);
	ck_assert_int_eq(json_is_number(json_object_get(model, "error")), all);
	ck_assert_int_eq(json_is_number(json_object_get(loglik, "gain_over_independent")), all);
	ck_assert_int_eq(json_is_null(json_object_get(loglik, "reason")), all);
	if (!all)
		ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(loglik, "reason")),
					     "raise report.ais_betas"));
	if (!cases[_i].most)
		ck_assert_int_eq(integer_at(json_object_get(report, "model"), "epoch"), 12);
	json_decref(lines);
	json_decref(report);
	close(dir);
}
END_TEST

static const struct {
	unsigned int every;
	json_int_t epochs[6];
	double validation;
} fewer[] = {
	{ 2, { 2, 4, 5 }, 0 },
	{ 2, { 2, 4, 5 }, 0.1 },
	{ 5, { 5 }, 0 },
	{ 1000000, { 5 }, 0.1 },
};

/* Judging has no part in the training, and one epoch's none in another's. */
START_TEST(fewer_epochs_are_judged)
{
	int all = judged_dir("all", 5, 1, fewer[_i].validation);
	int some = judged_dir("some", 5, fewer[_i].every, fewer[_i].validation);
	json_int_t flips[2] = { 0, 0 };
	json_t *whole, *lines, *line;
	size_t k, next = 0;

	run_to_done(all);
	run_to_done(some);
	whole = judged_lines(all, &flips[0]);
	lines = judged_lines(some, &flips[1]);
	ck_assert_uint_eq(json_array_size(whole), 2 * 5);
	json_array_foreach(whole, k, line) {
		const json_int_t *at = fewer[_i].epochs;

		while (*at && *at != integer_at(line, "epoch"))
			at++;
		if (*at)
			ck_assert(json_equal(json_array_get(lines, next++), line));
	}
	ck_assert_uint_eq(json_array_size(lines), next);
	/* Traces that were not taken. */
	ck_assert_int_lt(flips[1], flips[0]);
	check_judged(all, whole, fewer[_i].validation > 0);
	check_judged(some, lines, fewer[_i].validation > 0);
	if (fewer[_i].validation == 0) {
		check_same_file(all, some, "out/model.safetensors");
		check_same_file(all, some, "out/separate.safetensors");
		check_same_file(all, some, "out/samples.npy");
	}
	json_decref(whole);
	json_decref(lines);
	close(all);
	close(some);
}
END_TEST

/* The figures of a progress line are of the epoch that it says. */
START_TEST(progress_tells_which_epoch_was_judged)
{
	int dir = judged_dir("a", 5, 3, 0.1);
	unsigned int last = 0;
	json_t *line;
	struct run r;
	int status;

	start(&r, dir);
	while ((line = next_line(&r))) {
		json_t *judged = json_object_get(line, "judged_epoch");

		ck_assert_int_eq(judged != NULL, json_object_get(line, "loss") != NULL);
		if (judged) {
			json_int_t at = json_integer_value(judged), now = integer_at(line, "epoch");

			ck_assert(at == 3 || at == 5);
			ck_assert_int_eq(at, now - (now == 4));
			last += at == 5;
		}
		json_decref(line);
	}
	ck_assert_int_eq(waitpid(r.pid, &status, 0), r.pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(r.fd);
	/* Told of each model in any case. */
	ck_assert_uint_ge(last, 2);
	close(dir);
}
END_TEST

START_TEST(bad_input_fails_with_a_reason)
{
	int dir = job_dir("a");

	run_to_failure(dir, "job.json");
	write_file(dir, "job.json", "{\"id\": 1", 8);
	run_to_failure(dir, "job.json");
	write_file(dir, "job.json", "{\"id\": 1}", 9);
	run_to_failure(dir, "spec");
	write_job(dir, "{\"kind\": \"train\", \"dat\": 1}", "{}", 1);
	run_to_failure(dir, "dat");
	write_job(dir, "{\"kind\": \"train\", \"data\": {\"images\": \"i.npy\"}}", TRAIN_INPUTS, 1);
	run_to_failure(dir, "i.npy");
	write_images(dir, COUNT - 1);
	write_job(dir,
		  "{\"kind\": \"train\", \"data\": {\"images\": \"i.npy\", \"labels\": \"l.npy\"}}",
		  TRAIN_INPUTS, 1);
	run_to_failure(dir, "l.npy");
	write_file(dir, "input/0", "\x93NUMPY\x01", 7);
	run_to_failure(dir, "i.npy");
	close(dir);
}
END_TEST

/* A full disk, played by a limit on file sizes. */
START_TEST(full_disk_fails_with_a_reason)
{
	int dir = train_dir("a", "", 1);

	file_limit = 300;
	run_to_failure(dir, "cannot write");
	close(dir);
}
END_TEST

START_TEST(unwritable_directory_fails_with_a_reason)
{
	int dir = train_dir("a", "", 1);

	/* A file in out's place stops even root. */
	write_file(dir, "out", "", 0);
	run_to_failure(dir, "out/");
	close(dir);
}
END_TEST

START_TEST(too_large_for_the_machine)
{
	int dir = train_dir("a", ", \"name\": \"large\"", 1);

	write_job(dir,
		  "{\"kind\": \"train\", \"data\": {\"images\": \"i.npy\", \"labels\": \"l.npy\"}, "
		  "\"model\": {\"hidden\": 16384}}",
		  TRAIN_INPUTS, 1);
	run_to_failure(dir, "fewer");
	close(dir);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("worker");
	TCase *t = tcase_create("worker");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, make_root, remove_root);
	tcase_add_test(t, train_leaves_its_results);
	tcase_add_loop_test(t, ais_is_resolved_or_refused, 0, 3);
	tcase_add_test(t, no_held_out_images);
	tcase_add_test(t, threads_do_not_show);
	tcase_add_loop_test(t, fewer_epochs_are_judged, 0, ARRAY_SIZE(fewer));
	tcase_add_test(t, progress_tells_which_epoch_was_judged);
	tcase_add_test(t, bad_input_fails_with_a_reason);
	tcase_add_test(t, full_disk_fails_with_a_reason);
	tcase_add_test(t, unwritable_directory_fails_with_a_reason);
	tcase_add_test(t, too_large_for_the_machine);
	suite_add_tcase(s, t);
	return run_suite(s);
}
