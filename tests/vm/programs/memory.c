// SPDX-License-Identifier: MIT
/*
 * Memory: what mmap() takes and refuses; a mapping outlives its buffer's name; memory that comes
 * back is zero; nothing of a context can be reached from another; what a user has is charged to
 * the user's cgroup and refused beyond its limit.
 */
#include <fcntl.h>
#include <linux/pbit.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "device.h"
#include "job.h"

#define PAGE   4096ul
#define CGROUP "/sys/fs/cgroup"
#define MIB    (1ul << 20)

static const struct job_spec spec = {
	.shape = { PBM_NET_RBM, 100, 100, 16, 8 },
	.sweeps = 10,
	.every = 5,
	.amplitude = 40,
};

static struct pbit_buffer_create create(int fd, size_t size)
{
	struct pbit_buffer_create c = { .kind = PBIT_BUFFER_STATES, .size = size };

	CHECK(ioctl(fd, PBIT_IOC_BUFFER_CREATE, &c) == 0);
	return c;
}

static void destroy(int fd, uint32_t handle)
{
	struct pbit_handle h = { .handle = handle };

	CHECK(ioctl(fd, PBIT_IOC_BUFFER_DESTROY, &h) == 0);
}

static void *map(int fd, uint64_t offset, size_t size, int prot, int flags)
{
	return mmap(NULL, size, prot, flags, fd, (off_t)offset);
}

static void refused(int fd, uint64_t offset, size_t size, int prot, int flags, int error)
{
	errno = 0;
	CHECK(map(fd, offset, size, prot, flags) == MAP_FAILED && errno == error);
}

static void wrong_maps(const struct device *d)
{
	const int rw = PROT_READ | PROT_WRITE;
	int fd = device_open(d, 0), reader = open(d->node, O_RDONLY | O_CLOEXEC);
	int writer = open(d->node, O_WRONLY | O_CLOEXEC);
	const struct pbit_buffer_create c = create(fd, 3 * PAGE), r = create(reader, PAGE),
					w = create(writer, PAGE);
	uint8_t *p;

	doing = "maps that are refused";
	refused(fd, 0, PAGE, rw, MAP_SHARED, EINVAL);
	refused(fd, PAGE, PAGE, rw, MAP_SHARED, EINVAL);
	refused(fd, c.offset + 1, PAGE, rw, MAP_SHARED, EINVAL);
	refused(fd, c.offset, 0, rw, MAP_SHARED, EINVAL);
	refused(fd, c.offset, 3 * PAGE + 1, rw, MAP_SHARED, EINVAL);
	refused(fd, c.offset, 1ul << 32, rw, MAP_SHARED, EINVAL);
	refused(fd, c.offset + PAGE, 3 * PAGE, rw, MAP_SHARED, EINVAL);
	refused(fd, c.offset + 3 * PAGE, PAGE, rw, MAP_SHARED, EINVAL);
	refused(fd, c.offset + 4 * PAGE, PAGE, rw, MAP_SHARED, EINVAL);
	refused(fd, c.offset + (1ul << 32) - PAGE, PAGE, rw, MAP_SHARED, EINVAL);
	refused(fd, c.offset - PAGE, 2 * PAGE, rw, MAP_SHARED, EINVAL);
	refused(fd, c.offset, PAGE, rw, MAP_PRIVATE, EINVAL);
	refused(fd, c.offset, PAGE, PROT_READ, MAP_PRIVATE, EINVAL);
	refused(fd, c.offset, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, EINVAL);
	for (unsigned int bit = 45; bit < 63; bit++)
		refused(fd, c.offset | 1ul << bit, PAGE, rw, MAP_SHARED, EINVAL);
	for (uint64_t handle = c.handle + 1; handle <= 4100; handle++)
		refused(fd, handle << 32, PAGE, rw, MAP_SHARED, EINVAL);
	refused(reader, r.offset, PAGE, rw, MAP_SHARED, EACCES);
	refused(writer, w.offset, PAGE, rw, MAP_SHARED, EACCES);
	p = map(reader, r.offset, PAGE, PROT_READ, MAP_SHARED);
	CHECK(p != MAP_FAILED && p[0] == 0);
	FAILS(mprotect(p, PAGE, rw), EACCES);
	munmap(p, PAGE);

	doing = "maps that are taken";
	p = map(fd, c.offset + PAGE, 2 * PAGE, rw, MAP_SHARED);
	CHECK(p != MAP_FAILED);
	FAILS(mprotect(p, PAGE, PROT_READ | PROT_EXEC), EACCES);
	FAILS(mremap(p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE), EFAULT);
	p[0] = 1;
	p[2 * PAGE - 1] = 2;
	munmap(p, 2 * PAGE);
	p = map(fd, c.offset, 3 * PAGE, PROT_READ, MAP_SHARED);
	CHECK(p != MAP_FAILED && p[PAGE] == 1 && p[3 * PAGE - 1] == 2);
	munmap(p, 3 * PAGE);
	close(fd);
	close(reader);
	close(writer);
}

