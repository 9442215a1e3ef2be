/* SPDX-License-Identifier: MIT */
/* The worker as a process: one job directory, one line to the daemon, one exit status. */
#ifndef PBIT_WORKER_WORKER_H
#define PBIT_WORKER_WORKER_H

/*
 * Runs the job in directory dirfd and talks to the daemon on control_fd (see protocol.h). device_fd
 * is a context of the device that job.json names, unless that is embedded; it is taken over.
 * Returns the exit status of the process: 0, 1, WORKER_EXIT_STOPPED or WORKER_EXIT_LOST. Catches
 * SIGTERM.
 */
int worker_run(int dirfd, int control_fd, int device_fd);

#endif
