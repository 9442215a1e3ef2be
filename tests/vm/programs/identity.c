// SPDX-License-Identifier: MIT
/*
 * The bits of whole runs in the kernel are those of the p-bit machine in user space: every scan
 * order, widths of 8 and 16 bits, clamped p-bits, ramps, sums, traces, runs cut in pieces; by the
 * module's scalar route and by the best one that this processor has.
 */
#include <linux/pbit.h>

#include "device.h"
#include "job.h"

/* The shapes have sides within a word, of whole words and across them; blocks whole and not. */
static const struct pbm_shape shapes[] = {
	{ PBM_NET_RBM, 1, 1, 3, 8 },	  { PBM_NET_RBM, 70, 45, 37, 8 },
	{ PBM_NET_RBM, 64, 128, 16, 16 }, { PBM_NET_RBM, 130, 190, 5, 16 },
	{ PBM_NET_RBM, 784, 511, 17, 8 },
};

static void whole_run(int fd, const struct job_spec *spec)
{
	struct job j = job_new(fd, spec);
	struct reference r = reference_new(&j);
	struct pbit_event e = job_run(fd, &j, &r);

	printf("scan %u, %u x %u, %u chains, %u sweeps, %u bits%s%s: %.4f flips/ns\n", spec->scan,
	       spec->shape.n, spec->shape.m, spec->shape.chains, spec->sweeps, spec->shape.bits,
	       spec->clamp ? ", clamped" : "", spec->ramp ? ", ramp" : "",
	       (double)e.flips / (double)e.device_ns);
	reference_free(&r);
	job_free(fd, &j);
}

/* Every scan with and without clamps and a ramp; narrow fields and, with 16 bits, wide ones. */
static void whole_runs(int fd)
{
	static const uint32_t every[] = { 1, 7, 33 };

	doing = "whole runs";
	for (size_t k = 0; k < sizeof(shapes) / sizeof(shapes[0]); k++)
		for (uint32_t scan = 0; scan < 3; scan++) {
			const bool wide = shapes[k].bits == 16, large = shapes[k].n > 500;

			whole_run(fd, &(struct job_spec){
					      .shape = shapes[k],
					      .scan = scan,
					      .sweeps = large ? 12 : 66,
					      .every = large ? 1 + scan * 2 : every[scan],
					      .clamp = shapes[k].n > 64 && scan != 2,
					      .ramp = scan != 1,
					      .amplitude = wide ? 32767 : 20 + 50 * (int)scan,
				      });
		}
}

/* A run cut where nothing is recorded: the states of the whole. */
static void cut_states(int fd, struct job *j, const struct reference *r, uint64_t seed)
{
	struct pbit_submit a = job_args(j), piece;
	uint32_t done = 0, pieces = 0;
	uint64_t flips = 0, x = seed;

	job_rewind(j);
	while (done < a.sweeps) {
		uint32_t n = (uint32_t)(noise(&x) % 9);

		n = n < a.sweeps - done ? n : a.sweeps - done;
		piece = a;
		piece.flags = (done ? 0 : a.flags & (PBIT_SUBMIT_LOAD | PBIT_SUBMIT_RANDOM)) |
			      (a.flags & PBIT_SUBMIT_RAMP);
		piece.flags &= ~(done || pieces ? PBIT_SUBMIT_RANDOM : 0);
		piece.sweep0 = a.sweep0 + done;
		piece.sweeps = n;
		piece.gain = a.flags & PBIT_SUBMIT_RAMP ? (uintptr_t)(j->gain + done) : a.gain;
		submit(fd, &piece);
		done += n;
		pieces++;
		/* Some wait behind others, some find the device idle. */
		if (noise(&x) % 2)
			flips += event_wait(fd).flips, pieces--;
	}
	for (; pieces; pieces--)
		flips += event_wait(fd).flips;
	CHECK(!memcmp(r->states, j->states.mem, j->states.size));
	CHECK(flips == r->event.flips);
}

