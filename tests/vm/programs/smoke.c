// SPDX-License-Identifier: MIT
/*
 * /dev/pbitN in short: an emulated device is made through configfs, runs every scan order with
 * the bits of the machine in user space, refuses bad input, cancels, and goes while in use.
 * Exit status 0: all well.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <linux/pbit.h>

#include "machine.h"

#define ITEM "/sys/kernel/config/pbit/smoke"

static const char *doing = "starting";

#define CHECK(x)                                                                               \
	do {                                                                                   \
		if (!(x)) {                                                                    \
			printf("smoke: %s: line %d: %s (errno %d: %s)\n", doing, __LINE__, #x, \
			       errno, strerror(errno));                                        \
			exit(1);                                                               \
		}                                                                              \
	} while (0)
#define FAILS(x, error)                               \
	do {                                          \
		errno = 0;                            \
		CHECK((x) == -1 && errno == (error)); \
	} while (0)

static void write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	CHECK(fd >= 0);
	CHECK(write(fd, value, strlen(value)) == (ssize_t)strlen(value));
	close(fd);
}

static void show(const char *path)
{
	char text[4096];
	int fd = open(path, O_RDONLY);
	ssize_t n;

	CHECK(fd >= 0);
	n = read(fd, text, sizeof(text) - 1);
	CHECK(n >= 0);
	text[n] = 0;
	printf("%s:\n%s", path, text);
	close(fd);
}

static int open_device(void)
{
	int fd = open("/dev/pbit0", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

struct buffer {
	uint32_t handle;
	size_t size;
	void *mem;
};

static struct buffer buffer(int fd, uint32_t kind, size_t size)
{
	struct pbit_buffer_create c = { .kind = kind, .size = size };
	struct buffer b;

	CHECK(ioctl(fd, PBIT_IOC_BUFFER_CREATE, &c) == 0);
	CHECK(c.handle && c.size >= size);
	b.handle = c.handle;
	b.size = size;
	b.mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)c.offset);
	CHECK(b.mem != MAP_FAILED);
	for (size_t i = 0; i < size; i++)
		CHECK(((uint8_t *)b.mem)[i] == 0);
	return b;
}

static void buffer_destroy(int fd, struct buffer *b)
{
	struct pbit_handle h = { .handle = b->handle };

	CHECK(ioctl(fd, PBIT_IOC_BUFFER_DESTROY, &h) == 0);
	FAILS(ioctl(fd, PBIT_IOC_BUFFER_DESTROY, &h), ENOENT);
	CHECK(munmap(b->mem, b->size) == 0);
}

struct job {
	struct pbm_shape shape;
	uint32_t scan, sweeps, every;
	bool clamp, ramp;
	struct buffer w, states, sums, energy, trace;
	uint64_t *mask, *gain;
	uint32_t program;
	size_t words, records;
};

static uint64_t noise(uint64_t *x)
{
	*x = *x * 6364136223846793005u + 1442695040888963407u;
	return *x >> 33;
}

static struct job job_new(int fd, struct pbm_shape shape, uint32_t scan, uint32_t sweeps,
			  uint32_t every, bool clamp, bool ramp, int amplitude)
{
	struct job j = { .shape = shape,
			 .scan = scan,
			 .sweeps = sweeps,
			 .every = every,
			 .clamp = clamp,
			 .ramp = ramp };
	size_t pairs = (size_t)shape.n * shape.m;
	struct pbit_program_create c = { 0 };
	uint64_t x = 1 + scan;

	j.words = pbm_state_words(&shape);
	j.records = sweeps / every;
	j.w = buffer(fd, PBIT_BUFFER_COUPLINGS, pairs * (shape.bits / 8));
	j.states = buffer(fd, PBIT_BUFFER_STATES, shape.chains * j.words * 8);
	j.sums = buffer(fd, PBIT_BUFFER_SUMS, (1 + shape.n + shape.m + pairs) * 8);
	j.energy = buffer(fd, PBIT_BUFFER_ENERGY_TRACE, j.records * shape.chains * 8);
	j.trace = buffer(fd, PBIT_BUFFER_STATE_TRACE, j.records * shape.chains * j.words * 8);
	for (size_t k = 0; k < pairs; k++) {
		int v = (int)(noise(&x) % (uint64_t)(2 * amplitude + 1)) - amplitude;

		if (shape.bits == 8)
			((int8_t *)j.w.mem)[k] = (int8_t)v;
		else
			((int16_t *)j.w.mem)[k] = (int16_t)v;
	}
	j.mask = calloc(j.words, 8);
	j.mask[0] = 0x8001;
	j.gain = calloc(sweeps, 8);
	for (uint32_t t = 0; t < sweeps; t++)
		j.gain[t] = (ramp ? 1 + t : 16) *
			    ((1ull << PBIT_GAIN_FRAC) / 1024 / (uint64_t)amplitude);
	c = (struct pbit_program_create){
		.net = PBIT_NET_RBM,
		.n = shape.n,
		.m = shape.m,
		.chains = shape.chains,
		.coupling_bits = shape.bits,
		.scan = scan,
		.clamp_words = clamp ? (uint32_t)j.words : 0,
		.clamp = clamp ? (uintptr_t)j.mask : 0,
		.couplings = j.w.handle,
		.states = j.states.handle,
		.sums = j.sums.handle,
		.energy_trace = j.energy.handle,
		.state_trace = j.trace.handle,
	};
	CHECK(ioctl(fd, PBIT_IOC_PROGRAM_CREATE, &c) == 0);
	j.program = c.handle;
	return j;
}

static void job_free(int fd, struct job *j)
{
	struct pbit_handle h = { .handle = j->program };

	CHECK(ioctl(fd, PBIT_IOC_PROGRAM_DESTROY, &h) == 0);
	buffer_destroy(fd, &j->w);
	buffer_destroy(fd, &j->states);
	buffer_destroy(fd, &j->sums);
	buffer_destroy(fd, &j->energy);
	buffer_destroy(fd, &j->trace);
	free(j->mask);
	free(j->gain);
}

static struct pbit_submit job_args(const struct job *j)
{
	return (struct pbit_submit){
		.program = j->program,
		.flags = PBIT_SUBMIT_LOAD | PBIT_SUBMIT_RANDOM | PBIT_SUBMIT_MOMENTS |
			 PBIT_SUBMIT_ENERGY | PBIT_SUBMIT_ENERGY_TRACE | PBIT_SUBMIT_STATE_TRACE |
			 (j->ramp ? PBIT_SUBMIT_RAMP : 0),
		.seed = 42,
		.sweep0 = 1000,
		.sweeps = j->sweeps,
		.every = j->every,
		.gain = j->ramp ? (uintptr_t)j->gain : j->gain[0],
		.user_data = 0x1234567890abcdef,
	};
}

static struct pbit_event wait_event(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct pbit_event e;

	CHECK(poll(&p, 1, 60000) == 1 && p.revents == POLLIN);
	CHECK(read(fd, &e, sizeof(e)) == sizeof(e));
	return e;
}

static void *aligned(size_t size)
{
	void *p = aligned_alloc(64, (size + 63) / 64 * 64);

	CHECK(p);
	memset(p, 0, (size + 63) / 64 * 64);
	return p;
}

/* The same run in user space, whole, by the scalar route. */
static void compare(const struct job *j, const uint64_t *start, const struct pbit_event *e)
{
	const struct pbm_shape *s = &j->shape;
	size_t pairs = (size_t)s->n * s->m;
	uint64_t *states = aligned(j->states.size), *trace = aligned(j->trace.size);
	int64_t *sums = aligned(j->sums.size), *energy = aligned(j->energy.size);
	void *image = aligned(pbm_image_size(s)), *scratch = aligned(pbm_scratch_size(s));
	struct pbm_sums out = {
		.energy = sums, .v = sums + 1, .h = sums + 1 + s->n, .vh = sums + 1 + s->n + s->m
	};
	struct pbm_run run = {
		.seed = 42,
		.sweep0 = 1000,
		.sweeps = j->sweeps,
		.every = j->every,
		.scan = j->scan,
		.chains = s->chains,
		.gains = j->ramp ? j->sweeps : 1,
		.gain = j->gain,
		.clamp = j->clamp ? j->mask : NULL,
		.states = states,
		.energy_trace = energy,
		.state_trace = trace,
		.trace_chains = s->chains,
	};

	memcpy(states, start, j->states.size);
	CHECK(pbm_load(s, j->w.mem, image) == 0);
	pbm_states_random(s, 42, 0, s->chains, run.clamp, states);
	CHECK(pbm_run(s, image, &run, &out, scratch, PBM_ISA_SCALAR) == 0);
	for (size_t k = 0, told = 0; k < j->states.size / 8 && told < 8; k++)
		if (states[k] != ((uint64_t *)j->states.mem)[k] && ++told)
			printf("scan %u, %u x %u: chain %zu word %zu is %016llx, not %016llx\n",
			       j->scan, s->n, s->m, k / j->words, k % j->words,
			       (unsigned long long)((uint64_t *)j->states.mem)[k],
			       (unsigned long long)states[k]);
	CHECK(!memcmp(states, j->states.mem, j->states.size));
	CHECK(!memcmp(sums, j->sums.mem, (1 + s->n + s->m + pairs) * 8));
	CHECK(!memcmp(energy, j->energy.mem, j->energy.size));
	CHECK(!memcmp(trace, j->trace.mem, j->trace.size));
	CHECK(e->flips == out.flips && e->changed == out.changed && e->samples == out.samples);
	CHECK(out.changed > 0 && out.samples == j->records * s->chains);
	free(states), free(trace), free(sums), free(energy), free(image), free(scratch);
}

