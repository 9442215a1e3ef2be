/* SPDX-License-Identifier: MIT */
/* The header of a .npy file: a Python dict literal of three keys, read by a grammar of its own. */
#ifndef PBIT_BASE_NPY_HEADER_H
#define PBIT_BASE_NPY_HEADER_H

#include "array.h"

#define NPY_MAGIC      "\x93NUMPY"
#define NPY_MAGIC_SIZE 6
#define NPY_MAX_HEADER ((size_t)64 << 10)

struct npy_header {
	enum dtype dtype;
	bool fortran_order;
	unsigned int ndim;
	size_t shape[ARRAY_MAX_DIMS];
};

/*
 * text: the size bytes between the length field and the data; not terminated. Accepted is what
 * NumPy writes, in any key order and spacing: 'descr' (a little-endian or one-byte numeric type),
 * 'fortran_order', 'shape', each once. Sentences carry no file name; the caller puts it in front.
 */
int npy_header_parse(const char *text, size_t size, struct npy_header *ret, struct err *e);

/* The type string that NumPy writes for t: "<f8". */
const char *npy_descr(enum dtype t);

#endif