/* The name goes at once; the memory when mapping, program and the last event do. */
static void outlived(const struct device *d)
{
	int fd = device_open(d, 0);
	struct job j = job_new(fd, &spec);
	struct reference r = reference_new(&j);
	struct pbit_submit a = job_args(&j);
	const uint64_t bytes = fdinfo(fd, "bytes");
	struct pbit_event e;

	doing = "names that go first";
	job_rewind(&j);
	submit(fd, &a);
	CHECK(ioctl(fd, PBIT_IOC_PROGRAM_DESTROY, &(struct pbit_handle){ .handle = j.program }) ==
	      0);
	destroy(fd, j.w.handle);
	destroy(fd, j.states.handle);
	destroy(fd, j.sums.handle);
	destroy(fd, j.energy.handle);
	destroy(fd, j.trace.handle);
	CHECK(fdinfo(fd, "bytes") == bytes);
	FAILS(ioctl(fd, PBIT_IOC_SUBMIT, &a), ENOENT);
	refused(fd, j.w.offset, PAGE, PROT_READ, MAP_SHARED, EINVAL);
	e = event_wait(fd);
	job_compare(&j, &r, &e);
	/* Half of a mapping goes, and is copied by fork(), before the file is closed. */
	CHECK(fdinfo(fd, "bytes") < bytes && fdinfo(fd, "bytes") > 0);
	CHECK(munmap(j.sums.mem, PAGE) == 0);
	if (fork() == 0) {
		memset((uint8_t *)j.sums.mem + PAGE, 7, PAGE);
		_exit(0);
	}
	wait(NULL);
	close(fd);
	CHECK(((uint8_t *)j.sums.mem)[PAGE] == 7);
	CHECK(device_value(d, "contexts") == 1);
	munmap((uint8_t *)j.sums.mem + PAGE, j.sums.size - PAGE);
	munmap(j.w.mem, j.w.size);
	munmap(j.states.mem, j.states.size);
	munmap(j.energy.mem, j.energy.size);
	CHECK(device_value(d, "contexts") == 1);
	munmap(j.trace.mem, j.trace.size);
	CHECK(device_value(d, "contexts") == 0 && module_areas() == 0);
	reference_free(&r);
}

/* Fill, free, and look at what comes next; in one context and from one to the next. */
static void zeroed(const struct device *d)
{
	size_t seen = 0;
	uint64_t x = 1;

	doing = "memory that comes back";
	for (int round = 0; round < 12; round++) {
		int fd = device_open(d, 0);

		for (int k = 0; k < 8; k++) {
			const size_t size = 1 + noise(&x) % (round % 3 ? 3 * PAGE : 1 * MIB);
			/* buffer_new() looks at every byte. */
			struct buffer b = buffer_new(fd, 1 + (uint32_t)k % 5, size);

			memset(b.mem, 0xa5, size);
			seen += size;
			if (k % 2)
				buffer_free(fd, &b);
			else
				munmap(b.mem, size);
		}
		close(fd);
	}
	CHECK(device_value(d, "contexts") == 0 && module_areas() == 0);
	printf("%.1f MiB that came back were zero\n", (double)seen / (double)MIB);
}

