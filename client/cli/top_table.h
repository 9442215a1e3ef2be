/* SPDX-License-Identifier: MIT */
/*
 * A table on a canvas: as many of its columns as there is room for, the most telling first.
 *
 * A column gets at least `least` columns of the screen; if all of them do not fit, the one with the
 * highest rank is left out, and so on. What room is left takes back what fits, and widens columns to
 * what their cells need, lower ranks first, and then those that grow.
 */
#ifndef PBIT_CLI_TOP_TABLE_H
#define PBIT_CLI_TOP_TABLE_H

#include "top_canvas.h"

#define TOP_MAX_COLUMNS 12

struct top_column {
	const char *heading;
	bool right;	    /* numbers stand to the right */
	unsigned int least; /* columns of the screen */
	unsigned int most;  /* even if there is room */
	unsigned int rank;  /* 0: never left out */
	bool grows;	    /* up to most, whatever the cells need: bars, and texts at the end */
};

struct top_field {
	char *text; /* owned; NULL: empty */
	enum top_attr attr;
	bool bar;
	bool spans; /* goes on to the right edge, over the columns after it */
	double value, mark;
};

struct top_table {
	const struct top_column *columns;
	unsigned int n_columns;
	size_t n_rows;
	struct top_field *fields; /* row major */
	bool oom;
	unsigned int width[TOP_MAX_COLUMNS]; /* 0: left out; by top_table_fit() */
	unsigned int gap;
};

int top_table_begin(struct top_table *t, const struct top_column *columns, unsigned int n,
		    size_t rows);
void top_table_free(struct top_table *t);
#define _cleanup_top_table_ _cleanup_(top_table_free)

struct top_field *top_field(struct top_table *t, size_t row, unsigned int column);
void top_field_text(struct top_table *t, size_t row, unsigned int column, enum top_attr attr,
		    const char *fmt, ...) _printf_(5, 6);
void top_field_bar(struct top_table *t, size_t row, unsigned int column, double value, double mark);

/* Decides on the columns for a screen of that width. */
void top_table_fit(struct top_table *t, unsigned int width);

/* The headings, and a row, at a row of the canvas. */
void top_table_heading(const struct top_table *t, struct top_canvas *c, unsigned int at);
void top_table_row(const struct top_table *t, size_t row, struct top_canvas *c, unsigned int at);

#endif
