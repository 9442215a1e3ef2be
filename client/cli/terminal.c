// SPDX-License-Identifier: MIT
#include <langinfo.h>
#include <string.h>
#include <sys/ioctl.h>
#include <wchar.h>

#include "png_write.h"
#include "terminal.h"

bool terminal_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

bool terminal_is(FILE *f)
{
	const char *term = getenv("TERM");

	return isatty(fileno(f)) && term && strcmp(term, "dumb") != 0;
}

bool terminal_colour(FILE *f)
{
	const char *no = getenv("NO_COLOR");

	return terminal_is(f) && !(no && no[0]);
}

unsigned int terminal_columns(void)
{
	const char *text = getenv("COLUMNS");
	struct winsize size;
	char *end;

	if (text && text[0] >= '1' && text[0] <= '9') {
		unsigned long n = strtoul(text, &end, 10);

		if (!*end && n <= 10000)
			return (unsigned int)n;
	}
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col;
	return 80;
}

/* Length of the UTF-8 sequence at s and its character; 0 when malformed. */
static size_t decode(const unsigned char *s, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0x80		 ? 1 :
		   (s[0] & 0xe0) == 0xc0 ? 2 :
		   (s[0] & 0xf0) == 0xe0 ? 3 :
		   (s[0] & 0xf8) == 0xf0 ? 4 :
					   0;
	uint32_t c;

	if (n <= 1) {
		*ret = s[0];
		return n;
	}
	c = s[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return n;
}

static bool is_harmless(uint32_t c, bool utf8)
{
	if (c < 0x80)
		return c >= ' ' && c != 0x7f;
	if (!utf8 || c < 0xa0)
		return false;
	/* Marks that are invisible or change the order of what follows. */
	return !(c >= 0x200b && c <= 0x200f) && !(c >= 0x2028 && c <= 0x202e) &&
	       !(c >= 0x2060 && c <= 0x206f) && c != 0x61c && c != 0xfeff &&
	       !(c >= 0xe0000 && c <= 0xe0fff);
}

char *terminal_text(const char *s)
{
	const unsigned char *from = (const unsigned char *)s;
	char *text = malloc(strlen(s) + 1), *to = text;
	bool utf8 = terminal_utf8();

	if (!text)
		return NULL;
	while (*from) {
		uint32_t c = 0;
		size_t n = decode(from, &c);

		if (n && is_harmless(c, utf8)) {
			memcpy(to, from, n);
			to += n;
		} else {
			*to++ = '?';
		}
		from += n ? n : 1;
	}
	*to = 0;
	return text;
}

/* Bytes of the first character, and the columns that it takes. */
static size_t measure(const char *s, unsigned int *ret_columns)
{
	wchar_t c;
	size_t n = mbrtowc(&c, s, strlen(s), &(mbstate_t){ 0 });
	int w;

	*ret_columns = 1;
	if (n == (size_t)-1 || n == (size_t)-2 || n == 0)
		return 1;
	w = wcwidth(c);
	*ret_columns = w > 0 ? (unsigned int)w : 0;
	return n;
}

size_t terminal_next(const char *s)
{
	unsigned int columns;

	return measure(s, &columns);
}

unsigned int terminal_columns_of(const char *s, size_t n)
{
	unsigned int width = 0, columns;

	for (size_t i = 0; i < n && s[i];) {
		i += measure(s + i, &columns);
		width += columns;
	}
	return width;
}

unsigned int terminal_width(const char *s)
{
	return terminal_columns_of(s, strlen(s));
}

char *terminal_cut(const char *s, unsigned int columns)
{
	const char *mark = terminal_utf8() ? "\u2026" : "~";
	unsigned int width = 0, next;
	size_t n = 0;
	char *text;

	if (terminal_width(s) <= columns)
		return strdup(s);
	while (s[n]) {
		size_t bytes = measure(s + n, &next);

		if (width + next + 1 > columns)
			break;
		width += next;
		n += bytes;
	}
	return asprintf(&text, "%.*s%s", (int)n, s, mark) < 0 ? NULL : text;
}

static void draw_ascii(FILE *f, const uint8_t *pixels, unsigned int width, unsigned int height)
{
	static const char ramp[] = " .:-=+*#%@";

	for (unsigned int y = 0; y < height; y += 2) {
		for (unsigned int x = 0; x < width; x++) {
			unsigned int v = pixels[(size_t)y * width + x];

			if (y + 1 < height)
				v = (v + pixels[(size_t)(y + 1) * width + x]) / 2;
			fputc(ramp[v * (sizeof(ramp) - 2) / 255], f);
		}
		fputc('\n', f);
	}
}

/* Four pixels a character: bit 0 top left, 1 top right, 2 bottom left, 3 bottom right. */
static const char *const quarters[16] = {
	" ",	  "\u2598", "\u259d", "\u2580", "\u2596", "\u258c", "\u259e", "\u259b",
	"\u2597", "\u259a", "\u2590", "\u259c", "\u2584", "\u2599", "\u259f", "\u2588",
};

/* Two greys a character: the means of its lighter and its darker pixels. */
static void draw_quarter(FILE *f, const unsigned int v[4], bool colour)
{
	unsigned int least = MIN(MIN(v[0], v[1]), MIN(v[2], v[3]));
	unsigned int most = MAX(MAX(v[0], v[1]), MAX(v[2], v[3]));
	unsigned int middle = colour ? (least + most + 1) / 2 : 128;
	unsigned int sum[2] = { 0, 0 }, n[2] = { 0, 0 }, mask = 0;

	for (unsigned int i = 0; i < 4; i++) {
		bool light = v[i] >= middle;

		mask |= (unsigned int)light << i;
		sum[light] += v[i];
		n[light]++;
	}
	if (!colour) {
		fputs(quarters[mask], f);
		return;
	}
	for (unsigned int i = 0; i < 2; i++)
		if (!n[i])
			sum[i] = sum[!i], n[i] = n[!i];
	/* 232 to 255: the grey ramp of the 256 colours. */
	fprintf(f, "\033[38;5;%u;48;5;%um%s", 232 + sum[1] / n[1] * 23 / 255,
		232 + sum[0] / n[0] * 23 / 255, quarters[mask]);
}

static void draw_quarters(FILE *f, const uint8_t *pixels, unsigned int width, unsigned int height,
			  bool colour)
{
	for (unsigned int y = 0; y < height; y += 2) {
		for (unsigned int x = 0; x < width; x += 2) {
			unsigned int v[4];

			for (unsigned int i = 0; i < 4; i++) {
				unsigned int row = y + i / 2, column = x + i % 2;

				v[i] = row < height && column < width ?
					       pixels[(size_t)row * width + column] :
					       0;
			}
			draw_quarter(f, v, colour);
		}
		fputs(colour ? "\033[0m\n" : "\n", f);
	}
}

bool terminal_picture(FILE *f, const uint8_t *pixels, unsigned int width, unsigned int height)
{
	bool narrow = isatty(fileno(f)) && width > terminal_columns();

	if (!terminal_utf8()) {
		if (narrow)
			return false;
		draw_ascii(f, pixels, width, height);
	} else if (!narrow) {
		term_draw_grey(f, pixels, width, height, terminal_colour(f));
	} else if ((width + 1) / 2 <= terminal_columns()) {
		draw_quarters(f, pixels, width, height, terminal_colour(f));
	} else {
		return false;
	}
	return true;
}
