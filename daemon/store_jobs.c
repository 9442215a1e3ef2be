// SPDX-License-Identifier: MIT
/* Jobs in the store. */
#include <inttypes.h>
#include <string.h>

#include "store_db.h"

/* Ids and counts come from this side of 2^63. */
static void bind_u64(sqlite3_stmt *st, int i, uint64_t value)
{
	sqlite3_bind_int64(st, i, (int64_t)MIN(value, (uint64_t)INT64_MAX));
}

static int insert_row(struct store *s, const struct job *j, const char *after_ok,
		      const char *after_any, struct err *e)
{
	sqlite3_stmt *st = s->statements[JOB_INSERT];

	sqlite3_bind_int64(st, 1, j->uid);
	sqlite3_bind_int64(st, 2, j->gid);
	store_bind_text(st, 3, j->groups);
	store_bind_text(st, 4, j->user);
	sqlite3_bind_int(st, 5, (int)j->kind);
	store_bind_text(st, 6, j->name);
	sqlite3_bind_int(st, 7, (int)j->state);
	sqlite3_bind_double(st, 8, j->progress);
	store_bind_text(st, 9, j->reason);
	sqlite3_bind_int64(st, 10, j->submitted);
	sqlite3_bind_int64(st, 11, j->started);
	sqlite3_bind_int64(st, 12, j->finished);
	sqlite3_bind_int64(st, 13, j->resumes);
	store_bind_text(st, 14, j->latest);
	sqlite3_bind_int(st, 15, (int)j->band);
	bind_u64(st, 16, j->time_limit);
	sqlite3_bind_int(st, 17, (int)j->hold);
	store_bind_text(st, 18, after_ok);
	store_bind_text(st, 19, after_any);
	bind_u64(st, 20, j->array);
	sqlite3_bind_int64(st, 21, j->index);
	sqlite3_bind_int64(st, 22, j->crashes);
	bind_u64(st, 23, j->device_us);
	bind_u64(st, 24, j->flips);
	sqlite3_bind_double(st, 25, j->joules_device);
	sqlite3_bind_double(st, 26, j->joules_software);
	sqlite3_bind_int64(st, 27, j->bytes);
	return store_finish(s, st, sqlite3_step(st), "cannot be written", e);
}

static int insert_spec(struct store *s, int64_t id, const char *spec, struct err *e)
{
	sqlite3_stmt *st = s->statements[JOB_INSERT_SPEC];

	sqlite3_bind_int64(st, 1, id);
	store_bind_text(st, 2, spec);
	return store_finish(s, st, sqlite3_step(st), "cannot be written", e);
}

/* Both rows or none, within a transaction of the caller's or as one of its own. */
int store_insert(struct store *s, const struct job *j, const char *spec, uint64_t *ret_id,
		 struct err *e)
{
	_cleanup_free_ char *ok = id_list_text(&j->after_ok), *any = id_list_text(&j->after_any);
	bool own = sqlite3_get_autocommit(s->db);
	int64_t id = 0;
	int r;

	if (!ok || !any)
		return err_oom(e);
	r = store_execute(s, "SAVEPOINT job", "cannot be written", e);
	if (r < 0)
		return r;
	r = insert_row(s, j, ok, any, e);
	if (r >= 0) {
		id = sqlite3_last_insert_rowid(s->db);
		r = insert_spec(s, id, spec, e);
	}
	if (r >= 0)
		r = store_execute(s, "RELEASE job", "cannot be written", e);
	if (r < 0 && own) {
		store_rollback(s);
	} else if (r < 0 && !sqlite3_get_autocommit(s->db)) {
		sqlite3_exec(s->db, "ROLLBACK TO job; RELEASE job", NULL, NULL, NULL);
	}
	if (r < 0)
		return r;
	*ret_id = (uint64_t)id;
	return 0;
}

int store_update(struct store *s, const struct job *j, struct err *e)
{
	sqlite3_stmt *st = s->statements[JOB_UPDATE];
	int r;

	sqlite3_bind_int64(st, 1, (int64_t)j->id);
	sqlite3_bind_int(st, 2, (int)j->state);
	sqlite3_bind_double(st, 3, j->progress);
	store_bind_text(st, 4, j->reason);
	sqlite3_bind_int64(st, 5, j->started);
	sqlite3_bind_int64(st, 6, j->finished);
	sqlite3_bind_int64(st, 7, j->resumes);
	store_bind_text(st, 8, j->latest);
	sqlite3_bind_int(st, 9, (int)j->hold);
	sqlite3_bind_int64(st, 10, j->crashes);
	bind_u64(st, 11, j->device_us);
	bind_u64(st, 12, j->flips);
	sqlite3_bind_double(st, 13, j->joules_device);
	sqlite3_bind_double(st, 14, j->joules_software);
	sqlite3_bind_int64(st, 15, j->bytes);
	bind_u64(st, 16, j->array);
	r = store_finish(s, st, sqlite3_step(st), "cannot be written", e);
	if (r >= 0 && sqlite3_changes(s->db) != 1)
		return err_set(e, -ENOENT, "%s: has no job %" PRIu64, s->path, j->id);
	return r;
}

