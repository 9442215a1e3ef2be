/* SPDX-License-Identifier: MIT */
/*
 * The jobs on disk: an SQLite database (WAL, synchronous=FULL), jobs.db in the state directory.
 *
 * What a function that returned 0 wrote outside of store_begin() .. store_commit() is durable; so
 * is the transaction once store_commit() returned 0. A failed call changes nothing. Errors are
 * negative errnos with a sentence: -ENOSPC full, -EROFS or -EACCES not writable, -EUCLEAN damaged,
 * -EBUSY locked by another program, -EPROTO written by a newer pbitd.
 */
#ifndef PBIT_DAEMON_STORE_H
#define PBIT_DAEMON_STORE_H

#include "job.h"

#define STORE_FILE    "jobs.db"
#define STORE_VERSION 1 /* PRAGMA user_version */

struct store;

/* Opens or creates directory/jobs.db and brings its schema up to date. */
int store_open(const char *directory, struct store **ret, struct err *e);
struct store *store_close(struct store *s);
static inline void store_closep(struct store **s)
{
	*s = store_close(*s);
}

int store_begin(struct store *s, struct err *e);
int store_commit(struct store *s, struct err *e); /* on failure the transaction is rolled back */
void store_rollback(struct store *s);

/* Adds the job with its spec. Its id is new for ever: an id is never given twice. */
int store_insert(struct store *s, const struct job *j, const char *spec, uint64_t *ret_id,
		 struct err *e);

/* Writes what changes in a job's life: state, progress, reason, times, resumes, latest. */
int store_update(struct store *s, const struct job *j, struct err *e);

/* -ENOENT without a sentence for an unknown id. */
int store_get(struct store *s, uint64_t id, struct job **ret, struct err *e);
int store_get_spec(struct store *s, uint64_t id, char **ret, struct err *e);

/*
 * Up to limit jobs with id > after in id order; active: only those queued or running. fn takes
 * the job over; a negative return ends the walk and is returned.
 */
typedef int (*store_job_fn)(struct job *j, void *userdata);
int store_list(struct store *s, bool active, uint64_t after, uint32_t limit, store_job_fn fn,
	       void *userdata, struct err *e);

/* After a crash: what ran is queued again and counts one resume more. */
int store_requeue_running(struct store *s, unsigned int *ret_count, struct err *e);

#endif
