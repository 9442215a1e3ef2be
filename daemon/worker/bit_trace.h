/* SPDX-License-Identifier: MIT */
/*
 * A trace of RBM states turned on its side: for each p-bit and chain, one bit a record, 64 records
 * a word, so that products of spins over time are XOR and lagged products are XOR and popcount.
 * The words of all chains lie side by side: loops run over them and over time as one array, be the
 * trace short and of many chains or long and of few.
 */
#ifndef PBIT_WORKER_BIT_TRACE_H
#define PBIT_WORKER_BIT_TRACE_H

#include "err.h"
#include "machine.h"

struct bit_trace {
	uint32_t n, m;
	size_t chains, records;
	size_t words;	/* of one p-bit of one chain: records / 64, rounded up */
	uint64_t *bits; /* [n + m][words][chains]; padding bits are zero */
};

/* states: [records][chains][pbm_state_words(shape)], records >= 1. */
int bit_trace_new(const struct pbm_shape *shape, const uint64_t *states, size_t records,
		  struct bit_trace *ret, struct err *e);
void bit_trace_free(struct bit_trace *t);

/*
 * x: [words + 1][chains], 1 where v_i h_j = -1; the extra word of each chain is zero, so that a
 * shifted read needs no check.
 */
void bit_trace_product(const struct bit_trace *t, uint32_t i, uint32_t j, uint64_t *x);

/* Whether a p-bit changes in the course of any chain; visible ones come first. */
bool bit_trace_moves(const struct bit_trace *t, size_t unit);

/* Ones of a product, over all chains. */
uint64_t bit_trace_count(const struct bit_trace *t, const uint64_t *x);
/* Of each of the 64 records of a word: in how many chains the product is one. */
void bit_trace_ones(const struct bit_trace *t, const uint64_t *x, size_t word, uint32_t ones[64]);
/* Pairs (record, record + lag) of one chain that differ, over all chains; lag < records. */
uint64_t bit_trace_differ(const struct bit_trace *t, const uint64_t *x, size_t lag);
/* B Var(mean over a block of B records) / Var; NaN when the product never changes. */
double bit_trace_block_tau(const struct bit_trace *t, const uint64_t *x);
/* The number of these blocks, over all chains. */
size_t bit_trace_block_count(const struct bit_trace *t);

/*
 * Half of the sums of the product's values over blocks of records, 2 .. 64 and a power of two, at
 * most 32: y[records / block][chains]; records beyond the last whole block are left out.
 */
void bit_trace_blocks(const struct bit_trace *t, const uint64_t *x, size_t block, int16_t *y);
/* The sum of so many such numbers, and of so many products of two. */
int64_t block_sum(const int16_t *y, size_t count);
int64_t block_products(const int16_t *y, const int16_t *z, size_t count);

#endif
