// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <math.h>
#include <string.h>

#include "cli.h"
#include "exact/run.h"
#include "follow.h"
#include "inputs.h"
#include "json.h"
#include "save.h"
#include "spec.h"
#include "specfile.h"
#include "submit.h"
#include "trap.h"

struct options {
	bool json, force, family, trap;
	const char *kernel, *objective, *grad, *dir;
	struct option_real beta, memory;
	struct option_uint cells, seed;
};

static const struct option_row rows[] = {
	{ 0, "beta", OPTION_REAL, offsetof(struct options, beta), "B",
	  "inverse temperature, P(+1) = sigma(beta I) [1]" },
	{ 0, "kernel", OPTION_STRING, offsetof(struct options, kernel), "NAME",
	  "[random-scan], random-2-block, palindrome, mixture or alternating" },
	{ 0, "objective", OPTION_STRING, offsetof(struct options, objective), "NAME",
	  "whose gradient in W: [T_O], log-T_O, tau_max or none" },
	{ 0, "grad", OPTION_STRING, offsetof(struct options, grad), "G.npy",
	  "save the gradient there" },
	{ 0, "memory", OPTION_REAL, offsetof(struct options, memory), "GIB",
	  "that it may take [4]" },
	{ 0, "family", OPTION_FLAG, offsetof(struct options, family), NULL,
	  "the family of 192 small hypernetworks: train each, decide G1b" },
	{ 0, "cells", OPTION_UINT, offsetof(struct options, cells), "N",
	  "of the family, the first N alone [192]" },
	{ 0, "trap", OPTION_FLAG, offsetof(struct options, trap), NULL,
	  "what differentiating through an eigendecomposition gives" },
	{ 0, "seed", OPTION_UINT, offsetof(struct options, seed), "N",
	  "seed of the family and of the trap [1]" },
	{ 'o', "output", OPTION_STRING, offsetof(struct options, dir), "DIR",
	  "save the results there" },
	{ 'f', "force", OPTION_FLAG, offsetof(struct options, force), NULL,
	  "overwrite files that exist" },
	{ 'j', "json", OPTION_FLAG, offsetof(struct options, json), NULL,
	  "one object: id, T_O, sum_var, tau_max, gamma, a2_residual, condition ..." },
	{ 0 },
};

/* One of three things is certified, and each has options of its own. */
static int check_options(const struct options *o, int argc, struct err *e)
{
	const struct {
		const char *name;
		bool given;
	} of_matrix[] = {
		{ "beta", o->beta.given },
		{ "kernel", o->kernel != NULL },
		{ "objective", o->objective != NULL },
		{ "grad", o->grad != NULL },
	};

	if (o->grad && o->objective && strcmp(o->objective, "none") == 0)
		return err_set(e, -EINVAL,
			       "--grad: there is no gradient of --objective none; leave out one of "
			       "them");
	if (o->family && o->trap)
		return err_set(e, -EINVAL, "--family and --trap at once; give one of them");
	if (o->cells.given && !o->family)
		return err_set(e, -EINVAL, "--cells: only the family has cells; give --family");
	if (o->trap && (o->dir || o->memory.given))
		return err_set(e, -EINVAL, "--trap is no job: leave --%s out",
			       o->dir ? "output" : "memory");
	if (!o->family && !o->trap)
		return argc ? 0 :
			      err_set(e, -EINVAL,
				      "W.npy is missing; or give --family or --trap, see `pbit "
				      "help certify`");
	if (argc)
		return err_set(e, -EINVAL, "--%s has couplings of its own; leave W.npy out",
			       o->family ? "family" : "trap");
	for (size_t i = 0; i < ARRAY_SIZE(of_matrix); i++)
		if (of_matrix[i].given)
			return err_set(e, -EINVAL, "--%s does not go with --%s", of_matrix[i].name,
				       o->family ? "family" : "trap");
	return 0;
}

