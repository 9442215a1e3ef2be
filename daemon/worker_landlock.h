/* SPDX-License-Identifier: MIT */
/*
 * The files that a worker may reach, by Landlock: those of its job to read and write, the system's
 * libraries and the worker itself to read and run, and a few facts about the machine. The
 * submitter's rights hold beside it.
 *
 * What a kernel's Landlock does not know yet is left out: moving files between directories before
 * version 2 (then never allowed), truncating before 3, TCP before 4 (there is no socket), ioctls of
 * devices before 5, signals and abstract sockets before 6. Files that are open already, as the
 * job's device is, stay as they are.
 */
#ifndef PBIT_DAEMON_WORKER_LANDLOCK_H
#define PBIT_DAEMON_WORKER_LANDLOCK_H

#include "err.h"

struct worker_landlock;

/* Opens what every worker may see. A kernel without Landlock is no failure: version is 0 then. */
int worker_landlock_new(struct worker_landlock **ret, struct err *e);
struct worker_landlock *worker_landlock_free(struct worker_landlock *l);
int worker_landlock_version(const struct worker_landlock *l);

/* Rules for one job, whose directory it is; -1 in *ret without Landlock. */
int worker_landlock_rules(const struct worker_landlock *l, int directory, int *ret);

/*
 * Puts them over the calling thread, for good; no_new_privs has to be set. program: the worker, an
 * O_PATH descriptor. Async-signal-safe. Nothing is done for rules below 0.
 */
int worker_landlock_enter(const struct worker_landlock *l, int rules, int program);

#endif
