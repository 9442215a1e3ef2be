/* SPDX-License-Identifier: MIT */
/* An emulated device in the kernel, made through configfs: for tests in virtual machines. */
#ifndef PBIT_TESTS_NODE_SUPPORT_H
#define PBIT_TESTS_NODE_SUPPORT_H

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ITEM	   "/sys/kernel/config/pbit/worker"
#define PARAMETERS "/sys/module/pbit/parameters/"

static char device_name[32];

static inline void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "%s", path);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static inline void read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	ck_assert_msg(fd >= 0, "%s", path);
	n = read(fd, buf, size - 1);
	ck_assert_int_ge(n, 0);
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	close(fd);
}

static inline void remove_device(void)
{
	rmdir(ITEM); /* which may have been done */
	write_text(PARAMETERS "max_sweeps", "16777216");
	write_text(PARAMETERS "max_bytes", "4294967296");
}

static inline void make_device(void)
{
	remove_device(); /* a test that failed has left its own */
	ck_assert_int_eq(mkdir(ITEM, 0755), 0);
	write_text(ITEM "/p_bits", "2048");
	write_text(ITEM "/chains", "1024");
	write_text(ITEM "/live", "1");
	read_text(ITEM "/dev_name", device_name, sizeof(device_name));
}

static inline int open_node(int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", device_name);
	fd = open(path, O_RDWR | O_CLOEXEC | flags);
	ck_assert_msg(fd >= 0, "%s", path);
	return fd;
}

#endif
