/* SPDX-License-Identifier: MIT */
/* What it costs to hand a kernel device nothing to do. */

#include "bench.h"
#include "clock_ns.h"
#include "kernel_device.h"

#define RUNS 1001

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* A program that has run once, so that all it needs is in place. */
static int small_program(struct device *kernel, struct program **ret, struct err *e)
{
	struct pbm_shape shape = { .net = PBM_NET_RBM, .n = 64, .m = 64, .chains = 1, .bits = 8 };
	uint64_t gain = gain_from_beta(1, 0.01);
	struct submission s = { .sweeps = 1, .every = 1, .gains = 1, .gain = &gain };
	_cleanup_free_ int16_t *w = alloc_zeroed((size_t)shape.n * shape.m, sizeof(*w));
	struct program *p;
	struct results results;
	int r;

	if (!w)
		return err_oom(e);
	r = program_new(kernel, &shape, NULL, &p, e);
	if (r < 0)
		return r;
	r = program_set_couplings(p, w, e);
	if (r == 0)
		r = program_run(p, &s, &results, e);
	if (r < 0) {
		program_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

static void program_freep(struct program **p)
{
	program_free(*p);
}

int bench_empty_runs(struct device *kernel, json_t **ret, struct err *e)
{
	_cleanup_(program_freep) struct program *p = NULL;
	uint64_t calls = 0, most = 0;
	double ns[RUNS];
	json_t *object;
	int r;

	r = small_program(kernel, &p, e);
	for (size_t k = 0; r == 0 && k < RUNS; k++) {
		uint64_t start = clock_ns();

		r = kernel_device_empty_run(p, &calls, e);
		ns[k] = (double)(clock_ns() - start);
		most = MAX(most, calls);
	}
	if (r < 0)
		return r;
	qsort(ns, RUNS, sizeof(*ns), compare_doubles);
	object = json_pack("{si sf sf sI}", "runs", RUNS, "median_us", ns[RUNS / 2] / 1e3,
			   "best_us", ns[0] / 1e3, "calls", (json_int_t)most);
	if (!object)
		return err_oom(e);
	*ret = object;
	return 0;
}
