/* SPDX-License-Identifier: MIT */
#include "bit_trace.h"

#include <math.h>

#include "popcount.h"

/* Blocks of all chains that the screening aims at: sqrt(2 / 256) = 9 % standard error. */
#define BLOCKS 256

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
		t->bits[((unit0 + u) * t->words + first / 64) * t->chains + chain] = block[u];
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
	if (!t.bits)
		return err_oom(e);
	for (size_t w = 0; w < all_words; w++) {
		bool hidden = w >= v_words;
		size_t first = (hidden ? w - v_words : w) * 64;
		size_t units = MIN((size_t)64, (hidden ? t.m : t.n) - first);

		for (size_t r = 0; r < records; r += 64)
			for (size_t c = 0; c < t.chains; c++)
				turn_block(&t, states, all_words, w, c, r,
					   (hidden ? t.n : 0) + first, units);
	}
	*ret = t;
	return 0;
}

void bit_trace_free(struct bit_trace *t)
{
	free(t->bits);
	*t = (struct bit_trace){ 0 };
}

bool bit_trace_moves(const struct bit_trace *t, size_t unit)
{
	const uint64_t *row = t->bits + unit * t->words * t->chains, *first = row;
	uint64_t last = ~0ull >> (64 * t->words - t->records), moved = 0;

	for (size_t w = 0; w < t->words; w++, row += t->chains)
		for (size_t c = 0; c < t->chains; c++)
			moved |= (row[c] ^ -(first[c] & 1)) & (w + 1 < t->words ? ~0ull : last);
	return moved;
}

COUNT_BODY void bit_trace_product_body(const struct bit_trace *t, uint32_t i, uint32_t j,
				       uint64_t *restrict x)
{
	size_t count = t->words * t->chains;
	const uint64_t *v = t->bits + i * count;
	const uint64_t *h = t->bits + ((size_t)t->n + j) * count;

	for (size_t k = 0; k < count; k++)
		x[k] = v[k] ^ h[k];
	for (size_t c = 0; c < t->chains; c++)
		x[count + c] = 0;
}

COUNTED(void, bit_trace_product,
	(const struct bit_trace *t, uint32_t i, uint32_t j, uint64_t *restrict x), (t, i, j, x))

COUNT_BODY uint64_t ones_in(uint64_t x)
{
	return (uint64_t)__builtin_popcountll(x);
}

COUNT_BODY uint64_t bit_trace_count_body(const struct bit_trace *t, const uint64_t *x)
{
	uint64_t sum = 0;

	for (size_t k = 0; k < t->words * t->chains; k++)
		sum += ones_in(x[k]);
	return sum;
}

COUNTED(uint64_t, bit_trace_count, (const struct bit_trace *t, const uint64_t *x), (t, x))

/* Chains that fit in a count of one byte. */
#define BYTE_CHAINS 255

/* Byte b of sum k counts record 8 b + k. */
COUNT_BODY void bit_trace_ones_body(const struct bit_trace *t, const uint64_t *x, size_t word,
				    uint32_t ones[64])
{
	const uint64_t *row = x + word * t->chains;

	for (unsigned int r = 0; r < 64; r++)
		ones[r] = 0;
	for (size_t from = 0; from < t->chains; from += BYTE_CHAINS) {
		size_t to = MIN(from + BYTE_CHAINS, t->chains);
		uint64_t sum[8] = { 0 };

		for (size_t c = from; c < to; c++)
			for (unsigned int k = 0; k < 8; k++)
				sum[k] += row[c] >> k & 0x0101010101010101ull;
		for (unsigned int r = 0; r < 64; r++)
			ones[r] += (uint32_t)(sum[r % 8] >> (r / 8 * 8) & 0xff);
	}
}

COUNTED(void, bit_trace_ones,
	(const struct bit_trace *t, const uint64_t *x, size_t word, uint32_t ones[64]),
	(t, x, word, ones))

/* Full words of pairs first, then the rest under a mask. */
COUNT_BODY uint64_t bit_trace_differ_body(const struct bit_trace *t, const uint64_t *x, size_t lag)
{
	size_t chains = t->chains, pairs = t->records - lag, full = pairs / 64 * chains;
	unsigned int shift = lag % 64, rest = pairs % 64;
	const uint64_t *y = x + lag / 64 * chains;
	uint64_t mask = (1ull << rest) - 1, sum = 0;

	if (shift == 0)
		for (size_t k = 0; k < full; k++)
			sum += ones_in(x[k] ^ y[k]);
	else
		for (size_t k = 0; k < full; k++)
			sum += ones_in(x[k] ^ (y[k] >> shift | y[k + chains] << (64 - shift)));
	if (rest == 0)
		return sum;
	x += full;
	y += full;
	if (shift + rest <= 64)
		for (size_t c = 0; c < chains; c++)
			sum += ones_in((x[c] ^ y[c] >> shift) & mask);
	else
		for (size_t c = 0; c < chains; c++)
			sum += ones_in((x[c] ^ (y[c] >> shift | y[c + chains] << (64 - shift))) &
				       mask);
	return sum;
}

COUNTED(uint64_t, bit_trace_differ, (const struct bit_trace *t, const uint64_t *x, size_t lag),
	(t, x, lag))

COUNT_BODY void bit_trace_blocks_body(const struct bit_trace *t, const uint64_t *x, size_t block,
				      int16_t *restrict y)
{
	uint64_t mask = block < 64 ? (1ull << block) - 1 : ~0ull;
	int half = (int)block / 2;

	for (size_t k = 0; k < t->records / block; k++) {
		const uint64_t *row = x + k * block / 64 * t->chains;
		unsigned int at = k * block % 64;

		for (size_t c = 0; c < t->chains; c++)
			y[c] = (int16_t)(half - __builtin_popcountll(row[c] >> at & mask));
		y += t->chains;
	}
}

