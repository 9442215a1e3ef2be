// SPDX-License-Identifier: MIT
/* Job directories: whole or not there, and nothing of others handed out. */
#include "workspace.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness.h"
#include "tree.h"

static char root[64];
static struct workspace *w;
static struct err e;

static void setup(void)
{
	strcpy(root, "/tmp/pbitd-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	e = (struct err){ 0 };
	ck_assert_int_eq(workspace_open(root, &w, &e), 0);
}

static void teardown(void)
{
	w = workspace_close(w);
	tree_remove(AT_FDCWD, root);
}

static bool exists(const char *below)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", root, below);
	return access(path, F_OK) == 0;
}

static void put(const char *below, const char *text)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", root, below);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write_full(fd, text, strlen(text)), 0);
	close(fd);
}

static void stage_and_publish(unsigned int number, uint64_t id)
{
	ck_assert_msg(workspace_stage(w, number, NULL, 0, geteuid(), getegid(), &e) == 0, "%s",
		      e.text);
	ck_assert_msg(workspace_publish(w, number, id, 1, &e) == 0, "%s", e.text);
}

static unsigned int count_entries(const char *below)
{
	char path[128];
	unsigned int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", root, below);
	d = opendir(path);
	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

START_TEST(inputs_are_copied)
{
	static char big[3000001], back[3000001];
	struct workspace_input inputs[2];
	struct stat st;
	char path[128];
	int fd;

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 31 >> 3);
	inputs[0] = (struct workspace_input){ .fd = harness_sealed(big, sizeof(big)),
					      .size = sizeof(big) };
	inputs[1] = (struct workspace_input){ .fd = harness_sealed("", 0) };
	ck_assert_int_eq(workspace_stage(w, 1, inputs, 2, geteuid(), getegid(), &e), 0);
	ck_assert(exists("jobs/tmp-1/input/0"));
	ck_assert_int_eq(workspace_publish(w, 1, 42, 1, &e), 0);
	ck_assert(!exists("jobs/tmp-1"));

	snprintf(path, sizeof(path), "%s/jobs/42/input/0", root);
	fd = open(path, O_RDONLY);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_size, sizeof(big));
	ck_assert_int_eq(st.st_mode & 07777, 0400);
	ck_assert_int_eq(read_full(fd, back, sizeof(back)), 0);
	ck_assert_mem_eq(big, back, sizeof(big));
	close(fd);
	snprintf(path, sizeof(path), "%s/jobs/42/input/1", root);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, 0);
	ck_assert(exists("jobs/42/out") && exists("jobs/42/ckpt") && exists("jobs/42/lock"));
}
END_TEST

static void input_of(unsigned int number, size_t i, struct stat *ret, char text[6])
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/jobs/tmp-%u/input/%zu", root, number, i);
	fd = open(path, O_RDONLY);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, ret), 0);
	ck_assert_int_eq(read_full(fd, text, 5), 0);
	text[5] = '\0';
	close(fd);
}

static void stage_three(uid_t uid)
{
	const struct workspace_input inputs[2] = { { .fd = harness_sealed("first", 5), .size = 5 },
						   { .fd = harness_sealed("other", 5),
						     .size = 5 } };

	ck_assert_msg(workspace_stage(w, 7, inputs, 2, uid, uid, &e) == 0, "%s", e.text);
	ck_assert_msg(workspace_stage_more(w, 7, 2, inputs, 2, uid, uid, &e) == 0, "%s", e.text);
}

/* An array's jobs: directories of their own, and the same files as inputs. */
START_TEST(inputs_are_shared)
{
	struct stat first, third;
	char text[6];

	stage_three(geteuid());
	input_of(7, 1, &first, text);
	input_of(9, 1, &third, text);
	ck_assert_str_eq(text, "other");
	ck_assert_uint_eq(first.st_ino, third.st_ino);
	ck_assert_uint_eq(first.st_nlink, 3);
	ck_assert(exists("jobs/tmp-8/out") && exists("jobs/tmp-8/lock") &&
		  exists("jobs/tmp-9/log"));
	ck_assert_int_eq(workspace_publish(w, 7, 30, 3, &e), 0);
	ck_assert(exists("jobs/30/input/0") && exists("jobs/32/input/1"));
	/* One job's end takes nothing from the others. */
	workspace_trim(w, 30, false);
	ck_assert(!exists("jobs/30/input") && exists("jobs/31/input/0"));
}
END_TEST

