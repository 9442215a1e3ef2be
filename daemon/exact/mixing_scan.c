/* SPDX-License-Identifier: MIT */
/* T_O of the random scan: eight observables at a time through the resolvent. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "mixing_parts.h"
#include "scan.h"

/* Unknowns up to which a Cholesky factor costs less than the iterations that it saves. */
#define DENSE_IS_FASTER	  32
/* ... and up to which it is tried where conjugate gradients stall. */
#define DENSE_IS_BEARABLE 2048

struct slot { /* the vectors of one thread */
	lanes *y, *r, *p, *q, *middle;
	double *columns;
};

struct solve {
	struct mixing_job *job;
	struct scan *scan;
	struct slot *slots;
	size_t blocks;
	atomic_size_t done; /* blocks */
	struct exact_work *work;
};

static size_t slot_bytes(const struct exact_model *mo, bool dense)
{
	return scan_block_bytes(mo) + (dense ? scan_unknowns(mo) * sizeof(lanes) : 0);
}

bool mixing_scan_is_dense(const struct exact_model *mo, enum exact_route route)
{
	if (route == EXACT_AUTO)
		return scan_unknowns(mo) <= DENSE_IS_FASTER;
	return route == EXACT_CHOLESKY;
}

size_t mixing_scan_bytes(const struct exact_model *mo, const struct exact_ask *ask,
			 unsigned int threads)
{
	bool dense = mixing_scan_is_dense(mo, ask->route);
	size_t bytes = scan_bytes(mo) + MAX(threads, 1u) * slot_bytes(mo, dense);

	if (dense)
		bytes += scan_unknowns(mo) * scan_unknowns(mo) * sizeof(double);
	if (ask->keep_x)
		bytes += scan_blocks(mo) * exact_states(mo) * sizeof(lanes);
	return bytes;
}

static void slot_done(struct slot *s)
{
	free(s->y);
	free(s->r);
	free(s->p);
	free(s->q);
	free(s->middle);
	free(s->columns);
}

static int slot_init(struct slot *s, const struct scan *scan, bool dense)
{
	size_t rows = scan->system.unknowns;

	s->y = alloc_zeroed(scan->states, sizeof(lanes));
	s->r = alloc_zeroed(rows, sizeof(lanes));
	s->p = alloc_zeroed(rows, sizeof(lanes));
	s->q = alloc_zeroed(rows, sizeof(lanes));
	s->middle = scan->halves ? alloc_zeroed(rows, sizeof(lanes)) : NULL;
	s->columns = dense ? alloc_zeroed(rows, sizeof(lanes)) : NULL;
	if (!s->y || !s->r || !s->p || !s->q || (scan->halves && !s->middle) ||
	    (dense && !s->columns))
		return -ENOMEM;
	return 0;
}

/* Of a block that is being solved, for the thread that asked. */
static void progress(void *data, double share)
{
	const struct solve *s = data;

	exact_run_progress(s->job->run, "solve", ((double)s->done + share) / (double)s->blocks);
}

/* Everything that is a sum over blocks, in their order. */
static void add_up(struct solve *s, const struct scan_block *b, const lanes *y,
		   const struct cg_solve *c)
{
	struct mixing_job *job = s->job;
	struct exact_mixing *out = job->out;
	lanes ones = { 0 }, one, g;
	unsigned int l;

	for (l = 0; l < b->observables; l++)
		ones[l] = 1;
	scan_value(b, y, &ones, job->w, &g);
	for (l = 0; l < b->observables; l++) {
		size_t a = b->first + l;
		bool chosen;

		out->g[a] = g[l];
		job->residuals += c->residual[l];
		if (c->b2[l] > 0)
			out->residual = MAX(out->residual, sqrt(c->residual[l] / c->b2[l]));
		chosen = mixing_is_worst(job, a);
		if (job->ask->observable != EXACT_WORST)
			chosen = job->ask->observable == a;
		if (chosen)
			out->dtau_of = a;
		if (!chosen || !job->w_tau)
			continue;
		memset(job->w_tau, 0, s->scan->states * sizeof(double));
		one = (lanes){ 0 };
		one[l] = 1;
		scan_value(b, y, &one, job->w_tau, &g);
	}
	out->iterations = MAX(out->iterations, c->iterations);
	if (b->probe >= 0 && !out->dense) {
		double least, most;

		cg_extremes(c->alpha, c->beta, c->steps, &least, &most);
		job->smallest = least;
		out->condition = most / least;
	}
	if (out->x)
		memcpy(out->x + b->first * s->scan->states, y, s->scan->states * sizeof(*y));
}

