/* SPDX-License-Identifier: MIT */
/*
 * The taus of products and the search for the slowest, bit for bit, against the same without bits:
 * sums over spins one by one, in whole numbers, so that both round alike; on any number of threads.
 */
#include <check.h>
#include <math.h>

#include "bit_trace.h"
#include "crew.h"
#include "splitmix.h"
#include "tau.h"

#include "../run_suite.h"

#define CLASSES 2

static const struct {
	unsigned int n, m, chains;
	size_t records;
} shapes[] = {
	{ 66, 3, 1, 65 },    { 66, 3, 3, 777 },	 { 66, 3, 64, 100 }, { 66, 3, 7, 63 },
	{ 66, 3, 300, 40 },  { 66, 3, 70, 64 },	 { 66, 3, 9, 129 },  { 5, 4, 70, 1000 },
	{ 5, 4, 2, 20000 },  { 5, 4, 10, 8195 }, { 5, 4, 1, 30000 }, { 5, 4, 3, 40000 },
	{ 2, 5, 3, 176000 },
};

struct traces {
	struct pbm_shape shape;
	size_t records;
	uint64_t *states[CLASSES];
	uint64_t *clamp, *held;
};

static unsigned int bit_of(const struct pbm_shape *s, unsigned int unit)
{
	return unit < s->n ? unit : pbm_side_words(s->n) * 64 + unit - s->n;
}

static bool bit_at(const uint64_t *words, unsigned int bit)
{
	return words[bit / 64] >> (bit % 64) & 1;
}

/*
 * Spins that flip with a probability of their own, of 0.5 down to 2^-slow; some never. Some start
 * alike in all chains.
 */
static uint64_t *trace(const struct pbm_shape *s, size_t records, uint64_t seed, double slow)
{
	size_t words = pbm_state_words(s);
	uint64_t *states = calloc(records * s->chains * words, sizeof(*states));

	ck_assert_ptr_nonnull(states);
	for (unsigned int u = 0; u < s->n + s->m; u++) {
		double p = u % 5 == 1 ? 0 : pow(0.5, 1 + (slow - 1) * splitmix_uniform(seed, u));
		unsigned int bit = bit_of(s, u);

		for (unsigned int c = 0; c < s->chains; c++) {
			bool one = p > 0 &&
				   splitmix_uniform(seed + 1, u * 1000 + c) < (u % 3 ? 0.5 : 1);

			for (size_t r = 0; r < records; r++) {
				size_t at = r * s->chains + c;

				if (splitmix_uniform(seed + 2 + u, at) < p)
					one = !one;
				states[at * words + bit / 64] |= (uint64_t)one << (bit % 64);
			}
		}
	}
	return states;
}

static void traces_new(unsigned int which, double slow, struct traces *t)
{
	t->shape = (struct pbm_shape){
		.net = PBM_NET_RBM,
		.n = shapes[which].n,
		.m = shapes[which].m,
		.chains = shapes[which].chains,
		.bits = 8,
	};
	t->records = shapes[which].records;
	for (unsigned int u = 0; u < CLASSES; u++)
		t->states[u] = trace(&t->shape, t->records, 1000 * which + 500 * u, slow);
	t->clamp = calloc(pbm_state_words(&t->shape), sizeof(*t->clamp));
	t->held = calloc(pbm_state_words(&t->shape), sizeof(*t->held));
	ck_assert_ptr_nonnull(t->clamp);
	ck_assert_ptr_nonnull(t->held);
	/* Of every second shape, all may stand still. */
	for (unsigned int w = 0; which % 2 && w < pbm_state_words(&t->shape); w++)
		t->held[w] = ~0ull;
	t->clamp[0] = 1 | 1 << 2 | 1 << 3;
	t->clamp[pbm_side_words(t->shape.n)] = 1 | 1 << 2;
}

static void traces_free(struct traces *t)
{
	for (unsigned int u = 0; u < CLASSES; u++)
		free(t->states[u]);
	free(t->clamp);
	free(t->held);
}

