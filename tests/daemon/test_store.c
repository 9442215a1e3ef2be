// SPDX-License-Identifier: MIT
/* The store: what was acknowledged is there, whatever happened; what fails says why. */
#include "store.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "harness.h"
#include "tree.h"

static char root[64];
static struct store *s;
static struct err e;

static void setup(void)
{
	strcpy(root, "/tmp/pbitd-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	e = (struct err){ 0 };
	ck_assert_msg(store_open(root, &s, &e) == 0, "%s", e.text);
}

static void teardown(void)
{
	s = store_close(s);
	tree_remove(AT_FDCWD, root);
}

static void reopen(void)
{
	s = store_close(s);
	ck_assert_msg(store_open(root, &s, &e) == 0, "%s", e.text);
}

static struct job *make(const char *name, enum job_state state)
{
	struct job *j = calloc(1, sizeof(*j));

	ck_assert_ptr_nonnull(j);
	j->groups = strdup("4,24");
	j->user = strdup("alice");
	j->name = strdup(name);
	j->reason = strdup("");
	j->kind = JOB_SAMPLE;
	j->uid = 4000000000u;
	j->gid = 100;
	j->state = state;
	j->submitted = 1700000000123456;
	return j;
}

static uint64_t insert(const char *name, enum job_state state)
{
	_cleanup_(job_freep) struct job *j = make(name, state);
	uint64_t id = 0;
	int r = store_insert(s, j, "{\"kind\": \"sample\"}", &id, &e);

	ck_assert_msg(r == 0, "%s", e.text);
	return id;
}

START_TEST(what_is_put_comes_back)
{
	_cleanup_(job_freep) struct job *j = NULL;
	_cleanup_free_ char *spec = NULL;
	uint64_t id = insert("it's \"quoted\"; DROP TABLE jobs; \xc3\xa9", STATE_QUEUED);

	reopen();
	ck_assert_int_eq(store_get(s, id, &j, &e), 0);
	ck_assert_uint_eq(j->id, id);
	ck_assert_uint_eq(j->uid, 4000000000u);
	ck_assert_uint_eq(j->gid, 100);
	ck_assert_str_eq(j->groups, "4,24");
	ck_assert_str_eq(j->user, "alice");
	ck_assert_str_eq(j->name, "it's \"quoted\"; DROP TABLE jobs; \xc3\xa9");
	ck_assert_int_eq(j->kind, JOB_SAMPLE);
	ck_assert_int_eq(j->submitted, 1700000000123456);
	ck_assert_ptr_null(j->latest);
	ck_assert_int_eq(store_get_spec(s, id, &spec, &e), 0);
	ck_assert_str_eq(spec, "{\"kind\": \"sample\"}");
}
END_TEST

/* As a version took them that did not know better. */
START_TEST(names_that_no_bus_takes)
{
	_cleanup_(job_freep) struct job *j = NULL;
	uint64_t id = insert("a \xef\xbf\xbe", STATE_QUEUED);

	ck_assert_int_eq(store_get(s, id, &j, &e), 0);
	ck_assert_str_eq(j->name, "a ???");
}
END_TEST

START_TEST(updates)
{
	_cleanup_(job_freep) struct job *j = NULL, *back = NULL;
	uint64_t id = insert("a", STATE_QUEUED);

	ck_assert_int_eq(store_get(s, id, &j, &e), 0);
	j->state = STATE_FAILED;
	j->progress = 0.375;
	j->started = 5;
	j->finished = 6;
	j->resumes = 2;
	job_set_text(&j->reason, "worker killed by SIGSEGV");
	j->latest = strdup("{\"loss\":1}");
	ck_assert_int_eq(store_update(s, j, &e), 0);
	reopen();
	ck_assert_int_eq(store_get(s, id, &back, &e), 0);
	ck_assert_int_eq(back->state, STATE_FAILED);
	ck_assert(back->progress == 0.375);
	ck_assert_int_eq(back->started, 5);
	ck_assert_int_eq(back->finished, 6);
	ck_assert_uint_eq(back->resumes, 2);
	ck_assert_str_eq(back->reason, "worker killed by SIGSEGV");
	ck_assert_str_eq(back->latest, "{\"loss\":1}");
	j->id = 99;
	ck_assert_int_eq(store_update(s, j, &e), -ENOENT);
}
END_TEST

START_TEST(unknown_ids)
{
	struct job *j = NULL;
	char *spec = NULL;

	ck_assert_int_eq(store_get(s, 1, &j, &e), -ENOENT);
	ck_assert_int_eq(store_get(s, 0, &j, &e), -ENOENT);
	ck_assert_int_eq(store_get(s, UINT64_MAX, &j, &e), -ENOENT);
	ck_assert_int_eq(store_get_spec(s, 1, &spec, &e), -ENOENT);
	ck_assert_ptr_null(j);
	ck_assert_ptr_null(spec);
	ck_assert_str_eq(e.text, "");
}
END_TEST

struct ids {
	uint64_t id[32];
	size_t n;
};

static int collect(struct job *j, void *userdata)
{
	struct ids *ids = userdata;

	ids->id[ids->n++] = j->id;
	job_free(j);
	return ids->n == 32 ? -E2BIG : 0;
}

START_TEST(listing)
{
	struct ids ids = { .n = 0 };

	for (int i = 0; i < 10; i++)
		insert("x", (enum job_state)(i % STATE_COUNT));
	ck_assert_int_eq(store_list(s, false, 0, 100, collect, &ids, &e), 0);
	ck_assert_uint_eq(ids.n, 10);
	for (size_t i = 0; i < 10; i++)
		ck_assert_uint_eq(ids.id[i], i + 1);
	ids.n = 0;
	ck_assert_int_eq(store_list(s, true, 0, 100, collect, &ids, &e), 0);
	ck_assert_uint_eq(ids.n, 4);
	ck_assert_uint_eq(ids.id[2], 6);
	ids.n = 0;
	ck_assert_int_eq(store_list(s, false, 3, 2, collect, &ids, &e), 0);
	ck_assert_uint_eq(ids.n, 2);
	ck_assert_uint_eq(ids.id[0], 4);
	ck_assert_int_eq(store_list(s, false, UINT64_MAX, 2, collect, &ids, &e), 0);
	ck_assert_uint_eq(ids.n, 2);
	ids.n = 31;
	ck_assert_int_eq(store_list(s, false, 0, 5, collect, &ids, &e), -E2BIG);
	/* A walk that was broken off leaves nothing open. */
	insert("y", STATE_QUEUED);
}
END_TEST

START_TEST(running_is_requeued)
{
	_cleanup_(job_freep) struct job *j = NULL;
	unsigned int count = 0;

	insert("a", STATE_RUNNING);
	insert("b", STATE_DONE);
	insert("c", STATE_RUNNING);
	ck_assert_int_eq(store_requeue_running(s, &count, &e), 0);
	ck_assert_uint_eq(count, 2);
	ck_assert_int_eq(store_get(s, 3, &j, &e), 0);
	ck_assert_int_eq(j->state, STATE_QUEUED);
	ck_assert_uint_eq(j->resumes, 1);
}
END_TEST

/* Also after the job with the highest id is gone for good. */
START_TEST(ids_are_not_given_twice)
{
	sqlite3 *db;
	char path[128];

	insert("a", STATE_DONE);
	insert("b", STATE_DONE);
	s = store_close(s);
	snprintf(path, sizeof(path), "%s/%s", root, STORE_FILE);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "DELETE FROM jobs", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	ck_assert_int_eq(store_open(root, &s, &e), 0);
	ck_assert_uint_eq(insert("c", STATE_QUEUED), 3);
}
END_TEST

START_TEST(rollback)
{
	struct job *j = NULL;
	uint64_t id;

	ck_assert_int_eq(store_begin(s, &e), 0);
	id = insert("a", STATE_QUEUED);
	store_rollback(s);
	ck_assert_int_eq(store_get(s, id, &j, &e), -ENOENT);
	ck_assert_int_eq(store_begin(s, &e), 0);
	id = insert("b", STATE_QUEUED);
	ck_assert_int_eq(store_commit(s, &e), 0);
	reopen();
	ck_assert_int_eq(store_get(s, id, &j, &e), 0);
	job_free(j);
}
END_TEST

START_TEST(settings_are_the_durable_ones)
{
	char path[128], buf[20];
	int fd;

	insert("a", STATE_QUEUED);
	snprintf(path, sizeof(path), "%s/%s-wal", root, STORE_FILE);
	ck_assert_int_eq(access(path, F_OK), 0);
	/* Bytes 18 and 19 of the header say 2 for WAL. */
	snprintf(path, sizeof(path), "%s/%s", root, STORE_FILE);
	fd = open(path, O_RDONLY);
	ck_assert_int_eq(read_full(fd, buf, sizeof(buf)), 0);
	ck_assert_int_eq(buf[18], 2);
	close(fd);
}
END_TEST

static int count_rows(struct job *j, void *userdata)
{
	uint64_t *n = userdata;

	/* The child inserts in pairs: half a pair is half a transaction. */
	++*n;
	job_free(j);
	return 0;
}

/* The child tells by a byte each transaction that it was told is durable. */
static void insert_pairs(int fd)
{
	struct store *own = NULL;

	if (store_open(root, &own, NULL) < 0)
		_exit(1);
	for (;;) {
		_cleanup_(job_freep) struct job *j = make("pair", STATE_QUEUED);
		uint64_t id;

		if (store_begin(own, NULL) < 0 || store_insert(own, j, "{}", &id, NULL) < 0 ||
		    store_insert(own, j, "{}", &id, NULL) < 0 || store_commit(own, NULL) < 0 ||
		    write(fd, "x", 1) != 1)
			_exit(1);
	}
}

START_TEST(killed_in_a_transaction)
{
	uint64_t acknowledged = 0, rows = 0;

	s = store_close(s);
	for (unsigned int round = 0; round < 20; round++) {
		int fds[2];
		pid_t pid;
		char c;

		ck_assert_int_eq(pipe(fds), 0);
		pid = fork();
		if (pid == 0)
			insert_pairs(fds[1]);
		close(fds[1]);
		ck_assert_int_eq(read(fds[0], &c, 1), 1);
		acknowledged++;
		usleep(round * 700);
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		while (read(fds[0], &c, 1) == 1)
			acknowledged++;
		close(fds[0]);
	}
	ck_assert_int_eq(store_open(root, &s, &e), 0);
	ck_assert_int_eq(store_list(s, false, 0, UINT32_MAX, count_rows, &rows, &e), 0);
	ck_assert_uint_eq(rows % 2, 0);
	ck_assert_uint_ge(rows / 2, acknowledged);
	/* At most one transaction a round was durable before it could be told. */
	ck_assert_uint_le(rows / 2, acknowledged + 20);
}
END_TEST

/* A disk that gets full, as far as a process can make one. */
START_TEST(file_too_large)
{
	_cleanup_(job_freep) struct job *j = make("big", STATE_QUEUED);
	struct rlimit limit = { 100000, RLIM_INFINITY };
	_cleanup_free_ char *spec = malloc(200001);
	uint64_t id = 0, kept = insert("kept", STATE_QUEUED);
	int r;

	memset(spec, ' ', 200000);
	spec[200000] = '\0';
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	r = store_insert(s, j, spec, &id, &e);
	ck_assert_msg(r == -EFBIG || r == -ENOSPC || r == -EIO, "%d: %s", r, e.text);
	ck_assert(strstr(e.text, STORE_FILE) != NULL);
	ck_assert_uint_eq(id, 0);

	/* It lives on, and goes on when there is room again. */
	limit.rlim_cur = RLIM_INFINITY;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	j = job_free(j);
	ck_assert_int_eq(store_get(s, kept, &j, &e), 0);
	ck_assert_uint_eq(insert("after", STATE_QUEUED), kept + 1);
}
END_TEST

START_TEST(full_disk)
{
	char path[128];
	struct store *small = NULL;
	_cleanup_(job_freep) struct job *j = make("big", STATE_QUEUED);
	_cleanup_free_ char *spec = malloc(200001);
	uint64_t id, last = 0;
	int r = 0;

	snprintf(path, sizeof(path), "%s/small", root);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(mount("tmpfs", path, "tmpfs", 0, "size=1m"), 0);
	memset(spec, ' ', 200000);
	spec[200000] = '\0';
	ck_assert_int_eq(store_open(path, &small, &e), 0);
	for (int i = 0; i < 20 && r == 0; i++) {
		r = store_insert(small, j, spec, &id, &e);
		last = r == 0 ? id : last;
	}
	ck_assert_msg(r == -ENOSPC, "%d: %s", r, e.text);
	ck_assert(strstr(e.text, "free some space") != NULL);
	/* What was acknowledged before is there. */
	small = store_close(small);
	e = (struct err){ 0 };
	ck_assert_msg(store_open(path, &small, &e) == 0, "%s", e.text);
	j = job_free(j);
	ck_assert_int_eq(store_get(small, last, &j, &e), 0);
	small = store_close(small);
	ck_assert_int_eq(umount(path), 0);
}
END_TEST

START_TEST(read_only)
{
	char path[128];
	struct store *other = NULL;
	int r;

	insert("a", STATE_QUEUED);
	s = store_close(s);
	if (geteuid() == 0) {
		/* Modes do not bind root; a mount does. */
		ck_assert_int_eq(mount(root, root, NULL, MS_BIND, NULL), 0);
		ck_assert_int_eq(mount(NULL, root, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL),
				 0);
	} else {
		snprintf(path, sizeof(path), "%s/%s", root, STORE_FILE);
		ck_assert_int_eq(chmod(path, 0400), 0);
		ck_assert_int_eq(chmod(root, 0500), 0);
	}
	r = store_open(root, &other, &e);
	if (geteuid() == 0)
		umount(root);
	chmod(root, 0700);
	ck_assert_msg(r == -EROFS || r == -EACCES, "%d: %s", r, e.text);
	ck_assert(strstr(e.text, "make it writable") != NULL);
	ck_assert_ptr_null(other);
}
END_TEST

static void tamper(const char *sql)
{
	sqlite3 *db;
	char path[128];

	s = store_close(s);
	snprintf(path, sizeof(path), "%s/%s", root, STORE_FILE);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

START_TEST(schema_from_the_future)
{
	tamper("PRAGMA user_version = 99");
	ck_assert_int_eq(store_open(root, &s, &e), -EPROTO);
	ck_assert(strstr(e.text, "has schema 99") != NULL);
	ck_assert(strstr(e.text, "run a newer pbitd") != NULL);
	ck_assert_ptr_null(s);
}
END_TEST

START_TEST(damaged)
{
	char path[128];
	int fd;

	insert("a", STATE_QUEUED);
	s = store_close(s);
	snprintf(path, sizeof(path), "%s/%s", root, STORE_FILE);
	fd = open(path, O_WRONLY);
	ck_assert_int_eq(write_full(fd, "this is no database at all", 26), 0);
	close(fd);
	ck_assert_int_eq(store_open(root, &s, &e), -EUCLEAN);
	ck_assert(strstr(e.text, "damaged") != NULL);
	ck_assert_ptr_null(s);
}
END_TEST

START_TEST(impossible_row)
{
	struct job *j = NULL;

	insert("a", STATE_QUEUED);
	tamper("UPDATE jobs SET state = 17");
	ck_assert_int_eq(store_open(root, &s, &e), 0);
	ck_assert_int_eq(store_get(s, 1, &j, &e), -EUCLEAN);
	ck_assert(strstr(e.text, "job 1 cannot be read") != NULL);
	ck_assert_ptr_null(j);
}
END_TEST

START_TEST(locked_by_another)
{
	sqlite3 *db;
	char path[128];
	_cleanup_(job_freep) struct job *j = make("a", STATE_QUEUED);
	uint64_t id;

	snprintf(path, sizeof(path), "%s/%s", root, STORE_FILE);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(store_insert(s, j, "{}", &id, &e), -EBUSY);
	ck_assert(strstr(e.text, "close the other program") != NULL);
	sqlite3_close(db);
	insert("b", STATE_QUEUED);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store");
	TCase *t = tcase_create("store");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, what_is_put_comes_back);
	tcase_add_test(t, names_that_no_bus_takes);
	tcase_add_test(t, updates);
	tcase_add_test(t, unknown_ids);
	tcase_add_test(t, listing);
	tcase_add_test(t, running_is_requeued);
	tcase_add_test(t, ids_are_not_given_twice);
	tcase_add_test(t, rollback);
	tcase_add_test(t, settings_are_the_durable_ones);
	tcase_add_test(t, killed_in_a_transaction);
	tcase_add_test(t, file_too_large);
	/* Mounting takes root; the limit on file sizes above needs none. */
	if (geteuid() == 0)
		tcase_add_test(t, full_disk);
	tcase_add_test(t, read_only);
	tcase_add_test(t, schema_from_the_future);
	tcase_add_test(t, damaged);
	tcase_add_test(t, impossible_row);
	tcase_add_test(t, locked_by_another);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
