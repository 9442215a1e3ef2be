// SPDX-License-Identifier: MIT
/*
 * Contexts share a device's time in proportion to their weights; one that slept gets no credit for
 * it; a late short job starts within one chunk of each context that runs. Times are the device's
 * own; the last is seen in the order of the module's tracepoints, and so in no time at all.
 */
#include <fcntl.h>
#include <linux/pbit.h>

#include "device.h"
#include "job.h"
#include "trace.h"

/* A sweep of one block of chains: exactly one chunk, on any machine. */
static const struct job_spec spec = {
	.shape = { PBM_NET_RBM, 400, 256, PBM_RUN_BLOCK, 8 },
	.scan = PBIT_SCAN_RANDOM_DIRECTION,
	.sweeps = 10,
	.every = 1,
	.amplitude = 60,
};

struct party {
	int fd;
	struct job j;
};

static struct party party_new(const struct device *d, uint32_t weight)
{
	struct pbit_weight w = { .weight = weight };
	struct party p = { .fd = device_open(d, 0) };
	struct pbit_submit a;

	CHECK(ioctl(p.fd, PBIT_IOC_SET_WEIGHT, &w) == 0);
	CHECK(fdinfo(p.fd, "weight") == weight);
	p.j = job_new(p.fd, &spec);
	a = job_endless(&p.j);
	a.flags = PBIT_SUBMIT_LOAD;
	a.sweeps = 0;
	submit(p.fd, &a);
	CHECK(event_wait(p.fd).status == 0);
	return p;
}

static void party_free(struct party *p)
{
	job_free(p->fd, &p->j);
	close(p->fd);
}

static void go_on(const struct party *p)
{
	struct pbit_submit a = job_endless(&p->j);

	submit(p->fd, &a);
}

static void stop(const struct party *p)
{
	struct pbit_cancel c = { 0 };

	CHECK(ioctl(p->fd, PBIT_IOC_CANCEL, &c) == 0 && c.cancelled == 1);
	CHECK(event_wait(p->fd).status == -ECANCELED);
}

/*
 * What each has had since start. The two are not read at one moment, and on a busy computer a long
 * time may pass between: the first is read again, and what both had counts only if that was near
 * enough.
 */
static uint64_t read_both(const struct party *p, const uint64_t start[2], uint64_t ret_ns[2])
{
	uint64_t again, total;

	do {
		for (int k = 0; k < 2; k++)
			ret_ns[k] = fdinfo(p[k].fd, "device-ns") - start[k];
		again = fdinfo(p[0].fd, "device-ns") - start[0];
		total = ret_ns[0] + ret_ns[1];
	} while (again - ret_ns[0] > total / 200);
	return total;
}

/*
 * The two share the device for so many seconds of its time, in the ratio 1 : right within 5 %.
 * Where a computer is so busy that it stops a chunk in its middle for long, more are needed until
 * that has been made good: twice as many at most, in which no wrong share can come right.
 */
static void run_in_ratio(const struct party *p, double right, unsigned int time_s)
{
	const uint64_t start[2] = { fdinfo(p[0].fd, "device-ns"), fdinfo(p[1].fd, "device-ns") };
	const uint64_t least = 1000000000ull * time_s;
	uint64_t ns[2], total;
	double ratio;

	do {
		sleep_ms(20);
		total = read_both(p, start, ns);
		ratio = (double)ns[1] / (double)(ns[0] + 1);
	} while (total < least ||
		 (total < 2 * least && !(ratio > right * 0.95 && ratio < right * 1.05)));
	printf("%s: %.3f and %.3f s of device time: ratio %.3f\n", doing, (double)ns[0] * 1e-9,
	       (double)ns[1] * 1e-9, ratio);
	CHECK(ratio > right * 0.95 && ratio < right * 1.05);
}

static void weights(const struct device *d)
{
	struct party p[2] = { party_new(d, 1), party_new(d, 3) };

	doing = "weights 1 and 3";
	go_on(&p[0]);
	go_on(&p[1]);
	run_in_ratio(p, 3, 10);
	/* A weight that changes while the context runs counts from then on. */
	doing = "weights 1 and 1";
	CHECK(ioctl(p[1].fd, PBIT_IOC_SET_WEIGHT, &(struct pbit_weight){ .weight = 1 }) == 0);
	run_in_ratio(p, 1, scaled(3));
	for (int k = 0; k < 2; k++) {
		stop(&p[k]);
		party_free(&p[k]);
	}
}

