// SPDX-License-Identifier: MIT
/* flips/ns by network and route, each beside the route written with sgemm. */
#include <string.h>

#include "report.h"
#include "table.h"
#include "terminal.h"

static bool is_sgemm(const json_t *row)
{
	return strstr(report_string(row, "backend", ""), "sgemm") != NULL;
}

/* flips/ns of the sgemm route on the same network with as many threads. */
static bool find_sgemm(const json_t *rows, const json_t *row, double *ret)
{
	const char *network = report_string(row, "network", "");
	double threads = 0, other = 0;

	report_number(row, "threads", &threads);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *r = json_array_get(rows, i);

		if (is_sgemm(r) && strcmp(report_string(r, "network", ""), network) == 0 &&
		    report_number(r, "threads", &other) && other == threads)
			return report_number(r, "flips_per_ns", ret);
	}
	return false;
}

static void bench_row(struct table *t, const json_t *rows, const json_t *row)
{
	char text[NUMBER_TEXT];
	double own, sgemm;

	table_cell(t, "%s", report_string(row, "network", "-"));
	table_cell(t, "%s", report_string(row, "backend", "-"));
	table_cell(t, "%s", report_string(row, "route", "-"));
	table_cell(t, "%s", number_text(text, json_object_get(row, "threads"), "%.0f"));
	table_cell(t, "%s", number_text(text, json_object_get(row, "chains"), "%.0f"));
	table_cell(t, "%s", number_text(text, json_object_get(row, "bits"), "%.0f"));
	table_cell(t, "%s", number_text(text, json_object_get(row, "changed"), "%.3f"));
	table_cell(t, "%s", number_text(text, json_object_get(row, "flips_per_ns"), "%.4f"));
	if (!is_sgemm(row) && report_number(row, "flips_per_ns", &own) &&
	    find_sgemm(rows, row, &sgemm) && sgemm > 0)
		table_cell(t, "%.2f", own / sgemm);
	else
		table_cell(t, "-");
}

int bench_report_print(const json_t *report, FILE *f)
{
	static const char *const headings[] = { "network",   "backend", "route",    ">threads",
						">chains",   ">bits",	">changed", ">flips/ns",
						">to sgemm", NULL };
	const json_t *rows = json_object_get(report, "rows");
	_cleanup_table_ struct table t = { 0 };
	_cleanup_free_ char *cpu = NULL;

	cpu = terminal_text(report_string(report, "cpu", "-"));
	if (!cpu)
		return -ENOMEM;
	fprintf(f, "%s\n", cpu);
	table_begin(&t, headings);
	for (size_t i = 0; i < json_array_size(rows); i++)
		bench_row(&t, rows, json_array_get(rows, i));
	return table_print(&t, "", f);
}
