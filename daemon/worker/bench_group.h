/* SPDX-License-Identifier: MIT */
/*
 * A network and all that run it: the contenders of a group take turns in short slices of wall
 * time, so that what else the machine does falls on all of them.
 */
#ifndef PBIT_WORKER_BENCH_GROUP_H
#define PBIT_WORKER_BENCH_GROUP_H

#include <jansson.h>

#include "device.h"
#include "err.h"
#include "machine.h"
#include "sgemm_route.h"

#define BENCH_SLICES	 15
#define BENCH_CONTENDERS 16 /* the routes of the machine, a kernel device, sgemm; the best again */
#define BENCH_BETA	 1.0

/* One way to run a network: a device's program, or the sgemm route. */
struct contender {
	struct device *device; /* its own, but for a kernel device */
	bool kernel;
	struct program *program;
	struct sgemm_route *sgemm;
	unsigned int threads;
	char backend[32], route[64];
	uint64_t sweep0;
	unsigned int sweeps; /* a slice */
	double changed;
	double rate[BENCH_SLICES]; /* flips/ns */
};

struct group {
	char network[48];
	unsigned int n, m;
	bool clamped; /* the first p-bit of each side is a reference spin, held at +1 */
	unsigned int chains, bits, warm; /* warm: sweeps towards equilibrium */
	uint64_t seed;
	int16_t *w; /* [n * m] */
	double scale;
	size_t count;
	struct contender contenders[BENCH_CONTENDERS];
};

void bench_group_free(struct group *g); /* of g->w, too */

/* A contender each; a network that a kernel device is too small for has none of it. */
int bench_add_embedded(struct group *g, enum pbm_isa isa, unsigned int threads, struct err *e);
int bench_add_kernel(struct group *g, struct device *kernel, struct err *e);
int bench_add_sgemm(struct group *g, unsigned int threads, struct err *e);

/* Brings each towards equilibrium and finds how many sweeps fill a slice of its time. */
int bench_warm_up(struct group *g, double slice_ns, struct err *e);
/* One slice: its rate[k]. */
int bench_slice(struct group *g, struct contender *c, size_t k, struct err *e);
/* What only counts now: the fraction of p-bits that a sweep of sgemm changes. */
int bench_finish(struct group *g, struct err *e);

/* Adds the group's rows and ratios, see bench.h. -ENOMEM, or 0. */
int bench_group_report(const struct group *g, json_t *rows, json_t *ratios);

#endif
