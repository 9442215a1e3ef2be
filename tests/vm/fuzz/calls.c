// SPDX-License-Identifier: MIT
/* What is counted, the errors that a call may give, and which call comes next. */
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "fuzz.h"

enum { MOST_ERRORS = 8, ARGS = 256 };

/*
 * Besides those that may come to any call: of memory that fails, of a device that is gone, and of
 * a descriptor that another thread has closed or made into another file.
 */
static const struct {
	enum fuzz_kind kind;
	int error[MOST_ERRORS];
} may_fail[] = {
	{ FUZZ_OPEN, { ENOENT, ENXIO, EMFILE } },
	{ FUZZ_CLOSE, { 0 } },
	{ FUZZ_GET_PARAM, { EINVAL, E2BIG } },
	{ FUZZ_BUFFER_CREATE, { EINVAL, E2BIG, EDQUOT, ENFILE } },
	{ FUZZ_BUFFER_DESTROY, { EINVAL, E2BIG, ENOENT } },
	{ FUZZ_PROGRAM_CREATE, { EINVAL, E2BIG, ENOENT, ENOSPC, EDQUOT, ENFILE } },
	{ FUZZ_PROGRAM_DESTROY, { EINVAL, E2BIG, ENOENT } },
	{ FUZZ_SUBMIT, { EINVAL, E2BIG, ENOENT, ENOSPC, EDQUOT, EAGAIN } },
	{ FUZZ_CANCEL, { EINVAL, E2BIG, ENOENT } },
	{ FUZZ_SET_WEIGHT, { EINVAL, E2BIG, EPERM } },
};

static bool may(enum fuzz_kind kind, int error)
{
	switch (error) {
	case ENOMEM:
	case EFAULT:
	case ENODEV:
	case EBADF:
	case ENOTTY:
		return true;
	}
	for (size_t i = 0; i < sizeof(may_fail) / sizeof(may_fail[0]); i++)
		if (may_fail[i].kind == kind) {
			for (size_t k = 0; k < MOST_ERRORS; k++)
				if (may_fail[i].error[k] == error)
					return true;
			return false;
		}
	/* Calls that are not the module's alone. */
	return true;
}

long note(enum fuzz_kind kind, long r)
{
	atomic_fetch_add(&shared->calls[kind], 1);
	if (r >= 0)
		return r;
	atomic_fetch_add(&shared->failed[kind], 1);
	if (!may(kind, errno)) {
		printf("fuzz: call of kind %d: unexpected: %s\n", kind, strerror(errno));
		atomic_store(&shared->wrong, true);
	}
	return r;
}

/* One field of 4 or 8 bytes. */
static void corrupt(struct fuzzer *f, void *args, size_t size)
{
	const uint64_t value = interesting(f);
	const size_t width = one_in(f, 2) ? 4 : 8;

	if (size < width)
		return;
	memcpy((uint8_t *)args + below(f, (uint32_t)(size / width)) * width, &value, width);
}

/* Of another size than this kernel's, with something or nothing in what is more. */
static unsigned long resize(struct fuzzer *f, unsigned long cmd, uint8_t *args)
{
	const size_t size = below(f, ARGS);

	if (one_in(f, 2))
		args[below(f, ARGS)] = 1;
	return (cmd & ~((unsigned long)_IOC_SIZEMASK << _IOC_SIZESHIFT)) | size << _IOC_SIZESHIFT;
}

/*
 * An ioctl whose argument may be spoilt, of another size, in memory that is the device's own or
 * none. What comes out is copied back, though it may be another thread's by then.
 */
long call(struct fuzzer *f, enum fuzz_kind kind, int fd, unsigned long cmd, void *args)
{
	const size_t size = _IOC_SIZE(cmd);
	uint8_t *area = area_random(f), copy[ARGS] = { 0 };
	long r;

	memcpy(copy, args, size);
	if (one_in(f, 12))
		corrupt(f, copy, size);
	if (one_in(f, 24))
		cmd = resize(f, cmd, copy);
	if (one_in(f, 24) && touch_copy(area, copy, size)) {
		r = note(kind, ioctl(fd, cmd, area));
		touch_copy(args, area, size);
		return r;
	}
	if (one_in(f, 48)) /* its end is not there */
		return note(kind, ioctl(fd, cmd, area + FUZZ_AREA - below(f, ARGS)));
	if (one_in(f, 64))
		return note(kind, ioctl(fd, cmd, interesting(f)));
	r = note(kind, ioctl(fd, cmd, copy));
	memcpy(args, copy, size);
	return r;
}

static void check_events(const struct pbit_event *e, size_t bytes)
{
	if (bytes % sizeof(*e)) /* the descriptor is another file's by now */
		return;
	for (size_t i = 0; i < bytes / sizeof(*e); i++)
		if (e[i].status != 0 && e[i].status != -ECANCELED && e[i].status != -ERANGE) {
			printf("fuzz: an event of status %d\n", e[i].status);
			atomic_store(&shared->wrong, true);
		}
}

