// SPDX-License-Identifier: MIT
/*
 * A user takes as much as he can get of each thing that there is an end of: he is told so in words,
 * the next user gets his, and what is given back can be had again. Of connections, watches, waiting
 * jobs, disk and arrays, test_hostile.c, test_access.c, test_account.c and test_options.c tell.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../worker/session_client.h"
#include "config.h"
#include "harness.h"
#include "reservations.h"
#include "session.h"
#include "store.h"
#include "users.h"

#define SUBMIT "Submit", "sa(sh)a{sv}"
#define TINY   "\"session\": {\"visible\": 4, \"hidden\": 3}"

static struct harness h;

static void setup(void)
{
	const struct rlimit files = { 4096, 4096 };

	/* Twice two descriptors a session. */
	setrlimit(RLIMIT_NOFILE, &files);
	harness_new(&h);
	harness_start(&h, NULL);
}

static void teardown(void)
{
	harness_free(&h);
}

/* The client's end of a session, or a negative errno with the error. */
static int open_session(sd_bus *bus, const char *spec, int memory, sd_bus_error *error)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	uint64_t id;
	int fd, r = sd_bus_call_method(bus, NULL, PBIT_PATH, PBIT_INTERFACE, "OpenSession", error,
				       &reply, "saha{sv}", spec, 1, memory, 0);

	if (r < 0)
		return r;
	ck_assert_int_ge(sd_bus_message_read(reply, "th", &id, &fd), 0);
	return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* As many as he is given, with one memory for all of them; it is told which call was the last. */
static void take_sessions(void *limit)
{
	_cleanup_bus_ sd_bus *bus = harness_connect(&h);
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int fds[LIMIT_SESSIONS_PER_UID + 1], n = 0;
	struct session_client c;
	char spec[256];

	client_prepare(&c, spec, sizeof(spec), TINY);
	while (n <= LIMIT_SESSIONS_PER_UID &&
	       (fds[n] = open_session(bus, spec, c.memory_fd, &error)) >= 0)
		n++;
	ck_assert_int_eq(n, *(int *)limit);
	ck_assert_str_eq(error.name, PBIT_ERROR_LIMIT);
	ck_assert_msg(strstr(error.message, "sessions of yours are open; close one first"), "%s",
		      error.message);
	sd_bus_error_free(&error);
	/* One that is given back can be had again, once its job is seen to end. */
	close(fds[0]);
	for (uint64_t end = 0; (fds[0] = open_session(bus, spec, c.memory_fd, &error)) < 0;) {
		sd_bus_error_free(&error);
		ck_assert(patience(&end));
	}
}

static void take_one_session(_unused_ void *argument)
{
	_cleanup_bus_ sd_bus *bus = harness_connect(&h);
	struct session_client c;
	char spec[256];

	client_prepare(&c, spec, sizeof(spec), TINY);
	c.fd = open_session(bus, spec, c.memory_fd, NULL);
	ck_assert_int_ge(c.fd, 0);
	client_release(&c);
}

START_TEST(sessions)
{
	_cleanup_bus_ sd_bus *bus = harness_connect(&h);
	int limit = LIMIT_SESSIONS_PER_UID;

	/* The double of a worker would end a session at once; there is one slot. */
	json_decref(await_state(bus, submit_named(bus, "sleep"), "running"));
	run_as(FIRST_USER, take_sessions, &limit);
	run_as(FIRST_USER + 1, take_one_session, NULL);
}
END_TEST

/* Rows of jobs that wait, as a daemon of long standing has them. */
static void add_rows(uid_t uid, unsigned int n)
{
	struct err e = { 0 };
	struct store *store;
	uint64_t id;

	ck_assert_msg(store_open(h.state, &store, &e) == 0, "%s", e.text);
	ck_assert_int_eq(store_begin(store, &e), 0);
	for (unsigned int i = 0; i < n; i++) {
		struct job j = { .uid = uid,
				 .groups = (char *)"",
				 .user = (char *)"x",
				 .name = (char *)"sleep",
				 .reason = (char *)"",
				 .hold = HOLD_USER,
				 .state = STATE_QUEUED,
				 .kind = JOB_BENCH };

		ck_assert_int_eq(store_insert(store, &j, BENCH("sleep"), &id, &e), 0);
	}
	ck_assert_int_eq(store_commit(store, &e), 0);
	store_close(store);
}

