/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The vector routes: events, and the rows that they add to the fields. The file that includes this
 * says which instructions there are: SIMD_BYTES is 64 with AVX-512, PBM_HAVE_VAES. Lanes are
 * p-bits. Bits are those of the scalar route.
 */
#ifndef PBM_RBM_VECTOR_H
#define PBM_RBM_VECTOR_H

#include "rbm_draw.h"
#include "rbm_moments.h"

#define FIELD_VECTORS (RBM_TILE / SIMD_LANES) /* of a tile's fields as s16 */

/* Tiles that events are added to together: as many as there are registers for. */
#define MOST_TILES (SIMD_BYTES == 64 ? 4 : 2)
/*
 * Rows of so many inputs come from the second cache whatever is done. Where several chains read
 * them, two tiles at a time leave more of them in the nearest.
 */
#define FAR_INPUTS 384u
#define FAR_CHAINS 8u

/* Lists the set bits of a word as p-bit numbers; so many at a time, without a branch. */
#if SIMD_BYTES == 64
#define LIST_STEP 16u

typedef u16 v16u_unaligned __attribute__((vector_size(32), aligned(2)));

simd_inline void list_some(u16 *at, u64 bits, u32 first)
{
	*(v16u_unaligned *)at =
		__builtin_convertvector(simd_places(bits), v16u_unaligned) + (u16)first;
}

#else
#define LIST_STEP 8u

simd_inline void list_some(u16 *at, u64 bits, u32 first)
{
	u32 k;

	for_unrolled(k, LIST_STEP) {
		at[k] = (u16)(first + (u32)__builtin_ia32_tzcnt_u64(bits));
		bits &= bits - 1;
	}
}
#endif

/* Without its lowest LIST_STEP ones. */
simd_inline u64 list_rest(u64 bits)
{
	return bits & ~__builtin_ia32_pdep_di((1ull << LIST_STEP) - 1, bits);
}

simd_inline u16 *list_word(u16 *at, u64 bits, u32 first)
{
	u32 left = rbm_popcount(bits);

	list_some(at, bits, first);
	for (; __builtin_expect(left > LIST_STEP, 0); left -= LIST_STEP) {
		at += LIST_STEP;
		bits = list_rest(bits);
		list_some(at, bits, first);
	}
	return at + left;
}

/* Of so few inputs so few change that rows are added one by one: lists are not filled up then. */
#define FEW_ROWS 128u

static inline u32 rows_together(const struct rbm_context *c, enum rbm_side side)
{
	return rbm_units(c->shape, !side) <= FEW_ROWS ? 1 : c->image->together;
}

/* Fills up to a whole number of steps with the row of zeros. */
simd_inline u32 list_end(const struct rbm_context *c, enum rbm_side side, u16 *from, u16 *to)
{
	u16 none = (u16)rbm_units(c->shape, !side);

	while ((to - from) % rows_together(c, side))
		*to++ = none;
	return (u32)(to - from);
}

static void list_vector(struct rbm_context *c, enum rbm_side side, const u8 *who, u32 count)
{
	struct rbm_scratch *sc = c->scratch;
	u32 list = rbm_list(c->shape), i, w;

	for (i = 0; i < count; i++) {
		u32 chain = who[i];
		u16 *up = sc->up + (u64)chain * list, *down = sc->down + (u64)chain * list;
		u16 *u = up, *d = down;
		const u64 *state = rbm_state(c, chain, !side);
		u64 *ref = rbm_ref(c, chain, !side), keep = sc->valid[side][chain] ? ~0ull : 0;
		u64 listed = rbm_list_first(c, chain, ref[0], state[0], sc->valid[side][chain]);

		for (w = c->from; w < c->to; w++, listed = ~0ull) {
			u64 old = ref[w] & keep, new = state[w];

			u = list_word(u, (new & ~old) & listed, 64 * w);
			d = list_word(d, (old & ~new) & listed, 64 * w);
			ref[w] = new;
			rbm_rest(c, 32);
		}
		sc->ups[chain] = list_end(c, side, up, u);
		sc->downs[chain] = list_end(c, side, down, d);
	}
}

