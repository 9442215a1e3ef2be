// SPDX-License-Identifier: MIT
#include <string.h>
#include <time.h>

#include "cli.h"
#include "json.h"
#include "progress.h"
#include "report.h"
#include "table.h"
#include "terminal.h"

struct options {
	bool json;
};

static const struct option_row rows[] = {
	{ 'j', "json", OPTION_FLAG, offsetof(struct options, json), NULL,
	  "one object: id, user, kind, name, state, progress, reason, results, spec ..." },
	{ 0 },
};

static void add_text(struct table *t, const char *label, const char *value)
{
	if (!value[0])
		return;
	table_cell(t, "%s", label);
	table_cell(t, "%s", value);
}

/* Microseconds since 1970 as local time. */
static void add_time(struct table *t, const json_t *job, const char *key)
{
	time_t seconds = (time_t)(json_integer_value(json_object_get(job, key)) / 1000000);
	struct tm parts;
	char text[32];

	if (seconds <= 0 || !localtime_r(&seconds, &parts) ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts) == 0)
		return;
	add_text(t, key, text);
}

static void add_results(struct table *t, const json_t *job)
{
	const json_t *results = json_object_get(job, "results");
	char text[NUMBER_TEXT];

	for (size_t i = 0; i < json_array_size(results); i++) {
		const json_t *file = json_array_get(results, i);

		table_cell(t, "%s", i ? "" : "results");
		table_cell(t, "%s (%s bytes)", report_string(file, "name", "-"),
			   number_text(text, json_object_get(file, "size"), "%.0f"));
	}
}

static int print_job(const struct command *c, const json_t *job)
{
	char id[NUMBER_TEXT];
	const char *const headings[] = { "job", number_text(id, json_object_get(job, "id"), "%.0f"),
					 NULL };
	_cleanup_table_ struct table t = { 0 };
	char progress[PROGRESS_TEXT], number[NUMBER_TEXT];
	double x = 0;

	table_begin(&t, headings);
	add_text(&t, "name", report_string(job, "name", ""));
	add_text(&t, "kind", report_string(job, "kind", ""));
	add_text(&t, "user", report_string(job, "user", ""));
	add_text(&t, "state", report_string(job, "state", ""));
	add_text(&t, "device", report_string(job, "device", ""));
	add_text(&t, "reason", report_string(job, "reason", ""));
	if (report_number(job, "position", &x) && x > 0)
		add_text(&t, "position",
			 number_text(number, json_object_get(job, "position"), "%.0f"));
	progress_text(job, progress);
	/* The worker's last words say nothing of a job that has ended. */
	if (strcmp(report_string(job, "state", ""), "running") != 0)
		progress[strcspn(progress, ",")] = 0;
	add_text(&t, "progress", progress);
	if (report_number(job, "resumes", &x) && x > 0)
		add_text(&t, "resumes",
			 number_text(number, json_object_get(job, "resumes"), "%.0f"));
	add_time(&t, job, "submitted");
	add_time(&t, job, "started");
	add_time(&t, job, "finished");
	add_results(&t, job);
	return table_print(&t, "", stdout) < 0 ? fail(c, STATUS_FAILED, "out of memory") :
						 STATUS_DONE;
}

static int run(const struct command *c, void *options, int argc, char **argv)
{
	_cleanup_json_ json_t *job = NULL;
	_cleanup_pbit_ pbit *p = NULL;
	_cleanup_free_ char *text = NULL;
	struct options *o = options;
	uint64_t id;
	int r, status;

	(void)argc;
	status = parse_id(c, argv[0], &id);
	if (!status)
		status = session_open(c, &p);
	if (status)
		return status;
	r = pbit_show(p, id, &text);
	if (r < 0)
		return session_failed(c, p, r);
	status = parse_json(c, text, &job);
	if (status)
		return status;
	return o->json ? print_json(c, job, false) : print_job(c, job);
}

const struct command cmd_show = {
	.name = "show",
	.arguments = "ID",
	.summary = "show all that is known of one job",
	.details = "",
	.options = rows,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
