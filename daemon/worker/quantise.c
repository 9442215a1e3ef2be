// SPDX-License-Identifier: MIT
#include <math.h>

#include "quantise.h"

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

static int largest(const double *w, size_t n, size_t m, const char *what, double *ret,
		   struct err *e)
{
	double max = 0;

	for (size_t i = 0; i < n * m; i++) {
		if (!isfinite(w[i]))
			return err_set(
				e, -EDOM,
				"%s: the coupling in row %zu, column %zu is %g; couplings must be finite",
				what, i / m, i % m, w[i]);
		max = MAX(max, fabs(w[i]));
	}
	*ret = max;
	return 0;
}

static int check_range(const double *w, size_t n, size_t m, unsigned int bits, double scale,
		       const char *what, struct err *e)
{
	double limit = quantise_limit(bits);

	for (size_t i = 0; i < n * m; i++)
		if (fabs(rint(w[i] / scale)) > limit)
			return err_set(
				e, -ERANGE,
				"%s: the coupling %g in row %zu, column %zu needs more than %u bits at "
				"scale %g (at most %g); use a larger scale, or 16 bits",
				what, w[i], i / m, i % m, bits, scale, limit * scale);
	return 0;
}

int quantise(const double *w, size_t n, size_t m, unsigned int bits, double scale, const char *what,
	     int16_t *q, double *wq, double *ret_scale, struct err *e)
{
	double max = 0;
	int r;

	if (bits != 8 && bits != 16)
		return err_set(e, -EINVAL, "%s: couplings of %u bits; devices take 8 or 16", what,
			       bits);
	r = largest(w, n, m, what, &max, e);
	if (r < 0)
		return r;
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
	r = check_range(w, n, m, bits, scale, what, e);
	if (r < 0)
		return r;

	for (size_t i = 0; i < n * m; i++) {
		q[i] = (int16_t)rint(w[i] / scale);
		if (wq)
			wq[i] = scale * q[i];
	}
	*ret_scale = scale;
	return 0;
}
