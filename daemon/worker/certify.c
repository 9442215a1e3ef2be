/* SPDX-License-Identifier: MIT */
/*
 * The job kind "certify": the exact gate on one matrix W, or on the family. It has no state worth a
 * checkpoint where it is one solve: stopped, it begins again, and the same bits come out.
 */
#include "certify.h"

#include <string.h>

#include "inputs.h"
#include "npy.h"

/* Beyond, what is for information or for a check alone would take longer than the answer. */
#define SPECTRUM_STATES ((size_t)1 << 15)
#define QUAD_STATES	((size_t)1 << 11)

/*
 * The engine tells of each part from 0 to 1. How long they take beside each other is a guess; what
 * is not among them counts as the solve.
 */
static double overall(const struct certify_job *c, const char *what, double share)
{
	const struct {
		const char *what;
		double weight;
	} parts[] = {
		{ "enumerate", 1 },
		{ "build", 1 },
		{ "solve", 40 },
		{ "reference", c->quad ? 30 : 0 },
		{ "spectrum", c->spectrum ? 30 : 0 },
	};
	double before = 0, all = 0;
	size_t is = 2;

	for (size_t k = 0; k < ARRAY_SIZE(parts); k++) {
		all += parts[k].weight;
		if (!strcmp(what, parts[k].what))
			is = k;
	}
	for (size_t k = 0; k < is; k++)
		before += parts[k].weight;
	return 0.99 * (before + MIN(share, 1.0) * parts[is].weight) / all;
}

static void on_progress(void *data, const char *what, double share)
{
	struct certify_job *c = data;

	if (control_poll(c->job->control) < 0)
		atomic_store(&c->cancel, true);
	/* A part may have several rounds. */
	c->told = MAX(c->told, overall(c, what, share));
	if (control_is_due(c->job->control))
		control_progress(c->job->control, c->told, json_pack("{s:s}", "phase", what));
}

