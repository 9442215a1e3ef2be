// SPDX-License-Identifier: MIT
/* safetensors: exact bytes, and headers that claim what the file does not hold. */
#include "safetensors.h"

#include "support.h"

/* A file: its length field is computed, the data are n zero bytes. */
static size_t make_file(uint8_t *buf, size_t room, const char *header, size_t n)
{
	uint64_t length = strlen(header);

	ck_assert_uint_le(8 + length + n, room);
	memcpy(buf, &length, 8);
	memcpy(buf + 8, header, length);
	memset(buf + 8 + length, 0, n);
	return 8 + length + n;
}

static int read_bytes(const void *buf, size_t size, struct safetensors *s, struct err *e)
{
	_cleanup_close_ int fd = bytes_fd(buf, size);

	return safetensors_read(fd, "x.safetensors", s, e);
}

static void add(struct safetensors *s, const char *name, enum dtype t, unsigned int ndim,
		const size_t *shape, const void *data)
{
	struct array a = { 0 };
	struct err e = { 0 };

	assert_ok(array_new(&a, t, ndim, shape, &e), e);
	if (a.count)
		memcpy(a.data, data, a.count * dtype_size(t));
	assert_ok(safetensors_add(s, name, &a, &e), e);
	ck_assert_ptr_null(a.data);
}

/* Two tensors and metadata, in an order that sorting would change. */
static void fill(struct safetensors *s)
{
	add(s, "w", DT_F64, 2, (size_t[]){ 1, 2 }, (double[]){ 1.5, -2 });
	add(s, "b", DT_U8, 1, (size_t[]){ 3 }, "\x01\x02\x03");
	s->metadata = json_pack("{s:s, s:s}", "z", "last", "a", "first");
}

static const char expected[] =
	"\x98\x00\x00\x00\x00\x00\x00\x00"
	"{\"__metadata__\":{\"a\":\"first\",\"z\":\"last\"},"
	"\"w\":{\"dtype\":\"F64\",\"shape\":[1,2],\"data_offsets\":[0,16]},"
	"\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[16,19]}} "
	"\x00\x00\x00\x00\x00\x00\xf8\x3f\x00\x00\x00\x00\x00\x00\x00\xc0\x01\x02\x03";

START_TEST(exact_bytes)
{
	_cleanup_(safetensors_free) struct safetensors s = { 0 };
	_cleanup_free_ void *buf = NULL;
	struct err e = { 0 };
	size_t size = 0;

	fill(&s);
	assert_ok(safetensors_encode(&s, &buf, &size, &e), e);
	ck_assert_uint_eq(size, sizeof(expected) - 1);
	ck_assert_mem_eq(buf, expected, size);
}
END_TEST

START_TEST(reading)
{
	_cleanup_(safetensors_free) struct safetensors s = { 0 };
	const struct array *w, *b;
	struct err e = { 0 };

	assert_ok(read_bytes(expected, sizeof(expected) - 1, &s, &e), e);
	ck_assert_uint_eq(s.count, 2);
	ck_assert_str_eq(s.tensors[0].name, "w");
	w = safetensors_get(&s, "w");
	b = safetensors_get(&s, "b");
	ck_assert_ptr_nonnull(w);
	ck_assert_ptr_nonnull(b);
	ck_assert_ptr_null(safetensors_get(&s, "absent"));
	ck_assert_int_eq(w->dtype, DT_F64);
	ck_assert_uint_eq(w->shape[1], 2);
	ck_assert_double_eq(array_get(w, 1), -2);
	ck_assert_int_eq(array_get_int(b, 2), 3);
	ck_assert_str_eq(json_string_value(json_object_get(s.metadata, "a")), "first");
}
END_TEST

