/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The vector routes, with AVX2; with VAES where PBM_HAVE_VAES is defined by the file that includes
 * this. Lanes are p-bits. Bits are those of the scalar route.
 */
#ifndef PBM_RBM_VECTOR_H
#define PBM_RBM_VECTOR_H

#include "rbm_generic.h"
#include "simd.h"

#ifdef __clang__
#define for_unrolled(i, n) _Pragma("clang loop unroll(full)") for (i = 0; i < (n); i++)
#else
#define for_unrolled(i, n) _Pragma("GCC unroll 8") for (i = 0; i < (n); i++)
#endif

/*
 * Adds the rows of events to one tile of one chain's fields: `together` rows are added as bytes
 * (their sum fits, by the image's largest coupling), then widened. y holds 128 + sum; a gets whole
 * 16-bit lanes, b the odd bytes, so that a - (b << 8) are the sums of the even bytes.
 */
simd_inline void add_events(const u8 *tile, const u16 *at, u32 count, u32 together, int down,
			    v16u *a, v16u *b)
{
	const v32b bias = simd_set8(128);
	u32 e, r, q;

	for (e = 0; e < count; e += together) {
		v32b y[2] = { bias, bias };

		for_unrolled(r, together) {
			const u8 *row = tile + (u64)at[e + r] * RBM_TILE;

			for_unrolled(q, 2)
				y[q] = down ? y[q] - simd_load(row + 32 * q) :
					      y[q] + simd_load(row + 32 * q);
		}
		for_unrolled(q, 2) {
			a[q] += (v16u)y[q];
			b[q] += (v16u)y[q] >> 8;
		}
	}
}

/* Sums of rows, signed, of one tile: outputs 0..15, 32..47 in even, 16..31, 48..63 in odd. */
struct tile_sums {
	v16u even[2], odd[2];
};

simd_inline struct tile_sums sum_events(const u8 *tile, const u16 *up, u32 ups, const u16 *down,
					u32 downs, u32 together)
{
	const v16u bias = simd_set16((u16)(128 * ((ups + downs) / together)));
	v16u a[2] = { 0 }, b[2] = { 0 };
	struct tile_sums t;
	u32 q;

	add_events(tile, up, ups, together, 0, a, b);
	add_events(tile, down, downs, together, 1, a, b);
	for_unrolled(q, 2) {
		t.even[q] = a[q] - (b[q] << 8) - bias;
		t.odd[q] = b[q] - bias;
	}
	return t;
}

#define NARROW_EVENTS 512 /* of a kind, between rests */

/* s16 fields: all sums are taken modulo 2^16, and the fields they give are known to fit. */
simd_inline void accumulate_narrow(struct rbm_context *c, enum rbm_side side, const u8 *who,
				   u32 count, u32 together)
{
	struct rbm_scratch *sc = c->scratch;
	u32 padded = rbm_padded(rbm_units(c->shape, side)), list = rbm_list(c->shape);
	const s32 *base = rbm_base(c->image, side);
	u32 tile, i, q, k;

	for (tile = 0; tile < padded / RBM_TILE; tile++) {
		const u8 *w = rbm_tile(c, side, tile);
		v16u start[4];

		for (q = 0; q < 4; q++)
			for (k = 0; k < 16; k++)
				start[q][k] = (u16)base[tile * RBM_TILE + 16 * q + k];
		for (i = 0; i < count; i++) {
			u32 chain = who[i], ups = sc->ups[chain], downs = sc->downs[chain];
			const u16 *up = sc->up + (u64)chain * list;
			const u16 *down = sc->down + (u64)chain * list;
			v16u *f = (v16u *)((s16 *)sc->field[side] + (u64)chain * padded +
					   tile * RBM_TILE);
			const v16u *from = sc->valid[side][chain] ? f : start;

			do {
				u32 u = ups < NARROW_EVENTS ? ups : NARROW_EVENTS;
				u32 d = downs < NARROW_EVENTS ? downs : NARROW_EVENTS;
				struct tile_sums t = sum_events(w, up, u, down, d, together);

				for_unrolled(q, 2) {
					f[2 * q] = from[2 * q] + t.even[q] + t.even[q];
					f[2 * q + 1] = from[2 * q + 1] + t.odd[q] + t.odd[q];
				}
				from = f;
				up += u;
				ups -= u;
				down += d;
				downs -= d;
				rbm_rest(c, u + d + 8);
			} while (ups | downs);
		}
	}
}

/* Events of one pass into s32 fields: 256 rows of at most 127 still sum within s16. */
#define WIDE_EVENTS 256

simd_inline void add_wide(s32 *f, const struct tile_sums *t)
{
	u32 q, k;

	for_unrolled(q, 2) {
		const s16 *even = (const s16 *)&t->even[q], *odd = (const s16 *)&t->odd[q];

		for (k = 0; k < 16; k++)
			f[32 * q + k] += 2 * even[k];
		for (k = 0; k < 16; k++)
			f[32 * q + 16 + k] += 2 * odd[k];
	}
}

