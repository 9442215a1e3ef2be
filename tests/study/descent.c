// SPDX-License-Identifier: MIT
#include "descent.h"

#include <math.h>
#include <string.h>

#define ARMIJO 1e-4
#define HALVES 40

struct state {
	double *h; /* [n * n] the inverse Hessian, estimated */
	double *grad, *next_x, *next_grad, *p, *s, *y, *hy;
};

static void state_free(struct state *t)
{
	free(t->h);
}

static int state_new(size_t n, struct state *ret)
{
	ret->h = alloc_zeroed(n * n + 7 * n, sizeof(double));
	if (!ret->h)
		return -ENOMEM;
	ret->grad = ret->h + n * n;
	ret->next_x = ret->grad + n;
	ret->next_grad = ret->next_x + n;
	ret->p = ret->next_grad + n;
	ret->s = ret->p + n;
	ret->y = ret->s + n;
	ret->hy = ret->y + n;
	return 0;
}

static void reset(struct state *t, size_t n)
{
	memset(t->h, 0, n * n * sizeof(double));
	for (size_t i = 0; i < n; i++)
		t->h[i * n + i] = 1;
}

static double dot(const double *a, const double *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

/* p = -H grad; its slope, which is below 0. */
static double direction(struct state *t, size_t n)
{
	double slope;

	for (size_t i = 0; i < n; i++)
		t->p[i] = -dot(t->h + i * n, t->grad, n);
	slope = dot(t->p, t->grad, n);
	if (slope < 0)
		return slope;
	reset(t, n);
	for (size_t i = 0; i < n; i++)
		t->p[i] = -t->grad[i];
	return -dot(t->grad, t->grad, n);
}

/* 1: a step was found. */
static int search(const struct descent *d, struct state *t, const double *x, double now,
		  double slope, double *ret_next)
{
	double step = 1;

	for (unsigned int k = 0; k < HALVES; k++, step /= 2) {
		int r;

		for (size_t i = 0; i < d->n; i++)
			t->next_x[i] = x[i] + step * t->p[i];
		r = d->value(d->data, t->next_x, ret_next, t->next_grad);
		if (r == -ENOMEM)
			return r;
		if (r >= 0 && isfinite(*ret_next) && *ret_next <= now + ARMIJO * step * slope)
			return 1;
	}
	return 0;
}

static void update(struct state *t, const double *x, size_t n)
{
	double sy, yhy;

	for (size_t i = 0; i < n; i++) {
		t->s[i] = t->next_x[i] - x[i];
		t->y[i] = t->next_grad[i] - t->grad[i];
	}
	sy = dot(t->s, t->y, n);
	if (!(sy > 1e-12 * sqrt(dot(t->s, t->s, n) * dot(t->y, t->y, n))))
		return;
	for (size_t i = 0; i < n; i++)
		t->hy[i] = dot(t->h + i * n, t->y, n);
	yhy = dot(t->y, t->hy, n);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			t->h[i * n + k] += (1 + yhy / sy) * t->s[i] * t->s[k] / sy -
					   (t->hy[i] * t->s[k] + t->s[i] * t->hy[k]) / sy;
}

static double largest(const double *x, size_t n)
{
	double most = 0;

	for (size_t i = 0; i < n; i++)
		most = fmax(most, fabs(x[i]));
	return most;
}

int descent_run(const struct descent *d, double *x, double *ret, unsigned int *ret_steps)
{
	_cleanup_(state_free) struct state t = { 0 };
	bool fresh = true;
	double now, next;
	int r = state_new(d->n, &t);

	*ret_steps = 0;
	if (r == 0)
		r = d->value(d->data, x, &now, t.grad);
	if (r < 0)
		return r;
	reset(&t, d->n);
	while (*ret_steps < d->steps && largest(t.grad, d->n) > d->tolerance) {
		r = search(d, &t, x, now, direction(&t, d->n), &next);
		if (r < 0)
			return r;
		if (r == 0 && fresh)
			break; /* rounding, or a kink */
		if (r == 0) {
			reset(&t, d->n);
			fresh = true;
			continue;
		}
		update(&t, x, d->n);
		fresh = false;
		memcpy(x, t.next_x, d->n * sizeof(*x));
		memcpy(t.grad, t.next_grad, d->n * sizeof(*x));
		now = next;
		(*ret_steps)++;
	}
	*ret = now;
	return 0;
}
