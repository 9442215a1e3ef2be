/* SPDX-License-Identifier: MIT */
/*
 * The program whose bits the golden vectors are, and the vectors. It runs the chains from
 * GOLDEN_CHAIN0 on; each is the same whatever chains run beside it.
 */
#ifndef TESTS_MACHINE_GOLDEN_PROGRAM_H
#define TESTS_MACHINE_GOLDEN_PROGRAM_H

#include "machine.h"

#define N      37u
#define M      70u
#define CHAINS 3u
#define SWEEPS 5u
#define WORDS  3u /* one visible, two hidden */

#define GOLDEN_CHAIN0 40u
#define GOLDEN_SEED   20240229u
#define GOLDEN_SWEEP0 0xfffffffeu
#define GOLDEN_START  99u /* seed of the states before the first sweep */

struct golden {
	u64 states[CHAINS * WORDS];
	s64 energy[CHAINS]; /* after the last sweep */
	u64 vh_hash, flips, changed;
};

#include "golden.h"

static const u64 golden_clamp[WORDS] = { 1, 0x10, 1 };

static inline s32 golden_coupling(u32 i, u32 j, u32 bits)
{
	s32 w = (s32)((i * 37 + j * 101 + i * j) % 61) - 30;

	return bits == 8 ? w : 211 * w;
}

/* Of sweep k: from warm to cold. */
static inline u64 golden_gain(u32 k, u32 bits)
{
	return (1ull << PBM_GAIN_FRAC) / 400 * (k + 1) / (bits == 8 ? 1 : 211);
}

/* Gains are filled in; states are of CHAINS chains, the trace of each sweep's. */
static inline struct pbm_run golden_run(u32 scan, u32 bits, u64 gains[SWEEPS], u64 *states,
					s64 trace[SWEEPS * CHAINS])
{
	u32 k;

	for (k = 0; k < SWEEPS; k++)
		gains[k] = golden_gain(k, bits);
	return (struct pbm_run){
		.seed = GOLDEN_SEED,
		.sweep0 = GOLDEN_SWEEP0,
		.sweeps = SWEEPS,
		.every = 1,
		.scan = scan,
		.chain0 = GOLDEN_CHAIN0,
		.chains = CHAINS,
		.gains = SWEEPS,
		.gain = gains,
		.clamp = golden_clamp,
		.states = states,
		.energy_trace = trace,
		.trace_chains = CHAINS,
	};
}

#endif