/* s8 couplings whose fields do not fit s16. */
simd_inline void accumulate_wide(struct rbm_context *c, enum rbm_side side, const u8 *who,
				 u32 count, u32 together)
{
	struct rbm_scratch *sc = c->scratch;
	u32 padded = rbm_padded(rbm_units(c->shape, side)), list = rbm_list(c->shape);
	const s32 *base = rbm_base(c->image, side);
	u32 tile, i, k, e;

	for (tile = 0; tile < padded / RBM_TILE; tile++) {
		const u8 *w = rbm_tile(c, side, tile);

		for (i = 0; i < count; i++) {
			u32 chain = who[i], ups = sc->ups[chain], downs = sc->downs[chain];
			s32 *f = (s32 *)sc->field[side] + (u64)chain * padded + tile * RBM_TILE;
			const u16 *up = sc->up + (u64)chain * list;
			const u16 *down = sc->down + (u64)chain * list;

			for (k = 0; !sc->valid[side][chain] && k < RBM_TILE; k++)
				f[k] = base[tile * RBM_TILE + k];
			for (e = 0; e < ups; e += WIDE_EVENTS) {
				u32 some = ups - e < WIDE_EVENTS ? ups - e : WIDE_EVENTS;
				struct tile_sums t = sum_events(w, up + e, some, down, 0, together);

				add_wide(f, &t);
				rbm_rest(c, some + 8);
			}
			for (e = 0; e < downs; e += WIDE_EVENTS) {
				u32 some = downs - e < WIDE_EVENTS ? downs - e : WIDE_EVENTS;
				struct tile_sums t = sum_events(w, up, 0, down + e, some, together);

				add_wide(f, &t);
				rbm_rest(c, some + 8);
			}
			rbm_rest(c, 16);
		}
	}
}

/* Rows whose sum still fits a signed byte are added as bytes. */
static void accumulate_vector(struct rbm_context *c, enum rbm_side side, const u8 *who, u32 count)
{
	u32 max = c->image->max;

	if (c->image->bits != 8)
		rbm_accumulate_generic(c, side, who, count);
	else if (c->narrow && max <= 31)
		accumulate_narrow(c, side, who, count, 4);
	else if (c->narrow && max <= 63)
		accumulate_narrow(c, side, who, count, 2);
	else if (c->narrow)
		accumulate_narrow(c, side, who, count, 1);
	else if (max <= 63)
		accumulate_wide(c, side, who, count, 2);
	else
		accumulate_wide(c, side, who, count, 1);
}

/* Constants of a draw, in registers. */
struct draw_keys {
	v4q round[ARS_ROUNDS + 1];
};

/* Words of 64 p-bits: 8 blocks of 8 lanes, lanes in p-bit order. */
simd_inline void random_words(const struct draw_keys *k, u32 group, u32 chain, u64 sweep, u32 visit,
			      v16u out[4])
{
	struct ars_block c0 = ars_counter(group, chain, sweep, visit, ARS_USE_UPPER);
	v4q x[4];
	u32 q, r;

	for_unrolled(q, 4) {
		long long lo = (long long)(c0.w[0] + 2 * q), hi = (long long)c0.w[1];

		x[q] = (v4q){ lo, hi, lo + 1, hi } ^ k->round[0];
	}
	for_unrolled(r, ARS_ROUNDS) {
		for_unrolled(q, 4)
			x[q] = simd_aes2(x[q], k->round[r + 1], r + 1 == ARS_ROUNDS);
	}
	for_unrolled(q, 4)
		out[q] = (v16u)x[q];
}

/* pbm_fast_margin() on 16 lanes; *ret_minor: lanes that take the less likely side. */
simd_inline v16u fast_lanes(const struct pbm_fast *f, v16s field, v16u word, v16s *ret_bits)
{
	/* 2^(16-n) for n = 0..15, low and high bytes; n = 0 gives 65535 */
	const v16u low = (v16u)(v32b){ 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 128, 64, 32, 16, 8, 4, 2,
				       0xff, 0, 0, 0, 0, 0, 0, 0, 0, 128, 64, 32, 16, 8, 4, 2 };
	const v16u high = (v16u)(v32b){ 0xff, 128, 64, 32, 16, 8, 4, 2, 1, 0, 0, 0, 0, 0, 0, 0,
					0xff, 128, 64, 32, 16, 8, 4, 2, 1, 0, 0, 0, 0, 0, 0, 0 };
	v16s negative = field >> 15;
	v16u mag = (v16u)((field ^ negative) - negative);
	v16u a = mag << f->shift;
	v16u y = ((a & simd_set16(f->whole)) + simd_mul_high(a, simd_set16(f->slope))) |
		 (v16u)((v16s)mag > (v16s)simd_set16(f->max));
	v16u frac = y << 4, n = y >> 12, t, e, p, v, m;

	t = simd_set16(PBM_FAST_C2) - simd_mul_high(frac, simd_set16(PBM_FAST_C3));
	t = simd_set16(PBM_FAST_C1) - simd_mul_high(frac, t);
	e = ~simd_mul_high(frac, t);
	p = simd_shuffle8(low, n | simd_set16(0x8000)) |
	    simd_shuffle8(high, n << 8 | simd_set16(0x80));
	v = word ^ (v16u)~negative;
	m = simd_mul_high(~v, simd_mul_high(e, p));
	/* v < m, unsigned; new spin = (minor == negative) */
	*ret_bits = (v16s)(v < m) ^ ~negative;
	/* |v - m| <= band, as unsigned 0 .. 2 band after a shift */
	return (v16u)(v - m + simd_set16(PBM_FAST_BAND) <= simd_set16(2 * PBM_FAST_BAND));
}

