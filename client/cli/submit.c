// SPDX-License-Identifier: MIT
#include <string.h>

#include "json.h"
#include "spec_array.h"
#include "specfile.h"
#include "submit.h"

/* Before a daemon is looked for: a mistake is told even without one. */
static int check(const struct command *c, const char *text, const char *where,
		 const struct queueing_options *q)
{
	_cleanup_spec_array_ struct spec_array a = { 0 };
	_cleanup_(spec_freep) struct spec *parsed = NULL;
	struct err e = { 0 };
	int r;

	if (!q->array_count) {
		r = spec_parse(text, strlen(text), &parsed, &e);
	} else {
		r = spec_array_parse(text, q->array_key, q->array_values, &a, &e);
		for (size_t i = 1; r >= 0 && i < a.count; i++)
			r = spec_array_get(&a, i, NULL, NULL, &e);
	}
	if (r >= 0)
		return STATUS_DONE;
	return fail(c, STATUS_USAGE, "%s%s%s", where ? where : "", where ? ": " : "", e.text);
}

int submit_spec(const struct command *c, const json_t *spec, const char *where, const char *dir,
		const struct queueing *given, pbit **ret_p, struct submitted *ret)
{
	_cleanup_queueing_ struct queueing_options q = { 0 };
	_cleanup_free_ char *text = NULL;
	_cleanup_pbit_ pbit *p = NULL;
	struct err e = { 0 };
	uint64_t first;
	int r, status;

	if (queueing_parse(given, &q, &e) < 0)
		return fail(c, STATUS_USAGE, "%s", e.text);
	text = json_dumps(spec, JSON_COMPACT);
	if (!text)
		return fail(c, STATUS_FAILED, "out of memory");
	status = check(c, text, where, &q);
	if (!status)
		status = session_open(c, &p);
	if (status)
		return status;
	r = pbit_submit_with(p, text, dir, &q.options, &first);
	/* EACCES is a file that cannot be read as well as a daemon that refuses. */
	if (r == -EACCES)
		return fail(c, STATUS_USAGE, "%s", pbit_error(p));
	if (r < 0)
		return session_failed(c, p, r);
	*ret = (struct submitted){ .first = first, .count = q.array_count };
	*ret_p = TAKE_PTR(p);
	return STATUS_DONE;
}

static int apply(json_t *spec, const struct submission *s, struct err *e)
{
	int r = specfile_set_uint(spec, "seed", s->seed, e);

	for (size_t i = 0; r >= 0 && i < s->set->count; i++)
		r = specfile_set(spec, s->set->items[i], e);
	if (r >= 0)
		r = specfile_set_text(spec, "device.name", s->device, e);
	if (r < 0 || !s->kind)
		return r;
	if (!json_object_get(spec, "kind"))
		return json_object_set_new(spec, "kind", json_string(s->kind)) < 0 ? err_oom(e) : 0;
	return 0;
}

int submit_file(const struct command *c, const struct submission *s, pbit **ret_p,
		struct submitted *ret)
{
	_cleanup_json_ json_t *spec = NULL;
	_cleanup_free_ char *dir = NULL;
	struct err e = { 0 };
	const char *kind;

	if (specfile_read(s->path, &spec, &dir, &e) < 0 || apply(spec, s, &e) < 0)
		return fail(c, STATUS_USAGE, "%s", e.text);
	kind = json_string_value(json_object_get(spec, "kind"));
	if (s->kind && kind && strcmp(kind, s->kind) != 0)
		return fail(c, STATUS_USAGE,
			    "%s is a spec of kind '%s', not '%s'; `pbit submit` takes any kind",
			    s->path, kind, s->kind);
	return submit_spec(c, spec, strcmp(s->path, "-") == 0 ? "stdin" : s->path, dir, s->queueing,
			   ret_p, ret);
}

int print_submitted(const struct command *c, const struct submitted *s, bool json, bool stream)
{
	_cleanup_json_ json_t *j = NULL;
	unsigned long long first = s->first;

	if (!json) {
		if (s->count > 1)
			printf("jobs %llu-%llu queued\n", first, first + s->count - 1);
		else
			printf("job %llu queued\n", first);
		fflush(stdout);
		return STATUS_DONE;
	}
	j = json_pack("{s:I}", "id", (json_int_t)s->first);
	if (j && s->count && json_object_set_new(j, "count", json_integer((json_int_t)s->count)))
		return fail(c, STATUS_FAILED, "out of memory");
	return j ? print_json(c, j, stream) : fail(c, STATUS_FAILED, "out of memory");
}