/* ---- without bits ---- */

/* v_i h_j: [records][chains] */
static void product_of(const struct traces *t, unsigned int class, unsigned int i, unsigned int j,
		       double *x)
{
	size_t words = pbm_state_words(&t->shape);

	for (size_t k = 0; k < t->records * t->shape.chains; k++) {
		const uint64_t *s = t->states[class] + k * words;

		x[k] = bit_at(s, bit_of(&t->shape, i)) ==
				       bit_at(s, bit_of(&t->shape, t->shape.n + j)) ?
			       1 :
			       -1;
	}
}

/* Sums over blocks, [records / block][chains]. */
static void in_blocks(const struct traces *t, const double *x, size_t block, double *y)
{
	size_t chains = t->shape.chains;

	for (size_t k = 0; k < t->records / block * chains; k++) {
		y[k] = 0;
		for (size_t r = 0; r < block; r++)
			y[k] += x[(k / chains * block + r) * chains + k % chains];
	}
}

static double plain_block_tau(const struct traces *t, const double *x, double *y)
{
	size_t chains = t->shape.chains, words = 1, blocks;
	double samples = (double)t->records * (double)chains, minus = 0, ones = 0, squares = 0;
	double p, mean, variance;

	for (size_t k = 0; k < t->records * chains; k++)
		minus += x[k] < 0;
	p = minus / samples;
	if (p == 0 || p == 1)
		return NAN;
	if (t->records < 64)
		return INFINITY;
	while (words * 4 * 64 <= t->records && words * 2 * 64 <= t->records * chains / 256)
		words *= 2;
	in_blocks(t, x, 64 * words, y);
	blocks = t->records / 64 / words * chains;
	for (size_t k = 0; k < blocks; k++) {
		double one = ((double)(64 * words) - y[k]) / 2;

		ones += one;
		squares += one * one;
	}
	mean = ones / (double)blocks;
	variance = squares / (double)blocks - mean * mean;
	return variance > 0 ? variance / ((double)(64 * words) * p * (1 - p)) : INFINITY;
}

static double covariance(const double *y, size_t records, size_t chains, size_t lag)
{
	size_t count = (records - lag) * chains;
	double sum = 0, head = 0, tail = 0, n = (double)count;

	for (size_t k = 0; k < count; k++) {
		sum += y[k] * y[k + lag * chains];
		head += y[k];
		tail += y[k + lag * chains];
	}
	return sum / n - (head / n) * (tail / n);
}

static bool plain_tau(const struct traces *t, const double *x, size_t block, double *y,
		      struct tau *ret)
{
	size_t chains = t->shape.chains, records = t->records / block, lag = 0;
	double samples = (double)records * (double)chains, ratio = 1, sum = 0, c0;

	in_blocks(t, x, block, y);
	if (block > 1) {
		double p, variance;

		for (size_t k = 0; k < records * chains; k++) {
			y[k] /= 2;
			sum += y[k];
		}
		p = 2 * sum / (samples * (double)block);
		variance = 1 - p * p;
		if (!(variance > 0))
			return false;
		ratio = 4 * covariance(y, records, chains, 0) / ((double)block * variance);
	}
	c0 = covariance(y, records, chains, 0);
	if (!(c0 > 0))
		return false;
	ret->tau_l = ratio;
	while (lag < records / 4) {
		lag++;
		ret->tau_l += 2 * ratio * covariance(y, records, chains, lag) / c0;
		if ((double)(lag * block) >= TAU_WINDOW * ret->tau_l)
			break;
	}
	ret->window = lag * block;
	ret->error = ret->tau_l * sqrt(2 * (2 * (double)lag + 1) / samples);
	ret->resolved = lag > 0 && ret->tau_l > 0 && (double)ret->window >= TAU_WINDOW * ret->tau_l;
	ret->tau_2l = ret->tau_l;
	for (size_t k = lag + 1; ret->resolved && k <= 2 * lag; k++)
		ret->tau_2l += 2 * ratio * covariance(y, records, chains, k) / c0;
	ret->tau = fmax(ret->tau_l, ret->tau_2l);
	ret->resolved = ret->resolved &&
			fabs(ret->tau_2l - ret->tau_l) < TAU_DOUBLING * ret->tau_l &&
			ret->error < TAU_DOUBLING * ret->tau_l;
	return true;
}

