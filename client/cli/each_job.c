// SPDX-License-Identifier: MIT
#include "each_job.h"

#include "ids.h"
#include "json.h"

struct run {
	const struct command *c;
	const struct each_job *verb;
	pbit *p;
	bool json;
	json_t *done;
	struct pbit_jobs *jobs; /* that wait or run; NULL until a range asks for them */
	int status;		/* of the first failure */
};

static void note(struct run *r, int status)
{
	r->status = r->status ? r->status : status;
}

static void note_done(struct run *r, uint64_t id)
{
	const struct each_job *v = r->verb;
	json_t *j = json_pack("{s:I, s:o}", "id", (json_int_t)id, v->key,
			      v->value ? json_string(v->value) : json_true());

	if (!r->json)
		printf("job %llu %s\n", (unsigned long long)id, v->done);
	if (json_array_append_new(r->done, j) < 0)
		note(r, fail(r->c, STATUS_FAILED, "out of memory"));
}

static void do_one(struct run *r, uint64_t id)
{
	int code = r->verb->call(r->p, id);

	if (code < 0)
		note(r, session_failed(r->c, r->p, code));
	else
		note_done(r, id);
}

static bool is_in(const struct id_range *x, uint64_t id)
{
	return id >= x->first && id <= x->last;
}

static bool has_ended(const struct pbit_job *j)
{
	return j->state != PBIT_QUEUED && j->state != PBIT_RUNNING;
}

static void do_range(struct run *r, const struct id_range *x)
{
	unsigned long long done = 0, denied = 0, first = x->first, last = x->last;
	int code = r->jobs ? 0 : pbit_list(r->p, r->verb->ended, &r->jobs);

	for (size_t i = 0; code >= 0 && i < r->jobs->count; i++) {
		uint64_t id = r->jobs->job[i].id;

		if (!is_in(x, id) || has_ended(&r->jobs->job[i]) != r->verb->ended)
			continue;
		code = r->verb->call(r->p, id);
		if (code >= 0) {
			note_done(r, id);
			done++;
			continue;
		}
		denied += code == -EACCES;
		/* It may have ended since it was listed. */
		if (code == -EACCES || code == -EALREADY || code == -ENOENT)
			code = 0;
	}
	if (code < 0)
		note(r, session_failed(r->c, r->p, code));
	else if (denied)
		note(r, fail(r->c, STATUS_FAILED, "%llu-%llu: %llu %s not yours, and %s left alone",
			     first, last, denied, denied == 1 ? "job is" : "jobs are",
			     denied == 1 ? "was" : "were"));
	else if (!done)
		note(r, fail(r->c, STATUS_FAILED, "%llu-%llu: none of these jobs %s", first, last,
			     r->verb->ended ? "has ended" : "waits or runs"));
}

int each_job(const struct command *c, const struct each_job *verb, bool json, int argc, char **argv)
{
	_cleanup_json_ json_t *done = json_array();
	_cleanup_ids_ struct id_ranges ids = { 0 };
	_cleanup_pbit_ pbit *p = NULL;
	struct run r = { .c = c, .verb = verb, .json = json, .done = done };
	struct err e = { 0 };
	int status;

	for (int i = 0; i < argc; i++)
		if (ids_parse(argv[i], &ids, &e) < 0)
			return fail(c, STATUS_USAGE, "%s", e.text);
	status = session_open(c, &p);
	if (status)
		return status;
	r.p = p;
	for (size_t i = 0; i < ids.count && r.status != STATUS_UNREACHABLE; i++) {
		if (ids.range[i].range)
			do_range(&r, &ids.range[i]);
		else
			do_one(&r, ids.range[i].first);
	}
	pbit_jobs_free(r.jobs);
	if (json)
		note(&r, print_json(c, done, false));
	return r.status;
}
