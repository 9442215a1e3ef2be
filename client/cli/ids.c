// SPDX-License-Identifier: MIT
#include <string.h>

#include "ids.h"

#define HINT "`pbit queue --all` lists the jobs"

/* Moves *text on behind the digits. */
static bool read_id(const char **text, uint64_t *ret)
{
	unsigned long long id;
	char *end;

	if ((*text)[0] < '0' || (*text)[0] > '9')
		return false;
	errno = 0;
	id = strtoull(*text, &end, 10);
	if (errno || id == 0)
		return false;
	*text = end;
	*ret = id;
	return true;
}

/* One number or range, up to a comma or the end. */
static int read_range(const char **at, const char *whole, struct id_range *ret, struct err *e)
{
	struct id_range x = { 0 };
	bool well = read_id(at, &x.first);

	x.last = x.first;
	x.range = well && **at == '-';
	if (x.range) {
		++*at;
		well = read_id(at, &x.last);
	}
	if (!well || (**at && **at != ','))
		return err_set(e, -EINVAL,
			       "'%s' is not a job number, nor a range like 12-15; " HINT, whole);
	if (x.last < x.first)
		return err_set(e, -EINVAL, "'%s': the range ends before it begins", whole);
	*ret = x;
	return 0;
}

int ids_parse(const char *text, struct id_ranges *r, struct err *e)
{
	const char *at = text;

	for (;;) {
		struct id_range x, *grown;
		int code = read_range(&at, text, &x, e);

		if (code < 0)
			return code;
		grown = reallocarray(r->range, r->count + 1, sizeof(*grown));
		if (!grown)
			return err_oom(e);
		r->range = grown;
		r->range[r->count++] = x;
		if (!*at)
			return 0;
		at++;
	}
}

int ids_parse_list(const char *what, const char *text, size_t max, uint64_t *ret, size_t *ret_count,
		   struct err *e)
{
	const char *at = text;
	size_t n = *ret_count;

	for (;;) {
		uint64_t id;

		if (!read_id(&at, &id) || (*at && *at != ','))
			return err_set(e, -EINVAL,
				       "%s: '%s' is not a job number, or several with commas "
				       "between; " HINT,
				       what, text);
		if (n == max)
			return err_set(e, -EINVAL, "%s: more than %zu jobs to wait for", what, max);
		ret[n++] = id;
		if (!*at)
			break;
		at++;
	}
	*ret_count = n;
	return 0;
}

void ids_free(struct id_ranges *r)
{
	free(r->range);
	*r = (struct id_ranges){ 0 };
}
