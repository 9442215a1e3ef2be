// SPDX-License-Identifier: MIT
/*
 * What the way to the device costs: from submission to event for an empty program, and in system
 * calls; a new set of couplings through mmap; and how near the kernel comes to the same machine in
 * user space. The figures are printed; none of them is a verdict, but the bits are.
 */
#include <linux/pbit.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "device.h"
#include "job.h"

static const struct job_spec spec = {
	.shape = { PBM_NET_RBM, 784, 512, 64, 8 },
	.scan = PBIT_SCAN_RANDOM_DIRECTION,
	.sweeps = 12,
	.every = 12,
	.amplitude = 31,
};

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Submits and takes the event: all the system calls of a run. */
static struct pbit_event run(int fd, struct pbit_submit *a)
{
	struct pbit_event e;

	submit(fd, a);
	CHECK(read(fd, &e, sizeof(e)) == sizeof(e));
	CHECK(e.status == 0 && e.sequence == a->sequence);
	return e;
}

/* Counted by a tracer of a child that does a run and nothing else. */
static unsigned int count_calls(int fd, const struct job *j)
{
	struct pbit_submit a = job_endless(j);
	unsigned int stops = 0;
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		CHECK(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
		raise(SIGSTOP);
		a.sweeps = 0;
		run(fd, &a);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
	for (;;) {
		CHECK(ptrace(PTRACE_SYSCALL, child, NULL, NULL) == 0);
		CHECK(waitpid(child, &status, 0) == child);
		if (WIFEXITED(status))
			break;
		stops++;
	}
	CHECK(WEXITSTATUS(status) == 0);
	/* A stop on the way in and one on the way out, but for the exit, which has no way out. */
	CHECK(stops % 2 == 1);
	return (stops - 1) / 2;
}

static void empty_programs(int fd, const struct job *j)
{
	const unsigned int count = scaled(1000);
	double *us = calloc(count, sizeof(*us)), sum = 0;
	struct pbit_submit a = job_endless(j);
	uint64_t wait_ns = 0, device_ns = 0;

	doing = "empty programs";
	CHECK(us);
	a.sweeps = 0;
	run(fd, &a);
	for (unsigned int k = 0; k < count; k++) {
		const double start = seconds();
		struct pbit_event e = run(fd, &a);

		us[k] = (seconds() - start) * 1e6;
		sum += us[k];
		wait_ns += e.wait_ns;
		device_ns += e.device_ns;
	}
	qsort(us, count, sizeof(*us), by_value);
	printf("submit to event, %u empty programs: median %.1f us, 99%% %.1f us, mean %.1f us, of "
	       "which %.1f us before the start and %.1f us on the device; %u system calls each\n",
	       count, us[count / 2], us[count * 99 / 100], sum / count,
	       (double)wait_ns / count * 1e-3, (double)device_ns / count * 1e-3,
	       count_calls(fd, j));
	free(us);
}

/* Written in place, read by the device: no copy in between, and none in the system call. */
static void new_couplings(int fd, const struct job *j)
{
	const unsigned int count = scaled(40);
	struct pbit_submit load = job_endless(j);
	double write_s = 0, call_s = 0;
	uint64_t device_ns = 0;

	doing = "new couplings";
	load.sweeps = 0;
	load.flags = PBIT_SUBMIT_LOAD;
	for (unsigned int k = 0; k < count; k++) {
		double start = seconds();

		memset(j->w.mem, (int)(k % 100), j->w.size);
		write_s += seconds() - start;
		start = seconds();
		submit(fd, &load);
		call_s += seconds() - start;
		device_ns += event_wait(fd).device_ns;
	}
	printf("784 x 512 couplings: %.0f us to write them through mmap, %.0f us to submit, %.0f us "
	       "to load on the device; they are copied nowhere else\n",
	       write_s / count * 1e6, call_s / count * 1e6, (double)device_ns / count * 1e-3);
}

static enum pbm_isa route_of(const struct device *d)
{
	enum pbm_isa isa = PBM_ISA_VAES;
	char text[32];

	device_text(d, "route", text, sizeof(text));
	text[strcspn(text, "\n")] = '\0';
	while (isa > PBM_ISA_SCALAR && strcmp(text, pbm_isa_name(isa)))
		isa--;
	return isa;
}

#define TURNS 11

/* Kernel and user space in turns, so that what slows the one slows the other; the same bits. */
static void speed(const struct device *d, int fd, struct job *j)
{
	const struct pbm_shape *s = &j->spec.shape;
	void *image = aligned(pbm_image_size(s)), *scratch = aligned(pbm_scratch_size(s));
	struct pbit_submit a = job_args(j);
	uint64_t *states = aligned(j->states.size);
	struct pbm_run user = {
		.seed = a.seed,
		.sweep0 = a.sweep0,
		.sweeps = a.sweeps,
		.every = a.every,
		.scan = j->spec.scan,
		.chains = s->chains,
		.gains = 1,
		.gain = j->gain,
		.states = states,
	};
	const enum pbm_isa isa = route_of(d);
	double kernel[TURNS], own[TURNS], ratio[TURNS];

	doing = "speed";
	CHECK(pbm_load(s, j->w.mem, image) == 0);
	pbm_states_random(s, a.seed, 0, s->chains, NULL, states);
	for (unsigned int k = 0; k < TURNS; k++) {
		struct pbm_sums out = { 0 };
		struct pbit_event e;
		double start;

		a.flags = k ? 0 : PBIT_SUBMIT_LOAD | PBIT_SUBMIT_RANDOM;
		e = run(fd, &a);
		kernel[k] = (double)e.flips / (double)e.device_ns;
		start = seconds();
		CHECK(pbm_run(s, image, &user, &out, scratch, isa) == 0);
		own[k] = (double)out.flips / (seconds() - start) * 1e-9;
		CHECK(!memcmp(states, j->states.mem, j->states.size) && out.changed == e.changed);
		ratio[k] = kernel[k] / own[k];
		a.sweep0 += a.sweeps;
		user.sweep0 += a.sweeps;
	}
	qsort(kernel + 1, TURNS - 1, sizeof(*kernel), by_value);
	qsort(own + 1, TURNS - 1, sizeof(*own), by_value);
	qsort(ratio + 1, TURNS - 1, sizeof(*ratio), by_value); /* the first loads, too */
	printf("784 x 512, 64 chains, %u times %u sweeps, %s: kernel %.4f flips/ns, a thread of user "
	       "space %.4f flips/ns; kernel over user space %.3f (%.3f to %.3f)\n",
	       TURNS - 1, a.sweeps, pbm_isa_name(isa), kernel[TURNS / 2], own[TURNS / 2],
	       ratio[TURNS / 2], ratio[1], ratio[TURNS - 1]);
	free(states);
	free(image);
	free(scratch);
}

int main(void)
{
	struct device d = device_make("latency", "");
	int fd = device_open(&d, 0);
	struct job j = job_new(fd, &spec);

	empty_programs(fd, &j);
	new_couplings(fd, &j);
	speed(&d, fd, &j);
	job_free(fd, &j);
	close(fd);
	device_unmake(&d);
	return 0;
}
