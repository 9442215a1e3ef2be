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
#include "model_file.h"
#include "spec.h"

/*
 * Measures RBMs of 64x64 to 2048x2048 with random couplings and one that was trained, on 1 and
 * b->threads threads. Whatever runs one network with one number of chains takes turns in short
 * slices of wall time, so that what else the machine does falls on all; figures are medians.
 *
 * model: the trained one; NULL: it is learnt here, in b->training steps, see bench_trained.h.
 *
 * kernel: a kernel device that takes turns with the embedded one, on one thread, as far as it is
 * large enough; then the two are measured at 784x512 with 64 chains, too. NULL: none.
 *
 * progress: called with a fraction from 0 to 1, not decreasing, from the calling thread; a
 * negative errno that it returns ends the benchmark with that code and no sentence. May be NULL.
 *
 * ret_report: a new object,
 *	kind, cpu
 *	trained	a sentence on the trained network, or null
 *	rows	[{network, backend, route, threads, chains, bits, changed, flips_per_ns, best,
 *		over_sgemm, over_one_thread}]
 *		changed: the fraction of updates that changed the p-bit; best: the fastest slice;
 *		over_sgemm: over the sgemm route with as many threads; over_one_thread: of rows with
 *		more; both are medians over the turns
 *	ratios	[{network, threads, chains, embedded_over_sgemm, kernel_over_embedded,
 *		embedded_over_one_thread, sgemm_over_one_thread}]: likewise, where both ran
 *	empty_run {runs, median_us, best_us, calls}: from submission to event with no sweeps
 *		between, and the system calls that takes, on a kernel device
 *	timing	{seconds, slices}
 */
int bench_run(const struct spec_bench *b, const struct rbm_file *model, uint64_t seed,
	      struct device *kernel, int (*progress)(double done, void *arg), void *arg,
	      json_t **ret_report, struct err *e);

/* bench_empty.c: the object of that name. */
int bench_empty_runs(struct device *kernel, json_t **ret, struct err *e);

#endif
