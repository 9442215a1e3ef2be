// SPDX-License-Identifier: MIT
#include <string.h>

#include "cli.h"
#include "json.h"
#include "progress.h"
#include "report.h"
#include "table.h"
#include "when.h"

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

static void add_time(struct table *t, const json_t *job, const char *key)
{
	json_int_t us = json_integer_value(json_object_get(job, key));
	char text[WHEN_TEXT];

	if (us > 0)
		add_text(t, key, when_text(text, us));
}

/* "3, 5, 9"; NULL for none. */
static char *ids_text(const json_t *ids)
{
	char *text = NULL;
	size_t size;
	FILE *f;

	if (json_array_size(ids) == 0)
		return NULL;
	f = open_memstream(&text, &size);
	if (!f)
		return NULL;
	for (size_t i = 0; i < json_array_size(ids); i++)
		fprintf(f, "%s%lld", i ? ", " : "",
			(long long)json_integer_value(json_array_get(ids, i)));
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}

/* What the job was asked to wait for or to keep to, where that is not the usual. */
static void add_queueing(struct table *t, const json_t *job)
{
	static const char *const lists[][2] = { { "after_ok", "after" },
						{ "after_any", "after end" } };
	const char *band = report_string(job, "band", "normal"), *held;
	double limit = 0, array = 0, index = 0;
	char text[NUMBER_TEXT];

	if (strcmp(band, "normal") != 0)
		add_text(t, "band", band);
	if (report_number(job, "time_limit", &limit) && limit > 0)
		add_text(t, "time limit", duration_text(text, limit));
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		_cleanup_free_ char *ids = ids_text(json_object_get(job, lists[i][0]));

		add_text(t, lists[i][1], ids ? ids : "");
	}
	if (report_number(job, "array", &array) && array > 0 &&
	    report_number(job, "index", &index)) {
		table_cell(t, "array");
		table_cell(t, "%.0f, value %.0f", array, index + 1);
	}
	held = report_string(job, "held", "");
	if (held[0])
		add_text(t, "held by", strcmp(held, "user") == 0 ? "its owner" : "an admin");
}

/* What it has used so far. */
static void add_usage(struct table *t, const json_t *job)
{
	char text[NUMBER_TEXT];
	double x = 0;

	if (report_number(job, "device_seconds", &x) && x > 0)
		add_text(t, "device time", duration_text(text, x));
	if (report_number(job, "flips", &x) && x > 0)
		add_text(t, "flips", count_text(text, json_object_get(job, "flips")));
	if (report_number(job, "crashes", &x) && x > 0)
		add_text(t, "crashes", number_text(text, json_object_get(job, "crashes"), "%.0f"));
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
	add_queueing(&t, job);
	progress_text(job, progress);
	/* The worker's last words say nothing of a job that has ended. */
	if (strcmp(report_string(job, "state", ""), "running") != 0)
		progress[strcspn(progress, ",")] = 0;
	add_text(&t, "progress", progress);
	if (report_number(job, "resumes", &x) && x > 0)
		add_text(&t, "resumes",
			 number_text(number, json_object_get(job, "resumes"), "%.0f"));
	add_usage(&t, job);
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
	status = session_open_job(c, argv[0], &p, &id);
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
