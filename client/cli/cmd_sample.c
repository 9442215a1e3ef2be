// SPDX-License-Identifier: MIT
#include "cli.h"
#include "json.h"
#include "run_job.h"
#include "specfile.h"

struct options {
	bool json, force;
	const char *dir, *scan, *device;
	struct option_uint seed, code, chains, sweeps, burn, every, bits;
	struct option_real beta, scale;
	struct queueing queueing;
};

static const struct option_row rows[] = {
	{ 0, "code", OPTION_UINT, offsetof(struct options, code), "K",
	  "class whose couplings a trained model gives [0]" },
	{ 0, "chains", OPTION_UINT, offsetof(struct options, chains), "C", "parallel chains [64]" },
	{ 0, "sweeps", OPTION_UINT, offsetof(struct options, sweeps), "S", "sweeps in all [1000]" },
	{ 0, "burn", OPTION_UINT, offsetof(struct options, burn), "N",
	  "sweeps before the first recorded one [100]" },
	{ 0, "every", OPTION_UINT, offsetof(struct options, every), "N",
	  "sweeps between recorded ones [1]" },
	{ 0, "beta", OPTION_REAL, offsetof(struct options, beta), "B",
	  "inverse temperature, P(+1) = sigma(beta I) [1]" },
	{ 0, "scan", OPTION_STRING, offsetof(struct options, scan), "NAME",
	  "alternating, palindrome or [random-direction]" },
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
	  "one object: id, flips, seconds, device_joules, best_energy ..." },
	{ 0 },
};

static json_t *build_spec(const struct options *o, const char *model, struct err *e)
{
	_cleanup_json_ json_t *spec = NULL, *scan = NULL;
	int r = 0;

	spec = json_pack("{s:s, s:s}", "kind", "sample", "model", model);
	if (!spec) {
		err_set(e, -EINVAL, "the path of the model is not UTF-8");
		return NULL;
	}
	if (o->scan) {
		scan = json_pack("{s:s}", "scan", o->scan);
		if (!scan || json_object_set(spec, "device", scan) < 0) {
			err_set(e, -EINVAL, "--scan: the name is not UTF-8");
			return NULL;
		}
	}
	r = r < 0 ? r : specfile_set_text(spec, "device.name", o->device, e);
	r = r < 0 ? r : specfile_set_uint(spec, "seed", o->seed, e);
	r = r < 0 ? r : specfile_set_uint(spec, "code", o->code, e);
	r = r < 0 ? r : specfile_set_uint(spec, "burn", o->burn, e);
	r = r < 0 ? r : specfile_set_uint(spec, "every", o->every, e);
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
