/* SPDX-License-Identifier: MIT */
/*
 * The policy: which job runs next and where, and in words why the others wait.
 *
 * A plain value: no event loop, no store, no devices behind it. It is told what there is (jobs
 * that wait or run, devices with slots) and asked what to do. Time is an argument (us, any
 * origin, not going backwards), so that tests decide it. First in, first out today; queue_order()
 * in queue.c is the one place that ranks two waiting jobs, where fair share and priorities go, and
 * queue_hold() the one by which a job is passed over, where quotas go.
 *
 * A job names the device that it must run on, and waits for that one, or it runs on any that keeps
 * the law: the best kind that is free. A job that can run goes before one that waits for its
 * device, whatever their order.
 */
#ifndef PBIT_DAEMON_QUEUE_H
#define PBIT_DAEMON_QUEUE_H

#include <sys/types.h>

#include "err.h"

#define QUEUE_MAX_REASON sizeof(((struct err *)0)->text)

struct queue;

int queue_new(struct queue **ret);
struct queue *queue_free(struct queue *q);
static inline void queue_freep(struct queue **q)
{
	*q = queue_free(*q);
}

/* Kinds of devices, the best first. */
enum queue_kind {
	QUEUE_SILICON,
	QUEUE_EMULATED, /* in the kernel */
	QUEUE_EMBEDDED, /* in the worker */
	QUEUE_BY_NAME,	/* for jobs that name it alone: it does not keep the law */
};

/*
 * A device that can run `slots` jobs at once; 0 takes it out of service, its jobs run on. Back in
 * service it is another one, which queue_avoid() has not been told of.
 */
int queue_set_device(struct queue *q, const char *device, enum queue_kind kind, unsigned int slots);

/* A job that waits. device: the one that it names, or NULL. -EEXIST when the queue knows it. */
int queue_add(struct queue *q, uint64_t id, uid_t uid, const char *user, const char *device,
	      int64_t submitted);

/* The job has ended, waiting or running. -ENOENT. */
int queue_remove(struct queue *q, uint64_t id);

/*
 * What to start now: the job and the device to run it on (a name that lives as long as the
 * queue). False when nothing can be started. The caller answers with queue_started() or
 * queue_hold() before it asks again.
 */
bool queue_next(const struct queue *q, uint64_t now, uint64_t *ret_id, const char **ret_device);

/* The waiting job now runs there. -ENOENT for a job that does not wait or an unknown device. */
int queue_started(struct queue *q, uint64_t id, const char *device);

/* The running job waits again, at its old place. -ENOENT when it does not run. */
int queue_stopped(struct queue *q, uint64_t id);

/* The job is passed over until the given time; why completes "waits: ". */
int queue_hold(struct queue *q, uint64_t id, uint64_t until, const char *why);

/* The job, which does not name it, is not to run on that device: it does not fit. -ENOENT. */
int queue_avoid(struct queue *q, uint64_t id, const char *device);

/* When the first held job may run, so that the caller asks again then; UINT64_MAX: none is held. */
uint64_t queue_wakeup(const struct queue *q, uint64_t now);

/* 1: next to run; 0: it does not wait. */
unsigned int queue_position(const struct queue *q, uint64_t id);

/* Why a job waits, as a clause in UTF-8 without control characters; "" for one that does not. */
void queue_reason(const struct queue *q, uint64_t id, uint64_t now, char ret[QUEUE_MAX_REASON]);

/* Where the job runs; NULL for one that waits. The name lives as long as the queue. */
const char *queue_device(const struct queue *q, uint64_t id);

/* The first job that runs on the device, or 0; and how many do. */
uint64_t queue_running_on(const struct queue *q, const char *device, unsigned int *ret_count);

/* Another number after each change by which positions or reasons may have become others. */
uint64_t queue_generation(const struct queue *q);

unsigned int queue_waiting(const struct queue *q);
unsigned int queue_running(const struct queue *q);
unsigned int queue_count_of(const struct queue *q, uid_t uid);

#endif