static void run_and_compare(int fd, struct job *j)
{
	struct pbit_submit a = job_args(j);
	uint64_t *start = aligned(j->states.size), first;
	struct pbit_event e;

	/* Clamped spins that are up must stay; padding is to be ignored. */
	for (uint32_t k = 0; k < j->shape.chains; k++)
		((uint64_t *)j->states.mem)[k * j->words] = j->shape.n > 64 ? 0x8000 : 0;
	memcpy(start, j->states.mem, j->states.size);
	((uint64_t *)j->states.mem)[j->words - 1] |= 1ull << 63;
	CHECK(ioctl(fd, PBIT_IOC_SUBMIT, &a) == 0);
	first = a.sequence;
	e = wait_event(fd);
	CHECK(e.status == 0 && e.sequence == first && e.user_data == a.user_data);
	CHECK(e.program == j->program);
	compare(j, start, &e);
	printf("scan %u, %u x %u, %u chains, %u sweeps: %.4f flips/ns, waited %llu ns\n", j->scan,
	       j->shape.n, j->shape.m, j->shape.chains, j->sweeps,
	       (double)e.flips / (double)e.device_ns, (unsigned long long)e.wait_ns);
	free(start);
}

static void same_bits(void)
{
	const struct pbm_shape shapes[] = {
		{ PBM_NET_RBM, 70, 45, 37, 8 },
		{ PBM_NET_RBM, 1, 1, 3, 8 },
		{ PBM_NET_RBM, 130, 190, 5, 16 },
		{ PBM_NET_RBM, 784, 511, 40, 8 },
	};
	int fd = open_device();

	doing = "comparing bits";
	for (size_t k = 0; k < sizeof(shapes) / sizeof(shapes[0]); k++)
		for (uint32_t scan = 0; scan < 3; scan++)
			for (int amplitude = 20; amplitude <= 120; amplitude += 100) {
				uint32_t every = scan == 0 ? 1 : scan == 1 ? 7 : 33;
				struct job j = job_new(fd, shapes[k], scan, 66, every,
						       shapes[k].n > 64, scan != 1, amplitude);

				run_and_compare(fd, &j);
				job_free(fd, &j);
			}
	close(fd);
}

