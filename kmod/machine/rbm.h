/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Inside the dense bipartite network: the image's layout, what a route is given, how a run moves.
 *
 * The engine adapts. By events: each chain keeps the fields of both sides, together with the states
 * of the other side ("ref") for which they hold. When a side is to be updated, the difference
 * between ref and the present states is a list of p-bits that went up or down, whose rows of
 * couplings are added to or subtracted from the fields. Fields that hold for nothing yet start from
 * the all -1 state. By a product: the fields of many chains at once from nothing. Each time a side
 * is updated, the way that costs less is taken, by how much of the other side has just changed.
 * Fields are exact integers, so the bits are the same either way.
 */
#ifndef PBM_RBM_H
#define PBM_RBM_H

#include "ars.h"
#include "spread.h"

#define RBM_TILE  64 /* outputs of a tile of couplings */
#define RBM_GROUP 2  /* tiles whose rows stand side by side */
#define RBM_BLOCK \
	PBM_RUN_BLOCK /* chains that move in lockstep, so that a tile stays in the cache */
#define RBM_BATCH PBM_RUN_BATCH_SAMPLES /* samples whose moments are taken together */

#if defined(__x86_64__) && !defined(__KERNEL__)
#define RBM_HAVE_AMX 1
#else
#define RBM_HAVE_AMX 0
#endif
#define RBM_AMX_OUTPUTS 32u		/* of a block of a plane */
#define RBM_TABLES_SIZE 32768u		/* bytes that stay in the nearest cache */
#define RBM_ROWS	4u		/* of the sums that a vector route adds to together */
#define RBM_COLUMN	(RBM_BATCH / 4) /* bytes of a p-bit's samples, which may lie 4 in a byte */

enum rbm_side { RBM_VISIBLE = 0, RBM_HIDDEN = 1 };

/*
 * Image. For each side as output: base[2][unit] = -sum of the unit's couplings (its field when all
 * inputs are -1), s32, see below for the second; start[2] and odd as below; and tiles [group of
 * tiles][input + 1][tile of the group][64], the last row zero.
 *
 * 8-bit couplings are stored as 128 / together + W, `together` as many as can be added and still
 * fit an unsigned byte; within a tile those of outputs k and 32 + k stand side by side at 2 k, so
 * that adding bytes in 16-bit lanes leaves fields in natural order. 16-bit couplings are stored as
 * they are, in natural order.
 *
 * Biases are the couplings of a p-bit that is held at +1, mostly the largest by far. Where more
 * rows can be added together without those of unit 0 of either side, it stands apart: in the tiles
 * its couplings are zeros, as an input it is what chooses between base[0] and base[1], and as an
 * output it has a field only where that is asked for. Otherwise base[1] is base[0].
 *
 * A field differs from its base by an even number. Narrow fields are kept as (F - odd) / 2, odd the
 * base's lowest bit, in s16; start is that of the base.
 */
struct rbm_image {
	u32 magic;
	u32 narrow; /* s8 couplings, and half of every possible field fits s16 */
	u32 max;    /* largest |W| */
	u32 inner;  /* without those of unit 0 of either side */
	u32 bits;
	u32 together;
	u32 apart;   /* unit 0 of either side */
	u64 base[2]; /* offsets from the image's start */
	u64 start[2], odd[2];
	u64 tiles[2];
	u64 planes[2]; /* see rbm_amx.c; in user space, where the processor multiplies tiles */
	u32 bound[RBM_TILE]; /* sums of |W| of the tile that is being loaded */
};

#define RBM_MOST_BOUND 65535u /* of a narrow field */

#define RBM_IMAGE_MAGIC 0x5042524du

static inline u32 rbm_units(const struct pbm_shape *s, enum rbm_side side)
{
	return side == RBM_VISIBLE ? s->n : s->m;
}

/* Whether images have planes: where the processor multiplies tiles. */
static inline int rbm_planes(void)
{
	return RBM_HAVE_AMX && pbm_isa_best() == PBM_ISA_AMX;
}

static inline u64 rbm_align(u64 x)
{
	return (x + 63) & ~63ull;
}

static inline u32 rbm_padded(u32 units)
{
	return (units + RBM_TILE - 1) / RBM_TILE * RBM_TILE;
}

/* Room for the events of one chain. */
static inline u32 rbm_list(const struct pbm_shape *s)
{
	return rbm_padded(s->n > s->m ? s->n : s->m) + RBM_TILE; /* lists are written in strides */
}

/* Position within its tile of an 8-bit coupling to output j. */
static inline u32 rbm_place8(u32 j)
{
	return j % 32 * 2 + j / 32 % 2;
}

/* P-bits of a word that a vector route has yet to decide; until then they are as they were. */
struct rbm_doubt {
	u64 lanes;
	u16 chain, word;
};

#define RBM_DOUBTS 128u

