/* SPDX-License-Identifier: MIT */
#include <cblas.h>
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "block.h"
#include "parallel.h"

void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);
void dpotrs_(const char *uplo, const int *n, const int *nrhs, const double *a, const int *lda,
	     double *b, const int *ldb, int *info);
void dpocon_(const char *uplo, const int *n, const double *a, const int *lda, const double *anorm,
	     double *rcond, double *work, int *iwork, int *info);

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void one_thread(void)
{
	openblas_set_num_threads(1);
}

size_t block_bytes(const struct exact_model *mo, enum exact_kernel k)
{
	unsigned int less = MIN(mo->n, mo->m), more = MAX(mo->n, mo->m);
	size_t a = (size_t)1 << (less - 1), b = (size_t)1 << (more - 1);

	return (3 * a * b + (k == EXACT_MIXTURE ? 4 : 3) * a * a + 3 * a + 4 * b) * sizeof(double);
}

static double coupling(const struct block *b, unsigned int side, size_t own, size_t other)
{
	const struct exact_model *mo = &b->even->model;
	bool own_is_v = (side == 0) == b->small_is_v;

	return own_is_v ? mo->w[own * mo->m + other] : mo->w[other * mo->m + own];
}

/* 2 beta times the field of the p-bits of this class on p-bit `other` of the other side. */
static long double field(const struct block *b, unsigned int side, size_t class, size_t other)
{
	size_t layer = class | (size_t)1 << (b->bits[side] - 1), i;
	long double u = 0;

	for (i = 0; i < b->bits[side]; i++) {
		long double w = coupling(b, side, i, other);

		u += layer >> i & 1 ? w : -w;
	}
	return 2 * b->even->model.beta * u;
}

/* sigma(u); a strong field in double would already have lost digits of it. */
static double logistic(long double u)
{
	long double t = expl(-fabsl(u));

	return (double)(u > 0 ? 1 / (1 + t) : t / (1 + t));
}

/* P(other side | class) by classes; law: scratch of 2^bits of the other side. */
static void conditional(const struct block *b, unsigned int side, size_t class, double *law,
			double *ret)
{
	unsigned int bits = b->bits[!side], i;
	size_t k, top = (size_t)1 << (bits - 1);

	law[0] = 1;
	for (i = 0; i < bits; i++) {
		long double u = field(b, side, class, i);
		double up = logistic(u), down = logistic(-u);

		for (k = 0; k < (size_t)1 << i; k++) {
			law[k | (size_t)1 << i] = law[k] * up;
			law[k] *= down;
		}
	}
	for (k = 0; k < top; k++)
		ret[k] = law[k | top] + law[~k & (top - 1)];
}

static void fill_roots(struct block *b)
{
	const struct exact_even *v = b->even;
	size_t s, n_mask = ((size_t)1 << v->model.n) - 1, h_top = (size_t)1 << (v->model.m - 1);

	for (s = 0; s < v->states; s++) {
		size_t layer = b->small_is_v ? s & n_mask : s >> v->model.n | h_top;

		b->root[block_class(b->bits[0], layer)] += v->pi[s];
	}
	for (s = 0; s < b->size[0]; s++)
		b->root[s] = sqrt(b->root[s]);
}

static int fill(struct block *b, const struct exact_run *run, struct err *e)
{
	_cleanup_free_ double *law =
		alloc_zeroed((size_t)2 << MAX(b->bits[0], b->bits[1]), sizeof(*law));
	size_t rows = b->size[0], cols = b->size[1], i, k;
	unsigned int side;
	int r;

	if (!law)
		return err_oom(e);
	for (side = 0; side < 2; side++)
		for (i = 0; i < b->size[side]; i++)
			conditional(b, side, i, law, b->given[side] + i * b->size[!side]);
	for (i = 0; i < rows; i++)
		for (k = 0; k < cols; k++)
			b->sym[i * cols + k] =
				sqrt(b->given[0][i * cols + k]) * sqrt(b->given[1][k * rows + i]);
	fill_roots(b);
	r = exact_run_check(run, e);
	if (r < 0)
		return r;
	cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)rows, (int)cols, 1.0,
		    b->sym, (int)cols, b->sym, (int)cols, 0.0, b->s, (int)rows);
	cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)rows, (int)rows, (int)cols, 1.0,
		    b->given[0], (int)cols, b->given[1], (int)rows, 0.0, b->c, (int)rows);
	return exact_run_check(run, e);
}

static double norm_1(const double *a, size_t n)
{
	double most = 0;
	size_t i, k;

	for (i = 0; i < n; i++) {
		double sum = 0;

		for (k = 0; k < n; k++)
			sum += fabs(a[i * n + k]);
		most = MAX(most, sum);
	}
	return most;
}

/* A class that is left once in so many steps is past what doubles can weigh against the rest. */
#define LEAST_RATE 1e-280

