// SPDX-License-Identifier: MIT
/*
 * turns W.npy SCALE CHAINS THREADS: the embedded device, for bench-peers to time beside others. W
 * holds integers; P(s = +1) = sigma(2 SCALE sum_j W_ij s_j). For every line "SWEEPS" it runs as many
 * and answers "NANOSECONDS FLIPS CHANGED".
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "couplings.h"
#include "model_file.h"
#include "npy.h"

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int serve(struct program *p, double scale, struct err *e)
{
	uint64_t gain = gain_from_beta(1, scale), sweep0 = 0;
	struct results results;
	unsigned int sweeps;

	while (scanf("%u", &sweeps) == 1) {
		struct submission s = {
			.seed = 1,
			.sweep0 = sweep0,
			.sweeps = sweeps,
			.every = sweeps,
			.gains = 1,
			.gain = &gain,
		};
		double start = now_ns();
		int r = program_run(p, &s, &results, e);

		if (r < 0)
			return r;
		printf("%.0f %llu %llu\n", now_ns() - start, (unsigned long long)results.flips,
		       (unsigned long long)results.changed);
		fflush(stdout);
		sweep0 += sweeps;
	}
	return 0;
}

static int run(char **argv, struct err *e)
{
	double scale = strtod(argv[2], NULL);
	unsigned int chains = (unsigned int)strtoul(argv[3], NULL, 10);
	unsigned int threads = (unsigned int)strtoul(argv[4], NULL, 10);
	int fd = open(argv[1], O_RDONLY | O_CLOEXEC), r;
	struct couplings layout = { .classes = 1, .bits = 8, .even = true };
	struct rbm_file f = { 0 };
	struct array w = { 0 };
	struct program *p = NULL;
	struct device *d = NULL;

	r = fd < 0 ? err_set(e, -errno, "%s: cannot be opened", argv[1]) :
		     npy_read(fd, argv[1], &w, e);
	if (r == 0)
		r = model_from_array(&w, argv[1], 8, 1, &f, e);
	layout.n = f.n;
	layout.m = f.m;
	if (r == 0)
		r = device_open_embedded(threads, &d, e);
	if (r == 0)
		r = couplings_program(&layout, d, chains, &p, e);
	if (r == 0)
		r = program_set_couplings(p, f.q, e);
	if (r == 0) {
		struct device_info info;

		couplings_random_states(&layout, p, 1);
		device_get_info(d, &info);
		printf("%s\n", info.route);
		fflush(stdout);
		r = serve(p, scale, e);
	}
	program_free(p);
	device_close(d);
	rbm_file_free(&f);
	array_free(&w);
	closep(&fd);
	return r;
}

int main(int argc, char **argv)
{
	struct err e = { 0 };

	if (argc != 5 || run(argv, &e) < 0) {
		fprintf(stderr, "turns: %s\n", argc == 5 ? e.text : "W.npy SCALE CHAINS THREADS");
		return 1;
	}
	return 0;
}
