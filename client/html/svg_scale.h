/* SPDX-License-Identifier: MIT */
/* From values to places on paper, and the round values that an axis shows. */
#ifndef PBIT_HTML_SVG_SCALE_H
#define PBIT_HTML_SVG_SCALE_H

#include "util.h"

#define SVG_MAX_TICKS 16
#define SVG_LABEL     48

enum svg_scale_kind {
	SVG_LINEAR,
	SVG_LOG,   /* of values above 0 */
	SVG_WHOLE, /* linear, and only whole numbers are shown */
};

struct svg_scale {
	enum svg_scale_kind kind;
	double low, high; /* values at the ends */
	double from, to;  /* where the ends are drawn; to < from turns it round */
};

/*
 * Chooses low and high for values from min to max: round ones that hold them all, or, when exact,
 * min and max as they are. Never low == high. On a log scale, what is not above 0 counts as the
 * smallest value there is.
 */
void svg_scale_fit(struct svg_scale *s, double min, double max, bool exact);

double svg_scale_at(const struct svg_scale *s, double value);

/* At most about want round values from low to high, rising; how many. */
size_t svg_scale_ticks(const struct svg_scale *s, unsigned int want, double ret[SVG_MAX_TICKS]);

/*
 * A tick's label: as many decimals as the distance of ticks needs (0: three digits), and powers of
 * ten for the very large and small: "0.25", "-13", "2·10⁶". With a unit, SI prefixes instead:
 * "20 mJ".
 */
const char *svg_label(char buf[static SVG_LABEL], double value, double step, const char *unit);

#endif
