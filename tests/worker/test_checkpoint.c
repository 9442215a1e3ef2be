/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "checkpoint.h"

#include "../run_suite.h"

#define IDENTITY 0x1234u

static char path[64];
static int dir;

static void make_dir(void)
{
	snprintf(path, sizeof(path), "/tmp/test-checkpoint-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dir, 0);
}

static void remove_dir(void)
{
	char name[2][2] = { "0", "1" };

	for (unsigned int k = 0; k < 2; k++)
		unlinkat(dir, name[k], 0);
	unlinkat(dir, ".0.tmp", 0);
	unlinkat(dir, ".1.tmp", 0);
	close(dir);
	ck_assert_int_eq(rmdir(path), 0);
}

static int save(uint64_t identity, uint64_t sequence, uint64_t value, struct err *e)
{
	struct checkpoint c;
	char text[5] = "hello";
	int r;

	checkpoint_begin(&c);
	checkpoint_put(&c, "value", &value, sizeof(value));
	checkpoint_put(&c, "empty", NULL, 0);
	checkpoint_put(&c, "text", text, sizeof(text));
	r = checkpoint_save(&c, dir, identity, sequence, e);
	checkpoint_free(&c);
	return r;
}

/* What is there to be loaded; returns its value, or 0 when there is nothing. */
static uint64_t load(uint64_t identity, uint64_t *sequence, unsigned int *refused)
{
	struct checkpoint c;
	uint64_t value = 0;
	char text[5];
	int r = checkpoint_load(dir, identity, &c, sequence, refused, NULL);

	if (r == -ENOENT)
		return 0;
	ck_assert_int_eq(r, 0);
	ck_assert_int_eq(checkpoint_get(&c, "value", &value, sizeof(value), NULL), 0);
	ck_assert_int_eq(checkpoint_get(&c, "text", text, sizeof(text), NULL), 0);
	ck_assert_mem_eq(text, "hello", 5);
	ck_assert_int_eq(checkpoint_get(&c, "empty", NULL, 0, NULL), 0);
	checkpoint_free(&c);
	return value;
}

START_TEST(newest_is_loaded)
{
	unsigned int refused;
	uint64_t sequence;

	ck_assert_uint_eq(load(IDENTITY, &sequence, &refused), 0);
	ck_assert_uint_eq(refused, 0);
	for (uint64_t k = 0; k < 5; k++) {
		ck_assert_int_eq(save(IDENTITY, k, 100 + k, NULL), 0);
		ck_assert_uint_eq(load(IDENTITY, &sequence, &refused), 100 + k);
		ck_assert_uint_eq(sequence, k);
		ck_assert_uint_eq(refused, 0);
	}
}
END_TEST

START_TEST(sections_are_checked)
{
	struct err e = { 0 };
	struct checkpoint c;
	unsigned int refused;
	uint64_t sequence, value = 7;

	ck_assert_int_eq(save(IDENTITY, 0, 1, NULL), 0);
	ck_assert_int_eq(checkpoint_load(dir, IDENTITY, &c, &sequence, &refused, NULL), 0);
	ck_assert_int_eq(checkpoint_get(&c, "value", &value, 4, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "value"));
	e = (struct err){ 0 };
	ck_assert_int_eq(checkpoint_get(&c, "nothing", &value, 8, &e), -ENOENT);
	ck_assert_ptr_nonnull(strstr(e.text, "nothing"));
	ck_assert_uint_eq(value, 7);
	checkpoint_free(&c);
}
END_TEST

START_TEST(foreign_is_refused)
{
	unsigned int refused;
	uint64_t sequence;

	ck_assert_int_eq(save(IDENTITY + 1, 0, 1, NULL), 0);
	ck_assert_uint_eq(load(IDENTITY, &sequence, &refused), 0);
	ck_assert_uint_eq(refused, 1);
	ck_assert_int_eq(save(IDENTITY, 1, 2, NULL), 0);
	ck_assert_uint_eq(load(IDENTITY, &sequence, &refused), 2);
}
END_TEST

static off_t size_of(const char *name)
{
	struct stat st;

	ck_assert_int_eq(fstatat(dir, name, &st, 0), 0);
	return st.st_size;
}

/* Every bit counts: with any one of them flipped the older checkpoint is taken. */
START_TEST(any_flipped_bit_is_noticed)
{
	unsigned int refused;
	uint64_t sequence;
	off_t size;
	int fd;

	ck_assert_int_eq(save(IDENTITY, 4, 40, NULL), 0);
	ck_assert_int_eq(save(IDENTITY, 5, 50, NULL), 0);
	size = size_of("1");
	fd = openat(dir, "1", O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	for (off_t at = 0; at < size; at++) {
		uint8_t byte, bad;

		ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
		bad = byte ^ (uint8_t)(1u << (at % 8));
		ck_assert_int_eq(pwrite(fd, &bad, 1, at), 1);
		ck_assert_uint_eq(load(IDENTITY, &sequence, &refused), 40);
		ck_assert_uint_eq(sequence, 4);
		ck_assert_uint_eq(refused, 1);
		ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
	}
	ck_assert_uint_eq(load(IDENTITY, &sequence, &refused), 50);
	close(fd);
}
END_TEST

START_TEST(any_truncation_is_noticed)
{
	unsigned int refused;
	uint64_t sequence;
	off_t size;

	ck_assert_int_eq(save(IDENTITY, 4, 40, NULL), 0);
	ck_assert_int_eq(save(IDENTITY, 5, 50, NULL), 0);
	size = size_of("1");
	while (size > 0) {
		int fd = openat(dir, "1", O_RDWR | O_CLOEXEC);

		ck_assert_int_eq(ftruncate(fd, --size), 0);
		close(fd);
		ck_assert_uint_eq(load(IDENTITY, &sequence, &refused), 40);
	}
}
END_TEST

START_TEST(one_by_number)
{
	struct checkpoint c;

	ck_assert_int_eq(save(IDENTITY, 6, 60, NULL), 0);
	ck_assert_int_eq(save(IDENTITY, 7, 70, NULL), 0);
	ck_assert_int_eq(checkpoint_load_one(dir, IDENTITY, 6, &c, NULL), 0);
	checkpoint_free(&c);
	ck_assert_int_eq(checkpoint_load_one(dir, IDENTITY, 8, &c, NULL), -ENOENT);
	ck_assert_int_eq(checkpoint_load_one(dir, IDENTITY + 1, 6, &c, NULL), -ENOENT);
}
END_TEST

/* A full disk, played by a limit on file sizes: a sentence, and the checkpoint before stays. */
START_TEST(full_disk)
{
	struct rlimit limit = { 64, 64 };
	struct err e = { 0 };
	unsigned int refused;
	uint64_t sequence;

	ck_assert_int_eq(save(IDENTITY, 0, 10, NULL), 0);
	ck_assert_int_eq(save(IDENTITY, 1, 11, NULL), 0);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_lt(save(IDENTITY, 2, 12, &e), 0);
	ck_assert_ptr_nonnull(strstr(e.text, "cannot write the checkpoint"));
	ck_assert_uint_eq(load(IDENTITY, &sequence, &refused), 11);
	ck_assert_uint_eq(sequence, 1);
}
END_TEST

START_TEST(identity_depends_on_every_byte)
{
	uint8_t text[32] = "the same text";
	uint64_t all = checkpoint_identity(CHECKPOINT_IDENTITY, text, sizeof(text));

	ck_assert_uint_eq(all,
			  checkpoint_identity(checkpoint_identity(CHECKPOINT_IDENTITY, text, 9),
					      text + 9, sizeof(text) - 9));
	for (size_t k = 0; k < sizeof(text); k++) {
		text[k] ^= 1;
		ck_assert_uint_ne(all,
				  checkpoint_identity(CHECKPOINT_IDENTITY, text, sizeof(text)));
		text[k] ^= 1;
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("checkpoint");
	TCase *t = tcase_create("checkpoint");

	tcase_add_checked_fixture(t, make_dir, remove_dir);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, newest_is_loaded);
	tcase_add_test(t, sections_are_checked);
	tcase_add_test(t, foreign_is_refused);
	tcase_add_test(t, any_flipped_bit_is_noticed);
	tcase_add_test(t, any_truncation_is_noticed);
	tcase_add_test(t, one_by_number);
	tcase_add_test(t, full_disk);
	tcase_add_test(t, identity_depends_on_every_byte);
	suite_add_tcase(s, t);
	return run_suite(s);
}
