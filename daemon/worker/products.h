/* SPDX-License-Identifier: MIT */
/* Sums of v_i h_j as a device leaves them, taken into doubles. */
#ifndef PBIT_WORKER_PRODUCTS_H
#define PBIT_WORKER_PRODUCTS_H

#include "crew.h"
#include "device.h"

/*
 * vh[count] = (what it was + the sums) / divisor; with `first`, it was 0. The results are of a run
 * with ACC_MOMENTS, with or without ACC_NEAR. crew: who does the work, or NULL.
 */
void products_take(const struct results *res, size_t count, bool first, double divisor, double *vh,
		   struct crew *crew);

#endif
