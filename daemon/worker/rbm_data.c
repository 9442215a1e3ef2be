// SPDX-License-Identifier: MIT
/* The data's side of rbm_exact.h: what needs no sum over states. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "blas.h"
#include "rbm_exact.h"

#define CHUNK_ROWS 256

/* A chunk of rows as doubles, beta v' W of each, and W <h | v>. */
struct chunk {
	size_t rows;
	double *v;     /* [CHUNK_ROWS][n] */
	double *field; /* [CHUNK_ROWS][m] */
	double *back;  /* [CHUNK_ROWS][n], or NULL */
};

static void chunk_free(struct chunk *c)
{
	free(c->v);
	free(c->field);
	free(c->back);
}
#define _cleanup_chunk_ _cleanup_(chunk_free)

static int chunk_new(const struct rbm *r, bool back, struct chunk *ret, struct err *e)
{
	struct chunk c = {};

	if (!r->n || !r->m || r->n > INT_MAX / CHUNK_ROWS || r->m > INT_MAX / CHUNK_ROWS)
		return err_set(e, -EINVAL, "an RBM of %zu x %zu p-bits", r->n, r->m);
	c.v = alloc_zeroed(CHUNK_ROWS, r->n * sizeof(double));
	c.field = alloc_zeroed(CHUNK_ROWS, r->m * sizeof(double));
	if (back)
		c.back = alloc_zeroed(CHUNK_ROWS, r->n * sizeof(double));
	if (!c.v || !c.field || (back && !c.back)) {
		chunk_free(&c);
		return err_oom(e);
	}
	*ret = c;
	return 0;
}

/* Loads rows [from, from + CHUNK_ROWS) of count, and their fields. */
static void chunk_load(struct chunk *c, const struct rbm *r, const int8_t *rows, size_t from,
		       size_t count)
{
	c->rows = MIN(count - from, (size_t)CHUNK_ROWS);
	for (size_t i = 0; i < c->rows * r->n; i++)
		c->v[i] = rows[from * r->n + i];
	blas_gemm(false, false, c->rows, r->m, r->n, c->v, r->w, 0, c->field);
	for (size_t i = 0; i < c->rows * r->m; i++)
		c->field[i] *= r->beta;
}

/* field -> <h | v>. */
static void chunk_mean_hidden(struct chunk *c, const struct rbm *r)
{
	for (size_t i = 0; i < c->rows * r->m; i++)
		c->field[i] = r->ref_h && i % r->m == 0 ? 1 : tanh(c->field[i]);
}

/* The number of errors; field becomes <h | v>. */
static double chunk_errors(struct chunk *c, const struct rbm *r)
{
	double errors = 0;

	chunk_mean_hidden(c, r);
	blas_gemm(false, true, c->rows, r->n, r->m, c->field, r->w, 0, c->back);
	for (size_t i = 0; i < c->rows * r->n; i++) {
		/* The sign of <v_i | h> is that of beta times the field. */
		double agree = c->back[i] * r->beta * c->v[i];

		if (!(r->ref_v && i % r->n == 0))
			errors += agree < 0 ? 1 : agree > 0 ? 0 : 0.5;
	}
	return errors;
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

static int finite_or_say(double x, struct err *e)
{
	if (isfinite(x))
		return 0;
	return err_set(e, -EDOM, "the couplings are not finite or too large: ln p* is %g", x);
}

int rbm_log_p_star(const struct rbm *r, const int8_t *rows, size_t count, double *log_p,
		   double *ret_errors, struct err *e)
{
	_cleanup_chunk_ struct chunk c = {};
	double errors = 0;
	int rc = chunk_new(r, ret_errors, &c, e);

	if (rc < 0)
		return rc;
	for (size_t from = 0; from < count; from += CHUNK_ROWS) {
		chunk_load(&c, r, rows, from, count);
		for (size_t k = 0; k < c.rows; k++) {
			double x = log_p_star(r, c.field + k * r->m);

			rc = finite_or_say(x, e);
			if (rc < 0)
				return rc;
			log_p[from + k] = x;
		}
		if (ret_errors)
			errors += chunk_errors(&c, r);
	}
	if (ret_errors)
		*ret_errors = errors;
	return 0;
}

int rbm_sum_log_p_star(const struct rbm *r, const int8_t *rows, size_t count, double *ret_sum,
		       struct err *e)
{
	_cleanup_chunk_ struct chunk c = {};
	double sum = 0;
	int rc = chunk_new(r, false, &c, e);

	if (rc < 0)
		return rc;
	for (size_t from = 0; from < count; from += CHUNK_ROWS) {
		chunk_load(&c, r, rows, from, count);
		for (size_t k = 0; k < c.rows; k++)
			sum += log_p_star(r, c.field + k * r->m);
	}
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
