// SPDX-License-Identifier: MIT
#include "cli.h"
#include "follow.h"
#include "save.h"
#include "submit.h"

struct options {
	bool json, watch, force;
	const char *dir, *device;
	struct option_uint seed;
	struct option_list set;
	struct queueing queueing;
};

static const struct option_row rows[] = {
	{ 'w', "watch", OPTION_FLAG, offsetof(struct options, watch), NULL,
	  "follow the job to its end, then print what it found" },
	{ 'o', "output", OPTION_STRING, offsetof(struct options, dir), "DIR",
	  "with --watch: save the results there" },
	{ 'f', "force", OPTION_FLAG, offsetof(struct options, force), NULL,
	  "overwrite result files that exist" },
	{ 0, "seed", OPTION_UINT, offsetof(struct options, seed), "N", "seed of the whole job" },
	{ 0, "device", OPTION_STRING, offsetof(struct options, device), "NAME",
	  "run on that device, as `pbit devices` names it" },
	{ 0, "set", OPTION_LIST, offsetof(struct options, set), "KEY=VALUE",
	  "override a key of the spec: --set optimizer.epochs=3" },
	QUEUEING_ROWS(struct options, queueing),
	{ 'j', "json", OPTION_FLAG, offsetof(struct options, json), NULL,
	  "{\"id\": N}; with --watch one object a line, the report last" },
	{ 0 },
};

static int run(const struct command *c, void *options, int argc, char **argv)
{
	_cleanup_pbit_ pbit *p = NULL;
	struct options *o = options;
	struct submission s = { .path = argv[0],
				.kind = "train",
				.device = o->device,
				.seed = o->seed,
				.set = &o->set,
				.queueing = &o->queueing };
	struct finish finish = {
		.dir = o->dir, .force = o->force, .json = o->json, .stream = true
	};
	struct err e = { 0 };
	struct submitted done;
	int status;

	(void)argc;
	if ((o->dir || o->force) && !o->watch)
		return fail(c, STATUS_USAGE, "--%s needs --watch; later, `pbit fetch ID` saves",
			    o->dir ? "output" : "force");
	if (o->watch && o->queueing.array)
		return fail(c, STATUS_USAGE,
			    "--watch follows one job, and --array makes many; later, `pbit watch "
			    "ID` follows one of them");
	if (o->dir && save_prepare(o->dir, o->force, &e) < 0)
		return fail(c, STATUS_USAGE, "%s", e.text);
	status = submit_file(c, &s, &p, &done);
	if (!status)
		status = print_submitted(c, &done, o->json, o->watch);
	if (status || !o->watch)
		return status;
	status = follow_job(c, &p, done.first, o->json ? FOLLOW_JSON : FOLLOW_PROGRESS);
	return status ? status : finish_job(c, p, done.first, &finish);
}

const struct command cmd_train = {
	.name = "train",
	.arguments = "SPEC.json",
	.summary = "train a hypernetwork as a spec says, see pbit-spec(5)",
	.details =
		"Relative paths in the spec start at its directory; SPEC.json '-' is stdin, whose\n"
		"paths start here. Ctrl-C ends the watching; the job goes on.",
	.options = rows,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
