/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The vector routes: moments. The sum of v_i h_j over the samples is their number less twice those
 * in which the two differ. Four samples of a p-bit are a nibble; that of a hidden p-bit looks up,
 * in one of 256 tables, in how many it differs from the nibbles of two visible p-bits: lanes are
 * hidden p-bits, and a byte counts for two rows of the sums. Included by rbm_vector.h.
 */
#ifndef PBM_RBM_MOMENTS_H
#define PBM_RBM_MOMENTS_H

#include "rbm_generic.h"
#include "simd.h"

#define TILE_VECTORS (RBM_TILE / SIMD_BYTES) /* of a tile's row of bytes */
#define NIBBLES	     (RBM_BATCH / 4)
#define TOGETHER     3 /* nibbles whose differences (at most 4) still fit one */
#define PAIRS	     (RBM_ROWS / 2)
#define MOST_VECTORS 2

/* [tile][nibble][64]: of hidden p-bits k and 32 + k at 2 k and 2 k + 1; of visible ones by pair. */
static inline u8 *nibbles_of(const struct rbm_context *c, enum rbm_side side)
{
	u64 before = side ? (u64)c->words[0] * RBM_TILE : 0;

	return (u8 *)c->scratch->columns + before * RBM_COLUMN;
}

/* By byte of a tile: the byte of a word that holds its p-bit's state, and the bit of it. */
struct places {
	u8 byte[RBM_TILE], bit[RBM_TILE];
} __attribute__((aligned(64)));

static inline void make_places(enum rbm_side side, struct places *p)
{
	u32 k;

	for (k = 0; k < RBM_TILE; k++) {
		u32 unit = side ? k / 2 + 32 * (k % 2) : k;

		p->byte[k] = (u8)(unit / 8);
		p->bit[k] = (u8)(1u << unit % 8);
	}
}

/* Four samples of the p-bits of a vector, from as many words. */
simd_inline vec16u nibbles(const u64 words[4], const struct places *p, u32 q)
{
	vec8u byte = simd_load(p->byte + q * SIMD_BYTES), bit = simd_load(p->bit + q * SIMD_BYTES);
	vec8u x = { 0 };
	u32 s;

	for_unrolled(s, 4) {
		vec16u all = (vec16u)simd_pairs(words[s], words[s]);
		vec8u has = (vec8u)simd_shuffle8(all, (vec16u)byte) & bit;

		x |= (vec8u)(has == bit) & (u8)(1u << s);
	}
	return (vec16u)x;
}

/* Nibbles that have samples, in whole steps. */
static inline u32 used_nibbles(const struct rbm_context *c)
{
	u32 used = ((c->scratch->batched + 3) / 4 + TOGETHER - 1) / TOGETHER * TOGETHER;

	return used < NIBBLES ? used : NIBBLES;
}

/* The last nibble is counted by itself, whether it has samples or not. */
static inline u32 next_nibble(u32 g, u32 used)
{
	return g + 1 < used || g == NIBBLES - 1 ? g + 1 : NIBBLES - 1;
}

/* Of the p-bits of a word; ups[64]: samples in which each byte's p-bit is +1, even bytes first. */
simd_inline void word_nibbles(const struct rbm_context *c, enum rbm_side side, u32 w,
			      const struct places *places, u8 *to, u16 *ups)
{
	u32 stride = c->words[0] + c->words[1], batched = c->scratch->batched, g, s, q;
	u32 used = used_nibbles(c);
	const u64 *batch = c->scratch->batch + (side ? c->words[0] : 0) + w;
	const vec16u count = (vec16u)simd_load_twice(c->scratch->differ[0]);
	vec16u even[TILE_VECTORS], odd[TILE_VECTORS];

	for_unrolled(q, TILE_VECTORS) {
		even[q] = (vec16u){ 0 };
		odd[q] = (vec16u){ 0 };
	}
	for (g = 0; g < NIBBLES; g = next_nibble(g, used)) {
		u64 words[4];

		for_unrolled(s, 4)
			words[s] = 4 * g + s < batched ? batch[(u64)(4 * g + s) * stride] : 0;
		for_unrolled(q, TILE_VECTORS) {
			vec16u x = nibbles(words, places, q), up = simd_shuffle8(count, x);

			even[q] += up & 0xf;
			odd[q] += up >> 8 & 0xf;
			if (side == RBM_VISIBLE) /* a pair's table, from the first one */
				x = (x << 4 | x) & 0xff0;
			((vec16u *)(to + g * RBM_TILE))[q] = x;
		}
	}
	for_unrolled(q, TILE_VECTORS) {
		((vec16u *)ups)[q] = even[q];
		((vec16u *)ups)[TILE_VECTORS + q] = odd[q];
	}
}

