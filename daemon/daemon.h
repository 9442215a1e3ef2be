/* SPDX-License-Identifier: MIT */
/*
 * The daemon as a whole: it owns every other object, and is what they reach each other through.
 *
 *	listener -> peer (gate, sd-bus) -> bus -> submission -> scheduler -> worker_process
 *	                                                  store, workspace, queue, hotplug
 */
#ifndef PBIT_DAEMON_DAEMON_H
#define PBIT_DAEMON_DAEMON_H

#include <systemd/sd-event.h>

#include "config.h"
#include "disk_use.h"
#include "hotplug.h"
#include "job_table.h"
#include "listener.h"
#include "queue.h"
#include "store.h"
#include "worker_cgroup.h"
#include "worker_sandbox.h"
#include "workspace.h"

struct crowd;
struct measurement;
struct peer;
struct submission;
struct unread;

struct daemon {
	struct config *config; /* settings.h alone changes it */
	sd_event *event;
	struct workspace *workspace;
	struct store *store;
	struct queue *queue;
	struct hotplug *hotplug;
	struct listener *listener;
	struct job_table jobs;
	struct disk_use disk;
	struct measurement *measurements; /* oldest first */
	gid_t admins; /* the group of those who may act on all jobs, or NO_GROUP */
	struct worker_sandbox *sandbox;
	struct worker_cgroups *cgroups; /* NULL: workers have none */

	struct peer *peers;
	struct crowd *crowds;
	unsigned int n_peers;
	size_t held;	  /* bytes for them, <= LIMIT_HELD but for a moment */
	unsigned int fds; /* descriptors for them; see unread.h */
	struct unread *unread;
	sd_event_source *unread_look;
	struct {
		uint64_t second; /* of daemon_clock() */
		unsigned int n;	 /* complaints about clients in it */
	} complaints;
	struct submission *submissions; /* oldest first */
	unsigned int n_copying;		/* of them, in their threads */
	uint64_t copies;		/* that were begun; see next_to_copy() */
	unsigned int last_stage;	/* number of the last directory under jobs/tmp-N */

	sd_event_source *schedule;    /* deferred: look what can be started */
	sd_event_source *wakeup;      /* a job that was held back, or could not be saved */
	sd_event_source *wall_wakeup; /* what the queue waits for, after sleep or a set clock */
	sd_event_source *idle;	      /* --idle-exit */
	int64_t wall;		      /* us since 1970 when the clock was 0, as the queue has it */
	uint64_t accounted; /* of the clock: when the use of running jobs was last saved */
	uint64_t told;	    /* generation of the queue that watchers and service manager know */
	uint64_t told_at;   /* of the clock */
	bool stopping;
};

/* Everything but the loop: takes the lock, opens the store, recovers, listens. */
int daemon_new(struct config *config, struct daemon **ret, struct err *e);
struct daemon *daemon_free(struct daemon *d);
static inline void daemon_freep(struct daemon **d)
{
	*d = daemon_free(*d);
}

/* Until SIGTERM, SIGINT or idleness. */
int daemon_run(struct daemon *d, struct err *e);

/* Something happened that may change what runs, what is shown, or whether the daemon is idle. */
void daemon_poke(struct daemon *d);

/* Stops the workers gently, then leaves the loop. */
void daemon_stop(struct daemon *d);

/* How many jobs may run at once on the device; 0 when it is not usable. */
unsigned int daemon_slots(const struct daemon *d, const struct device *dev);

/* Lets the queue use the device, or no longer. -ENOMEM. */
int daemon_put_in_service(struct daemon *d, const struct device *dev);

/* us since 1970, and us of CLOCK_MONOTONIC as the queue has it. */
int64_t daemon_now(void);
uint64_t daemon_clock(const struct daemon *d);

#endif
