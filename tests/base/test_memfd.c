// SPDX-License-Identifier: MIT
/* Sealed copies, and files that are read, written and replaced whole or not at all. */
#include "memfd.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "support.h"

static char dir[] = "/tmp/pbit-test-XXXXXX";
static int dirfd_ = -1;

static void make_dir(void)
{
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dirfd_, 0);
}

/* Names in dir, besides . and .. */
static unsigned int count_names(void)
{
	DIR *d = opendir(dir);
	unsigned int n = 0;

	for (struct dirent *entry = readdir(d); entry; entry = readdir(d))
		n += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
	closedir(d);
	return n;
}

static void remove_dir(void)
{
	DIR *d = opendir(dir);

	fchmod(dirfd_, 0700);
	for (struct dirent *entry = readdir(d); entry; entry = readdir(d))
		if (unlinkat(dirfd_, entry->d_name, 0) < 0)
			unlinkat(dirfd_, entry->d_name, AT_REMOVEDIR);
	closedir(d);
	close(dirfd_);
	rmdir(dir);
}

static const char *in_dir(const char *name)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void check_content(int fd, const void *expected, size_t size)
{
	_cleanup_free_ char *buf = malloc(size + 1);

	ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 0);
	ck_assert_int_eq(read_full(fd, buf, size), 0);
	if (size)
		ck_assert_mem_eq(buf, expected, size);
	ck_assert_int_eq(read(fd, buf, 1), 0);
}

