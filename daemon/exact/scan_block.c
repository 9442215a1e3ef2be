/* SPDX-License-Identifier: MIT */
/* Right hand sides, solutions and values of eight observables at a time. */
#include <math.h>
#include <string.h>

#include "scan.h"

/* Rows between two additions to a total. */
#define RUN 64

void scan_block_init(struct scan_block *b, const struct scan *s, size_t index)
{
	const struct exact_even *v = s->even;
	size_t count = exact_observables(&v->model), a;
	unsigned int l;

	*b = (struct scan_block){ .scan = s, .first = index * LANES, .probe = -1 };
	for (l = 0; l < LANES; l++) {
		a = b->first + l;
		if (a == count)
			b->probe = (int)l;
		if (a >= count)
			continue;
		b->observables++;
		b->f.same[l] = -2 * v->minus[a];
		b->f.differ[l] = 2 * v->plus[a];
		b->f.first[l] = a / v->model.m;
		b->f.second[l] = v->model.n + a % v->model.m;
	}
}

/* +-1 by a hash of the place: excites every mode. */
static double probe_sign(size_t at)
{
	uint64_t x = (uint64_t)at * 0x9e3779b97f4a7c15u + 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x >> 63 ? 1 : -1;
}

void scan_rhs(const struct scan_block *b, size_t from, size_t count, lanes *ret)
{
	const struct scan *s = b->scan;
	size_t k;

	if (b->given) {
		memcpy(ret, b->given + from, count * sizeof(*ret));
		return;
	}
	lanes_columns(count, &b->f, s->state + from, s->source + from, ret);
	for (k = 0; k < count && b->probe >= 0; k++)
		ret[k][b->probe] = probe_sign(from + k);
}

void scan_system_rhs(const void *data, lanes *ret)
{
	const struct scan_block *b = data;
	const struct cg_system *sys = &b->scan->system;

	scan_rhs(b, 0, sys->unknowns, ret);
	if (!sys->halves)
		return;
	scan_rhs(b, sys->unknowns, sys->out.rows, b->odd);
	lanes_gather_add(&sys->back, b->odd, ret);
}

void scan_start(const struct scan *s, const double *x0, lanes *x)
{
	size_t k;

	memcpy(x, x0, s->system.unknowns * sizeof(*x));
	for (k = 0; k < s->system.unknowns; k++)
		x[k] *= s->g[k];
}

void scan_finish(const struct scan_block *b, lanes *y)
{
	const struct scan *s = b->scan;
	const struct cg_system *sys = &s->system;
	lanes mean = { 0 }, part;
	size_t k, end;

	if (sys->halves) {
		scan_rhs(b, sys->unknowns, sys->out.rows, y + sys->unknowns);
		lanes_gather_add(&sys->out, y, y + sys->unknowns);
	}
	for (k = 0; k < s->states;) {
		end = MIN(k + RUN, s->states);
		part = (lanes){ 0 };
		for (; k < end; k++) {
			y[k] /= s->g[k];
			part += y[k] * s->root[k];
		}
		mean += part;
	}
	for (k = 0; k < s->states; k++)
		y[k] -= mean * s->root[k];
}

static double weigh(const lanes *x, const lanes *weight)
{
	lanes p = *x * *weight;

	return ((p[0] + p[1]) + (p[2] + p[3])) + ((p[4] + p[5]) + (p[6] + p[7]));
}

/* A sum and what rounding took from it. */
struct long_sum {
	lanes sum, rest;
};

static void long_add(struct long_sum *s, const lanes *x)
{
	lanes t = s->sum + *x, back = t - s->sum;

	s->rest += (s->sum - (t - back)) + (*x - back);
	s->sum = t;
}

void scan_value(const struct scan_block *b, const lanes *y, const lanes *weight, double *w,
		lanes *ret_g)
{
	const struct scan *s = b->scan;
	double from[EXACT_MAX_BITS], to[EXACT_MAX_BITS];
	double n = s->bits;
	struct long_sum work = { 0 }, dirichlet = { 0 };
	lanes dir, weighted, fy[RUN];
	size_t k, at;

	for (k = 0; k < s->states; k++) {
		size_t state = s->state[k] & (s->states - 1);

		at = k % RUN;
		if (at == 0)
			lanes_columns(MIN((size_t)RUN, s->states - k), &b->f, s->state + k,
				      s->root + k, fy);
		scan_flips(s, state, from, to);
		lanes_edges(k, s->bits, s->across, from, to, y, &dir, &weighted);
		fy[at] *= 2 * y[k];
		long_add(&work, &fy[at]);
		long_add(&dirichlet, &dir);
		if (w) {
			fy[at] -= weighted / n;
			w[state] += weigh(&fy[at], weight);
		}
	}
	*ret_g = (work.sum - dirichlet.sum / (2 * n)) + (work.rest - dirichlet.rest / (2 * n));
}
