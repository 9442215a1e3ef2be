// SPDX-License-Identifier: MIT
/*
 * PNG by libpng, to and from memory. libpng reports errors by longjmp: what it may jump over owns
 * nothing; buffers hang on a struct that the outer function frees.
 */
#include "png_write.h"

#include <png.h>
#include <setjmp.h>
#include <string.h>

#define MAX_PIXELS ((size_t)1 << 28) /* of a picture as stored, zoomed */

struct buffer {
	uint8_t *p;
	size_t size, room; /* when reading: the read position, the end */
	uint8_t *row;	   /* one zoomed row */
	struct err *err;
};

static void buffer_free(struct buffer *b)
{
	free(b->p);
	free(b->row);
}

static void on_error(png_structp png, png_const_charp text)
{
	struct buffer *b = png_get_error_ptr(png);

	err_set(b->err, -EINVAL, "PNG: %s", text);
	png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
	(void)png;
	(void)text;
}

static void on_write(png_structp png, png_bytep data, size_t n)
{
	struct buffer *b = png_get_io_ptr(png);
	size_t end;

	if (!size_add(b->size, n, &end))
		png_error(png, "too large");
	if (end > b->room) {
		size_t room = MAX(end, b->room * 2);
		uint8_t *p = realloc(b->p, room);

		if (!p)
			png_error(png, "out of memory");
		b->p = p;
		b->room = room;
	}
	memcpy(b->p + b->size, data, n);
	b->size = end;
}

static void on_flush(png_structp png)
{
	(void)png;
}

/* Zoomed sides and pixels, with a sentence when they are none or too many. */
static int check_sides(unsigned int width, unsigned int height, unsigned int zoom, struct err *e)
{
	size_t w, h, pixels;

	if (width == 0 || height == 0 || zoom == 0)
		return err_set(e, -EINVAL, "PNG: a picture of %u x %u, zoom %u, has no pixels",
			       width, height, zoom);
	if (!size_mul(width, zoom, &w) || !size_mul(height, zoom, &h) || !size_mul(w, h, &pixels) ||
	    pixels > MAX_PIXELS)
		return err_set(e, -EFBIG, "PNG: a picture of %u x %u, zoom %u, is above %zu pixels",
			       width, height, zoom, MAX_PIXELS);
	return 0;
}

/* libpng may jump back here; everything it needs is behind pointers that do not change. */
static int write_picture(png_structp png, png_infop info, struct buffer *b, const uint8_t *pixels,
			 unsigned int width, unsigned int height, unsigned int zoom)
{
	if (setjmp(png_jmpbuf(png)))
		return -EINVAL;
	png_set_write_fn(png, b, on_write, on_flush);
	png_set_IHDR(png, info, width * zoom, height * zoom, 8, PNG_COLOR_TYPE_GRAY,
		     PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	for (unsigned int y = 0; y < height; y++) {
		for (unsigned int x = 0; x < width; x++)
			memset(b->row + (size_t)x * zoom, pixels[(size_t)y * width + x], zoom);
		for (unsigned int k = 0; k < zoom; k++)
			png_write_row(png, b->row);
	}
	png_write_end(png, info);
	return 0;
}

int png_encode_grey(const uint8_t *pixels, unsigned int width, unsigned int height,
		    unsigned int zoom, void **ret_buf, size_t *ret_size, struct err *e)
{
	_cleanup_(buffer_free) struct buffer b = { .err = e };
	png_infop info = NULL;
	png_structp png;
	int r;

	r = check_sides(width, height, zoom, e);
	if (r < 0)
		return r;
	b.row = malloc((size_t)width * zoom);
	if (!b.row)
		return err_oom(e);
	png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &b, on_error, on_warning);
	if (png)
		info = png_create_info_struct(png);
	r = info ? write_picture(png, info, &b, pixels, width, height, zoom) : err_oom(e);
	png_destroy_write_struct(&png, &info);
	if (r < 0)
		return r;
	*ret_buf = TAKE_PTR(b.p);
	*ret_size = b.size;
	return 0;
}

