// SPDX-License-Identifier: MIT
/*
 * Jobs on /dev/pbitN: the worker as a process with an open context, its results beside those of
 * the embedded device, and what becomes of a job whose device goes.
 */
#include "../../run_suite.h"
#include "../../worker/job_support.h"
#include "../../worker/node_support.h"

static void set_up(void)
{
	make_root();
	make_device();
	job_moves = true;
}

static void tear_down(void)
{
	remove_device();
	remove_root();
}

/* A fresh context for the job that is started next. */
static void hand_over(void)
{
	closep(&job_device_fd);
	job_device_fd = open_node(0);
}

static int sample_dir(const char *name)
{
	int dir = job_dir(name);
	size_t shape[2] = { 70, 45 };
	struct array W;

	ck_assert_int_eq(array_new(&W, DT_I8, 2, shape, NULL), 0);
	for (size_t k = 0; k < W.count; k++)
		((int8_t *)W.data)[k] = (int8_t)(splitmix_below(5, k, 101) - 50);
	write_array(dir, "input/0", &W);
	write_job(dir,
		  "{\"kind\": \"sample\", \"model\": \"W.npy\", \"burn\": 20, \"every\": 3, "
		  "\"device\": {\"scale\": 0.01, \"chains\": 100, \"sweeps\": 1000}}",
		  "{\"W.npy\": \"input/0\"}", 2);
	return dir;
}

static void check_device(int dir, const char *name, const char *backend, size_t earlier)
{
	json_t *report = load_report(dir), *device = json_object_get(report, "device");

	ck_assert_str_eq(json_string_value(json_object_get(device, "name")), name);
	ck_assert_str_eq(json_string_value(json_object_get(device, "backend")), backend);
	ck_assert_uint_eq(json_array_size(json_object_get(device, "earlier")), earlier);
	json_decref(report);
}

START_TEST(sample_gives_the_same_bits)
{
	int embedded = sample_dir("embedded"), kernel;

	run_to_done(embedded);
	job_device = device_name;
	kernel = sample_dir("kernel");
	hand_over();
	run_to_done(kernel);
	check_same_report(embedded, kernel);
	check_same_file(embedded, kernel, "out/states.npy");
	check_same_file(embedded, kernel, "out/moments.npy");
	check_same_file(embedded, kernel, "out/energy.npy");
	check_device(embedded, "embedded0", "embedded", 0);
	check_device(kernel, device_name, "emulated", 0);
	close(embedded);
	close(kernel);
}
END_TEST

#define SHORT  ", \"optimizer\": {\"epochs\": 5, \"steps\": 10, \"batch\": 17}"
#define MEDIUM ", \"optimizer\": {\"epochs\": 12, \"steps\": 10, \"batch\": 17}"

/* Both phases on the device. */
#define SAMPLED                                                                                     \
	", \"optimizer\": {\"epochs\": 3, \"steps\": 10, \"method\": \"descent\", \"rate\": 0.05, " \
	"\"positive\": \"sampled\"}"

START_TEST(train_gives_the_same_bits)
{
	const char *rest = _i ? SAMPLED : SHORT;
	int embedded = train_dir("embedded", rest, 1), kernel;

	run_to_done(embedded);
	job_device = device_name;
	kernel = train_dir("kernel", rest, 1);
	hand_over();
	run_to_done(kernel);
	check_same_training(embedded, kernel);
	check_device(kernel, device_name, "emulated", 0);
	close(embedded);
	close(kernel);
}
END_TEST

static void expect_exit(struct run *r, int expected)
{
	char type[16], reason[512];
	int status = finish(r, type, reason);

	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == expected, "status %x: %s %s",
		      status, type, reason);
	ck_assert_str_ne(type, "failed");
	ck_assert_str_ne(type, "done");
}

static void wait_until_running(struct run *r)
{
	json_t *line = next_line(r);

	ck_assert_ptr_nonnull(line);
	json_decref(line);
}

/* The same directory, for the job to go on there. */
static void move_job(int dir, const char *device)
{
	size_t size;
	char *text = slurp(dir, "job.json", &size);
	json_t *job = json_loads(text, 0, NULL);

	free(text);
	json_object_set_new(job, "device", json_string(device));
	text = json_dumps(job, 0);
	write_file(dir, "job.json", text, strlen(text));
	free(text);
	json_decref(job);
}

/* On one device, stopped, on the other, and so on, to the bits of one run. */
START_TEST(train_moves_between_devices)
{
	int whole = train_dir("whole", MEDIUM, 1), moved = train_dir("moved", MEDIUM, 1);
	bool done = false;

	run_to_done(whole);
	for (unsigned int k = 0; !done; k++) {
		char type[16], reason[512];
		struct run r;
		int status;

		move_job(moved, k % 2 ? "embedded0" : device_name);
		hand_over();
		start(&r, moved);
		wait_until_running(&r);
		if (k < 5)
			kill(r.pid, SIGTERM);
		status = finish(&r, type, reason);
		ck_assert_msg(WIFEXITED(status), "status %x", status);
		done = WEXITSTATUS(status) == 0;
		ck_assert_msg(done || WEXITSTATUS(status) == WORKER_EXIT_STOPPED, "%s", reason);
		ck_assert(!done || k > 1);
	}
	check_same_training(whole, moved);
	close(whole);
	close(moved);
}
END_TEST

