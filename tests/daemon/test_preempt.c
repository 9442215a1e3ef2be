// SPDX-License-Identifier: MIT
/* Running jobs that have to go: for short ones, for their time limit, for a reservation, by a crash. */
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "connected.h"

#define SUBMIT	  "Submit", "sa(sh)a{sv}"
#define USEC	  ((int64_t)1000000)
#define WAIT_LONG (600 * USEC)

static uint64_t submit_short(const char *spec)
{
	return take_id(call(bus, SUBMIT, spec, 0, 1, "time_limit", "u", 10));
}

/* Each step of the long one is done once, though others ran between. */
START_TEST(short_job_goes_first)
{
	uint64_t slow = submit_named(bus, "steps"), quick;
	json_t *job, *result;
	int64_t ended;

	await_told(bus, slow);
	quick = submit_short(BENCH("quick"));
	job = await_state(bus, quick, "done");
	ended = num(job, "finished");
	printf("preempt: a short job began %.2f s after it was submitted\n",
	       (double)(num(job, "started") - num(job, "submitted")) / 1e6);
	json_decref(job);
	job = await_state(bus, slow, "done");
	ck_assert_int_lt(ended, num(job, "finished"));
	ck_assert_int_eq(num(job, "resumes"), 1);
	ck_assert_int_eq(num(job, "crashes"), 0);
	ck_assert_str_eq(str(job, "reason"), "");
	json_decref(job);
	result = result_of(bus, slow);
	ck_assert_int_eq(num(result, "count"), 100);
	json_decref(result);
	ck_assert(harness_logged(&h, "is preempted: "));
}
END_TEST

/* One that does not listen is killed, and goes on from its checkpoint; that is no crash. */
START_TEST(deaf_job_is_killed)
{
	uint64_t deaf = submit_named(bus, "stubborn"), quick;
	json_t *job;

	await_told(bus, deaf);
	quick = submit_short(BENCH("quick"));
	json_decref(await_state(bus, quick, "done"));
	job = await_state(bus, deaf, "running");
	ck_assert_int_eq(num(job, "resumes"), 1);
	ck_assert_int_eq(num(job, "crashes"), 0);
	json_decref(job);
}
END_TEST