/* The block taus of all products of all classes; NaN where nothing is to be looked at. */
static double *plain_screening(const struct traces *t, double *x, double *y, struct tau *counts)
{
	size_t n = t->shape.n, m = t->shape.m;
	double *list = calloc(CLASSES * n * m, sizeof(*list));

	ck_assert_ptr_nonnull(list);
	for (size_t k = 0; k < CLASSES * n * m; k++) {
		unsigned int i = (unsigned int)(k / m % n), j = (unsigned int)(k % m);

		list[k] = NAN;
		if (bit_at(t->clamp, bit_of(&t->shape, i)) &&
		    bit_at(t->clamp, bit_of(&t->shape, t->shape.n + j)))
			continue;
		product_of(t, (unsigned int)(k / m / n), i, j, x);
		list[k] = plain_block_tau(t, x, y);
		if (isnan(list[k]))
			counts->constant++;
		else
			counts->observables++;
	}
	return list;
}

static bool stands_still(const struct traces *t, unsigned int class, unsigned int unit)
{
	size_t words = pbm_state_words(&t->shape), row = t->shape.chains * words;
	const uint64_t *s = t->states[class];
	unsigned int bit = bit_of(&t->shape, unit);

	if (bit_at(t->clamp, bit) || bit_at(t->held, bit))
		return false;
	for (size_t k = 0; k < t->records * row; k += words)
		if (bit_at(s + k, bit) != bit_at(s + k % row, bit))
			return false;
	return true;
}

/* Is nothing known that bounds this one's tau? */
static bool is_open(const struct traces *t, double block_tau, const struct tau *now)
{
	size_t words = 1;
	double blocks;

	while (words * 4 * 64 <= t->records && words * 2 * 64 <= t->records * t->shape.chains / 256)
		words *= 2;
	blocks = (double)(t->records / 64 / words * t->shape.chains);
	return !now->resolved ||
	       (isfinite(block_tau) && block_tau > 2 * now->tau * fmax(1, sqrt(256 / blocks)));
}

static void plain_search(const struct traces *t, struct tau *ret, unsigned int *ret_class)
{
	size_t n = t->shape.n, m = t->shape.m, samples = t->records * t->shape.chains;
	double *x = calloc(samples, sizeof(*x)), *y = calloc(samples, sizeof(*y)), *list;
	struct tau best = { .tau = NAN }, counts = { 0 };
	double open = 0;
	unsigned int units = t->shape.n + t->shape.m;
	bool still = false;

	list = plain_screening(t, x, y, &counts);
	for (size_t left = counts.observables; left; left--) {
		size_t most = SIZE_MAX, block = 1;
		struct tau now = { 0 };
		unsigned int class;
		double block_tau;

		for (size_t k = 0; k < CLASSES * n * m; k++)
			if (!isnan(list[k]) && (most == SIZE_MAX || list[k] > list[most]))
				most = k;
		if (list[most] < 0.5 * best.tau)
			break;
		while (isfinite(list[most]) && block < 64 && 16.0 * (double)block <= list[most])
			block *= 2;
		block_tau = list[most];
		list[most] = NAN;
		now.v = (unsigned int)(most / m % n);
		now.h = (unsigned int)(most % m);
		class = (unsigned int)(most / m / n);
		product_of(t, class, now.v, now.h, x);
		ck_assert(plain_tau(t, x, block, y, &now));
		if (is_open(t, block_tau, &now))
			open = fmax(open, fmax(block_tau, now.tau));
		if (!(now.tau <= best.tau)) {
			best = now;
			*ret_class = class;
		}
	}
	for (unsigned int k = 0; k < CLASSES * units; k++)
		still = still || stands_still(t, k / units, k % units);
	best.resolved = best.resolved && !still && 1.5 * open < best.tau;
	best.observables = counts.observables;
	best.constant = counts.constant;
	*ret = best;
	free(x);
	free(y);
	free(list);
}

