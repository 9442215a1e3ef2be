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

/* What the scalar route gives; couplings, image and scratch follow, each aligned. */
struct right {
	u64 states[STATES], changed;
};

static size_t aligned_size(size_t size)
{
	return (size + REGIONS - 1) / REGIONS * REGIONS;
}

static u8 *couplings_of(void *memory)
{
	return (u8 *)memory + aligned_size(sizeof(struct right));
}

static u8 *image_of(void *memory)
{
	return couplings_of(memory) + aligned_size((size_t)check_shape.n * check_shape.m);
}

static u8 *scratch_of(void *memory)
{
	return image_of(memory) + aligned_size(pbm_image_size(&check_shape));
}

size_t pbm_check_size(void)
{
	return aligned_size(sizeof(struct right)) +
	       aligned_size((size_t)check_shape.n * check_shape.m) +
	       aligned_size(pbm_image_size(&check_shape)) + pbm_scratch_size(&check_shape);
}

static int check_run(enum pbm_isa isa, u32 flags, void *memory, u64 *states, u64 *changed)
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
		.flags = flags,
	};
	struct pbm_sums sums = { 0 };
	u32 k;
	int r;

	for (k = 0; k < STATES; k++)
		states[k] = 0;
	pbm_states_random(&check_shape, run.seed, 0, run.chains, NULL, states);
	r = pbm_run(&check_shape, image_of(memory), &run, &sums, scratch_of(memory), isa);
	*changed = sums.changed;
	return r;
}

int pbm_check_prepare(void *memory)
{
	s8 *couplings = (s8 *)couplings_of(memory);
	struct right *right = memory;
	u32 x = 1, k;

	for (k = 0; k < check_shape.n * check_shape.m; k++) {
		x = x * 1664525 + 1013904223;
		couplings[k] = (s8)((s32)(x >> 16) % 31 - 15);
	}
	if (pbm_load(&check_shape, couplings, image_of(memory)) ||
	    check_run(PBM_ISA_SCALAR, 0, memory, right->states, &right->changed))
		return -EIO_;
	return 0;
}

/* Both ways to make fields: three chains alone would take events. */
int pbm_check_route(enum pbm_isa isa, void *memory)
{
	const u32 ways[] = { PBM_RUN_EVENTS, PBM_RUN_PRODUCT };
	const struct right *right = memory;
	u64 states[STATES], changed;
	u32 way, k;

	for (way = 0; way < 2; way++) {
		if (check_run(isa, ways[way], memory, states, &changed) ||
		    changed != right->changed)
			return -EIO_;
		for (k = 0; k < STATES; k++)
			if (states[k] != right->states[k])
				return -EIO_;
	}
	return 0;
}

int pbm_check(enum pbm_isa isa, void *memory)
{
	int r = pbm_check_prepare(memory);

	return r ? r : pbm_check_route(isa, memory);
}
