/* SPDX-License-Identifier: MIT */
/*
 * HTML and SVG as text. What is constant is written with fputs(); all else, numbers too, goes
 * through these functions, so that nothing which users chose becomes markup. The output is both
 * HTML and well-formed XML.
 */
#ifndef PBIT_HTML_MARKUP_H
#define PBIT_HTML_MARKUP_H

#include "util.h"

/*
 * Formats, then escapes & < > " ' for elements and quoted attributes alike. What XML cannot hold or
 * what would move the text of others about becomes U+FFFD: control characters but tab and newline,
 * malformed UTF-8, surrogates and non-characters, marks that reorder text.
 */
void put_text(FILE *f, const char *fmt, ...) _printf_(2, 3);

/* A coordinate, with at most two decimals: "12.5", "-3". */
void put_number(FILE *f, double x);

/* NAME="VALUE" after a blank; the value is escaped. */
void put_attribute(FILE *f, const char *name, const char *fmt, ...) _printf_(3, 4);

/* <NAME>text</NAME> */
void put_element(FILE *f, const char *name, const char *fmt, ...) _printf_(3, 4);

/* data:TYPE;base64,... */
void put_data_uri(FILE *f, const char *type, const void *bytes, size_t size);

#endif