/* ---- with bits ---- */

static void search(const struct traces *t, struct crew *crew, struct tau *ret,
		   unsigned int *ret_class)
{
	struct tau_search *s;
	size_t moved;

	ck_assert_int_eq(tau_search_new(&t->shape, t->clamp, CLASSES, crew, &s, NULL), 0);
	for (unsigned int u = 0; u < CLASSES; u++)
		ck_assert_int_eq(tau_search_add(s, t->states[u], t->records, t->held, &moved, NULL),
				 0);
	tau_search_find(s, ret, ret_class);
	tau_search_free(s);
}

static void same(const struct tau *a, const struct tau *b)
{
	ck_assert_uint_eq(a->v, b->v);
	ck_assert_uint_eq(a->h, b->h);
	ck_assert_uint_eq(a->window, b->window);
	ck_assert_int_eq(a->resolved, b->resolved);
	ck_assert_double_eq(a->tau, b->tau);
	ck_assert_double_eq(a->tau_l, b->tau_l);
	ck_assert_double_eq(a->tau_2l, b->tau_2l);
	ck_assert_double_eq(a->error, b->error);
}

START_TEST(every_product_equals_the_plain_one)
{
	struct bit_trace bits;
	size_t samples, looked = 0;
	struct traces t;
	double *x, *y;
	uint64_t *b;

	traces_new((unsigned int)_i, 4, &t);
	samples = t.records * t.shape.chains;
	x = calloc(samples, sizeof(*x));
	y = calloc(samples, sizeof(*y));
	ck_assert_int_eq(bit_trace_new(&t.shape, t.states[0], t.records, &bits, NULL), 0);
	b = calloc((bits.words + 1) * bits.chains, sizeof(*b));
	for (unsigned int k = 0; k < t.shape.n * t.shape.m; k++) {
		unsigned int i = k / t.shape.m, j = k % t.shape.m;
		double plain, found;

		product_of(&t, 0, i, j, x);
		bit_trace_product(&bits, i, j, b);
		plain = plain_block_tau(&t, x, y);
		found = bit_trace_block_tau(&bits, b);
		ck_assert(isnan(plain) ? isnan(found) : found == plain);
		for (unsigned int block = 1; block <= 16 && block < t.records; block *= 4) {
			struct tau p = { .v = i, .h = j }, f;

			ck_assert_int_eq(tau_of_product(&t.shape, t.states[0], t.records, i, j,
							block, &f, NULL),
					 0);
			if (plain_tau(&t, x, block, y, &p)) {
				same(&f, &p);
				looked++;
			} else {
				ck_assert(isnan(f.tau));
			}
		}
	}
	ck_assert_uint_gt(looked, t.shape.n * t.shape.m);
	bit_trace_free(&bits);
	free(x);
	free(y);
	free(b);
	traces_free(&t);
}
END_TEST

START_TEST(search_equals_the_plain_one)
{
	struct tau plain, found;
	unsigned int plain_class = 0, class;
	struct traces t;

	traces_new((unsigned int)_i, _i % 2 ? 7.5 : 4, &t);
	plain_search(&t, &plain, &plain_class);
	ck_assert_uint_gt(plain.constant, 0);
	ck_assert(plain.tau > 1);
	for (unsigned int threads = 1; threads <= 3; threads++) {
		struct crew *crew = NULL;

		if (threads > 1)
			ck_assert_int_eq(crew_new(threads, &crew, NULL), 0);
		search(&t, crew, &found, &class);
		crew_free(crew);
		ck_assert_uint_eq(class, plain_class);
		same(&found, &plain);
		ck_assert_uint_eq(found.observables, plain.observables);
		ck_assert_uint_eq(found.constant, plain.constant);
	}
	traces_free(&t);
}
END_TEST

