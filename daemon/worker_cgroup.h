/* SPDX-License-Identifier: MIT */
/*
 * A control group for each worker, where the service manager has delegated one to the daemon:
 *
 *	OURS/daemon	    the daemon, for none may be where groups share
 *	OURS/users/UID	    cpu.weight of the user, among the others
 *	OURS/users/UID/ID   one job: memory.max without swap, killed as a whole; pids.max
 *
 * A job's group goes with whatever is in it when the job ends.
 */
#ifndef PBIT_DAEMON_WORKER_CGROUP_H
#define PBIT_DAEMON_WORKER_CGROUP_H

#include "err.h"

struct worker_cgroups;
struct worker_cgroup;

struct worker_cgroup_limits {
	uint64_t memory;    /* bytes */
	unsigned int tasks; /* threads in all */
	double weight;	    /* of the user, 1 being usual */
};

/*
 * Takes the group that the daemon runs in, when that is alone in it, the group is delegated, and
 * the kernel is 5.14 or newer. -EOPNOTSUPP, with a sentence that says why, where there is none to be
 * had: workers are then run without.
 */
int worker_cgroups_new(struct worker_cgroups **ret, struct err *e);
struct worker_cgroups *worker_cgroups_free(struct worker_cgroups *t);

/* A NULL t makes no group, and *ret is NULL. */
int worker_cgroup_make(struct worker_cgroups *t, uid_t uid, uint64_t job,
		       const struct worker_cgroup_limits *limits, struct worker_cgroup **ret,
		       struct err *e);

/* Has the calling process in it from now on. Async-signal-safe. NULL is no group. */
int worker_cgroup_enter(const struct worker_cgroup *g);

/* Its own memory.max was reached, and something in it was killed for it. */
bool worker_cgroup_ran_out(const struct worker_cgroup *g);

/* Kills what is in it, and removes it, now or when the next one of the user is made. */
struct worker_cgroup *worker_cgroup_free(struct worker_cgroup *g);

#endif
