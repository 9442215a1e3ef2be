// SPDX-License-Identifier: MIT
#include "svg_scale.h"

#include <math.h>
#include <string.h>

#define WANT  6
#define TINY  1e-300
/* What is beyond is shown there: distances and round numbers above it stay finite. */
#define LARGE 1e300
/* Of a step: what rounding may do to a tick. */
#define SLACK 1e-9

/* NaN stays so. */
static double within(double x)
{
	return x > LARGE ? LARGE : x < -LARGE ? -LARGE : x;
}

/* The round number next above or at x: 1, 2, 5 times a power of ten. */
static double round_up(double x)
{
	double power = pow(10, floor(log10(x) + SLACK)), digits = x / power;

	return power * (digits <= 1 + SLACK ? 1 :
			digits <= 2 + SLACK ? 2 :
			digits <= 5 + SLACK ? 5 :
					      10);
}

static double round_down(double x)
{
	double power = pow(10, floor(log10(x) + SLACK)), digits = x / power;

	return power * (digits >= 5 - SLACK ? 5 : digits >= 2 - SLACK ? 2 : 1);
}

static double step_of(const struct svg_scale *s, unsigned int want)
{
	double step = round_up((s->high - s->low) / want);

	return s->kind == SVG_WHOLE ? fmax(step, 1) : step;
}

static void fit_log(struct svg_scale *s, double min, double max, bool exact)
{
	min = fmax(min, TINY);
	max = fmax(max, min);
	s->low = exact ? min : round_down(min);
	s->high = exact ? max : round_up(max);
	if (s->low == s->high) {
		s->low /= 2;
		s->high *= 2;
	}
}

void svg_scale_fit(struct svg_scale *s, double min, double max, bool exact)
{
	double step;

	if (!isfinite(min) || !isfinite(max) || min > max)
		min = 0, max = 1;
	min = within(min);
	max = within(max);
	if (s->kind == SVG_LOG) {
		fit_log(s, min, max, exact);
		return;
	}
	if (max - min < TINY) {
		double room = s->kind == SVG_WHOLE ? fmax(1, fabs(min) * 1e-9) :
						     fmax(fabs(min) / 10, 1e-12);

		min -= room;
		max += room;
	}
	s->low = min;
	s->high = max;
	if (exact)
		return;
	step = step_of(s, WANT);
	s->low = step * floor(min / step + SLACK);
	s->high = step * ceil(max / step - SLACK);
}

double svg_scale_at(const struct svg_scale *s, double value)
{
	double share;

	value = within(value);
	/* A difference of logarithms: the quotient of the ends may leave what a double holds. */
	if (s->kind == SVG_LOG)
		share = (log(fmax(value, TINY)) - log(s->low)) / (log(s->high) - log(s->low));
	else
		share = (value - s->low) / (s->high - s->low);
	return s->from + share * (s->to - s->from);
}

/* Powers of ten, or of every second, third ...; between them 2 and 5 where there is room. */
static size_t log_ticks(const struct svg_scale *s, unsigned int want, double *ret)
{
	int first = (int)floor(log10(s->low) + SLACK), last = (int)ceil(log10(s->high) - SLACK);
	static const double digits[] = { 1, 2, 5 };
	int every = 1 + (last - first) / (int)want;
	bool between = (unsigned int)(last - first) * 3 <= want + 3;
	size_t n = 0;

	for (int e = first; e <= last; e += every)
		for (size_t d = 0; d < (between ? ARRAY_SIZE(digits) : 1); d++) {
			double x = digits[d] * pow(10, e);

			if (x >= s->low * (1 - SLACK) && x <= s->high * (1 + SLACK) &&
			    n < SVG_MAX_TICKS)
				ret[n++] = x;
		}
	return n;
}

size_t svg_scale_ticks(const struct svg_scale *s, unsigned int want, double ret[SVG_MAX_TICKS])
{
	double step, first;
	size_t n = 0;

	if (s->kind == SVG_LOG)
		return log_ticks(s, want, ret);
	step = step_of(s, want);
	first = ceil(s->low / step - SLACK);
	while (n < SVG_MAX_TICKS && (first + (double)n) * step <= s->high + SLACK * step) {
		ret[n] = (first + (double)n) * step;
		n++;
	}
	return n;
}

/* "2·10⁶": digits as they are written above the line. */
static const char *power_label(char buf[static SVG_LABEL], double value)
{
	static const char *const above[] = { "⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹" };
	char text[32], *e;
	size_t used;
	long power;

	snprintf(text, sizeof(text), "%.2e", value);
	e = strchr(text, 'e');
	power = strtol(e + 1, NULL, 10);
	snprintf(text, sizeof(text), "%.3g", value / pow(10, (double)power));
	if (!strcmp(text, "1") || !strcmp(text, "-1"))
		used = (size_t)snprintf(buf, SVG_LABEL, "%s10", *text == '-' ? "−" : "");
	else
		used = (size_t)snprintf(buf, SVG_LABEL, "%s·10", text);
	snprintf(text, sizeof(text), "%ld", power);
	for (char *c = text; *c; c++)
		used += (size_t)snprintf(buf + used, SVG_LABEL - used, "%s",
					 *c == '-' ? "⁻" : above[*c - '0']);
	return buf;
}

static const char *si_label(char buf[static SVG_LABEL], double value, const char *unit)
{
	static const char *const prefixes[] = { "a", "f", "p", "n", "µ", "m",
						"",  "k", "M", "G", "T", "P" };
	double x = value * 1e18;
	size_t i = 0;

	if (value == 0) {
		snprintf(buf, SVG_LABEL, "0 %s", unit);
		return buf;
	}
	while (fabs(x) >= 999.5 && i + 1 < ARRAY_SIZE(prefixes)) {
		x /= 1000;
		i++;
	}
	snprintf(buf, SVG_LABEL, "%.3g %s%s", x, prefixes[i], unit);
	return buf;
}

const char *svg_label(char buf[static SVG_LABEL], double value, double step, const char *unit)
{
	int decimals = 0;

	if (unit)
		return si_label(buf, value, unit);
	if (value != 0 && (fabs(value) >= 1e5 || fabs(value) < 1e-3))
		return power_label(buf, value);
	if (step <= 0) {
		/* "%.3g" would write 1e+03. */
		double least = fabs(value) >= 9995 ? 100 : 10;

		if (fabs(value) >= 999.5)
			snprintf(buf, SVG_LABEL, "%.0f", least * nearbyint(value / least));
		else
			snprintf(buf, SVG_LABEL, "%.3g", value);
		return buf;
	}
	while (decimals < 9 && fabs(step - nearbyint(step)) > SLACK * 10) {
		step *= 10;
		decimals++;
	}
	snprintf(buf, SVG_LABEL, "%.*f", decimals, value + 0.0);
	return buf;
}
