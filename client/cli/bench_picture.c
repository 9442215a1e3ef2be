// SPDX-License-Identifier: MIT
/*
 * A bench job's rows as one picture: a bar a row on an axis that all networks share, and beside it
 * what the table has.
 */
#include <math.h>
#include <string.h>

#include "bench_rows.h"
#include "markup.h"
#include "report.h"
#include "svg_scale.h"

#define WIDE	  1000
#define MARGIN	  20
#define BAR_FROM  292.0
#define BAR_TO	  732.0
#define SGEMM_AT  812.0 /* right ends of the columns */
#define THREAD_AT 900.0
#define CHANGE_AT 980.0
#define HEAD	  112.0 /* title, legend and headings */
#define ROW	  22.0
#define BAR	  13.0
#define PANEL	  38.0 /* a network's own line, with room above */
#define FOOT	  94.0

static const char style[] =
	":root{color-scheme:light dark;--ground:#fff;--ink:#1b2230;--soft:#5b6576;--grid:#e6e9ee;"
	"--s0:#1f6fd6;--s1:#d9640b;--s2:#0b8f6e;--s5:#8a93a1}"
	"@media (prefers-color-scheme:dark){:root{--ground:#12161d;--ink:#e7ebf2;--soft:#9aa5b5;"
	"--grid:#2a323e;--s0:#6aa9ff;--s1:#ff9d57;--s2:#43cfa4;--s5:#7d8796}}"
	"svg{font:12px system-ui,'DejaVu Sans',sans-serif;font-variant-numeric:tabular-nums}"
	"text{fill:var(--ink)}.soft{fill:var(--soft)}.title{font-size:17px;font-weight:600}"
	".network{font-size:13px;font-weight:600}.ground{fill:var(--ground)}.strong{font-weight:600}"
	".grid{stroke:var(--grid)}.mark{stroke:var(--ink);stroke-width:1.4}"
	".best{fill:var(--s0)}.other{fill:var(--s0);opacity:.45}.kernel{fill:var(--s1)}"
	".sgemm{fill:var(--s5)}";

struct picture_state {
	FILE *f;
	const json_t *rows;
	struct svg_scale scale;
	const char *trained; /* what the trained network is; or NULL */
	double y;
};

static void put_at(FILE *f, const char *class, const char *anchor, double x, double y,
		   const char *text)
{
	fprintf(f, "<text class=\"%s\" text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">", class, anchor, x,
		y);
	put_text(f, "%s", text);
	fputs("</text>\n", f);
}

/* The first row of its network and threads is that of the device's best route. */
static bool is_best(const json_t *rows, size_t at)
{
	const json_t *row = json_array_get(rows, at);
	double threads = NAN, other = NAN;

	report_number(row, "threads", &threads);
	for (size_t i = 0; i < at; i++) {
		const json_t *r = json_array_get(rows, i);

		report_number(r, "threads", &other);
		if (bench_row_same(r, row) && other == threads)
			return false;
	}
	return true;
}

static const char *class_of(const json_t *rows, size_t at)
{
	const json_t *row = json_array_get(rows, at);

	if (bench_row_is_sgemm(row))
		return "sgemm";
	if (!strstr(report_string(row, "backend", ""), "embedded"))
		return "kernel";
	return is_best(rows, at) ? "best" : "other";
}

static void draw_row(struct picture_state *p, size_t at)
{
	const json_t *row = json_array_get(p->rows, at);
	const char *class = class_of(p->rows, at);
	double value = NAN, best = NAN, x, end, middle = p->y + ROW / 2;
	char name[128], threads[NUMBER_TEXT], text[NUMBER_TEXT];

	number_text(threads, json_object_get(row, "threads"), "%.0f");
	snprintf(name, sizeof(name), "%s %s, %s thread%s", report_string(row, "backend", "-"),
		 report_string(row, "route", "-"), threads, strcmp(threads, "1") ? "s" : "");
	put_at(p->f, "name", "end", BAR_FROM - 8, middle + 4, name);
	report_number(row, "flips_per_ns", &value);
	report_number(row, "best", &best);
	if (!(value >= 0))
		return;
	end = svg_scale_at(&p->scale, value);
	fprintf(p->f, "<rect class=\"bar %s\"", class);
	put_attribute(p->f, "data-name", "%s", name);
	fprintf(p->f,
		" data-value=\"%.9g\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.0f\" rx=\"2\"/>\n",
		value, BAR_FROM, middle - BAR / 2, fmax(end - BAR_FROM, 1), BAR);
	if (isfinite(best)) {
		x = svg_scale_at(&p->scale, best);
		fprintf(p->f, "<path class=\"mark\" d=\"M%.2f %.1fv%.0f\"/>\n", x,
			middle - BAR / 2 - 2, BAR + 4);
		end = fmax(end, x);
	}
	snprintf(text, sizeof(text), value < 0.1 ? "%.4f" : "%.3f", value);
	put_at(p->f, strcmp(class, "best") ? "value" : "value strong", "start", end + 7, middle + 4,
	       text);
	if (bench_row_over_sgemm(p->rows, row, &x)) {
		snprintf(text, sizeof(text), "%.2f", x);
		put_at(p->f, strcmp(class, "best") ? "value" : "value strong", "end", SGEMM_AT,
		       middle + 4, text);
	}
	if (bench_row_over_one_thread(row, &x)) {
		snprintf(text, sizeof(text), "%.2f", x);
		put_at(p->f, "value", "end", THREAD_AT, middle + 4, text);
	}
	if (report_number(row, "changed", &x)) {
		snprintf(text, sizeof(text), "%.1f %%", 100 * x);
		put_at(p->f, "soft", "end", CHANGE_AT, middle + 4, text);
	}
}

