// SPDX-License-Identifier: MIT
/* What workers say, and what becomes of their jobs when they have gone. */
#include <inttypes.h>
#include <string.h>

#include "account.h"
#include "log.h"
#include "metrics.h"
#include "peer.h"
#include "scheduler_parts.h"
#include "session.h"

#define MAX_DOUBLE 5 /* a job whose devices go away waits twice as long each time, so often */

void scheduler_retire(struct daemon *d, struct job *j)
{
	if (j->unsaved || j->worker || job_state_is_active(j->state))
		return;
	workspace_trim(d->workspace, j->id, j->expired);
	job_free(job_table_remove(&d->jobs, j->id));
}

void scheduler_save(struct daemon *d, struct job *j)
{
	struct err e = { 0 };
	int r = account_save(d, j, &e);

	if (r < 0 && !j->unsaved)
		log_job(LOG_ERR, NULL, j, NULL, "its state cannot be saved: %s", e.text);
	j->unsaved = r < 0;
}

static void on_progress(const json_t *message, void *userdata)
{
	struct job *j = userdata;
	char *text;

	/* Until its worker has gone, it uses what it uses. */
	account_line(j->daemon, j, message);
	if (j->state != STATE_RUNNING)
		return;
	metrics_progress(j->metrics, message, daemon_now());
	text = json_dumps(message, JSON_COMPACT);
	if (!text)
		return;
	free(j->latest);
	j->latest = text;
	j->progress = json_number_value(json_object_get(message, "progress"));
	if (j->session)
		session_told(j->daemon, j, message);
	peers_job_changed(j->daemon, j, true);
}

static void on_done(const json_t *message, void *userdata)
{
	struct job *j = userdata;

	account_line(j->daemon, j, message);
}

void scheduler_end(struct daemon *d, struct job *j, enum job_state state, const char *reason)
{
	job_end(j, state, reason, daemon_now());
	account_charge(d, j);
	account_measure(d, j, true);
	queue_ended(d->queue, j->id, state == STATE_DONE);
	queue_remove(d->queue, j->id, daemon_clock(d));
	scheduler_save(d, j);
	if (state == STATE_FAILED)
		log_job(LOG_NOTICE, LOG_JOB_FAILED, j, NULL, "failed: %s", reason);
	else
		log_job(LOG_INFO, state == STATE_DONE ? LOG_JOB_DONE : LOG_JOB_CANCELLED, j, NULL,
			"is %s", job_state_names[state]);
	peers_job_changed(d, j, false);
}

/* A session whose worker has stopped. */
static void let_sleep(struct daemon *d, struct job *j)
{
	int r = j->session ? session_waits(d, j) : 0;

	if (r < 0)
		log_job(LOG_ERR, NULL, j, NULL, "its client cannot be watched: %s", strerror(-r));
}

/* Back at its old place, from where it goes on, after a while when why is given. */
static void requeue(struct daemon *d, struct job *j, uint64_t wait, const char *why)
{
	j->state = STATE_QUEUED;
	j->resumes++;
	queue_stopped(d->queue, j->id, daemon_clock(d));
	if (why && !d->stopping)
		queue_hold(d->queue, j->id, daemon_clock(d) + wait, why);
	let_sleep(d, j);
	account_charge(d, j);
	account_measure(d, j, false);
	scheduler_save(d, j);
	peers_job_changed(d, j, false);
}

static void requeue_stopped(struct daemon *d, struct job *j)
{
	bool asked = j->yields;

	log_job(LOG_INFO, LOG_JOB_STOPPED, j, NULL, "is stopped, to be resumed");
	/* A worker that leaves without being asked must not keep the daemon busy. */
	requeue(d, j, USEC_AGAIN,
		asked ? NULL : "its worker stopped, and is started again shortly");
}

