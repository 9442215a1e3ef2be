// SPDX-License-Identifier: MIT
#include "each_job.h"

struct options {
	bool json;
};

static const struct option_row rows[] = {
	{ 'j', "json", OPTION_FLAG, offsetof(struct options, json), NULL,
	  "an array of the held jobs: id, held" },
	{ 0 },
};

static int run(const struct command *c, void *options, int argc, char **argv)
{
	static const struct each_job verb = { pbit_hold, "held", false, "held", NULL };
	struct options *o = options;

	return each_job(c, &verb, o->json, argc, argv);
}

const struct command cmd_hold = {
	.name = "hold",
	.arguments = "ID...",
	.summary = "keep jobs from being started, until they are released",
	.details =
		"ID is a job's number or a range, 12-111. A job that runs is stopped at its next\n"
		"checkpoint, and goes on from there when it is released, with the same results.",
	.options = rows,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
