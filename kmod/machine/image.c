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
		at += rbm_align(out * sizeof(s32));
		im->start[side] = at;
		at += rbm_align(out * sizeof(s16));
		im->odd[side] = at;
		at += rbm_align(out * sizeof(s16));
		im->tiles[side] = at;
		at += rbm_align(out * in * (s->bits / 8));
		im->planes[side] = at;
		at += RBM_HAVE_AMX ? out * rbm_padded(rbm_units(s, !side)) * (s->bits / 8) : 0;
	}
	return at;
}

size_t pbm_image_size(const struct pbm_shape *s)
{
	struct rbm_image im;

	return (size_t)image_layout(s, &im);
}

/*
 * A part of the image: some rows (inputs) of one tile of 64 outputs of a side. `largest` is that
 * of |W|; beyond the range of the couplings when one of them has no negative.
 */
struct load_part {
	const void *couplings;
	u8 *tile;
	s32 *base;  /* of the tile's outputs */
	u32 *bound; /* likewise */
	u32 tile_at, outputs;
	u64 row, in, out; /* bytes of a row; inputs and outputs of the side */
	u32 from, to;	  /* inputs */
	u32 bias;	  /* of couplings as bytes */
	u32 largest;
};

static inline s32 coupling(const void *w, u32 bits, u64 at)
{
	return bits == 8 ? ((const s8 *)w)[at] : ((const s16 *)w)[at];
}

static inline void put(struct load_part *p, u32 bits, u32 i, u32 k, s32 w)
{
	if (bits == 8)
		p->tile[i * p->row + rbm_place8(k)] = (u8)(w + (s32)p->bias);
	else
		((s16 *)(p->tile + i * p->row))[k] = (s16)w;
}

/* The couplings of an output stand together, those of an input far apart. */
static inline void load_visible(struct load_part *p, u32 bits)
{
	u32 i, k;

	for (k = 0; k < p->outputs; k++) {
		u64 at = ((u64)p->tile_at * RBM_TILE + k) * p->in;
		u32 bound = 0;
		s32 sum = 0;

		for (i = p->from; i < p->to; i++) {
			s32 w = coupling(p->couplings, bits, at + i);
			u32 mag = (u32)(w < 0 ? -w : w);

			sum += w;
			bound += mag;
			p->largest = mag > p->largest ? mag : p->largest;
			put(p, bits, i, k, w);
		}
		p->base[k] -= sum;
		p->bound[k] += bound;
	}
}

/* The couplings of an input stand together. */
static inline void load_hidden(struct load_part *p, u32 bits)
{
	u32 i, k;

	for (i = p->from; i < p->to; i++) {
		u64 at = i * p->out + (u64)p->tile_at * RBM_TILE;

		for (k = 0; k < p->outputs; k++) {
			s32 w = coupling(p->couplings, bits, at + k);
			u32 mag = (u32)(w < 0 ? -w : w);

			p->base[k] -= w;
			p->bound[k] += mag;
			p->largest = mag > p->largest ? mag : p->largest;
			put(p, bits, i, k, w);
		}
	}
}

static void load_rows(struct load_part *p, u32 side, u32 bits)
{
	u32 i, k;

	if (side == RBM_VISIBLE)
		bits == 8 ? load_visible(p, 8) : load_visible(p, 16);
	else
		bits == 8 ? load_hidden(p, 8) : load_hidden(p, 16);
	for (i = p->from; p->outputs < RBM_TILE && i < p->to; i++)
		for (k = p->outputs; k < RBM_TILE; k++)
			put(p, bits, i, k, 0);
	for (k = 0; p->to == p->in && k < RBM_TILE; k++) /* the row of zeros */
		put(p, bits, p->to, k, 0);
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
	};

	p.to = in - p.from < LOAD_ROWS ? in : p.from + LOAD_ROWS;
	p.tile = (u8 *)im + rows.at;
	p.base = (s32 *)((u8 *)im + im->base[side]) + tile * RBM_TILE;
	p.bound = im->bound;
	for (k = 0; !part && k < RBM_TILE; k++) {
		p.base[k] = 0;
		p.bound[k] = 0;
	}
	load_rows(&p, side, s->bits);
	if (p.largest > most) /* beyond the range; or couplings that change under way */
		return -ERANGE_;
	for (k = 0; k < RBM_TILE; k++)
		if (p.bound[k] > RBM_MOST_BOUND)
			im->narrow = 0;
	for (k = 0; p.to == in && k < RBM_TILE; k++) {
		((s16 *)((u8 *)im + im->start[side]))[tile * RBM_TILE + k] = (s16)(p.base[k] >> 1);
		((s16 *)((u8 *)im + im->odd[side]))[tile * RBM_TILE + k] = p.base[k] & 1;
	}
	return 0;
}

#define MEASURE_COUPLINGS 32768u /* of a part */

static u32 largest(const void *couplings, u32 bits, u64 from, u64 to)
{
	u32 most = 0;
	u64 k;

	for (k = from; k < to; k++) {
		s32 w = coupling(couplings, bits, k);
		u32 mag = (u32)(w < 0 ? -w : w);

		most = mag > most ? mag : most;
	}
	return most;
}

/* Finds out the largest coupling, on which it depends how the others are stored. */
static int measure_part(const struct pbm_shape *s, const void *couplings, struct rbm_image *im,
			u32 part)
{
	u64 all = (u64)s->n * s->m, from = (u64)part * MEASURE_COUPLINGS;
	u64 to = all - from < MEASURE_COUPLINGS ? all : from + MEASURE_COUPLINGS;
	u32 most =
		s->bits == 8 ? largest(couplings, 8, from, to) : largest(couplings, 16, from, to);

	if (most > (s->bits == 8 ? 127u : 32767u))
		return -ERANGE_;
	if (most > im->max)
		im->max = most;
	im->together = im->max < 32 ? 4 : im->max < 64 ? 2 : 1;
	return 0;
}

int pbm_load_part(const struct pbm_shape *s, const void *couplings, void *image, u32 *at)
{
	const u32 parts[2] = { (s->m + LOAD_ROWS - 1) / LOAD_ROWS,
			       (s->n + LOAD_ROWS - 1) / LOAD_ROWS };
	u32 measure = (s->n * s->m + MEASURE_COUPLINGS - 1) / MEASURE_COUPLINGS;
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
	if (pbm_isa_best() == PBM_ISA_AMX)
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
