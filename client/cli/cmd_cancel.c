// SPDX-License-Identifier: MIT
#include "each_job.h"

struct options {
	bool json;
};

static const struct option_row rows[] = {
	{ 'j', "json", OPTION_FLAG, offsetof(struct options, json), NULL,
	  "an array of the cancelled jobs: id, state" },
	{ 0 },
};

static int run(const struct command *c, void *options, int argc, char **argv)
{
	static const struct each_job verb = { pbit_cancel, "cancelled", false, "state",
					      "cancelled" };
	struct options *o = options;

	return each_job(c, &verb, o->json, argc, argv);
}

const struct command cmd_cancel = {
	.name = "cancel",
	.arguments = "ID...",
	.summary = "cancel jobs that wait or run",
	.details = "ID is a job's number or a range, 12-111: of these, your jobs that wait or run.",
	.options = rows,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
