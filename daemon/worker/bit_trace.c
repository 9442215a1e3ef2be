/* SPDX-License-Identifier: MIT */
#include "bit_trace.h"

#include <math.h>

#include "popcount.h"

/* Blocks of all chains that the screening aims at: sqrt(2 / 256) = 9 % standard error. */
#define BLOCKS 256

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Transposes a 64 x 64 matrix of bits in place: bit c of word r <-> bit r of word c. */
static void transpose64(uint64_t a[64])
{
	uint64_t mask = 0x00000000ffffffffull;

	for (unsigned int half = 32; half; half >>= 1, mask ^= mask << half) {
		for (unsigned int k = 0; k < 64; k = ((k | half) + 1) & ~half) {
			uint64_t swap = (a[k] >> half ^ a[k | half]) & mask;

			a[k] ^= swap << half;
			a[k | half] ^= swap;
		}
	}
}

/* The 64 records from `first` on of one state word of one chain, as rows of the turned trace. */
static void turn_block(struct bit_trace *t, const uint64_t *states, size_t state_words, size_t word,
		       size_t chain, size_t first, size_t unit0, size_t units)
{
	size_t rows = MIN((size_t)64, t->records - first);
	uint64_t block[64] = { 0 };

	for (size_t r = 0; r < rows; r++)
		block[r] = states[((first + r) * t->chains + chain) * state_words + word];
	transpose64(block);
	for (size_t u = 0; u < units; u++)
		t->bits[((unit0 + u) * t->chains + chain) * t->words + first / 64] = block[u];
}

int bit_trace_new(const struct pbm_shape *shape, const uint64_t *states, size_t records,
		  struct bit_trace *ret, struct err *e)
{
	size_t v_words = pbm_side_words(shape->n), all_words = pbm_state_words(shape);
	struct bit_trace t = {
		.n = shape->n,
		.m = shape->m,
		.chains = shape->chains,
		.records = records,
		.words = (records + 63) / 64,
	};

	t.bits = alloc_zeroed((size_t)(t.n + t.m) * t.chains, t.words * sizeof(*t.bits));
	t.scratch = alloc_zeroed(t.chains, (t.words + 1) * sizeof(*t.scratch));
	if (!t.bits || !t.scratch) {
		bit_trace_free(&t);
		return err_oom(e);
	}
	for (size_t w = 0; w < all_words; w++) {
		bool hidden = w >= v_words;
		size_t first = (hidden ? w - v_words : w) * 64;
		size_t units = MIN((size_t)64, (hidden ? t.m : t.n) - first);

		for (size_t c = 0; c < t.chains; c++)
			for (size_t r = 0; r < records; r += 64)
				turn_block(&t, states, all_words, w, c, r,
					   (hidden ? t.n : 0) + first, units);
	}
	*ret = t;
	return 0;
}

void bit_trace_free(struct bit_trace *t)
{
	free(t->bits);
	free(t->scratch);
	*t = (struct bit_trace){ 0 };
}

void bit_trace_product(const struct bit_trace *t, uint32_t i, uint32_t j, uint64_t *x)
{
	const uint64_t *v = t->bits + (size_t)i * t->chains * t->words;
	const uint64_t *h = t->bits + ((size_t)t->n + j) * t->chains * t->words;

	for (size_t c = 0; c < t->chains; c++) {
		for (size_t w = 0; w < t->words; w++)
			x[w] = v[w] ^ h[w];
		x[t->words] = 0;
		x += t->words + 1;
		v += t->words;
		h += t->words;
	}
}

ALWAYS_INLINE uint64_t count_ones(const uint64_t *x, size_t chains, size_t stride)
{
	uint64_t sum = 0;

	for (size_t k = 0; k < chains * stride; k++)
		sum += (uint64_t)__builtin_popcountll(x[k]);
	return sum;
}

WITH_POPCNT static uint64_t count_ones_popcnt(const uint64_t *x, size_t chains, size_t stride)
{
	return count_ones(x, chains, stride);
}

uint64_t bit_trace_count(const struct bit_trace *t, const uint64_t *x)
{
	return have_popcnt() ? count_ones_popcnt(x, t->chains, t->words + 1) :
			       count_ones(x, t->chains, t->words + 1);
}

int64_t bit_trace_sum_at(const struct bit_trace *t, const uint64_t *x, size_t record)
{
	const uint64_t *word = x + record / 64;
	int64_t ones = 0;

	for (size_t c = 0; c < t->chains; c++)
		ones += (int64_t)(word[c * (t->words + 1)] >> (record % 64) & 1);
	return (int64_t)t->chains - 2 * ones;
}

