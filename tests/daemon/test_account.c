// SPDX-License-Identifier: MIT
/* What is used: device time, over kill -9 as well; flips and joules; shares; disk. */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "connected.h"
#include "disk_use.h"
#include "store.h"
#include "users.h"

#define SUBMIT "Submit", "sa(sh)a{sv}"

static json_t *ask(const char *method, const char *types, const char *user, int64_t since)
{
	_cleanup_message_ sd_bus_message *reply = call(bus, method, types, user, since);
	const char *text;
	json_t *root;

	ck_assert_int_ge(sd_bus_message_read(reply, "s", &text), 0);
	root = json_loads(text, 0, NULL);
	ck_assert(json_is_object(root));
	return root;
}

static json_t *usage(const char *user, int64_t since)
{
	return ask("Usage", "sx", user, since);
}

static json_t *own_row(json_t *root)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(root, "users"), i, row)
		if (num(row, "uid") == (int64_t)geteuid())
			return row;
	return NULL;
}

/* One number from the database; it may be written at the same time. */
static double query(const char *sql)
{
	char path[160];
	sqlite3_stmt *st;
	sqlite3 *db;
	double x;

	snprintf(path, sizeof(path), "%s/%s", h.state, STORE_FILE);
	ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	sqlite3_busy_timeout(db, 10000);
	ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
	x = sqlite3_column_double(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return x;
}

/* The user's use is that of his jobs, but for what is forgotten within a minute. */
static void books_balance(void)
{
	double jobs = query("SELECT TOTAL(device_us) FROM jobs");
	double user = query("SELECT TOTAL(used) FROM users");

	ck_assert_msg(user >= jobs * 0.999 - 10 && user <= jobs + 10,
		      "jobs were charged %.0f us, the user %.0f us", jobs, user);
}

START_TEST(flips_and_joules)
{
	uint64_t id = submit_named(bus, "counted");
	json_t *job = await_state(bus, id, "done"), *root, *row;

	ck_assert_int_eq(num(job, "flips"), 5000000000);
	ck_assert(real(job, "device_seconds") > 0);
	root = usage("", 0);
	row = own_row(root);
	ck_assert_int_eq(num(row, "jobs"), 1);
	ck_assert_int_eq(num(row, "flips"), 5000000000);
	ck_assert(real(row, "joules_device") == 5e-6);
	ck_assert(real(row, "joules_software") == 0.05);
	ck_assert(real(row, "device_seconds") == real(job, "device_seconds"));
	ck_assert_int_eq(num(root, "since"), 0);
	ck_assert_int_ge(num(root, "until"), num(job, "finished"));
	/* With the table by which they were made. */
	ck_assert_uint_ge(json_array_size(json_object_get(root, "prices")), 4);
	ck_assert(real(json_array_get(json_object_get(root, "prices"), 0), "joules") == 1e-15);
	json_decref(root);
	/* From the next moment on, nothing has been used. */
	root = usage("", num(job, "finished") + 1);
	ck_assert_ptr_null(own_row(root));
	json_decref(root);
	root = usage("", num(job, "finished"));
	ck_assert_int_eq(num(own_row(root), "jobs"), 1);
	json_decref(root);
	json_decref(job);
}
END_TEST

START_TEST(users_of_usage)
{
	char number[16];
	json_t *job = await_state(bus, submit_named(bus, "counted"), "done"), *root;

	root = usage(str(job, "user"), 0);
	ck_assert_int_eq(num(own_row(root), "jobs"), 1);
	json_decref(root);
	snprintf(number, sizeof(number), "%u", (unsigned int)geteuid());
	root = usage(number, 0);
	ck_assert_int_eq(num(own_row(root), "jobs"), 1);
	json_decref(root);
	/* Somebody who has had no job: a number will do for a user. */
	root = usage("65533", 0);
	ck_assert_uint_eq(json_array_size(json_object_get(root, "users")), 0);
	json_decref(root);
	call_refused(bus, PBIT_ERROR_BAD_INPUT, "there is no user 'nobody-at-all'", "Usage", "sx",
		     "nobody-at-all", (int64_t)0);
	json_decref(job);
}
END_TEST

/* What runs is counted up to the moment; what it says grows and does not shrink. */
START_TEST(running_use_counts)
{
	uint64_t id = submit_named(bus, "flips");
	double last = 0;
	int64_t flips = 0;

	json_decref(await_state(bus, id, "running"));
	for (uint64_t end = 0; flips < 4000000000 && patience(&end);) {
		json_t *job = show(bus, id), *root = usage("", 0), *row = own_row(root);

		ck_assert(real(job, "device_seconds") > last);
		last = real(job, "device_seconds");
		ck_assert(real(row, "device_seconds") >= last);
		ck_assert_int_ge(num(row, "flips"), flips);
		flips = num(row, "flips");
		ck_assert_int_eq(num(row, "jobs"), 1);
		json_decref(job);
		json_decref(root);
	}
	ck_assert_int_ge(flips, 4000000000);
	sd_bus_message_unref(call(bus, "Cancel", "t", id));
	json_decref(await_state(bus, id, "cancelled"));
	json_decref(await_state(bus, submit_named(bus, "quick"), "done"));
	books_balance();
	ck_assert(query("SELECT device_us FROM jobs WHERE id = 1") >= last * 1e6);
}
END_TEST

static json_t *device(void)
{
	_cleanup_message_ sd_bus_message *reply = call(bus, "Devices", "");
	_cleanup_json_ json_t *array = NULL;
	const char *text;

	ck_assert_int_ge(sd_bus_message_read(reply, "s", &text), 0);
	array = json_loads(text, 0, NULL);
	return json_incref(json_array_get(array, 0));
}

START_TEST(speed_of_a_device)
{
	json_t *d = device();
	double rate = 0;
	uint64_t id;

	ck_assert(json_is_null(json_object_get(d, "flips_per_ns")));
	json_decref(d);
	id = submit_named(bus, "flips");
	for (uint64_t end = 0; rate == 0 && patience(&end);) {
		d = device();
		rate = json_number_value(json_object_get(d, "flips_per_ns"));
		json_decref(d);
	}
	/* 1e9 flips and more between lines that come at most five a second. */
	ck_assert(rate > 0);
	sd_bus_message_unref(call(bus, "Cancel", "t", id));
	json_decref(await_state(bus, submit_named(bus, "quick"), "done"));
	d = device();
	ck_assert(json_is_null(json_object_get(d, "flips_per_ns")));
	json_decref(d);
}
END_TEST

START_TEST(shares)
{
	json_t *root, *row, *queue;
	uint64_t id;

	json_decref(await_state(bus, submit_named(bus, "counted"), "done"));
	id = submit_named(bus, "sleep");
	json_decref(await_state(bus, id, "running"));
	submit_named(bus, "quick");
	submit_named(bus, "quick");
	{
		_cleanup_message_ sd_bus_message *reply = call(bus, "Shares", "");
		const char *text;

		ck_assert_int_ge(sd_bus_message_read(reply, "s", &text), 0);
		root = json_loads(text, 0, NULL);
	}
	ck_assert(real(root, "half_life_s") == 7 * 86400);
	row = own_row(root);
	ck_assert(real(row, "weight") == 1);
	ck_assert(real(row, "usage_s") > 0);
	ck_assert(real(row, "share") == 1);
	ck_assert_int_eq(num(row, "running"), 1);
	ck_assert_int_eq(num(row, "queued"), 2);
	ck_assert_str_ne(str(row, "user"), "");
	queue = json_object_get(root, "queue");
	ck_assert_int_eq(num(queue, "waiting"), 2);
	ck_assert_int_eq(num(queue, "running"), 1);
	ck_assert_int_eq(num(queue, "slots"), 1);
	ck_assert(real(queue, "temperature") == 2);
	json_decref(root);
}
END_TEST

/* At moments that nobody chose, in the middle of starts, ends and savings. */
START_TEST(charged_once_over_kills)
{
	uint64_t x = 20240607, begun = now_us();
	double charged = 0;

	for (int i = 0; i < 4; i++)
		submit_named(bus, "count");
	submit_named(bus, "steps");
	for (int round = 0; round < 12; round++) {
		double now;

		usleep((useconds_t)(next_random(&x) % 500000));
		restart(SIGKILL);
		books_balance();
		now = query("SELECT TOTAL(device_us) FROM jobs");
		ck_assert(now >= charged);
		charged = now;
	}
	json_decref(await_state(bus, 5, "done"));
	for (uint64_t id = 1; id < 5; id++)
		json_decref(await_state(bus, id, "done"));
	books_balance();
	charged = query("SELECT TOTAL(device_us) FROM jobs");
	/* On one slot, nobody can have been charged more than the time that has passed. */
	ck_assert(charged > 0);
	ck_assert(charged <= (double)(now_us() - begun));
	printf("account: %.2f s charged of %.2f s, over 12 kills\n", charged / 1e6,
	       (double)(now_us() - begun) / 1e6);
}
END_TEST

/* A job that runs on and on is charged while it does, so that a kill -9 does not make it free. */
START_TEST(running_use_is_saved)
{
	uint64_t id = submit_named(bus, "sleep");
	double saved = 0;
	json_t *job;

	for (uint64_t end = 0; saved == 0 && patience(&end);)
		saved = query("SELECT device_us FROM jobs");
	ck_assert(saved > 0);
	restart(SIGKILL);
	books_balance();
	job = show(bus, id);
	ck_assert(real(job, "device_seconds") * 1e6 >= saved);
	json_decref(job);
	{
		json_t *root = usage("", 0);

		ck_assert(real(own_row(root), "device_seconds") * 1e6 >= saved);
		json_decref(root);
	}
}
END_TEST

/* Files are counted when a worker has gone, without those that are removed at the job's end. */
START_TEST(bytes_of_jobs)
{
	uint64_t id = submit_named(bus, "big");

	await_told(bus, id);
	sd_bus_message_unref(call(bus, "Hold", "t", id));
	json_decref(await_state(bus, id, "queued"));
	ck_assert(query("SELECT bytes FROM jobs") >= 3 << 20);
	ck_assert(query("SELECT bytes FROM jobs") < 4 << 20);
	sd_bus_message_unref(call(bus, "Cancel", "t", id));
	json_decref(await_state(bus, id, "cancelled"));
	ck_assert(query("SELECT bytes FROM jobs") >= 1 << 20);
	ck_assert(query("SELECT bytes FROM jobs") < 2 << 20);
}
END_TEST

START_TEST(files_are_removed)
{
	uint64_t id = submit_named(bus, "counted"), busy;
	json_t *job, *root;
	char path[160];

	json_decref(await_state(bus, id, "done"));
	busy = submit_named(bus, "sleep");
	json_decref(await_state(bus, busy, "running"));
	call_refused(bus, PBIT_ERROR_NOT_DONE,
		     "job 2 is running, and is still at work; cancel it before you remove it",
		     "Remove", "t", busy);
	call_refused(bus, PBIT_ERROR_NO_JOB, "there is no job 9", "Remove", "t", (uint64_t)9);
	sd_bus_message_unref(call(bus, "Remove", "t", id));
	snprintf(path, sizeof(path), "%s/jobs/1", h.state);
	ck_assert_int_lt(access(path, F_OK), 0);
	ck_assert(query("SELECT bytes FROM jobs WHERE id = 1") == 0);
	/* What it was and used stays; a second time, there is nothing to do. */
	sd_bus_message_unref(call(bus, "Remove", "t", id));
	call_refused(bus, PBIT_ERROR_FAILED, "the results of job 1 have been removed", "Fetch", "t",
		     id);
	call_refused(bus, PBIT_ERROR_FAILED, "the log of job 1 has been removed", "Log", "t", id);
	call_refused(bus, PBIT_ERROR_FAILED, "the metrics of job 1 have been removed", "Metrics",
		     "t", id);
	job = show(bus, id);
	ck_assert_str_eq(str(job, "state"), "done");
	ck_assert_uint_eq(json_array_size(json_object_get(job, "results")), 0);
	json_decref(job);
	root = usage("", 0);
	ck_assert_int_eq(num(own_row(root), "flips"), 5000000000);
	json_decref(root);
}
END_TEST

/* As a daemon leaves it that is killed between a job's end and the removal of what it needed. */
START_TEST(leftovers_are_removed)
{
	char path[160];

	json_decref(await_state(bus, submit_named(bus, "counted"), "done"));
	snprintf(path, sizeof(path), "%s/jobs/1/input", h.state);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	restart(SIGKILL);
	ck_assert_int_lt(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/jobs/1/out/result.json", h.state);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

/* What the file of settings allows; what is over it is said with how to mend it. */
START_TEST(limit_on_disk)
{
	static char bytes[1500000];
	int fd = harness_sealed(bytes, sizeof(bytes));
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/pbitd.conf", h.root);
	f = fopen(path, "we");
	fputs("[limits]\ndisk = 2M\nqueued = 2\n[job]\ntime_limit = 33\n", f);
	fclose(f);
	bus = sd_bus_close_unref(bus);
	harness_kill(&h, SIGTERM);
	harness_start(&h, "--config", path, NULL);
	bus = harness_connect(&h);
	take_id(call(bus, SUBMIT, "{\"kind\": \"sample\", \"name\": \"quick\", \"model\": \"W\"}",
		     1, "W", fd, 1, "hold", "b", 1));
	call_refused(bus, PBIT_ERROR_LIMIT,
		     "the files of your jobs have 1.4 MiB, and with 1.4 MiB of inputs more they "
		     "would be above your limit of 2.0 MiB (disk); fetch the results that you "
		     "need, and remove those jobs with pbit remove ID",
		     SUBMIT, "{\"kind\": \"sample\", \"name\": \"quick\", \"model\": \"W\"}", 1,
		     "W", fd, 0);
	{
		json_t *job = show(bus, 1);

		ck_assert_int_eq(num(job, "time_limit"), 33);
		json_decref(job);
	}
	/* Inputs go with the job's end; then there is room again. */
	sd_bus_message_unref(call(bus, "Cancel", "t", (uint64_t)1));
	for (int i = 0; i < 2; i++)
		take_id(call(bus, SUBMIT, BENCH("quick"), 0, 1, "hold", "b", 1));
	call_refused(bus, PBIT_ERROR_LIMIT, "above your limit of 2 (queued)", SUBMIT,
		     BENCH("quick"), 0, 0);
	close(fd);
}
END_TEST

START_TEST(disk_use)
{
	struct disk_use u = { 0 };

	ck_assert_uint_eq(disk_use_of(&u, 7), 0);
	ck_assert_int_eq(disk_use_add(&u, 7, 100), 0);
	ck_assert_int_eq(disk_use_add(&u, 3, INT64_MAX), 0);
	ck_assert_int_eq(disk_use_add(&u, 9, 5), 0);
	ck_assert_int_eq(disk_use_add(&u, 7, -30), 0);
	ck_assert_uint_eq(disk_use_of(&u, 7), 70);
	ck_assert_uint_eq(disk_use_of(&u, 3), INT64_MAX);
	ck_assert_uint_eq(disk_use_of(&u, 4), 0);
	ck_assert_int_eq(disk_use_add(&u, 7, -71), 0);
	ck_assert_uint_eq(disk_use_of(&u, 7), 0);
	disk_use_clear(&u);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("account");
	TCase *t = tcase_create("account"), *alone = tcase_create("disk use");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 90);
	tcase_add_test(t, flips_and_joules);
	tcase_add_test(t, users_of_usage);
	tcase_add_test(t, running_use_counts);
	tcase_add_test(t, speed_of_a_device);
	tcase_add_test(t, shares);
	tcase_add_test(t, charged_once_over_kills);
	tcase_add_test(t, running_use_is_saved);
	tcase_add_test(t, bytes_of_jobs);
	tcase_add_test(t, files_are_removed);
	tcase_add_test(t, leftovers_are_removed);
	tcase_add_test(t, limit_on_disk);
	suite_add_tcase(s, t);
	tcase_add_test(alone, disk_use);
	suite_add_tcase(s, alone);
	return run_suite(s);
}
