/* SPDX-License-Identifier: MIT */
/* The worker as a process: one job directory, one line to the daemon, one exit status. */
#ifndef PBIT_WORKER_WORKER_H
#define PBIT_WORKER_WORKER_H

/* Descriptors that the daemon hands over, or -1; see protocol.h. */
struct worker_fds {
	int control;
	int device;  /* a context of the device that job.json names; it is taken over */
	int session; /* of a session: its client's socket */
	int memory;  /* ... and the memfd that it shares with it */
};

/*
 * Runs the job in directory dirfd. Returns the exit status of the process: 0, 1,
 * WORKER_EXIT_STOPPED or WORKER_EXIT_LOST. Catches SIGTERM.
 */
int worker_run(int dirfd, const struct worker_fds *fds);

#endif
