/* SPDX-License-Identifier: MIT */
/*
 * The jobs, and what their users have used, on disk: an SQLite database (WAL, synchronous=FULL), jobs.db in the state directory.
 *
 * What a function that returned 0 wrote outside of store_begin() .. store_commit() is durable; so
 * is the transaction once store_commit() returned 0. A failed call changes nothing. Errors are
 * negative errnos with a sentence: -ENOSPC full, -EROFS or -EACCES not writable, -EUCLEAN damaged,
 * -EBUSY locked by another program, -EPROTO written by a newer pbitd.
 */
#ifndef PBIT_DAEMON_STORE_H
#define PBIT_DAEMON_STORE_H

#include "job.h"
#include "reservation.h"

#define STORE_FILE    "jobs.db"
#define STORE_VERSION 2 /* PRAGMA user_version */

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
/*
 * The last commit failed, and so did the write after it that was to replace what it had left on the
 * disk: a daemon that starts now may find that transaction done. It is not once store_begin()
 * returns 0.
 */
bool store_in_doubt(const struct store *s);

/* Adds the job with its spec. Its id is new for ever: an id is never given twice. */
int store_insert(struct store *s, const struct job *j, const char *spec, uint64_t *ret_id,
		 struct err *e);

/*
 * Writes what changes in a job's life: state, progress, reason, times, resumes, latest, hold,
 * array, crashes, and what it has used.
 */
int store_update(struct store *s, const struct job *j, struct err *e);
/*
 * The same for what nobody is told before the next durable write: it outlives the daemon, and may be
 * lost, as the last that was written, when the machine goes down. Outside of a transaction alone.
 */
int store_update_soon(struct store *s, const struct job *j, struct err *e);

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

/* What a user has used of the devices, as the queue counts it: see struct queue_usage. */
struct store_use {
	uid_t uid;
	const char *user; /* borrowed */
	double used, level, floor;
	uint64_t day;
	int64_t wall; /* us since 1970: when this was so; 0: nothing has been used yet */
};

int store_put_use(struct store *s, const struct store_use *u, struct err *e);
typedef int (*store_use_fn)(const struct store_use *u, void *userdata);
int store_list_use(struct store *s, store_use_fn fn, void *userdata, struct err *e);

/* Of a user's jobs that have ended. Doubles, for a sum may be beyond 2^63. */
struct store_usage {
	uid_t uid;
	const char *user; /* borrowed */
	uint64_t jobs;
	double device_us, flips, joules_device, joules_software;
};

/* Each user, by uid, with the jobs that have ended since then (us since 1970). */
typedef int (*store_usage_fn)(const struct store_usage *u, void *userdata);
int store_usage(struct store *s, int64_t since, store_usage_fn fn, void *userdata, struct err *e);

/* The bytes of each user's files. Reads every job: for the start alone. */
typedef int (*store_bytes_fn)(uid_t uid, int64_t bytes, void *userdata);
int store_list_bytes(struct store *s, store_bytes_fn fn, void *userdata, struct err *e);

int store_reserve(struct store *s, const struct reservation *x, uint64_t *ret_id, struct err *e);
int store_unreserve(struct store *s, uint64_t id, struct err *e); /* -ENOENT: no sentence */
/* By id. fn takes the reservation over. */
typedef int (*store_reservation_fn)(struct reservation *x, void *userdata);
int store_list_reservations(struct store *s, store_reservation_fn fn, void *userdata,
			    struct err *e);

#endif