/* Scratch of one run, carved from the caller's memory. Fields are s16 (narrow) or s32. */
struct rbm_scratch {
	void *field[2]; /* [RBM_BLOCK][padded units of that side] */
	u64 *ref[2];	/* [RBM_BLOCK][words]: states of side for which field[!side] holds */
	u16 *up, *down; /* [RBM_BLOCK][rbm_list()] events of each chain */
	u64 *free[2];	/* [words] of each side: real p-bits that are not clamped */
	u32 ups[RBM_BLOCK], downs[RBM_BLOCK];
	s8 first[RBM_BLOCK];	/* unit 0 went up or down, where it stands apart */
	u8 valid[2][RBM_BLOCK]; /* field[side] of the chain holds for ref[!side] */
	u32 moved[2];		/* 1024ths of that side that changed when it was last drawn */
	void *tables;		/* RBM_TABLES_SIZE, of a pass of a product */
	s8 *spins;    /* [RBM_BLOCK][padded units of either side], of the route with AMX */
	u64 *batch;   /* [RBM_BATCH][state words], samples not yet summed */
	u64 *columns; /* [RBM_COLUMN bytes of each padded p-bit], the same by p-bit */
	u32 batched;
	struct ars_block coins[RBM_BLOCK]; /* directions of 128 sweeps */
	u64 square[64];			   /* bits to be transposed */
	struct rbm_doubt doubts[RBM_DOUBTS];
	u64 keys[80] __attribute__((aligned(64))); /* a vector route's, as is what follows */
	s16 moments[RBM_ROWS][2 * RBM_TILE];
	u64 differ[256][2];
};

/* What one sweep step needs to know. */
struct rbm_context {
	const struct pbm_shape *shape;
	const struct rbm_image *image;
	const struct pbm_run *run;
	struct pbm_sums *sums;
	struct rbm_scratch *scratch;
	struct ars_key key;
	struct pbm_fast fast;
	u64 gain;     /* of this sweep */
	u64 sweep;    /* number in the generator's count */
	u32 first;    /* first chain of the block, an index into run->states */
	u32 chains;   /* of this block */
	u32 words[2]; /* of each side */
	u64 changed;
	u32 idle[2];  /* nothing of that side may be drawn */
	u32 apart[2]; /* unit 0 stands apart, and its field is asked for */
	u32 narrow;   /* fields are s16: the image allows it and the route can */
	u32 angle;    /* of the drift at this sweep; see spread.h */
	u32 from, to; /* words of inputs whose events are listed */
#ifdef PBM_REST
	u32 work; /* since the run last rested */
#endif
};

/*
 * Between any two of these a run does little: `work` is in rows of 64 couplings added, or as long.
 * The kernel gives others the processor here; no vector register is live across a call.
 */
#define RBM_REST_WORK 2048u

static inline void rbm_rest(struct rbm_context *c, u32 work)
{
#ifdef PBM_REST
	c->work += work;
	if (__builtin_expect(c->work >= RBM_REST_WORK, 0)) {
		c->work = 0;
		if (c->run->rest)
			c->run->rest(c->run->rest_arg);
	}
#else
	(void)c;
	(void)work;
#endif
}

/* Both work on the chains of the block that are listed in who[0 .. count). */
typedef void (*rbm_fields_fn)(struct rbm_context *c, enum rbm_side side, const u8 *who, u32 count);
typedef void (*rbm_draw_fn)(struct rbm_context *c, enum rbm_side side, u32 visit, const u8 *who,
			    u32 count);

/* How rows of couplings are added, and of how many inputs: by which it goes what events cost. */
enum rbm_row_kind { RBM_ROWS16, RBM_ROWS8, RBM_ROWS8_TOGETHER, RBM_ROWS_FEW };
#define RBM_FEW	  64u	/* inputs: to list their events costs more than to sum them all */
#define RBM_NEVER 1025u /* of 1024 */

/* A route: what differs between scalar and vector code. */
struct rbm_route {
	u32 narrow; /* keeps s16 fields where the image allows it */
	u32 span;   /* words of inputs whose rows stay near enough, where there are more; or 0 */
	/*
	 * Makes field[side] hold for the present states of the other side, whatever it held for;
	 * may be NULL. It pays for so many chains, where so many 1024ths of the other side changed
	 * (with few chains, more).
	 */
	rbm_fields_fn product;
	u32 product_chains, moved[4]; /* [enum rbm_row_kind] */
	/* Lists what changed on the other side, in words from .. to - 1, since field[side] held. */
	rbm_fields_fn list;
	rbm_fields_fn accumulate; /* makes field[side] hold for the events of scratch */
	rbm_draw_fn draw;	  /* draws the p-bits of side from its fields; visit as in ars.h */
	/* Fields and draw at once, where fields are narrow; may be NULL. */
	rbm_draw_fn product_draw, accumulate_draw;
	rbm_draw_fn draw_spread; /* on a device whose p-bits differ: run->spread */
	/* Adds the batch to the sums: v and h with row 0, and rows [from, to) of vh. */
	void (*moments)(struct rbm_context *c, u32 from, u32 to);
};

