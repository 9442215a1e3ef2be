/* SPDX-License-Identifier: MIT */
/* The worker as a process: one job directory, one line to the daemon, one exit status. */
#ifndef PBIT_WORKER_WORKER_H
#define PBIT_WORKER_WORKER_H

/*
 * Runs the job in directory dirfd and talks to the daemon on control_fd (see protocol.h). Returns
 * the exit status of the process: 0, 1, or WORKER_EXIT_STOPPED. Catches SIGTERM.
 */
int worker_run(int dirfd, int control_fd);

#endif
