// SPDX-License-Identifier: MIT
/* The options of Submit, arrays among them; holds; what jobs wait for; the limits at the door. */
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "connected.h"
#include "users.h"

#define SUBMIT "Submit", "sa(sh)a{sv}"

static void cancel(uint64_t id)
{
	sd_bus_message_unref(call(bus, "Cancel", "t", id));
}

static void ids_are(const json_t *job, const char *key, size_t n, uint64_t first)
{
	const json_t *array = json_object_get(job, key);

	ck_assert_uint_eq(json_array_size(array), n);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(json_integer_value(json_array_get(array, i)),
				 (int64_t)(first + i));
}

/* Of a job that waits, before and after kill -9. */
START_TEST(options_are_kept)
{
	uint64_t first = submit_named(bus, "sleep"), second = submit_named(bus, "sleep"), id;

	id = take_id(call(bus, SUBMIT, BENCH("quick"), 0, 5, "band", "s", "high", "time_limit", "u",
			  90, "hold", "b", 1, "after_ok", "at", 2, second, first, "after_any", "at",
			  1, first));
	for (int i = 0; i < 2; i++) {
		json_t *job = show(bus, id);

		ck_assert_str_eq(str(job, "band"), "high");
		ck_assert_int_eq(num(job, "time_limit"), 90);
		ck_assert_str_eq(str(job, "held"), "user");
		ids_are(job, "after_ok", 2, first);
		ids_are(job, "after_any", 1, first);
		ck_assert_int_eq(num(job, "array"), 0);
		ck_assert_int_eq(num(job, "index"), 0);
		ck_assert_int_eq(num(job, "crashes"), 0);
		ck_assert(real(job, "device_seconds") == 0);
		json_decref(job);
		restart(SIGKILL);
	}
}
END_TEST

START_TEST(defaults)
{
	json_t *job = await_state(bus, submit_named(bus, "quick"), "done");

	ck_assert_str_eq(str(job, "band"), "normal");
	ck_assert_int_eq(num(job, "time_limit"), 0);
	ck_assert_str_eq(str(job, "held"), "");
	ids_are(job, "after_ok", 0, 0);
	ids_are(job, "after_any", 0, 0);
	json_decref(job);
}
END_TEST

#define REFUSED(text, ...) \
	call_refused(bus, PBIT_ERROR_BAD_INPUT, text, SUBMIT, BENCH("quick"), 0, __VA_ARGS__)

START_TEST(bad_options_are_refused)
{
	uint64_t failed = submit_named(bus, "fail"), held;
	uint64_t ids[65];

	for (size_t i = 0; i < 65; i++)
		ids[i] = i;
	json_decref(await_state(bus, failed, "failed"));
	held = submit_named(bus, "sleep");
	cancel(held);
	json_decref(await_state(bus, held, "cancelled"));
	REFUSED("Submit knows no option 'priority'", 1, "priority", "u", 7);
	REFUSED("Submit knows no option ''", 1, "", "u", 7);
	REFUSED("band: 'urgent' is none of low, normal, high", 1, "band", "s", "urgent");
	REFUSED("band: has D-Bus type 'u', and must have 's'", 1, "band", "u", 7);
	REFUSED("hold: has D-Bus type 's', and must have 'b'", 1, "hold", "s", "yes");
	REFUSED("after_ok: has D-Bus type 'au', and must have 'at'", 1, "after_ok", "au", 1, 1);
	REFUSED("time_limit: has D-Bus type 't'", 1, "time_limit", "t", (uint64_t)7);
	REFUSED("band: is given twice", 2, "band", "s", "low", "band", "s", "low");
	REFUSED("after_ok: there is no job 99; pbit queue lists them", 1, "after_ok", "at", 1,
		(uint64_t)99);
	REFUSED("after_any: there is no job 18446744073709551615", 1, "after_any", "at", 1,
		UINT64_MAX);
	REFUSED("after_ok: job 1 is failed, so that this one could never run; submit that one again",
		1, "after_ok", "at", 1, failed);
	REFUSED("after_ok: job 2 is cancelled", 1, "after_ok", "at", 1, held);
	REFUSED("array_key and array_values: give both or neither", 1, "array_key", "s", "seed");
	REFUSED("array_key and array_values: give both or neither", 1, "array_values", "s", "[1]");
	{
		_cleanup_message_ sd_bus_message *m = NULL;
		sd_bus_error error = SD_BUS_ERROR_NULL;

		ck_assert_int_ge(sd_bus_message_new_method_call(bus, &m, NULL, PBIT_PATH,
								PBIT_INTERFACE, "Submit"),
				 0);
		sd_bus_message_append(m, "sa(sh)", BENCH("quick"), 0);
		sd_bus_message_open_container(m, 'a', "{sv}");
		sd_bus_message_open_container(m, 'e', "sv");
		sd_bus_message_append(m, "s", "after_any");
		sd_bus_message_open_container(m, 'v', "at");
		sd_bus_message_append_array(m, 't', ids, sizeof(ids));
		sd_bus_message_close_container(m);
		sd_bus_message_close_container(m);
		sd_bus_message_close_container(m);
		ck_assert_int_lt(sd_bus_call(bus, m, 0, &error, NULL), 0);
		ck_assert_str_eq(error.message,
				 "after_any: a job can wait for 64 others, not for 65");
		sd_bus_error_free(&error);
	}
	/* Of all that nothing is left. */
	ck_assert_uint_eq(submit_named(bus, "quick"), 3);
}
END_TEST

