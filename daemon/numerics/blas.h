/* SPDX-License-Identifier: MIT */
/* OpenBLAS on one thread: the same bits for any number of threads of the process. */
#ifndef PBIT_NUMERICS_BLAS_H
#define PBIT_NUMERICS_BLAS_H

#include <stdbool.h>
#include <stddef.h>

/* For callers of OpenBLAS and LAPACK who come before the first blas_gemm(). */
void blas_one_thread(void);

/*
 * c = op(a) op(b) + beta c, all row major and dense: op(a) is rows x inner, op(b) inner x cols; ta
 * and tb say which are stored transposed. Every size is to be at most INT_MAX.
 */
void blas_gemm(bool ta, bool tb, size_t rows, size_t cols, size_t inner, const double *a,
	       const double *b, double beta, double *c);

/* c[rows][cols] = a b' + beta c, of columns from .. from + some - 1 of c alone. */
void blas_gemm_columns(size_t rows, size_t cols, size_t inner, const double *a, const double *b,
		       size_t from, size_t some, double beta, double *c);

/* c[rows][cols] = a' b, of rows from .. from + some - 1 of c alone; a is inner x rows. */
void blas_gemm_rows(size_t rows, size_t cols, size_t inner, const double *a, const double *b,
		    size_t from, size_t some, double *c);

#endif
