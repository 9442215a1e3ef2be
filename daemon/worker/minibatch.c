/* SPDX-License-Identifier: MIT */
#include "minibatch.h"

#include <string.h>

#include "seed.h"

void minibatch_free(struct minibatch *b)
{
	free(b->count);
	free(b->place);
	*b = (struct minibatch){ 0 };
}

/* Fisher and Yates. */
static void shuffle(uint32_t *order, size_t count, uint64_t seed)
{
	for (size_t k = 0; k < count; k++)
		order[k] = (uint32_t)k;
	for (size_t k = count; k > 1; k--) {
		size_t other = splitmix_below(seed, k, (uint32_t)k);
		uint32_t swap = order[k - 1];

		order[k - 1] = order[other];
		order[other] = swap;
	}
}

static int place_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Sorts places below `most` that are all different; marks: zeros, (most + 63) / 64 of them. */
static void sort_places(uint32_t *place, size_t count, size_t most, uint64_t *marks)
{
	for (size_t k = 0; k < count; k++)
		marks[place[k] / 64] |= (uint64_t)1 << place[k] % 64;
	for (size_t w = 0; w < (most + 63) / 64; w++)
		for (uint64_t bits = marks[w]; bits; bits &= bits - 1)
			*place++ = (uint32_t)(64 * w) + (uint32_t)__builtin_ctzll(bits);
}

static unsigned int class_of(const struct dataset *d, size_t row)
{
	unsigned int low = 0, high = d->classes;

	/* Training is the first part: row lies in [start[u], start[u + 1]). */
	while (high - low > 1) {
		unsigned int middle = low + (high - low) / 2;

		if (d->start[middle] <= row)
			low = middle;
		else
			high = middle;
	}
	return low;
}

int minibatch_take(const struct dataset *d, size_t size, uint64_t step, uint64_t seed,
		   uint32_t *order, uint64_t *pass, struct minibatch *ret, struct err *e)
{
	_cleanup_(minibatch_free) struct minibatch b = { 0 };
	_cleanup_free_ uint64_t *marks = NULL;
	size_t train;

	dataset_part(d, PART_TRAIN, &train);
	b.total = size && size < train ? size : train;
	b.count = alloc_zeroed(d->classes, sizeof(*b.count));
	if (!b.count)
		return err_oom(e);
	if (b.total == train) {
		for (unsigned int u = 0; u < d->classes; u++)
			dataset_rows(d, PART_TRAIN, u, &b.count[u]);
	} else {
		b.place = alloc_zeroed(b.total, sizeof(*b.place));
		marks = alloc_zeroed((train + 63) / 64, sizeof(*marks));
		if (!b.place || !marks)
			return err_oom(e);
		for (size_t k = 0; k < b.total; k++) {
			uint64_t at = step * size + k;

			if (*pass != at / train) {
				*pass = at / train;
				shuffle(order, train, seed_derive(seed, SEED_SHUFFLE, *pass));
			}
			b.place[k] = order[at % train];
			b.count[class_of(d, b.place[k])]++;
		}
		/* A batch that goes on into the next pass may have an image twice. */
		if (step * size / train == (step * size + b.total - 1) / train)
			sort_places(b.place, b.total, train, marks);
		else
			qsort(b.place, b.total, sizeof(*b.place), place_order);
	}
	*ret = b;
	b = (struct minibatch){ 0 };
	return 0;
}

const int8_t *minibatch_class(const struct minibatch *b, const struct dataset *d,
			      unsigned int class, int8_t *rows, size_t *ret_count)
{
	size_t before = 0, all;
	const int8_t *train = dataset_part(d, PART_TRAIN, &all);

	if (!b->place)
		return dataset_rows(d, PART_TRAIN, class, ret_count);
	for (unsigned int u = 0; u < class; u++)
		before += b->count[u];
	for (size_t k = 0; k < b->count[class]; k++)
		memcpy(rows + k * d->n, train + (size_t)b->place[before + k] * d->n, d->n);
	*ret_count = b->count[class];
	return rows;
}
