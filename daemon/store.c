// SPDX-License-Identifier: MIT
/* Jobs in SQLite. */
#include "store.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <string.h>

#define BUSY_MS 1000

enum statement { INSERT, UPDATE, GET, GET_SPEC, LIST_ALL, LIST_ACTIVE, REQUEUE, STATEMENT_COUNT };

struct store {
	sqlite3 *db;
	char *path;
	sqlite3_stmt *statements[STATEMENT_COUNT];
};

#define COLUMNS                                                                                \
	"id, uid, gid, groups, user, kind, name, state, progress, reason, submitted, started," \
	" finished, resumes, latest"

static const char *const sql[STATEMENT_COUNT] = {
	[INSERT] = "INSERT INTO jobs (uid, gid, groups, user, kind, name, state, progress, reason,"
		   " submitted, started, finished, resumes, latest, spec)"
		   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
	[UPDATE] = "UPDATE jobs SET state = ?2, progress = ?3, reason = ?4, started = ?5,"
		   " finished = ?6, resumes = ?7, latest = ?8 WHERE id = ?1",
	[GET] = "SELECT " COLUMNS " FROM jobs WHERE id = ?1",
	[GET_SPEC] = "SELECT spec FROM jobs WHERE id = ?1",
	[LIST_ALL] = "SELECT " COLUMNS " FROM jobs WHERE id > ?1 ORDER BY id LIMIT ?2",
	[LIST_ACTIVE] = "SELECT " COLUMNS " FROM jobs WHERE id > ?1 AND state IN (0, 1)"
			" ORDER BY id LIMIT ?2",
	[REQUEUE] = "UPDATE jobs SET state = 0, resumes = resumes + 1 WHERE state = 1",
};

/* schema[v] takes a database of version v to v + 1. AUTOINCREMENT: ids are not given twice. */
static const char *const schema[STORE_VERSION] = {
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
	"CREATE INDEX jobs_active ON jobs (id) WHERE state IN (0, 1);",
};

/* The kernel's errno where SQLite kept one: it tells a full disk from a file too large. */
static int store_errno(const struct store *s, int code)
{
	int system = sqlite3_system_errno(s->db);

	switch (code & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
		return system ? -system : -EACCES;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_IOERR:
		return system ? -system : -EIO;
	default:
		return -EIO;
	}
}

static const char *store_advice(int code)
{
	switch (code) {
	case -ENOSPC:
	case -EDQUOT:
		return "; free some space";
	case -EFBIG:
		return "; raise the limit on file sizes";
	case -EROFS:
	case -EACCES:
	case -EPERM:
		return "; make it writable for pbitd";
	case -EUCLEAN:
		return "; it is damaged: put back a copy, or move it away to begin anew";
	case -EBUSY:
		return "; close the other program that uses it";
	default:
		return "";
	}
}

static int store_fail(struct store *s, const char *what, struct err *e)
{
	int r = store_errno(s, sqlite3_extended_errcode(s->db));

	return err_set(e, r, "%s: %s: %s%s", s->path, what, sqlite3_errmsg(s->db), store_advice(r));
}

static int execute(struct store *s, const char *text, const char *what, struct err *e)
{
	if (sqlite3_exec(s->db, text, NULL, NULL, NULL) != SQLITE_OK)
		return store_fail(s, what, e);
	return 0;
}

static int pragma_int(struct store *s, const char *text, int *ret, struct err *e)
{
	sqlite3_stmt *st;
	int code;

	if (sqlite3_prepare_v2(s->db, text, -1, &st, NULL) != SQLITE_OK)
		return store_fail(s, "cannot be read", e);
	code = sqlite3_step(st);
	if (code == SQLITE_ROW)
		*ret = sqlite3_column_int(st, 0);
	/* finalize repeats the error of step, and keeps it for errmsg. */
	sqlite3_finalize(st);
	return code == SQLITE_ROW ? 0 : store_fail(s, "cannot be read", e);
}

static int store_migrate(struct store *s, struct err *e)
{
	int version = 0, r;
	char text[64];

	r = store_begin(s, e);
	if (r < 0)
		return r;
	r = pragma_int(s, "PRAGMA user_version", &version, e);
	if (r >= 0 && (version < 0 || version > STORE_VERSION))
		r = err_set(e, -EPROTO,
			    "%s: has schema %d, and this pbitd knows schemas up to %d; run a newer "
			    "pbitd",
			    s->path, version, STORE_VERSION);
	for (; r >= 0 && version < STORE_VERSION; version++)
		r = execute(s, schema[version], "the schema cannot be made", e);
	snprintf(text, sizeof(text), "PRAGMA user_version = %d", STORE_VERSION);
	if (r >= 0)
		r = execute(s, text, "the schema cannot be made", e);
	if (r < 0) {
		store_rollback(s);
		return r;
	}
	return store_commit(s, e);
}