/* Some tiles, the groups that they are of; rows of the same size. */
struct tiles {
	const u8 *at[MOST_TILES / RBM_GROUP];
	u64 row;
};

simd_inline struct tiles tiles_at(const struct rbm_context *c, enum rbm_side side, u32 tile,
				  u32 tiles)
{
	struct tiles w;
	u32 g;

	for_unrolled(g, (tiles + RBM_GROUP - 1) / RBM_GROUP) {
		struct rbm_rows rows = rbm_rows(c->shape, c->image, side, tile + g * RBM_GROUP);

		w.at[g] = (const u8 *)c->image + rows.at;
		w.row = tiles > 1 ? RBM_GROUP * RBM_TILE : rows.row;
	}
	return w;
}

/* Sums of bytes: whole 16-bit lanes, and the odd bytes of them. */
struct tile_sums {
	vec16u whole[TILE_VECTORS * MOST_TILES], odd[TILE_VECTORS * MOST_TILES];
};

/*
 * Adds the rows of events to, or subtracts them from, the sums of some tiles. `together` rows are
 * added as bytes: stored is 128 / together + W, so that their sum is 128 + the sum of W, and fits.
 */
simd_inline void add_events(struct tile_sums *s, const struct tiles *w, u32 tiles, const u16 *at,
			    u32 count, u32 together, int down)
{
	u32 e, r, t, q;

	for (e = 0; e < count; e += together) {
		vec8u y[TILE_VECTORS * MOST_TILES];

		for_unrolled(r, together) {
			u64 row = at[e + r] * w->row;

			for_unrolled(t, tiles) {
				const u8 *tile =
					w->at[t / RBM_GROUP] + row + t % RBM_GROUP * RBM_TILE;

				for_unrolled(q, TILE_VECTORS) {
					vec8u x = simd_load(tile + q * SIMD_BYTES);
					u32 k = t * TILE_VECTORS + q;

					y[k] = r ? y[k] + x : x;
				}
			}
		}
		for_unrolled(q, tiles * TILE_VECTORS) {
			if (down) {
				s->whole[q] -= (vec16u)y[q];
				s->odd[q] -= (vec16u)y[q] >> 8;
			} else {
				s->whole[q] += (vec16u)y[q];
				s->odd[q] += (vec16u)y[q] >> 8;
			}
		}
	}
}

simd_inline void sum_events(struct tile_sums *s, const struct tiles *w, u32 tiles, const u16 *up,
			    u32 ups, const u16 *down, u32 downs, u32 together, u32 each)
{
	const vec16u none = { 0 };
	vec16u bias = simd_set16((u16)(each * (ups - downs)));
	u32 q;

	for_unrolled(q, tiles * TILE_VECTORS) {
		s->whole[q] = none;
		s->odd[q] = none;
	}
	add_events(s, w, tiles, up, ups, together, 0);
	add_events(s, w, tiles, down, downs, together, 1);
	for_unrolled(q, tiles * TILE_VECTORS) {
		s->whole[q] -= (s->odd[q] << 8) + bias; /* now the even bytes */
		s->odd[q] -= bias;
	}
}

/* The sums of outputs SIMD_LANES k and on of a tile. */
simd_inline vec16u sums_of(const struct tile_sums *s, u32 tile, u32 k)
{
	u32 q = tile * TILE_VECTORS + k % TILE_VECTORS;

	return k < TILE_VECTORS ? s->whole[q] : s->odd[q];
}

#define NARROW_EVENTS 512u /* of a kind, between rests */

/* The first input, which stands apart, has gone up or down. */
simd_inline void move_first(vec16u *f, const vec16u *const start[2], u32 up, u32 vectors)
{
	u32 k;

	for_unrolled(k, vectors)
		f[k] += start[up][k] - start[!up][k];
}

