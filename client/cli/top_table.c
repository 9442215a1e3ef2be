// SPDX-License-Identifier: MIT
#include "top_table.h"

#include <stdarg.h>
#include <string.h>

#include "terminal.h"

#define WIDE 70u /* columns of a screen from which on gaps are two wide */

int top_table_begin(struct top_table *t, const struct top_column *columns, unsigned int n,
		    size_t rows)
{
	*t = (struct top_table){ .columns = columns, .n_columns = n, .n_rows = rows };
	t->fields = calloc(rows ? rows * n : 1, sizeof(*t->fields));
	return t->fields ? 0 : -ENOMEM;
}

void top_table_free(struct top_table *t)
{
	for (size_t i = 0; t->fields && i < t->n_rows * t->n_columns; i++)
		free(t->fields[i].text);
	free(t->fields);
	*t = (struct top_table){ 0 };
}

struct top_field *top_field(struct top_table *t, size_t row, unsigned int column)
{
	return &t->fields[row * t->n_columns + column];
}

void top_field_text(struct top_table *t, size_t row, unsigned int column, enum top_attr attr,
		    const char *fmt, ...)
{
	struct top_field *f = top_field(t, row, column);
	char *text = NULL;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (r < 0) {
		t->oom = true;
		return;
	}
	free(f->text);
	f->text = text;
	f->attr = attr;
}

void top_field_bar(struct top_table *t, size_t row, unsigned int column, double value, double mark)
{
	struct top_field *f = top_field(t, row, column);

	f->bar = true;
	f->value = value;
	f->mark = mark;
}

/* What the cells of a column take, as far as it may become so wide. */
static unsigned int need(const struct top_table *t, unsigned int column)
{
	const struct top_column *c = &t->columns[column];
	unsigned int width = (unsigned int)strlen(c->heading);

	for (size_t i = 0; i < t->n_rows; i++) {
		const struct top_field *f = &t->fields[i * t->n_columns + column];
		_cleanup_free_ char *safe = NULL;

		if (!f->text || f->spans)
			continue;
		safe = terminal_text(f->text);
		width = MAX(width, safe ? terminal_width(safe) : 0);
	}
	return MIN(MAX(width, c->least), MAX(c->most, c->least));
}

static unsigned int total(const struct top_table *t)
{
	unsigned int sum = 0;

	for (unsigned int i = 0; i < t->n_columns; i++)
		if (t->width[i])
			sum += t->width[i] + (sum ? t->gap : 0);
	return sum;
}

/* Leaves out the column of the highest rank; false when only those of rank 0 are left. */
static bool leave_one_out(struct top_table *t)
{
	unsigned int worst = 0;

	for (unsigned int i = 0; i < t->n_columns; i++)
		if (t->width[i] && t->columns[i].rank > t->columns[worst].rank)
			worst = i;
	if (t->columns[worst].rank == 0 || !t->width[worst])
		return false;
	t->width[worst] = 0;
	return true;
}

/* One that is narrow may fit where another, which tells more, did not. */
static void take_back(struct top_table *t, unsigned int rank, unsigned int width)
{
	for (unsigned int i = 0; i < t->n_columns; i++)
		if (!t->width[i] && t->columns[i].rank == rank &&
		    total(t) + t->gap + t->columns[i].least <= width)
			t->width[i] = t->columns[i].least;
}

static void widen(struct top_table *t, unsigned int column, unsigned int to, unsigned int width)
{
	unsigned int used = total(t), *w = &t->width[column];

	if (*w && to > *w && width > used)
		*w += MIN(to - *w, width - used);
}

void top_table_fit(struct top_table *t, unsigned int width)
{
	t->gap = width < WIDE ? 1 : 2;
	for (unsigned int i = 0; i < t->n_columns; i++)
		t->width[i] = t->columns[i].least;
	while (total(t) > width && leave_one_out(t))
		;
	for (unsigned int rank = 0; rank <= TOP_MAX_COLUMNS; rank++)
		take_back(t, rank, width);
	for (unsigned int rank = 0; rank <= TOP_MAX_COLUMNS; rank++)
		for (unsigned int i = 0; i < t->n_columns; i++)
			if (t->columns[i].rank == rank && !t->columns[i].grows)
				widen(t, i, need(t, i), width);
	for (unsigned int i = 0; i < t->n_columns; i++)
		if (t->columns[i].grows)
			widen(t, i, t->columns[i].most, width);
}

void top_table_heading(const struct top_table *t, struct top_canvas *c, unsigned int at)
{
	unsigned int x = 0;

	canvas_row_attr(c, at, TOP_HEADING);
	for (unsigned int i = 0; i < t->n_columns; i++) {
		if (!t->width[i])
			continue;
		canvas_text(c, at, x, t->width[i], t->columns[i].right, TOP_HEADING,
			    t->columns[i].heading);
		x += t->width[i] + t->gap;
	}
}

void top_table_row(const struct top_table *t, size_t row, struct top_canvas *c, unsigned int at)
{
	unsigned int x = 0;

	for (unsigned int i = 0; i < t->n_columns; i++) {
		const struct top_field *f = &t->fields[row * t->n_columns + i];

		/* What spans is shown even where its own column is left out. */
		if (f->spans && f->text) {
			canvas_text(c, at, x, UINT32_MAX, false, f->attr, f->text);
			return;
		}
		if (!t->width[i])
			continue;
		if (f->bar)
			canvas_bar(c, at, x, t->width[i], f->value, f->mark);
		else if (f->text)
			canvas_text(c, at, x, t->width[i], t->columns[i].right, f->attr, f->text);
		x += t->width[i] + t->gap;
	}
}
