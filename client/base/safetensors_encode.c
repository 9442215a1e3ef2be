// SPDX-License-Identifier: MIT
/* safetensors out: the same tensors give the same bytes, so that files can be compared. */
#include <endian.h>
#include <string.h>

#include "json.h"
#include "safetensors.h"
#include "safetensors_format.h"

#define ALIGN 8 /* of the data in the file: the header is padded with spaces */

static int compare_names(const void *pa, const void *pb)
{
	return strcmp(*(const char *const *)pa, *(const char *const *)pb);
}

/* A copy with the keys in order; jansson writes keys in the order in which they were set. */
static int sorted_metadata(const json_t *metadata, json_t **ret, struct err *e)
{
	_cleanup_json_ json_t *sorted = json_object();
	_cleanup_free_ const char **keys = NULL;
	size_t n = 0;
	const char *key;
	json_t *value;

	keys = alloc_zeroed(json_object_size(metadata), sizeof(*keys));
	if (!keys || !sorted)
		return err_oom(e);
	json_object_foreach((json_t *)metadata, key, value) {
		if (!json_is_string(value))
			return err_set(e, -EINVAL, SAFETENSORS_METADATA ".%.64s: must be a string",
				       key);
		keys[n++] = key;
	}
	if (n)
		qsort(keys, n, sizeof(*keys), compare_names);
	for (size_t i = 0; i < n; i++)
		if (json_object_set(sorted, keys[i], json_object_get(metadata, keys[i])) < 0)
			return err_oom(e);
	*ret = TAKE_PTR(sorted);
	return 0;
}

/* begin is where the tensor's data lies behind the header; *ret_end is where it ends. */
static int describe(const struct tensor *t, size_t begin, json_t **ret, size_t *ret_end,
		    struct err *e)
{
	_cleanup_json_ json_t *shape = json_array();
	const struct array *a = &t->array;
	size_t count, bytes = 0, end;
	int r;

	r = array_bytes(a->dtype, a->ndim, a->shape, &count, &bytes, e);
	if (r < 0)
		return r;
	if (begin % dtype_size(a->dtype))
		return err_set(e, -EINVAL,
			       "misaligned behind narrower tensors; add wide types first");
	if (!size_add(begin, bytes, &end) || end > INT64_MAX)
		return err_set(e, -EOVERFLOW, "the tensors are too large for one file");
	for (unsigned int i = 0; i < a->ndim; i++)
		if (json_array_append_new(shape, json_integer((json_int_t)a->shape[i])) < 0)
			return err_oom(e);
	*ret = json_pack("{s:s, s:O, s:[I, I]}", "dtype", safetensors_codes[a->dtype], "shape",
			 shape, "data_offsets", (json_int_t)begin, (json_int_t)end);
	if (!*ret)
		return err_oom(e);
	*ret_end = end;
	return 0;
}

static int describe_all(const struct safetensors *s, json_t *header, size_t *ret_data_size,
			struct err *e)
{
	size_t at = 0;
	int r;

	for (size_t i = 0; i < s->count; i++) {
		const char *name = s->tensors[i].name;
		json_t *entry = NULL;

		if (!strcmp(name, SAFETENSORS_METADATA) || json_object_get(header, name))
			return err_set(e, -EEXIST, "%.64s: this tensor name is taken; rename it",
				       name);
		r = describe(&s->tensors[i], at, &entry, &at, e);
		if (r < 0) {
			err_prefix(e, name);
			return r;
		}
		/* Refused here: names that are not UTF-8. */
		if (json_object_set_new(header, name, entry) < 0)
			return err_set(e, -EINVAL, "%.64s: cannot be a tensor's name", name);
	}
	*ret_data_size = at;
	return 0;
}

static int make_header(const struct safetensors *s, char **ret, size_t *ret_data_size,
		       struct err *e)
{
	_cleanup_json_ json_t *header = json_object();
	json_t *metadata = NULL;
	char *text;
	int r;

	if (!header)
		return err_oom(e);
	if (s->metadata) {
		r = sorted_metadata(s->metadata, &metadata, e);
		if (r < 0)
			return r;
		if (json_object_set_new(header, SAFETENSORS_METADATA, metadata) < 0)
			return err_oom(e);
	}
	r = describe_all(s, header, ret_data_size, e);
	if (r < 0)
		return r;
	text = json_dumps(header, JSON_COMPACT);
	if (!text)
		return err_oom(e);
	*ret = text;
	return 0;
}

int safetensors_encode(const struct safetensors *s, void **ret_buf, size_t *ret_size, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t data_size = 0, length, padded, total;
	uint64_t prefix;
	uint8_t *p, *at;
	int r;

	r = make_header(s, &text, &data_size, e);
	if (r < 0)
		return r;
	length = strlen(text);
	padded = (length + ALIGN - 1) / ALIGN * ALIGN;
	if (!size_add(SAFETENSORS_PREFIX + padded, data_size, &total))
		return err_oom(e);
	p = malloc(total);
	if (!p)
		return err_oom(e);
	prefix = htole64(padded);
	memcpy(p, &prefix, SAFETENSORS_PREFIX);
	memcpy(p + SAFETENSORS_PREFIX, text, length);
	memset(p + SAFETENSORS_PREFIX + length, ' ', padded - length);
	at = p + SAFETENSORS_PREFIX + padded;
	for (size_t i = 0; i < s->count; i++) {
		const struct array *a = &s->tensors[i].array;
		size_t bytes = a->count * dtype_size(a->dtype);

		if (bytes)
			memcpy(at, a->data, bytes);
		at += bytes;
	}
	*ret_buf = p;
	*ret_size = total;
	return 0;
}
