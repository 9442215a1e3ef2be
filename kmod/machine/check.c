// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Does a route give the scalar route's bits on this very processor? Emulators of processors have
 * been met whose vector AES is wrong (the VAES of QEMU 7.2's TCG).
 */
#include "machine.h"

#define EIO_	5
#define GAIN	(1ull << (PBM_GAIN_FRAC - 7))
#define SWEEPS	6
#define STATES	12 /* chains x words, of one run */
#define REGIONS 64 /* alignment */

static const struct pbm_shape check_shape = {
	.net = PBM_NET_RBM,
	.n = 70,
	.m = 66,
	.chains = 3,
	.bits = 8,
};

static size_t couplings_size(void)
{
	return ((size_t)check_shape.n * check_shape.m + REGIONS - 1) / REGIONS * REGIONS;
}

static size_t image_size(void)
{
	return (pbm_image_size(&check_shape) + REGIONS - 1) / REGIONS * REGIONS;
}

size_t pbm_check_size(void)
{
	return couplings_size() + image_size() + pbm_scratch_size(&check_shape);
}

static int check_run(enum pbm_isa isa, const void *image, void *scratch, u64 *states, u64 *changed)
{
	const u64 gain = GAIN;
	struct pbm_run run = {
		.seed = 1,
		.sweeps = SWEEPS,
		.every = SWEEPS,
		.scan = PBM_SCAN_RANDOM_DIRECTION,
		.chains = check_shape.chains,
		.gains = 1,
		.gain = &gain,
		.states = states,
	};
	struct pbm_sums sums = { 0 };
	u32 k;
	int r;

	for (k = 0; k < STATES; k++)
		states[k] = 0;
	pbm_states_random(&check_shape, run.seed, 0, run.chains, NULL, states);
	r = pbm_run(&check_shape, image, &run, &sums, scratch, isa);
	*changed = sums.changed;
	return r;
}

int pbm_check(enum pbm_isa isa, void *memory)
{
	s8 *couplings = memory;
	u8 *image = (u8 *)memory + couplings_size(), *scratch = image + image_size();
	u64 states[2][STATES], changed[2];
	u32 x = 1, k;

	for (k = 0; k < check_shape.n * check_shape.m; k++) {
		x = x * 1664525 + 1013904223;
		couplings[k] = (s8)((s32)(x >> 16) % 31 - 15);
	}
	if (pbm_load(&check_shape, couplings, image) ||
	    check_run(PBM_ISA_SCALAR, image, scratch, states[0], &changed[0]) ||
	    check_run(isa, image, scratch, states[1], &changed[1]) || changed[0] != changed[1])
		return -EIO_;
	for (k = 0; k < STATES; k++)
		if (states[0][k] != states[1][k])
			return -EIO_;
	return 0;
}
