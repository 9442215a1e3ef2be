// SPDX-License-Identifier: MIT
/* Sentences: the first stays, hostile bytes are defused, long ones are cut and stay UTF-8. */
#include "err.h"

#include "support.h"

START_TEST(set)
{
	struct err e = { 0 };

	ck_assert_int_eq(err_set(&e, -EINVAL, "%s: %d is wrong", "x.y", 7), -EINVAL);
	ck_assert_int_eq(e.code, -EINVAL);
	ck_assert_str_eq(e.text, "x.y: 7 is wrong");
	/* The first error is the cause; what follows from it is not. */
	ck_assert_int_eq(err_set(&e, -EIO, "later"), -EIO);
	ck_assert_int_eq(e.code, -EINVAL);
	ck_assert_str_eq(e.text, "x.y: 7 is wrong");
}
END_TEST

START_TEST(null)
{
	ck_assert_int_eq(err_set(NULL, -EINVAL, "%d", 1), -EINVAL);
	ck_assert_int_eq(err_oom(NULL), -ENOMEM);
	ck_assert_int_eq(err_prefix(NULL, "x"), 0);
}
END_TEST

START_TEST(oom)
{
	struct err e = { 0 };

	ck_assert_int_eq(err_oom(&e), -ENOMEM);
	ck_assert_int_eq(e.code, -ENOMEM);
	ck_assert_ptr_nonnull(strstr(e.text, "out of memory"));
}
END_TEST

START_TEST(prefix)
{
	struct err e = { 0 };

	err_set(&e, -EINVAL, "truncated");
	ck_assert_int_eq(err_prefix(&e, "a.npy"), -EINVAL);
	ck_assert_str_eq(e.text, "a.npy: truncated");
	err_prefix(&e, "data.images");
	ck_assert_str_eq(e.text, "data.images: a.npy: truncated");
}
END_TEST

static const struct {
	const char *from;
	const char *to;
} hostile[] = {
	{ "a\x1b[2Jb", "a?[2Jb" },
	{ "a\nb\rc\td", "a?b?c?d" },
	{ "\x7f", "?" },
	{ "Gr\xc3\xbc\xc3\x9f", "Gr\xc3\xbc\xc3\x9f" }, /* UTF-8 stays */
	{ "a\xef\xbf\xbe \xef\xbf\xbf \xef\xb7\x90 \xef\xb7\xaf",
	  "a??? ??? ??? ???" }, /* noncharacters */
	{ "\xf0\x9f\xbf\xbe \xf4\x8f\xbf\xbf", "???? ????" },
	{ "\xef\xbf\xbd \xef\xb7\x8f \xef\xb7\xb0 \xf0\x9f\xbf\xbd \xee\xbf\xbf \xf0\xa0\xbf\xbf",
	  "\xef\xbf\xbd \xef\xb7\x8f \xef\xb7\xb0 \xf0\x9f\xbf\xbd \xee\xbf\xbf \xf0\xa0\xbf\xbf" },
	{ "\xe2\x82\xac \xf0\x9f\x98\x80", "\xe2\x82\xac \xf0\x9f\x98\x80" },
	{ "a\xc2\x9b"
	  "2Jb",
	  "a??2Jb" }, /* CSI as a C1 control */
	{ "\xff\xfe", "??" },
	{ "\xc3", "?" },
	{ "\xc0\xaf", "??" },		/* overlong */
	{ "\xe0\x80\xaf", "???" },	/* overlong */
	{ "\xed\xa0\x80", "???" },	/* surrogate */
	{ "\xf4\x90\x80\x80", "????" }, /* beyond U+10FFFF */
	{ "\xe2\x82", "??" },
};

START_TEST(defused)
{
	struct err e = { 0 }, prefixed = { 0 };
	char expected[64];

	err_set(&e, -EINVAL, "%s", hostile[_i].from);
	ck_assert_str_eq(e.text, hostile[_i].to);
	err_set(&prefixed, -EINVAL, "x");
	err_prefix(&prefixed, hostile[_i].from);
	snprintf(expected, sizeof(expected), "%s: x", hostile[_i].to);
	ck_assert_str_eq(prefixed.text, expected);
}
END_TEST

/* At every alignment of the cut to a three-byte character. */
START_TEST(cut_is_utf8)
{
	for (unsigned int shift = 0; shift < 3; shift++) {
		char text[1024] = { 0 };
		struct err e = { 0 };

		memset(text, 'a', shift);
		for (size_t i = shift; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "\xe2\x82\xac", 3);
		err_set(&e, -EINVAL, "%s", text);
		ck_assert_uint_eq(strlen(e.text), sizeof(e.text) - 1);
		for (const char *p = e.text + shift; *p && *p != '?'; p += 3)
			ck_assert_mem_eq(p, "\xe2\x82\xac", 3);
	}
}
END_TEST

START_TEST(long_prefix)
{
	struct err e = { 0 };
	char place[2048] = { 0 };

	memset(place, 'p', sizeof(place) - 1);
	err_set(&e, -EINVAL, "the sentence");
	err_prefix(&e, place);
	ck_assert_ptr_nonnull(strstr(e.text, "ppp: the sentence"));
	for (int i = 0; i < 100; i++)
		err_prefix(&e, place);
	ck_assert_uint_lt(strlen(e.text), sizeof(e.text));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("err");
	TCase *t = tcase_create("err");

	tcase_add_test(t, set);
	tcase_add_test(t, null);
	tcase_add_test(t, oom);
	tcase_add_test(t, prefix);
	tcase_add_loop_test(t, defused, 0, (int)ARRAY_SIZE(hostile));
	tcase_add_test(t, cut_is_utf8);
	tcase_add_test(t, long_prefix);
	suite_add_tcase(s, t);
	return run_suite(s);
}
