/* SPDX-License-Identifier: MIT */
/* A job from its submission to its results, in one command. */
#ifndef PBIT_CLI_RUN_JOB_H
#define PBIT_CLI_RUN_JOB_H

#include "follow.h"
#include "queueing.h"

/* With --hold or --array it returns when the job is queued. Returns the exit status. */
int run_job(const struct command *c, const json_t *spec, const struct queueing *q,
	    const struct finish *finish);

#endif