/* Without the rights to link to a file that is another's by then, it is copied. */
START_TEST(inputs_are_copied_where_links_are_not_allowed)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];
	uint32_t none = 1u << CAP_FOWNER | 1u << CAP_DAC_OVERRIDE;
	struct stat a, b;
	char text[6];

	ck_assert_int_eq(syscall(SYS_capget, &header, data), 0);
	data[0].effective &= ~none;
	ck_assert_int_eq(syscall(SYS_capset, &header, data), 0);
	stage_three(65501);
	data[0].effective = data[0].permitted;
	ck_assert_int_eq(syscall(SYS_capset, &header, data), 0);
	for (unsigned int number = 8; number <= 9; number++) {
		input_of(7, 0, &a, text);
		input_of(number, 0, &b, text);
		ck_assert_str_eq(text, "first");
		ck_assert_uint_eq(b.st_uid, 65501);
		ck_assert_int_eq(b.st_mode & 0777, 0400);
		printf("workspace: inputs of an array are %s\n",
		       a.st_ino == b.st_ino ? "linked all the same" : "copied");
	}
}
END_TEST

/* What cannot be staged as a whole leaves nothing of the others. */
START_TEST(failed_array_leaves_nothing)
{
	const struct workspace_input input = { .fd = harness_sealed("first", 5), .size = 5 };
	char path[128];

	ck_assert_int_eq(workspace_stage(w, 7, &input, 1, geteuid(), getegid(), &e), 0);
	snprintf(path, sizeof(path), "%s/jobs/tmp-9", root);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(workspace_stage_more(w, 7, 3, &input, 1, geteuid(), getegid(), &e),
			 -EEXIST);
	ck_assert(strstr(e.text, "the jobs cannot be stored: File exists") != NULL);
	ck_assert(exists("jobs/tmp-7") && !exists("jobs/tmp-8") && !exists("jobs/tmp-10"));
}
END_TEST

