// SPDX-License-Identifier: MIT
/* The store's second half: options of jobs, use of users, reservations, and how it came to have them. */
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <time.h>

#include "harness.h"
#include "store.h"
#include "tree.h"

static char root[64];
static struct store *s;
static struct err e;

static void setup(void)
{
	strcpy(root, "/tmp/pbitd-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	e = (struct err){ 0 };
}

static void open_store(void)
{
	s = store_close(s);
	ck_assert_msg(store_open(root, &s, &e) == 0, "%s", e.text);
}

static void teardown(void)
{
	s = store_close(s);
	tree_remove(AT_FDCWD, root);
}

/* To the database behind the store's back. */
static void sql(const char *text)
{
	char path[128], *why = NULL;
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/%s", root, STORE_FILE);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, text, NULL, NULL, &why) == SQLITE_OK, "%s", why);
	sqlite3_close(db);
}

static struct job *make(uid_t uid, enum job_state state)
{
	struct job *j = calloc(1, sizeof(*j));

	j->groups = strdup("");
	j->user = strdup(uid == 1 ? "alice" : "bob");
	j->name = strdup("");
	j->reason = strdup("");
	j->kind = JOB_TRAIN;
	j->uid = uid;
	j->state = state;
	j->submitted = 1700000000000000;
	j->band = BAND_NORMAL;
	return j;
}

START_TEST(options_come_back)
{
	_cleanup_(job_freep) struct job *j = make(1, STATE_QUEUED), *back = NULL;
	uint64_t id = 0;

	open_store();
	j->band = BAND_HIGH;
	j->time_limit = 3600000000;
	j->hold = HOLD_ADMIN;
	for (uint64_t i = 64; i > 0; i--)
		ck_assert_int_eq(id_list_add(&j->after_ok, i * 3), 0);
	id_list_add(&j->after_any, UINT64_MAX);
	j->array = 7;
	j->index = 999;
	j->bytes = 123456789012;
	ck_assert_int_eq(store_insert(s, j, "{}", &id, &e), 0);
	open_store();
	ck_assert_int_eq(store_get(s, id, &back, &e), 0);
	ck_assert_int_eq(back->band, BAND_HIGH);
	ck_assert_uint_eq(back->time_limit, 3600000000);
	ck_assert_int_eq(back->hold, HOLD_ADMIN);
	ck_assert_uint_eq(back->after_ok.n, 64);
	ck_assert_uint_eq(back->after_ok.ids[0], 3);
	ck_assert_uint_eq(back->after_ok.ids[63], 192);
	ck_assert_uint_eq(back->after_any.ids[0], UINT64_MAX);
	ck_assert_uint_eq(back->array, 7);
	ck_assert_uint_eq(back->index, 999);
	ck_assert_int_eq(back->bytes, 123456789012);

	back->hold = HOLD_NONE;
	back->crashes = 1;
	back->device_us = 5000000;
	back->flips = 1u << 30;
	back->joules_device = 1.5e-6;
	back->joules_software = 1.5e-2;
	back->bytes = 17;
	back->array = id;
	ck_assert_int_eq(store_update(s, back, &e), 0);
	back = job_free(back);
	open_store();
	ck_assert_int_eq(store_get(s, id, &back, &e), 0);
	ck_assert_int_eq(back->hold, HOLD_NONE);
	ck_assert_uint_eq(back->crashes, 1);
	ck_assert_uint_eq(back->device_us, 5000000);
	ck_assert_uint_eq(back->flips, 1u << 30);
	ck_assert(back->joules_device == 1.5e-6);
	ck_assert(back->joules_software == 1.5e-2);
	ck_assert_int_eq(back->bytes, 17);
	ck_assert_uint_eq(back->array, id);
}
END_TEST

/* A list that somebody wrote by hand. */
START_TEST(impossible_options)
{
	static const char *const damage[] = {
		"UPDATE jobs SET after_ok = '1,,2'", "UPDATE jobs SET after_any = '-1'",
		"UPDATE jobs SET after_ok = 'x'",    "UPDATE jobs SET band = 3",
		"UPDATE jobs SET hold = -1",
	};
	_cleanup_(job_freep) struct job *j = make(1, STATE_QUEUED);
	struct job *back = NULL;
	uint64_t id;

	for (size_t i = 0; i < ARRAY_SIZE(damage); i++) {
		open_store();
		ck_assert_int_eq(store_insert(s, j, "{}", &id, &e), 0);
		s = store_close(s);
		sql(damage[i]);
		open_store();
		ck_assert_int_eq(store_get(s, id, &back, &e), -EUCLEAN);
		ck_assert_ptr_null(back);
		e = (struct err){ 0 };
		s = store_close(s);
		sql("DELETE FROM jobs");
	}
}
END_TEST

/* The tables as version 1 made them, with what its daemon left there. */
static const char version_1[] =
	"PRAGMA journal_mode = WAL;"
	"CREATE TABLE jobs ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" uid INTEGER NOT NULL,"
	" gid INTEGER NOT NULL,"
	" groups TEXT NOT NULL,"
	" user TEXT NOT NULL,"
	" kind INTEGER NOT NULL,"
	" name TEXT NOT NULL,"
	" state INTEGER NOT NULL,"
	" progress REAL NOT NULL,"
	" reason TEXT NOT NULL,"
	" submitted INTEGER NOT NULL,"
	" started INTEGER NOT NULL,"
	" finished INTEGER NOT NULL,"
	" resumes INTEGER NOT NULL,"
	" latest TEXT,"
	" spec TEXT NOT NULL"
	") STRICT;"
	"CREATE INDEX jobs_active ON jobs (id) WHERE state IN (0, 1);"
	"INSERT INTO jobs VALUES"
	" (1, 1, 1, '4,24', 'alice', 0, 'first', 2, 1.0, '', 10, 20, 30, 1, '{\"loss\": 1}',"
	"  '{\"kind\": \"train\"}'),"
	" (2, 2, 2, '', 'bob', 2, '', 3, 0.5, 'worker killed by SIGSEGV', 11, 21, 31, 0, NULL,"
	"  '{\"kind\": \"bench\"}'),"
	" (3, 1, 1, '4,24', 'alice', 2, '', 1, 0.25, '', 12, 22, 0, 0, NULL,"
	"  '{\"kind\": \"bench\", \"seed\": 3}'),"
	" (4, 1, 1, '4,24', 'alice', 2, '', 0, 0, '', 13, 0, 0, 0, NULL,"
	"  '{\"kind\": \"bench\", \"seed\": 4}'),"
	" (9, 1, 1, '4,24', 'alice', 2, '', 4, 0, '', 13, 0, 14, 0, NULL, '{}');"
	"DELETE FROM jobs WHERE id = 9;"
	"PRAGMA user_version = 1;";

static int count(struct job *j, void *userdata)
{
	size_t *n = userdata;

	++*n;
	job_free(j);
	return 0;
}

START_TEST(version_1_is_taken_over)
{
	_cleanup_(job_freep) struct job *one = NULL, *two = NULL, *new = make(2, STATE_QUEUED);
	_cleanup_free_ char *spec = NULL, *spec3 = NULL;
	size_t n = 0, active = 0;
	uint64_t id;

	sql(version_1);
	open_store();
	ck_assert_int_eq(store_get(s, 1, &one, &e), 0);
	ck_assert_str_eq(one->name, "first");
	ck_assert_str_eq(one->groups, "4,24");
	ck_assert_str_eq(one->latest, "{\"loss\": 1}");
	ck_assert_int_eq(one->finished, 30);
	ck_assert_uint_eq(one->resumes, 1);
	/* What version 1 did not know of. */
	ck_assert_int_eq(one->band, BAND_NORMAL);
	ck_assert_uint_eq(one->time_limit, 0);
	ck_assert_int_eq(one->hold, HOLD_NONE);
	ck_assert_uint_eq(one->after_ok.n, 0);
	ck_assert_uint_eq(one->device_us, 0);
	ck_assert_int_eq(one->bytes, -1);
	ck_assert_int_eq(store_get_spec(s, 1, &spec, &e), 0);
	ck_assert_str_eq(spec, "{\"kind\": \"train\"}");
	ck_assert_int_eq(store_get_spec(s, 3, &spec3, &e), 0);
	ck_assert_str_eq(spec3, "{\"kind\": \"bench\", \"seed\": 3}");
	ck_assert_int_eq(store_get(s, 2, &two, &e), 0);
	ck_assert_str_eq(two->reason, "worker killed by SIGSEGV");
	ck_assert_int_eq(store_list(s, false, 0, 100, count, &n, &e), 0);
	ck_assert_uint_eq(n, 4);
	ck_assert_int_eq(store_list(s, true, 0, 100, count, &active, &e), 0);
	ck_assert_uint_eq(active, 2);
	/* An id that was given is not given again. */
	ck_assert_int_eq(store_insert(s, new, "{}", &id, &e), 0);
	ck_assert_uint_eq(id, 10);
	/* And once it is done, it is done. */
	open_store();
}
END_TEST

/* A migration that cannot be finished leaves version 1 as it was. */
START_TEST(migration_is_all_or_nothing)
{
	struct store *none = NULL;

	sql(version_1);
	sql("CREATE TABLE users (x INTEGER)");
	ck_assert_int_lt(store_open(root, &none, &e), 0);
	ck_assert_msg(strstr(e.text, "the schema cannot be made") != NULL, "%s", e.text);
	ck_assert_ptr_null(none);
	sql("SELECT spec FROM jobs; DROP TABLE users");
	e = (struct err){ 0 };
	open_store();
}
END_TEST

static int take_use(const struct store_use *u, void *userdata)
{
	struct store_use *ret = userdata;

	if (u->uid == 1) {
		*ret = *u;
		ret->user = NULL;
		ck_assert_str_eq(u->user, "alice");
	}
	return 0;
}

START_TEST(use_comes_back)
{
	struct store_use u = { 1, "al", 1.5e12, 3e12, 1e-3, 86400000000, 1700000000000001 };
	struct store_use back = { 0 };

	open_store();
	ck_assert_int_eq(store_put_use(s, &u, &e), 0);
	u.user = "alice";
	u.used = 1.25e12;
	ck_assert_int_eq(store_put_use(s, &u, &e), 0);
	open_store();
	ck_assert_int_eq(store_list_use(s, take_use, &back, &e), 0);
	ck_assert_uint_eq(back.uid, 1);
	ck_assert(back.used == 1.25e12 && back.level == 3e12 && back.floor == 1e-3);
	ck_assert_uint_eq(back.day, 86400000000);
	ck_assert_int_eq(back.wall, 1700000000000001);
}
END_TEST

struct totals {
	struct store_usage of[3]; /* by uid */
	size_t n;
};

static int take_usage(const struct store_usage *u, void *userdata)
{
	struct totals *t = userdata;

	ck_assert_uint_lt(u->uid, 3);
	t->of[u->uid] = *u;
	t->n++;
	return 0;
}

static void put_user(uid_t uid, const char *name)
{
	const struct store_use u = { .uid = uid, .user = name };

	ck_assert_int_eq(store_put_use(s, &u, &e), 0);
}

static void ended(uid_t uid, int64_t finished, uint64_t device_us)
{
	_cleanup_(job_freep) struct job *j = make(uid, finished ? STATE_DONE : STATE_RUNNING);
	uint64_t id;

	j->finished = finished;
	j->device_us = device_us;
	j->flips = 100 * device_us;
	j->joules_device = 0.5;
	j->joules_software = 2;
	j->bytes = 1000 * uid;
	ck_assert_int_eq(store_insert(s, j, "{}", &id, &e), 0);
}

START_TEST(usage_is_added_up)
{
	struct totals all = { .n = 0 }, late = { .n = 0 };

	open_store();
	put_user(1, "alice");
	put_user(2, "bob");
	ended(1, 100, 7);
	ended(1, 200, 70);
	ended(2, 150, 700);
	ended(1, 0, 7000); /* has not ended: not the store's to count */
	ck_assert_int_eq(store_usage(s, 0, take_usage, &all, &e), 0);
	ck_assert_uint_eq(all.n, 2);
	ck_assert_uint_eq(all.of[1].jobs, 2);
	ck_assert(all.of[1].device_us == 77 && all.of[1].flips == 7700);
	ck_assert(all.of[1].joules_device == 1 && all.of[1].joules_software == 4);
	ck_assert(all.of[2].device_us == 700);
	/* From then on, it is inclusive; and who had nothing since has nothing. */
	ck_assert_int_eq(store_usage(s, 200, take_usage, &late, &e), 0);
	ck_assert_uint_eq(late.n, 2);
	ck_assert(late.of[1].jobs == 1 && late.of[1].device_us == 70);
	ck_assert(late.of[2].jobs == 0 && late.of[2].device_us == 0);
}
END_TEST

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* It is the index alone that answers, which the plan says; what that takes is printed. */
START_TEST(usage_of_many_jobs)
{
	struct totals all = { .n = 0 }, one = { .n = 0 };
	int64_t before, whole, recent;
	char path[128], plan[1024] = "";
	sqlite3_stmt *st;
	sqlite3 *db;

	open_store();
	put_user(1, "alice");
	put_user(2, "bob");
	sql("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
	    " INSERT INTO jobs (uid, gid, groups, user, kind, name, state, progress, reason,"
	    " submitted, started, finished, resumes, latest, device_us, flips)"
	    " SELECT 1 + i % 2, 1, '', '', 0, '', 2, 1, '', i, i, i, 0, '{\"loss\": 1}', i, 2 * i"
	    " FROM n");
	before = now_us();
	ck_assert_int_eq(store_usage(s, 0, take_usage, &all, &e), 0);
	whole = now_us() - before;
	before = now_us();
	ck_assert_int_eq(store_usage(s, 99901, take_usage, &one, &e), 0);
	recent = now_us() - before;
	printf("usage: %.2f ms over 100,000 ended jobs, %.2f ms over the last 100\n",
	       (double)whole / 1e3, (double)recent / 1e3);
	ck_assert(all.of[1].jobs + all.of[2].jobs == 100000);
	ck_assert(all.of[1].device_us + all.of[2].device_us == 100000.0 * 100001 / 2);
	ck_assert(one.of[1].jobs == 50 && one.of[2].jobs == 50);

	snprintf(path, sizeof(path), "%s/%s", root, STORE_FILE);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db,
					    "EXPLAIN QUERY PLAN SELECT uid, TOTAL(device_us),"
					    " TOTAL(flips), TOTAL(joules_device),"
					    " TOTAL(joules_software) FROM jobs"
					    " WHERE uid = 1 AND finished >= 5",
					    -1, &st, NULL),
			 SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
	strncat(plan, (const char *)sqlite3_column_text(st, 3), sizeof(plan) - 1);
	ck_assert_msg(strstr(plan, "USING COVERING INDEX jobs_use") != NULL, "%s", plan);
	sqlite3_finalize(st);
	sqlite3_close(db);
}
END_TEST

