// SPDX-License-Identifier: MIT
#include "spec_array.h"

#include <string.h>

#include "json.h"
#include "json_path.h"

#define MAX_SHOWN 40 /* bytes of a value in a sentence */

static bool is_scalar(const json_t *j)
{
	return json_is_number(j) || json_is_string(j) || json_is_boolean(j);
}

static int parse_values(const char *text, json_t **ret, struct err *e)
{
	_cleanup_json_ json_t *values = NULL;
	size_t n;
	int r = json_parse_limited(text, strlen(text), SPEC_MAX_ARRAY_BYTES, 2, &values, e);

	if (r < 0) {
		err_prefix(e, "array values");
		return r;
	}
	n = json_array_size(values);
	if (n == 0 || n > SPEC_MAX_ARRAY)
		return err_set(e, -EINVAL, "array values: give a list of 1 to %d values, not %zu",
			       SPEC_MAX_ARRAY, n);
	for (size_t i = 0; i < n; i++)
		if (!is_scalar(json_array_get(values, i)))
			return err_set(e, -EINVAL,
				       "array value %zu: must be a number, a string or a boolean",
				       i + 1);
	*ret = TAKE_PTR(values);
	return 0;
}

/* "array value 3, 0.5" */
static int blame(const struct spec_array *a, size_t i, int r, struct err *e)
{
	_cleanup_free_ char *value = json_dumps(json_array_get(a->values, i), JSON_ENCODE_ANY);
	char where[MAX_SHOWN + 48];

	snprintf(where, sizeof(where), "array value %zu, %.*s", i + 1, MAX_SHOWN,
		 value ? value : "?");
	err_prefix(e, where);
	return r;
}

static bool same_files(const struct spec *a, const struct spec *b)
{
	const char *left[SPEC_MAX_FILES], *right[SPEC_MAX_FILES];
	size_t n = spec_files(a, left);

	if (spec_files(b, right) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(left[i], right[i]) != 0)
			return false;
	return true;
}

static int set_value(const struct spec_array *a, size_t i, char **ret, struct err *e)
{
	_cleanup_json_ json_t *root = json_deep_copy(a->root);
	int r;

	if (!root)
		return err_oom(e);
	r = json_set_path(root, a->key, json_incref(json_array_get(a->values, i)), e);
	if (r < 0)
		return r;
	*ret = json_dumps(root, JSON_COMPACT);
	return *ret ? 0 : err_oom(e);
}

int spec_array_get(const struct spec_array *a, size_t i, char **ret_text, struct spec **ret,
		   struct err *e)
{
	_cleanup_(spec_freep) struct spec *s = NULL;
	_cleanup_free_ char *text = NULL;
	int r = set_value(a, i, &text, e);

	if (r >= 0)
		r = spec_parse(text, strlen(text), &s, e);
	if (r >= 0 && a->first && !same_files(a->first, s))
		r = err_set(e, -EINVAL,
			    "%s: the jobs of an array share their files; submit these one by one",
			    a->key);
	if (r < 0)
		return blame(a, i, r, e);
	if (ret_text)
		*ret_text = TAKE_PTR(text);
	if (ret)
		*ret = TAKE_PTR(s);
	return 0;
}

int spec_array_parse(const char *spec, const char *key, const char *values, struct spec_array *ret,
		     struct err *e)
{
	_cleanup_spec_array_ struct spec_array a = { 0 };
	int r;

	r = json_parse_limited(spec, strlen(spec), SPEC_MAX_BYTES, SPEC_MAX_DEPTH, &a.root, e);
	if (r >= 0)
		r = json_check_object(a.root, "", e);
	if (r >= 0)
		r = parse_values(values, &a.values, e);
	if (r < 0)
		return r;
	a.count = json_array_size(a.values);
	a.key = strdup(key);
	if (!a.key)
		return err_oom(e);
	r = spec_array_get(&a, 0, NULL, &a.first, e);
	if (r < 0)
		return r;
	*ret = a;
	a = (struct spec_array){ 0 };
	return 0;
}

void spec_array_free(struct spec_array *a)
{
	json_decref(a->root);
	json_decref(a->values);
	free(a->key);
	spec_freep(&a->first);
	*a = (struct spec_array){ 0 };
}
