// SPDX-License-Identifier: MIT
/*
 * Every field of every ioctl's argument, every way to get it wrong: each is refused with the very
 * error that linux/pbit.h says, leaves the argument as it was, and leaves nothing behind.
 */
#include <fcntl.h>
#include <linux/pbit.h>
#include <sys/eventfd.h>

#include "call.h"

static struct caller t;

/* args, wrong in one field, at the end of what is mapped, and results poisoned. */
static void refuse_args(int error, const struct call *c, const union args *args, const char *field,
			uint64_t value)
{
	uint8_t *at = t.end - c->size;
	union args before = *args;

	call_poison(c, &before);
	memcpy(at, &before, c->size);
	call_refused(&t, error, c->cmd, at, "%s: %s = %#llx", c->name, field,
		     (unsigned long long)value);
	CHECK(!memcmp(at, &before, c->size));
}

/* BAD(SUBMIT, submit, every, 0, EINVAL): with this one value wrong. */
#define BAD(nr, member, field, value, error)                                                      \
	do {                                                                                      \
		const struct call *bad_call = &calls[_IOC_NR(PBIT_IOC_##nr)];                     \
		union args bad_args = call_good(&t, _IOC_NR(PBIT_IOC_##nr));                      \
                                                                                                  \
		bad_args.member.field = (value);                                                  \
		refuse_args(error, bad_call, &bad_args, #field, (uint64_t)bad_args.member.field); \
	} while (0)

#define BAD_BITS(nr, member, field, first)                         \
	do {                                                       \
		for (unsigned int bit = (first); bit < 32; bit++)  \
			BAD(nr, member, field, 1u << bit, EINVAL); \
	} while (0)

static void bad_parameters(void)
{
	unsigned int count = 0;

	doing = "GET_PARAM";
	for (;;) {
		struct pbit_get_param p = { .param = count };

		memset(&p.value, CALL_POISON, sizeof(p.value));
		if (ioctl(t.fd, PBIT_IOC_GET_PARAM, &p))
			break;
		CHECK(p.param == count && p.pad == 0 && p.value < 1ull << 60);
		count++;
	}
	CHECK(count > PBIT_PARAM_WEIGHT);
	for (unsigned int k = 0; k < 64; k++)
		BAD(GET_PARAM, get_param, param, count + k, EINVAL);
	BAD(GET_PARAM, get_param, param, 1u << 31, EINVAL);
	BAD(GET_PARAM, get_param, param, ~0u, EINVAL);
	BAD_BITS(GET_PARAM, get_param, pad, 0);
}

static void bad_buffers(void)
{
	doing = "BUFFER_CREATE";
	BAD(BUFFER_CREATE, buffer, kind, 0, EINVAL);
	BAD(BUFFER_CREATE, buffer, kind, 6, EINVAL);
	BAD(BUFFER_CREATE, buffer, kind, ~0u, EINVAL);
	BAD_BITS(BUFFER_CREATE, buffer, flags, 0);
	BAD_BITS(BUFFER_CREATE, buffer, pad, 0);
	BAD(BUFFER_CREATE, buffer, size, 0, EINVAL);
	for (unsigned int bit = 32; bit < 64; bit++)
		BAD(BUFFER_CREATE, buffer, size, 1ull << bit, EINVAL);
	BAD(BUFFER_CREATE, buffer, size, ~0ull, EINVAL);
	/* Within the limits of a context, and more than the machine has. */
	BAD(BUFFER_CREATE, buffer, size, 3ull << 30, ENOMEM);
	/* The context's other objects take what would be left. */
	BAD(BUFFER_CREATE, buffer, size, ~0u, EDQUOT);

	doing = "BUFFER_DESTROY, PROGRAM_DESTROY";
	BAD_BITS(BUFFER_DESTROY, handle, pad, 0);
	BAD_BITS(PROGRAM_DESTROY, handle, pad, 0);
	for (unsigned int bit = 12; bit < 32; bit++) {
		BAD(BUFFER_DESTROY, handle, handle, t.of_kind[1] | 1u << bit, ENOENT);
		BAD(PROGRAM_DESTROY, handle, handle, t.bare | 1u << bit, ENOENT);
	}
	BAD(BUFFER_DESTROY, handle, handle, 0, ENOENT);
	BAD(BUFFER_DESTROY, handle, handle, CALL_UNKNOWN, ENOENT);
	BAD(PROGRAM_DESTROY, handle, handle, 0, ENOENT);
	BAD(PROGRAM_DESTROY, handle, handle, CALL_UNKNOWN, ENOENT);
}

/* One of the five buffers: none such, another's, of each other kind. */
#define BAD_BUFFER(field, right)                                                              \
	do {                                                                                  \
		BAD(PROGRAM_CREATE, program, field, CALL_UNKNOWN, ENOENT);                    \
		BAD(PROGRAM_CREATE, program, field, 4095, ENOENT);                            \
		BAD(PROGRAM_CREATE, program, field, 4096, ENOENT);                            \
		BAD(PROGRAM_CREATE, program, field, ~0u, ENOENT);                             \
		for (uint32_t kind = 1; kind <= 5; kind++)                                    \
			if (kind != (right))                                                  \
				BAD(PROGRAM_CREATE, program, field, t.of_kind[kind], EINVAL); \
	} while (0)

static void bad_clamps(void)
{
	const struct call *c = &calls[_IOC_NR(PBIT_IOC_PROGRAM_CREATE)];
	union args a = call_good(&t, _IOC_NR(PBIT_IOC_PROGRAM_CREATE));
	const uint32_t words = a.program.clamp_words;

	BAD(PROGRAM_CREATE, program, clamp_words, 0, EINVAL);
	BAD(PROGRAM_CREATE, program, clamp_words, words - 1, EINVAL);
	BAD(PROGRAM_CREATE, program, clamp_words, words + 1, EINVAL);
	BAD(PROGRAM_CREATE, program, clamp_words, ~0u, EINVAL);
	BAD(PROGRAM_CREATE, program, clamp_words, words | 1u << 31, EINVAL);
	BAD(PROGRAM_CREATE, program, clamp, 0, EINVAL);
	BAD(PROGRAM_CREATE, program, clamp, 8, EFAULT);
	BAD(PROGRAM_CREATE, program, clamp, 0xffff888000000000, EFAULT);
	BAD(PROGRAM_CREATE, program, clamp, ~0ull, EFAULT);
	for (size_t short_by = 1; short_by <= words * 8; short_by += 7) {
		a.program.clamp = (uintptr_t)t.read_only - words * 8 + short_by;
		refuse_args(EFAULT, c, &a, "clamp", a.program.clamp);
	}
}

static void bad_programs(void)
{
	doing = "PROGRAM_CREATE";
	BAD(PROGRAM_CREATE, program, net, 0, EINVAL);
	BAD(PROGRAM_CREATE, program, net, 2, EINVAL);
	BAD(PROGRAM_CREATE, program, net, ~0u, EINVAL);
	BAD(PROGRAM_CREATE, program, n, 0, EINVAL);
	BAD(PROGRAM_CREATE, program, n, CALL_P_BITS - call_spec.shape.m + 1, EINVAL);
	BAD(PROGRAM_CREATE, program, n, PBM_MAX_UNITS + 1, EINVAL);
	BAD(PROGRAM_CREATE, program, n, ~0u, EINVAL);
	BAD(PROGRAM_CREATE, program, n, -call_spec.shape.m, EINVAL); /* a sum of 0 */
	BAD(PROGRAM_CREATE, program, m, 0, EINVAL);
	BAD(PROGRAM_CREATE, program, m, CALL_P_BITS - call_spec.shape.n + 1, EINVAL);
	BAD(PROGRAM_CREATE, program, m, ~0u, EINVAL);
	BAD(PROGRAM_CREATE, program, chains, 0, EINVAL);
	BAD(PROGRAM_CREATE, program, chains, CALL_CHAINS + 1, EINVAL);
	BAD(PROGRAM_CREATE, program, chains, PBM_MAX_CHAINS + 1, EINVAL);
	BAD(PROGRAM_CREATE, program, chains, ~0u, EINVAL);
	for (uint32_t bits = 0; bits <= 64; bits++)
		if (bits != 8) /* the device has no 16 */
			BAD(PROGRAM_CREATE, program, coupling_bits, bits, EINVAL);
	BAD(PROGRAM_CREATE, program, coupling_bits, ~0u, EINVAL);
	for (uint32_t scan = 3; scan < 40; scan++)
		BAD(PROGRAM_CREATE, program, scan, scan, EINVAL);
	BAD(PROGRAM_CREATE, program, scan, ~0u, EINVAL);
	BAD_BITS(PROGRAM_CREATE, program, flags, 0);
	bad_clamps();
	BAD_BUFFER(couplings, PBIT_BUFFER_COUPLINGS);
	BAD_BUFFER(states, PBIT_BUFFER_STATES);
	BAD_BUFFER(sums, PBIT_BUFFER_SUMS);
	BAD_BUFFER(energy_trace, PBIT_BUFFER_ENERGY_TRACE);
	BAD_BUFFER(state_trace, PBIT_BUFFER_STATE_TRACE);
	BAD(PROGRAM_CREATE, program, couplings, 0, EINVAL);
	BAD(PROGRAM_CREATE, program, states, 0, EINVAL);
	BAD(PROGRAM_CREATE, program, couplings, t.of_kind[PBIT_BUFFER_COUPLINGS], ENOSPC);
	BAD(PROGRAM_CREATE, program, states, t.of_kind[PBIT_BUFFER_STATES], ENOSPC);
	BAD(PROGRAM_CREATE, program, sums, t.of_kind[PBIT_BUFFER_SUMS], ENOSPC);
}

/* The program has no buffer for what is asked. */
static void bad_records(void)
{
	static const uint32_t flags[] = { PBIT_SUBMIT_MOMENTS, PBIT_SUBMIT_ENERGY,
					  PBIT_SUBMIT_ENERGY_TRACE, PBIT_SUBMIT_STATE_TRACE };
	const struct call *c = &calls[_IOC_NR(PBIT_IOC_SUBMIT)];
	union args a = call_good(&t, _IOC_NR(PBIT_IOC_SUBMIT));

	a.submit.program = t.bare;
	for (int k = 0; k < 4; k++) {
		a.submit.flags = flags[k];
		refuse_args(EINVAL, c, &a, "flags", flags[k]);
	}
	/* Traces have room for the records of the template, rounded up to pages. */
	BAD(SUBMIT, submit, sweeps, 1u << 20, ENOSPC);
	a = call_good(&t, _IOC_NR(PBIT_IOC_SUBMIT));
	a.submit.sweeps = 1u << 20;
	a.submit.flags = PBIT_SUBMIT_ENERGY_TRACE;
	refuse_args(ENOSPC, c, &a, "sweeps", a.submit.sweeps);
	a.submit.flags = PBIT_SUBMIT_STATE_TRACE;
	refuse_args(ENOSPC, c, &a, "sweeps", a.submit.sweeps);
}

static void bad_gains(void)
{
	const struct call *c = &calls[_IOC_NR(PBIT_IOC_SUBMIT)];
	union args a = call_good(&t, _IOC_NR(PBIT_IOC_SUBMIT));
	const uint64_t wrong[] = { 0,
				   8,
				   0xffff888000000000,
				   ~0ull,
				   (uintptr_t)t.read_only,
				   (uintptr_t)t.read_only - 8,
				   (uintptr_t)t.read_only - call_spec.sweeps * 8 + 1 };

	a.submit.flags |= PBIT_SUBMIT_RAMP;
	for (size_t k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++) {
		a.submit.gain = wrong[k];
		refuse_args(EFAULT, c, &a, "gain", wrong[k]);
	}
}

static void bad_eventfds(const struct device *d)
{
	const struct call *c = &calls[_IOC_NR(PBIT_IOC_SUBMIT)];
	const int closed = 1000, wrong[] = { -1, closed, INT32_MIN, INT32_MAX };
	union args a = call_good(&t, _IOC_NR(PBIT_IOC_SUBMIT));
	int pipes[2], path = open(d->node, O_PATH | O_CLOEXEC);
	int efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	CHECK(pipe2(pipes, O_CLOEXEC) == 0 && path >= 0 && efd >= 0);
	a.submit.flags |= PBIT_SUBMIT_EVENTFD;
	for (size_t k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++) {
		a.submit.eventfd = wrong[k];
		refuse_args(EBADF, c, &a, "eventfd", (uint64_t)wrong[k]);
	}
	a.submit.eventfd = path;
	refuse_args(EBADF, c, &a, "eventfd (a path)", (uint64_t)path);
	a.submit.eventfd = t.fd;
	refuse_args(EINVAL, c, &a, "eventfd (a device)", (uint64_t)t.fd);
	a.submit.eventfd = pipes[1];
	refuse_args(EINVAL, c, &a, "eventfd (a pipe)", (uint64_t)pipes[1]);
	BAD(SUBMIT, submit, eventfd, efd, EINVAL); /* without the flag */
	BAD(SUBMIT, submit, eventfd, -1, EINVAL);
	close(pipes[0]);
	close(pipes[1]);
	close(path);
	close(efd);
}

static void bad_submissions(const struct device *d)
{
	doing = "SUBMIT";
	BAD(SUBMIT, submit, program, 0, ENOENT);
	BAD(SUBMIT, submit, program, CALL_UNKNOWN, ENOENT);
	BAD(SUBMIT, submit, program, 4096, ENOENT);
	BAD(SUBMIT, submit, program, ~0u, ENOENT);
	BAD_BITS(SUBMIT, submit, flags, 9);
	BAD(SUBMIT, submit, flags, PBIT_SUBMIT_ADD, EINVAL); /* to no sums */
	BAD(SUBMIT, submit, sweep0, (1ull << 56) - call_spec.sweeps + 1, EINVAL);
	BAD(SUBMIT, submit, sweep0, 1ull << 56, EINVAL);
	BAD(SUBMIT, submit, sweep0, ~0ull, EINVAL);
	BAD(SUBMIT, submit, sweep0, ~0ull - call_spec.sweeps + 1, EINVAL); /* a sum of 0 */
	BAD(SUBMIT, submit, sweeps, PBM_MAX_SWEEPS + 1, EINVAL);
	BAD(SUBMIT, submit, sweeps, ~0u, EINVAL);
	BAD(SUBMIT, submit, every, 0, EINVAL);
	BAD_BITS(SUBMIT, submit, pad, 0);
	bad_records();
	bad_gains();
	bad_eventfds(d);

	doing = "CANCEL, SET_WEIGHT";
	BAD_BITS(CANCEL, cancel, pad, 0);
	BAD(CANCEL, cancel, sequence, 1, ENOENT);
	BAD(CANCEL, cancel, sequence, ~0ull, ENOENT);
	BAD_BITS(SET_WEIGHT, weight, pad, 0);
	BAD(SET_WEIGHT, weight, weight, 0, EINVAL);
	BAD(SET_WEIGHT, weight, weight, 1001, EINVAL);
	BAD(SET_WEIGHT, weight, weight, ~0u, EINVAL);
}

/* Not a byte is written of what is refused for its range. */
static void bad_p_bits(void)
{
	const struct call *c = &calls[_IOC_NR(PBIT_IOC_GET_P_BITS)];
	union args a = call_good(&t, _IOC_NR(PBIT_IOC_GET_P_BITS));

	doing = "GET_P_BITS";
	BAD(GET_P_BITS, p_bits, first, CALL_P_BITS - 2, EINVAL);
	BAD(GET_P_BITS, p_bits, first, CALL_P_BITS + 1, EINVAL);
	BAD(GET_P_BITS, p_bits, first, ~0u, EINVAL);
	BAD(GET_P_BITS, p_bits, first, -3u, EINVAL); /* a sum of 0 */
	BAD(GET_P_BITS, p_bits, count, 4, EINVAL);
	BAD(GET_P_BITS, p_bits, count, ~0u, EINVAL);
	for (size_t k = 0; k < CALL_P_BITS * sizeof(*t.p_bits); k++)
		CHECK(((uint8_t *)t.p_bits)[k] == CALL_POISON);
	BAD(GET_P_BITS, p_bits, p_bits, 0, EFAULT);
	BAD(GET_P_BITS, p_bits, p_bits, 8, EFAULT);
	BAD(GET_P_BITS, p_bits, p_bits, 0xffff888000000000, EFAULT);
	BAD(GET_P_BITS, p_bits, p_bits, ~0ull, EFAULT);
	BAD(GET_P_BITS, p_bits, p_bits, (uintptr_t)t.read_only, EFAULT);
	BAD(GET_P_BITS, p_bits, p_bits, (uintptr_t)t.read_only - 3 * sizeof(*t.p_bits) + 1, EFAULT);
	a.p_bits.first = CALL_P_BITS;
	a.p_bits.count = 0;
	CHECK(ioctl(t.fd, c->cmd, &a) == 0);
}

int main(void)
{
	struct device d = call_device();
	uint64_t bytes;

	t = caller_new(&d);
	bytes = fdinfo(t.fd, "bytes");
	bad_parameters();
	bad_buffers();
	bad_programs();
	bad_submissions(&d);
	bad_p_bits();
	doing = "the end";
	/* All this while not one event came of what was refused. */
	FAILS(read(t.fd, t.end - 64, 64), EAGAIN);
	CHECK(fdinfo(t.fd, "bytes") == bytes);
	for (unsigned int nr = 0; nr < call_count; nr++)
		call_taken(&t, nr, 0);
	printf("%u calls refused, each with its error and without a trace; %u taken\n", t.refused,
	       t.taken);
	caller_free(&t);
	device_unmake(&d);
	return 0;
}