/* ---- what must not pass for mixing, planted ---- */

/*
 * A spin of variance 1 of which a part is slow: with probability sqrt(part) it is a spin that flips
 * with probability p, else a coin. rho(t) = part (1 - 2p)^t, tau = 1 + part (1 / p - 2).
 */
struct planted {
	double part, p;
};

#define STILL ((struct planted){ 1, 0 })
#define COIN  ((struct planted){ 1, 0.5 })

/* visible: [n]; the first hidden one is a reference spin, and the others are coins. */
static uint64_t *plant(const struct pbm_shape *s, size_t records, const struct planted *visible,
		       uint64_t seed)
{
	size_t words = pbm_state_words(s);
	uint64_t *states = calloc(records * s->chains * words, sizeof(*states));

	ck_assert_ptr_nonnull(states);
	for (unsigned int u = 0; u < s->n + s->m; u++) {
		struct planted x = u == s->n ? STILL : u < s->n ? visible[u] : COIN;
		unsigned int bit = bit_of(s, u);

		for (unsigned int c = 0; c < s->chains; c++) {
			uint64_t own = seed + 1000000 * u + 1000 * c;
			bool slow = x.p == 0 || splitmix_uniform(own, 0) < 0.5;

			for (size_t r = 0; r < records; r++) {
				bool one = slow;

				if (splitmix_uniform(own + 1, r) >= sqrt(x.part))
					one = splitmix_uniform(own + 2, r) < 0.5;
				if (splitmix_uniform(own + 3, r) < x.p)
					slow = !slow;
				states[(r * s->chains + c) * words + bit / 64] |= (uint64_t)one
										  << (bit % 64);
			}
		}
	}
	return states;
}

/* The first p-bit of each side is clamped, as reference spins are. */
static void find(const struct pbm_shape *s, uint64_t *states, size_t records, const uint64_t *held,
		 struct tau *ret)
{
	uint64_t clamp[2] = { 1, 1 };
	struct tau_search *search;
	unsigned int class;
	size_t moved;

	ck_assert_int_eq(tau_search_new(s, clamp, 1, NULL, &search, NULL), 0);
	ck_assert_int_eq(tau_search_add(search, states, records, held, &moved, NULL), 0);
	tau_search_find(search, ret, &class);
	tau_search_free(search);
}

static struct pbm_shape small(unsigned int chains)
{
	return (struct pbm_shape){
		.net = PBM_NET_RBM, .n = 3, .m = 3, .chains = chains, .bits = 8
	};
}

/* The products of a still p-bit with coins are coins. */
START_TEST(a_still_p_bit_is_not_resolved)
{
	struct planted visible[] = { STILL, STILL, COIN };
	struct pbm_shape shape = small(16);
	uint64_t *states = plant(&shape, 1000, visible, 1), held[2] = { 2, 0 };
	struct tau t;

	find(&shape, states, 1000, NULL, &t);
	ck_assert_double_lt(t.tau, 1.2);
	ck_assert(!t.resolved);
	/* Known to be held. */
	find(&shape, states, 1000, held, &t);
	ck_assert_double_lt(t.tau, 1.2);
	ck_assert(t.resolved);
	/* It differs from chain to chain, and stands still. */
	for (size_t k = 0; k < 1000 * 16; k++)
		states[k * 2] ^= (k % 2) << 1;
	find(&shape, states, 1000, NULL, &t);
	ck_assert(!t.resolved);
	for (size_t k = 0; k < 1000 * 16; k++)
		states[k * 2] ^= (k % 2) << 1;
	/* It moves in the last record of the last chain. */
	states[(1000 * 16 - 1) * 2] ^= 2;
	find(&shape, states, 1000, NULL, &t);
	ck_assert(t.resolved);
	free(states);
}
END_TEST

/*
 * v1 is slower than v2, in a twentieth of its variance: Sokal's window closes on the rest, and the
 * doubling rule refuses what it gave, less than v2's.
 */
