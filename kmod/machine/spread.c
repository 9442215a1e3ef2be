// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* How the p-bits of a device are made unlike each other. */
#include "spread.h"
#include "ars.h"

#define EINVAL_ 22
#define LANES	48 /* 16-bit words of a p-bit: 6 blocks */
#define ADDED	12 /* of a normal variate */

/* Which words make what. */
enum {
	LANE_BETA = 0,
	LANE_OFFSET = LANE_BETA + ADDED,
	LANE_DRIFT = LANE_OFFSET + ADDED,
	LANE_PHASE = LANE_DRIFT + ADDED,
	LANE_STUCK = LANE_PHASE + 2,
	LANE_SIGN = LANE_STUCK + 2,
};

int pbm_spread_check(const struct pbm_spread_params *params)
{
	if (params->beta > PBM_SPREAD_MAX_BETA || params->offset > PBM_SPREAD_MAX_OFFSET ||
	    params->drift > PBM_SPREAD_MAX_OFFSET || params->stuck > PBM_SPREAD_MAX_STUCK ||
	    !params->drift_period)
		return -EINVAL_;
	return 0;
}

int pbm_spread_is_ideal(const struct pbm_spread_params *params)
{
	return !params->beta && !params->offset && !params->drift && !params->stuck;
}

static void draw_lanes(const struct ars_key *key, u32 p_bit, u32 *lanes)
{
	u32 b, k;

	for (b = 0; b < LANES / 8; b++) {
		struct ars_block block =
			ars_encrypt(key, ars_counter(p_bit, 0, 0, b, ARS_USE_SPREAD), ARS_ROUNDS);

		for (k = 0; k < 8; k++)
			lanes[8 * b + k] = ars_lane(&block, k);
	}
}

/* z in units of 2^-16: the sum of ADDED words less its mean, ADDED * 65535 / 2. */
static s64 normal(const u32 *lanes)
{
	s64 sum = 0;
	u32 k;

	for (k = 0; k < ADDED; k++)
		sum += lanes[k];
	return sum - ADDED * 65535 / 2;
}

/* z sigma / unit to the nearest integer, halves away from zero. */
static s32 scaled(s64 z, u32 sigma, u32 factor, u32 unit)
{
	s64 x = z * sigma * factor;

	return (s32)((x < 0 ? x - unit / 2 : x + unit / 2) / unit);
}

void pbm_spread_make(const struct pbm_spread_params *params, u32 first, u32 count,
		     struct pbm_p_bit *p_bits)
{
	u32 lanes[LANES], k;
	struct ars_key key;

	ars_key_seed(&key, params->seed);
	for (k = 0; k < count; k++) {
		struct pbm_p_bit *p = &p_bits[k];
		u64 u;

		draw_lanes(&key, first + k, lanes);
		/* sigma 10^-6 2^(FRAC - 16) and 10^-3 2^(FRAC - 16) in the table's units */
		p->beta = scaled(normal(lanes + LANE_BETA), params->beta,
				 1u << (PBM_BETA_FRAC - 16), 1000000);
		p->offset = scaled(normal(lanes + LANE_OFFSET), params->offset, 1,
				   1000u << (16 - PBM_OFFSET_FRAC));
		p->drift = scaled(normal(lanes + LANE_DRIFT), params->drift, 1,
				  1000u << (16 - PBM_OFFSET_FRAC));
		p->phase = lanes[LANE_PHASE] << 16 | lanes[LANE_PHASE + 1];
		u = (u64)(lanes[LANE_STUCK] << 16 | lanes[LANE_STUCK + 1]) * 1000000 >> 32;
		p->stuck = u >= params->stuck ? 0 : lanes[LANE_SIGN] & 1 ? 1 : -1;
	}
}
