// SPDX-License-Identifier: MIT
#include "svg_chart.h"

#include <math.h>
#include <string.h>

#include "markup.h"

#define LEFT	  58 /* margins, in the coordinates of the picture */
#define RIGHT	  14
#define ABOVE	  24 /* holds the name of the y axis */
#define BELOW	  42
#define LEGEND	  20 /* height of one row of it */
#define SWATCH	  22
#define LETTER	  6.8
#define ROW	  14 /* distance of names in the margin */
#define MAX_RULES 16

struct frame {
	const struct svg_chart *c;
	struct svg_scale x, y;
	double left, right, top, bottom;
};

double svg_text_width(const char *text)
{
	double n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return LETTER * n;
}

static bool is_drawn(const struct svg_chart *c, const struct svg_point *p)
{
	return isfinite(p->x) && isfinite(p->y) && (c->y.kind != SVG_LOG || p->y > 0) &&
	       (c->x.kind != SVG_LOG || p->x > 0);
}

static void widen(double x, double *min, double *max)
{
	*min = fmin(*min, x);
	*max = fmax(*max, x);
}

/* The low end of an error bar may be at or below 0, which no logarithm shows: it ends below. */
static bool find_ranges(const struct svg_chart *c, double x[2], double y[2])
{
	bool any = false;

	x[0] = y[0] = INFINITY;
	x[1] = y[1] = -INFINITY;
	for (size_t k = 0; k < c->n_series; k++)
		for (size_t i = 0; i < c->series[k].count; i++) {
			const struct svg_point *p = &c->series[k].points[i];

			if (!is_drawn(c, p))
				continue;
			any = true;
			widen(p->x, &x[0], &x[1]);
			widen(p->y, &y[0], &y[1]);
			if (isfinite(p->high))
				widen(p->high, &y[0], &y[1]);
			if (isfinite(p->low) && (c->y.kind != SVG_LOG || p->low > p->y / 10))
				widen(p->low, &y[0], &y[1]);
		}
	for (size_t k = 0; any && k < c->n_rules; k++)
		if (!c->rules[k].vertical && isfinite(c->rules[k].at))
			widen(c->rules[k].at, &y[0], &y[1]);
	if (c->y.from_zero)
		widen(0, &y[0], &y[1]);
	if (c->x.from_zero)
		widen(0, &x[0], &x[1]);
	x[0] -= c->x.pad;
	x[1] += c->x.pad;
	return any;
}

static bool has_point(const struct svg_chart *c, const struct svg_series *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (is_drawn(c, &s->points[i]))
			return true;
	return false;
}

static double rule_margin(const struct svg_chart *c)
{
	double most = 0;

	for (size_t k = 0; k < c->n_rules; k++)
		if (!c->rules[k].vertical)
			most = fmax(most, svg_text_width(c->rules[k].name) + 12);
	return most;
}

/* Entries of the legend from left to right, in as many rows as it takes; the rows. */
static unsigned int legend(FILE *f, const struct svg_chart *c, double top)
{
	double x = LEFT, room = c->width - RIGHT;
	unsigned int rows = 0;

	for (size_t k = 0; k < c->n_series; k++) {
		const struct svg_series *s = &c->series[k];
		double width = s->name ? SWATCH + svg_text_width(s->name) + 18 : 0, y;

		if (!s->name || !has_point(c, s))
			continue;
		if (rows == 0 || x + width > room) {
			x = LEFT;
			rows++;
		}
		y = top + LEGEND * (rows - 0.5);
		if (f) {
			fprintf(f, "<g class=\"s%u\">", s->colour % SVG_COLOURS);
			if (s->band)
				fprintf(f,
					"<rect class=\"band\" x=\"%.1f\" y=\"%.1f\" width=\"16\" "
					"height=\"10\"/>",
					x, y - 5);
			if (s->line)
				fprintf(f, "<path class=\"line%s\" d=\"M%.1f %.1fh16\"/>",
					s->dashed ? " dashed" : "", x, y);
			if (s->dots)
				fprintf(f,
					"<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>",
					x + 8, y);
			fprintf(f, "<text class=\"key\" x=\"%.1f\" y=\"%.1f\">", x + SWATCH, y + 4);
			put_text(f, "%s", s->name);
			fputs("</text></g>\n", f);
		}
		x += width;
	}
	return rows;
}