static void bad_input(void)
{
	int fd = open_device();
	struct job j = job_new(fd, (struct pbm_shape){ PBM_NET_RBM, 20, 30, 4, 8 }, 0, 10, 1, false,
			       false, 50);
	struct pbit_get_param p = { .param = PBIT_PARAM_BACKEND };
	struct pbit_submit good = job_args(&j), a;
	struct pbit_buffer_create b = { .kind = 99, .size = 1 };
	struct pbit_program_create c = { .net = PBIT_NET_RBM,
					 .n = 20,
					 .m = 30,
					 .chains = 4,
					 .coupling_bits = 8,
					 .couplings = j.w.handle,
					 .states = j.w.handle };
	struct pbit_cancel cancel = { .sequence = 77 };
	struct pbit_weight w = { .weight = 0 };
	struct pbit_event e;
	char longer[sizeof(p) + 8];

	doing = "bad input";
	CHECK(ioctl(fd, PBIT_IOC_GET_PARAM, &p) == 0 && p.value == PBIT_BACKEND_EMULATED);
	p.pad = 1;
	FAILS(ioctl(fd, PBIT_IOC_GET_PARAM, &p), EINVAL);
	p = (struct pbit_get_param){ .param = 1000 };
	FAILS(ioctl(fd, PBIT_IOC_GET_PARAM, &p), EINVAL);
	FAILS(ioctl(fd, _IOWR(PBIT_IOC_MAGIC, 99, struct pbit_handle), &p), ENOTTY);
	FAILS(ioctl(fd, _IOR(PBIT_IOC_MAGIC, 0, struct pbit_get_param), &p), ENOTTY);
	FAILS(ioctl(fd, _IOWR(PBIT_IOC_MAGIC, 0, uint32_t), &p), EINVAL);
	FAILS(ioctl(fd, PBIT_IOC_GET_PARAM, NULL), EFAULT);
	memset(longer, 0, sizeof(longer));
	CHECK(ioctl(fd, _IOC(_IOC_READ | _IOC_WRITE, PBIT_IOC_MAGIC, 0, sizeof(longer)), longer) ==
	      0);
	longer[sizeof(p)] = 1;
	FAILS(ioctl(fd, _IOC(_IOC_READ | _IOC_WRITE, PBIT_IOC_MAGIC, 0, sizeof(longer)), longer),
	      E2BIG);
	FAILS(ioctl(fd, PBIT_IOC_BUFFER_CREATE, &b), EINVAL);
	b = (struct pbit_buffer_create){ .kind = 1, .size = 0 };
	FAILS(ioctl(fd, PBIT_IOC_BUFFER_CREATE, &b), EINVAL);
	b.size = 1ull << 32;
	FAILS(ioctl(fd, PBIT_IOC_BUFFER_CREATE, &b), EINVAL);
	FAILS(ioctl(fd, PBIT_IOC_PROGRAM_CREATE, &c), EINVAL); /* another kind of buffer */
	c.states = 4000;
	FAILS(ioctl(fd, PBIT_IOC_PROGRAM_CREATE, &c), ENOENT);
	c.states = j.states.handle, c.n = 20000;
	FAILS(ioctl(fd, PBIT_IOC_PROGRAM_CREATE, &c), EINVAL);
	c.n = 784, c.m = 511;
	FAILS(ioctl(fd, PBIT_IOC_PROGRAM_CREATE, &c), ENOSPC);
	a = good, a.flags |= 1u << 31;
	FAILS(ioctl(fd, PBIT_IOC_SUBMIT, &a), EINVAL);
	a = good, a.every = 0;
	FAILS(ioctl(fd, PBIT_IOC_SUBMIT, &a), EINVAL);
	a = good, a.sweeps = 1u << 20;
	FAILS(ioctl(fd, PBIT_IOC_SUBMIT, &a), ENOSPC);
	a = good, a.sweep0 = 1ull << 56;
	FAILS(ioctl(fd, PBIT_IOC_SUBMIT, &a), EINVAL);
	a = good, a.program = 99;
	FAILS(ioctl(fd, PBIT_IOC_SUBMIT, &a), ENOENT);
	a = good, a.flags |= PBIT_SUBMIT_RAMP, a.gain = 8;
	FAILS(ioctl(fd, PBIT_IOC_SUBMIT, &a), EFAULT);
	a = good, a.flags |= PBIT_SUBMIT_EVENTFD, a.eventfd = 1000;
	FAILS(ioctl(fd, PBIT_IOC_SUBMIT, &a), EBADF);
	a = good, a.eventfd = 3;
	FAILS(ioctl(fd, PBIT_IOC_SUBMIT, &a), EINVAL);
	FAILS(ioctl(fd, PBIT_IOC_CANCEL, &cancel), ENOENT);
	FAILS(ioctl(fd, PBIT_IOC_SET_WEIGHT, &w), EINVAL);
	w.weight = 1000;
	CHECK(ioctl(fd, PBIT_IOC_SET_WEIGHT, &w) == 0);
	FAILS((int)read(fd, &e, sizeof(e)), EAGAIN);
	FAILS((int)read(fd, &e, sizeof(e) - 1), EINVAL);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, (off_t)4000 << 32) == MAP_FAILED);
	CHECK(mmap(NULL, 1 << 20, PROT_READ, MAP_SHARED, fd, (off_t)j.w.handle << 32) ==
	      MAP_FAILED);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, (off_t)j.w.handle << 32) == MAP_FAILED);
	/* A coupling without a negative. */
	((int8_t *)j.w.mem)[599] = -128;
	CHECK(ioctl(fd, PBIT_IOC_SUBMIT, &good) == 0);
	CHECK(wait_event(fd).status == -ERANGE);
	((int8_t *)j.w.mem)[599] = 127;
	good.flags &= ~PBIT_SUBMIT_LOAD;
	CHECK(ioctl(fd, PBIT_IOC_SUBMIT, &good) == 0);
	CHECK(wait_event(fd).status == 0);
	job_free(fd, &j);
	close(fd);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static struct pbit_submit endless(const struct job *j)
{
	struct pbit_submit a = job_args(j);

	a.flags = 0;
	a.sweeps = 1 << 24;
	a.gain = j->gain[0];
	return a;
}

