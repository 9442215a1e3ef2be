// SPDX-License-Identifier: MIT
/* What the exact gate says of one matrix, for people: values, units, what each means. */
#include <string.h>

#include "report.h"
#include "table.h"

static const struct row {
	const char *key, *label, *format, *unit, *meaning;
} rows[] = {
	{ "ln_Z", "ln Z", "%.15g", "nats", "of all states" },
	{ "T_O", "T_O", "%.16g", "steps", "autocovariance of all v_i h_j, summed over time" },
	{ "sum_var", "sum of variances", "%.16g", "", "the same without the wait" },
	{ "tau_max", "tau_max", "%.9g", "steps", NULL },
	{ "gamma", "gamma", "%.6g", "1/step", "spectral gap of the even sector" },
	{ "gamma_bulk", "gamma_bulk", "%.6g", "1/step",
	  "relaxation beside the slowest modes (A7)" },
	{ "a2_residual", "A2 residual", "%.2g", "", "largest |pi P - (pi P)'|; 0 up to rounding" },
	{ "condition", "condition", "%.3g", "", NULL },
	{ "residual", "solve residual", "%.2g", "", "largest of all v_i h_j, relative" },
	{ "value_agreement", "value agreement", "%.2g", "", NULL },
	{ "gradient_agreement", "gradient agreement", "%.2g", "", "with __float128, relative" },
};

/* What depends on the job; report_line() and tables make it safe. */
static void tell(struct table *t, const json_t *report, const struct row *row)
{
	char a[NUMBER_TEXT], b[NUMBER_TEXT];

	if (row->meaning)
		table_cell(t, "%s", row->meaning);
	else if (!strcmp(row->key, "tau_max"))
		table_cell(t, "slowest, of %s; %s sweeps",
			   report_string(report, "tau_max_observable", "-"),
			   number_text(a, report_get(report, "tau_max_sweeps"), "%.4g"));
	else if (!strcmp(row->key, "condition"))
		table_cell(t, "of the system solved: %s unknowns, %s",
			   count_text(b, report_get(report, "unknowns")),
			   report_string(report, "method", "-"));
	else
		table_cell(t, "with %s, relative", report_string(report, "value_reference", "-"));
}

static int print_values(const json_t *report, FILE *f)
{
	static const char *const headings[] = { "quantity", ">value", "unit", "~what it is", NULL };
	_cleanup_table_ struct table t = { 0 };
	char text[NUMBER_TEXT];

	table_begin(&t, headings);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const json_t *x = report_get(report, rows[i].key);

		if (!json_is_number(x))
			continue;
		table_cell(&t, "%s", rows[i].label);
		table_cell(&t, "%s", number_text(text, x, rows[i].format));
		table_cell(&t, "%s", rows[i].unit);
		tell(&t, report, &rows[i]);
	}
	return table_print(&t, "  ", f);
}

static int print_head(const json_t *report, FILE *f)
{
	char n[NUMBER_TEXT], m[NUMBER_TEXT], beta[NUMBER_TEXT], states[NUMBER_TEXT];
	char text[NUMBER_TEXT];
	double steps = 0;
	int r;

	r = report_line(f, "Model   %s, %s x %s p-bits, beta %s, %s even states",
			report_string(report, "spec.model", "W"),
			number_text(n, report_get(report, "n"), "%.0f"),
			number_text(m, report_get(report, "m"), "%.0f"),
			number_text(beta, report_get(report, "beta"), "%.6g"),
			number_text(states, report_get(report, "states"), "%.0f"));
	if (r < 0)
		return r;
	report_number(report, "steps_per_sweep", &steps);
	return report_line(f, "Chain   %s, %s step%s a sweep", report_string(report, "kernel", "-"),
			   number_text(text, report_get(report, "steps_per_sweep"), "%.4g"),
			   steps == 1 ? "" : "s");
}

static int print_verdict(const json_t *report, FILE *f)
{
	const char *refused = report_string(report, "refused", NULL);
	const char *objective = report_string(report, "objective", "none");
	char text[NUMBER_TEXT];
	int r;

	if (refused) {
		r = report_line(f, "A2      fails: detailed balance is off by up to %s",
				number_text(text, report_get(report, "a2_residual"), "%.2g"));
		return r < 0 ? r : report_line(f, "        %s", refused);
	}
	r = report_line(f, "A2      holds: %s is reversible", report_string(report, "kernel", "-"));
	if (r < 0 || !json_is_array(report_get(report, "grad_W")))
		return r;
	return report_line(f, "grad_W  d(%s)/dW, from the same solve; no eigendecomposition in it",
			   objective);
}

int certify_report_print(const json_t *report, FILE *f)
{
	int r;

	if (!strcmp(report_string(report, "suite", "none"), "family"))
		return family_report_print(report, f);
	r = print_head(report, f);
	if (r >= 0)
		r = print_verdict(report, f);
	fputc('\n', f);
	return r < 0 ? r : print_values(report, f);
}
