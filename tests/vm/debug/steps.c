// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "steps.h"

#define ITEM	"/sys/kernel/config/pbit/fault"
#define LARGE	(24 << 12) /* pages of a buffer whose every page is to fail */
#define POISON	0xa5
#define NOWHERE ((void *)(1ul << 44)) /* where there are no page tables yet */

struct world world;

static int result(long r)
{
	return r < 0 ? -errno : 0;
}

/* An ioctl whose outputs are poisoned must leave the whole of its argument alone when it fails. */
static int call(unsigned long cmd, void *args)
{
	uint8_t before[64];
	int r;

	CHECK(_IOC_SIZE(cmd) <= sizeof(before));
	memcpy(before, args, _IOC_SIZE(cmd));
	r = result(ioctl(world.fd, cmd, args));
	if (r < 0)
		CHECK(!memcmp(before, args, _IOC_SIZE(cmd)));
	return r;
}

/* Not made to fail: undoing. */
static void destroy(unsigned long cmd, uint32_t handle)
{
	struct pbit_handle h = { .handle = handle };

	CHECK(ioctl(world.fd, cmd, &h) == 0);
}

static int open_act(void)
{
	world.other = open(world.device.node, O_RDWR | O_CLOEXEC);
	return result(world.other);
}

static void close_end(void)
{
	if (world.r == 0)
		close(world.other);
}

static int get_param_act(void)
{
	struct pbit_get_param a = { .param = PBIT_PARAM_P_BITS };
	int r;

	memset(&a.value, POISON, sizeof(a.value));
	r = call(PBIT_IOC_GET_PARAM, &a);
	if (r == 0)
		CHECK(a.value == 256);
	return r;
}

static int set_weight_act(void)
{
	struct pbit_weight a = { .weight = PBIT_WEIGHT_DEFAULT };

	return call(PBIT_IOC_SET_WEIGHT, &a);
}

static int buffer_create(size_t size)
{
	struct pbit_buffer_create a = { .kind = PBIT_BUFFER_SUMS, .size = size };
	int r;

	memset(&a.offset, POISON, sizeof(a.offset));
	memset(&a.handle, POISON, sizeof(a.handle));
	r = call(PBIT_IOC_BUFFER_CREATE, &a);
	if (r == 0)
		world.handle = a.handle;
	return r;
}

static int buffer_create_act(void)
{
	return buffer_create(1);
}

static int large_create_act(void)
{
	return buffer_create(LARGE);
}

static void buffer_create_end(void)
{
	if (world.r == 0)
		destroy(PBIT_IOC_BUFFER_DESTROY, world.handle);
}

static void buffer_destroy_begin(void)
{
	CHECK(buffer_create(1) == 0);
}

static int buffer_destroy_act(void)
{
	struct pbit_handle h = { .handle = world.handle };

	return call(PBIT_IOC_BUFFER_DESTROY, &h);
}

static void buffer_destroy_end(void)
{
	if (world.r < 0)
		destroy(PBIT_IOC_BUFFER_DESTROY, world.handle);
}

static int program_create_act(void)
{
	struct pbit_program_create a = job_program(&world.job);
	int r;

	memset(&a.handle, POISON, sizeof(a.handle));
	r = call(PBIT_IOC_PROGRAM_CREATE, &a);
	if (r == 0)
		world.handle = a.handle;
	return r;
}

static void program_create_end(void)
{
	if (world.r == 0)
		destroy(PBIT_IOC_PROGRAM_DESTROY, world.handle);
}

static void program_destroy_begin(void)
{
	CHECK(program_create_act() == 0);
}

static int program_destroy_act(void)
{
	struct pbit_handle h = { .handle = world.handle };

	return call(PBIT_IOC_PROGRAM_DESTROY, &h);
}

static void program_destroy_end(void)
{
	if (world.r < 0)
		destroy(PBIT_IOC_PROGRAM_DESTROY, world.handle);
}

static void submit_begin(void)
{
	world.other = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	CHECK(world.other >= 0);
}

