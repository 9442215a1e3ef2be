// SPDX-License-Identifier: MIT
#include <string.h>

#include "json.h"
#include "spec.h"
#include "specfile.h"
#include "submit.h"

int submit_spec(const struct command *c, const json_t *spec, const char *where, const char *dir,
		pbit **ret_p, uint64_t *ret_id)
{
	_cleanup_(spec_freep) struct spec *parsed = NULL;
	_cleanup_free_ char *text = NULL;
	_cleanup_pbit_ pbit *p = NULL;
	struct err e = { 0 };
	int r, status;

	text = json_dumps(spec, JSON_COMPACT);
	if (!text)
		return fail(c, STATUS_FAILED, "out of memory");
	/* Before a daemon is looked for: a mistake in the spec is told even without one. */
	if (spec_parse(text, strlen(text), &parsed, &e) < 0)
		return fail(c, STATUS_USAGE, "%s%s%s", where ? where : "", where ? ": " : "",
			    e.text);
	status = session_open(c, &p);
	if (status)
		return status;
	r = pbit_submit(p, text, dir, ret_id);
	/* EACCES is a file that cannot be read as well as a daemon that refuses. */
	if (r == -EACCES)
		return fail(c, STATUS_USAGE, "%s", pbit_error(p));
	if (r < 0)
		return session_failed(c, p, r);
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

int submit_file(const struct command *c, const struct submission *s, pbit **ret_p, uint64_t *ret_id)
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
	return submit_spec(c, spec, strcmp(s->path, "-") == 0 ? "stdin" : s->path, dir, ret_p,
			   ret_id);
}

int print_submitted(const struct command *c, uint64_t id, bool json, bool stream)
{
	_cleanup_json_ json_t *j = NULL;

	if (!json) {
		printf("job %llu queued\n", (unsigned long long)id);
		fflush(stdout);
		return STATUS_DONE;
	}
	j = json_pack("{s:I}", "id", (json_int_t)id);
	return j ? print_json(c, j, stream) : fail(c, STATUS_FAILED, "out of memory");
}
