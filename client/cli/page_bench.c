// SPDX-License-Identifier: MIT
/* A bench job's part of the page: flips/ns by network, backend, route and threads. */
#include <math.h>
#include <string.h>

#include "markup.h"
#include "page.h"
#include "report.h"
#include "svg_bars.h"

#define WIDE	 980
#define MAX_ROWS 64

static unsigned int colour_of(const char *backend)
{
	return strstr(backend, "sgemm") ? 5 : strstr(backend, "embedded") ? 0 : 1;
}

/* The rows of one network from *at on, which moves behind them; how many. */
static size_t network_bars(const json_t *rows, size_t *at, struct svg_bar *bars, char (*names)[96])
{
	const char *network = report_string(json_array_get(rows, *at), "network", "-");
	size_t n = 0;

	for (; *at < json_array_size(rows) && n < MAX_ROWS; ++*at, n++) {
		const json_t *row = json_array_get(rows, *at);
		const char *backend = report_string(row, "backend", "-");
		char threads[NUMBER_TEXT], chains[NUMBER_TEXT];

		if (strcmp(report_string(row, "network", "-"), network) != 0)
			break;
		snprintf(names[n], sizeof(names[n]), "%s, %s, threads %s, chains %s", backend,
			 report_string(row, "route", "-"),
			 number_text(threads, json_object_get(row, "threads"), "%.0f"),
			 number_text(chains, json_object_get(row, "chains"), "%.0f"));
		bars[n] = (struct svg_bar){
			.name = names[n], .value = NAN, .mark = NAN, .colour = colour_of(backend)
		};
		report_number(row, "flips_per_ns", &bars[n].value);
		report_number(row, "best", &bars[n].mark);
	}
	return n;
}

static void put_network(struct page *p, const json_t *rows, size_t *at)
{
	const char *network = report_string(json_array_get(rows, *at), "network", "-");
	char names[MAX_ROWS][96], id[32], title[128];
	struct svg_bar bars[MAX_ROWS];
	const struct svg_bars chart = { .id = id,
					.title = title,
					.width = WIDE,
					.label = "flips/ns",
					.bars = bars,
					.count = network_bars(rows, at, bars, names) };

	snprintf(id, sizeof(id), "bench-%u", p->figures + 1);
	snprintf(title, sizeof(title), "Flips a nanosecond, %s", network);
	page_figure(p, title, false);
	if (svg_bars_write(p->f, &chart))
		page_caption(p, "Medians over slices of wall time in which the routes of a network "
				"take turns; the tick is the fastest slice.");
	else
		page_caption(p, "Nothing was measured.");
}

void page_bench(struct page *p)
{
	const json_t *rows = report_get(p->report, "rows");
	const json_t *empty = report_get(p->report, "empty_run");
	char a[NUMBER_TEXT], b[NUMBER_TEXT];

	if (!json_is_array(rows))
		return;
	fputs("<section class=\"cards\">\n", p->f);
	page_card(p, "plain", "Processor", report_string(p->report, "cpu", "-"), "%s",
		  "as the kernel names it");
	if (json_is_object(empty))
		page_card(p, "plain", "An empty run",
			  number_text(a, json_object_get(empty, "median_us"), "%.1f µs"),
			  "from submission to event, on a device of the kernel; best %s",
			  number_text(b, json_object_get(empty, "best_us"), "%.1f µs"));
	fputs("</section>\n<h2>Speed</h2>\n<div class=\"figures\">\n", p->f);
	for (size_t at = 0; at < json_array_size(rows);)
		put_network(p, rows, &at);
	fputs("</div>\n", p->f);
}
