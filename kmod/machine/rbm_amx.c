// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The route for CPUs that also multiply tiles of bytes (AMX-INT8): fields of 32 chains and 32
 * p-bits at a time, from nothing, by spins times couplings. Sums are exact in s32, and cost so
 * little that events pay with few chains alone, or where little changes. 16-bit couplings are two
 * planes of bytes, W = 256 high + low.
 *
 * A plane of an image, for one side as output: tiles [output / 32][input / 64][2][16][64], a tile
 * for 64 inputs and 16 outputs, byte 4 (output % 16) + input % 4 of its row input % 64 / 4. Planes
 * of one [output / 32] follow each other.
 */
#if defined(__x86_64__) && !defined(__KERNEL__) && !defined(__CHECKER__)
#include <immintrin.h>

#define PBM_HAVE_VAES
#define SIMD_BYTES 64
#include "rbm_vector.h"

#define A_ROWS	  16u
#define B_OUTPUTS 16u
#define TILE_SIZE 1024u
#define AT_A_TIME (2 * A_ROWS) /* chains, and outputs, of a product of tiles */

_Static_assert(AT_A_TIME == RBM_AMX_OUTPUTS, "a block of a plane");
_Static_assert(RBM_BLOCK % AT_A_TIME == 0, "the last tiles of spins");

/* All eight tiles are 16 rows of 64 bytes. */
struct tile_config {
	u8 palette, start_row, reserved[14];
	u16 row_bytes[16];
	u8 rows[16];
};

static void begin(void)
{
	struct tile_config config = { .palette = 1 };
	u32 k;

	for (k = 0; k < 8; k++) {
		config.row_bytes[k] = 64;
		config.rows[k] = 16;
	}
	_tile_loadconfig(&config);
	/* The compiler sees no load of tiles: what they read is in memory from here on. */
	__asm__ volatile("" ::: "memory");
}

/* Spins as bytes, -1 or +1: [chain / 16][input / 64][16][64]. */
static void spread_spins(const struct rbm_context *c, enum rbm_side side, const u8 *who, u32 count)
{
	u32 words = c->words[!side], i, w;
	s8 *spins = c->scratch->spins;

	for (i = 0; i < count; i++) {
		const u64 *state = rbm_state(c, who[i], !side);
		s8 *to = spins + (u64)i / A_ROWS * words * TILE_SIZE + i % A_ROWS * 64;

		for (w = 0; w < words; w++)
			_mm512_store_si512(to + w * TILE_SIZE,
					   _mm512_mask_blend_epi8(state[w], _mm512_set1_epi8(-1),
								  _mm512_set1_epi8(1)));
	}
}

/* Of 32 chains and 32 outputs. */
struct sums {
	s32 at[2][2][A_ROWS][B_OUTPUTS];
} __attribute__((aligned(64)));

/* One more step of 64 inputs, in two halves; every second tile is `group` or TILE_SIZE further. */
#define multiply_first(multiply, spins, plane)           \
	do {                                             \
		_tile_loadd(4, spins, 64);               \
		_tile_loadd(6, plane, 64);               \
		multiply(0, 4, 6);                       \
		_tile_loadd(7, (plane) + TILE_SIZE, 64); \
		multiply(1, 4, 7);                       \
	} while (0)

#define multiply_second(multiply, spins, group)        \
	do {                                           \
		_tile_loadd(5, (spins) + (group), 64); \
		multiply(2, 5, 6);                     \
		multiply(3, 5, 7);                     \
	} while (0)

simd_inline void sums_begin(void)
{
	_tile_zero(0);
	_tile_zero(1);
	_tile_zero(2);
	_tile_zero(3);
}

simd_inline void sums_end(struct sums *sums)
{
	_tile_stored(0, sums->at[0][0], 64);
	_tile_stored(1, sums->at[0][1], 64);
	_tile_stored(2, sums->at[1][0], 64);
	_tile_stored(3, sums->at[1][1], 64);
}

static void sum_signed(const s8 *spins, u64 group, const u8 *plane, u32 words, struct sums *sums)
{
	sums_begin();
	for (; words; words--, spins += TILE_SIZE, plane += 2 * TILE_SIZE) {
		multiply_first(_tile_dpbssd, spins, plane);
		multiply_second(_tile_dpbssd, spins, group);
	}
	sums_end(sums);
}

static void sum_unsigned(const s8 *spins, u64 group, const u8 *plane, u32 words, struct sums *sums)
{
	sums_begin();
	for (; words; words--, spins += TILE_SIZE, plane += 2 * TILE_SIZE) {
		multiply_first(_tile_dpbsud, spins, plane);
		multiply_second(_tile_dpbsud, spins, group);
	}
	sums_end(sums);
}

simd_inline const __m512i *sums_of_chain(const struct sums *s, u32 chain, u32 k)
{
	return (const __m512i *)s->at[chain / A_ROWS][k][chain % A_ROWS];
}

