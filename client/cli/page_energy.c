// SPDX-License-Identifier: MIT
/* The energy ledger: what the flips would cost on p-bit hardware, and cost in software. */
#include <math.h>

#include "markup.h"
#include "page.h"
#include "report.h"
#include "svg_bars.h"

#define HALF 480

static const char *joules(char buf[static SVG_LABEL], const json_t *j)
{
	return json_is_number(j) ? svg_label(buf, json_number_value(j), 0, "J") : "-";
}

static void put_stack(struct page *p, const json_t *energy)
{
	struct svg_bar parts[] = {
		{ .name = "flips", .colour = 0 },
		{ .name = "reads of states and sums", .colour = 2 },
		{ .name = "writes of couplings and states", .colour = 1 },
	};
	static const char *const keys[] = { "flip_joules", "read_joules", "write_joules" };
	const struct svg_bars stack = { .id = "energy-device",
					.title = "Energy of a p-bit device, by what it is spent on",
					.width = HALF,
					.unit = "J",
					.bars = parts,
					.count = ARRAY_SIZE(parts) };
	char all[SVG_LABEL];

	for (size_t k = 0; k < ARRAY_SIZE(parts); k++) {
		parts[k].value = NAN;
		parts[k].mark = NAN;
		report_number(energy, keys[k], &parts[k].value);
	}
	page_figure(p, "On a p-bit device", true);
	if (svg_stack_write(p->f, &stack))
		page_caption(p, "%s in all, by the prices below.",
			     joules(all, json_object_get(energy, "device_joules")));
	else
		page_caption(p, "Nothing was spent.");
}

static void put_comparison(struct page *p, const json_t *energy)
{
	struct svg_bar rows[] = {
		{ .name = "flips alone", .colour = 0, .mark = NAN, .value = NAN },
		{ .name = "p-bit device, in all", .colour = 3, .mark = NAN, .value = NAN },
		{ .name = "same draws in software", .colour = 5, .mark = NAN, .value = NAN },
	};
	const struct svg_bars bars = { .id = "energy-software",
				       .title = "Energy of device and software, logarithmic",
				       .width = HALF,
				       .label = "joules, logarithmic",
				       .unit = "J",
				       .kind = SVG_LOG,
				       .bars = rows,
				       .count = ARRAY_SIZE(rows) };

	report_number(energy, "flip_joules", &rows[0].value);
	report_number(energy, "device_joules", &rows[1].value);
	report_number(energy, "software_joules", &rows[2].value);
	page_figure(p, "Beside software", true);
	if (svg_bars_write(p->f, &bars))
		page_caption(p, "Projected, not measured: counts of this job times published "
				"prices.");
	else
		page_caption(p, "Nothing was spent.");
}

static void put_price(struct page *p, const json_t *energy, const json_t *price)
{
	const char *what = report_string(price, "what", "-");
	const json_t *count = report_price_count(energy, what);
	const json_t *each = json_object_get(price, "joules");
	json_t *all = NULL;
	char text[MAX(NUMBER_TEXT, SVG_LABEL)];

	if (json_is_number(count) && json_is_number(each))
		all = json_real(json_number_value(count) * json_number_value(each));
	fputs("<tr>", p->f);
	put_element(p->f, "td", "%s", what);
	fputs("<td class=\"n\">", p->f);
	put_text(p->f, "%s", count_text(text, count));
	fputs("</td><td class=\"n\">", p->f);
	put_text(p->f, "%s", joules(text, each));
	fputs("</td><td class=\"n\">", p->f);
	put_text(p->f, "%s", joules(text, all));
	fputs("</td>", p->f);
	put_element(p->f, "td", "%s", report_string(price, "source", "-"));
	fputs("</tr>\n", p->f);
	json_decref(all);
}

void page_energy(struct page *p)
{
	const json_t *energy = report_get(p->report, "energy");
	const json_t *prices = json_object_get(energy, "prices");

	if (!json_is_object(energy))
		return;
	fputs("<h2>Energy</h2>\n<div class=\"figures\">\n", p->f);
	put_stack(p, energy);
	put_comparison(p, energy);
	page_figure(p, "Price table", false);
	fputs("<table id=\"prices\"><tr><th>price of</th><th class=\"n\">count</th>"
	      "<th class=\"n\">each</th><th class=\"n\">in all</th><th>source</th></tr>\n",
	      p->f);
	for (size_t i = 0; i < json_array_size(prices); i++)
		put_price(p, energy, json_array_get(prices, i));
	fputs("</table>\n", p->f);
	page_caption(p, "Counts are the job's own; none of these joules was metered.");
	fputs("</div>\n", p->f);
}
