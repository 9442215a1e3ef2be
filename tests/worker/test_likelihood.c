// SPDX-License-Identifier: MIT
/* Figures of a part of the images, class by class, against those of its rows. */
#include <math.h>
#include <string.h>

#include "crew.h"
#include "likelihood.h"
#include "splitmix.h"

#include "../run_suite.h"
#include "dataset_support.h"

#define IMAGES 1200
#define HIDDEN 5

static struct dataset *data;
static struct couplings c;
static double log_z[3] = { 2, 3, 5 }, error[3], ess[3] = { NAN, NAN, NAN };
static struct partition z = { .classes = 3,
			      .exact = true,
			      .log_z = log_z,
			      .error = error,
			      .ess = ess };

static void set_up(void)
{
	struct dataset_options o = { .threshold = 8, .holdout = 0.2 };
	struct array images = pictures(IMAGES), labels = class_labels(IMAGES);
	size_t size;

	ck_assert_int_eq(dataset_new(&images, "images", &labels, "labels", &o, &data, NULL), 0);
	array_free(&images);
	array_free(&labels);
	ck_assert_int_eq(couplings_new(3, data->n, HIDDEN, 8, 1, &c, NULL), 0);
	size = 3 * c.n * c.m;
	for (size_t k = 0; k < size; k++)
		c.w[k] = 0.4 * splitmix_normal(1, k);
}

static void tear_down(void)
{
	couplings_free(&c);
	data = dataset_free(data);
}

static void check_part(enum dataset_part part)
{
	_cleanup_likelihood_ struct likelihood got = { 0 }, alone = { 0 };
	double mean, wrong = 0, total = 0, each[IMAGES];
	size_t at = 0;

	ck_assert_int_eq(likelihood_measure(&c, &z, data, part, &got, &mean, NULL), 0);
	for (unsigned int u = 0; u < 3; u++) {
		struct rbm rbm = couplings_rbm(&c, u);
		double some, sum = 0;
		size_t count;
		const int8_t *rows = dataset_rows(data, part, u, &count);

		ck_assert_int_eq(rbm_log_p_star(NULL, &rbm, rows, count, each + at, &some, NULL),
				 0);
		wrong += some;
		for (size_t k = 0; k < count; k++, at++) {
			each[at] -= log_z[u];
			sum += each[at];
		}
		ck_assert_double_eq(got.by_class[u], sum / (double)count);
		total += sum;
	}
	ck_assert_uint_eq(got.images, at);
	ck_assert_mem_eq(got.each, each, at * sizeof(*each));
	ck_assert_double_eq(got.all, total / (double)at);
	ck_assert_double_gt(wrong, 0);
	ck_assert_double_eq(mean, wrong / (double)at);
	/* Without reconstruction, the same. */
	ck_assert_int_eq(likelihood_measure(&c, &z, data, part, &alone, NULL, NULL), 0);
	ck_assert_mem_eq(alone.each, each, at * sizeof(*each));
}

START_TEST(means_over_images)
{
	/* By nobody else, then by one to three threads. */
	for (unsigned int threads = 0; threads <= 3; threads++) {
		if (threads)
			ck_assert_int_eq(crew_new(threads, &c.crew, NULL), 0);
		check_part(PART_TRAIN);
		check_part(PART_HELD_OUT);
		c.crew = crew_free(c.crew);
	}
}
END_TEST

START_TEST(no_images)
{
	_cleanup_likelihood_ struct likelihood got = { 0 };
	double mean = 7;

	ck_assert_int_eq(likelihood_measure(&c, &z, data, PART_VALIDATION, &got, &mean, NULL), 0);
	ck_assert_uint_eq(got.images, 0);
	ck_assert(isnan(got.all) && isnan(mean) && isnan(got.error));
	ck_assert(got.resolved);
}
END_TEST

/* One class whose ln Z is not resolved: no figure that has it is there, and all others are. */
START_TEST(not_resolved)
{
	double some_z[3] = { 2, NAN, 5 }, some_error[3] = { 0.1, NAN, 0.2 },
	       some_ess[3] = { 80, 3, 90 };
	const struct partition some = {
		.classes = 3, .log_z = some_z, .error = some_error, .ess = some_ess
	};
	_cleanup_likelihood_ struct likelihood got = { 0 }, whole = { 0 };
	double wrong, same, gain_error;
	json_t *object;

	ck_assert_int_eq(likelihood_measure(&c, &some, data, PART_HELD_OUT, &got, &wrong, NULL), 0);
	ck_assert_int_eq(likelihood_measure(&c, &z, data, PART_HELD_OUT, &whole, &same, NULL), 0);
	ck_assert(!got.resolved && whole.resolved);
	ck_assert_double_eq(got.ess, 3);
	ck_assert_double_eq(wrong, same);
	ck_assert_double_eq(got.by_class[0], whole.by_class[0]);
	ck_assert_double_eq(got.by_class[2], whole.by_class[2]);
	ck_assert(isnan(likelihood_gain(&got, &whole, &gain_error)) && isnan(gain_error));
	object = likelihood_to_json(&got, false);
	ck_assert(json_is_null(json_object_get(object, "all")));
	ck_assert(json_is_null(json_object_get(object, "error")));
	ck_assert(json_is_null(json_array_get(json_object_get(object, "by_class"), 1)));
	ck_assert(json_is_number(json_array_get(json_object_get(object, "by_class"), 2)));
	ck_assert(json_is_false(json_object_get(object, "resolved")));
	json_decref(object);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("likelihood");
	TCase *t = tcase_create("likelihood");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, means_over_images);
	tcase_add_test(t, no_images);
	tcase_add_test(t, not_resolved);
	suite_add_tcase(s, t);
	return run_suite(s);
}
