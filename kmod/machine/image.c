// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The dense bipartite network: couplings in the layout that the routes read. */
#include "rbm.h"

#define EINVAL_ 22
#define ERANGE_ 34

int pbm_shape_check(const struct pbm_shape *s)
{
	if (s->net != PBM_NET_RBM || !s->n || s->n > PBM_MAX_UNITS || !s->m ||
	    s->m > PBM_MAX_UNITS || !s->chains || s->chains > PBM_MAX_CHAINS ||
	    (s->bits != 8 && s->bits != 16))
		return -EINVAL_;
	return 0;
}

/* Where the parts of the image stand; returns its size. All terms are below 2^32. */
static u64 image_layout(const struct pbm_shape *s, struct rbm_image *im)
{
	u64 at = rbm_align(sizeof(*im));
	u32 side;

	for (side = 0; side < 2; side++) {
		u64 out = rbm_padded(rbm_units(s, side)), in = rbm_units(s, !side) + 1u;

		im->base[side] = at;
		at += rbm_align(2 * out * sizeof(s32));
		im->start[side] = at;
		at += rbm_align(2 * out * sizeof(s16));
		im->odd[side] = at;
		at += rbm_align(out * sizeof(s16));
		im->tiles[side] = at;
		at += rbm_align(out * in * (s->bits / 8));
		im->planes[side] = at;
		at += rbm_planes() ? out * rbm_padded(rbm_units(s, !side)) * (s->bits / 8) : 0;
	}
	return at;
}

size_t pbm_image_size(const struct pbm_shape *s)
{
	struct rbm_image im;

	return (size_t)image_layout(s, &im);
}

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

#define BLOCK 8u   /* rows that are taken at a time: of the stack */
#define SPAN  256u /* rows whose sums of 8-bit couplings fit 16 bits */

#define EVERY8 0x0101010101010101ull /* times a byte */
#define EVEN8  0x00ff00ff00ff00ffull
#define EVEN16 0x0000ffff0000ffffull

#ifdef __SSE2__
/* Sums over the inputs of a span, by output. */
struct span_sums {
	s16 sum[RBM_TILE];
	u16 bound[RBM_TILE];
	u8 seen[RBM_TILE]; /* bits of |W| */
};

/* Loops that compilers turn into vectors. */
static inline void add_row8(struct span_sums *b, const s8 *w, u8 *to, u32 bias)
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

static void add_span(struct load_part *p, const struct span_sums *b, u32 inputs)
{
	u32 k;

	(void)inputs;
	for (k = 0; k < RBM_TILE; k++) {
		p->base[k] -= b->sum[k];
		p->bound[k] += b->bound[k];
		p->seen |= b->seen[k];
	}
}
#else
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
static inline void add_row8(struct span_sums *b, const s8 *w, u8 *to, u32 bias)
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
#endif

/* Swaps, of 8 x 8 bytes, the `shift` upper bits that mask has of a with the lower ones of b. */
static inline void swap_bits(u64 *a, u64 *b, u32 shift, u64 mask)
{
	u64 t = (*a >> shift ^ *b) & mask;

	*b ^= t;
	*a ^= t << shift;
}

/* 8 x 8 bytes: byte k of row i becomes byte i of row k. */
static inline void transpose8(u64 x[8])
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
static void take_visible8(const struct load_part *p, u32 from, u32 some, s8 out[BLOCK][RBM_TILE])
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

static void take_hidden8(const struct load_part *p, u32 from, u32 some, s8 out[BLOCK][RBM_TILE])
{
	const s8 *w = (const s8 *)p->couplings + from * p->out + (u64)p->tile_at * RBM_TILE;
	u32 i, k;

	for (i = 0; i < some; i++, w += p->out)
		for (k = 0; k < p->outputs; k++)
			out[i][k] = w[k];
}

/* What stands apart: the first input, and the first output. */
static void clear_first8(const struct load_part *p, u32 from, u32 some, s8 out[BLOCK][RBM_TILE])
{
	u32 i;

	for (i = 0; !p->tile_at && i < some; i++)
		out[i][0] = 0;
	if (!from)
		__builtin_memset(out[0], 0, RBM_TILE);
}

/* All of a span; outputs of taken that there are none of are zeros. */
static void load_span8(struct load_part *p, u32 side, u32 from, u32 to, s8 taken[BLOCK][RBM_TILE])
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

static void load_rows8(struct load_part *p, u32 side)
{
	s8 taken[BLOCK][RBM_TILE] = { { 0 } };
	u32 from, to;

	for (from = p->from; from < p->to; from = to) {
		to = p->to - from < SPAN ? p->to : from + SPAN;
		load_span8(p, side, from, to, taken);
	}
}

static inline u32 magnitude(s32 w)
{
	return (u32)(w < 0 ? -w : w);
}

