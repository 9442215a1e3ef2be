// SPDX-License-Identifier: MIT
/* What a user makes of his job's directory, deep or full of names, is measured, removed, survived. */
#include "measure.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

#include "connected.h"
#include "store.h"

#define LEVELS 60
#define MIB    ((size_t)1 << 20)
#define LINKS  (2 * MEASURE_AT_ONCE)

static sqlite3 *open_store(void)
{
	char path[160];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/%s", h.state, STORE_FILE);
	ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	sqlite3_busy_timeout(db, 10000);
	return db;
}

static int64_t bytes_of(uint64_t id)
{
	sqlite3 *db = open_store();
	sqlite3_stmt *st;
	int64_t bytes;

	ck_assert_int_eq(
		sqlite3_prepare_v2(db, "SELECT bytes FROM jobs WHERE id = ?", -1, &st, NULL),
		SQLITE_OK);
	sqlite3_bind_int64(st, 1, (sqlite3_int64)id);
	ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
	bytes = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return bytes;
}

static void await_bytes(uint64_t id, int64_t least, int64_t most)
{
	int64_t bytes;

	for (uint64_t end = 0; (bytes = bytes_of(id)) < least || bytes > most;)
		ck_assert_msg(patience(&end), "%lld bytes", (long long)bytes);
}

static int open_below(const char *below)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", h.state, below);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static bool is_empty(const char *below)
{
	char command[256];

	snprintf(command, sizeof(command), "test -z \"$(ls -A %s/%s)\"", h.state, below);
	return system(command) == 0;
}

/* Takes over fd. One MiB at the bottom. */
static void make_deep(int fd)
{
	static char bytes[MIB];
	int file;

	for (int i = 0; i < LEVELS; i++) {
		int next;

		ck_assert_int_eq(mkdirat(fd, "d", 0700), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = next;
	}
	file = openat(fd, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_eq(write_full(file, bytes, sizeof(bytes)), 0);
	close(file);
	close(fd);
}

/* Of one file, so that it costs next to nothing. */
static void make_many(int fd)
{
	close(openat(fd, "0", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	for (int i = 1; i < LINKS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d", i);
		ck_assert_int_eq(linkat(fd, "0", fd, name, 0), 0);
	}
	close(fd);
}

static uint64_t begin(char out[64])
{
	uint64_t id = submit_named(bus, "sleep");

	json_decref(await_state(bus, id, "running"));
	snprintf(out, 64, "jobs/%d/out", (int)id);
	return id;
}

static void cancel(uint64_t id)
{
	sd_bus_message_unref(call(bus, "Cancel", "t", id));
	json_decref(await_state(bus, id, "cancelled"));
}

/* Once its worker has gone. */
static void remove_job(uint64_t id)
{
	for (uint64_t end = 0;;) {
		sd_bus_error error = SD_BUS_ERROR_NULL;
		int r = sd_bus_call_method(bus, NULL, PBIT_PATH, PBIT_INTERFACE, "Remove", &error,
					   NULL, "t", id);

		if (r >= 0)
			return;
		ck_assert_str_eq(error.name, PBIT_ERROR_NOT_DONE);
		sd_bus_error_free(&error);
		ck_assert(patience(&end));
	}
}

static void check_removed(uint64_t id, const char *out)
{
	char path[256];

	remove_job(id);
	snprintf(path, sizeof(path), "%s/%s", h.state, out);
	ck_assert_int_lt(access(path, F_OK), 0);
	ck_assert_int_eq(bytes_of(id), 0);
	for (uint64_t end = 0; !is_empty("trash");)
		ck_assert(patience(&end));
}

START_TEST(deep_job)
{
	char out[64];
	uint64_t id = begin(out);

	make_deep(open_below(out));
	cancel(id);
	await_bytes(id, (int64_t)MIB, 2 * (int64_t)MIB);
	check_removed(id, out);
}
END_TEST

/* As it hung up while they were staged. */
START_TEST(deep_leftover)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/jobs/tmp-1", h.state);
	ck_assert_int_eq(mkdir(path, 0711), 0);
	make_deep(open_below("jobs/tmp-1"));
	restart(SIGKILL);
	ck_assert_int_lt(access(path, F_OK), 0);
	json_decref(await_state(bus, submit_named(bus, "quick"), "done"));
	for (uint64_t end = 0; !is_empty("trash");)
		ck_assert(patience(&end));
}
END_TEST

static void put_big(const char *out)
{
	static char bytes[MIB];
	int fd = open_below(out);
	int file = openat(fd, "big", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_eq(write_full(file, bytes, sizeof(bytes)), 0);
	close(file);
	close(fd);
}

/* Charged once it is measured, by whatever daemon; and no more when it is removed. */
START_TEST(job_of_many_names)
{
	char out[64];
	uint64_t id = begin(out);
	sqlite3 *db;

	make_many(open_below(out));
	put_big(out);
	cancel(id);
	await_bytes(id, (int64_t)MIB, 2 * (int64_t)MIB);

	bus = sd_bus_close_unref(bus);
	harness_kill(&h, SIGKILL);
	db = open_store();
	ck_assert_int_eq(sqlite3_exec(db, "UPDATE jobs SET bytes = -1", NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
	harness_start(&h, NULL);
	bus = harness_connect(&h);
	await_bytes(id, (int64_t)MIB, 2 * (int64_t)MIB);
	check_removed(id, out);
}
END_TEST

/* Removed while it is measured: what is measured then is of no account. */
START_TEST(removed_while_measured)
{
	for (int i = 0; i < 2; i++) {
		char out[64];
		uint64_t id = begin(out);

		make_many(open_below(out));
		put_big(out);
		cancel(id);
		check_removed(id, out);
		/* A later one of the same user has had its turn. */
		id = begin(out);
		make_many(open_below(out));
		cancel(id);
		await_bytes(id, 1, (int64_t)MIB);
		ck_assert_int_eq(bytes_of(id - 1), 0);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("measure");
	TCase *t = tcase_create("measure");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 240);
	tcase_add_test(t, deep_job);
	tcase_add_test(t, deep_leftover);
	tcase_add_test(t, job_of_many_names);
	tcase_add_test(t, removed_while_measured);
	suite_add_tcase(s, t);
	return run_suite(s);
}
