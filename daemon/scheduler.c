// SPDX-License-Identifier: MIT
/* Jobs through their states. */
#include "scheduler.h"

#include <inttypes.h>
#include <string.h>

#include "account.h"
#include "log.h"
#include "peer.h"
#include "scheduler_parts.h"

#define USEC_SAVE	(2 * USEC_PER_SEC)  /* until what could not be saved is tried again */
#define USEC_CLOCK_STEP (USEC_PER_SEC / 10) /* of the wall clock, that the queue is told of */

void scheduler_set_clock(struct daemon *d)
{
	uint64_t now = daemon_clock(d);
	int64_t wall = daemon_now() - (int64_t)now;

	if (d->wall != 0 && llabs(wall - d->wall) < (int64_t)USEC_CLOCK_STEP)
		return;
	d->wall = wall;
	queue_set_wall(d->queue, now, daemon_now());
}

int scheduler_cancel(struct daemon *d, struct job *j, struct err *e)
{
	_cleanup_free_ char *reason = NULL;
	enum job_state before = j->state;
	int64_t finished = j->finished;
	int r;

	if (!job_state_is_active(j->state))
		return err_set(e, -EALREADY, "job %" PRIu64 " is %s already", j->id,
			       job_state_names[j->state]);
	reason = TAKE_PTR(j->reason);
	account_charge(d, j);
	account_measure(d, j, !j->worker);
	r = job_end(j, STATE_CANCELLED, NULL, daemon_now());
	if (r >= 0)
		r = account_save(d, j, e);
	if (r < 0) {
		j->state = before;
		j->finished = finished;
		free(j->reason);
		j->reason = TAKE_PTR(reason);
		account_measure(d, j, false);
		return err_set(e, r, "job %" PRIu64 " cannot be cancelled: %s", j->id,
			       strerror(-r));
	}
	j->unsaved = false;
	log_job(LOG_INFO, LOG_JOB_CANCELLED, j, NULL, "is cancelled");
	queue_ended(d->queue, j->id, false);
	peers_job_changed(d, j, false);
	/* A worker keeps its device until it has gone. */
	if (j->worker) {
		worker_process_stop(j->worker, WORKER_CANCEL, USEC_CANCEL_KILL);
	} else {
		queue_remove(d->queue, j->id, daemon_clock(d));
		scheduler_retire(d, j);
	}
	daemon_poke(d);
	return 0;
}

int scheduler_hold(struct daemon *d, struct job *j, enum job_hold hold, struct err *e)
{
	enum job_hold before = j->hold;
	int r;

	if (!job_state_is_active(j->state))
		return err_set(e, -EALREADY, "job %" PRIu64 " is %s already", j->id,
			       job_state_names[j->state]);
	if (hold == before)
		return 0;
	j->hold = hold;
	r = account_save(d, j, e);
	if (r < 0) {
		j->hold = before;
		return err_set(e, r, "job %" PRIu64 " cannot be %s: %s", j->id,
			       hold ? "held" : "released", strerror(-r));
	}
	queue_set_held(d->queue, j->id, (enum queue_held)hold);
	log_job(LOG_INFO, hold ? LOG_JOB_HELD : LOG_JOB_RELEASED, j, NULL, "is %s",
		hold ? "held" : "released");
	peers_job_changed(d, j, false);
	daemon_poke(d);
	return 0;
}

/* What can never run ends; then those that waited for that. */
static void end_doomed(struct daemon *d)
{
	char why[QUEUE_MAX_REASON];
	uint64_t id;

	while (queue_doomed(d->queue, &id, why)) {
		struct job *j = job_table_find(&d->jobs, id);

		if (!j) {
			queue_remove(d->queue, id, daemon_clock(d));
			continue;
		}
		scheduler_end(d, j, STATE_FAILED, why);
		scheduler_retire(d, j);
	}
}

