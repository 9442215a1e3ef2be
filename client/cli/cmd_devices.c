// SPDX-License-Identifier: MIT
#include "cli.h"
#include "json.h"
#include "report.h"
#include "table.h"

struct options {
	bool json;
};

static const struct option_row rows[] = {
	{ 'j', "json", OPTION_FLAG, offsetof(struct options, json), NULL,
	  "an array of objects: name, backend, p_bits, state, job, route, threads" },
	{ 0 },
};

static int print_devices(const struct command *c, const json_t *devices)
{
	static const char *const headings[] = { "name",	    "backend", ">p-bits", "state",
						">threads", "route",   ">job",	  NULL };
	_cleanup_table_ struct table t = { 0 };
	char text[NUMBER_TEXT];

	table_begin(&t, headings);
	for (size_t i = 0; i < json_array_size(devices); i++) {
		const json_t *d = json_array_get(devices, i);

		table_cell(&t, "%s", report_string(d, "name", "-"));
		table_cell(&t, "%s", report_string(d, "backend", "-"));
		table_cell(&t, "%s", number_text(text, json_object_get(d, "p_bits"), "%.0f"));
		table_cell(&t, "%s", report_string(d, "state", "-"));
		table_cell(&t, "%s", number_text(text, json_object_get(d, "threads"), "%.0f"));
		table_cell(&t, "%s", report_string(d, "route", "-"));
		table_cell(&t, "%s", number_text(text, json_object_get(d, "job"), "%.0f"));
	}
	return table_print(&t, "", stdout) < 0 ? fail(c, STATUS_FAILED, "out of memory") :
						 STATUS_DONE;
}

static int run(const struct command *c, void *options, int argc, char **argv)
{
	_cleanup_json_ json_t *devices = NULL;
	_cleanup_pbit_ pbit *p = NULL;
	_cleanup_free_ char *text = NULL;
	struct options *o = options;
	int r, status;

	(void)argc, (void)argv;
	status = session_open(c, &p);
	if (status)
		return status;
	r = pbit_devices(p, &text);
	if (r < 0)
		return session_failed(c, p, r);
	status = parse_json(c, text, &devices);
	if (status)
		return status;
	return o->json ? print_json(c, devices, false) : print_devices(c, devices);
}

const struct command cmd_devices = {
	.name = "devices",
	.arguments = "",
	.summary = "list the p-bit devices, what they are and what they do",
	.details =
		"A backend named 'embedded' is software: a p-bit machine inside the job's process.",
	.options = rows,
	.options_size = sizeof(struct options),
	.run = run,
};
