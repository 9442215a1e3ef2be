/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The vector routes: p-bits are drawn from their fields. Included by rbm_vector.h. */
#ifndef PBM_RBM_DRAW_H
#define PBM_RBM_DRAW_H

#include "rbm_generic.h"
#include "simd.h"

#define WORD_VECTORS (64 / SIMD_LANES)
#define DRAW_VECTORS 4 /* at once, for what takes one instruction after the other */
#define AT_ONCE	     2
#define DRAW_WORDS   (DRAW_VECTORS / WORD_VECTORS)
#define HALF_WORD    (WORD_VECTORS / 2)

/* Constants of the draws of a side: round keys, counters, the law. Read from memory. */
struct draw_keys {
	vec64s round[ARS_ROUNDS + 1];
	vec64s counter[WORD_VECTORS]; /* with the first round key; word 0 and the chain are zero */
};

struct draw_law {
	vec16u max, over, whole, slope; /* over = max + 1 */
	vec16u band, twice;		/* band + 1 and 2 band */
	u16 shift, hot, down;
};

simd_inline void keys_init(struct draw_keys *keys, const struct rbm_context *c, u32 visit)
{
	struct ars_block at = ars_counter(0, 0, c->sweep, visit, ARS_USE_UPPER);
#if SIMD_BYTES == 64
	const vec64s in_vector = { 0, 0, 1, 0, 2, 0, 3, 0 };
#else
	const vec64s in_vector = { 0, 0, 1, 0 };
#endif
	u32 r, q;

	for (r = 0; r <= ARS_ROUNDS; r++)
		keys->round[r] = simd_pairs(c->key.k[r].w[0], c->key.k[r].w[1]);
	for (q = 0; q < WORD_VECTORS; q++)
		keys->counter[q] = simd_pairs(at.w[0] ^ (q * SIMD_BYTES / 16), at.w[1]) ^
				   keys->round[0] ^ in_vector;
}

/* Words of p-bits: blocks of 8 lanes, lanes in p-bit order. group is a multiple of 8. */
simd_inline void random_words(const struct draw_keys *k, u32 group, u32 chain, u32 vectors,
			      vec16u out[DRAW_VECTORS])
{
	vec64s x[DRAW_VECTORS];
	u32 q, r;

	for_unrolled(q, vectors)
		x[q] = simd_pairs((u64)chain << 32 | (group + q / WORD_VECTORS * 8), 0) ^
		       k->counter[q % WORD_VECTORS];
	for_unrolled(r, ARS_ROUNDS) {
		for_unrolled(q, vectors)
			x[q] = simd_aes_all(x[q], k->round[r + 1], r + 1 == ARS_ROUNDS);
	}
	for_unrolled(q, vectors)
		out[q] = (vec16u)x[q];
}

/* e 2^-n for n up to 15; with 256 bits e - 1 for n = 0. */
simd_inline vec16u scale_down(vec16u e, vec16u n)
{
#if SIMD_BYTES == 64
	return e >> n;
#else
	/* 2^(16-n), low and high bytes; n = 0 gives 65535 */
	const vec16u low =
		(vec16u)(vec8u){ 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 128, 64, 32, 16, 8, 4, 2,
				 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 128, 64, 32, 16, 8, 4, 2 };
	const vec16u high =
		(vec16u)(vec8u){ 0xff, 128, 64, 32, 16, 8, 4, 2, 1, 0, 0, 0, 0, 0, 0, 0,
				 0xff, 128, 64, 32, 16, 8, 4, 2, 1, 0, 0, 0, 0, 0, 0, 0 };

	return simd_mul_high(e, simd_shuffle8(low, n | simd_set16(0x8000)) |
					simd_shuffle8(high, n << 8 | simd_set16(0x80)));
#endif
}