static int solve_block(struct exact_work *work, size_t i, unsigned int worker, struct err *e)
{
	struct solve *s = work->data;
	const struct exact_ask *ask = s->job->ask;
	struct slot *slot = &s->slots[worker];
	struct scan_block b;
	struct cg_vectors v = { slot->y, slot->r, slot->p, slot->q, slot->middle };
	_cleanup_cg_solve_ struct cg_solve c = { .run = s->job->run,
						 .tolerance = ask->tolerance,
						 .rhs = scan_system_rhs,
						 .rhs_data = &b };
	int r;

	scan_block_init(&b, s->scan, i);
	b.odd = slot->y + s->scan->system.unknowns;
	c.probe = b.probe;
	if (worker == 0 && s->job->run->progress) {
		c.progress = progress;
		c.progress_data = s;
	}
	if (s->job->out->dense) {
		r = cg_run_factored(&s->scan->system, &v, &c, slot->columns, e);
	} else {
		c.started = ask->x0 != NULL;
		if (c.started)
			scan_start(s->scan, ask->x0 + b.first * s->scan->states, slot->y);
		else
			memset(slot->y, 0, s->scan->system.unknowns * sizeof(lanes));
		r = cg_run(&s->scan->system, &v, &c, e);
	}
	if (r < 0)
		return r;
	scan_finish(&b, slot->y);
	if (!exact_work_begin_turn(work, i))
		return -ECANCELED;
	add_up(s, &b, slot->y, &c);
	s->done = i + 1;
	exact_work_end_turn(work);
	return 0;
}

static int solve_all(struct solve *s, unsigned int threads, struct err *e)
{
	struct mixing_job *job = s->job;
	struct exact_work work = { .run = job->run,
				   .threads = threads,
				   .items = s->blocks,
				   .item = solve_block,
				   .data = s };
	struct cg_vectors v = { s->slots[0].y, s->slots[0].r, s->slots[0].p, s->slots[0].q,
				s->slots[0].middle };
	int r;

	if (job->out->dense) {
		r = cg_factor(&s->scan->system, &v, job->run, e);
		if (r < 0)
			return r;
		job->out->condition = s->scan->system.factor_condition;
		job->smallest = 1 / job->out->condition;
	}
	return exact_work_run(&work, e);
}

/* As many threads as there are blocks, and as the memory limit lets have vectors. */
static unsigned int threads_that_fit(const struct mixing_job *job)
{
	const struct exact_model *mo = &job->even->model;
	size_t threads = MIN((size_t)MAX(job->run->threads, 1u), scan_blocks(mo));
	size_t taken = exact_even_bytes(mo) + 2 * exact_states(mo) * sizeof(double);

	while (job->run->memory > 0 && threads > 1 &&
	       taken + mixing_scan_bytes(mo, job->ask, (unsigned int)threads) > job->run->memory)
		threads--;
	return (unsigned int)threads;
}

static int solve_with(struct mixing_job *job, struct scan *scan, struct err *e)
{
	struct solve s = { .job = job, .scan = scan, .blocks = scan_blocks(&job->even->model) };
	unsigned int threads = threads_that_fit(job), i;
	int r = 0;

	job->residuals = 0;
	job->out->residual = 0;
	job->out->iterations = 0;
	job->out->unknowns = scan->system.unknowns;
	if (job->w)
		memset(job->w, 0, scan->states * sizeof(*job->w));
	s.slots = calloc(threads, sizeof(*s.slots));
	if (!s.slots)
		return err_oom(e);
	for (i = 0; i < threads && r == 0; i++)
		r = slot_init(&s.slots[i], scan, job->out->dense);
	r = r < 0 ? err_oom(e) : solve_all(&s, threads, e);
	for (i = 0; i < threads; i++)
		slot_done(&s.slots[i]);
	free(s.slots);
	return r;
}

int mixing_scan(struct mixing_job *job, struct err *e)
{
	const struct exact_model *mo = &job->even->model;
	_cleanup_scan_ struct scan *scan = NULL;
	struct exact_mixing *out = job->out;
	int r;

	out->dense = mixing_scan_is_dense(mo, job->ask->route);
	if (out->dense && scan_unknowns(mo) > EXACT_MAX_DENSE)
		return err_set(e, -E2BIG, "%zu unknowns are too many for Cholesky: at most %d",
			       scan_unknowns(mo), EXACT_MAX_DENSE);
	exact_run_progress(job->run, "build", 0);
	r = scan_new(job->even, &scan, e);
	if (r < 0)
		return r;
	if (job->ask->keep_x) {
		out->x_count = scan_blocks(mo) * LANES * scan->states;
		out->x = alloc_zeroed(out->x_count, sizeof(*out->x));
		if (!out->x)
			return err_oom(e);
	}
	if (job->ask->route == EXACT_AUTO && !out->dense &&
	    scan->system.unknowns <= DENSE_IS_BEARABLE) {
		struct err first = { 0 };

		r = solve_with(job, scan, &first);
		if (r != -EDOM)
			return r < 0 ? err_set(e, r, "%s", first.text) : 0;
		out->dense = true;
	}
	return solve_with(job, scan, e);
}
