/* SPDX-License-Identifier: MIT */
#include "picture.h"

#include <string.h>

#include "png_write.h"

#define LINE	   1 /* pixels between tiles */
#define GUTTER	   4 /* between the halves */
#define GREY	   96
#define MAX_PIXELS ((size_t)1 << 24)

struct canvas {
	uint8_t *pixels;
	size_t width, height;
	size_t tile_w, tile_h;
};

static uint8_t *tile_at(const struct canvas *c, size_t row, size_t x)
{
	return c->pixels + row * (c->tile_h + LINE) * c->width + x;
}

/* value: the pixel of the tile, > 0 for white. */
static void draw_spins(const struct canvas *c, size_t row, size_t x, const int8_t *spins)
{
	uint8_t *p = tile_at(c, row, x);

	for (size_t k = 0; k < c->tile_w * c->tile_h; k++)
		p[k / c->tile_w * c->width + k % c->tile_w] = spins[k] > 0 ? 255 : 0;
}

static void draw_sample(const struct canvas *c, size_t row, size_t x, const uint8_t *bits)
{
	uint8_t *p = tile_at(c, row, x);

	for (size_t k = 0; k < c->tile_w * c->tile_h; k++)
		p[k / c->tile_w * c->width + k % c->tile_w] = bits[k] ? 255 : 0;
}

static int make_canvas(const struct dataset *data, size_t tiles, struct canvas *ret, struct err *e)
{
	size_t rows = MIN(data->classes, PICTURE_MAX_ROWS), size;
	struct canvas c = { .tile_w = data->width, .tile_h = data->height };

	/* A flat row of a square number of pixels was a square picture once. */
	for (size_t side = 2; c.tile_h == 1 && side * side <= data->pixels; side++)
		if (side * side == data->pixels)
			c.tile_w = c.tile_h = side;
	c.width = 2 * tiles * (c.tile_w + LINE) - 2 * LINE + GUTTER;
	c.height = rows * (c.tile_h + LINE) - LINE;
	if (!size_mul(c.width, c.height, &size) || size > MAX_PIXELS)
		return err_set(e, -EFBIG, "picture.png: %zu x %zu pixels are too many", c.width,
			       c.height);
	c.pixels = malloc(size);
	if (!c.pixels)
		return err_oom(e);
	memset(c.pixels, GREY, size);
	*ret = c;
	return 0;
}

int picture_encode(const struct dataset *data, const uint8_t *samples, size_t per_class,
		   void **ret_buf, size_t *ret_size, struct err *e)
{
	size_t tiles = MIN(per_class, (size_t)PICTURE_MAX_TILES);
	_cleanup_free_ uint8_t *pixels = NULL;
	struct canvas c = { 0 };
	int r;

	/* Large images: fewer tiles rather than no picture. */
	while (tiles > 1 &&
	       2 * tiles * data->pixels * MIN(data->classes, PICTURE_MAX_ROWS) > MAX_PIXELS / 2)
		tiles /= 2;
	r = make_canvas(data, tiles, &c, e);
	if (r < 0)
		return r;
	pixels = c.pixels;
	for (unsigned int u = 0; u < MIN(data->classes, PICTURE_MAX_ROWS); u++) {
		size_t step = c.tile_w + LINE, right = tiles * step - LINE + GUTTER, count;
		const int8_t *rows = dataset_rows(data, PART_HELD_OUT, u, &count);

		for (size_t k = 0; k < MIN(tiles, count); k++)
			draw_spins(&c, u, k * step, rows + k * data->n + data->first);
		for (size_t k = 0; k < tiles; k++)
			draw_sample(&c, u, right + k * step,
				    samples + (u * per_class + k) * data->pixels);
	}
	return png_encode_grey(pixels, (unsigned int)c.width, (unsigned int)c.height, PICTURE_ZOOM,
			       ret_buf, ret_size, e);
}
