/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The vector routes: fields from nothing by tables that the spins index. Of every four inputs there
 * are the 16 sums that their states may give, for all outputs of some tiles; a chain adds one of
 * them where its spins would be four rows. Lanes are p-bits. Tables are made on the fly, in the
 * nearest cache, and each chain of the block uses them once: so it takes many chains, and many
 * p-bits that change, for tables to cost less than the rows of the events alone.
 *
 * Sums of 8-bit couplings are exact in 16 bits, modulo 2^16 where fields are narrow too, since the
 * fields they give fit. Those of 16-bit couplings take 32 bits.
 */
#ifndef PBM_RBM_TABLES_H
#define PBM_RBM_TABLES_H

#include "rbm_vector.h"

#define TABLE_INPUTS 4u
#define TABLE_SUMS   16u
#define TABLE_GROUPS 8u /* of inputs, in a pass over the chains: half a word of states */
#define PASS_INPUTS  (TABLE_INPUTS * TABLE_GROUPS)
#define TABLE_TILES  2u /* at once, of 8-bit couplings */
#define HALF_TILE    (FIELD_VECTORS / 2)

#define PASS_SUMS (TABLE_GROUPS * TABLE_SUMS * RBM_TILE) /* of one tile */
_Static_assert(sizeof(s16) * TABLE_TILES * PASS_SUMS <= RBM_TABLES_SIZE, "of 8-bit couplings");
_Static_assert(PASS_SUMS * sizeof(s32) <= RBM_TABLES_SIZE, "of 16-bit couplings");

#define not_inlined __attribute__((__noinline__)) /* frames in the kernel are small */

/* What the inputs of a pass are, and whose fields they add to. */
struct table_pass {
	const u8 *tile; /* its couplings */
	u64 row;	/* bytes between those of two inputs */
	const u8 *who;
	u32 count;
	u32 tiles, tile_at;
	u32 vectors;		   /* of their fields that have p-bits, as s16 */
	u32 inputs, input, groups; /* all; the first of the pass; groups of the pass */
	u32 again;		   /* not the first pass */
};

/* The four rows of a group of the pass; those beyond the last input are the row of zeros. */
simd_inline void group_rows(const struct table_pass *p, u32 group, u32 tile,
			    const u8 *out[TABLE_INPUTS])
{
	u32 r;

	for_unrolled(r, TABLE_INPUTS) {
		u32 input = p->input + group * TABLE_INPUTS + r;

		out[r] = p->tile + tile * RBM_TILE +
			 (input < p->inputs ? input : p->inputs) * p->row;
	}
}

/* sums[s * stride] for all s: bit r of s says that input r is +1. */
#define table_sums(type, r, sums, stride)                                          \
	do {                                                                       \
		type t_[8] = { (r)[0] - (r)[0], (r)[0], (r)[1], (r)[0] + (r)[1] }; \
		u32 s_;                                                            \
		for_unrolled(s_, 4)                                                \
			t_[4 + s_] = t_[s_] + (r)[2];                              \
		for_unrolled(s_, 8) {                                              \
			(sums)[s_ * (stride)] = t_[s_];                            \
			(sums)[(8 + s_) * (stride)] = t_[s_] + (r)[3];             \
		}                                                                  \
	} while (0)

/* Bytes of couplings to outputs k and 32 + k stand side by side; see struct rbm_image. */
simd_inline void tile_tables8(const u8 *const rows[TABLE_INPUTS], vec16u bias, vec16u *to,
			      u32 stride, int both)
{
	u32 q, r;

	for (q = 0; q < HALF_TILE; q++, to++) {
		vec16u x[TABLE_INPUTS], y[TABLE_INPUTS];

		for_unrolled(r, TABLE_INPUTS) {
			x[r] = (vec16u)simd_load(rows[r] + q * SIMD_BYTES);
			y[r] = (x[r] >> 8) - bias;
			x[r] = (x[r] & 0xff) - bias;
		}
		table_sums(vec16u, x, to, stride);
		if (both)
			table_sums(vec16u, y, to + HALF_TILE, stride);
	}
}

static not_inlined void tables8(struct rbm_context *c, const struct table_pass *p)
{
	vec16u *sums = c->scratch->tables, bias = simd_set16((u16)(128 / c->image->together));
	u32 stride = p->tiles * FIELD_VECTORS, g, t;
	const u8 *rows[TABLE_INPUTS];

	for (g = 0; g < p->groups; g++, sums += TABLE_SUMS * stride) {
		for (t = 0; t < p->tiles; t++) {
			vec16u *to = sums + t * FIELD_VECTORS;

			group_rows(p, g, t, rows);
			if (t * FIELD_VECTORS + HALF_TILE < p->vectors)
				tile_tables8(rows, bias, to, stride, 1);
			else
				tile_tables8(rows, bias, to, stride, 0);
		}
		rbm_rest(c, 64 * p->tiles);
	}
}

