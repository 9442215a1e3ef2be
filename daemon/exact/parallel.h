/* SPDX-License-Identifier: MIT */
/* Items of work on the threads of a run, taken in order. What an item computes must not depend on
 * the thread; what items add up is added in their order, by turns. */
#ifndef PBIT_EXACT_PARALLEL_H
#define PBIT_EXACT_PARALLEL_H

#include <pthread.h>

#include "run.h"

struct exact_work {
	const struct exact_run *run; /* not NULL */
	unsigned int threads;	     /* at most so many at a time */
	size_t items;
	/* worker: 0 .. threads - 1, 0 is the thread that asked. The first error ends the whole. */
	int (*item)(struct exact_work *w, size_t i, unsigned int worker, struct err *e);
	void *data;

	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t turned;
	size_t next, turn;
	int result;
	struct err err;
};

int exact_work_run(struct exact_work *w, struct err *e);

/*
 * Between these two, item i alone runs, after all items before it; false: another one failed, and
 * neither is to be called again. Every item that succeeds takes its turn exactly once.
 */
bool exact_work_begin_turn(struct exact_work *w, size_t i);
void exact_work_end_turn(struct exact_work *w);

/* A run that is not NULL. */
const struct exact_run *exact_run_or_default(const struct exact_run *run);
/* -ECANCELED when it was told to stop. */
int exact_run_check(const struct exact_run *run, struct err *e);
void exact_run_progress(const struct exact_run *run, const char *what, double share);
/* -EFBIG when so many bytes are past its limit. */
int exact_run_admit(const struct exact_run *run, size_t bytes, struct err *e);

#endif