START_TEST(time_limit)
{
	uint64_t id = take_id(call(bus, SUBMIT, BENCH("sleep"), 0, 1, "time_limit", "u", 1));
	uint64_t other = submit_named(bus, "quick");
	json_t *job = await_state(bus, id, "failed");
	char path[160];

	ck_assert_str_eq(str(job, "reason"), "time limit of 1 s reached");
	/* Device time is what is limited, and it was used. */
	ck_assert(real(job, "device_seconds") >= 1);
	json_decref(job);
	snprintf(path, sizeof(path), "%s/jobs/1/ckpt/stopped", h.state);
	ck_assert_int_eq(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/jobs/1/input", h.state);
	ck_assert_int_lt(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/jobs/1/metrics.jsonl", h.state);
	ck_assert_int_eq(access(path, F_OK), 0);
	json_decref(await_state(bus, other, "done"));
}
END_TEST

START_TEST(time_limit_of_a_deaf_job)
{
	uint64_t id = take_id(call(bus, SUBMIT, BENCH("stubborn"), 0, 1, "time_limit", "u", 1));
	json_t *job = await_state(bus, id, "failed");

	ck_assert_str_eq(str(job, "reason"), "time limit of 1 s reached");
	json_decref(job);
}
END_TEST

/* What was used before the daemon was stopped counts. */
START_TEST(time_limit_over_restarts)
{
	uint64_t id = take_id(call(bus, SUBMIT, BENCH("sleep"), 0, 1, "time_limit", "u", 4));
	double used = 0;
	json_t *job;

	await_told(bus, id);
	for (uint64_t end = 0; used < 1.2 && patience(&end);) {
		job = show(bus, id);
		used = real(job, "device_seconds");
		json_decref(job);
	}
	restart(SIGTERM);
	job = show(bus, id);
	ck_assert(real(job, "device_seconds") >= used);
	json_decref(job);
	job = await_state(bus, id, "failed");
	ck_assert_str_eq(str(job, "reason"), "time limit of 4 s reached");
	ck_assert_int_eq(num(job, "resumes"), 1);
	/* The second worker had what the first had left. */
	ck_assert(real(job, "device_seconds") >= 4);
	json_decref(job);
}
END_TEST

START_TEST(first_crash_is_forgiven)
{
	uint64_t id = submit_named(bus, "mortal");
	json_t *job, *result;

	await_reason(bus, id, "waits: worker killed by SIGSEGV, and it is started once more");
	/* Also by the next daemon. */
	restart(SIGKILL);
	job = await_state(bus, id, "done");
	ck_assert_int_eq(num(job, "crashes"), 1);
	ck_assert_str_eq(str(job, "reason"), "");
	json_decref(job);
	result = result_of(bus, id);
	ck_assert_int_eq(num(result, "began_at"), 1);
	json_decref(result);
}
END_TEST

/* The daemon's own death is not the job's crash. */
START_TEST(crash_of_a_running_job)
{
	uint64_t id = submit_named(bus, "once");
	json_t *job = NULL;

	/* When it runs again, all is well as far as one knows. */
	for (bool again = false; !again; usleep(10000)) {
		json_decref(job);
		job = show(bus, id);
		again = num(job, "crashes") == 1 && !strcmp(str(job, "state"), "running");
	}
	ck_assert_str_eq(str(job, "reason"), "");
	json_decref(job);
}
END_TEST

START_TEST(second_crash_is_not)
{
	uint64_t id = submit_named(bus, "segv");
	json_t *job;

	await_reason(bus, id, "waits: worker killed by SIGSEGV");
	restart(SIGKILL);
	job = await_state(bus, id, "failed");
	ck_assert_str_eq(str(job, "reason"),
			 "worker killed by SIGSEGV; started once more from its checkpoint: "
			 "worker killed by SIGSEGV");
	ck_assert_int_eq(num(job, "crashes"), 2);
	json_decref(job);
}
END_TEST

static int64_t wall_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * USEC + t.tv_nsec / 1000;
}

static json_t *reservations(void)
{
	_cleanup_message_ sd_bus_message *reply = call(bus, "Reservations", "");
	const char *text;
	json_t *root;

	ck_assert_int_ge(sd_bus_message_read(reply, "s", &text), 0);
	root = json_loads(text, 0, NULL);
	ck_assert(json_is_array(root));
	return root;
}

static const char *own_name(void)
{
	static char number[16];
	const struct passwd *pw = getpwuid(geteuid());

	snprintf(number, sizeof(number), "%u", (unsigned int)geteuid());
	return pw ? pw->pw_name : number;
}

/* The running job of another goes when it begins; it goes on when that is over. */
START_TEST(reservation)
{
	uint64_t id = submit_named(bus, "steps"), r;
	int64_t from = wall_us() + USEC / 2, until = from + WAIT_LONG;
	json_t *list, *x;

	await_told(bus, id);
	r = take_id(
		call(bus, "Reserve", "sxxass", "embedded0", from, until, 1, "65530", "the course"));
	list = reservations();
	ck_assert_uint_eq(json_array_size(list), 1);
	x = json_array_get(list, 0);
	ck_assert_int_eq(num(x, "id"), (int64_t)r);
	ck_assert_str_eq(str(x, "device"), "embedded0");
	ck_assert_int_eq(num(x, "from"), from);
	ck_assert_int_eq(num(x, "until"), until);
	ck_assert_str_eq(json_string_value(json_array_get(json_object_get(x, "users"), 0)),
			 "65530");
	ck_assert_str_eq(str(x, "why"), "the course");
	ck_assert_str_eq(str(x, "by"), own_name());
	json_decref(list);
	json_decref(await_state(bus, id, "queued"));
	{
		json_t *job = show(bus, id);

		ck_assert_msg(strstr(str(job, "reason"), "reserved") != NULL, "%s",
			      str(job, "reason"));
		json_decref(job);
	}
	/* It is there for the next daemon, too. */
	restart(SIGKILL);
	list = reservations();
	ck_assert_uint_eq(json_array_size(list), 1);
	json_decref(list);
	{
		json_t *job = show(bus, id);

		ck_assert_str_eq(str(job, "state"), "queued");
		json_decref(job);
	}
	sd_bus_message_unref(call(bus, "Unreserve", "t", r));
	json_decref(await_state(bus, id, "done"));
	list = reservations();
	ck_assert_uint_eq(json_array_size(list), 0);
	json_decref(list);
}
END_TEST

/* For one's own jobs it is no obstacle; and one that is over goes by itself. */
START_TEST(reservation_of_ones_own)
{
	int64_t now = wall_us(), until;
	uint64_t r;
	json_t *list;

	take_id(call(bus, "Reserve", "sxxass", "embedded0", now - USEC, now + WAIT_LONG, 2,
		     own_name(), "65530", ""));
	json_decref(await_state(bus, submit_named(bus, "quick"), "done"));
	until = wall_us() + 3 * USEC;
	take_id(call(bus, "Reserve", "sxxass", "embedded0", now, until, 1, "65530", ""));
	json_decref(await_state(bus, submit_named(bus, "quick"), "done"));
	ck_assert_int_ge(wall_us(), until);
	restart(SIGTERM);
	list = reservations();
	ck_assert_uint_eq(json_array_size(list), 1);
	r = (uint64_t)num(json_array_get(list, 0), "id");
	json_decref(list);
	sd_bus_message_unref(call(bus, "Unreserve", "t", r));
}
END_TEST

#define RESERVE(text, device, from, until, ...)                                    \
	call_refused(bus, PBIT_ERROR_BAD_INPUT, text, "Reserve", "sxxass", device, \
		     (int64_t)(from), (int64_t)(until), __VA_ARGS__)

START_TEST(bad_reservations_are_refused)
{
	static char why[300];
	int64_t now = wall_us();

	memset(why, 'x', sizeof(why) - 1);
	RESERVE("there is no device 'pbit77'; pbit devices lists them", "pbit77", now, now + USEC,
		1, "0", "");
	RESERVE("ends before it begins", "embedded0", now + USEC, now + USEC, 1, "0", "");
	RESERVE("ends before it begins", "embedded0", INT64_MAX, INT64_MIN, 1, "0", "");
	RESERVE("has passed already", "embedded0", now - 2 * USEC, now - USEC, 1, "0", "");
	RESERVE("366 days long, not longer", "embedded0", now, now + 367 * 86400 * USEC, 1, "0",
		"");
	RESERVE("366 days long, not longer", "embedded0", -5, INT64_MAX, 1, "0", "");
	RESERVE("there is no user 'nobody-at-all'", "embedded0", now, now + USEC, 1,
		"nobody-at-all", "");
	RESERVE("no users are given for whom embedded0 is to be reserved", "embedded0", now,
		now + USEC, 0, "");
	RESERVE("why: more than 200 bytes", "embedded0", now, now + USEC, 1, "0", why);
	call_refused(bus, PBIT_ERROR_NO_RESERVATION,
		     "there is no reservation 7; pbit reserve --list shows them", "Unreserve", "t",
		     (uint64_t)7);
	{
		json_t *list = reservations();

		ck_assert_uint_eq(json_array_size(list), 0);
		json_decref(list);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("preempt");
	TCase *t = tcase_create("preempt");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, short_job_goes_first);
	tcase_add_test(t, deaf_job_is_killed);
	tcase_add_test(t, time_limit);
	tcase_add_test(t, time_limit_of_a_deaf_job);
	tcase_add_test(t, time_limit_over_restarts);
	tcase_add_test(t, first_crash_is_forgiven);
	tcase_add_test(t, crash_of_a_running_job);
	tcase_add_test(t, second_crash_is_not);
	tcase_add_test(t, reservation);
	tcase_add_test(t, reservation_of_ones_own);
	tcase_add_test(t, bad_reservations_are_refused);
	suite_add_tcase(s, t);
	return run_suite(s);
}
