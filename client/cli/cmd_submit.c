// SPDX-License-Identifier: MIT
#include "cli.h"
#include "submit.h"

struct options {
	bool json;
	const char *device;
	struct option_uint seed;
	struct option_list set;
	struct queueing queueing;
};

static const struct option_row rows[] = {
	{ 0, "seed", OPTION_UINT, offsetof(struct options, seed), "N", "seed of the whole job" },
	{ 0, "device", OPTION_STRING, offsetof(struct options, device), "NAME",
	  "run on that device, as `pbit devices` names it" },
	{ 0, "set", OPTION_LIST, offsetof(struct options, set), "KEY=VALUE",
	  "override a key of the spec: --set device.chains=64" },
	QUEUEING_ROWS(struct options, queueing),
	{ 'j', "json", OPTION_FLAG, offsetof(struct options, json), NULL,
	  "{\"id\": N}, of an array the first one and {\"count\": N}" },
	{ 0 },
};

static int run(const struct command *c, void *options, int argc, char **argv)
{
	_cleanup_pbit_ pbit *p = NULL;
	struct options *o = options;
	struct submission s = { .path = argv[0],
				.device = o->device,
				.seed = o->seed,
				.set = &o->set,
				.queueing = &o->queueing };
	struct submitted done;
	int status;

	(void)argc;
	status = submit_file(c, &s, &p, &done);
	return status ? status : print_submitted(c, &done, o->json, false);
}

const struct command cmd_submit = {
	.name = "submit",
	.arguments = "SPEC.json",
	.summary = "queue a job of any kind, and return at once",
	.details =
		"Relative paths in the spec start at its directory; SPEC.json '-' is stdin, whose\n"
		"paths start here.",
	.options = rows,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
