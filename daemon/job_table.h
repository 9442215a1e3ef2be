/* SPDX-License-Identifier: MIT */
/* The jobs kept in memory: those queued or running, and those with something left to do. */
#ifndef PBIT_DAEMON_JOB_TABLE_H
#define PBIT_DAEMON_JOB_TABLE_H

#include "job.h"

struct job_table {
	struct job **jobs; /* by id */
	size_t n, allocated;
};

struct job *job_table_find(const struct job_table *t, uint64_t id);
/* The index of the first job with a larger id; n: there is none. */
size_t job_table_after(const struct job_table *t, uint64_t id);
/* Takes the job over. -EEXIST, -ENOMEM: it stays the caller's. */
int job_table_add(struct job_table *t, struct job *j);
/* Hands the job back to the caller, or NULL. */
struct job *job_table_remove(struct job_table *t, uint64_t id);
void job_table_clear(struct job_table *t);

#endif
