/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Plain C that the scalar route and the vector routes share. Included once by each, so that each
 * compiles it with its own instructions.
 */
#ifndef PBM_RBM_GENERIC_H
#define PBM_RBM_GENERIC_H

#include "rbm.h"

/* Draws those p-bits 8 group .. 8 group + 7 of side that are in mask, from whole words. */
static u32 rbm_spread_group(const struct rbm_context *c, enum rbm_side side, u32 group, u32 chain,
			    u32 visit, u32 mask)
{
	const struct pbm_p_bit *p_bits = c->run->spread->p_bits + (side ? c->shape->n : 0);
	u32 word0 = group | (side ? ARS_HIDDEN : 0), number = c->run->chain0 + c->first + chain;
	struct ars_block upper = ars_counter(word0, number, c->sweep, visit, ARS_USE_UPPER);
	struct ars_block lower = ars_counter(word0, number, c->sweep, visit, ARS_USE_LOWER);
	struct ars_block hi = ars_encrypt(&c->key, upper, ARS_ROUNDS);
	struct ars_block lo = ars_encrypt(&c->key, lower, ARS_ROUNDS);
	u32 out = 0, k;

	for (k = 0; k < 8; k++) {
		u32 word = ars_lane(&hi, k) << 16 | ars_lane(&lo, k), at = 8 * group + k;

		if (!(mask >> k & 1)) /* padding is in no table */
			continue;
		out |= pbm_spread_decide(&p_bits[at], c->angle, rbm_field(c, side, chain, at),
					 c->gain, word)
		       << k;
	}
	return out;
}

static void rbm_draw_spread(struct rbm_context *c, enum rbm_side side, u32 visit, const u8 *who,
			    u32 count)
{
	u32 a, g;

	for (a = 0; a < count; a++) {
		u64 *state = rbm_state(c, who[a], side);

		for (g = 0; g < 8 * c->words[side]; g++) {
			u32 shift = g % 8 * 8;
			u32 mask = (u32)(rbm_free(c, side)[g / 8] >> shift) & 0xff, diff;

			if (!mask)
				continue;
			diff = rbm_spread_group(c, side, g, who[a], visit, mask) ^
			       ((u32)(state[g / 8] >> shift) & mask);
			state[g / 8] ^= (u64)diff << shift;
			c->changed += rbm_popcount(diff);
			rbm_rest(c, RBM_REST_WORK / 4);
		}
	}
}

/* 64 x 64 bits, in place: bit k of row i becomes bit i of row k. */
static void rbm_transpose64(u64 *a)
{
	u64 mask = 0x00000000ffffffffull;
	u32 j, k;

	for (j = 32; j; j >>= 1, mask ^= mask << j) {
		for (k = 0; k < 64; k = (k + j + 1) & ~j) {
			u64 t = (a[k] >> j ^ a[k + j]) & mask;

			a[k] ^= t << j;
			a[k + j] ^= t;
		}
	}
}

static void rbm_columns(struct rbm_context *c)
{
	u32 stride = c->words[0] + c->words[1];
	u64 *t = c->scratch->square;
	u32 part, w, k;

	for (part = 0; part < RBM_BATCH / 64; part++) {
		for (w = 0; w < stride; w++) {
			for (k = 0; k < 64; k++) {
				u32 s = 64 * part + k;

				t[k] = s < c->scratch->batched ?
					       c->scratch->batch[(u64)s * stride + w] :
					       0;
			}
			rbm_transpose64(t);
			for (k = 0; k < 64; k++)
				c->scratch->columns[(64 * (u64)w + k) * (RBM_BATCH / 64) + part] =
					t[k];
			rbm_rest(c, 512);
		}
	}
}

/* Sums of one side: 2 (samples in which the p-bit is +1) - samples. */
static void rbm_moments_side(struct rbm_context *c, s64 *sums, const u64 *columns, u32 units)
{
	s64 samples = c->scratch->batched;
	u32 i, p;

	for (i = 0; sums && i < units; i++) {
		u32 up = 0;

		for (p = 0; p < RBM_BATCH / 64; p++)
			up += rbm_popcount(columns[i * (RBM_BATCH / 64) + p]);
		sums[i] += 2 * (s64)up - samples;
		rbm_rest(c, 4);
	}
}

#define MOMENTS_PART 512u /* products between rests */

/* Sum over the samples of s_i s_j = samples - 2 (number that differ). */
static void rbm_moments_row(struct rbm_context *c, s64 *row, const u64 *vi, const u64 *h)
{
	s64 samples = c->scratch->batched;
	u32 m = c->shape->m, from, j;

	for (from = 0; from < m; from += MOMENTS_PART) {
		u32 to = m - from < MOMENTS_PART ? m : from + MOMENTS_PART;

		for (j = from; j < to; j++) {
			const u64 *hj = h + j * (RBM_BATCH / 64);
			u32 differ = rbm_popcount(vi[0] ^ hj[0]) + rbm_popcount(vi[1] ^ hj[1]) +
				     rbm_popcount(vi[2] ^ hj[2]) + rbm_popcount(vi[3] ^ hj[3]);

			row[j] += samples - 2 * (s64)differ;
		}
		rbm_rest(c, to - from);
	}
}

static void rbm_moments_generic(struct rbm_context *c, u32 from, u32 to)
{
	const u64 *v = c->scratch->columns;
	const u64 *h = v + (u64)c->words[0] * RBM_BATCH;
	u32 i;

	if (!from) {
		rbm_columns(c);
		rbm_moments_side(c, c->sums->v, v, c->shape->n);
		rbm_moments_side(c, c->sums->h, h, c->shape->m);
	}
	for (i = from; c->sums->vh && i < to; i++)
		rbm_moments_row(c, c->sums->vh + (u64)i * c->shape->m,
				v + i * (u64)(RBM_BATCH / 64), h);
}

#endif
