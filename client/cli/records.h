/* SPDX-License-Identifier: MIT */
/* The lines of a file that grows while its job runs, and may be replaced by a shorter one. */
#ifndef PBIT_CLI_RECORDS_H
#define PBIT_CLI_RECORDS_H

#include "cli.h"

struct records {
	const struct command *c;
	uint64_t id;
	int (*open)(pbit *p, uint64_t id, int *ret_fd); /* pbit_log, pbit_metrics */
	/* A line without its end, terminated; returns an exit status. */
	int (*line)(const char *line, void *userdata);
	void *userdata;
};

/*
 * Calls line() for all lines that there are, and with follow for those that come until the job has
 * ended. A last line without an end is one when no more can come. Returns an exit status.
 */
int records_read(const struct records *r, pbit **p, bool follow);

#endif
