// SPDX-License-Identifier: MIT
/* Setting up, looping, leaving. */
#include "daemon.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "admins.h"
#include "admission.h"
#include "log.h"
#include "measure.h"
#include "peer.h"
#include "protocol.h"
#include "scheduler.h"
#include "settings.h"
#include "submission.h"
#include "unread.h"
#include "worker_process.h"

int64_t daemon_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * (int64_t)USEC_PER_SEC + ts.tv_nsec / 1000;
}

uint64_t daemon_clock(const struct daemon *d)
{
	uint64_t now = 0;

	sd_event_now(d->event, CLOCK_MONOTONIC, &now);
	return now;
}

void daemon_poke(struct daemon *d)
{
	/* Deferred, so that nobody is freed under the feet of those who call. */
	if (d->schedule)
		sd_event_source_set_enabled(d->schedule, SD_EVENT_ONESHOT);
}

static bool is_idle(const struct daemon *d)
{
	return d->n_peers == 0 && !d->submissions && d->jobs.n == 0;
}

static void arm_idle(struct daemon *d)
{
	if (d->config->idle_exit == 0)
		return;
	if (!is_idle(d)) {
		sd_event_source_set_enabled(d->idle, SD_EVENT_OFF);
		return;
	}
	sd_event_source_set_time_relative(d->idle, d->config->idle_exit);
	sd_event_source_set_enabled(d->idle, SD_EVENT_ONESHOT);
}

static void wake_up_by(struct daemon *d, uint64_t due)
{
	uint64_t wakeup = UINT64_MAX;
	int on = SD_EVENT_OFF;

	sd_event_source_get_enabled(d->wakeup, &on);
	if (on != SD_EVENT_OFF)
		sd_event_source_get_time(d->wakeup, &wakeup);
	sd_event_source_set_time(d->wakeup, MIN(wakeup, due));
	sd_event_source_set_enabled(d->wakeup, SD_EVENT_ONESHOT);
}

/*
 * Positions and reasons of all who wait change with each job that comes, starts or ends; those who
 * watch hear of that a few times a second, where they are very many in turn, and of states at once.
 */
static void tell_of_queue(struct daemon *d)
{
	uint64_t now = daemon_clock(d), due = d->told_at + USEC_TELL;

	if (d->told == queue_generation(d->queue))
		return;
	if (!d->told_at || now >= due) {
		d->told_at = now;
		due = now + USEC_TELL;
		sd_notifyf(0, "STATUS=%u running, %u queued; workers have %s, %s",
			   queue_running(d->queue), queue_waiting(d->queue),
			   worker_sandbox_name(d->sandbox),
			   d->cgroups ? "control groups" : "no control groups");
		if (peers_queue_changed(d)) {
			d->told = queue_generation(d->queue);
			return;
		}
	}
	wake_up_by(d, due);
}

/*
 * Without the peers: on its way out, sd-event has sd-bus write what is queued for them, and wait
 * for those who do not read or have not even authenticated.
 */
static void leave(struct daemon *d)
{
	while (d->peers)
		peer_free(d->peers);
	sd_event_exit(d->event, 0);
}

static int on_schedule(_unused_ sd_event_source *source, void *userdata)
{
	struct daemon *d = userdata;

	admission_relieve(d);
	peers_reap(d);
	scheduler_run(d);
	tell_of_queue(d);
	arm_idle(d);
	if (d->stopping && scheduler_workers(d) == 0)
		leave(d);
	return 0;
}

static int on_wakeup(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata)
{
	daemon_poke(userdata);
	return 0;
}

static int on_idle(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	/* Somebody who is just connecting is served: the loop accepts him next. */
	if (!is_idle(d) || listener_retire(d->listener) == -EAGAIN) {
		arm_idle(d);
		return 0;
	}
	log_event(LOG_INFO, LOG_STOPPED, "leaves: nobody has needed it for %" PRIu64 " s",
		  d->config->idle_exit / USEC_PER_SEC);
	daemon_stop(d);
	return 0;
}

void daemon_stop(struct daemon *d)
{
	bool again = d->stopping;

	d->stopping = true;
	if (!again)
		sd_notify(0, "STOPPING=1");
	/* Asked twice, it is in earnest. */
	scheduler_stop(d, again);
	daemon_poke(d);
}

static int on_signal(_unused_ sd_event_source *source, const struct signalfd_siginfo *info,
		     void *userdata)
{
	log_event(LOG_INFO, LOG_STOPPED, "leaves: SIG%s", sigabbrev_np((int)info->ssi_signo));
	daemon_stop(userdata);
	return 0;
}

static int on_hangup(_unused_ sd_event_source *source, _unused_ const struct signalfd_siginfo *info,
		     void *userdata)
{
	/* It says itself what came of it. */
	settings_reload(userdata, NULL);
	return 0;
}

unsigned int daemon_slots(const struct daemon *d, const struct device *dev)
{
	if (!dev->usable)
		return 0;
	return dev->syspath ? d->config->device_jobs : d->config->jobs;
}

static enum queue_kind kind_of(const struct device *dev)
{
	if (!dev->ideal)
		return QUEUE_BY_NAME;
	if (!dev->syspath)
		return QUEUE_EMBEDDED;
	return strcmp(dev->backend, "emulated") ? QUEUE_SILICON : QUEUE_EMULATED;
}

int daemon_put_in_service(struct daemon *d, const struct device *dev)
{
	return queue_set_device(d->queue, dev->name, kind_of(dev), daemon_slots(d, dev));
}

static void on_device_changed(const struct device *dev, bool there, void *userdata)
{
	struct daemon *d = userdata;

	if (daemon_put_in_service(d, dev) < 0)
		log_error("device %s cannot be used: out of memory", dev->name);
	if (!there)
		scheduler_device_gone(d, dev->name);
	daemon_poke(d);
}

