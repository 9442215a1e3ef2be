/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "block.h"
#include "spectrum_op.h"

static int start_scan(struct spectrum_op *op, struct err *e)
{
	struct scan *s;
	unsigned int i;
	size_t at;
	int r;

	r = scan_new(op->even, &op->scan, e);
	if (r < 0)
		return r;
	s = op->scan;
	op->c = alloc_zeroed(op->states * s->bits, sizeof(double));
	if (!op->c)
		return err_oom(e);
	for (at = 0; at < op->states; at++) {
		op->root[at] = s->root[at];
		for (i = 0; i < s->bits; i++)
			op->c[at * s->bits + i] =
				s->c[at * s->bits + i] * s->g[at] * s->g[at ^ s->across[i]];
	}
	op->graph = (struct lanes_graph){
		.rows = op->states, .degree = s->bits, .mask = s->across, .c = op->c
	};
	return 0;
}

static size_t class_v(const struct spectrum_op *op, size_t s)
{
	unsigned int n = op->even->model.n;

	return block_class(n, s & (((size_t)1 << n) - 1));
}

static int start_block(struct spectrum_op *op, struct err *e)
{
	const struct exact_model *mo = &op->even->model;
	size_t v_count = (size_t)1 << (mo->n - 1), h_count = (size_t)1 << (mo->m - 1), s;
	_cleanup_free_ double *p_v = alloc_zeroed(v_count, sizeof(*p_v));
	_cleanup_free_ double *p_h = alloc_zeroed(h_count, sizeof(*p_h));

	op->given_v = alloc_zeroed(op->states, sizeof(double));
	op->given_h = alloc_zeroed(op->states, sizeof(double));
	if (!p_v || !p_h || !op->given_v || !op->given_h)
		return err_oom(e);
	op->scratch = 2 * (v_count + h_count) + op->states;
	for (s = 0; s < op->states; s++) {
		p_v[class_v(op, s)] += op->even->pi[s];
		p_h[s >> mo->n] += op->even->pi[s];
		op->root[s] = sqrt(op->even->pi[s]);
	}
	for (s = 0; s < op->states; s++) {
		double v = p_v[class_v(op, s)], h = p_h[s >> mo->n];

		op->given_v[s] = v > 0 ? op->root[s] / sqrt(v) : 0;
		op->given_h[s] = h > 0 ? op->root[s] / sqrt(h) : 0;
	}
	return 0;
}

int spectrum_op_new(const struct exact_even *v, enum exact_kernel k, struct spectrum_op **ret,
		    struct err *e)
{
	struct spectrum_op *op = calloc(1, sizeof(*op));
	int r;

	if (!op)
		return err_oom(e);
	op->even = v;
	op->kernel = k;
	op->states = v->states;
	op->scratch = 1;
	op->root = alloc_zeroed(op->states, sizeof(double));
	if (!op->root)
		r = err_oom(e);
	else
		r = k == EXACT_RANDOM_SCAN ? start_scan(op, e) : start_block(op, e);
	if (r < 0) {
		spectrum_op_free(op);
		return r;
	}
	*ret = op;
	return 0;
}

struct spectrum_op *spectrum_op_free(struct spectrum_op *op)
{
	if (!op)
		return NULL;
	scan_free(op->scan);
	free(op->c);
	free(op->root);
	free(op->given_v);
	free(op->given_h);
	free(op);
	return NULL;
}

/* +-1 by a hash of the place. */
static double sign_at(size_t at)
{
	uint64_t x = ((uint64_t)at + 1) * 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 31) * 0xbf58476d1ce4e5b9u;
	return x >> 63 ? 1 : -1;
}

void spectrum_op_start(const struct spectrum_op *op, size_t first, lanes *x)
{
	const struct exact_even *v = op->even;
	size_t count = exact_observables(&v->model), at, a;
	unsigned int l;

	for (at = 0; at < op->states; at++) {
		size_t s = op->scan ? scan_state(op->scan, at) : at;

		for (l = 0; l < LANES; l++) {
			a = first + l;
			if (a < count)
				x[at][l] =
					op->root[at] * (exact_product(&v->model, s, a / v->model.m,
								      a % v->model.m) > 0 ?
								-2 * v->minus[a] :
								2 * v->plus[a]);
			else
				x[at][l] = a == count ? sign_at(at) : 0;
		}
	}
}

/* to = E[x | v] and E[x | h], as sqrt(pi) times functions of all states. */
static void project(const struct spectrum_op *op, bool on_v, const lanes *x, lanes *sums, lanes *to)
{
	const struct exact_model *mo = &op->even->model;
	const double *given = on_v ? op->given_v : op->given_h;
	size_t count = (size_t)1 << ((on_v ? mo->n : mo->m) - 1), s;

	memset(sums, 0, count * sizeof(*sums));
	for (s = 0; s < op->states; s++)
		sums[on_v ? class_v(op, s) : s >> mo->n] += given[s] * x[s];
	for (s = 0; s < op->states; s++)
		to[s] = given[s] * sums[on_v ? class_v(op, s) : s >> mo->n];
}

static void apply_block(const struct spectrum_op *op, const lanes *x, lanes *y, lanes *scratch)
{
	lanes *sums = scratch, *t = scratch + (op->scratch - op->states);
	size_t s;

	switch (op->kernel) {
	case EXACT_RANDOM_2_BLOCK:
		project(op, true, x, sums, y);
		project(op, false, x, sums, t);
		for (s = 0; s < op->states; s++)
			y[s] = x[s] - (y[s] + t[s]) / 2;
		return;
	case EXACT_PALINDROME:
		project(op, false, x, sums, y);
		project(op, true, y, sums, t);
		project(op, false, t, sums, y);
		for (s = 0; s < op->states; s++)
			y[s] = x[s] - y[s];
		return;
	default:
		project(op, true, x, sums, t);
		project(op, false, t, sums, y);
		for (s = 0; s < op->states; s++)
			y[s] = x[s] - y[s] / 2;
		project(op, false, x, sums, t);
		project(op, true, t, sums, t);
		for (s = 0; s < op->states; s++)
			y[s] -= t[s] / 2;
	}
}

void spectrum_op_apply(const struct spectrum_op *op, const lanes *x, lanes *y, lanes *scratch)
{
	size_t at;

	if (!op->scan) {
		apply_block(op, x, y, scratch);
		return;
	}
	lanes_gather(&op->graph, x, y);
	for (at = 0; at < op->states; at++)
		y[at] = op->scan->g[at] * op->scan->g[at] * x[at] - y[at];
}