static int submit_act(void)
{
	struct pbit_submit a = job_args(&world.job);

	a.flags = PBIT_SUBMIT_RAMP | PBIT_SUBMIT_EVENTFD;
	a.sweeps = RAMP;
	a.gain = (uintptr_t)world.gains;
	a.eventfd = world.other;
	memset(&a.sequence, POISON, sizeof(a.sequence));
	return call(PBIT_IOC_SUBMIT, &a);
}

static void cancel_all(void)
{
	struct pbit_cancel a = { 0 };

	CHECK(ioctl(world.fd, PBIT_IOC_CANCEL, &a) == 0);
}

/* Either the event and the signal come, or neither does. */
static void submit_end(void)
{
	uint64_t count;

	if (world.r == 0) {
		cancel_all();
		event_wait(world.fd);
		CHECK(read(world.other, &count, sizeof(count)) == sizeof(count) && count == 1);
	}
	CHECK(fdinfo(world.fd, "pending") == 0);
	close(world.other);
}

static void cancel_begin(void)
{
	struct pbit_submit a = job_endless(&world.job);

	submit(world.fd, &a);
}

static int cancel_act(void)
{
	struct pbit_cancel a = { 0 };
	int r;

	memset(&a.cancelled, POISON, sizeof(a.cancelled));
	r = call(PBIT_IOC_CANCEL, &a);
	if (r == 0)
		CHECK(a.cancelled <= 1);
	return r;
}

static void cancel_end(void)
{
	cancel_all();
	CHECK(event_wait(world.fd).status == -ECANCELED);
}

static void read_begin(void)
{
	struct pbit_submit a = { .program = world.job.program, .every = 1 };
	struct pollfd p = { .fd = world.fd, .events = POLLIN };

	submit(world.fd, &a);
	CHECK(poll(&p, 1, -1) == 1 && p.revents == POLLIN);
}

static int read_act(void)
{
	struct pbit_event e;
	int r = result(read(world.fd, &e, sizeof(e)));

	if (r == 0)
		CHECK(e.status == 0 && e.program == world.job.program);
	return r;
}

/* What could not be copied is not lost. */
static void read_end(void)
{
	if (world.r < 0)
		event_wait(world.fd);
	CHECK(fdinfo(world.fd, "pending") == 0);
}

static int poll_act(void)
{
	struct pollfd p = { .fd = world.fd, .events = POLLIN };

	return result(poll(&p, 1, 1));
}

static void epoll_begin(void)
{
	world.other = epoll_create1(EPOLL_CLOEXEC);
	CHECK(world.other >= 0);
}

static int epoll_act(void)
{
	struct epoll_event e = { .events = EPOLLIN };

	return result(epoll_ctl(world.other, EPOLL_CTL_ADD, world.fd, &e));
}

static void epoll_end(void)
{
	close(world.other);
}

static void mmap_begin(void)
{
	CHECK(buffer_create(LARGE) == 0);
	world.buffer.offset = (uint64_t)world.handle << 32;
	world.buffer.mem = MAP_FAILED;
}

static int mmap_act(void)
{
	world.buffer.mem = mmap(NOWHERE, LARGE, PROT_READ | PROT_WRITE, MAP_SHARED, world.fd,
				(off_t)world.buffer.offset);
	return world.buffer.mem == MAP_FAILED ? -errno : 0;
}

static void mmap_end(void)
{
	if (world.buffer.mem != MAP_FAILED)
		CHECK(munmap(world.buffer.mem, LARGE) == 0);
	destroy(PBIT_IOC_BUFFER_DESTROY, world.handle);
}

static void touch_begin(void)
{
	mmap_begin();
	CHECK(mmap_act() == 0);
}

static int touch_act(void)
{
	return result(madvise(world.buffer.mem, LARGE, MADV_POPULATE_WRITE));
}

static int split_act(void)
{
	return result(mprotect((uint8_t *)world.buffer.mem + 4096, 4096, PROT_READ));
}

static int fork_act(void)
{
	world.child = fork();
	if (!world.child) {
		((volatile uint8_t *)world.buffer.mem)[0] = 1;
		_exit(0);
	}
	return world.child < 0 ? -errno : 0;
}

static void fork_end(void)
{
	if (world.r == 0)
		child_done(world.child);
	mmap_end();
}