static void load_visible16(struct load_part *p)
{
	u32 i, k, seen = 0;

	for (k = 0; k < p->outputs; k++) {
		u64 first = ((u64)p->tile_at * RBM_TILE + k) * p->in;
		u32 bound = 0;
		s32 sum = 0;

		for (i = p->from; i < p->to; i++) {
			s32 w = ((const s16 *)p->couplings)[first + i];

			sum += w;
			bound += magnitude(w);
			seen |= magnitude(w);
			((s16 *)(p->tile + i * p->row))[k] = (s16)w;
		}
		p->base[k] -= sum;
		p->bound[k] += bound;
	}
	p->seen |= seen;
}

static void load_hidden16(struct load_part *p)
{
	u32 i, k, seen = 0;

	for (i = p->from; i < p->to; i++) {
		u64 first = i * p->out + (u64)p->tile_at * RBM_TILE;

		for (k = 0; k < p->outputs; k++) {
			s32 w = ((const s16 *)p->couplings)[first + k];

			p->base[k] -= w;
			p->bound[k] += magnitude(w);
			seen |= magnitude(w);
			((s16 *)(p->tile + i * p->row))[k] = (s16)w;
		}
	}
	p->seen |= seen;
}

static void load_rows16(struct load_part *p, u32 side)
{
	u32 i, k;

	if (side)
		load_hidden16(p);
	else
		load_visible16(p);
	for (i = p->from; i < p->to; i++)
		for (k = p->outputs; k < RBM_TILE; k++)
			((s16 *)(p->tile + i * p->row))[k] = 0;
}

static void load_rows(struct load_part *p, u32 side, u32 bits)
{
	u32 k;

	if (bits == 8)
		load_rows8(p, side);
	else
		load_rows16(p, side);
	for (k = 0; p->to == p->in && k < RBM_TILE * bits / 8; k++) /* the row of zeros */
		p->tile[p->to * p->row + k] = (u8)(bits == 8 ? p->bias : 0);
}

/* Of unit k of side, with unit 0 of the other. */
static s32 first_coupling(const struct pbm_shape *s, const void *couplings, u32 side, u32 k)
{
	return ((const s8 *)couplings)[side ? k : (u64)k * s->m];
}

static inline void add_first(struct load_part *p, u32 output, s32 w)
{
	p->base[output] -= w;
	p->bound[output] += magnitude(w);
	p->seen_first |= magnitude(w);
}

/* Sums of what is not in the tile since it stands apart. */
static void sum_first(const struct pbm_shape *s, struct load_part *p, u32 side)
{
	u32 k;

	for (k = 0; k < p->outputs; k++)
		add_first(p, k, first_coupling(s, p->couplings, side, p->tile_at * RBM_TILE + k));
	for (k = 1; !p->tile_at && k < p->in; k++)
		add_first(p, 0, first_coupling(s, p->couplings, !side, k));
}

/* The fields that a tile's outputs start from. */
static void put_start(const struct pbm_shape *s, const struct load_part *p, struct rbm_image *im,
		      u32 side)
{
	u32 padded = rbm_padded((u32)p->out), at = p->tile_at * RBM_TILE, k;
	s16 *start = (s16 *)((u8 *)im + im->start[side]) + at;
	s16 *odd = (s16 *)((u8 *)im + im->odd[side]) + at;

	for (k = 0; k < RBM_TILE; k++) {
		s32 first = p->apart && k < p->outputs ?
				    2 * first_coupling(s, p->couplings, side, at + k) :
				    0;

		p->base[padded + k] = p->base[k] + first;
		start[k] = (s16)(p->base[k] >> 1);
		start[padded + k] = (s16)(p->base[padded + k] >> 1);
		odd[k] = p->base[k] & 1;
	}
}

#define LOAD_ROWS 512u /* of a part: its rows stay in the nearest cache */

static int load_tile_part(const struct pbm_shape *s, const void *couplings, struct rbm_image *im,
			  u32 side, u32 tile, u32 part)
{
	u32 out = rbm_units(s, side), in = rbm_units(s, !side), left = out - tile * RBM_TILE, k;
	u32 most = s->bits == 8 ? 128 / im->together - 1 : 32767;
	struct rbm_rows rows = rbm_rows(s, im, side, tile);
	struct load_part p = {
		.couplings = couplings,
		.tile_at = tile,
		.outputs = left < RBM_TILE ? left : RBM_TILE,
		.row = rows.row,
		.in = in,
		.out = out,
		.from = part * LOAD_ROWS,
		.bias = 128 / im->together,
		.apart = im->apart,
	};

	p.to = in - p.from < LOAD_ROWS ? in : p.from + LOAD_ROWS;
	p.tile = (u8 *)im + rows.at;
	p.base = (s32 *)((u8 *)im + im->base[side]) + tile * RBM_TILE;
	p.bound = im->bound;
	for (k = 0; !part && k < RBM_TILE; k++) {
		p.base[k] = 0;
		p.bound[k] = 0;
	}
	if (!part && p.apart)
		sum_first(s, &p, side);
	load_rows(&p, side, s->bits);
	if (p.seen > most ||
	    p.seen_first > 127) /* beyond the range; or couplings that change under way */
		return -ERANGE_;
	for (k = 0; k < RBM_TILE; k++)
		if (p.bound[k] > RBM_MOST_BOUND)
			im->narrow = 0;
	if (p.to == in)
		put_start(s, &p, im, side);
	return 0;
}

