// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <linux/pbit.h>
#include <stdarg.h>
#include <sys/mman.h>

#include "call.h"

const struct job_spec call_spec = {
	.shape = { PBM_NET_RBM, 70, 71, 200, 8 },
	.sweeps = 8,
	.every = 1,
	.clamp = true,
	.amplitude = 50,
};

#define OUT(type, field)                                                        \
	{                                                                       \
		offsetof(struct type, field), sizeof(((struct type *)0)->field) \
	}
#define NONE      \
	{         \
		0 \
	}
#define CALL(number, type, ...)                                  \
	{                                                        \
#number, PBIT_IOC_##number, sizeof(struct type), \
		{                                                \
			__VA_ARGS__                              \
		}                                                \
	}

const struct call calls[] = {
	CALL(GET_PARAM, pbit_get_param, OUT(pbit_get_param, value)),
	CALL(BUFFER_CREATE, pbit_buffer_create, OUT(pbit_buffer_create, offset),
	     OUT(pbit_buffer_create, handle)),
	CALL(BUFFER_DESTROY, pbit_handle, NONE),
	CALL(PROGRAM_CREATE, pbit_program_create, OUT(pbit_program_create, handle)),
	CALL(PROGRAM_DESTROY, pbit_handle, NONE),
	CALL(SUBMIT, pbit_submit, OUT(pbit_submit, sequence)),
	CALL(CANCEL, pbit_cancel, OUT(pbit_cancel, cancelled)),
	CALL(SET_WEIGHT, pbit_weight, NONE),
	CALL(GET_P_BITS, pbit_get_p_bits, NONE),
};

const unsigned int call_count = sizeof(calls) / sizeof(calls[0]);

struct device call_device(void)
{
	return device_make("calls", "p_bits=512 chains=256 coupling_bits=8");
}

