// SPDX-License-Identifier: MIT
/*
 * A device goes, through configfs, while everything is being done with it: whoever waits is woken,
 * every call says ENODEV, mappings stay as they are. The module stays while anything of it is
 * used, goes when nothing is, and comes back.
 */
#include <fcntl.h>
#include <linux/pbit.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "call.h"

static const struct job_spec spec = {
	.shape = { PBM_NET_RBM, 200, 200, 64, 8 },
	.sweeps = 10,
	.every = 5,
	.amplitude = 60,
};

/* What a child does when the device goes; each says by a byte that it is about to. */
struct act {
	const char *name;
	void (*run)(const struct device *d, int ready);
};

static void say_ready(int ready)
{
	CHECK(write(ready, "r", 1) == 1);
}

static void check_gone(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct pbit_event e;

	CHECK(poll(&p, 1, 0) == 1 && p.revents == (POLLERR | POLLHUP));
	FAILS(read(fd, &e, sizeof(e)), ENODEV);
	FAILS(read(fd, &e, 1), ENODEV);
	CHECK(fdinfo(fd, "gone") == 1);
	for (unsigned int nr = 0; nr < call_count; nr++) {
		union args a = { 0 };

		FAILS(ioctl(fd, calls[nr].cmd, &a), ENODEV);
	}
	FAILS(ioctl(fd, _IO(PBIT_IOC_MAGIC, 200), NULL), ENODEV);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 1l << 32) == MAP_FAILED &&
	      errno == ENODEV);
}

static void wait_in_poll(const struct device *d, int ready)
{
	int fd = device_open(d, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	say_ready(ready);
	CHECK(poll(&p, 1, -1) == 1 && p.revents == (POLLERR | POLLHUP));
	check_gone(fd);
}

static void wait_in_read(const struct device *d, int ready)
{
	int fd = device_open(d, 0);
	struct job j = job_new(fd, &spec);
	struct pbit_submit a = job_endless(&j);
	struct pbit_event e;

	submit(fd, &a);
	say_ready(ready);
	FAILS(read(fd, &e, sizeof(e)), ENODEV);
	check_gone(fd);
}

static void wait_in_epoll(const struct device *d, int ready)
{
	int fd = device_open(d, 0), ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event want = { .events = EPOLLIN | EPOLLET, .data.u32 = 5 }, got;

	CHECK(ep >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &want) == 0);
	say_ready(ready);
	CHECK(epoll_wait(ep, &got, 1, -1) == 1 && got.events == (EPOLLERR | EPOLLHUP));
	check_gone(fd);
}

/* Of the one that runs and of those that wait behind it. */
static void wait_for_eventfd(const struct device *d, int ready)
{
	int fd = device_open(d, 0), efd = eventfd(0, EFD_CLOEXEC);
	struct job j = job_new(fd, &spec);
	struct pbit_submit a = job_endless(&j);
	uint64_t count, sum = 0;

	a.flags |= PBIT_SUBMIT_EVENTFD;
	a.eventfd = efd;
	for (int k = 0; k < 5; k++)
		submit(fd, &a);
	say_ready(ready);
	while (sum < 5) {
		CHECK(read(efd, &count, sizeof(count)) == sizeof(count));
		sum += count;
	}
	CHECK(sum == 5);
	check_gone(fd);
	CHECK(fdinfo(fd, "finished") == 5);
}

/* Each submission is taken, or refused for one of the two reasons there are. */
static void keep_submitting(const struct device *d, int ready)
{
	int fd = device_open(d, O_NONBLOCK);
	struct job j = job_new(fd, &spec);
	struct pbit_submit a = job_args(&j);
	struct pbit_event e[16];

	say_ready(ready);
	for (;;) {
		if (ioctl(fd, PBIT_IOC_SUBMIT, &a)) {
			if (errno == ENODEV)
				break;
			CHECK(errno == EAGAIN);
		}
		if (read(fd, e, sizeof(e)) < 0)
			CHECK(errno == EAGAIN || errno == ENODEV);
	}
	check_gone(fd);
}