/* g, C and z; c holds K on entry. */
static int scale(struct block *b, struct err *e)
{
	size_t rows = b->size[0], i, k;
	long double norm = 0;

	for (i = 0; i < rows; i++) {
		double rate = 0;

		for (k = 0; k < rows; k++)
			rate += i == k ? 0 : b->c[i * rows + k];
		if (rows > 1 && !(rate > LEAST_RATE))
			return err_set(e, -EDOM,
				       "some layer of this model is left less than once in 1e280 "
				       "steps: its mixing is past double precision; lower beta or "
				       "the couplings");
		b->g[i] = rows > 1 ? sqrt(rate) : 1;
		b->z[i] = b->g[i] * b->root[i];
		norm += (long double)b->z[i] * b->z[i];
	}
	for (i = 0; i < rows; i++) {
		b->z[i] /= (double)sqrtl(norm);
		for (k = 0; k < rows; k++)
			b->c[i * rows + k] = i == k ? 0 : b->s[i * rows + k] / b->g[i] / b->g[k];
	}
	return 0;
}

static int factorise(struct block *b, unsigned int which, struct err *e)
{
	size_t rows = b->size[0], i, k;
	int n = (int)rows, info;
	double norm, rcond = 0;
	double *f = b->factor[which];
	_cleanup_free_ double *work = calloc(3 * rows, sizeof(*work));
	_cleanup_free_ int *iwork = calloc(rows, sizeof(*iwork));

	if (!work || !iwork)
		return err_oom(e);
	for (i = 0; i < rows; i++)
		for (k = 0; k < rows; k++) {
			size_t at = i * rows + k;

			f[at] = which == 0 ? (i == k) - b->c[at] + b->z[i] * b->z[k] :
					     (i == k) - b->s[at] / 4;
		}
	norm = norm_1(f, rows);
	dpotrf_("L", &n, f, &n, &info);
	if (info != 0)
		return err_set(e, -EDOM,
			       "I - P is singular to double precision (pivot %d of %d): the gap of "
			       "this model is too small to be resolved",
			       info, n);
	if (which == 0) {
		dpocon_("L", &n, f, &n, &norm, &rcond, work, iwork, &info);
		b->condition = rcond > 0 ? 1 / rcond : INFINITY;
	}
	return 0;
}

int block_new(const struct exact_even *v, enum exact_kernel k, const struct exact_run *run,
	      struct block **ret, struct err *e)
{
	_cleanup_block_ struct block *b = calloc(1, sizeof(*b));
	size_t rows, cols;
	int r;

	if (!b)
		return err_oom(e);
	pthread_once(&once, one_thread);
	b->even = v;
	b->small_is_v = v->model.n <= v->model.m;
	b->bits[0] = MIN(v->model.n, v->model.m);
	b->bits[1] = MAX(v->model.n, v->model.m);
	rows = b->size[0] = (size_t)1 << (b->bits[0] - 1);
	cols = b->size[1] = (size_t)1 << (b->bits[1] - 1);
	b->given[0] = alloc_zeroed(rows * cols, sizeof(double));
	b->given[1] = alloc_zeroed(rows * cols, sizeof(double));
	b->sym = alloc_zeroed(rows * cols, sizeof(double));
	b->s = alloc_zeroed(rows * rows, sizeof(double));
	b->c = alloc_zeroed(rows * rows, sizeof(double));
	b->root = alloc_zeroed(rows, sizeof(double));
	b->g = alloc_zeroed(rows, sizeof(double));
	b->z = alloc_zeroed(rows, sizeof(double));
	b->factor[0] = alloc_zeroed(rows * rows, sizeof(double));
	b->factor[1] = k == EXACT_MIXTURE ? alloc_zeroed(rows * rows, sizeof(double)) : NULL;
	if (!b->given[0] || !b->given[1] || !b->sym || !b->s || !b->c || !b->root || !b->g ||
	    !b->z || !b->factor[0] || (k == EXACT_MIXTURE && !b->factor[1]))
		return err_oom(e);
	r = fill(b, run, e);
	if (r < 0)
		return r;
	r = scale(b, e);
	if (r == 0)
		r = factorise(b, 0, e);
	if (r == 0 && k == EXACT_MIXTURE)
		r = factorise(b, 1, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(b);
	return 0;
}

struct block *block_free(struct block *b)
{
	if (!b)
		return NULL;
	free(b->given[0]);
	free(b->given[1]);
	free(b->sym);
	free(b->s);
	free(b->root);
	free(b->g);
	free(b->z);
	free(b->c);
	free(b->factor[0]);
	free(b->factor[1]);
	free(b);
	return NULL;
}

void block_project(const struct block *b, unsigned int side, size_t first, size_t count,
		   double *col)
{
	const struct exact_even *v = b->even;
	bool own_is_v = (side == 0) == b->small_is_v;
	size_t i, c;

	for (i = 0; i < b->size[side]; i++) {
		size_t layer = i | (size_t)1 << (b->bits[side] - 1);
		double up[EXACT_MAX_BITS], down[EXACT_MAX_BITS];
		unsigned int k;

		for (k = 0; k < b->bits[!side]; k++) {
			long double u = field(b, side, i, k);

			up[k] = logistic(u);
			down[k] = logistic(-u);
		}
		for (c = 0; c < count; c++) {
			size_t a = first + c, row = a / v->model.m, at = a % v->model.m;
			size_t own = own_is_v ? row : at, other = own_is_v ? at : row;
			bool set = layer >> own & 1;
			double same = set ? up[other] : down[other];
			double differ = set ? down[other] : up[other];

			col[i * count + c] = 2 * v->plus[a] * differ - 2 * v->minus[a] * same;
		}
	}
}

void block_condition(const struct block *b, unsigned int side, size_t count, const double *from,
		     double *to)
{
	int rows = (int)b->size[!side], inner = (int)b->size[side];

	cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, (int)count, inner, 1.0,
		    b->given[!side], inner, from, (int)count, 0.0, to, (int)count);
}

