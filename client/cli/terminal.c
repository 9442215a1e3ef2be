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

unsigned int terminal_width(const char *s)
{
	unsigned int width = 0;

	while (*s) {
		wchar_t c;
		size_t n = mbrtowc(&c, s, strlen(s), &(mbstate_t){ 0 });
		int w;

		if (n == (size_t)-1 || n == (size_t)-2 || n == 0) {
			s++;
			width++;
			continue;
		}
		w = wcwidth(c);
		width += w > 0 ? (unsigned int)w : 0;
		s += n;
	}
	return width;
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

bool terminal_picture(FILE *f, const uint8_t *pixels, unsigned int width, unsigned int height)
{
	if (isatty(fileno(f)) && width > terminal_columns())
		return false;
	if (terminal_utf8())
		term_draw_grey(f, pixels, width, height, terminal_colour(f));
	else
		draw_ascii(f, pixels, width, height);
	return true;
}
