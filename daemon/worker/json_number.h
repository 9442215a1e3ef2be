/* SPDX-License-Identifier: MIT */
/* JSON has no NaN and no infinity: a number that is not there is null. */
#ifndef PBIT_WORKER_JSON_NUMBER_H
#define PBIT_WORKER_JSON_NUMBER_H

#include <jansson.h>
#include <math.h>

static inline json_t *json_number(double x)
{
	return isfinite(x) ? json_real(x) : json_null();
}

#endif
