/* SPDX-License-Identifier: MIT */
/*
 * A fixed pool of threads that runs tasks in the order they were pushed. Tasks carry their own
 * list link, so pushing cannot fail. Who wants to know of a task's end lets the task tell.
 */
#ifndef PBIT_NUMERICS_POOL_H
#define PBIT_NUMERICS_POOL_H

#include "err.h"

#define POOL_MAX_THREADS 1024u

struct pool;

struct pool_task {
	/* thread: 0 .. threads - 1, or threads for who helps */
	void (*run)(struct pool_task *task, unsigned int thread);
	struct pool_task *next;
};

/* The threads take no signals: those stay with the thread that made the pool. */
int pool_new(unsigned int threads, struct pool **ret, struct err *e);
struct pool *pool_free(struct pool *p); /* after the tasks that were pushed have run */

/* The chain of tasks from `first` on; they belong to the pool until each has begun to run. */
void pool_push(struct pool *p, struct pool_task *first);

/*
 * Runs the next task that no thread has begun, in the caller, who would otherwise wait for a thread
 * to wake. False where there is none, as many tasks run as there are threads, or another helps.
 */
bool pool_help(struct pool *p);

#endif
