// SPDX-License-Identifier: MIT
/* Jobs into memory: new ones, and those of the daemon before. */
#include <inttypes.h>
#include <string.h>

#include "account.h"
#include "log.h"
#include "measure.h"
#include "reservations.h"
#include "scheduler_parts.h"
#include "session.h"

/* How the job has ended, as far as it has; a job that nobody knows has ended badly. */
static int outcome_of(struct daemon *d, uint64_t id)
{
	const struct job *known = job_table_find(&d->jobs, id);
	_cleanup_(job_freep) struct job *owned = NULL;

	if (!known && store_get(d->store, id, &owned, NULL) < 0)
		return QUEUE_ENDED_BADLY;
	known = known ? known : owned;
	if (job_state_is_active(known->state))
		return QUEUE_PENDING;
	return known->state == STATE_DONE ? QUEUE_ENDED_OK : QUEUE_ENDED_BADLY;
}

static size_t add_after(struct daemon *d, const struct id_list *ids, enum queue_after after,
			struct queue_dependency *ret)
{
	for (size_t i = 0; i < ids->n; i++) {
		ret[i].after = after;
		ret[i].id = ids->ids[i];
		ret[i].outcome = outcome_of(d, ids->ids[i]);
	}
	return ids->n;
}

static int add_to_queue(struct daemon *d, const struct job *j)
{
	_cleanup_free_ struct queue_dependency *after =
		calloc(j->after_ok.n + j->after_any.n + 1, sizeof(*after));
	struct queue_job queued = {
		.id = j->id,
		.uid = j->uid,
		.user = j->user,
		.device = j->device,
		.submitted = j->submitted,
		.band = (enum queue_band)((int)j->band - (int)BAND_NORMAL),
		.time_limit = j->time_limit,
		.used = j->device_us,
		.memory = d->config->job_memory,
		.held = (enum queue_held)j->hold,
		.session = j->kind == JOB_SESSION,
		.after = after,
	};

	if (!after)
		return -ENOMEM;
	queued.n_after = add_after(d, &j->after_ok, QUEUE_AFTER_OK, after);
	queued.n_after += add_after(d, &j->after_any, QUEUE_AFTER_ANY, after + queued.n_after);
	return queue_add(d->queue, &queued);
}

int scheduler_take_up(struct daemon *d, struct job *j)
{
	int r = job_table_add(&d->jobs, j);

	if (r < 0) {
		job_free(j);
		return r;
	}
	r = add_to_queue(d, j);
	if (r >= 0 && j->session)
		r = session_waits(d, j);
	if (r < 0)
		job_free(job_table_remove(&d->jobs, j->id));
	return r;
}

/* What it shared with its client went with the daemon before. Saved at the first turn. */
static int recover_session(struct daemon *d, struct job *j)
{
	int r;

	job_end(j, STATE_FAILED, SESSION_LOST, daemon_now());
	j->unsaved = true;
	r = job_table_add(&d->jobs, j);
	if (r < 0)
		job_free(j);
	return r;
}

/* Which device it names is for its spec to say. */
static int recover_job(struct job *j, void *userdata)
{
	_cleanup_(spec_freep) struct spec *spec = NULL;
	_cleanup_free_ char *text = NULL;
	struct daemon *d = userdata;

	if (j->kind == JOB_SESSION)
		return recover_session(d, j);
	/* A spec that cannot be read fails the job when it is to be started. */
	if (store_get_spec(d->store, j->id, &text, NULL) >= 0 &&
	    spec_parse(text, strlen(text), &spec, NULL) >= 0)
		j->device = TAKE_PTR(spec->device);
	return scheduler_take_up(d, j);
}

/* Files that no daemon before has counted to the end. */
static int count_bytes(struct daemon *d, struct job *stored)
{
	struct job *j = job_table_find(&d->jobs, stored->id);
	atomic_llong left = MEASURE_AT_ONCE;
	int64_t bytes = disk_use_measure(d->workspace, stored->id, false, true, &left);

	if (!j)
		j = stored;
	if (bytes == -EAGAIN)
		return measure_start(d, j, false, true);
	if (bytes < 0)
		return 0;
	j->bytes = bytes;
	return store_update(d->store, j, NULL);
}

/* What a daemon that was killed had no time to remove. */
static void trim_ended(struct daemon *d, const struct job *j)
{
	bool expired = j->state == STATE_FAILED && j->time_limit && j->device_us >= j->time_limit;

	if (!job_state_is_active(j->state))
		workspace_trim(d->workspace, j->id, expired);
}

static int keep_known(uint64_t id, void *userdata)
{
	_cleanup_(job_freep) struct job *j = NULL;
	struct daemon *d = userdata;
	int r = store_get(d->store, id, &j, NULL);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	trim_ended(d, j);
	r = j->bytes < 0 ? count_bytes(d, j) : 0;
	return r < 0 ? r : 1;
}

int scheduler_recover(struct daemon *d, struct err *e)
{
	unsigned int resumed = 0;
	int r;

	scheduler_set_clock(d);
	r = account_recover_use(d, e);
	if (r >= 0)
		r = store_requeue_running(d->store, &resumed, e);
	if (r >= 0)
		r = store_list(d->store, true, 0, UINT32_MAX, recover_job, d, e);
	if (r >= 0)
		r = reservations_recover(d, e);
	if (r < 0)
		return err_set(e, r, "the jobs cannot be taken up: %s", strerror(-r));
	r = workspace_clean(d->workspace, keep_known, d, e);
	if (r < 0)
		return r;
	log_info("%zu jobs are taken up, %u of them had begun; %d left-over directories removed",
		 d->jobs.n, resumed, r);
	return account_recover_bytes(d, e);
}
