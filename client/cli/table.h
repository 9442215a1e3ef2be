/* SPDX-License-Identifier: MIT */
/*
 * Text tables: columns as wide as their widest cell, two spaces between. On a terminal that is too
 * narrow for that, columns that may be are cut, and the last one goes on in further lines.
 */
#ifndef PBIT_CLI_TABLE_H
#define PBIT_CLI_TABLE_H

#include "util.h"

#define TABLE_MAX_COLUMNS 16

struct table {
	unsigned int columns;
	bool right[TABLE_MAX_COLUMNS]; /* numbers stand to the right */
	bool cut[TABLE_MAX_COLUMNS];   /* may be cut */
	unsigned int width;	       /* that lines should keep; 0: any */
	size_t count;
	char **cells; /* count of them, row major, the headings first */
	bool oom;     /* a cell is missing: nothing is printed */
};

/*
 * headings: NULL-terminated; one that begins with '>' makes its column stand to the right, one that
 * begins with '~' lets it be cut.
 */
void table_begin(struct table *t, const char *const *headings);
/* The next cell, left to right. What it is made of may come from strangers. */
void table_cell(struct table *t, const char *fmt, ...) _printf_(2, 3);
/* -ENOMEM when a cell could not be kept. No line ends with blanks. */
int table_print(const struct table *t, const char *indent, FILE *f);
void table_end(struct table *t);
#define _cleanup_table_ _cleanup_(table_end)

#endif
