/* SPDX-License-Identifier: MIT */
/* Doing one thing to each of several jobs, for all commands that do. */
#ifndef PBIT_CLI_EACH_JOB_H
#define PBIT_CLI_EACH_JOB_H

#include "cli.h"

struct each_job {
	int (*call)(pbit *p, uint64_t id);
	const char *done; /* "cancelled": printed */
	bool ended;	  /* ranges are of jobs that have ended, not of those that wait or run */
	const char *key, *value; /* of the JSON object of each job, beside id; value NULL: true */
};

/*
 * argv: numbers and ranges. All are read before one is acted on. Of a range, the jobs that wait or
 * run, or have ended, and are the caller's are meant; a single number must be such a job. Returns an exit status,
 * that of the first failure.
 */
int each_job(const struct command *c, const struct each_job *verb, bool json, int argc,
	     char **argv);

#endif
