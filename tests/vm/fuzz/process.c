// SPDX-License-Identifier: MIT
/* A process of the fuzzer: threads that follow recipes, and one that interrupts them. */
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "fuzz.h"

enum { FORK_CALLS = 12, TICK_MS = 80 };

struct world world;

struct thread {
	pthread_t id;
	unsigned int index;
	uint64_t seed;
};

static _Thread_local int fail_nth = -1;

static void disarm(void)
{
	while (pwrite(fail_nth, "0", 1, 0) < 0 && errno == EFAULT)
		;
}

/* To fail on the way back from here would be the end of the process. */
static void on_interrupt(int signal)
{
	const int error = errno;

	(void)signal;
	disarm();
	errno = error;
}

/* One attempt of the next calls fails, of an allocation or of a copy from or to user memory. */
static void arm(unsigned int nth)
{
	char text[12];
	const int n = snprintf(text, sizeof(text), "%u", nth);

	if (pwrite(fail_nth, text, (size_t)n, 0) == n)
		atomic_fetch_add(&shared->injected, 1);
}

/* With copies of files and mappings, for a while. */
static void in_a_child(struct fuzzer *f)
{
	const pid_t child = (pid_t)note(FUZZ_FORK, fork());

	if (child < 0)
		return;
	if (child) {
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	f->coverage = NULL;
	alarm(5); /* nobody interrupts it */
	for (unsigned int i = below(f, FORK_CALLS); i; i--)
		fuzz_call(f);
	_exit(0);
}

static void follow(struct fuzzer *f, struct recipe *r)
{
	unsigned int at = 0, part = 0, fresh = 0;

	while (part < FUZZ_PARTS && r->until[part]) {
		f->random = r->seed[part];
		for (; at < r->until[part]; at++) {
			const bool armed = one_in(f, 6);

			if (armed)
				arm(1 + below(f, 30));
			if (one_in(f, 400))
				in_a_child(f);
			else
				fuzz_call(f);
			if (armed)
				disarm();
			if (f->coverage)
				fresh += coverage_collect(f->coverage);
		}
		part++;
	}
	if (fresh)
		recipe_keep(r);
}

static void *thread_run(void *arg)
{
	const struct thread *t = arg;
	struct fuzzer f = { .index = t->index };
	uint64_t x = t->seed;

	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	CHECK(fail_nth >= 0);
	f.coverage = coverage_thread();
	for (;;) {
		struct recipe r = recipe_new(&x);

		follow(&f, &r);
	}
	return NULL;
}

void process_run(unsigned int index, uint64_t seed)
{
	/* Those who are interrupted restart, or do not. */
	struct sigaction act = { .sa_handler = on_interrupt,
				 .sa_flags = seed % 2 ? SA_RESTART : 0 };
	static struct thread threads[FUZZ_THREADS];
	unsigned long *coverage;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* No other part of the program asks for address space while mappings move. */
	mallopt(M_ARENA_MAX, 1);
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	memory_begin();
	for (unsigned int i = 0; i < FUZZ_SLOTS; i++)
		atomic_store(&world.slot[i].fd, -1);
	atomic_store(&world.eventfd, eventfd(0, EFD_NONBLOCK));
	atomic_store(&world.epoll, -1);
	for (size_t i = 0; i < sizeof(world.gains) / sizeof(world.gains[0]); i++)
		world.gains[i] = 1ull << (i % 64);
	coverage = coverage_worker(index);
	for (unsigned int i = 0; i < FUZZ_THREADS; i++) {
		threads[i].index = i;
		threads[i].seed = seed * FUZZ_THREADS + i;
		CHECK(pthread_create(&threads[i].id, NULL, thread_run, &threads[i]) == 0);
	}
	for (unsigned int i = 0;; i++) {
		sleep_ms(TICK_MS);
		pthread_kill(threads[i % FUZZ_THREADS].id, SIGUSR1);
		coverage_collect(coverage);
	}
}
