// SPDX-License-Identifier: MIT
#include "overlap.h"

#include <string.h>

#include "popcount.h"

/* Words compared for Q: some seconds. */
#define Q_WORDS	  ((uint64_t)1 << 30)
#define Q_RECORDS 64 /* at least, where there are so many */

/* (v'v*) (h'h*): each overlap is units - 2 * (bits that differ), and padding never differs. */
static inline __attribute__((always_inline)) int64_t product(const struct pbm_shape *s,
							     const uint64_t *a, const uint64_t *b)
{
	uint32_t nv = pbm_side_words(s->n), all = pbm_state_words(s);
	int64_t v = 0, h = 0;

	for (uint32_t w = 0; w < nv; w++)
		v += __builtin_popcountll(a[w] ^ b[w]);
	for (uint32_t w = nv; w < all; w++)
		h += __builtin_popcountll(a[w] ^ b[w]);
	return ((int64_t)s->n - 2 * v) * ((int64_t)s->m - 2 * h);
}

/* sum[c] += the products of each chain with itself, `lag` records later. */
static inline __attribute__((always_inline)) void
add_row(const struct pbm_shape *s, const uint64_t *a, const uint64_t *b, int64_t *sum)
{
	uint32_t words = pbm_state_words(s);

	for (uint32_t c = 0; c < s->chains; c++)
		sum[c] += product(s, a + (size_t)c * words, b + (size_t)c * words);
}

/* sum[c] += the products of chain c with every other chain of its half, within one record. */
static inline __attribute__((always_inline)) void add_pairs(const struct pbm_shape *s,
							    const uint64_t *a, int64_t *sum)
{
	uint32_t words = pbm_state_words(s), half = s->chains / 2;

	for (uint32_t c = 0; c < s->chains; c++) {
		for (uint32_t d = c < half ? 0 : half; d < c; d++) {
			int64_t x = product(s, a + (size_t)c * words, a + (size_t)d * words);

			sum[c] += x;
			sum[d] += x;
		}
	}
}

static WITH_POPCNT void add_row_popcnt(const struct pbm_shape *s, const uint64_t *a,
				       const uint64_t *b, int64_t *sum)
{
	add_row(s, a, b, sum);
}

static WITH_POPCNT void add_pairs_popcnt(const struct pbm_shape *s, const uint64_t *a, int64_t *sum)
{
	add_pairs(s, a, sum);
}

static const uint64_t *record(const struct overlap *o, size_t r)
{
	return o->states + r * o->shape.chains * pbm_state_words(&o->shape);
}

static size_t step_of(size_t lag)
{
	return MAX(lag / OVERLAP_FINE, (size_t)1);
}

/* Each product is below 2^28 by size, and there are below 2^35 of them. */
static void correlate(struct overlap *o, size_t lag, int64_t *sum)
{
	size_t step = step_of(lag), pairs = 0;
	bool fast = have_popcnt();

	memset(sum, 0, o->shape.chains * sizeof(*sum));
	for (size_t r = 0; r + lag < o->records; r += step, pairs++) {
		if (fast)
			add_row_popcnt(&o->shape, record(o, r), record(o, r + lag), sum);
		else
			add_row(&o->shape, record(o, r), record(o, r + lag), sum);
	}
	for (size_t c = 0; c < o->shape.chains; c++)
		o->r[lag * o->shape.chains + c] = (double)sum[c] / (double)pairs;
}

int overlap_extend(struct overlap *o, size_t lag, struct err *e)
{
	_cleanup_free_ int64_t *sum = NULL;

	if (lag < o->lags)
		return 0;
	sum = alloc_zeroed(o->shape.chains, sizeof(*sum));
	if (!sum)
		return err_oom(e);
	if (lag >= o->room) {
		size_t room = MAX(2 * o->room, lag + 1);
		double *r = alloc_zeroed(room, o->shape.chains * sizeof(*r));

		if (!r)
			return err_oom(e);
		if (o->lags)
			memcpy(r, o->r, o->lags * o->shape.chains * sizeof(*r));
		free(o->r);
		o->r = r;
		o->room = room;
	}
	for (; o->lags <= lag; o->lags++)
		correlate(o, o->lags, sum);
	return 0;
}

static int find_q(struct overlap *o, struct err *e)
{
	uint64_t chains = o->shape.chains, half = chains / 2, pairs = half * half;
	uint64_t record_words = pairs * pbm_state_words(&o->shape), wanted;
	_cleanup_free_ int64_t *sum = alloc_zeroed(chains, sizeof(*sum));
	bool fast = have_popcnt();
	size_t step, taken = 0;

	if (!sum)
		return err_oom(e);
	wanted = MIN(MAX(Q_WORDS / record_words, (uint64_t)Q_RECORDS), (uint64_t)o->records);
	step = o->records / (size_t)wanted;
	for (size_t r = 0; r < o->records; r += step, taken++) {
		if (fast)
			add_pairs_popcnt(&o->shape, record(o, r), sum);
		else
			add_pairs(&o->shape, record(o, r), sum);
	}
	for (size_t c = 0; c < chains; c++) {
		size_t others = (c < half ? half : chains - half) - 1;

		o->q[c] = (double)sum[c] / (double)others / (double)taken;
	}
	return 0;
}

int overlap_new(const struct pbm_shape *shape, const uint64_t *states, size_t records,
		struct overlap *ret, struct err *e)
{
	struct overlap o = { .shape = *shape, .states = states, .records = records };
	int r;

	if (shape->chains < 4 || records < 2)
		return err_set(e, -EINVAL,
			       "%u chains and %zu records: give at least 4 chains and 2 records",
			       shape->chains, records);
	o.q = alloc_zeroed(shape->chains, sizeof(*o.q));
	r = o.q ? find_q(&o, e) : err_oom(e);
	if (r < 0) {
		overlap_free(&o);
		return r;
	}
	*ret = o;
	return 0;
}

void overlap_free(struct overlap *o)
{
	free(o->r);
	free(o->q);
}

static double mean(const double *x, size_t from, size_t to)
{
	double sum = 0;

	for (size_t c = from; c < to; c++)
		sum += x[c];
	return sum / (double)(to - from);
}

double overlap_s(const struct overlap *o, size_t lag, enum overlap_half half)
{
	size_t from = overlap_from(o, half), to = overlap_to(o, half);

	return mean(o->r + lag * o->shape.chains, from, to) - mean(o->q, from, to);
}
