// SPDX-License-Identifier: MIT
/* Dense arrays: one place that turns a shape into bytes. */
#include "array.h"

#include <math.h>
#include <string.h>

static const struct {
	const char *name;
	size_t size;
} dtypes[DT_COUNT] = {
	[DT_U8] = { "uint8", 1 },    [DT_I8] = { "int8", 1 },	[DT_I16] = { "int16", 2 },
	[DT_I32] = { "int32", 4 },   [DT_I64] = { "int64", 8 }, [DT_F32] = { "float32", 4 },
	[DT_F64] = { "float64", 8 }, [DT_BOOL] = { "bool", 1 },
};

size_t dtype_size(enum dtype t)
{
	return (unsigned int)t < DT_COUNT ? dtypes[t].size : 0;
}

const char *dtype_name(enum dtype t)
{
	return (unsigned int)t < DT_COUNT ? dtypes[t].name : "unknown";
}

int array_bytes(enum dtype t, unsigned int ndim, const size_t *shape, size_t *ret_count,
		size_t *ret_bytes, struct err *e)
{
	size_t count = 1, nonzero = 1, bytes;

	if ((unsigned int)t >= DT_COUNT)
		return err_set(e, -EINVAL, "data type %d is unknown", (int)t);
	if (ndim > ARRAY_MAX_DIMS)
		return err_set(e, -EOPNOTSUPP, "%u dimensions are more than %d; reshape it", ndim,
			       ARRAY_MAX_DIMS);
	/* A zero beside absurd sizes must not hide them: strides are computed from the others. */
	for (unsigned int i = 0; i < ndim; i++) {
		if (shape[i] && !size_mul(nonzero, shape[i], &nonzero))
			return err_set(
				e, -EOVERFLOW,
				"the shape's product does not fit 64 bits; give a smaller shape");
		count *= shape[i];
	}
	if (!size_mul(nonzero, dtype_size(t), &bytes))
		return err_set(e, -EOVERFLOW,
			       "the shape's size does not fit 64 bits; give a smaller shape");
	if (bytes > ARRAY_MAX_BYTES)
		return err_set(e, -EFBIG,
			       "the array would be %zu bytes, more than the limit of %zu; split it",
			       bytes, ARRAY_MAX_BYTES);
	*ret_count = count;
	*ret_bytes = count * dtype_size(t);
	return 0;
}

int array_new(struct array *ret, enum dtype t, unsigned int ndim, const size_t *shape,
	      struct err *e)
{
	struct array a = { .dtype = t, .ndim = ndim };
	size_t bytes;
	int r;

	r = array_bytes(t, ndim, shape, &a.count, &bytes, e);
	if (r < 0)
		return r;
	if (ndim)
		memcpy(a.shape, shape, ndim * sizeof(*shape));
	a.data = alloc_zeroed(bytes, 1);
	if (!a.data)
		return err_oom(e);
	*ret = a;
	return 0;
}

void array_free(struct array *a)
{
	free(a->data);
	memset(a, 0, sizeof(*a));
}

double array_get(const struct array *a, size_t i)
{
	switch (a->dtype) {
	case DT_F32:
		return ((const float *)a->data)[i];
	case DT_F64:
		return ((const double *)a->data)[i];
	default:
		return (double)array_get_int(a, i);
	}
}

/* The conversion of an out-of-range double is undefined in C: saturate; NaN becomes 0. */
static int64_t truncate_double(double x)
{
	if (isnan(x))
		return 0;
	if (x >= 0x1p63)
		return INT64_MAX;
	if (x < -0x1p63)
		return INT64_MIN;
	return (int64_t)x;
}

int64_t array_get_int(const struct array *a, size_t i)
{
	switch (a->dtype) {
	case DT_U8:
		return ((const uint8_t *)a->data)[i];
	case DT_I8:
		return ((const int8_t *)a->data)[i];
	case DT_I16:
		return ((const int16_t *)a->data)[i];
	case DT_I32:
		return ((const int32_t *)a->data)[i];
	case DT_I64:
		return ((const int64_t *)a->data)[i];
	case DT_F32:
		return truncate_double((double)((const float *)a->data)[i]);
	case DT_F64:
		return truncate_double(((const double *)a->data)[i]);
	case DT_BOOL:
		return ((const uint8_t *)a->data)[i] != 0;
	case DT_COUNT:
		break;
	}
	return 0;
}
