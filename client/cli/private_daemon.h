/* SPDX-License-Identifier: MIT */
/* A pbitd of a command's own, which nobody else finds, and which leaves with it. */
#ifndef PBIT_CLI_PRIVATE_DAEMON_H
#define PBIT_CLI_PRIVATE_DAEMON_H

#include "err.h"

struct private_daemon {
	char *dir; /* of its socket and log, and of its jobs when no other was named; is removed */
	char *state;  /* of its jobs */
	char *socket; /* absolute */
	bool keep;    /* the jobs stay */
	pid_t pid;    /* 0: does not run, or its end is known */
};

/*
 * Starts it: who connects to its socket from now on is answered, or finds that it is gone. state:
 * the directory of its jobs, or NULL for one that goes with it. nodes_only: it runs no job in
 * software of its own.
 */
int private_daemon_start(struct private_daemon *d, const char *state, bool nodes_only,
			 struct err *e);

/* What it wrote to its log, on stderr. For a daemon that left of itself. */
void private_daemon_show_log(const struct private_daemon *d);

/*
 * Ends it, and its workers, and removes what is not to stay. Jobs that have not ended then wait, with
 * their checkpoints, for the next daemon in a directory that stays.
 */
void private_daemon_stop(struct private_daemon *d);

#endif
