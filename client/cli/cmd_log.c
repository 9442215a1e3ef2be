// SPDX-License-Identifier: MIT
#include "cli.h"
#include "json.h"
#include "records.h"
#include "terminal.h"

struct options {
	bool json, follow;
	const struct command *c;
};

static const struct option_row rows[] = {
	{ 'f', "follow", OPTION_FLAG, offsetof(struct options, follow), NULL,
	  "wait for more until the job has ended" },
	{ 'j', "json", OPTION_FLAG, offsetof(struct options, json), NULL,
	  "one object a line: line" },
	{ 0 },
};

/* A job writes what it likes, and an administrator reads it. */
static int print_line(const char *line, void *userdata)
{
	_cleanup_free_ char *safe = terminal_text(line);
	const struct options *o = userdata;
	_cleanup_json_ json_t *j = NULL;

	if (!safe)
		return fail(o->c, STATUS_FAILED, "out of memory");
	if (!o->json) {
		puts(safe);
		fflush(stdout);
		return STATUS_DONE;
	}
	j = json_pack("{s:s}", "line", safe);
	return j ? print_json(o->c, j, true) : fail(o->c, STATUS_FAILED, "out of memory");
}

static int run(const struct command *c, void *options, _unused_ int argc, char **argv)
{
	_cleanup_pbit_ pbit *p = NULL;
	struct options *o = options;
	struct records r = { .c = c, .open = pbit_log, .line = print_line, .userdata = o };
	int status;

	o->c = c;
	status = session_open_job(c, argv[0], &p, &r.id);
	return status ? status : records_read(&r, &p, o->follow);
}

const struct command cmd_log = {
	.name = "log",
	.arguments = "ID",
	.summary = "show what a job's worker wrote to its standard error",
	.details = "Of a job that waits, runs or has ended. Control characters come out as '?'.",
	.options = rows,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
