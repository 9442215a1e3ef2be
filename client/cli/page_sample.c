// SPDX-License-Identifier: MIT
/* A sample job's part of the page: energies over the sweeps, how they are spread, the last states. */
#include <math.h>
#include <string.h>

#include "markup.h"
#include "npy.h"
#include "page.h"
#include "report.h"
#include "result_file.h"

#define WIDE	    980
#define HALF	    480
#define TRACE_BINS  240
#define BIN_VALUES  4096 /* of a bin, at most, that its quantiles are taken from */
#define SPREAD_BINS 40
#define MAX_UNITS   4096
#define MAX_CHAINS  96
#define MAX_BYTES   ((uint64_t)512 << 20)

/* A result that is an array of two dimensions; others are left alone. */
static bool read_matrix(const struct page *p, const char *name, enum dtype dtype, struct array *ret)
{
	const struct pbit_file *f = result_file_find(p->files, name);

	if (!f || f->size > MAX_BYTES || lseek(f->fd, 0, SEEK_SET) < 0 ||
	    npy_read(f->fd, name, ret, NULL) < 0)
		return false;
	if (ret->dtype == dtype && ret->ndim == 2 && ret->count > 0)
		return true;
	array_free(ret);
	*ret = (struct array){ 0 };
	return false;
}

