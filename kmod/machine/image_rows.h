/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Rows of 8-bit couplings on their way into the image: from the matrix, which has them by visible
 * units, to tiles of either side. Included by image.c alone; without vectors in the kernel.
 */
#ifndef PBM_IMAGE_ROWS_H
#define PBM_IMAGE_ROWS_H

#include "rbm.h"

/*
 * A part of the image: some rows (inputs) of one tile of 64 outputs of a side. `seen` has the bits
 * of all |W|: it is above 2^x - 1 when one of them is.
 */
struct load_part {
	const void *couplings;
	u8 *tile;
	s32 *base;  /* of the tile's outputs */
	u32 *bound; /* likewise */
	u32 tile_at, outputs;
	u64 row, in, out;     /* bytes of a row; inputs and outputs of the side */
	u32 from, to;	      /* inputs */
	u32 bias;	      /* of couplings as bytes */
	u32 apart;	      /* those of unit 0 are zeros */
	u32 seen, seen_first; /* of what is in the tile, and what stands apart */
};

#define SPAN 256u /* rows whose sums of 8-bit couplings fit 16 bits */

/* For what load_rows8() is made of, so that each of its versions is so as a whole. */
#define inlined static inline __attribute__((__always_inline__))

#define EVERY8 0x0101010101010101ull /* times a byte */
#define EVEN8  0x00ff00ff00ff00ffull
#define EVEN16 0x0000ffff0000ffffull

/* BLOCK: rows that are taken at a time, of the stack. */
#ifdef __SSE2__
#define BLOCK 16u

/* Sums over the inputs of a span, by output. */
struct span_sums {
	s16 sum[RBM_TILE];
	u16 bound[RBM_TILE];
	u8 seen[RBM_TILE]; /* bits of |W| */
};

/* Loops that compilers turn into vectors. */
inlined void add_row8(struct span_sums *restrict b, const s8 *w, u8 *restrict to, u32 bias)
{
	u8 mag[RBM_TILE];
	u32 k;

	for (k = 0; k < RBM_TILE / 2; k++) { /* as rbm_place8() has it */
		to[2 * k] = (u8)((u8)w[k] + bias);
		to[2 * k + 1] = (u8)((u8)w[RBM_TILE / 2 + k] + bias);
	}
	for (k = 0; k < RBM_TILE; k++)
		mag[k] = (u8)(w[k] < 0 ? -w[k] : w[k]);
	for (k = 0; k < RBM_TILE; k++)
		b->seen[k] |= mag[k];
	for (k = 0; k < RBM_TILE; k++)
		b->sum[k] = (s16)(b->sum[k] + w[k]);
	for (k = 0; k < RBM_TILE; k++)
		b->bound[k] = (u16)(b->bound[k] + mag[k]);
}

inlined void add_span(struct load_part *p, const struct span_sums *b, u32 inputs)
{
	u32 k;

	(void)inputs;
	for (k = 0; k < RBM_TILE; k++) {
		p->base[k] -= b->sum[k];
		p->bound[k] += b->bound[k];
		p->seen |= b->seen[k];
	}
}

typedef u8 vec16b __attribute__((vector_size(16)));
typedef u8 vec16b_unaligned __attribute__((vector_size(16), aligned(1)));

/* Bytes of a and b in turn: of their lower halves, and of their upper ones. */
#define lower_halves(a, b) \
	__builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define upper_halves(a, b) \
	__builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)

inlined void interleave16(const vec16b x[16], vec16b y[16])
{
	u32 k;

	for (k = 0; k < 8; k++) {
		y[2 * k] = lower_halves(x[k], x[8 + k]);
		y[2 * k + 1] = upper_halves(x[k], x[8 + k]);
	}
}

