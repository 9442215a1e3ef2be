// SPDX-License-Identifier: MIT
/*
 * The machine's work, for those who count instructions: each case calls counted() once, which is
 * what is to be counted, and then prints a line: name, units of work, what a unit is, and how many
 * updates changed their p-bit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "room.h"
#include "spread.h"

#define N 784u
#define M 512u

struct machine {
	struct pbm_shape shape;
	enum pbm_isa isa;
	void *couplings, *image, *scratch;
	u64 *states;
	s64 *sums;
	struct pbm_run run;
	struct pbm_sums did; /* in the last run */
	int (*what)(struct machine *);
};

/* A case. */
struct work {
	const char *name;
	enum pbm_isa isa;
	u32 bits, chains, most; /* couplings lie within +-most */
	u32 heat;		/* gain of one over this */
	u32 scan, warm, sweeps;
	int spread, wide;
	u64 (*units)(const struct work *, struct machine *);
	const char *unit;
};

/* Callgrind counts what happens in here. */
__attribute__((noinline)) int counted(struct machine *mc);
int counted(struct machine *mc)
{
	return mc->what(mc);
}

static void must(int r)
{
	if (r)
		exit(1);
}

static int run(struct machine *mc)
{
	mc->did = (struct pbm_sums){ 0 };
	return pbm_run(&mc->shape, mc->image, &mc->run, &mc->did, mc->scratch, mc->isa);
}

static int load(struct machine *mc)
{
	return pbm_load(&mc->shape, mc->couplings, mc->image);
}

static struct pbm_sums sums_of(const struct machine *mc)
{
	return (struct pbm_sums){ .v = mc->sums, .h = mc->sums + N, .vh = mc->sums + N + M };
}

static int sum(struct machine *mc)
{
	struct pbm_sums sums = sums_of(mc);
	u32 at = 0;
	int r;

	do {
		r = pbm_sum_part(&mc->shape, &mc->run, &sums, mc->scratch, mc->isa, &at);
	} while (r > 0);
	return r;
}

static u64 updates(const struct work *w, struct machine *mc)
{
	must(load(mc));
	mc->run.sweeps = w->warm;
	must(run(mc));
	mc->run.sweep0 = w->warm;
	mc->run.sweeps = w->sweeps;
	mc->run.flags = PBM_RUN_FIELDS;
	mc->what = run;
	must(counted(mc));
	return mc->did.flips;
}

static u64 products(const struct work *w, struct machine *mc)
{
	struct pbm_sums sums = sums_of(mc);

	must(load(mc));
	mc->run.sweeps = PBM_RUN_BATCH_SAMPLES / w->chains;
	mc->run.every = 1;
	mc->run.flags = PBM_RUN_HOLD;
	must(pbm_run(&mc->shape, mc->image, &mc->run, &sums, mc->scratch, mc->isa));
	mc->what = sum;
	must(counted(mc));
	return (u64)PBM_RUN_BATCH_SAMPLES * N * M;
}

static u64 couplings(const struct work *w, struct machine *mc)
{
	(void)w;
	mc->what = load;
	must(counted(mc));
	return (u64)N * M;
}

static void make(const struct work *w, struct machine *mc, const u64 *gain,
		 const struct pbm_spread *spread)
{
	u32 x = 1, k;

	mc->shape = (struct pbm_shape){ PBM_NET_RBM, N, M, w->chains, w->bits };
	mc->isa = w->isa;
	mc->couplings = zeroed((size_t)N * M * w->bits / 8);
	mc->image = zeroed(pbm_image_size(&mc->shape));
	mc->scratch = zeroed(pbm_scratch_size(&mc->shape));
	mc->states = zeroed(sizeof(u64) * w->chains * pbm_state_words(&mc->shape));
	mc->sums = zeroed(sizeof(s64) * (N + M + (size_t)N * M));
	for (k = 0; k < N * M; k++) {
		s32 c;

		x = x * 1664525 + 1013904223;
		c = (s32)((x >> 8) % (2 * w->most + 1)) - (s32)w->most;
		if (w->wide) /* none near zero, so that some fields do not fit 16 bits */
			c = c < 0 ? c / 4 - 95 : c / 4 + 95;
		if (w->bits == 8)
			((s8 *)mc->couplings)[k] = (s8)c;
		else
			((s16 *)mc->couplings)[k] = (s16)c;
	}
	pbm_states_random(&mc->shape, 1, 0, w->chains, NULL, mc->states);
	mc->run = (struct pbm_run){
		.seed = 1,
		.every = 1u << 20,
		.scan = w->scan,
		.chains = w->chains,
		.gains = 1,
		.gain = gain,
		.states = mc->states,
		.spread = spread,
	};
}

