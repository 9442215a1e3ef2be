/* SPDX-License-Identifier: MIT */
/*
 * The daemon's child on its way to be a worker: from fork() to exec().
 *
 * Everything that needs memory or names is prepared by the parent; the child does only what is
 * safe in a signal handler.
 */
#ifndef PBIT_DAEMON_WORKER_CHILD_H
#define PBIT_DAEMON_WORKER_CHILD_H

#include "worker_process.h"

#define WORKER_MAX_GROUPS 1024 /* more than a login gives; the rest is left out */

struct worker_child {
	const struct worker_start *start;
	const struct worker_cgroup *cgroup; /* NULL: none */
	int socket, null;
	int rules;     /* Landlock's, or -1 */
	uint64_t data; /* RLIMIT_DATA */
	bool change_user;
	gid_t groups[WORKER_MAX_GROUPS];
	size_t n_groups;
	char *argv[2];
	char *envp[8];
	char *threads;
	pid_t daemon;
};

/* p is to be freed in either case. p->socket, the worker's end, is the caller's to fill in. */
int worker_child_plan(struct worker_child *p, const struct worker_start *start,
		      const struct worker_cgroup *cgroup);
void worker_child_free(struct worker_child *p);

/* Becomes the worker; what goes wrong is said on p->socket, in the worker's own words. */
_Noreturn void worker_child_run(struct worker_child *p);

#endif