int store_update_soon(struct store *s, const struct job *j, struct err *e)
{
	int r;

	/* In WAL mode, NORMAL leaves out the sync of a commit; the next one of FULL makes up for it. */
	r = store_execute(s, "PRAGMA synchronous = NORMAL", "cannot be written", e);
	if (r >= 0)
		r = store_update(s, j, e);
	/* Better no daemon than one that acknowledges what can be lost. */
	if (store_execute(s, "PRAGMA synchronous = FULL", "cannot be written", NULL) < 0)
		abort();
	return r;
}

/* -EUCLEAN for a number that none of the names has. */
static int column_enum(sqlite3_stmt *st, int i, int count, int *ret)
{
	*ret = sqlite3_column_int(st, i);
	return *ret < 0 || *ret >= count ? -EUCLEAN : 0;
}

/* Names that an older version took are shown all the same. */
static int read_words(sqlite3_stmt *st, struct job *j)
{
	if (store_column_text(st, 3, &j->groups) < 0 || store_column_text(st, 4, &j->user) < 0 ||
	    store_column_text(st, 6, &j->name) < 0 || store_column_text(st, 9, &j->reason) < 0)
		return -ENOMEM;
	if (j->name)
		err_make_plain(j->name);
	if (sqlite3_column_type(st, 14) != SQLITE_NULL && store_column_text(st, 14, &j->latest) < 0)
		return -ENOMEM;
	return 0;
}

static int read_names(sqlite3_stmt *st, struct job *j)
{
	int kind, state, band, hold, r;

	r = column_enum(st, 5, JOB_KIND_COUNT, &kind);
	if (r >= 0)
		r = column_enum(st, 7, STATE_COUNT, &state);
	if (r >= 0)
		r = column_enum(st, 15, BAND_COUNT, &band);
	if (r >= 0)
		r = column_enum(st, 17, HOLD_COUNT, &hold);
	if (r >= 0)
		r = id_list_parse((const char *)sqlite3_column_text(st, 18), &j->after_ok);
	if (r >= 0)
		r = id_list_parse((const char *)sqlite3_column_text(st, 19), &j->after_any);
	if (r < 0)
		return r;
	j->kind = (enum job_kind)kind;
	j->state = (enum job_state)state;
	j->band = (enum job_band)band;
	j->hold = (enum job_hold)hold;
	return 0;
}

static int read_job(sqlite3_stmt *st, struct job **ret)
{
	_cleanup_(job_freep) struct job *j = calloc(1, sizeof(*j));
	int r = j ? read_words(st, j) : -ENOMEM;

	if (r >= 0)
		r = read_names(st, j);
	if (r < 0)
		return r;
	j->id = (uint64_t)sqlite3_column_int64(st, 0);
	j->uid = (uid_t)sqlite3_column_int64(st, 1);
	j->gid = (gid_t)sqlite3_column_int64(st, 2);
	j->progress = sqlite3_column_double(st, 8);
	j->submitted = sqlite3_column_int64(st, 10);
	j->started = sqlite3_column_int64(st, 11);
	j->finished = sqlite3_column_int64(st, 12);
	j->resumes = (unsigned int)sqlite3_column_int64(st, 13);
	j->time_limit = (uint64_t)sqlite3_column_int64(st, 16);
	j->array = (uint64_t)sqlite3_column_int64(st, 20);
	j->index = (unsigned int)sqlite3_column_int64(st, 21);
	j->crashes = (unsigned int)sqlite3_column_int64(st, 22);
	j->device_us = (uint64_t)sqlite3_column_int64(st, 23);
	j->flips = (uint64_t)sqlite3_column_int64(st, 24);
	j->joules_device = sqlite3_column_double(st, 25);
	j->joules_software = sqlite3_column_double(st, 26);
	j->bytes = sqlite3_column_int64(st, 27);
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
	r2 = store_finish(s, st, code, "cannot be read", e);
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
	sqlite3_stmt *st = s->statements[JOB_GET];
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
	sqlite3_stmt *st = s->statements[JOB_GET_SPEC];
	char *spec = NULL;
	int code, r = 0, r2;

	sqlite3_bind_int64(st, 1, (int64_t)id);
	code = sqlite3_step(st);
	if (code == SQLITE_ROW && store_column_text(st, 0, &spec) < 0)
		r = err_oom(e);
	r2 = store_finish(s, st, code, "cannot be read", e);
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
	sqlite3_stmt *st = s->statements[active ? JOB_LIST_ACTIVE : JOB_LIST_ALL];

	sqlite3_bind_int64(st, 1, (int64_t)MIN(after, (uint64_t)INT64_MAX));
	sqlite3_bind_int64(st, 2, limit);
	return walk(s, st, fn, userdata, e);
}

int store_requeue_running(struct store *s, unsigned int *ret_count, struct err *e)
{
	sqlite3_stmt *st = s->statements[JOB_REQUEUE];
	int r = store_finish(s, st, sqlite3_step(st), "cannot be written", e);

	if (r >= 0)
		*ret_count = (unsigned int)sqlite3_changes(s->db);
	return r;
}
