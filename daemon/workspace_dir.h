/* SPDX-License-Identifier: MIT */
/* What the parts of the workspace share: workspace.c, workspace_stage.c. */
#ifndef PBIT_DAEMON_WORKSPACE_DIR_H
#define PBIT_DAEMON_WORKSPACE_DIR_H

#include "workspace.h"

#define WORKSPACE_NAME_BYTES 32

struct workspace {
	char *directory;
	int state_fd, jobs_fd, lock_fd;
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

/* "42" */
void workspace_job_name(uint64_t id, char ret[WORKSPACE_NAME_BYTES]);

#endif
