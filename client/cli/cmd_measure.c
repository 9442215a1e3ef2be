// SPDX-License-Identifier: MIT
#include "cli.h"
#include "json.h"
#include "run_job.h"
#include "specfile.h"

struct options {
	bool json, force;
	const char *dir, *scan, *device;
	struct option_uint seed, code, chains, sweeps, burn, window, bits;
	struct option_real beta, scale, ratio;
	struct queueing queueing;
};

static const struct option_row rows[] = {
	{ 0, "code", OPTION_UINT, offsetof(struct options, code), "K",
	  "one class of a trained model [all of them]" },
	{ 0, "chains", OPTION_UINT, offsetof(struct options, chains), "C",
	  "parallel chains [256]" },
	{ 0, "sweeps", OPTION_UINT, offsetof(struct options, sweeps), "S",
	  "recorded sweeps [4096]" },
	{ 0, "burn", OPTION_UINT, offsetof(struct options, burn), "N",
	  "sweeps before the first recorded one [1000]" },
	{ 0, "window", OPTION_UINT, offsetof(struct options, window), "K",
	  "averaging window that A6 is asked of, sweeps [those recorded]" },
	{ 0, "ratio", OPTION_REAL, offsetof(struct options, ratio), "X",
	  "A6 holds from this K / tau_int on [10]" },
	{ 0, "beta", OPTION_REAL, offsetof(struct options, beta), "B",
	  "inverse temperature, P(+1) = sigma(beta I) [1]" },
	{ 0, "scan", OPTION_STRING, offsetof(struct options, scan), "NAME",
	  "palindrome or [random-direction]: reversible ones" },
	{ 0, "bits", OPTION_UINT, offsetof(struct options, bits), "N",
	  "coupling bits of the device, [8] or 16" },
	{ 0, "scale", OPTION_REAL, offsetof(struct options, scale), "X",
	  "J = scale * integer; 0: chosen [0]" },
	{ 0, "device", OPTION_STRING, offsetof(struct options, device), "NAME",
	  "run on that device, as `pbit devices` names it" },
	{ 0, "seed", OPTION_UINT, offsetof(struct options, seed), "N", "seed [1]" },
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
	_cleanup_json_ json_t *spec = json_pack("{s:s, s:s}", "kind", "measure", "model", model);
	int r = 0;

	if (!spec) {
		err_set(e, -EINVAL, "the path of the model is not UTF-8");
		return NULL;
	}
	r = specfile_set_text(spec, "device.scan", o->scan, e);
	r = r < 0 ? r : specfile_set_text(spec, "device.name", o->device, e);
	r = r < 0 ? r : specfile_set_uint(spec, "seed", o->seed, e);
	r = r < 0 ? r : specfile_set_uint(spec, "code", o->code, e);
	r = r < 0 ? r : specfile_set_uint(spec, "burn", o->burn, e);
	r = r < 0 ? r : specfile_set_uint(spec, "window", o->window, e);
	r = r < 0 ? r : specfile_set_real(spec, "ratio", o->ratio, e);
	r = r < 0 ? r : specfile_set_uint(spec, "device.chains", o->chains, e);
	r = r < 0 ? r : specfile_set_uint(spec, "device.sweeps", o->sweeps, e);
	r = r < 0 ? r : specfile_set_uint(spec, "device.bits", o->bits, e);
	r = r < 0 ? r : specfile_set_real(spec, "device.beta", o->beta, e);
	r = r < 0 ? r : specfile_set_real(spec, "device.scale", o->scale, e);
	return r < 0 ? NULL : TAKE_PTR(spec);
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
