/* SPDX-License-Identifier: MIT */
/*
 * A job's way through its states. What is said to be so is in the store first; where the store
 * cannot be written, nothing is said, or (the end of a worker, which cannot be undone) it is tried
 * again until it can.
 */
#ifndef PBIT_DAEMON_SCHEDULER_H
#define PBIT_DAEMON_SCHEDULER_H

#include "batch.h"
#include "daemon.h"

/* At the start: takes the jobs from the store, removes orphans. */
int scheduler_recover(struct daemon *d, struct err *e);

/*
 * Takes the jobs of n batches over, all or none of them: many wait for the disk as long as one. When
 * this returns 0, they are durable and may be acknowledged; ret_ids[i] is the first of batch i, and
 * its others follow it. On failure nothing of them is left on disk, and those in the batches are the
 * caller's still.
 */
int scheduler_admit(struct daemon *d, struct batch *const *b, size_t n, uint64_t *ret_ids,
		    struct err *e);

/* -EALREADY when it has ended. */
int scheduler_cancel(struct daemon *d, struct job *j, struct err *e);

/* HOLD_NONE releases it. One that runs is stopped, to go on later. -EALREADY when it has ended. */
int scheduler_hold(struct daemon *d, struct job *j, enum job_hold hold, struct err *e);

/* Tells the queue what time it is, where that has changed. */
void scheduler_set_clock(struct daemon *d);

/* Ends what can never run and what has run long enough, starts and preempts, saves what
 * could not be saved. */
void scheduler_run(struct daemon *d);

/* The device is gone: the jobs that run there are stopped, and go on elsewhere. */
void scheduler_device_gone(struct daemon *d, const char *device);

/* Stops the workers, or, hard, kills them; their jobs are resumed by the next daemon. */
void scheduler_stop(struct daemon *d, bool hard);

/* Processes that run, for cancelled jobs as well. */
unsigned int scheduler_workers(const struct daemon *d);

#endif
