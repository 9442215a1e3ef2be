/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Devices whose p-bits differ. Each p-bit of the device has a beta and an offset of its own, an
 * offset that drifts, or is stuck. With F the field of the ideal machine at sweep number t,
 *
 *	I = 2 * scale * (F + offset + drift * tri(phase + t / period))
 *	P(s = +1) = sigma(beta * (1 + b) * I)
 *
 * tri is the triangle wave of period 1 that rises from -1 at 0 to +1 at 1/2 and falls back. So the
 * drift is a function of the sweep number alone, stays within its amplitude, is nearly linear over
 * runs much shorter than the period, and a run that is cut gives the bits of the whole. An update
 * of a stuck p-bit gives its one value, whatever the field. Clamped p-bits are not updated, stuck
 * or not. Energies are those of the couplings, without offsets.
 *
 * Which p-bit of the device a program uses: visible i is p-bit i, hidden j is p-bit n + j. All
 * chains of a program pass through the same p-bits, one after another.
 *
 * A table that is made from a seed. Beta deviation, offset and drift amplitude are each
 * sigma * z, z a sum of 12 uniform 16-bit words less its mean: mean 0, sigma 1 (less 2^-33),
 * excess kurtosis -0.1, |z| < 6. The phase is uniform. A p-bit is stuck with the probability
 * given, at either value alike. Words come from the seed and the number of the p-bit alone: the
 * same seed with twice the sigma has the same pattern, twice as large.
 */
#ifndef PBM_SPREAD_H
#define PBM_SPREAD_H

#include "law.h"

#define PBM_BETA_FRAC	24
#define PBM_OFFSET_FRAC 12

/* One p-bit; all zero is an ideal one. */
struct pbm_p_bit {
	s32 beta;   /* b, fixed point with PBM_BETA_FRAC fraction bits, above -1 */
	s32 offset; /* in units of a coupling, PBM_OFFSET_FRAC fraction bits */
	s32 drift;  /* amplitude, as offset; a negative one moves the other way */
	u32 phase;  /* in units of 2^-32 periods */
	s32 stuck;  /* +1 or -1: always so; 0: not stuck */
};

struct pbm_spread {
	const struct pbm_p_bit *p_bits; /* at least n + m */
	u32 drift_period;		/* in sweeps, at least 1 */
};

/* How p-bits are made. Limits keep 6 sigma within the table's numbers and 1 + b above zero. */
struct pbm_spread_params {
	u64 seed;
	u32 beta;	  /* sigma of b, in millionths */
	u32 offset;	  /* sigma of the offset, in thousandths of a coupling unit */
	u32 drift;	  /* sigma of the drift's amplitude, in the same */
	u32 drift_period; /* in sweeps */
	u32 stuck;	  /* probability that a p-bit is stuck, in millionths */
};

#define PBM_SPREAD_MAX_BETA   160000u
#define PBM_SPREAD_MAX_OFFSET 80000000u
#define PBM_SPREAD_MAX_STUCK  1000000u
#define PBM_DRIFT_PERIOD      (1u << 20) /* where nothing else is said */

/* 0, or -EINVAL (-22) when a figure is outside its range. */
int pbm_spread_check(const struct pbm_spread_params *params);

/* 1 when every p-bit that these make is ideal. */
int pbm_spread_is_ideal(const struct pbm_spread_params *params);

/* P-bits first .. first + count of the device into p_bits[0 .. count); params have been checked. */
void pbm_spread_make(const struct pbm_spread_params *params, u32 first, u32 count,
		     struct pbm_p_bit *p_bits);

/* t / period modulo 1, in units of 2^-32. */
static inline u32 pbm_drift_angle(u64 sweep, u32 period)
{
	return (u32)(((sweep % period) << 32) / period);
}

/* Offset and drift together, PBM_OFFSET_FRAC; |result| < 2^32. */
static inline s64 pbm_spread_offset(const struct pbm_p_bit *p, u32 angle)
{
	u32 a = p->phase + angle;
	s32 tri = (s32)((a >> 31 ? ~a : a) >> 15) - 32768; /* [-1, 1) in units of 2^-15 */

	return p->offset + (s64)p->drift * tri / 32768;
}

/* gain (1 + b), saturated like a gain. */
static inline u64 pbm_spread_gain(const struct pbm_p_bit *p, u64 gain)
{
	s64 factor = (1ll << PBM_BETA_FRAC) + p->beta;
	pbm_u128 g = (pbm_u128)gain * (u64)(factor < 0 ? 0 : factor) >> PBM_BETA_FRAC;

	return g >> 64 ? ~0ull : (u64)g;
}

/* pbm_decide() for this p-bit. */
static inline u32 pbm_spread_decide(const struct pbm_p_bit *p, u32 angle, s32 field, u64 gain,
				    u32 word)
{
	s64 f = (s64)field * (1 << PBM_OFFSET_FRAC) + pbm_spread_offset(p, angle);
	u64 mag = f < 0 ? -(u64)f : (u64)f;
	u32 t;

	if (p->stuck)
		return p->stuck > 0;
	t = pbm_minority_of((pbm_u128)mag * pbm_spread_gain(p, gain) >> PBM_OFFSET_FRAC);
	return f < 0 ? word < t : !(~word < t);
}

#endif
