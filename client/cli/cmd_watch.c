// SPDX-License-Identifier: MIT
#include "cli.h"
#include "follow.h"

struct options {
	bool json;
};

static const struct option_row rows[] = {
	{ 'j', "json", OPTION_FLAG, offsetof(struct options, json), NULL,
	  "one object a line: each change of the job, then its report" },
	{ 0 },
};

static int run(const struct command *c, void *options, int argc, char **argv)
{
	_cleanup_pbit_ pbit *p = NULL;
	struct options *o = options;
	struct finish finish = { .json = o->json, .stream = true };
	uint64_t id;
	int status;

	(void)argc;
	status = session_open_job(c, argv[0], &p, &id);
	if (!status)
		status = follow_job(c, &p, id, o->json ? FOLLOW_JSON : FOLLOW_PROGRESS);
	return status ? status : finish_job(c, p, id, &finish);
}

const struct command cmd_watch = {
	.name = "watch",
	.arguments = "ID",
	.summary = "follow a job to its end, then print what it found",
	.details = "Ctrl-C ends the watching; the job goes on.",
	.options = rows,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
