/* SPDX-License-Identifier: MIT */
#include "tau.h"

#include <math.h>
#include <string.h>

#include "bit_trace.h"

/* The autocovariance at a lag, in records. */
typedef double (*covariance_fn)(void *ctx, size_t lag);

/*
 * Lags are asked for in order from 0, so that a source may keep running sums. tau_l of a window
 * that never closed is the sum so far: a lower bound, and not resolved. ratio: tau of what is asked
 * for over tau of the source, for records that are blocks of `block`.
 */
static bool sokal_window(covariance_fn covariance, void *ctx, size_t records, double samples,
			 double ratio, size_t block, struct tau *ret)
{
	size_t limit = records / 4, lag = 0;
	double c0 = covariance(ctx, 0), tau = ratio, tau_2l;

	if (!(c0 > 0))
		return false;
	do {
		if (lag == limit)
			break;
		lag++;
		tau += 2 * ratio * covariance(ctx, lag) / c0;
	} while ((double)(lag * block) < TAU_WINDOW * tau);

	ret->tau_l = tau;
	ret->window = lag * block;
	ret->error = tau * sqrt(2 * (2 * (double)lag + 1) / samples);
	ret->resolved = lag > 0 && tau > 0 && (double)(lag * block) >= TAU_WINDOW * tau;
	tau_2l = tau;
	if (ret->resolved)
		for (size_t k = lag + 1; k <= 2 * lag; k++)
			tau_2l += 2 * ratio * covariance(ctx, k) / c0;
	ret->tau_2l = tau_2l;
	ret->tau = fmax(tau, tau_2l);
	ret->resolved = ret->resolved && fabs(tau_2l - tau) < TAU_DOUBLING * tau &&
			ret->error < TAU_DOUBLING * tau;
	return true;
}

static void nothing_moved(struct tau *ret)
{
	*ret = (struct tau){ .tau = NAN, .tau_l = NAN, .tau_2l = NAN, .error = NAN };
}

/* ---- a real series ---- */

struct series {
	const double *x;
	size_t records, chains;
	double mean;
	double head,
		tail; /* sums of x - mean over the first and the last (records - lag) records */
};

static double series_row_sum(const struct series *s, size_t record)
{
	double sum = 0;

	for (size_t c = 0; c < s->chains; c++)
		sum += s->x[record * s->chains + c] - s->mean;
	return sum;
}

static double series_covariance(void *ctx, size_t lag)
{
	struct series *s = ctx;
	double sum = 0, n = (double)(s->records - lag) * (double)s->chains;

	if (lag > 0) {
		s->head -= series_row_sum(s, s->records - lag);
		s->tail -= series_row_sum(s, lag - 1);
	}
	for (size_t k = 0; k < (s->records - lag) * s->chains; k++)
		sum += (s->x[k] - s->mean) * (s->x[k + lag * s->chains] - s->mean);
	return sum / n - (s->head / n) * (s->tail / n);
}

void tau_of_series(const double *x, size_t records, size_t chains, struct tau *ret)
{
	struct series s = { .x = x, .records = records, .chains = chains };
	size_t count = records * chains;
	struct tau t = { 0 };
	bool moved = false;

	for (size_t k = 0; k < count; k++) {
		s.mean += (x[k] - x[0]) / (double)count;
		moved = moved || x[k] != x[0];
	}
	if (!moved) {
		nothing_moved(ret);
		return;
	}
	s.mean += x[0];
	for (size_t r = 0; r < records; r++)
		s.head += series_row_sum(&s, r);
	s.tail = s.head;
	if (sokal_window(series_covariance, &s, records, (double)count, 1, 1, &t))
		*ret = t;
	else
		nothing_moved(ret);
}

/* ---- products of two spins, as bits along time ---- */

struct product {
	const struct bit_trace *trace;
	const uint64_t *x;  /* [chains][words + 1]: 1 where v_i h_j = -1 */
	int64_t head, tail; /* sums of v_i h_j over the first and the last (records - lag) */
};

static double product_covariance(void *ctx, size_t lag)
{
	struct product *p = ctx;
	const struct bit_trace *t = p->trace;
	double n = (double)(t->records - lag) * (double)t->chains;
	uint64_t differ;

	if (lag > 0) {
		p->head -= bit_trace_sum_at(t, p->x, t->records - lag);
		p->tail -= bit_trace_sum_at(t, p->x, lag - 1);
	}
	differ = bit_trace_differ(t, p->x, lag);
	return (n - 2 * (double)differ) / n - ((double)p->head / n) * ((double)p->tail / n);
}