/* Nobody can write, resize, map writable, or unseal it. */
static void check_immutable(int fd)
{
	ck_assert_int_lt(write(fd, "x", 1), 0);
	ck_assert_int_lt(ftruncate(fd, 0), 0);
	ck_assert_int_lt(ftruncate(fd, 1 << 20), 0);
	ck_assert_ptr_eq(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	ck_assert_int_lt(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

START_TEST(from_file)
{
	static const char text[] = "some bytes\0and more";
	_cleanup_close_ int fd = -1;
	struct err e = { 0 };
	uint64_t size = 0;

	ck_assert_int_eq(write_file_atomic(dirfd_, "f", text, sizeof(text)), 0);
	fd = memfd_from_file(in_dir("f"), &e);
	ck_assert_msg(fd >= 0, "%s", e.text);
	assert_ok(memfd_check_sealed(fd, &size, &e), e);
	ck_assert_uint_eq(size, sizeof(text));
	/* The copy is the caller's: what happens to the file is not seen. */
	ck_assert_int_eq(write_file_atomic(dirfd_, "f", "changed", 7), 0);
	check_content(fd, text, sizeof(text));
	check_immutable(fd);
}
END_TEST

START_TEST(empty_file)
{
	_cleanup_close_ int fd = -1;
	struct err e = { 0 };
	uint64_t size = 1;

	ck_assert_int_eq(write_file_atomic(dirfd_, "f", "", 0), 0);
	fd = memfd_from_file(in_dir("f"), &e);
	ck_assert_msg(fd >= 0, "%s", e.text);
	assert_ok(memfd_check_sealed(fd, &size, &e), e);
	ck_assert_uint_eq(size, 0);
}
END_TEST

/* Files that claim no size, and file systems without sendfile. */
START_TEST(proc_file)
{
	_cleanup_close_ int fd = -1;
	struct err e = { 0 };
	uint64_t size = 0;
	char word[7];

	fd = memfd_from_file("/proc/self/status", &e);
	ck_assert_msg(fd >= 0, "%s", e.text);
	assert_ok(memfd_check_sealed(fd, &size, &e), e);
	ck_assert_uint_gt(size, 100);
	ck_assert_int_eq(pread_full(fd, word, 5, 0), 0);
	ck_assert_mem_eq(word, "Name:", 5);
}
END_TEST

START_TEST(file_refusals)
{
	struct err e = { 0 };
	int r;

	r = memfd_from_file(in_dir("absent"), &e);
	assert_refused(r, e, "/absent: cannot be opened: No such file or directory");
	ck_assert_int_eq(r, -ENOENT);
	e = (struct err){ 0 };
	r = memfd_from_file(dir, &e);
	assert_refused(r, e, ": is a directory; give a file");
	e = (struct err){ 0 };
	r = memfd_from_file("/dev/zero", &e);
	assert_refused(r, e, "/dev/zero: is not a regular file");
	/* Without a writer, a FIFO's open would wait for ever. */
	e = (struct err){ 0 };
	ck_assert_int_eq(mkfifoat(dirfd_, "fifo", 0600), 0);
	r = memfd_from_file(in_dir("fifo"), &e);
	assert_refused(r, e, "/fifo: is not a regular file");
	e = (struct err){ 0 };
	ck_assert_int_eq(symlinkat("loop", dirfd_, "loop"), 0);
	r = memfd_from_file(in_dir("loop"), &e);
	assert_refused(r, e, "/loop: cannot be opened");
}
END_TEST

/* A sparse file above the limit takes no space and is refused by its size alone. */
START_TEST(file_too_large)
{
	_cleanup_close_ int fd = openat(dirfd_, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct err e = { 0 };
	int r;

	ck_assert_int_eq(ftruncate(fd, (off_t)MEMFD_MAX_BYTES + 1), 0);
	r = memfd_from_file(in_dir("f"), &e);
	assert_refused(r, e, "4294967297 bytes are more than the limit of 4294967296");
	ck_assert_int_eq(r, -EFBIG);
}
END_TEST

START_TEST(from_bytes)
{
	_cleanup_close_ int fd = -1;
	struct err e = { 0 };

	fd = memfd_from_bytes("test", "bytes", 5, &e);
	ck_assert_msg(fd >= 0, "%s", e.text);
	assert_ok(memfd_check_sealed(fd, NULL, &e), e);
	check_content(fd, "bytes", 5);
	check_immutable(fd);
}
END_TEST

START_TEST(unsealed)
{
	static const int missing[] = { F_SEAL_WRITE, F_SEAL_GROW, F_SEAL_SHRINK };
	const int all = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;
	_cleanup_close_ int file = openat(dirfd_, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct err e = { 0 };
	uint64_t size = 7;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(missing); i++) {
		_cleanup_close_ int fd = memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING);

		e = (struct err){ 0 };
		ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, all & ~missing[i]), 0);
		r = memfd_check_sealed(fd, &size, &e);
		assert_refused(r, e, "the memfd is not sealed");
	}
	e = (struct err){ 0 };
	r = memfd_check_sealed(file, &size, &e);
	assert_refused(r, e, "the descriptor is no memfd");
	e = (struct err){ 0 };
	r = memfd_check_sealed(-1, &size, &e);
	assert_refused(r, e, "the descriptor is no memfd");
	ck_assert_uint_eq(size, 7);
}
END_TEST

START_TEST(full_reads_and_writes)
{
	_cleanup_close_ int fd = memfd_create("t", MFD_CLOEXEC);
	char buf[8] = { 0 };

	ck_assert_int_eq(write_full(fd, "abcdef", 6), 0);
	ck_assert_int_eq(pread_full(fd, buf, 3, 2), 0);
	ck_assert_str_eq(buf, "cde");
	ck_assert_int_eq(pread_full(fd, buf, 3, 4), -EIO);
	ck_assert_int_eq(read_full(fd, buf, 1), -EIO);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	ck_assert_int_eq(read_full(fd, buf, 6), 0);
	ck_assert_str_eq(buf, "abcdef");
	ck_assert_int_eq(read_full(-1, buf, 1), -EBADF);
	ck_assert_int_eq(write_full(-1, buf, 1), -EBADF);
	ck_assert_int_eq(pread_full(-1, buf, 1, 0), -EBADF);
}
END_TEST

START_TEST(atomic_replaces)
{
	_cleanup_close_ int old = -1, fd = -1;

	ck_assert_int_eq(write_file_atomic(dirfd_, "f", "first", 5), 0);
	old = openat(dirfd_, "f", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(write_file_atomic(dirfd_, "f", "second", 6), 0);
	fd = openat(dirfd_, "f", O_RDONLY | O_CLOEXEC);
	check_content(old, "first", 5); /* a reader keeps what it had */
	check_content(fd, "second", 6);
	ck_assert_uint_eq(count_names(), 1);
}
END_TEST

/* What a crash left behind does no harm, longer though it may be. */
START_TEST(atomic_after_crash)
{
	_cleanup_close_ int left = openat(dirfd_, ".f.tmp", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	_cleanup_close_ int fd = -1;

	ck_assert_int_eq(write_full(left, "a longer text", 13), 0);
	ck_assert_int_eq(write_file_atomic(dirfd_, "f", "new", 3), 0);
	fd = openat(dirfd_, "f", O_RDONLY | O_CLOEXEC);
	check_content(fd, "new", 3);
	ck_assert_uint_eq(count_names(), 1);
}
END_TEST

START_TEST(atomic_bad_names)
{
	static const char *const names[] = { "", ".", "..", "a/b", "/etc/x" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ck_assert_int_eq(write_file_atomic(dirfd_, names[i], "x", 1), -EINVAL);
	ck_assert_int_eq(write_file_atomic(-1, "f", "x", 1), -EBADF);
	ck_assert_uint_eq(count_names(), 0);
}
END_TEST

/* The disk is full half-way (here: a limit on file size): the old file stays, the rest goes. */
START_TEST(atomic_without_space)
{
	const struct rlimit limit = { 4096, 4096 };
	_cleanup_free_ char *large = calloc(1, 10000);
	_cleanup_close_ int fd = -1;

	ck_assert_int_eq(write_file_atomic(dirfd_, "f", "old", 3), 0);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(write_file_atomic(dirfd_, "f", large, 10000), -EFBIG);
	ck_assert_uint_eq(count_names(), 1);
	fd = openat(dirfd_, "f", O_RDONLY | O_CLOEXEC);
	check_content(fd, "old", 3);
}
END_TEST

/* A directory stands where the file should go: rename fails, the temporary goes. */
START_TEST(atomic_over_directory)
{
	ck_assert_int_eq(mkdirat(dirfd_, "f", 0700), 0);
	ck_assert_int_eq(write_file_atomic(dirfd_, "f", "x", 1), -EISDIR);
	ck_assert_uint_eq(count_names(), 1);
}
END_TEST

/* A link in the temporary's place leads nowhere. */
START_TEST(atomic_symlink)
{
	_cleanup_close_ int victim = -1, fd = -1;

	ck_assert_int_eq(write_file_atomic(dirfd_, "victim", "keep", 4), 0);
	ck_assert_int_eq(symlinkat("victim", dirfd_, ".f.tmp"), 0);
	ck_assert_int_eq(write_file_atomic(dirfd_, "f", "x", 1), 0);
	victim = openat(dirfd_, "victim", O_RDONLY | O_CLOEXEC);
	fd = openat(dirfd_, "f", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	check_content(victim, "keep", 4);
	check_content(fd, "x", 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("memfd");
	TCase *t = tcase_create("memfd");

	tcase_add_checked_fixture(t, make_dir, remove_dir);
	tcase_add_test(t, from_file);
	tcase_add_test(t, empty_file);
	tcase_add_test(t, proc_file);
	tcase_add_test(t, file_refusals);
	tcase_add_test(t, file_too_large);
	tcase_add_test(t, from_bytes);
	tcase_add_test(t, unsealed);
	tcase_add_test(t, full_reads_and_writes);
	tcase_add_test(t, atomic_replaces);
	tcase_add_test(t, atomic_after_crash);
	tcase_add_test(t, atomic_bad_names);
	tcase_add_test(t, atomic_without_space);
	tcase_add_test(t, atomic_over_directory);
	tcase_add_test(t, atomic_symlink);
	suite_add_tcase(s, t);
	return run_suite(s);
}
