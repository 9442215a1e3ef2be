// SPDX-License-Identifier: MIT
/* Grey pictures in a terminal: half blocks show two pixels a character cell. */
#include "png_write.h"

#define UPPER_HALF "\xe2\x96\x80" /* U+2580 */
#define LOWER_HALF "\xe2\x96\x84" /* U+2584 */
#define FULL	   "\xe2\x96\x88" /* U+2588 */

#define GREY_BASE  232 /* first of the 24 greys of the 256-colour palette */
#define GREY_STEPS 24

static unsigned int grey_colour(uint8_t pixel)
{
	return GREY_BASE + ((unsigned int)pixel * (GREY_STEPS - 1) + 127) / 255;
}

/* A last odd row has nothing below it: the terminal's own background shows. */
static void draw_line_colour(FILE *f, const uint8_t *upper, const uint8_t *lower,
			     unsigned int width)
{
	unsigned int fg = 0, bg = 0;

	for (unsigned int x = 0; x < width; x++) {
		unsigned int new_fg = grey_colour(upper[x]);
		unsigned int new_bg = lower ? grey_colour(lower[x]) : bg;

		if (new_fg != fg)
			fprintf(f, "\x1b[38;5;%um", new_fg);
		if (new_bg != bg)
			fprintf(f, "\x1b[48;5;%um", new_bg);
		fputs(UPPER_HALF, f);
		fg = new_fg;
		bg = new_bg;
	}
	fputs("\x1b[0m\n", f);
}

static void draw_line_plain(FILE *f, const uint8_t *upper, const uint8_t *lower, unsigned int width)
{
	static const char *const cells[] = { " ", UPPER_HALF, LOWER_HALF, FULL };

	for (unsigned int x = 0; x < width; x++) {
		unsigned int up = upper[x] >= 128, low = lower && lower[x] >= 128;

		fputs(cells[up | low << 1], f);
	}
	fputc('\n', f);
}

void term_draw_grey(FILE *f, const uint8_t *pixels, unsigned int width, unsigned int height,
		    bool colour)
{
	for (unsigned int y = 0; y < height; y += 2) {
		const uint8_t *upper = pixels + (size_t)y * width;
		const uint8_t *lower = y + 1 < height ? upper + width : NULL;

		if (colour)
			draw_line_colour(f, upper, lower, width);
		else
			draw_line_plain(f, upper, lower, width);
	}
}