/* All types, scalars, empty tensors, and more tensors than the first capacities hold. */
START_TEST(round_trip)
{
	_cleanup_(safetensors_free) struct safetensors s = { 0 }, back = { 0 };
	static const enum dtype wide_first[] = { DT_F64, DT_I64, DT_F32, DT_I32,
						 DT_I16, DT_U8,	 DT_I8,	 DT_BOOL };
	_cleanup_free_ void *buf = NULL, *again = NULL;
	static const uint8_t data[64] = { 1, 0, 1, 1, 0, 1 };
	struct err e = { 0 };
	size_t size = 0, again_size = 0;
	char name[32];

	for (unsigned int i = 0; i < 24; i++) {
		const size_t shapes[3][2] = { { 2, 3 }, { 0, 3 }, { 1, 1 } };

		snprintf(name, sizeof(name), "layer.%u \xc3\xbc", i);
		add(&s, name, wide_first[i / 3], i % 3 == 2 ? 0 : 2, shapes[i % 3], data);
	}
	assert_ok(safetensors_encode(&s, &buf, &size, &e), e);
	assert_ok(read_bytes(buf, size, &back, &e), e);
	ck_assert_uint_eq(back.count, 24);
	for (size_t i = 0; i < s.count; i++) {
		const struct array *a = &s.tensors[i].array;
		const struct array *b = safetensors_get(&back, s.tensors[i].name);

		ck_assert_ptr_nonnull(b);
		ck_assert_int_eq(a->dtype, b->dtype);
		ck_assert_uint_eq(a->ndim, b->ndim);
		ck_assert_mem_eq(a->shape, b->shape, sizeof(a->shape));
		if (a->count)
			ck_assert_mem_eq(a->data, b->data, a->count * dtype_size(a->dtype));
	}
	ck_assert_ptr_null(back.metadata);
	assert_ok(safetensors_encode(&s, &again, &again_size, &e), e);
	ck_assert_uint_eq(again_size, size);
	ck_assert_mem_eq(again, buf, size);
}
END_TEST

START_TEST(empty)
{
	_cleanup_(safetensors_free) struct safetensors s = { 0 }, back = { 0 };
	_cleanup_free_ void *buf = NULL;
	struct err e = { 0 };
	size_t size = 0;

	assert_ok(safetensors_encode(&s, &buf, &size, &e), e);
	ck_assert_uint_eq(size, 16);
	assert_ok(read_bytes(buf, size, &back, &e), e);
	ck_assert_uint_eq(back.count, 0);
}
END_TEST

START_TEST(encode_refuses)
{
	_cleanup_(safetensors_free) struct safetensors twice = { 0 }, narrow = { 0 }, bad = { 0 },
						       meta = { 0 }, reserved = { 0 };
	struct err e = { 0 };
	void *buf = NULL;
	size_t size;
	int r;

	add(&twice, "w", DT_U8, 0, NULL, "");
	add(&twice, "w", DT_U8, 0, NULL, "");
	r = safetensors_encode(&twice, &buf, &size, &e);
	assert_refused(r, e, "w: this tensor name is taken");
	e = (struct err){ 0 };
	add(&narrow, "b", DT_U8, 0, NULL, "");
	add(&narrow, "w", DT_F64, 0, NULL, "\0\0\0\0\0\0\0");
	r = safetensors_encode(&narrow, &buf, &size, &e);
	assert_refused(r, e, "w: misaligned behind narrower tensors; add wide types first");
	e = (struct err){ 0 };
	add(&bad, "\xff", DT_U8, 0, NULL, "");
	r = safetensors_encode(&bad, &buf, &size, &e);
	assert_refused(r, e, "cannot be a tensor's name");
	e = (struct err){ 0 };
	add(&reserved, "__metadata__", DT_U8, 0, NULL, "");
	r = safetensors_encode(&reserved, &buf, &size, &e);
	assert_refused(r, e, "this tensor name is taken");
	e = (struct err){ 0 };
	meta.metadata = json_pack("{s:i}", "epoch", 3);
	r = safetensors_encode(&meta, &buf, &size, &e);
	assert_refused(r, e, "__metadata__.epoch: must be a string");
	ck_assert_ptr_null(buf);
}
END_TEST

