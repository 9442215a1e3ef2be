// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "report.h"
#include "terminal.h"

const json_t *report_get(const json_t *report, const char *path)
{
	char key[64];

	while (report && *path) {
		size_t n = strcspn(path, ".");

		if (n >= sizeof(key))
			return NULL;
		memcpy(key, path, n);
		key[n] = 0;
		report = json_object_get(report, key);
		path += n + (path[n] == '.');
	}
	return report;
}

bool report_number(const json_t *report, const char *path, double *ret)
{
	const json_t *j = report_get(report, path);

	if (!json_is_number(j))
		return false;
	*ret = json_number_value(j);
	return true;
}

const char *report_string(const json_t *report, const char *path, const char *fallback)
{
	const char *s = json_string_value(report_get(report, path));

	return s ? s : fallback;
}

bool report_unresolved(const json_t *model, const json_t *figure)
{
	return json_is_false(json_object_get(model, "resolved")) && !json_is_number(figure);
}

static const char *missing(char buf[static NUMBER_TEXT])
{
	return strcpy(buf, "-");
}

const char *number_text(char buf[static NUMBER_TEXT], const json_t *j, const char *fmt)
{
	if (!json_is_number(j))
		return missing(buf);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(buf, NUMBER_TEXT, fmt, json_number_value(j));
#pragma GCC diagnostic pop
	return buf;
}

const char *count_text(char buf[static NUMBER_TEXT], const json_t *j)
{
	double x;
	char *e;

	if (!json_is_number(j))
		return missing(buf);
	x = json_number_value(j);
	if (fabs(x) < 100000) {
		snprintf(buf, NUMBER_TEXT, "%.6g", x);
		return buf;
	}
	/* 1.23e+06 as 1.23e6 */
	snprintf(buf, NUMBER_TEXT, "%.3g", x);
	e = strchr(buf, 'e');
	if (e) {
		long exponent = strtol(e + 1, NULL, 10);

		snprintf(e + 1, NUMBER_TEXT - (size_t)(e + 1 - buf), "%ld", exponent);
	}
	return buf;
}

const char *si_text(char buf[static NUMBER_TEXT], const json_t *j, const char *unit)
{
	static const char *const prefixes[] = { "a", "f", "p", "n", "u", "m", "", "k", "M", "G" };
	size_t i = 0;
	double x;

	if (!json_is_number(j))
		return missing(buf);
	x = json_number_value(j);
	if (x == 0) {
		snprintf(buf, NUMBER_TEXT, "0 %s", unit);
		return buf;
	}
	x *= 1e18;
	while (fabs(x) >= 999.5 && i + 1 < ARRAY_SIZE(prefixes)) {
		x /= 1000;
		i++;
	}
	snprintf(buf, NUMBER_TEXT, "%.3g %s%s", x, prefixes[i], unit);
	return buf;
}

const char *duration_text(char buf[static NUMBER_TEXT], double seconds)
{
	unsigned long s;

	if (!(seconds >= 0 && seconds < 3.2e9))
		return missing(buf);
	s = (unsigned long)(seconds + 0.5);
	if (s < 3600)
		snprintf(buf, NUMBER_TEXT, "%lu:%02lu", s / 60, s % 60);
	else
		snprintf(buf, NUMBER_TEXT, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
	return buf;
}

int report_line(FILE *f, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL, *safe = NULL;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (r < 0) {
		text = NULL;
		return -ENOMEM;
	}
	safe = terminal_text(text);
	if (!safe)
		return -ENOMEM;
	fprintf(f, "%s\n", safe);
	return 0;
}

const json_t *report_price_count(const json_t *energy, const char *what)
{
	static const struct {
		const char *word, *count;
	} words[] = {
		{ "flip", "flips" }, { "draw", "flips" }, { "read", "reads" }, { "write", "writes" }
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(what, words[i].word))
			return json_object_get(energy, words[i].count);
	return NULL;
}