static int find_devices(struct daemon *d, struct err *e)
{
	int r = hotplug_new(d->event, "udev", HOTPLUG_SUBSYSTEM, on_device_changed, d, &d->hotplug,
			    e);

	for (size_t i = 0; r >= 0 && i < hotplug_count(d->hotplug); i++)
		if (daemon_put_in_service(d, hotplug_get(d->hotplug, i)) < 0)
			return err_oom(e);
	return r;
}

static int add_sources(struct daemon *d)
{
	int r = sd_event_add_defer(d->event, &d->schedule, on_schedule, d);

	/* At the priority of the peers, and so are the workers: who floods delays, not starves. */
	if (r >= 0)
		r = sd_event_add_time(d->event, &d->wakeup, CLOCK_MONOTONIC, UINT64_MAX, 0,
				      on_wakeup, d);
	if (r >= 0)
		r = sd_event_add_time(d->event, &d->wall_wakeup, CLOCK_REALTIME, UINT64_MAX, 0,
				      on_wakeup, d);
	if (r >= 0)
		r = sd_event_add_time(d->event, &d->idle, CLOCK_MONOTONIC, UINT64_MAX, 0, on_idle,
				      d);
	if (r >= 0)
		r = sd_event_source_set_enabled(d->idle, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_signal(d->event, NULL, SIGTERM, on_signal, d);
	if (r >= 0)
		r = sd_event_add_signal(d->event, NULL, SIGINT, on_signal, d);
	if (r >= 0)
		r = sd_event_add_signal(d->event, NULL, SIGHUP, on_hangup, d);
	return r;
}

static int make_loop(struct daemon *d, struct err *e)
{
	sigset_t mask;
	int r;

	/* SIGCHLD for sd_event_add_child(); a write beyond RLIMIT_FSIZE is to fail, not to kill. */
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGHUP);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);

	r = sd_event_new(&d->event);
	if (r >= 0)
		r = add_sources(d);
	if (r >= 0)
		r = sd_event_set_watchdog(d->event, 1);
	return r < 0 ? err_set(e, r, "the event loop cannot be made: %s", strerror(-r)) : 0;
}

static int open_state(struct daemon *d, struct err *e)
{
	int r = workspace_open(d->config->state_dir, &d->workspace, e);

	if (r >= 0)
		r = workspace_lock(d->workspace, e);
	if (r >= 0)
		r = store_open(d->config->state_dir, &d->store, e);
	if (r < 0)
		return r;
	if (queue_new(&d->queue) < 0 || settings_apply(d) < 0)
		return err_oom(e);
	return scheduler_recover(d, e);
}

/* What a kernel or a service manager cannot do is told once, and shown with the service's state. */
static int contain_workers(struct daemon *d, struct err *e)
{
	struct err why = { 0 };
	int r = worker_sandbox_new(&d->sandbox, e);

	if (r < 0)
		return r;
	if (!worker_sandbox_has_landlock(d->sandbox)) {
		log_warning("the kernel has no Landlock: of files, workers are kept from what "
			    "their users may not read or write, and from no others");
		/* Its own user's workers could look into it by way of /proc. */
		prctl(PR_SET_DUMPABLE, 0);
	}
	r = worker_cgroups_new(&d->cgroups, &why);
	if (r == -ENOMEM)
		return err_oom(e);
	if (r < 0)
		log_warning("workers have no control groups, and are held to RLIMIT_DATA: %s",
			    why.text);
	return 0;
}

int daemon_new(struct config *config, struct daemon **ret, struct err *e)
{
	_cleanup_(daemon_freep) struct daemon *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return err_oom(e);
	d->config = config;
	d->admins = NO_GROUP;
	r = admins_find(PBIT_ADMIN_GROUP, &d->admins, e);
	if (r >= 0)
		r = make_loop(d, e);
	if (r >= 0)
		r = open_state(d, e);
	if (r >= 0)
		r = contain_workers(d, e);
	if (r >= 0)
		r = find_devices(d, e);
	/* Last: who can connect is answered. */
	if (r >= 0)
		r = listener_new(d->event, config, peer_accept, d, &d->listener, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(d);
	return 0;
}

struct daemon *daemon_free(struct daemon *d)
{
	if (!d)
		return NULL;
	d->schedule = sd_event_source_disable_unref(d->schedule);
	listener_free(d->listener);
	while (d->peers)
		peer_free(d->peers);
	submission_drop_all(d);
	unread_clear(d);
	measure_drop_all(d);
	hotplug_free(d->hotplug);
	for (size_t i = 0; i < d->jobs.n; i++)
		worker_process_free(d->jobs.jobs[i]->worker);
	job_table_clear(&d->jobs);
	queue_free(d->queue);
	worker_cgroups_free(d->cgroups);
	worker_sandbox_free(d->sandbox);
	disk_use_clear(&d->disk);
	store_close(d->store);
	/* Gives up the lock: what was open is closed before the next daemon opens it. */
	workspace_close(d->workspace);
	sd_event_source_disable_unref(d->wakeup);
	sd_event_source_disable_unref(d->wall_wakeup);
	sd_event_source_disable_unref(d->idle);
	sd_event_unref(d->event);
	free(d);
	return NULL;
}

int daemon_run(struct daemon *d, struct err *e)
{
	int r;

	log_event(LOG_INFO, LOG_STARTED, "serves %s with %s, %u at once, %u threads each",
		  d->config->state_dir, d->config->worker, d->config->jobs, d->config->threads);
	sd_notify(0, "READY=1");
	daemon_poke(d);
	r = sd_event_loop(d->event);
	return r < 0 ? err_set(e, r, "the event loop: %s", strerror(-r)) : 0;
}
