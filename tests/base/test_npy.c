// SPDX-License-Identifier: MIT
/* .npy: what NumPy writes is read and written byte by byte; everything else is refused. */
#include "npy.h"

#include <fcntl.h>
#include <math.h>

#include "npy_fixture.h"
#include "support.h"

#define FIXTURE(name)                                     \
	{                                                 \
#name, npy_##name, sizeof(npy_##name) - 1 \
	}

struct fixture {
	const char *name;
	const char *bytes;
	size_t size;
};

static const struct fixture good[] = {
	FIXTURE(u8),  FIXTURE(i8),  FIXTURE(i16),  FIXTURE(i32),   FIXTURE(i64),
	FIXTURE(f32), FIXTURE(f64), FIXTURE(bool), FIXTURE(empty),
};

static const struct {
	struct fixture fixture;
	const char *sentence;
} refused[] = {
	{ FIXTURE(fortran), "x.npy: Fortran order is not supported; save np.ascontiguousarray(a)" },
	{ FIXTURE(big_endian), "dtype '>f8' is big-endian; save it as a.astype('<f8')" },
	{ FIXTURE(object), "dtype '|O' holds Python objects" },
	{ FIXTURE(complex), "dtype '<c16' holds complex numbers, which is not supported; save" },
	{ FIXTURE(string), "dtype '<U2' holds strings" },
	{ FIXTURE(bytes), "dtype '|S2' holds byte strings" },
	{ FIXTURE(record), "a structured dtype is not supported; save one field" },
	{ FIXTURE(half), "dtype '<f2' holds floats of this size" },
	{ FIXTURE(u64), "dtype '<u8' holds unsigned integers of this size" },
	{ FIXTURE(date), "holds dates" },
	{ FIXTURE(five_d), "more than 4 dimensions" },
};

static int read_bytes(const void *buf, size_t size, struct array *a, struct err *e)
{
	_cleanup_close_ int fd = bytes_fd(buf, size);

	return npy_read(fd, "x.npy", a, e);
}

/* A version 1.0 file with this dict (and no padding) and n zero bytes of data. */
static size_t make_file(uint8_t *buf, size_t room, const char *dict, size_t n)
{
	size_t length = strlen(dict);

	ck_assert_uint_le(10 + length + n, room);
	memcpy(buf, "\x93NUMPY\x01\x00", 8);
	buf[8] = (uint8_t)length;
	buf[9] = (uint8_t)(length >> 8);
	memcpy(buf + 10, dict, length);
	memset(buf + 10 + length, 0, n);
	return 10 + length + n;
}

static int read_dict(const char *dict, size_t n, struct array *a, struct err *e)
{
	uint8_t buf[4096];
	size_t size = make_file(buf, sizeof(buf), dict, n);

	return read_bytes(buf, size, a, e);
}

START_TEST(round_trip)
{
	const struct fixture *f = &good[_i];
	_cleanup_array_ struct array a = { 0 };
	_cleanup_free_ void *buf = NULL;
	struct err e = { 0 };
	size_t size = 0;

	assert_ok(read_bytes(f->bytes, f->size, &a, &e), e);
	assert_ok(npy_encode(&a, &buf, &size, &e), e);
	ck_assert_uint_eq(size, f->size);
	ck_assert_mem_eq(buf, f->bytes, size);
}
END_TEST

START_TEST(values)
{
	_cleanup_array_ struct array u8 = { 0 }, i64 = { 0 }, f32 = { 0 }, f64 = { 0 };
	struct err e = { 0 };

	assert_ok(read_bytes(npy_u8, sizeof(npy_u8) - 1, &u8, &e), e);
	ck_assert_int_eq(u8.dtype, DT_U8);
	ck_assert_uint_eq(u8.ndim, 2);
	ck_assert_uint_eq(u8.shape[0], 2);
	ck_assert_uint_eq(u8.shape[1], 3);
	ck_assert_uint_eq(u8.count, 6);
	ck_assert_int_eq(array_get_int(&u8, 3), 253);

	assert_ok(read_bytes(npy_i64, sizeof(npy_i64) - 1, &i64, &e), e);
	ck_assert_uint_eq(i64.ndim, 0);
	ck_assert_uint_eq(i64.count, 1);
	ck_assert_int_eq(array_get_int(&i64, 0), -9007199254740993);

	assert_ok(read_bytes(npy_f32, sizeof(npy_f32) - 1, &f32, &e), e);
	ck_assert_uint_eq(f32.ndim, 4);
	ck_assert_double_eq(array_get(&f32, 1), -0.25);

	assert_ok(read_bytes(npy_f64, sizeof(npy_f64) - 1, &f64, &e), e);
	ck_assert_double_eq(array_get(&f64, 0), 3.141592653589793);
	ck_assert(signbit(array_get(&f64, 1)));
	ck_assert(isinf(array_get(&f64, 2)));
}
END_TEST

