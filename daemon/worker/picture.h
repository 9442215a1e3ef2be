/* SPDX-License-Identifier: MIT */
/*
 * The picture of a train job: one row of tiles a class, real held-out images on the left, generated
 * ones on the right. White is +1, black -1, grey the lines between tiles and the wider gutter
 * between the two halves.
 */
#ifndef PBIT_WORKER_PICTURE_H
#define PBIT_WORKER_PICTURE_H

#include "dataset.h"

#define PICTURE_ZOOM	  4
#define PICTURE_MAX_ROWS  64u /* further classes are left out */
#define PICTURE_MAX_TILES 16u /* a half */

/*
 * samples: [classes][per_class][pixels], 0 or 1. The PNG is made in memory; free() it.
 */
int picture_encode(const struct dataset *data, const uint8_t *samples, size_t per_class,
		   void **ret_buf, size_t *ret_size, struct err *e);

#endif
