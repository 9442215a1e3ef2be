// SPDX-License-Identifier: MIT
/*
 * scaling [SECONDS]: what an update costs, by route, network, chains, threads, bits of a coupling
 * and the fraction of updates that change their p-bit: by events, from nothing, and as the machine
 * chooses. The ways of a row take turns; a row has the fastest turn of each, since what else goes on
 * in a shared machine only slows. Cycles are of the clock
 * that a chain of rotations shows, measured beside each row.
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../machine/room.h"
#include "machine.h"

#define TURNS	    9
#define WAYS	    3
#define MOST	    2 /* threads */
#define WARM	    32
#define FLOOR(f)    (0.9 + 9.7 * (f)) /* cycles: what a draw and rows of bytes cost at least, AVX2 */
#define HOT	    3.5
#define LENGTH(row) (sizeof(row) / sizeof(*(row)))

static const u32 ways[WAYS] = { PBM_RUN_EVENTS, PBM_RUN_PRODUCT, 0 };

/*
 * cold: rms of the log2 of the odds of a p-bit, over fair coins. bias: if not 0, unit 0 of either side
 * is held, and its couplings lie within +-bias.
 */
struct row {
	u32 n, m, chains, threads, bits, most; /* couplings lie within +-most */
	double cold;
	u32 bias;
};

/* A thread's share of the chains. */
struct share {
	struct machine *machine;
	void *scratch;
	u32 chain0, chains, sweeps, flags;
	struct pbm_sums sums;
};

struct machine {
	struct row row;
	struct pbm_shape shape;
	enum pbm_isa isa;
	void *image;
	u64 *states, *clamp;
	u64 gain, sweep0;
	double changed;
	struct share shares[MOST];
};

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "scaling: %s\n", what);
	exit(1);
}

/* Rotations that wait for each other take a cycle each. */
static double clock_ghz(void)
{
	double least = INFINITY;

	for (int k = 0; k < 20; k++) {
		double start = now_ns();
		u64 x = 1;

		for (int i = 0; i < 10000; i++) {
			x = x << 7 | x >> 57;
			__asm__ volatile("" : "+r"(x));
			x = x << 7 | x >> 57;
			__asm__ volatile("" : "+r"(x));
		}
		least = fmin(least, now_ns() - start);
	}
	return 20000 / least;
}

static void machine_new(struct machine *mc, const struct row *row, enum pbm_isa isa)
{
	size_t size = (size_t)row->n * row->m, k;
	s16 *w = zeroed(size * sizeof(*w));
	double square = 0, inputs = 2.0 * row->n * row->m / (row->n + row->m);
	u32 x = 1, t, from = 0;

	*mc = (struct machine){ .row = *row, .isa = isa };
	mc->shape = (struct pbm_shape){ PBM_NET_RBM, row->n, row->m, row->chains, row->bits };
	for (k = 0; k < size; k++) {
		u32 most = row->bias && (k < row->m || k % row->m == 0) ? row->bias : row->most;
		s32 c;

		x = x * 1664525 + 1013904223;
		c = (s32)((x >> 8) % (2 * most + 1)) - (s32)most;
		square += (double)c * c;
		if (row->bits == 8)
			((s8 *)w)[k] = (s8)c;
		else
			w[k] = (s16)c;
	}
	mc->image = zeroed(pbm_image_size(&mc->shape));
	mc->states = zeroed((size_t)row->chains * pbm_state_words(&mc->shape) * sizeof(u64));
	mc->gain = (u64)(ldexp(row->cold, PBM_GAIN_FRAC) / sqrt(square / (double)size * inputs));
	pbm_states_random(&mc->shape, 1, 0, row->chains, NULL, mc->states);
	mc->clamp = zeroed(pbm_state_words(&mc->shape) * sizeof(u64));
	mc->clamp[0] = mc->clamp[pbm_side_words(row->n)] = row->bias != 0;
	must(pbm_load(&mc->shape, w, mc->image) == 0, "the couplings do not load");
	free(w);
	for (t = 0; t < row->threads; t++) {
		u32 to = row->chains * (t + 1) / row->threads;

		mc->shares[t] = (struct share){ .machine = mc,
						.scratch = zeroed(pbm_scratch_size(&mc->shape)),
						.chain0 = from,
						.chains = to - from };
		from = to;
	}
}

static void machine_free(struct machine *mc)
{
	free(mc->image);
	free(mc->states);
	free(mc->clamp);
	for (u32 t = 0; t < mc->row.threads; t++)
		free(mc->shares[t].scratch);
}