static bool fine_tau(const struct bit_trace *t, const uint64_t *x, struct tau *ret)
{
	struct product p = { .trace = t, .x = x };
	uint64_t samples = (uint64_t)t->records * t->chains;

	p.head = (int64_t)samples - 2 * (int64_t)bit_trace_count(t, x);
	p.tail = p.head;
	return sokal_window(product_covariance, &p, t->records, (double)samples, 1, 1, ret);
}

/* Sums of a product over blocks of records. */
struct blocked {
	const int8_t *y; /* [chains][blocks], sum / 2: at most 32 */
	size_t blocks, chains;
	int64_t head, tail; /* sums over the first and the last (blocks - lag) of each chain */
};

static int64_t blocked_sum_at(const struct blocked *b, size_t block)
{
	int64_t sum = 0;

	for (size_t c = 0; c < b->chains; c++)
		sum += b->y[c * b->blocks + block];
	return sum;
}

static double blocked_covariance(void *ctx, size_t lag)
{
	struct blocked *b = ctx;
	size_t pairs = b->blocks - lag;
	double n = (double)pairs * (double)b->chains;
	int64_t sum = 0;

	if (lag > 0) {
		b->head -= blocked_sum_at(b, pairs);
		b->tail -= blocked_sum_at(b, lag - 1);
	}
	for (size_t c = 0; c < b->chains; c++) {
		const int8_t *y = b->y + c * b->blocks;

		for (size_t from = 0; from < pairs; from += 65536) {
			size_t to = MIN(from + 65536, pairs);
			int32_t part = 0; /* 65536 products of at most 1024 */

			for (size_t k = from; k < to; k++)
				part += y[k] * y[k + lag];
			sum += part;
		}
	}
	return (double)sum / n - ((double)b->head / n) * ((double)b->tail / n);
}

/* y: room for [chains][records / block]. */
static bool blocked_tau(const struct bit_trace *t, const uint64_t *x, size_t block, int8_t *y,
			struct tau *ret)
{
	struct blocked b = { .y = y, .blocks = t->records / block, .chains = t->chains };
	double samples = (double)b.blocks * (double)b.chains, p, variance;

	bit_trace_blocks(t, x, block, y);
	for (size_t k = 0; k < b.blocks * b.chains; k++)
		b.head += y[k];
	b.tail = b.head;
	/* sum of x = 2 y: the mean of x gives its variance */
	p = 2 * (double)b.head / (samples * (double)block);
	variance = 1 - p * p;
	if (!(variance > 0))
		return false;
	return sokal_window(blocked_covariance, &b, b.blocks, samples,
			    4 * blocked_covariance(&b, 0) / ((double)block * variance), block, ret);
}

static bool product_tau(const struct bit_trace *t, const uint64_t *x, size_t block, int8_t *y,
			struct tau *ret)
{
	return block > 1 ? blocked_tau(t, x, block, y, ret) : fine_tau(t, x, ret);
}

int tau_of_product(const struct pbm_shape *shape, const uint64_t *states, size_t records,
		   unsigned int i, unsigned int j, unsigned int block, struct tau *ret,
		   struct err *e)
{
	_cleanup_(bit_trace_free) struct bit_trace t = { 0 };
	_cleanup_free_ int8_t *y = alloc_zeroed(records, shape->chains);
	struct tau tau = { 0 };
	int r;

	if (!y)
		return err_oom(e);
	r = bit_trace_new(shape, states, records, &t, e);
	if (r < 0)
		return r;
	bit_trace_product(&t, i, j, t.scratch);
	if (!product_tau(&t, t.scratch, block, y, &tau))
		nothing_moved(&tau);
	tau.v = i;
	tau.h = j;
	*ret = tau;
	return 0;
}

/* ---- the slowest of many ---- */

struct candidate {
	double block_tau;
	uint32_t class, i, j;
};

struct tau_search {
	struct pbm_shape shape;
	uint64_t *clamp; /* or NULL */
	unsigned int room, classes;
	struct bit_trace *trace; /* [room], of which classes are set */
	struct candidate *list;
	size_t count, constant;
	int8_t *blocks; /* room for a product of the longest trace, in blocks */
};

