/* SPDX-License-Identifier: MIT */
#include "tau.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "bit_trace.h"
#include "crew.h"

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

/* In how many chains the product is one, for the 64 records of a word. */
struct word_ones {
	size_t word; /* SIZE_MAX: of none yet */
	uint32_t ones[64];
};

struct product {
	const struct bit_trace *trace;
	const uint64_t *x;  /* [words + 1][chains]: 1 where v_i h_j = -1 */
	int64_t head, tail; /* sums of v_i h_j over the first and the last (records - lag) */
	struct word_ones first, last; /* where the records are that leave tail and head */
};

/* The sum of v_i h_j over the chains at one record. */
static int64_t product_sum_at(struct product *p, struct word_ones *o, size_t record)
{
	size_t word = record / 64;

	if (o->word != word) {
		bit_trace_ones(p->trace, p->x, word, o->ones);
		o->word = word;
	}
	return (int64_t)p->trace->chains - 2 * (int64_t)o->ones[record % 64];
}

static double product_covariance(void *ctx, size_t lag)
{
	struct product *p = ctx;
	const struct bit_trace *t = p->trace;
	double n = (double)(t->records - lag) * (double)t->chains;
	uint64_t differ;

	if (lag > 0) {
		/* Two words in turn, or a trace of one word: then it is looked at once. */
		p->head -= product_sum_at(p, t->words > 1 ? &p->last : &p->first, t->records - lag);
		p->tail -= product_sum_at(p, &p->first, lag - 1);
	}
	differ = bit_trace_differ(t, p->x, lag);
	return (n - 2 * (double)differ) / n - ((double)p->head / n) * ((double)p->tail / n);
}

static bool fine_tau(const struct bit_trace *t, const uint64_t *x, struct tau *ret)
{
	struct product p = {
		.trace = t,
		.x = x,
		.first.word = SIZE_MAX,
		.last.word = SIZE_MAX,
	};
	uint64_t samples = (uint64_t)t->records * t->chains;

	p.head = (int64_t)samples - 2 * (int64_t)bit_trace_count(t, x);
	p.tail = p.head;
	return sokal_window(product_covariance, &p, t->records, (double)samples, 1, 1, ret);
}

/* Sums of a product over blocks of records. */
struct blocked {
	const int16_t *y; /* [blocks][chains], sum / 2: at most 32 */
	size_t blocks, chains;
	int64_t head, tail; /* sums over the first and the last (blocks - lag) of each chain */
};

static double blocked_covariance(void *ctx, size_t lag)
{
	struct blocked *b = ctx;
	size_t pairs = b->blocks - lag;
	double n = (double)pairs * (double)b->chains;
	int64_t sum;

	if (lag > 0) {
		b->head -= block_sum(b->y + pairs * b->chains, b->chains);
		b->tail -= block_sum(b->y + (lag - 1) * b->chains, b->chains);
	}
	sum = block_products(b->y, b->y + lag * b->chains, pairs * b->chains);
	return (double)sum / n - ((double)b->head / n) * ((double)b->tail / n);
}

/* y: room for [records / block][chains]. */
static bool blocked_tau(const struct bit_trace *t, const uint64_t *x, size_t block, int16_t *y,
			struct tau *ret)
{
	struct blocked b = { .y = y, .blocks = t->records / block, .chains = t->chains };
	double samples = (double)b.blocks * (double)b.chains, p, variance;

	bit_trace_blocks(t, x, block, y);
	b.head = block_sum(y, b.blocks * b.chains);
	b.tail = b.head;
	/* sum of x = 2 y: the mean of x gives its variance */
	p = 2 * (double)b.head / (samples * (double)block);
	variance = 1 - p * p;
	if (!(variance > 0))
		return false;
	return sokal_window(blocked_covariance, &b, b.blocks, samples,
			    4 * blocked_covariance(&b, 0) / ((double)block * variance), block, ret);
}

