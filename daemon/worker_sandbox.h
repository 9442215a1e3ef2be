/* SPDX-License-Identifier: MIT */
/*
 * What keeps a worker to its job, whatever program it is: no new privileges, the files it may reach
 * (worker_landlock.h), the system calls it may make (worker_filter.h), and nothing to run but
 * itself. One for the daemon, of which each child takes a copy by fork().
 *
 * The worker is run by a descriptor that is above all it can ever have again (its RLIMIT_NOFILE),
 * which is how the filter tells this one call of execveat() from every other.
 */
#ifndef PBIT_DAEMON_WORKER_SANDBOX_H
#define PBIT_DAEMON_WORKER_SANDBOX_H

#include "err.h"

#define WORKER_OPEN_FILES 1024 /* at most; descriptors 0 to this */

struct worker_sandbox;

/* What the kernel lacks of Landlock is no failure; filters of system calls are a must. */
int worker_sandbox_new(struct worker_sandbox **ret, struct err *e);
struct worker_sandbox *worker_sandbox_free(struct worker_sandbox *s);

/* "seccomp, Landlock 2", for the log; and whether files are kept by more than the user's rights. */
const char *worker_sandbox_name(const struct worker_sandbox *s);
bool worker_sandbox_has_landlock(const struct worker_sandbox *s);

/* How many descriptors a worker may have: the first that it cannot is the program's. */
int worker_sandbox_files(const struct worker_sandbox *s);

/* Rules for the job whose directory it is, for worker_sandbox_run(); -1 without Landlock. */
int worker_sandbox_rules(const struct worker_sandbox *s, int directory, int *ret);

/* In the child, each async-signal-safe. First the program, in its place and closed on exec ... */
int worker_sandbox_open(const struct worker_sandbox *s, const char *program);
/* ... then the files; after it only what the rules allow can be opened ... */
int worker_sandbox_close_in(const struct worker_sandbox *s, int rules);
/* ... then the system calls, and the worker itself. Returns an errno if it fails. */
int worker_sandbox_run(struct worker_sandbox *s, char *const *argv, char *const *envp);

#endif