static double tick_step(const double *ticks, size_t n)
{
	return n > 1 ? ticks[1] - ticks[0] : 0;
}

static void draw_y_axis(FILE *f, const struct frame *r)
{
	const struct svg_axis *a = &r->c->y;
	double ticks[SVG_MAX_TICKS];
	size_t n = svg_scale_ticks(&r->y, 6, ticks);
	double step = a->kind == SVG_LOG ? 0 : tick_step(ticks, n);
	char text[SVG_LABEL];

	fputs("<g class=\"y-axis\">", f);
	for (size_t k = 0; k < n; k++) {
		double y = svg_scale_at(&r->y, ticks[k]);

		fprintf(f, "<path class=\"grid\" d=\"M%.1f %.2fH%.1f\"/>", r->left, y, r->right);
		fprintf(f,
			"<text class=\"tick\" text-anchor=\"end\" x=\"%.1f\" y=\"%.2f\" "
			"data-at=\"%.2f\" data-value=\"%.9g\">",
			r->left - 8, y + 4, y, ticks[k]);
		put_text(f, "%s", svg_label(text, ticks[k], step, a->unit));
		fputs("</text>", f);
	}
	fprintf(f, "<text class=\"name\" x=\"4\" y=\"%.1f\">", r->top - 11);
	put_text(f, "%s", a->label);
	fputs("</text></g>\n", f);
}

static void draw_x_axis(FILE *f, const struct frame *r)
{
	const struct svg_axis *a = &r->c->x;
	double ticks[SVG_MAX_TICKS], wide = r->right - r->left;
	size_t n = svg_scale_ticks(&r->x, (unsigned int)fmax(2, wide / 75), ticks);
	double step = a->kind == SVG_LOG ? 0 : tick_step(ticks, n);
	char text[SVG_LABEL];

	fputs("<g class=\"x-axis\">", f);
	fprintf(f, "<path class=\"axis\" d=\"M%.1f %.1fH%.1f\"/>", r->left, r->bottom, r->right);
	for (size_t k = 0; k < n; k++) {
		double x = svg_scale_at(&r->x, ticks[k]);

		fprintf(f, "<path class=\"axis\" d=\"M%.2f %.1fv4\"/>", x, r->bottom);
		fprintf(f,
			"<text class=\"tick\" text-anchor=\"middle\" x=\"%.2f\" y=\"%.1f\" "
			"data-at=\"%.2f\" data-value=\"%.9g\">",
			x, r->bottom + 17, x, ticks[k]);
		put_text(f, "%s", svg_label(text, ticks[k], step, a->unit));
		fputs("</text>", f);
	}
	fprintf(f, "<text class=\"name\" text-anchor=\"end\" x=\"%.1f\" y=\"%.1f\">", r->right,
		r->bottom + 35);
	put_text(f, "%s", a->label);
	fputs("</text></g>\n", f);
}

/* Names that would lie upon each other move apart, downwards, then up from the bottom. */
static void spread(double *y, size_t n, double bottom)
{
	for (size_t k = 1; k < n; k++)
		y[k] = fmax(y[k], y[k - 1] + ROW);
	for (size_t k = n; k-- > 0; bottom = y[k] - ROW)
		y[k] = fmin(y[k], bottom);
}

