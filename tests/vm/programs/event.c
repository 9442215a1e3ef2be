// SPDX-License-Identifier: MIT
/*
 * How submissions end: events as read() gives them, whole and in every field; readiness by poll();
 * eventfds; cancelling what waits and what runs.
 */
#include <fcntl.h>
#include <linux/pbit.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "device.h"
#include "job.h"

static const struct job_spec small = {
	.shape = { PBM_NET_RBM, 30, 40, 20, 8 },
	.sweeps = 10,
	.every = 2,
	.amplitude = 40,
};

static const struct job_spec large = {
	.shape = { PBM_NET_RBM, 400, 300, 64, 8 },
	.sweeps = 1,
	.every = 1,
	.amplitude = 40,
};

static struct pbit_submit nothing(const struct job *j)
{
	struct pbit_submit a = job_endless(j);

	a.sweeps = 0;
	return a;
}

/* Until count events wait to be read. */
static void await(int fd, uint64_t finished)
{
	while (fdinfo(fd, "finished") < finished)
		sleep_ms(5);
}

static short readiness(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDNORM };

	CHECK(poll(&p, 1, 0) >= 0);
	return p.revents;
}

static void every_field(int fd)
{
	struct job j = job_new(fd, &small);
	struct reference r = reference_new(&j);
	struct pbit_submit a = job_args(&j);
	uint64_t words[sizeof(struct pbit_event) / 8 + 1];
	const uint64_t before = fdinfo(fd, "finished");
	struct pbit_event e;

	doing = "fields of an event";
	job_rewind(&j);
	memset(words, 0xa5, sizeof(words));
	a.user_data = ~0ull;
	submit(fd, &a);
	await(fd, before + 1);
	CHECK(read(fd, words, sizeof(words)) == sizeof(e));
	for (size_t k = 0; k < sizeof(e) / 8; k++)
		CHECK(words[k] != 0xa5a5a5a5a5a5a5a5);
	CHECK(words[sizeof(e) / 8] == 0xa5a5a5a5a5a5a5a5);
	memcpy(&e, words, sizeof(e));
	CHECK(e.user_data == ~0ull && e.device_ns > 0 && e.wait_ns > 0);
	e.user_data = r.event.user_data;
	job_compare(&j, &r, &e);
	reference_free(&r);
	job_free(fd, &j);
}

/* Events come whole, in order, as many as there are and fit. */
static void reading(int fd, const struct job *j)
{
	struct pbit_submit a = nothing(j);
	uint8_t room[5 * sizeof(struct pbit_event)];
	const uint64_t before = fdinfo(fd, "finished");
	struct pbit_event e[3];
	struct iovec parts[2] = { { &e[0], sizeof(e[0]) }, { &e[1], sizeof(e[1]) } };
	uint8_t *end = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile uintptr_t none = 8;
	uint64_t first = 0;

	doing = "read()";
	CHECK(end != MAP_FAILED && munmap(end + 4096, 4096) == 0);
	end += 4096;
	CHECK(readiness(fd) == 0);
	memset(room, 0xa5, sizeof(room));
	for (size_t size = 0; size < sizeof(e[0]); size++)
		FAILS(read(fd, room, size), EINVAL);
	FAILS(read(fd, room, sizeof(room)), EAGAIN);
	for (int k = 0; k < 8; k++) {
		a.user_data = 100 + (uint64_t)k;
		submit(fd, &a);
		first = first ? first : a.sequence;
		CHECK(a.sequence == first + (uint64_t)k);
	}
	await(fd, before + 8);
	CHECK(readiness(fd) == (POLLIN | POLLRDNORM));
	for (size_t size = 0; size < sizeof(e[0]); size++)
		FAILS(read(fd, room, size), EINVAL);
	FAILS(read(fd, (void *)none, sizeof(e[0])), EFAULT);
	FAILS(read(fd, end, sizeof(e[0])), EFAULT);
	FAILS(read(fd, end - 63, sizeof(e[0])), EFAULT);
	for (size_t k = 0; k < sizeof(room); k++)
		CHECK(room[k] == 0xa5);
	/* None was lost by these; one and a half is one; what cannot be written is left. */
	CHECK(read(fd, e, sizeof(e[0]) * 3 / 2) == sizeof(e[0]));
	CHECK(e[0].sequence == first && e[0].user_data == 100);
	CHECK(read(fd, end - 2 * sizeof(e[0]) - 5, 3 * sizeof(e[0])) == 2 * sizeof(e[0]));
	memcpy(e, end - 2 * sizeof(e[0]) - 5, 2 * sizeof(e[0]));
	CHECK(e[0].sequence == first + 1 && e[1].sequence == first + 2);
	CHECK(readv(fd, parts, 2) == 2 * sizeof(e[0]));
	CHECK(e[0].sequence == first + 3 && e[1].sequence == first + 4);
	CHECK(read(fd, room, sizeof(room)) == 3 * sizeof(e[0]));
	memcpy(e, room, sizeof(e));
	for (int k = 0; k < 3; k++)
		CHECK(e[k].sequence == first + 5 + (uint64_t)k &&
		      e[k].user_data == 105 + (uint64_t)k && e[k].status == 0 &&
		      e[k].program == j->program && !e[k].flips && !e[k].samples);
	FAILS(read(fd, room, sizeof(room)), EAGAIN);
	CHECK(readiness(fd) == 0);
	munmap(end - 4096, 4096);
}