COUNTED(void, bit_trace_blocks,
	(const struct bit_trace *t, const uint64_t *x, size_t block, int16_t *restrict y),
	(t, x, block, y))

COUNT_BODY int64_t block_sum_body(const int16_t *y, size_t count)
{
	int64_t sum = 0;

	for (size_t from = 0; from < count; from += 65536) {
		size_t to = MIN(from + 65536, count);
		int32_t part = 0;

		for (size_t k = from; k < to; k++)
			part += y[k];
		sum += part;
	}
	return sum;
}

COUNTED(int64_t, block_sum, (const int16_t *y, size_t count), (y, count))

COUNT_BODY int64_t block_products_body(const int16_t *y, const int16_t *z, size_t count)
{
	int64_t sum = 0;

	for (size_t from = 0; from < count; from += 65536) {
		size_t to = MIN(from + 65536, count);
		int32_t part = 0; /* 65536 products of at most 1024 */

		for (size_t k = from; k < to; k++)
			part += y[k] * z[k];
		sum += part;
	}
	return sum;
}

COUNTED(int64_t, block_products, (const int16_t *y, const int16_t *z, size_t count), (y, z, count))

struct block_sums {
	uint64_t ones, squares;
};

/* Chains whose sums are kept side by side. */
#define SUM_CHAINS 64
/* Fewer chains than fill a vector: so many words of each are counted at once, a power of two. */
#define VECTOR	   8
#define SUM_WORDS  16

/* Adds the ones of words [words][chains] by chain: the sums are folded in half until one is left. */
COUNT_BODY void fold_words(const uint64_t *x, size_t chains, size_t words, uint64_t *ones)
{
	size_t half = words / 2 * chains;
	uint64_t sum[SUM_WORDS / 2 * VECTOR];

	for (size_t k = 0; k < half; k++)
		sum[k] = ones_in(x[k]) + ones_in(x[half + k]);
	while (half > chains) {
		half /= 2;
		for (size_t k = 0; k < half; k++)
			sum[k] += sum[half + k];
	}
	for (size_t c = 0; c < chains; c++)
		ones[c] += sum[c];
}

/* Adds the ones of `chains` chains in a block of `words` words, a power of two above 1. */
COUNT_BODY void add_block(const uint64_t *x, size_t stride, size_t chains, size_t words,
			  struct block_sums *b)
{
	uint64_t ones[SUM_CHAINS] = { 0 };

	if (stride < VECTOR) {
		size_t each = MIN(words, (size_t)SUM_WORDS);

		for (size_t w = 0; w < words; w += each)
			fold_words(x + w * stride, stride, each, ones);
	} else {
		for (size_t w = 0; w < words; w++)
			for (size_t c = 0; c < chains; c++)
				ones[c] += ones_in(x[w * stride + c]);
	}
	for (size_t c = 0; c < chains; c++) {
		b->ones += ones[c];
		b->squares += ones[c] * ones[c];
	}
}

/* Sums and squared sums of the ones of each chain in blocks of `words` whole words. */
COUNT_BODY struct block_sums block_sums_body(const struct bit_trace *t, const uint64_t *x,
					     size_t words)
{
	size_t blocks = t->records / 64 / words;
	struct block_sums b = { 0 };

	if (words == 1) {
		for (size_t k = 0; k < blocks * t->chains; k++) {
			uint32_t ones = (uint32_t)__builtin_popcountll(x[k]);

			b.ones += ones;
			b.squares += ones * ones;
		}
		return b;
	}
	for (size_t k = 0; k < blocks; k++)
		for (size_t c = 0; c < t->chains; c += SUM_CHAINS)
			add_block(x + k * words * t->chains + c, t->chains,
				  MIN((size_t)SUM_CHAINS, t->chains - c), words, &b);
	return b;
}

static struct block_sums block_sums(const struct bit_trace *t, const uint64_t *x, size_t words);

COUNTED(struct block_sums, block_sums, (const struct bit_trace *t, const uint64_t *x, size_t words),
	(t, x, words))
/* Whole words a block: a power of two, about samples / BLOCKS records; two blocks a chain or more. */
static size_t block_words(const struct bit_trace *t)
{
	size_t words = 1;

	while (words * 4 * 64 <= t->records && words * 2 * 64 <= t->records * t->chains / BLOCKS)
		words *= 2;
	return words;
}

size_t bit_trace_block_count(const struct bit_trace *t)
{
	return t->records / 64 / block_words(t) * t->chains;
}

double bit_trace_block_tau(const struct bit_trace *t, const uint64_t *x)
{
	size_t words = block_words(t);
	double samples = (double)t->records * (double)t->chains;
	double p = (double)bit_trace_count(t, x) / samples;
	double count, mean, variance;
	struct block_sums b;

	if (p == 0 || p == 1)
		return NAN;
	if (t->records < 64)
		return INFINITY; /* no whole block: nothing may be skipped */
	b = block_sums(t, x, words);
	count = (double)bit_trace_block_count(t);
	mean = (double)b.ones / count;
	variance = (double)b.squares / count - mean * mean;
	if (!(variance > 0))
		return INFINITY; /* it moved in the records that fill no block: look at it */
	return variance / ((double)(64 * words) * p * (1 - p));
}