static void cancelling(void)
{
	int fd = open_device(), efd = eventfd(0, EFD_NONBLOCK);
	struct job j = job_new(fd, (struct pbm_shape){ PBM_NET_RBM, 784, 512, 64, 8 }, 2, 10, 1,
			       false, false, 60);
	struct pbit_submit a = endless(&j);
	struct pbit_cancel c = { 0 };
	struct pbit_event e[4];
	uint64_t count, first;
	double start;

	doing = "cancelling";
	CHECK(efd >= 0);
	a.flags |= PBIT_SUBMIT_EVENTFD;
	a.eventfd = efd;
	CHECK(ioctl(fd, PBIT_IOC_SUBMIT, &a) == 0);
	first = a.sequence;
	CHECK(ioctl(fd, PBIT_IOC_SUBMIT, &a) == 0);
	CHECK(ioctl(fd, PBIT_IOC_SUBMIT, &a) == 0 && a.sequence == first + 2);
	usleep(300000);
	c.sequence = first + 1;
	CHECK(ioctl(fd, PBIT_IOC_CANCEL, &c) == 0 && c.cancelled == 1);
	CHECK(read(fd, e, sizeof(e)) == sizeof(e[0]));
	CHECK(e[0].sequence == first + 1 && e[0].status == -ECANCELED && !e[0].device_ns);
	c.sequence = 0;
	start = seconds();
	CHECK(ioctl(fd, PBIT_IOC_CANCEL, &c) == 0 && c.cancelled == 2);
	e[0] = wait_event(fd);
	e[1] = wait_event(fd);
	printf("cancelled within %.1f ms\n", (seconds() - start) * 1e3);
	CHECK(e[0].status == -ECANCELED && e[1].status == -ECANCELED);
	CHECK(read(efd, &count, sizeof(count)) == sizeof(count) && count == 3);
	show("/proc/self/fdinfo/3");
	job_free(fd, &j);
	close(fd);
	close(efd);
}

