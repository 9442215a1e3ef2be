/* SPDX-License-Identifier: MIT */
/* What the parts of the workspace share: workspace.c and workspace_*.c. */
#ifndef PBIT_DAEMON_WORKSPACE_DIR_H
#define PBIT_DAEMON_WORKSPACE_DIR_H

#include "workspace.h"

#define WORKSPACE_NAME_BYTES 32

struct sweeper;

struct workspace {
	char *directory;
	int state_fd, jobs_fd, trash_fd, lock_fd;
	struct sweeper *sweeper;
};

/* "DIRECTORY: WHAT: why; how to mend it". Returns r. */
int workspace_fail(struct workspace *w, int r, const char *what, struct err *e);

/* Of directories through which workers of other users pass. */
mode_t workspace_mode(void);

/* Descriptors; no links are followed. */
int workspace_open_directory(int at, const char *name);
/* Makes at/name with just this mode, whatever the umask, and opens it. */
int workspace_new_directory(int at, const char *name, mode_t mode);

/* To the submitter: only a daemon that serves others has files to give away. */
int workspace_give(int fd, uid_t uid, gid_t gid);

/*
 * at/name, in a directory of the daemon's, is no longer there, and soon nowhere. A missing one is no
 * error. From any thread.
 */
int workspace_discard(struct workspace *w, int at, const char *name);
/* Empties what a daemon before has left in trash/. */
int workspace_sweep(struct workspace *w);
int workspace_start_sweeper(struct workspace *w);
void workspace_stop_sweeper(struct workspace *w);

/* "42" */
void workspace_job_name(uint64_t id, char ret[WORKSPACE_NAME_BYTES]);

#endif
