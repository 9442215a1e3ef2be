/* SPDX-License-Identifier: MIT */
/*
 * Images and labels as spins, split into training, validation and held-out rows.
 *
 * A row is n = pixels + 1 spins: v_0 = +1 is the clamped visible reference spin, whose couplings
 * are the hidden biases; v_1 .. v_pixels are the pixels, +1 where pixel >= threshold. For an even
 * model there is no reference spin, and n = pixels. Rows stand
 * sorted by part, then by class, then by place in the file, so that the images of one class of one
 * part are one contiguous block.
 */
#ifndef PBIT_WORKER_DATASET_H
#define PBIT_WORKER_DATASET_H

#include "array.h"
#include "err.h"
#include "spec.h"

#define DATASET_MAX_CLASSES 4096u

enum dataset_part { PART_TRAIN, PART_VALIDATION, PART_HELD_OUT, PART_COUNT };

struct dataset {
	size_t count;	      /* rows */
	size_t pixels, n;     /* n = first + pixels */
	size_t first;	      /* where in a row the pixels begin: 1, or 0 for an even model */
	size_t height, width; /* as the file says; 1 x pixels when it is not (N, H, W) */
	unsigned int classes;
	int8_t *spins;	  /* [count][n], +-1 */
	uint32_t *origin; /* [count] row of the file */
	size_t *start;	  /* [PART_COUNT * classes + 1] first row of each (part, class) */
};

struct dataset_options {
	double threshold;     /* pixel >= threshold is +1 */
	double holdout;	      /* fraction of each class held out, [0, 1) */
	double validation;    /* fraction of the rest of each class, [0, 1) */
	uint64_t seed;	      /* of the split: a function of the seed and the labels alone */
	unsigned int classes; /* rows of the codes; 0: the largest label + 1 */
	bool even;	      /* no reference spin */
};

/*
 * images: (N, ...) with N >= 1; labels: (N,) integers, or NULL for one class. The names are for
 * messages. Each refusal is one sentence: shapes, lengths that differ, NaN or infinite pixels (the
 * place), labels negative or >= classes or not integers, a class with no training image.
 */
int dataset_new(const struct array *images, const char *images_name, const struct array *labels,
		const char *labels_name, const struct dataset_options *o, struct dataset **ret,
		struct err *e);
struct dataset *dataset_free(struct dataset *d);
static inline void dataset_freep(struct dataset **d)
{
	*d = dataset_free(*d);
}
#define _cleanup_dataset_ _cleanup_(dataset_freep)

/* The block of one class of one part: *ret_count rows of n spins (may be 0). */
const int8_t *dataset_rows(const struct dataset *d, enum dataset_part part, unsigned int class,
			   size_t *ret_count);
/* The block of all classes of a part. */
const int8_t *dataset_part(const struct dataset *d, enum dataset_part part, size_t *ret_count);

/* n spins to bits, 1 = +1, least significant first; words: (n + 63) / 64, padding zero. */
void dataset_pack(const int8_t *spins, size_t n, uint64_t *words);

#endif
