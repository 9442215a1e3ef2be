// SPDX-License-Identifier: MIT
/* Jobs taken in: durable, or not there at all. */
#include <inttypes.h>
#include <string.h>

#include "account.h"
#include "log.h"
#include "scheduler_parts.h"

/* Their ids follow each other: nobody else writes. */
static int insert_all(struct daemon *d, const struct batch *b, struct err *e)
{
	for (size_t i = 0; i < b->n; i++) {
		struct job *j = b->jobs[i];
		int r;

		j->array = b->n > 1 && i > 0 ? b->jobs[0]->id : 0;
		j->index = (unsigned int)i;
		r = store_insert(d->store, j, b->specs[i], &j->id, e);
		if (r < 0)
			return r;
		if (j->id != b->jobs[0]->id + i)
			return err_set(e, -EUCLEAN, "the ids of an array do not follow each other");
	}
	if (b->is_array) {
		b->jobs[0]->array = b->jobs[0]->id;
		return store_update(d->store, b->jobs[0], e);
	}
	return 0;
}

/*
 * Where the jobs may yet turn up, with the next daemon, their directories have to as well; if they
 * do not, that daemon removes them, or a job does that gets the same id.
 */
static void undo(struct daemon *d, const struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		workspace_unstage(d->workspace, b->number + (unsigned int)i);
		if (b->jobs[i]->id && !store_in_doubt(d->store))
			workspace_remove(d->workspace, b->jobs[i]->id);
	}
}

static int store_one(struct daemon *d, const struct batch *b, struct err *e)
{
	int r = insert_all(d, b, e);

	if (r >= 0)
		r = account_put_user(d, b->jobs[0]->uid, b->jobs[0]->user, e);
	if (r >= 0)
		r = workspace_publish(d->workspace, b->number, b->jobs[0]->id, b->n, e);
	return r;
}

static int store_all(struct daemon *d, struct batch *const *b, size_t n, struct err *e)
{
	int r = store_begin(d->store, e);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = store_one(d, b[i], e);
	if (r >= 0)
		r = workspace_sync(d->workspace, e);
	if (r < 0) {
		store_rollback(d->store);
		return r;
	}
	return store_commit(d->store, e);
}

static void take_up(struct daemon *d, struct job *j)
{
	uint64_t id = j->id;
	int64_t bytes = j->bytes;
	int r;

	/* It counts from here on. */
	j->bytes = -1;
	account_bytes(d, j, bytes);
	log_job(LOG_INFO, LOG_JOB_QUEUED, j, NULL, "%s of %s is queued", job_kind_names[j->kind],
		j->user);
	r = scheduler_take_up(d, j);
	if (r < 0)
		log_error("job %" PRIu64 " waits for a restart: %s", id, strerror(-r));
}

int scheduler_admit(struct daemon *d, struct batch *const *b, size_t n, uint64_t *ret_ids,
		    struct err *e)
{
	int r = store_all(d, b, n, e);

	if (r < 0) {
		for (size_t i = 0; i < n; i++)
			undo(d, b[i]);
		return r;
	}
	/* Durable from here on. Without memory to run it, the next daemon will. */
	for (size_t i = 0; i < n; i++) {
		ret_ids[i] = b[i]->jobs[0]->id;
		for (size_t k = 0; k < b[i]->n; k++)
			take_up(d, TAKE_PTR(b[i]->jobs[k]));
	}
	daemon_poke(d);
	return 0;
}
