// SPDX-License-Identifier: MIT
/* One sentence of failure, kept from where it is known to where it is shown. */
#include "err.h"

#include <stdarg.h>
#include <string.h>

/*
 * Names and values from hostile files end up in sentences: no control character may reach a
 * terminal. C1 controls in UTF-8 (c2 80 .. c2 9f) act like ESC sequences on some terminals.
 */
static void defuse(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
		else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
			p[0] = p[1] = '?';
	}
}

/* U+FDD0 to U+FDEF, and the last two of each plane: Unicode has them, and D-Bus refuses them. */
static bool is_noncharacter(const unsigned char *p, size_t n)
{
	uint32_t c = p[0] & (0xffu >> (n + 1));

	for (size_t i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3f);
	return (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe;
}

/*
 * D-Bus and JSON refuse text that is not UTF-8, and file names may be anything: each byte that is
 * no part of a well-formed sequence becomes '?'. A character that the buffer's end cut goes too.
 */
static size_t utf8_length(const unsigned char *p)
{
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, and what lies beyond U+10FFFF. */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return is_noncharacter(p, n) ? 0 : n;
}

static void make_utf8(char *text)
{
	unsigned char *p = (unsigned char *)text;

	while (*p) {
		size_t n = utf8_length(p);

		if (n == 0) {
			*p = '?';
			n = 1;
		}
		p += n;
	}
}

void err_make_plain(char *text)
{
	make_utf8(text);
	defuse(text);
}

bool err_is_plain(const char *text)
{
	_cleanup_free_ char *plain = strdup(text);

	if (!plain)
		return false;
	err_make_plain(plain);
	return !strcmp(plain, text);
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (!e || e->code)
		return code;
	e->code = code;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	err_make_plain(e->text);
	return code;
}

int err_prefix(struct err *e, const char *where)
{
	char text[sizeof(e->text)];
	size_t room, n;

	if (!e)
		return 0;
	memcpy(text, e->text, sizeof(text));
	/* A long place must not push the sentence out: it gets at most half of the room. */
	n = strnlen(where, sizeof(text) / 2);
	room = sizeof(text) - n - strlen(": ") - 1;
	snprintf(e->text, sizeof(e->text), "%.*s: %.*s", (int)n, where, (int)room, text);
	err_make_plain(e->text);
	return e->code;
}

int err_oom(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory; use smaller data or a machine with more");
}
