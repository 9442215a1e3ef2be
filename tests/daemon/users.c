// SPDX-License-Identifier: MIT
/* Other users' processes, and what is measured of processes. */
#include "users.h"

#include <check.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

bool have_users(const char *suite)
{
	if (geteuid() == 0)
		return true;
	/* Nothing is counted as passed that was not run. */
	printf("%s: not run, for only root can be several users\n", suite);
	return false;
}

void become(uid_t uid, const gid_t *groups, size_t n_groups)
{
	if (setgroups(n_groups, groups) < 0 || setresgid(uid, uid, uid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		_exit(99);
}

pid_t start_as(uid_t uid, void (*fn)(void *argument), void *argument)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (uid != 0)
			become(uid, NULL, 0);
		/* Changing who one is forgets it. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fn(argument);
		fflush(NULL);
		_exit(0);
	}
	ck_assert_int_gt(pid, 0);
	return pid;
}

void run_as(uid_t uid, void (*fn)(void *argument), void *argument)
{
	int status = harness_wait(start_as(uid, fn, argument));

	ck_assert_msg(status == 0, "as uid %u: status %x", (unsigned int)uid, (unsigned int)status);
}

void stop_process(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static long status_kib(pid_t pid, const char *key)
{
	char path[64], line[256];
	long kib = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			kib = strtol(line + strlen(key), NULL, 10);
	if (f)
		fclose(f);
	return kib;
}

long resident_kib(pid_t pid)
{
	return status_kib(pid, "VmRSS:");
}

long peak_kib(pid_t pid)
{
	return status_kib(pid, "VmHWM:");
}

uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static int compare_us(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

uint64_t quantile_us(const uint64_t *us, size_t n, double q)
{
	size_t i = (size_t)(q * (double)n);

	return n == 0 ? 0 : us[i < n ? i : n - 1];
}

void print_times(const char *what, uint64_t *us, size_t n)
{
	qsort(us, n, sizeof(*us), compare_us);
	printf("%-40s n %6zu  median %8.3f ms  99 %% %8.3f ms  max %8.3f ms\n", what, n,
	       (double)quantile_us(us, n, 0.5) / 1e3, (double)quantile_us(us, n, 0.99) / 1e3,
	       n ? (double)us[n - 1] / 1e3 : 0.0);
	fflush(stdout);
}
