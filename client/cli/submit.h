/* SPDX-License-Identifier: MIT */
/* Handing in a job, for all commands that do. */
#ifndef PBIT_CLI_SUBMIT_H
#define PBIT_CLI_SUBMIT_H

#include "cli.h"

/* Hands in the spec file, with overrides. kind: the spec must be of that one; NULL: any. */
struct submission {
	const char *path, *kind, *device;
	struct option_uint seed;
	const struct option_list *set;
};

/* Returns an exit status; p is connected before anything is sent, and stays with the caller. */
int submit_file(const struct command *c, const struct submission *s, pbit **ret_p,
		uint64_t *ret_id);
/* The same for a spec as an object. where: its file's name, for messages; NULL: none. */
int submit_spec(const struct command *c, const json_t *spec, const char *where, const char *dir,
		pbit **ret_p, uint64_t *ret_id);
/* "job 7 queued" or {"id": 7}. */
int print_submitted(const struct command *c, uint64_t id, bool json, bool stream);

#endif
