/* SPDX-License-Identifier: MIT */
/*
 * Who waits for whose end: edges from jobs that have not ended to those that wait for them, found
 * by the former's id. Ending a job costs as much as it has followers.
 */
#ifndef PBIT_POLICY_DEPENDENCY_H
#define PBIT_POLICY_DEPENDENCY_H

#include "queue.h"

/* One of the jobs that a job waits for. Kept by its owner, at a fixed place while it is linked. */
struct dependency {
	struct dependency *next, **link; /* in the table; link is NULL when it is not there */
	void *owner;
	uint64_t id;
	enum queue_after after;
};

struct dependencies {
	struct dependency **buckets;
	size_t n_buckets, n; /* n_buckets: 0 or a power of two */
};

/* -ENOMEM. */
int dependency_link(struct dependencies *t, struct dependency *d);
void dependency_unlink(struct dependencies *t, struct dependency *d);

/* Unlinks and returns one that waits for the job, or NULL. */
struct dependency *dependency_take(struct dependencies *t, uint64_t id);

void dependencies_clear(struct dependencies *t);

#endif
