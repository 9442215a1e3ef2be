/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "scan.h"

/* A state that is left once in so many steps is past what doubles can weigh against the rest. */
#define LEAST_RATE 1e-280

static bool is_halved(const struct exact_model *mo)
{
	return exact_bits(mo) % 2 == 0;
}

size_t scan_unknowns(const struct exact_model *mo)
{
	return is_halved(mo) ? exact_states(mo) / 2 : exact_states(mo);
}

static size_t flip_v_count(const struct exact_model *mo)
{
	return ((size_t)1 << (mo->m - 1)) * mo->n * 2;
}

static size_t flip_h_count(const struct exact_model *mo)
{
	return ((size_t)1 << mo->n) * mo->m * 2;
}

size_t scan_bytes(const struct exact_model *mo)
{
	size_t doubles = exact_states(mo) * (exact_bits(mo) + 3) + scan_unknowns(mo) +
			 flip_v_count(mo) + flip_h_count(mo);

	return doubles * sizeof(double) + exact_states(mo) * sizeof(uint32_t) + sizeof(struct scan);
}

size_t scan_block_bytes(const struct exact_model *mo)
{
	size_t rows = exact_states(mo) + (is_halved(mo) ? 4 : 3) * scan_unknowns(mo);

	return rows * sizeof(lanes);
}

/* sqrt(sigma(-u)) and sqrt(sigma(u)): the flip from the bit whose log weight is ahead by u. */
static void flip_pair(long double u, double *from_down, double *from_up)
{
	long double t = expl(-fabsl(u));
	double less = (double)sqrtl(t / (1 + t)), more = (double)sqrtl(1 / (1 + t));

	*from_up = u > 0 ? less : more;
	*from_down = u > 0 ? more : less;
}

static void fill_flips(struct scan *s)
{
	const struct exact_model *mo = &s->even->model;
	size_t k, i, j;

	for (k = 0; k < (size_t)1 << (mo->m - 1); k++)
		for (i = 0; i < mo->n; i++) {
			double *pair = s->flip_v + (k * mo->n + i) * 2;
			long double u = 0;

			for (j = 0; j < mo->m; j++)
				u += j + 1 == mo->m || (k >> j & 1) ?
					     (long double)mo->w[i * mo->m + j] :
					     -(long double)mo->w[i * mo->m + j];
			flip_pair(2 * mo->beta * u, &pair[0], &pair[1]);
		}
	for (k = 0; k < (size_t)1 << mo->n; k++)
		for (j = 0; j < mo->m; j++) {
			double *pair = s->flip_h + (k * mo->m + j) * 2;
			long double u = 0;

			for (i = 0; i < mo->n; i++)
				u += k >> i & 1 ? (long double)mo->w[i * mo->m + j] :
						  -(long double)mo->w[i * mo->m + j];
			flip_pair(2 * mo->beta * u, &pair[0], &pair[1]);
		}
}

void scan_flips(const struct scan *s, size_t state, double *a, double *b)
{
	const struct exact_model *mo = &s->even->model;
	size_t h = state >> mo->n | (size_t)1 << (mo->m - 1);
	size_t v = state & (((size_t)1 << mo->n) - 1);
	const double *pair = s->flip_v + (state >> mo->n) * mo->n * 2;
	unsigned int i;

	for (i = 0; i < mo->n; i++, pair += 2) {
		a[i] = pair[v >> i & 1];
		b[i] = pair[!(v >> i & 1)];
	}
	pair = s->flip_h + v * mo->m * 2;
	for (i = 0; i < mo->m; i++, pair += 2) {
		a[mo->n + i] = pair[h >> i & 1];
		b[mo->n + i] = pair[!(h >> i & 1)];
	}
}

