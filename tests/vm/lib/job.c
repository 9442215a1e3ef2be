// SPDX-License-Identifier: MIT
#include <poll.h>
#include <sys/mman.h>

#include "job.h"

#define SEED	  42
#define SWEEP0	  1000
#define USER_DATA 0x1234567890abcdef
#define POISON	  0xa5

struct buffer buffer_new(int fd, uint32_t kind, size_t size)
{
	struct pbit_buffer_create c = { .kind = kind, .size = size };
	struct buffer b;

	memset(&c.offset, POISON, sizeof(c.offset));
	memset(&c.handle, POISON, sizeof(c.handle));
	CHECK(ioctl(fd, PBIT_IOC_BUFFER_CREATE, &c) == 0);
	CHECK(c.handle && c.handle < 4096 && c.size >= size && c.size < size + 4096);
	b.handle = c.handle;
	b.size = size;
	b.offset = c.offset;
	b.mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)c.offset);
	CHECK(b.mem != MAP_FAILED);
	for (size_t i = 0; i < size; i++)
		CHECK(((uint8_t *)b.mem)[i] == 0);
	return b;
}

void buffer_free(int fd, struct buffer *b)
{
	struct pbit_handle h = { .handle = b->handle };

	CHECK(ioctl(fd, PBIT_IOC_BUFFER_DESTROY, &h) == 0);
	CHECK(munmap(b->mem, b->size) == 0);
}

static void fill_couplings(const struct job *j)
{
	const struct job_spec *s = &j->spec;
	const size_t pairs = (size_t)s->shape.n * s->shape.m;
	uint64_t x = 1 + s->scan;

	for (size_t k = 0; k < pairs; k++) {
		int v = (int)(noise(&x) % (uint64_t)(2 * s->amplitude + 1)) - s->amplitude;

		if (s->shape.bits == 8)
			((int8_t *)j->w.mem)[k] = (int8_t)v;
		else
			((int16_t *)j->w.mem)[k] = (int16_t)v;
	}
}

/* Bits of word w of a chain that are p-bits. */
static uint64_t real_bits(const struct pbm_shape *s, size_t w)
{
	const size_t nv = pbm_side_words(s->n);
	const size_t left = w < nv ? s->n - 64 * w : s->m - 64 * (w - nv);

	return left >= 64 ? ~0ull : (1ull << left) - 1;
}

struct pbit_program_create job_program(const struct job *j)
{
	const struct job_spec *s = &j->spec;

	return (struct pbit_program_create){
		.net = PBIT_NET_RBM,
		.n = s->shape.n,
		.m = s->shape.m,
		.chains = s->shape.chains,
		.coupling_bits = s->shape.bits,
		.scan = s->scan,
		.clamp_words = s->clamp ? (uint32_t)j->words : 0,
		.clamp = s->clamp ? (uintptr_t)j->mask : 0,
		.couplings = j->w.handle,
		.states = j->states.handle,
		.sums = j->sums.handle,
		.energy_trace = j->energy.handle,
		.state_trace = j->trace.handle,
	};
}

/* Gains about 1 / (64 amplitude), that keep the p-bits of all these shapes busy. */
static void fill_gains(struct job *j)
{
	const uint64_t unit = (1ull << PBIT_GAIN_FRAC) / 1024 / (uint64_t)j->spec.amplitude;

	j->gain = calloc(j->spec.sweeps, sizeof(*j->gain));
	CHECK(j->gain);
	for (uint32_t t = 0; t < j->spec.sweeps; t++)
		j->gain[t] = (j->spec.ramp ? 1 + t : 16) * unit;
}

struct job job_new(int fd, const struct job_spec *spec)
{
	const struct pbm_shape *s = &spec->shape;
	const size_t pairs = (size_t)s->n * s->m;
	struct job j = { .spec = *spec };
	struct pbit_program_create c;
	uint64_t x = 77;