struct reader {
	int fd;
	void *to;
};

static void *read_in_vain(void *arg)
{
	const struct reader *r = arg;

	FAILS(read(r->fd, r->to, sizeof(struct pbit_event)), EFAULT);
	return NULL;
}

/* While a reader waits for its own memory, which never comes, the event is there for others. */
static void slow_memory(int fd, const struct job *j)
{
	struct reader r = { fd, mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) };
	struct uffdio_register reg = { .range = { (uintptr_t)r.to, 4096 },
				       .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_api api = { .api = UFFD_API };
	int faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	const uint64_t before = fdinfo(fd, "finished");
	struct pbit_submit a = nothing(j);
	struct uffd_msg msg;
	pthread_t thread;

	doing = "read() into slow memory";
	CHECK(r.to != MAP_FAILED && faults >= 0);
	CHECK(ioctl(faults, UFFDIO_API, &api) == 0 && ioctl(faults, UFFDIO_REGISTER, &reg) == 0);
	submit(fd, &a);
	await(fd, before + 1);
	CHECK(pthread_create(&thread, NULL, read_in_vain, &r) == 0);
	CHECK(read(faults, &msg, sizeof(msg)) == sizeof(msg) && msg.event == UFFD_EVENT_PAGEFAULT);
	CHECK(readiness(fd) == (POLLIN | POLLRDNORM) && fdinfo(fd, "pending") == 1);
	CHECK(mprotect(r.to, 4096, PROT_NONE) == 0);
	CHECK(ioctl(faults, UFFDIO_UNREGISTER, &reg.range) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(event_wait(fd).sequence == a.sequence);
	close(faults);
	munmap(r.to, 4096);
}

/* What a device is not. */
static void other_calls(int fd)
{
	struct pbit_event e = { 0 };

	doing = "other calls";
	FAILS(write(fd, &e, sizeof(e)), EINVAL);
	FAILS(lseek(fd, 0, SEEK_CUR), ESPIPE);
	FAILS(pread(fd, &e, sizeof(e), 0), ESPIPE);
	FAILS(ftruncate(fd, 0), EINVAL);
}

static void eventfds(int fd, const struct job *j)
{
	int efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event want = { .events = EPOLLIN, .data.u64 = 7 }, got;
	struct pbit_submit a = nothing(j);
	struct pollfd p = { .fd = efd, .events = POLLIN };
	uint64_t count;

	doing = "eventfd";
	CHECK(efd >= 0 && ep >= 0);
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &want) == 0);
	CHECK(epoll_wait(ep, &got, 1, 0) == 0);
	a.flags |= PBIT_SUBMIT_EVENTFD;
	a.eventfd = efd;
	submit(fd, &a);
	/* Signalled once the event can be read; closing it before the end does no harm. */
	CHECK(poll(&p, 1, 300000) == 1 && p.revents == POLLIN);
	CHECK(readiness(fd) & POLLIN);
	CHECK(epoll_wait(ep, &got, 1, 300000) == 1 && got.events == EPOLLIN && got.data.u64 == 7);
	CHECK(read(efd, &count, sizeof(count)) == sizeof(count) && count == 1);
	event_wait(fd);
	for (int k = 0; k < 5; k++)
		submit(fd, &a);
	close(efd);
	for (int k = 0; k < 5; k++)
		event_wait(fd);
	CHECK(epoll_wait(ep, &got, 1, 0) == 0);
	close(ep);
}

