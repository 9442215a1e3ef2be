// SPDX-License-Identifier: MIT
/* Job numbers, ranges, arrays of values: what is taken, what is refused, and with which words. */
#include <string.h>

#include "ids.h"
#include "queueing.h"
#include "run_cases.h"

static const struct {
	const char *text, *key, *values; /* values NULL: refused with key as the needle */
} arrays[] = {
	{ "seed=1..3", "seed", "[1,2,3]" },
	{ "seed=-1..1", "seed", "[-1,0,1]" },
	{ "seed=5..5", "seed", "[5]" },
	{ "optimizer.rate=0.1,0.01,1e-3", "optimizer.rate", "[0.10000000000000001,0.01,0.001]" },
	{ "device.name=pbit0,embedded0", "device.name", "[\"pbit0\",\"embedded0\"]" },
	{ "x=true,7,\"7\",a b", "x", "[true,7,\"7\",\"a b\"]" },
	{ "name=[\"a,b\", \"c\"]", "name", "[\"a,b\",\"c\"]" },
	{ "x=a=b", "x", "[\"a=b\"]" },
	{ "x=null", "x", "[\"null\"]" },
	{ "x=a..b", "x", "[\"a..b\"]" },
	{ "x=1..2..3", "x", "[\"1..2..3\"]" },
	{ "seed", "is not KEY=VALUES", NULL },
	{ "=1", "is not KEY=VALUES", NULL },
	{ "seed=", "is not KEY=VALUES", NULL },
	{ "seed=1,,2", "a value is missing", NULL },
	{ "seed=1,", "a value is missing", NULL },
	{ "seed=[]", "0 values", NULL },
	{ "seed=3..1", "'3..1' ends before it begins", NULL },
	{ "seed=1..1001", "is more than 1000 jobs", NULL },
	{ "seed=-9223372036854775808..9223372036854775807", "is more than 1000 jobs", NULL },
	{ "x=\xff", "not UTF-8", NULL },
};

START_TEST(test_arrays)
{
	_cleanup_free_ char *key = NULL, *values = NULL;
	struct err e = { 0 };
	size_t count = 77;
	int r = queueing_parse_array(arrays[_i].text, &key, &values, &count, &e);

	if (!arrays[_i].values) {
		ck_assert_int_eq(r, -EINVAL);
		ck_assert_msg(strstr(e.text, arrays[_i].key), "'%s'", e.text);
		ck_assert(!key && !values && count == 77);
		return;
	}
	ck_assert_msg(r == 0, "%s", e.text);
	ck_assert_str_eq(key, arrays[_i].key);
	ck_assert_str_eq(values, arrays[_i].values);
}
END_TEST

START_TEST(test_longest_array)
{
	_cleanup_free_ char *key = NULL, *values = NULL;
	size_t count = 0;

	ck_assert_int_eq(queueing_parse_array("seed=1..1000", &key, &values, &count, NULL), 0);
	ck_assert_uint_eq(count, 1000);
}
END_TEST

START_TEST(test_options)
{
	struct queueing q = { .band = "low",
			      .time = "10m",
			      .hold = true,
			      .after = { 2, { "3,5", "8" } },
			      .after_any = { 1, { "9" } } };
	_cleanup_queueing_ struct queueing_options o = { 0 };
	struct err e = { 0 };
	int r = queueing_parse(&q, &o, &e);

	ck_assert_msg(r == 0, "%s", e.text);
	ck_assert_uint_eq(o.options.size, sizeof(o.options));
	ck_assert_str_eq(o.options.band, "low");
	ck_assert_uint_eq(o.options.time_limit, 600);
	ck_assert_int_eq(o.options.hold, 1);
	ck_assert_uint_eq(o.options.n_after_ok, 3);
	ck_assert_uint_eq(o.options.after_ok[2], 8);
	ck_assert_uint_eq(o.options.n_after_any, 1);
	ck_assert_uint_eq(o.options.after_any[0], 9);
	ck_assert_ptr_null(o.options.array_key);
}
END_TEST

static const struct {
	struct queueing q;
	const char *needle;
} refused[] = {
	{ { .band = "urgent" }, "--band: 'urgent' is none; there are low, normal and high" },
	{ { .time = "0" }, "--time: '0' is not between" },
	{ { .time = "1000000d" }, "--time: '1000000d' is no time span" },
	{ { .after = { 1, { "x" } } }, "--after: 'x' is not a job number" },
	{ { .after = { 1, { "3-5" } } }, "--after: '3-5' is not a job number" },
	{ { .after = { 1, { "3," } } }, "--after: '3,' is not a job number" },
	{ { .after_any = { 1, { "0" } } }, "--after-any: '0' is not a job number" },
	{ { .array = "seed" }, "--array: 'seed' is not KEY=VALUES" },
};

START_TEST(test_options_refused)
{
	_cleanup_queueing_ struct queueing_options o = { 0 };
	struct err e = { 0 };

	ck_assert_int_eq(queueing_parse(&refused[_i].q, &o, &e), -EINVAL);
	ck_assert_msg(strstr(e.text, refused[_i].needle), "'%s'", e.text);
}
END_TEST

START_TEST(test_too_many_predecessors)
{
	uint64_t ids[4];
	struct err e = { 0 };
	size_t n = 2;

	ck_assert_int_eq(ids_parse_list("--after", "7,8", 4, ids, &n, &e), 0);
	ck_assert_uint_eq(n, 4);
	ck_assert_int_eq(ids_parse_list("--after", "9", 4, ids, &n, &e), -EINVAL);
	ck_assert_uint_eq(n, 4);
}
END_TEST

START_TEST(test_ids)
{
	_cleanup_ids_ struct id_ranges r = { 0 };

	ck_assert_int_eq(ids_parse("12-111", &r, NULL), 0);
	ck_assert_int_eq(ids_parse("13,5-5,18446744073709551615", &r, NULL), 0);
	ck_assert_uint_eq(r.count, 4);
	ck_assert(r.range[0].range && r.range[0].first == 12 && r.range[0].last == 111);
	ck_assert(!r.range[1].range && r.range[1].first == 13 && r.range[1].last == 13);
	ck_assert(r.range[2].range && r.range[2].first == 5 && r.range[2].last == 5);
	ck_assert(r.range[3].first == UINT64_MAX);
}
END_TEST

START_TEST(test_ids_refused)
{
	static const char *const texts[] = { "",
					     "x",
					     "0",
					     "-1",
					     "5-",
					     "5-x",
					     "1.5",
					     "5--7",
					     "1,2,",
					     ",1",
					     "18446744073709551616",
					     "7-5",
					     "5 6" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_ids_ struct id_ranges r = { 0 };
		struct err e = { 0 };

		ck_assert_msg(ids_parse(texts[i], &r, &e) == -EINVAL, "'%s' was taken", texts[i]);
		ck_assert_msg(strstr(e.text, "is not a job number") ||
				      strstr(e.text, "ends before it begins"),
			      "%s", e.text);
	}
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_loop_test(t, test_arrays, 0, (int)ARRAY_SIZE(arrays));
	tcase_add_test(t, test_longest_array);
	tcase_add_test(t, test_options);
	tcase_add_loop_test(t, test_options_refused, 0, (int)ARRAY_SIZE(refused));
	tcase_add_test(t, test_too_many_predecessors);
	tcase_add_test(t, test_ids);
	tcase_add_test(t, test_ids_refused);
}

int main(void)
{
	return run_cases("queueing", add_tests);
}
