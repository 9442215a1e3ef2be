// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "independent.h"

/* Pseudo-counts tried. */
static const double alphas[] = { 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5 };

static void count_pixels(const struct dataset *d, enum dataset_part part, unsigned int class,
			 size_t *total, size_t *plus)
{
	size_t count;
	const int8_t *rows = dataset_rows(d, part, class, &count);

	*total += count;
	for (size_t r = 0; r < count; r++)
		for (size_t i = 0; i < d->pixels; i++)
			plus[i] += rows[r * d->n + d->first + i] > 0;
}

/* Rows of a class that are not held out: their number, and how many have each pixel at +1. */
static size_t count_class(const struct dataset *d, unsigned int class, size_t *plus)
{
	size_t total = 0;

	memset(plus, 0, d->pixels * sizeof(*plus));
	count_pixels(d, PART_TRAIN, class, &total, plus);
	count_pixels(d, PART_VALIDATION, class, &total, plus);
	return total;
}

static void fit(struct independent *b, const struct dataset *d, double alpha, size_t *plus)
{
	b->alpha = alpha;
	for (unsigned int u = 0; u < d->classes; u++) {
		double total = (double)count_class(d, u, plus), norm = total + 2 * alpha;

		for (size_t i = 0; i < d->pixels; i++) {
			double *log_p = b->log_p + (u * d->pixels + i) * 2;

			log_p[0] = log((total - (double)plus[i] + alpha) / norm);
			log_p[1] = log(((double)plus[i] + alpha) / norm);
		}
	}
}

/* Sum over rows of ln p of the row, counted on all other rows of its class. */
static double leave_one_out(const struct dataset *d, double alpha, size_t *plus)
{
	double sum = 0;

	for (unsigned int u = 0; u < d->classes; u++) {
		double total = (double)count_class(d, u, plus), norm = total - 1 + 2 * alpha;

		for (size_t i = 0; i < d->pixels; i++) {
			double up = (double)plus[i], down = total - up;

			if (up > 0)
				sum += up * log((up - 1 + alpha) / norm);
			if (down > 0)
				sum += down * log((down - 1 + alpha) / norm);
		}
	}
	return sum;
}

int independent_fit(const struct dataset *d, struct independent **ret, struct err *e)
{
	_cleanup_independent_ struct independent *b = alloc_zeroed(1, sizeof(*b));
	_cleanup_free_ size_t *plus = alloc_zeroed(d->pixels, sizeof(*plus));
	double best = -INFINITY, alpha = 1;
	size_t size;

	if (!b || !plus || !size_mul(d->classes, 2 * d->pixels, &size))
		return err_oom(e);
	b->pixels = d->pixels;
	b->first = d->first;
	b->n = d->n;
	b->classes = d->classes;
	b->log_p = alloc_zeroed(size, sizeof(*b->log_p));
	if (!b->log_p)
		return err_oom(e);

	for (size_t k = 0; k < ARRAY_SIZE(alphas); k++) {
		double sum = leave_one_out(d, alphas[k], plus);

		if (sum > best) {
			best = sum;
			alpha = alphas[k];
		}
	}
	fit(b, d, alpha, plus);
	*ret = TAKE_PTR(b);
	return 0;
}

void independent_log_p(const struct independent *b, unsigned int class, const int8_t *rows,
		       size_t count, double *log_p)
{
	const double *pixel = b->log_p + (size_t) class * b->pixels * 2;

	for (size_t r = 0; r < count; r++) {
		log_p[r] = 0;
		for (size_t i = 0; i < b->pixels; i++)
			log_p[r] += pixel[2 * i + (rows[r * b->n + b->first + i] > 0)];
	}
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
