// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The scalar route: plain C, any CPU. */
#include "rbm_generic.h"

/* Lists of the set bits of a word, as p-bit numbers. */
static u16 *rbm_list_bits(u16 *at, u64 bits, u32 first)
{
	for (; bits; bits &= bits - 1)
		*at++ = (u16)(first + (u32)__builtin_ctzll(bits));
	return at;
}

static void rbm_list_generic(struct rbm_context *c, enum rbm_side side, const u8 *who, u32 count)
{
	struct rbm_scratch *sc = c->scratch;
	u32 list = rbm_list(c->shape), a, w;

	for (a = 0; a < count; a++) {
		u32 chain = who[a];
		u16 *up = sc->up + (u64)chain * list, *down = sc->down + (u64)chain * list;
		u16 *u = up, *d = down;
		const u64 *state = rbm_state(c, chain, !side);
		u64 *ref = rbm_ref(c, chain, !side);
		u64 listed = rbm_list_first(c, chain, ref[0], state[0], sc->valid[side][chain]);

		for (w = c->from; w < c->to; w++, listed = ~0ull) {
			u64 old = sc->valid[side][chain] ? ref[w] : 0;

			u = rbm_list_bits(u, state[w] & ~old & listed, 64 * w);
			d = rbm_list_bits(d, old & ~state[w] & listed, 64 * w);
			ref[w] = state[w];
			rbm_rest(c, 64);
		}
		sc->ups[chain] = (u32)(u - up);
		sc->downs[chain] = (u32)(d - down);
	}
}

/* One word of p-bits from s32 fields. */
static u64 rbm_draw_word(const struct rbm_context *c, const s32 *f, u32 group, u32 chain, u32 visit,
			 u64 mask)
{
	u64 out = 0;
	u32 g, k;

	for (g = 0; g < 8; g++) {
		struct ars_block hi, lo;
		int have_low = 0;

		if (!(mask >> 8 * g & 0xff))
			continue;
		hi = ars_encrypt(&c->key,
				 ars_counter(group + g, chain, c->sweep, visit, ARS_USE_UPPER),
				 ARS_ROUNDS);
		for (k = 0; k < 8; k++) {
			s32 field = f[8 * g + k], near = pbm_fast_field(&c->fast, field);
			u32 u = ars_lane(&hi, k), mag = near < 0 ? -(u32)near : (u32)near;
			s32 margin = 0, band = c->fast.band;

			if (mag <= 32767 || !c->fast.hot)
				margin = pbm_fast_margin(&c->fast, mag <= 32767 ? mag : 32767,
							 near < 0 ? u : ~u & 0xffff);
			if (margin > band || margin < -band) {
				out |= (u64)((margin < 0) == (near < 0)) << (8 * g + k);
				continue;
			}
			if (!have_low)
				lo = ars_encrypt(&c->key,
						 ars_counter(group + g, chain, c->sweep, visit,
							     ARS_USE_LOWER),
						 ARS_ROUNDS);
			have_low = 1;
			out |= (u64)pbm_decide(field, c->gain, u << 16 | ars_lane(&lo, k))
			       << (8 * g + k);
		}
	}
	return out;
}

static void rbm_draw_generic(struct rbm_context *c, enum rbm_side side, u32 visit, const u8 *who,
			     u32 count)
{
	u32 padded = rbm_padded(rbm_units(c->shape, side));
	u32 a, w;

	for (a = 0; a < count; a++) {
		u32 chain = who[a];
		u64 *state = rbm_state(c, chain, side);
		const s32 *f = (const s32 *)c->scratch->field[side] + (u64)chain * padded;

		for (w = 0; w < c->words[side]; w++) {
			u64 mask = rbm_free(c, side)[w];
			u64 drawn = rbm_draw_word(c, f + 64 * w, 8 * w | (side ? ARS_HIDDEN : 0),
						  c->run->chain0 + c->first + chain, visit, mask);
			u64 diff = (drawn ^ state[w]) & mask;

			state[w] ^= diff;
			c->changed += rbm_popcount(diff);
			rbm_rest(c, 1024);
		}
	}
}

/* Couplings as they are stored. */
static void add_row(s32 *acc, const void *row, u32 bits, s32 sign)
{
	u32 k;

	if (bits == 8)
		for (k = 0; k < RBM_TILE; k++)
			acc[k] += sign * ((const u8 *)row)[k];
	else
		for (k = 0; k < RBM_TILE; k++)
			acc[k] += sign * ((const s16 *)row)[k];
}

