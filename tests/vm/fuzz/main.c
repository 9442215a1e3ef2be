// SPDX-License-Identifier: MIT
/* fuzz SEED SECONDS: starts processes, kills them, starts others; says what was reached. */
#include <inttypes.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../debug/inject.h"
#include "device.h"
#include "fuzz.h"

enum {
	LIFE_MS = 6000, /* of a process, on average */
	MEND_MS = 2000, /* of what keeps calls from going well */
	TICK_MS = 100,
	REPORT_S = 30,
	STUCK_S = 180, /* without a call: something hangs */
};

static const char *const kind_names[FUZZ_KINDS] = {
	[FUZZ_OPEN] = "open",
	[FUZZ_CLOSE] = "close",
	[FUZZ_GET_PARAM] = "GET_PARAM",
	[FUZZ_BUFFER_CREATE] = "BUFFER_CREATE",
	[FUZZ_BUFFER_DESTROY] = "BUFFER_DESTROY",
	[FUZZ_PROGRAM_CREATE] = "PROGRAM_CREATE",
	[FUZZ_PROGRAM_DESTROY] = "PROGRAM_DESTROY",
	[FUZZ_SUBMIT] = "SUBMIT",
	[FUZZ_CANCEL] = "CANCEL",
	[FUZZ_SET_WEIGHT] = "SET_WEIGHT",
	[FUZZ_OTHER_IOCTL] = "other ioctls",
	[FUZZ_READ] = "read",
	[FUZZ_POLL] = "poll, epoll",
	[FUZZ_MMAP] = "mmap",
	[FUZZ_MEMORY] = "mapped memory",
	[FUZZ_FILE] = "other file calls",
	[FUZZ_CONFIGFS] = "configfs",
	[FUZZ_SYSFS] = "sysfs",
	[FUZZ_FORK] = "fork",
};

static uint64_t total(const _Atomic uint64_t *counts)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < FUZZ_KINDS; i++)
		sum += atomic_load(&counts[i]);
	return sum;
}

static pid_t start(unsigned int index, uint64_t seed)
{
	const pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid)
		process_run(index, seed);
	return pid;
}

static void finish(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0)
		CHECK(errno == EINTR);
}

static void report(double elapsed)
{
	printf("%5.0f s: %" PRIu64 " calls, %u places, %u recipes\n", elapsed, total(shared->calls),
	       atomic_load(&shared->places), atomic_load(&shared->recipes));
}

/* Ends the program when nobody has made a call for long. */
static void watch(void)
{
	static uint64_t before;
	static double since;
	const uint64_t now = total(shared->calls);

	if (now != before || since <= 0) {
		before = now;
		since = seconds();
	}
	CHECK(seconds() - since < STUCK_S);
	CHECK(!atomic_load(&shared->wrong));
}

static void run(uint64_t seed, double length)
{
	struct fuzzer f = { .random = seed };
	const double begin = seconds();
	double reported = begin;
	pid_t pids[FUZZ_PROCESSES];

	for (unsigned int i = 0; i < FUZZ_PROCESSES; i++)
		pids[i] = start(i, next(&f));
	while (seconds() - begin < length) {
		sleep_ms(TICK_MS);
		watch();
		if (one_in(&f, MEND_MS / TICK_MS))
			devices_mend();
		for (unsigned int i = 0; i < FUZZ_PROCESSES; i++)
			if (waitpid(pids[i], NULL, WNOHANG) == pids[i])
				pids[i] = start(i, next(&f));
			else if (one_in(&f, LIFE_MS / TICK_MS)) {
				finish(pids[i]);
				pids[i] = start(i, next(&f));
			}
		if (seconds() - reported >= REPORT_S) {
			reported = seconds();
			report(reported - begin);
		}
	}
	for (unsigned int i = 0; i < FUZZ_PROCESSES; i++)
		finish(pids[i]);
	report(seconds() - begin);
}

int main(int argc, char *argv[])
{
	uint64_t seed;

	CHECK(argc == 3);
	seed = strtoull(argv[1], NULL, 10);
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* Before the devices' workers, which are never out of work. */
	CHECK(setpriority(PRIO_PROCESS, 0, -15) == 0);
	inject_begin();
	coverage_begin();
	for (unsigned int round = 0; round < 2; round++) {
		/* First the fastest instructions there are, then the most general. */
		if (round) {
			module_unload();
			module_load("route=0");
		}
		coverage_locate();
		write_file("/sys/kernel/tracing/events/pbit/enable", "1");
		devices_begin();
		run(seed + round, strtod(argv[2], NULL) / 2);
		devices_end();
		write_file("/sys/kernel/tracing/events/pbit/enable", "0");
	}
	for (unsigned int i = 0; i < FUZZ_KINDS; i++)
		printf("%-20s %9" PRIu64 " calls, %9" PRIu64 " failed\n", kind_names[i],
		       atomic_load(&shared->calls[i]), atomic_load(&shared->failed[i]));
	/* Each kind of call went well at times. */
	for (unsigned int i = 0; i < FUZZ_KINDS; i++)
		if (i != FUZZ_OTHER_IOCTL)
			CHECK(atomic_load(&shared->calls[i]) > atomic_load(&shared->failed[i]));
	coverage_print();
	printf("fuzz: %" PRIu64 " calls, %" PRIu64 " with a failure made, %u places reached\n",
	       total(shared->calls), atomic_load(&shared->injected), atomic_load(&shared->places));
	return 0;
}