static inline u32 greater(u32 a, u32 b)
{
	return a > b ? a : b;
}

#define LANES 64u

/* Largest |W| by lanes, of all that were taken. */
struct largest {
	u8 lane[LANES];
};

static inline u8 magnitude8(s8 w)
{
	return (u8)(w < 0 ? -w : w);
}

static inline void take_largest(struct largest *l, const s8 *w, u32 lanes)
{
	u32 k;

	for (k = 0; k < lanes; k++)
		l->lane[k] = magnitude8(w[k]) > l->lane[k] ? magnitude8(w[k]) : l->lane[k];
}

/* The last lanes may be of couplings that were taken before. */
static void add_largest8(struct largest *l, const s8 *w, u32 count)
{
	u32 at;

	for (at = 0; at + LANES <= count; at += LANES)
		take_largest(l, w + at, LANES);
	if (at < count && count < LANES)
		take_largest(l, w, count);
	else if (at < count)
		take_largest(l, w + count - LANES, LANES);
}

static u32 largest_of(const struct largest *l)
{
	u8 most = 0;
	u32 k;

	for (k = 0; k < LANES; k++)
		most = l->lane[k] > most ? l->lane[k] : most;
	return most;
}

static u32 largest16(const s16 *w, u64 count)
{
	u16 most = 0;
	u64 k;

	for (k = 0; k < count; k++) {
		u16 mag = (u16)(w[k] < 0 ? -w[k] : w[k]);

		most = mag > most ? mag : most;
	}
	return most;
}

static u32 together(u32 most)
{
	return most < 32 ? 4 : most < 64 ? 2 : 1;
}

/* Rows of visible units that are measured at a time: some 32768 couplings. */
static u32 measure_rows(const struct pbm_shape *s)
{
	return (32768 + s->m - 1) / s->m;
}

/* Finds out the largest couplings, on which it depends how all are stored. */
static int measure_part(const struct pbm_shape *s, const void *couplings, struct rbm_image *im,
			u32 part)
{
	u32 i = part * measure_rows(s),
	    to = s->n - i < measure_rows(s) ? s->n : i + measure_rows(s);

	struct largest inner = { { 0 } }, first = { { 0 } };

	if (s->bits == 8) {
		const s8 *w = (const s8 *)couplings + (u64)i * s->m;

		for (; i < to; i++, w += s->m) {
			add_largest8(i ? &inner : &first, w + 1, s->m - 1);
			take_largest(&first, w, 1);
		}
		im->inner = greater(im->inner, largest_of(&inner));
		im->max = greater(im->max, greater(largest_of(&first), im->inner));
	} else {
		im->max = greater(im->max, largest16((const s16 *)couplings + (u64)i * s->m,
						     (u64)(to - i) * s->m));
	}
	if (im->max > (s->bits == 8 ? 127u : 32767u))
		return -ERANGE_;
	im->apart = s->bits == 8 && together(im->inner) > together(im->max);
	im->together = together(im->apart ? im->inner : im->max);
	return 0;
}

int pbm_load_part(const struct pbm_shape *s, const void *couplings, void *image, u32 *at)
{
	const u32 parts[2] = { (s->m + LOAD_ROWS - 1) / LOAD_ROWS,
			       (s->n + LOAD_ROWS - 1) / LOAD_ROWS };
	u32 measure = (s->n + measure_rows(s) - 1) / measure_rows(s);
	u32 first = rbm_padded(s->n) / RBM_TILE * parts[0];
	u32 all = measure + first + rbm_padded(s->m) / RBM_TILE * parts[1];
	u32 k = *at - measure, side = k >= first;
	struct rbm_image *im = image;
	int r;

	if (!*at) {
		im->magic = 0;
		image_layout(s, im);
		im->bits = s->bits;
		im->max = 0;
		im->inner = 0;
		im->narrow = s->bits == 8;
	}
	if (*at < measure)
		r = measure_part(s, couplings, im, *at);
	else
		r = load_tile_part(s, couplings, im, side, (k - (side ? first : 0)) / parts[side],
				   (k - (side ? first : 0)) % parts[side]);
	if (r)
		return r;
	if (++*at < all)
		return 1;
#if RBM_HAVE_AMX
	if (rbm_planes())
		rbm_amx_load(s, couplings, im);
#endif
	im->magic = RBM_IMAGE_MAGIC;
	return 0;
}

int pbm_load(const struct pbm_shape *s, const void *couplings, void *image)
{
	u32 at = 0;
	int r;

	do {
		r = pbm_load_part(s, couplings, image, &at);
	} while (r > 0);
	return r;
}
