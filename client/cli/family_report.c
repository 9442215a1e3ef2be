// SPDX-License-Identifier: MIT
/* The family, cell by cell, and its verdict. */
#include <string.h>

#include "report.h"
#include "table.h"

static const struct {
	const char *key, *heading, *format;
} columns[] = {
	{ "index", ">cell", "%.0f" },
	{ "m", ">m", "%.0f" },
	{ "axis", ">axis", "%.0f" },
	{ "code", ">code", "%.0f" },
	{ "start", ">start", "%.0f" },
	{ "kl_end", ">KL, nats", "%.4f" },
	{ "T_O", ">T_O, steps", "%.6g" },
	{ "tau_max", ">tau_max", "%.4g" },
	{ "condition", ">condition", "%.3g" },
	{ "value_agreement", ">value", "%.1e" },
	{ "gradient_error", ">gradient", "%.1e" },
};

static int print_cells(const json_t *report, FILE *f)
{
	const char *headings[ARRAY_SIZE(columns) + 2] = { NULL };
	const json_t *table = report_get(report, "table");
	_cleanup_table_ struct table t = { 0 };
	char text[NUMBER_TEXT];

	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		headings[i] = columns[i].heading;
	headings[ARRAY_SIZE(columns)] = "G1b";
	table_begin(&t, headings);
	for (size_t k = 0; k < json_array_size(table); k++) {
		const json_t *cell = json_array_get(table, k);

		for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
			table_cell(&t, "%s",
				   number_text(text, json_object_get(cell, columns[i].key),
					       columns[i].format));
		if (json_is_true(json_object_get(cell, "constructed")))
			table_cell(&t, "constructed");
		else
			table_cell(&t, "not: %s", report_string(cell, "why", "-"));
	}
	return table_print(&t, "", f);
}

static int print_worst(const json_t *report, FILE *f)
{
	static const struct {
		const char *key, *meaning;
	} lines[] = {
		{ "worst_value_agreement", "T_O with __float128, relative" },
		{ "worst_value_absolute", "the same, absolute" },
		{ "worst_sum_agreement", "T_O with the eigenvalue sum, relative" },
		{ "worst_reference_error", "gradient in W and phi with __float128, relative" },
		{ "worst_gradient_error", "gradient in phi with central differences, relative" },
		{ "worst_condition", "condition of the systems solved" },
	};
	char text[NUMBER_TEXT];
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(lines); i++)
		r = report_line(f, "%s %9s  %s", i ? "       " : "Worst  ",
				number_text(text, report_get(report, lines[i].key), "%.2e"),
				lines[i].meaning);
	return r;
}

int family_report_print(const json_t *report, FILE *f)
{
	char made[NUMBER_TEXT], cells[NUMBER_TEXT], seconds[NUMBER_TEXT], threads[NUMBER_TEXT];
	int r = print_cells(report, f);

	fputc('\n', f);
	if (r >= 0)
		r = print_worst(report, f);
	if (r < 0)
		return r;
	return report_line(f, "G1b     %s: %s of %s cells, %s s on %s threads",
			   report_string(report, "g1b", "-"),
			   number_text(made, report_get(report, "constructed"), "%.0f"),
			   number_text(cells, report_get(report, "cells"), "%.0f"),
			   number_text(seconds, report_get(report, "seconds"), "%.1f"),
			   number_text(threads, report_get(report, "threads"), "%.0f"));
}
