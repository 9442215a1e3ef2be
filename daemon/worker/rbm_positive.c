// SPDX-License-Identifier: MIT
/*
 * The positive phase of quantised couplings. Fields are scale times integers below 2^24, which
 * floats add up exactly in any order; the doubles of rbm_positive() do so too, so that its bits
 * come out. And there are few of them, so that each tanh is taken once.
 */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "blas.h"
#include "rbm_exact.h"
#include "wide.h"

#define CHUNK_ROWS  256
#define MOST_FLOAT  ((double)(1 << 24)) /* integers up to it are floats */
#define TANH_IS_ONE 22.0		/* from here on, in doubles */

struct positive {
	const struct rbm *r;
	double scale;
	float *q;      /* [n * m] */
	float *rows;   /* [CHUNK_ROWS][n] */
	float *field;  /* [CHUNK_ROWS][m] integers */
	double *v;     /* [CHUNK_ROWS][n] */
	double *h;     /* [CHUNK_ROWS][m] */
	double *tanh;  /* [known] of beta scale k; above 1: not taken yet */
	int32_t known; /* from this one on it is 1 */
};

static void positive_free(struct positive *p)
{
	free(p->q);
	free(p->rows);
	free(p->field);
	free(p->v);
	free(p->h);
	free(p->tanh);
}

WIDE_BODY to_floats_body(const int16_t *from, size_t count, float *restrict to, double *ret_max)
{
	int32_t max = 0;

	for (size_t i = 0; i < count; i++) {
		int32_t x = from[i], magnitude = x < 0 ? -x : x;

		max = magnitude > max ? magnitude : max;
		to[i] = (float)x;
	}
	*ret_max = max;
}
WIDE(to_floats, (const int16_t *from, size_t count, float *restrict to, double *ret_max),
     (from, count, to, ret_max))

WIDE_BODY load_rows_body(const int8_t *from, size_t count, float *restrict f, double *restrict d)
{
	for (size_t i = 0; i < count; i++) {
		f[i] = (float)from[i];
		d[i] = (double)from[i];
	}
}
WIDE(load_rows, (const int8_t *from, size_t count, float *restrict f, double *restrict d),
     (from, count, f, d))

/* Where tanh(beta scale k) is 1 for all k that there can be. */
static int32_t count_known(const struct positive *p, double largest)
{
	double unit = fabs(p->r->beta * p->scale), most = largest * (double)p->r->n + 1;

	return (int32_t)(unit * most > TANH_IS_ONE ? ceil(TANH_IS_ONE / unit) + 1 : most);
}

/* 0, or 1 where floats would not be exact. */
static int positive_new(struct positive *p, const int16_t *q, struct err *e)
{
	const struct rbm *r = p->r;
	double largest;

	if (r->n > INT_MAX / CHUNK_ROWS || r->m > INT_MAX / CHUNK_ROWS)
		return 1;
	p->q = malloc(r->n * r->m * sizeof(*p->q));
	p->rows = malloc(CHUNK_ROWS * r->n * sizeof(*p->rows));
	p->field = malloc(CHUNK_ROWS * r->m * sizeof(*p->field));
	p->v = malloc(CHUNK_ROWS * r->n * sizeof(*p->v));
	p->h = malloc(CHUNK_ROWS * r->m * sizeof(*p->h));
	if (!p->q || !p->rows || !p->field || !p->v || !p->h)
		return err_oom(e);
	to_floats(q, r->n * r->m, p->q, &largest);
	if (largest * (double)r->n >= MOST_FLOAT)
		return 1;
	p->known = count_known(p, largest);
	p->tanh = malloc((size_t)p->known * sizeof(*p->tanh));
	if (!p->tanh)
		return err_oom(e);
	for (int32_t k = 0; k < p->known; k++)
		p->tanh[k] = 2;
	return 0;
}

/* As rbm_positive() has it: the field, times beta. */
static double tanh_of(const struct positive *p, int32_t k)
{
	return tanh(p->scale * k * p->r->beta);
}

static void mean_hidden(struct positive *p, size_t count)
{
	double sign = p->r->beta * p->scale < 0 ? -1 : 1;

	for (size_t i = 0; i < count; i++) {
		int32_t k = (int32_t)p->field[i], at = k < 0 ? -k : k;
		double x = 1;

		if (at < p->known) {
			if (p->tanh[at] > 1)
				p->tanh[at] = sign * tanh_of(p, at);
			x = p->tanh[at];
		}
		p->h[i] = (k < 0 ? -sign : sign) * x;
	}
}

int rbm_positive_quantised(const struct rbm *r, const int16_t *q, double scale, const int8_t *rows,
			   size_t count, double *vh, struct err *e)
{
	_cleanup_(positive_free) struct positive p = { .r = r, .scale = scale };
	int rc = positive_new(&p, q, e);

	if (rc)
		return rc < 0 ? rc : rbm_positive(r, rows, count, vh, e);
	for (size_t from = 0; from < count; from += CHUNK_ROWS) {
		size_t some = MIN(count - from, (size_t)CHUNK_ROWS);

		load_rows(rows + from * r->n, some * r->n, p.rows, p.v);
		blas_gemm_float(some, r->m, r->n, p.rows, p.q, p.field);
		mean_hidden(&p, some * r->m);
		for (size_t k = 0; r->ref_h && k < some; k++)
			p.h[k * r->m] = 1;
		blas_gemm(true, false, r->n, r->m, some, p.v, p.h, from ? 1 : 0, vh);
	}
	if (!count)
		memset(vh, 0, r->n * r->m * sizeof(*vh));
	return 0;
}
