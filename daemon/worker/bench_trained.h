/* SPDX-License-Identifier: MIT */
/*
 * The benchmark's own trained network: an RBM of 784 x 512 p-bits that has learnt the digits which
 * come with pbit, as MNIST's are too large to come with it.
 *
 * UCI's 1,797 digits of 8 x 8 pixels are enlarged to 28 x 28 and cut at their middle grey. Training
 * is persistent contrastive divergence with nothing but the device: 256 images a step for the one
 * phase, 256 chains for the other, a sweep a step, and the integer sums v h' of both. The first p-bit
 * of each side is a reference spin. All else is done a number at a time, so the couplings are the
 * same on every machine.
 */
#ifndef PBIT_WORKER_BENCH_TRAINED_H
#define PBIT_WORKER_BENCH_TRAINED_H

#include "device.h"
#include "err.h"

#define BENCH_TRAINED_N 784
#define BENCH_TRAINED_M 512

/* What it is, for reports: one sentence of the steps. */
void bench_trained_text(unsigned int steps, char *buf, size_t size);

/*
 * w: [BENCH_TRAINED_N * BENCH_TRAINED_M] in device format, 8 bits. progress: after every step; its
 * negative errno ends the training, without a sentence.
 */
int bench_train(struct device *d, unsigned int steps, uint64_t seed, int (*progress)(void *arg),
		void *arg, int16_t *w, double *ret_scale, struct err *e);

#endif
