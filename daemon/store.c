// SPDX-License-Identifier: MIT
/* The database: opening it, its transactions, its errors. */
#include "store_db.h"

#include <string.h>

#define BUSY_MS 1000

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

const char *store_advice(int code)
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

int store_fail(struct store *s, const char *what, struct err *e)
{
	int r = store_errno(s, sqlite3_extended_errcode(s->db));

	return err_set(e, r, "%s: %s: %s%s", s->path, what, sqlite3_errmsg(s->db), store_advice(r));
}

int store_execute(struct store *s, const char *text, const char *what, struct err *e)
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
		r = store_execute(s, store_schema[version], "the schema cannot be made", e);
	snprintf(text, sizeof(text), "PRAGMA user_version = %d", STORE_VERSION);
	if (r >= 0)
		r = store_execute(s, text, "the schema cannot be made", e);
	if (r < 0) {
		store_rollback(s);
		return r;
	}
	return store_commit(s, e);
}

static int store_prepare(struct store *s, struct err *e)
{
	for (size_t i = 0; i < STATEMENT_COUNT; i++)
		if (sqlite3_prepare_v3(s->db, store_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
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
	r = store_execute(s,
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

/*
 * A commit whose sync fails is rolled back here, while the log on the disk has all of it, and who
 * reads that log after a crash takes it for done. What is written next takes its place there.
 */
static int replace_failed(struct store *s, struct err *e)
{
	char text[80];
	int version = 0, r = pragma_int(s, "PRAGMA user_version", &version, e);

	/* The same number again: it is there before all else is, and writing it is writing. */
	snprintf(text, sizeof(text), "BEGIN IMMEDIATE; PRAGMA user_version = %d; COMMIT", version);
	if (r >= 0)
		r = store_execute(s, text, "cannot be written", e);
	if (r < 0)
		store_rollback(s);
	else
		s->in_doubt = false;
	return r;
}

int store_begin(struct store *s, struct err *e)
{
	int r = s->in_doubt ? replace_failed(s, e) : 0;

	return r < 0 ? r : store_execute(s, "BEGIN IMMEDIATE", "cannot be written", e);
}

int store_commit(struct store *s, struct err *e)
{
	int r = store_execute(s, "COMMIT", "cannot be written", e);

	if (r < 0) {
		store_rollback(s);
		s->in_doubt = true;
		replace_failed(s, NULL);
	}
	return r;
}

bool store_in_doubt(const struct store *s)
{
	return s->in_doubt;
}

void store_rollback(struct store *s)
{
	/* Some errors (a full disk among them) have rolled back by themselves. */
	if (!sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

void store_bind_text(sqlite3_stmt *st, int i, const char *text)
{
	sqlite3_bind_text(st, i, text, text ? (int)strlen(text) : 0, SQLITE_STATIC);
}

int store_finish(struct store *s, sqlite3_stmt *st, int code, const char *what, struct err *e)
{
	int r = code == SQLITE_DONE || code == SQLITE_ROW ? 0 : store_fail(s, what, e);

	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return r;
}

int store_column_text(sqlite3_stmt *st, int i, char **ret)
{
	const unsigned char *text = sqlite3_column_text(st, i);

	*ret = strdup(text ? (const char *)text : "");
	return *ret ? 0 : -ENOMEM;
}