static void draw_network(struct picture_state *p, const json_t *row)
{
	char chains[NUMBER_TEXT];

	number_text(chains, json_object_get(row, "chains"), "%.0f");
	fprintf(p->f, "<text class=\"network\" x=\"%d\" y=\"%.1f\">", MARGIN, p->y + PANEL - 9);
	put_text(p->f, "%s", report_string(row, "network", "-"));
	fputs("<tspan class=\"soft\" font-weight=\"400\">", p->f);
	put_text(p->f, ", %s chain%s", chains, strcmp(chains, "1") ? "s" : "");
	fprintf(p->f, "</tspan></text><path class=\"grid\" d=\"M%d %.1fH%d\"/>\n", MARGIN,
		p->y + PANEL - 3, WIDE - MARGIN);
	p->y += PANEL;
}

static void draw_axis(struct picture_state *p, double bottom)
{
	double ticks[SVG_MAX_TICKS];
	size_t n = svg_scale_ticks(&p->scale, 6, ticks);
	char text[SVG_LABEL];

	for (size_t k = 0; k < n; k++) {
		double x = svg_scale_at(&p->scale, ticks[k]);

		fprintf(p->f, "<path class=\"grid\" d=\"M%.2f %.1fV%.1f\"/>\n", x, HEAD, bottom);
		svg_label(text, ticks[k], n > 1 ? ticks[1] - ticks[0] : 0, NULL);
		put_at(p->f, "soft", "middle", x, HEAD - 6, text);
		put_at(p->f, "soft", "middle", x, bottom + 15, text);
	}
}

static void draw_head(struct picture_state *p, const json_t *report)
{
	static const struct {
		const char *class, *text;
		double x;
	} keys[] = {
		{ "best", "the emulation, its best route", MARGIN },
		{ "other", "its slower routes", 220 },
		{ "kernel", "a device of the kernel", 355 },
		{ "sgemm", "OpenBLAS sgemm and a vectorised logistic", 515 },
	};

	put_at(p->f, "title", "start", MARGIN, 30, "Updates of p-bits a nanosecond");
	put_at(p->f, "soft", "start", MARGIN, 50, report_string(report, "cpu", "-"));
	for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
		fprintf(p->f,
			"<rect class=\"%s\" x=\"%.0f\" y=\"63\" width=\"12\" height=\"12\" "
			"rx=\"2\"/>\n",
			keys[k].class, keys[k].x);
		put_at(p->f, "key", "start", keys[k].x + 18, 73, keys[k].text);
	}
	put_at(p->f, "soft", "end", SGEMM_AT, HEAD - 6, "× sgemm");
	put_at(p->f, "soft", "end", THREAD_AT, HEAD - 6, "× 1 thread");
	put_at(p->f, "soft", "end", CHANGE_AT, HEAD - 6, "changed");
}

static void draw_foot(struct picture_state *p)
{
	if (p->trained) {
		char text[256];

		snprintf(text, sizeof(text), "trained: %s.", p->trained);
		put_at(p->f, "soft", "start", MARGIN, p->y + 76, text);
	}
	put_at(p->f, "soft", "start", MARGIN, p->y + 42,
	       "flips/ns; bars are medians over slices of wall time in which the routes of a "
	       "network take turns, ticks the fastest slice; ×: medians of ratios within a turn.");
	put_at(p->f, "soft", "start", MARGIN, p->y + 59,
	       "A flip is one update of a p-bit, accepted or not; changed: the updates that changed "
	       "it; × 1 thread: flips/ns over those on one thread.");
}

/* Axis, height and largest value come before the rows. */
static void measure_rows(struct picture_state *p, double *ret_height)
{
	double most = 0, x;

	*ret_height = HEAD + FOOT;
	for (size_t i = 0; i < json_array_size(p->rows); i++) {
		const json_t *row = json_array_get(p->rows, i);

		*ret_height += ROW;
		if (i == 0 || !bench_row_same(row, json_array_get(p->rows, i - 1)))
			*ret_height += PANEL;
		if (report_number(row, "flips_per_ns", &x))
			most = fmax(most, x);
		if (report_number(row, "best", &x))
			most = fmax(most, x);
	}
	svg_scale_fit(&p->scale, 0, most, false);
}

int bench_picture_write(const json_t *report, FILE *f)
{
	struct picture_state p = {
		.f = f,
		.rows = json_object_get(report, "rows"),
		.trained = report_string(report, "trained", NULL),
		.scale = { .kind = SVG_LINEAR, .from = BAR_FROM, .to = BAR_TO - 40 },
		.y = HEAD,
	};
	double height;

	measure_rows(&p, &height);
	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" id=\"bench\" viewBox=\"0 0 %d %.0f\" width=\"%d\">\n"
		"<title>Flips a nanosecond by network and route</title>\n<style>%s</style>\n"
		"<rect class=\"ground\" width=\"100%%\" height=\"100%%\"/>\n",
		WIDE, height, WIDE, style);
	draw_head(&p, report);
	draw_axis(&p, height - FOOT + 4);
	for (size_t i = 0; i < json_array_size(p.rows); i++) {
		const json_t *row = json_array_get(p.rows, i);

		if (i == 0 || !bench_row_same(row, json_array_get(p.rows, i - 1)))
			draw_network(&p, row);
		draw_row(&p, i);
		p.y += ROW;
	}
	draw_foot(&p);
	fputs("</svg>\n", f);
	return ferror(f) ? -ENOMEM : 0;
}