/* A user's own jobs, by band, then by age. */
START_TEST(bands_order_a_users_jobs)
{
	uint64_t first = submit_named(bus, "sleep"), low, normal, high;
	json_t *job;

	json_decref(await_state(bus, first, "running"));
	low = take_id(call(bus, SUBMIT, BENCH("quick"), 0, 1, "band", "s", "low"));
	normal = submit_named(bus, "quick");
	high = take_id(call(bus, SUBMIT, BENCH("quick"), 0, 1, "band", "s", "high"));
	job = show(bus, high);
	ck_assert_int_eq(num(job, "position"), 1);
	json_decref(job);
	job = show(bus, normal);
	ck_assert_int_eq(num(job, "position"), 2);
	json_decref(job);
	job = show(bus, low);
	ck_assert_int_eq(num(job, "position"), 3);
	json_decref(job);
	cancel(first);
	json_decref(await_state(bus, low, "done"));
	{
		json_t *a = show(bus, high), *b = show(bus, normal), *c = show(bus, low);

		ck_assert_int_le(num(a, "started"), num(b, "started"));
		ck_assert_int_le(num(b, "started"), num(c, "started"));
		json_decref(a);
		json_decref(b);
		json_decref(c);
	}
}
END_TEST

START_TEST(hold_and_release)
{
	uint64_t id = take_id(call(bus, SUBMIT, BENCH("quick"), 0, 1, "hold", "b", 1)), other;
	json_t *job;

	/* It does not keep others. */
	other = submit_named(bus, "quick");
	json_decref(await_state(bus, other, "done"));
	job = show(bus, id);
	ck_assert_str_eq(str(job, "state"), "queued");
	ck_assert_str_eq(str(job, "held"), "user");
	json_decref(job);
	restart(SIGKILL);
	job = show(bus, id);
	ck_assert_str_eq(str(job, "state"), "queued");
	ck_assert_str_eq(str(job, "held"), "user");
	ck_assert_str_ne(str(job, "reason"), "");
	json_decref(job);
	/* Twice is once. */
	sd_bus_message_unref(call(bus, "Hold", "t", id));
	sd_bus_message_unref(call(bus, "Release", "t", id));
	job = await_state(bus, id, "done");
	ck_assert_str_eq(str(job, "held"), "");
	json_decref(job);
	call_refused(bus, PBIT_ERROR_ENDED, "job 1 is done already", "Hold", "t", id);
	call_refused(bus, PBIT_ERROR_ENDED, "job 1 is done already", "Release", "t", id);
	call_refused(bus, PBIT_ERROR_NO_JOB, "there is no job 9", "Hold", "t", (uint64_t)9);
	call_refused(bus, PBIT_ERROR_NO_JOB, "there is no job 9", "Release", "t", (uint64_t)9);
}
END_TEST

