// SPDX-License-Identifier: MIT
/*
 * Under a shower of signals, a thousand a second, with and without SA_RESTART: read(), poll() and
 * the ioctls do what they do without; results are bit-identical, no event is lost or doubled.
 */
#include <fcntl.h>
#include <linux/pbit.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#include "device.h"
#include "job.h"

#define THREADS 3

static volatile sig_atomic_t signals;
static volatile int cancel_fd = -1; /* of a context that the handler is to cancel */
static volatile sig_atomic_t cancel_after;

static void on_alarm(int number)
{
	const int error = errno;

	(void)number;
	signals = signals + 1;
	if (cancel_fd >= 0 && cancel_after > 0) {
		cancel_after = cancel_after - 1;
		if (!cancel_after)
			ioctl(cancel_fd, PBIT_IOC_CANCEL, &(struct pbit_cancel){ 0 });
	}
	errno = error;
}

static void shower(bool restart, bool on)
{
	const struct sigaction action = { .sa_handler = on_alarm,
					  .sa_flags = restart ? SA_RESTART : 0 };
	const struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = { { 0, 0 }, { 0, 0 } };

	CHECK(sigaction(SIGALRM, &action, NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, on ? &often : &never, NULL) == 0);
}

/* A blocking read gives EINTR, or waits on; a poll gives EINTR always. */
static void interrupted(int fd, const struct job *j)
{
	struct pbit_submit a = job_endless(j);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct pbit_event e;

	doing = "what a signal does";
	submit(fd, &a);
	shower(false, true);
	memset(&e, 0xa5, sizeof(e));
	FAILS(read(fd, &e, sizeof(e)), EINTR);
	for (size_t k = 0; k < sizeof(e); k++)
		CHECK(((uint8_t *)&e)[k] == 0xa5);
	FAILS(poll(&p, 1, -1), EINTR);
	shower(true, true);
	FAILS(poll(&p, 1, -1), EINTR);
	/* Read returns after 100 signals, and then only because the submission ends. */
	cancel_after = 100;
	cancel_fd = fd;
	CHECK(read(fd, &e, sizeof(e)) == sizeof(e));
	CHECK(cancel_after == 0 && e.sequence == a.sequence && e.status == -ECANCELED);
	cancel_fd = -1;
	shower(false, false);
}

/* An event by read() alone, or after poll(); what was interrupted is done again. */
static struct pbit_event patient_event(int fd, bool polling, unsigned int *interruptions)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct pbit_event e;
	ssize_t n;

	while (polling && poll(&p, 1, -1) < 0) {
		CHECK(errno == EINTR);
		++*interruptions;
	}
	while ((n = read(fd, &e, sizeof(e))) < 0) {
		CHECK(errno == EINTR);
		++*interruptions;
	}
	CHECK(n == sizeof(e));
	return e;
}

/* Whole runs, made and unmade in the rain. */
static void runs(int fd, bool restart)
{
	const struct job_spec spec = {
		.shape = { PBM_NET_RBM, 200, 150, 40, 8 },
		.scan = PBIT_SCAN_RANDOM_DIRECTION,
		.sweeps = 30,
		.every = 3,
		.clamp = true,
		.ramp = true,
		.amplitude = 50,
	};
	const unsigned int count = scaled(12);
	unsigned int interruptions = 0;
	const int before = signals;

	doing = restart ? "runs with SA_RESTART" : "runs without SA_RESTART";
	shower(restart, true);
	for (unsigned int k = 0; k < count; k++) {
		struct job j = job_new(fd, &spec);
		struct reference r = reference_new(&j);
		struct pbit_submit a = job_args(&j);
		struct pbit_event e;

		job_rewind(&j);
		submit(fd, &a);
		e = patient_event(fd, k % 2, &interruptions);
		CHECK(e.sequence == a.sequence);
		job_compare(&j, &r, &e);
		reference_free(&r);
		job_free(fd, &j);
	}
	shower(restart, false);
	printf("%s: %u runs, %d signals, %u calls interrupted; the right bits\n", doing, count,
	       (int)signals - before, interruptions);
	CHECK(signals > before);
}

