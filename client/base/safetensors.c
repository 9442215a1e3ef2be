// SPDX-License-Identifier: MIT
/* safetensors: every claim of the header is checked before memory is taken for a tensor. */
#include "safetensors.h"

#include <endian.h>
#include <string.h>

#include "file.h"
#include "json.h"
#include "safetensors_format.h"

#define MAX_DEPTH 4

const char *const safetensors_codes[DT_COUNT] = {
	[DT_U8] = "U8",	  [DT_I8] = "I8",   [DT_I16] = "I16", [DT_I32] = "I32",
	[DT_I64] = "I64", [DT_F32] = "F32", [DT_F64] = "F64", [DT_BOOL] = "BOOL",
};

static const char *const entry_keys[] = { "dtype", "shape", "data_offsets" };

/* One tensor as the header describes it. */
struct entry {
	const char *name;
	enum dtype dtype;
	unsigned int ndim;
	size_t shape[ARRAY_MAX_DIMS];
	uint64_t begin, end; /* in the data that follows the header */
};

static int parse_numbers(const json_t *obj, const char *name, const char *key, size_t max,
			 uint64_t *ret, size_t *ret_n, struct err *e)
{
	const json_t *list = NULL;
	int r;

	r = json_require(obj, name, key, "save the file again", e);
	if (r < 0)
		return r;
	r = json_get_array(obj, name, key, max, &list, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *v = json_array_get(list, i);

		if (!json_is_integer(v) || json_integer_value(v) < 0)
			return err_set(e, -EINVAL, "%.64s.%s[%zu]: must be a whole number from 0",
				       name, key, i);
		ret[i] = (uint64_t)json_integer_value(v);
	}
	*ret_n = json_array_size(list);
	return 0;
}

static int parse_dtype(const json_t *obj, const char *name, enum dtype *ret, struct err *e)
{
	const char *code = json_string_value(json_object_get(obj, "dtype"));

	for (unsigned int t = 0; code && t < DT_COUNT; t++) {
		if (!strcmp(code, safetensors_codes[t])) {
			*ret = t;
			return 0;
		}
	}
	return err_set(e, -EOPNOTSUPP,
		       "%.64s.dtype: '%.16s' is not supported; save the tensor as F32 or F64", name,
		       code ? code : "");
}

/* Shape and dtype against the offsets, offsets against the size of the data. */
static int check_entry(const struct entry *t, uint64_t data_size, struct err *e)
{
	size_t count, bytes = 0;
	int r;

	r = array_bytes(t->dtype, t->ndim, t->shape, &count, &bytes, e);
	if (r < 0)
		return r;
	if (t->end > data_size || t->begin > t->end)
		return err_set(
			e, -EINVAL,
			"data_offsets %ju to %ju lie outside the %ju bytes of data; the file "
			"is truncated or damaged",
			(uintmax_t)t->begin, (uintmax_t)t->end, (uintmax_t)data_size);
	if (t->end - t->begin != bytes)
		return err_set(e, -EINVAL, "%ju bytes of data where the shape needs %zu",
			       (uintmax_t)(t->end - t->begin), bytes);
	if (t->begin % dtype_size(t->dtype))
		return err_set(e, -EINVAL,
			       "data_offsets begin at %ju, which is misaligned for %s; put wide "
			       "types first",
			       (uintmax_t)t->begin, safetensors_codes[t->dtype]);
	return 0;
}

static int parse_entry(const char *name, const json_t *obj, uint64_t data_size, struct entry *ret,
		       struct err *e)
{
	struct entry t = { .name = name };
	uint64_t shape[ARRAY_MAX_DIMS], offsets[2] = { 0 };
	size_t ndim = 0, n = 0;
	int r;