START_TEST(later_versions)
{
	_cleanup_array_ struct array v2 = { 0 }, v3 = { 0 };
	struct err e = { 0 };

	assert_ok(read_bytes(npy_v2, sizeof(npy_v2) - 1, &v2, &e), e);
	assert_ok(read_bytes(npy_v3, sizeof(npy_v3) - 1, &v3, &e), e);
	ck_assert_int_eq(array_get_int(&v2, 2), 2);
	ck_assert_int_eq(array_get_int(&v3, 2), 2);
}
END_TEST

START_TEST(refused_types)
{
	const struct fixture *f = &refused[_i].fixture;
	struct array a = { 0 };
	struct err e = { 0 };
	int r;

	r = read_bytes(f->bytes, f->size, &a, &e);
	assert_refused(r, e, refused[_i].sentence);
	ck_assert_ptr_null(a.data);
}
END_TEST

/* Cut at every byte: each prefix is refused as truncated, the empty one included. */
START_TEST(truncated_everywhere)
{
	_cleanup_close_ int fd = bytes_fd("", 0);

	for (size_t size = 0; size < sizeof(npy_f64) - 1; size++) {
		struct array a = { 0 };
		struct err e = { 0 };
		int r;

		fill_fd(fd, npy_f64, size);
		r = npy_read(fd, "x.npy", &a, &e);
		assert_refused(r, e, "x.npy: truncated");
	}
}
END_TEST

START_TEST(trailing_bytes)
{
	char buf[sizeof(npy_f64)];
	struct array a = { 0 };
	struct err e = { 0 };
	int r;

	memcpy(buf, npy_f64, sizeof(buf)); /* the literal's NUL is the trailing byte */
	r = read_bytes(buf, sizeof(buf), &a, &e);
	assert_refused(r, e, "trailing bytes are refused");
}
END_TEST

START_TEST(not_npy)
{
	struct array a = { 0 };
	struct err e = { 0 };
	int r;

	r = read_bytes("PK\x03\x04 a zip file", 16, &a, &e);
	assert_refused(r, e, "x.npy: not a .npy file");
	e = (struct err){ 0 };
	r = read_bytes("\x93NUMPY\x04\x00\x00\x00\x00\x00", 12, &a, &e);
	assert_refused(r, e, "version 4.0 is unknown");
	e = (struct err){ 0 };
	r = read_bytes("\x93NUMPY\x01\x01\x00\x00\x00\x00", 12, &a, &e);
	assert_refused(r, e, "version 1.1 is unknown");
}
END_TEST

START_TEST(no_file)
{
	_cleanup_close_ int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct array a = { 0 };
	struct err e = { 0 };
	int r, pipes[2];

	r = npy_read(-1, "x.npy", &a, &e);
	assert_refused(r, e, "x.npy: cannot be examined");
	e = (struct err){ 0 };
	r = npy_read(dir, "x.npy", &a, &e);
	assert_refused(r, e, "not a regular file");
	e = (struct err){ 0 };
	ck_assert_int_eq(pipe(pipes), 0);
	r = npy_read(pipes[0], "x.npy", &a, &e);
	assert_refused(r, e, "not a regular file");
	close(pipes[0]);
	close(pipes[1]);
}
END_TEST

START_TEST(huge_header)
{
	_cleanup_free_ char *buf = calloc(1, 1 << 20);
	struct array a = { 0 };
	struct err e = { 0 };
	int r;

	/* Version 2.0 with a header of 70,000 bytes that are there, then one of 4 GiB that are not. */
	memcpy(buf, "\x93NUMPY\x02\x00\x70\x11\x01\x00", 12);
	memset(buf + 12, ' ', 70000);
	r = read_bytes(buf, 1 << 20, &a, &e);
	assert_refused(r, e, "header of 70000 bytes is above the limit of 65536");
	e = (struct err){ 0 };
	memcpy(buf + 8, "\xff\xff\xff\xff", 4);
	r = read_bytes(buf, 1 << 20, &a, &e);
	assert_refused(r, e, "header of 4294967295 bytes is above the limit");
}
END_TEST

