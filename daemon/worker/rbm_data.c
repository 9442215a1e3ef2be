// SPDX-License-Identifier: MIT
/* The data's side of rbm_exact.h: what needs no sum over states. */
#include <limits.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "blas.h"
#include "crew.h"
#include "rbm_exact.h"
#include "wide.h"

#define CHUNK_ROWS 256

/* A chunk of rows as doubles, beta v' W of each, and W <h | v>. */
struct chunk {
	size_t rows;
	double *v;     /* [CHUNK_ROWS][n] */
	double *field; /* [CHUNK_ROWS][m] */
	double *back;  /* [CHUNK_ROWS][n], or NULL */
	atomic_flag taken;
};

static void chunk_free(struct chunk *c)
{
	free(c->v);
	free(c->field);
	free(c->back);
}
#define _cleanup_chunk_ _cleanup_(chunk_free)

/* c: zeros, to be freed in any case. Who loads the first rows is the first to touch the memory. */
static int chunk_new(const struct rbm *r, bool back, struct chunk *c, struct err *e)
{
	if (!r->n || !r->m || r->n > INT_MAX / CHUNK_ROWS || r->m > INT_MAX / CHUNK_ROWS)
		return err_set(e, -EINVAL, "an RBM of %zu x %zu p-bits", r->n, r->m);
	c->v = malloc(CHUNK_ROWS * r->n * sizeof(double));
	c->field = malloc(CHUNK_ROWS * r->m * sizeof(double));
	if (back)
		c->back = malloc(CHUNK_ROWS * r->n * sizeof(double));
	atomic_flag_clear(&c->taken);
	return c->v && c->field && (c->back || !back) ? 0 : err_oom(e);
}

WIDE_BODY to_doubles_body(const int8_t *spins, size_t count, double *restrict to)
{
	for (size_t i = 0; i < count; i++)
		to[i] = spins[i];
}
WIDE(to_doubles, (const int8_t *spins, size_t count, double *restrict to), (spins, count, to))

/* Loads rows [from, from + CHUNK_ROWS) of count, and their fields. */
static void chunk_load(struct chunk *c, const struct rbm *r, const int8_t *rows, size_t from,
		       size_t count)
{
	c->rows = MIN(count - from, (size_t)CHUNK_ROWS);
	to_doubles(rows + from * r->n, c->rows * r->n, c->v);
	blas_gemm(false, false, c->rows, r->m, r->n, c->v, r->w, 0, c->field);
	for (size_t i = 0; i < c->rows * r->m; i++)
		c->field[i] *= r->beta;
}

/* field -> <h | v>. */
static void chunk_mean_hidden(struct chunk *c, const struct rbm *r)
{
	for (size_t k = 0; k < c->rows; k++) {
		double *h = c->field + k * r->m;

		if (r->ref_h)
			h[0] = 1;
		for (size_t j = r->ref_h; j < r->m; j++)
			h[j] = tanh(h[j]);
	}
}

/* Halves of an error: the sign of <v_i | h> is that of beta times the field. */
WIDE_BODY count_errors_body(const double *back, double beta, const double *v, size_t count,
			    uint32_t *ret_halves)
{
	uint32_t halves = 0;

	for (size_t i = 0; i < count; i++) {
		double agree = back[i] * beta * v[i];

		halves += agree < 0 ? 2 : agree > 0 ? 0 : 1;
	}
	*ret_halves = halves;
}
WIDE(count_errors,
     (const double *back, double beta, const double *v, size_t count, uint32_t *ret_halves),
     (back, beta, v, count, ret_halves))

/* Of each row; field becomes <h | v>. */
static void chunk_errors(struct chunk *c, const struct rbm *r, double *errors)
{
	chunk_mean_hidden(c, r);
	blas_gemm(false, true, c->rows, r->n, r->m, c->field, r->w, 0, c->back);
	for (size_t k = 0; k < c->rows; k++) {
		size_t at = k * r->n + r->ref_v;
		uint32_t halves;

		count_errors(c->back + at, r->beta, c->v + at, r->n - r->ref_v, &halves);
		errors[k] = 0.5 * halves;
	}
}

static double log_p_star(const struct rbm *r, const double *field)
{
	double sum = r->ref_h ? field[0] : 0;

	for (size_t j = r->ref_h; j < r->m; j++) {
		double x = fabs(field[j]);

		sum += x + log1p(exp(-2 * x));
	}
	return sum;
}

