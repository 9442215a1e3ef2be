// SPDX-License-Identifier: MIT
/* Tables of keys: reading and writing. */
#include "spec_field.h"

#include <string.h>

static int parse_field(const json_t *obj, const char *path, const struct field *f, void *base,
		       struct err *e)
{
	void *at = (char *)base + f->offset;

	switch (f->type) {
	case FIELD_UINT:
		return json_get_uint(obj, path, f->key, (unsigned int)f->min, (unsigned int)f->max,
				     at, e);
	case FIELD_REAL:
		return json_get_real(obj, path, f->key, f->min, f->max, false, at, e);
	case FIELD_ABOVE:
		return json_get_real(obj, path, f->key, f->min, f->max, true, at, e);
	case FIELD_PATH:
		return json_get_string(obj, path, f->key, SPEC_MAX_PATH, at, e);
	case FIELD_OTHER:
		break;
	}
	return 0;
}

int fields_parse(const json_t *obj, const char *path, const struct field *fields, size_t n,
		 void *base, struct err *e)
{
	const char *known[FIELDS_MAX] = { NULL };
	int r;

	if (n > FIELDS_MAX)
		return err_set(e, -EINVAL, "%s: a table of %zu keys is too long", path, n);
	for (size_t i = 0; i < n; i++)
		known[i] = fields[i].key;
	r = json_check_keys(obj, path, known, n, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		r = parse_field(obj, path, &fields[i], base, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static json_t *field_value(const struct field *f, const void *base)
{
	const void *at = (const char *)base + f->offset;

	switch (f->type) {
	case FIELD_UINT:
		return json_integer(*(const unsigned int *)at);
	case FIELD_REAL:
	case FIELD_ABOVE:
		return json_real(*(const double *)at);
	case FIELD_PATH:
		return json_string(*(char *const *)at);
	case FIELD_OTHER:
		break;
	}
	return NULL;
}

static bool absent(const struct field *f, const void *base)
{
	const void *at = (const char *)base + f->offset;

	return f->type == FIELD_OTHER || (f->type == FIELD_PATH && !*(char *const *)at);
}

int fields_write(json_t *obj, const struct field *fields, size_t n, const void *base)
{
	for (size_t i = 0; i < n; i++) {
		if (absent(&fields[i], base))
			continue;
		if (json_object_set_new(obj, fields[i].key, field_value(&fields[i], base)) < 0)
			return -ENOMEM;
	}
	return 0;
}