/* Two busy contexts of weights 1 and 3, and the latency of an empty program between them. */
static void sharing(void)
{
	struct pbit_weight w[2] = { { .weight = 25 }, { .weight = 75 } };
	struct pbit_cancel c = { 0 };
	uint64_t ns[2];
	double start, latency[64], worst = 0, sum = 0;
	struct job j[3];
	int fd[3];

	doing = "sharing";
	for (int k = 0; k < 3; k++) {
		fd[k] = open_device();
		j[k] = job_new(fd[k], (struct pbm_shape){ PBM_NET_RBM, 784, 512, 64, 8 }, 2, 10, 1,
			       false, false, 20 + 40 * k);
	}
	for (int k = 0; k < 2; k++) {
		struct pbit_submit a = endless(&j[k]);

		CHECK(ioctl(fd[k], PBIT_IOC_SET_WEIGHT, &w[k]) == 0);
		CHECK(ioctl(fd[k], PBIT_IOC_SUBMIT, &a) == 0);
	}
	sleep(3);
	for (int k = 0; k < 64; k++) {
		struct pbit_submit a = endless(&j[2]);

		a.sweeps = 0;
		start = seconds();
		CHECK(ioctl(fd[2], PBIT_IOC_SUBMIT, &a) == 0);
		CHECK(wait_event(fd[2]).status == 0);
		latency[k] = seconds() - start;
		sum += latency[k];
		if (latency[k] > worst)
			worst = latency[k];
	}
	for (int k = 0; k < 2; k++)
		CHECK(ioctl(fd[k], PBIT_IOC_CANCEL, &c) == 0 && c.cancelled == 1);
	for (int k = 0; k < 2; k++)
		ns[k] = wait_event(fd[k]).device_ns;
	printf("weights 25 and 75 got %.3f and %.3f s: ratio %.3f; empty program between them: "
	       "mean %.0f us, worst %.0f us\n",
	       (double)ns[0] * 1e-9, (double)ns[1] * 1e-9, (double)ns[1] / (double)ns[0],
	       sum / 64 * 1e6, worst * 1e6);
	CHECK((double)ns[1] / (double)ns[0] > 2.7 && (double)ns[1] / (double)ns[0] < 3.3);
	for (int k = 0; k < 3; k++) {
		job_free(fd[k], &j[k]);
		close(fd[k]);
	}
}

