/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Plain C that the scalar route and the vector routes share. Included once by each, so that each
 * compiles it with its own instructions.
 */
#ifndef PBM_RBM_GENERIC_H
#define PBM_RBM_GENERIC_H

#include "rbm.h"

/* Draws those p-bits 8 group .. 8 group + 7 of side that are in mask, from whole words. */
static u32 rbm_spread_group(const struct rbm_context *c, enum rbm_side side, u32 group, u32 chain,
			    u32 visit, u32 mask)
{
	const struct pbm_p_bit *p_bits = c->run->spread->p_bits + (side ? c->shape->n : 0);
	u32 word0 = group | (side ? ARS_HIDDEN : 0), number = c->run->chain0 + c->first + chain;
	struct ars_block upper = ars_counter(word0, number, c->sweep, visit, ARS_USE_UPPER);
	struct ars_block lower = ars_counter(word0, number, c->sweep, visit, ARS_USE_LOWER);
	struct ars_block hi = ars_encrypt(&c->key, upper, ARS_ROUNDS);
	struct ars_block lo = ars_encrypt(&c->key, lower, ARS_ROUNDS);
	u32 out = 0, k;

	for (k = 0; k < 8; k++) {
		u32 word = ars_lane(&hi, k) << 16 | ars_lane(&lo, k), at = 8 * group + k;

		if (!(mask >> k & 1)) /* padding is in no table */
			continue;
		out |= pbm_spread_decide(&p_bits[at], c->angle, rbm_field(c, side, chain, at),
					 c->gain, word)
		       << k;
	}
	return out;
}

static void rbm_draw_spread(struct rbm_context *c, enum rbm_side side, u32 visit, const u8 *who,
			    u32 count)
{
	u32 a, g;

	for (a = 0; a < count; a++) {
		u64 *state = rbm_state(c, who[a], side);

		for (g = 0; g < 8 * c->words[side]; g++) {
			u32 shift = g % 8 * 8;
			u32 mask = (u32)(rbm_free(c, side)[g / 8] >> shift) & 0xff, diff;

			if (!mask)
				continue;
			diff = rbm_spread_group(c, side, g, who[a], visit, mask) ^
			       ((u32)(state[g / 8] >> shift) & mask);
			state[g / 8] ^= (u64)diff << shift;
			c->changed += rbm_popcount(diff);
			rbm_rest(c, RBM_REST_WORK / 4);
		}
	}
}

#endif
