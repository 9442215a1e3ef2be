// SPDX-License-Identifier: MIT
#include <string.h>

#include "cli.h"
#include "json.h"
#include "report.h"
#include "table.h"
#include "terminal.h"

struct options {
	bool json;
};

static const struct option_row rows[] = {
	{ 'j', "json", OPTION_FLAG, offsetof(struct options, json), NULL,
	  "an array of objects: name, backend, p_bits, state, ideal, route, job, user ..." },
	{ 0 },
};

/* What is not silicon is not called so, and what does not keep the law is marked. */
static void add_backend(struct table *t, const json_t *device)
{
	bool odd = json_is_false(json_object_get(device, "ideal")) &&
		   strcmp(report_string(device, "state", ""), "unsupported") != 0;

	table_cell(t, "%s%s", report_string(device, "backend", "-"), odd ? ", not ideal" : "");
}

/* "3 of alice and 1 more" */
static void add_jobs(struct table *t, const json_t *device)
{
	json_int_t more = json_integer_value(json_object_get(device, "running")) - 1;
	const json_t *job = json_object_get(device, "job");
	char text[NUMBER_TEXT], rest[32] = "";

	if (!json_is_integer(job)) {
		table_cell(t, "-");
		return;
	}
	if (more > 0)
		snprintf(rest, sizeof(rest), " and %lld more", (long long)more);
	table_cell(t, "%s of %s%s", number_text(text, job, "%.0f"),
		   report_string(device, "user", "-"), rest);
}

/* One line a device that jobs cannot use. */
static void print_reasons(const json_t *devices)
{
	for (size_t i = 0; i < json_array_size(devices); i++) {
		const json_t *d = json_array_get(devices, i);
		_cleanup_free_ char *text = terminal_text(report_string(d, "reason", ""));

		if (text && text[0])
			printf("%s\n", text);
	}
}

static int print_devices(const struct command *c, const json_t *devices)
{
	static const char *const headings[] = { "name",	    "backend", ">p-bits", "state",
						">threads", "route",   "job",	  NULL };
	_cleanup_table_ struct table t = { 0 };
	char text[NUMBER_TEXT];

	table_begin(&t, headings);
	for (size_t i = 0; i < json_array_size(devices); i++) {
		const json_t *d = json_array_get(devices, i);

		table_cell(&t, "%s", report_string(d, "name", "-"));
		add_backend(&t, d);
		table_cell(&t, "%s", number_text(text, json_object_get(d, "p_bits"), "%.0f"));
		table_cell(&t, "%s", report_string(d, "state", "-"));
		table_cell(&t, "%s", number_text(text, json_object_get(d, "threads"), "%.0f"));
		table_cell(&t, "%s", report_string(d, "route", "-"));
		add_jobs(&t, d);
	}
	if (table_print(&t, "", stdout) < 0)
		return fail(c, STATUS_FAILED, "out of memory");
	print_reasons(devices);
	return STATUS_DONE;
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
		"Backends: 'embedded' is software, a p-bit machine inside the job's process; 'emulated'\n"
		"is software in the kernel; 'pci' is silicon. Jobs run on one that is not ideal only\n"
		"where they name it.",
	.options = rows,
	.options_size = sizeof(struct options),
	.run = run,
};
