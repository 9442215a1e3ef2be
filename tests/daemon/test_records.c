// SPDX-License-Identifier: MIT
/* Log and Metrics: of jobs in every state, across a crash of the daemon, and of other users. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "harness.h"

static struct harness h;

static void setup(void)
{
	harness_new(&h);
	harness_start(&h, NULL);
}

static void teardown(void)
{
	harness_free(&h);
}

/* What the method hands out: a file to read and not to write. */
static char *record(sd_bus *bus, const char *method, uint64_t id)
{
	_cleanup_message_ sd_bus_message *reply = call(bus, method, "t", id);
	struct stat st;
	char *text;
	int fd;

	ck_assert_int_gt(sd_bus_message_read(reply, "h", &fd), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert(S_ISREG(st.st_mode));
	text = calloc(1, (size_t)st.st_size + 1);
	ck_assert_int_eq(pread_full(fd, text, (size_t)st.st_size, 0), 0);
	return text;
}

static json_t *metrics(sd_bus *bus, uint64_t id)
{
	_cleanup_free_ char *text = record(bus, "Metrics", id);
	json_t *array = json_array();
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n")))
		if (*line)
			ck_assert_int_eq(json_array_append_new(array, json_loads(line, 0, NULL)),
					 0);
	return array;
}

static void assert_event(const json_t *lines, size_t at, const char *event)
{
	if (at == SIZE_MAX)
		at = json_array_size(lines) - 1;
	ck_assert_str_eq(str(json_array_get(lines, at), "event"), event);
	ck_assert_int_gt(num(json_array_get(lines, at), "time"), INT64_C(1700000000000000));
}

START_TEST(of_a_job_that_is_done)
{
	_cleanup_bus_ sd_bus *bus = harness_connect(&h);
	uint64_t id = submit_named(bus, "quick");
	_cleanup_json_ json_t *lines = NULL;
	_cleanup_free_ char *log = NULL;

	json_decref(await_state(bus, id, "done"));
	lines = metrics(bus, id);
	ck_assert_uint_eq(json_array_size(lines), 3);
	assert_event(lines, 0, "started");
	ck_assert_str_eq(str(json_array_get(lines, 0), "device"), "embedded0");
	ck_assert(json_real_value(json_object_get(json_array_get(lines, 1), "progress")) == 0.5);
	ck_assert_ptr_null(json_object_get(json_array_get(lines, 1), "type"));
	assert_event(lines, 2, "done");
	log = record(bus, "Log", id);
	ck_assert_str_eq(log, "");
	call_refused(bus, PBIT_ERROR_NO_JOB, "no job 99", "Log", "t", (uint64_t)99);
	call_refused(bus, PBIT_ERROR_NO_JOB, "no job 99", "Metrics", "t", (uint64_t)99);
}
END_TEST

START_TEST(of_a_job_that_failed)
{
	_cleanup_bus_ sd_bus *bus = harness_connect(&h);
	uint64_t id = submit_named(bus, "fail");
	_cleanup_json_ json_t *lines = NULL;

	json_decref(await_state(bus, id, "failed"));
	lines = metrics(bus, id);
	ck_assert_uint_eq(json_array_size(lines), 2);
	assert_event(lines, 1, "failed");
	ck_assert_str_eq(str(json_array_get(lines, 1), "reason"), "the labels are out of range");
}
END_TEST

/* One that waits has none yet; one that runs and is cancelled keeps what it had. */
START_TEST(of_jobs_that_are_cancelled)
{
	_cleanup_bus_ sd_bus *bus = harness_connect(&h);
	uint64_t runs = submit_named(bus, "sleep"), waits = submit_named(bus, "sleep");
	_cleanup_json_ json_t *lines = NULL;
	_cleanup_free_ char *log = NULL, *none = NULL;

	json_decref(await_state(bus, runs, "running"));
	none = record(bus, "Metrics", waits);
	ck_assert_str_eq(none, "");
	log = record(bus, "Log", waits);
	ck_assert_str_eq(log, "");
	sd_bus_message_unref(call(bus, "Cancel", "t", waits));
	sd_bus_message_unref(call(bus, "Cancel", "t", runs));
	for (;;) {
		json_decref(lines);
		lines = metrics(bus, runs);
		if (!strcmp(str(json_array_get(lines, 0), "event"), "started") &&
		    json_object_get(json_array_get(lines, json_array_size(lines) - 1), "event") &&
		    json_array_size(lines) > 1)
			break;
		usleep(10000);
	}
	assert_event(lines, SIZE_MAX, "cancelled");
}
END_TEST

START_TEST(survives_the_daemon)
{
	sd_bus *bus = harness_connect(&h);
	uint64_t id = submit_named(bus, "count");
	_cleanup_json_ json_t *lines = NULL;
	unsigned int started = 0;
	json_t *line;
	size_t i;

	json_decref(await_state(bus, id, "running"));
	sd_bus_close_unref(bus);
	harness_kill(&h, SIGKILL);
	harness_start(&h, NULL);
	bus = harness_connect(&h);
	json_decref(await_state(bus, id, "done"));
	lines = metrics(bus, id);
	sd_bus_close_unref(bus);
	json_array_foreach(lines, i, line)
		started += json_object_get(line, "device") != NULL;
	ck_assert_uint_eq(started, 2);
	assert_event(lines, 0, "started");
	assert_event(lines, SIZE_MAX, "done");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("records");
	TCase *t = tcase_create("records");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, of_a_job_that_is_done);
	tcase_add_test(t, of_a_job_that_failed);
	tcase_add_test(t, of_jobs_that_are_cancelled);
	tcase_add_test(t, survives_the_daemon);
	suite_add_tcase(s, t);
	return run_suite(s);
}