/* A field is odd or even as its base is: half of it, rounded down, is what narrow fields are. */
simd_inline void store_narrow(const struct sums *s, u32 chain, s16 *to)
{
	const __m512i low_halves =
		_mm512_set_epi16(62, 60, 58, 56, 54, 52, 50, 48, 46, 44, 42, 40, 38, 36, 34, 32, 30,
				 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
	__m512i a = _mm512_srai_epi32(*sums_of_chain(s, chain, 0), 1);
	__m512i b = _mm512_srai_epi32(*sums_of_chain(s, chain, 1), 1);

	_mm512_store_si512(to, _mm512_permutex2var_epi16(a, low_halves, b));
}

static void store_wide(const struct sums *s, const struct sums *high, u32 chain, s32 *to)
{
	u32 k;

	for (k = 0; k < 2; k++) {
		__m512i sum = *sums_of_chain(s, chain, k), more;

		if (high) {
			more = _mm512_slli_epi32(*sums_of_chain(high, chain, k), 8);
			sum = _mm512_add_epi32(sum, more);
		}
		_mm512_store_si512((__m512i *)to + k, sum);
	}
}

/* Couplings of outputs `out` and on, of the first plane. */
simd_inline const u8 *plane_at(const struct rbm_context *c, enum rbm_side side, u32 out)
{
	u64 plane = 2 * TILE_SIZE * (u64)c->words[!side];

	return (const u8 *)c->image + c->image->planes[side] +
	       out / AT_A_TIME * (c->image->bits / 8) * plane;
}

static void product_amx(struct rbm_context *c, enum rbm_side side, const u8 *who, u32 count)
{
	u32 padded = rbm_padded(rbm_units(c->shape, side)), words = c->words[!side], out, i, k;
	u64 group = (u64)words * TILE_SIZE;
	int two = c->image->bits == 16;
	struct sums low, high;

	spread_spins(c, side, who, count);
	begin();
	for (i = 0; i < count; i += AT_A_TIME) {
		const s8 *a = c->scratch->spins + i / A_ROWS * group;
		u32 some = count - i < AT_A_TIME ? count - i : AT_A_TIME;

		for (out = 0; out < padded; out += AT_A_TIME) {
			const u8 *b = plane_at(c, side, out);

			if (two) {
				sum_unsigned(a, group, b, words, &low);
				sum_signed(a, group, b + 2 * group, words, &high);
			} else {
				sum_signed(a, group, b, words, &low);
			}
			for (k = 0; k < some; k++) {
				u64 at = (u64)who[i + k] * padded + out;

				if (c->narrow)
					store_narrow(&low, k, (s16 *)c->scratch->field[side] + at);
				else
					store_wide(&low, two ? &high : (struct sums *)0, k,
						   (s32 *)c->scratch->field[side] + at);
			}
		}
	}
	_tile_release();
}

/* A word of the p-bits of some chains, whose sums are there: p-bits that are still to be drawn. */
struct pending {
	const struct sums *sums; /* of both halves of the word */
	const u8 *who;
	u32 word, chains, next;
};

simd_inline void draw_next(struct rbm_context *c, struct draw *d, struct pending *p)
{
	u32 chain, k;
	s16 *fields;

	if (p->next >= p->chains)
		return;
	chain = p->who[p->next];
	fields = (s16 *)c->scratch->field[d->side] + chain * d->stride + 64 * p->word;
	for_unrolled(k, 2)
		store_narrow(&p->sums[k], p->next, fields + AT_A_TIME * k);
	draw_words(c, d, chain, p->word, rbm_state(c, chain, d->side), 1, WORD_VECTORS);
	p->next++;
}

/*
 * Fields are narrow. Tiles multiply while vectors draw: after each step of a product, chains of the
 * word before are drawn.
 */
static void update_amx(struct rbm_context *c, enum rbm_side side, u32 visit, const u8 *who,
		       u32 count)
{
	u32 inputs = c->words[!side], i, w, half, k, turn = 0;
	struct draw draw = draw_begin(c, side, visit);
	u64 group = (u64)inputs * TILE_SIZE;
	struct pending before = { 0 };
	struct sums sums[2][2];

	spread_spins(c, side, who, count);
	begin();
	for (i = 0; i < count; i += AT_A_TIME) {
		const s8 *spins = c->scratch->spins + i / A_ROWS * group;

		for (w = 0; w < c->words[side]; w++, turn ^= 1) {
			for (half = 0; half < 2; half++) {
				const u8 *plane = plane_at(c, side, 64 * w + AT_A_TIME * half);

				sums_begin();
				for (k = 0; k < inputs; k++) {
					multiply_first(_tile_dpbssd, spins + k * TILE_SIZE,
						       plane + k * 2 * TILE_SIZE);
					draw_next(c, &draw, &before);
					multiply_second(_tile_dpbssd, spins + k * TILE_SIZE, group);
					draw_next(c, &draw, &before);
				}
				sums_end(&sums[turn][half]);
			}
			while (before.next < before.chains)
				draw_next(c, &draw, &before);
			before = (struct pending){
				.sums = sums[turn],
				.who = who + i,
				.word = w,
				.chains = count - i < AT_A_TIME ? count - i : AT_A_TIME,
			};
		}
	}
	_tile_release();
	while (before.next < before.chains)
		draw_next(c, &draw, &before);
	draw_end(c, &draw);
}

/* Couplings at .. at + 63, those of the mask, else 0; of 16 bits, the bytes of a plane. */
static __m512i load64(const void *w, u32 bits, u64 at, u64 mask, u32 high)
{
	__m512i a, b;

	if (bits == 8)
		return _mm512_maskz_loadu_epi8(mask, (const s8 *)w + at);
	a = _mm512_maskz_loadu_epi16((u32)mask, (const s16 *)w + at);
	b = _mm512_maskz_loadu_epi16((u32)(mask >> 32), (const s16 *)w + at + 32);
	if (high) {
		a = _mm512_srai_epi16(a, 8);
		b = _mm512_srai_epi16(b, 8);
	}
	return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi16_epi8(a)),
				  _mm512_cvtepi16_epi8(b), 1);
}

