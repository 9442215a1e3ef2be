/* SPDX-License-Identifier: MIT */
/* Shared by the tests of base: files in memory, refusals, and a seeded source of damage. */
#ifndef PBIT_TESTS_BASE_SUPPORT_H
#define PBIT_TESTS_BASE_SUPPORT_H

#include <check.h>
#include <string.h>
#include <sys/mman.h>

#include "../run_suite.h"
#include "err.h"

/* Fails unless r refused with a sentence of one line that holds needle. */
#define assert_refused(r, e, needle)                                                       \
	do {                                                                               \
		ck_assert_int_lt((r), 0);                                                  \
		ck_assert_int_eq((e).code, (r));                                           \
		ck_assert_msg(strstr((e).text, (needle)), "'%s' is not in '%s'", (needle), \
			      (e).text);                                                   \
		ck_assert_ptr_null(strchr((e).text, '\n'));                                \
	} while (0)

#define assert_ok(r, e) ck_assert_msg((r) == 0, "%s", (e).text)

/* As ck_assert(), without the message to the parent that each one costs: for inner loops. */
#define expect(condition)                                       \
	do {                                                    \
		if (!(condition))                               \
			ck_abort_msg("failed: %s", #condition); \
	} while (0)

/* Makes fd (a memfd) hold exactly these bytes. */
static inline void fill_fd(int fd, const void *buf, size_t size)
{
	expect(ftruncate(fd, 0) == 0);
	expect(lseek(fd, 0, SEEK_SET) == 0);
	expect(write_full(fd, buf, size) == 0);
}

static inline int bytes_fd(const void *buf, size_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	fill_fd(fd, buf, size);
	return fd;
}

/* SplitMix64: the damage is the same in every run. */
static inline uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static inline size_t random_below(uint64_t *state, size_t n)
{
	return n ? (size_t)(next_random(state) % n) : 0;
}

/* Bytes that parsers care about. */
static inline uint8_t telling_byte(uint64_t *state)
{
	static const char bytes[] =
		"{}[](),:'\"\\ \n-+.0123456789eELNTFtfn<>|=ufibcOSUV\x00\xff\x7f\x80";

	return (uint8_t)bytes[random_below(state, sizeof(bytes) - 1)];
}

/* Takes n bytes out at `at`, or opens a gap of n telling bytes there; room is the buffer's. */
static inline void cut(uint8_t *buf, size_t *size, size_t at, size_t n)
{
	n = MIN(n, *size - at);
	memmove(buf + at, buf + at + n, *size - at - n);
	*size -= n;
}

static inline void insert(uint8_t *buf, size_t *size, size_t room, size_t at, size_t n,
			  uint64_t *state)
{
	n = MIN(n, room - *size);
	memmove(buf + at + n, buf + at, *size - at);
	for (size_t i = 0; i < n; i++)
		buf[at + i] = telling_byte(state);
	*size += n;
}

/* One to four edits: bits flipped, bytes set, cut, inserted, doubled, the end cut off. */
static inline void mutate(uint8_t *buf, size_t *size, size_t room, uint64_t *state)
{
	for (size_t edits = 1 + random_below(state, 4); edits > 0; edits--) {
		size_t at = random_below(state, *size), n = 1 + random_below(state, 8);

		switch (random_below(state, 6)) {
		case 0:
			if (*size)
				buf[at] ^= (uint8_t)(1u << random_below(state, 8));
			break;
		case 1:
			if (*size)
				buf[at] = telling_byte(state);
			break;
		case 2:
			cut(buf, size, at, n);
			break;
		case 3:
			insert(buf, size, room, at, n, state);
			break;
		case 4:
			n = MIN(n, *size - at);
			n = MIN(n, room - *size);
			memmove(buf + at + n, buf + at, *size - at);
			*size += n;
			break;
		default:
			if (random_below(state, 4) == 0)
				*size = at;
			break;
		}
	}
}

/* What every reader promises of a refusal: a code, a sentence, one line, no control characters. */
static inline void assert_clean_refusal(int r, const struct err *e)
{
	size_t n = strlen(e->text);

	expect(r < 0);
	expect(e->code == r);
	expect(n > 0);
	for (size_t i = 0; i < n; i++)
		expect((unsigned char)e->text[i] >= 0x20);
}

#define FUZZ_ROUNDS  20000
#define FUZZ_TIMEOUT 120 /* seconds: a guard against hanging, not a measure of speed */

#endif