	j.words = pbm_state_words(s);
	j.records = spec->sweeps / spec->every;
	j.sum_bytes = (1 + s->n + s->m + pairs) * 8;
	j.w = buffer_new(fd, PBIT_BUFFER_COUPLINGS, pairs * (s->bits / 8));
	j.states = buffer_new(fd, PBIT_BUFFER_STATES, s->chains * j.words * 8);
	j.sums = buffer_new(fd, PBIT_BUFFER_SUMS, j.sum_bytes);
	j.energy = buffer_new(fd, PBIT_BUFFER_ENERGY_TRACE, j.records * s->chains * 8);
	j.trace = buffer_new(fd, PBIT_BUFFER_STATE_TRACE, j.records * s->chains * j.words * 8);
	fill_couplings(&j);
	fill_gains(&j);
	j.mask = calloc(j.words, 8);
	j.start = calloc(s->chains * j.words, 8);
	CHECK(j.mask && j.start);
	j.mask[0] = 0x8001 & real_bits(s, 0);
	for (size_t k = 0; k < s->chains * j.words; k++)
		j.start[k] =
			(noise(&x) << 33 ^ noise(&x) << 11 ^ noise(&x)) & real_bits(s, k % j.words);
	memcpy(j.states.mem, j.start, j.states.size);
	c = job_program(&j);
	memset(&c.handle, POISON, sizeof(c.handle));
	CHECK(ioctl(fd, PBIT_IOC_PROGRAM_CREATE, &c) == 0);
	CHECK(c.handle && c.handle < 4096);
	j.program = c.handle;
	return j;
}

void job_free(int fd, struct job *j)
{
	struct pbit_handle h = { .handle = j->program };

	CHECK(ioctl(fd, PBIT_IOC_PROGRAM_DESTROY, &h) == 0);
	buffer_free(fd, &j->w);
	buffer_free(fd, &j->states);
	buffer_free(fd, &j->sums);
	buffer_free(fd, &j->energy);
	buffer_free(fd, &j->trace);
	free(j->mask);
	free(j->gain);
	free(j->start);
}

struct pbit_submit job_args(const struct job *j)
{
	const struct job_spec *s = &j->spec;

	return (struct pbit_submit){
		.program = j->program,
		.flags = PBIT_SUBMIT_LOAD | PBIT_SUBMIT_RANDOM | PBIT_SUBMIT_MOMENTS |
			 PBIT_SUBMIT_ENERGY | PBIT_SUBMIT_ENERGY_TRACE | PBIT_SUBMIT_STATE_TRACE |
			 (s->ramp ? PBIT_SUBMIT_RAMP : 0),
		.seed = SEED,
		.sweep0 = SWEEP0,
		.sweeps = s->sweeps,
		.every = s->every,
		.gain = s->ramp ? (uintptr_t)j->gain : j->gain[0],
		.user_data = USER_DATA,
	};
}

struct pbit_submit job_endless(const struct job *j)
{
	struct pbit_submit a = job_args(j);

	a.flags = 0;
	a.sweeps = PBM_MAX_SWEEPS;
	a.gain = j->gain[0];
	return a;
}

uint64_t submit(int fd, struct pbit_submit *a)
{
	memset(&a->sequence, POISON, sizeof(a->sequence));
	CHECK(ioctl(fd, PBIT_IOC_SUBMIT, a) == 0);
	CHECK(a->sequence >= 1 && a->sequence < 1ull << 56);
	return a->sequence;
}

struct pbit_event event_wait(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct pbit_event e;

	memset(&e, POISON, sizeof(e));
	CHECK(poll(&p, 1, 300000) == 1 && p.revents == POLLIN);
	CHECK(read(fd, &e, sizeof(e)) == sizeof(e));
	return e;
}

bool same_event(const struct pbit_event *a, const struct pbit_event *b)
{
	return a->sequence == b->sequence && a->user_data == b->user_data &&
	       a->status == b->status && a->program == b->program && a->flips == b->flips &&
	       a->changed == b->changed && a->samples == b->samples;
}

