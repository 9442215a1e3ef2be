// SPDX-License-Identifier: MIT
/* The image: as it is made without vectors, in the kernel, and as it reads coupling by coupling. */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "rbm.h"
#include "room.h"

#include "../run_suite.h"

#undef __SSE2__
#define pbm_image_size	words_image_size
#define pbm_shape_check words_shape_check
#define pbm_load	words_load
#define pbm_load_part	words_load_part
int words_shape_check(const struct pbm_shape *s);
size_t words_image_size(const struct pbm_shape *s);
int words_load(const struct pbm_shape *s, const void *couplings, void *image);
int words_load_part(const struct pbm_shape *s, const void *couplings, void *image, u32 *at);
#include "../../kmod/machine/image.c"
#undef pbm_image_size
#undef pbm_shape_check
#undef pbm_load
#undef pbm_load_part

static const u32 sizes[][2] = { { 1, 1 },   { 7, 9 },	{ 64, 64 },   { 65, 63 },
				{ 130, 3 }, { 3, 530 }, { 70, 1030 }, { 513, 128 } };
static const s32 limits[] = { 1, 31, 32, 63, 64, 127, 2000, 32767 };

/* Those of unit 0 of either side up to first. */
static void fill(const struct pbm_shape *s, void *w, s32 limit, s32 first)
{
	u32 x = 1, k, bits = s->bits;

	for (k = 0; k < s->n * s->m; k++) {
		s32 most = k < s->m || k % s->m == 0 ? first : limit, value;

		x = x * 1664525 + 1013904223;
		value = (s32)((x >> 8) % (2 * (u32)most + 1)) - most;
		if (bits == 8)
			((s8 *)w)[k] = (s8)value;
		else
			((s16 *)w)[k] = (s16)value;
	}
}

static s32 coupling_at(const void *w, u32 bits, u64 at)
{
	return bits == 8 ? ((const s8 *)w)[at] : ((const s16 *)w)[at];
}

/* What a tile has of coupling (input, output), and its output's base. */
static void check_side(const struct pbm_shape *s, const void *w, const struct rbm_image *im,
		       enum rbm_side side)
{
	u32 out = rbm_units(s, side), in = rbm_units(s, !side), i, k, wrong = 0;
	s32 bias = 128 / (s32)im->together;

	for (k = 0; k < rbm_padded(out); k++) {
		struct rbm_rows rows = rbm_rows(s, im, side, k / RBM_TILE);
		s32 base = 0, up = 0;

		for (i = 0; i <= in; i++) {
			const u8 *row = (const u8 *)im + rows.at + i * rows.row;
			bool real = i < in && k < out;
			u64 at = side ? (u64)i * s->m + k : (u64)k * s->m + i;
			s32 want = real ? coupling_at(w, s->bits, at) : 0;
			s32 got = s->bits == 8 ? row[rbm_place8(k % RBM_TILE)] - bias :
						 ((const s16 *)row)[k % RBM_TILE];

			base -= want;
			if (im->apart && !i)
				up = 2 * want;
			if (im->apart && (!i || !k))
				want = 0;
			wrong += got != want;
		}
		wrong += rbm_base(s, im, side, 0)[k] != base;
		wrong += rbm_base(s, im, side, 1)[k] != base + up;
		wrong += rbm_odd(im, side)[k] != (base & 1);
		if (im->narrow) {
			wrong += rbm_start(s, im, side, 0)[k] != base >> 1;
			wrong += rbm_start(s, im, side, 1)[k] != (base + up) >> 1;
		}
	}
	ck_assert_uint_eq(wrong, 0);
}

/* As many rows as their sums fit, with unit 0 apart if that makes them more. */
static void check_together(const struct pbm_shape *s, const void *w, const struct rbm_image *im)
{
	s32 inner = 0, all = 0;
	u32 k;

	for (k = 0; k < s->n * s->m; k++) {
		s32 most = abs(coupling_at(w, s->bits, k));

		all = most > all ? most : all;
		if (k >= s->m && k % s->m)
			inner = most > inner ? most : inner;
	}
	if (s->bits == 16) {
		ck_assert_uint_eq(im->apart, 0);
		return;
	}
	ck_assert_int_ge(im->together == 4 ? 31 :
			 im->together == 2 ? 63 :
					     127,
			 im->apart ? inner : all);
	ck_assert_uint_eq(im->apart, (all > 31 && inner <= 31) || (all > 63 && inner <= 63));
}

START_TEST(every_coupling)
{
	const u32 *size = sizes[_i];
	u32 count = sizeof(limits) / sizeof(limits[0]), k;

	for (k = 0; k < 2 * count; k++) {
		s32 limit = limits[k % count], first = k < count ? limit : 127;
		struct pbm_shape s = { PBM_NET_RBM, size[0], size[1], 1, limit > 127 ? 16 : 8 };
		void *w = zeroed((size_t)s.n * s.m * 2);
		size_t bytes = pbm_image_size(&s);
		void *image = zeroed(bytes), *words = zeroed(bytes);

		fill(&s, w, limit, first);
		ck_assert_int_eq(pbm_load(&s, w, image), 0);
		ck_assert_int_eq(words_load(&s, w, words), 0);
		check_together(&s, w, image);
		ck_assert_mem_eq(image, words, bytes);
		check_side(&s, w, image, RBM_VISIBLE);
		check_side(&s, w, image, RBM_HIDDEN);
		free(w);
		free(image);
		free(words);
	}
}
END_TEST

/* A coupling that grows after it was measured is noticed, wherever it stands. */
START_TEST(couplings_that_change)
{
	const struct pbm_shape s = { PBM_NET_RBM, 70, 66, 1, 8 };
	s8 *w = zeroed((size_t)s.n * s.m);
	void *image = zeroed(pbm_image_size(&s));
	u32 k, at, words;

	fill(&s, w, 31, _i ? 127 : 31);
	for (words = 0; words < 2; words++)
		for (k = 0; k < s.n * s.m; k += 61) {
			s8 was = w[k];
			int status;

			at = 0;
			for (status = 1; status > 0;) {
				status = words ? words_load_part(&s, w, image, &at) :
						 pbm_load_part(&s, w, image, &at);
				w[k] = k % 2 || k < s.m || k % s.m == 0 ? -128 : 32;
			}
			ck_assert_int_eq(status, -34);
			w[k] = was;
		}
	free(w);
	free(image);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("image");
	TCase *t = tcase_create("image");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, every_coupling, 0, sizeof(sizes) / sizeof(sizes[0]));
	tcase_add_loop_test(t, couplings_that_change, 0, 2);
	suite_add_tcase(s, t);
	return run_suite(s);
}