static int store_prepare(struct store *s, struct err *e)
{
	for (size_t i = 0; i < STATEMENT_COUNT; i++)
		if (sqlite3_prepare_v3(s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &s->statements[i], NULL) != SQLITE_OK)
			return store_fail(s, "is not a store of jobs", e);
	return 0;
}

static int store_setup(struct store *s, struct err *e)
{
	int r;

	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_timeout(s->db, BUSY_MS);
	/* synchronous before journal_mode: the switch to WAL itself is to be durable. */
	r = execute(s,
		    "PRAGMA synchronous = FULL; PRAGMA journal_mode = WAL;"
		    "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF",
		    "cannot be opened", e);
	if (r >= 0)
		r = store_migrate(s, e);
	return r < 0 ? r : store_prepare(s, e);
}

int store_open(const char *directory, struct store **ret, struct err *e)
{
	_cleanup_(store_closep) struct store *s = calloc(1, sizeof(*s));
	int r;

	if (!s || asprintf(&s->path, "%s/%s", directory, STORE_FILE) < 0)
		return err_oom(e);
	if (sqlite3_open_v2(s->path, &s->db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW |
				    SQLITE_OPEN_EXRESCODE,
			    NULL) != SQLITE_OK)
		return s->db ? store_fail(s, "cannot be opened", e) : err_oom(e);
	/* Where it may not write, SQLite opens for reading, and fails later in other words. */
	if (sqlite3_db_readonly(s->db, "main") == 1)
		return err_set(e, -EROFS, "%s: cannot be written%s", s->path, store_advice(-EROFS));
	r = store_setup(s, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}

struct store *store_close(struct store *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(s->statements[i]);
	sqlite3_close(s->db);
	free(s->path);
	free(s);
	return NULL;
}

int store_begin(struct store *s, struct err *e)
{
	return execute(s, "BEGIN IMMEDIATE", "cannot be written", e);
}

int store_commit(struct store *s, struct err *e)
{
	int r = execute(s, "COMMIT", "cannot be written", e);

	if (r < 0)
		store_rollback(s);
	return r;
}

void store_rollback(struct store *s)
{
	/* Some errors (a full disk among them) have rolled back by themselves. */
	if (!sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

/* Values are bound as SQLITE_STATIC: they outlive the step, after which all is unbound. */
static void bind_text(sqlite3_stmt *st, int i, const char *text)
{
	sqlite3_bind_text(st, i, text, text ? (int)strlen(text) : 0, SQLITE_STATIC);
}

static int finish(struct store *s, sqlite3_stmt *st, int code, const char *what, struct err *e)
{
	int r = code == SQLITE_DONE || code == SQLITE_ROW ? 0 : store_fail(s, what, e);

	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return r;
}

int store_insert(struct store *s, const struct job *j, const char *spec, uint64_t *ret_id,
		 struct err *e)
{
	sqlite3_stmt *st = s->statements[INSERT];
	int r;

	sqlite3_bind_int64(st, 1, j->uid);
	sqlite3_bind_int64(st, 2, j->gid);
	bind_text(st, 3, j->groups);
	bind_text(st, 4, j->user);
	sqlite3_bind_int(st, 5, (int)j->kind);
	bind_text(st, 6, j->name);
	sqlite3_bind_int(st, 7, (int)j->state);
	sqlite3_bind_double(st, 8, j->progress);
	bind_text(st, 9, j->reason);
	sqlite3_bind_int64(st, 10, j->submitted);
	sqlite3_bind_int64(st, 11, j->started);
	sqlite3_bind_int64(st, 12, j->finished);
	sqlite3_bind_int64(st, 13, j->resumes);
	bind_text(st, 14, j->latest);
	bind_text(st, 15, spec);
	r = finish(s, st, sqlite3_step(st), "cannot be written", e);
	if (r >= 0)
		*ret_id = (uint64_t)sqlite3_last_insert_rowid(s->db);
	return r;
}

int store_update(struct store *s, const struct job *j, struct err *e)
{
	sqlite3_stmt *st = s->statements[UPDATE];
	int r;

	sqlite3_bind_int64(st, 1, (int64_t)j->id);
	sqlite3_bind_int(st, 2, (int)j->state);
	sqlite3_bind_double(st, 3, j->progress);
	bind_text(st, 4, j->reason);
	sqlite3_bind_int64(st, 5, j->started);
	sqlite3_bind_int64(st, 6, j->finished);
	sqlite3_bind_int64(st, 7, j->resumes);
	bind_text(st, 8, j->latest);
	r = finish(s, st, sqlite3_step(st), "cannot be written", e);
	if (r >= 0 && sqlite3_changes(s->db) != 1)
		return err_set(e, -ENOENT, "%s: has no job %" PRIu64, s->path, j->id);
	return r;
}

/* *ret is NULL before. */
static int column_text(sqlite3_stmt *st, int i, char **ret)
{
	const unsigned char *text = sqlite3_column_text(st, i);

	*ret = strdup(text ? (const char *)text : "");
	return *ret ? 0 : -ENOMEM;
}

static int read_job(sqlite3_stmt *st, struct job **ret)
{
	_cleanup_(job_freep) struct job *j = calloc(1, sizeof(*j));
	int kind = sqlite3_column_int(st, 5), state = sqlite3_column_int(st, 7);

	if (!j || column_text(st, 3, &j->groups) < 0 || column_text(st, 4, &j->user) < 0 ||
	    column_text(st, 6, &j->name) < 0 || column_text(st, 9, &j->reason) < 0)
		return -ENOMEM;
	if (sqlite3_column_type(st, 14) != SQLITE_NULL && column_text(st, 14, &j->latest) < 0)
		return -ENOMEM;
	if (kind < 0 || kind >= JOB_KIND_COUNT || state < 0 || state >= STATE_COUNT)
		return -EUCLEAN;
	j->id = (uint64_t)sqlite3_column_int64(st, 0);
	j->uid = (uid_t)sqlite3_column_int64(st, 1);
	j->gid = (gid_t)sqlite3_column_int64(st, 2);
	j->kind = (enum job_kind)kind;
	j->state = (enum job_state)state;
	j->progress = sqlite3_column_double(st, 8);
	j->submitted = sqlite3_column_int64(st, 10);
	j->started = sqlite3_column_int64(st, 11);
	j->finished = sqlite3_column_int64(st, 12);
	j->resumes = (unsigned int)sqlite3_column_int64(st, 13);
	*ret = TAKE_PTR(j);
	return 0;
}

static int walk(struct store *s, sqlite3_stmt *st, store_job_fn fn, void *userdata, struct err *e)
{
	int code, r = 0, r2;

	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		struct job *j;

		r = read_job(st, &j);
		if (r < 0) {
			err_set(e, r, "%s: job %lld cannot be read: %s%s", s->path,
				sqlite3_column_int64(st, 0), strerror(-r), store_advice(r));
			break;
		}
		r = fn(j, userdata);
		if (r < 0)
			break;
	}
	r2 = finish(s, st, code, "cannot be read", e);
	return r < 0 ? r : r2;
}

static int take_one(struct job *j, void *userdata)
{
	struct job **ret = userdata;

	*ret = j;
	return 0;
}

int store_get(struct store *s, uint64_t id, struct job **ret, struct err *e)
{
	sqlite3_stmt *st = s->statements[GET];
	struct job *j = NULL;
	int r;

	sqlite3_bind_int64(st, 1, (int64_t)id);
	r = walk(s, st, take_one, &j, e);
	if (r < 0)
		return r;
	if (!j)
		return -ENOENT;
	*ret = j;
	return 0;
}

int store_get_spec(struct store *s, uint64_t id, char **ret, struct err *e)
{
	sqlite3_stmt *st = s->statements[GET_SPEC];
	char *spec = NULL;
	int code, r = 0, r2;

	sqlite3_bind_int64(st, 1, (int64_t)id);
	code = sqlite3_step(st);
	if (code == SQLITE_ROW && column_text(st, 0, &spec) < 0)
		r = err_oom(e);
	r2 = finish(s, st, code, "cannot be read", e);
	if (r >= 0 && r2 >= 0 && !spec)
		r = -ENOENT;
	if (r < 0 || r2 < 0) {
		free(spec);
		return r < 0 ? r : r2;
	}
	*ret = spec;
	return 0;
}

int store_list(struct store *s, bool active, uint64_t after, uint32_t limit, store_job_fn fn,
	       void *userdata, struct err *e)
{
	sqlite3_stmt *st = s->statements[active ? LIST_ACTIVE : LIST_ALL];

	sqlite3_bind_int64(st, 1, (int64_t)MIN(after, (uint64_t)INT64_MAX));
	sqlite3_bind_int64(st, 2, limit);
	return walk(s, st, fn, userdata, e);
}

int store_requeue_running(struct store *s, unsigned int *ret_count, struct err *e)
{
	sqlite3_stmt *st = s->statements[REQUEUE];
	int r = finish(s, st, sqlite3_step(st), "cannot be written", e);

	if (r >= 0)
		*ret_count = (unsigned int)sqlite3_changes(s->db);
	return r;
}