/* What a program's results leave of what was there: padding, rows of a shorter run. */
static void apart(const struct device *d)
{
	int fd = device_open(d, 0), other = device_open(d, 0);
	struct job j = job_new(fd, &spec);
	struct pbit_submit a = job_args(&j), forged;
	struct pbit_handle h = { 0 };

	doing = "another context's objects";
	CHECK(fdinfo(other, "bytes") == 0);
	forged = a;
	for (uint32_t k = 0; k < 4200; k++) {
		h.handle = k;
		FAILS(ioctl(other, PBIT_IOC_BUFFER_DESTROY, &h), ENOENT);
		FAILS(ioctl(other, PBIT_IOC_PROGRAM_DESTROY, &h), ENOENT);
		forged.program = k;
		FAILS(ioctl(other, PBIT_IOC_SUBMIT, &forged), ENOENT);
		refused(other, (uint64_t)k << 32, PAGE, PROT_READ, MAP_SHARED, EINVAL);
	}
	submit(fd, &a);
	for (uint64_t k = 1; k < 4; k++)
		FAILS(ioctl(other, PBIT_IOC_CANCEL, &(struct pbit_cancel){ .sequence = k }),
		      ENOENT);
	CHECK(event_wait(fd).status == 0);
	CHECK(fdinfo(other, "finished") == 0 && fdinfo(other, "device-ns") == 0);
	job_free(fd, &j);
	close(fd);
	close(other);
}

static uint64_t charged(const char *group)
{
	char path[96], text[32];

	snprintf(path, sizeof(path), CGROUP "/%s/memory.current", group);
	read_file(path, text, sizeof(text));
	return strtoull(text, NULL, 10);
}

static void join(const char *group)
{
	char path[96];

	snprintf(path, sizeof(path), CGROUP "/%s/cgroup.procs", group);
	write_file(path, "0");
}

/* Of the group whose process made the buffer, from the moment it did to the last use. */
static void charge(const struct device *d)
{
	const uint64_t size = 24 * MIB;
	uint64_t before, with;
	int fd = device_open(d, 0);
	struct pbit_buffer_create c;

	doing = "the cgroup's charge";
	join("user");
	before = charged("user");
	c = create(fd, size);
	with = charged("user");
	printf("a buffer of 24 MiB: the cgroup's memory goes from %.1f to %.1f MiB\n",
	       (double)before / (double)MIB, (double)with / (double)MIB);
	CHECK(with >= before + size);
	destroy(fd, c.handle);
	CHECK(charged("user") < with - size / 2);
	/* What a program makes the device keep is charged too. */
	before = charged("user");
	struct job j = job_new(fd, &(struct job_spec){ .shape = { PBM_NET_RBM, 2000, 2000, 1, 8 },
						       .sweeps = 1,
						       .every = 1,
						       .amplitude = 9 });
	with = charged("user");
	CHECK(with >= before + fdinfo(fd, "bytes") - PAGE);
	job_free(fd, &j);
	close(fd);
}

/* Beyond the group's limit: no memory, and nobody need die of it. */
static void limited(const struct device *d)
{
	struct pbit_buffer_create c = { .kind = PBIT_BUFFER_STATES, .size = 64 * MIB }, small;
	int fd = device_open(d, 0);

	doing = "the cgroup's limit";
	write_file(CGROUP "/user/memory.max", "33554432");
	join("user");
	FAILS(ioctl(fd, PBIT_IOC_BUFFER_CREATE, &c), ENOMEM);
	CHECK(fdinfo(fd, "bytes") == 0);
	CHECK(charged("user") < 16 * MIB);
	small = create(fd, 8 * MIB);
	CHECK(fdinfo(fd, "bytes") == 8 * MIB);
	destroy(fd, small.handle);
	close(fd);
	_exit(0);
}

static void cgroup(const struct device *d)
{
	pid_t child;

	doing = "cgroups";
	write_file(CGROUP "/cgroup.subtree_control", "+memory");
	CHECK(mkdir(CGROUP "/user", 0755) == 0 && mkdir(CGROUP "/rest", 0755) == 0);
	child = fork();
	if (child == 0) {
		charge(d);
		_exit(0);
	}
	child_done(child);
	child = fork();
	if (child == 0)
		limited(d);
	child_done(child);
	CHECK(rmdir(CGROUP "/user") == 0 && rmdir(CGROUP "/rest") == 0);
}

int main(void)
{
	struct device d = device_make("memory", "");

	wrong_maps(&d);
	outlived(&d);
	zeroed(&d);
	apart(&d);
	cgroup(&d);
	CHECK(device_value(&d, "contexts") == 0 && module_areas() == 0);
	device_unmake(&d);
	return 0;
}
