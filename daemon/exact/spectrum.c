/* SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <string.h>

#include "parallel.h"
#include "spectrum.h"
#include "spectrum_op.h"

#define FIRST_STEPS 48u
#define MAX_STEPS   1536u
/* A step this short ends a column: its Krylov space is exhausted. */
#define EXHAUSTED   1e-12
#define EXCITED	    1e-12
/* Eigenvalues are known to about 1e-15: of smaller ones too few digits are left. */
#define LEAST_GAMMA 1e-9

void dstev_(const char *jobz, const int *n, double *d, double *e, double *z, const int *ldz,
	    double *work, int *info);

/* The tridiagonal matrix of one column. */
struct column {
	double *a, *b; /* [MAX_STEPS] diagonal, and beside it; owned by the whole */
	unsigned int steps;
	bool exhausted;
	double norm2; /* of the start */
};

struct mode {
	double theta, weight;
};

struct lanczos {
	const struct exact_run *run;
	struct spectrum_op *op;
	size_t columns;
	struct column *column;
	double *store;
	unsigned int goal;
};

static void lanczos_done(struct lanczos *z)
{
	free(z->column);
	free(z->store);
	spectrum_op_free(z->op);
}
#define _cleanup_lanczos_ _cleanup_(lanczos_done)

static int lanczos_start(struct lanczos *z, const struct exact_even *v, enum exact_kernel k,
			 const struct exact_run *run, struct err *e)
{
	size_t i;
	int r;

	z->run = run;
	z->columns = exact_observables(&v->model) + 1;
	z->column = calloc(z->columns, sizeof(*z->column));
	z->store = alloc_zeroed(z->columns, 2 * MAX_STEPS * sizeof(double));
	if (!z->column || !z->store)
		return err_oom(e);
	r = spectrum_op_new(v, k, &z->op, e);
	if (r < 0)
		return r;
	for (i = 0; i < z->columns; i++) {
		z->column[i].a = z->store + i * 2 * MAX_STEPS;
		z->column[i].b = z->column[i].a + MAX_STEPS;
	}
	return 0;
}

static void dot(size_t rows, const lanes *x, const lanes *y, lanes *ret)
{
	lanes sum = { 0 }, part = { 0 };
	size_t k;

	for (k = 0; k < rows; k++) {
		part += x[k] * y[k];
		if (k % 64 == 63) {
			sum += part;
			part = (lanes){ 0 };
		}
	}
	*ret = sum + part;
}

/* y -= root (root' y): what rounding adds along the null vector would become a mode of its own. */
static void deflate(const struct spectrum_op *op, lanes *y)
{
	lanes mean = { 0 };
	size_t k;

	for (k = 0; k < op->states; k++)
		mean += op->root[k] * y[k];
	for (k = 0; k < op->states; k++)
		y[k] -= op->root[k] * mean;
}

/* Scales every lane to length 1, and gives the squared lengths before. A lane of length 0 stays 0. */
static void normalise(size_t rows, lanes *x, lanes *norm2)
{
	lanes scale;
	unsigned int l;
	size_t k;

	dot(rows, x, x, norm2);
	for (l = 0; l < LANES; l++)
		scale[l] = (*norm2)[l] > 0 ? 1 / sqrt((*norm2)[l]) : 0;
	for (k = 0; k < rows; k++)
		x[k] *= scale;
}

/* Records one step in every lane that goes on; false when none does. */
static bool record(struct lanczos *z, size_t first, const lanes *a, const lanes *b2)
{
	bool any = false;
	unsigned int l;

	for (l = 0; l < LANES && first + l < z->columns; l++) {
		struct column *c = &z->column[first + l];

		if (c->exhausted)
			continue;
		c->a[c->steps] = (*a)[l];
		c->b[c->steps] = sqrt((*b2)[l]);
		c->exhausted = !(c->b[c->steps++] > EXHAUSTED);
		any |= !c->exhausted;
	}
	return any;
}