/* Objects made and unmade, and memory written, until there is no device, and after. */
static void keep_making(const struct device *d, int ready)
{
	int fd = device_open(d, 0);
	struct buffer b = buffer_new(fd, PBIT_BUFFER_SUMS, 100000);

	say_ready(ready);
	for (uint8_t k = 0;; k++) {
		struct pbit_buffer_create c = { .kind = PBIT_BUFFER_STATES, .size = 50000 };
		struct pbit_handle h = { 0 };

		memset(b.mem, k, b.size);
		if (ioctl(fd, PBIT_IOC_BUFFER_CREATE, &c)) {
			CHECK(errno == ENODEV);
			break;
		}
		h.handle = c.handle;
		if (ioctl(fd, PBIT_IOC_BUFFER_DESTROY, &h)) {
			CHECK(errno == ENODEV);
			break;
		}
	}
	check_gone(fd);
	close(fd);
	/* The file is closed and the device gone: the mapping is memory like other. */
	for (int k = 0; k < 100; k++) {
		memset(b.mem, k, b.size);
		CHECK(((uint8_t *)b.mem)[b.size - 1] == k);
	}
	CHECK(munmap(b.mem, b.size) == 0);
}

/* Pages that nobody has touched before the device went. */
static void keep_mapped(const struct device *d, int ready)
{
	int fd = device_open(d, 0);
	struct pbit_buffer_create c = { .kind = PBIT_BUFFER_STATES, .size = 1 << 20 };
	struct pollfd p = { .fd = fd };
	uint8_t *mem;

	CHECK(ioctl(fd, PBIT_IOC_BUFFER_CREATE, &c) == 0);
	mem = mmap(NULL, c.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)c.offset);
	CHECK(mem != MAP_FAILED);
	mem[0] = 1;
	say_ready(ready);
	CHECK(poll(&p, 1, -1) == 1);
	for (size_t k = 1; k < c.size; k++)
		CHECK(mem[k] == 0);
	memset(mem, 9, c.size);
	close(fd);
	CHECK(mem[0] == 9 && mem[c.size - 1] == 9);
}

static void keep_opening(const struct device *d, int ready)
{
	int fd;

	say_ready(ready);
	while ((fd = open(d->node, O_RDWR | O_CLOEXEC)) >= 0)
		close(fd);
	CHECK(errno == ENOENT || errno == ENODEV || errno == ENXIO);
}

/* Attributes are read, or are no longer there. */
static void keep_looking(const struct device *d, int ready)
{
	static const char *const names[] = { "busy_ns", "contexts", "route", "finished" };
	int fd = device_open(d, 0);
	char path[96], text[64];
	unsigned int k = 0;

	say_ready(ready);
	while (!fdinfo(fd, "gone")) {
		int file;

		snprintf(path, sizeof(path), "/sys/class/pbit/%s/%s", d->name, names[k++ % 4]);
		file = open(path, O_RDONLY | O_CLOEXEC);
		if (file < 0) {
			CHECK(errno == ENOENT || errno == ENODEV);
			continue;
		}
		CHECK(read(file, text, sizeof(text)) > 0 || errno == ENODEV);
		close(file);
	}
	check_gone(fd);
}

static const struct act acts[] = {
	{ "wait in poll", wait_in_poll },	{ "wait in read", wait_in_read },
	{ "wait in epoll", wait_in_epoll },	{ "wait for an eventfd", wait_for_eventfd },
	{ "keep submitting", keep_submitting }, { "keep making", keep_making },
	{ "keep mapped", keep_mapped },		{ "keep opening", keep_opening },
	{ "keep looking", keep_looking },	{ "wait in read again", wait_in_read },
};

enum { ACTS = sizeof(acts) / sizeof(acts[0]) };

/* By rmdir, or by a 0 into `live`, which leaves the item for another device. */
static void go(const struct device *d, bool by_live)
{
	char path[128];

	if (by_live) {
		snprintf(path, sizeof(path), "%s/live", d->item);
		write_file(path, "0");
		CHECK(access(d->node, F_OK) == -1);
		CHECK(rmdir(d->item) == 0);
	} else {
		device_unmake(d);
	}
}