struct reader {
	pthread_t thread;
	int fd;
	uint32_t most; /* events at a time */
	uint8_t *seen; /* by sequence number, of all readers */
	unsigned int *left;
};

/* Several read one file, some one event at a time, some many; the last event is theirs to share. */
static void *read_events(void *arg)
{
	struct reader *r = arg;

	while (__atomic_load_n(r->left, __ATOMIC_ACQUIRE)) {
		struct pbit_event e[8];
		struct pollfd p = { .fd = r->fd, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, 1000) <= 0)
			continue;
		n = read(r->fd, e, r->most * sizeof(e[0]));
		if (n < 0) {
			CHECK(errno == EINTR || errno == EAGAIN);
			continue;
		}
		CHECK(n > 0 && n % (ssize_t)sizeof(e[0]) == 0);
		for (size_t k = 0; k < (size_t)n / sizeof(e[0]); k++) {
			CHECK(e[k].status == 0 && e[k].user_data == ~e[k].sequence);
			CHECK(__atomic_add_fetch(&r->seen[e[k].sequence], 1, __ATOMIC_RELAXED) ==
			      1);
			__atomic_sub_fetch(r->left, 1, __ATOMIC_RELEASE);
		}
	}
	return NULL;
}

static void many_readers(const struct device *d, bool restart)
{
	const unsigned int count = scaled(3000);
	int fd = device_open(d, O_NONBLOCK);
	struct job j = job_new(fd, &(struct job_spec){ .shape = { PBM_NET_RBM, 5, 5, 2, 8 },
						       .sweeps = 1,
						       .every = 1,
						       .amplitude = 5 });
	struct pbit_submit a = job_endless(&j);
	unsigned int left = count, again = 0;
	uint8_t *seen = calloc(count + 2, 1);
	struct reader readers[THREADS];

	doing = restart ? "readers with SA_RESTART" : "readers without SA_RESTART";
	CHECK(seen);
	shower(restart, true);
	for (unsigned int k = 0; k < THREADS; k++) {
		readers[k] =
			(struct reader){ .fd = fd, .most = 1 + 3 * k, .seen = seen, .left = &left };
		CHECK(pthread_create(&readers[k].thread, NULL, read_events, &readers[k]) == 0);
	}
	a.sweeps = 1;
	for (uint64_t k = 1; k <= count;) {
		a.user_data = ~k;
		if (ioctl(fd, PBIT_IOC_SUBMIT, &a) == 0) {
			CHECK(a.sequence == k);
			k++;
			continue;
		}
		CHECK(errno == EAGAIN); /* the limit of what is pending; never EINTR */
		again++;
		sleep_ms(1);
	}
	for (unsigned int k = 0; k < THREADS; k++)
		CHECK(pthread_join(readers[k].thread, NULL) == 0);
	shower(restart, false);
	for (unsigned int k = 1; k <= count; k++)
		CHECK(seen[k] == 1);
	CHECK(fdinfo(fd, "pending") == 0 && fdinfo(fd, "finished") == count);
	printf("%s: %u events to %d threads, each once; %u times as many as may be pending\n",
	       doing, count, THREADS, again);
	free(seen);
	job_free(fd, &j);
	close(fd);
}

int main(void)
{
	struct device d = device_make("signals", "p_bits=1024");
	int fd = device_open(&d, 0);
	struct job j = job_new(fd, &(struct job_spec){ .shape = { PBM_NET_RBM, 400, 300, 64, 8 },
						       .sweeps = 1,
						       .every = 1,
						       .amplitude = 40 });

	interrupted(fd, &j);
	runs(fd, false);
	runs(fd, true);
	many_readers(&d, false);
	many_readers(&d, true);
	job_free(fd, &j);
	close(fd);
	CHECK(device_value(&d, "contexts") == 0 && module_areas() == 0);
	device_unmake(&d);
	return 0;
}