/* The route that the module would choose. */
static enum pbm_isa working_isa(void)
{
	enum pbm_isa isa = pbm_isa_best();
	void *memory = aligned(pbm_check_size());

	while (isa > PBM_ISA_SCALAR && pbm_check(isa, memory) < 0)
		isa--;
	free(memory);
	return isa;
}

static void speed(void)
{
	int fd = open_device();
	struct job j = job_new(fd, (struct pbm_shape){ PBM_NET_RBM, 784, 512, 64, 8 }, 2, 500, 500,
			       false, false, 31);
	struct pbit_submit a = job_args(&j);
	const struct pbm_shape *s = &j.shape;
	uint64_t *states = aligned(j.states.size);
	void *image = aligned(pbm_image_size(s)), *scratch = aligned(pbm_scratch_size(s));
	struct pbm_run run = { .seed = 42,
			       .sweep0 = 1000,
			       .sweeps = 500,
			       .every = 500,
			       .scan = 2,
			       .chains = 64,
			       .gains = 1,
			       .gain = j.gain,
			       .states = states };
	enum pbm_isa isa = working_isa();
	struct pbm_sums out = { 0 };
	struct pbit_event e;
	double start;

	doing = "speed";
	a.flags = PBIT_SUBMIT_LOAD | PBIT_SUBMIT_RANDOM;
	CHECK(ioctl(fd, PBIT_IOC_SUBMIT, &a) == 0);
	e = wait_event(fd);
	CHECK(e.status == 0);
	CHECK(pbm_load(s, j.w.mem, image) == 0);
	pbm_states_random(s, 42, 0, s->chains, NULL, states);
	start = seconds();
	CHECK(pbm_run(s, image, &run, &out, scratch, isa) == 0);
	start = seconds() - start;
	CHECK(!memcmp(states, j.states.mem, j.states.size) && out.changed == e.changed);
	printf("784 x 512, 64 chains, 500 sweeps: kernel %.4f flips/ns, user space (%s, a thread) "
	       "%.4f flips/ns\n",
	       (double)e.flips / (double)e.device_ns, pbm_isa_name(isa),
	       (double)out.flips / start * 1e-9);
	free(states), free(image), free(scratch);
	job_free(fd, &j);
	close(fd);
}