/* It goes on from where it was; while it is held, it has no process. */
START_TEST(running_job_is_held)
{
	uint64_t id = submit_named(bus, "steps");
	json_t *job, *result;

	await_told(bus, id);
	sd_bus_message_unref(call(bus, "Hold", "t", id));
	json_decref(await_state(bus, id, "queued"));
	json_decref(await_state(bus, submit_named(bus, "quick"), "done"));
	sd_bus_message_unref(call(bus, "Release", "t", id));
	job = await_state(bus, id, "done");
	ck_assert_int_eq(num(job, "resumes"), 1);
	ck_assert_int_eq(num(job, "crashes"), 0);
	json_decref(job);
	result = result_of(bus, id);
	ck_assert_int_eq(num(result, "count"), 100);
	json_decref(result);
}
END_TEST

START_TEST(after_ok_and_any)
{
	uint64_t fail = take_id(call(bus, SUBMIT, BENCH("fail"), 0, 1, "hold", "b", 1));
	uint64_t good = take_id(call(bus, SUBMIT, BENCH("quick"), 0, 1, "hold", "b", 1));
	uint64_t ok = take_id(call(bus, SUBMIT, BENCH("quick"), 0, 1, "after_ok", "at", 1, good));
	uint64_t any =
		take_id(call(bus, SUBMIT, BENCH("quick"), 0, 1, "after_any", "at", 2, good, fail));
	uint64_t doomed =
		take_id(call(bus, SUBMIT, BENCH("quick"), 0, 1, "after_ok", "at", 2, good, fail));
	uint64_t cascade =
		take_id(call(bus, SUBMIT, BENCH("quick"), 0, 1, "after_ok", "at", 1, doomed));
	json_t *job;

	json_decref(await_state(bus, submit_named(bus, "quick"), "done"));
	job = show(bus, ok);
	ck_assert_str_eq(str(job, "state"), "queued");
	ck_assert(strstr(str(job, "reason"), "2") != NULL);
	json_decref(job);
	/* What is known of others' ends is known after a restart as well. */
	restart(SIGKILL);
	sd_bus_message_unref(call(bus, "Release", "t", good));
	json_decref(await_state(bus, ok, "done"));
	job = show(bus, any);
	ck_assert_str_eq(str(job, "state"), "queued");
	json_decref(job);
	restart(SIGKILL);
	sd_bus_message_unref(call(bus, "Release", "t", fail));
	json_decref(await_state(bus, any, "done"));
	job = await_state(bus, doomed, "failed");
	ck_assert_msg(strstr(str(job, "reason"), "job 1") != NULL, "%s", str(job, "reason"));
	ck_assert_int_eq(num(job, "started"), 0);
	json_decref(job);
	job = await_state(bus, cascade, "failed");
	ck_assert_msg(strstr(str(job, "reason"), "job 5") != NULL, "%s", str(job, "reason"));
	json_decref(job);
}
END_TEST

/* A predecessor that is cancelled while it runs counts from the moment that it is. */
START_TEST(after_a_cancelled_job)
{
	uint64_t first = submit_named(bus, "sleep");
	uint64_t ok = take_id(call(bus, SUBMIT, BENCH("quick"), 0, 1, "after_ok", "at", 1, first));
	uint64_t any =
		take_id(call(bus, SUBMIT, BENCH("quick"), 0, 1, "after_any", "at", 1, first));
	json_t *job;

	json_decref(await_state(bus, first, "running"));
	cancel(first);
	json_decref(await_state(bus, any, "done"));
	job = await_state(bus, ok, "failed");
	ck_assert_msg(strstr(str(job, "reason"), "job 1") != NULL, "%s", str(job, "reason"));
	json_decref(job);
}
END_TEST