/* A disk that is full at any byte: refused with a sentence, and nothing is left. */
START_TEST(full_disk_leaves_nothing)
{
	static char bytes[100000];
	struct workspace_input in = { .fd = harness_sealed(bytes, sizeof(bytes)),
				      .size = sizeof(bytes) };
	struct rlimit limit = { 50000, RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(workspace_stage(w, 1, &in, 1, geteuid(), getegid(), &e), -EFBIG);
	ck_assert(strstr(e.text, "the job cannot be stored") != NULL);
	ck_assert_uint_eq(count_entries("jobs"), 0);
}
END_TEST

START_TEST(abandoned_leaves_nothing)
{
	const atomic_bool yes = true;
	struct workspace_input in = { .fd = harness_sealed("bytes", 5),
				      .size = 5,
				      .abandoned = &yes };

	ck_assert_int_eq(workspace_stage(w, 1, &in, 1, geteuid(), getegid(), &e), -ECANCELED);
	ck_assert_uint_eq(count_entries("jobs"), 0);
}
END_TEST

START_TEST(missing_descriptor_leaves_nothing)
{
	struct workspace_input in = { .fd = -1, .size = 10 };

	ck_assert_int_eq(workspace_stage(w, 1, &in, 1, geteuid(), getegid(), &e), -EBADF);
	ck_assert_uint_eq(count_entries("jobs"), 0);
}
END_TEST

/* kill -9 at any moment of staging: the next daemon finds orphans only, and removes them. */
START_TEST(killed_while_staging)
{
	static char bytes[200000];
	struct workspace_input in = { .fd = harness_sealed(bytes, sizeof(bytes)),
				      .size = sizeof(bytes) };

	for (unsigned int round = 0; round < 20; round++) {
		pid_t pid = fork();

		if (pid == 0) {
			for (unsigned int i = 1;; i++)
				if (workspace_stage(w, i, &in, 1, geteuid(), getegid(), NULL) < 0)
					_exit(1);
		}
		usleep(round * 1000);
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		ck_assert_int_ge(workspace_clean(w, NULL, NULL, &e), 0);
		ck_assert_uint_eq(count_entries("jobs"), 0);
	}
}
END_TEST

static int keep_odd(uint64_t id, _unused_ void *userdata)
{
	return id % 2 == 1;
}

START_TEST(orphans_are_removed)
{
	stage_and_publish(1, 7);
	stage_and_publish(2, 8);
	ck_assert_int_eq(workspace_stage(w, 3, NULL, 0, geteuid(), getegid(), &e), 0);
	put("jobs/007", "not a job's name");
	put("jobs/8/ckpt/model", "x");
	ck_assert_int_eq(workspace_clean(w, keep_odd, NULL, &e), 3);
	ck_assert_uint_eq(count_entries("jobs"), 1);
	ck_assert(exists("jobs/7/out"));
}
END_TEST

/* Removing goes through no link. */
START_TEST(removal_follows_no_links)
{
	char path[128];

	put("precious", "stays");
	stage_and_publish(1, 5);
	snprintf(path, sizeof(path), "%s/jobs/5/out/link", root);
	ck_assert_int_eq(symlink("../../..", path), 0);
	ck_assert_int_eq(workspace_remove(w, 5), 0);
	ck_assert(!exists("jobs/5"));
	ck_assert(exists("precious"));
	ck_assert_int_eq(workspace_remove(w, 5), 0);
}
END_TEST

static void make_deep(const char *below)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", root, below);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 60; i++) {
		int next;

		ck_assert_int_eq(mkdirat(fd, "d", 0700), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
		ck_assert_int_ge(next, 0);
		close(fd);
		fd = next;
	}
	close(fd);
}

/* With what is removed: but for what stays there, it is empty in a moment. */
static void await_trash(unsigned int n)
{
	for (uint64_t end = 0; count_entries("trash") != n;)
		ck_assert(patience(&end));
}

/* Whatever a user has left, the daemon starts, and the names are free again. */
START_TEST(deep_orphans_are_removed)
{
	ck_assert_int_eq(workspace_stage(w, 1, NULL, 0, geteuid(), getegid(), &e), 0);
	stage_and_publish(2, 6);
	make_deep("jobs/tmp-1/out");
	make_deep("jobs/6/ckpt");
	ck_assert_msg(workspace_clean(w, keep_odd, NULL, &e) == 2, "%s", e.text);
	ck_assert_uint_eq(count_entries("jobs"), 0);
	stage_and_publish(1, 6);
	await_trash(0);
}
END_TEST

/* What one daemon had no time to remove, the next one does. */
START_TEST(trash_is_emptied_at_the_start)
{
	stage_and_publish(1, 6);
	make_deep("jobs/6/out");
	w = workspace_close(w);
	ck_assert_int_eq(workspace_open(root, &w, &e), 0);
	put("trash/7", "left");
	ck_assert_int_eq(workspace_remove(w, 6), 0);
	ck_assert_int_eq(workspace_clean(w, keep_odd, NULL, &e), 0);
	await_trash(0);
}
END_TEST

static void give(const char *below, uid_t uid)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", root, below);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(chown(path, uid, uid), 0);
}

static bool find_kept(void)
{
	char command[128];

	snprintf(command, sizeof(command), "test -n \"$(find %s/trash -name precious)\"", root);
	return system(command) == 0;
}

