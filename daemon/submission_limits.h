/* SPDX-License-Identifier: MIT */
/* May these jobs be taken in? Asked before anything of them is copied. */
#ifndef PBIT_DAEMON_SUBMISSION_LIMITS_H
#define PBIT_DAEMON_SUBMISSION_LIMITS_H

#include "daemon.h"

/* What is asked for. */
struct demand {
	unsigned int jobs;
	uint64_t bytes; /* of their inputs */
};

/*
 * own: of the user, with what is being copied for him; jobs: of all users, likewise. -EDQUOT with a
 * sentence that names the limit and how to mend it.
 */
int submission_limits_check(const struct daemon *d, uid_t uid, const struct demand *own,
			    unsigned int jobs, struct err *e);

#endif
