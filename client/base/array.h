/* SPDX-License-Identifier: MIT */
/* A dense C-ordered numeric array in memory: what .npy, IDX and safetensors files hold. */
#ifndef PBIT_BASE_ARRAY_H
#define PBIT_BASE_ARRAY_H

#include "err.h"

#define ARRAY_MAX_DIMS	4
#define ARRAY_MAX_BYTES ((size_t)4 << 30)

enum dtype { DT_U8, DT_I8, DT_I16, DT_I32, DT_I64, DT_F32, DT_F64, DT_BOOL, DT_COUNT };

size_t dtype_size(enum dtype t);
const char *dtype_name(enum dtype t); /* "uint8", "int8", ..., numpy's names */

struct array {
	enum dtype dtype;
	unsigned int ndim;
	size_t shape[ARRAY_MAX_DIMS];
	size_t count; /* product of the shape */
	void *data;   /* count * dtype_size(dtype) bytes, owned */
};

/*
 * Elements and bytes of a shape (0-d: one element), without allocating. -EOVERFLOW, -EFBIG above
 * ARRAY_MAX_BYTES, -EOPNOTSUPP above ARRAY_MAX_DIMS. A zero in the shape does not excuse the rest.
 */
int array_bytes(enum dtype t, unsigned int ndim, const size_t *shape, size_t *ret_count,
		size_t *ret_bytes, struct err *e);

/* Zeroed data. -EOVERFLOW or -EFBIG when the size does not fit, with a sentence. */
int array_new(struct array *ret, enum dtype t, unsigned int ndim, const size_t *shape,
	      struct err *e);
void array_free(struct array *a);
#define _cleanup_array_ _cleanup_(array_free)

/* Element i (flat) as a double or an integer; the caller keeps i < count. */
double array_get(const struct array *a, size_t i);
int64_t array_get_int(const struct array *a, size_t i); /* floats: truncated, saturated, NaN 0 */

#endif