/* With a credit for the time that it slept, it would have that time alone, and 3 : 1 in the end. */
static void no_credit(const struct device *d)
{
	struct party p[2] = { party_new(d, 100), party_new(d, 100) };
	const unsigned int time_s = scaled(3);

	doing = "no credit for sleep";
	go_on(&p[0]);
	while (fdinfo(p[0].fd, "device-ns") < 1000000000ull * time_s)
		sleep_ms(20);
	go_on(&p[1]);
	run_in_ratio(p, 1, time_s);
	for (int k = 0; k < 2; k++) {
		stop(&p[k]);
		party_free(&p[k]);
	}
}

/* The context has so many chunks queued, whatever has ended meanwhile. */
static void keep_busy(const struct party *p, unsigned int chunks)
{
	struct pbit_submit a = job_endless(&p->j);
	unsigned int pending = (unsigned int)fdinfo(p->fd, "pending");
	struct pbit_event e[64];

	a.sweeps = 1;
	while (pending > 0) {
		ssize_t n = read(p->fd, e, sizeof(e));

		if (n < 0 && errno == EAGAIN)
			break;
		CHECK(n > 0);
		pending -= (unsigned int)((size_t)n / sizeof(e[0]));
	}
	for (; pending < chunks; pending++)
		submit(p->fd, &a);
}

static struct party busy_party(const struct device *d, uint32_t weight)
{
	struct party p = party_new(d, weight);
	int fd = device_open(d, O_NONBLOCK);

	job_free(p.fd, &p.j);
	close(p.fd);
	p.fd = fd;
	CHECK(ioctl(fd, PBIT_IOC_SET_WEIGHT, &(struct pbit_weight){ .weight = weight }) == 0);
	p.j = job_new(fd, &spec);
	return p;
}

/* Chunks of others that started between the submission and the start of each late job. */
static void count_starts(const struct trace_event *e, size_t count, unsigned int jobs)
{
	unsigned int between[3] = { 0 }, worst[3] = { 0 }, seen = 0, met = 0;
	uint64_t others[3] = { 0 }, late = 0;
	bool waiting = false, busy = false;

	for (size_t k = 0; k < count && !late; k++)
		if (e[k].kind == TRACE_SUBMIT && e[k].sweeps == 0)
			late = e[k].context;
	CHECK(late);
	for (size_t k = 0; k < count; k++) {
		int who = 0;

		if (e[k].context != late && e[k].kind != TRACE_SUBMIT)
			busy = e[k].kind == TRACE_START;
		if (e[k].context == late && e[k].kind == TRACE_SUBMIT) {
			waiting = true;
			met += busy;
			memset(between, 0, sizeof(between));
		} else if (e[k].context == late && e[k].kind == TRACE_START) {
			CHECK(waiting);
			waiting = false;
			seen++;
		} else if (waiting && e[k].kind == TRACE_START) {
			while (others[who] && others[who] != e[k].context)
				who++;
			CHECK(who < 3);
			others[who] = e[k].context;
			if (++between[who] > worst[who])
				worst[who] = between[who];
		}
	}
	printf("%s: %u of them, %u while a chunk was computed; at most %u, %u and %u chunks of the "
	       "others started before one\n",
	       doing, seen, met, worst[0], worst[1], worst[2]);
	CHECK(seen == jobs && met > jobs / 4);
	CHECK(worst[0] <= 1 && worst[1] <= 1 && worst[2] <= 1);
}

static void late_jobs(const struct device *d)
{
	struct party busy[3] = { busy_party(d, 10), busy_party(d, 100), busy_party(d, 1000) };
	struct party late = party_new(d, 1000);
	struct pbit_submit a = job_endless(&late.j);
	struct pbit_cancel c = { 0 };
	const unsigned int jobs = 100;
	struct trace_event *events;
	size_t count;

	doing = "late short jobs";
	a.sweeps = 0;
	trace_begin();
	for (unsigned int k = 0; k < jobs; k++) {
		uint64_t before = device_value(d, "finished");

		/*
		 * It is late only once the others have moved on: a busy host may have stopped the
		 * worker in the midst of its last job, which is time that it has had.
		 */
		do
			for (int b = 0; b < 3; b++)
				keep_busy(&busy[b], 24);
		while (device_value(d, "finished") < before + 20);
		submit(late.fd, &a);
		CHECK(event_wait(late.fd).status == 0);
	}
	for (int b = 0; b < 3; b++)
		CHECK(ioctl(busy[b].fd, PBIT_IOC_CANCEL, &c) == 0);
	count = trace_end(&events);
	count_starts(events, count, jobs);
	free(events);
	for (int b = 0; b < 3; b++)
		party_free(&busy[b]);
	party_free(&late);
}

int main(void)
{
	struct device d = device_make("sharing", "p_bits=1024");

	weights(&d);
	no_credit(&d);
	late_jobs(&d);
	CHECK(device_value(&d, "contexts") == 0);
	device_unmake(&d);
	return 0;
}