static int read_text(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;
	char text[1024];

	if (fd < 0)
		return -errno;
	r = result(read(fd, text, sizeof(text)));
	close(fd);
	return r;
}

static int fdinfo_act(void)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", world.fd);
	return read_text(path);
}

static int sysfs_act(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/pbit/%s/contexts", world.device.name);
	return read_text(path);
}

static int mkdir_act(void)
{
	return result(mkdir(ITEM, 0755));
}

static void mkdir_end(void)
{
	if (world.r == 0)
		CHECK(rmdir(ITEM) == 0);
	FAILS(rmdir(ITEM), ENOENT);
}

static void item_begin(void)
{
	CHECK(mkdir(ITEM, 0755) == 0);
}

static void item_end(void)
{
	CHECK(rmdir(ITEM) == 0);
}

static int attribute_act(void)
{
	int r = try_write_file(ITEM "/p_bits", "256");

	return r < 0 ? r : read_text(ITEM "/dev_name");
}

static int live_act(void)
{
	return try_write_file(ITEM "/live", "1");
}

static void live_begin(void)
{
	item_begin();
	CHECK(live_act() == 0);
}

static int dead_act(void)
{
	return try_write_file(ITEM "/live", "0");
}

static int rmdir_act(void)
{
	return result(rmdir(ITEM));
}

static void rmdir_end(void)
{
	if (world.r < 0)
		CHECK(rmdir(ITEM) == 0);
}

const struct step steps[] = {
	{ .name = "open", .act = open_act, .end = close_end },
	{ .name = "GET_PARAM", .act = get_param_act },
	{ .name = "SET_WEIGHT", .act = set_weight_act },
	{ .name = "BUFFER_CREATE", .act = buffer_create_act, .end = buffer_create_end },
	{ .name = "BUFFER_CREATE, large", .act = large_create_act, .end = buffer_create_end },
	{ .name = "BUFFER_DESTROY",
	  .begin = buffer_destroy_begin,
	  .act = buffer_destroy_act,
	  .end = buffer_destroy_end },
	{ .name = "PROGRAM_CREATE", .act = program_create_act, .end = program_create_end },
	{ .name = "PROGRAM_DESTROY",
	  .begin = program_destroy_begin,
	  .act = program_destroy_act,
	  .end = program_destroy_end },
	{ .name = "SUBMIT", .begin = submit_begin, .act = submit_act, .end = submit_end },
	{ .name = "CANCEL", .begin = cancel_begin, .act = cancel_act, .end = cancel_end },
	{ .name = "read", .begin = read_begin, .act = read_act, .end = read_end },
	{ .name = "poll", .act = poll_act, .quiet = true },
	{ .name = "epoll_ctl", .begin = epoll_begin, .act = epoll_act, .end = epoll_end },
	{ .name = "mmap", .begin = mmap_begin, .act = mmap_act, .end = mmap_end },
	{ .name = "page fault", .begin = touch_begin, .act = touch_act, .end = mmap_end },
	{ .name = "mprotect", .begin = touch_begin, .act = split_act, .end = mmap_end },
	{ .name = "fork, mapped",
	  .begin = touch_begin,
	  .act = fork_act,
	  .end = fork_end,
	  .births = true,
	  .copies = true },
	{ .name = "fdinfo", .act = fdinfo_act },
	{ .name = "sysfs", .act = sysfs_act },
	{ .name = "configfs mkdir", .act = mkdir_act, .end = mkdir_end },
	{ .name = "configfs attributes",
	  .begin = item_begin,
	  .act = attribute_act,
	  .end = item_end },
	{ .name = "configfs live 1",
	  .begin = item_begin,
	  .act = live_act,
	  .end = item_end,
	  .births = true },
	{ .name = "configfs live 0", .begin = live_begin, .act = dead_act, .end = item_end },
	{ .name = "configfs rmdir", .begin = live_begin, .act = rmdir_act, .end = rmdir_end },
	{ .name = NULL },
};

const struct step birth = { .name = "a worker's birth",
			    .begin = item_begin,
			    .act = live_act,
			    .end = item_end,
			    .births = true };
