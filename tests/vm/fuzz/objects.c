// SPDX-License-Identifier: MIT
/* Contexts, buffers, programs and submissions. */
#include <fcntl.h>
#include <sys/eventfd.h>

#include "fuzz.h"
#include "machine.h"

static const uint32_t sides[] = { 1, 2, 8, 31, 63, 64, 65, 100, 128, 200 };
static const uint32_t chains[] = { 1, 2, 7, 8, 9, 16, 17, 33, 64, 70 };

#define PICK(f, array) ((array)[below(f, sizeof(array) / sizeof((array)[0]))])

void fuzz_open(struct fuzzer *f, struct slot *s)
{
	static const int modes[] = { O_RDWR, O_RDWR, O_RDWR, O_RDONLY, O_WRONLY };
	char path[32];
	int fd, old;

	snprintf(path, sizeof(path), "/dev/pbit%u", below(f, FUZZ_DEVICES));
	fd = (int)note(FUZZ_OPEN, open(path, PICK(f, modes) | (one_in(f, 4) ? 0 : O_NONBLOCK)));
	old = atomic_exchange(&s->fd, fd);
	if (old >= 0)
		note(FUZZ_CLOSE, close(old));
	atomic_store(&s->program, 0);
}

static uint32_t create_buffer(struct fuzzer *f, int fd, uint32_t kind, size_t size)
{
	struct pbit_buffer_create a = { .kind = kind, .size = size };

	return call(f, FUZZ_BUFFER_CREATE, fd, PBIT_IOC_BUFFER_CREATE, &a) == 0 ? a.handle : 0;
}

/* A network and all that a program of it can use. */
void fuzz_build(struct fuzzer *f, struct slot *s)
{
	const struct pbm_shape shape = {
		.net = PBIT_NET_RBM,
		.n = PICK(f, sides),
		.m = PICK(f, sides),
		.chains = PICK(f, chains),
		.bits = one_in(f, 2) ? 8 : 16,
	};
	const size_t pairs = (size_t)shape.n * shape.m, words = pbm_state_words(&shape);
	const size_t records = below(f, 20);
	const size_t sizes[] = {
		[PBIT_BUFFER_COUPLINGS] = pairs * shape.bits / 8,
		[PBIT_BUFFER_STATES] = shape.chains * words * 8,
		[PBIT_BUFFER_SUMS] = (1 + shape.n + shape.m + pairs) * 8,
		[PBIT_BUFFER_ENERGY_TRACE] = records * shape.chains * 8 + 1,
		[PBIT_BUFFER_STATE_TRACE] = records * shape.chains * words * 8 + 1,
	};
	struct pbit_program_create a = {
		.net = shape.net,
		.n = shape.n,
		.m = shape.m,
		.chains = shape.chains,
		.coupling_bits = shape.bits,
		.scan = below(f, 3),
	};
	uint32_t *handle[] = { NULL,	&a.couplings,	 &a.states,
			       &a.sums, &a.energy_trace, &a.state_trace };
	const int fd = atomic_load(&s->fd);
	uint64_t clamp[16];

	for (uint32_t kind = 1; kind < 6; kind++) {
		if (kind >= PBIT_BUFFER_SUMS && one_in(f, 4))
			continue;
		/* What is there already may do. */
		*handle[kind] = one_in(f, 16) ? atomic_load(&s->buffer[kind]) :
						create_buffer(f, fd, kind, sizes[kind]);
		atomic_store(&s->buffer[kind], *handle[kind]);
	}
	if (one_in(f, 3)) {
		for (size_t i = 0; i < 16; i++)
			clamp[i] = next(f) & next(f) & next(f);
		a.clamp = (uintptr_t)clamp;
		a.clamp_words = (uint32_t)words;
	}
	if (call(f, FUZZ_PROGRAM_CREATE, fd, PBIT_IOC_PROGRAM_CREATE, &a) == 0)
		atomic_store(&s->program, a.handle);
}

void fuzz_submit(struct fuzzer *f, struct slot *s)
{
	struct pbit_submit a = {
		.program = one_in(f, 16) ? 1 + below(f, 6) : atomic_load(&s->program),
		.seed = next(f),
		.sweep0 = one_in(f, 4) ? next(f) >> 8 : below(f, 100),
		.gain = one_in(f, 4) ? interesting(f) : 1ull << below(f, 60),
		.sweeps = one_in(f, 100) ? 1 << 20 : below(f, 20),
		.every = 1 + below(f, 6),
		.user_data = next(f),
	};

	/* Flags that are, few of them at once mostly. */
	for (uint32_t flag = 0; flag < 8; flag++)
		if (one_in(f, 3))
			a.flags |= 1u << flag;
	if (one_in(f, 2))
		a.flags &= ~(PBIT_SUBMIT_ADD | PBIT_SUBMIT_STATE_TRACE | PBIT_SUBMIT_ENERGY_TRACE);
	if (a.flags & PBIT_SUBMIT_RAMP)
		a.gain = (uintptr_t)world.gains;
	if (one_in(f, 4)) {
		a.flags |= PBIT_SUBMIT_EVENTFD;
		a.eventfd = atomic_load(&world.eventfd);
	}
	call(f, FUZZ_SUBMIT, atomic_load(&s->fd), PBIT_IOC_SUBMIT, &a);
}

void fuzz_cancel(struct fuzzer *f, struct slot *s)
{
	struct pbit_cancel a = { .sequence = one_in(f, 2) ? 0 : below(f, 50) };

	call(f, FUZZ_CANCEL, atomic_load(&s->fd), PBIT_IOC_CANCEL, &a);
}

/* Something used, by name; or by guess; or all of it. */
void fuzz_destroy(struct fuzzer *f, struct slot *s)
{
	const int fd = atomic_load(&s->fd);
	const uint32_t kind = below(f, 6);
	struct pbit_handle a = { 0 };
	int old;

	switch (below(f, 5)) {
	case 0:
	case 1:
		a.handle = atomic_load(kind ? &s->buffer[kind] : &s->program);
		break;
	case 2:
	case 3:
		a.handle = below(f, 12);
		break;
	default:
		old = atomic_exchange(&s->fd, -1);
		if (old >= 0)
			note(FUZZ_CLOSE, close(old));
		return;
	}
	if (kind)
		call(f, FUZZ_BUFFER_DESTROY, fd, PBIT_IOC_BUFFER_DESTROY, &a);
	else
		call(f, FUZZ_PROGRAM_DESTROY, fd, PBIT_IOC_PROGRAM_DESTROY, &a);
}

void fuzz_small(struct fuzzer *f, struct slot *s)
{
	const int fd = atomic_load(&s->fd);
	struct pbit_get_param param = { .param = below(f, 20) };
	struct pbit_weight weight = { .weight = 1 + below(f, 1000) };

	if (one_in(f, 2))
		call(f, FUZZ_GET_PARAM, fd, PBIT_IOC_GET_PARAM, &param);
	else
		call(f, FUZZ_SET_WEIGHT, fd, PBIT_IOC_SET_WEIGHT, &weight);
}
