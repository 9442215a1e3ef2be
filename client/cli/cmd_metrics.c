// SPDX-License-Identifier: MIT
#include <string.h>

#include "cli.h"
#include "json.h"
#include "records.h"
#include "terminal.h"

#define MAX_LINE  ((size_t)64 << 10)
#define MAX_DEPTH 16

struct options {
	bool json, follow;
	const struct command *c;
	json_int_t last; /* time of the last line that was printed */
};

static const struct option_row rows[] = {
	{ 'f', "follow", OPTION_FLAG, offsetof(struct options, follow), NULL,
	  "wait for more until the job has ended" },
	{ 'j', "json", OPTION_FLAG, offsetof(struct options, json), NULL,
	  "as without: one object a line" },
	{ 0 },
};

/* Lines that come again, from a file that was thinned out, are known by their time. */
static int print_line(const char *line, void *userdata)
{
	_cleanup_json_ json_t *j = NULL;
	_cleanup_free_ char *safe = NULL;
	struct options *o = userdata;
	json_int_t t;

	if (json_parse_limited(line, strlen(line), MAX_LINE, MAX_DEPTH, &j, NULL) < 0)
		return STATUS_DONE; /* the beginning of a line, as a full disk leaves it */
	t = json_integer_value(json_object_get(j, "time"));
	if (t <= o->last)
		return STATUS_DONE;
	o->last = t;
	safe = terminal_text(line);
	if (!safe)
		return fail(o->c, STATUS_FAILED, "out of memory");
	puts(safe);
	fflush(stdout);
	return STATUS_DONE;
}

static int run(const struct command *c, void *options, _unused_ int argc, char **argv)
{
	_cleanup_pbit_ pbit *p = NULL;
	struct options *o = options;
	struct records r = { .c = c, .open = pbit_metrics, .line = print_line, .userdata = o };
	int status;

	o->c = c;
	status = session_open_job(c, argv[0], &p, &r.id);
	return status ? status : records_read(&r, &p, o->follow);
}

const struct command cmd_metrics = {
	.name = "metrics",
	.arguments = "ID",
	.summary = "show a job's figures over time, as JSON lines",
	.details = "Each line has its time, in microseconds since 1970; events say when the job\n"
		   "started, and where, and how it ended.",
	.options = rows,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