extern const struct rbm_route rbm_route_scalar;
#ifdef __x86_64__
extern const struct rbm_route rbm_route_avx2;
extern const struct rbm_route rbm_route_vaes;
extern const struct rbm_route rbm_route_avx512;
extern const struct rbm_route rbm_route_amx;
/* Fills the image's planes; on a processor of that route alone. */
void rbm_amx_load(const struct pbm_shape *s, const void *couplings, struct rbm_image *im);
#endif

/* Whether v_i h_j are summed, wherever. */
static inline u32 rbm_has_products(const struct pbm_sums *sums)
{
	return sums->vh || sums->near;
}

/* first: the state of unit 0 of the other side. */
static inline const s32 *rbm_base(const struct pbm_shape *s, const struct rbm_image *im,
				  enum rbm_side side, u32 first)
{
	return (const s32 *)((const u8 *)im + im->base[side]) +
	       (first ? rbm_padded(rbm_units(s, side)) : 0);
}

static inline const s16 *rbm_start(const struct pbm_shape *s, const struct rbm_image *im,
				   enum rbm_side side, u32 first)
{
	return (const s16 *)((const u8 *)im + im->start[side]) +
	       (first ? rbm_padded(rbm_units(s, side)) : 0);
}

static inline const s16 *rbm_odd(const struct rbm_image *im, enum rbm_side side)
{
	return (const s16 *)((const u8 *)im + im->odd[side]);
}

/* A tile within the image: rows of its couplings, `row` bytes after each other. */
struct rbm_rows {
	u64 at; /* from the image's start */
	u64 row;
};

static inline struct rbm_rows rbm_rows(const struct pbm_shape *s, const struct rbm_image *im,
				       enum rbm_side side, u32 tile)
{
	u32 tiles = rbm_padded(rbm_units(s, side)) / RBM_TILE, first = tile - tile % RBM_GROUP;
	u64 size = RBM_TILE * (s->bits / 8), before = first * size * (rbm_units(s, !side) + 1u);
	u32 together = tiles - first < RBM_GROUP ? tiles - first : RBM_GROUP;

	return (struct rbm_rows){ im->tiles[side] + before + (tile - first) * size,
				  together * size };
}

static inline u64 *rbm_state(const struct rbm_context *c, u32 chain, enum rbm_side side)
{
	u32 stride = c->words[0] + c->words[1];

	return c->run->states + (u64)(c->first + chain) * stride + (side ? c->words[0] : 0);
}

static inline u64 *rbm_ref(const struct rbm_context *c, u32 chain, enum rbm_side side)
{
	return c->scratch->ref[side] + (u64)chain * c->words[side];
}

static inline const u64 *rbm_free(const struct rbm_context *c, enum rbm_side side)
{
	return c->scratch->free[side];
}

/* The field of p-bit k of a chain of the block. */
static inline s32 rbm_field(const struct rbm_context *c, enum rbm_side side, u32 chain, u32 k)
{
	u64 at = (u64)chain * rbm_padded(rbm_units(c->shape, side)) + k;

	if (c->narrow)
		return 2 * ((const s16 *)c->scratch->field[side])[at] + rbm_odd(c->image, side)[k];
	return ((const s32 *)c->scratch->field[side])[at];
}

static inline void rbm_set_field(const struct rbm_context *c, enum rbm_side side, u32 chain, u32 k,
				 s32 field)
{
	u64 at = (u64)chain * rbm_padded(rbm_units(c->shape, side)) + k;

	if (c->narrow)
		((s16 *)c->scratch->field[side])[at] =
			(s16)((field - rbm_odd(c->image, side)[k]) / 2);
	else
		((s32 *)c->scratch->field[side])[at] = field;
}

/*
 * What the list of events has of a chain's first input: nothing where it stands apart. valid:
 * fields hold for old; if not they start from where the input is.
 */
static inline u64 rbm_list_first(struct rbm_context *c, u32 chain, u64 old, u64 new, u32 valid)
{
	c->scratch->first[chain] = 0;
	if (!c->image->apart || c->from)
		return ~0ull;
	if (valid)
		c->scratch->first[chain] = (s8)((int)(new & 1) - (int)(old & 1));
	return ~1ull;
}

static inline u32 rbm_popcount(u64 x)
{
#ifdef __POPCNT__
	return (u32)__builtin_popcountll(x);
#else
	x -= x >> 1 & 0x5555555555555555ull;
	x = (x & 0x3333333333333333ull) + (x >> 2 & 0x3333333333333333ull);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (u32)(x * 0x0101010101010101ull >> 56);
#endif
}

#endif