static void put_cards(struct page *p)
{
	char a[NUMBER_TEXT], b[NUMBER_TEXT], c[NUMBER_TEXT], size[2 * NUMBER_TEXT + 4];
	const json_t *resolved = report_get(p->report, "resolved");

	if (!p->report)
		return;
	fputs("<section class=\"cards\">\n", p->f);
	page_card(p, "plain", "Lowest energy",
		  number_text(a, report_get(p->report, "best_energy"), "%.6g"),
		  "mean %s, in units of J; of recorded states",
		  number_text(b, report_get(p->report, "mean_energy"), "%.6g"));
	page_card(p, json_is_true(resolved) ? "good" : "open", "τ_int of the energy",
		  number_text(a, report_get(p->report, "tau_int"), "%.3g"), "sweeps, %s",
		  json_is_true(resolved) ?
			  "resolved" :
			  "not resolved: too short, or recorded too seldom, to tell");
	page_card(p, "plain", "Samples", count_text(a, report_get(p->report, "records")),
		  "recorded sweeps of %s chains; %s flips",
		  number_text(b, report_get(p->report, "chains"), "%.0f"),
		  count_text(c, report_get(p->report, "flips")));
	snprintf(size, sizeof(size), "%s × %s", number_text(a, report_get(p->report, "n"), "%.0f"),
		 number_text(b, report_get(p->report, "m"), "%.0f"));
	page_card(p, "plain", "Network", size, "visible and hidden p-bits");
	fputs("</section>\n", p->f);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct trace {
	struct svg_point mean[TRACE_BINS], best[TRACE_BINS];
	size_t n;
};

/* One bin of records: mean, and where nine tenths of the energies lie. */
static void bin_energies(const double *x, size_t count, double sweep, struct svg_point *ret)
{
	size_t every = 1 + (count - 1) / BIN_VALUES, n = 0;
	double values[BIN_VALUES], sum = 0;

	for (size_t k = 0; k < count; k++)
		sum += x[k];
	for (size_t k = 0; k < count; k += every)
		values[n++] = x[k];
	qsort(values, n, sizeof(*values), compare);
	*ret = (struct svg_point){ .x = sweep,
				   .y = sum / (double)count,
				   .low = values[n / 20],
				   .high = values[n - 1 - n / 20] };
}

static void bin_trace(const struct page *p, const struct array *energy, struct trace *ret)
{
	size_t records = energy->shape[0], chains = energy->shape[1];
	size_t bins = MIN(records, (size_t)TRACE_BINS);
	double every = 1, burn = 0, best = INFINITY;

	report_number(p->report, "spec.every", &every);
	report_number(p->report, "spec.burn", &burn);
	for (size_t b = 0; b < bins; b++) {
		size_t from = b * records / bins, until = (b + 1) * records / bins;
		const double *x = (const double *)energy->data + from * chains;
		double sweep = burn + every * (double)(from + until + 1) / 2;

		for (size_t k = 0; k < (until - from) * chains; k++)
			best = fmin(best, x[k]);
		bin_energies(x, (until - from) * chains, sweep, &ret->mean[b]);
		ret->best[b] = (struct svg_point){
			.x = burn + every * (double)until, .y = best, .low = NAN, .high = NAN
		};
	}
	ret->n = bins;
}

static void put_trace_chart(struct page *p, const struct svg_point *mean,
			    const struct svg_point *best, size_t n, bool band)
{
	const struct svg_series series[] = {
		{ .name = band ? "mean, and where nine tenths lie" : "mean so far",
		  .colour = 0,
		  .line = true,
		  .band = band,
		  .points = mean,
		  .count = n },
		{ .name = "lowest so far", .colour = 1, .line = true, .points = best, .count = n },
	};
	const struct svg_chart chart = { .id = "energy-trace",
					 .title = "Energy against sweep",
					 .width = WIDE,
					 .height = 360,
					 .x = { .label = "sweep", .exact = true },
					 .y = { .label = "energy, units of J" },
					 .series = series,
					 .n_series = ARRAY_SIZE(series) };

	page_figure(p, "Energy", false);
	if (svg_chart_write(p->f, &chart))
		page_caption(p, "%s",
			     band ? "Of the recorded states of all chains." :
				    "As the worker told while it ran; the job left no trace.");
	else
		page_caption(p, "Nothing was recorded.");
}

static void put_spread(struct page *p, const struct array *energy)
{
	const double *x = energy->data;
	double low = INFINITY, high = -INFINITY, width;
	size_t counts[SPREAD_BINS] = { 0 };
	struct svg_point points[2 * SPREAD_BINS];
	const struct svg_series series = { .colour = 0,
					   .line = true,
					   .band = true,
					   .points = points,
					   .count = ARRAY_SIZE(points) };
	struct svg_rule rule = { .name = "mean", .vertical = true, .colour = 1, .dashed = true };
	const struct svg_chart chart = {
		.id = "energy-spread",
		.title = "How the energies are spread",
		.width = HALF,
		.height = 290,
		.x = { .label = "energy, units of J" },
		.y = { .label = "share of samples", .from_zero = true },
		.series = &series,
		.n_series = 1,
		.rules = &rule,
		.n_rules = report_number(p->report, "mean_energy", &rule.at),
	};

	for (size_t k = 0; k < energy->count; k++) {
		low = fmin(low, x[k]);
		high = fmax(high, x[k]);
	}
	if (!(high > low))
		return;
	width = (high - low) / SPREAD_BINS;
	for (size_t k = 0; k < energy->count; k++)
		counts[MIN((size_t)((x[k] - low) / width), (size_t)SPREAD_BINS - 1)]++;
	for (size_t b = 0; b < SPREAD_BINS; b++) {
		double share = (double)counts[b] / (double)energy->count;

		for (size_t side = 0; side < 2; side++)
			points[2 * b + side] =
				(struct svg_point){ .x = low + width * (double)(b + side),
						    .y = share,
						    .low = 0,
						    .high = share };
	}
	page_figure(p, "How the energies are spread", true);
	svg_chart_write(p->f, &chart);
	page_caption(p, "Of all recorded states.");
}

/* The last states: one chain a row, white for +1, the hidden p-bits to the right of the line. */
static void put_states(struct page *p)
{
	_cleanup_array_ struct array states = { 0 };
	_cleanup_free_ uint8_t *pixels = NULL;
	size_t rows, units, visible;
	double n = 0, w = HALF - 8, h, line;

	if (!read_matrix(p, "states.npy", DT_I8, &states))
		return;
	rows = MIN(states.shape[0], (size_t)MAX_CHAINS);
	units = states.shape[1];
	report_number(p->report, "n", &n);
	visible = n > 0 && n < (double)units ? (size_t)n : 0;
	pixels = units <= MAX_UNITS ? malloc(rows * units) : NULL;
	if (!pixels)
		return;
	for (size_t k = 0; k < rows * units; k++)
		pixels[k] = ((const int8_t *)states.data)[k] > 0 ? 255 : 24;
	h = fmin(232, fmax(w * (double)rows / (double)units, 60));
	line = 4 + w * (double)visible / (double)units;
	page_figure(p, "Last states", true);
	fprintf(p->f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" role=\"img\" "
		"id=\"states\" aria-label=\"States of the chains\" viewBox=\"0 0 %d %.0f\">\n",
		HALF, h + 30);
	fputs("<text class=\"tick\" x=\"4\" y=\"14\">visible</text>", p->f);
	fprintf(p->f,
		"<text class=\"tick\" text-anchor=\"end\" x=\"%.1f\" y=\"14\">hidden</text>\n",
		4 + w);
	page_image(p, pixels, (unsigned int)units, (unsigned int)rows, 4, 22, w, h);
	if (visible)
		fprintf(p->f, "<path class=\"line s4\" d=\"M%.2f 22v%.2f\"/>\n", line, h);
	fputs("</svg>\n", p->f);
	page_caption(p, "%zu of %zu chains, a row each; light is +1.", rows, states.shape[0]);
}

/* From the metrics, where there are no results. */
static void put_told(struct page *p)
{
	static const struct page_keys mean = { "sweeps", "mean_energy", NULL, 1 };
	static const struct page_keys best = { "sweeps", "best_energy", NULL, 1 };
	_cleanup_free_ struct svg_point *a = page_points(p, p->course, &mean);
	_cleanup_free_ struct svg_point *b = page_points(p, p->course, &best);

	if (a && b)
		put_trace_chart(p, a, b, json_array_size(p->course), false);
}

void page_sample(struct page *p)
{
	_cleanup_array_ struct array energy = { 0 };
	_cleanup_free_ struct trace *trace = calloc(1, sizeof(*trace));

	put_cards(p);
	if (!trace) {
		p->oom = true;
		return;
	}
	fputs("<h2>Energies</h2>\n<div class=\"figures\">\n", p->f);
	if (read_matrix(p, "energy.npy", DT_F64, &energy)) {
		bin_trace(p, &energy, trace);
		put_trace_chart(p, trace->mean, trace->best, trace->n, true);
		put_spread(p, &energy);
	} else {
		put_told(p);
	}
	put_states(p);
	fputs("</div>\n", p->f);
}