static __m128i load16(const void *w, u32 bits, u64 at, u64 mask, u32 high)
{
	return _mm512_castsi512_si128(load64(w, bits, at, mask & 0xffff, high));
}

static u64 first_bits(u32 from, u32 to, u32 most)
{
	u32 count = to > from ? to - from : 0;

	return count >= most ? ~0ull >> (64 - most) : (1ull << count) - 1;
}

/* A tile whose outputs' couplings each stand together: their fours are transposed. */
static void plane_visible(const struct pbm_shape *s, const void *w, u32 high, u32 out, u32 in,
			  u8 *tile)
{
	const __m512i count =
		_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
	const __m512i column = _mm512_slli_epi32(count, 4);
	__m512i rows[B_OUTPUTS];
	u32 k;

	for (k = 0; k < B_OUTPUTS; k++)
		rows[k] = out + k < s->n ? load64(w, s->bits, (u64)(out + k) * s->m + in,
						  first_bits(in, s->m, 64), high) :
					   _mm512_setzero_si512();
	for (k = 0; k < 16; k++)
		_mm512_store_si512(tile + 64 * k,
				   _mm512_i32gather_epi32(column, (const u32 *)rows + k, 4));
}

/* A tile whose inputs' couplings each stand together: four of them are interleaved. */
static void plane_hidden(const struct pbm_shape *s, const void *w, u32 high, u32 out, u32 in,
			 u8 *tile)
{
	u64 mask = first_bits(out, s->m, B_OUTPUTS);
	u32 k, r;

	for (k = 0; k < 16; k++, in += 4) {
		__m128i x[4], y[4];

		for (r = 0; r < 4; r++)
			x[r] = in + r < s->n ?
				       load16(w, s->bits, (u64)(in + r) * s->m + out, mask, high) :
				       _mm_setzero_si128();
		y[0] = _mm_unpacklo_epi8(x[0], x[1]);
		y[1] = _mm_unpackhi_epi8(x[0], x[1]);
		y[2] = _mm_unpacklo_epi8(x[2], x[3]);
		y[3] = _mm_unpackhi_epi8(x[2], x[3]);
		for (r = 0; r < 2; r++) {
			__m128i *to = (__m128i *)(tile + 64 * k) + 2 * r;

			_mm_store_si128(to, _mm_unpacklo_epi16(y[r], y[r + 2]));
			_mm_store_si128(to + 1, _mm_unpackhi_epi16(y[r], y[r + 2]));
		}
	}
}

static void load_side(const struct pbm_shape *s, const void *couplings, struct rbm_image *im,
		      enum rbm_side side)
{
	u32 outputs = rbm_padded(rbm_units(s, side)), inputs = rbm_padded(rbm_units(s, !side));
	u8 *tile = (u8 *)im + im->planes[side];
	u32 out, plane, in, k;

	for (out = 0; out < outputs; out += AT_A_TIME)
		for (plane = 0; plane < s->bits / 8; plane++)
			for (in = 0; in < inputs; in += 64)
				for (k = out; k < out + AT_A_TIME; k += B_OUTPUTS) {
					if (side == RBM_VISIBLE)
						plane_visible(s, couplings, plane, k, in, tile);
					else
						plane_hidden(s, couplings, plane, k, in, tile);
					tile += TILE_SIZE;
				}
}

void rbm_amx_load(const struct pbm_shape *s, const void *couplings, struct rbm_image *im)
{
	load_side(s, couplings, im, RBM_VISIBLE);
	load_side(s, couplings, im, RBM_HIDDEN);
}

const struct rbm_route rbm_route_amx =
	RBM_VECTOR_ROUTE(.product = product_amx, .product_draw = update_amx, .product_chains = 8,
			 .moved = { 30, 50, 60, 0 });
#endif