struct reference reference_new(const struct job *j)
{
	const struct job_spec *spec = &j->spec;
	const struct pbm_shape *s = &spec->shape;
	struct reference r = {
		.states = aligned(j->states.size),
		.trace = aligned(j->trace.size),
		.sums = aligned(j->sum_bytes),
		.energy = aligned(j->energy.size),
	};
	void *image = aligned(pbm_image_size(s)), *scratch = aligned(pbm_scratch_size(s));
	struct pbm_sums out = {
		.energy = r.sums,
		.v = r.sums + 1,
		.h = r.sums + 1 + s->n,
		.vh = r.sums + 1 + s->n + s->m,
	};
	struct pbm_run run = {
		.seed = SEED,
		.sweep0 = SWEEP0,
		.sweeps = spec->sweeps,
		.every = spec->every,
		.scan = spec->scan,
		.chains = s->chains,
		.gains = spec->ramp ? spec->sweeps : 1,
		.gain = j->gain,
		.clamp = spec->clamp ? j->mask : NULL,
		.states = r.states,
		.energy_trace = r.energy,
		.state_trace = r.trace,
		.trace_chains = s->chains,
		.spread = spec->spread,
	};

	memcpy(r.states, j->start, j->states.size);
	CHECK(pbm_load(s, j->w.mem, image) == 0);
	pbm_states_random(s, SEED, 0, s->chains, run.clamp, r.states);
	CHECK(pbm_run(s, image, &run, &out, scratch, PBM_ISA_SCALAR) == 0);
	CHECK(out.changed > 0 && out.samples == j->records * s->chains);
	r.event = (struct pbit_event){
		.user_data = USER_DATA,
		.program = j->program,
		.flips = out.flips,
		.changed = out.changed,
		.samples = out.samples,
	};
	free(image);
	free(scratch);
	return r;
}

void reference_free(struct reference *r)
{
	free(r->states);
	free(r->trace);
	free(r->sums);
	free(r->energy);
}

/* Padding bits are set, as they are to be ignored. */
void job_rewind(struct job *j)
{
	uint64_t *states = j->states.mem;

	for (size_t k = 0; k < j->states.size / 8; k++)
		states[k] = j->start[k] | ~real_bits(&j->spec.shape, k % j->words);
	memset(j->sums.mem, POISON, j->sum_bytes);
	memset(j->energy.mem, POISON, j->energy.size);
	memset(j->trace.mem, POISON, j->trace.size);
}

static void tell_states(const struct job *j, const uint64_t *right)
{
	const uint64_t *got = j->states.mem;

	for (size_t k = 0, told = 0; k < j->states.size / 8 && told < 8; k++)
		if (right[k] != got[k] && ++told)
			printf("scan %u, %u x %u: chain %zu word %zu is %016llx, not %016llx\n",
			       j->spec.scan, j->spec.shape.n, j->spec.shape.m, k / j->words,
			       k % j->words, (unsigned long long)got[k],
			       (unsigned long long)right[k]);
}

void job_compare(const struct job *j, const struct reference *r, const struct pbit_event *e)
{
	struct pbit_event right = r->event;

	tell_states(j, r->states);
	CHECK(!memcmp(r->states, j->states.mem, j->states.size));
	CHECK(!memcmp(r->sums, j->sums.mem, j->sum_bytes));
	CHECK(!memcmp(r->energy, j->energy.mem, j->energy.size));
	CHECK(!memcmp(r->trace, j->trace.mem, j->trace.size));
	right.sequence = e->sequence;
	CHECK(same_event(e, &right));
}

struct pbit_event job_run(int fd, struct job *j, const struct reference *r)
{
	struct pbit_submit a = job_args(j);
	struct pbit_event e;

	job_rewind(j);
	submit(fd, &a);
	e = event_wait(fd);
	CHECK(e.sequence == a.sequence);
	job_compare(j, r, &e);
	return e;
}