/* Couplings of an image whose rows come from beyond the second cache. */
#define FAR_COUPLINGS (1u << 19)

/* Rows that the events of the next tiles read: each chain fetches some lines of them. */
struct rows_ahead {
	const u8 *at;
	u32 lines;
};

static struct rows_ahead ahead_of(const struct rbm_context *c, enum rbm_side side, u32 next,
				  u32 count)
{
	u32 inputs = rbm_units(c->shape, !side), from = 64 * c->from, to = 64 * c->to;
	struct rows_ahead a = { (const u8 *)0, 0 };
	struct rbm_rows rows;

	if (next >= c->words[side] || count < FAR_CHAINS ||
	    (u64)c->shape->n * c->shape->m < FAR_COUPLINGS)
		return a;
	rows = rbm_rows(c->shape, c->image, side, next);
	to = to < inputs ? to : inputs;
	a.at = (const u8 *)c->image + rows.at + from * rows.row;
	a.lines = (u32)((to - from) * rows.row / 64 + count - 1) / count;
	return a;
}

static inline void fetch_ahead(struct rows_ahead *a)
{
	u32 k;

	for (k = 0; k < a->lines; k++, a->at += 64)
		__builtin_prefetch(a->at, 0, 2);
}

/*
 * Fields as s16: sums are taken modulo 2^16, and the fields they give are known to fit. With a
 * draw, a chain's p-bits are drawn while its fields are near.
 */
simd_inline void accumulate_narrow(struct rbm_context *c, enum rbm_side side, const u8 *who,
				   u32 count, u32 tile, u32 tiles, u32 together, struct draw *draw)
{
	const u32 each = 128 / c->image->together; /* that a stored coupling is above W */
	struct rbm_scratch *sc = c->scratch;
	u32 padded = rbm_padded(rbm_units(c->shape, side)), list = rbm_list(c->shape);
	const vec16u *start[2];
	struct tiles w = tiles_at(c, side, tile, tiles);
	struct rows_ahead ahead = ahead_of(c, side, tile + tiles, count);
	u32 i, k;

	for (k = 0; k < 2; k++)
		start[k] =
			(const vec16u *)(rbm_start(c->shape, c->image, side, k) + tile * RBM_TILE);
	for (i = 0; i < count; i++) {
		u32 chain = who[i], ups = sc->ups[chain], downs = sc->downs[chain];
		const u16 *up = sc->up + (u64)chain * list;
		const u16 *down = sc->down + (u64)chain * list;
		vec16u *f =
			(vec16u *)((s16 *)sc->field[side] + (u64)chain * padded + tile * RBM_TILE);
		const vec16u *from =
			sc->valid[side][chain] ? f : start[*rbm_state(c, chain, !side) & 1];

		if (__builtin_expect(sc->first[chain], 0))
			move_first(f, start, sc->first[chain] > 0, tiles * FIELD_VECTORS);
		fetch_ahead(&ahead);
		rbm_rest(c, ahead.lines);
		do {
			u32 u = ups < NARROW_EVENTS ? ups : NARROW_EVENTS;
			u32 d = downs < NARROW_EVENTS ? downs : NARROW_EVENTS;
			struct tile_sums s;

			sum_events(&s, &w, tiles, up, u, down, d, together, each);
			for_unrolled(k, tiles * FIELD_VECTORS)
				f[k] = from[k] + sums_of(&s, k / FIELD_VECTORS, k % FIELD_VECTORS);
			from = f;
			up += u;
			ups -= u;
			down += d;
			downs -= d;
			rbm_rest(c, tiles * (u + d + 8));
		} while (ups | downs);
		if (draw)
			draw_some(c, draw, chain, tile, tile + tiles, 1);
	}
}

/* Events of one pass into s32 fields: 256 rows of at most 127 still sum within s16. */
#define WIDE_EVENTS 256u

