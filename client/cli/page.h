/* SPDX-License-Identifier: MIT */
/*
 * A job as one page of HTML that stands on its own: nothing is loaded, nothing runs. It is
 * well-formed XML, too.
 */
#ifndef PBIT_CLI_PAGE_H
#define PBIT_CLI_PAGE_H

#include <jansson.h>
#include <stdio.h>

#include <pbit/pbit.h>

#include "svg_chart.h"

struct page {
	FILE *f;
	const json_t *job;		/* as Show has it */
	const json_t *report;		/* report.json; NULL: there is none */
	const json_t *course;		/* array: the lines of metrics.jsonl */
	const struct pbit_files *files; /* results; NULL: there are none */
	const char *made;		/* when, as text */
	unsigned int figures;		/* counted as they are written */
	bool oom;
};

/* -ENOMEM, or 0. Whether the stream took it all is the caller's to ask. */
int page_write(struct page *p);

/* Parts of a page, a file each; what there are no figures for is left out. */
void page_style(FILE *f);
void page_train(struct page *p);
void page_sample(struct page *p);
void page_bench(struct page *p);
void page_energy(struct page *p);
void page_course(struct page *p);

/* The "kind" of the job. */
const char *page_kind(const struct page *p);

/* A box that states one finding. tone: "good", "bad", "open" or "plain". */
void page_card(struct page *p, const char *tone, const char *name, const char *value,
	       const char *fmt, ...) _printf_(5, 6);

/* <figure>, with its number and title; then the chart; then a caption, which ends it. */
void page_figure(struct page *p, const char *title, bool half);
void page_caption(struct page *p, const char *fmt, ...) _printf_(2, 3);

/*
 * One point for each object of rows: x and y by their keys, times sign, and y +- error where there
 * is one. Free them. NULL without memory, or rows.
 */
struct page_keys {
	const char *x, *y, *error;
	double sign;
};
struct svg_point *page_points(struct page *p, const json_t *rows, const struct page_keys *keys);

/* The epochs of a model, as the report has them, or as far as the metrics tell; a new reference. */
json_t *page_epochs(struct page *p, const char *model);

/* An 8-bit grey picture as <image>, in its place within an <svg>. */
void page_image(struct page *p, const uint8_t *pixels, unsigned int width, unsigned int height,
		double x, double y, double w, double h);

#endif
