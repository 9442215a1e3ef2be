/* SPDX-License-Identifier: MIT */
/*
 * Devices that are none: what the worker makes of a descriptor that is no context of the driver.
 * The driver itself is tested with it in virtual machines: tests/vm/programs/backend.c, worker.c.
 */
#include "device.h"
#include "job_support.h"

#include "../run_suite.h"

static void refuses(int fd, int code, const char *what)
{
	struct device *d = (struct device *)8;
	struct err e = { 0 };

	ck_assert_int_eq(device_open_fd(fd, "pbit3", &d, &e), code);
	ck_assert_int_eq(e.code, code);
	ck_assert_msg(strstr(e.text, what) && strstr(e.text, "pbit3"), "'%s'", e.text);
	ck_assert_ptr_eq(d, (struct device *)8);
}

START_TEST(descriptors_that_are_no_device)
{
	int dir = job_dir("a"), null = open("/dev/null", O_RDWR | O_CLOEXEC), pair[2], file;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	write_file(dir, "file", "x", 1);
	file = openat(dir, "file", O_RDWR | O_CLOEXEC);
	refuses(null, -ENOTTY, "no p-bit device");
	refuses(pair[0], -ENOTTY, "no p-bit device");
	refuses(file, -ENOTTY, "no p-bit device");
	refuses(dir, -ENOTTY, "no p-bit device");
	refuses(-1, -EBADF, "pbitd hands it over");
	close(pair[0]);
	refuses(pair[0], -EBADF, "pbitd hands it over");
	/* What was refused is the caller's still. */
	ck_assert_int_eq(close(null), 0);
	ck_assert_int_eq(close(file), 0);
	ck_assert_int_eq(close(pair[1]), 0);
	ck_assert_int_eq(close(dir), 0);
}
END_TEST

/* Of every kind of job: a failure with its reason, not a device that was lost. */
START_TEST(jobs_without_their_device)
{
	static const char *const specs[] = {
		"{\"kind\": \"bench\"}",
		"{\"kind\": \"sample\", \"model\": \"W.npy\"}",
	};
	size_t shape[2] = { 3, 2 };
	struct array W;
	int dir;

	job_device = "pbit3";
	dir = train_dir("train", "", 1);
	run_to_failure(dir, "/dev/pbit3: no open device");
	close(dir);
	dir = job_dir("other");
	ck_assert_int_eq(array_new(&W, DT_I8, 2, shape, NULL), 0);
	write_array(dir, "input/0", &W);
	for (size_t k = 0; k < ARRAY_SIZE(specs); k++) {
		write_job(dir, specs[k], "{\"W.npy\": \"input/0\"}", 1);
		run_to_failure(dir, "/dev/pbit3: no open device");
		job_device_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		run_to_failure(dir, "no p-bit device");
		closep(&job_device_fd);
	}
	close(dir);
}
END_TEST

START_TEST(names_that_are_no_device)
{
	static const char *const names[] = { "\"\"", "7", "\"pbit0000000000000000000000000000\"" };
	char job[256];
	int dir = job_dir("a");

	for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
		snprintf(job, sizeof(job), "{\"spec\": {\"kind\": \"bench\"}, \"device\": %s}",
			 names[k]);
		write_file(dir, "job.json", job, strlen(job));
		run_to_failure(dir, "device: must be the name");
	}
	close(dir);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("kernel_device");
	TCase *t = tcase_create("kernel_device");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, make_root, remove_root);
	tcase_add_test(t, descriptors_that_are_no_device);
	tcase_add_test(t, jobs_without_their_device);
	tcase_add_test(t, names_that_are_no_device);
	suite_add_tcase(s, t);
	return run_suite(s);
}