simd_inline void add_wide(s32 *f, const struct tile_sums *s)
{
	u32 q, k;

	for_unrolled(q, FIELD_VECTORS) {
		vec16u sums = sums_of(s, 0, q);

		for (k = 0; k < SIMD_LANES; k++)
			f[SIMD_LANES * q + k] += 2 * ((const s16 *)&sums)[k];
	}
}

/* s8 couplings whose fields do not fit s16. */
simd_inline void accumulate_wide(struct rbm_context *c, enum rbm_side side, const u8 *who,
				 u32 count, u32 tile, u32 together)
{
	const u32 each = 128 / c->image->together; /* that a stored coupling is above W */
	struct rbm_scratch *sc = c->scratch;
	u32 padded = rbm_padded(rbm_units(c->shape, side)), list = rbm_list(c->shape);
	const s32 *base[2];
	struct tiles w = tiles_at(c, side, tile, 1);
	u32 i, k, e;

	for (k = 0; k < 2; k++)
		base[k] = rbm_base(c->shape, c->image, side, k) + tile * RBM_TILE;
	for (i = 0; i < count; i++) {
		u32 chain = who[i], ups = sc->ups[chain], downs = sc->downs[chain];
		s32 *f = (s32 *)sc->field[side] + (u64)chain * padded + tile * RBM_TILE;
		const u16 *up = sc->up + (u64)chain * list;
		const u16 *down = sc->down + (u64)chain * list;
		struct tile_sums s;

		for (k = 0; !sc->valid[side][chain] && k < RBM_TILE; k++)
			f[k] = base[*rbm_state(c, chain, !side) & 1][k];
		for (k = 0; sc->first[chain] && k < RBM_TILE; k++)
			f[k] += sc->first[chain] * (base[1][k] - base[0][k]);
		for (e = 0; e < ups; e += WIDE_EVENTS) {
			u32 some = ups - e < WIDE_EVENTS ? ups - e : WIDE_EVENTS;

			sum_events(&s, &w, 1, up + e, some, down, 0, together, each);
			add_wide(f, &s);
			rbm_rest(c, some + 8);
		}
		for (e = 0; e < downs; e += WIDE_EVENTS) {
			u32 some = downs - e < WIDE_EVENTS ? downs - e : WIDE_EVENTS;

			sum_events(&s, &w, 1, up, 0, down + e, some, together, each);
			add_wide(f, &s);
			rbm_rest(c, some + 8);
		}
		rbm_rest(c, 16);
	}
}

/* All tiles of a side, with a draw or without. */
simd_inline void accumulate_all(struct rbm_context *c, enum rbm_side side, const u8 *who, u32 count,
				u32 together, struct draw *draw)
{
	u32 tiles = c->words[side], t = 0;
	int far = rbm_units(c->shape, !side) > FAR_INPUTS && count >= FAR_CHAINS;

	for (; MOST_TILES >= 4 && !far && t + 4 <= tiles; t += 4)
		accumulate_narrow(c, side, who, count, t, MOST_TILES >= 4 ? 4 : 1, together, draw);
	for (; t + 2 <= tiles; t += 2)
		accumulate_narrow(c, side, who, count, t, 2, together, draw);
	for (; t < tiles; t++)
		accumulate_narrow(c, side, who, count, t, 1, together, draw);
}

simd_inline void accumulate8(struct rbm_context *c, enum rbm_side side, const u8 *who, u32 count,
			     u32 together)
{
	u32 t;

	if (c->narrow)
		accumulate_all(c, side, who, count, together, (struct draw *)0);
	else
		for (t = 0; t < c->words[side]; t++)
			accumulate_wide(c, side, who, count, t, together);
}

#define WIDE_LANES (SIMD_BYTES / 4)
#define WIDE_TILE  (RBM_TILE / WIDE_LANES) /* vectors of a tile's fields as s32 */