static uint32_t cancel(int fd, uint64_t sequence)
{
	struct pbit_cancel c = { .sequence = sequence, .cancelled = 0xa5a5a5a5 };

	CHECK(ioctl(fd, PBIT_IOC_CANCEL, &c) == 0 && c.sequence == sequence);
	return c.cancelled;
}

static void await_running(int fd)
{
	const uint64_t start = fdinfo(fd, "flips");

	while (fdinfo(fd, "flips") == start)
		sleep_ms(5);
}

/* One that waits goes at once, one that runs after its chunk; others are not touched. */
static void cancelling(int fd)
{
	struct job j = job_new(fd, &large);
	int efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct pbit_submit a = job_endless(&j);
	uint64_t first, count;
	struct pbit_event e;

	doing = "cancelling";
	CHECK(cancel(fd, 0) == 0);
	a.flags = PBIT_SUBMIT_EVENTFD;
	a.eventfd = efd;
	first = submit(fd, &a);
	for (uint64_t k = 1; k <= 3; k++)
		CHECK(submit(fd, &a) == first + k);
	await_running(fd);
	CHECK(cancel(fd, first + 2) == 1);
	CHECK(read(fd, &e, sizeof(e)) == sizeof(e));
	CHECK(e.sequence == first + 2 && e.status == -ECANCELED && !e.device_ns && !e.flips);
	FAILS(ioctl(fd, PBIT_IOC_CANCEL, &(struct pbit_cancel){ .sequence = first + 2 }), ENOENT);
	FAILS(ioctl(fd, PBIT_IOC_CANCEL, &(struct pbit_cancel){ .sequence = first + 4 }), ENOENT);
	/* The one that runs; the next takes its turn. */
	CHECK(cancel(fd, first) == 1);
	e = event_wait(fd);
	CHECK(e.sequence == first && e.status == -ECANCELED && e.device_ns && e.flips);
	await_running(fd);
	CHECK(cancel(fd, 0) == 2);
	/* The one that waits ends at once, the other when its chunk is over. */
	e = event_wait(fd);
	CHECK(e.sequence == first + 3 && e.status == -ECANCELED && !e.flips);
	e = event_wait(fd);
	CHECK(e.sequence == first + 1 && e.status == -ECANCELED && e.flips);
	CHECK(read(efd, &count, sizeof(count)) == sizeof(count) && count == 4);
	CHECK(fdinfo(fd, "pending") == 0);
	close(efd);
	job_free(fd, &j);
}

static void set_last(const struct job *j, int value)
{
	const size_t last = (size_t)j->spec.shape.n * j->spec.shape.m - 1;

	if (j->spec.shape.bits == 8)
		((int8_t *)j->w.mem)[last] = (int8_t)value;
	else
		((int16_t *)j->w.mem)[last] = (int16_t)value;
}

/* Couplings without a negative end the submission, and the next one reads them anew. */
static void out_of_range(int fd, uint32_t bits)
{
	struct job_spec spec = small;
	struct reference r;
	struct pbit_submit a;
	struct pbit_event e;
	struct job j;

	doing = "couplings out of range";
	spec.shape.bits = bits;
	j = job_new(fd, &spec);
	a = job_args(&j);
	set_last(&j, bits == 8 ? -128 : -32768);
	for (int k = 0; k < 2; k++) {
		submit(fd, &a);
		e = event_wait(fd);
		CHECK(e.status == -ERANGE && !e.flips && !e.changed && !e.samples);
		a.flags &= ~PBIT_SUBMIT_LOAD; /* asked for or not, there are none yet */
	}
	set_last(&j, bits == 8 ? -127 : -32767);
	r = reference_new(&j);
	job_rewind(&j);
	submit(fd, &a);
	e = event_wait(fd);
	job_compare(&j, &r, &e);
	reference_free(&r);
	job_free(fd, &j);
}

int main(void)
{
	struct device d = device_make("event", "p_bits=1024");
	int fd = device_open(&d, O_NONBLOCK);
	struct job j = job_new(fd, &small);

	every_field(fd);
	reading(fd, &j);
	slow_memory(fd, &j);
	other_calls(fd);
	eventfds(fd, &j);
	cancelling(fd);
	out_of_range(fd, 8);
	out_of_range(fd, 16);
	job_free(fd, &j);
	CHECK(fdinfo(fd, "bytes") == 0);
	printf("%llu events\n", (unsigned long long)fdinfo(fd, "finished"));
	close(fd);
	device_unmake(&d);
	return 0;
}
