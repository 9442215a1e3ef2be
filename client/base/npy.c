// SPDX-License-Identifier: MIT
/* .npy in and out; and the choice between .npy and IDX. */
#include "npy.h"

#include <endian.h>
#include <string.h>

#include "file.h"
#include "npy_header.h"

#define ENCODE_ALIGN  64
#define GROWTH_DIGITS 21 /* room that NumPy leaves for the first dimension to grow in place */
#define MAX_PREFIX    12 /* magic, version, header length of versions 2 and 3 */

_Static_assert(__BYTE_ORDER == __LITTLE_ENDIAN, "data is little-endian in memory and in files");

/* Magic, version and length: where the header text lies. */
static int read_prefix(int fd, uint64_t size, size_t *ret_offset, size_t *ret_length, struct err *e)
{
	uint8_t p[MAX_PREFIX] = { 0 };
	size_t offset, length;
	int r;

	r = file_read_at(fd, p, (size_t)MIN(size, (uint64_t)sizeof(p)), 0, e);
	if (r < 0)
		return r;
	if (memcmp(p, NPY_MAGIC, (size_t)MIN(size, (uint64_t)NPY_MAGIC_SIZE)))
		return err_set(e, -EINVAL, "not a .npy file; make one by numpy.save");
	if (size < 8)
		return err_set(e, -EINVAL,
			       "truncated: %ju bytes hold no .npy header; copy the file "
			       "again",
			       (uintmax_t)size);
	if (p[6] < 1 || p[6] > 3 || p[7] != 0)
		return err_set(e, -EOPNOTSUPP,
			       ".npy version %u.%u is unknown; save it by numpy.save (1.0 to 3.0)",
			       p[6], p[7]);
	offset = p[6] == 1 ? 10 : 12;
	length = p[8] | (size_t)p[9] << 8;
	if (p[6] > 1)
		length |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
	if (size >= offset && length > NPY_MAX_HEADER)
		return err_set(e, -EFBIG,
			       "a .npy header of %zu bytes is above the limit of %zu; save plain "
			       "numbers, not records",
			       length, NPY_MAX_HEADER);
	if (size < offset + length)
		return err_set(
			e, -EINVAL,
			"truncated: %ju bytes end inside the .npy header; copy the file again",
			(uintmax_t)size);
	*ret_offset = offset;
	*ret_length = length;
	return 0;
}

static int read_header(int fd, uint64_t size, struct npy_header *ret, uint64_t *ret_data,
		       struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t offset = 0, length = 0;
	int r;

	r = read_prefix(fd, size, &offset, &length, e);
	if (r < 0)
		return r;
	text = malloc(length + 1);
	if (!text)
		return err_oom(e);
	r = file_read_at(fd, text, length, offset, e);
	if (r < 0)
		return r;
	r = npy_header_parse(text, length, ret, e);
	if (r < 0)
		return r;
	/* In one dimension the two orders are the same bytes. */
	if (ret->fortran_order && ret->ndim > 1)
		return err_set(e, -EOPNOTSUPP,
			       "Fortran order is not supported; save np.ascontiguousarray(a)");
	*ret_data = offset + length;
	return 0;
}

static int read_array(int fd, struct array *ret, struct err *e)
{
	_cleanup_array_ struct array a = { 0 };
	uint64_t size = 0, data = 0, have;
	struct npy_header h;
	size_t count, bytes = 0;
	int r;

	r = file_size(fd, &size, e);
	if (r < 0)
		return r;
	r = read_header(fd, size, &h, &data, e);
	if (r < 0)
		return r;
	r = array_bytes(h.dtype, h.ndim, h.shape, &count, &bytes, e);
	if (r < 0)
		return r;
	have = size - data;
	if (have != bytes)
		return err_set(
			e, -EINVAL,
			have < bytes ?
				"truncated: %ju bytes of data where the shape needs %zu; copy "
				"the file again" :
				"%ju bytes of data where the shape needs %zu; trailing bytes "
				"are refused, save the array again",
			(uintmax_t)have, bytes);
	r = array_new(&a, h.dtype, h.ndim, h.shape, e);
	if (r < 0)
		return r;
	r = file_read_at(fd, a.data, bytes, data, e);
	if (r < 0)
		return r;
	*ret = a;
	a.data = NULL;
	return 0;
}

int npy_read(int fd, const char *name, struct array *ret, struct err *e)
{
	int r;

	r = read_array(fd, ret, e);
	if (r < 0)
		err_prefix(e, name);
	return r;
}

/* The dict literal and the padding, as numpy.save lays them out; returns the length. */
static size_t format_header(const struct array *a, char *buf, size_t size)
{
	char shape[ARRAY_MAX_DIMS * 24], digits[24];
	size_t n = 0, k, total;

	for (unsigned int i = 0; i < a->ndim; i++)
		n += (size_t)snprintf(shape + n, sizeof(shape) - n, "%s%zu", i ? ", " : "",
				      a->shape[i]);
	shape[n] = '\0';
	k = (size_t)snprintf(buf, size,
			     "{'descr': '%s', 'fortran_order': False, 'shape': (%s%s), }",
			     npy_descr(a->dtype), shape, a->ndim == 1 ? "," : "");
	if (a->ndim) {
		n = (size_t)snprintf(digits, sizeof(digits), "%zu", a->shape[0]);
		memset(buf + k, ' ', GROWTH_DIGITS - n);
		k += GROWTH_DIGITS - n;
	}
	/* NumPy adds a whole block where none is needed. */
	total = (10 + k + 1) / ENCODE_ALIGN * ENCODE_ALIGN + ENCODE_ALIGN;
	memset(buf + k, ' ', total - 10 - k - 1);
	buf[total - 10 - 1] = '\n';
	return total - 10;
}

int npy_encode(const struct array *a, void **ret_buf, size_t *ret_size, struct err *e)
{
	char header[320];
	size_t length, count, bytes;
	uint8_t *p;
	int r;

	r = array_bytes(a->dtype, a->ndim, a->shape, &count, &bytes, e);
	if (r < 0)
		return r;
	length = format_header(a, header, sizeof(header));
	p = malloc(10 + length + bytes);
	if (!p)
		return err_oom(e);
	memcpy(p, NPY_MAGIC "\x01\x00", 8);
	p[8] = (uint8_t)length;
	p[9] = (uint8_t)(length >> 8);
	memcpy(p + 10, header, length);
	if (bytes)
		memcpy(p + 10 + length, a->data, bytes);
	*ret_buf = p;
	*ret_size = 10 + length + bytes;
	return 0;
}

int array_read(int fd, const char *name, struct array *ret, struct err *e)
{
	uint8_t magic[NPY_MAGIC_SIZE] = { 0 };
	uint64_t size = 0;
	size_t n;
	int r;

	r = file_size(fd, &size, e);
	if (r < 0)
		goto fail;
	n = (size_t)MIN(size, (uint64_t)sizeof(magic));
	r = file_read_at(fd, magic, n, 0, e);
	if (r < 0)
		goto fail;
	if (n == 0) {
		r = err_set(e, -EINVAL, "empty; give a .npy or IDX file");
		goto fail;
	}
	if (!memcmp(magic, NPY_MAGIC, n))
		return npy_read(fd, name, ret, e);
	if ((magic[0] == 0 && magic[1] == 0) || (magic[0] == 0x1f && magic[1] == 0x8b))
		return idx_read(fd, name, ret, e);
	r = err_set(e, -EINVAL,
		    "neither a .npy nor an IDX file (plain or gzip); make one by "
		    "numpy.save");
fail:
	err_prefix(e, name);
	return r;
}