/* Figures of every row; a chunk is a part of the crew's loop, and does not look at another. */
struct row_loop {
	const struct rbm *r;
	const int8_t *rows;
	size_t count;
	unsigned int threads;
	struct chunk *chunk; /* [threads] */
	double *log_p;	     /* [count] */
	double *errors;	     /* [count], or NULL: not asked for */
};

static void row_loop_free(struct row_loop *x)
{
	for (unsigned int k = 0; x->chunk && k < x->threads; k++)
		chunk_free(&x->chunk[k]);
	free(x->chunk);
	free(x->log_p);
	free(x->errors);
}

/* There are as many as threads that may ask for one. */
static struct chunk *take_chunk(struct row_loop *x)
{
	for (unsigned int k = 0;; k = (k + 1) % x->threads)
		if (!atomic_flag_test_and_set(&x->chunk[k].taken))
			return &x->chunk[k];
}

static void chunk_part(void *data, size_t part)
{
	struct row_loop *x = data;
	struct chunk *c = take_chunk(x);
	size_t from = part * CHUNK_ROWS;

	chunk_load(c, x->r, x->rows, from, x->count);
	for (size_t k = 0; k < c->rows; k++)
		x->log_p[from + k] = log_p_star(x->r, c->field + k * x->r->m);
	if (x->errors)
		chunk_errors(c, x->r, x->errors + from);
	atomic_flag_clear(&c->taken);
}

/* x: its rows are set, the rest is zeros; to be freed in any case. */
static int row_loop_run(struct row_loop *x, struct crew *crew, bool errors, struct err *e)
{
	size_t parts = x->count / CHUNK_ROWS + !!(x->count % CHUNK_ROWS);
	int rc = 0;

	x->threads = (unsigned int)MIN((size_t)crew_threads(crew), MAX(parts, (size_t)1));
	x->chunk = alloc_zeroed(x->threads, sizeof(*x->chunk));
	x->log_p = alloc_zeroed(x->count, sizeof(double));
	if (errors)
		x->errors = alloc_zeroed(x->count, sizeof(double));
	if (!x->chunk || !x->log_p || (errors && !x->errors))
		return err_oom(e);
	for (unsigned int k = 0; rc == 0 && k < x->threads; k++)
		rc = chunk_new(x->r, errors, &x->chunk[k], e);
	if (rc == 0)
		crew_run(crew, parts, chunk_part, x);
	return rc;
}

static double sum_of(const double *x, size_t count)
{
	double sum = 0;

	for (size_t k = 0; k < count; k++)
		sum += x[k];
	return sum;
}

static int finite_or_say(double x, struct err *e)
{
	if (isfinite(x))
		return 0;
	return err_set(e, -EDOM, "the couplings are not finite or too large: ln p* is %g", x);
}

int rbm_log_p_star(struct crew *crew, const struct rbm *r, const int8_t *rows, size_t count,
		   double *log_p, double *ret_errors, struct err *e)
{
	_cleanup_(row_loop_free) struct row_loop x = { .r = r, .rows = rows, .count = count };
	int rc = row_loop_run(&x, crew, ret_errors, e);

	for (size_t k = 0; rc == 0 && k < count; k++)
		rc = finite_or_say(x.log_p[k], e);
	if (rc < 0)
		return rc;
	for (size_t k = 0; k < count; k++)
		log_p[k] = x.log_p[k];
	if (ret_errors)
		*ret_errors = sum_of(x.errors, count);
	return 0;
}

int rbm_sum_log_p_star(struct crew *crew, const struct rbm *r, const int8_t *rows, size_t count,
		       double *ret_sum, struct err *e)
{
	_cleanup_(row_loop_free) struct row_loop x = { .r = r, .rows = rows, .count = count };
	int rc = row_loop_run(&x, crew, false, e);
	double sum;

	if (rc < 0)
		return rc;
	sum = sum_of(x.log_p, count);
	rc = finite_or_say(sum, e);
	if (rc < 0)
		return rc;
	*ret_sum = sum;
	return 0;
}

int rbm_positive(const struct rbm *r, const int8_t *rows, size_t count, double *vh, struct err *e)
{
	_cleanup_chunk_ struct chunk c = {};
	int rc = chunk_new(r, false, &c, e);

	if (rc < 0)
		return rc;
	memset(vh, 0, r->n * r->m * sizeof(*vh));
	for (size_t from = 0; from < count; from += CHUNK_ROWS) {
		chunk_load(&c, r, rows, from, count);
		chunk_mean_hidden(&c, r);
		blas_gemm(true, false, r->n, r->m, c.rows, c.v, c.field, 1, vh);
	}
	return 0;
}