static int build_spec(const struct options *o, const char *model, json_t **ret, struct err *e)
{
	_cleanup_json_ json_t *spec = json_pack("{s:s}", "kind", "certify");
	const char *objective = o->objective;
	int r;

	if (!spec)
		return err_oom(e);
	/* Who wants it saved wants one. */
	if (o->grad && !objective)
		objective = "T_O";
	r = specfile_set_text(spec, "model", model, e);
	r = r < 0 ? r : specfile_set_text(spec, "suite", o->family ? "family" : NULL, e);
	r = r < 0 ? r : specfile_set_text(spec, "kernel", o->kernel, e);
	r = r < 0 ? r : specfile_set_text(spec, "gradient", objective, e);
	r = r < 0 ? r : specfile_set_real(spec, "beta", o->beta, e);
	r = r < 0 ? r : specfile_set_real(spec, "memory", o->memory, e);
	r = r < 0 ? r : specfile_set_uint(spec, "cells", o->cells, e);
	r = r < 0 ? r : specfile_set_uint(spec, "seed", o->seed, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(spec);
	return 0;
}

static int read_couplings(const char *path, struct array *W, double **ret, struct err *e)
{
	/* O_NONBLOCK: a FIFO without a writer must not hang us; O_NOCTTY: nor a terminal adopt us. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	double *w;
	int r;

	if (fd < 0)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	r = inputs_read_even(fd, path, W, e);
	if (r < 0)
		return r;
	/* What is too large by far is not to be made larger first. */
	if (exact_model_check_shape(W->ndim, W->shape, e) < 0)
		return err_prefix(e, path);
	w = alloc_zeroed(MAX(W->count, (size_t)1), sizeof(*w));
	if (!w)
		return err_oom(e);
	for (size_t k = 0; k < W->count; k++)
		w[k] = array_get(W, k);
	*ret = w;
	return 0;
}

/* As many as a daemon with one job at a time gives it. */
static unsigned int threads(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (unsigned int)n : 1;
}

/*
 * What it will take, before it is queued; the worker asks again, by what its daemon allows. A
 * matrix that is no model, or too large, is refused here.
 */
static int foretell(const struct options *o, const struct spec_certify *s, struct err *e)
{
	_cleanup_array_ struct array W = { 0 };
	_cleanup_free_ double *w = NULL;
	/* What is not reversible is enumerated, and no more. */
	enum exact_kernel k = s->kernel == KERNEL_ALTERNATING ? EXACT_RANDOM_2_BLOCK :
								(enum exact_kernel)s->kernel;
	struct exact_estimate est;
	struct exact_model mo;
	int r = read_couplings(s->model, &W, &w, e);

	if (r < 0)
		return r;
	r = exact_model_init(&mo, w, W.ndim, W.shape, s->beta, e);
	if (r >= 0)
		r = exact_estimate(&mo, k, threads(), &est, e);
	if (r < 0)
		return err_prefix(e, s->model);
	if ((double)est.memory > s->memory * 0x1p30)
		return err_set(e, -EFBIG,
			       "%s: W is %u x %u, whose %zu even states need %.3g GiB of memory; "
			       "--memory allows %.3g",
			       s->model, mo.n, mo.m, est.states, (double)est.memory / 0x1p30,
			       s->memory);
	if (o->json)
		return 0;
	printf("%zu even states, %zu unknowns, %s: about %.2g s and %.2g MiB\n", est.states,
	       est.unknowns, est.dense ? "Cholesky" : "conjugate gradients",
	       fmax(est.seconds, 0.01), (double)est.memory / 0x1p20);
	fflush(stdout);
	return 0;
}

/* The spec's own sentences come first: they name the key. */
static int check(const struct options *o, const json_t *spec, struct err *e)
{
	_cleanup_free_ char *text = json_dumps(spec, JSON_COMPACT);
	_cleanup_(spec_freep) struct spec *parsed = NULL;
	int r;

	if (!text)
		return err_oom(e);
	r = spec_parse(text, strlen(text), &parsed, e);
	if (r >= 0 && o->grad)
		r = save_path_prepare(o->grad, "--grad", o->force, e);
	if (r >= 0 && o->dir)
		r = save_prepare(o->dir, o->force, e);
	if (r >= 0 && parsed->certify.model)
		r = foretell(o, &parsed->certify, e);
	return r;
}

static int run(const struct command *c, void *options, int argc, char **argv)
{
	_cleanup_json_ json_t *spec = NULL;
	_cleanup_pbit_ pbit *p = NULL;
	struct options *o = options;
	struct finish finish = {
		.dir = o->dir, .grad = o->grad, .force = o->force, .json = o->json
	};
	struct err e = { 0 };
	struct submitted done;
	int status;

	if (check_options(o, argc, &e) < 0)
		return fail(c, STATUS_USAGE, "%s", e.text);
	if (o->trap)
		return trap_command(c, o->seed.given ? o->seed.value : 1, o->json);
	if (build_spec(o, argc ? argv[0] : NULL, &spec, &e) < 0 || check(o, spec, &e) < 0)
		return fail(c, STATUS_USAGE, "%s", e.text);
	status = submit_spec(c, spec, NULL, NULL, &(struct queueing){ 0 }, &p, &done);
	if (!status)
		status = follow_job(c, &p, done.first, o->json ? FOLLOW_SILENT : FOLLOW_PROGRESS);
	return status ? status : finish_job(c, p, done.first, &finish);
}

const struct command cmd_certify = {
	.name = "certify",
	.arguments = "[W.npy]",
	.summary = "the exact gate: T_O, tau_int and their gradients, by enumeration",
	.details =
		"W.npy holds the couplings (visible, hidden) of a bias-free RBM, E(v, h) = -v'Wh, in\n"
		"units of J. All values are per step of the kernel; a sweep is N of random-scan's.\n"
		"--grad saves d(objective)/dW, exact, by one solve and no eigendecomposition. It runs\n"
		"as a job; Ctrl-C ends the watching, `pbit cancel` the job. --trap is no job.",
	.options = rows,
	.options_size = sizeof(struct options),
	.max_args = 1,
	.run = run,
};
