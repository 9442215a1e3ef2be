// SPDX-License-Identifier: MIT
/*
 * Processes are killed at random, but seeded, moments of everything that can be done with a device.
 * Afterwards no context is left, no memory, and the counters of the device, of its files and of
 * its events agree; the module can be unloaded.
 */
#include <fcntl.h>
#include <linux/pbit.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "device.h"
#include "job.h"

#define CHILDREN 4
#define SEED	 20240229

static const struct job_spec specs[] = {
	{ .shape = { PBM_NET_RBM, 10, 10, 4, 8 }, .sweeps = 8, .every = 2, .amplitude = 40 },
	{ .shape = { PBM_NET_RBM, 500, 200, 64, 8 }, .sweeps = 4, .every = 1, .amplitude = 40 },
	{ .shape = { PBM_NET_RBM, 300, 300, 100, 16 }, .sweeps = 9, .every = 3, .amplitude = 900 },
};

struct life {
	const struct device *d;
	int fd, efd;
	uint64_t x;
	struct job j;
	struct pbit_submit a;
};

/* One thing or another; what a call says is of no interest here. */
static void act(struct life *l)
{
	struct pbit_event e[4];
	struct pollfd p = { .fd = l->fd, .events = POLLIN };
	struct pbit_buffer_create c = { .kind = 1 + (uint32_t)(noise(&l->x) % 5) };
	struct pbit_program_create program = job_program(&l->j);
	struct pbit_handle h = { .handle = 1 + (uint32_t)(noise(&l->x) % 12) };
	void *mem;

	switch (noise(&l->x) % 10) {
	case 0:
	case 1:
	case 2:
		l->a.sweeps = noise(&l->x) % 4 ? l->j.spec.sweeps : 0;
		l->a.flags ^= PBIT_SUBMIT_LOAD & (uint32_t)noise(&l->x);
		ioctl(l->fd, PBIT_IOC_SUBMIT, &l->a);
		break;
	case 3:
		ioctl(l->fd, PBIT_IOC_CANCEL, &(struct pbit_cancel){ 0 });
		break;
	case 4:
		poll(&p, 1, (int)(noise(&l->x) % 20));
		break;
	case 5:
		if (poll(&p, 1, 0) == 1)
			(void)!read(l->fd, e, sizeof(e));
		break;
	case 6:
		c.size = 1 + noise(&l->x) % 500000;
		ioctl(l->fd, PBIT_IOC_BUFFER_CREATE, &c);
		mem = mmap(NULL, c.size, PROT_READ | PROT_WRITE, MAP_SHARED, l->fd,
			   (off_t)c.offset);
		if (mem != MAP_FAILED)
			memset(mem, 1, c.size);
		break;
	case 7:
		ioctl(l->fd, PBIT_IOC_PROGRAM_CREATE, &program);
		break;
	case 8:
		h.handle += 6;
		ioctl(l->fd, PBIT_IOC_BUFFER_DESTROY, &h);
		ioctl(l->fd, PBIT_IOC_PROGRAM_DESTROY, &h);
		break;
	case 9:
		close(device_open(l->d, 0));
		break;
	}
}

static void *thread(void *arg)
{
	struct life l = *(struct life *)arg;

	l.x ^= 0x5555;
	for (;;)
		act(&l);
	return NULL;
}

/* Two threads on one file; a file of one process is another's too, by fork(). */
__attribute__((noreturn)) static void live(const struct device *d, uint64_t seed)
{
	struct life l = { .d = d, .x = seed };
	pthread_t other;

	doing = "a life";
	noise(&l.x);
	l.fd = device_open(d, 0);
	l.efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	l.j = job_new(l.fd, &specs[noise(&l.x) % 3]);
	l.a = job_args(&l.j);
	l.a.flags |= PBIT_SUBMIT_EVENTFD;
	l.a.eventfd = l.efd;
	if (noise(&l.x) % 2)
		CHECK(pthread_create(&other, NULL, thread, &l) == 0);
	if (noise(&l.x) % 3 == 0 && fork() == 0)
		l.x ^= 0xaaaa;
	for (;;)
		act(&l);
}

/* The children are leaders of their groups, so that their own children die with them. */
static void storm(const struct device *d, unsigned int kills)
{
	pid_t child[CHILDREN] = { 0 };
	uint64_t x = SEED;
	int status;

	doing = "the storm";
	fflush(stdout);
	for (unsigned int k = 0; k < kills + CHILDREN; k++) {
		const unsigned int which = k % CHILDREN;

		if (child[which]) {
			CHECK(kill(-child[which], SIGKILL) == 0);
			CHECK(waitpid(child[which], &status, 0) == child[which]);
			CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
			child[which] = 0;
		}
		if (k < kills) {
			const uint64_t seed = noise(&x);

			child[which] = fork();
			if (child[which] == 0) {
				setpgid(0, 0);
				live(d, seed);
			}
			setpgid(child[which], child[which]);
		}
		sleep_ms((unsigned int)(noise(&x) % 50));
	}
}

/* One context, one submission: what it did is what the device and the file did. */
static void counters_agree(const struct device *d)
{
	static const char *const names[] = { "busy_ns", "flips", "finished" };
	uint64_t before[3], after[3];
	int fd = device_open(d, 0);
	struct job j = job_new(fd, &specs[2]);
	struct reference r = reference_new(&j);
	struct pbit_event e;

	doing = "counters";
	CHECK(device_value(d, "contexts") == 1);
	for (int k = 0; k < 3; k++)
		before[k] = device_value(d, names[k]);
	e = job_run(fd, &j, &r);
	CHECK(e.sequence == 1);
	for (int k = 0; k < 3; k++)
		after[k] = device_value(d, names[k]) - before[k];
	CHECK(after[0] == e.device_ns && fdinfo(fd, "device-ns") == e.device_ns);
	CHECK(after[1] == e.flips && fdinfo(fd, "flips") == e.flips);
	CHECK(after[2] == 1 && fdinfo(fd, "finished") == 1);
	reference_free(&r);
	job_free(fd, &j);
	close(fd);
}

int main(void)
{
	const unsigned int kills = scaled(60);
	struct device d = device_make("kill", "p_bits=2048");

	storm(&d, kills);
	/* Grandchildren are the first process's to bury. */
	device_await_contexts(&d, 0);
	counters_agree(&d);
	CHECK(device_value(&d, "contexts") == 0 && module_areas() == 0);
	printf("%u processes killed; %llu submissions had ended, %.1f s of device time\n", kills,
	       (unsigned long long)device_value(&d, "finished"),
	       (double)device_value(&d, "busy_ns") * 1e-9);
	device_unmake(&d);
	module_unload();
	module_load("");
	return 0;
}
