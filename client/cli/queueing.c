// SPDX-License-Identifier: MIT
#include "queueing.h"

#include <string.h>

#include "ids.h"
#include "json.h"
#include "spec_array.h"
#include "when.h"

static const char *const bands[] = { "low", "normal", "high" };

/* "1..10"; false for anything else. */
static bool is_range(const char *text, long long *first, long long *last)
{
	char *end;

	errno = 0;
	*first = strtoll(text, &end, 10);
	if (end == text || errno || end[0] != '.' || end[1] != '.')
		return false;
	text = end + 2;
	*last = strtoll(text, &end, 10);
	return end != text && !*end && !errno;
}

static int add_range(json_t *values, const char *text, long long first, long long last,
		     struct err *e)
{
	unsigned long long n;

	if (last < first)
		return err_set(e, -EINVAL, "--array: '%s' ends before it begins", text);
	n = (unsigned long long)last - (unsigned long long)first;
	if (n >= SPEC_MAX_ARRAY)
		return err_set(e, -EINVAL, "--array: '%s' is more than %d jobs", text,
			       SPEC_MAX_ARRAY);
	for (long long i = 0; i <= (long long)n; i++)
		if (json_array_append_new(values, json_integer(first + i)) < 0)
			return err_oom(e);
	return 0;
}

/* JSON where it is a number, a boolean or a quoted string; else the word itself. */
static int add_word(json_t *values, const char *text, size_t n, struct err *e)
{
	json_t *value = json_loadb(text, n, JSON_DECODE_ANY, NULL);

	if (value && !json_is_number(value) && !json_is_boolean(value) && !json_is_string(value)) {
		json_decref(value);
		value = NULL;
	}
	if (n == 0)
		return err_set(e, -EINVAL, "--array: a value is missing before or after a comma");
	if (!value)
		value = json_stringn(text, n);
	if (!value)
		return err_set(e, -EINVAL, "--array: a value is not UTF-8");
	return json_array_append_new(values, value) < 0 ? err_oom(e) : 0;
}

static int add_words(json_t *values, const char *text, struct err *e)
{
	for (;;) {
		size_t n = strcspn(text, ",");
		int r = add_word(values, text, n, e);

		if (r < 0 || !text[n])
			return r;
		text += n + 1;
	}
}

int queueing_parse_array(const char *text, char **ret_key, char **ret_values, size_t *ret_count,
			 struct err *e)
{
	_cleanup_free_ char *key = NULL, *list = NULL;
	_cleanup_json_ json_t *values = NULL;
	const char *sign = strchr(text, '=');
	long long first, last;
	int r = 0;

	if (!sign || sign == text || !sign[1])
		return err_set(e, -EINVAL,
			       "--array: '%s' is not KEY=VALUES, for instance seed=1..10", text);
	/* A list in JSON: for values with commas in them. */
	values = sign[1] == '[' ? json_loads(sign + 1, 0, NULL) : NULL;
	if (!values) {
		values = json_array();
		r = is_range(sign + 1, &first, &last) ?
			    add_range(values, sign + 1, first, last, e) :
			    add_words(values, sign + 1, e);
	}
	if (r < 0)
		return r;
	if (json_array_size(values) == 0 || json_array_size(values) > SPEC_MAX_ARRAY)
		return err_set(e, -EINVAL, "--array: %zu values; give 1 to %d",
			       json_array_size(values), SPEC_MAX_ARRAY);
	key = strndup(text, (size_t)(sign - text));
	list = json_dumps(values, JSON_COMPACT);
	if (!key || !list)
		return err_oom(e);
	*ret_key = TAKE_PTR(key);
	*ret_values = TAKE_PTR(list);
	*ret_count = json_array_size(values);
	return 0;
}

static int parse_band(const char *text, const char **ret, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(bands); i++) {
		if (strcmp(text, bands[i]) != 0)
			continue;
		*ret = bands[i];
		return 0;
	}
	return err_set(e, -EINVAL, "--band: '%s' is none; there are low, normal and high", text);
}

static int parse_limit(const char *text, uint32_t *ret, struct err *e)
{
	uint64_t seconds = 0;
	int r = when_duration("--time", text, &seconds, e);

	if (r < 0)
		return r;
	if (seconds == 0 || seconds > UINT32_MAX)
		return err_set(e, -EINVAL, "--time: '%s' is not between 1 s and 100 years", text);
	*ret = (uint32_t)seconds;
	return 0;
}

static int parse_after(const char *what, const struct option_list *list, uint64_t *ids,
		       size_t *ret_count, struct err *e)
{
	int r = 0;

	*ret_count = 0;
	for (size_t i = 0; r >= 0 && i < list->count; i++)
		r = ids_parse_list(what, list->items[i], QUEUEING_MAX_AFTER, ids, ret_count, e);
	return r;
}

int queueing_parse(const struct queueing *q, struct queueing_options *ret, struct err *e)
{
	struct pbit_submit_options *o = &ret->options;
	int r = 0;

	*ret = (struct queueing_options){ .options = { .size = sizeof(*o), .hold = q->hold } };
	o->after_ok = ret->after;
	o->after_any = ret->after_any;
	if (q->band)
		r = parse_band(q->band, &o->band, e);
	if (r >= 0 && q->time)
		r = parse_limit(q->time, &o->time_limit, e);
	if (r >= 0)
		r = parse_after("--after", &q->after, ret->after, &o->n_after_ok, e);
	if (r >= 0)
		r = parse_after("--after-any", &q->after_any, ret->after_any, &o->n_after_any, e);
	if (r >= 0 && q->array)
		r = queueing_parse_array(q->array, &ret->array_key, &ret->array_values,
					 &ret->array_count, e);
	o->array_key = ret->array_key;
	o->array_values = ret->array_values;
	return r;
}

void queueing_free(struct queueing_options *q)
{
	free(q->array_key);
	free(q->array_values);
}
