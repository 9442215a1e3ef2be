// SPDX-License-Identifier: MIT
/* IDX, plain and gzip: sizes are checked first, and nothing may be missing or left over. */
#include <zlib.h>

#include "npy.h"
#include "support.h"

#define ROOM 4096

/* 2 x 3 bytes, as MNIST has them. */
static const char idx_u8[] =
	"\x00\x00\x08\x02\x00\x00\x00\x02\x00\x00\x00\x03\x01\x02\x03\xfd\xfe\xff";
#define IDX_U8_SIZE (sizeof(idx_u8) - 1)

/* printf '\0\0\x08\1\0\0\0\3\7\5\3' | gzip -9n */
static const char idx_gzip[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x63\x60\xe0\x60\x64\x60"
			       "\x60\x60\x66\x67\x65\x06\x00\xfe\x0f\x71\xef\x0b\x00\x00\x00";
#define IDX_GZIP_SIZE (sizeof(idx_gzip) - 1)

static int read_bytes(const void *buf, size_t size, struct array *a, struct err *e)
{
	_cleanup_close_ int fd = bytes_fd(buf, size);

	return idx_read(fd, "x.idx", a, e);
}

/* One gzip member. */
static size_t compress_bytes(const void *from, size_t size, uint8_t *to, size_t room)
{
	z_stream z = { 0 };

	ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	z.next_in = (uint8_t *)from;
	z.avail_in = (unsigned int)size;
	z.next_out = to;
	z.avail_out = (unsigned int)room;
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return room - z.avail_out;
}

static void check_u8(const struct array *a)
{
	ck_assert_int_eq(a->dtype, DT_U8);
	ck_assert_uint_eq(a->ndim, 2);
	ck_assert_uint_eq(a->shape[0], 2);
	ck_assert_uint_eq(a->shape[1], 3);
	ck_assert_mem_eq(a->data, idx_u8 + 12, 6);
}

START_TEST(plain_file)
{
	_cleanup_array_ struct array a = { 0 };
	struct err e = { 0 };

	assert_ok(read_bytes(idx_u8, IDX_U8_SIZE, &a, &e), e);
	check_u8(&a);
}
END_TEST

START_TEST(known_gzip)
{
	_cleanup_array_ struct array a = { 0 };
	struct err e = { 0 };

	assert_ok(read_bytes(idx_gzip, IDX_GZIP_SIZE, &a, &e), e);
	ck_assert_uint_eq(a.ndim, 1);
	ck_assert_uint_eq(a.count, 3);
	ck_assert_mem_eq(a.data, "\x07\x05\x03", 3);
}
END_TEST

START_TEST(made_gzip)
{
	_cleanup_array_ struct array a = { 0 };
	struct err e = { 0 };
	uint8_t buf[ROOM];
	size_t size;

	size = compress_bytes(idx_u8, IDX_U8_SIZE, buf, sizeof(buf));
	assert_ok(read_bytes(buf, size, &a, &e), e);
	check_u8(&a);
}
END_TEST

/* cat a.gz b.gz is a gzip file of both contents; here the cut falls into the header. */
START_TEST(gzip_members)
{
	_cleanup_array_ struct array a = { 0 };
	struct err e = { 0 };
	uint8_t buf[ROOM];
	size_t size;

	size = compress_bytes(idx_u8, 5, buf, sizeof(buf));
	size += compress_bytes(idx_u8 + 5, IDX_U8_SIZE - 5, buf + size, sizeof(buf) - size);
	assert_ok(read_bytes(buf, size, &a, &e), e);
	check_u8(&a);
}
END_TEST

/* More than one buffer of the reader on both sides. */
START_TEST(large_gzip)
{
	const size_t n = 1 << 20, room = n + 4096;
	_cleanup_free_ uint8_t *plain = malloc(n + 8), *packed = malloc(room);
	_cleanup_array_ struct array a = { 0 };
	struct err e = { 0 };
	uint64_t state = 5;

	memcpy(plain, "\x00\x00\x08\x01\x00\x10\x00\x00", 8);
	for (size_t i = 0; i < n; i++)
		plain[8 + i] = (uint8_t)(next_random(&state) & 0x3f);
	assert_ok(read_bytes(packed, compress_bytes(plain, n + 8, packed, room), &a, &e), e);
	ck_assert_uint_eq(a.count, n);
	ck_assert_mem_eq(a.data, plain + 8, n);
}
END_TEST

static const struct {
	const char *bytes;
	size_t size;
	enum dtype dtype;
	double first;
} types[] = {
	{ "\x00\x00\x08\x01\x00\x00\x00\x01\xfe", 9, DT_U8, 254 },
	{ "\x00\x00\x09\x01\x00\x00\x00\x01\xfe", 9, DT_I8, -2 },
	{ "\x00\x00\x0b\x01\x00\x00\x00\x01\xff\x00", 10, DT_I16, -256 },
	{ "\x00\x00\x0c\x01\x00\x00\x00\x01\x00\x01\x00\x02", 12, DT_I32, 65538 },
	{ "\x00\x00\x0d\x01\x00\x00\x00\x01\x3f\xc0\x00\x00", 12, DT_F32, 1.5 },
	{ "\x00\x00\x0e\x01\x00\x00\x00\x01\xbf\xd0\x00\x00\x00\x00\x00\x00", 16, DT_F64, -0.25 },
};

START_TEST(types_are_swapped)
{
	_cleanup_array_ struct array a = { 0 };
	struct err e = { 0 };

	assert_ok(read_bytes(types[_i].bytes, types[_i].size, &a, &e), e);
	ck_assert_int_eq(a.dtype, types[_i].dtype);
	ck_assert_double_eq(array_get(&a, 0), types[_i].first);
}
END_TEST

static const struct {
	const char *bytes;
	size_t size;
	const char *sentence;
} refused[] = {
	{ "", 0, "x.idx: truncated: the IDX header ends after 0 of 4 bytes" },
	{ "\x00\x01\x08\x01\x00\x00\x00\x01\xfe", 9, "not an IDX file; IDX begins with two zero" },
	{ "\x00\x00\x0a\x01\x00\x00\x00\x01\xfe", 9, "IDX type 0x0a is unknown" },
	{ "\x00\x00\x08\x00\xfe", 5, "0 IDX dimensions are not supported" },
	{ "\x00\x00\x08\x05\xfe", 5, "5 IDX dimensions are not supported" },
	{ "\x00\x00\x08\xff\xfe", 5, "255 IDX dimensions are not supported" },
	{ "\x00\x00\x08\x01\x00\x00\x00\x01\xfe\x00", 10, "bytes follow the data" },
	{ "\x00\x00\x08\x01\xff\xff\xff\xff\xfe", 9,
	  "truncated: the IDX header needs 4294967295 bytes of data, the file holds 1" },
	{ "\x00\x00\x0e\x01\xff\xff\xff\xff\xfe", 9, "more than the limit of 4294967296" },
	{ "\x00\x00\x08\x02\xff\xff\xff\xff\xff\xff\xff\xff\xfe", 13, "more than the limit" },
	{ "\x00\x00\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", 17,
	  "does not fit 64 bits" },
	{ "\x00\x00\x08\x04\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 20,
	  "does not fit 64 bits" },
};

START_TEST(refusals)
{
	struct array a = { 0 };
	struct err e = { 0 };
	int r;

	r = read_bytes(refused[_i].bytes, refused[_i].size, &a, &e);
	assert_refused(r, e, refused[_i].sentence);
	ck_assert_ptr_null(a.data);
}
END_TEST

START_TEST(truncated_everywhere)
{
	_cleanup_close_ int fd = bytes_fd("", 0);

	for (size_t size = 0; size < IDX_U8_SIZE; size++) {
		struct array a = { 0 };
		struct err e = { 0 };
		int r;

		fill_fd(fd, idx_u8, size);
		r = idx_read(fd, "x.idx", &a, &e);
		assert_refused(r, e, "truncated");
	}
}
END_TEST

/* The trailer is part of the file: the data may be whole and the check sum missing. */
START_TEST(gzip_truncated_everywhere)
{
	_cleanup_close_ int fd = bytes_fd("", 0);

	for (size_t size = 2; size < IDX_GZIP_SIZE; size++) {
		struct array a = { 0 };
		struct err e = { 0 };
		int r;

		fill_fd(fd, idx_gzip, size);
		r = idx_read(fd, "x.idx", &a, &e);
		assert_refused(r, e, "truncated");
	}
}
END_TEST

START_TEST(gzip_damaged)
{
	struct array a = { 0 };
	struct err e = { 0 };
	uint8_t buf[ROOM];
	size_t size;
	int r;

	/* A wrong check sum. */
	memcpy(buf, idx_gzip, IDX_GZIP_SIZE);
	buf[IDX_GZIP_SIZE - 8] ^= 1;
	r = read_bytes(buf, IDX_GZIP_SIZE, &a, &e);
	assert_refused(r, e, "the gzip data is damaged");

	/* Garbage behind the end, which gzread() would ignore. */
	e = (struct err){ 0 };
	memcpy(buf, idx_gzip, IDX_GZIP_SIZE);
	memcpy(buf + IDX_GZIP_SIZE, "garbage", 7);
	r = read_bytes(buf, IDX_GZIP_SIZE + 7, &a, &e);
	assert_refused(r, e, "the gzip data is damaged");

	/* One byte too many inside. */
	e = (struct err){ 0 };
	memcpy(buf, idx_u8, IDX_U8_SIZE + 1);
	size = compress_bytes(idx_u8, IDX_U8_SIZE + 1, buf, sizeof(buf));
	r = read_bytes(buf, size, &a, &e);
	assert_refused(r, e, "bytes follow the data");

	/* Something else inside. */
	e = (struct err){ 0 };
	size = compress_bytes("\x93NUMPY\x01\x00", 8, buf, sizeof(buf));
	r = read_bytes(buf, size, &a, &e);
	assert_refused(r, e, "not an IDX file inside gzip");
}
END_TEST

/* 2^32 - 1 bytes claimed in a file of 40: refused by deflate's greatest ratio, without memory. */
START_TEST(gzip_bomb_header)
{
	struct array a = { 0 };
	struct err e = { 0 };
	uint8_t buf[ROOM];
	size_t size;
	int r;

	size = compress_bytes("\x00\x00\x08\x01\xff\xff\xff\xff\x00", 9, buf, sizeof(buf));
	r = read_bytes(buf, size, &a, &e);
	assert_refused(r, e,
		       "truncated: the IDX header needs 4294967295 bytes of data, the file "
		       "holds at most");
}
END_TEST

START_TEST(picked_by_content)
{
	static const char npy[] = "\x93NUMPY\x01\x00\x34\x00"
				  "{'descr':'|u1','fortran_order':False,'shape':(1,),}\n\x05";
	_cleanup_array_ struct array a = { 0 }, b = { 0 }, c = { 0 };
	_cleanup_close_ int fd = bytes_fd(npy, sizeof(npy) - 1);
	struct array d = { 0 };
	struct err e = { 0 };
	int r;

	assert_ok(array_read(fd, "x", &a, &e), e);
	ck_assert_int_eq(array_get_int(&a, 0), 5);
	fill_fd(fd, idx_u8, IDX_U8_SIZE);
	assert_ok(array_read(fd, "x", &b, &e), e);
	check_u8(&b);
	fill_fd(fd, idx_gzip, IDX_GZIP_SIZE);
	assert_ok(array_read(fd, "x", &c, &e), e);
	ck_assert_uint_eq(c.count, 3);

	fill_fd(fd, "", 0);
	r = array_read(fd, "x", &d, &e);
	assert_refused(r, e, "x: empty");
	e = (struct err){ 0 };
	fill_fd(fd, "hello", 5);
	r = array_read(fd, "x", &d, &e);
	assert_refused(r, e, "x: neither a .npy nor an IDX file");
	e = (struct err){ 0 };
	fill_fd(fd, "\x93NU", 3);
	r = array_read(fd, "x", &d, &e);
	assert_refused(r, e, "x: truncated");
	e = (struct err){ 0 };
	r = array_read(-1, "x", &d, &e);
	assert_refused(r, e, "x: cannot be examined");
}
END_TEST

static void fuzz(const void *bytes, size_t n, uint64_t seed)
{
	_cleanup_close_ int fd = bytes_fd("", 0);
	uint64_t state = seed;
	uint8_t buf[256];

	for (int i = 0; i < FUZZ_ROUNDS / 2; i++) {
		_cleanup_array_ struct array a = { 0 };
		struct err e = { 0 };
		size_t size = n;
		int r;

		memcpy(buf, bytes, n);
		mutate(buf, &size, sizeof(buf), &state);
		fill_fd(fd, buf, size);
		r = array_read(fd, "x.idx", &a, &e);
		if (r < 0)
			assert_clean_refusal(r, &e);
		else
			expect(a.count * dtype_size(a.dtype) <= 1032 * sizeof(buf));
	}
}

START_TEST(mutations)
{
	fuzz(idx_u8, IDX_U8_SIZE, 2);
	fuzz(idx_gzip, IDX_GZIP_SIZE, 3);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("idx");
	TCase *t = tcase_create("idx");

	tcase_set_timeout(t, FUZZ_TIMEOUT);
	tcase_add_test(t, plain_file);
	tcase_add_test(t, known_gzip);
	tcase_add_test(t, made_gzip);
	tcase_add_test(t, gzip_members);
	tcase_add_test(t, large_gzip);
	tcase_add_loop_test(t, types_are_swapped, 0, (int)ARRAY_SIZE(types));
	tcase_add_loop_test(t, refusals, 0, (int)ARRAY_SIZE(refused));
	tcase_add_test(t, truncated_everywhere);
	tcase_add_test(t, gzip_truncated_everywhere);
	tcase_add_test(t, gzip_damaged);
	tcase_add_test(t, gzip_bomb_header);
	tcase_add_test(t, picked_by_content);
	tcase_add_test(t, mutations);
	suite_add_tcase(s, t);
	return run_suite(s);
}
