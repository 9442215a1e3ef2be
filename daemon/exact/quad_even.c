/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "quad_even.h"

/* The C library has these, but not for every compiler. */

static quad power_of_2(int k)
{
	union {
		quad q;
		uint64_t word[2];
	} u = { .word = { 0, (uint64_t)(k + 16383) << 48 } };

	return u.q;
}

/* x <= 0. To a few units in the last place: exp(x) = 2^k exp(x - k ln 2), by its series. */
quad quad_exp(quad x)
{
	/* ln 2 as a sum of doubles: small multiples of the first two are exact. */
	const quad ln_2[3] = { 0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56,
			       0x1.7b57a079a1934p-111 };
	quad sum = 1, r;
	int k, i;

	if (!(x > -11300))
		return 0;
	k = (int)rint((double)x / M_LN2);
	r = x - k * ln_2[0] - k * ln_2[1] - k * ln_2[2];
	for (i = 28; i > 0; i--)
		sum = 1 + r / i * sum;
	return sum * power_of_2(k);
}

/* Newton's steps from the double root of a fraction in [1/2, 2). */
quad quad_sqrt(quad x)
{
	union {
		quad q;
		uint64_t word[2];
	} u = { .q = x };
	int exponent = (int)(u.word[1] >> 48 & 0x7fff) - 16383;
	quad y, by;

	if (!(x > 0) || exponent < -16382)
		return 0;
	exponent &= ~1;
	by = power_of_2(-exponent / 2);
	x = x * by * by;
	y = sqrt((double)x);
	y = (y + x / y) / 2;
	y = (y + x / y) / 2;
	return y / by;
}

quad quad_logistic(quad u)
{
	quad t = quad_exp(u < 0 ? u : -u);

	return (u < 0 ? t : 1) / (1 + t);
}

quad quad_field(const struct exact_model *mo, bool on_v, size_t at, size_t others)
{
	size_t k, count = on_v ? mo->m : mo->n;
	quad u = 0;

	for (k = 0; k < count; k++) {
		quad w = on_v ? mo->w[at * mo->m + k] : mo->w[k * mo->m + at];

		u += others >> k & 1 ? w : -w;
	}
	return 2 * mo->beta * u;
}

/* ln of the weights into pi, then pi. */
static void enumerate(struct quad_even *v)
{
	const struct exact_model *mo = &v->model;
	size_t h, k, i, rows = (size_t)1 << mo->n, top = (size_t)1 << (mo->m - 1);
	quad most = 0, sum = 0;

	for (h = 0; h < top; h++) {
		quad *l = v->pi + h * rows;

		l[0] = 0;
		for (i = 0; i < mo->n; i++) {
			quad u = quad_field(mo, true, i, h | top);

			for (k = 0; k < (size_t)1 << i; k++) {
				l[k | (size_t)1 << i] = l[k] + u / 2;
				l[k] -= u / 2;
			}
		}
	}
	for (k = 0; k < v->states; k++)
		if (k == 0 || v->pi[k] > most)
			most = v->pi[k];
	for (k = 0; k < v->states; k++) {
		v->pi[k] = quad_exp(v->pi[k] - most);
		sum += v->pi[k];
	}
	for (k = 0; k < v->states; k++)
		v->pi[k] /= sum;
}

/* Sums of w over the states with v_i h_j = +1 and -1; destroys w. */
static void contract(const struct exact_model *mo, quad *w, quad *plus, quad *minus)
{
	size_t h, i, j, k, rows = (size_t)1 << mo->n;

	memset(plus, 0, exact_observables(mo) * sizeof(*plus));
	memset(minus, 0, exact_observables(mo) * sizeof(*minus));
	for (h = 0; h < (size_t)1 << (mo->m - 1); h++) {
		quad *row = w + h * rows;

		for (i = mo->n; i-- > 0;) {
			size_t half = (size_t)1 << i;
			quad up = 0, down = 0;

			for (k = 0; k < half; k++) {
				up += row[k + half];
				down += row[k];
				row[k] += row[k + half];
			}
			for (j = 0; j < mo->m; j++) {
				bool set = j + 1 == mo->m || (h >> j & 1);

				plus[i * mo->m + j] += set ? up : down;
				minus[i * mo->m + j] += set ? down : up;
			}
		}
	}
}

int quad_pull_back(const struct quad_even *v, quad *w, quad *grad)
{
	size_t a, count = exact_observables(&v->model);
	_cleanup_free_ quad *parts = alloc_zeroed(2 * count, sizeof(*parts));

	if (!parts)
		return -ENOMEM;
	contract(&v->model, w, parts, parts + count);
	for (a = 0; a < count; a++)
		grad[a] = 2 * v->model.beta *
			  (parts[a] * v->minus[a] - parts[count + a] * v->plus[a]);
	return 0;
}

int quad_even_new(const struct exact_model *mo, struct quad_even *ret)
{
	_cleanup_quad_even_ struct quad_even v = { .model = *mo, .states = exact_states(mo) };
	_cleanup_free_ quad *copy = alloc_zeroed(v.states, sizeof(*copy));

	v.pi = alloc_zeroed(v.states, sizeof(quad));
	v.plus = alloc_zeroed(exact_observables(mo), sizeof(quad));
	v.minus = alloc_zeroed(exact_observables(mo), sizeof(quad));
	if (!copy || !v.pi || !v.plus || !v.minus)
		return -ENOMEM;
	enumerate(&v);
	memcpy(copy, v.pi, v.states * sizeof(*copy));
	contract(mo, copy, v.plus, v.minus);
	*ret = v;
	v = (struct quad_even){ 0 };
	return 0;
}

void quad_even_done(struct quad_even *v)
{
	free(v->pi);
	free(v->plus);
	free(v->minus);
}
