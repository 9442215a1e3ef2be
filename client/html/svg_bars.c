// SPDX-License-Identifier: MIT
#include "svg_bars.h"

#include <math.h>

#include "markup.h"
#include "svg_chart.h"

#define LEFT  4
#define RIGHT 64 /* room for a value after its bar */
#define ROW   24
#define BAR   14
#define STACK 34
#define AXIS  40
#define GAP   9
#define LEAST 0.6 /* a part that is there is seen */

static bool is_drawn(const struct svg_bars *b, const struct svg_bar *bar)
{
	return isfinite(bar->value) && (b->kind == SVG_LOG ? bar->value > 0 : bar->value >= 0);
}

static void begin(FILE *f, const struct svg_bars *b, double height)
{
	fputs("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" role=\"img\"", f);
	put_attribute(f, "id", "%s", b->id);
	put_attribute(f, "viewBox", "0 0 %u %.0f", b->width, height);
	put_attribute(f, "aria-label", "%s", b->title);
	fputs(">\n", f);
}

static void draw_part(FILE *f, const struct svg_bars *b, const struct svg_bar *bar, double x,
		      double width)
{
	char text[SVG_LABEL];

	fprintf(f, "<rect class=\"bar s%u\"", bar->colour % SVG_COLOURS);
	put_attribute(f, "data-name", "%s", bar->name);
	fprintf(f, " data-value=\"%.9g\" x=\"%.2f\" y=\"2\" width=\"%.2f\" height=\"%d\"><title>",
		bar->value, x, fmax(width, LEAST), STACK);
	put_text(f, "%s: %s", bar->name, svg_label(text, bar->value, 0, b->unit));
	fputs("</title></rect>\n", f);
}

static void draw_part_key(FILE *f, const struct svg_bars *b, const struct svg_bar *bar, double y,
			  double sum)
{
	double share = 100 * bar->value / sum;
	char text[SVG_LABEL];

	fprintf(f, "<rect class=\"bar s%u\" x=\"%d\" y=\"%.1f\" width=\"12\" height=\"12\"/>",
		bar->colour % SVG_COLOURS, LEFT, y - 10);
	fprintf(f, "<text class=\"key\" x=\"%d\" y=\"%.1f\">", LEFT + 20, y);
	put_text(f, "%s", bar->name);
	fprintf(f, "</text><text class=\"key\" text-anchor=\"end\" x=\"%.1f\" y=\"%.1f\">",
		b->width - 76.0, y);
	put_text(f, "%s", svg_label(text, bar->value, 0, b->unit));
	fprintf(f, "</text><text class=\"key\" text-anchor=\"end\" x=\"%.1f\" y=\"%.1f\">",
		b->width - 4.0, y);
	put_text(f, share > 0 && share < 0.1 ? "< 0.1 %%" : "%.1f %%", share);
	fputs("</text>\n", f);
}

bool svg_stack_write(FILE *f, const struct svg_bars *b)
{
	double sum = 0, x = LEFT, y = STACK + 28, room = b->width - 2.0 * LEFT;

	for (size_t k = 0; k < b->count; k++)
		if (is_drawn(b, &b->bars[k]))
			sum += b->bars[k].value;
	if (!(sum > 0))
		return false;
	begin(f, b, STACK + 16 + 20.0 * (double)b->count);
	for (size_t k = 0; k < b->count; k++) {
		double width = room * b->bars[k].value / sum;

		if (!is_drawn(b, &b->bars[k]))
			continue;
		draw_part(f, b, &b->bars[k], x, width);
		x += width;
	}
	for (size_t k = 0; k < b->count; k++, y += 20)
		if (is_drawn(b, &b->bars[k]))
			draw_part_key(f, b, &b->bars[k], y, sum);
	fputs("</svg>\n", f);
	return true;
}

static double names_width(const struct svg_bars *b)
{
	double most = 0;

	for (size_t k = 0; k < b->count; k++)
		most = fmax(most, svg_text_width(b->bars[k].name));
	return fmin(LEFT + most + 12, b->width * 0.5);
}