/* The couplings of a visible output stand together, those of an input far apart. */
inlined void take_visible8(const struct load_part *p, u32 from, u32 some, s8 out[BLOCK][RBM_TILE])
{
	const s8 *w = (const s8 *)p->couplings + (u64)p->tile_at * RBM_TILE * p->in + from;
	u32 k, i;

	for (k = 0; some == 16 && k + 16 <= p->outputs; k += 16) {
		vec16b x[16], y[16];

		for (i = 0; i < 16; i++)
			x[i] = *(const vec16b_unaligned *)(w + (k + i) * p->in);
		interleave16(x, y); /* four times, it transposes */
		interleave16(y, x);
		interleave16(x, y);
		interleave16(y, x);
		for (i = 0; i < 16; i++)
			*(vec16b_unaligned *)&out[i][k] = x[i];
	}
	for (; k < p->outputs; k++)
		for (i = 0; i < some; i++)
			out[i][k] = w[k * p->in + i];
}
#else
#define BLOCK 8u

/*
 * Sums over the inputs of a span, 8 outputs a word, the even ones first, in lanes of 16 bits. What
 * is summed is 128 + W.
 */
struct span_sums {
	u64 sum[2][RBM_TILE / 8], bound[2][RBM_TILE / 8];
	u64 seen; /* bits of all |W| */
};

static inline u64 load8(const s8 *from)
{
	u64 x;

	__builtin_memcpy(&x, from, sizeof(x));
	return x;
}

/* 4 bytes to the even ones of 8. */
static inline u64 spread8(u64 x)
{
	x = (x | x << 16) & EVEN16;
	return (x | x << 8) & EVEN8;
}

/*
 * Bytes 8 a word, without vectors, which the kernel has none of here. No byte of |W| up to 128, of
 * 128 + W or, within the range, of bias + W touches its neighbour.
 */
inlined void add_row8(struct span_sums *restrict b, const s8 *w, u8 *restrict to, u32 bias)
{
	u64 stored[RBM_TILE / 8];
	u32 k;

	for (k = 0; k < RBM_TILE / 8; k++) {
		u64 x = load8(w + 8 * k), up = x ^ 128 * EVERY8, negative = x >> 7 & EVERY8;
		u64 mag = (x ^ ((negative << 8) - negative)) + negative;

		b->sum[0][k] += up & EVEN8;
		b->sum[1][k] += up >> 8 & EVEN8;
		b->bound[0][k] += mag & EVEN8;
		b->bound[1][k] += mag >> 8 & EVEN8;
		b->seen |= mag;
		stored[k] = up - (128 - bias) * EVERY8;
	}
	for (k = 0; k < RBM_TILE / 16; k++) { /* as rbm_place8() has it */
		u64 a = stored[k], c = stored[RBM_TILE / 16 + k];
		u64 two[2] = { spread8(a & 0xffffffff) | spread8(c & 0xffffffff) << 8,
			       spread8(a >> 32) | spread8(c >> 32) << 8 };

		__builtin_memcpy(to + 16 * k, two, sizeof(two));
	}
}

static void add_span(struct load_part *p, const struct span_sums *b, u32 inputs)
{
	u32 k;

	for (k = 0; k < RBM_TILE; k++) {
		u32 shift = k % 8 / 2 * 16;

		p->base[k] += 128 * (s32)inputs - (s32)(b->sum[k % 2][k / 8] >> shift & 0xffff);
		p->bound[k] += (u32)(b->bound[k % 2][k / 8] >> shift & 0xffff);
	}
	for (k = 0; k < 8; k++)
		p->seen |= (u32)(b->seen >> 8 * k & 0xff);
}

/* Swaps, of 8 x 8 bytes, the `shift` upper bits that mask has of a with the lower ones of b. */
inlined void swap_bits(u64 *a, u64 *b, u32 shift, u64 mask)
{
	u64 t = (*a >> shift ^ *b) & mask;

	*b ^= t;
	*a ^= t << shift;
}

/* 8 x 8 bytes: byte k of row i becomes byte i of row k. */
inlined void transpose8(u64 x[8])
{
	u32 k;

	for (k = 0; k < 4; k++)
		swap_bits(&x[k], &x[k + 4], 32, 0x00000000ffffffffull);
	for (k = 0; k < 8; k += 4) {
		swap_bits(&x[k], &x[k + 2], 16, EVEN16);
		swap_bits(&x[k + 1], &x[k + 3], 16, EVEN16);
	}
	for (k = 0; k < 8; k += 2)
		swap_bits(&x[k], &x[k + 1], 8, EVEN8);
}