/* pbm_fast_z() of lanes. Step by step for all vectors, so that each step's latency is hidden. */
simd_inline void fast_z(const struct draw_law *law, const vec16s *field, u32 vectors, vec16u *z)
{
	vec16u frac[DRAW_VECTORS], n[DRAW_VECTORS];
	u32 q;

	for_unrolled(q, vectors) {
		vec16u mag = simd_magnitude(field[q]), a = mag << law->shift;

		z[q] = (a & law->whole) + simd_mul_high(a, law->slope);
#if SIMD_BYTES == 64
		z[q] = simd_ones(z[q], simd_less(law->max, mag));
#else
		z[q] |= (vec16u)(simd_max(mag, law->over) == mag);
#endif
	}
	for_unrolled(q, vectors) {
		frac[q] = z[q] << 4;
		n[q] = z[q] >> 12;
		z[q] = simd_set16(PBM_FAST_C2) - simd_mul_high(frac[q], simd_set16(PBM_FAST_C3));
	}
	for_unrolled(q, vectors)
		z[q] = simd_set16(PBM_FAST_C1) - simd_mul_high(frac[q], z[q]);
	for_unrolled(q, vectors)
		z[q] = ~simd_mul_high(frac[q], z[q]);
	for_unrolled(q, vectors)
		z[q] = scale_down(z[q], n[q]);
}

/* What 64 p-bits become, and which of them whole words must decide. */
struct drawn {
	u64 bits, doubt;
};

/* Bits of lanes that are all ones or zeros, or of their signs. */
simd_inline u64 word_mask(const vec16s lanes[WORD_VECTORS])
{
#if SIMD_BYTES == 64
	return simd_signs(lanes[0]) | (u64)simd_signs(lanes[1]) << 32;
#else
	return simd_mask16(lanes[0], lanes[1]) | (u64)simd_mask16(lanes[2], lanes[3]) << 32;
#endif
}

/* Fields that may be beyond what 16 bits hold. */
simd_inline u64 saturated(const vec16s field[WORD_VECTORS])
{
	const vec16s most = (vec16s)simd_set16(32767), least = (vec16s)simd_set16(32768);
	vec16s at[WORD_VECTORS];
	u32 q;

	for_unrolled(q, WORD_VECTORS)
		at[q] = (vec16s)(field[q] == most) | (vec16s)(field[q] == least);
	return word_mask(at);
}

/*
 * With m = z (1 - v), v as in law.h: the less likely side iff v < m, in doubt within the band. A
 * new spin is (less likely) == (negative). u is 1 - v; sum = u + m goes over the edge where v < m.
 */
#if SIMD_BYTES == 64
simd_inline struct drawn verdict(const struct draw_law *law, const vec16s field[WORD_VECTORS],
				 const vec16u m[WORD_VECTORS], const vec16u sum[WORD_VECTORS])
{
	u64 minor = simd_less(sum[0], m[0]) | (u64)simd_less(sum[1], m[1]) << 32;

	return (struct drawn){
		.bits = ~(minor ^ word_mask(field)),
		.doubt = simd_not_more(sum[0] + law->band, law->twice) |
			 (u64)simd_not_more(sum[1] + law->band, law->twice) << 32,
	};
}
#else
simd_inline struct drawn verdict(const struct draw_law *law, const vec16s field[WORD_VECTORS],
				 const vec16u m[WORD_VECTORS], const vec16u sum[WORD_VECTORS])
{
	vec16s even[WORD_VECTORS], doubt[WORD_VECTORS], any = { 0 };
	struct drawn d = { 0, 0 };
	u32 q;

	for_unrolled(q, WORD_VECTORS) {
		vec16u off = sum[q] + law->band;

		even[q] = (vec16s)(simd_min(sum[q], m[q]) == m[q]) ^ (field[q] >> 15);
		doubt[q] = (vec16s)(simd_min(off, law->twice) == off);
		any |= doubt[q];
	}
	d.bits = word_mask(even);
	if (__builtin_expect(simd_any((vec16u)any), 0))
		d.doubt = word_mask(doubt);
	return d;
}
#endif

simd_inline void decide(const struct draw_law *law, vec16s *field, const vec16u *words, u32 vectors,
			struct drawn out[DRAW_WORDS])
{
	vec16u m[DRAW_VECTORS], sum[DRAW_VECTORS];
	u32 q;