static size_t sort_rules(const struct frame *r, const struct svg_rule **sorted)
{
	size_t n = 0;

	for (size_t k = 0; k < r->c->n_rules && n < MAX_RULES; k++) {
		const struct svg_rule *rule = &r->c->rules[k];
		size_t at = n;

		if (rule->vertical || !isfinite(rule->at))
			continue;
		for (; at > 0 &&
		       svg_scale_at(&r->y, sorted[at - 1]->at) > svg_scale_at(&r->y, rule->at);
		     at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = rule;
		n++;
	}
	return n;
}

static void draw_rules(FILE *f, const struct frame *r)
{
	const struct svg_rule *sorted[MAX_RULES];
	size_t n = sort_rules(r, sorted);
	double names[MAX_RULES];

	for (size_t k = 0; k < n; k++)
		names[k] = svg_scale_at(&r->y, sorted[k]->at);
	spread(names, n, r->bottom);
	for (size_t k = 0; k < n; k++) {
		double y = svg_scale_at(&r->y, sorted[k]->at);

		fprintf(f, "<g class=\"rule s%u\" data-y=\"%.9g\">",
			sorted[k]->colour % SVG_COLOURS, sorted[k]->at);
		fprintf(f, "<path class=\"line thin%s\" d=\"M%.1f %.2fH%.1fL%.1f %.2f\"/>",
			sorted[k]->dashed ? " dashed" : "", r->left, y, r->right, r->right + 7,
			names[k]);
		fprintf(f, "<text class=\"key\" x=\"%.1f\" y=\"%.2f\">", r->right + 10,
			names[k] + 4);
		put_text(f, "%s", sorted[k]->name);
		fputs("</text></g>\n", f);
	}
	for (size_t k = 0; k < r->c->n_rules; k++) {
		const struct svg_rule *rule = &r->c->rules[k];
		double x = svg_scale_at(&r->x, rule->at);

		if (!rule->vertical || !(x >= r->left - 0.5 && x <= r->right + 0.5))
			continue;
		fprintf(f, "<g class=\"rule s%u\" data-x=\"%.9g\">", rule->colour % SVG_COLOURS,
			rule->at);
		fprintf(f, "<path class=\"line thin%s\" d=\"M%.2f %.1fV%.1f\"/>",
			rule->dashed ? " dashed" : "", x, r->top, r->bottom);
		fprintf(f, "<text class=\"key\" text-anchor=\"%s\" x=\"%.2f\" y=\"%.1f\">",
			x > (r->left + r->right) / 2 ? "end" : "start",
			x > (r->left + r->right) / 2 ? x - 4 : x + 4, r->top - 5);
		put_text(f, "%s", rule->name);
		fputs("</text></g>\n", f);
	}
}

/* A pair of coordinates as a path has them; what leaves the frame ends at its edge. */
static void put_place(FILE *f, const struct frame *r, char command, double x, double y)
{
	fputc(command, f);
	put_number(f, svg_scale_at(&r->x, x));
	fputc(' ', f);
	put_number(f, fmin(fmax(svg_scale_at(&r->y, y), r->top), r->bottom));
}

static void draw_line(FILE *f, const struct frame *r, const struct svg_series *s)
{
	bool open = false;

	fprintf(f, "<path class=\"line%s\" d=\"", s->dashed ? " dashed" : "");
	for (size_t i = 0; i < s->count; i++) {
		const struct svg_point *p = &s->points[i];
		bool drawn = is_drawn(r->c, p);

		if (drawn)
			put_place(f, r, open ? 'L' : 'M', p->x, p->y);
		open = drawn;
	}
	fputs("\"/>\n", f);
}

static bool has_bar(const struct frame *r, const struct svg_point *p)
{
	return is_drawn(r->c, p) && isfinite(p->low) && isfinite(p->high) && p->high > p->low;
}

/* Along the upper ends and back along the lower ones, a piece at a time. */
static void draw_band(FILE *f, const struct frame *r, const struct svg_series *s)
{
	fputs("<path class=\"band\" d=\"", f);
	for (size_t i = 0, end; i < s->count; i = end + 1) {
		for (end = i; end < s->count && has_bar(r, &s->points[end]); end++)
			put_place(f, r, end == i ? 'M' : 'L', s->points[end].x,
				  s->points[end].high);
		for (size_t k = end; k-- > i;)
			put_place(f, r, 'L', s->points[k].x, s->points[k].low);
		if (end > i)
			fputc('z', f);
	}
	fputs("\"/>\n", f);
}

static void draw_bars(FILE *f, const struct frame *r, const struct svg_series *s)
{
	fputs("<path class=\"error\" d=\"", f);
	for (size_t i = 0; i < s->count; i++) {
		const struct svg_point *p = &s->points[i];

		if (!has_bar(r, p))
			continue;
		put_place(f, r, 'M', p->x, p->low);
		put_place(f, r, 'L', p->x, p->high);
		fputs("m-3 0h6", f);
		put_place(f, r, 'M', p->x, p->low);
		fputs("m-3 0h6", f);
	}
	fputs("\"/>\n", f);
}

static void draw_dot(FILE *f, const struct frame *r, const struct svg_series *s,
		     const struct svg_point *p)
{
	fprintf(f, "<circle class=\"dot%s\" cx=\"", p->open ? " open" : "");
	put_number(f, svg_scale_at(&r->x, p->x));
	fputs("\" cy=\"", f);
	put_number(f, svg_scale_at(&r->y, p->y));
	fprintf(f, "\" r=\"3\" data-x=\"%.9g\" data-y=\"%.9g\"", p->x, p->y);
	if (isfinite(p->low) && isfinite(p->high))
		fprintf(f, " data-low=\"%.9g\" data-high=\"%.9g\"", p->low, p->high);
	fputs("><title>", f);
	if (s->name)
		put_text(f, "%s: ", s->name);
	put_text(f, "%.6g at %.6g", p->y, p->x);
	if (isfinite(p->low) && isfinite(p->high))
		put_text(f, ", %.4g to %.4g", p->low, p->high);
	fputs("</title></circle>\n", f);
}

static void draw_series(FILE *f, const struct frame *r, const struct svg_series *s)
{
	bool many = s->count > SVG_MAX_DOTS;

	fprintf(f, "<g class=\"series s%u\"", s->colour % SVG_COLOURS);
	if (s->name)
		put_attribute(f, "data-name", "%s", s->name);
	fputs(">\n", f);
	if (s->band || many)
		draw_band(f, r, s);
	else
		draw_bars(f, r, s);
	if (s->line || many)
		draw_line(f, r, s);
	for (size_t i = 0; s->dots && !many && i < s->count; i++)
		if (is_drawn(r->c, &s->points[i]))
			draw_dot(f, r, s, &s->points[i]);
	fputs("</g>\n", f);
}

static void lay_out(struct frame *r, const double x[2], const double y[2])
{
	const struct svg_chart *c = r->c;
	unsigned int rows = legend(NULL, c, 0);

	r->left = LEFT;
	r->right = c->width - fmax(RIGHT, rule_margin(c));
	r->top = ABOVE + (rows ? LEGEND * rows + 6 : 0);
	r->bottom = c->height - BELOW;
	r->x = (struct svg_scale){ .kind = c->x.kind, .from = r->left, .to = r->right };
	r->y = (struct svg_scale){ .kind = c->y.kind, .from = r->bottom, .to = r->top };
	svg_scale_fit(&r->x, x[0], x[1], c->x.exact);
	svg_scale_fit(&r->y, y[0], y[1], c->y.exact);
}

bool svg_chart_write(FILE *f, const struct svg_chart *c)
{
	struct frame r = { .c = c };
	double x[2], y[2];

	if (!find_ranges(c, x, y))
		return false;
	lay_out(&r, x, y);
	fputs("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" role=\"img\"", f);
	put_attribute(f, "id", "%s", c->id);
	put_attribute(f, "viewBox", "0 0 %u %u", c->width, c->height);
	put_attribute(f, "aria-label", "%s", c->title);
	fputs(">\n", f);
	legend(f, c, 0);
	draw_y_axis(f, &r);
	draw_x_axis(f, &r);
	draw_rules(f, &r);
	for (size_t k = 0; k < c->n_series; k++)
		draw_series(f, &r, &c->series[k]);
	fputs("</svg>\n", f);
	return true;
}
