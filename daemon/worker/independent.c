// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "independent.h"

/* Pseudo-counts tried on the validation rows. */
static const double alphas[] = { 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5 };

static void count_pixels(const struct dataset *d, enum dataset_part part, unsigned int class,
			 size_t *total, size_t *plus)
{
	size_t count;
	const int8_t *rows = dataset_rows(d, part, class, &count);

	*total += count;
	for (size_t r = 0; r < count; r++)
		for (size_t i = 0; i < d->pixels; i++)
			plus[i] += rows[r * d->n + i + 1] > 0;
}

/* Fits on the training rows, and on the validation rows too when both. */
static void fit(struct independent *b, const struct dataset *d, double alpha, bool both,
		size_t *plus)
{
	b->alpha = alpha;
	for (unsigned int u = 0; u < d->classes; u++) {
		size_t total = 0;

		memset(plus, 0, d->pixels * sizeof(*plus));
		count_pixels(d, PART_TRAIN, u, &total, plus);
		if (both)
			count_pixels(d, PART_VALIDATION, u, &total, plus);
		for (size_t i = 0; i < d->pixels; i++) {
			double *log_p = b->log_p + (u * d->pixels + i) * 2;
			double norm = (double)total + 2 * alpha;

			log_p[0] = log(((double)(total - plus[i]) + alpha) / norm);
			log_p[1] = log(((double)plus[i] + alpha) / norm);
		}
	}
}

static double validate(const struct independent *b, const struct dataset *d)
{
	double sum = 0;

	for (unsigned int u = 0; u < d->classes; u++) {
		size_t count;
		const int8_t *rows = dataset_rows(d, PART_VALIDATION, u, &count);

		sum += independent_log_likelihood(b, u, rows, count);
	}
	return sum;
}

int independent_fit(const struct dataset *d, struct independent **ret, struct err *e)
{
	_cleanup_independent_ struct independent *b = alloc_zeroed(1, sizeof(*b));
	_cleanup_free_ size_t *plus = alloc_zeroed(d->pixels, sizeof(*plus));
	double best = -INFINITY, alpha = 1;
	size_t validation, size;

	if (!b || !plus || !size_mul(d->classes, 2 * d->pixels, &size))
		return err_oom(e);
	b->pixels = d->pixels;
	b->classes = d->classes;
	b->log_p = alloc_zeroed(size, sizeof(*b->log_p));
	if (!b->log_p)
		return err_oom(e);

	dataset_part(d, PART_VALIDATION, &validation);
	for (size_t k = 0; validation && k < ARRAY_SIZE(alphas); k++) {
		double sum;

		fit(b, d, alphas[k], false, plus);
		sum = validate(b, d);
		if (sum > best) {
			best = sum;
			alpha = alphas[k];
		}
	}
	fit(b, d, alpha, true, plus);
	*ret = TAKE_PTR(b);
	return 0;
}

double independent_log_likelihood(const struct independent *b, unsigned int class,
				  const int8_t *rows, size_t count)
{
	const double *log_p = b->log_p + (size_t) class * b->pixels * 2;
	double sum = 0;

	for (size_t r = 0; r < count; r++)
		for (size_t i = 0; i < b->pixels; i++)
			sum += log_p[2 * i + (rows[r * (b->pixels + 1) + i + 1] > 0)];
	return sum;
}

struct independent *independent_free(struct independent *b)
{
	if (b)
		free(b->log_p);
	free(b);
	return NULL;
}

void independent_visible_bias(const struct dataset *d, int class_only, size_t m, double beta,
			      double alpha, double *w0)
{
	unsigned int first = class_only < 0 ? 0 : (unsigned int)class_only;
	unsigned int last = class_only < 0 ? d->classes - 1 : (unsigned int)class_only;

	memset(w0, 0, d->n * m * sizeof(*w0));
	for (size_t i = 1; i < d->n; i++) {
		double sum = 0, total = 2 * alpha;

		for (unsigned int u = first; u <= last; u++) {
			size_t count;
			const int8_t *rows = dataset_rows(d, PART_TRAIN, u, &count);

			total += (double)count;
			for (size_t r = 0; r < count; r++)
				sum += rows[r * d->n + i];
		}
		w0[i * m] = atanh(sum / total) / beta;
	}
}