static void stop_expired(struct daemon *d, uint64_t now)
{
	uint64_t id;

	while (queue_expired(d->queue, now, &id)) {
		struct job *j = job_table_find(&d->jobs, id);

		if (!j || !job_state_is_active(j->state))
			continue;
		j->expired = true;
		if (j->worker) {
			worker_process_stop(j->worker, WORKER_EXPIRED, USEC_EXPIRED_KILL);
			continue;
		}
		scheduler_end_expired(d, j);
		scheduler_retire(d, j);
	}
}

static void start_waiting(struct daemon *d, uint64_t now)
{
	const char *device;
	uint64_t id;

	while (queue_next(d->queue, now, &id, &device)) {
		struct job *j = job_table_find(&d->jobs, id);

		if (j)
			scheduler_start(d, j, device);
		else
			queue_remove(d->queue, id, now);
	}
}

/* Those who run make room, at their next checkpoint, for those who still wait. */
static void preempt(struct daemon *d, uint64_t now)
{
	char why[QUEUE_MAX_REASON];
	uint64_t id;

	while (queue_preempt(d->queue, now, &id, why)) {
		struct job *j = job_table_find(&d->jobs, id);

		if (!j || !j->worker || j->state != STATE_RUNNING)
			continue;
		log_job(LOG_INFO, LOG_JOB_PREEMPTED, j, queue_device(d->queue, j->id),
			"is preempted: %s", why);
		j->yields = true;
		worker_process_stop(j->worker, WORKER_PREEMPT, USEC_PREEMPT_KILL);
	}
}

static bool save_all(struct daemon *d)
{
	bool left = false;

	for (size_t i = d->jobs.n; i-- > 0;) {
		struct job *j = d->jobs.jobs[i];

		if (!j->unsaved)
			continue;
		scheduler_save(d, j);
		left |= j->unsaved;
		scheduler_retire(d, j);
	}
	return left;
}

/* The clock of the loop stands still while the machine sleeps, and knows nothing of a set one. */
static void wake_at(struct daemon *d, uint64_t now, uint64_t due)
{
	bool on = due != UINT64_MAX;

	sd_event_source_set_time(d->wakeup, due);
	sd_event_source_set_enabled(d->wakeup, on ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
	if (on)
		sd_event_source_set_time(d->wall_wakeup,
					 (uint64_t)daemon_now() + (due - MIN(due, now)));
	sd_event_source_set_enabled(d->wall_wakeup, on ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

void scheduler_run(struct daemon *d)
{
	uint64_t now = daemon_clock(d), wakeup = UINT64_MAX;

	scheduler_set_clock(d);
	if (save_all(d))
		wakeup = now + USEC_SAVE;
	end_doomed(d);
	if (!d->stopping) {
		stop_expired(d, now);
		start_waiting(d, now);
		preempt(d, now);
	}
	wakeup = MIN(wakeup, account_running(d));
	wake_at(d, now, MIN(wakeup, queue_wakeup(d->queue, now)));
}

void scheduler_device_gone(struct daemon *d, const char *device)
{
	for (size_t i = 0; i < d->jobs.n; i++) {
		struct job *j = d->jobs.jobs[i];
		const char *where = j->worker ? queue_device(d->queue, j->id) : NULL;

		/* It will have found out itself, unless it was busy with something else. */
		if (where && !strcmp(where, device))
			worker_process_stop(j->worker, WORKER_GONE, USEC_LOST_KILL);
	}
}

void scheduler_stop(struct daemon *d, bool hard)
{
	for (size_t i = 0; i < d->jobs.n; i++)
		if (d->jobs.jobs[i]->worker)
			worker_process_stop(d->jobs.jobs[i]->worker, WORKER_SHUTDOWN,
					    hard ? 0 : USEC_STOP_KILL);
}

unsigned int scheduler_workers(const struct daemon *d)
{
	unsigned int n = 0;

	for (size_t i = 0; i < d->jobs.n; i++)
		n += d->jobs.jobs[i]->worker != NULL;
	return n;
}
