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
	struct option_uint window;
	struct option_real ratio;
	struct queueing queueing;
};

static const struct option_row rows[] = {
	{ 0, "code", OPTION_UINT, offsetof(struct options, chains.code), "K",
	  "one class of a trained model [all of them]" },
	{ 0, "chains", OPTION_UINT, offsetof(struct options, chains.chains), "C",
	  "parallel chains [256]" },
	{ 0, "sweeps", OPTION_UINT, offsetof(struct options, chains.sweeps), "S",
	  "recorded sweeps [4096]" },
	{ 0, "burn", OPTION_UINT, offsetof(struct options, chains.burn), "N",
	  "sweeps before the first recorded one [1000]" },
	{ 0, "window", OPTION_UINT, offsetof(struct options, window), "K",
	  "averaging window that A6 is asked of, sweeps [those recorded]" },
	{ 0, "ratio", OPTION_REAL, offsetof(struct options, ratio), "X",
	  "A6 holds from this K / tau_int on [10]" },
	CHAINS_ROWS(struct options, chains, "palindrome or [random-direction]: reversible ones"),
	{ 'o', "output", OPTION_STRING, offsetof(struct options, dir), "DIR",
	  "save the results there" },
	{ 'f', "force", OPTION_FLAG, offsetof(struct options, force), NULL,
	  "overwrite result files that exist" },
	QUEUEING_ROWS(struct options, queueing),
	{ 'j', "json", OPTION_FLAG, offsetof(struct options, json), NULL,
	  "one object: id, mixing, codes, flips, seconds, device_joules ..." },
	{ 0 },
};

static json_t *build_spec(const struct options *o, const char *model, struct err *e)
{
	_cleanup_json_ json_t *spec = chains_spec("measure", model, &o->chains, e);

	if (!spec)
		return NULL;
	if (specfile_set_uint(spec, "window", o->window, e) < 0 ||
	    specfile_set_real(spec, "ratio", o->ratio, e) < 0)
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

const struct command cmd_measure = {
	.name = "measure",
	.arguments = "MODEL",
	.summary = "measure how a model's chains mix, at any size",
	.details =
		"MODEL is an array W (visible, hidden) of couplings, or a .safetensors file. tau_int of\n"
		"the slowest v_i h_j, T_O with a lower bound, a bound of the gap, and A6; each with its\n"
		"error, or \"not resolved\". With --hold or --array the command returns at once.",
	.options = rows,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
