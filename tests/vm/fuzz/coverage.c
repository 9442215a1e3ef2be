// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <linux/kcov.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "fuzz.h"

#define KCOV	 "/sys/kernel/debug/kcov"
#define SECTIONS "/sys/module/pbit/sections/"

enum { THREAD_WORDS = 1 << 13, WORKER_WORDS = 1 << 12 };

struct fuzz_shared *shared;

void coverage_locate(void)
{
	char text[64];

	read_file(SECTIONS ".text", text, sizeof(text));
	shared->text = strtoull(text, NULL, 0);
	CHECK(shared->text);
}

void coverage_begin(void)
{
	char line[512];
	size_t size = 0;
	FILE *f;

	f = fopen("/proc/modules", "re");
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "pbit %zu", &size) == 1)
			break;
	fclose(f);
	CHECK(size);
	shared = mmap(NULL, sizeof(*shared) + size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	shared->text_size = size;
}

static unsigned long *area_new(size_t words, int *ret_fd)
{
	int fd = open(KCOV, O_RDWR | O_CLOEXEC);
	unsigned long *area;

	CHECK(fd >= 0);
	CHECK(ioctl(fd, KCOV_INIT_TRACE, words) == 0);
	area = mmap(NULL, words * sizeof(*area), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(area != MAP_FAILED);
	*ret_fd = fd;
	return area;
}

unsigned long *coverage_thread(void)
{
	int fd;
	unsigned long *area = area_new(THREAD_WORDS, &fd);

	CHECK(ioctl(fd, KCOV_ENABLE, KCOV_TRACE_PC) == 0);
	return area;
}

/* The handle passes on to threads that are made after this, and from them to what they open. */
unsigned long *coverage_worker(uint32_t index)
{
	struct kcov_remote_arg arg = {
		.trace_mode = KCOV_TRACE_PC,
		.area_size = WORKER_WORDS,
		.common_handle = kcov_remote_handle(KCOV_SUBSYSTEM_COMMON, 1 + index),
	};
	int fd;
	unsigned long *area = area_new(WORKER_WORDS, &fd);

	CHECK(ioctl(fd, KCOV_REMOTE_ENABLE, &arg) == 0);
	return area;
}

unsigned int coverage_collect(unsigned long *area)
{
	const unsigned long n = __atomic_load_n(&area[0], __ATOMIC_RELAXED);
	unsigned int fresh = 0;

	for (unsigned long i = 1; i <= n; i++) {
		const uintptr_t at = area[i] - shared->text;

		if (at < shared->text_size && !shared->reached[at] &&
		    !atomic_exchange(&shared->reached[at], 1))
			fresh++;
	}
	__atomic_store_n(&area[0], 0, __ATOMIC_RELAXED);
	atomic_fetch_add(&shared->places, fresh);
	return fresh;
}

/* For tests/vm/debug/coverage. */
void coverage_print(void)
{
	for (size_t i = 0; i < shared->text_size; i++)
		if (shared->reached[i])
			printf("reached .text+0x%zx\n", i);
}
