// SPDX-License-Identifier: MIT
/*
 * Every call of the device, with each allocation and each copy from or to user memory within it
 * failed in turn; then with all pages gone from the nth on. A call that fails says -ENOMEM or
 * -EFAULT, leaves the caller's structure alone, keeps nothing, and the device goes on working with
 * the right bits. For debug kernels alone.
 *
 * Inserting the module is left out: where memory fails there, Linux 6.1's own class_register()
 * leaks a name, and its event_define_fields() warns.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "inject.h"
#include "steps.h"

#define MOST	  5000
#define MAX_TRIES 10

/* The device is as it was, whatever failed. */
static void works(void)
{
	struct pbit_submit a = job_args(&world.job);
	struct pbit_event e;

	job_rewind(&world.job);
	submit(world.fd, &a);
	e = event_wait(world.fd);
	job_compare(&world.job, &world.reference, &e);
}

struct tally {
	unsigned int calls, failures, survived;
};

static void count(struct tally *t, const struct step *s, unsigned int nth)
{
	const int r = world.r;

	t->calls++;
	if (r == -ENOMEM || r == -EFAULT || (r == -EAGAIN && s->births)) {
		t->failures++;
		return;
	}
	/* What failed was done without, or tried again. */
	if (r == 0) {
		t->survived++;
		return;
	}
	printf("%s, failure %u: %s\n", s->name, nth, strerror(-r));
	CHECK(r == -ENOMEM);
}

/* One call with one failure; whether it came to pass. */
static bool attempt(const struct step *s, int file, unsigned int nth)
{
	bool failed;

	if (s->begin)
		s->begin();
	if (file >= 0)
		inject_arm(file, nth);
	else
		inject_shortage(nth);
	world.r = s->act();
	failed = file >= 0 ? inject_disarm(file) : inject_plenty();
	if (s->end)
		s->end();
	return failed;
}

/* file < 0: a shortage of pages. */
static void run(const struct step *s, int file, struct tally *total)
{
	struct tally t = { 0 };

	doing = s->name;
	for (unsigned int nth = file >= 0 ? 1 : 0; attempt(s, file, nth); nth++) {
		CHECK(nth < MOST);
		count(&t, s, nth);
		works();
	}
	if (world.r < 0)
		printf("%s: with nothing failed: %s\n", s->name, strerror(-world.r));
	CHECK(world.r == 0);
	works();
	printf("%-24s %5u failures: %5u refused, %5u done without\n", s->name, t.calls, t.failures,
	       t.survived);
	if (file >= 0 && !s->quiet)
		CHECK(t.failures);
	total->calls += t.calls + 1;
	total->failures += t.failures;
	total->survived += t.survived;
}

/* The thread that makes threads: what it cannot allocate, `live` has to tell. */
static void threads(struct tally *total)
{
	int file = inject_open("/proc/2/fail-nth");

	run(&birth, file, total);
	close(file);
}

/* The worker allocates nothing: it cannot fail. */
static void worker_is_frugal(void)
{
	char path[64], name[32];
	int file = -1;

	doing = "the worker";
	for (unsigned int pid = 3; file < 0 && pid < 32768; pid++) {
		snprintf(path, sizeof(path), "/proc/%u/comm", pid);
		if (access(path, R_OK))
			continue;
		read_file(path, name, sizeof(name));
		name[strcspn(name, "\n")] = '\0';
		if (!strcmp(name, world.device.name)) {
			snprintf(path, sizeof(path), "/proc/%u/fail-nth", pid);
			file = inject_open(path);
		}
	}
	CHECK(file >= 0);
	inject_arm(file, 1);
	for (unsigned int i = 0; i < MAX_TRIES; i++)
		works();
	CHECK(!inject_disarm(file));
	close(file);
	printf("%-24s allocates nothing in %u jobs\n", "worker", MAX_TRIES);
}

static void world_begin(void)
{
	static const struct job_spec spec = {
		.shape = { .net = PBIT_NET_RBM, .n = 40, .m = 30, .chains = 4, .bits = 8 },
		.sweeps = 4,
		.every = 2,
		.clamp = true,
		.amplitude = 9,
	};

	world.device = device_make("faults", "p_bits=256 chains=16");
	world.fd = device_open(&world.device, O_NONBLOCK);
	world.job = job_new(world.fd, &spec);
	world.reference = reference_new(&world.job);
}

static void world_end(void)
{
	reference_free(&world.reference);
	job_free(world.fd, &world.job);
	CHECK(fdinfo(world.fd, "bytes") == 0);
	close(world.fd);
	device_unmake(&world.device);
	CHECK(module_areas() == 0);
}

int main(void)
{
	struct tally total = { 0 };
	int file;

	setvbuf(stdout, NULL, _IOLBF, 0);
	inject_begin();
	CHECK(mlockall(MCL_CURRENT) == 0);
	world_begin();
	works();
	file = inject_open("/proc/self/fail-nth");
	puts("One failure, at every place in turn:");
	for (const struct step *s = steps; s->name; s++)
		run(s, file, &total);
	threads(&total);
	worker_is_frugal();
	puts("No page from the nth on:");
	for (const struct step *s = steps; s->name; s++)
		if (!s->copies)
			run(s, -1, &total);
	close(file);
	world_end();
	printf("faults: %u calls, %u failures: %u refused, %u done without\n", total.calls,
	       total.failures + total.survived, total.failures, total.survived);
	return 0;
}
