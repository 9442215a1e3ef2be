// SPDX-License-Identifier: MIT
/* Saving results: nothing half, nothing overwritten, nothing outside of the directory. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "memfd.h"
#include "run_cases.h"
#include "save.h"

static char dir[] = "/tmp/pbit-save-XXXXXX";
static char out[64];
static struct pbit_file file[2];
static struct pbit_files files = { .count = 2, .file = file };

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(out, sizeof(out), "%s/out", dir);
	file[0] = (struct pbit_file){ "a.json", 3, memfd_from_bytes("a", "{a}", 3, NULL) };
	file[1] = (struct pbit_file){ "b.bin", 5, memfd_from_bytes("b", "bbbbb", 5, NULL) };
	ck_assert(file[0].fd >= 0 && file[1].fd >= 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void teardown(void)
{
	close(file[0].fd);
	close(file[1].fd);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void assert_content(const char *name, const char *want)
{
	char path[128], text[64] = { 0 };
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", out, name);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fread(text, 1, sizeof(text), f), strlen(want));
	ck_assert_str_eq(text, want);
	fclose(f);
}

/* Hidden ones too: no part may stay behind. */
static unsigned int count_entries(void)
{
	unsigned int n = 0;
	DIR *d = opendir(out);

	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void assert_refused(bool force, int code, const char *needle)
{
	struct err e = { 0 };

	ck_assert_int_eq(save_files(&files, out, force, &e), code);
	ck_assert_msg(strstr(e.text, needle), "'%s'", e.text);
}

START_TEST(test_saved)
{
	struct err e = { 0 };

	ck_assert_msg(save_files(&files, out, false, &e) == 0, "%s", e.text);
	assert_content("a.json", "{a}");
	assert_content("b.bin", "bbbbb");
	ck_assert_uint_eq(count_entries(), 2);
}
END_TEST

START_TEST(test_nothing_is_overwritten)
{
	char path[128];
	FILE *f;

	ck_assert_int_eq(mkdir(out, 0700), 0);
	snprintf(path, sizeof(path), "%s/b.bin", out);
	f = fopen(path, "we");
	fputs("mine", f);
	fclose(f);
	assert_refused(false, -EEXIST, "b.bin exists; give --force");
	/* Not even the files before it were written. */
	ck_assert_uint_eq(count_entries(), 1);
	assert_content("b.bin", "mine");
	ck_assert_int_eq(save_files(&files, out, true, NULL), 0);
	assert_content("b.bin", "bbbbb");
	ck_assert_uint_eq(count_entries(), 2);
}
END_TEST

START_TEST(test_links_are_not_followed)
{
	char path[128], victim[128];

	ck_assert_int_eq(mkdir(out, 0700), 0);
	snprintf(victim, sizeof(victim), "%s/victim", dir);
	snprintf(path, sizeof(path), "%s/a.json", out);
	ck_assert_int_eq(symlink(victim, path), 0);
	assert_refused(false, -EEXIST, "a.json exists");
	ck_assert_int_eq(save_files(&files, out, true, NULL), 0);
	ck_assert_int_eq(access(victim, F_OK), -1);
	assert_content("a.json", "{a}");
}
END_TEST

START_TEST(test_names_that_climb)
{
	file[1].name = "../b.bin";
	assert_refused(true, -EINVAL, "refused");
	file[1].name = ".bashrc";
	assert_refused(true, -EINVAL, "refused");
	file[1].name = "";
	assert_refused(true, -EINVAL, "refused");
	ck_assert_uint_eq(count_entries(), 0);
}
END_TEST

START_TEST(test_directory_that_cannot_be)
{
	snprintf(out, sizeof(out), "%s/no/out", dir);
	assert_refused(false, -ENOENT, "cannot make the directory");
	snprintf(out, sizeof(out), "/dev/null");
	assert_refused(false, -ENOTDIR, "/dev/null");
	snprintf(out, sizeof(out), "/proc/self");
	assert_refused(false, -ENOENT, "cannot write /proc/self/a.json");
}
END_TEST

/* RLIMIT_FSIZE stands for the full disk: writes past it fail. */
START_TEST(test_disk_is_full)
{
	struct rlimit limit = { .rlim_cur = 4, .rlim_max = 4 };

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_refused(false, -EFBIG, "cannot write");
	assert_content("a.json", "{a}");
	ck_assert_uint_eq(count_entries(), 1);
}
END_TEST

/* A result shorter than announced is an error, not a short file. */
START_TEST(test_short_result)
{
	file[1].size = 50;
	assert_refused(false, -EIO, "b.bin");
	ck_assert_uint_eq(count_entries(), 1);
}
END_TEST

START_TEST(test_prepared)
{
	char path[128];
	struct err e = { 0 };
	FILE *f;

	ck_assert_int_eq(save_prepare(out, false, &e), 0);
	ck_assert_uint_eq(count_entries(), 0);
	snprintf(path, sizeof(path), "%s/report.json", out);
	f = fopen(path, "we");
	fclose(f);
	ck_assert_int_eq(save_prepare(out, false, &e), -EEXIST);
	ck_assert_int_eq(save_prepare(out, true, NULL), 0);
	ck_assert_int_eq(save_prepare(path, true, NULL), -ENOTDIR);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_saved);
	tcase_add_test(t, test_nothing_is_overwritten);
	tcase_add_test(t, test_links_are_not_followed);
	tcase_add_test(t, test_names_that_climb);
	tcase_add_test(t, test_directory_that_cannot_be);
	tcase_add_test(t, test_disk_is_full);
	tcase_add_test(t, test_short_result);
	tcase_add_test(t, test_prepared);
}

int main(void)
{
	return run_cases("save", add_tests);
}
