/* SPDX-License-Identifier: MIT */
/* A screen as a value: characters with attributes, drawn by nobody yet. */
#ifndef PBIT_CLI_TOP_CANVAS_H
#define PBIT_CLI_TOP_CANVAS_H

#include <wchar.h>

#include "util.h"

/* What a character means; the terminal decides how that looks. */
enum top_attr {
	TOP_PLAIN,
	TOP_TITLE,   /* the first and the last line */
	TOP_HEADING, /* of a table */
	TOP_GOOD,    /* something runs */
	TOP_WAITS,
	TOP_BAD,
	TOP_DIM,
	TOP_BAR,
	TOP_DUE,      /* the mark of a bar */
	TOP_SELECTED, /* the row of the chosen job */
	TOP_ATTRS,
};

struct top_cell {
	wchar_t c; /* 0: the second column of the character before */
	enum top_attr attr;
};

struct top_canvas {
	unsigned int rows, columns;
	bool utf8; /* the terminal shows more than ASCII */
	struct top_cell *cells;
};

/* Blank, and of at least one row and column. -ENOMEM. */
int canvas_new(struct top_canvas *c, unsigned int rows, unsigned int columns, bool utf8);
void canvas_free(struct top_canvas *c);
#define _cleanup_canvas_ _cleanup_(canvas_free)

/*
 * Text, which may come from strangers, from a column on; cut, and marked so, at `width` columns and
 * at the canvas's edge. right: it ends there instead of beginning. Returns the columns that it took.
 */
unsigned int canvas_text(struct top_canvas *c, unsigned int row, unsigned int column,
			 unsigned int width, bool right, enum top_attr attr, const char *text);

/* A bar of value in 0 .. 1; mark in 0 .. 1 is a line across it, below 0: none. */
void canvas_bar(struct top_canvas *c, unsigned int row, unsigned int column, unsigned int width,
		double value, double mark);

/* The attribute of a whole row, of which the characters stay. */
void canvas_row_attr(struct top_canvas *c, unsigned int row, enum top_attr attr);

/* The row as text of the locale, without blanks at its end; NULL without memory. */
char *canvas_row_text(const struct top_canvas *c, unsigned int row);

#endif
