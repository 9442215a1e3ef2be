// SPDX-License-Identifier: MIT
/* IDX, the format of MNIST: 00 00 type ndim, big-endian sizes, big-endian data; plain or gzip. */
#include <endian.h>
#include <string.h>

#include "file.h"
#include "gzip.h"
#include "npy.h"

#define MAGIC_SIZE 4

/* The bytes of the IDX file proper, wherever they come from. */
struct source {
	int fd;
	uint64_t size; /* of the file */
	uint64_t offset;
	struct gzip *gzip; /* NULL: plain */
};

static void source_close(struct source *s)
{
	s->gzip = gzip_close(s->gzip);
}

static int source_open(int fd, struct source *s, struct err *e)
{
	uint8_t magic[2] = { 0 };
	int r;

	*s = (struct source){ .fd = fd };
	r = file_size(fd, &s->size, e);
	if (r < 0)
		return r;
	r = file_read_at(fd, magic, (size_t)MIN(s->size, (uint64_t)2), 0, e);
	if (r < 0)
		return r;
	if (magic[0] != 0x1f || magic[1] != 0x8b)
		return 0;
	return gzip_open(fd, s->size, &s->gzip, e);
}

/* Fewer than size bytes come only at the end. */
static int source_read(struct source *s, void *buf, size_t size, size_t *ret_n, struct err *e)
{
	size_t n;
	int r;

	if (s->gzip)
		return gzip_read(s->gzip, buf, size, ret_n, e);
	n = (size_t)MIN(s->size - s->offset, (uint64_t)size);
	r = file_read_at(s->fd, buf, n, s->offset, e);
	if (r < 0)
		return r;
	s->offset += n;
	*ret_n = n;
	return 0;
}

static int read_exactly(struct source *s, void *buf, size_t size, const char *what, struct err *e)
{
	size_t n = 0;
	int r;

	r = source_read(s, buf, size, &n, e);
	if (r < 0)
		return r;
	if (n < size)
		return err_set(
			e, -EINVAL,
			"truncated: the IDX %s ends after %zu of %zu bytes; copy the file again",
			what, n, size);
	return 0;
}

static int type_from_code(uint8_t code, enum dtype *ret, struct err *e)
{
	switch (code) {
	case 0x08:
		*ret = DT_U8;
		return 0;
	case 0x09:
		*ret = DT_I8;
		return 0;
	case 0x0b:
		*ret = DT_I16;
		return 0;
	case 0x0c:
		*ret = DT_I32;
		return 0;
	case 0x0d:
		*ret = DT_F32;
		return 0;
	case 0x0e:
		*ret = DT_F64;
		return 0;
	default:
		return err_set(e, -EOPNOTSUPP,
			       "IDX type 0x%02x is unknown; IDX has 0x08, 0x09 and 0x0b to 0x0e",
			       code);
	}
}

static int read_header(struct source *s, enum dtype *ret_type, unsigned int *ret_ndim,
		       size_t shape[static ARRAY_MAX_DIMS], struct err *e)
{
	uint8_t magic[MAGIC_SIZE];
	uint32_t sizes[ARRAY_MAX_DIMS];
	unsigned int ndim;
	int r;

	r = read_exactly(s, magic, sizeof(magic), "header", e);
	if (r < 0)
		return r;
	if (magic[0] != 0 || magic[1] != 0)
		return err_set(e, -EINVAL, "not an IDX file%s; IDX begins with two zero bytes",
			       s->gzip ? " inside gzip (a .npy must be unpacked first)" : "");
	r = type_from_code(magic[2], ret_type, e);
	if (r < 0)
		return r;
	ndim = magic[3];
	if (ndim < 1 || ndim > ARRAY_MAX_DIMS)
		return err_set(e, -EOPNOTSUPP, "%u IDX dimensions are not supported; give 1 to %d",
			       ndim, ARRAY_MAX_DIMS);
	r = read_exactly(s, sizes, ndim * sizeof(sizes[0]), "header", e);
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < ndim; i++)
		shape[i] = be32toh(sizes[i]);
	*ret_ndim = ndim;
	return 0;
}

/* Before memory is taken: can the file hold that many bytes at all? */
static int check_size(const struct source *s, size_t bytes, struct err *e)
{
	uint64_t have = s->size - s->offset;

	if (s->gzip && s->size < UINT64_MAX / GZIP_MAX_RATIO)
		have = s->size * GZIP_MAX_RATIO;
	if (have >= bytes)
		return 0;
	return err_set(
		e, -EINVAL,
		"truncated: the IDX header needs %zu bytes of data, the file holds %s%ju; copy "
		"the file again",
		bytes, s->gzip ? "at most " : "", (uintmax_t)have);
}

static int check_end(struct source *s, struct err *e)
{
	uint8_t byte;
	size_t n = 0;
	int r;

	r = source_read(s, &byte, 1, &n, e);
	if (r < 0)
		return r;
	if (n > 0)
		return err_set(
			e, -EINVAL,
			"bytes follow the data that the IDX header describes; copy the file again");
	return 0;
}

static void from_big_endian(struct array *a)
{
	switch (dtype_size(a->dtype)) {
	case 2:
		for (uint16_t *p = a->data, *end = p + a->count; p < end; p++)
			*p = be16toh(*p);
		break;
	case 4:
		for (uint32_t *p = a->data, *end = p + a->count; p < end; p++)
			*p = be32toh(*p);
		break;
	case 8:
		for (uint64_t *p = a->data, *end = p + a->count; p < end; p++)
			*p = be64toh(*p);
		break;
	default:
		break;
	}
}

static int read_array(int fd, struct array *ret, struct err *e)
{
	_cleanup_(source_close) struct source s = { .fd = -1 };
	_cleanup_array_ struct array a = { 0 };
	size_t shape[ARRAY_MAX_DIMS] = { 0 }, count, bytes = 0;
	unsigned int ndim = 0;
	enum dtype type = DT_U8;
	int r;

	r = source_open(fd, &s, e);
	if (r < 0)
		return r;
	r = read_header(&s, &type, &ndim, shape, e);
	if (r < 0)
		return r;
	r = array_bytes(type, ndim, shape, &count, &bytes, e);
	if (r < 0)
		return r;
	r = check_size(&s, bytes, e);
	if (r < 0)
		return r;
	r = array_new(&a, type, ndim, shape, e);
	if (r < 0)
		return r;
	r = read_exactly(&s, a.data, bytes, "data", e);
	if (r < 0)
		return r;
	r = check_end(&s, e);
	if (r < 0)
		return r;
	from_big_endian(&a);
	*ret = a;
	a.data = NULL;
	return 0;
}

int idx_read(int fd, const char *name, struct array *ret, struct err *e)
{
	int r;

	r = read_array(fd, ret, e);
	if (r < 0)
		err_prefix(e, name);
	return r;
}
