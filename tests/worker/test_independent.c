// SPDX-License-Identifier: MIT
/* The baseline of independent pixels: a law, its smoothing, and the couplings that express it. */
#include <check.h>
#include <math.h>

#include "dataset_support.h"
#include "independent.h"
#include "rbm_exact.h"

#include "../run_suite.h"

/* The fit is a law: (count + alpha) / (N + 2 alpha) of the rows that are not held out. */
START_TEST(independent_pixels)
{
	_cleanup_array_ struct array images = pictures(90), labels = class_labels(90);
	struct dataset_options o = { .threshold = 8, .holdout = 0.2 };
	_cleanup_independent_ struct independent *b = NULL;
	_cleanup_dataset_ struct dataset *d = NULL;
	int8_t row[7] = { 1 };

	ck_assert_int_eq(dataset_new(&images, "i", &labels, "l", &o, &d, NULL), 0);
	ck_assert_int_eq(independent_fit(d, &b, NULL), 0);
	for (unsigned int u = 0; u < 3; u++) {
		size_t count, plus = 0;
		const int8_t *rows = dataset_rows(d, PART_TRAIN, u, &count);
		double sum = 0, log_p;

		for (size_t k = 0; k < count; k++)
			plus += rows[k * 7 + 4] > 0;
		ck_assert_double_le(
			fabs(exp(b->log_p[(u * 6 + 3) * 2 + 1]) -
			     ((double)plus + b->alpha) / ((double)count + 2 * b->alpha)),
			1e-14);
		for (unsigned int v = 0; v < 64; v++) {
			for (int i = 0; i < 6; i++)
				row[1 + i] = v >> i & 1 ? 1 : -1;
			independent_log_p(b, u, row, 1, &log_p);
			sum += exp(log_p);
		}
		ck_assert_double_le(fabs(sum - 1), 1e-13);
	}
}
END_TEST

static size_t plus_count(const struct dataset *d, enum dataset_part part, unsigned int class,
			 size_t pixel, size_t *ret_total)
{
	const int8_t *rows = dataset_rows(d, part, class, ret_total);
	size_t plus = 0;

	for (size_t k = 0; k < *ret_total; k++)
		plus += rows[k * d->n + 1 + pixel] > 0;
	return plus;
}

/* ln p of every row that is not held out under the counts of the others, row by row. */
static double left_out_sum(const struct dataset *d, double alpha)
{
	static const enum dataset_part parts[] = { PART_TRAIN, PART_VALIDATION };
	double sum = 0;

	for (unsigned int u = 0; u < d->classes; u++) {
		for (size_t i = 0; i < d->pixels; i++) {
			size_t train, validation;
			double plus = (double)(plus_count(d, PART_TRAIN, u, i, &train) +
					       plus_count(d, PART_VALIDATION, u, i, &validation));
			double others = (double)(train + validation) - 1;

			for (int k = 0; k < 2; k++) {
				size_t count;
				const int8_t *rows = dataset_rows(d, parts[k], u, &count);

				for (size_t r = 0; r < count; r++) {
					double up = plus - (rows[r * d->n + 1 + i] > 0);
					double p = (up + alpha) / (others + 2 * alpha);

					sum += log(rows[r * d->n + 1 + i] > 0 ? p : 1 - p);
				}
			}
		}
	}
	return sum;
}