/* Of the spec, the daemon and the machine, the least. */
static size_t memory_limit(const struct certify_job *c)
{
	double have = 0.9 * (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
	double limit = MIN(c->spec->memory * 0x1p30, have);

	if (c->job->memory)
		limit = MIN(limit, (double)c->job->memory);
	return (size_t)limit;
}

void certify_run_init(struct certify_job *c)
{
	c->run = (struct exact_run){ .threads = c->job->threads,
				     .memory = memory_limit(c),
				     .cancel = &c->cancel,
				     .progress = on_progress,
				     .data = c };
}

int certify_outcome(struct certify_job *c, int r, const struct err *from, struct err *e)
{
	if (r == -ECANCELED)
		return control_poll(c->job->control) ?: -EINTR;
	if (r < 0)
		*e = *from;
	return r;
}

static int read_couplings(const struct certify_job *c, struct array *W, double **ret, struct err *e)
{
	_cleanup_inputs_ struct inputs in = { 0 };
	int r = inputs_read(c->job->spec, c->job->files, c->job->n_files, &in, e);
	double *w;

	if (r < 0)
		return r;
	w = alloc_zeroed(in.W.count, sizeof(*w));
	if (!w)
		return err_oom(e);
	for (size_t k = 0; k < in.W.count; k++)
		w[k] = array_get(&in.W, k);
	*W = in.W;
	in.W = (struct array){ 0 };
	*ret = w;
	return 0;
}

/* What it will take is said before it begins, and what does not fit is not begun. */
static int estimate(struct certify_job *c, const struct exact_model *mo, struct exact_estimate *ret,
		    struct err *e)
{
	/* Alternating sweeps are solved for nothing; they are enumerated as any other kernel. */
	enum exact_kernel k = c->spec->kernel == KERNEL_ALTERNATING ?
				      EXACT_RANDOM_2_BLOCK :
				      (enum exact_kernel)c->spec->kernel;
	int r = exact_estimate(mo, k, c->run.threads, ret, e);

	if (r < 0)
		return r;
	if (ret->memory > c->run.memory)
		return err_set(e, -EFBIG,
			       "%s: W is %u x %u, whose %zu even states need %.3g GiB of memory; "
			       "the limit is %.3g GiB (memory in the spec and in pbitd.conf)",
			       c->spec->model, mo->n, mo->m, ret->states,
			       (double)ret->memory / 0x1p30, (double)c->run.memory / 0x1p30);
	control_progress(c->job->control, 0,
			 json_pack("{s:s, s:I, s:I, s:f, s:f}", "phase", "enumerate", "states",
				   (json_int_t)ret->states, "unknowns", (json_int_t)ret->unknowns,
				   "memory_bytes", (double)ret->memory, "estimate_s",
				   ret->seconds));
	return 0;
}

const double *certify_gradient(const struct certify_job *c, const struct exact_mixing *x,
			       double *buf)
{
	switch (c->spec->gradient) {
	case OBJECTIVE_T_O:
		return x->dt_o;
	case OBJECTIVE_LOG_T_O:
		if (!x->dt_o)
			return NULL;
		exact_log_t_o_gradient(x, buf);
		return buf;
	case OBJECTIVE_TAU_MAX:
		return x->dtau;
	default:
		return NULL;
	}
}

static int write_gradient(const struct certify_job *c, const struct exact_model *mo,
			  const double *gradient, struct err *e)
{
	size_t shape[2] = { mo->n, mo->m }, size;
	_cleanup_array_ struct array a = { 0 };
	_cleanup_free_ void *npy = NULL;
	int r;

	if (!gradient)
		return 0;
	r = array_new(&a, DT_F64, 2, shape, e);
	if (r < 0)
		return r;
	memcpy(a.data, gradient, a.count * sizeof(*gradient));
	r = npy_encode(&a, &npy, &size, e);
	return r < 0 ? r : job_write(c->job, "grad.npy", npy, size, e);
}

static int solve(struct certify_job *c, const struct exact_model *mo,
		 const struct exact_estimate *est, struct exact_report **ret, struct err *e)
{
	enum spec_objective of = c->spec->gradient;
	struct exact_report_ask ask = {
		.mixing = { .kernel = (enum exact_kernel)c->spec->kernel,
			    .gradient = of == OBJECTIVE_T_O || of == OBJECTIVE_LOG_T_O,
			    .dtau = of == OBJECTIVE_TAU_MAX,
			    .observable = EXACT_WORST },
		.spectrum = est->states <= SPECTRUM_STATES,
		.quad = est->states <= QUAD_STATES,
	};
	struct err own = { 0 };

	c->spectrum = ask.spectrum;
	c->quad = ask.quad;
	ask.mixing.keep_x = ask.quad;
	return certify_outcome(c, exact_report(mo, &ask, &c->run, ret, &own), &own, e);
}

static int certify_matrix(struct certify_job *c, struct err *e)
{
	_cleanup_exact_report_ struct exact_report *report = NULL;
	_cleanup_free_ double *w = NULL, *buf = NULL;
	_cleanup_array_ struct array W = { 0 };
	const double *gradient = NULL;
	struct exact_estimate est;
	struct exact_model mo;
	int r;

	r = read_couplings(c, &W, &w, e);
	if (r < 0)
		return r;
	r = exact_model_init(&mo, w, W.ndim, W.shape, c->spec->beta, e);
	if (r < 0)
		return err_prefix(e, c->spec->model);
	r = estimate(c, &mo, &est, e);
	if (r == 0)
		r = solve(c, &mo, &est, &report, e);
	if (r < 0)
		return r;
	buf = alloc_zeroed(W.count, sizeof(*buf));
	if (!buf)
		return err_oom(e);
	if (report->mixing)
		gradient = certify_gradient(c, report->mixing, buf);
	r = write_gradient(c, &mo, gradient, e);
	/* Where it is, all is. */
	return r < 0 ? r :
		       job_write_json(c->job, "report.json",
				      certify_report(c, &mo, &est, report, gradient), e);
}

int certify_run(struct job *job, struct err *e)
{
	struct certify_job c = {
		.job = job,
		.spec = &job->spec->certify,
		.started_us = now_us(),
	};

	certify_run_init(&c);
	return c.spec->suite == SUITE_FAMILY ? certify_family(&c, e) : certify_matrix(&c, e);
}