#define SAMPLE "{\"kind\": \"sample\", \"name\": \"quick\", \"model\": \"W.npy\", \"seed\": 1}"

START_TEST(array)
{
	int fd = harness_sealed("bytes", 5);
	uint64_t first, before = submit_named(bus, "sleep");
	struct stat a, b;
	char path[160];

	json_decref(await_state(bus, before, "running"));
	first = take_id(call(bus, SUBMIT, SAMPLE, 1, "W.npy", fd, 3, "array_key", "s",
			     "device.beta", "array_values", "s", "[0.5, 1, 2.5]", "band", "s",
			     "low"));
	ck_assert_uint_eq(first, 2);
	ck_assert_uint_eq(submit_named(bus, "quick"), 5);
	/* The inputs are there once, under three names. */
	snprintf(path, sizeof(path), "%s/jobs/2/input/0", h.state);
	ck_assert_int_eq(stat(path, &a), 0);
	snprintf(path, sizeof(path), "%s/jobs/4/input/0", h.state);
	ck_assert_int_eq(stat(path, &b), 0);
	ck_assert_uint_eq(a.st_ino, b.st_ino);
	ck_assert_uint_eq(a.st_nlink, 3);
	ck_assert_int_eq(a.st_mode & 0777, 0400);
	restart(SIGKILL);
	cancel(before);
	for (unsigned int i = 0; i < 3; i++) {
		json_t *job = await_state(bus, first + i, "done");
		static const double beta[] = { 0.5, 1, 2.5 };

		ck_assert_int_eq(num(job, "array"), (int64_t)first);
		ck_assert_int_eq(num(job, "index"), i);
		ck_assert_str_eq(str(job, "band"), "low");
		ck_assert_str_eq(str(job, "name"), "quick");
		ck_assert(real(json_object_get(json_object_get(job, "spec"), "device"), "beta") ==
			  beta[i]);
		json_decref(job);
	}
	/* Each takes its own name with it, and nothing of the others'. */
	ck_assert_int_lt(stat(path, &b), 0);
	close(fd);
}
END_TEST

/* One job, which is an array all the same. */
START_TEST(array_of_one)
{
	uint64_t id = take_id(call(bus, SUBMIT, BENCH("quick"), 0, 2, "array_key", "s", "seed",
				   "array_values", "s", "[7]"));
	json_t *job = await_state(bus, id, "done");

	ck_assert_int_eq(num(job, "array"), (int64_t)id);
	ck_assert_int_eq(num(json_object_get(job, "spec"), "seed"), 7);
	json_decref(job);
}
END_TEST

#define BAD_ARRAY(text, key, values) \
	REFUSED(text, 2, "array_key", "s", key, "array_values", "s", values)

START_TEST(bad_arrays_are_refused)
{
	char path[200];

	BAD_ARRAY("optimizer", "optimizer.rate", "[1]");
	BAD_ARRAY("", "seed", "[]");
	BAD_ARRAY("", "seed", "{}");
	BAD_ARRAY("", "seed", "7");
	BAD_ARRAY("", "seed", "[1, [2]]");
	BAD_ARRAY("", "seed", "[1, null]");
	BAD_ARRAY("", "", "[1]");
	BAD_ARRAY("line 1", "seed", "[1,");
	/* The last value alone: the others are not taken either. */
	BAD_ARRAY("seed", "seed", "[1, 2, 3, -4]");
	BAD_ARRAY("kind", "kind", "[\"bench\", \"brew\"]");
	ck_assert_uint_eq(submit_named(bus, "quick"), 1);
	json_decref(await_state(bus, 1, "done"));
	snprintf(path, sizeof(path), "test $(ls %s/jobs | wc -l) = 1", h.state);
	ck_assert_int_eq(system(path), 0);
}
END_TEST