/* Where one product at a time is looked at. */
struct desk {
	uint64_t *x; /* [words + 1][chains]: the product */
	int16_t *y;  /* [records / 2][chains]: it in blocks */
	atomic_flag taken;
};

static int desk_new(size_t records, size_t chains, struct desk *d, struct err *e)
{
	d->x = alloc_zeroed(records / 64 + 2, chains * sizeof(*d->x));
	d->y = alloc_zeroed(records / 2 + 1, chains * sizeof(*d->y));
	atomic_flag_clear(&d->taken);
	return d->x && d->y ? 0 : err_oom(e);
}

static void desk_free(struct desk *d)
{
	free(d->x);
	free(d->y);
}

static bool product_tau(const struct bit_trace *t, unsigned int i, unsigned int j, size_t block,
			struct desk *d, struct tau *ret)
{
	bit_trace_product(t, i, j, d->x);
	return block > 1 ? blocked_tau(t, d->x, block, d->y, ret) : fine_tau(t, d->x, ret);
}

int tau_of_product(const struct pbm_shape *shape, const uint64_t *states, size_t records,
		   unsigned int i, unsigned int j, unsigned int block, struct tau *ret,
		   struct err *e)
{
	_cleanup_(bit_trace_free) struct bit_trace t = { 0 };
	_cleanup_(desk_free) struct desk desk = { 0 };
	struct tau tau = { 0 };
	int r;

	r = desk_new(records, shape->chains, &desk, e);
	if (r == 0)
		r = bit_trace_new(shape, states, records, &t, e);
	if (r < 0)
		return r;
	if (!product_tau(&t, i, j, block, &desk, &tau))
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

/* What the full look at a candidate gave. */
struct look {
	struct tau tau;
	bool moved;
};

struct tau_search {
	struct pbm_shape shape;
	uint64_t *clamp; /* or NULL */
	struct crew *crew;
	unsigned int room, classes;
	struct bit_trace *trace; /* [room], of which classes are set */
	struct candidate *list;
	size_t count, constant;
	size_t still; /* p-bits, see tau_search_still() */
	unsigned int threads;
	struct desk *desk; /* [threads], for the longest trace */
	size_t records;	   /* of the longest trace */
	struct look *look; /* [LOOKS] */
};

/* Words that a part of the crew's loops looks at, about: some 10 us. */
#define PART_WORDS ((size_t)1 << 14)
/* The most candidates that are looked at before the slowest of them is told. */
#define LOOKS	   4096

int tau_search_new(const struct pbm_shape *shape, const uint64_t *clamp, unsigned int classes,
		   struct crew *crew, struct tau_search **ret, struct err *e)
{
	struct tau_search *s = calloc(1, sizeof(*s));
	size_t words = pbm_state_words(shape), products;

