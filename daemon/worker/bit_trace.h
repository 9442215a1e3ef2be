/* SPDX-License-Identifier: MIT */
/*
 * A trace of RBM states turned on its side: for each p-bit and chain, one bit a record, 64 records
 * a word, so that products of spins over time are XOR and lagged products are XOR and popcount.
 */
#ifndef PBIT_WORKER_BIT_TRACE_H
#define PBIT_WORKER_BIT_TRACE_H

#include "err.h"
#include "machine.h"

struct bit_trace {
	uint32_t n, m;
	size_t chains, records;
	size_t words;	   /* of one p-bit of one chain: records / 64, rounded up */
	uint64_t *bits;	   /* [n + m][chains][words]; padding bits are zero */
	uint64_t *scratch; /* [chains][words + 1]: room for one product */
};

/* states: [records][chains][pbm_state_words(shape)], records >= 1. */
int bit_trace_new(const struct pbm_shape *shape, const uint64_t *states, size_t records,
		  struct bit_trace *ret, struct err *e);
void bit_trace_free(struct bit_trace *t);

/*
 * x: [chains][words + 1], 1 where v_i h_j = -1; the extra word of each chain is zero, so that a
 * shifted read needs no check.
 */
void bit_trace_product(const struct bit_trace *t, uint32_t i, uint32_t j, uint64_t *x);

/* Ones of a product, over all chains. */
uint64_t bit_trace_count(const struct bit_trace *t, const uint64_t *x);
/* The sum over chains of the product's value (+1 or -1) at one record. */
int64_t bit_trace_sum_at(const struct bit_trace *t, const uint64_t *x, size_t record);
/* Pairs (record, record + lag) of one chain that differ, over all chains; lag < records. */
uint64_t bit_trace_differ(const struct bit_trace *t, const uint64_t *x, size_t lag);
/*
 * Half of the sums of the product's values over blocks of records, 2 .. 64 and a power of two:
 * y[chains][records / block]; records beyond the last whole block are left out.
 */
void bit_trace_blocks(const struct bit_trace *t, const uint64_t *x, size_t block, int8_t *y);
/* B Var(mean over a block of B records) / Var; NaN when the product never changes. */
double bit_trace_block_tau(const struct bit_trace *t, const uint64_t *x);

#endif
