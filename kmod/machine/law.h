/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The device law in integers: P(s = +1) = T / 2^32 for a p-bit whose field is F at a given gain.
 *
 * With y = |F| gain (= |beta I| log2 e) and z = 2^-y, the less likely side of the p-bit has
 * probability z / (1 + z). pbm_minority() is that probability in units of 2^-32, an integer
 * t in [0, 2^31]; from a uniform 32-bit word U,
 *
 *	F <  0:  s = +1  iff   U < t
 *	F >= 0:  s = -1  iff  ~U < t
 *
 * so that P(+1 | -F) = 1 - P(+1 | F) exactly: the machine is Z2-even to the last bit. t is monotone
 * in |F|, exact (2^31) at F = 0, and |t / 2^32 - sigma(-|beta I|)| <= PBM_LAW_ERROR for the gain as
 * given; t = 0 where sigma would round to nothing (y >= 33), so no tail is cut above 2^-33.
 */
#ifndef PBM_LAW_H
#define PBM_LAW_H

#include "machine.h"

/* Stated bound: 2^-31 (in units of 2^-32: 2). tests count every word against sigma. */
#define PBM_LAW_ERROR_UNITS 2

typedef unsigned __int128 pbm_u128;

/* 2^-(k / 64) in 62-bit fixed point. */
extern const u64 pbm_exp2_table[64];

static inline u64 pbm_mul_high(u64 a, u64 b)
{
	return (u64)((pbm_u128)a * b >> 64);
}

/* 2^-f for f = f36 / 2^36 in [0, 1), 62-bit fixed point; strictly decreasing in f36. */
static inline u64 pbm_exp2_neg(u64 f36)
{
	const u64 ln2 = 0xb17217f7d1cf79acull; /* ln 2 in 64-bit fixed point */
	const u64 one = ~0ull;
	/* a = ln 2 (f mod 1/64) < 0.0109; Taylor to a^5, the rest is below 2^-48 */
	u64 a = pbm_mul_high((f36 & 0x3fffffff) << 28, ln2);
	u64 s = one - a / 5;

	s = one - pbm_mul_high(a / 4, s);
	s = one - pbm_mul_high(a / 3, s);
	s = one - pbm_mul_high(a / 2, s);
	s = one - pbm_mul_high(a, s);
	return pbm_mul_high(pbm_exp2_table[f36 >> 30], s);
}

/* y in fixed point with PBM_GAIN_FRAC fraction bits. */
static inline u32 pbm_minority_of(pbm_u128 y)
{
	u64 whole = (u64)(y >> PBM_GAIN_FRAC);
	u64 z, den;

	if (y == 0)
		return 1u << 31;
	if (whole >= 33)
		return 0;
	z = pbm_exp2_neg((u64)(y >> (PBM_GAIN_FRAC - 36)) & 0xfffffffffull) >> whole;
	den = ((1ull << 62) + z + (1ull << 30)) >> 31; /* 1 + z, 31-bit fixed point */
	return (u32)((2 * z + den / 2) / den);
}

static inline u32 pbm_minority(u32 abs_field, u64 gain)
{
	return pbm_minority_of((pbm_u128)abs_field * gain);
}

/* The new spin (1 = +1) for a field and a uniform 32-bit word. */
static inline u32 pbm_decide(s32 field, u64 gain, u32 word)
{
	if (field < 0)
		return word < pbm_minority(-(u32)field, gain);
	return !(~word < pbm_minority((u32)field, gain));
}

/*
 * The fast decision on 16 bits. With v the upper half of U (F < 0) or of ~U, the p-bit takes its
 * less likely side iff v < z (1 - v); z comes from 16-bit arithmetic. The comparison is trusted
 * only when the two sides differ by more than a band; else pbm_decide() decides. So the bits
 * are those of pbm_decide() always; a test holds the band against every field at many gains.
 *
 * All constants are derived from the gain by integers.
 */
#define PBM_FAST_BAND	   12
#define PBM_FAST_WIDE_BAND 24 /* of fields that were divided */

struct pbm_fast {
	u16 max;   /* larger |F| have y > 15.9 and count as y = 16; at most 32767 */
	u16 shift; /* a = |F| << shift uses the 16 bits to the full */
	u16 whole; /* all ones: Y = a + mulhi(a, slope); zero: Y = mulhi(a, slope) */
	u16 slope;
	u16 hot;  /* |F| = 32767 still has y < 15.9: larger fields must be decided exactly */
	u16 down; /* fields are divided by 2^down and rounded, first of all */
	u16 band;
};

void pbm_fast_init(struct pbm_fast *f, u64 gain);

/* For fields of more than 16 bits: they are divided for as long as such a field is not cold. */
void pbm_fast_init_wide(struct pbm_fast *f, u64 gain);

/* As the other functions take it; pbm_decide() takes the field itself. */
static inline s32 pbm_fast_field(const struct pbm_fast *f, s32 field)
{
	return (field + (1 << f->down >> 1)) >> f->down;
}

#define PBM_FAST_C1 45340u /* 2^-f = 1 - f (C1 - f (C2 - f C3)), 16-bit fixed point, f in [0,1) */
#define PBM_FAST_C2 15200u
#define PBM_FAST_C3 2632u

/* z = 2^-y in 16-bit fixed point (65535 for 1), y from |F|. A route may be lower by one. */
static inline u32 pbm_fast_z(const struct pbm_fast *f, u32 abs_field)
{
	u32 a = abs_field << f->shift & 0xffff;
	u32 y = abs_field > f->max ? 0xffff : (a & f->whole) + (a * f->slope >> 16); /* 4.12 */
	u32 frac = y << 4 & 0xffff;
	u32 n = y >> 12;
	u32 t = PBM_FAST_C2 - (frac * PBM_FAST_C3 >> 16);

	t = PBM_FAST_C1 - (frac * t >> 16);
	return (~(frac * t >> 16) & 0xffff) >> n;
}

/* v - z (1 - v), the trusted sign of which is: negative = less likely side. */
static inline s32 pbm_fast_margin(const struct pbm_fast *f, u32 abs_field, u32 v)
{
	return (s32)v - (s32)((~v & 0xffff) * pbm_fast_z(f, abs_field) >> 16);
}

#endif
