// SPDX-License-Identifier: MIT
/* Images to spins: binarisation, the split and every refusal. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "dataset_support.h"

#include "../run_suite.h"

START_TEST(spins_come_from_the_file)
{
	_cleanup_array_ struct array images = pictures(90), labels = class_labels(90);
	_cleanup_dataset_ struct dataset *d = NULL;
	const uint8_t *pixel = images.data;
	const int64_t *label = labels.data;
	uint8_t seen[90] = {};

	ck_assert_int_eq(dataset_new(&images, "i", &labels, "l", &defaults, &d, NULL), 0);
	ck_assert_uint_eq(d->count, 90);
	ck_assert_uint_eq(d->classes, 3);
	ck_assert_uint_eq(d->n, 7);
	ck_assert(d->height == 2 && d->width == 3);
	for (int part = 0; part < PART_COUNT; part++) {
		size_t all, sum = 0;
		const int8_t *first = dataset_part(d, part, &all);

		for (unsigned int u = 0; u < 3; u++) {
			size_t count;
			const int8_t *rows = dataset_rows(d, part, u, &count);

			ck_assert_ptr_eq(rows, first + sum * 7);
			sum += count;
			for (size_t k = 0; k < count; k++) {
				uint32_t from = d->origin[(size_t)(rows - d->spins) / 7 + k];

				ck_assert_int_eq(label[from], u);
				ck_assert_uint_eq(seen[from]++, 0);
				ck_assert_int_eq(rows[k * 7], 1);
				for (size_t i = 0; i < 6; i++)
					ck_assert_int_eq(rows[k * 7 + 1 + i],
							 pixel[from * 6 + i] >= 8 ? 1 : -1);
			}
		}
		ck_assert_uint_eq(sum, all);
	}
	for (int i = 0; i < 90; i++)
		ck_assert_uint_eq(seen[i], 1);
}
END_TEST

/* Class 0 has 45 images, 1 has 30, 2 has 15: 20 % held out, 10 % of the rest for validation. */
START_TEST(split_is_stratified)
{
	static const size_t expected[PART_COUNT][3] = { { 32, 22, 11 }, { 4, 2, 1 }, { 9, 6, 3 } };
	_cleanup_array_ struct array images = pictures(90), labels = class_labels(90);
	_cleanup_dataset_ struct dataset *d = NULL, *same = NULL, *other = NULL;
	struct dataset_options o = defaults;
	size_t count;

	ck_assert_int_eq(dataset_new(&images, "i", &labels, "l", &o, &d, NULL), 0);
	for (int part = 0; part < PART_COUNT; part++) {
		for (unsigned int u = 0; u < 3; u++) {
			dataset_rows(d, part, u, &count);
			ck_assert_uint_eq(count, expected[part][u]);
		}
	}
	o.threshold = 3; /* the split is of the rows, not of what is in them */
	ck_assert_int_eq(dataset_new(&images, "i", &labels, "l", &o, &same, NULL), 0);
	ck_assert(!memcmp(d->origin, same->origin, 90 * sizeof(*d->origin)));
	o.seed = 1;
	ck_assert_int_eq(dataset_new(&images, "i", &labels, "l", &o, &other, NULL), 0);
	ck_assert(memcmp(d->origin, other->origin, 90 * sizeof(*d->origin)));
	ck_assert(!memcmp(d->start, other->start, 10 * sizeof(*d->start)));
}
END_TEST

/*
 * Each image is held out about equally often over many seeds: 5 of 25 in 4000 splits, binomial
 * with standard deviation sqrt(4000 0.2 0.8) = 25.3; 6 sigma, 25 images: level below 1e-7.
 */
START_TEST(split_is_fair)
{
	_cleanup_array_ struct array images = pictures(25);
	struct dataset_options o = defaults;
	int held[25] = {};

	for (o.seed = 0; o.seed < 4000; o.seed++) {
		_cleanup_dataset_ struct dataset *d = NULL;

		ck_assert_int_eq(dataset_new(&images, "i", NULL, NULL, &o, &d, NULL), 0);
		ck_assert_uint_eq(d->start[3] - d->start[2], 5);
		for (size_t k = d->start[2]; k < d->start[3]; k++)
			held[d->origin[k]]++;
	}
	for (int i = 0; i < 25; i++)
		ck_assert_msg(abs(held[i] - 800) < 152, "image %d: %d", i, held[i]);
}
END_TEST

/* Whatever the fractions, every class keeps a training image. */
START_TEST(small_classes_keep_a_training_image)
{
	_cleanup_array_ struct array images = pictures(4), labels = new_array(DT_U8, 1, 4, 0, 0);
	struct dataset_options o = { .threshold = 8, .holdout = 0.99, .validation = 0.99 };
	_cleanup_dataset_ struct dataset *d = NULL;
	size_t count;

	((uint8_t *)labels.data)[3] = 1;
	ck_assert_int_eq(dataset_new(&images, "i", &labels, "l", &o, &d, NULL), 0);
	for (unsigned int u = 0; u < 2; u++) {
		dataset_rows(d, PART_TRAIN, u, &count);
		ck_assert_uint_eq(count, 1);
	}
	dataset_part(d, PART_HELD_OUT, &count);
	ck_assert_uint_eq(count, 2);
}
END_TEST

