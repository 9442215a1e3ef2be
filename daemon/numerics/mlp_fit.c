// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "blas.h"
#include "mlp.h"

#define RIDGE 1e-6

/* a = L L' in the lower triangle, n x n row major. a is positive definite: it carries the ridge. */
static void cholesky(double *a, size_t n)
{
	for (size_t j = 0; j < n; j++) {
		for (size_t i = j; i < n; i++) {
			double sum = a[i * n + j];

			for (size_t k = 0; k < j; k++)
				sum -= a[i * n + k] * a[j * n + k];
			a[i * n + j] = i == j ? sqrt(sum) : sum / a[j * n + j];
		}
	}
}

/* x <- (L L')^-1 x for cols right-hand sides, x: n x cols row major. */
static void solve(const double *l, size_t n, double *x, size_t cols)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < i; k++)
			for (size_t c = 0; c < cols; c++)
				x[i * cols + c] -= l[i * n + k] * x[k * cols + c];
		for (size_t c = 0; c < cols; c++)
			x[i * cols + c] /= l[i * n + i];
	}
	for (size_t i = n; i-- > 0;) {
		for (size_t k = i + 1; k < n; k++)
			for (size_t c = 0; c < cols; c++)
				x[i * cols + c] -= l[k * n + i] * x[k * cols + c];
		for (size_t c = 0; c < cols; c++)
			x[i * cols + c] /= l[i * n + i];
	}
}

/*
 * (G + ridge)^-1 act, rows x width, with G = act act': column k of it holds what each code's target
 * adds to weight k.
 */
static int pseudo_inverse(const double *act, size_t rows, size_t width, double **ret, struct err *e)
{
	_cleanup_free_ double *gram = NULL, *x = NULL;
	double trace = 0;
	size_t size;

	if (size_mul(rows, rows, &size))
		gram = alloc_zeroed(size, sizeof(*gram));
	x = alloc_zeroed(rows * width, sizeof(*x));
	if (!gram || !x)
		return err_oom(e);
	blas_gemm(false, true, rows, rows, width, act, act, 0, gram);
	for (size_t u = 0; u < rows; u++)
		trace += gram[u * rows + u];
	/* All-zero activations (code 0, no bias) can fit nothing: the answer is 0, not 0 / 0. */
	for (size_t u = 0; u < rows; u++)
		gram[u * rows + u] += trace > 0 ? RIDGE * trace / (double)rows : 1;
	memcpy(x, act, rows * width * sizeof(*x));
	cholesky(gram, rows);
	solve(gram, rows, x, width);
	*ret = TAKE_PTR(x);
	return 0;
}

int mlp_fit_outputs(struct mlp *m, const double *codes, size_t rows, const uint8_t *which,
		    const double *target, struct err *e)
{
	_cleanup_mlp_tape_ struct mlp_tape tape = {};
	_cleanup_free_ double *w = NULL, *inverse = NULL;
	size_t in = m->width[m->layers], out = mlp_out(m), size;
	double *last = m->phi + m->at[m->layers];
	int r;

	if (size_mul(rows, out, &size))
		w = alloc_zeroed(size, sizeof(*w));
	if (!w)
		return err_oom(e);
	r = mlp_forward(m, codes, rows, w, &tape, e);
	if (r < 0)
		return r;
	r = pseudo_inverse(tape.act[m->layers], rows, in, &inverse, e);
	if (r < 0)
		return r;

	for (size_t i = 0; i < out; i++) {
		double *row = last + i * in, c = m->table ? 0 : last[out * in + i];

		if (!which[i])
			continue;
		memset(row, 0, in * sizeof(*row));
		for (size_t u = 0; u < rows; u++)
			for (size_t k = 0; k < in; k++)
				row[k] += (target[u * out + i] - c) * inverse[u * in + k];
	}
	return 0;
}
