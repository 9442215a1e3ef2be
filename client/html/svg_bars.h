/* SPDX-License-Identifier: MIT */
/* Horizontal bars as SVG elements within a page of HTML; see svg_chart.h. */
#ifndef PBIT_HTML_SVG_BARS_H
#define PBIT_HTML_SVG_BARS_H

#include "svg_scale.h"

/* A part of a whole, or a row of bars. */
struct svg_bar {
	const char *name;
	double value; /* at least 0; others are not drawn */
	double mark;  /* a tick on the bar's line, NaN: none */
	unsigned int colour;
};

struct svg_bars {
	const char *id, *title;
	unsigned int width;
	const char *label; /* what the lengths are, and their unit */
	const char *unit;  /* for SI prefixes; NULL: plain numbers */
	enum svg_scale_kind kind;
	const struct svg_bar *bars;
	size_t count;
};

/*
 * One bar whose parts lie one after the other, each as long as its share of the sum, with a legend
 * of names, values and shares. Nothing, and false, when there is no sum.
 */
bool svg_stack_write(FILE *f, const struct svg_bars *b);

/* One bar a row, from 0, or on a log scale a dot a row; its value at its end. */
bool svg_bars_write(FILE *f, const struct svg_bars *b);

#endif