/* The couplings of a visible output stand together, those of an input far apart. */
inlined void take_visible8(const struct load_part *p, u32 from, u32 some, s8 out[BLOCK][RBM_TILE])
{
	const s8 *w = (const s8 *)p->couplings + (u64)p->tile_at * RBM_TILE * p->in + from;
	u32 i, k, r;

	for (k = 0; k + 8 <= p->outputs; k += 8)
		for (i = 0; i + 8 <= BLOCK && i + 8 <= some; i += 8) {
			u64 x[8];

			for (r = 0; r < 8; r++)
				__builtin_memcpy(&x[r], w + (k + r) * p->in + i, sizeof(u64));
			transpose8(x);
			for (r = 0; r < 8; r++)
				__builtin_memcpy(&out[i + r][k], &x[r], sizeof(u64));
		}
	for (i = 0; i < some; i++)
		for (k = i < some / 8 * 8 ? p->outputs / 8 * 8 : 0; k < p->outputs; k++)
			out[i][k] = w[k * p->in + i];
}
#endif

inlined void take_hidden8(const struct load_part *p, u32 from, u32 some, s8 out[BLOCK][RBM_TILE])
{
	const s8 *w = (const s8 *)p->couplings + from * p->out + (u64)p->tile_at * RBM_TILE;
	u32 i, k;

	for (i = 0; i < some; i++, w += p->out)
		for (k = 0; k < p->outputs; k++)
			out[i][k] = w[k];
}

/* What stands apart: the first input, and the first output. */
inlined void clear_first8(const struct load_part *p, u32 from, u32 some, s8 out[BLOCK][RBM_TILE])
{
	u32 i;

	for (i = 0; !p->tile_at && i < some; i++)
		out[i][0] = 0;
	if (!from)
		__builtin_memset(out[0], 0, RBM_TILE);
}

/* All of a span; outputs of taken that there are none of are zeros. */
inlined void load_span8(struct load_part *p, u32 side, u32 from, u32 to, s8 taken[BLOCK][RBM_TILE])
{
	const s8 *w = (const s8 *)p->couplings + (u64)p->tile_at * RBM_TILE;
	struct span_sums b;
	u32 start = from, some, i;

	__builtin_memset(&b, 0, sizeof(b));
	for (; from < to; from += some) {
		u32 apart = p->apart && (!p->tile_at || !from);
		u32 whole = side && p->outputs == RBM_TILE && !apart;

		some = to - from < BLOCK ? to - from : BLOCK;
		if (!side)
			take_visible8(p, from, some, taken);
		else if (!whole)
			take_hidden8(p, from, some, taken);
		if (apart)
			clear_first8(p, from, some, taken);
		for (i = 0; i < some; i++)
			add_row8(&b, whole ? w + (from + i) * p->out : taken[i],
				 p->tile + (from + i) * p->row, p->bias);
	}
	add_span(p, &b, to - start);
}

inlined void load_rows8_body(struct load_part *p, u32 side)
{
	s8 taken[BLOCK][RBM_TILE] = { { 0 } };
	u32 from, to;

	for (from = p->from; from < p->to; from = to) {
		to = p->to - from < SPAN ? p->to : from + SPAN;
		load_span8(p, side, from, to, taken);
	}
}

#if defined(__SSE2__) && defined(__x86_64__)
__attribute__((target("avx2"))) static void load_rows8_avx2(struct load_part *p, u32 side)
{
	load_rows8_body(p, side);
}

__attribute__((target("avx512f,avx512bw,avx512vl"))) static void
load_rows8_avx512(struct load_part *p, u32 side)
{
	load_rows8_body(p, side);
}

static void load_rows8(struct load_part *p, u32 side)
{
	enum pbm_isa isa = pbm_isa_best();

	if (isa >= PBM_ISA_AVX512)
		load_rows8_avx512(p, side);
	else if (isa >= PBM_ISA_AVX2)
		load_rows8_avx2(p, side);
	else
		load_rows8_body(p, side);
}
#else
static void load_rows8(struct load_part *p, u32 side)
{
	load_rows8_body(p, side);
}
#endif

#endif