/* y = (I - C + z z') x, or (I - S/4) x, symmetrised, row major; y may not be x. */
static void apply(const struct block *b, unsigned int which, size_t count, const double *x,
		  double *y)
{
	size_t rows = b->size[0], i, c;

	memcpy(y, x, rows * count * sizeof(*y));
	cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)rows, (int)count, (int)rows,
		    which == 0 ? -1.0 : -0.25, which == 0 ? b->c : b->s, (int)rows, x, (int)count,
		    1.0, y, (int)count);
	if (which != 0)
		return;
	for (c = 0; c < count; c++) {
		double mean = 0;

		for (i = 0; i < rows; i++)
			mean += b->z[i] * x[i * count + c];
		for (i = 0; i < rows; i++)
			y[i * count + c] += b->z[i] * mean;
	}
}

/* x += factor^-1 r. Column by column, as LAPACK wants them. */
static void solve_add(const struct block *b, unsigned int which, size_t count, const double *r,
		      double *x, double *columns)
{
	int n = (int)b->size[0], nrhs = (int)count, info;
	size_t rows = b->size[0], i, c;

	for (i = 0; i < rows; i++)
		for (c = 0; c < count; c++)
			columns[c * rows + i] = r[i * count + c];
	dpotrs_("L", &n, &nrhs, b->factor[which], &n, columns, &n, &info);
	for (i = 0; i < rows; i++)
		for (c = 0; c < count; c++)
			x[i * count + c] += columns[c * rows + i];
}

/* What a function of the class is multiplied by in the system, on the right and on the left. */
static double rhs_scale(const struct block *b, unsigned int which, size_t i)
{
	return which == 0 ? b->root[i] / b->g[i] : b->root[i];
}

static double x_scale(const struct block *b, unsigned int which, size_t i)
{
	return which == 0 ? b->root[i] * b->g[i] : b->root[i];
}

static void measure(const struct block *b, unsigned int which, size_t count, const double *rhs,
		    const double *r, double *ret_residuals, double *ret_worst)
{
	double sum = 0, worst = 0;
	size_t i, c;

	for (c = 0; c < count; c++) {
		double rr = 0, bb = 0;

		for (i = 0; i < b->size[0]; i++) {
			double scaled = rhs[i * count + c] * rhs_scale(b, which, i);

			rr += r[i * count + c] * r[i * count + c];
			bb += scaled * scaled;
		}
		sum += rr;
		if (bb > 0)
			worst = MAX(worst, sqrt(rr / bb));
	}
	if (ret_residuals)
		*ret_residuals = sum;
	if (ret_worst)
		*ret_worst = worst;
}

/* From the system to functions of the class; R_1: of mean 0. */
static void unscale(const struct block *b, unsigned int which, size_t count, double *x)
{
	size_t rows = b->size[0], i, c;

	for (c = 0; c < count; c++) {
		double mean = 0;

		for (i = 0; i < rows; i++) {
			double by = x_scale(b, which, i);

			x[i * count + c] = by > 0 ? x[i * count + c] / by : 0;
			mean += b->root[i] * b->root[i] * x[i * count + c];
		}
		for (i = 0; i < rows && which == 0; i++)
			x[i * count + c] -= mean;
	}
}

void block_solve(const struct block *b, unsigned int which, size_t count, const double *rhs,
		 double *x, double *scratch, double *ret_residuals, double *ret_worst)
{
	size_t rows = b->size[0], i, c;
	double *r = scratch, *columns = scratch + rows * count;
	unsigned int pass;

	memset(x, 0, rows * count * sizeof(*x));
	for (i = 0; i < rows; i++)
		for (c = 0; c < count; c++)
			r[i * count + c] = rhs[i * count + c] * rhs_scale(b, which, i);
	for (pass = 0; pass < 2; pass++) {
		solve_add(b, which, count, r, x, columns);
		apply(b, which, count, x, r);
		for (i = 0; i < rows; i++)
			for (c = 0; c < count; c++)
				r[i * count + c] = rhs[i * count + c] * rhs_scale(b, which, i) -
						   r[i * count + c];
	}
	measure(b, which, count, rhs, r, ret_residuals, ret_worst);
	unscale(b, which, count, x);
}