	for_unrolled(q, vectors / AT_ONCE)
		fast_z(law, field + q * AT_ONCE, AT_ONCE, m + q * AT_ONCE);
	if (vectors % AT_ONCE)
		fast_z(law, field + vectors - 1, 1, m + vectors - 1);
	for_unrolled(q, vectors) {
#if SIMD_BYTES == 64
		vec16u u = simd_flip(words[q], simd_signs(field[q]));
#else
		vec16u u = words[q] ^ (vec16u)(field[q] >> 15);
#endif

		m[q] = simd_mul_high(u, m[q]);
		sum[q] = u + m[q];
	}
	for (q = vectors; q % WORD_VECTORS; q++) { /* of no p-bits */
		field[q] = (vec16s){ 0 };
		m[q] = (vec16u){ 0 };
		sum[q] = (vec16u){ 0 };
	}
	for_unrolled(q, (vectors + HALF_WORD) / WORD_VECTORS) {
		u32 at = q * WORD_VECTORS;

		out[q] = verdict(law, field + at, m + at, sum + at);
		if (__builtin_expect(law->hot, 0))
			out[q].doubt |= saturated(field + at);
	}
}

simd_inline v2q round_of(const struct rbm_context *c, u32 r)
{
	return (v2q){ (long long)c->key.k[r].w[0], (long long)c->key.k[r].w[1] };
}

/* Decides p-bit k of a word of a chain from its whole random word. */
simd_inline u32 settle(const struct rbm_context *c, enum rbm_side side, u32 visit, u32 chain,
		       u32 word, u32 k)
{
	u32 number = c->run->chain0 + c->first + chain;
	u32 group = (8 * word + k / 8) | (side ? ARS_HIDDEN : 0);
	struct ars_block upper = ars_counter(group, number, c->sweep, visit, ARS_USE_UPPER);
	struct ars_block lower = ars_counter(group, number, c->sweep, visit, ARS_USE_LOWER);
	v2q hi = round_of(c, 0) ^ (v2q) { (long long)upper.w[0], (long long)upper.w[1] };
	v2q lo = round_of(c, 0) ^ (v2q) { (long long)lower.w[0], (long long)lower.w[1] };
	u32 r;

	for (r = 1; r <= ARS_ROUNDS; r++) {
		hi = simd_aes(hi, round_of(c, r), r == ARS_ROUNDS);
		lo = simd_aes(lo, round_of(c, r), r == ARS_ROUNDS);
	}
	upper = (struct ars_block){ { (u64)hi[0], (u64)hi[1] } };
	lower = (struct ars_block){ { (u64)lo[0], (u64)lo[1] } };
	return pbm_decide(rbm_field(c, side, chain, 64 * word + k), c->gain,
			  ars_lane(&upper, k % 8) << 16 | ars_lane(&lower, k % 8));
}

/*
 * Decides what the fast decision left. One does not wait for another, nor the draws for them: each
 * takes longer than the draw of a whole word.
 */
static __attribute__((__noinline__)) void settle_all(struct rbm_context *c, enum rbm_side side,
						     u32 visit, u32 count)
{
	const struct rbm_doubt *doubt = c->scratch->doubts;

	for (; count; count--, doubt++) {
		u64 *state = rbm_state(c, doubt->chain, side) + doubt->word, lanes = doubt->lanes;

		for (; lanes; lanes &= lanes - 1) {
			u32 k = (u32)__builtin_ctzll(lanes);
			u64 spin = settle(c, side, visit, doubt->chain, doubt->word, k);
			u64 flip = (spin ^ *state >> k) & 1;

			*state ^= flip << k;
			c->changed += flip;
			rbm_rest(c, 16);
		}
	}
}

/* Fields as the law takes them: divided if so, and saturated. */
simd_inline void load_fields(const void *fields, const s16 *odd, u32 down, int narrow, u32 vectors,
			     vec16s out[DRAW_VECTORS])
{
	s32 middle = 1 << down >> 1;
	u32 q;

	for_unrolled(q, vectors) {
		if (narrow) {
			vec16s half = ((const vec16s *)fields)[q];

			out[q] = simd_add_saturated(simd_add_saturated(half, half),
						    ((const vec16s *)odd)[q]);
		} else {
			const vec32s *wide = (const vec32s *)fields + 2 * q;

			out[q] = simd_pack32((wide[0] + middle) >> (s32)down,
					     (wide[1] + middle) >> (s32)down);
		}
	}
}

/* Whether the upper half of a side's last word has no p-bits. */
simd_inline u32 has_half_word(u32 units)
{
	return (units - 1) % 64 < 32;
}

/* What the draws of a side share. */
struct draw {
	const struct draw_keys *keys;
	struct draw_law law;
	enum rbm_side side;
	u32 visit;
	u64 stride; /* p-bits between the fields of two chains */
	u32 half;   /* the upper half of the last one has no p-bits */
	const u64 *free;
	const s16 *odd;
	u64 changed;
	u32 doubts; /* in scratch */
};