/* Nibbles of one side, and its own sums: 2 (samples in which a p-bit is +1) - samples. */
static void make_nibbles(struct rbm_context *c, enum rbm_side side, s64 *sums)
{
	u32 units = rbm_units(c->shape, side), w, k;
	u16 *ups = (u16 *)c->scratch->moments;
	u8 *to = nibbles_of(c, side);
	struct places places;

	make_places(side, &places);
	for (w = 0; w < c->words[side]; w++) {
		if (side == RBM_VISIBLE)
			word_nibbles(c, RBM_VISIBLE, w, &places, to, ups);
		else
			word_nibbles(c, RBM_HIDDEN, w, &places, to, ups);
		for (k = 0; sums && k < 64 && 64 * w + k < units; k++) {
			u32 at = side ? k : k / 2 + 32 * (k % 2);

			sums[64 * w + k] += 2 * (s64)ups[at] - c->scratch->batched;
		}
		to += RBM_TILE * RBM_COLUMN;
		rbm_rest(c, 256);
	}
}

/* differ[a | b << 4][x]: bits in which x differs from a, and from b in the upper nibble. */
static void make_tables(struct rbm_context *c)
{
	u64 *to = c->scratch->differ[0];
	u32 k, x;

	for (k = 0; k < 32; k++) { /* b = 0 without the upper nibble, for all to be made of */
		to[k] = 0;
		for (x = 0; x < 8; x++)
			to[k] |= (u64)rbm_popcount(k / 2 ^ (k % 2 * 8 + x)) << 8 * x;
	}
	for (k = 512; k--;)
		to[k] = to[k % 32] | to[k / 32 * 2 + k % 2] << 4;
	rbm_rest(c, 256);
}

simd_inline vec8u differ(const struct rbm_context *c, u32 pair, const u8 *h)
{
	vec16u table = (vec16u)simd_load_twice((const u8 *)c->scratch->differ + pair);

	return (vec8u)simd_shuffle8(table, *(const vec16u *)h);
}

/* Sums of bytes that are two nibbles: whole, and the upper ones. */
struct pair_sums {
	vec8u whole, upper;
};

#define PAIR_STRIDE (RBM_TILE / 2)

/* Of some pairs and vectors, all nibbles but the last, which might not fit. */
simd_inline void count_pairs(const struct rbm_context *c, const u16 *pair, const u8 *const *h,
			     u32 vectors, u32 groups, struct pair_sums *s)
{
	u32 g, p, q, r;

	for_unrolled(p, PAIRS)
		for_unrolled(q, vectors)
			s[p * MOST_VECTORS + q] = (struct pair_sums){ { 0 }, { 0 } };
	for (g = 0; g < groups; g += TOGETHER) {
		for_unrolled(p, PAIRS) {
			vec8u x[MOST_VECTORS];

			for_unrolled(r, TOGETHER) {
				u32 which = pair[(g + r) * PAIR_STRIDE + p];

				for_unrolled(q, vectors) {
					vec8u y = differ(c, which, h[q] + (g + r) * RBM_TILE);

					x[q] = r ? x[q] + y : y;
				}
			}
			for_unrolled(q, vectors) {
				struct pair_sums *to = &s[p * MOST_VECTORS + q];

				to->whole += x[q];
				to->upper += (vec8u)((vec16u)x[q] >> 4 & 0x0f0f);
			}
		}
	}
}

/* Bytes to samples - 2 bytes: the even ones, then the odd ones. last: what is to be added first. */
simd_inline void put_moments(vec8u bytes, vec8u last, u32 samples, s16 *even, s16 *odd)
{
	vec16u e = ((vec16u)bytes & 0xff) + ((vec16u)last & 0xff);
	vec16u o = ((vec16u)bytes >> 8) + ((vec16u)last >> 8);

	*(vec16u *)even = simd_set16((u16)samples) - (e + e);
	*(vec16u *)odd = simd_set16((u16)samples) - (o + o);
}

