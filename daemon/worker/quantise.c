// SPDX-License-Identifier: MIT
#include <float.h>
#include <math.h>
#include <string.h>

#include "quantise.h"
#include "wide.h"

/* The next multiple of 2^(e-23) at or above x = m 2^e, so that scale * integer is exact. */
static double round_up(double x)
{
	int exponent;
	double mantissa = frexp(x, &exponent);

	return ldexp(ceil(ldexp(mantissa, 24)), exponent - 24);
}

double quantise_scale(double max_abs, unsigned int bits)
{
	double scale = round_up(max_abs / quantise_limit(bits));

	if (!(scale <= QUANTISE_MAX_SCALE))
		return 0;
	return scale < QUANTISE_MIN_SCALE ? QUANTISE_MIN_SCALE : scale;
}

/*
 * The largest |w|; infinite where one of them is no finite number. Doubles without their sign are in
 * the order of their bits, those that are not finite last, and of integers compilers make vectors.
 */
WIDE_BODY largest_body(const double *w, size_t count, double *ret)
{
	int64_t max = 0;

	for (size_t i = 0; i < count; i++) {
		int64_t bits;

		memcpy(&bits, &w[i], sizeof(bits));
		bits &= INT64_MAX;
		max = bits > max ? bits : max;
	}
	memcpy(ret, &max, sizeof(max));
	if (!(*ret <= DBL_MAX))
		*ret = INFINITY;
}
WIDE(largest, (const double *w, size_t count, double *ret), (w, count, ret))

static int say_not_finite(const double *w, size_t m, const char *what, struct err *e)
{
	size_t i = 0;

	while (isfinite(w[i]))
		i++;
	return err_set(e, -EDOM,
		       "%s: the coupling in row %zu, column %zu is %g; couplings must be finite",
		       what, i / m, i % m, w[i]);
}

/* The first of them, where the largest is. */
static int say_beyond(const double *w, size_t m, unsigned int bits, double scale, const char *what,
		      struct err *e)
{
	double limit = quantise_limit(bits);
	size_t i = 0;

	while (fabs(rint(w[i] / scale)) <= limit)
		i++;
	return err_set(e, -ERANGE,
		       "%s: the coupling %g in row %zu, column %zu needs more than %u bits at "
		       "scale %g (at most %g); use a larger scale, or 16 bits",
		       what, w[i], i / m, i % m, bits, scale, limit * scale);
}

/* Adding it leaves no fraction bits, and rounds ties to even, as rint() does. */
#define ROUND 0x1.8p52

WIDE_BODY round_all_body(const double *w, size_t count, double scale, int16_t *restrict q,
			 double *wq)
{
	for (size_t i = 0; i < count; i++) {
		double x = w[i] / scale + ROUND - ROUND;

		q[i] = (int16_t)(int32_t)x;
		if (wq)
			wq[i] = scale * x;
	}
}
WIDE(round_all, (const double *w, size_t count, double scale, int16_t *restrict q, double *wq),
     (w, count, scale, q, wq))

/* The work of a call, in parts. */
struct quantising {
	const double *w;
	size_t count;
	double scale;
	int16_t *q;
	double *wq;
	double *max; /* [parts] */
};

static void largest_part(void *data, size_t k)
{
	struct quantising *x = data;
	size_t from, count = crew_part(x->count, k, &from);

	largest(x->w + from, count, &x->max[k]);
}

static void round_part(void *data, size_t k)
{
	struct quantising *x = data;
	size_t from, count = crew_part(x->count, k, &from);

	round_all(x->w + from, count, x->scale, x->q + from, x->wq ? x->wq + from : NULL);
}

static int largest_of_all(struct crew *crew, struct quantising *x, double *ret, struct err *e)
{
	size_t parts = crew_parts(x->count);
	_cleanup_free_ double *max = alloc_zeroed(parts, sizeof(*max));

	if (!max)
		return err_oom(e);
	x->max = max;
	crew_run(crew, parts, largest_part, x);
	*ret = 0;
	for (size_t k = 0; k < parts; k++)
		*ret = MAX(*ret, max[k]);
	return 0;
}

int quantise_by(struct crew *crew, const double *w, size_t n, size_t m, unsigned int bits,
		double scale, const char *what, int16_t *q, double *wq, double *ret_scale,
		struct err *e)
{
	struct quantising x = { .w = w, .count = n * m, .q = q, .wq = wq };
	double max = 0;
	int r;

	if (bits != 8 && bits != 16)
		return err_set(e, -EINVAL, "%s: couplings of %u bits; devices take 8 or 16", what,
			       bits);
	r = largest_of_all(crew, &x, &max, e);
	if (r < 0)
		return r;
	if (!(max <= DBL_MAX))
		return say_not_finite(w, m, what, e);
	if (scale == 0) {
		scale = quantise_scale(max, bits);
		if (scale == 0)
			return err_set(e, -ERANGE,
				       "%s: the coupling %g is beyond %u bits at any scale", what,
				       max, bits);
	} else if (!isfinite(scale) || scale < 0) {
		return err_set(e, -EINVAL, "%s: the coupling scale is %g; give a number above 0",
			       what, scale);
	}
	if (fabs(rint(max / scale)) > quantise_limit(bits))
		return say_beyond(w, m, bits, scale, what, e);
	x.scale = scale;
	crew_run(crew, crew_parts(x.count), round_part, &x);
	*ret_scale = scale;
	return 0;
}
