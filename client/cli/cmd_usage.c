// SPDX-License-Identifier: MIT
#include <string.h>

#include "cli.h"
#include "json.h"
#include "report.h"
#include "table.h"
#include "when.h"

struct options {
	bool json;
	const char *user, *since;
};

static const struct option_row rows[] = {
	{ 'u', "user", OPTION_STRING, offsetof(struct options, user), "USER",
	  "of that user alone" },
	{ 's', "since", OPTION_STRING, offsetof(struct options, since), "TIME",
	  "7d, 2026-11-01, '2026-11-01 18:00' [all that is known]" },
	{ 'j', "json", OPTION_FLAG, offsetof(struct options, json), NULL,
	  "one object: since, until, prices, users (user, jobs, device_seconds, flips ...)" },
	{ 0 },
};

/* Sums over the users, in the table's last line. */
struct totals {
	double jobs, seconds, flips, device, software;
};

static void add_user(struct table *t, const json_t *user, struct totals *sum)
{
	char text[NUMBER_TEXT];
	double x = 0;

	table_cell(t, "%s", report_string(user, "user", "-"));
	table_cell(t, "%s", number_text(text, json_object_get(user, "jobs"), "%.0f"));
	sum->jobs += report_number(user, "jobs", &x) ? x : 0;
	x = 0;
	sum->seconds += report_number(user, "device_seconds", &x) ? x : 0;
	table_cell(t, "%s", duration_text(text, x));
	table_cell(t, "%s", count_text(text, json_object_get(user, "flips")));
	sum->flips += report_number(user, "flips", &x) ? x : 0;
	table_cell(t, "%s", si_text(text, json_object_get(user, "joules_device"), "J"));
	sum->device += report_number(user, "joules_device", &x) ? x : 0;
	table_cell(t, "%s", si_text(text, json_object_get(user, "joules_software"), "J"));
	sum->software += report_number(user, "joules_software", &x) ? x : 0;
}

static json_t *user_of(const struct totals *sum)
{
	return json_pack("{s:s, s:f, s:f, s:f, s:f, s:f}", "user", "all", "jobs", sum->jobs,
			 "device_seconds", sum->seconds, "flips", sum->flips, "joules_device",
			 sum->device, "joules_software", sum->software);
}

static int print_users(const struct command *c, const json_t *users)
{
	static const char *const headings[] = { "user",	  ">jobs",	   ">device time",
						">flips", ">p-bit device", ">in software",
						NULL };
	_cleanup_table_ struct table t = { 0 };
	_cleanup_json_ json_t *all = NULL;
	struct totals sum = { 0 }, unused = { 0 };

	table_begin(&t, headings);
	for (size_t i = 0; i < json_array_size(users); i++)
		add_user(&t, json_array_get(users, i), &sum);
	if (json_array_size(users) > 1) {
		all = user_of(&sum);
		add_user(&t, all, &unused);
	}
	return table_print(&t, "", stdout) < 0 ? fail(c, STATUS_FAILED, "out of memory") :
						 STATUS_DONE;
}

/* What the joules were reckoned with, and whose figures these are. */
static int print_prices(const struct command *c, const json_t *prices)
{
	static const char *const headings[] = { "price of", ">each", "source", NULL };
	_cleanup_table_ struct table t = { 0 };
	char text[NUMBER_TEXT];

	table_begin(&t, headings);
	for (size_t i = 0; i < json_array_size(prices); i++) {
		const json_t *p = json_array_get(prices, i);

		table_cell(&t, "%s", report_string(p, "what", "-"));
		table_cell(&t, "%s", si_text(text, json_object_get(p, "joules"), "J"));
		table_cell(&t, "%s", report_string(p, "source", "-"));
	}
	return table_print(&t, "  ", stdout) < 0 ? fail(c, STATUS_FAILED, "out of memory") :
						   STATUS_DONE;
}

static int print_usage(const struct command *c, const json_t *usage)
{
	int64_t since = json_integer_value(json_object_get(usage, "since"));
	char text[WHEN_TEXT];
	int status;

	if (since > 0)
		printf("since %s\n", when_text(text, since));
	status = print_users(c, json_object_get(usage, "users"));
	return status ? status : print_prices(c, json_object_get(usage, "prices"));
}

static int run(const struct command *c, void *options, int argc, char **argv)
{
	_cleanup_json_ json_t *usage = NULL;
	_cleanup_pbit_ pbit *p = NULL;
	_cleanup_free_ char *text = NULL;
	struct options *o = options;
	struct err e = { 0 };
	int64_t since = 0;
	int r, status;

	(void)argc, (void)argv;
	if (o->since && when_since("--since", o->since, time(NULL), &since, &e) < 0)
		return fail(c, STATUS_USAGE, "%s", e.text);
	status = session_open(c, &p);
	if (status)
		return status;
	r = pbit_usage(p, o->user, since, &text);
	if (r < 0)
		return session_failed(c, p, r);
	status = parse_json(c, text, &usage);
	if (status)
		return status;
	return o->json ? print_json(c, usage, false) : print_usage(c, usage);
}

const struct command cmd_usage = {
	.name = "usage",
	.arguments = "",
	.summary = "what users have had: device time, flips, joules",
	.details =
		"Of jobs that ended since then or have not ended. Device time is what a job held a\n"
		"device for. Joules are counts times published prices, which are printed: what the\n"
		"work would cost on a p-bit device, and its coin-flips in software. It is no reading\n"
		"of a meter.",
	.options = rows,
	.options_size = sizeof(struct options),
	.run = run,
};
