// SPDX-License-Identifier: MIT
#include <string.h>

#include "cli.h"
#include "job_row.h"
#include "json.h"
#include "table.h"
#include "terminal.h"

struct options {
	bool json, all;
	const char *user, *states;
};

/* Which rows are shown. */
struct filter {
	const char *user; /* NULL: all */
	bool states;	  /* only those of which state[] is set */
	bool state[PBIT_CANCELLED + 1];
};

static const struct option_row rows[] = {
	{ 'a', "all", OPTION_FLAG, offsetof(struct options, all), NULL,
	  "jobs that have ended as well" },
	{ 'u', "user", OPTION_STRING, offsetof(struct options, user), "USER",
	  "jobs of that user alone" },
	{ 's', "state", OPTION_STRING, offsetof(struct options, states), "STATE[,STATE]",
	  "jobs in these states: queued, running, done, failed, cancelled" },
	{ 'j', "json", OPTION_FLAG, offsetof(struct options, json), NULL,
	  "an array of objects: id, user, kind, name, state, progress, position, reason ..." },
	{ 0 },
};

static void jobs_freep(struct pbit_jobs **jobs)
{
	pbit_jobs_free(*jobs);
}

/* The state that the first n bytes of text name. */
static bool state_of(const char *text, size_t n, enum pbit_state *ret)
{
	for (enum pbit_state s = PBIT_QUEUED; s <= PBIT_CANCELLED; s++) {
		if (strlen(pbit_state_name(s)) != n || strncmp(pbit_state_name(s), text, n) != 0)
			continue;
		*ret = s;
		return true;
	}
	return false;
}

/* Asking for jobs that have ended is asking for all. 0, or an exit status after a sentence. */
static int read_filter(const struct command *c, struct options *o, struct filter *ret)
{
	struct filter f = { .user = o->user, .states = o->states };

	for (const char *at = o->states; at;) {
		size_t n = strcspn(at, ",");
		enum pbit_state s;

		if (!state_of(at, n, &s))
			return fail(c, STATUS_USAGE,
				    "--state: '%.*s' is none; there are queued, running, done, "
				    "failed and cancelled",
				    (int)MIN(n, (size_t)100), at);
		f.state[s] = true;
		o->all = o->all || (s != PBIT_QUEUED && s != PBIT_RUNNING);
		at = at[n] ? at + n + 1 : NULL;
	}
	*ret = f;
	return STATUS_DONE;
}

static bool is_shown(const struct filter *f, const struct pbit_job *j)
{
	return (!f->user || strcmp(f->user, j->user) == 0) && (!f->states || f->state[j->state]);
}

static int print_as_json(const struct command *c, const struct pbit_jobs *jobs,
			 const struct filter *f)
{
	_cleanup_json_ json_t *list = json_array();

	for (size_t i = 0; i < jobs->count; i++)
		if (is_shown(f, &jobs->job[i]) &&
		    json_array_append_new(list, job_row_to_json(&jobs->job[i])) < 0)
			return fail(c, STATUS_FAILED, "out of memory");
	return print_json(c, list, false);
}

static int print_as_table(const struct command *c, const struct pbit_jobs *jobs,
			  const struct filter *f)
{
	static const char *const headings[] = { ">id",	 "~user", "kind",   "~name", "state",
						">done", ">pos",  "reason", NULL };
	_cleanup_table_ struct table t = { 0 };

	table_begin(&t, headings);
	t.width = terminal_is(stdout) ? terminal_columns() : 0;
	for (size_t i = 0; i < jobs->count; i++) {
		const struct pbit_job *j = &jobs->job[i];

		if (!is_shown(f, j))
			continue;
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
	struct filter filter = { 0 };
	int r, status;

	(void)argc, (void)argv;
	status = read_filter(c, o, &filter);
	if (!status)
		status = session_open(c, &p);
	if (status)
		return status;
	r = pbit_list(p, o->all, &jobs);
	if (r < 0)
		return session_failed(c, p, r);
	return o->json ? print_as_json(c, jobs, &filter) : print_as_table(c, jobs, &filter);
}

const struct command cmd_queue = {
	.name = "queue",
	.arguments = "",
	.summary = "list the jobs that wait or run, and why they wait",
	.details =
		"Position 1 runs next. On a narrow terminal the reason goes on in further lines;\n"
		"elsewhere each job is one line. Times in --json are microseconds since 1970, 0 for\n"
		"not yet.",
	.options = rows,
	.options_size = sizeof(struct options),
	.run = run,
};
