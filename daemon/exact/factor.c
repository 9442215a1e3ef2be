/* SPDX-License-Identifier: MIT */
/* The dense route of cg.h: LAPACK's Cholesky of S, one thread, so the same bits always. */
#include <cblas.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "cg.h"

#define REFINEMENTS 2

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void one_thread(void)
{
	openblas_set_num_threads(1);
}

/* LAPACK's own names: no header for them is needed. */
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);
void dpotrs_(const char *uplo, const int *n, const int *nrhs, const double *a, const int *lda,
	     double *b, const int *ldb, int *info);
void dpocon_(const char *uplo, const int *n, const double *a, const int *lda, const double *anorm,
	     double *rcond, double *work, int *iwork, int *info);

/* Eight columns of S at a time: S times unit vectors. */
static void form(const struct cg_system *s, struct cg_vectors *v)
{
	size_t n = s->unknowns, at, k;
	lanes zp, pq;
	unsigned int l;

	for (at = 0; at < n; at += LANES) {
		memset(v->p, 0, n * sizeof(*v->p));
		zp = (lanes){ 0 };
		for (l = 0; l < LANES && at + l < n; l++) {
			v->p[at + l][l] = 1;
			zp[l] = s->z[at + l];
		}
		if (s->halves)
			lanes_gather(&s->out, v->p, v->middle);
		lanes_apply(&s->back, v->p, s->halves ? v->middle : v->p, s->z, &zp, v->q, &pq);
		for (l = 0; l < LANES && at + l < n; l++)
			for (k = at; k < n; k++)
				s->factor[(at + l) * n + k] = v->q[k][l];
	}
}

/* Largest column sum of the symmetric matrix whose lower triangle is there. */
static double norm_1(const double *a, size_t n, double *sums)
{
	double most = 0;
	size_t i, k;

	memset(sums, 0, n * sizeof(*sums));
	for (i = 0; i < n; i++)
		for (k = i; k < n; k++) {
			sums[k] += fabs(a[i * n + k]);
			if (k > i)
				sums[i] += fabs(a[i * n + k]);
		}
	for (i = 0; i < n; i++)
		most = MAX(most, sums[i]);
	return most;
}

int cg_factor(struct cg_system *s, struct cg_vectors *v, const struct exact_run *run, struct err *e)
{
	_cleanup_free_ double *work = NULL;
	_cleanup_free_ int *iwork = NULL;
	int n = (int)s->unknowns, info;
	double norm, rcond = 0;
	size_t bytes;

	if (!size_mul(s->unknowns * sizeof(double), s->unknowns, &bytes) || s->unknowns > INT_MAX)
		return err_set(e, -E2BIG, "%zu unknowns are too many for Cholesky", s->unknowns);
	s->factor = malloc(bytes);
	work = calloc(3 * s->unknowns, sizeof(*work));
	iwork = calloc(s->unknowns, sizeof(*iwork));
	if (!s->factor || !work || !iwork)
		return err_oom(e);
	pthread_once(&once, one_thread);
	form(s, v);
	norm = norm_1(s->factor, s->unknowns, work);
	dpotrf_("L", &n, s->factor, &n, &info);
	if (info != 0)
		return err_set(e, -EDOM,
			       "I - P is singular to double precision (pivot %d of %d): the gap of "
			       "this model is too small to be resolved",
			       info, n);
	dpocon_("L", &n, s->factor, &n, &norm, &rcond, work, iwork, &info);
	s->factor_condition = rcond > 0 ? 1 / rcond : INFINITY;
	return exact_run_check(run, e);
}

/* x += S^-1 r */
static void solve_add(const struct cg_system *s, const lanes *r, lanes *x, double *columns)
{
	int n = (int)s->unknowns, lanes_n = LANES, info;
	size_t k;
	unsigned int l;

	for (k = 0; k < s->unknowns; k++)
		for (l = 0; l < LANES; l++)
			columns[l * s->unknowns + k] = r[k][l];
	dpotrs_("L", &n, &lanes_n, s->factor, &n, columns, &n, &info);
	for (k = 0; k < s->unknowns; k++)
		for (l = 0; l < LANES; l++)
			x[k][l] += columns[l * s->unknowns + k];
}

int cg_run_factored(const struct cg_system *s, struct cg_vectors *v, struct cg_solve *c,
		    double *columns, struct err *e)
{
	lanes none = { 0 }, zx, xx;
	unsigned int i, l;
	size_t k;

	c->rhs(c->rhs_data, v->r);
	memset(v->x, 0, s->unknowns * sizeof(*v->x));
	c->b2 = (lanes){ 0 };
	for (k = 0; k < s->unknowns; k++)
		c->b2 += v->r[k] * v->r[k];
	for (i = 0; i <= REFINEMENTS; i++) {
		solve_add(s, v->r, v->x, columns);
		c->rhs(c->rhs_data, v->r);
		lanes_turn(s->unknowns, &none, v->x, s->z, v->p, &zx);
		if (s->halves)
			lanes_gather(&s->out, v->p, v->middle);
		lanes_apply(&s->back, v->p, s->halves ? v->middle : v->p, s->z, &zx, v->q, &xx);
		c->residual = c->x2 = none;
		for (k = 0; k < s->unknowns; k++) {
			v->r[k] -= v->q[k];
			c->residual += v->r[k] * v->r[k];
			c->x2 += v->x[k] * v->x[k];
		}
	}
	for (l = 0; l < LANES; l++) {
		double at = 64 * DBL_EPSILON * (sqrt(c->b2[l]) + sqrt(c->x2[l]));

		if (!(c->residual[l] <= at * at))
			return err_set(e, -EDOM,
				       "Cholesky did not solve the system: relative residual %.2g",
				       sqrt(c->residual[l] / c->b2[l]));
	}
	return exact_run_check(c->run, e);
}
