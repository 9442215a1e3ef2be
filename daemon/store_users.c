// SPDX-License-Identifier: MIT
/* What users have used, and what is reserved for them. */
#include <inttypes.h>
#include <string.h>

#include "store_db.h"

int store_put_use(struct store *s, const struct store_use *u, struct err *e)
{
	sqlite3_stmt *st = s->statements[USER_PUT];

	sqlite3_bind_int64(st, 1, u->uid);
	store_bind_text(st, 2, u->user);
	sqlite3_bind_double(st, 3, u->used);
	sqlite3_bind_double(st, 4, u->level);
	sqlite3_bind_double(st, 5, u->floor);
	sqlite3_bind_int64(st, 6, (int64_t)MIN(u->day, (uint64_t)INT64_MAX));
	sqlite3_bind_int64(st, 7, u->wall);
	return store_finish(s, st, sqlite3_step(st), "cannot be written", e);
}

/* r: what fn made of the last row. */
static int finish_walk(struct store *s, sqlite3_stmt *st, int code, int r, struct err *e)
{
	int r2 = store_finish(s, st, code, "cannot be read", e);

	return r < 0 ? r : r2;
}

int store_list_use(struct store *s, store_use_fn fn, void *userdata, struct err *e)
{
	sqlite3_stmt *st = s->statements[USER_LIST];
	int code = SQLITE_ROW, r = 0;

	while (r >= 0 && (code = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_use u = {
			.uid = (uid_t)sqlite3_column_int64(st, 0),
			.user = (const char *)sqlite3_column_text(st, 1),
			.used = sqlite3_column_double(st, 2),
			.level = sqlite3_column_double(st, 3),
			.floor = sqlite3_column_double(st, 4),
			.day = (uint64_t)sqlite3_column_int64(st, 5),
			.wall = sqlite3_column_int64(st, 6),
		};

		r = fn(&u, userdata);
	}
	return finish_walk(s, st, code, r, e);
}

int store_usage(struct store *s, int64_t since, store_usage_fn fn, void *userdata, struct err *e)
{
	sqlite3_stmt *st = s->statements[USER_USAGE];
	int code = SQLITE_ROW, r = 0;

	/* Those that have not ended have 0 there. */
	sqlite3_bind_int64(st, 1, MAX(since, (int64_t)1));
	while (r >= 0 && (code = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_usage u = {
			.uid = (uid_t)sqlite3_column_int64(st, 0),
			.user = (const char *)sqlite3_column_text(st, 1),
			.jobs = (uint64_t)sqlite3_column_int64(st, 2),
			.device_us = sqlite3_column_double(st, 3),
			.flips = sqlite3_column_double(st, 4),
			.joules_device = sqlite3_column_double(st, 5),
			.joules_software = sqlite3_column_double(st, 6),
		};

		r = fn(&u, userdata);
	}
	return finish_walk(s, st, code, r, e);
}

int store_list_bytes(struct store *s, store_bytes_fn fn, void *userdata, struct err *e)
{
	sqlite3_stmt *st = s->statements[USER_BYTES];
	int code = SQLITE_ROW, r = 0;

	while (r >= 0 && (code = sqlite3_step(st)) == SQLITE_ROW)
		r = fn((uid_t)sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1), userdata);
	return finish_walk(s, st, code, r, e);
}

int store_reserve(struct store *s, const struct reservation *x, uint64_t *ret_id, struct err *e)
{
	sqlite3_stmt *st = s->statements[RESERVATION_INSERT];
	_cleanup_free_ char *uids = id_list_text(&x->uids);
	int r;

	if (!uids)
		return err_oom(e);
	store_bind_text(st, 1, x->device);
	sqlite3_bind_int64(st, 2, x->from);
	sqlite3_bind_int64(st, 3, x->until);
	store_bind_text(st, 4, uids);
	store_bind_text(st, 5, x->why);
	store_bind_text(st, 6, x->by);
	r = store_finish(s, st, sqlite3_step(st), "cannot be written", e);
	if (r >= 0)
		*ret_id = (uint64_t)sqlite3_last_insert_rowid(s->db);
	return r;
}

int store_unreserve(struct store *s, uint64_t id, struct err *e)
{
	sqlite3_stmt *st = s->statements[RESERVATION_DELETE];
	int r;

	sqlite3_bind_int64(st, 1, (int64_t)MIN(id, (uint64_t)INT64_MAX));
	r = store_finish(s, st, sqlite3_step(st), "cannot be written", e);
	return r >= 0 && sqlite3_changes(s->db) != 1 ? -ENOENT : r;
}

static int read_reservation(sqlite3_stmt *st, struct reservation **ret)
{
	_cleanup_(reservation_freep) struct reservation *x = calloc(1, sizeof(*x));

	if (!x || store_column_text(st, 1, &x->device) < 0 ||
	    store_column_text(st, 5, &x->why) < 0 || store_column_text(st, 6, &x->by) < 0)
		return -ENOMEM;
	x->id = (uint64_t)sqlite3_column_int64(st, 0);
	x->from = sqlite3_column_int64(st, 2);
	x->until = sqlite3_column_int64(st, 3);
	if (id_list_parse((const char *)sqlite3_column_text(st, 4), &x->uids) < 0)
		return -EUCLEAN;
	*ret = TAKE_PTR(x);
	return 0;
}

int store_list_reservations(struct store *s, store_reservation_fn fn, void *userdata, struct err *e)
{
	sqlite3_stmt *st = s->statements[RESERVATION_LIST];
	int code = SQLITE_ROW, r = 0;

	while (r >= 0 && (code = sqlite3_step(st)) == SQLITE_ROW) {
		struct reservation *x;

		r = read_reservation(st, &x);
		if (r < 0)
			err_set(e, r, "%s: reservation %lld cannot be read: %s%s", s->path,
				sqlite3_column_int64(st, 0), strerror(-r), store_advice(r));
		else
			r = fn(x, userdata);
	}
	return finish_walk(s, st, code, r, e);
}

struct reservation *reservation_free(struct reservation *x)
{
	if (!x)
		return NULL;
	free(x->device);
	free(x->why);
	free(x->by);
	id_list_clear(&x->uids);
	free(x);
	return NULL;
}
