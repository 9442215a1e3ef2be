/* SPDX-License-Identifier: MIT */
/*
 * The route to beat: Gibbs sampling of an RBM as one writes it today, in float, with OpenBLAS sgemm
 * for the fields and a vectorised logistic sampler. It serves as comparison in `pbit bench` and
 * for nothing else.
 *
 * Chains are split over the threads, each with a single-threaded sgemm of its own and no barrier
 * between them: faster than a sgemm on several threads, and so the fairer rival.
 */
#ifndef PBIT_WORKER_SGEMM_ROUTE_H
#define PBIT_WORKER_SGEMM_ROUTE_H

#include "err.h"

struct sgemm_route;

struct sgemm_shape {
	unsigned int n, m, chains; /* 1 to 65536 each */
	unsigned int threads;
	bool clamped; /* the first p-bit of each side is held at +1 */
};

/*
 * w: [n][m] row major real couplings J. P(s_i = +1) = sigma(beta I_i), I = 2 sum_j J_ij s_j, as in
 * device.h. States start as fair coins.
 */
int sgemm_route_new(const struct sgemm_shape *shape, const float *w, double beta, uint64_t seed,
		    struct sgemm_route **ret, struct err *e);
struct sgemm_route *sgemm_route_free(struct sgemm_route *r);

/* Visible, then hidden p-bits, `sweeps` times: sweeps * chains * (n + m) updates. */
void sgemm_route_run(struct sgemm_route *r, unsigned int sweeps);

/* [chains][n] and [chains][m], -1 or +1. */
const float *sgemm_route_visible(const struct sgemm_route *r);
const float *sgemm_route_hidden(const struct sgemm_route *r);

/* OpenBLAS's kernel and the sampler's vectors, "Haswell+avx2". */
void sgemm_route_name(char *buf, size_t size);

#endif
