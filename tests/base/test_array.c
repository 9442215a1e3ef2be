// SPDX-License-Identifier: MIT
/* Arrays and the memory helpers below them: sizes, alignment, values at the edges of types. */
#include "array.h"

#include <math.h>

#include "support.h"

START_TEST(alloc)
{
	static const size_t sizes[] = { 0, 1, 63, 64, 65, 4096 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		_cleanup_free_ uint8_t *p = alloc_zeroed(sizes[i], 1);

		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq((uintptr_t)p % 64, 0);
		for (size_t k = 0; k < sizes[i]; k++)
			ck_assert_uint_eq(p[k], 0);
	}
	ck_assert_ptr_null(alloc_zeroed(SIZE_MAX, 2));
	ck_assert_ptr_null(alloc_zeroed(SIZE_MAX, 1));
	ck_assert_ptr_null(alloc_zeroed(SIZE_MAX - 62, 1));
	ck_assert_ptr_null(alloc_zeroed((size_t)1 << 33, (size_t)1 << 33));
}
END_TEST

START_TEST(names)
{
	static const struct {
		enum dtype dtype;
		const char *name;
		size_t size;
	} rows[DT_COUNT] = {
		{ DT_U8, "uint8", 1 },	  { DT_I8, "int8", 1 },	  { DT_I16, "int16", 2 },
		{ DT_I32, "int32", 4 },	  { DT_I64, "int64", 8 }, { DT_F32, "float32", 4 },
		{ DT_F64, "float64", 8 }, { DT_BOOL, "bool", 1 },
	};

	for (size_t i = 0; i < DT_COUNT; i++) {
		ck_assert_str_eq(dtype_name(rows[i].dtype), rows[i].name);
		ck_assert_uint_eq(dtype_size(rows[i].dtype), rows[i].size);
	}
	ck_assert_uint_eq(dtype_size(DT_COUNT), 0);
	ck_assert_str_eq(dtype_name(DT_COUNT), "unknown");
}
END_TEST

START_TEST(new_array)
{
	const size_t shape[] = { 2, 3, 4 };
	_cleanup_array_ struct array a = { 0 }, scalar = { 0 }, none = { 0 };
	struct err e = { 0 };

	assert_ok(array_new(&a, DT_I16, 3, shape, &e), e);
	ck_assert_uint_eq(a.count, 24);
	ck_assert_uint_eq(a.shape[2], 4);
	for (size_t i = 0; i < a.count; i++)
		ck_assert_int_eq(array_get_int(&a, i), 0);
	assert_ok(array_new(&scalar, DT_F64, 0, NULL, &e), e);
	ck_assert_uint_eq(scalar.count, 1);
	assert_ok(array_new(&none, DT_F64, 1, (size_t[]){ 0 }, &e), e);
	ck_assert_uint_eq(none.count, 0);
	ck_assert_ptr_nonnull(none.data);
	array_free(&a);
	ck_assert_ptr_null(a.data);
	ck_assert_uint_eq(a.count, 0);
}
END_TEST

START_TEST(sizes_refused)
{
	const size_t huge[] = { (size_t)1 << 40, (size_t)1 << 40 };
	const size_t hidden[] = { 0, (size_t)1 << 40, (size_t)1 << 40 };
	const size_t above[] = { ((size_t)4 << 30) + 1 };
	const size_t wide[] = { (size_t)1 << 61 };
	const size_t ones[] = { 1, 1, 1, 1, 1 };
	static const struct {
		enum dtype dtype;
		unsigned int ndim;
		int code;
	} rows[] = {
		{ DT_U8, 2, -EOVERFLOW },  { DT_U8, 3, -EOVERFLOW },  { DT_U8, 1, -EFBIG },
		{ DT_F64, 1, -EOVERFLOW }, { DT_U8, 5, -EOPNOTSUPP }, { DT_COUNT, 1, -EINVAL },
	};
	const size_t *shapes[] = { huge, hidden, above, wide, ones, ones };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct array a = { 0 };
		struct err e = { 0 };

		ck_assert_int_eq(array_new(&a, rows[i].dtype, rows[i].ndim, shapes[i], &e),
				 rows[i].code);
		ck_assert_int_eq(e.code, rows[i].code);
		ck_assert_uint_gt(strlen(e.text), 0);
		ck_assert_ptr_null(a.data);
		/* A caller who wants no sentence still gets the code. */
		ck_assert_int_eq(array_new(&a, rows[i].dtype, rows[i].ndim, shapes[i], NULL),
				 rows[i].code);
	}
}
END_TEST

START_TEST(limit_is_allowed)
{
	const size_t most[] = { (size_t)4 << 30 };
	size_t count, bytes;

	ck_assert_int_eq(array_bytes(DT_U8, 1, most, &count, &bytes, NULL), 0);
	ck_assert_uint_eq(bytes, ARRAY_MAX_BYTES);
}
END_TEST

#define CHECK_TYPE(dtype_, type, ...)                                             \
	do {                                                                      \
		type data[] = { __VA_ARGS__ };                                    \
		struct array a = { .dtype = (dtype_), .ndim = 1, .data = data };  \
                                                                                  \
		for (size_t i = 0; i < ARRAY_SIZE(data); i++) {                   \
			ck_assert_double_eq(array_get(&a, i), (double)data[i]);   \
			ck_assert_int_eq(array_get_int(&a, i), (int64_t)data[i]); \
		}                                                                 \
	} while (0)

START_TEST(elements)
{
	CHECK_TYPE(DT_U8, uint8_t, 0, 255);
	CHECK_TYPE(DT_I8, int8_t, INT8_MIN, INT8_MAX);
	CHECK_TYPE(DT_I16, int16_t, INT16_MIN, INT16_MAX);
	CHECK_TYPE(DT_I32, int32_t, INT32_MIN, INT32_MAX);
	CHECK_TYPE(DT_I64, int64_t, INT64_MIN, 5, INT64_MAX);
	CHECK_TYPE(DT_F32, float, -1.75f, 2.5f);
	CHECK_TYPE(DT_F64, double, -1.75, 1e15);
	CHECK_TYPE(DT_BOOL, uint8_t, 0, 1);
}
END_TEST

START_TEST(floats_saturate)
{
	double data[] = { NAN, INFINITY, -INFINITY, 0x1p63, -0x1p63, -0x1.1p63, 1e300 };
	const int64_t expected[] = { 0,		INT64_MAX, INT64_MIN, INT64_MAX,
				     INT64_MIN, INT64_MIN, INT64_MAX };
	struct array a = { .dtype = DT_F64, .ndim = 1, .data = data };

	for (size_t i = 0; i < ARRAY_SIZE(data); i++)
		ck_assert_int_eq(array_get_int(&a, i), expected[i]);
}
END_TEST

START_TEST(bool_is_zero_or_one)
{
	uint8_t data[] = { 0, 1, 2, 255 };
	struct array a = { .dtype = DT_BOOL, .ndim = 1, .data = data };

	for (size_t i = 0; i < ARRAY_SIZE(data); i++) {
		ck_assert_int_eq(array_get_int(&a, i), i > 0);
		ck_assert_double_eq(array_get(&a, i), i > 0);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("array");
	TCase *t = tcase_create("array");

	tcase_add_test(t, alloc);
	tcase_add_test(t, names);
	tcase_add_test(t, new_array);
	tcase_add_test(t, sizes_refused);
	tcase_add_test(t, limit_is_allowed);
	tcase_add_test(t, elements);
	tcase_add_test(t, floats_saturate);
	tcase_add_test(t, bool_is_zero_or_one);
	suite_add_tcase(s, t);
	return run_suite(s);
}
