// SPDX-License-Identifier: MIT
/* Trees that somebody else has made: of any depth, and with what is not his in them. */
#include "tree.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../run_suite.h"

#define DEEP 250 /* levels: far more than the descriptors that there are */
#define FEW  64	 /* descriptors */
#define USER 65501u

static char root[64];
static int top;

static void setup(void)
{
	const struct rlimit files = { FEW, FEW };

	/* In memory where that can be: thousands of directories are much to a disk that others use. */
	strcpy(root, access("/dev/shm", W_OK) == 0 ? "/dev/shm/pbit-tree-XXXXXX" :
						     "/tmp/pbit-tree-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	ck_assert_int_eq(chmod(root, 0711), 0);
	top = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(top, 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
}

static void teardown(void)
{
	char command[96];

	close(top);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	ck_assert_int_eq(system(command), 0);
}

/* at/d/d/d/..., with a file in each; returns the last. */
static int make_deep(int at, int levels, size_t bytes)
{
	static const char text[4096];
	int fd = dup(at);

	for (int i = 0; i < levels; i++) {
		int next, file;

		ck_assert_int_eq(mkdirat(fd, "d", 0700), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
		ck_assert_int_ge(next, 0);
		close(fd);
		fd = next;
		file = openat(fd, "file", O_WRONLY | O_CREAT, 0600);
		ck_assert_int_eq(write_full(file, text, bytes), 0);
		close(file);
	}
	return fd;
}

static bool exists(const char *name)
{
	return faccessat(top, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

START_TEST(deep_ones_are_removed)
{
	close(make_deep(top, DEEP, 0));
	ck_assert_int_eq(tree_remove(top, "d"), 0);
	ck_assert(!exists("d"));
}
END_TEST

START_TEST(deep_ones_are_measured)
{
	int64_t bytes, one;

	close(make_deep(top, 1, 4096));
	one = tree_bytes(top, "d", NULL);
	ck_assert_int_ge(one, 4096);
	ck_assert_int_eq(tree_remove(top, "d"), 0);
	close(make_deep(top, DEEP, 4096));
	bytes = tree_bytes(top, "d", NULL);
	ck_assert_int_ge(bytes, (int64_t)DEEP * 4096);
	ck_assert_int_le(bytes, (int64_t)DEEP * 2 * one);
	ck_assert_int_eq(tree_remove(top, "d"), 0);
}
END_TEST

/* Branches at every level: each is found again on the way up. */
START_TEST(every_branch_is_measured)
{
	static const char text[4096];
	int fd = make_deep(top, 40, 4096);
	int64_t one, all;

	for (int i = 0; i < 40; i++) {
		int above;

		for (char name[2] = "a"; name[0] <= 'g'; name[0]++) {
			int branch, file;

			if (name[0] == 'd')
				continue;
			ck_assert_int_eq(mkdirat(fd, name, 0700), 0);
			branch = openat(fd, name, O_RDONLY | O_DIRECTORY);
			file = openat(branch, "file", O_WRONLY | O_CREAT, 0600);
			ck_assert_int_eq(write_full(file, text, sizeof(text)), 0);
			close(file);
			close(branch);
		}
		above = openat(fd, "..", O_RDONLY | O_DIRECTORY);
		close(fd);
		fd = above;
	}
	close(fd);
	one = tree_bytes(top, "d/a/file", NULL);
	ck_assert_int_ge(one, 4096);
	all = tree_bytes(top, "d", NULL);
	ck_assert_int_ge(all, one * 40 * 7);
	ck_assert_int_eq(tree_remove(top, "d"), 0);
	ck_assert(!exists("d"));
}
END_TEST

START_TEST(missing_ones)
{
	ck_assert_int_eq(tree_remove(top, "none"), 0);
	ck_assert_int_eq(tree_bytes(top, "none", NULL), -ENOENT);
}
END_TEST

/* So many names at a time; called again, it goes on. */
START_TEST(some_at_a_time)
{
	unsigned int calls = 0;
	atomic_llong left = 10;
	int r;

	close(make_deep(top, 100, 0));
	ck_assert_int_eq(tree_bytes(top, "d", &left), -EAGAIN);
	do {
		left = 50;
		r = tree_remove_some(top, "d", &left);
	} while (r == -EAGAIN && ++calls < 100);
	ck_assert_int_eq(r, 0);
	ck_assert_uint_gt(calls, 0);
	ck_assert(!exists("d"));
}
END_TEST

struct mover {
	atomic_bool stop;
	int from, to;
};

/* Swaps a directory for a link and moves it away and back, as fast as it can. */
static void *move_about(void *userdata)
{
	struct mover *m = userdata;

	while (!m->stop) {
		if (renameat(m->from, "a", m->to, "a") < 0)
			continue;
		if (symlinkat("../precious", m->from, "a") == 0)
			unlinkat(m->from, "a", 0);
		if (renameat(m->to, "a", m->from, "a") < 0)
			continue;
	}
	return NULL;
}

START_TEST(moved_while_removed)
{
	struct mover m = { .stop = false };
	pthread_t thread;

	ck_assert_int_eq(mkdirat(top, "precious", 0700), 0);
	ck_assert_int_eq(mkdirat(top, "precious/kept", 0700), 0);
	ck_assert_int_eq(mkdirat(top, "other", 0700), 0);
	m.to = openat(top, "other", O_RDONLY | O_DIRECTORY);
	for (int round = 0; round < 8; round++) {
		int a;

		ck_assert_int_eq(mkdirat(top, "tree", 0700), 0);
		m.from = openat(top, "tree", O_RDONLY | O_DIRECTORY);
		ck_assert_int_eq(mkdirat(m.from, "a", 0700), 0);
		a = openat(m.from, "a", O_RDONLY | O_DIRECTORY);
		close(make_deep(a, 60, 0));
		close(a);
		m.stop = false;
		ck_assert_int_eq(pthread_create(&thread, NULL, move_about, &m), 0);
		ck_assert_int_ge(tree_bytes(top, "tree", NULL), 0);
		tree_remove(top, "tree");
		m.stop = true;
		pthread_join(thread, NULL);
		close(m.from);
		ck_assert_int_eq(tree_remove(top, "tree"), 0);
		ck_assert_int_eq(tree_remove(m.to, "a"), 0);
		ck_assert(exists("precious/kept"));
	}
	close(m.to);
}
END_TEST

/* Rights that its owner took from himself; root has them anyway. */
static void remove_closed(void)
{
	if (geteuid() == 0 && setresuid(USER, USER, USER) < 0)
		_exit(99);
	ck_assert_int_eq(mkdirat(top, "tree/closed", 0700), 0);
	ck_assert_int_eq(mkdirat(top, "tree/closed/in", 0700), 0);
	ck_assert_int_eq(fchmodat(top, "tree/closed/in", 0, 0), 0);
	ck_assert_int_eq(mkdirat(top, "tree/closed/in2", 0700), 0);
	ck_assert_int_eq(mkdirat(top, "tree/closed/in2/in", 0700), 0);
	ck_assert_int_eq(fchmodat(top, "tree/closed/in2", 0500, 0), 0);
	ck_assert_int_eq(fchmodat(top, "tree/closed", 0, 0), 0);
	ck_assert_int_ge(tree_bytes(top, "tree/closed", NULL), 0);
	ck_assert_int_eq(tree_remove(top, "tree/closed"), 0);
}

START_TEST(closed_ones_are_removed)
{
	int status;
	pid_t pid;

	ck_assert_int_eq(mkdirat(top, "tree", 0777), 0);
	ck_assert_int_eq(fchmodat(top, "tree", 0777, 0), 0);
	pid = fork();
	if (pid == 0) {
		remove_closed();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert(!exists("tree/closed"));
}
END_TEST

static void give(const char *name, uid_t uid)
{
	ck_assert_int_eq(mkdirat(top, name, 0700), 0);
	ck_assert_int_eq(fchownat(top, name, uid, uid, 0), 0);
}

/* What another user's directory has in it is his, wherever it was moved, and however deep. */
START_TEST(other_users_are_left_alone)
{
	int64_t all;
	int fd;

	give("job", 0);
	give("job/out", USER);
	give("job/out/own", USER);
	give("job/out/own/empty", USER + 1);
	give("job/out/own/his", USER + 1);
	give("job/out/own/his/file", USER + 1);
	give("job/out/own/his/back", USER);
	give("job/out/own/his/back/file", USER);
	give("job/out/roots", 0);
	give("job/out/roots/file", 0);
	give("job/input", 0);
	all = tree_bytes(top, "job", NULL);
	ck_assert_int_ge(all, 0);
	ck_assert_int_eq(tree_remove(top, "job"), -EPERM);
	ck_assert(exists("job/out/own/his/file") && exists("job/out/own/his/back/file") &&
		  exists("job/out/roots/file"));
	ck_assert(!exists("job/out/own/empty") && !exists("job/input"));

	give("deep", USER);
	fd = openat(top, "deep", O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 100; i++) {
		int next;

		ck_assert_int_eq(mkdirat(fd, "d", 0700), 0);
		ck_assert_int_eq(fchownat(fd, "d", USER, USER, 0), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
		close(fd);
		fd = next;
	}
	ck_assert_int_eq(mkdirat(fd, "his", 0700), 0);
	ck_assert_int_eq(mkdirat(fd, "his/file", 0700), 0);
	ck_assert_int_eq(fchownat(fd, "his", USER + 1, USER + 1, 0), 0);
	ck_assert_int_eq(tree_remove(top, "deep"), -EPERM);
	ck_assert_int_eq(faccessat(fd, "his/file", F_OK, 0), 0);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tree");
	TCase *t = tcase_create("tree");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, deep_ones_are_removed);
	tcase_add_test(t, deep_ones_are_measured);
	tcase_add_test(t, every_branch_is_measured);
	tcase_add_test(t, missing_ones);
	tcase_add_test(t, some_at_a_time);
	tcase_add_test(t, moved_while_removed);
	tcase_add_test(t, closed_ones_are_removed);
	if (geteuid() == 0)
		tcase_add_test(t, other_users_are_left_alone);
	suite_add_tcase(s, t);
	return run_suite(s);
}
