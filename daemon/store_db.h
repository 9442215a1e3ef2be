/* SPDX-License-Identifier: MIT */
/* What the parts of the store share: the database and its prepared statements. */
#ifndef PBIT_DAEMON_STORE_DB_H
#define PBIT_DAEMON_STORE_DB_H

#include <sqlite3.h>

#include "store.h"

enum statement {
	JOB_INSERT,
	JOB_INSERT_SPEC,
	JOB_UPDATE,
	JOB_GET,
	JOB_GET_SPEC,
	JOB_LIST_ALL,
	JOB_LIST_ACTIVE,
	JOB_REQUEUE,
	USER_PUT,
	USER_LIST,
	USER_USAGE,
	USER_BYTES,
	RESERVATION_INSERT,
	RESERVATION_DELETE,
	RESERVATION_LIST,
	STATEMENT_COUNT,
};

struct store {
	sqlite3 *db;
	char *path;
	sqlite3_stmt *statements[STATEMENT_COUNT];
	bool in_doubt; /* see store_in_doubt() */
};

extern const char *const store_sql[STATEMENT_COUNT];
/* store_schema[v] takes a database of version v to v + 1. */
extern const char *const store_schema[STORE_VERSION];

/* The sentence of the last error: "PATH: WHAT: why; how to mend it". Returns its errno. */
int store_fail(struct store *s, const char *what, struct err *e);
/* "; free some space" and the like, or "". */
const char *store_advice(int code);

int store_execute(struct store *s, const char *text, const char *what, struct err *e);

/* Bound as SQLITE_STATIC: the text outlives the step, after which all is unbound. */
void store_bind_text(sqlite3_stmt *st, int i, const char *text);
/* After the last step, which returned code. */
int store_finish(struct store *s, sqlite3_stmt *st, int code, const char *what, struct err *e);
/* A new string, "" for NULL. *ret is NULL before. */
int store_column_text(sqlite3_stmt *st, int i, char **ret);

#endif