/* A directory that another user lost to the submitter: his files outlive the job. */
START_TEST(other_users_files_stay)
{
	ck_assert_int_eq(workspace_stage(w, 1, NULL, 0, 65501, 65501, &e), 0);
	ck_assert_int_eq(workspace_publish(w, 1, 6, 1, &e), 0);
	give("jobs/6/out/own", 65501);
	put("jobs/6/out/own/file", "x");
	give("jobs/6/out/own/his", 65502);
	put("jobs/6/out/own/his/precious", "x");
	give("jobs/6/ckpt/his", 65502);
	put("jobs/6/ckpt/his/precious", "x");
	workspace_trim(w, 6, false);
	ck_assert_int_eq(workspace_remove(w, 6), 0);
	ck_assert(!exists("jobs/6"));
	/* A last one: those before it have had their turn when it has gone. */
	stage_and_publish(2, 8);
	ck_assert_int_eq(workspace_remove(w, 8), 0);
	await_trash(2);
	ck_assert(find_kept());
	ck_assert_int_eq(workspace_clean(w, keep_odd, NULL, &e), 0);
	w = workspace_close(w);
	ck_assert(find_kept());
}
END_TEST

/* However many names there are, they are not all looked at while others wait. */
START_TEST(many_names_are_refused)
{
	struct workspace_file *files;
	char from[128], to[128];
	size_t n;

	stage_and_publish(1, 5);
	put("jobs/5/log", "x");
	snprintf(from, sizeof(from), "%s/jobs/5/log", root);
	for (int i = 0; i < WORKSPACE_MAX_NAMES; i++) {
		snprintf(to, sizeof(to), "%s/jobs/5/out/%d", root, i);
		ck_assert_int_eq(link(from, to), 0);
	}
	ck_assert_int_eq(workspace_results(w, 5, geteuid(), true, 10, &files, &n, &e), -E2BIG);
	ck_assert_str_eq(e.text, "job 5 has more than 1000 names in out/, which are too many to "
				 "look through");
	ck_assert_int_eq(workspace_sync_results(w, 5, &e), 0);
}
END_TEST

START_TEST(trim_keeps_results)
{
	stage_and_publish(1, 5);
	put("jobs/5/out/W.npy", "W");
	put("jobs/5/ckpt/epoch", "1");
	workspace_trim(w, 5, false);
	ck_assert(exists("jobs/5/out/W.npy") && exists("jobs/5/log"));
	ck_assert(!exists("jobs/5/ckpt") && !exists("jobs/5/input"));
}
END_TEST

START_TEST(results_are_plain_files)
{
	struct workspace_file *files;
	char path[128], text[3] = "";
	size_t n;

	stage_and_publish(1, 5);
	put("secret", "root's");
	put("jobs/5/out/b", "bb");
	put("jobs/5/out/a", "a");
	snprintf(path, sizeof(path), "%s/jobs/5/out/symlink", root);
	ck_assert_int_eq(symlink("../../../secret", path), 0);
	snprintf(path, sizeof(path), "%s/jobs/5/out/fifo", root);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/jobs/5/out/directory", root);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	put("jobs/5/out/directory/inner", "x");
	put("jobs/5/out/no\xfftext", "x");
	put("jobs/5/out/clear\033[2J", "x");
	ck_assert_int_eq(workspace_sync_results(w, 5, &e), 0);

	ck_assert_int_eq(workspace_results(w, 5, geteuid(), true, 10, &files, &n, &e), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(files[0].name, "a");
	ck_assert_str_eq(files[1].name, "b");
	ck_assert_uint_eq(files[1].size, 2);
	ck_assert_int_eq(read_full(files[1].fd, text, 2), 0);
	ck_assert_str_eq(text, "bb");
	ck_assert_int_lt(write(files[1].fd, "x", 1), 0);
	workspace_files_free(files, n);

	/* A second link to a file: whose it is cannot be known. */
	snprintf(path, sizeof(path), "%s/jobs/5/out/c", root);
	{
		char from[128];

		snprintf(from, sizeof(from), "%s/secret", root);
		ck_assert_int_eq(link(from, path), 0);
	}
	ck_assert_int_eq(workspace_results(w, 5, geteuid(), false, 10, &files, &n, &e), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(files[0].fd, -1);
	workspace_files_free(files, n);
	ck_assert_int_eq(workspace_results(w, 5, geteuid() + 1, false, 10, &files, &n, &e), 0);
	ck_assert_uint_eq(n, 0);
	workspace_files_free(files, n);
	ck_assert_int_eq(workspace_results(w, 5, geteuid(), false, 1, &files, &n, &e), -E2BIG);
	ck_assert_int_eq(workspace_results(w, 6, geteuid(), false, 1, &files, &n, &e), -ENOENT);
}
END_TEST

START_TEST(job_json_is_replaced)
{
	struct stat st;
	char path[128];

	stage_and_publish(1, 5);
	ck_assert_int_eq(workspace_write_job(w, 5, "{\"id\": 5}", geteuid(), getegid(), &e), 0);
	ck_assert_int_eq(workspace_write_job(w, 5, "{}", geteuid(), getegid(), &e), 0);
	snprintf(path, sizeof(path), "%s/jobs/5/job.json", root);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, 2);
	ck_assert_int_eq(st.st_mode & 07777, 0400);
	ck_assert_int_eq(workspace_write_job(w, 6, "{}", geteuid(), getegid(), &e), -ENOENT);
}
END_TEST

START_TEST(one_daemon_at_a_time)
{
	struct workspace *other;

	ck_assert_int_eq(workspace_lock(w, &e), 0);
	ck_assert_int_eq(workspace_open(root, &other, &e), 0);
	ck_assert_int_eq(workspace_lock(other, &e), -EALREADY);
	ck_assert(strstr(e.text, "another pbitd already serves") != NULL);
	w = workspace_close(w);
	ck_assert_int_eq(workspace_lock(other, &e), 0);
	workspace_close(other);
}
END_TEST

/* One that was told to go, and has not gone yet, is waited for. */
START_TEST(leaving_daemon_is_waited_for)
{
	pid_t pid;
	int fds[2];
	char c;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		struct workspace *own;

		if (workspace_open(root, &own, NULL) < 0 || workspace_lock(own, NULL) < 0 ||
		    write(fds[1], "x", 1) != 1)
			_exit(1);
		usleep(100000);
		_exit(0);
	}
	ck_assert_int_eq(read(fds[0], &c, 1), 1);
	ck_assert_msg(workspace_lock(w, &e) == 0, "%s", e.text);
	ck_assert_int_eq(harness_wait(pid), 0);
}
END_TEST