static void read_events(struct fuzzer *f, int fd)
{
	struct pbit_event e[8];
	struct iovec v[2] = { { e, sizeof(e[0]) / 2 }, { &e[1], sizeof(e[0]) * 2 } };
	uint8_t *area = area_random(f);
	long r;

	switch (below(f, 8)) {
	case 0: /* into memory of the device's own, at whose end there is none */
		note(FUZZ_READ, read(fd, area + FUZZ_AREA - below(f, 200), sizeof(e)));
		return;
	case 1:
		note(FUZZ_READ, read(fd, area + below(f, 4096), sizeof(e)));
		return;
	case 2:
		note(FUZZ_READ, readv(fd, v, 2));
		return;
	case 3:
		note(FUZZ_READ, pread(fd, e, sizeof(e), below(f, 100)));
		return;
	case 4:
		note(FUZZ_READ, read(fd, e, below(f, sizeof(e))));
		return;
	}
	r = note(FUZZ_READ, read(fd, e, sizeof(e)));
	if (r > 0)
		check_events(e, (size_t)r);
}

static void wait_event(struct fuzzer *f, int fd)
{
	struct pollfd p = { .fd = fd, .events = (short)(below(f, 64)) };
	struct epoll_event e = { .events = EPOLLIN | (one_in(f, 2) ? EPOLLET : 0) };
	const int epoll = atomic_load(&world.epoll);

	switch (below(f, 4)) {
	case 0:
		note(FUZZ_POLL, epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e));
		return;
	case 1:
		note(FUZZ_POLL, epoll_ctl(epoll, EPOLL_CTL_DEL, fd, &e));
		return;
	case 2:
		note(FUZZ_POLL, epoll_wait(epoll, &e, 1, (int)below(f, 20)));
		return;
	default:
		note(FUZZ_POLL, poll(&p, 1, (int)below(f, 20)));
	}
}

/* What any file can be asked for, and this one mostly refuses. */
static void odd(struct fuzzer *f, int fd)
{
	uint8_t bytes[64] = { 0 };

	switch (below(f, 8)) {
	case 0:
		note(FUZZ_FILE, lseek(fd, (off_t)interesting(f), (int)below(f, 3)));
		break;
	case 1:
		note(FUZZ_FILE, write(fd, bytes, below(f, sizeof(bytes))));
		break;
	case 2:
		note(FUZZ_FILE, ftruncate(fd, (off_t)below(f, 5000)));
		break;
	case 3:
		note(FUZZ_FILE, fcntl(fd, F_SETFL, one_in(f, 2) ? O_NONBLOCK : 0));
		break;
	case 4:
		note(FUZZ_FILE, fcntl(fd, F_SETFL, O_NONBLOCK | (one_in(f, 8) ? O_ASYNC : 0)));
		break;
	case 5: {
		const int copy = dup(fd);

		note(FUZZ_FILE, copy);
		if (copy >= 0)
			note(FUZZ_CLOSE, close(copy));
		break;
	}
	case 6:
		note(FUZZ_OTHER_IOCTL, ioctl(fd, interesting(f), bytes));
		break;
	default:
		note(FUZZ_OTHER_IOCTL,
		     ioctl(fd, _IOWR(PBIT_IOC_MAGIC, below(f, 256), bytes), bytes));
	}
}

static void renew(struct fuzzer *f)
{
	_Atomic int *at = one_in(f, 2) ? &world.eventfd : &world.epoll;
	const int fd = at == &world.epoll ? epoll_create1(0) : eventfd(0, EFD_NONBLOCK);
	const int old = atomic_exchange(at, fd);

	if (old >= 0)
		close(old);
}

/* A thread's own slot mostly; sometimes another's, of which it knows nothing. */
static struct slot *choose(struct fuzzer *f)
{
	return &world.slot[one_in(f, 4) ? below(f, FUZZ_SLOTS) : f->index];
}

void fuzz_call(struct fuzzer *f)
{
	struct slot *s = choose(f);
	const int fd = atomic_load(&s->fd);
	const uint32_t what = below(f, 100);

	if (fd < 0 || what < 2)
		fuzz_open(f, s);
	else if (!atomic_load(&s->program) && one_in(f, 3))
		fuzz_build(f, s);
	else if (what < 12)
		fuzz_build(f, s);
	else if (what < 38)
		fuzz_submit(f, s);
	else if (what < 46)
		fuzz_cancel(f, s);
	else if (what < 50)
		fuzz_destroy(f, s);
	else if (what < 56)
		fuzz_small(f, s);
	else if (what < 66)
		read_events(f, fd);
	else if (what < 71)
		wait_event(f, fd);
	else if (what < 79)
		fuzz_map(f, s);
	else if (what < 90)
		fuzz_memory(f);
	else if (what < 92)
		odd(f, fd);
	else if (what < 93)
		renew(f);
	else if (what < 95)
		fuzz_look(f, s);
	else
		fuzz_device(f);
}
