// SPDX-License-Identifier: MIT
/* Labels of axes and values, and where a bar's value stands. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "svg_bars.h"
#include "svg_scale.h"

#include "../run_suite.h"

START_TEST(test_labels)
{
	static const struct {
		double value, step;
		const char *unit, *label;
	} rows[] = {
		{ 0, 0, NULL, "0" },	       { 0.0461, 0, NULL, "0.0461" },
		{ 999, 0, NULL, "999" },       { 999.6, 0, NULL, "1000" },
		{ 1000, 0, NULL, "1000" },     { -2000, 0, NULL, "-2000" },
		{ 1234, 0, NULL, "1230" },     { 50000, 0, NULL, "50000" },
		{ 12345, 0, NULL, "12300" },   { 1e5, 0, NULL, "10⁵" },
		{ 2e6, 0, NULL, "2·10⁶" },     { 5e-4, 0, NULL, "5·10⁻⁴" },
		{ 0.25, 0.05, NULL, "0.25" },  { -13, 1, NULL, "-13" },
		{ 0.0483, 0, "J", "48.3 mJ" }, { 0, 0, "J", "0 J" },
	};
	char text[SVG_LABEL];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ck_assert_str_eq(svg_label(text, rows[i].value, rows[i].step, rows[i].unit),
				 rows[i].label);
}
END_TEST

/* However large values are, an axis has two ends and finite places and ticks between them. */
START_TEST(test_extremes)
{
	static const double ends[][2] = { { -1e308, 1e308 },   { 0, 1.7e308 },
					  { 1e-308, 1.5e308 }, { -1.7e308, -1e308 },
					  { 1e308, 1e308 },    { 1e17, 1e17 },
					  { 0, 5e-324 } };

	for (size_t i = 0; i < 3 * ARRAY_SIZE(ends); i++) {
		struct svg_scale s = { .kind = (enum svg_scale_kind)(i % 3), .to = 100 };
		const double *end = ends[i / 3];
		double ticks[SVG_MAX_TICKS];
		size_t n;

		svg_scale_fit(&s, end[0], end[1], false);
		ck_assert_msg(isfinite(s.low) && isfinite(s.high) && s.low < s.high,
			      "kind %d, %g to %g: %g to %g", s.kind, end[0], end[1], s.low, s.high);
		for (size_t k = 0; k < 2; k++) {
			double at = svg_scale_at(&s, end[k]);

			ck_assert_msg(at >= -1e-6 && at <= 100 + 1e-6, "kind %d, %g to %g: %g",
				      s.kind, end[0], end[1], at);
		}
		n = svg_scale_ticks(&s, 6, ticks);
		ck_assert_uint_le(n, SVG_MAX_TICKS);
		for (size_t k = 0; k < n; k++)
			ck_assert(isfinite(ticks[k]) && (!k || ticks[k] > ticks[k - 1]));
	}
}
END_TEST

/* Where the text of class "value" stands that says this, and where the bar and the mark end. */
static double place(const char *svg, const char *text)
{
	char want[32];
	const char *at;

	snprintf(want, sizeof(want), "\">%s</text>", text);
	at = strstr(svg, want);
	ck_assert_msg(at != NULL, "%s is not in %s", want, svg);
	while (strncmp(at, "x=\"", 3))
		at--;
	return strtod(at + 3, NULL);
}

/* Its own bar's, unless the mark of another value leaves no room before it. */
START_TEST(test_values)
{
	struct svg_bar bars[] = {
		{ .name = "far", .value = 0.25, .mark = 1, .colour = 0 },
		{ .name = "near", .value = 0.5, .mark = 0.52, .colour = 0 },
		{ .name = "none", .value = 0.75, .mark = __builtin_nan(""), .colour = 0 },
	};
	const struct svg_bars b = { .id = "b",
				    .title = "t",
				    .width = 980,
				    .label = "l",
				    .bars = bars,
				    .count = ARRAY_SIZE(bars) };
	double far, near, none, whole;
	size_t size;
	char *svg;
	FILE *f = open_memstream(&svg, &size);

	ck_assert(f && svg_bars_write(f, &b));
	ck_assert_int_eq(fclose(f), 0);
	far = place(svg, "0.25");
	near = place(svg, "0.5");
	none = place(svg, "0.75");
	/* A bar's length is as its value. */
	whole = (none - far) / (0.75 - 0.25);
	ck_assert_double_gt(whole, 100);
	ck_assert_double_eq_tol(near - far, (0.52 - 0.25) * whole, 0.1);
	free(svg);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("svg");
	TCase *t = tcase_create("svg");

	tcase_add_test(t, test_labels);
	tcase_add_test(t, test_extremes);
	tcase_add_test(t, test_values);
	suite_add_tcase(s, t);
	return run_suite(s);
}