START_TEST(refused_directories)
{
	struct workspace *other;
	char path[128];

	put("file", "x");
	snprintf(path, sizeof(path), "%s/file", root);
	ck_assert_int_eq(workspace_open(path, &other, &e), -ENOTDIR);
	ck_assert(strstr(e.text, "the state directory cannot be used") != NULL);
	e = (struct err){ 0 };
	ck_assert_int_eq(workspace_open("/proc/none/of/this", &other, &e), -ENOENT);
	snprintf(path, sizeof(path), "%s/a/b/c", root);
	ck_assert_int_eq(workspace_open(path, &other, &e), 0);
	workspace_close(other);
	ck_assert(exists("a/b/c/jobs"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("workspace");
	TCase *t = tcase_create("workspace");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, inputs_are_copied);
	tcase_add_test(t, inputs_are_shared);
	if (geteuid() == 0)
		tcase_add_test(t, inputs_are_copied_where_links_are_not_allowed);
	tcase_add_test(t, failed_array_leaves_nothing);
	tcase_add_test(t, full_disk_leaves_nothing);
	tcase_add_test(t, abandoned_leaves_nothing);
	tcase_add_test(t, missing_descriptor_leaves_nothing);
	tcase_add_test(t, killed_while_staging);
	tcase_add_test(t, orphans_are_removed);
	tcase_add_test(t, removal_follows_no_links);
	tcase_add_test(t, deep_orphans_are_removed);
	tcase_add_test(t, trash_is_emptied_at_the_start);
	if (geteuid() == 0)
		tcase_add_test(t, other_users_files_stay);
	tcase_add_test(t, many_names_are_refused);
	tcase_add_test(t, trim_keeps_results);
	tcase_add_test(t, results_are_plain_files);
	tcase_add_test(t, job_json_is_replaced);
	tcase_add_test(t, one_daemon_at_a_time);
	tcase_add_test(t, leaving_daemon_is_waited_for);
	tcase_add_test(t, refused_directories);
	suite_add_tcase(s, t);
	return run_suite(s);
}