static void removal(void)
{
	int fd = open_device(), efd = eventfd(0, EFD_NONBLOCK);
	struct job j = job_new(fd, (struct pbm_shape){ PBM_NET_RBM, 100, 100, 64, 8 }, 2, 10, 1,
			       false, false, 60);
	struct pbit_submit a = endless(&j);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct pbit_handle h = { .handle = j.program };
	struct pbit_event e;
	pid_t child;
	uint64_t count;

	doing = "removing";
	a.flags = PBIT_SUBMIT_EVENTFD;
	a.eventfd = efd;
	CHECK(ioctl(fd, PBIT_IOC_SUBMIT, &a) == 0);
	child = fork();
	if (child == 0) {
		usleep(200000);
		_exit(rmdir(ITEM) ? 1 : 0);
	}
	CHECK(poll(&p, 1, 60000) == 1 && p.revents == (POLLERR | POLLHUP));
	FAILS((int)read(fd, &e, sizeof(e)), ENODEV);
	FAILS(ioctl(fd, PBIT_IOC_PROGRAM_DESTROY, &h), ENODEV);
	FAILS(ioctl(fd, PBIT_IOC_SUBMIT, &a), ENODEV);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, (off_t)j.w.handle << 32) == MAP_FAILED &&
	      errno == ENODEV);
	p.fd = efd;
	CHECK(poll(&p, 1, 60000) == 1);
	CHECK(read(efd, &count, sizeof(count)) == sizeof(count) && count == 1);
	memset(j.w.mem, 1, j.w.size);
	usleep(300000);
	CHECK(access("/dev/pbit0", F_OK) == -1);
	close(fd);
	memset(j.w.mem, 2, j.w.size); /* the mapping outlives the file */
}

#define SLOW "/sys/kernel/config/pbit/slow"

/* A device of a million updates a second takes its time, and says so. */
static void rate_limit(void)
{
	struct pbit_event e;
	struct pbit_submit a;
	struct job j;
	int fd;

	doing = "rate limit";
	CHECK(mkdir(SLOW, 0755) == 0);
	write_file(SLOW "/rate_limit", "1000000");
	write_file(SLOW "/live", "1");
	fd = open(SLOW "/chains", O_WRONLY);
	FAILS((int)write(fd, "5", 1), EBUSY);
	close(fd);
	fd = open("/dev/pbit1", O_RDWR);
	CHECK(fd >= 0);
	j = job_new(fd, (struct pbm_shape){ PBM_NET_RBM, 50, 50, 10, 8 }, 0, 300, 1, false, false,
		    9);
	a = job_args(&j);
	CHECK(ioctl(fd, PBIT_IOC_SUBMIT, &a) == 0);
	e = wait_event(fd);
	CHECK(e.status == 0 && e.flips == 300000);
	printf("300000 updates at 1000000 a second: %.3f s\n", (double)e.device_ns * 1e-9);
	CHECK(e.device_ns > 280000000); /* the last sleep may be a tick or two short */
	job_free(fd, &j);
	close(fd);
	CHECK(rmdir(SLOW) == 0);
}

static void killed(void)
{
	doing = "killing";
	for (int k = 0; k < 20; k++) {
		pid_t child = fork();

		if (child == 0) {
			int fd = open_device();
			struct job j =
				job_new(fd, (struct pbm_shape){ PBM_NET_RBM, 784, 512, 64, 8 }, 2,
					10, 1, false, false, 60);
			struct pbit_submit a = endless(&j);

			for (;;)
				ioctl(fd, PBIT_IOC_SUBMIT, &a);
		}
		usleep(20000 + 7000 * (unsigned int)k);
		CHECK(kill(child, 9) == 0 || errno == ESRCH);
	}
	sleep(1);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	doing = "making a device";
	CHECK(mkdir(ITEM, 0755) == 0);
	write_file(ITEM "/p_bits", "2048");
	write_file(ITEM "/chains", "1024");
	write_file(ITEM "/live", "1");
	show(ITEM "/dev_name");
	show("/sys/class/pbit/pbit0/route");
	bad_input();
	same_bits();
	cancelling();
	sharing();
	speed();
	rate_limit();
	killed();
	show("/sys/class/pbit/pbit0/section_max_ns");
	show("/sys/class/pbit/pbit0/contexts");
	removal();
	printf("smoke: ok\n");
	return 0;
}