START_TEST(floats_bools_and_one_class)
{
	_cleanup_array_ struct array images = new_array(DT_F32, 2, 2, 2, 0);
	struct dataset_options o = { .threshold = 0.5 };
	_cleanup_dataset_ struct dataset *d = NULL;
	static const float pixel[] = { 0.5f, 0.49f, -1, 3 };
	static const int8_t expected[] = { 1, 1, -1, 1, -1, 1 };

	memcpy(images.data, pixel, sizeof(pixel));
	ck_assert_int_eq(dataset_new(&images, "i", NULL, NULL, &o, &d, NULL), 0);
	ck_assert_uint_eq(d->classes, 1);
	ck_assert(d->height == 1 && d->width == 2);
	ck_assert(!memcmp(d->spins, expected, sizeof(expected)));
}
END_TEST

START_TEST(packing)
{
	int8_t spins[130];
	uint64_t words[3] = { 1, 2, ~0ull };

	for (int i = 0; i < 130; i++)
		spins[i] = i % 3 ? -1 : 1;
	dataset_pack(spins, 130, words);
	for (size_t i = 0; i < 192; i++)
		ck_assert_uint_eq(words[i / 64] >> (i % 64) & 1, i < 130 && i % 3 == 0);
}
END_TEST

static void refused(const struct array *images, const struct array *labels,
		    const struct dataset_options *o, const char *says)
{
	struct dataset *d = NULL;
	struct err e = {};

	ck_assert_int_lt(dataset_new(images, "x.npy", labels, "y.npy", o, &d, &e), 0);
	ck_assert_ptr_null(d);
	ck_assert_msg(strstr(e.text, says), "\"%s\" lacks \"%s\"", e.text, says);
}

START_TEST(bad_images)
{
	_cleanup_array_ struct array flat = new_array(DT_U8, 1, 5, 0, 0);
	_cleanup_array_ struct array empty = new_array(DT_U8, 2, 0, 5, 0);
	_cleanup_array_ struct array thin = new_array(DT_U8, 2, 5, 0, 0);
	_cleanup_array_ struct array wide = new_array(DT_U8, 2, 1, SPEC_MAX_UNITS, 0);
	_cleanup_array_ struct array holes = new_array(DT_F64, 3, 2, 2, 2);

	refused(&flat, NULL, &defaults, "x.npy: images must be (N, ...), but the array has 1 dim");
	refused(&empty, NULL, &defaults, "x.npy: there are no images");
	refused(&thin, NULL, &defaults, "x.npy: there are no images");
	refused(&wide, NULL, &defaults, "16384 pixels");
	((double *)holes.data)[6] = NAN;
	refused(&holes, NULL, &defaults, "pixel 2 of image 1 is");
	((double *)holes.data)[6] = INFINITY;
	refused(&holes, NULL, &defaults, "pixel 2 of image 1 is inf");
}
END_TEST

START_TEST(bad_labels)
{
	_cleanup_array_ struct array images = pictures(4), labels = new_array(DT_F64, 1, 4, 0, 0);
	_cleanup_array_ struct array square = new_array(DT_U8, 2, 2, 2, 0);
	_cleanup_array_ struct array few = new_array(DT_U8, 1, 3, 0, 0);
	struct dataset_options o = defaults;
	double *label = labels.data;

	refused(&images, &square, &o, "y.npy: labels must be (N,)");
	refused(&images, &few, &o, "y.npy has 3 labels, but x.npy has 4 images");
	label[2] = -1;
	refused(&images, &labels, &o, "y.npy: label 2 is -1; labels start at 0");
	label[2] = 0.5;
	refused(&images, &labels, &o, "label 2 is 0.5; labels must be whole");
	label[2] = NAN;
	refused(&images, &labels, &o, "label 2 is");
	label[2] = INFINITY;
	refused(&images, &labels, &o, "label 2 is inf, but labels must be below 4096");
	label[2] = 2;
	refused(&images, &labels, &o, "class 1 has no training image");
	o.classes = 2;
	refused(&images, &labels, &o,
		"label 2 is 2, but labels must be below 2, the number of codes");
	label[2] = 1;
	o.classes = 3;
	refused(&images, &labels, &o, "class 2 has no training image");
	o.classes = 5000;
	refused(&images, &labels, &o, "5000 codes");
}
END_TEST

START_TEST(bad_options)
{
	_cleanup_array_ struct array images = pictures(4);
	struct dataset_options o = { .threshold = NAN };

	refused(&images, NULL, &o, "data.threshold");
	o = (struct dataset_options){ .holdout = 1 };
	refused(&images, NULL, &o, "data.holdout is 1");
	o = (struct dataset_options){ .holdout = NAN };
	refused(&images, NULL, &o, "data.holdout");
	o = (struct dataset_options){ .validation = -0.1 };
	refused(&images, NULL, &o, "data.validation is -0.1");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("dataset");
	TCase *t = tcase_create("dataset");

	tcase_add_test(t, spins_come_from_the_file);
	tcase_add_test(t, split_is_stratified);
	tcase_add_test(t, split_is_fair);
	tcase_add_test(t, small_classes_keep_a_training_image);
	tcase_add_test(t, floats_bools_and_one_class);
	tcase_add_test(t, packing);
	tcase_add_test(t, bad_images);
	tcase_add_test(t, bad_labels);
	tcase_add_test(t, bad_options);
	suite_add_tcase(s, t);
	return run_suite(s);
}
