/* SPDX-License-Identifier: MIT */
/* What the parts of the scheduler call of each other: scheduler.c, scheduler_*.c. */
#ifndef PBIT_DAEMON_SCHEDULER_PARTS_H
#define PBIT_DAEMON_SCHEDULER_PARTS_H

#include "scheduler.h"
#include "worker_process.h"

#define USEC_RETRY (10 * USEC_PER_SEC) /* after a full disk, no processes left and the like */
#define USEC_AGAIN (1 * USEC_PER_SEC)  /* after a worker that stopped of its own accord */

/* Into memory and into the queue, or, where there is not enough memory, nowhere. Takes it over. */
int scheduler_take_up(struct daemon *d, struct job *j);

/* On the device that the queue has chosen; when it cannot be, what is to become of the job. */
void scheduler_start(struct daemon *d, struct job *j, const char *device);

/* What the worker of a job, the userdata, says, and how it ends. */
extern const struct worker_events scheduler_worker_events;

/* The job, which has no worker, ends; those that wait for it are told. */
void scheduler_end(struct daemon *d, struct job *j, enum job_state state, const char *reason);

/* The same, of a job whose time limit is over: what it has made until then stays. */
void scheduler_end_expired(struct daemon *d, struct job *j);

/* What ended and is saved needs no place in memory, nor its inputs on disk. */
void scheduler_retire(struct daemon *d, struct job *j);

/* Writes the job's state, or makes a note that it is still to be written. */
void scheduler_save(struct daemon *d, struct job *j);

#endif
