/* SPDX-License-Identifier: MIT */
/*
 * Small jobs of pbit-worker, and the results that an undisturbed run of each has, for tests in which
 * something happens to them.
 */
#ifndef PBIT_TESTS_DAEMON_REAL_JOBS_H
#define PBIT_TESTS_DAEMON_REAL_JOBS_H

#include "harness.h"

#define REAL_JOBS 6 /* the even ones sample, the odd ones train; the later ones take longer */

void real_jobs_begin(void);
void real_jobs_end(void);

/* Returns sd_bus_call()'s result; error is the caller's. */
int real_jobs_submit(sd_bus *bus, unsigned int number, const char *name, uint64_t *ret_id,
		     sd_bus_error *error);

/*
 * Each of them once, by a daemon with --jobs 2 of its own that leaves afterwards: their ids are 1 to
 * REAL_JOBS. Reports have the number of threads, which follows from the jobs at once.
 */
void real_jobs_run_undisturbed(struct harness *h);

/* The results of the job are those of the undisturbed run, to the bit. */
void real_jobs_check(sd_bus *bus, uint64_t id, unsigned int number);

#endif