static const struct {
	const char *dict;
	size_t data;
	const char *sentence; /* NULL: accepted */
} dicts[] = {
	/* As other writers lay it out, and as NumPy reads it. */
	{ "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }", 2, NULL },
	{ "{\"shape\":(2,1),\"fortran_order\":False,\"descr\":\"<u1\"}", 2, NULL },
	{ "  { 'shape' : ( 2 , 1 , ) , 'descr' : '=i2' , 'fortran_order' : False }  \n", 4, NULL },
	{ "{'descr': 'f4', 'fortran_order': False, 'shape': ()}", 4, NULL },
	{ "{'descr': '>u1', 'fortran_order': False, 'shape': (2L,)}", 2, NULL },
	{ "{'descr': '<f8', 'fortran_order': True, 'shape': (2,)}", 16, NULL },
	{ "{'descr': '<f8', 'fortran_order': True, 'shape': ()}", 8, NULL },
	{ "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 5)}", 0, NULL },
	/* Shapes. */
	{ "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", 8, "is negative" },
	{ "{'descr': '<f8', 'fortran_order': False, 'shape': (2)}", 16, "not a tuple" },
	{ "{'descr': '<f8', 'fortran_order': False, 'shape': 2}", 16, "not a tuple" },
	{ "{'descr': '<f8', 'fortran_order': False, 'shape': [2]}", 16, "not a tuple" },
	{ "{'descr': '<f8', 'fortran_order': False, 'shape': (2.0,)}", 16, "comma is missing" },
	{ "{'descr': '<f8', 'fortran_order': False, 'shape': (1 2)}", 16, "comma is missing" },
	{ "{'descr': '<f8', 'fortran_order': False, 'shape': (,)}", 8, "whole numbers" },
	{ "{'descr': '<f8', 'fortran_order': False, 'shape': (1,,2)}", 16, "whole numbers" },
	{ "{'descr': '<f8', 'fortran_order': False, 'shape': (0x2,)}", 16, "comma is missing" },
	{ "{'descr': '<f8', 'fortran_order': False, 'shape': (True,)}", 8, "whole numbers" },
	{ "{'descr': '<f8', 'fortran_order': False, 'shape': (2,", 16, "whole numbers" },
	{ "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}", 8,
	  "does not fit 64 bits" },
	{ "{'descr': '<f8', 'fortran_order': False, 'shape': (18446744073709551616,)}", 8,
	  "does not fit 64 bits" },
	{ "{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776, 1099511627776)}", 8,
	  "does not fit 64 bits" },
	{ "{'descr': '<f8', 'fortran_order': False, 'shape': (2305843009213693952,)}", 8,
	  "does not fit 64 bits" },
	{ "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 1099511627776, 1099511627776)}", 0,
	  "does not fit 64 bits" },
	{ "{'descr': '<f8', 'fortran_order': False, 'shape': (536870912,)}", 8, "truncated" },
	{ "{'descr': '<f8', 'fortran_order': False, 'shape': (536870913,)}", 8,
	  "more than the limit of 4294967296" },
	{ "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1)}", 8,
	  "more than 4 dimensions" },
	/* Keys. */
	{ "{}", 8, "lacks" },
	{ "{'descr': '<f8', 'shape': (1,)}", 8, "lacks" },
	{ "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", 8, "twice" },
	{ "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'x': 1}", 8, "unknown key 'x'" },
	{ "{'descr' '<f8', 'fortran_order': False, 'shape': (1,)}", 8, "colon is missing" },
	{ "{'descr': '<f8' 'fortran_order': False, 'shape': (1,)}", 8, "comma is missing" },
	{ "{descr: '<f8', 'fortran_order': False, 'shape': (1,)}", 8, "quoted key" },
	{ "{'descr': '<f8', 'fortran_order': 0, 'shape': (1,)}", 8, "neither True nor False" },
	{ "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} x", 8, "text follows" },
	{ "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)", 8, "comma is missing" },
	{ "['descr']", 8, "does not begin with '{'" },
	{ "", 8, "does not begin with '{'" },
	{ "{'descr", 8, "quoted key" },
	{ "{'de\\x73cr': '<f8'}", 8, "quoted key" },
	/* Types. */
	{ "{'descr': 8, 'fortran_order': False, 'shape': (1,)}", 8, "'descr' is not a string" },
	{ "{'descr': '', 'fortran_order': False, 'shape': (1,)}", 8, "dtype '' is not supported" },
	{ "{'descr': '<', 'fortran_order': False, 'shape': (1,)}", 8,
	  "dtype '<' is not supported" },
	{ "{'descr': '<f16', 'fortran_order': False, 'shape': (1,)}", 16, "floats of this size" },
	{ "{'descr': '<q8', 'fortran_order': False, 'shape': (1,)}", 8, "is not supported" },
	{ "{'descr': '>i2', 'fortran_order': False, 'shape': (1,)}", 2, "astype('<i2')" },
	{ "{'descr': '|V8', 'fortran_order': False, 'shape': (1,)}", 8, "raw records" },
	{ "{'descr': '\x1b[2J', 'fortran_order': False, 'shape': (1,)}", 8, "dtype '?[2J'" },
};

