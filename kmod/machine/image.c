// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The dense bipartite network: couplings in the layout that the routes read. */
#include "image_rows.h"

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
