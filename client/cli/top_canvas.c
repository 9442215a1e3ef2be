// SPDX-License-Identifier: MIT
#include <string.h>

#include "terminal.h"
#include "top_canvas.h"

#define MAX_SIDE 10000u /* rows or columns; terminals are smaller */

int canvas_new(struct top_canvas *c, unsigned int rows, unsigned int columns, bool utf8)
{
	struct top_canvas n = { MIN(MAX(rows, 1u), MAX_SIDE), MIN(MAX(columns, 1u), MAX_SIDE), utf8,
				NULL };
	size_t count = (size_t)n.rows * n.columns;

	n.cells = calloc(count, sizeof(*n.cells));
	if (!n.cells)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		n.cells[i].c = L' ';
	*c = n;
	return 0;
}

void canvas_free(struct top_canvas *c)
{
	free(c->cells);
	*c = (struct top_canvas){ 0 };
}

static void put(struct top_canvas *c, unsigned int row, unsigned int column, wchar_t character,
		enum top_attr attr)
{
	if (row < c->rows && column < c->columns)
		c->cells[(size_t)row * c->columns + column] = (struct top_cell){ character, attr };
}

/* What terminal_text() gave is printable; marks without a column of their own are left out. */
static unsigned int put_all(struct top_canvas *c, unsigned int row, unsigned int column,
			    enum top_attr attr, const char *text)
{
	unsigned int used = 0;

	while (*text) {
		size_t n = terminal_next(text);
		unsigned int width = terminal_columns_of(text, n);
		wchar_t character = L'?';

		if (mbrtowc(&character, text, n, &(mbstate_t){ 0 }) > n)
			character = L'?';
		if (width)
			put(c, row, column + used, character, attr);
		for (unsigned int i = 1; i < width; i++)
			put(c, row, column + used + i, 0, attr);
		used += width;
		text += n;
	}
	return used;
}

unsigned int canvas_text(struct top_canvas *c, unsigned int row, unsigned int column,
			 unsigned int width, bool right, enum top_attr attr, const char *text)
{
	_cleanup_free_ char *safe = NULL, *cut = NULL;
	unsigned int n;

	if (row >= c->rows || column >= c->columns)
		return 0;
	width = MIN(width, c->columns - column);
	safe = terminal_text(text);
	cut = safe && width ? terminal_cut(safe, width) : NULL;
	if (!cut)
		return 0;
	n = terminal_width(cut);
	return put_all(c, row, column + (right ? width - n : 0), attr, cut);
}

void canvas_bar(struct top_canvas *c, unsigned int row, unsigned int column, unsigned int width,
		double value, double mark)
{
	unsigned int steps = c->utf8 ? 8 : 1, filled;

	value = value > 0 ? MIN(value, 1.0) : 0;
	filled = (unsigned int)(value * width * steps + 0.5);
	for (unsigned int i = 0; i < width; i++) {
		unsigned int part = MIN(filled, steps);
		wchar_t full = c->utf8 ? (wchar_t)(0x2590 - part) : L'#';
		wchar_t empty = c->utf8 ? 0x2591 : L'-'; /* light shade */

		filled -= part;
		put(c, row, column + i, part ? full : empty, part ? TOP_BAR : TOP_DIM);
	}
	if (mark >= 0 && width)
		put(c, row, column + (unsigned int)(MIN(mark, 1.0) * (width - 1) + 0.5),
		    c->utf8 ? 0x2502 : L'|', TOP_DUE);
}

void canvas_row_attr(struct top_canvas *c, unsigned int row, enum top_attr attr)
{
	for (unsigned int i = 0; row < c->rows && i < c->columns; i++)
		c->cells[(size_t)row * c->columns + i].attr = attr;
}

char *canvas_row_text(const struct top_canvas *c, unsigned int row)
{
	const struct top_cell *cells = c->cells + (size_t)row * c->columns;
	size_t room = (size_t)c->columns * MB_CUR_MAX + 1, used = 0;
	unsigned int end = c->columns;
	char *text = malloc(room);

	if (!text)
		return NULL;
	while (end && cells[end - 1].c == L' ')
		end--;
	for (unsigned int i = 0; i < end; i++) {
		mbstate_t state = { 0 };
		size_t n = cells[i].c ? wcrtomb(text + used, cells[i].c, &state) : 0;

		if (n == (size_t)-1) {
			text[used] = '?';
			n = 1;
		}
		used += n;
	}
	text[used] = 0;
	return text;
}
