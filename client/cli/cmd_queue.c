// SPDX-License-Identifier: MIT
#include "cli.h"
#include "json.h"
#include "table.h"

struct options {
	bool json, all;
};

static const struct option_row rows[] = {
	{ 'a', "all", OPTION_FLAG, offsetof(struct options, all), NULL,
	  "jobs that have ended as well" },
	{ 'j', "json", OPTION_FLAG, offsetof(struct options, json), NULL,
	  "an array of objects: id, user, kind, name, state, progress, position, reason ..." },
	{ 0 },
};

static void jobs_freep(struct pbit_jobs **jobs)
{
	pbit_jobs_free(*jobs);
}

static json_t *job_to_json(const struct pbit_job *j)
{
	return json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:f, s:I, s:s, s:I, s:I, s:I}", "id",
			 (json_int_t)j->id, "uid", (json_int_t)j->uid, "user", j->user, "kind",
			 j->kind, "name", j->name, "state", pbit_state_name(j->state), "progress",
			 j->progress, "position", (json_int_t)j->position, "reason", j->reason,
			 "submitted", (json_int_t)j->submitted, "started", (json_int_t)j->started,
			 "finished", (json_int_t)j->finished);
}

static int print_as_json(const struct command *c, const struct pbit_jobs *jobs)
{
	_cleanup_json_ json_t *list = json_array();

	for (size_t i = 0; i < jobs->count; i++)
		if (json_array_append_new(list, job_to_json(&jobs->job[i])) < 0)
			return fail(c, STATUS_FAILED, "out of memory");
	return print_json(c, list, false);
}

static int print_as_table(const struct command *c, const struct pbit_jobs *jobs)
{
	static const char *const headings[] = { ">id",	     "user",	  "kind",   "name", "state",
						">progress", ">position", "reason", NULL };
	_cleanup_table_ struct table t = { 0 };

	table_begin(&t, headings);
	for (size_t i = 0; i < jobs->count; i++) {
		const struct pbit_job *j = &jobs->job[i];

		table_cell(&t, "%llu", (unsigned long long)j->id);
		table_cell(&t, "%s", j->user);
		table_cell(&t, "%s", j->kind);
		table_cell(&t, "%s", j->name[0] ? j->name : "-");
		table_cell(&t, "%s", pbit_state_name(j->state));
		table_cell(&t, "%.0f %%", 100 * j->progress);
		if (j->position)
			table_cell(&t, "%u", j->position);
		else
			table_cell(&t, "-");
		table_cell(&t, "%s", j->reason);
	}
	return table_print(&t, "", stdout) < 0 ? fail(c, STATUS_FAILED, "out of memory") :
						 STATUS_DONE;
}

static int run(const struct command *c, void *options, int argc, char **argv)
{
	_cleanup_(jobs_freep) struct pbit_jobs *jobs = NULL;
	_cleanup_pbit_ pbit *p = NULL;
	struct options *o = options;
	int r, status;

	(void)argc, (void)argv;
	status = session_open(c, &p);
	if (status)
		return status;
	r = pbit_list(p, o->all, &jobs);
	if (r < 0)
		return session_failed(c, p, r);
	return o->json ? print_as_json(c, jobs) : print_as_table(c, jobs);
}

const struct command cmd_queue = {
	.name = "queue",
	.arguments = "",
	.summary = "list the jobs that wait or run, and why they wait",
	.details =
		"Position 1 runs next. Times in --json are microseconds since 1970, 0 for not yet.",
	.options = rows,
	.options_size = sizeof(struct options),
	.run = run,
};
