// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The scalar route: plain C, any CPU. */
#include "rbm_generic.h"

/* One word of p-bits from s32 fields. */
static u64 rbm_draw_word(const struct rbm_context *c, const s32 *f, u32 group, u32 chain, u32 visit,
			 u64 mask)
{
	u64 out = 0;
	u32 g, k;

	for (g = 0; g < 8; g++) {
		struct ars_block hi, lo;
		int have_low = 0;

		if (!(mask >> 8 * g & 0xff))
			continue;
		hi = ars_encrypt(&c->key,
				 ars_counter(group + g, chain, c->sweep, visit, ARS_USE_UPPER),
				 ARS_ROUNDS);
		for (k = 0; k < 8; k++) {
			s32 field = f[8 * g + k];
			u32 u = ars_lane(&hi, k), mag = field < 0 ? -(u32)field : (u32)field;
			s32 margin = 0;

			if (mag <= 32767 || !c->fast.hot)
				margin = pbm_fast_margin(&c->fast, mag <= 32767 ? mag : 32767,
							 field < 0 ? u : ~u & 0xffff);
			if (margin > PBM_FAST_BAND || margin < -PBM_FAST_BAND) {
				out |= (u64)((margin < 0) == (field < 0)) << (8 * g + k);
				continue;
			}
			if (!have_low)
				lo = ars_encrypt(&c->key,
						 ars_counter(group + g, chain, c->sweep, visit,
							     ARS_USE_LOWER),
						 ARS_ROUNDS);
			have_low = 1;
			out |= (u64)pbm_decide(field, c->gain, u << 16 | ars_lane(&lo, k))
			       << (8 * g + k);
		}
	}
	return out;
}

static void rbm_draw_generic(struct rbm_context *c, enum rbm_side side, u32 visit, const u8 *who,
			     u32 count)
{
	u32 padded = rbm_padded(rbm_units(c->shape, side));
	u32 a, w;

	for (a = 0; a < count; a++) {
		u32 chain = who[a];
		u64 *state = rbm_state(c, chain, side);
		const s32 *f = (const s32 *)c->scratch->field[side] + (u64)chain * padded;

		for (w = 0; w < c->words[side]; w++) {
			u64 mask = rbm_free_mask(c, side, w);
			u64 drawn = rbm_draw_word(c, f + 64 * w, 8 * w | (side ? ARS_HIDDEN : 0),
						  c->run->chain0 + c->first + chain, visit, mask);
			u64 diff = (drawn ^ state[w]) & mask;

			state[w] ^= diff;
			c->changed += rbm_popcount(diff);
			rbm_rest(c, 1024);
		}
	}
}

const struct rbm_route rbm_route_scalar = {
	.accumulate = rbm_accumulate_generic,
	.draw = rbm_draw_generic,
	.draw_spread = rbm_draw_spread,
	.moments = rbm_moments_generic,
};
