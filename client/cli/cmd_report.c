// SPDX-License-Identifier: MIT
#include <string.h>
#include <time.h>

#include "cli.h"
#include "json.h"
#include "page.h"
#include "records.h"
#include "result_file.h"
#include "save.h"

#define MAX_LINE  ((size_t)64 << 10)
#define MAX_DEPTH 16

struct options {
	bool json, force;
	const char *output;
};

static const struct option_row rows[] = {
	{ 'o', "output", OPTION_STRING, offsetof(struct options, output), "FILE",
	  "write there [pbit-ID.html]; - is standard output" },
	{ 'f', "force", OPTION_FLAG, offsetof(struct options, force), NULL,
	  "overwrite a file that exists" },
	{ 'j', "json", OPTION_FLAG, offsetof(struct options, json), NULL,
	  "one object: id, file, bytes" },
	{ 0 },
};

static void files_freep(struct pbit_files **files)
{
	pbit_files_free(*files);
}

static int take_line(const char *line, void *userdata)
{
	json_t *course = userdata, *j = NULL;

	/* What is no JSON was cut short by a full disk. */
	if (json_parse_limited(line, strlen(line), MAX_LINE, MAX_DEPTH, &j, NULL) < 0)
		return STATUS_DONE;
	return json_array_append_new(course, j) < 0 ? STATUS_FAILED : STATUS_DONE;
}

/* Results are there when the job is done; otherwise the page tells what is known. */
static int collect(const struct command *c, pbit **p, uint64_t id, json_t **ret_job,
		   json_t **ret_report, json_t *course, struct pbit_files **ret_files)
{
	struct records records = {
		.c = c, .id = id, .open = pbit_metrics, .line = take_line, .userdata = course
	};
	_cleanup_free_ char *text = NULL;
	struct err e = { 0 };
	int r, status;

	r = pbit_show(*p, id, &text);
	if (r < 0)
		return session_failed(c, *p, r);
	status = parse_json(c, text, ret_job);
	if (!status)
		status = records_read(&records, p, false);
	if (status || strcmp(json_string_value(json_object_get(*ret_job, "state")) ?: "", "done"))
		return status;
	r = pbit_fetch(*p, id, ret_files);
	if (r < 0)
		return session_failed(c, *p, r);
	r = result_file_report(*ret_files, ret_report, &e);
	return r < 0 && r != -ENOENT ?
		       fail(c, STATUS_FAILED, "the report of job %llu cannot be read: %s",
			    (unsigned long long)id, e.text) :
		       STATUS_DONE;
}

static int compose(const struct command *c, struct page *page, char **ret, size_t *ret_size)
{
	time_t now = time(NULL);
	struct tm parts;
	char made[64] = "-";
	int r;

	if (localtime_r(&now, &parts))
		strftime(made, sizeof(made), "%Y-%m-%d %H:%M:%S %z", &parts);
	page->made = made;
	page->f = open_memstream(ret, ret_size);
	if (!page->f)
		return fail(c, STATUS_FAILED, "out of memory");
	r = page_write(page);
	if (ferror(page->f))
		r = -ENOMEM;
	if (fclose(page->f) != 0 || r < 0)
		return fail(c, STATUS_FAILED, "out of memory");
	return STATUS_DONE;
}

static int tell(const struct command *c, const struct options *o, uint64_t id, size_t size)
{
	_cleanup_json_ json_t *j = NULL;

	if (!o->json) {
		puts(o->output);
		return STATUS_DONE;
	}
	j = json_pack("{s:I, s:s, s:I}", "id", (json_int_t)id, "file", o->output, "bytes",
		      (json_int_t)size);
	return j ? print_json(c, j, false) : fail(c, STATUS_USAGE, "the file's name is not UTF-8");
}

static int run(const struct command *c, void *options, _unused_ int argc, char **argv)
{
	_cleanup_json_ json_t *job = NULL, *report = NULL, *course = json_array();
	_cleanup_(files_freep) struct pbit_files *files = NULL;
	_cleanup_free_ char *text = NULL;
	_cleanup_pbit_ pbit *p = NULL;
	struct options *o = options;
	struct err e = { 0 };
	struct page page;
	char own[32];
	size_t size = 0;
	uint64_t id;
	int status;

	status = session_open_job(c, argv[0], &p, &id);
	if (!status)
		status = collect(c, &p, id, &job, &report, course, &files);
	if (status)
		return status;
	page = (struct page){ .job = job, .report = report, .course = course, .files = files };
	status = compose(c, &page, &text, &size);
	if (status)
		return status;
	snprintf(own, sizeof(own), "pbit-%llu.html", (unsigned long long)id);
	if (!o->output)
		o->output = own;
	if (strcmp(o->output, "-") == 0) {
		fwrite(text, 1, size, stdout);
		return STATUS_DONE;
	}
	if (save_path(o->output, "-o", o->force, text, size, &e) < 0)
		return fail(c, STATUS_USAGE, "%s", e.text);
	return tell(c, o, id, size);
}

const struct command cmd_report = {
	.name = "report",
	.arguments = "ID",
	.summary = "write a job's figures as a page of HTML that stands on its own",
	.details =
		"A browser shows it without network; it has a light and a dark look, and prints.\n"
		"Of a job that is not done, the page has what there is.",
	.options = rows,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