static void unmake(struct machine *mc)
{
	free(mc->couplings);
	free(mc->image);
	free(mc->scratch);
	free(mc->states);
	free(mc->sums);
}

static void work(const struct work *w, const struct pbm_spread *spread)
{
	u64 gain = (1ull << PBM_GAIN_FRAC) / (w->heat ? w->heat : 1), units;
	struct machine mc = { 0 };

	make(w, &mc, &gain, w->spread ? spread : NULL);
	units = w->units(w, &mc);
	printf("%s %llu %s %llu\n", w->name, (unsigned long long)units, w->unit,
	       (unsigned long long)mc.did.changed);
	unmake(&mc);
}

#define UPDATES	  .units = updates, .unit = "update"
#define PRODUCTS  .units = products, .unit = "product"
#define COUPLINGS .units = couplings, .unit = "coupling"

/* A hot network is one of whose updates one in six changes its p-bit. */
/* clang-format off */
static const struct work works[] = {
	{ "scalar-hot", PBM_ISA_SCALAR, 8, 64, 35, 140, 0, 2, 1, UPDATES },
	{ "scalar-moments", PBM_ISA_SCALAR, 8, 64, 35, 140, PRODUCTS },
	{ "hot", PBM_ISA_AVX2, 8, 64, 35, 140, 0, 8, 4, UPDATES },
	{ "cold", PBM_ISA_AVX2, 8, 64, 35, 20, 0, 8, 4, UPDATES },
	{ "one-chain", PBM_ISA_AVX2, 8, 1, 35, 140, 0, 8, 64, UPDATES },
	{ "palindrome", PBM_ISA_AVX2, 8, 64, 35, 140, PBM_SCAN_PALINDROME, 4, 2, UPDATES },
	{ "random-direction", PBM_ISA_AVX2, 8, 64, 35, 140, PBM_SCAN_RANDOM_DIRECTION, 4, 4,
	  UPDATES },
	{ "small-couplings", PBM_ISA_AVX2, 8, 64, 31, 124, 0, 8, 4, UPDATES }, /* four together */
	{ "large-couplings", PBM_ISA_AVX2, 8, 64, 127, 508, 0, 8, 4, UPDATES }, /* one by one */
	{ "wide", PBM_ISA_AVX2, 8, 64, 127, 820, 0, 4, 2, .wide = 1, UPDATES },
	{ "16-bit", PBM_ISA_AVX2, 16, 64, 9000, 36000, 0, 4, 2, UPDATES },
	{ "tables", PBM_ISA_AVX2, 8, 64, 127, 20000, 0, 2, 1, UPDATES }, /* fields from nothing */
	{ "tables-16-bit", PBM_ISA_AVX2, 16, 64, 9000, 1400000, 0, 2, 1, UPDATES },
	{ "unlike", PBM_ISA_AVX2, 8, 64, 35, 140, 0, 2, 1, .spread = 1, UPDATES },
	{ "moments", PBM_ISA_AVX2, 8, 64, 35, 140, PRODUCTS },
	{ "load", PBM_ISA_AVX2, 8, 1, 35, COUPLINGS },
	{ "load-16-bit", PBM_ISA_AVX2, 16, 1, 9000, COUPLINGS },
};
/* clang-format on */

int main(void)
{
	const struct pbm_spread_params params = {
		.seed = 1, .beta = 50000, .offset = 2000, .drift = 1000, .drift_period = 64
	};
	struct pbm_p_bit *p_bits = zeroed((N + M) * sizeof(*p_bits));
	const struct pbm_spread spread = { p_bits, params.drift_period };
	size_t k;

	pbm_spread_make(&params, 0, N + M, p_bits);
	for (k = 0; k < sizeof(works) / sizeof(*works); k++)
		if (works[k].isa <= pbm_isa_best())
			work(&works[k], &spread);
	free(p_bits);
	return 0;
}
