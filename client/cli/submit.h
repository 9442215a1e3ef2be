/* SPDX-License-Identifier: MIT */
/* Handing in a job, for all commands that do. */
#ifndef PBIT_CLI_SUBMIT_H
#define PBIT_CLI_SUBMIT_H

#include "cli.h"
#include "queueing.h"

/* Hands in the spec file, with overrides. kind: the spec must be of that one; NULL: any. */
struct submission {
	const char *path, *kind, *device;
	struct option_uint seed;
	const struct option_list *set;
	const struct queueing *queueing;
};

/* What was queued: one job, or the jobs first .. first + count - 1 of an array. */
struct submitted {
	uint64_t first;
	size_t count; /* 0: no array */
};

/* Returns an exit status; p is connected before anything is sent, and stays with the caller. */
int submit_file(const struct command *c, const struct submission *s, pbit **ret_p,
		struct submitted *ret);
/* The same for a spec as an object. where: its file's name, for messages; NULL: none. */
int submit_spec(const struct command *c, const json_t *spec, const char *where, const char *dir,
		const struct queueing *q, pbit **ret_p, struct submitted *ret);
/* "job 7 queued" or {"id": 7}; of an array "jobs 7-16 queued" or {"id": 7, "count": 10}. */
int print_submitted(const struct command *c, const struct submitted *s, bool json, bool stream);

#endif
