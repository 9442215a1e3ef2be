/* SPDX-License-Identifier: MIT */
/* NumPy .npy files, versions 1.0 to 3.0, little-endian and C-ordered; and IDX (MNIST) files. */
#ifndef PBIT_BASE_NPY_H
#define PBIT_BASE_NPY_H

#include "array.h"

/*
 * Read one array from fd (position 0; a regular file or memfd). name is for messages only.
 * Each refusal is one sentence: not a .npy file, truncated, a header above 64 KiB, Fortran order,
 * big-endian or unsupported dtype, more than four dimensions, more than ARRAY_MAX_BYTES, trailing
 * bytes. The file's size is checked against the header before anything is allocated.
 */
int npy_read(int fd, const char *name, struct array *ret, struct err *e);

/* Version 1.0 .npy bytes of an array, for write_file_atomic(). The header is padded to 64. */
int npy_encode(const struct array *a, void **ret_buf, size_t *ret_size, struct err *e);

/* IDX: magic 00 00 type ndim, big-endian sizes; types 08 (u8) 09 (s8) 0B 0C 0D 0E. Plain or gzip. */
int idx_read(int fd, const char *name, struct array *ret, struct err *e);

/* Picks npy_read or idx_read by the first bytes, never by the file's name. */
int array_read(int fd, const char *name, struct array *ret, struct err *e);

#endif
