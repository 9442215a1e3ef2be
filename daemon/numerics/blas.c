// SPDX-License-Identifier: MIT
#include <cblas.h>
#include <pthread.h>

#include "blas.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void one_thread(void)
{
	openblas_set_num_threads(1);
}

void blas_one_thread(void)
{
	pthread_once(&once, one_thread);
}

void blas_gemm(bool ta, bool tb, size_t rows, size_t cols, size_t inner, const double *a,
	       const double *b, double beta, double *c)
{
	int lda = (int)(ta ? rows : inner), ldb = (int)(tb ? inner : cols);

	blas_one_thread();
	cblas_dgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans,
		    (int)rows, (int)cols, (int)inner, 1.0, a, lda, b, ldb, beta, c, (int)cols);
}

void blas_gemm_columns(size_t rows, size_t cols, size_t inner, const double *a, const double *b,
		       size_t from, size_t some, double beta, double *c)
{
	blas_one_thread();
	cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)some, (int)inner, 1.0,
		    a, (int)inner, b + from * inner, (int)inner, beta, c + from, (int)cols);
}

void blas_gemm_rows(size_t rows, size_t cols, size_t inner, const double *a, const double *b,
		    size_t from, size_t some, double *c)
{
	blas_one_thread();
	cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)some, (int)cols, (int)inner, 1.0,
		    a + from, (int)rows, b, (int)cols, 0, c + from * cols, (int)cols);
}