static void *run_share(void *arg)
{
	struct share *s = arg;
	const struct machine *mc = s->machine;
	struct pbm_run run = {
		.seed = 1,
		.sweep0 = mc->sweep0,
		.sweeps = s->sweeps,
		.every = s->sweeps,
		.chain0 = s->chain0,
		.chains = s->chains,
		.gains = 1,
		.gain = &mc->gain,
		.clamp = mc->clamp,
		.states = mc->states + (size_t)s->chain0 * pbm_state_words(&mc->shape),
		.flags = s->flags,
	};

	s->sums = (struct pbm_sums){ 0 };
	must(pbm_run(&mc->shape, mc->image, &run, &s->sums, s->scratch, mc->isa) == 0, "no run");
	return NULL;
}

/* ns an update. */
static double run(struct machine *mc, u32 sweeps, u32 flags)
{
	double start = now_ns(), flips = 0, changed = 0;
	pthread_t threads[MOST];
	u32 t;

	for (t = 0; t < mc->row.threads; t++) {
		mc->shares[t].sweeps = sweeps;
		mc->shares[t].flags = flags;
		if (t)
			must(pthread_create(&threads[t], NULL, run_share, &mc->shares[t]) == 0,
			     "no thread");
	}
	run_share(&mc->shares[0]);
	for (t = 0; t < mc->row.threads; t++) {
		if (t)
			pthread_join(threads[t], NULL);
		flips += (double)mc->shares[t].sums.flips;
		changed += (double)mc->shares[t].sums.changed;
	}
	mc->sweep0 += sweeps;
	mc->changed = changed / flips;
	return (now_ns() - start) / flips;
}

static void measure(const struct row *row, enum pbm_isa isa, double seconds)
{
	double least[WAYS] = { INFINITY, INFINITY, INFINITY }, ghz, each;
	struct machine mc;
	u32 t, k, sweeps;

	machine_new(&mc, row, isa);
	run(&mc, WARM, 0);
	each = run(&mc, WARM, 0) * row->chains * (row->n + row->m);
	sweeps = (u32)(seconds * 1e9 / (WAYS * TURNS) / each) + 4;
	ghz = clock_ghz();
	for (t = 0; t < TURNS; t++)
		for (k = 0; k < WAYS; k++)
			least[k] = fmin(least[k], run(&mc, sweeps, ways[k]));
	ghz = fmax(ghz, clock_ghz());
	printf("%9s %5u x %-5u %6u %7u %4u %4u %6.3f %7.3f %7.3f %7.3f %7.2f %6.2f\n",
	       pbm_isa_name(isa), row->n, row->m, row->chains, row->threads, row->bits, row->most,
	       mc.changed, 1 / least[0], 1 / least[1], 1 / least[2], row->threads * ghz * least[2],
	       FLOOR(mc.changed));
	fflush(stdout);
	machine_free(&mc);
}

int main(int argc, char **argv)
{
	static const struct row rows[] = {
		{ 784, 512, 64, 1, 8, 35, 0.01, 0 },   { 784, 512, 64, 1, 8, 35, 1.5, 0 },
		{ 784, 512, 64, 1, 8, 35, HOT, 0 },    { 784, 512, 64, 1, 8, 35, 6, 0 },
		{ 784, 512, 64, 1, 8, 35, 12, 0 },     { 784, 512, 64, 1, 8, 127, 0.01, 0 },
		{ 784, 512, 64, 1, 8, 127, HOT, 0 },   { 784, 512, 64, 1, 16, 2000, 0.01, 0 },
		{ 784, 512, 64, 1, 16, 2000, HOT, 0 }, { 784, 512, 1, 1, 8, 35, HOT, 0 },
		{ 784, 512, 4, 1, 8, 35, HOT, 0 },     { 784, 512, 16, 1, 8, 35, HOT, 0 },
		{ 784, 512, 32, 1, 8, 35, HOT, 0 },    { 784, 512, 256, 1, 8, 35, HOT, 0 },
		{ 784, 512, 256, 2, 8, 35, HOT, 0 },   { 785, 513, 64, 1, 8, 31, 6, 127 },
		{ 65, 17, 64, 1, 8, 31, HOT, 127 },    { 64, 64, 64, 1, 8, 35, HOT, 0 },
		{ 256, 256, 64, 1, 8, 35, HOT, 0 },    { 2048, 2048, 64, 1, 8, 35, HOT, 0 },
	};
	double seconds = argc > 1 ? atof(argv[1]) : 1;
	enum pbm_isa isa;
	size_t k;

	puts("                                                                    flips/ns       "
	     "  cycles an update");
	puts("    route      network chains threads bits  |W|  flips  events nothing  chosen  chosen"
	     "  floor");
	for (isa = PBM_ISA_AVX2; isa <= pbm_isa_best(); isa++)
		for (k = 0; k < LENGTH(rows); k++)
			measure(&rows[k], isa, seconds);
	return 0;
}
