// SPDX-License-Identifier: MIT
#include "chains.h"
#include "cli.h"
#include "json.h"
#include "run_job.h"
#include "specfile.h"

struct options {
	bool json, force;
	const char *dir;
	struct chains chains;
	struct option_uint every;
	struct queueing queueing;
};

static const struct option_row rows[] = {
	{ 0, "code", OPTION_UINT, offsetof(struct options, chains.code), "K",
	  "class whose couplings a trained model gives [0]" },
	{ 0, "chains", OPTION_UINT, offsetof(struct options, chains.chains), "C",
	  "parallel chains [64]" },
	{ 0, "sweeps", OPTION_UINT, offsetof(struct options, chains.sweeps), "S",
	  "sweeps in all [1000]" },
	{ 0, "burn", OPTION_UINT, offsetof(struct options, chains.burn), "N",
	  "sweeps before the first recorded one [100]" },
	{ 0, "every", OPTION_UINT, offsetof(struct options, every), "N",
	  "sweeps between recorded ones [1]" },
	CHAINS_ROWS(struct options, chains, "alternating, palindrome or [random-direction]"),
	{ 'o', "output", OPTION_STRING, offsetof(struct options, dir), "DIR",
	  "save the results there" },
	{ 'f', "force", OPTION_FLAG, offsetof(struct options, force), NULL,
	  "overwrite result files that exist" },
	QUEUEING_ROWS(struct options, queueing),
	{ 'j', "json", OPTION_FLAG, offsetof(struct options, json), NULL,
	  "one object: id, flips, seconds, device_joules, best_energy ..." },
	{ 0 },
};

static json_t *build_spec(const struct options *o, const char *model, struct err *e)
{
	_cleanup_json_ json_t *spec = chains_spec("sample", model, &o->chains, e);

	if (!spec)
		return NULL;
	if (specfile_set_uint(spec, "every", o->every, e) < 0)
		return NULL;
	return TAKE_PTR(spec);
}

static int run(const struct command *c, void *options, _unused_ int argc, char **argv)
{
	struct options *o = options;
	struct finish finish = { .dir = o->dir, .force = o->force, .json = o->json };
	_cleanup_json_ json_t *spec = NULL;
	struct err e = { 0 };

	spec = build_spec(o, argv[0], &e);
	if (!spec)
		return fail(c, STATUS_USAGE, "%s", e.text);
	return run_job(c, spec, &o->queueing, &finish);
}

const struct command cmd_sample = {
	.name = "sample",
	.arguments = "MODEL",
	.summary = "sample from couplings: W.npy, or what a train job wrote",
	.details =
		"MODEL is an array W (visible, hidden) of couplings, or a .safetensors file. Energies\n"
		"are E(v, h) = -v'Wh in units of J. With --hold or --array the command returns at\n"
		"once.",
	.options = rows,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
