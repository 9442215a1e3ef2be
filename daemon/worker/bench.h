/* SPDX-License-Identifier: MIT */
/*
 * The job kind "bench": flips/ns of the embedded device beside the OpenBLAS sgemm route, and of a
 * kernel device where the job has been given one.
 */
#ifndef PBIT_WORKER_BENCH_H
#define PBIT_WORKER_BENCH_H

#include <jansson.h>

#include "device.h"
#include "err.h"
#include "spec.h"

/*
 * Measures RBMs of 64x64, 784x512 and 2048x2048 with random couplings, 1 and b->threads threads.
 * The routes of one network and thread count take turns in short slices of wall time, so that
 * what else the machine does falls on all of them; figures are medians over slices.
 *
 * kernel: a kernel device that takes turns with the embedded one, on one thread, as far as it is
 * large enough; then the two are measured at 784x512 with 64 chains, too. NULL: none.
 *
 * progress: called with a fraction from 0 to 1, not decreasing, from the calling thread; a
 * negative errno that it returns ends the benchmark with that code and no sentence. May be NULL.
 *
 * ret_report: a new object,
 *	kind, cpu
 *	rows	[{network, backend, route, threads, chains, bits, changed, flips_per_ns, best}]
 *		changed: the fraction of updates that changed the p-bit; best: the fastest slice
 *	ratios	[{network, threads, chains, embedded_over_sgemm, kernel_over_embedded}]: medians
 *		over the turns, where both ran
 *	empty_run {runs, median_us, best_us, calls}: from submission to event with no sweeps
 *		between, and the system calls that takes, on a kernel device
 *	timing	{seconds, slices}
 */
int bench_run(const struct spec_bench *b, uint64_t seed, struct device *kernel,
	      int (*progress)(double done, void *arg), void *arg, json_t **ret_report,
	      struct err *e);

/* bench_empty.c: the object of that name. */
int bench_empty_runs(struct device *kernel, json_t **ret, struct err *e);

#endif
