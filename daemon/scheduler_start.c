// SPDX-License-Identifier: MIT
/* Starting a job: its description, its device, its worker. */
#include <inttypes.h>
#include <string.h>

#include "json.h"
#include "log.h"
#include "metrics.h"
#include "node.h"
#include "peer.h"
#include "scheduler_parts.h"
#include "session.h"

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
	root = json_pack("{s:I, s:o, s:o, s:i, s:I, s:s}", "id", (json_int_t)j->id, "spec",
			 json_loads(spec, 0, NULL), "inputs", inputs, "threads",
			 (int)d->config->threads, "memory", (json_int_t)d->config->job_memory,
			 "device", device);
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
						  .weight = config_weight(d->config, j->uid) },
				      .file = d->config->job_file,
				      .session = j->session ? session_fds(j->session) : NULL };
	int r;

	if (directory < 0)
		return err_set(e, directory, "the job's directory: %s", strerror(-directory));
	j->daemon = d;
	r = worker_process_start(d->event, &start, &scheduler_worker_events, j, &j->worker, e);
	if (r < 0)
		return r;
	if (j->session)
		session_runs(j);
	/* A job runs without them, too. */
	r = metrics_open(directory, &j->metrics);
	if (r < 0)
		log_job(LOG_WARNING, NULL, j, NULL, "its metrics cannot be kept: %s", strerror(-r));
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
	/* If it is lost, the job is started all the same, from its checkpoint if it has one. */
	r = store_update_soon(d->store, j, e);
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
	log_job(LOG_WARNING, NULL, j, device, "cannot be started on %s: %s", device, e->text);
	if (j->device || node_failure_passes(e->code) || queue_avoid(d->queue, j->id, device) < 0)
		hold(d, j, USEC_RETRY, e->text);
}

void scheduler_start(struct daemon *d, struct job *j, const char *device)
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
		log_job(LOG_INFO, LOG_JOB_STARTED, j, device, "runs on %s as pid %d", device,
			(int)worker_process_pid(j->worker));
		peers_job_changed(d, j, false);
	} else if (fatal) {
		scheduler_end(d, j, STATE_FAILED, e.text);
		scheduler_retire(d, j);
	} else {
		log_job(LOG_ERR, NULL, j, NULL, "cannot be started now: %s", e.text);
		hold(d, j, USEC_RETRY, e.text);
	}
}
