/* SPDX-License-Identifier: MIT */
/* What the files of the pbit command share: commands, exit statuses, the session. */
#ifndef PBIT_CLI_CLI_H
#define PBIT_CLI_CLI_H

#include <jansson.h>

#include <pbit/pbit.h>

#include "err.h"
#include "options.h"

/* Exit statuses: part of the contract. */
enum {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,	 /* the job failed, or the daemon refused */
	STATUS_USAGE = 2,	 /* usage or bad input */
	STATUS_UNREACHABLE = 75, /* EX_TEMPFAIL: the daemon cannot be reached */
};

/* One verb. Its options go into a zeroed block of options_size bytes. */
struct command {
	const char *name;
	const char *arguments; /* as help shows them: "SPEC.json" */
	const char *summary;   /* one line */
	const char *details;   /* paragraphs for `pbit help COMMAND`, may be "" */
	const struct option_row *options;
	size_t options_size;
	int min_args, max_args; /* max_args < 0: any number */
	bool passes_on;		/* what follows the first argument is not its own */
	int (*run)(const struct command *c, void *options, int argc, char **argv);
};

extern const struct command cmd_bench, cmd_cancel, cmd_certify, cmd_devices, cmd_fetch, cmd_hold,
	cmd_remove, cmd_log, cmd_measure, cmd_metrics, cmd_private, cmd_queue, cmd_release,
	cmd_report, cmd_reserve, cmd_sample, cmd_show, cmd_submit, cmd_top, cmd_train, cmd_usage,
	cmd_watch;

/* "pbit COMMAND: SENTENCE" as one line on stderr; returns status. */
int fail(const struct command *c, int status, const char *fmt, ...) _printf_(3, 4);

/* Connects, starting the user's own daemon when none answers. Returns an exit status. */
int session_open(const struct command *c, pbit **ret);
/* The same for a command on the job whose number that is. What is no number is refused first. */
int session_open_job(const struct command *c, const char *text, pbit **ret, uint64_t *ret_id);
static inline void session_closep(pbit **p)
{
	*p = pbit_close(*p);
}
#define _cleanup_pbit_ _cleanup_(session_closep)

/* Prints what went wrong in a call to the daemon that gave r < 0; returns the exit status. */
int session_failed(const struct command *c, pbit *p, int r);

/*
 * One JSON value on stdout, and a newline; compact (one line) or indented. Non-ASCII characters
 * are escaped, so that no name of a stranger moves the cursor. Returns an exit status.
 */
int print_json(const struct command *c, const json_t *j, bool compact);
/* Parses what the daemon sent. 0, or an exit status after a sentence. */
int parse_json(const struct command *c, const char *text, json_t **ret);

#endif