static void draw_axis(FILE *f, const struct svg_bars *b, const struct svg_scale *s, double bottom)
{
	double ticks[SVG_MAX_TICKS];
	size_t n = svg_scale_ticks(s, b->kind == SVG_LOG ? 9 : 6, ticks);
	double step = b->kind == SVG_LOG || n < 2 ? 0 : ticks[1] - ticks[0];
	char text[SVG_LABEL];

	for (size_t k = 0; k < n; k++) {
		double x = svg_scale_at(s, ticks[k]);

		fprintf(f, "<path class=\"grid\" d=\"M%.2f 4V%.1f\"/>", x, bottom);
		fprintf(f,
			"<text class=\"tick\" text-anchor=\"middle\" x=\"%.2f\" y=\"%.1f\" "
			"data-at=\"%.2f\" data-value=\"%.9g\">",
			x, bottom + 15, x, ticks[k]);
		put_text(f, "%s", svg_label(text, ticks[k], step, b->unit));
		fputs("</text>\n", f);
	}
	fprintf(f, "<text class=\"name\" text-anchor=\"end\" x=\"%.1f\" y=\"%.1f\">",
		b->width - 4.0, bottom + 32);
	put_text(f, "%s", b->label);
	fputs("</text>\n", f);
}

/* A value stands beside its bar; behind the mark, which it is not of, where there is no room between. */
static double value_place(const struct svg_scale *s, const struct svg_bar *bar, double end,
			  const char *text)
{
	double mark = isfinite(bar->mark) ? svg_scale_at(s, bar->mark) : end;

	return end + GAP + svg_text_width(text) + GAP < mark ? end + GAP : fmax(end, mark) + GAP;
}

static void draw_row(FILE *f, const struct svg_bars *b, const struct svg_scale *s,
		     const struct svg_bar *bar, double y)
{
	double end = svg_scale_at(s, bar->value), middle = y + ROW / 2.0;
	char text[SVG_LABEL];

	fprintf(f, "<text class=\"key\" text-anchor=\"end\" x=\"%.1f\" y=\"%.1f\">", s->from - 8,
		middle + 4);
	put_text(f, "%s", bar->name);
	fprintf(f, "</text><g class=\"s%u\"", bar->colour % SVG_COLOURS);
	put_attribute(f, "data-name", "%s", bar->name);
	fprintf(f, " data-value=\"%.9g\">", bar->value);
	if (b->kind == SVG_LOG)
		fprintf(f,
			"<path class=\"line thin\" d=\"M%.2f %.1fH%.2f\"/><circle class=\"dot\" "
			"cx=\"%.2f\" cy=\"%.1f\" r=\"5\"/>",
			s->from, middle, end, end, middle);
	else
		fprintf(f,
			"<rect class=\"bar\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%d\"/>",
			s->from, middle - BAR / 2.0, fmax(end - s->from, LEAST), BAR);
	if (isfinite(bar->mark))
		fprintf(f, "<path class=\"mark\" d=\"M%.2f %.1fv%d\"/>", svg_scale_at(s, bar->mark),
			middle - BAR / 2.0 - 2, BAR + 4);
	svg_label(text, bar->value, 0, b->unit);
	fprintf(f, "</g><text class=\"value\" x=\"%.2f\" y=\"%.1f\">",
		value_place(s, bar, end, text), middle + 4);
	put_text(f, "%s", text);
	fputs("</text>\n", f);
}

bool svg_bars_write(FILE *f, const struct svg_bars *b)
{
	struct svg_scale s = { .kind = b->kind, .from = names_width(b), .to = b->width - RIGHT };
	double min = INFINITY, max = 0, height = 6, y = 6;

	for (size_t k = 0; k < b->count; k++) {
		height += ROW;
		if (!is_drawn(b, &b->bars[k]))
			continue;
		min = fmin(min, b->bars[k].value);
		max = fmax(max, b->bars[k].value);
		if (isfinite(b->bars[k].mark))
			max = fmax(max, b->bars[k].mark);
	}
	if (!isfinite(min))
		return false;
	svg_scale_fit(&s, b->kind == SVG_LOG ? min : 0, max, false);
	begin(f, b, height + AXIS);
	draw_axis(f, b, &s, height);
	for (size_t k = 0; k < b->count; k++, y += ROW)
		if (is_drawn(b, &b->bars[k]))
			draw_row(f, b, &s, &b->bars[k], y);
	fputs("</svg>\n", f);
	return true;
}
