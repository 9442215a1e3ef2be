/* SPDX-License-Identifier: MIT */
/*
 * Real couplings to device format and back: W_q = scale * q, q = round(W / scale), integers of 8 or
 * 16 bits. The gradient is taken at W_q and applied to W (straight through), so nothing here needs
 * a derivative.
 */
#ifndef PBIT_WORKER_QUANTISE_H
#define PBIT_WORKER_QUANTISE_H

#include "crew.h"
#include "err.h"

#define QUANTISE_MIN_SCALE 0x1p-24
#define QUANTISE_MAX_SCALE 0x1p24

/* 127 or 32767. */
static inline int quantise_limit(unsigned int bits)
{
	return bits == 8 ? 127 : 32767;
}

/*
 * max_abs / quantise_limit(bits), rounded up to 24 significant bits, so that the whole range is used
 * and scale * q is exact in a double; at least QUANTISE_MIN_SCALE. A function of max_abs alone: no
 * memory of earlier scales, so that a resumed run chooses the same. 0 when it would be above
 * QUANTISE_MAX_SCALE, or max_abs is not finite.
 */
double quantise_scale(double max_abs, unsigned int bits);

/*
 * w: n x m row major. scale: 0 for quantise_scale(max |w|), else given (> 0, finite). q: n x m
 * integers for program_set_couplings(). wq: n x m doubles scale * q, or NULL; it may be w itself.
 * Ties round to even. *ret_scale: the scale used.
 * -EDOM for NaN or infinity, -ERANGE for a coupling beyond the format; both name row and column,
 * and leave the outputs untouched. crew: who does the work, or NULL. `what` names W in sentences ("W of code 3").
 */
int quantise_by(struct crew *crew, const double *w, size_t n, size_t m, unsigned int bits,
		double scale, const char *what, int16_t *q, double *wq, double *ret_scale,
		struct err *e);
static inline int quantise(const double *w, size_t n, size_t m, unsigned int bits, double scale,
			   const char *what, int16_t *q, double *wq, double *ret_scale,
			   struct err *e)
{
	return quantise_by(NULL, w, n, m, bits, scale, what, q, wq, ret_scale, e);
}

#endif