static void under_load(unsigned int round, const char *figures)
{
	struct device d = device_make("removal", figures);
	pid_t child[ACTS];
	int ready[2];
	char byte;

	doing = "removal under load";
	CHECK(pipe(ready) == 0);
	fflush(stdout);
	for (int k = 0; k < ACTS; k++) {
		child[k] = fork();
		if (child[k] == 0) {
			doing = acts[k].name;
			acts[k].run(&d, ready[1]);
			_exit(0);
		}
	}
	for (int k = 0; k < ACTS; k++)
		CHECK(read(ready[0], &byte, 1) == 1);
	sleep_ms(20 + round * 7 % 100);
	CHECK(module_try_unload() == -EAGAIN);
	go(&d, round % 2);
	for (int k = 0; k < ACTS; k++) {
		doing = acts[k].name;
		child_done(child[k]);
	}
	close(ready[0]);
	close(ready[1]);
}

/* Those who wait in line, one to be woken by an event, are all woken when there will be none. */
static void wait_in_line(void)
{
	struct device d = device_make("line", "");
	struct epoll_event want = { .events = EPOLLIN | EPOLLEXCLUSIVE }, got;
	int fd = device_open(&d, 0), ready[2];
	pid_t child[3];
	char byte;

	doing = "wait in line";
	CHECK(pipe(ready) == 0);
	fflush(stdout);
	for (int k = 0; k < 3; k++) {
		child[k] = fork();
		if (child[k] == 0) {
			int ep = epoll_create1(EPOLL_CLOEXEC);

			CHECK(ep >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &want) == 0);
			say_ready(ready[1]);
			CHECK(epoll_wait(ep, &got, 1, 120000) == 1);
			CHECK(got.events == (EPOLLERR | EPOLLHUP));
			_exit(0);
		}
	}
	for (int k = 0; k < 3; k++)
		CHECK(read(ready[0], &byte, 1) == 1);
	sleep_ms(200);
	device_unmake(&d);
	for (int k = 0; k < 3; k++)
		child_done(child[k]);
	close(ready[0]);
	close(ready[1]);
	close(fd);
}

/* What holds the module, one by one. */
static void module_in_use(void)
{
	struct device d = device_make("module", "");
	int fd = device_open(&d, 0);
	struct buffer b = buffer_new(fd, PBIT_BUFFER_STATES, 100);

	doing = "the module in use";
	CHECK(module_try_unload() == -EAGAIN);
	device_unmake(&d);
	CHECK(module_try_unload() == -EAGAIN); /* the file and a mapping */
	close(fd);
	CHECK(module_try_unload() == -EAGAIN); /* a mapping alone */
	memset(b.mem, 3, b.size);
	munmap(b.mem, b.size);
	CHECK(module_areas() == 0);
	module_unload();
	FAILS(access("/sys/class/pbit", F_OK), ENOENT);
	module_load("");
	/* An item that is not live holds it as well. */
	CHECK(mkdir("/sys/kernel/config/pbit/idle", 0755) == 0);
	CHECK(module_try_unload() == -EAGAIN);
	CHECK(rmdir("/sys/kernel/config/pbit/idle") == 0);
	module_unload();
	module_load("");
}

/* Many devices; a file of one that is gone knows nothing of those that came later. */
static void numbers(void)
{
	struct device d[5];
	char item[16];
	int fd;

	doing = "numbers";
	for (int k = 0; k < 5; k++) {
		snprintf(item, sizeof(item), "n%d", k);
		d[k] = device_make(item, "");
		for (int i = 0; i < k; i++)
			CHECK(strcmp(d[k].name, d[i].name));
	}
	fd = device_open(&d[2], 0);
	device_unmake(&d[2]);
	d[2] = device_make("n2", "");
	for (int i = 0; i < 5; i++)
		CHECK(i == 2 || strcmp(d[2].name, d[i].name));
	check_gone(fd);
	CHECK(device_value(&d[2], "contexts") == 0);
	close(fd);
	for (int k = 0; k < 5; k++)
		device_unmake(&d[k]);
}

int main(void)
{
	const unsigned int rounds = scaled(8);

	module_in_use();
	numbers();
	wait_in_line();
	for (unsigned int k = 0; k < rounds; k++)
		under_load(k, k % 4 == 3 ? "rate_limit=100000" : "");
	doing = "the end";
	CHECK(module_areas() == 0);
	module_unload();
	module_load("");
	printf("%u devices gone while %d processes used them in as many ways\n", rounds, ACTS);
	return 0;
}
