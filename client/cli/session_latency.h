/* SPDX-License-Identifier: MIT */
/* What a call of an interactive session takes beside its compute, seen from the client. */
#ifndef PBIT_CLI_SESSION_LATENCY_H
#define PBIT_CLI_SESSION_LATENCY_H

#include "cli.h"

struct session_latency {
	const char *device; /* NULL: any */
	double seconds;	    /* of calls, for each network */
	uint64_t chains;
	bool json;
};

/* Measures and prints. An exit status. */
int session_latency_run(const struct command *c, const struct session_latency *o);

#endif
