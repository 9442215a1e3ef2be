// SPDX-License-Identifier: MIT
/* Bounded parsing and strict getters over jansson. */
#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "nearest.h"

/* Up to the first byte that is no JSON this agrees with the parser; there the parser stops. */
static int check_depth(const char *text, size_t size, unsigned int max_depth, struct err *e)
{
	size_t line = 1, column = 0, depth = 0;
	bool string = false;

	for (size_t i = 0; i < size; i++) {
		char c = text[i];

		column++;
		if (string) {
			if (c == '\\' && i + 1 < size) {
				i++;
				column++;
			} else if (c == '"') {
				string = false;
			}
		} else if (c == '"') {
			string = true;
		} else if (c == '\n') {
			line++;
			column = 0;
		} else if (c == '{' || c == '[') {
			if (++depth > max_depth)
				return err_set(
					e, -EINVAL,
					"line %zu, column %zu: nested deeper than %u levels; "
					"flatten it",
					line, column, max_depth);
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return 0;
}

int json_parse_limited(const char *text, size_t size, size_t max_bytes, unsigned int max_depth,
		       json_t **ret, struct err *e)
{
	json_error_t error;
	json_t *j;
	int r;

	if (size > max_bytes)
		return err_set(e, -EFBIG, "%zu bytes of JSON are more than the limit of %zu", size,
			       max_bytes);
	if (size == 0)
		return err_set(e, -EINVAL, "empty; a JSON object was expected");
	r = check_depth(text, size, max_depth, e);
	if (r < 0)
		return r;
	j = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	/* Without a place it is no fault of the text: jansson got no memory. */
	if (!j && (error.line < 1 || json_error_code(&error) == json_error_out_of_memory))
		return err_oom(e);
	if (!j)
		return err_set(e, -EINVAL, "line %d, column %d: not valid JSON: %s", error.line,
			       error.column, error.text);
	*ret = j;
	return 0;
}

const char *json_place(char buf[static JSON_MAX_PATH], const char *path, const char *key)
{
	snprintf(buf, JSON_MAX_PATH, "%s%s%s", path, *path ? "." : "", key);
	return buf;
}

static int refuse(const char *path, const char *key, struct err *e, const char *fmt, ...)
	_printf_(4, 5);

static int refuse(const char *path, const char *key, struct err *e, const char *fmt, ...)
{
	char place[JSON_MAX_PATH], text[sizeof(e->text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(e, -EINVAL, "%s: %s", json_place(place, path, key), text);
}

static void list_words(char *buf, size_t size, const char *const *words, size_t n)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < n && used < size; i++) {
		const char *between = i == 0 ? "" : i + 1 == n ? " and " : ", ";
		int k = snprintf(buf + used, size - used, "%s'%s'", between, words[i]);

		used += k > 0 ? (size_t)k : 0;
	}
}

int json_check_keys(const json_t *obj, const char *path, const char *const *known, size_t n,
		    struct err *e)
{
	/* jansson's iteration does not change the object, though it takes it without const. */
	json_t *o = (json_t *)obj;
	char list[256];
	const char *key;
	json_t *value;

	json_object_foreach(o, key, value) {
		const char *nearest;
		size_t i = 0;

		while (i < n && strcmp(key, known[i]))
			i++;
		if (i < n)
			continue;
		nearest = nearest_word(key, known, n);
		if (nearest)
			return refuse(path, key, e, "unknown key; did you mean '%s'?", nearest);
		list_words(list, sizeof(list), known, n);
		return refuse(path, key, e, "unknown key; the keys known here are %s", list);
	}
	return 0;
}

int json_check_object(const json_t *obj, const char *path, struct err *e)
{
	if (!json_is_object(obj))
		return refuse("", *path ? path : "the top level", e,
			      "must be an object, { \"key\": value, ... }");
	return 0;
}

int json_require(const json_t *obj, const char *path, const char *key, const char *hint,
		 struct err *e)
{
	if (json_object_get(obj, key))
		return 0;
	return refuse(path, key, e, "missing; %s", hint);
}

int json_get_u64(const json_t *obj, const char *path, const char *key, uint64_t min, uint64_t max,
		 uint64_t *ret, struct err *e)
{
	const json_t *v = json_object_get(obj, key);
	json_int_t i;

	if (!v)
		return 0;
	if (!json_is_integer(v))
		return refuse(path, key, e,
			      "must be a whole number from %" PRIu64 " to %" PRIu64
			      ", with no point or exponent",
			      min, max);
	i = json_integer_value(v);
	if (i < 0 || (uint64_t)i < min || (uint64_t)i > max)
		return refuse(path, key, e,
			      "%" JSON_INTEGER_FORMAT " is out of range; give %" PRIu64
			      " to %" PRIu64,
			      i, min, max);
	*ret = (uint64_t)i;
	return 0;
}

int json_get_uint(const json_t *obj, const char *path, const char *key, unsigned int min,
		  unsigned int max, unsigned int *ret, struct err *e)
{
	uint64_t u = *ret;
	int r;

	r = json_get_u64(obj, path, key, min, max, &u, e);
	if (r < 0)
		return r;
	*ret = (unsigned int)u;
	return 0;
}

int json_get_real(const json_t *obj, const char *path, const char *key, double min, double max,
		  bool above_min, double *ret, struct err *e)
{
	const json_t *v = json_object_get(obj, key);
	double x;

	if (!v)
		return 0;
	if (!json_is_number(v))
		return refuse(path, key, e, "must be a number");
	x = json_number_value(v);
	if (!isfinite(x))
		return refuse(path, key, e, "must be a finite number");
	if (x > max || x < min || (above_min && !(x > min)))
		return refuse(path, key, e,
			      "%.10g is out of range; give a number %s %.10g and at most %.10g", x,
			      above_min ? "above" : "of at least", min, max);
	*ret = x;
	return 0;
}

int json_get_bool(const json_t *obj, const char *path, const char *key, bool *ret, struct err *e)
{
	const json_t *v = json_object_get(obj, key);

	if (!v)
		return 0;
	if (!json_is_boolean(v))
		return refuse(path, key, e, "must be true or false");
	*ret = json_is_true(v);
	return 0;
}

int json_get_string(const json_t *obj, const char *path, const char *key, size_t max_bytes,
		    char **ret, struct err *e)
{
	const json_t *v = json_object_get(obj, key);
	char *copy;

	if (!v)
		return 0;
	if (!json_is_string(v))
		return refuse(path, key, e, "must be a string in double quotes");
	if (json_string_length(v) == 0)
		return refuse(path, key, e, "must not be empty");
	if (json_string_length(v) > max_bytes)
		return refuse(path, key, e, "%zu bytes are more than the limit of %zu; shorten it",
			      json_string_length(v), max_bytes);
	copy = strdup(json_string_value(v));
	if (!copy)
		return err_oom(e);
	free(*ret);
	*ret = copy;
	return 0;
}

int json_get_word(const json_t *obj, const char *path, const char *key, const char *const *words,
		  size_t n, unsigned int *ret, struct err *e)
{
	const json_t *v = json_object_get(obj, key);
	const char *word, *nearest;
	char list[256];

	if (!v)
		return 0;
	list_words(list, sizeof(list), words, n);
	if (!json_is_string(v))
		return refuse(path, key, e, "must be a string, one of %s", list);
	word = json_string_value(v);
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(word, words[i])) {
			*ret = (unsigned int)i;
			return 0;
		}
	}
	nearest = nearest_word(word, words, n);
	if (nearest)
		return refuse(path, key, e, "'%.64s' is unknown; did you mean '%s'?", word,
			      nearest);
	return refuse(path, key, e, "'%.64s' is unknown; give one of %s", word, list);
}

int json_get_object(const json_t *obj, const char *path, const char *key, const json_t **ret,
		    struct err *e)
{
	const json_t *v = json_object_get(obj, key);
	char place[JSON_MAX_PATH];
	int r;

	if (!v)
		return 0;
	r = json_check_object(v, json_place(place, path, key), e);
	if (r < 0)
		return r;
	*ret = v;
	return 0;
}

int json_get_array(const json_t *obj, const char *path, const char *key, size_t max_items,
		   const json_t **ret, struct err *e)
{
	const json_t *v = json_object_get(obj, key);

	if (!v)
		return 0;
	if (!json_is_array(v))
		return refuse(path, key, e, "must be a list, [ ... ]");
	if (json_array_size(v) > max_items)
		return refuse(path, key, e, "%zu items are more than the limit of %zu",
			      json_array_size(v), max_items);
	*ret = v;
	return 0;
}