/* The chosen smoothing is the best of its grid, and the final counts use both parts. */
START_TEST(independent_smoothing)
{
	static const double others[] = { 0.05, 0.1, 0.2, 0.5, 1, 2, 5 };
	_cleanup_array_ struct array images = pictures(90), labels = class_labels(90);
	struct dataset_options o = defaults;

	for (o.threshold = 2; o.threshold < 17; o.threshold += 4) {
		_cleanup_independent_ struct independent *b = NULL;
		_cleanup_dataset_ struct dataset *d = NULL;
		size_t train, validation;
		double plus, best;

		ck_assert_int_eq(dataset_new(&images, "i", &labels, "l", &o, &d, NULL), 0);
		ck_assert_int_eq(independent_fit(d, &b, NULL), 0);
		best = left_out_sum(d, b->alpha);
		for (size_t k = 0; k < ARRAY_SIZE(others); k++)
			ck_assert_double_ge(best, left_out_sum(d, others[k]) - 1e-9);
		plus = (double)plus_count(d, PART_TRAIN, 0, 0, &train);
		plus += (double)plus_count(d, PART_VALIDATION, 0, 0, &validation);
		ck_assert_double_le(
			fabs(exp(b->log_p[1]) -
			     (plus + b->alpha) / ((double)(train + validation) + 2 * b->alpha)),
			1e-14);
	}
}
END_TEST

/* tanh(beta w0) is the smoothed mean spin of the training rows; every other coupling is 0. */
START_TEST(visible_bias)
{
	_cleanup_array_ struct array images = pictures(90), labels = class_labels(90);
	_cleanup_dataset_ struct dataset *d = NULL;
	double w0[7 * 3];

	ck_assert_int_eq(dataset_new(&images, "i", &labels, "l", &defaults, &d, NULL), 0);
	for (int class = -1; class < 3; class ++) {
		size_t count;
		const int8_t *rows =
			class < 0 ? dataset_part(d, PART_TRAIN, &count) :
				    dataset_rows(d, PART_TRAIN, (unsigned int)class, &count);

		independent_visible_bias(d, class, 3, 0.5, 2, w0);
		for (size_t i = 0; i < 7; i++) {
			double sum = 0;

			for (size_t k = 0; k < count; k++)
				sum += rows[k * 7 + i];
			ck_assert_double_le(
				fabs(tanh(0.5 * w0[i * 3]) - (i ? sum / ((double)count + 4) : 0)),
				1e-14);
			ck_assert(w0[i * 3 + 1] == 0 && w0[i * 3 + 2] == 0);
		}
	}
}
END_TEST

/* The couplings of the start are the baseline: their RBM gives the same ln p as the counts. */
START_TEST(bias_only_rbm_is_the_baseline)
{
	_cleanup_array_ struct array images = pictures(90), labels = class_labels(90);
	struct dataset_options o = { .threshold = 8, .holdout = 0.2 };
	_cleanup_independent_ struct independent *b = NULL;
	_cleanup_dataset_ struct dataset *d = NULL;
	double w0[7 * 3], z, star;

	ck_assert_int_eq(dataset_new(&images, "i", &labels, "l", &o, &d, NULL), 0);
	ck_assert_int_eq(independent_fit(d, &b, NULL), 0);
	for (unsigned int u = 0; u < 3; u++) {
		struct rbm r = {
			.n = 7, .m = 3, .ref_v = true, .ref_h = true, .beta = 1.7, .w = w0
		};
		size_t count;
		const int8_t *rows = dataset_rows(d, PART_HELD_OUT, u, &count);

		independent_visible_bias(d, (int)u, 3, r.beta, b->alpha, w0);
		ck_assert_int_eq(rbm_log_z(&r, 1, &z, NULL), 0);
		for (size_t k = 0; k < count; k++) {
			double log_p;

			ck_assert_int_eq(
				rbm_log_p_star(NULL, &r, rows + 7 * k, 1, &star, NULL, NULL), 0);
			independent_log_p(b, u, rows + 7 * k, 1, &log_p);
			ck_assert_double_le(fabs(star - z - log_p), 1e-11);
		}
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("independent");
	TCase *t = tcase_create("independent");

	tcase_add_test(t, independent_pixels);
	tcase_add_test(t, independent_smoothing);
	tcase_add_test(t, visible_bias);
	tcase_add_test(t, bias_only_rbm_is_the_baseline);
	suite_add_tcase(s, t);
	return run_suite(s);
}