/* Cut at records, with PBIT_SUBMIT_ADD: the sums of the whole, and its traces in turn. */
static void cut_records(int fd, struct job *j, const struct reference *r, uint32_t records)
{
	const size_t chains = j->spec.shape.chains, every = j->spec.every;
	const uint32_t total = (uint32_t)j->records;
	struct pbit_submit a = job_args(j);

	job_rewind(j);
	for (uint32_t at = 0; at < total; at += records) {
		const uint32_t n = records < total - at ? records : total - at;
		struct pbit_submit piece = a;

		if (at) {
			piece.flags &= ~(PBIT_SUBMIT_RANDOM | PBIT_SUBMIT_LOAD);
			piece.flags |= PBIT_SUBMIT_ADD;
		}
		piece.sweep0 = a.sweep0 + at * every;
		piece.sweeps = n * (uint32_t)every;
		if (a.flags & PBIT_SUBMIT_RAMP)
			piece.gain = (uintptr_t)(j->gain + at * every);
		submit(fd, &piece);
		CHECK(event_wait(fd).status == 0);
		CHECK(!memcmp(j->energy.mem, r->energy + at * chains, n * chains * 8));
		CHECK(!memcmp(j->trace.mem, r->trace + at * chains * j->words,
			      n * chains * j->words * 8));
	}
	CHECK(!memcmp(r->sums, j->sums.mem, j->sum_bytes));
}

static void cut_runs(int fd)
{
	doing = "cut runs";
	for (uint32_t scan = 0; scan < 3; scan++) {
		struct job_spec spec = {
			.shape = { PBM_NET_RBM, 70, 45, 37, scan == 1 ? 16 : 8 },
			.scan = scan,
			.sweeps = 60,
			.every = 5,
			.clamp = scan == 0,
			.ramp = scan != 1,
			.amplitude = 100,
		};
		struct job j = job_new(fd, &spec);
		struct reference r = reference_new(&j);

		for (uint64_t seed = 1; seed <= 4; seed++)
			cut_states(fd, &j, &r, seed);
		for (uint32_t records = 1; records <= 7; records += 3)
			cut_records(fd, &j, &r, records);
		reference_free(&r);
		job_free(fd, &j);
	}
	printf("cut runs: the bits of the whole\n");
}

/* Two devices and four contexts at once change no bits of each other. */
static void side_by_side(const struct device *d, const struct device *other)
{
	struct reference r[4];
	struct job j[4];
	int fd[4];

	doing = "runs side by side";
	for (int k = 0; k < 4; k++) {
		fd[k] = device_open(k < 2 ? d : other, 0);
		j[k] = job_new(fd[k], &(struct job_spec){
					      .shape = { PBM_NET_RBM, 100, 100 + 7 * k, 33, 8 },
					      .scan = (uint32_t)k % 3,
					      .sweeps = 60,
					      .every = 3,
					      .ramp = k & 1,
					      .amplitude = 60,
				      });
		r[k] = reference_new(&j[k]);
		job_rewind(&j[k]);
	}
	for (int k = 0; k < 4; k++) {
		struct pbit_submit a = job_args(&j[k]);

		submit(fd[k], &a);
	}
	for (int k = 0; k < 4; k++) {
		struct pbit_event e = event_wait(fd[k]);

		job_compare(&j[k], &r[k], &e);
		reference_free(&r[k]);
		job_free(fd[k], &j[k]);
		close(fd[k]);
	}
}

/* The route that the module ought to choose when `most` is the fastest allowed. */
static enum pbm_isa expected_route(enum pbm_isa most)
{
	enum pbm_isa isa = pbm_isa_best() < most ? pbm_isa_best() : most;
	void *memory = aligned(pbm_check_size());

	while (isa > PBM_ISA_SCALAR && pbm_check(isa, memory) < 0)
		isa--;
	free(memory);
	return isa;
}

static void check_route(const struct device *d, int fd, enum pbm_isa isa)
{
	struct pbit_get_param p = { .param = PBIT_PARAM_ROUTE };
	char text[32];

	doing = "the route";
	device_text(d, "route", text, sizeof(text));
	printf("route %s", text);
	text[strcspn(text, "\n")] = '\0';
	CHECK(!strcmp(text, pbm_isa_name(isa)));
	CHECK(ioctl(fd, PBIT_IOC_GET_PARAM, &p) == 0);
	CHECK(p.value == (uint64_t)PBIT_ROUTE_SCALAR + isa);
}

static void all_runs(enum pbm_isa most)
{
	struct device d = device_make("identity", "p_bits=2048 chains=64");
	struct device other = device_make("other", "");
	int fd = device_open(&d, 0);

	check_route(&d, fd, expected_route(most));
	whole_runs(fd);
	cut_runs(fd);
	side_by_side(&d, &other);
	close(fd);
	device_unmake(&d);
	device_unmake(&other);
}

int main(void)
{
	all_runs(PBM_ISA_VAES);
	if (expected_route(PBM_ISA_VAES) == PBM_ISA_SCALAR)
		return 0;
	module_unload();
	module_load("route=0");
	all_runs(PBM_ISA_SCALAR);
	module_unload();
	module_load("");
	return 0;
}