static int take_bytes(uid_t uid, int64_t bytes, void *userdata)
{
	int64_t *ret = userdata;

	ret[uid] = bytes;
	return 0;
}

START_TEST(bytes_are_added_up)
{
	int64_t bytes[3] = { 0 };

	open_store();
	for (int i = 0; i < 5; i++)
		ended(1 + (uid_t)i % 2, 5, 1);
	ck_assert_int_eq(store_list_bytes(s, take_bytes, bytes, &e), 0);
	ck_assert_int_eq(bytes[1], 3000);
	ck_assert_int_eq(bytes[2], 4000);
}
END_TEST

static int take_reservation(struct reservation *x, void *userdata)
{
	struct reservation **ret = userdata;

	reservation_free(*ret);
	*ret = x;
	return 0;
}

START_TEST(reservations_come_back)
{
	_cleanup_(reservation_freep) struct reservation *back = NULL;
	struct reservation x = {
		0,     strdup("pbit0"),		 1700000000000000, 1700000003600000,
		{ 0 }, strdup("the \"course\""), strdup("root")
	};
	uint64_t id = 0, second = 0;

	id_list_add(&x.uids, 1000);
	id_list_add(&x.uids, 65534);
	open_store();
	ck_assert_int_eq(store_reserve(s, &x, &id, &e), 0);
	open_store();
	ck_assert_int_eq(store_list_reservations(s, take_reservation, &back, &e), 0);
	ck_assert_uint_eq(back->id, id);
	ck_assert_str_eq(back->device, "pbit0");
	ck_assert_int_eq(back->from, x.from);
	ck_assert_int_eq(back->until, x.until);
	ck_assert_uint_eq(back->uids.n, 2);
	ck_assert_uint_eq(back->uids.ids[1], 65534);
	ck_assert_str_eq(back->why, "the \"course\"");
	ck_assert_str_eq(back->by, "root");
	ck_assert_int_eq(store_unreserve(s, id, &e), 0);
	ck_assert_int_eq(store_unreserve(s, id, &e), -ENOENT);
	ck_assert_int_eq(store_unreserve(s, UINT64_MAX, &e), -ENOENT);
	back = reservation_free(back);
	ck_assert_int_eq(store_list_reservations(s, take_reservation, &back, &e), 0);
	ck_assert_ptr_null(back);
	ck_assert_int_eq(store_reserve(s, &x, &second, &e), 0);
	ck_assert_uint_gt(second, id);
	free(x.device);
	free(x.why);
	free(x.by);
	id_list_clear(&x.uids);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store: users");
	TCase *t = tcase_create("store: users");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, options_come_back);
	tcase_add_test(t, impossible_options);
	tcase_add_test(t, version_1_is_taken_over);
	tcase_add_test(t, migration_is_all_or_nothing);
	tcase_add_test(t, use_comes_back);
	tcase_add_test(t, usage_is_added_up);
	tcase_add_test(t, usage_of_many_jobs);
	tcase_add_test(t, bytes_are_added_up);
	tcase_add_test(t, reservations_come_back);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
