// SPDX-License-Identifier: MIT
/* What a measure job saw, for people. */
#include <string.h>

#include "report.h"
#include "table.h"

static const char *with_error(char buf[static 2 * NUMBER_TEXT], const json_t *report,
			      const char *key, const char *error_key)
{
	char a[NUMBER_TEXT], b[NUMBER_TEXT];

	snprintf(buf, 2 * NUMBER_TEXT, "%s +- %s",
		 number_text(a, json_object_get(report, key), "%.4g"),
		 number_text(b, json_object_get(report, error_key), "%.2g"));
	return buf;
}

static int print_codes(const json_t *report, FILE *f)
{
	static const char *const headings[] = { ">code",  "A6",	       ">tau_int",     "slowest",
						">T_O",	  ">at least", ">gap at most", ">sum Var",
						">drift", NULL };
	const json_t *codes = report_get(report, "codes"), *x;
	_cleanup_table_ struct table t = { 0 };
	char text[2 * NUMBER_TEXT];
	size_t k;

	table_begin(&t, headings);
	json_array_foreach(codes, k, x) {
		bool tau = json_is_true(json_object_get(x, "resolved"));
		bool t_o = json_is_true(json_object_get(x, "T_O_resolved"));

		table_cell(&t, "%s", number_text(text, json_object_get(x, "code"), "%.0f"));
		table_cell(&t, "%s", report_string(x, "a6", "-"));
		table_cell(&t, "%s",
			   tau ? with_error(text, x, "tau_int", "tau_error") : "not resolved");
		table_cell(&t, "%s", report_string(x, "observable", "-"));
		table_cell(&t, "%s",
			   t_o ? with_error(text, x, "T_O", "T_O_error") : "not resolved");
		table_cell(&t, "%s", number_text(text, json_object_get(x, "T_O_at_least"), "%.4g"));
		table_cell(&t, "%s",
			   number_text(text, json_object_get(x, "gamma_at_most"), "%.3g"));
		table_cell(&t, "%s", number_text(text, json_object_get(x, "sum_var"), "%.4g"));
		table_cell(&t, "%s", number_text(text, json_object_get(x, "drift"), "%+.1f"));
	}
	return table_print(&t, "  ", f);
}

static int print_a7(const json_t *report, FILE *f)
{
	const json_t *rate = report_get(report, "mixing.gamma_bulk");
	char text[NUMBER_TEXT];

	if (!json_is_number(rate))
		return report_line(
			f,
			"        A7 not verifiable from a trace; it takes enumeration, which small models allow");
	return report_line(
		f, "        A7 %s: gamma_bulk = %s a sweep, by enumeration; at least 0.1 is asked",
		report_string(report, "mixing.a7", "-"), number_text(text, rate, "%.3g"));
}

static int print_verdict(const json_t *report, FILE *f)
{
	const char *a6 = report_string(report, "mixing.a6", "-");
	char a[NUMBER_TEXT], b[NUMBER_TEXT], c[NUMBER_TEXT], d[NUMBER_TEXT];
	int r;

	r = report_line(f, "Mixing  A6 %s: K = %s sweeps, K/tau_int = %s, at least %s is asked", a6,
			number_text(a, report_get(report, "mixing.K"), "%.0f"),
			strcmp(a6, "not resolved") ?
				number_text(b, report_get(report, "mixing.k_over_tau"), "%.3g") :
				"not known",
			number_text(c, report_get(report, "mixing.ratio"), "%.3g"));
	if (r >= 0 && !strcmp(a6, "fails"))
		r = report_line(f, "        it would hold from K = %s on",
				number_text(d, report_get(report, "mixing.k_needed"), "%.0f"));
	if (r >= 0 && !strcmp(a6, "not resolved"))
		r = report_line(
			f, "        the trace is too short to tell: give more --sweeps or --burn");
	if (r < 0)
		return r;
	return print_a7(report, f);
}

int measure_report_print(const json_t *report, FILE *f)
{
	char n[NUMBER_TEXT], m[NUMBER_TEXT], chains[NUMBER_TEXT], sweeps[NUMBER_TEXT];
	char flips[NUMBER_TEXT], seconds[NUMBER_TEXT];
	int r;

	r = report_line(f, "Model   %s, %s x %s p-bits%s", report_string(report, "spec.model", "W"),
			number_text(n, report_get(report, "n"), "%.0f"),
			number_text(m, report_get(report, "m"), "%.0f"),
			json_is_true(report_get(report, "references")) ?
				", a reference spin on each side" :
				"");
	if (r >= 0)
		r = report_line(
			f,
			"Chain   %s (reversible, A2), %s chains, %s sweeps recorded; %s flips, %s s",
			report_string(report, "scan", "-"),
			number_text(chains, report_get(report, "chains"), "%.0f"),
			number_text(sweeps, report_get(report, "spec.device.sweeps"), "%.0f"),
			count_text(flips, report_get(report, "flips")),
			number_text(seconds, report_get(report, "seconds"), "%.1f"));
	if (r >= 0)
		r = print_verdict(report, f);
	if (r < 0)
		return r;
	fputc('\n', f);
	r = print_codes(report, f);
	if (r < 0)
		return r;
	r = report_line(
		f,
		"  tau_int and T_O in sweeps, with standard errors; at least and at most: at 95 %%;");
	return r < 0 ? r :
		       report_line(
			       f,
			       "  drift: of the mean energy, in standard errors (beyond 5 nothing is resolved)");
}
