// SPDX-License-Identifier: MIT
/* Pictures: PNG there and back, and what a terminal is sent. */
#include "png_write.h"

#include <zlib.h>

#include "support.h"

static const uint8_t chequer[6] = { 0, 255, 17, 128, 127, 64 }; /* 3 wide, 2 high */

START_TEST(round_trip)
{
	for (unsigned int zoom = 1; zoom <= 9; zoom += 4) {
		_cleanup_free_ uint8_t *pixels = NULL;
		_cleanup_free_ void *buf = NULL;
		unsigned int width = 0, height = 0;
		struct err e = { 0 };
		size_t size = 0;

		assert_ok(png_encode_grey(chequer, 3, 2, zoom, &buf, &size, &e), e);
		ck_assert_mem_eq(buf, "\x89PNG\r\n\x1a\n", 8);
		assert_ok(png_decode_grey(buf, size, zoom, &pixels, &width, &height, &e), e);
		ck_assert_uint_eq(width, 3);
		ck_assert_uint_eq(height, 2);
		ck_assert_mem_eq(pixels, chequer, sizeof(chequer));
	}
}
END_TEST

/* IHDR as the PNG specification has it: sides, depth 8, colour type 0 (grey), no interlace. */
START_TEST(header)
{
	_cleanup_free_ void *buf = NULL;
	struct err e = { 0 };
	size_t size = 0;

	assert_ok(png_encode_grey(chequer, 3, 2, 5, &buf, &size, &e), e);
	ck_assert_mem_eq((char *)buf + 8,
			 "\x00\x00\x00\x0dIHDR\x00\x00\x00\x0f\x00\x00\x00\x0a\x08\x00\x00\x00\x00",
			 21);
}
END_TEST

START_TEST(large)
{
	const unsigned int width = 640, height = 480;
	_cleanup_free_ uint8_t *noise = malloc((size_t)width * height), *back = NULL;
	_cleanup_free_ void *buf = NULL;
	unsigned int w = 0, h = 0;
	struct err e = { 0 };
	uint64_t state = 7;
	size_t size = 0;

	for (size_t i = 0; i < (size_t)width * height; i++)
		noise[i] = (uint8_t)next_random(&state);
	assert_ok(png_encode_grey(noise, width, height, 1, &buf, &size, &e), e);
	assert_ok(png_decode_grey(buf, size, 1, &back, &w, &h, &e), e);
	ck_assert_mem_eq(noise, back, (size_t)width * height);
}
END_TEST

START_TEST(sides_refused)
{
	struct err e = { 0 };
	void *buf = NULL;
	size_t size;
	int r;

	r = png_encode_grey(chequer, 0, 2, 1, &buf, &size, &e);
	assert_refused(r, e, "has no pixels");
	e = (struct err){ 0 };
	r = png_encode_grey(chequer, 3, 2, 0, &buf, &size, &e);
	assert_refused(r, e, "has no pixels");
	e = (struct err){ 0 };
	r = png_encode_grey(chequer, 3, 2, UINT32_MAX, &buf, &size, &e);
	assert_refused(r, e, "is above 268435456 pixels");
	ck_assert_ptr_null(buf);
}
END_TEST

static int decode(const void *buf, size_t size, unsigned int zoom, struct err *e)
{
	_cleanup_free_ uint8_t *pixels = NULL;
	unsigned int width, height;
	int r;

	r = png_decode_grey(buf, size, zoom, &pixels, &width, &height, e);
	if (r < 0)
		ck_assert_ptr_null(pixels);
	return r;
}