	if (!s)
		return err_oom(e);
	s->shape = *shape;
	s->crew = crew;
	s->room = classes;
	s->threads = crew_threads(crew);
	s->trace = alloc_zeroed(classes, sizeof(*s->trace));
	s->desk = alloc_zeroed(s->threads, sizeof(*s->desk));
	s->look = alloc_zeroed(LOOKS, sizeof(*s->look));
	if (size_mul((size_t)shape->n * shape->m, classes, &products))
		s->list = alloc_zeroed(products, sizeof(*s->list));
	if (clamp)
		s->clamp = alloc_zeroed(words, sizeof(*s->clamp));
	if (!s->trace || !s->desk || !s->look || !s->list || (clamp && !s->clamp)) {
		tau_search_free(s);
		return err_oom(e);
	}
	if (clamp)
		memcpy(s->clamp, clamp, words * sizeof(*clamp));
	*ret = s;
	return 0;
}

static void free_desks(struct tau_search *s)
{
	for (unsigned int k = 0; s->desk && k < s->threads; k++) {
		desk_free(&s->desk[k]);
		s->desk[k] = (struct desk){ 0 };
	}
	s->records = 0;
}

struct tau_search *tau_search_free(struct tau_search *s)
{
	if (!s)
		return NULL;
	for (unsigned int u = 0; s->trace && u < s->classes; u++)
		bit_trace_free(&s->trace[u]);
	free_desks(s);
	free(s->trace);
	free(s->desk);
	free(s->look);
	free(s->list);
	free(s->clamp);
	free(s);
	return NULL;
}

static int make_desks(struct tau_search *s, size_t records, struct err *e)
{
	int r = 0;

	if (records <= s->records)
		return 0;
	free_desks(s);
	for (unsigned int k = 0; r == 0 && k < s->threads; k++)
		r = desk_new(records, s->shape.chains, &s->desk[k], e);
	if (r == 0)
		s->records = records;
	return r;
}

/* There are as many desks as threads that may ask for one. */
static struct desk *take_desk(struct tau_search *s)
{
	for (unsigned int k = 0;; k = (k + 1) % s->threads)
		if (!atomic_flag_test_and_set(&s->desk[k].taken))
			return &s->desk[k];
}

static void leave_desk(struct desk *d)
{
	atomic_flag_clear(&d->taken);
}

static size_t products_a_part(const struct bit_trace *t)
{
	return MAX(PART_WORDS / (t->words * t->chains), (size_t)1);
}

/* mask: or NULL, in which nothing is */
static bool is_in(const uint64_t *mask, size_t first_word, unsigned int unit)
{
	return mask && (mask[first_word + unit / 64] >> (unit % 64) & 1);
}

static bool is_observable(const struct tau_search *s, unsigned int i, unsigned int j)
{
	return !is_in(s->clamp, 0, i) || !is_in(s->clamp, pbm_side_words(s->shape.n), j);
}

/* Free p-bits that nothing is known to hold, and yet moved in no chain. */
static size_t count_still(const struct tau_search *s, const struct bit_trace *t,
			  const uint64_t *held)
{
	size_t still = 0;

	for (uint32_t u = 0; u < t->n + t->m; u++) {
		size_t first_word = u < t->n ? 0 : pbm_side_words(t->n);
		uint32_t unit = u < t->n ? u : u - t->n;

		still += !is_in(s->clamp, first_word, unit) && !is_in(held, first_word, unit) &&
			 !bit_trace_moves(t, u);
	}
	return still;
}

/* The products of one class, row after row, where no candidate of the classes before can be. */
struct screening {
	struct tau_search *search;
	const struct bit_trace *trace;
	struct candidate *list; /* [n][m] */
};

static void screen_part(void *data, size_t part)
{
	struct screening *x = data;
	const struct bit_trace *t = x->trace;
	size_t each = products_a_part(t), from = part * each;
	size_t to = MIN(from + each, (size_t)t->n * t->m);
	struct desk *d = take_desk(x->search);

	for (size_t k = from; k < to; k++) {
		uint32_t i = (uint32_t)(k / t->m), j = (uint32_t)(k % t->m);

		if (!is_observable(x->search, i, j))
			continue;
		bit_trace_product(t, i, j, d->x);
		x->list[k].block_tau = bit_trace_block_tau(t, d->x);
	}
	leave_desk(d);
}

int tau_search_add(struct tau_search *s, const uint64_t *states, size_t records,
		   const uint64_t *held, size_t *ret_moved, struct err *e)
{
	struct bit_trace *t = &s->trace[s->classes];
	size_t products = (size_t)s->shape.n * s->shape.m, before = s->count, each;
	struct screening x = { s, t, s->list + s->classes * products };
	int r;

	r = make_desks(s, records, e);
	if (r == 0)
		r = bit_trace_new(&s->shape, states, records, t, e);
	if (r < 0)
		return r;
	each = products_a_part(t);
	crew_run(s->crew, (products + each - 1) / each, screen_part, &x);
	for (size_t k = 0; k < products; k++) {
		uint32_t i = (uint32_t)(k / t->m), j = (uint32_t)(k % t->m);
		double block = x.list[k].block_tau;

		if (!is_observable(s, i, j))
			continue;
		if (isnan(block))
			s->constant++;
		else
			s->list[s->count++] = (struct candidate){ block, s->classes, i, j };
	}
	s->still += count_still(s, t, held);
	s->classes++;
	*ret_moved = s->count - before;
	return 0;
}

size_t tau_search_still(const struct tau_search *s)
{
	return s->still;
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

/* Some candidates, one after the other. */
struct looking {
	struct tau_search *search;
	size_t from, count, each;
};

static void look_part(void *data, size_t part)
{
	struct looking *x = data;
	struct tau_search *s = x->search;
	size_t from = part * x->each, to = MIN(from + x->each, x->count);
	struct desk *d = take_desk(s);

	for (size_t k = from; k < to; k++) {
		const struct candidate *c = &s->list[x->from + k];
		struct look *look = &s->look[k];

		look->tau = (struct tau){ .v = c->i, .h = c->j };
		look->moved = product_tau(&s->trace[c->class], c->i, c->j, block_for(c->block_tau),
					  d, &look->tau);
	}
	leave_desk(d);
}

/* Looks at candidates from `from` on, none of which is known to be too fast; says at how many. */
static size_t look_at_some(struct tau_search *s, size_t from, double slowest)
{
	struct looking x = { .search = s, .from = from };
	size_t most = 1;

	x.each = products_a_part(&s->trace[s->list[from].class]);
	/* The first one alone: it tells how far there is to go. */
	if (s->threads > 1 && from > 0)
		most = MIN(4 * s->threads * x.each, (size_t)LOOKS);
	while (x.count < most && from + x.count < s->count &&
	       !(s->list[from + x.count].block_tau < TAU_FASTER * slowest))
		x.count++;
	crew_run(s->crew, (x.count + x.each - 1) / x.each, look_part, &x);
	return x.count;
}

/*
 * How slow a candidate may be whose tau the full look does not tell; 0 where it does. A window that
 * closed on quick noise has not seen a slow mode beneath it, which blocks do see: a block tau above
 * the tau by more than its own error explains belies it. Fewer blocks have a larger error.
 */
static double left_open(const struct tau_search *s, const struct candidate *c,
			const struct look *look)
{
	double blocks = (double)bit_trace_block_count(&s->trace[c->class]);
	double most = TAU_BELIED * fmax(1, sqrt(256 / blocks)) * look->tau.tau;

	if (!look->moved)
		return INFINITY;
	if (look->tau.resolved && !(isfinite(c->block_tau) && c->block_tau > most))
		return 0;
	return fmax(look->tau.tau, c->block_tau);
}

/*
 * Candidates are looked at side by side and told one after the other: the search ends where it would
 * on one thread, and what lies beyond was looked at in vain.
 */
void tau_search_find(struct tau_search *s, struct tau *ret, unsigned int *ret_class)
{
	size_t seen = 0, first = 0;
	unsigned int class = 0;
	double open = 0;
	struct tau best;

	qsort(s->list, s->count, sizeof(*s->list), candidate_order);
	nothing_moved(&best);
	for (size_t k = 0; k < s->count && !(s->list[k].block_tau < TAU_FASTER * best.tau); k++) {
		const struct look *now;

		if (k == seen) {
			first = k;
			seen += look_at_some(s, k, best.tau);
		}
		now = &s->look[k - first];
		open = fmax(open, left_open(s, &s->list[k], now));
		if (now->moved && !(now->tau.tau <= best.tau)) {
			best = now->tau;
			class = s->list[k].class;
		}
	}
	/* It is the slowest only where no other may be, and a p-bit that stood still may be. */
	best.resolved = best.resolved && s->still == 0 && TAU_OPEN * open < best.tau;
	best.observables = s->count;
	best.constant = s->constant;
	*ret = best;
	*ret_class = class;
}
