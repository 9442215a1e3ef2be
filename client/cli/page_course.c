// SPDX-License-Identifier: MIT
/* The run over time, from the job's metrics: its speed, where it ran, and when it stopped. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "markup.h"
#include "page.h"
#include "report.h"

#define WIDE	  980
#define MAX_RULES 8
#define MAX_ROWS  200
#define LEAST_US  150e3

struct clock {
	double start; /* us since 1970 */
	double unit;  /* us */
	const char *label;
};

static double time_of(const json_t *line)
{
	return json_number_value(json_object_get(line, "time"));
}

static struct clock choose_clock(const json_t *course)
{
	size_t n = json_array_size(course);
	double start = time_of(json_array_get(course, 0));
	double seconds = (time_of(json_array_get(course, n - 1)) - start) / 1e6;

	if (seconds < 180)
		return (struct clock){ start, 1e6, "seconds since the first start" };
	if (seconds < 3 * 3600)
		return (struct clock){ start, 60e6, "minutes since the first start" };
	return (struct clock){ start, 3600e6, "hours since the first start" };
}

/* Between lines of one process: a job that is resumed counts on from its checkpoint. */
static size_t speed_points(const json_t *course, const struct clock *clock,
			   struct svg_point *points)
{
	double flips = 0, t = 0, before_flips = NAN, before_t = NAN;
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(course); i++) {
		const json_t *line = json_array_get(course, i);

		if (json_object_get(line, "event")) {
			/* A gap. */
			before_flips = NAN;
			points[n++] = (struct svg_point){ time_of(line), NAN, NAN, NAN, false };
		}
		if (!report_number(line, "flips", &flips))
			continue;
		t = time_of(line);
		/* Short times make wild figures. */
		if (t - before_t < LEAST_US)
			continue;
		if (flips >= before_flips)
			points[n++] = (struct svg_point){
				.x = ((t + before_t) / 2 - clock->start) / clock->unit,
				.y = (flips - before_flips) / (1000 * (t - before_t)),
				.low = NAN,
				.high = NAN,
			};
		before_flips = flips;
		before_t = t;
	}
	return n;
}

static size_t restarts(const json_t *course, const struct clock *clock, struct svg_rule *rules,
		       char (*names)[64])
{
	unsigned int starts = 0;
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(course) && n < MAX_RULES; i++) {
		const json_t *line = json_array_get(course, i);

		if (strcmp(report_string(line, "event", ""), "started") != 0 || starts++ == 0)
			continue;
		snprintf(names[n], sizeof(names[n]), "again, %s",
			 report_string(line, "device", "-"));
		rules[n] = (struct svg_rule){ .name = names[n],
					      .vertical = true,
					      .at = (time_of(line) - clock->start) / clock->unit,
					      .colour = 4,
					      .dashed = true };
		n++;
	}
	return n;
}

static void put_speed(struct page *p)
{
	size_t lines = json_array_size(p->course), known = 0;
	_cleanup_free_ struct svg_point *points = calloc(2 * lines + 1, sizeof(*points));
	struct clock clock = choose_clock(p->course);
	struct svg_rule rules[MAX_RULES];
	char names[MAX_RULES][64];
	struct svg_series series = { .colour = 0, .line = true, .dots = true, .points = points };
	struct svg_chart chart = {
		.id = "speed",
		.title = "Flips a nanosecond over time",
		.width = WIDE,
		.height = 250,
		.x = { .label = clock.label, .exact = true, .from_zero = true },
		.y = { .label = "flips/ns", .from_zero = true },
		.series = &series,
		.n_series = 1,
		.rules = rules,
	};

	if (!points) {
		p->oom = true;
		return;
	}
	series.count = speed_points(p->course, &clock, points);
	chart.n_rules = restarts(p->course, &clock, rules, names);
	for (size_t i = 0; i < series.count; i++)
		known += isfinite(points[i].y);
	/* One speed is no course. */
	if (known < 2)
		return;
	page_figure(p, "Speed", false);
	svg_chart_write(p->f, &chart);
	page_caption(p, "Flips between two lines of the job's metrics over the time between them, "
			"judging and waiting for the device included.");
}

static void put_event(struct page *p, const json_t *line)
{
	time_t seconds = (time_t)(time_of(line) / 1e6);
	struct tm parts;
	char text[64] = "-";

	if (localtime_r(&seconds, &parts))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts);
	fputs("<tr>", p->f);
	put_element(p->f, "td", "%s", text);
	put_element(p->f, "td", "%s", report_string(line, "event", "-"));
	put_element(p->f, "td", "%s", report_string(line, "device", ""));
	put_element(p->f, "td", "%s", report_string(line, "reason", ""));
	fputs("</tr>\n", p->f);
}

static void put_events(struct page *p)
{
	size_t shown = 0, left_out = 0;

	page_figure(p, "What happened", false);
	fputs("<table id=\"events\"><tr><th>when</th><th>event</th><th>device</th><th>why</th></tr>\n",
	      p->f);
	for (size_t i = 0; i < json_array_size(p->course); i++) {
		const json_t *line = json_array_get(p->course, i);

		if (!json_object_get(line, "event"))
			continue;
		if (shown++ < MAX_ROWS)
			put_event(p, line);
		else
			left_out++;
	}
	fputs("</table>\n", p->f);
	if (left_out)
		page_caption(p, "%zu more are left out.", left_out);
	else
		page_caption(p, "As the daemon noted it.");
}

void page_course(struct page *p)
{
	if (!json_array_size(p->course))
		return;
	fputs("<h2>The run</h2>\n<div class=\"figures\">\n", p->f);
	put_speed(p);
	put_events(p);
	fputs("</div>\n", p->f);
}