/* Memory that ends where nothing is mapped. */
static uint8_t *map_end(int prot)
{
	uint8_t *p = mmap(NULL, CALL_ROOM + 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	CHECK(munmap(p + CALL_ROOM, 4096) == 0);
	return p + CALL_ROOM;
}

static uint32_t small_buffer(int fd, uint32_t kind)
{
	struct pbit_buffer_create c = { .kind = kind, .size = 1 };

	CHECK(ioctl(fd, PBIT_IOC_BUFFER_CREATE, &c) == 0 && c.size == 4096);
	return c.handle;
}

static uint32_t bare_program(int fd, const struct job *j)
{
	struct pbit_program_create c = job_program(j);

	c.sums = c.energy_trace = c.state_trace = 0;
	c.clamp_words = 0;
	c.clamp = 0;
	CHECK(ioctl(fd, PBIT_IOC_PROGRAM_CREATE, &c) == 0);
	return c.handle;
}

/* The other context has every handle that this one has, and more. */
struct caller caller_new(const struct device *d)
{
	struct caller t = {
		.fd = device_open(d, O_NONBLOCK),
		.other = device_open(d, 0),
		.end = map_end(PROT_READ | PROT_WRITE),
		.read_only = map_end(PROT_READ | PROT_WRITE),
		.p_bits = calloc(CALL_P_BITS, sizeof(struct pbit_p_bit)),
	};
	struct job other;

	CHECK(t.p_bits);
	t.j = job_new(t.fd, &call_spec);
	t.bare = bare_program(t.fd, &t.j);
	for (uint32_t kind = 1; kind <= 5; kind++)
		t.of_kind[kind] = small_buffer(t.fd, kind);
	other = job_new(t.other, &call_spec);
	while (small_buffer(t.other, PBIT_BUFFER_STATES) < CALL_UNKNOWN)
		;
	while (bare_program(t.other, &other) < CALL_UNKNOWN)
		;
	return t;
}

void caller_free(struct caller *t)
{
	job_free(t->fd, &t->j);
	free(t->p_bits);
	munmap(t->end - CALL_ROOM, CALL_ROOM);
	munmap(t->read_only - CALL_ROOM, CALL_ROOM);
	close(t->fd);
	close(t->other);
}

union args call_good(const struct caller *t, unsigned int nr)
{
	union args a = { 0 };

	switch (_IOC_NR(calls[nr].cmd)) {
	case _IOC_NR(PBIT_IOC_BUFFER_CREATE):
		a.buffer = (struct pbit_buffer_create){ .kind = PBIT_BUFFER_STATES, .size = 5000 };
		break;
	case _IOC_NR(PBIT_IOC_BUFFER_DESTROY):
		a.handle.handle = t->of_kind[1];
		break;
	case _IOC_NR(PBIT_IOC_PROGRAM_CREATE):
		a.program = job_program(&t->j);
		break;
	case _IOC_NR(PBIT_IOC_PROGRAM_DESTROY):
		a.handle.handle = t->bare;
		break;
	case _IOC_NR(PBIT_IOC_SUBMIT):
		a.submit = job_args(&t->j);
		break;
	case _IOC_NR(PBIT_IOC_SET_WEIGHT):
		a.weight.weight = PBIT_WEIGHT_DEFAULT;
		break;
	case _IOC_NR(PBIT_IOC_GET_P_BITS):
		a.p_bits = (struct pbit_get_p_bits){ .first = CALL_P_BITS - 3,
						     .count = 3,
						     .p_bits = (uintptr_t)t->p_bits };
		memset(t->p_bits, CALL_POISON, CALL_P_BITS * sizeof(*t->p_bits));
		break;
	}
	return a;
}

void call_poison(const struct call *c, void *args)
{
	for (int k = 0; k < 2; k++)
		memset((uint8_t *)args + c->out[k].at, CALL_POISON, c->out[k].size);
}

unsigned int call_sized(const struct call *c, size_t size)
{
	return _IOC(_IOC_READ | _IOC_WRITE, PBIT_IOC_MAGIC, _IOC_NR(c->cmd), (unsigned int)size);
}

void call_refused(struct caller *t, int error, unsigned int cmd, void *args, const char *format,
		  ...)
{
	const uint64_t bytes = fdinfo(t->fd, "bytes"), pending = fdinfo(t->fd, "pending");
	char what[160];
	va_list ap;
	int r;

	va_start(ap, format);
	vsnprintf(what, sizeof(what), format, ap);
	va_end(ap);
	errno = 0;
	r = ioctl(t->fd, cmd, args);
	if (r != -1 || errno != error)
		printf("%s: gives %d, %s, and not %s\n", what, r, strerrorname_np(errno),
		       strerrorname_np(error));
	CHECK(r == -1 && errno == error);
	CHECK(fdinfo(t->fd, "bytes") == bytes && fdinfo(t->fd, "pending") == pending);
	t->refused++;
}

void call_undo(struct caller *t, unsigned int nr, const union args *a)
{
	struct pbit_handle h = { 0 };

	switch (_IOC_NR(calls[nr].cmd)) {
	case _IOC_NR(PBIT_IOC_BUFFER_CREATE):
		h.handle = a->buffer.handle;
		CHECK(a->buffer.size == 8192 && a->buffer.kind == PBIT_BUFFER_STATES);
		CHECK(a->buffer.offset == (uint64_t)h.handle << 32);
		CHECK(ioctl(t->fd, PBIT_IOC_BUFFER_DESTROY, &h) == 0);
		break;
	case _IOC_NR(PBIT_IOC_BUFFER_DESTROY):
		t->of_kind[1] = small_buffer(t->fd, 1);
		break;
	case _IOC_NR(PBIT_IOC_PROGRAM_CREATE):
		h.handle = a->program.handle;
		CHECK(h.handle > 0 && h.handle < 4096);
		CHECK(ioctl(t->fd, PBIT_IOC_PROGRAM_DESTROY, &h) == 0);
		break;
	case _IOC_NR(PBIT_IOC_PROGRAM_DESTROY):
		t->bare = bare_program(t->fd, &t->j);
		break;
	case _IOC_NR(PBIT_IOC_SUBMIT):
		CHECK(event_wait(t->fd).sequence == a->submit.sequence);
		break;
	case _IOC_NR(PBIT_IOC_CANCEL):
		CHECK(a->cancel.cancelled == 0);
		break;
	case _IOC_NR(PBIT_IOC_GET_P_BITS):
		/* The device is ideal: all zero, and no more than was asked for. */
		CHECK(!memcmp(&t->p_bits[0], &(struct pbit_p_bit){ 0 }, sizeof(*t->p_bits)));
		CHECK(!memcmp(&t->p_bits[2], &(struct pbit_p_bit){ 0 }, sizeof(*t->p_bits)));
		CHECK(*(uint8_t *)&t->p_bits[3] == CALL_POISON);
		break;
	}
}

void call_taken(struct caller *t, unsigned int nr, size_t more)
{
	const struct call *c = &calls[nr];
	const uint64_t bytes = fdinfo(t->fd, "bytes");
	uint8_t *at = t->end - c->size - more;
	union args a = call_good(t, nr), after = { 0 };

	call_poison(c, &a);
	memcpy(at, &a, c->size);
	memset(at + c->size, 0, more);
	CHECK(ioctl(t->fd, call_sized(c, c->size + more), at) == 0);
	memcpy(&after, at, c->size);
	for (size_t k = 0; k < more; k++)
		CHECK(at[c->size + k] == 0);
	for (int k = 0; k < 2; k++) {
		uint8_t poisoned[8];

		memset(poisoned, CALL_POISON, sizeof(poisoned));
		CHECK(!c->out[k].size ||
		      memcmp(after.byte + c->out[k].at, poisoned, c->out[k].size));
	}
	call_undo(t, nr, &after);
	CHECK(fdinfo(t->fd, "bytes") == bytes);
	t->taken++;
}
