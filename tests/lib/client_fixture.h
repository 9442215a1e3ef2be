/* SPDX-License-Identifier: MIT */
/* A connection to a fake daemon of the test's own, in a directory of its own. */
#ifndef PBIT_TESTS_LIB_CLIENT_FIXTURE_H
#define PBIT_TESTS_LIB_CLIENT_FIXTURE_H

#include <ftw.h>

#include <pbit/pbit.h>

#include "fake_daemon.h"

static char dir[] = "/tmp/pbit-client-XXXXXX";
static char socket_path[64];
static pid_t daemon_pid;
static pbit *p;

static inline void directory_setup(void)
{
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(socket_path, sizeof(socket_path), "%s/s", dir);
	setenv("XDG_RUNTIME_DIR", dir, 1);
	setenv("PBIT_SOCKET", socket_path, 1);
	unsetenv("PBIT_PBITD");
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline void directory_teardown(void)
{
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void setup(void)
{
	int r;

	directory_setup();
	daemon_pid = fake_start(socket_path);
	r = pbit_open(&p, NULL, PBIT_OPEN_AUTOSTART);
	ck_assert_msg(r == 0, "%s", pbit_error(p));
}

static inline void teardown(void)
{
	p = pbit_close(p);
	fake_stop(daemon_pid);
	directory_teardown();
}

/* One sentence: not empty, one line. */
static inline void assert_sentence(const char *needle)
{
	const char *text = pbit_error(p);

	ck_assert_msg(strstr(text, needle), "'%s' is not in '%s'", needle, text);
	ck_assert_ptr_null(strpbrk(text, "\n\033"));
}

#endif
