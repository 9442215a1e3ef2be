// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"

const char *doing = "starting";

/* What a program has said is out before whatever may happen next. */
__attribute__((constructor)) static void by_lines(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
}

void check_failed(const char *file, int line, const char *what)
{
	int error = errno;

	fflush(stdout);
	dprintf(STDOUT_FILENO, "%s: %s:%d: %s (errno %d: %s)\n", doing, file, line, what, error,
		strerror(error));
	_exit(1);
}

unsigned int scaled(unsigned int count)
{
	static unsigned long scale;

	if (!scale) {
		char line[4096];
		const char *at;

		read_file("/proc/cmdline", line, sizeof(line));
		at = strstr(line, "pbit_vm.scale=");
		scale = at ? strtoul(at + strlen("pbit_vm.scale="), NULL, 10) : 1;
		CHECK(scale >= 1);
	}
	return count < scale ? 1 : (unsigned int)(count / scale);
}

double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void sleep_ms(unsigned int ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

uint64_t noise(uint64_t *x)
{
	*x = *x * 6364136223846793005u + 1442695040888963407u;
	return *x >> 33;
}

void *aligned(size_t size)
{
	void *p = aligned_alloc(64, (size + 63) / 64 * 64);

	CHECK(p);
	memset(p, 0, (size + 63) / 64 * 64);
	return p;
}

int try_write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) != (ssize_t)strlen(value))
		r = -errno;
	close(fd);
	return r;
}

void write_file(const char *path, const char *value)
{
	int r = try_write_file(path, value);

	if (r < 0)
		printf("%s: cannot write \"%s\": %s\n", path, value, strerror(-r));
	CHECK(r == 0);
}

void read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t done = 0;
	ssize_t n;

	if (fd < 0)
		printf("%s: %s\n", path, strerror(errno));
	CHECK(fd >= 0);
	while (done < size - 1 && (n = read(fd, text + done, size - 1 - done)) != 0) {
		CHECK(n > 0);
		done += (size_t)n;
	}
	text[done] = '\0';
	close(fd);
}

void child_done(pid_t child)
{
	int status;

	CHECK(child > 0);
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
