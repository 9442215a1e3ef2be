// SPDX-License-Identifier: MIT
/* What a sample job found. */
#include <string.h>

#include "report.h"
#include "table.h"

int sample_report_print(const json_t *report, FILE *f)
{
	static const char *const headings[] = { "quantity", ">value", NULL };
	static const struct {
		const char *key, *label, *format; /* format NULL: a count; "J": joules */
	} rows[] = {
		{ "chains", "chains", NULL },
		{ "records", "recorded sweeps", NULL },
		{ "flips", "flips", NULL },
		{ "seconds", "seconds", "%.3f" },
		{ "flips_per_ns", "flips/ns", "%.3f" },
		{ "device_joules", "energy of a p-bit device", "J" },
		{ "best_energy", "lowest E, units of J", "%.6g" },
		{ "mean_energy", "mean E, units of J", "%.6g" },
		{ "tau_int", "tau_int, sweeps", "%.3g" },
	};
	const json_t *tau = json_object_get(report, "tau_int");
	bool open = tau && json_is_false(json_object_get(report, "resolved"));
	_cleanup_table_ struct table t = { 0 };
	char text[NUMBER_TEXT];

	table_begin(&t, headings);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const json_t *x = json_object_get(report, rows[i].key);

		if (!x && strcmp(rows[i].key, "tau_int") == 0)
			continue;
		table_cell(&t, "%s", rows[i].label);
		if (!rows[i].format)
			table_cell(&t, "%s", count_text(text, x));
		else if (strcmp(rows[i].format, "J") == 0)
			table_cell(&t, "%s", si_text(text, x, "J"));
		else
			table_cell(&t, "%s%s", number_text(text, x, rows[i].format),
				   open && x == tau ? ", not resolved" : "");
	}
	return table_print(&t, "", f);
}