simd_inline struct draw draw_begin(struct rbm_context *c, enum rbm_side side, u32 visit)
{
	struct draw_keys *keys = (struct draw_keys *)c->scratch->keys;

	keys_init(keys, c, visit);
	return (struct draw){
		.keys = keys,
		.law = { .max = simd_set16(c->fast.max),
			 .over = simd_set16((u16)(c->fast.max + 1)),
			 .whole = simd_set16(c->fast.whole),
			 .slope = simd_set16(c->fast.slope),
			 .band = simd_set16((u16)(c->fast.band + 1)),
			 .twice = simd_set16((u16)(2 * c->fast.band)),
			 .shift = c->fast.shift,
			 .hot = c->fast.hot,
			 .down = c->fast.down },
		.side = side,
		.visit = visit,
		.stride = rbm_padded(rbm_units(c->shape, side)),
		.half = has_half_word(rbm_units(c->shape, side)),
		.free = rbm_free(c, side),
		.odd = rbm_odd(c->image, side),
	};
}

/* Draws words w and on of a chain, as many as `vectors` hold. */
simd_inline void draw_words(struct rbm_context *c, struct draw *d, u32 chain, u32 w, u64 *state,
			    int narrow, u32 vectors)
{
	const u8 *fields = (const u8 *)c->scratch->field[d->side] +
			   (chain * d->stride + 64 * w) * (narrow ? sizeof(s16) : sizeof(s32));
	u32 number = c->run->chain0 + c->first + chain, q;
	u32 group = 8 * w | (d->side ? ARS_HIDDEN : 0);
	struct drawn drawn[DRAW_WORDS];
	vec16u words[DRAW_VECTORS];
	vec16s field[DRAW_VECTORS];

	load_fields(fields, d->odd + 64 * w, d->law.down, narrow, vectors, field);
	random_words(d->keys, group, number, vectors, words);
	decide(&d->law, field, words, vectors, drawn);
	for_unrolled(q, (vectors + HALF_WORD) / WORD_VECTORS) {
		u64 free = d->free[w + q], doubt = drawn[q].doubt & free, diff;

		diff = (drawn[q].bits ^ state[w + q]) & free & ~doubt;
		state[w + q] ^= diff;
		d->changed += rbm_popcount(diff);
		c->scratch->doubts[d->doubts] =
			(struct rbm_doubt){ doubt, (u16)chain, (u16)(w + q) };
		d->doubts += doubt != 0;
	}
	if (__builtin_expect(d->doubts > RBM_DOUBTS - DRAW_WORDS, 0)) {
		settle_all(c, d->side, d->visit, d->doubts);
		d->doubts = 0;
	}
	rbm_rest(c, 64 * (vectors / WORD_VECTORS));
}

/* Words from .. to - 1 of a chain. */
simd_inline void draw_some(struct rbm_context *c, struct draw *d, u32 chain, u32 from, u32 to,
			   int narrow)
{
	u64 *state = rbm_state(c, chain, d->side);
	u32 half = d->half && to == c->words[d->side];

	for (; from + DRAW_WORDS <= to - half; from += DRAW_WORDS)
		draw_words(c, d, chain, from, state, narrow, DRAW_VECTORS);
	if (from == to)
		return;
	if (DRAW_WORDS > 1 && !half)
		draw_words(c, d, chain, from, state, narrow, WORD_VECTORS);
	else if (DRAW_WORDS == 1 || from + 1 == to)
		draw_words(c, d, chain, from, state, narrow, HALF_WORD);
	else
		draw_words(c, d, chain, from, state, narrow, DRAW_VECTORS - HALF_WORD);
}

simd_inline void draw_end(struct rbm_context *c, const struct draw *d)
{
	settle_all(c, d->side, d->visit, d->doubts);
	c->changed += d->changed;
}

static void draw_vector(struct rbm_context *c, enum rbm_side side, u32 visit, const u8 *who,
			u32 count)
{
	struct draw d = draw_begin(c, side, visit);
	u32 i;

	for (i = 0; i < count; i++)
		if (c->narrow)
			draw_some(c, &d, who[i], 0, c->words[side], 1);
		else
			draw_some(c, &d, who[i], 0, c->words[side], 0);
	draw_end(c, &d);
}

#endif
