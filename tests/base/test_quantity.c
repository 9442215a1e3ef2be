// SPDX-License-Identifier: MIT
/* Numbers with units. */
#include "quantity.h"

#include "support.h"

struct row {
	const char *text;
	int r;
	uint64_t value;
};

static const struct row numbers[] = {
	{ "0", 0, 0 },
	{ "1024", 0, 1024 },
	{ "18446744073709551615", 0, UINT64_MAX },
	{ "18446744073709551616", -ERANGE, 0 },
	{ "", -EINVAL, 0 },
	{ "-1", -EINVAL, 0 },
	{ "+1", -EINVAL, 0 },
	{ "1s", -EINVAL, 0 },
	{ "1.5", -EINVAL, 0 },
	{ "0x10", -EINVAL, 0 },
};

static const struct row durations[] = {
	{ "90", 0, 90000000 },	      { "90s", 0, 90000000 },
	{ "90 s", 0, 90000000 },      { "10min", 0, 600000000 },
	{ "10m", 0, 600000000 },      { "2h", 0, 7200000000 },
	{ "7d", 0, 604800000000 },    { "1w", 0, 604800000000 },
	{ "213503983w", -ERANGE, 0 }, { "99999999999999999999s", -ERANGE, 0 },
	{ "1h30", -EINVAL, 0 },	      { "s", -EINVAL, 0 },
	{ "1S", -EINVAL, 0 },
};

static const struct row sizes[] = {
	{ "4096", 0, 4096 },
	{ "1K", 0, 1024 },
	{ "512M", 0, (uint64_t)512 << 20 },
	{ "4G", 0, (uint64_t)4 << 30 },
	{ "2T", 0, (uint64_t)2 << 40 },
	{ "16777216T", -ERANGE, 0 },
	{ "4g", -EINVAL, 0 },
	{ "4GB", -EINVAL, 0 },
};

static void check(int (*parse)(const char *, uint64_t *), const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t value = 7;

		ck_assert_msg(parse(rows[i].text, &value) == rows[i].r, "'%s'", rows[i].text);
		ck_assert_msg(value == (rows[i].r ? 7 : rows[i].value), "'%s': %ju", rows[i].text,
			      (uintmax_t)value);
	}
}

START_TEST(test_all)
{
	check(quantity_number, numbers, ARRAY_SIZE(numbers));
	check(quantity_duration, durations, ARRAY_SIZE(durations));
	check(quantity_bytes, sizes, ARRAY_SIZE(sizes));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("quantity");
	TCase *t = tcase_create("texts");

	tcase_add_test(t, test_all);
	suite_add_tcase(s, t);
	return run_suite(s);
}