/* Once may be the machine's fault, memory that ran out, say; twice is the job's. */
static void take_crash(struct daemon *d, struct job *j, const char *reason)
{
	char text[sizeof(((struct err *)0)->text)];

	if (j->crashes++ > 0) {
		snprintf(text, sizeof(text), "%s; started once more from its checkpoint: %s",
			 j->reason, reason);
		scheduler_end(d, j, STATE_FAILED, text);
		return;
	}
	job_set_text(&j->reason, reason);
	log_job(LOG_NOTICE, LOG_JOB_RETRIED, j, NULL,
		"%s; it is started once more from its checkpoint", reason);
	snprintf(text, sizeof(text), "%s, and it is started once more shortly", reason);
	requeue(d, j, USEC_AGAIN, text);
}

/* No fault of the job's. A device that comes and goes without end must not keep the daemon busy. */
static void requeue_lost(struct daemon *d, struct job *j)
{
	const char *device = queue_device(d->queue, j->id);
	char why[QUEUE_MAX_REASON];

	snprintf(why, sizeof(why), "%s went away, and the job goes on shortly from its checkpoint",
		 device);
	log_job(LOG_NOTICE, LOG_JOB_MOVED, j, device,
		"%s went away; it goes on from its checkpoint", device);
	requeue(d, j, USEC_AGAIN << MIN(j->lost, (unsigned int)MAX_DOUBLE), why);
	j->lost++;
}

/* Small devices are tried, since only the worker knows how large a job is. */
static void requeue_unfit(struct daemon *d, struct job *j, const char *reason)
{
	const char *device = queue_device(d->queue, j->id);

	log_job(LOG_INFO, LOG_JOB_MOVED, j, device, "is run elsewhere than on %s: %s", device,
		reason);
	j->state = STATE_QUEUED;
	queue_stopped(d->queue, j->id, daemon_clock(d));
	account_charge(d, j);
	if (queue_avoid(d->queue, j->id, device) < 0)
		queue_hold(d->queue, j->id, daemon_clock(d) + USEC_RETRY, reason);
	let_sleep(d, j);
	scheduler_save(d, j);
	peers_job_changed(d, j, false);
}

void scheduler_end_expired(struct daemon *d, struct job *j)
{
	char text[64];

	snprintf(text, sizeof(text), "time limit of %" PRIu64 " s reached",
		 j->time_limit / USEC_PER_SEC);
	scheduler_end(d, j, STATE_FAILED, text);
}

/* A worker that was done, or failed for a reason, just before it was stopped has done so. */
static void finish(struct daemon *d, struct job *j, enum worker_outcome outcome, const char *reason)
{
	struct err e = { 0 };

	if (outcome == WORKER_FAILED) {
		scheduler_end(d, j, STATE_FAILED, reason);
	} else if (outcome == WORKER_DONE) {
		if (workspace_sync_results(d->workspace, j->id, &e) < 0)
			scheduler_end(d, j, STATE_FAILED, e.text);
		else
			scheduler_end(d, j, STATE_DONE, NULL);
	} else if (j->expired) {
		scheduler_end_expired(d, j);
	} else if (outcome == WORKER_STOPPED) {
		requeue_stopped(d, j);
	} else if (outcome == WORKER_LOST) {
		requeue_lost(d, j);
	} else if (outcome == WORKER_CRASHED) {
		take_crash(d, j, reason);
	} else if (!j->device) {
		requeue_unfit(d, j, reason);
	} else {
		scheduler_end(d, j, STATE_FAILED, reason);
	}
}

/* The job was cancelled, and its worker has gone now. */
static void settle(struct daemon *d, struct job *j)
{
	account_charge(d, j);
	account_measure(d, j, true);
	queue_remove(d->queue, j->id, daemon_clock(d));
	scheduler_save(d, j);
}

static void on_ended(enum worker_outcome outcome, const char *reason, void *userdata)
{
	struct job *j = userdata;
	struct daemon *d = j->daemon;

	j->worker = NULL;
	j->flips_per_ns = 0;
	if (j->state == STATE_RUNNING)
		finish(d, j, outcome, reason);
	else
		settle(d, j);
	j->yields = false;
	metrics_event(j->metrics, job_state_names[j->state], NULL, reason, daemon_now());
	j->metrics = metrics_close(j->metrics);
	scheduler_retire(d, j);
	daemon_poke(d);
}

const struct worker_events scheduler_worker_events = { .progress = on_progress,
						       .ended = on_ended,
						       .done = on_done };
