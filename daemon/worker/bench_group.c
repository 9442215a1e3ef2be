/* SPDX-License-Identifier: MIT */
#include "bench_group.h"

#include <math.h>
#include <string.h>

#include "clock_ns.h"
#include "couplings.h"

#define TRIES 3

void bench_group_free(struct group *g)
{
	for (size_t i = 0; i < g->count; i++) {
		struct contender *c = &g->contenders[i];

		program_free(c->program);
		if (!c->kernel)
			device_close(c->device);
		sgemm_route_free(c->sgemm);
	}
	free(g->w);
}

/* The contender's program; its device is open. */
static int add_program(struct group *g, struct contender *c, struct err *e)
{
	struct couplings layout = {
		.classes = 1, .bits = g->bits, .n = g->n, .m = g->m, .even = !g->clamped
	};
	struct device_info info;
	int r;

	r = couplings_program(&layout, c->device, g->chains, &c->program, e);
	if (r == 0)
		r = program_set_couplings(c->program, g->w, e);
	if (r < 0)
		return r;
	device_get_info(c->device, &info);
	snprintf(c->backend, sizeof(c->backend), "%s", info.backend);
	snprintf(c->route, sizeof(c->route), "%s", info.route);
	couplings_random_states(&layout, c->program, g->seed);
	return 0;
}

int bench_add_embedded(struct group *g, enum pbm_isa isa, unsigned int threads, struct err *e)
{
	struct contender *c = &g->contenders[g->count++];
	int r;

	*c = (struct contender){ .threads = threads };
	r = device_open_embedded_isa(threads, isa, &c->device, e);
	return r < 0 ? r : add_program(g, c, e);
}

int bench_add_kernel(struct group *g, struct device *kernel, struct err *e)
{
	struct contender *c = &g->contenders[g->count];
	struct err why = { 0 };
	int r;

	*c = (struct contender){ .device = kernel, .kernel = true, .threads = 1 };
	r = add_program(g, c, &why);
	if (r == -E2BIG || r == -EDQUOT) {
		*c = (struct contender){ 0 };
		return 0;
	}
	g->count++;
	return r < 0 ? err_set(e, r, "%s", why.text) : 0;
}

int bench_add_sgemm(struct group *g, unsigned int threads, struct err *e)
{
	struct sgemm_shape shape = { g->n, g->m, g->chains, threads, g->clamped };
	struct contender *c = &g->contenders[g->count++];
	size_t i, size = (size_t)shape.n * shape.m;
	_cleanup_free_ float *w = alloc_zeroed(size, sizeof(*w));

	*c = (struct contender){ .threads = threads };
	if (!w)
		return err_oom(e);
	for (i = 0; i < size; i++)
		w[i] = (float)(g->scale * g->w[i]);
	snprintf(c->backend, sizeof(c->backend), "openblas-sgemm");
	sgemm_route_name(c->route, sizeof(c->route));
	return sgemm_route_new(&shape, w, BENCH_BETA, g->seed, &c->sgemm, e);
}

/* Of a sweep: the reference spins are not updated. */
static double updates(const struct group *g)
{
	return (double)g->chains * (g->n + g->m - 2 * g->clamped);
}

static int run_program(const struct group *g, struct contender *c, unsigned int sweeps,
		       struct err *e)
{
	uint64_t gain = gain_from_beta(BENCH_BETA, g->scale);
	struct submission s = {
		.seed = g->seed,
		.sweep0 = c->sweep0,
		.sweeps = sweeps,
		.every = sweeps,
		.scan = PBM_SCAN_ALTERNATING,
		.gains = 1,
		.gain = &gain,
	};
	struct results results;
	int r = program_run(c->program, &s, &results, e);

	if (r < 0)
		return r;
	c->changed = (double)results.changed / (double)results.flips;
	c->sweep0 += sweeps;
	return 0;
}

/* Runs sweeps and says how long they took. */
static int run_timed(const struct group *g, struct contender *c, unsigned int sweeps,
		     double *ret_ns, struct err *e)
{
	uint64_t start = clock_ns();
	int r = 0;

	if (c->sgemm)
		sgemm_route_run(c->sgemm, sweeps);
	else
		r = run_program(g, c, sweeps, e);
	if (r == 0)
		*ret_ns = MAX((double)(clock_ns() - start), 1.0);
	return r;
}

/* The least of a few tries, as far as they take longer than ns: one of them may be held up. */
static int run_briefly(const struct group *g, struct contender *c, unsigned int sweeps, double ns,
		       double *ret_ns, struct err *e)
{
	double least = INFINITY;

	for (unsigned int k = 0; k < TRIES && least > ns; k++) {
		double took = 0;
		int r = run_timed(g, c, sweeps, &took, e);

		if (r < 0)
			return r;
		least = MIN(least, took);
	}
	*ret_ns = least;
	return 0;
}

static int warm_up_one(const struct group *g, struct contender *c, double slice_ns, struct err *e)
{
	double ns = 0;
	int r;

	/* The same bits on every route: the slow ones go on where the first, the best, stands. */
	if (c->program && c != &g->contenders[0]) {
		const struct contender *first = &g->contenders[0];
		size_t words = pbm_state_words(program_shape(c->program));

		memcpy(program_states(c->program), program_states(first->program),
		       g->chains * words * sizeof(uint64_t));
		c->sweep0 = first->sweep0;
	} else {
		r = run_timed(g, c, g->warm, &ns, e);
		if (r < 0)
			return r;
	}
	for (c->sweeps = 1;; c->sweeps *= 2) {
		r = run_briefly(g, c, c->sweeps, slice_ns / 4, &ns, e);
		if (r < 0)
			return r;
		if (ns > slice_ns / 4 || c->sweeps >= PBM_MAX_SWEEPS / 16)
			break;
	}
	c->sweeps = (unsigned int)MAX(1.0, MIN(16.0, slice_ns / ns) * c->sweeps);
	return 0;
}

int bench_warm_up(struct group *g, double slice_ns, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < g->count; i++)
		r = warm_up_one(g, &g->contenders[i], slice_ns, e);
	return r;
}

int bench_slice(struct group *g, struct contender *c, size_t k, struct err *e)
{
	double ns;
	int r = run_timed(g, c, c->sweeps, &ns, e);

	if (r == 0)
		c->rate[k] = updates(g) * c->sweeps / ns;
	return r;
}

static int sgemm_changed(const struct group *g, struct contender *c, struct err *e)
{
	size_t i, nv = (size_t)g->chains * g->n, nh = (size_t)g->chains * g->m;
	_cleanup_free_ float *v = alloc_zeroed(nv, sizeof(*v)), *h = alloc_zeroed(nh, sizeof(*h));
	size_t changed = 0;

	if (!v || !h)
		return err_oom(e);
	memcpy(v, sgemm_route_visible(c->sgemm), nv * sizeof(*v));
	memcpy(h, sgemm_route_hidden(c->sgemm), nh * sizeof(*h));
	sgemm_route_run(c->sgemm, 1);
	for (i = 0; i < nv; i++)
		changed += v[i] * sgemm_route_visible(c->sgemm)[i] < 0;
	for (i = 0; i < nh; i++)
		changed += h[i] * sgemm_route_hidden(c->sgemm)[i] < 0;
	c->changed = (double)changed / updates(g);
	return 0;
}

int bench_finish(struct group *g, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < g->count; i++)
		if (g->contenders[i].sgemm)
			r = sgemm_changed(g, &g->contenders[i], e);
	return r;
}