static void set_masks(struct scan *s)
{
	uint32_t half = (uint32_t)(s->states / 2), all = (uint32_t)(s->states - 1);
	unsigned int i;

	for (i = 0; i < s->bits; i++) {
		uint32_t flip = i + 1 < s->bits ? (uint32_t)1 << i : all;

		s->within[i] = s->halves ? flip >> 1 : flip;
		s->across[i] = s->halves ? flip >> 1 | half : flip;
	}
}

static int fill_entries(struct scan *s, struct err *e)
{
	double a[EXACT_MAX_BITS], b[EXACT_MAX_BITS], n = s->bits;
	unsigned int i;
	size_t at;

	for (at = 0; at < s->states; at++) {
		size_t state = scan_state(s, at);
		double rate = 0;

		scan_flips(s, state, a, b);
		for (i = 0; i < s->bits; i++) {
			rate += a[i] * a[i];
			s->c[at * s->bits + i] = a[i] * b[i] / n;
		}
		if (!(rate > LEAST_RATE))
			return err_set(e, -EDOM,
				       "some state of this model is left less than once in 1e280 "
				       "steps: its mixing is past double precision; lower beta "
				       "or the couplings");
		s->g[at] = sqrt(rate / n);
		s->root[at] = sqrt(s->even->pi[state]);
		s->source[at] = s->root[at] / s->g[at];
		s->state[at] = (uint32_t)(state | s->states);
	}
	for (at = 0; at < s->states; at++)
		for (i = 0; i < s->bits; i++)
			s->c[at * s->bits + i] /= s->g[at] * s->g[at ^ s->across[i]];
	return 0;
}

static void fill_null(struct scan *s)
{
	size_t at;
	long double norm = 0;

	for (at = 0; at < s->system.unknowns; at++) {
		s->z[at] = s->g[at] * s->root[at];
		norm += (long double)s->z[at] * s->z[at];
	}
	for (at = 0; at < s->system.unknowns; at++)
		s->z[at] /= (double)sqrtl(norm);
}

static void set_system(struct scan *s)
{
	size_t rows = s->system.unknowns;
	struct lanes_graph g = { .rows = rows, .degree = s->bits, .mask = s->within, .c = s->c };

	s->system.halves = s->halves;
	s->system.back = g;
	g.c += rows * s->bits;
	s->system.out = g;
	s->system.z = s->z;
}

int scan_new(const struct exact_even *v, struct scan **ret, struct err *e)
{
	const struct exact_model *mo = &v->model;
	_cleanup_scan_ struct scan *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_oom(e);
	s->even = v;
	s->bits = exact_bits(mo);
	s->halves = is_halved(mo);
	s->states = v->states;
	s->system.unknowns = scan_unknowns(mo);
	s->c = alloc_zeroed(s->states, s->bits * sizeof(double));
	s->g = alloc_zeroed(s->states, sizeof(double));
	s->root = alloc_zeroed(s->states, sizeof(double));
	s->source = alloc_zeroed(s->states, sizeof(double));
	s->state = alloc_zeroed(s->states, sizeof(uint32_t));
	s->z = alloc_zeroed(s->system.unknowns, sizeof(double));
	s->flip_v = alloc_zeroed(flip_v_count(mo), sizeof(double));
	s->flip_h = alloc_zeroed(flip_h_count(mo), sizeof(double));
	if (!s->c || !s->g || !s->root || !s->source || !s->state || !s->z || !s->flip_v ||
	    !s->flip_h)
		return err_oom(e);
	set_masks(s);
	fill_flips(s);
	r = fill_entries(s, e);
	if (r < 0)
		return r;
	fill_null(s);
	set_system(s);
	*ret = TAKE_PTR(s);
	return 0;
}

struct scan *scan_free(struct scan *s)
{
	if (!s)
		return NULL;
	free(s->c);
	free(s->g);
	free(s->root);
	free(s->source);
	free(s->state);
	free(s->z);
	free(s->flip_v);
	free(s->flip_h);
	free(s->system.factor);
	free(s);
	return NULL;
}
