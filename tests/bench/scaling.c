// SPDX-License-Identifier: MIT
/*
 * scaling [SECONDS]: what an update costs by network, chains, the fraction that changes, route and
 * way to make fields. The ways of a row take turns; a row gives the median of their turns.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "machine.h"

#define TURNS 9
#define WAYS  3

static const u32 flags[WAYS] = { PBM_RUN_EVENTS, PBM_RUN_PRODUCT, 0 };

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void *room(size_t size)
{
	void *p = aligned_alloc(64, (size + 63) & ~(size_t)63);

	if (!p)
		abort();
	memset(p, 0, size);
	return p;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct network {
	struct pbm_shape shape;
	void *image, *scratch;
	u64 *states;
	u64 gain;
	u64 sweep0;
	double changed;
};

/* Random couplings up to 63, gain such that the rms of log2 odds over fair coins is x. */
static void network_new(struct network *w, u32 n, u32 m, u32 chains, u32 bits, double x)
{
	size_t size = (size_t)n * m, k;
	u32 r = 1;
	double square = 0;
	s8 *c8 = room(size * 2);
	s16 *c16 = (s16 *)c8;

	*w = (struct network){ .shape = { PBM_NET_RBM, n, m, chains, bits } };
	for (k = 0; k < size; k++) {
		s32 c;

		r = r * 1664525 + 1013904223;
		c = (s32)(r >> 16) % (bits == 8 ? 64 : 4096) - (bits == 8 ? 32 : 2048);
		square += (double)c * c;
		if (bits == 8)
			c8[k] = (s8)c;
		else
			c16[k] = (s16)c;
	}
	w->image = room(pbm_image_size(&w->shape));
	w->scratch = room(pbm_scratch_size(&w->shape));
	w->states = room((size_t)chains * pbm_state_words(&w->shape) * sizeof(u64));
	w->gain = (u64)(ldexp(x, PBM_GAIN_FRAC) /
			sqrt(square / (double)size * 2.0 * n * m / (n + m)));
	pbm_states_random(&w->shape, 1, 0, chains, NULL, w->states);
	if (pbm_load(&w->shape, c8, w->image))
		abort();
	free(c8);
}

static double run(struct network *w, u32 sweeps, u32 way, enum pbm_isa isa)
{
	struct pbm_run r = { .seed = 1,
			     .sweep0 = w->sweep0,
			     .sweeps = sweeps,
			     .every = sweeps,
			     .chains = w->shape.chains,
			     .gains = 1,
			     .gain = &w->gain,
			     .states = w->states,
			     .flags = way };
	struct pbm_sums sums = { 0 };
	double start = now_ns();

	if (pbm_run(&w->shape, w->image, &r, &sums, w->scratch, isa))
		abort();
	w->sweep0 += sweeps;
	w->changed = (double)sums.changed / (double)sums.flips;
	return (now_ns() - start) / (double)sums.flips;
}

static void row(u32 n, u32 m, u32 chains, u32 bits, double x, enum pbm_isa isa, double seconds)
{
	double ns[WAYS][TURNS], each;
	struct network w;
	u32 t, k, sweeps;

	network_new(&w, n, m, chains, bits, x);
	each = run(&w, 16, 0, isa);
	each = run(&w, 16, 0, isa);
	sweeps = (u32)(seconds * 1e9 / (WAYS * TURNS) / (each * chains * (n + m))) + 4;
	for (t = 0; t < TURNS; t++)
		for (k = 0; k < WAYS; k++)
			ns[k][t] = run(&w, sweeps, flags[k], isa);
	printf("%5u x %-5u %6u %4u %9s %6.3f ", n, m, chains, bits, pbm_isa_name(isa), w.changed);
	for (k = 0; k < WAYS; k++) {
		qsort(ns[k], TURNS, sizeof(double), compare);
		printf(" %8.4f", 1 / ns[k][TURNS / 2]);
	}
	putchar('\n');
	fflush(stdout);
	free(w.image);
	free(w.scratch);
	free(w.states);
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 1;
	static const double x[] = { 0.01, 1.5, 3.5, 6, 12 };
	enum pbm_isa isa;
	size_t k;

	puts("      network chains bits     route changed    events  product  chosen   flips/ns");
	for (isa = PBM_ISA_AVX2; isa <= pbm_isa_best(); isa++) {
		for (k = 0; k < sizeof(x) / sizeof(*x); k++)
			row(784, 512, 64, 8, x[k], isa, seconds);
		for (k = 1; k <= 64; k *= 2)
			row(784, 512, (u32)k, 8, 3.5, isa, seconds);
		row(784, 512, 64, 16, 3.5, isa, seconds);
		row(784, 512, 256, 8, 3.5, isa, seconds);
		row(64, 64, 64, 8, 3.5, isa, seconds);
		row(256, 256, 64, 8, 3.5, isa, seconds);
		row(2048, 2048, 64, 8, 3.5, isa, seconds);
	}
	return 0;
}