/* 2 W, since these fields are whole. */
static not_inlined void tables16(struct rbm_context *c, const struct table_pass *p)
{
	vec32s *sums = c->scratch->tables;
	const u8 *rows[TABLE_INPUTS];
	u32 g, q, r;

	for (g = 0; g < p->groups; g++, sums += TABLE_SUMS * WIDE_TILE) {
		group_rows(p, g, 0, rows);
		for (q = 0; q < WIDE_TILE; q++) {
			vec32s x[TABLE_INPUTS];

			for_unrolled(r, TABLE_INPUTS)
				x[r] = 2 * simd_widen((const s16 *)rows[r] + q * WIDE_LANES);
			table_sums(vec32s, x, sums + q, WIDE_TILE);
		}
		rbm_rest(c, 128);
	}
}

/* The states of the inputs of a pass, the first of them lowest. */
simd_inline u32 pass_states(const struct rbm_context *c, enum rbm_side side, u32 chain, u32 input)
{
	const u64 *words = rbm_state(c, chain, !side) + input / 64;
	u32 shift = input % 64;
	u64 states = *words >> shift;

	if (shift > 64 - PASS_INPUTS && input / 64 + 1 < c->words[!side])
		states |= words[1] << (64 - shift);
	return (u32)states;
}

/* Fields of s32 with the sums of a pass, which fit 16 bits. */
simd_inline void add_to_wide(const vec16u *sums, u32 vectors, const vec32s *from, vec32s *to)
{
	s16 narrow[TABLE_TILES * RBM_TILE] __attribute__((aligned(SIMD_BYTES)));
	u32 q;

	for_unrolled(q, vectors)
		((vec16u *)narrow)[q] = sums[q];
	for_unrolled(q, 2 * vectors)
		to[q] = from[q] + 2 * simd_widen(narrow + q * WIDE_LANES);
}

simd_inline void add_sum(vec16u *f, const vec16u *tables, u32 vectors, u32 group, u32 states)
{
	const u64 stride = (vectors + HALF_TILE) / FIELD_VECTORS * FIELD_VECTORS; /* whole tiles */
	const vec16u *sum = tables + (group * TABLE_SUMS + states % TABLE_SUMS) * stride;
	u32 q;

	for_unrolled(q, vectors)
		f[q] += sum[q];
}

/*
 * Adds a sum of every group to the fields of each chain; in the first pass, to what they start
 * from. Fields are of s16 or s32.
 */
simd_inline void add_sums(struct rbm_context *c, enum rbm_side side, const struct table_pass *p,
			  u32 vectors, u32 groups, int narrow)
{
	u32 padded = rbm_padded(rbm_units(c->shape, side)), i, g, q;
	const void *start[2];
	u64 size = narrow ? sizeof(s16) : sizeof(s32);
	u8 *fields = (u8 *)c->scratch->field[side] + p->tile_at * RBM_TILE * size;
	const vec16u *tables = c->scratch->tables;

	for (q = 0; q < 2; q++)
		start[q] =
			(const u8 *)(narrow ? (const void *)rbm_start(c->shape, c->image, side, q) :
					      (const void *)rbm_base(c->shape, c->image, side, q)) +
			p->tile_at * RBM_TILE * size;
	for (i = 0; i < p->count; i++) {
		u32 states = pass_states(c, side, p->who[i], p->input);
		void *to = fields + (u64)p->who[i] * padded * size;
		const void *from = p->again ? to : start[*rbm_state(c, p->who[i], !side) & 1];
		vec16u f[TABLE_TILES * FIELD_VECTORS];

		for_unrolled(q, vectors)
			f[q] = narrow ? ((const vec16u *)from)[q] : (vec16u){ 0 };
		if (groups == TABLE_GROUPS)
			for_unrolled(g, TABLE_GROUPS)
				add_sum(f, tables, vectors, g, states >> TABLE_INPUTS * g);
		else
			for (g = 0; g < groups; g++)
				add_sum(f, tables, vectors, g, states >> TABLE_INPUTS * g);
		if (narrow)
			for_unrolled(q, vectors)
				((vec16u *)to)[q] = f[q];
		else
			add_to_wide(f, vectors, from, to);
		rbm_rest(c, 2 * vectors * groups / FIELD_VECTORS + 8);
	}
}