/* Moments of RBM_ROWS rows with the p-bits of some vectors. */
simd_inline void moments_of(const struct rbm_context *c, const u16 *pair, const u8 *const *h,
			    u32 vectors)
{
	u32 samples = c->scratch->batched, groups = (samples + 3) / 4, p, q;
	struct pair_sums s[PAIRS * MOST_VECTORS];

	count_pairs(c, pair, h, vectors, groups < NIBBLES ? groups : NIBBLES - 1, s);
	for_unrolled(p, PAIRS) {
		for_unrolled(q, vectors) {
			const struct pair_sums *x = &s[p * MOST_VECTORS + q];
			vec8u last = differ(c, pair[(NIBBLES - 1) * PAIR_STRIDE + p],
					    h[q] + (NIBBLES - 1) * RBM_TILE);
			vec8u first = (vec8u)((vec16u)x->upper << 4 & 0xf0f0);
			u32 at = q / TILE_VECTORS * RBM_TILE + q % TILE_VECTORS * SIMD_LANES;

			put_moments(x->whole - first, last & 15, samples,
				    c->scratch->moments[2 * p] + at,
				    c->scratch->moments[2 * p] + at + RBM_TILE / 2);
			put_moments(x->upper, (vec8u)((vec16u)last >> 4 & 0x0f0f), samples,
				    c->scratch->moments[2 * p + 1] + at,
				    c->scratch->moments[2 * p + 1] + at + RBM_TILE / 2);
		}
	}
}

#define LANES64 (SIMD_BYTES / 8)
typedef long long vec_sums __attribute__((vector_size(SIMD_BYTES), aligned(8)));
typedef s16 vec_near __attribute__((vector_size(SIMD_BYTES), aligned(2)));

simd_inline void add_moments(s64 *sums, const s16 *moments, u32 count)
{
	u32 k;

	for (k = 0; k + LANES64 <= count; k += LANES64)
		*(vec_sums *)(sums + k) += simd_widen64(moments + k);
	for (; k < count; k++)
		sums[k] += moments[k];
}

simd_inline void add_near(s16 *sums, const s16 *moments, u32 count, int set)
{
	u32 k;

	for (k = 0; k + SIMD_LANES <= count; k += SIMD_LANES) {
		vec_near x = *(const vec_near *)(moments + k);

		*(vec_near *)(sums + k) = set ? x : *(vec_near *)(sums + k) + x;
	}
	for (; k < count; k++)
		sums[k] = (s16)((set ? 0 : sums[k]) + moments[k]);
}

static void moments_rows(struct rbm_context *c, u32 from, u32 to)
{
	const u8 *h = nibbles_of(c, RBM_HIDDEN), *v = nibbles_of(c, RBM_VISIBLE);
	const u32 m = c->shape->m, most = MOST_VECTORS / TILE_VECTORS;
	const u16 *pair = (const u16 *)(v + (u64)(from / RBM_TILE) * RBM_TILE * RBM_COLUMN) +
			  from % RBM_TILE / 2;
	u32 t, r, q;

	for (t = 0; t < c->words[1]; t += most) {
		u32 count = m - t * RBM_TILE;
		const u8 *vectors[MOST_VECTORS];

		for_unrolled(q, MOST_VECTORS)
			vectors[q] = h + (t + q / TILE_VECTORS) * (u64)RBM_TILE * RBM_COLUMN +
				     q % TILE_VECTORS * SIMD_BYTES;
		if (TILE_VECTORS == 1 && t + 1 == c->words[1])
			moments_of(c, pair, vectors, TILE_VECTORS);
		else
			moments_of(c, pair, vectors, MOST_VECTORS);
		if (count > most * RBM_TILE)
			count = most * RBM_TILE;
		for (r = 0; r < RBM_ROWS && from + r < to; r++) {
			u64 at = (u64)(from + r) * m + t * RBM_TILE;

			if (!c->sums->near)
				add_moments(c->sums->vh + at, c->scratch->moments[r], count);
			else if (c->sums->nearer)
				add_near(c->sums->near + at, c->scratch->moments[r], count, 0);
			else
				add_near(c->sums->near + at, c->scratch->moments[r], count, 1);
		}
		rbm_rest(c, 3 * most * RBM_TILE);
	}
}

/* Rows from a multiple of RBM_ROWS on. */
static void moments_vector(struct rbm_context *c, u32 from, u32 to)
{
	if (!from) {
		make_tables(c);
		make_nibbles(c, RBM_VISIBLE, c->sums->v);
		make_nibbles(c, RBM_HIDDEN, c->sums->h);
	}
	for (; rbm_has_products(c->sums) && from < to; from += RBM_ROWS)
		moments_rows(c, from, to);
}

#endif
