/* SPDX-License-Identifier: MIT */
/*
 * Charts as SVG elements within a page of HTML: lines and dots over two axes, with error bars.
 *
 * Colours and fonts are the page's: series k has the class "s" k, whose colour is its custom
 * property --c (see page_style.c). What was plotted can be read back: each dot carries its values as
 * data-x, data-y, data-low and data-high, to nine digits.
 */
#ifndef PBIT_HTML_SVG_CHART_H
#define PBIT_HTML_SVG_CHART_H

#include "svg_scale.h"

#define SVG_COLOURS  6
#define SVG_MAX_DOTS 120 /* of a series; above it, a line alone, and a band for error bars */

/* y NaN: a gap in the line. low and high: the ends of the error bar; NaN: none. */
struct svg_point {
	double x, y, low, high;
	bool open; /* drawn hollow: of less weight, see the figure's caption */
};

struct svg_series {
	const char *name; /* for the legend; NULL: not in it, nor is a series without a point */
	unsigned int colour;
	bool line, dots, dashed;
	bool band; /* low and high are drawn as an area in place of error bars */
	const struct svg_point *points;
	size_t count;
};

/* A line across the chart at a value of its own, named in the margin. */
struct svg_rule {
	const char *name;
	bool vertical; /* at an x; named above the chart */
	double at;
	unsigned int colour;
	bool dashed;
};

struct svg_axis {
	const char *label; /* what, and its unit */
	enum svg_scale_kind kind;
	const char *unit; /* ticks with SI prefixes before this; NULL: plain numbers */
	bool exact;	  /* ends at the values as they are */
	double pad;	  /* exact: so much beyond them */
	bool from_zero;	  /* holds 0 */
};

struct svg_chart {
	const char *id;	   /* unique on the page; also that of its parts */
	const char *title; /* read out in place of the picture */
	unsigned int width, height;
	struct svg_axis x, y;
	const struct svg_series *series;
	size_t n_series;
	const struct svg_rule *rules;
	size_t n_rules;
};

/* Writes one <svg> element; false, and nothing, when there is not one finite point. */
bool svg_chart_write(FILE *f, const struct svg_chart *c);

/* Rough width of text in a chart's letters, in its coordinates. */
double svg_text_width(const char *text);

#endif