int tau_search_new(const struct pbm_shape *shape, const uint64_t *clamp, unsigned int classes,
		   struct tau_search **ret, struct err *e)
{
	struct tau_search *s = calloc(1, sizeof(*s));
	size_t words = pbm_state_words(shape), products;

	if (!s)
		return err_oom(e);
	s->shape = *shape;
	s->room = classes;
	s->trace = alloc_zeroed(classes, sizeof(*s->trace));
	if (size_mul((size_t)shape->n * shape->m, classes, &products))
		s->list = alloc_zeroed(products, sizeof(*s->list));
	if (clamp)
		s->clamp = alloc_zeroed(words, sizeof(*s->clamp));
	if (!s->trace || !s->list || (clamp && !s->clamp)) {
		tau_search_free(s);
		return err_oom(e);
	}
	if (clamp)
		memcpy(s->clamp, clamp, words * sizeof(*clamp));
	*ret = s;
	return 0;
}

struct tau_search *tau_search_free(struct tau_search *s)
{
	if (!s)
		return NULL;
	for (unsigned int u = 0; s->trace && u < s->classes; u++)
		bit_trace_free(&s->trace[u]);
	free(s->trace);
	free(s->list);
	free(s->clamp);
	free(s->blocks);
	free(s);
	return NULL;
}

static bool is_clamped(const struct tau_search *s, size_t first_word, unsigned int unit)
{
	return s->clamp && (s->clamp[first_word + unit / 64] >> (unit % 64) & 1);
}

int tau_search_add(struct tau_search *s, const uint64_t *states, size_t records, size_t *ret_moved,
		   struct err *e)
{
	struct bit_trace *t = &s->trace[s->classes];
	size_t v_words = pbm_side_words(s->shape.n), before = s->count;
	int r;

	r = bit_trace_new(&s->shape, states, records, t, e);
	if (r < 0)
		return r;
	free(s->blocks);
	s->blocks = alloc_zeroed(records, s->shape.chains);
	if (!s->blocks) {
		bit_trace_free(t);
		return err_oom(e);
	}
	for (uint32_t i = 0; i < t->n; i++) {
		for (uint32_t j = 0; j < t->m; j++) {
			double block;

			if (is_clamped(s, 0, i) && is_clamped(s, v_words, j))
				continue;
			bit_trace_product(t, i, j, t->scratch);
			block = bit_trace_block_tau(t, t->scratch);
			if (isnan(block))
				s->constant++;
			else
				s->list[s->count++] = (struct candidate){ block, s->classes, i, j };
		}
	}
	s->classes++;
	*ret_moved = s->count - before;
	return 0;
}

/* Falling block tau; ties by place, so that the order is one and the same everywhere. */
static int candidate_order(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->block_tau != y->block_tau)
		return x->block_tau < y->block_tau ? 1 : -1;
	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	if (x->i != y->i)
		return x->i < y->i ? -1 : 1;
	return (x->j > y->j) - (x->j < y->j);
}

/* The largest power of two up to an eighth of the tau; 1 where the screening knows nothing. */
static size_t block_for(double block_tau)
{
	size_t block = 1;

	while (isfinite(block_tau) && block < 64 && 16.0 * (double)block <= block_tau)
		block *= 2;
	return block;
}

void tau_search_find(struct tau_search *s, struct tau *ret, unsigned int *ret_class)
{
	unsigned int class = 0;
	struct tau best, now;

	qsort(s->list, s->count, sizeof(*s->list), candidate_order);
	nothing_moved(&best);
	for (size_t k = 0; k < s->count; k++) {
		const struct candidate *c = &s->list[k];
		struct bit_trace *t = &s->trace[c->class];

		if (c->block_tau < 0.5 * best.tau)
			break;
		bit_trace_product(t, c->i, c->j, t->scratch);
		now = (struct tau){ .v = c->i, .h = c->j };
		if (product_tau(t, t->scratch, block_for(c->block_tau), s->blocks, &now) &&
		    !(now.tau <= best.tau)) {
			best = now;
			class = c->class;
		}
	}
	best.observables = s->count;
	best.constant = s->constant;
	*ret = best;
	*ret_class = class;
}