/* One chain; full words of pairs first, then the rest under a mask. */
ALWAYS_INLINE uint64_t differ_in_chain(const uint64_t *x, size_t pairs, size_t lag)
{
	const uint64_t *y = x + lag / 64;
	unsigned int shift = lag % 64;
	size_t full = pairs / 64, rest = pairs % 64;
	uint64_t sum = 0, late;

	if (shift == 0) {
		for (size_t w = 0; w < full; w++)
			sum += (uint64_t)__builtin_popcountll(x[w] ^ y[w]);
		late = rest ? y[full] : 0;
	} else {
		for (size_t w = 0; w < full; w++) {
			uint64_t z = y[w] >> shift | y[w + 1] << (64 - shift);

			sum += (uint64_t)__builtin_popcountll(x[w] ^ z);
		}
		late = rest ? y[full] >> shift | y[full + 1] << (64 - shift) : 0;
	}
	if (rest)
		sum += (uint64_t)__builtin_popcountll((x[full] ^ late) << (64 - rest));
	return sum;
}

ALWAYS_INLINE uint64_t differ(const struct bit_trace *t, const uint64_t *x, size_t lag)
{
	uint64_t sum = 0;

	for (size_t c = 0; c < t->chains; c++)
		sum += differ_in_chain(x + c * (t->words + 1), t->records - lag, lag);
	return sum;
}

WITH_POPCNT static uint64_t differ_popcnt(const struct bit_trace *t, const uint64_t *x, size_t lag)
{
	return differ(t, x, lag);
}

uint64_t bit_trace_differ(const struct bit_trace *t, const uint64_t *x, size_t lag)
{
	return have_popcnt() ? differ_popcnt(t, x, lag) : differ(t, x, lag);
}

ALWAYS_INLINE void blocks(const struct bit_trace *t, const uint64_t *x, size_t block, int8_t *y)
{
	uint64_t mask = block < 64 ? (1ull << block) - 1 : ~0ull;
	size_t each = t->records / block;

	for (size_t c = 0; c < t->chains; c++, x += t->words + 1) {
		for (size_t k = 0; k < each; k++) {
			size_t at = k * block;
			uint64_t bits = x[at / 64] >> (at % 64) & mask;

			*y++ = (int8_t)((int)block / 2 - __builtin_popcountll(bits));
		}
	}
}

WITH_POPCNT static void blocks_popcnt(const struct bit_trace *t, const uint64_t *x, size_t block,
				      int8_t *y)
{
	blocks(t, x, block, y);
}

void bit_trace_blocks(const struct bit_trace *t, const uint64_t *x, size_t block, int8_t *y)
{
	if (have_popcnt())
		blocks_popcnt(t, x, block, y);
	else
		blocks(t, x, block, y);
}

struct blocks {
	uint64_t ones, squares, count;
};

/* Sums and squared sums of the ones in blocks of `words` whole words, a chain at a time. */
ALWAYS_INLINE struct blocks block_sums(const struct bit_trace *t, const uint64_t *x, size_t words)
{
	size_t each = t->records / 64 / words;
	struct blocks b = { 0 };

	for (size_t c = 0; c < t->chains; c++, x += t->words + 1) {
		for (size_t k = 0; k < each; k++) {
			uint64_t ones = 0;

			for (size_t w = 0; w < words; w++)
				ones += (uint64_t)__builtin_popcountll(x[k * words + w]);
			b.ones += ones;
			b.squares += ones * ones;
			b.count++;
		}
	}
	return b;
}

WITH_POPCNT static struct blocks block_sums_popcnt(const struct bit_trace *t, const uint64_t *x,
						   size_t words)
{
	return block_sums(t, x, words);
}

/* Whole words a block: a power of two, about samples / BLOCKS records; two blocks a chain or more. */
static size_t block_words(const struct bit_trace *t)
{
	size_t words = 1;

	while (words * 4 * 64 <= t->records && words * 2 * 64 <= t->records * t->chains / BLOCKS)
		words *= 2;
	return words;
}

double bit_trace_block_tau(const struct bit_trace *t, const uint64_t *x)
{
	size_t words = block_words(t);
	double samples = (double)t->records * (double)t->chains;
	double p = (double)bit_trace_count(t, x) / samples;
	double mean, variance;
	struct blocks b;

	if (p == 0 || p == 1)
		return NAN;
	if (t->records < 64)
		return INFINITY; /* no whole block: nothing may be skipped */
	b = have_popcnt() ? block_sums_popcnt(t, x, words) : block_sums(t, x, words);
	mean = (double)b.ones / (double)b.count;
	variance = (double)b.squares / (double)b.count - mean * mean;
	if (!(variance > 0))
		return INFINITY; /* it moved in the records that fill no block: look at it */
	return variance / ((double)(64 * words) * p * (1 - p));
}