static char *numbers(unsigned int n)
{
	char *text = malloc(12 * n + 3), *p = text;

	*p++ = '[';
	for (unsigned int i = 0; i < n; i++)
		p += sprintf(p, "%s%u", i ? "," : "", i + 1);
	strcpy(p, "]");
	return text;
}

/* The largest one there is, all of it or nothing, and the limits it meets. */
START_TEST(thousand_jobs)
{
	_cleanup_free_ char *all = numbers(1000), *more = numbers(1001);
	uint64_t before, first;
	json_t *job;

	BAD_ARRAY("1000", "seed", more);
	before = now_us();
	first = take_id(call(bus, SUBMIT, BENCH("quick"), 0, 3, "array_key", "s", "seed",
			     "array_values", "s", all, "hold", "b", 1));
	printf("options: an array of 1000 jobs was acknowledged after %.0f ms\n",
	       (double)(now_us() - before) / 1e3);
	call_refused(bus, PBIT_ERROR_LIMIT,
		     "1000 jobs of yours wait or run, and with 1 more they would be above your "
		     "limit of 1000 (queued); submit more when some of them have ended",
		     SUBMIT, BENCH("quick"), 0, 0);
	call_refused(bus, PBIT_ERROR_LIMIT, "and with 2 more", SUBMIT, BENCH("quick"), 0, 2,
		     "array_key", "s", "seed", "array_values", "s", "[1,2]");
	job = show(bus, first + 999);
	ck_assert_int_eq(num(job, "index"), 999);
	ck_assert_int_eq(num(json_object_get(job, "spec"), "seed"), 1000);
	json_decref(job);
	cancel(first + 999);
	ck_assert_uint_eq(submit_named(bus, "quick"), first + 1000);
	json_decref(await_state(bus, first + 1000, "done"));
	restart(SIGKILL);
	job = show(bus, first + 500);
	ck_assert_int_eq(num(job, "index"), 500);
	ck_assert_int_eq(num(job, "array"), (int64_t)first);
	json_decref(job);
}
END_TEST

/* Nobody's process but the running job's: one slot, one child, however many wait. */
START_TEST(waiting_jobs_have_no_process)
{
	_cleanup_free_ char *some = numbers(100);
	char command[200];
	uint64_t first = submit_named(bus, "sleep");

	json_decref(await_state(bus, first, "running"));
	take_id(call(bus, SUBMIT, BENCH("quick"), 0, 2, "array_key", "s", "seed", "array_values",
		     "s", some));
	for (int i = 0; i < 5; i++) {
		take_id(call(bus, SUBMIT, BENCH("quick"), 0, 1, "hold", "b", 1));
		snprintf(command, sizeof(command),
			 "test $(cat /proc/%d/task/%d/children | wc -w) = 1", (int)h.daemon,
			 (int)h.daemon);
		ck_assert_int_eq(system(command), 0);
	}
	/* Nor when nothing runs. */
	for (uint64_t id = 2; id <= 101; id++)
		cancel(id);
	sd_bus_message_unref(call(bus, "Hold", "t", first));
	json_decref(await_state(bus, first, "queued"));
	snprintf(command, sizeof(command), "test $(cat /proc/%d/task/%d/children | wc -w) = 0",
		 (int)h.daemon, (int)h.daemon);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("options");
	TCase *t = tcase_create("options");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, options_are_kept);
	tcase_add_test(t, defaults);
	tcase_add_test(t, bad_options_are_refused);
	tcase_add_test(t, bands_order_a_users_jobs);
	tcase_add_test(t, hold_and_release);
	tcase_add_test(t, running_job_is_held);
	tcase_add_test(t, after_ok_and_any);
	tcase_add_test(t, after_a_cancelled_job);
	tcase_add_test(t, array);
	tcase_add_test(t, array_of_one);
	tcase_add_test(t, bad_arrays_are_refused);
	tcase_add_test(t, thousand_jobs);
	tcase_add_test(t, waiting_jobs_have_no_process);
	suite_add_tcase(s, t);
	return run_suite(s);
}
