/* SPDX-License-Identifier: MIT */
/* Following a job to its end: progress, Ctrl-C, daemons that restart; then its results. */
#ifndef PBIT_CLI_FOLLOW_H
#define PBIT_CLI_FOLLOW_H

#include "cli.h"

enum follow_style {
	FOLLOW_PROGRESS, /* for people, on stdout */
	FOLLOW_JSON,	 /* each change as one line of JSON on stdout */
	FOLLOW_SILENT,
};

/*
 * Watches until the job has ended. Ctrl-C ends this program with status 0 and says that the job
 * goes on. When the connection breaks, *p is opened anew at the same socket, for up to 30 s. A job
 * that failed or was cancelled is told on stderr. Returns the exit status.
 */
int follow_job(const struct command *c, pbit **p, uint64_t id, enum follow_style style);

/*
 * The same, but nothing is printed by it, not even how the job ended: fn is called at each change,
 * once more when the job has ended, and ends the watch when it returns another exit status than 0.
 */
int follow_changes(const struct command *c, pbit **p, uint64_t id,
		   int (*fn)(const json_t *job, void *userdata), void *userdata);

/* What to do with the results of a job that is done. */
struct finish {
	const char *dir;  /* save them there; NULL: do not */
	const char *grad; /* save the result file grad.npy there; NULL: do not */
	/* With dir: a picture of the report, drawn here and saved beside it under that name. */
	const char *picture;
	int (*draw)(const json_t *report, FILE *f); /* -ENOMEM, or 0 */
	bool force;				    /* over existing files */
	bool json; /* print report.json with the key id added, compact when stream */
	bool stream;
};

int finish_job(const struct command *c, pbit *p, uint64_t id, const struct finish *how);

#endif
