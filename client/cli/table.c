// SPDX-License-Identifier: MIT
#include <stdarg.h>
#include <string.h>

#include "table.h"
#include "terminal.h"

#define MIN_CUT	 8u  /* columns that a cut cell keeps */
#define MIN_LAST 24u /* columns in which the last cell can be read; else it stands below */
#define BELOW	 4u  /* columns before it there */

static void append(struct table *t, char *cell)
{
	char **grown = reallocarray(t->cells, t->count + 1, sizeof(*grown));

	if (!grown || !cell) {
		t->oom = true;
		free(cell);
		t->cells = grown ? grown : t->cells;
		return;
	}
	t->cells = grown;
	t->cells[t->count++] = cell;
}

void table_begin(struct table *t, const char *const *headings)
{
	*t = (struct table){ 0 };
	for (; headings[t->columns] && t->columns < TABLE_MAX_COLUMNS; t->columns++) {
		const char *text = headings[t->columns];

		t->right[t->columns] = text[0] == '>';
		t->cut[t->columns] = text[0] == '~';
		append(t, terminal_text(text + strspn(text, ">~")));
	}
}

void table_cell(struct table *t, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	append(t, text ? terminal_text(text) : NULL);
}

/* Where the columns stand, and how wide the last one may become. */
struct layout {
	unsigned int width[TABLE_MAX_COLUMNS];
	unsigned int last;  /* columns of a line of the last cell; 0: any */
	bool below;	    /* the last cell stands in lines of its own */
	const char *indent; /* of the table */
	FILE *f;
};

static unsigned int taken(const struct table *t, const struct layout *l)
{
	unsigned int sum = terminal_width(l->indent);

	for (unsigned int i = 0; i + 1 < t->columns; i++)
		sum += l->width[i] + 2;
	return sum;
}

/* Takes a column from the widest that may be cut; false when none is left. */
static bool narrow(const struct table *t, struct layout *l)
{
	unsigned int widest = 0;

	for (unsigned int i = 0; i + 1 < t->columns; i++)
		if (t->cut[i] && l->width[i] > MIN_CUT &&
		    (!widest || l->width[i] > l->width[widest - 1]))
			widest = i + 1;
	if (widest)
		l->width[widest - 1]--;
	return widest;
}

static void lay_out(const struct table *t, struct layout *l)
{
	unsigned int last = t->columns - 1, want;

	for (size_t i = 0; i < t->count; i++) {
		unsigned int *w = &l->width[i % t->columns];

		*w = MAX(*w, terminal_width(t->cells[i]));
	}
	if (!t->width || taken(t, l) + l->width[last] <= t->width)
		return;
	want = MIN(l->width[last], MIN_LAST);
	while (taken(t, l) + want > t->width && narrow(t, l))
		;
	l->below = taken(t, l) + want > t->width;
	l->last = l->below ? MAX(t->width, BELOW + MIN_CUT) - BELOW : t->width - taken(t, l);
}

/* Bytes of s that make a line of at most `columns`, broken at a blank where there is one. */
static size_t line_of(const char *s, unsigned int columns)
{
	size_t fits = 0, blank = 0, n;

	while (s[fits]) {
		n = fits + terminal_next(s + fits);
		if (columns && terminal_columns_of(s, n) > columns)
			return blank ? blank : fits ? fits : n;
		if (s[fits] == ' ')
			blank = fits;
		fits = n;
	}
	return fits;
}

/* The last cell; its first line stands where the cursor is. */
static void print_last(const struct layout *l, const char *text, unsigned int at)
{
	for (bool first = true; *text; first = false) {
		size_t n = line_of(text, l->last);

		if (l->below || !first)
			fprintf(l->f, "\n%*s", (int)(l->below ? BELOW : at), "");
		fwrite(text, 1, n, l->f);
		text += n;
		text += *text == ' ';
	}
	fputc('\n', l->f);
}

/* Blanks wait for a cell that has text, so that no line ends with them. */
static int print_row(const struct table *t, const struct layout *l, char *const *cells,
		     bool heading)
{
	unsigned int blanks = 0, last = t->columns - 1;
	bool here = !l->last || (heading && !l->below);

	fputs(l->indent, l->f);
	for (unsigned int i = 0; i < last + here; i++) {
		_cleanup_free_ char *text =
			i < last ? terminal_cut(cells[i], l->width[i]) : strdup(cells[i]);
		unsigned int width = text ? terminal_width(text) : 0, pad;

		if (!text)
			return -ENOMEM;
		pad = l->width[i] > width ? l->width[i] - width : 0;
		if (t->right[i])
			blanks += pad;
		if (text[0]) {
			fprintf(l->f, "%*s%s", (int)blanks, "", text);
			blanks = 0;
		}
		blanks += (t->right[i] ? 0 : pad) + 2;
	}
	if (here || heading || !cells[last][0]) {
		fputc('\n', l->f);
		return 0;
	}
	if (!l->below)
		fprintf(l->f, "%*s", (int)blanks, "");
	print_last(l, cells[last], taken(t, l));
	return 0;
}

int table_print(const struct table *t, const char *indent, FILE *f)
{
	struct layout l = { .indent = indent, .f = f };

	if (t->oom)
		return -ENOMEM;
	lay_out(t, &l);
	for (size_t i = 0; i < t->count; i += t->columns)
		if (print_row(t, &l, t->cells + i, i == 0) < 0)
			return -ENOMEM;
	return 0;
}

void table_end(struct table *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct table){ 0 };
}
