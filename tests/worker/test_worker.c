/* SPDX-License-Identifier: MIT */
/* The worker as a process: what a job leaves behind, and how a bad one ends. */
#include "job_support.h"

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
	static const char *const parts[] = { "sampler", "moments", "positive", "gradient",
					     "loading" };
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
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, make_root, remove_root);
	tcase_add_test(t, train_leaves_its_results);
	tcase_add_test(t, threads_do_not_show);
	tcase_add_test(t, bad_input_fails_with_a_reason);
	tcase_add_test(t, full_disk_fails_with_a_reason);
	tcase_add_test(t, unwritable_directory_fails_with_a_reason);
	tcase_add_test(t, too_large_for_the_machine);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