#define T(dtype, shape, offsets) \
	"{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define ONE(dtype, shape, offsets) "{\"w\":" T(dtype, shape, offsets) "}"
#define TWO(a, b)		   "{\"a\":" a ",\"b\":" b "}"

static const struct {
	const char *header;
	size_t data;
	const char *sentence; /* NULL: accepted */
} headers[] = {
	{ ONE("F32", "[2]", "[0,8]") "   ", 8, NULL },
	{ ONE("F32", "[]", "[0,4]"), 4, NULL },
	{ TWO(T("U8", "[1]", "[2,3]"), T("U8", "[2]", "[0,2]")), 3, NULL },
	{ "{\"__metadata__\":{}}", 0, NULL },
	{ "", 0, "x.safetensors: safetensors header: empty" },
	{ "{", 0, "safetensors header: line 1, column 1: not valid JSON" },
	{ "[]", 0, "the top level: must be an object" },
	{ "{\"w\":3}", 0, "w: must be an object" },
	{ "{\"w\":{}}", 0, "w.dtype: '' is not supported" },
	{ "{\"w\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, "w.shape: missing" },
	{ "{\"w\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, "w.data_offsets: missing" },
	{ "{\"w\":{\"dtype\":\"U8\",\"shapes\":[1]}}", 1, "w.shapes: unknown key; did you mean" },
	{ "{\"w\":{},\"w\":{}}", 0, "duplicate object key" },
	{ "{\"w\":[[[[[]]]]]}", 0, "nested deeper" },
	{ ONE("BF16", "[1]", "[0,2]"), 2, "w.dtype: 'BF16' is not supported; save the tensor as" },
	{ ONE("f32", "[1]", "[0,4]"), 4, "w.dtype: 'f32' is not supported" },
	{ ONE("F32", "4", "[0,4]"), 4, "w.shape: must be a list" },
	{ ONE("F32", "[-1]", "[0,4]"), 4, "w.shape[0]: must be a whole number" },
	{ ONE("F32", "[1.0]", "[0,4]"), 4, "w.shape[0]: must be a whole number" },
	{ ONE("F32", "[1,1,1,1,1]", "[0,4]"), 4, "w.shape: 5 items are more than the limit of 4" },
	{ ONE("F32", "[1099511627776,1099511627776]", "[0,4]"), 4, "does not fit 64 bits" },
	{ ONE("F32", "[4294967296]", "[0,4]"), 4, "more than the limit of 4294967296" },
	{ ONE("F32", "[2]", "[0,4]"), 4, "4 bytes of data where the shape needs 8" },
	{ ONE("F32", "[1]", "[0,4]"), 3, "lie outside the 3 bytes of data" },
	{ ONE("F32", "[1]", "[4,0]"), 4, "lie outside" },
	{ ONE("F32", "[1]", "[0]"), 4, "w.data_offsets: must be two numbers" },
	{ ONE("F32", "[1]", "[0,4,8]"), 8, "w.data_offsets: 3 items are more" },
	{ ONE("F32", "[1]", "[-4,0]"), 4, "w.data_offsets[0]: must be a whole number" },
	{ ONE("F32", "[1]", "[9223372036854775800,9223372036854775804]"), 4, "lie outside" },
	{ ONE("F32", "[1]", "[0,4]"), 5, "1 bytes follow the last tensor" },
	{ ONE("U8", "[1]", "[1,2]"), 2, "w: its data leave unused bytes before them" },
	{ TWO(T("U8", "[2]", "[0,2]"), T("U8", "[2]", "[1,3]")), 3,
	  "b: its data overlaps another" },
	{ TWO(T("U8", "[1]", "[0,1]"), T("U8", "[1]", "[0,1]")), 1,
	  "b: its data overlaps another" },
	{ TWO(T("U8", "[1]", "[0,1]"), T("F32", "[1]", "[1,5]")), 5, "misaligned for F32" },
	{ "{\"__metadata__\":[]}", 0, "__metadata__: must be an object of strings" },
	{ "{\"__metadata__\":{\"a\":1}}", 0, "__metadata__.a: must be a string" },
};

START_TEST(header_forms)
{
	_cleanup_(safetensors_free) struct safetensors s = { 0 };
	struct err e = { 0 };
	uint8_t buf[1024];
	int r;

	r = read_bytes(buf, make_file(buf, sizeof(buf), headers[_i].header, headers[_i].data), &s,
		       &e);
	if (headers[_i].sentence)
		assert_refused(r, e, headers[_i].sentence);
	else
		assert_ok(r, e);
}
END_TEST

START_TEST(lengths)
{
	struct safetensors s = { 0 };
	struct err e = { 0 };
	int r;

	r = read_bytes("\x01\x00\x00\x01\x00\x00\x00\x00{}", 10, &s, &e);
	assert_refused(r, e, "a header of 16777217 bytes, above the limit of 16777216");
	e = (struct err){ 0 };
	r = read_bytes("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, &s, &e);
	assert_refused(r, e, "not a safetensors file, or a header of 18446744073709551615 bytes");
	e = (struct err){ 0 };
	r = read_bytes("\x03\x00\x00\x00\x00\x00\x00\x00{}", 10, &s, &e);
	assert_refused(r, e, "truncated: 10 bytes end inside the safetensors header");
	e = (struct err){ 0 };
	r = safetensors_read(-1, "x", &s, &e);
	assert_refused(r, e, "x: cannot be examined");
}
END_TEST

START_TEST(truncated_everywhere)
{
	_cleanup_close_ int fd = bytes_fd("", 0);

	for (size_t size = 0; size < sizeof(expected) - 1; size++) {
		struct safetensors s = { 0 };
		struct err e = { 0 };
		int r;

		fill_fd(fd, expected, size);
		r = safetensors_read(fd, "x", &s, &e);
		assert_refused(r, e, "truncated");
		ck_assert_ptr_null(s.tensors);
	}
}
END_TEST

START_TEST(mutations)
{
	_cleanup_close_ int fd = bytes_fd("", 0);
	unsigned int accepted = 0;
	uint64_t state = 6;
	uint8_t buf[512];

	for (int i = 0; i < FUZZ_ROUNDS; i++) {
		_cleanup_(safetensors_free) struct safetensors s = { 0 };
		size_t size = sizeof(expected) - 1, length;
		struct err e = { 0 };
		int r;

		memcpy(buf, expected, size);
		mutate(buf, &size, sizeof(buf), &state);
		/* Half of the time the length field follows, so that damage reaches the header. */
		length = size - MIN(size, (size_t)27);
		if (size > 8 && i % 2)
			memcpy(buf, &length, 8);
		fill_fd(fd, buf, size);
		r = safetensors_read(fd, "x", &s, &e);
		if (r < 0) {
			assert_clean_refusal(r, &e);
			expect(!s.tensors);
			continue;
		}
		accepted++;
		for (size_t k = 0; k < s.count; k++)
			expect(s.tensors[k].array.count <= size);
	}
	ck_assert_uint_gt(accepted, FUZZ_ROUNDS / 1000);
	ck_assert_uint_lt(accepted, FUZZ_ROUNDS);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("safetensors");
	TCase *t = tcase_create("safetensors");

	tcase_set_timeout(t, FUZZ_TIMEOUT);
	tcase_add_test(t, exact_bytes);
	tcase_add_test(t, reading);
	tcase_add_test(t, round_trip);
	tcase_add_test(t, empty);
	tcase_add_test(t, encode_refuses);
	tcase_add_loop_test(t, header_forms, 0, (int)ARRAY_SIZE(headers));
	tcase_add_test(t, lengths);
	tcase_add_test(t, truncated_everywhere);
	tcase_add_test(t, mutations);
	suite_add_tcase(s, t);
	return run_suite(s);
}
