// SPDX-License-Identifier: MIT
/* sweeps COUNT: so many sweeps of a hot 784 x 512 network, for those who count instructions. */
#include <stdio.h>
#include <stdlib.h>

#include "machine.h"

#define N      784u
#define M      512u
#define CHAINS 64u
#define WARM   16u

int main(int argc, char **argv)
{
	const struct pbm_shape s = { PBM_NET_RBM, N, M, CHAINS, 8 };
	const u64 gain = (1ull << PBM_GAIN_FRAC) / 140; /* one update in six changes its p-bit */
	void *image = aligned_alloc(64, (pbm_image_size(&s) + 63) & ~63ull);
	void *scratch = aligned_alloc(64, (pbm_scratch_size(&s) + 63) & ~63ull);
	u64 *states = calloc((size_t)CHAINS * pbm_state_words(&s), sizeof(*states));
	struct pbm_sums sums = { 0 };
	s8 *w = malloc((size_t)N * M);
	u32 x = 1, k;
	struct pbm_run run = {
		.seed = 1,
		.sweeps = WARM + (u32)(argc > 1 ? atoi(argv[1]) : 1),
		.every = 1u << 20,
		.chains = CHAINS,
		.gains = 1,
		.gain = &gain,
		.states = states,
	};

	if (!image || !scratch || !states || !w)
		return 1;
	for (k = 0; k < N * M; k++) {
		x = x * 1664525 + 1013904223;
		w[k] = (s8)((s32)(x >> 16) % 70 - 35);
	}
	pbm_states_random(&s, 1, 0, CHAINS, NULL, states);
	if (pbm_load(&s, w, image) || pbm_run(&s, image, &run, &sums, scratch, PBM_ISA_AVX2))
		return 1;
	printf("%.4f\n", (double)sums.changed / (double)sums.flips);
	free(image);
	free(scratch);
	free(states);
	free(w);
	return 0;
}