/* While reading, p is the caller's: see png_decode_grey. */
static void on_read(png_structp png, png_bytep data, size_t n)
{
	struct buffer *b = png_get_io_ptr(png);

	if (n > b->room - b->size)
		png_error(png, "the file is truncated");
	memcpy(data, b->p + b->size, n);
	b->size += n;
}

static int read_sides(png_structp png, png_infop info, struct buffer *b, unsigned int zoom,
		      unsigned int *ret_width, unsigned int *ret_height)
{
	unsigned int width, height;

	if (setjmp(png_jmpbuf(png)))
		return -EINVAL;
	png_set_read_fn(png, b, on_read);
	png_read_info(png, info);
	width = png_get_image_width(png, info);
	height = png_get_image_height(png, info);
	if (png_get_color_type(png, info) != PNG_COLOR_TYPE_GRAY ||
	    png_get_bit_depth(png, info) != 8 ||
	    png_get_interlace_type(png, info) != PNG_INTERLACE_NONE)
		return err_set(b->err, -EOPNOTSUPP, "PNG: not a plain picture of 8-bit grey");
	if (zoom == 0 || width % zoom || height % zoom)
		return err_set(b->err, -EINVAL, "PNG: %u x %u pixels are no multiple of zoom %u",
			       width, height, zoom);
	*ret_width = width / zoom;
	*ret_height = height / zoom;
	return 0;
}

static bool row_is_zoomed(const uint8_t *row, const uint8_t *pixels, unsigned int width,
			  unsigned int zoom)
{
	for (size_t x = 0; x < (size_t)width * zoom; x++)
		if (row[x] != pixels[x / zoom])
			return false;
	return true;
}

static int read_pixels(png_structp png, struct buffer *b, uint8_t *pixels, unsigned int width,
		       unsigned int height, unsigned int zoom)
{
	if (setjmp(png_jmpbuf(png)))
		return -EINVAL;
	for (unsigned int y = 0; y < height; y++) {
		uint8_t *line = pixels + (size_t)y * width;

		for (unsigned int k = 0; k < zoom; k++) {
			png_read_row(png, b->row, NULL);
			for (unsigned int x = 0; k == 0 && x < width; x++)
				line[x] = b->row[(size_t)x * zoom];
			if (!row_is_zoomed(b->row, line, width, zoom))
				return err_set(b->err, -EINVAL,
					       "PNG: the picture was not zoomed %u times", zoom);
		}
	}
	png_read_end(png, NULL);
	return 0;
}

static int read_picture(png_structp png, png_infop info, struct buffer *b, unsigned int zoom,
			uint8_t **ret_pixels, unsigned int *ret_width, unsigned int *ret_height)
{
	_cleanup_free_ uint8_t *pixels = NULL;
	unsigned int width = 0, height = 0;
	int r;

	r = read_sides(png, info, b, zoom, &width, &height);
	if (r < 0)
		return r;
	r = check_sides(width, height, zoom, b->err);
	if (r < 0)
		return r;
	b->row = malloc((size_t)width * zoom);
	pixels = malloc((size_t)width * height);
	if (!b->row || !pixels)
		return err_oom(b->err);
	r = read_pixels(png, b, pixels, width, height, zoom);
	if (r < 0)
		return r;
	*ret_pixels = TAKE_PTR(pixels);
	*ret_width = width;
	*ret_height = height;
	return 0;
}

int png_decode_grey(const void *buf, size_t size, unsigned int zoom, uint8_t **ret_pixels,
		    unsigned int *ret_width, unsigned int *ret_height, struct err *e)
{
	struct buffer b = { .p = (uint8_t *)buf, .room = size, .err = e };
	png_infop info = NULL;
	png_structp png;
	int r;

	png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &b, on_error, on_warning);
	if (png)
		info = png_create_info_struct(png);
	r = info ? read_picture(png, info, &b, zoom, ret_pixels, ret_width, ret_height) :
		   err_oom(e);
	png_destroy_read_struct(&png, &info, NULL);
	free(b.row); /* b.p is the caller's */
	return r;
}