	r = json_check_object(obj, name, e);
	if (r < 0)
		return r;
	r = json_check_keys(obj, name, entry_keys, ARRAY_SIZE(entry_keys), e);
	if (r < 0)
		return r;
	r = parse_dtype(obj, name, &t.dtype, e);
	if (r < 0)
		return r;
	r = parse_numbers(obj, name, "shape", ARRAY_MAX_DIMS, shape, &ndim, e);
	if (r < 0)
		return r;
	r = parse_numbers(obj, name, "data_offsets", 2, offsets, &n, e);
	if (r < 0)
		return r;
	if (n != 2)
		return err_set(e, -EINVAL, "%.64s.data_offsets: must be two numbers", name);
	t.ndim = (unsigned int)ndim;
	for (size_t i = 0; i < ndim; i++)
		t.shape[i] = (size_t)shape[i];
	t.begin = offsets[0];
	t.end = offsets[1];
	r = check_entry(&t, data_size, e);
	if (r < 0) {
		err_prefix(e, name);
		return r;
	}
	*ret = t;
	return 0;
}

static int compare_entries(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;

	if (a->begin != b->begin)
		return a->begin < b->begin ? -1 : 1;
	if (a->end != b->end)
		return a->end < b->end ? -1 : 1;
	return strcmp(a->name, b->name);
}

/* Sorted by place, tensors must tile the data: neither overlaps nor holes, as the format demands. */
static int check_tiling(struct entry *entries, size_t n, uint64_t data_size, struct err *e)
{
	uint64_t at = 0;

	if (n)
		qsort(entries, n, sizeof(*entries), compare_entries);
	for (size_t i = 0; i < n; i++) {
		if (entries[i].begin != at)
			return err_set(e, -EINVAL, "%.64s: its data %s; save the file again",
				       entries[i].name,
				       entries[i].begin < at ? "overlaps another tensor's" :
							       "leave unused bytes before them");
		at = entries[i].end;
	}
	if (at != data_size)
		return err_set(e, -EINVAL, "%ju bytes follow the last tensor; save the file again",
			       (uintmax_t)(data_size - at));
	return 0;
}

static int check_metadata(const json_t *metadata, struct err *e)
{
	const char *key;
	json_t *value;

	if (!metadata)
		return 0;
	if (!json_is_object(metadata))
		return err_set(e, -EINVAL, SAFETENSORS_METADATA ": must be an object of strings");
	json_object_foreach((json_t *)metadata, key, value)
		if (!json_is_string(value))
			return err_set(e, -EINVAL, SAFETENSORS_METADATA ".%.64s: must be a string",
				       key);
	return 0;
}