static void accumulate(struct rbm_context *c, enum rbm_side side, const u8 *who, u32 count)
{
	struct rbm_scratch *sc = c->scratch;
	u32 padded = rbm_padded(rbm_units(c->shape, side));
	u32 list = rbm_list(c->shape);
	u32 bits = c->image->bits;
	s32 bias = bits == 8 ? 128 / (s32)c->image->together : 0;
	const s32 *base[2] = { rbm_base(c->shape, c->image, side, 0),
			       rbm_base(c->shape, c->image, side, 1) };
	u32 tile, a, e, k;

	for (tile = 0; tile < padded / RBM_TILE; tile++) {
		struct rbm_rows rows = rbm_rows(c->shape, c->image, side, tile);
		const u8 *w = (const u8 *)c->image + rows.at;

		for (a = 0; a < count; a++) {
			u32 chain = who[a];
			s32 *f = (s32 *)sc->field[side] + (u64)chain * padded + tile * RBM_TILE;
			const u16 *up = sc->up + (u64)chain * list;
			const u16 *down = sc->down + (u64)chain * list;
			s32 excess = (s32)(sc->ups[chain] - sc->downs[chain]) * bias;
			const s32 *start = base[*rbm_state(c, chain, !side) & 1];
			s32 acc[RBM_TILE] = { 0 };

			for (e = 0; e < sc->ups[chain]; e++) {
				add_row(acc, w + (u64)up[e] * rows.row, bits, 1);
				rbm_rest(c, bits / 2);
			}
			for (e = 0; e < sc->downs[chain]; e++) {
				add_row(acc, w + (u64)down[e] * rows.row, bits, -1);
				rbm_rest(c, bits / 2);
			}
			for (k = 0; k < RBM_TILE; k++) {
				u32 place = bits == 8 ? rbm_place8(k) : k, at = tile * RBM_TILE + k;
				s32 from = sc->valid[side][chain] ? f[k] : start[at];

				from += sc->first[chain] * (base[1][at] - base[0][at]);
				f[k] = from + 2 * (acc[place] - excess);
			}
			rbm_rest(c, 16);
		}
	}
}

/* 64 x 64 bits, in place: bit k of row i becomes bit i of row k. */
static void transpose64(u64 *a)
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

static void make_columns(struct rbm_context *c)
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
			transpose64(t);
			for (k = 0; k < 64; k++)
				c->scratch->columns[(64 * (u64)w + k) * (RBM_BATCH / 64) + part] =
					t[k];
			rbm_rest(c, 512);
		}
	}
}

/* Sums of one side: 2 (samples in which the p-bit is +1) - samples. */
static void moments_side(struct rbm_context *c, s64 *sums, const u64 *columns, u32 units)
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
static void moments_row(struct rbm_context *c, u32 i, const u64 *vi, const u64 *h)
{
	s32 samples = (s32)c->scratch->batched;
	u32 m = c->shape->m, from, j;
	u64 row = (u64)i * m;

	for (from = 0; from < m; from += MOMENTS_PART) {
		u32 to = m - from < MOMENTS_PART ? m : from + MOMENTS_PART;

		for (j = from; j < to; j++) {
			const u64 *hj = h + j * (RBM_BATCH / 64);
			u32 differ = rbm_popcount(vi[0] ^ hj[0]) + rbm_popcount(vi[1] ^ hj[1]) +
				     rbm_popcount(vi[2] ^ hj[2]) + rbm_popcount(vi[3] ^ hj[3]);
			s32 sum = samples - 2 * (s32)differ;

			if (!c->sums->near)
				c->sums->vh[row + j] += sum;
			else if (c->sums->nearer)
				c->sums->near[row + j] = (s16)(c->sums->near[row + j] + sum);
			else
				c->sums->near[row + j] = (s16)sum;
		}
		rbm_rest(c, to - from);
	}
}

static void moments_scalar(struct rbm_context *c, u32 from, u32 to)
{
	const u64 *v = c->scratch->columns;
	const u64 *h = v + (u64)c->words[0] * RBM_BATCH;
	u32 i;

	if (!from) {
		make_columns(c);
		moments_side(c, c->sums->v, v, c->shape->n);
		moments_side(c, c->sums->h, h, c->shape->m);
	}
	for (i = from; rbm_has_products(c->sums) && i < to; i++)
		moments_row(c, i, v + i * (u64)(RBM_BATCH / 64), h);
}

const struct rbm_route rbm_route_scalar = {
	.list = rbm_list_generic,
	.accumulate = accumulate,
	.draw = rbm_draw_generic,
	.draw_spread = rbm_draw_spread,
	.moments = moments_scalar,
};
