// SPDX-License-Identifier: MIT
#include "markup.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* The code point that s begins with, and its bytes; 0 bytes for what is no UTF-8. */
static uint32_t decode(const unsigned char *s, size_t *ret_bytes)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0x80		 ? 1 :
		   (s[0] & 0xe0) == 0xc0 ? 2 :
		   (s[0] & 0xf0) == 0xe0 ? 3 :
		   (s[0] & 0xf8) == 0xf0 ? 4 :
					   0;
	uint32_t c = n > 1 ? s[0] & (0x7fu >> n) : s[0];

	*ret_bytes = 0;
	for (size_t i = 1; i < n; i++) {
		/* A terminator is no continuation: nothing beyond it is read. */
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (n == 0 || c < least[n] || c > 0x10ffff)
		return 0;
	*ret_bytes = n;
	return c;
}

static bool is_harmless(uint32_t c)
{
	if (c < 0x20)
		return c == '\t' || c == '\n';
	if (c >= 0x7f && c < 0xa0)
		return false;
	if (c >= 0xd800 && c < 0xe000)
		return false;
	if ((c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c < 0xfdf0))
		return false;
	/* Marks of direction, line and paragraph separators, and what is drawn as nothing. */
	return c != 0x61c && !(c >= 0x200b && c <= 0x200f) && !(c >= 0x2028 && c <= 0x202e) &&
	       !(c >= 0x2060 && c <= 0x206f) && c != 0xfeff && !(c >= 0xe0000 && c < 0xe0080);
}

static void put_escaped(FILE *f, const char *text)
{
	for (const unsigned char *s = (const unsigned char *)text; *s;) {
		size_t n;
		uint32_t c = decode(s, &n);

		if (n == 0 || !is_harmless(c))
			fputs(REPLACEMENT, f);
		else if (c == '&')
			fputs("&amp;", f);
		else if (c == '<')
			fputs("&lt;", f);
		else if (c == '>')
			fputs("&gt;", f);
		else if (c == '"')
			fputs("&quot;", f);
		else if (c == '\'')
			fputs("&#39;", f);
		else
			fwrite(s, 1, n, f);
		s += MAX(n, (size_t)1);
	}
}

/* Out of memory, a stream of memory is in error, too: its owner sees that. */
static void put_formatted(FILE *f, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
static void put_formatted(FILE *f, const char *fmt, va_list ap)
{
	char *text;

	if (vasprintf(&text, fmt, ap) < 0)
		return;
	put_escaped(f, text);
	free(text);
}

void put_text(FILE *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_formatted(f, fmt, ap);
	va_end(ap);
}

void put_number(FILE *f, double x)
{
	char text[64];
	size_t n;

	snprintf(text, sizeof(text), "%.2f", isfinite(x) ? x : 0);
	n = strlen(text);
	while (text[n - 1] == '0')
		n--;
	if (text[n - 1] == '.')
		n--;
	text[n] = 0;
	fputs(strcmp(text, "-0") ? text : "0", f);
}

void put_attribute(FILE *f, const char *name, const char *fmt, ...)
{
	va_list ap;

	fprintf(f, " %s=\"", name);
	va_start(ap, fmt);
	put_formatted(f, fmt, ap);
	va_end(ap);
	fputc('"', f);
}

void put_element(FILE *f, const char *name, const char *fmt, ...)
{
	va_list ap;

	fprintf(f, "<%s>", name);
	va_start(ap, fmt);
	put_formatted(f, fmt, ap);
	va_end(ap);
	fprintf(f, "</%s>", name);
}

void put_data_uri(FILE *f, const char *type, const void *bytes, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *s = bytes;

	fprintf(f, "data:%s;base64,", type);
	for (size_t i = 0; i < size; i += 3) {
		uint32_t x = (uint32_t)s[i] << 16;

		if (i + 1 < size)
			x |= (uint32_t)s[i + 1] << 8;
		if (i + 2 < size)
			x |= s[i + 2];
		fputc(digits[x >> 18], f);
		fputc(digits[x >> 12 & 63], f);
		fputc(i + 1 < size ? digits[x >> 6 & 63] : '=', f);
		fputc(i + 2 < size ? digits[x & 63] : '=', f);
	}
}
