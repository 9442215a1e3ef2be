/* SPDX-License-Identifier: MIT */
/* Small images and labels in three classes, for the tests of what reads them. */
#ifndef TESTS_WORKER_DATASET_SUPPORT_H
#define TESTS_WORKER_DATASET_SUPPORT_H

#include <check.h>

#include "dataset.h"

static inline struct array new_array(enum dtype t, unsigned int ndim, size_t a, size_t b, size_t c)
{
	struct array x = {};

	ck_assert_int_eq(array_new(&x, t, ndim, (size_t[]){ a, b, c }, NULL), 0);
	return x;
}

static const struct dataset_options defaults = { .threshold = 8,
						 .holdout = 0.2,
						 .validation = 0.1 };

static inline struct array pictures(size_t count)
{
	struct array x = new_array(DT_U8, 3, count, 2, 3);

	for (size_t i = 0; i < x.count; i++)
		((uint8_t *)x.data)[i] = (uint8_t)((i * 7 + i / 5) % 17);
	return x;
}

/* Labels 0, 1, 2, 0, 1, 2, ...; class 2 gets every second of its images only. */
static inline struct array class_labels(size_t count)
{
	struct array x = new_array(DT_I64, 1, count, 0, 0);

	for (size_t i = 0; i < count; i++)
		((int64_t *)x.data)[i] = i % 6 == 5 ? 0 : (int64_t)(i % 3);
	return x;
}

#endif