simd_inline void add_rows16(vec32s f[WIDE_TILE], const u8 *tile, u64 row, const u16 *at, u32 count,
			    int down)
{
	u32 e, q;

	for (e = 0; e < count; e++) {
		const s16 *w = (const s16 *)(tile + at[e] * row);

		for_unrolled(q, WIDE_TILE) {
			vec32s x = simd_widen(w + q * WIDE_LANES);

			f[q] += down ? -x : x;
		}
	}
}

#define EVENTS16 256u /* between rests */

/* 16-bit couplings. */
static void accumulate16(struct rbm_context *c, enum rbm_side side, const u8 *who, u32 count)
{
	u32 padded = rbm_padded(rbm_units(c->shape, side)), list = rbm_list(c->shape), tile, i, e,
	    q;

	for (tile = 0; tile < c->words[side]; tile++) {
		struct rbm_rows rows = rbm_rows(c->shape, c->image, side, tile);
		const vec32s *base =
			(const vec32s *)(rbm_base(c->shape, c->image, side, 0) + tile * RBM_TILE);
		const u8 *w = (const u8 *)c->image + rows.at;

		for (i = 0; i < count; i++) {
			u64 at = (u64)who[i] * list;
			vec32s *f = (vec32s *)((s32 *)c->scratch->field[side] +
					       who[i] * (u64)padded + tile * RBM_TILE);
			const vec32s *from = c->scratch->valid[side][who[i]] ? f : base;
			u32 ups = c->scratch->ups[who[i]], downs = c->scratch->downs[who[i]];

			for (e = 0; !e || e < ups || e < downs; e += EVENTS16) {
				u32 up = e < ups ? ups - e : 0, down = e < downs ? downs - e : 0;
				vec32s sum[WIDE_TILE];

				for_unrolled(q, WIDE_TILE)
					sum[q] = (vec32s){ 0 };
				add_rows16(sum, w, rows.row, c->scratch->up + at + e,
					   up < EVENTS16 ? up : EVENTS16, 0);
				add_rows16(sum, w, rows.row, c->scratch->down + at + e,
					   down < EVENTS16 ? down : EVENTS16, 1);
				for_unrolled(q, WIDE_TILE)
					f[q] = from[q] + 2 * sum[q];
				from = f;
				rbm_rest(c, 4 * ((up < EVENTS16 ? up : EVENTS16) +
						 (down < EVENTS16 ? down : EVENTS16) + 4));
			}
		}
	}
}

/* Rows whose sum still fits a byte are added as bytes. */
static void accumulate_vector(struct rbm_context *c, enum rbm_side side, const u8 *who, u32 count)
{
	u32 together = rows_together(c, side);

	if (c->image->bits != 8)
		accumulate16(c, side, who, count);
	else if (together == 4)
		accumulate8(c, side, who, count, 4);
	else if (together == 2)
		accumulate8(c, side, who, count, 2);
	else
		accumulate8(c, side, who, count, 1);
}

static void update_vector(struct rbm_context *c, enum rbm_side side, u32 visit, const u8 *who,
			  u32 count)
{
	struct draw draw = draw_begin(c, side, visit);
	u32 together = rows_together(c, side);

	if (together == 4)
		accumulate_all(c, side, who, count, 4, &draw);
	else if (together == 2)
		accumulate_all(c, side, who, count, 2, &draw);
	else
		accumulate_all(c, side, who, count, 1, &draw);
	draw_end(c, &draw);
}

/* With product, product_draw, and what they take to pay; see struct rbm_route. */
#define RBM_VECTOR_ROUTE(...)                                                                   \
	{                                                                                       \
		.narrow = 1, .span = SIMD_BYTES == 64 ? 8 : 0, .list = list_vector,             \
		.accumulate = accumulate_vector, .accumulate_draw = update_vector,              \
		.draw = draw_vector, .draw_spread = rbm_draw_spread, .moments = moments_vector, \
		__VA_ARGS__                                                                     \
	}

#endif