START_TEST(decode_refuses)
{
	_cleanup_free_ uint8_t *copy = NULL;
	_cleanup_free_ void *buf = NULL, *plain = NULL;
	struct err e = { 0 };
	size_t size = 0, plain_size = 0;
	uint32_t crc;
	int r;

	assert_ok(png_encode_grey(chequer, 3, 2, 4, &buf, &size, &e), e);
	r = decode("no PNG at all", 13, 4, &e);
	assert_refused(r, e, "PNG: ");
	e = (struct err){ 0 };
	r = decode(buf, size, 5, &e);
	assert_refused(r, e, "PNG: 12 x 8 pixels are no multiple of zoom 5");
	e = (struct err){ 0 };
	r = decode(buf, size, 0, &e);
	assert_refused(r, e, "no multiple of zoom 0");
	/* Sides that divide, pixels that do not. */
	e = (struct err){ 0 };
	assert_ok(png_encode_grey(chequer, 2, 2, 1, &plain, &plain_size, &e), e);
	r = decode(plain, plain_size, 2, &e);
	assert_refused(r, e, "PNG: the picture was not zoomed 2 times");
	/* Colour type 2 under a right check sum. */
	e = (struct err){ 0 };
	copy = malloc(size);
	memcpy(copy, buf, size);
	copy[25] = 2;
	crc = (uint32_t)crc32(0, copy + 12, 17);
	copy[29] = (uint8_t)(crc >> 24);
	copy[30] = (uint8_t)(crc >> 16);
	copy[31] = (uint8_t)(crc >> 8);
	copy[32] = (uint8_t)crc;
	r = decode(copy, size, 4, &e);
	assert_refused(r, e, "PNG: not a plain picture of 8-bit grey");
}
END_TEST

/* libpng reports by longjmp: nothing leaks and nothing is freed twice wherever it happens. */
START_TEST(truncated_everywhere)
{
	_cleanup_free_ void *buf = NULL;
	struct err e = { 0 };
	size_t size = 0;

	assert_ok(png_encode_grey(chequer, 3, 2, 4, &buf, &size, &e), e);
	for (size_t n = 0; n < size; n++) {
		struct err refusal = { 0 };
		int r = decode(buf, n, 4, &refusal);

		assert_refused(r, refusal, "PNG: the file is truncated");
	}
}
END_TEST

START_TEST(mutations)
{
	_cleanup_free_ void *buf = NULL;
	struct err e = { 0 };
	size_t size = 0;
	uint64_t state = 8;
	uint8_t copy[512];

	assert_ok(png_encode_grey(chequer, 3, 2, 4, &buf, &size, &e), e);
	ck_assert_uint_lt(size, sizeof(copy));
	for (int i = 0; i < FUZZ_ROUNDS / 4; i++) {
		struct err refusal = { 0 };
		size_t n = size;
		int r;

		memcpy(copy, buf, size);
		mutate(copy, &n, sizeof(copy), &state);
		r = decode(copy, n, 4, &refusal);
		if (r < 0)
			assert_clean_refusal(r, &refusal);
	}
}
END_TEST

static char *drawn(unsigned int width, unsigned int height, bool colour)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	term_draw_grey(f, chequer, width, height, colour);
	fclose(f);
	return text;
}

START_TEST(terminal)
{
	_cleanup_free_ char *plain = drawn(3, 2, false), *odd = drawn(2, 3, false);
	_cleanup_free_ char *colour = drawn(3, 2, true), *flat = drawn(1, 1, true);

	/* 0 over 128, 255 over 127, 17 over 64; from 128 on a pixel is lit. */
	ck_assert_str_eq(plain, "\xe2\x96\x84\xe2\x96\x80 \n");
	/* 0 over 17, 255 over 128; then 127 and 64 over nothing. */
	ck_assert_str_eq(odd, " \xe2\x96\x88\n  \n");
	/* 24 greys from 232 to 255. */
	ck_assert_str_eq(colour, "\x1b[38;5;232m\x1b[48;5;244m\xe2\x96\x80"
				 "\x1b[38;5;255m\x1b[48;5;243m\xe2\x96\x80"
				 "\x1b[38;5;234m\x1b[48;5;238m\xe2\x96\x80\x1b[0m\n");
	ck_assert_str_eq(flat, "\x1b[38;5;232m\xe2\x96\x80\x1b[0m\n");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("png");
	TCase *t = tcase_create("png");

	tcase_set_timeout(t, FUZZ_TIMEOUT);
	tcase_add_test(t, round_trip);
	tcase_add_test(t, header);
	tcase_add_test(t, large);
	tcase_add_test(t, sides_refused);
	tcase_add_test(t, decode_refuses);
	tcase_add_test(t, truncated_everywhere);
	tcase_add_test(t, mutations);
	tcase_add_test(t, terminal);
	suite_add_tcase(s, t);
	return run_suite(s);
}
