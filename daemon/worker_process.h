/* SPDX-License-Identifier: MIT */
/*
 * One pbit-worker: its process, the lines it sends, and how it ended.
 *
 * The process runs as the submitter, in the job's directory, with a stream socket as fd 3, its
 * device, if it is one of the kernel's, as fd 4, a session's socket and memory as fd 5 and 6, nothing
 * else open but stdin (/dev/null) and its log, in a process group of its own, and dies with the
 * daemon. Whatever program it is, it is kept to its job by worker_sandbox.h, worker_cgroup.h and
 * limits of resources.
 */
#ifndef PBIT_DAEMON_WORKER_PROCESS_H
#define PBIT_DAEMON_WORKER_PROCESS_H

#include <jansson.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "err.h"
#include "worker_cgroup.h"
#include "worker_sandbox.h"

struct worker_process;

struct worker_start {
	const char *program; /* absolute path */
	int directory;	     /* the job's */
	int device;	     /* a context of its own, or -1 */
	uid_t uid;
	gid_t gid;
	const char *groups; /* "4,24" */
	unsigned int threads;
	const int *session; /* of a session: its socket and its memory; or NULL */
	/* what contains it */
	uint64_t job;
	struct worker_sandbox *sandbox;
	struct worker_cgroups *cgroups; /* NULL: there are none to be had */
	struct worker_cgroup_limits limits;
	uint64_t file; /* bytes of the largest file that it may write */
};

/* Why the daemon asked the worker to go. */
enum worker_stop {
	WORKER_NOT_STOPPED,
	WORKER_CANCEL,	 /* the job is cancelled */
	WORKER_SHUTDOWN, /* the daemon leaves; the job is to be resumed */
	WORKER_GONE,	 /* its device is gone; the job is to be resumed elsewhere */
	WORKER_PREEMPT,	 /* others are to run; the job waits, and is to be resumed */
	WORKER_EXPIRED,	 /* its time limit is over; the job has failed, unless it is done */
};

enum worker_outcome {
	WORKER_DONE,
	WORKER_FAILED,
	WORKER_CRASHED, /* a signal killed it that the daemon had not sent */
	WORKER_STOPPED, /* to be resumed */
	WORKER_LOST,	/* to be resumed elsewhere: its device is gone */
	WORKER_UNFIT,	/* to be run elsewhere, if it may: its device does not take it */
};

/*
 * progress: a valid object of type "progress", borrowed. done: the one of that type. ended: the last
 * call, after which the worker_process is gone; reason is set for WORKER_FAILED, WORKER_CRASHED and
 * WORKER_UNFIT.
 */
struct worker_events {
	void (*progress)(const json_t *message, void *userdata);
	void (*ended)(enum worker_outcome outcome, const char *reason, void *userdata);
	void (*done)(const json_t *message, void *userdata); /* or NULL */
};

/* SIGCHLD must be blocked in every thread. */
int worker_process_start(sd_event *event, const struct worker_start *start,
			 const struct worker_events *events, void *userdata,
			 struct worker_process **ret, struct err *e);

/* SIGTERM now, SIGKILL after the given time. A second call can only shorten the time. */
void worker_process_stop(struct worker_process *w, enum worker_stop why, uint64_t kill_usec);

/* Kills it at once and without a call to ended(). */
struct worker_process *worker_process_free(struct worker_process *w);

pid_t worker_process_pid(const struct worker_process *w);

/*
 * What the end of a worker means. status: as of waitpid(). said_done: it sent "done". failure: the
 * reason it sent with "failed", or what was wrong with its lines; NULL for neither. ret holds the
 * sentence for WORKER_FAILED, WORKER_CRASHED and WORKER_UNFIT.
 */
enum worker_outcome worker_outcome(int status, bool said_done, const char *failure,
				   enum worker_stop stop, struct err *ret);

#endif