START_TEST(what_may_be_slower_is_not_resolved)
{
	struct planted visible[] = { STILL, { 0.05, 1. / 150 }, { 1, 0.19 } };
	struct pbm_shape shape = small(32);
	uint64_t *states = plant(&shape, 16384, visible, 1);
	struct tau t;

	find(&shape, states, 16384, NULL, &t);
	ck_assert_uint_eq(t.v, 2);
	ck_assert_double_lt(fabs(t.tau_l - 0.81 / 0.19), 6 * t.error);
	ck_assert(!t.resolved);
	free(states);
	/* It is open how slow v1 is, but not that v2 is slower. */
	visible[2].p = 1. / 15;
	states = plant(&shape, 16384, visible, 1);
	find(&shape, states, 16384, NULL, &t);
	ck_assert_uint_eq(t.v, 2);
	ck_assert_double_lt(fabs(t.tau_l - 14), 6 * t.error);
	ck_assert(t.resolved);
	free(states);
}
END_TEST

/* A slow mode in so small a part of v1 that doubling the window does not show it: tau is 13. */
START_TEST(blocks_belie_a_window_closed_on_noise)
{
	struct planted visible[] = { STILL, { 0.006, 1. / 2000 }, COIN };
	struct pbm_shape shape = small(32);
	uint64_t *states = plant(&shape, 4096, visible, 1);
	struct tau t;

	ck_assert_int_eq(tau_of_product(&shape, states, 4096, 1, 0, 1, &t, NULL), 0);
	ck_assert(t.resolved);
	ck_assert_double_lt(t.tau, 1.5);
	find(&shape, states, 4096, NULL, &t);
	ck_assert(!t.resolved);
	free(states);
}
END_TEST

/* Noise alone is not refused, be the trace short and of many chains or long and of few. */
START_TEST(coins_are_resolved)
{
	static const size_t sizes[][2] = {
		{ 40, 4096 }, { 63, 400 }, { 64, 400 }, { 100, 200 }, { 1000, 20 }, { 20000, 1 },
	};
	struct pbm_shape shape = {
		.net = PBM_NET_RBM, .n = 30, .m = 30, .chains = (uint32_t)sizes[_i][1], .bits = 8
	};
	struct planted visible[30] = { STILL };
	uint64_t *states;
	struct tau t;

	for (unsigned int u = 1; u < 30; u++)
		visible[u] = COIN;
	states = plant(&shape, sizes[_i][0], visible, 1);
	find(&shape, states, sizes[_i][0], NULL, &t);
	ck_assert_double_lt(t.tau, 1.5);
	ck_assert(t.resolved);
	free(states);
}
END_TEST

/* Of one record, or of one chain for ever in its place, nothing is known. */
START_TEST(too_little_is_not_resolved)
{
	struct planted visible[] = { STILL, COIN, COIN };

	for (unsigned int chains = 1; chains <= 300; chains += 299) {
		for (size_t records = 1; records <= 5; records++) {
			struct pbm_shape shape = small(chains);
			uint64_t *states = plant(&shape, records, visible, 1);
			struct tau t;

			find(&shape, states, records, NULL, &t);
			ck_assert(!t.resolved);
			free(states);
		}
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tau_search");
	TCase *t = tcase_create("tau_search");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, every_product_equals_the_plain_one, 0,
			    (int)(sizeof(shapes) / sizeof(shapes[0])));
	tcase_add_loop_test(t, search_equals_the_plain_one, 0,
			    (int)(sizeof(shapes) / sizeof(shapes[0])));
	tcase_add_test(t, a_still_p_bit_is_not_resolved);
	tcase_add_test(t, what_may_be_slower_is_not_resolved);
	tcase_add_test(t, blocks_belie_a_window_closed_on_noise);
	tcase_add_loop_test(t, coins_are_resolved, 0, 6);
	tcase_add_test(t, too_little_is_not_resolved);
	suite_add_tcase(s, t);
	return run_suite(s);
}
