/* SPDX-License-Identifier: MIT */
/* What the terminal can show, and what it must never be sent. */
#ifndef PBIT_CLI_TERMINAL_H
#define PBIT_CLI_TERMINAL_H

#include "util.h"

bool terminal_utf8(void);	     /* the locale's characters are UTF-8 */
bool terminal_is(FILE *f);	     /* f can redraw a line */
bool terminal_colour(FILE *f);	     /* 256 colours are welcome: NO_COLOR and TERM are asked */
unsigned int terminal_columns(void); /* $COLUMNS, else the terminal's, else 80 */

/*
 * A copy of s that can be printed: control characters (C0, C1, DEL), marks that reorder text, line
 * separators and malformed UTF-8 become '?', and so does all beyond ASCII unless the locale is
 * UTF-8. Names, reasons and paths of other users go through here. NULL without memory.
 */
char *terminal_text(const char *s);

/* Columns that s (from terminal_text) takes; and its first n bytes. */
unsigned int terminal_width(const char *s);
unsigned int terminal_columns_of(const char *s, size_t n);
/* Bytes of the first character of s, which is not empty. */
size_t terminal_next(const char *s);
/* A copy of s (from terminal_text) that takes at most `columns`, at least 1: cut, and marked so. */
char *terminal_cut(const char *s, unsigned int columns);

/*
 * Grey pixels, two rows a line: as half blocks, one column a pixel; on a narrow terminal as quarter
 * blocks, half a column a pixel; without UTF-8 in ASCII. false, and nothing drawn, if too wide.
 */
bool terminal_picture(FILE *f, const uint8_t *pixels, unsigned int width, unsigned int height);

#endif