/* Decides the lanes of doubt from whole words. field(k) gives the exact field of p-bit k. */
static __attribute__((__noinline__)) u64 settle(struct rbm_context *c, const void *fields,
						const v16u words[4], u32 group, u32 chain,
						u32 visit, u64 doubt, u64 bits)
{
	for (; doubt; doubt &= doubt - 1) {
		u32 k = (u32)__builtin_ctzll(doubt);
		struct ars_block lower =
			ars_counter(group + k / 8, chain, c->sweep, visit, ARS_USE_LOWER);
		struct ars_block lo = ars_encrypt(&c->key, lower, ARS_ROUNDS);
		u32 word = (u32)((const u16 *)words)[k] << 16 | ars_lane(&lo, k % 8);
		s32 f = c->narrow ? ((const s16 *)fields)[k] : ((const s32 *)fields)[k];

		bits = (bits & ~(1ull << k)) | (u64)pbm_decide(f, c->gain, word) << k;
		rbm_rest(c, 16);
	}
	return bits;
}

simd_inline u64 draw_word(struct rbm_context *c, const struct draw_keys *keys, const void *fields,
			  u32 group, u32 chain, u32 visit, u64 mask, int narrow)
{
	v16u words[4], doubt[4], any;
	v16s bits[4];
	u64 out;
	u32 q;

	random_words(keys, group, chain, c->sweep, visit, words);
	for_unrolled(q, 4) {
		v16s f;

		if (narrow) {
			f = ((const v16s *)fields)[q];
		} else {
			const v8s *wide = (const v8s *)fields + 2 * q;

			f = simd_pack32(wide[0], wide[1]);
			/* -32768 has no magnitude */
			f -= (v16s)(f == (v16s)simd_set16(0x8000));
		}
		doubt[q] = fast_lanes(&c->fast, f, words[q], &bits[q]);
		if (!narrow && c->fast.hot)
			doubt[q] |= (v16u)((f == (v16s)simd_set16(32767)) |
					   (f == -(v16s)simd_set16(32767)));
	}
	out = simd_mask16(bits[0], bits[1]) | (u64)simd_mask16(bits[2], bits[3]) << 32;
	any = doubt[0] | doubt[1] | doubt[2] | doubt[3];
	if (__builtin_expect(simd_any(any), 0)) {
		u64 d = simd_mask16((v16s)doubt[0], (v16s)doubt[1]) |
			(u64)simd_mask16((v16s)doubt[2], (v16s)doubt[3]) << 32;

		if (d & mask)
			out = settle(c, fields, words, group, chain, visit, d & mask, out);
	}
	return out;
}

simd_inline void draw_side(struct rbm_context *c, enum rbm_side side, u32 visit, const u8 *who,
			   u32 count, int narrow)
{
	u32 padded = rbm_padded(rbm_units(c->shape, side));
	u32 size = narrow ? sizeof(s16) : sizeof(s32);
	struct draw_keys *keys = (struct draw_keys *)c->scratch->keys;
	u32 i, w, r;

	for (r = 0; r <= ARS_ROUNDS; r++) {
		long long lo = (long long)c->key.k[r].w[0], hi = (long long)c->key.k[r].w[1];

		keys->round[r] = (v4q){ lo, hi, lo, hi };
	}
	for (i = 0; i < count; i++) {
		u32 chain = who[i], number = c->run->chain0 + c->first + chain;
		u64 *state = rbm_state(c, chain, side);
		const u8 *f = (const u8 *)c->scratch->field[side] + (u64)chain * padded * size;

		for (w = 0; w < c->words[side]; w++) {
			u64 mask = rbm_free_mask(c, side, w);
			u32 word0 = 8 * w | (side ? ARS_HIDDEN : 0);
			u64 drawn = draw_word(c, keys, f + 64ull * w * size, word0, number, visit,
					      mask, narrow);
			u64 diff = (drawn ^ state[w]) & mask;

			state[w] ^= diff;
			c->changed += rbm_popcount(diff);
			rbm_rest(c, 64);
		}
	}
}

static void draw_vector(struct rbm_context *c, enum rbm_side side, u32 visit, const u8 *who,
			u32 count)
{
	if (c->narrow)
		draw_side(c, side, visit, who, count, 1);
	else
		draw_side(c, side, visit, who, count, 0);
}

#define RBM_VECTOR_ROUTE                                                           \
	{                                                                          \
		.narrow = 1, .accumulate = accumulate_vector, .draw = draw_vector, \
		.draw_spread = rbm_draw_spread, .moments = rbm_moments_generic,    \
	}

#endif
