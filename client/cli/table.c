// SPDX-License-Identifier: MIT
#include <stdarg.h>
#include <string.h>

#include "table.h"
#include "terminal.h"

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
		append(t, terminal_text(text + t->right[t->columns]));
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

int table_print(const struct table *t, const char *indent, FILE *f)
{
	unsigned int width[TABLE_MAX_COLUMNS] = { 0 }, blanks = 0;

	if (t->oom)
		return -ENOMEM;
	for (size_t i = 0; i < t->count; i++) {
		unsigned int *w = &width[i % t->columns];

		*w = MAX(*w, terminal_width(t->cells[i]));
	}
	/* Blanks wait for a cell that has text, so that no line ends with them. */
	for (size_t i = 0; i < t->count; i++) {
		unsigned int column = (unsigned int)(i % t->columns);
		unsigned int pad = width[column] - terminal_width(t->cells[i]);

		if (column == 0)
			fputs(indent, f);
		if (t->right[column])
			blanks += pad;
		if (t->cells[i][0]) {
			fprintf(f, "%*s%s", (int)blanks, "", t->cells[i]);
			blanks = 0;
		}
		blanks += (t->right[column] ? 0 : pad) + 2;
		if (column + 1 == t->columns) {
			fputc('\n', f);
			blanks = 0;
		}
	}
	return 0;
}

void table_end(struct table *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct table){ 0 };
}
