// SPDX-License-Identifier: MIT
/* flips/ns by network and route, each beside the route written with sgemm. */
#include "bench_rows.h"
#include "report.h"
#include "table.h"
#include "terminal.h"

static void bench_row(struct table *t, const json_t *rows, const json_t *row)
{
	char text[NUMBER_TEXT];
	double x;

	table_cell(t, "%s", report_string(row, "network", "-"));
	table_cell(t, "%s", report_string(row, "backend", "-"));
	table_cell(t, "%s", report_string(row, "route", "-"));
	table_cell(t, "%s", number_text(text, json_object_get(row, "threads"), "%.0f"));
	table_cell(t, "%s", number_text(text, json_object_get(row, "chains"), "%.0f"));
	table_cell(t, "%s", number_text(text, json_object_get(row, "bits"), "%.0f"));
	table_cell(t, "%s", number_text(text, json_object_get(row, "changed"), "%.3f"));
	table_cell(t, "%s", number_text(text, json_object_get(row, "flips_per_ns"), "%.4f"));
	if (bench_row_over_sgemm(rows, row, &x))
		table_cell(t, "%.2f", x);
	else
		table_cell(t, "-");
	if (bench_row_over_one_thread(row, &x))
		table_cell(t, "%.2f", x);
	else
		table_cell(t, "-");
}

/* What was measured where the job had a device of the kernel. */
static int print_kernel(const json_t *report, FILE *f)
{
	const json_t *ratios = json_object_get(report, "ratios");
	const json_t *empty = json_object_get(report, "empty_run");
	char a[NUMBER_TEXT], b[NUMBER_TEXT], c[NUMBER_TEXT];
	int r = 0;

	for (size_t i = 0; r == 0 && i < json_array_size(ratios); i++) {
		const json_t *ratio = json_array_get(ratios, i);
		const json_t *x = json_object_get(ratio, "kernel_over_embedded");

		if (x)
			r = report_line(f, "%s over embedded, %s, %s chains, one thread: %s",
					report_string(report, "device.name", "-"),
					report_string(ratio, "network", "-"),
					number_text(a, json_object_get(ratio, "chains"), "%.0f"),
					number_text(b, x, "%.3f"));
	}
	if (r == 0 && empty)
		r = report_line(
			f,
			"an empty run, from submission to event: %s us (best %s), %s system "
			"calls",
			number_text(a, json_object_get(empty, "median_us"), "%.1f"),
			number_text(b, json_object_get(empty, "best_us"), "%.1f"),
			number_text(c, json_object_get(empty, "calls"), "%.0f"));
	return r;
}

int bench_report_print(const json_t *report, FILE *f)
{
	static const char *const headings[] = { "network",	"backend",   "route",
						">threads",	">chains",   ">bits",
						">changed",	">flips/ns", ">to sgemm",
						">to 1 thread", NULL };
	const json_t *rows = json_object_get(report, "rows");
	_cleanup_table_ struct table t = { 0 };
	_cleanup_free_ char *cpu = NULL;
	int r;

	cpu = terminal_text(report_string(report, "cpu", "-"));
	if (!cpu)
		return -ENOMEM;
	fprintf(f, "%s\n", cpu);
	if (report_string(report, "trained", NULL) &&
	    report_line(f, "trained: %s", report_string(report, "trained", "-")) < 0)
		return -ENOMEM;
	table_begin(&t, headings);
	for (size_t i = 0; i < json_array_size(rows); i++)
		bench_row(&t, rows, json_array_get(rows, i));
	r = table_print(&t, "", f);
	return r < 0 ? r : print_kernel(report, f);
}
