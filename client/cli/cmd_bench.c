// SPDX-License-Identifier: MIT
#include "bench_rows.h"
#include "cli.h"
#include "follow.h"
#include "json.h"
#include "save.h"
#include "session_latency.h"
#include "specfile.h"
#include "submit.h"

struct options {
	bool json, session, force;
	const char *device, *dir, *model;
	struct option_real seconds;
	struct option_uint chains, threads, code, training;
};

static const struct option_row rows[] = {
	{ 0, "seconds", OPTION_REAL, offsetof(struct options, seconds), "S",
	  "measured time of each row [1]" },
	{ 0, "chains", OPTION_UINT, offsetof(struct options, chains), "C",
	  "parallel chains [256]" },
	{ 0, "threads", OPTION_UINT, offsetof(struct options, threads), "N",
	  "rows for 1 thread and for N [2]" },
	{ 0, "model", OPTION_STRING, offsetof(struct options, model), "MODEL",
	  "trained network, as of `pbit sample` [one is learnt]" },
	{ 0, "code", OPTION_UINT, offsetof(struct options, code), "K", "its class [0]" },
	{ 0, "training", OPTION_UINT, offsetof(struct options, training), "N",
	  "steps in which one is learnt; 0: none [300]" },
	{ 0, "device", OPTION_STRING, offsetof(struct options, device), "NAME",
	  "run on that device, as `pbit devices` names it" },
	{ 0, "session", OPTION_FLAG, offsetof(struct options, session), NULL,
	  "instead: what a call of a session takes beside its compute" },
	{ 'o', "output", OPTION_STRING, offsetof(struct options, dir), "DIR",
	  "save report.json and a picture of it, bench.svg, there" },
	{ 'f', "force", OPTION_FLAG, offsetof(struct options, force), NULL,
	  "overwrite result files that exist" },
	{ 'j', "json", OPTION_FLAG, offsetof(struct options, json), NULL,
	  "one object: cpu, rows (network, backend, threads, flips_per_ns ...)" },
	{ 0 },
};

/* The bounds are pbit-spec(5)'s for benches and sessions, which the daemon says itself. */
static int run_session(const struct command *c, const struct options *o)
{
	const struct session_latency latency = {
		.device = o->device,
		.seconds = o->seconds.given ? o->seconds.value : 1,
		.chains = o->chains.given ? o->chains.value : 256,
		.json = o->json,
	};

	if (o->threads.given)
		return fail(c, STATUS_USAGE,
			    "--session and --threads: a session has the threads that pbitd gives "
			    "its jobs; leave out one of them");
	if (o->model || o->code.given || o->training.given)
		return fail(c, STATUS_USAGE,
			    "--session and --%s: calls have couplings of their own; leave out one "
			    "of them",
			    o->model	  ? "model" :
			    o->code.given ? "code" :
					    "training");
	if (o->dir || o->force)
		return fail(
			c, STATUS_USAGE,
			"--session and --%s: calls leave no result files; leave out one of them",
			o->dir ? "output" : "force");
	if (!(latency.seconds >= 0 && latency.seconds <= 3600))
		return fail(c, STATUS_USAGE, "--seconds: choose from 0 to 3600");
	return session_latency_run(c, &latency);
}

static int run(const struct command *c, void *options, int argc, char **argv)
{
	_cleanup_json_ json_t *spec = NULL;
	_cleanup_pbit_ pbit *p = NULL;
	struct options *o = options;
	struct finish finish = { .dir = o->dir,
				 .force = o->force,
				 .json = o->json,
				 .picture = "bench.svg",
				 .draw = bench_picture_write };
	struct submitted done;
	struct err e = { 0 };
	int status;

	(void)argc, (void)argv;
	if (o->session)
		return run_session(c, o);
	spec = json_pack("{s:s}", "kind", "bench");
	if (!spec)
		return fail(c, STATUS_FAILED, "out of memory");
	if (specfile_set_text(spec, "device.name", o->device, &e) < 0 ||
	    specfile_set_text(spec, "model", o->model, &e) < 0 ||
	    specfile_set_uint(spec, "code", o->code, &e) < 0 ||
	    specfile_set_uint(spec, "training", o->training, &e) < 0 ||
	    specfile_set_real(spec, "seconds", o->seconds, &e) < 0 ||
	    specfile_set_uint(spec, "chains", o->chains, &e) < 0 ||
	    specfile_set_uint(spec, "threads", o->threads, &e) < 0)
		return fail(c, STATUS_USAGE, "%s", e.text);
	if (o->dir && save_prepare(o->dir, o->force, &e) < 0)
		return fail(c, STATUS_USAGE, "%s", e.text);
	status = submit_spec(c, spec, NULL, NULL, &(struct queueing){ 0 }, &p, &done);
	if (!status)
		status = follow_job(c, &p, done.first, o->json ? FOLLOW_SILENT : FOLLOW_PROGRESS);
	return status ? status : finish_job(c, p, done.first, &finish);
}

const struct command cmd_bench = {
	.name = "bench",
	.arguments = "",
	.summary = "measure flips/ns by network and backend",
	.details =
		"A flip is the update of one p-bit, accepted or not. Each network is run as well on a\n"
		"route written with OpenBLAS sgemm, and the ratio to it is given.\n"
		"With --session, sessions are opened and called again and again: it is told how long\n"
		"a call takes, how much of that the worker computes, and what is left.",
	.options = rows,
	.options_size = sizeof(struct options),
	.run = run,
};
