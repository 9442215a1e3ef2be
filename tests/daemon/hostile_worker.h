/* SPDX-License-Identifier: MIT */
/* What a hostile worker tries once, and whom and what it tries it on. */
#ifndef PBIT_TESTS_DAEMON_HOSTILE_WORKER_H
#define PBIT_TESTS_DAEMON_HOSTILE_WORKER_H

#include <jansson.h>
#include <sys/types.h>

#include "util.h"

struct hostile {
	bool free;	    /* contained by nothing */
	pid_t mate, victim; /* processes of the same user and of another */
	const char *file, *directory, *socket;
};

extern struct hostile hostile;

int try_fork(void); /* 0, or a negative errno */

/* {NAME: {"got", "free", "contained", "landlock"}}: what came of it, and what is to come of it. */
json_t *probe(void);

#endif
