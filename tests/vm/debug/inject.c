// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <inttypes.h>

#include "inject.h"

#define DEBUG "/sys/kernel/debug/"
#define MANY  "1000000"

static void set(const char *kind, const char *name, const char *value)
{
	char path[96];

	snprintf(path, sizeof(path), DEBUG "%s/%s", kind, name);
	write_file(path, value);
}

void inject_begin(void)
{
	static const char *const kinds[] = { "failslab", "fail_page_alloc", "fail_usercopy" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		set(kinds[i], "verbose", "0");
		set(kinds[i], "probability", "0");
		set(kinds[i], "interval", "1");
		set(kinds[i], "times", "-1");
		set(kinds[i], "task-filter", "Y");
	}
	set("failslab", "ignore-gfp-wait", "N");
	set("fail_page_alloc", "ignore-gfp-wait", "N");
	set("fail_page_alloc", "ignore-gfp-highmem", "N");
	set("fail_page_alloc", "min-order", "0");
}

int inject_open(const char *file)
{
	int fd = open(file, O_RDWR | O_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

void inject_arm(int file, unsigned int nth)
{
	char text[16];
	const int n = snprintf(text, sizeof(text), "%u", nth);

	CHECK(pwrite(file, text, (size_t)n, 0) == n);
}

/* These calls copy from and to user memory themselves, and may be what fails. */
bool inject_disarm(int file)
{
	char text[16];
	ssize_t n = pread(file, text, sizeof(text) - 1, 0);

	if (n < 0) {
		CHECK(errno == EFAULT);
		return false;
	}
	text[n] = '\0';
	if (!strtol(text, NULL, 10))
		return true;
	while (pwrite(file, "0", 1, 0) < 0)
		CHECK(errno == EFAULT);
	return false;
}

static int me = -1; /* make-it-fail */

void inject_shortage(unsigned int spare)
{
	char text[16];

	/* One is never given away. */
	snprintf(text, sizeof(text), "%u", spare + 1);
	set("fail_page_alloc", "space", text);
	set("fail_page_alloc", "times", MANY);
	set("fail_page_alloc", "probability", "100");
	/* Open beforehand: there will be no memory for names. */
	if (me < 0)
		me = inject_open("/proc/self/make-it-fail");
	CHECK(pwrite(me, "1", 1, 0) == 1);
}

bool inject_plenty(void)
{
	char text[16];

	CHECK(pwrite(me, "0", 1, 0) == 1);
	set("fail_page_alloc", "probability", "0");
	read_file(DEBUG "fail_page_alloc/times", text, sizeof(text));
	return strtol(text, NULL, 10) < strtol(MANY, NULL, 10);
}