simd_inline void add_vectors(struct rbm_context *c, enum rbm_side side, const struct table_pass *p,
			     u32 vectors, int narrow)
{
	if (p->groups == TABLE_GROUPS)
		add_sums(c, side, p, vectors, TABLE_GROUPS, narrow);
	else
		add_sums(c, side, p, vectors, p->groups, narrow);
}

simd_inline void add_groups(struct rbm_context *c, enum rbm_side side, const struct table_pass *p,
			    int narrow)
{
	if (p->vectors == HALF_TILE)
		add_vectors(c, side, p, HALF_TILE, narrow);
	else if (p->vectors == FIELD_VECTORS)
		add_vectors(c, side, p, FIELD_VECTORS, narrow);
	else if (p->vectors == FIELD_VECTORS + HALF_TILE)
		add_vectors(c, side, p, FIELD_VECTORS + HALF_TILE, narrow);
	else
		add_vectors(c, side, p, TABLE_TILES * FIELD_VECTORS, narrow);
}

static not_inlined void pass8(struct rbm_context *c, enum rbm_side side, const struct table_pass *p)
{
	if (c->narrow)
		add_groups(c, side, p, 1);
	else
		add_groups(c, side, p, 0);
}

static not_inlined void pass16(struct rbm_context *c, enum rbm_side side,
			       const struct table_pass *p)
{
	const vec32s *base =
		(const vec32s *)(rbm_base(c->shape, c->image, side, 0) + p->tile_at * RBM_TILE);
	s32 *fields = (s32 *)c->scratch->field[side] + p->tile_at * RBM_TILE;
	u32 padded = rbm_padded(rbm_units(c->shape, side)), i, g, q;
	const vec32s *tables = c->scratch->tables;

	for (i = 0; i < p->count; i++) {
		u32 states = pass_states(c, side, p->who[i], p->input);
		vec32s *to = (vec32s *)(fields + (u64)p->who[i] * padded), f[WIDE_TILE];
		const vec32s *from = p->again ? to : base;

		for_unrolled(q, WIDE_TILE)
			f[q] = from[q];
		for (g = 0; g < p->groups; g++, states >>= TABLE_INPUTS) {
			const vec32s *sum =
				tables + (g * TABLE_SUMS + states % TABLE_SUMS) * WIDE_TILE;

			for_unrolled(q, WIDE_TILE)
				f[q] += sum[q];
		}
		for_unrolled(q, WIDE_TILE)
			to[q] = f[q];
		rbm_rest(c, 4 * p->groups + 8);
	}
}

static void product_tables(struct rbm_context *c, enum rbm_side side, const u8 *who, u32 count)
{
	u32 all = c->words[side], most = c->image->bits == 8 ? TABLE_TILES : 1;
	struct table_pass p = { .who = who, .count = count, .inputs = rbm_units(c->shape, !side) };

	for (; p.tile_at < all; p.tile_at += p.tiles) {
		struct rbm_rows rows = rbm_rows(c->shape, c->image, side, p.tile_at);

		p.tiles = all - p.tile_at < most ? all - p.tile_at : most;
		p.vectors = p.tiles * FIELD_VECTORS;
		if (p.tile_at + p.tiles == all && has_half_word(rbm_units(c->shape, side)))
			p.vectors -= HALF_TILE;
		p.tile = (const u8 *)c->image + rows.at;
		p.row = rows.row;
		p.again = 0;
		for (p.input = c->image->apart; p.input < p.inputs || !p.again;
		     p.input += PASS_INPUTS) {
			u32 left = p.inputs - p.input;

			p.groups = left < PASS_INPUTS ? (left + TABLE_INPUTS - 1) / TABLE_INPUTS :
							TABLE_GROUPS;
			if (c->image->bits == 8) {
				tables8(c, &p);
				pass8(c, side, &p);
			} else {
				tables16(c, &p);
				pass16(c, side, &p);
			}
			p.again = 1;
		}
	}
}

/* What must have changed for tables to pay, by width of couplings and vectors; see README.md. */
#define TABLES_MOVED16 (SIMD_BYTES == 64 ? 500 : 330)
#define TABLES_MOVED8  (SIMD_BYTES == 64 ? RBM_NEVER : 460)

#define RBM_TABLES_ROUTE                                                  \
	RBM_VECTOR_ROUTE(.product = product_tables, .product_chains = 32, \
			 .moved = { TABLES_MOVED16, TABLES_MOVED8, RBM_NEVER, 0 })

#endif
