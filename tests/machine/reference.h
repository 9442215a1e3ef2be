/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The machine's definition, written a second time in the plainest way and sharing no code with the
 * routes but the generator and the law: fields are summed anew for each p-bit, every word is drawn
 * whole. What any route gives must equal this.
 */
#ifndef TESTS_MACHINE_REFERENCE_H
#define TESTS_MACHINE_REFERENCE_H

#include <stdlib.h>
#include <string.h>

#include "ars.h"
#include "law.h"
#include "machine.h"
#include "spread.h"

static inline int ref_spin(const struct pbm_shape *s, const u64 *state, int hidden, u32 k)
{
	const u64 *w = state + (hidden ? pbm_side_words(s->n) : 0);

	return w[k / 64] >> (k % 64) & 1 ? 1 : -1;
}

static inline s32 ref_coupling(const struct pbm_shape *s, const void *w, u32 i, u32 j)
{
	u64 at = (u64)i * s->m + j;

	return s->bits == 8 ? ((const s8 *)w)[at] : ((const s16 *)w)[at];
}

static inline void ref_update(const struct pbm_shape *s, const void *w, const struct pbm_run *run,
			      const struct ars_key *key, u64 sweep, u32 chain, u64 gain, u64 *state,
			      int hidden, u32 visit, struct pbm_sums *sums)
{
	u32 units = hidden ? s->m : s->n, others = hidden ? s->n : s->m, i, j;
	u64 offset = hidden ? pbm_side_words(s->n) : 0;

	for (i = 0; i < units; i++) {
		u64 *word = state + offset + i / 64, bit = 1ull << (i % 64);
		u32 group = i / 8 | (hidden ? ARS_HIDDEN : 0), u, spin;
		struct ars_block hi, lo;
		s32 field = 0;

		if (run->clamp && run->clamp[offset + i / 64] & bit)
			continue;
		for (j = 0; j < others; j++)
			field += ref_spin(s, state, !hidden, j) *
				 (hidden ? ref_coupling(s, w, j, i) : ref_coupling(s, w, i, j));
		hi = ars_encrypt(key, ars_counter(group, chain, sweep, visit, ARS_USE_UPPER), 7);
		lo = ars_encrypt(key, ars_counter(group, chain, sweep, visit, ARS_USE_LOWER), 7);
		u = ars_lane(&hi, i % 8) << 16 | ars_lane(&lo, i % 8);
		if (run->spread)
			spin = pbm_spread_decide(&run->spread->p_bits[(hidden ? s->n : 0) + i],
						 pbm_drift_angle(sweep, run->spread->drift_period),
						 field, gain, u);
		else
			spin = pbm_decide(field, gain, u);
		sums->flips++;
		sums->changed += spin != !!(*word & bit);
		*word = (*word & ~bit) | (spin ? bit : 0);
	}
}

static inline s64 ref_energy(const struct pbm_shape *s, const void *w, const u64 *state)
{
	s64 e = 0;
	u32 i, j;

	for (i = 0; i < s->n; i++)
		for (j = 0; j < s->m; j++)
			e -= (s64)ref_coupling(s, w, i, j) * ref_spin(s, state, 0, i) *
			     ref_spin(s, state, 1, j);
	return e;
}

static inline void ref_record(const struct pbm_shape *s, const void *w, const struct pbm_run *run,
			      u64 row, u32 chain, const u64 *state, struct pbm_sums *sums)
{
	u64 at = row * run->trace_chains + run->trace_chain0 + chain;
	s64 e = ref_energy(s, w, state);
	u32 i, j;

	if (run->state_trace)
		memcpy(run->state_trace + at * pbm_state_words(s), state,
		       pbm_state_words(s) * sizeof(u64));
	if (run->energy_trace)
		run->energy_trace[at] = e;
	*sums->energy += e;
	sums->samples++;
	for (i = 0; i < s->n; i++)
		sums->v[i] += ref_spin(s, state, 0, i);
	for (j = 0; j < s->m; j++)
		sums->h[j] += ref_spin(s, state, 1, j);
	for (i = 0; i < s->n; i++)
		for (j = 0; j < s->m; j++)
			sums->vh[(u64)i * s->m + j] +=
				ref_spin(s, state, 0, i) * ref_spin(s, state, 1, j);
}

/* pbm_run(), with the couplings in device format and all the sums present. */
static inline void ref_run(const struct pbm_shape *s, const void *w, const struct pbm_run *run,
			   struct pbm_sums *sums)
{
	struct ars_key key;
	u32 k, t;

	ars_key_seed(&key, run->seed);
	for (k = 0; k < run->chains; k++) {
		u64 *state = run->states + (u64)k * pbm_state_words(s);

		for (t = 0; t < run->sweeps; t++) {
			u64 sweep = run->sweep0 + t, gain = run->gain[run->gains == 1 ? 0 : t];
			u32 chain = run->chain0 + k;
			int first = 0;

			if (run->scan == PBM_SCAN_RANDOM_DIRECTION)
				first = !ars_direction(&key, chain, sweep);
			ref_update(s, w, run, &key, sweep, chain, gain, state, first, 0, sums);
			ref_update(s, w, run, &key, sweep, chain, gain, state, !first, 0, sums);
			if (run->scan == PBM_SCAN_PALINDROME)
				ref_update(s, w, run, &key, sweep, chain, gain, state, 0, 1, sums);
			if ((t + 1) % run->every == 0)
				ref_record(s, w, run, t / run->every, k, state, sums);
		}
	}
}

#endif