/* It is gone in mid-run: no failure, no results, and the other device takes over. */
START_TEST(device_goes)
{
	int whole, lost;
	struct run r;

	whole = _i ? sample_dir("whole") : train_dir("whole", MEDIUM, 1);
	run_to_done(whole);
	job_device = device_name;
	lost = _i ? sample_dir("lost") : train_dir("lost", MEDIUM, 1);
	hand_over();
	start(&r, lost);
	wait_until_running(&r);
	ck_assert_int_eq(rmdir(ITEM), 0);
	expect_exit(&r, WORKER_EXIT_LOST);
	ck_assert_int_ne(faccessat(lost, "out/report.json", F_OK, 0), 0);

	/* What pbitd had opened meanwhile is of no use either. */
	start(&r, lost);
	expect_exit(&r, WORKER_EXIT_LOST);

	move_job(lost, "embedded0");
	run_to_done(lost);
	check_same_report(whole, lost);
	if (!_i)
		check_same_training(whole, lost);
	check_device(lost, "embedded0", "embedded", 1);
	close(whole);
	close(lost);
}
END_TEST

/* What ideal p-bits began, others do not go on with: they begin anew. */
START_TEST(p_bits_that_differ_begin_anew)
{
	int moved, own;
	struct run r;

	job_device = device_name;
	moved = train_dir("moved", SHORT, 1);
	own = train_dir("own", SHORT, 1);
	hand_over();
	start(&r, moved);
	wait_until_running(&r);
	kill(r.pid, SIGTERM);
	expect_exit(&r, WORKER_EXIT_STOPPED);
	closep(&job_device_fd);

	write_text(ITEM "/live", "0");
	write_text(ITEM "/beta_spread_ppm", "100000");
	write_text(ITEM "/live", "1");
	read_text(ITEM "/dev_name", device_name, sizeof(device_name));
	hand_over();
	run_to_done(own);
	hand_over();
	run_to_done(moved);
	check_same_training(own, moved);
	check_device(moved, device_name, "emulated", 1);
	close(moved);
	close(own);
}
END_TEST

START_TEST(bad_descriptors_fail_with_a_reason)
{
	int dir;

	job_device = device_name;
	dir = train_dir("a", SHORT, 1);
	job_device_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	run_to_failure(dir, "no p-bit device");
	closep(&job_device_fd);
	run_to_failure(dir, "descriptor -1");
	close(dir);
}
END_TEST

static double number(const json_t *row, const char *key)
{
	const json_t *v = json_object_get(row, key);

	ck_assert_msg(json_is_number(v), "no number '%s'", key);
	return json_number_value(v);
}

/* The device is too small for 2048 x 2048, which has no row of it. */
START_TEST(bench_compares)
{
	json_t *report, *ratio, *empty;
	size_t k, ratios = 0;
	int dir;

	job_device = device_name;
	dir = job_dir("a");
	write_job(
		dir,
		"{\"kind\": \"bench\", \"seconds\": 0.15, \"chains\": 1, \"threads\": 1, \"training\": 0}",
		"{}", 1);
	hand_over();
	run_to_done(dir);
	report = load_report(dir);
	json_array_foreach(json_object_get(report, "ratios"), k, ratio) {
		const json_t *x = json_object_get(ratio, "kernel_over_embedded");
		const char *network = json_string_value(json_object_get(ratio, "network"));

		ck_assert_int_eq(!x, !strcmp(network, "2048x2048"));
		if (!x)
			continue;
		ratios++;
		ck_assert_double_gt(json_number_value(x), 0);
		printf("%s, %.0f chains: kernel over embedded %.3f\n", network,
		       number(ratio, "chains"), json_number_value(x));
	}
	/* Of 64, 256, 784 x 512, that cold, with one chain, and with 64. */
	ck_assert_uint_eq(ratios, 6);
	empty = json_object_get(report, "empty_run");
	ck_assert_double_eq(number(empty, "calls"), 2);
	printf("empty run: median %.1f us, best %.1f us, %.0f system calls\n",
	       number(empty, "median_us"), number(empty, "best_us"), number(empty, "calls"));
	check_device(dir, device_name, "emulated", 0);
	json_decref(report);
	close(dir);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("worker");
	TCase *t = tcase_create("worker");

	setvbuf(stdout, NULL, _IOLBF, 0);
	tcase_set_timeout(t, 100);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, sample_gives_the_same_bits);
	tcase_add_loop_test(t, train_gives_the_same_bits, 0, 2);
	tcase_add_test(t, train_moves_between_devices);
	tcase_add_loop_test(t, device_goes, 0, 2);
	tcase_add_test(t, p_bits_that_differ_begin_anew);
	tcase_add_test(t, bad_descriptors_fail_with_a_reason);
	tcase_add_test(t, bench_compares);
	suite_add_tcase(s, t);
	return run_suite(s);
}
