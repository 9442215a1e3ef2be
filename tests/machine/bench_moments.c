// SPDX-License-Identifier: MIT
/*
 * bench_moments [ROUNDS]: how long the moments of 256 samples take at 784 x 512, by route, beside
 * OpenBLAS's sgemm of the same spins as floats; one thread. Medians of interleaved rounds. "us" is
 * that of a batch among many, whose sums stay near; "us alone" is with its sums taken to s64.
 */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rbm.h"
#include "room.h"

#define N      784u
#define M      512u
#define CHAINS PBM_RUN_BATCH_SAMPLES
#define ROUTES (PBM_ISA_AMX + 1u)
#define MOST   10000u

static const struct pbm_shape shape = { PBM_NET_RBM, N, M, CHAINS, 8 };
static double times[ROUTES + 1][MOST], settling[MOST]; /* ns; the last are sgemm's */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double time_route(enum pbm_isa isa, struct rbm_scratch *scratch, struct pbm_sums *sums)
{
	const struct pbm_run run = { 0 };
	double start = now();
	u32 at = 0;

	scratch->batched = CHAINS; /* those of the first run */
	while (pbm_sum_part(&shape, &run, sums, scratch, isa, &at) > 0)
		;
	return now() - start;
}

static double time_settle(struct pbm_sums *sums)
{
	double start = now();

	pbm_sums_settle(&shape, sums, 0);
	return now() - start;
}

static double time_sgemm(const float *v, const float *h, float *vh)
{
	double start = now();

	cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, N, M, CHAINS, 1, v, N, h, M, 1, vh, M);
	return now() - start;
}

static void spins(const u64 *states, float *v, float *h)
{
	u32 words = pbm_state_words(&shape), c, k;

	for (c = 0; c < CHAINS; c++, states += words) {
		for (k = 0; k < N; k++)
			v[c * N + k] = states[k / 64] >> k % 64 & 1 ? 1 : -1;
		for (k = 0; k < M; k++)
			h[c * M + k] = states[N / 64 + 1 + k / 64] >> k % 64 & 1 ? 1 : -1;
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *t, u32 count)
{
	qsort(t, count, sizeof(*t), compare);
	return t[count / 2];
}

int main(int argc, char **argv)
{
	u32 rounds = argc > 1 ? (u32)atoi(argv[1]) : 200, r, k, routes = pbm_isa_best() + 1;
	u64 *states = room(sizeof(u64) * CHAINS * pbm_state_words(&shape)), gain = 1ull << 50;
	struct rbm_scratch *scratch = room(pbm_scratch_size(&shape));
	void *image = room(pbm_image_size(&shape));
	float *v = room(sizeof(float) * CHAINS * N), *h = room(sizeof(float) * CHAINS * M);
	float *vh = calloc((size_t)N * M, sizeof(*vh));
	s8 *w = calloc((size_t)N * M, 1);
	struct pbm_sums sums = {
		.vh = calloc((size_t)N * M, sizeof(s64)),
		.v = calloc(N, sizeof(s64)),
		.h = calloc(M, sizeof(s64)),
		.near = calloc((size_t)N * M, sizeof(s16)),
	};
	struct pbm_run run = {
		.sweeps = 1,
		.every = 1,
		.chains = CHAINS,
		.gains = 1,
		.gain = &gain,
		.states = states,
		.flags = PBM_RUN_HOLD,
	};
	double sgemm, settle;

	if (!rounds || rounds > MOST || !vh || !w || !sums.vh || !sums.v || !sums.h || !sums.near)
		return 1;
	pbm_states_random(&shape, 1, 0, CHAINS, NULL, states);
	if (pbm_load(&shape, w, image) ||
	    pbm_run(&shape, image, &run, &sums, scratch, (enum pbm_isa)(routes - 1)))
		return 1;
	spins(states, v, h);
	openblas_set_num_threads(1);
	for (r = 0; r < rounds; r++) {
		for (k = 0; k < routes; k++)
			times[k][r] = time_route((enum pbm_isa)k, scratch, &sums);
		settling[r] = time_settle(&sums);
		times[ROUTES][r] = time_sgemm(v, h, vh);
	}
	for (k = 0; k < N * M; k++) /* rounds is far from where floats end to be exact */
		if (sums.vh[k] != (s64)routes * (s64)vh[k])
			return 1;

	sgemm = median(times[ROUTES], rounds);
	settle = median(settling, rounds);
	printf("moments of %u samples, %u x %u, one thread, %u rounds\n", CHAINS, N, M, rounds);
	printf("%-16s %8s %12s %8s %9s %8s\n", "route", "us", "ns/coupling", "ratio", "us alone",
	       "ratio");
	for (k = 0; k < routes; k++) {
		double t = median(times[k], rounds);

		printf("%-16s %8.1f %12.4f %8.2f %9.1f %8.2f\n", pbm_isa_name((enum pbm_isa)k),
		       t / 1e3, t / (N * M), sgemm / t, (t + settle) / 1e3, sgemm / (t + settle));
	}
	printf("sgemm %-10s %8.1f %12.4f\n", openblas_get_corename(), sgemm / 1e3, sgemm / (N * M));
	return 0;
}