static int parse_entries(const json_t *header, uint64_t data_size, struct entry **ret,
			 size_t *ret_n, struct err *e)
{
	_cleanup_free_ struct entry *entries = NULL;
	const char *key;
	json_t *value;
	size_t n = 0;
	int r;

	entries = alloc_zeroed(json_object_size(header), sizeof(*entries));
	if (!entries)
		return err_oom(e);
	json_object_foreach((json_t *)header, key, value) {
		if (!strcmp(key, SAFETENSORS_METADATA))
			continue;
		r = parse_entry(key, value, data_size, &entries[n], e);
		if (r < 0)
			return r;
		n++;
	}
	r = check_tiling(entries, n, data_size, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(entries);
	*ret_n = n;
	return 0;
}

static int read_header(int fd, json_t **ret, uint64_t *ret_data, uint64_t *ret_data_size,
		       struct err *e)
{
	_cleanup_free_ char *text = NULL;
	uint64_t size = 0, length = 0;
	int r;

	r = file_size(fd, &size, e);
	if (r < 0)
		return r;
	if (size < SAFETENSORS_PREFIX)
		return err_set(e, -EINVAL, "truncated: %ju bytes hold no safetensors header",
			       (uintmax_t)size);
	r = file_read_at(fd, &length, sizeof(length), 0, e);
	if (r < 0)
		return r;
	length = le64toh(length);
	if (length > SAFETENSORS_MAX_HEADER)
		return err_set(
			e, -EFBIG,
			"not a safetensors file, or a header of %ju bytes, above the limit of "
			"%zu",
			(uintmax_t)length, SAFETENSORS_MAX_HEADER);
	if (length > size - SAFETENSORS_PREFIX)
		return err_set(
			e, -EINVAL,
			"truncated: %ju bytes end inside the safetensors header; copy the file "
			"again",
			(uintmax_t)size);
	text = malloc((size_t)length + 1);
	if (!text)
		return err_oom(e);
	r = file_read_at(fd, text, (size_t)length, SAFETENSORS_PREFIX, e);
	if (r < 0)
		return r;
	r = json_parse_limited(text, (size_t)length, SAFETENSORS_MAX_HEADER, MAX_DEPTH, ret, e);
	if (r < 0) {
		err_prefix(e, "safetensors header");
		return r;
	}
	*ret_data = SAFETENSORS_PREFIX + length;
	*ret_data_size = size - *ret_data;
	return 0;
}

static int read_tensors(int fd, uint64_t data, const struct entry *entries, size_t n,
			struct safetensors *s, struct err *e)
{
	int r;

	for (size_t i = 0; i < n; i++) {
		const struct entry *t = &entries[i];
		_cleanup_array_ struct array a = { 0 };

		r = array_new(&a, t->dtype, t->ndim, t->shape, e);
		if (r < 0)
			return r;
		r = file_read_at(fd, a.data, (size_t)(t->end - t->begin), data + t->begin, e);
		if (r < 0)
			return r;
		r = safetensors_add(s, t->name, &a, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_file(int fd, struct safetensors *ret, struct err *e)
{
	_cleanup_(safetensors_free) struct safetensors s = { 0 };
	_cleanup_free_ struct entry *entries = NULL;
	_cleanup_json_ json_t *header = NULL;
	uint64_t data = 0, data_size = 0;
	size_t n = 0;
	int r;

	r = read_header(fd, &header, &data, &data_size, e);
	if (r < 0)
		return r;
	r = json_check_object(header, "", e);
	if (r < 0)
		return r;
	r = check_metadata(json_object_get(header, SAFETENSORS_METADATA), e);
	if (r < 0)
		return r;
	r = parse_entries(header, data_size, &entries, &n, e);
	if (r < 0)
		return r;
	r = read_tensors(fd, data, entries, n, &s, e);
	if (r < 0)
		return r;
	s.metadata = json_incref(json_object_get(header, SAFETENSORS_METADATA));
	*ret = s;
	s = (struct safetensors){ 0 };
	return 0;
}

int safetensors_read(int fd, const char *name, struct safetensors *ret, struct err *e)
{
	int r;

	r = read_file(fd, ret, e);
	if (r < 0)
		err_prefix(e, name);
	return r;
}

const struct array *safetensors_get(const struct safetensors *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++)
		if (!strcmp(s->tensors[i].name, name))
			return &s->tensors[i].array;
	return NULL;
}

/* Room for one more; capacities are the powers of two. */
static int reserve(struct safetensors *s, struct err *e)
{
	struct tensor *grown;
	size_t bytes;

	if (s->count & (s->count - 1))
		return 0;
	if (!size_mul(MAX(s->count, (size_t)1) * 2, sizeof(*grown), &bytes))
		return err_oom(e);
	grown = realloc(s->tensors, bytes);
	if (!grown)
		return err_oom(e);
	s->tensors = grown;
	return 0;
}

int safetensors_add(struct safetensors *s, const char *name, struct array *a, struct err *e)
{
	char *copy;
	int r;

	r = reserve(s, e);
	if (r < 0)
		return r;
	copy = strdup(name);
	if (!copy)
		return err_oom(e);
	s->tensors[s->count++] = (struct tensor){ .name = copy, .array = *a };
	*a = (struct array){ 0 };
	return 0;
}

void safetensors_free(struct safetensors *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->tensors[i].name);
		array_free(&s->tensors[i].array);
	}
	free(s->tensors);
	json_decref(s->metadata);
	*s = (struct safetensors){ 0 };
}