START_TEST(dict_forms)
{
	_cleanup_array_ struct array a = { 0 };
	struct err e = { 0 };
	int r;

	r = read_dict(dicts[_i].dict, dicts[_i].data, &a, &e);
	if (dicts[_i].sentence)
		assert_refused(r, e, dicts[_i].sentence);
	else
		assert_ok(r, e);
}
END_TEST

/* The position of a memfd is shared between processes: reading neither uses nor moves it. */
START_TEST(position_is_left_alone)
{
	_cleanup_close_ int fd = bytes_fd(npy_f64, sizeof(npy_f64) - 1);
	_cleanup_array_ struct array a = { 0 };
	struct err e = { 0 };

	ck_assert_int_eq(lseek(fd, 7, SEEK_SET), 7);
	assert_ok(npy_read(fd, "x.npy", &a, &e), e);
	ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 7);
}
END_TEST

START_TEST(encode_refuses)
{
	struct array a = { .dtype = DT_F64, .ndim = 2, .shape = { SIZE_MAX, 2 } };
	struct err e = { 0 };
	void *buf = NULL;
	size_t size;
	int r;

	r = npy_encode(&a, &buf, &size, &e);
	assert_refused(r, e, "does not fit");
	ck_assert_ptr_null(buf);
}
END_TEST

START_TEST(mutations)
{
	_cleanup_close_ int fd = bytes_fd("", 0);
	uint8_t buf[1024];
	uint64_t state = 1;
	unsigned int accepted = 0;

	for (int i = 0; i < FUZZ_ROUNDS; i++) {
		const struct fixture *f = &good[random_below(&state, ARRAY_SIZE(good))];
		_cleanup_array_ struct array a = { 0 };
		struct err e = { 0 };
		size_t size = f->size;
		int r;

		memcpy(buf, f->bytes, size);
		mutate(buf, &size, sizeof(buf), &state);
		fill_fd(fd, buf, size);
		r = npy_read(fd, "x.npy", &a, &e);
		if (r < 0) {
			assert_clean_refusal(r, &e);
			expect(!a.data);
			continue;
		}
		accepted++;
		expect(a.count * dtype_size(a.dtype) < size);
		for (size_t k = 0; k < a.count; k++)
			array_get(&a, k);
	}
	/* Damage to padding or data is still a file: the fuzz reaches past the header. */
	ck_assert_uint_gt(accepted, FUZZ_ROUNDS / 100);
	ck_assert_uint_lt(accepted, FUZZ_ROUNDS);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("npy");
	TCase *t = tcase_create("npy");

	tcase_set_timeout(t, FUZZ_TIMEOUT);
	tcase_add_loop_test(t, round_trip, 0, (int)ARRAY_SIZE(good));
	tcase_add_test(t, values);
	tcase_add_test(t, later_versions);
	tcase_add_loop_test(t, refused_types, 0, (int)ARRAY_SIZE(refused));
	tcase_add_test(t, truncated_everywhere);
	tcase_add_test(t, trailing_bytes);
	tcase_add_test(t, not_npy);
	tcase_add_test(t, no_file);
	tcase_add_test(t, huge_header);
	tcase_add_loop_test(t, dict_forms, 0, (int)ARRAY_SIZE(dicts));
	tcase_add_test(t, position_is_left_alone);
	tcase_add_test(t, encode_refuses);
	tcase_add_test(t, mutations);
	suite_add_tcase(s, t);
	return run_suite(s);
}