static int run_block(struct lanczos *z, size_t first, lanes *x, lanes *before, lanes *y,
		     lanes *scratch, struct err *e)
{
	size_t rows = z->op->states, k;
	lanes a, b2, b = { 0 }, norm2;
	unsigned int step, l;
	int r;

	spectrum_op_start(z->op, first, x);
	deflate(z->op, x);
	normalise(rows, x, &norm2);
	memset(before, 0, rows * sizeof(*before));
	for (l = 0; l < LANES && first + l < z->columns; l++) {
		struct column *c = &z->column[first + l];

		c->norm2 = norm2[l];
		c->steps = 0;
		c->exhausted = !(norm2[l] > 0);
	}
	for (step = 0; step < z->goal; step++) {
		spectrum_op_apply(z->op, x, y, scratch);
		dot(rows, x, y, &a);
		for (k = 0; k < rows; k++)
			y[k] -= a * x[k] + b * before[k];
		deflate(z->op, y);
		normalise(rows, y, &b2);
		for (l = 0; l < LANES; l++)
			b[l] = sqrt(b2[l]);
		if (!record(z, first, &a, &b2))
			break;
		memcpy(before, x, rows * sizeof(*x));
		memcpy(x, y, rows * sizeof(*x));
		r = exact_run_check(z->run, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int block_item(struct exact_work *work, size_t i, unsigned int worker, struct err *e)
{
	struct lanczos *z = work->data;
	size_t rows = z->op->states;
	_cleanup_free_ lanes *x = alloc_zeroed(rows, sizeof(*x));
	_cleanup_free_ lanes *before = alloc_zeroed(rows, sizeof(*before));
	_cleanup_free_ lanes *y = alloc_zeroed(rows, sizeof(*y));
	_cleanup_free_ lanes *scratch = alloc_zeroed(z->op->scratch, sizeof(*scratch));

	if (!x || !before || !y || !scratch)
		return err_oom(e);
	if (worker == 0)
		exact_run_progress(z->run, "spectrum", (double)i / (double)work->items);
	return run_block(z, i * LANES, x, before, y, scratch, e);
}

/* Ritz values and weights of one column's first steps; the last column's residual of the least. */
static int modes_of(const struct column *c, unsigned int steps, struct mode *ret,
		    double *ret_residual)
{
	int n = (int)MIN(steps, c->steps), info, i;
	_cleanup_free_ double *d = calloc((size_t)n + 1, sizeof(*d));
	_cleanup_free_ double *o = calloc((size_t)n + 1, sizeof(*o));
	_cleanup_free_ double *v = calloc((size_t)n * n + 1, sizeof(*v));
	_cleanup_free_ double *work = calloc(2 * (size_t)n + 2, sizeof(*work));

	if (!d || !o || !v || !work)
		return -ENOMEM;
	if (n == 0)
		return 0;
	memcpy(d, c->a, (size_t)n * sizeof(*d));
	memcpy(o, c->b, (size_t)n * sizeof(*o));
	dstev_("V", &n, d, o, v, &n, work, &info);
	if (info != 0)
		return -EDOM;
	for (i = 0; i < n; i++)
		ret[i] = (struct mode){ d[i], c->norm2 * v[(size_t)i * n] * v[(size_t)i * n] };
	if (ret_residual)
		*ret_residual = fabs(c->b[n - 1] * v[n - 1]);
	return n;
}

static int by_theta(const void *a, const void *b)
{
	double x = ((const struct mode *)a)->theta, y = ((const struct mode *)b)->theta;

	return (x > y) - (x < y);
}

/* The cluster that carries half of T_O, and what is next to it. */
static void find_bulk(struct mode *m, size_t count, struct exact_spectrum *ret)
{
	double var = 0, t_o = 0, share = 0, edge = 0;
	size_t i;

	qsort(m, count, sizeof(*m), by_theta);
	for (i = 0; i < count; i++)
		var += m[i].weight;
	for (i = 0; i < count; i++)
		if (m[i].weight > EXCITED * var && m[i].theta > 0)
			t_o += m[i].weight / m[i].theta;
	ret->gamma_observed = ret->gamma_bulk = 1;
	ret->cluster_share = 1;
	for (i = 0; i < count; i++) {
		if (!(m[i].weight > EXCITED * var && m[i].theta > 0))
			continue;
		if (edge == 0)
			ret->gamma_observed = m[i].theta;
		if (share < 0.5) {
			edge = m[i].theta;
		} else if (m[i].theta > edge * (1 + 1e-6)) {
			ret->gamma_bulk = m[i].theta;
			ret->cluster_share = share;
			return;
		}
		share += m[i].weight / m[i].theta / t_o;
	}
}

/* What the first `steps` of every column say. */
static int evaluate(const struct lanczos *z, unsigned int steps, struct exact_spectrum *ret)
{
	_cleanup_free_ struct mode *all = calloc(z->columns * steps + 1, sizeof(*all));
	size_t i, count = 0, k;
	long double t_o = 0;
	int n;

	if (!all)
		return -ENOMEM;
	for (i = 0; i + 1 < z->columns; i++) {
		n = modes_of(&z->column[i], steps, all + count, NULL);
		if (n < 0)
			return n;
		for (k = 0; k < (size_t)n; k++)
			t_o += all[count + k].weight / all[count + k].theta;
		count += (size_t)n;
	}
	ret->t_o = (double)t_o;
	find_bulk(all, count, ret);
	n = modes_of(&z->column[i], steps, all, &ret->residual);
	if (n < 0)
		return n;
	/* What the observables found is a mode too. */
	ret->gamma = MIN(n > 0 ? all[0].theta : 1, ret->gamma_observed);
	ret->steps = 0;
	for (i = 0; i < z->columns; i++)
		ret->steps = MAX(ret->steps, MIN(steps, z->column[i].steps));
	return 0;
}

static bool agree(double a, double b, double within)
{
	return fabs(a - b) <= within * fabs(b);
}

static size_t bytes_needed(const struct exact_even *v, enum exact_kernel k, unsigned int threads)
{
	const struct exact_model *mo = &v->model;
	size_t columns = exact_observables(mo) + 1, states = v->states;
	size_t op = k == EXACT_RANDOM_SCAN ?
			    scan_bytes(mo) + states * exact_bits(mo) * sizeof(double) :
			    3 * states * sizeof(double);

	return op + columns * 2 * MAX_STEPS * sizeof(double) +
	       MAX(threads, 1u) * 5 * states * sizeof(lanes);
}

int exact_spectrum(const struct exact_even *v, enum exact_kernel k, const struct exact_run *run,
		   struct exact_spectrum *ret, struct err *e)
{
	_cleanup_lanczos_ struct lanczos z = { 0 };
	struct exact_spectrum now = { 0 }, before = { 0 };
	int r;

	r = exact_kernel_require_reversible(k, e);
	if (r < 0)
		return r;
	if (v->states > EXACT_SPECTRUM_MAX_STATES)
		return err_set(e, -E2BIG,
			       "the spectrum is offered up to %zu even states, not for %zu",
			       EXACT_SPECTRUM_MAX_STATES, v->states);
	run = exact_run_or_default(run);
	r = exact_run_admit(run, bytes_needed(v, k, run->threads), e);
	if (r == 0)
		r = lanczos_start(&z, v, k, run, e);
	if (r < 0)
		return r;
	for (z.goal = FIRST_STEPS;; z.goal = MIN(2 * z.goal, MAX_STEPS)) {
		struct exact_work work = { .run = z.run,
					   .threads = z.run->threads,
					   .items = (z.columns + LANES - 1) / LANES,
					   .item = block_item,
					   .data = &z };

		r = exact_work_run(&work, e);
		if (r < 0)
			return r;
		r = evaluate(&z, z.goal * 2 / 3, &before);
		if (r == 0)
			r = evaluate(&z, z.goal, &now);
		if (r < 0)
			return err_set(e, r, "the tridiagonal eigenvalues could not be computed");
		now.converged = agree(before.t_o, now.t_o, 1e-13) &&
				agree(before.gamma, now.gamma, 1e-9) && now.gamma > LEAST_GAMMA;
		if (now.converged || z.goal == MAX_STEPS)
			break;
	}
	*ret = now;
	return 0;
}
