/* SPDX-License-Identifier: MIT */
#include "mixing_parts.h"
#include "scan.h"

/* Measured on one core of a server of 2023: seconds for ... */
#define PER_EDGE      2e-9 /* an entry of the operator times eight columns, vectors in the cache */
#define PER_EDGE_FAR  4e-9 /* ... in a cache that is shared */
#define PER_EDGE_DRAM 6e-9 /* ... and in memory */
#define CACHE	      ((size_t)2 << 20)
#define SHARED_CACHE  ((size_t)128 << 20)
#define PER_STATE     6e-9  /* a state's part of one observable's gradient, block kernels */
#define PER_MULTIPLY  5e-11 /* a multiplication of dense algebra */
#define PER_WEIGHT    1e-7  /* the weight of a state */

/* Iterations grow with how strong the couplings are; this is what trained models take. */
static double iterations(const struct exact_model *mo)
{
	return 2 * exact_bits(mo);
}

static double scan_seconds(const struct exact_model *mo, unsigned int threads, bool dense)
{
	double states = (double)exact_states(mo), blocks = (double)scan_blocks(mo);
	double unknowns = (double)scan_unknowns(mo);
	size_t bytes = scan_block_bytes(mo);
	double per_edge = bytes > SHARED_CACHE ? PER_EDGE_DRAM :
			  bytes > CACHE	       ? PER_EDGE_FAR :
						 PER_EDGE;
	double each = states * exact_bits(mo) * per_edge * (dense ? 5 : iterations(mo) + 4);

	if (dense)
		return blocks * (each + 16 * unknowns * unknowns * PER_MULTIPLY) +
		       unknowns * unknowns * unknowns / 6 * PER_MULTIPLY;
	return blocks * each / MIN((double)MAX(threads, 1u), blocks);
}

static double block_seconds(const struct exact_model *mo, enum exact_kernel k, unsigned int threads)
{
	double a = (double)((size_t)1 << (MIN(mo->n, mo->m) - 1));
	double b = (double)((size_t)1 << (MAX(mo->n, mo->m) - 1));
	double count = (double)exact_observables(mo), states = (double)exact_states(mo);
	double factors = k == EXACT_MIXTURE ? 2 : 1;

	return (a * a * b + factors * (a * a * a / 6 + 4 * a * a * count) + 5 * a * b * count) *
		       PER_MULTIPLY +
	       states * count * PER_STATE / MAX(threads, 1u);
}

int exact_estimate(const struct exact_model *mo, enum exact_kernel kernel, unsigned int threads,
		   struct exact_estimate *ret, struct err *e)
{
	struct exact_ask ask = { .kernel = kernel, .gradient = true };
	struct exact_estimate est = { 0 };
	int r;

	r = exact_model_check(mo, e);
	if (r == 0)
		r = exact_kernel_require_reversible(kernel, e);
	if (r < 0)
		return r;
	est.states = exact_states(mo);
	est.memory = mixing_bytes(mo, &ask, threads);
	est.seconds = (double)est.states * PER_WEIGHT;
	if (kernel == EXACT_RANDOM_SCAN) {
		est.dense = mixing_scan_is_dense(mo, EXACT_AUTO);
		est.unknowns = scan_unknowns(mo);
		est.seconds += scan_seconds(mo, threads, est.dense);
	} else {
		est.dense = true;
		est.unknowns = (size_t)1 << (MIN(mo->n, mo->m) - 1);
		est.seconds += block_seconds(mo, kernel, threads);
	}
	*ret = est;
	return 0;
}
