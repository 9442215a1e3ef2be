// SPDX-License-Identifier: MIT
/* Jobs through their states. */
#include "scheduler.h"

#include <inttypes.h>
#include <string.h>

#include "json.h"
#include "log.h"
#include "metrics.h"
#include "node.h"
#include "peer.h"
#include "worker_process.h"

#define USEC_RETRY (10 * USEC_PER_SEC) /* after a full disk, no processes left and the like */
#define USEC_SAVE  (2 * USEC_PER_SEC)  /* until a state that could not be saved is tried again */
#define USEC_AGAIN (1 * USEC_PER_SEC)  /* after a worker that stopped of its own accord */
#define MAX_DOUBLE 5 /* a job whose devices go away waits twice as long each time, so often */

static int keep_known(uint64_t id, void *userdata)
{
	struct daemon *d = userdata;
	struct job *j = NULL;
	int r = store_get(d->store, id, &j, NULL);

	job_free(j);
	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

/* Into memory, or, where there is not enough, nowhere. */
static int take_up(struct daemon *d, struct job *j)
{
	const struct queue_job queued = { .id = j->id,
					  .uid = j->uid,
					  .user = j->user,
					  .device = j->device,
					  .submitted = j->submitted };
	int r = job_table_add(&d->jobs, j);

	if (r < 0) {
		job_free(j);
		return r;
	}
	r = queue_add(d->queue, &queued);
	if (r < 0)
		job_free(job_table_remove(&d->jobs, j->id));
	return r;
}

/* Which device it names is for its spec to say. */
static int recover_job(struct job *j, void *userdata)
{
	_cleanup_(spec_freep) struct spec *spec = NULL;
	_cleanup_free_ char *text = NULL;
	struct daemon *d = userdata;

	/* A spec that cannot be read fails the job when it is to be started. */
	if (store_get_spec(d->store, j->id, &text, NULL) >= 0 &&
	    spec_parse(text, strlen(text), &spec, NULL) >= 0)
		j->device = TAKE_PTR(spec->device);
	return take_up(d, j);
}

int scheduler_recover(struct daemon *d, struct err *e)
{
	unsigned int resumed = 0;
	int r;

	r = store_requeue_running(d->store, &resumed, e);
	if (r >= 0)
		r = store_list(d->store, true, 0, UINT32_MAX, recover_job, d, e);
	if (r < 0)
		return err_set(e, r, "the jobs cannot be taken up: %s", strerror(-r));
	r = workspace_clean(d->workspace, keep_known, d, e);
	if (r < 0)
		return r;
	log_info("%zu jobs are taken up, %u of them had begun; %d left-over directories removed",
		 d->jobs.n, resumed, r);
	return 0;
}

static int admit_stored(struct daemon *d, struct job *j, const char *spec, unsigned int number,
			struct err *e)
{
	uint64_t id;
	int r = store_begin(d->store, e);

	if (r < 0)
		return r;
	r = store_insert(d->store, j, spec, &id, e);
	if (r >= 0)
		r = workspace_publish(d->workspace, number, id, e);
	if (r < 0) {
		store_rollback(d->store);
		return r;
	}
	r = store_commit(d->store, e);
	if (r < 0) {
		workspace_remove(d->workspace, id);
		return r;
	}
	j->id = id;
	return 0;
}

int scheduler_admit(struct daemon *d, struct job *j, const char *spec, unsigned int number,
		    uint64_t *ret_id, struct err *e)
{
	int r = admit_stored(d, j, spec, number, e);

	if (r < 0) {
		workspace_unstage(d->workspace, number);
		job_free(j);
		return r;
	}
	*ret_id = j->id;
	/* It is durable from here on. Without memory to run it, the next daemon will. */
	r = take_up(d, j);
	if (r < 0) {
		log_error("job %" PRIu64 " waits for a restart: %s", *ret_id, strerror(-r));
		return 0;
	}
	log_job(LOG_INFO, j->id, j->uid, "%s of %s is queued", job_kind_names[j->kind], j->user);
	daemon_poke(d);
	return 0;
}

/* What ended and is saved needs no place in memory, nor its inputs on disk. */
static void retire(struct daemon *d, struct job *j)
{
	if (j->unsaved || j->worker || job_state_is_active(j->state))
		return;
	workspace_trim(d->workspace, j->id);
	job_free(job_table_remove(&d->jobs, j->id));
}

static void save(struct daemon *d, struct job *j)
{
	struct err e = { 0 };
	int r = store_update(d->store, j, &e);

	if (r < 0 && !j->unsaved)
		log_job(LOG_ERR, j->id, j->uid, "its state cannot be saved: %s", e.text);
	j->unsaved = r < 0;
}

int scheduler_cancel(struct daemon *d, struct job *j, struct err *e)
{
	enum job_state before = j->state;
	int64_t finished = j->finished;
	int r;

	if (!job_state_is_active(j->state))
		return err_set(e, -EALREADY, "job %" PRIu64 " is %s already", j->id,
			       job_state_names[j->state]);
	r = job_end(j, STATE_CANCELLED, NULL, daemon_now());
	if (r >= 0)
		r = store_update(d->store, j, e);
	if (r < 0) {
		j->state = before;
		j->finished = finished;
		return err_set(e, r, "job %" PRIu64 " cannot be cancelled: %s", j->id,
			       strerror(-r));
	}
	j->unsaved = false;
	log_job(LOG_INFO, j->id, j->uid, "is cancelled");
	peers_job_changed(d, j, false);
	/* A worker keeps its device until it has gone. */
	if (j->worker) {
		worker_process_stop(j->worker, WORKER_CANCEL, USEC_CANCEL_KILL);
	} else {
		queue_remove(d->queue, j->id, daemon_clock(d));
		retire(d, j);
	}
	daemon_poke(d);
	return 0;
}

static void on_progress(const json_t *message, void *userdata)
{
	struct job *j = userdata;
	char *text;

	if (j->state != STATE_RUNNING)
		return;
	metrics_progress(j->metrics, message, daemon_now());
	text = json_dumps(message, JSON_COMPACT);
	if (!text)
		return;
	free(j->latest);
	j->latest = text;
	j->progress = json_number_value(json_object_get(message, "progress"));
	peers_job_changed(j->daemon, j, true);
}

static void end_job(struct daemon *d, struct job *j, enum job_state state, const char *reason)
{
	job_end(j, state, reason, daemon_now());
	queue_remove(d->queue, j->id, daemon_clock(d));
	save(d, j);
	if (state == STATE_FAILED)
		log_job(LOG_NOTICE, j->id, j->uid, "failed: %s", reason);
	else
		log_job(LOG_INFO, j->id, j->uid, "is %s", job_state_names[state]);
	peers_job_changed(d, j, false);
}

/* Back at its old place, from where it goes on after a while. */
static void requeue(struct daemon *d, struct job *j, uint64_t wait, const char *why)
{
	j->state = STATE_QUEUED;
	j->resumes++;
	queue_stopped(d->queue, j->id, daemon_clock(d));
	if (!d->stopping)
		queue_hold(d->queue, j->id, daemon_clock(d) + wait, why);
	save(d, j);
	peers_job_changed(d, j, false);
}

static void requeue_stopped(struct daemon *d, struct job *j)
{
	log_job(LOG_INFO, j->id, j->uid, "is stopped, to be resumed");
	requeue(d, j, USEC_AGAIN, "its worker stopped, and is started again shortly");
}

/* No fault of the job's. A device that comes and goes without end must not keep the daemon busy. */
static void requeue_lost(struct daemon *d, struct job *j)
{
	const char *device = queue_device(d->queue, j->id);
	char why[QUEUE_MAX_REASON];

	snprintf(why, sizeof(why), "%s went away, and the job goes on shortly from its checkpoint",
		 device);
	log_job(LOG_NOTICE, j->id, j->uid, "%s went away; it goes on from its checkpoint", device);
	requeue(d, j, USEC_AGAIN << MIN(j->lost, (unsigned int)MAX_DOUBLE), why);
	j->lost++;
}

/* Small devices are tried, since only the worker knows how large a job is. */
static void requeue_unfit(struct daemon *d, struct job *j, const char *reason)
{
	const char *device = queue_device(d->queue, j->id);

	log_job(LOG_INFO, j->id, j->uid, "is run elsewhere than on %s: %s", device, reason);
	j->state = STATE_QUEUED;
	queue_stopped(d->queue, j->id, daemon_clock(d));
	if (queue_avoid(d->queue, j->id, device) < 0)
		queue_hold(d->queue, j->id, daemon_clock(d) + USEC_RETRY, reason);
	save(d, j);
	peers_job_changed(d, j, false);
}

static void finish(struct daemon *d, struct job *j, enum worker_outcome outcome, const char *reason)
{
	struct err e = { 0 };

	if (outcome == WORKER_STOPPED) {
		requeue_stopped(d, j);
	} else if (outcome == WORKER_LOST) {
		requeue_lost(d, j);
	} else if (outcome == WORKER_UNFIT && !j->device) {
		requeue_unfit(d, j, reason);
	} else if (outcome == WORKER_UNFIT) {
		end_job(d, j, STATE_FAILED, reason);
	} else if (outcome == WORKER_FAILED || outcome == WORKER_CRASHED) {
		end_job(d, j, STATE_FAILED, reason);
	} else if (workspace_sync_results(d->workspace, j->id, &e) < 0) {
		end_job(d, j, STATE_FAILED, e.text);
	} else {
		end_job(d, j, STATE_DONE, NULL);
	}
}

static void on_ended(enum worker_outcome outcome, const char *reason, void *userdata)
{
	struct job *j = userdata;
	struct daemon *d = j->daemon;

	j->worker = NULL;
	if (j->state == STATE_RUNNING)
		finish(d, j, outcome, reason);
	else
		queue_remove(d->queue, j->id, daemon_clock(d));
	metrics_event(j->metrics, job_state_names[j->state], NULL, reason, daemon_now());
	j->metrics = metrics_close(j->metrics);
	retire(d, j);
	daemon_poke(d);
}

static const struct worker_events worker_events = { .progress = on_progress, .ended = on_ended };

/* The text of job.json: which file of the spec is which file of the directory. */
static int describe(struct daemon *d, const struct job *j, const char *spec, const char *device,
		    char **ret, struct err *e)
{
	_cleanup_(spec_freep) struct spec *parsed = NULL;
	_cleanup_json_ json_t *root = NULL;
	json_t *inputs = json_object();
	const char *files[SPEC_MAX_FILES];
	size_t n;
	int r;

	r = spec_parse(spec, strlen(spec), &parsed, e);
	if (r < 0) {
		json_decref(inputs);
		return r;
	}
	n = spec_files(parsed, files);
	for (size_t i = 0; i < n; i++)
		json_object_set_new(inputs, files[i], json_sprintf("input/%zu", i));
	root = json_pack("{s:I, s:o, s:o, s:i, s:s}", "id", (json_int_t)j->id, "spec",
			 json_loads(spec, 0, NULL), "inputs", inputs, "threads",
			 (int)d->config->threads, "device", device);
	*ret = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
	return *ret ? 0 : err_oom(e);
}

static int spawn(struct daemon *d, struct job *j, int device, struct err *e)
{
	_cleanup_close_ int directory = workspace_open_job(d->workspace, j->id);
	struct worker_start start = { .program = d->config->worker,
				      .directory = directory,
				      .device = device,
				      .uid = j->uid,
				      .gid = j->gid,
				      .groups = j->groups,
				      .threads = d->config->threads,
				      .job = j->id,
				      .sandbox = d->sandbox,
				      .cgroups = d->cgroups,
				      .limits = { .memory = d->config->job_memory,
						  .tasks = d->config->job_tasks +
							   2 * d->config->threads,
						  .weight = 1 },
				      .file = d->config->job_file };

	int r;

	if (directory < 0)
		return err_set(e, directory, "the job's directory: %s", strerror(-directory));
	j->daemon = d;
	r = worker_process_start(d->event, &start, &worker_events, j, &j->worker, e);
	if (r < 0)
		return r;
	/* A job runs without them, too. */
	r = metrics_open(directory, &j->metrics);
	if (r < 0)
		log_job(LOG_WARNING, j->id, j->uid, "its metrics cannot be kept: %s", strerror(-r));
	return 0;
}

/* A context of the device for this job alone; -1 for the embedded one. Returns an errno. */
static int open_device(struct daemon *d, const char *name, int *ret, struct err *e)
{
	const struct device *dev = hotplug_find(d->hotplug, name);
	struct node_info k;
	int fd;

	if (!dev)
		return err_set(e, -ENODEV, "%s is gone", name);
	if (!dev->node)
		return 0;
	fd = node_open(dev->node, &k, e);
	if (fd < 0)
		return fd;
	*ret = fd;
	return 0;
}

/* *ret_fatal: trying again would not help. */
static int launch(struct daemon *d, struct job *j, const char *device, int context, bool *ret_fatal,
		  struct err *e)
{
	_cleanup_free_ char *spec = NULL, *text = NULL;
	int64_t started = j->started;
	int r;

	r = store_get_spec(d->store, j->id, &spec, e);
	if (r >= 0) {
		r = describe(d, j, spec, device, &text, e);
		*ret_fatal = r < 0 && r != -ENOMEM;
	}
	if (r < 0)
		return r;
	r = workspace_write_job(d->workspace, j->id, text, j->uid, j->gid, e);
	*ret_fatal = r == -ENOENT;
	if (r < 0)
		return r;

	j->state = STATE_RUNNING;
	if (j->started == 0)
		j->started = daemon_now();
	r = store_update(d->store, j, e);
	if (r >= 0) {
		j->unsaved = false;
		r = spawn(d, j, context, e);
		if (r >= 0)
			return 0;
		/* That it ran is put right when it next can be. */
		j->unsaved = true;
	}
	j->state = STATE_QUEUED;
	j->started = started;
	return r;
}

/* Out of memory for the hold: out of the queue, and back after a restart. */
static void hold(struct daemon *d, struct job *j, uint64_t wait, const char *why)
{
	if (queue_hold(d->queue, j->id, daemon_clock(d) + wait, why) < 0)
		queue_remove(d->queue, j->id, daemon_clock(d));
}

/* Another device will do, until this one is told of again. */
static void start_elsewhere(struct daemon *d, struct job *j, const char *device,
			    const struct err *e)
{
	log_job(LOG_WARNING, j->id, j->uid, "cannot be started on %s: %s", device, e->text);
	if (j->device || queue_avoid(d->queue, j->id, device) < 0)
		hold(d, j, USEC_RETRY, e->text);
}

static void start(struct daemon *d, struct job *j, const char *device)
{
	_cleanup_close_ int context = -1;
	struct err e = { 0 };
	bool fatal = false;
	int r = open_device(d, device, &context, &e);

	if (r < 0) {
		start_elsewhere(d, j, device, &e);
		return;
	}
	r = launch(d, j, device, context, &fatal, &e);
	if (r >= 0) {
		queue_started(d->queue, j->id, device, daemon_clock(d));
		metrics_event(j->metrics, "started", device, NULL, daemon_now());
		log_job(LOG_INFO, j->id, j->uid, "runs on %s as pid %d", device,
			(int)worker_process_pid(j->worker));
		peers_job_changed(d, j, false);
	} else if (fatal) {
		end_job(d, j, STATE_FAILED, e.text);
		retire(d, j);
	} else {
		log_job(LOG_ERR, j->id, j->uid, "cannot be started now: %s", e.text);
		hold(d, j, USEC_RETRY, e.text);
	}
}

static bool save_all(struct daemon *d)
{
	bool left = false;

	for (size_t i = d->jobs.n; i-- > 0;) {
		struct job *j = d->jobs.jobs[i];

		if (!j->unsaved)
			continue;
		save(d, j);
		left |= j->unsaved;
		retire(d, j);
	}
	return left;
}

void scheduler_run(struct daemon *d)
{
	uint64_t now = daemon_clock(d), wakeup = UINT64_MAX, id;
	const char *device;

	if (save_all(d))
		wakeup = now + USEC_SAVE;
	while (!d->stopping && queue_next(d->queue, now, &id, &device)) {
		struct job *j = job_table_find(&d->jobs, id);

		if (j)
			start(d, j, device);
		else
			queue_remove(d->queue, id, now);
	}
	wakeup = MIN(wakeup, queue_wakeup(d->queue, now));
	sd_event_source_set_time(d->wakeup, wakeup);
	sd_event_source_set_enabled(d->wakeup,
				    wakeup == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
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
