// SPDX-License-Identifier: MIT
/* Durations and times as people write them, in a zone with summer time. */
#include <string.h>

#include "run_cases.h"
#include "when.h"

#define SECOND INT64_C(1000000)

static const struct {
	const char *text;
	int64_t seconds; /* -1: refused */
} durations[] = {
	{ "0", 0 },
	{ "90", 90 },
	{ "90s", 90 },
	{ "10m", 600 },
	{ "2h", 7200 },
	{ "7d", 604800 },
	{ "2w", 1209600 },
	{ "1h30m", 5400 },
	{ "1d1h1m1s", 90061 },
	{ "36500d", 3153600000 },
	{ "36501d", -1 },
	{ "", -1 },
	{ "m", -1 },
	{ "-5", -1 },
	{ "+5", -1 },
	{ "5x", -1 },
	{ "1h30", -1 },
	{ "1.5h", -1 },
	{ " 5", -1 },
	{ "5 m", -1 },
	{ "18446744073709551615", -1 },
	{ "99999999999999999999", -1 },
	{ "18446744073709551615w", -1 },
};

START_TEST(test_durations)
{
	for (size_t i = 0; i < ARRAY_SIZE(durations); i++) {
		uint64_t seconds = 77;
		struct err e = { 0 };
		int r = when_duration("--time", durations[i].text, &seconds, &e);

		if (durations[i].seconds >= 0) {
			ck_assert_msg(r == 0, "'%s': %s", durations[i].text, e.text);
			ck_assert_int_eq((int64_t)seconds, durations[i].seconds);
			continue;
		}
		ck_assert_msg(r == -EINVAL, "'%s' was taken", durations[i].text);
		ck_assert_uint_eq(seconds, 77);
		ck_assert_ptr_nonnull(strstr(e.text, "--time: '"));
		ck_assert_ptr_nonnull(strstr(e.text, "is no time span"));
	}
}
END_TEST

/* 2026-11-24 12:00:00 in Berlin, winter: UTC + 1 h. */
#define NOON 1795518000

static void berlin(void)
{
	/* Written out, so that no zone file is needed. */
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
}

static const struct {
	const char *text;
	int64_t time, since; /* seconds from noon; INT64_MIN: refused */
} times[] = {
	{ "now", 0, 0 },
	{ "+2h", 7200, INT64_MIN },
	{ "+", INT64_MIN, INT64_MIN },
	{ "7d", INT64_MIN, -604800 },
	{ "90", INT64_MIN, -90 },
	{ "13:00", 3600, -23 * 3600 },
	{ "11:30", 23 * 3600 + 1800, -1800 },
	{ "12:00", 24 * 3600, 0 },
	{ "24:00", INT64_MIN, INT64_MIN },
	{ "12:60", INT64_MIN, INT64_MIN },
	{ "2026-11-25", 12 * 3600, 12 * 3600 },
	{ "2026-11-24 18:00", 6 * 3600, 6 * 3600 },
	{ "2026-11-24T18:00", 6 * 3600, 6 * 3600 },
	{ "2026-11-24 12:00:07", 7, 7 },
	/* Summer: an hour less. */
	{ "2026-07-01 12:00", -(146 * 86400 + 3600), -(146 * 86400 + 3600) },
	{ "2026-02-31", INT64_MIN, INT64_MIN },
	{ "2026-13-01", INT64_MIN, INT64_MIN },
	{ "26-11-24", INT64_MIN, INT64_MIN },
	{ "1969-12-01", INT64_MIN, INT64_MIN },
	{ "tomorrow", INT64_MIN, INT64_MIN },
	{ "2026-11-24 18:00 ", INT64_MIN, INT64_MIN },
	{ "", INT64_MIN, INT64_MIN },
};

static void check_time(const char *text, int r, int64_t got, int64_t want, const struct err *e)
{
	if (want == INT64_MIN) {
		ck_assert_msg(r == -EINVAL, "'%s' was taken as %lld", text,
			      (long long)(got / SECOND - NOON));
		ck_assert_int_eq(got, 77);
		ck_assert_ptr_nonnull(strstr(e->text, "is no time; write"));
		return;
	}
	ck_assert_msg(r == 0, "'%s': %s", text, e->text);
	ck_assert_msg(got == (NOON + want) * SECOND, "'%s' is %lld", text,
		      (long long)(got / SECOND - NOON));
}

START_TEST(test_times)
{
	berlin();
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		struct err e = { 0 }, f = { 0 };
		int64_t us = 77, since = 77;
		int r = when_time("--from", times[i].text, NOON, &us, &e);

		check_time(times[i].text, r, us, times[i].time, &e);
		r = when_since("--since", times[i].text, NOON, &since, &f);
		check_time(times[i].text, r, since, times[i].since, &f);
	}
}
END_TEST

/* On the days when the clocks change, 18:00 is still 18:00. */
START_TEST(test_change_of_clocks)
{
	int64_t us = 0;

	berlin();
	/* 2026-03-28 19:00 in Berlin; the next day has 23 hours. */
	ck_assert_int_eq(when_time("--from", "18:00", 1774720800, &us, NULL), 0);
	ck_assert_int_eq(us, (1774720800 + 22 * 3600) * SECOND);
	/* 2026-10-24 19:00; the next day has 25. */
	ck_assert_int_eq(when_time("--from", "18:00", 1792861200, &us, NULL), 0);
	ck_assert_int_eq(us, (1792861200 + 24 * 3600) * SECOND);
}
END_TEST

START_TEST(test_text)
{
	char buf[WHEN_TEXT];

	berlin();
	ck_assert_str_eq(when_text(buf, NOON * SECOND), "2026-11-24 12:00:00");
	ck_assert_str_eq(when_text(buf, 0), "-");
	ck_assert_str_eq(when_text(buf, INT64_MAX), "294247-01-10 05:00:54");
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t, test_durations);
	tcase_add_test(t, test_times);
	tcase_add_test(t, test_change_of_clocks);
	tcase_add_test(t, test_text);
}

int main(void)
{
	return run_cases("when", add_tests);
}