static void is_refused(_unused_ void *argument)
{
	_cleanup_bus_ sd_bus *bus = harness_connect(&h);

	call_refused(bus, PBIT_ERROR_LIMIT, "above the daemon's limit of 10000", SUBMIT,
		     BENCH("quick"), 0, 0);
}

static void cancel_one(_unused_ void *argument)
{
	_cleanup_bus_ sd_bus *bus = harness_connect(&h);

	sd_bus_message_unref(call(bus, "Cancel", "t", (uint64_t)1));
	submit_named(bus, "quick");
}

/* All users together; each of them is below his own limit. */
START_TEST(jobs_of_all)
{
	ck_assert_int_eq(harness_kill(&h, SIGTERM), 0);
	for (uid_t i = 0; i < 20; i++)
		add_rows(FIRST_USER + i, LIMIT_ACTIVE_JOBS / 20);
	harness_start(&h, NULL);
	run_as(FIRST_USER + 1, is_refused, NULL);
	run_as(FIRST_USER, cancel_one, NULL);
}
END_TEST

START_TEST(dependencies)
{
	_cleanup_bus_ sd_bus *bus = harness_connect(&h);
	uint64_t first = submit_named(bus, "sleep"), chain = first;
	json_t *job;

	/* A job may wait for 64 others, twice; and they for others, as long as there are jobs. */
	for (int i = 0; i < 200; i++)
		chain = take_id(
			call(bus, SUBMIT, BENCH("quick"), 0, 1, "after_ok", "at", 1, chain));
	sd_bus_message_unref(call(bus, "Cancel", "t", first));
	job = await_state(bus, chain, "failed");
	ck_assert_msg(strstr(str(job, "reason"), "200") != NULL, "%s", str(job, "reason"));
	json_decref(job);
	json_decref(await_state(bus, submit_named(bus, "quick"), "done"));
}
END_TEST

START_TEST(reservations)
{
	_cleanup_bus_ sd_bus *bus = harness_connect(&h);
	const int64_t from = INT64_C(4000000000000000), length = 1000000;
	uint64_t last = 0;

	for (int i = 0; i < MAX_RESERVATIONS; i++)
		last = take_id(call(bus, "Reserve", "sxxass", "embedded0", from + i * length,
				    from + (i + 1) * length, 1, "65501", ""));
	call_refused(bus, PBIT_ERROR_LIMIT, "there are 1000 reservations; remove some", "Reserve",
		     "sxxass", "embedded0", from, from + length, 1, "65501", "");
	/* They are in nobody's way. */
	json_decref(await_state(bus, submit_named(bus, "quick"), "done"));
	sd_bus_message_unref(call(bus, "Unreserve", "t", last));
	take_id(call(bus, "Reserve", "sxxass", "embedded0", from, from + length, 1, "65501", ""));
}
END_TEST

static void fill_results(void *id)
{
	char path[160];

	for (int i = 0; i < LIMIT_RESULT_FILES; i++) {
		snprintf(path, sizeof(path), "%s/jobs/%d/out/%d", h.state, *(int *)id, i);
		ck_assert_int_ge(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 0);
	}
}

/* More results than a message can carry descriptors. */
START_TEST(results)
{
	_cleanup_bus_ sd_bus *bus = harness_connect(&h);
	int id = (int)submit_named(bus, "sleep"), quick = (int)submit_named(bus, "quick");

	fill_results(&quick);
	sd_bus_message_unref(call(bus, "Cancel", "t", (uint64_t)id));
	json_decref(await_state(bus, (uint64_t)quick, "done"));
	call_refused(bus, PBIT_ERROR_LIMIT, "250", "Fetch", "t", (uint64_t)quick);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("quota");
	TCase *t = tcase_create("quota");

	if (!have_users("quota"))
		return EXIT_SUCCESS;
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, sessions);
	tcase_add_test(t, jobs_of_all);
	tcase_add_test(t, dependencies);
	tcase_add_test(t, reservations);
	tcase_add_test(t, results);
	suite_add_tcase(s, t);
	return run_suite(s);
}
