// SPDX-License-Identifier: MIT
/* Nothing that a stranger wrote moves the cursor; tables stay aligned whatever is in them. */
#include <locale.h>
#include <string.h>

#include "run_cases.h"
#include "table.h"
#include "terminal.h"

static void utf8(void)
{
	ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
	ck_assert(terminal_utf8());
}

static void assert_text(const char *from, const char *to)
{
	_cleanup_free_ char *text = terminal_text(from);

	ck_assert_str_eq(text, to);
}

START_TEST(test_text_utf8)
{
	utf8();
	assert_text("plain ~ text", "plain ~ text");
	assert_text("\033[2J\r\n\t\a\177", "?[2J?????");
	assert_text("Gr\xc3\xbc\xc3\x9f"
		    "e \xcf\x84 \xe2\x96\x88",
		    "Gr\xc3\xbc\xc3\x9f"
		    "e \xcf\x84 \xe2\x96\x88");
	/* C1: CSI as one character, and as a bare byte. */
	assert_text("\xc2\x9b"
		    "2J",
		    "?2J");
	assert_text("\x9b"
		    "2J",
		    "?2J");
	/* Right-to-left override, zero-width space, line separator, tag. */
	assert_text("a\xe2\x80\xae"
		    "b",
		    "a?b");
	assert_text("\xe2\x80\x8b\xe2\x80\xa8\xf3\xa0\x80\xa1", "???");
	/* Overlong slash, surrogate, above U+10FFFF, cut off. */
	assert_text("\xc0\xaf", "??");
	assert_text("\xed\xa0\x80", "???");
	assert_text("\xf4\x90\x80\x80", "????");
	assert_text("x\xe2\x96", "x??");
}
END_TEST

START_TEST(test_text_ascii)
{
	ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C"));
	ck_assert(!terminal_utf8());
	assert_text("Gr\xc3\xbc\xc3\x9f"
		    "e",
		    "Gr??e");
	assert_text("\xe2\x96\x88\033", "??");
}
END_TEST

START_TEST(test_columns)
{
	setenv("COLUMNS", "33", 1);
	ck_assert_uint_eq(terminal_columns(), 33);
	setenv("COLUMNS", "0", 1);
	ck_assert_uint_ne(terminal_columns(), 0);
	setenv("COLUMNS", "12x", 1);
	ck_assert_uint_ne(terminal_columns(), 12);
	setenv("COLUMNS", "99999999999999999999", 1);
	ck_assert_uint_le(terminal_columns(), 10000);
}
END_TEST

START_TEST(test_table)
{
	static const char *const headings[] = { ">id", "name", "why", NULL };
	_cleanup_table_ struct table t = { 0 };
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f;

	utf8();
	table_begin(&t, headings);
	table_cell(&t, "%d", 7);
	table_cell(&t, "\xe6\xbc\xa2\xc3\xbc"); /* two columns, and one */
	table_cell(&t, "x");
	table_cell(&t, "%d", 1234);
	table_cell(&t, "b\n\033");
	table_cell(&t, "%s", "");
	f = open_memstream(&text, &size);
	ck_assert_int_eq(table_print(&t, "  ", f), 0);
	fclose(f);
	ck_assert_str_eq(text, "    id  name  why\n"
			       "     7  \xe6\xbc\xa2\xc3\xbc   x\n"
			       "  1234  b??\n");
}
END_TEST

static void assert_cut(const char *from, unsigned int columns, const char *to)
{
	_cleanup_free_ char *text = terminal_cut(from, columns);

	ck_assert_str_eq(text, to);
	ck_assert_uint_le(terminal_width(text), MAX(columns, 1u));
}

START_TEST(test_cut)
{
	utf8();
	assert_cut("", 1, "");
	assert_cut("abcd", 4, "abcd");
	assert_cut("abcde", 4, "abc\u2026");
	assert_cut("abcde", 1, "\u2026");
	/* Two columns each: no half of one is left. */
	assert_cut("\u6f22\u6f22\u6f22", 6, "\u6f22\u6f22\u6f22");
	assert_cut("\u6f22\u6f22\u6f22", 5, "\u6f22\u6f22\u2026");
	assert_cut("\u6f22\u6f22\u6f22", 4, "\u6f22\u2026");
	ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C"));
	assert_cut("abcde", 4, "abc~");
}
END_TEST

static void assert_table(struct table *t, unsigned int width, const char *want)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	t->width = width;
	ck_assert_int_eq(table_print(t, "", f), 0);
	fclose(f);
	ck_assert_str_eq(text, want);
}

START_TEST(test_table_in_a_width)
{
	static const char *const headings[] = { ">id", "~name", "why", NULL };
	_cleanup_table_ struct table t = { 0 };

	utf8();
	table_begin(&t, headings);
	table_cell(&t, "7");
	table_cell(&t, "a name that is long");
	table_cell(&t, "waits for a device: pbit0 is busy");
	table_cell(&t, "1234");
	table_cell(&t, "b");
	table_cell(&t, "%s", "");
	assert_table(&t, 0,
		     "  id  name                 why\n"
		     "   7  a name that is long  waits for a device: pbit0 is busy\n"
		     "1234  b\n");
	/* Exactly enough, and one less. */
	assert_table(&t, 60,
		     "  id  name                 why\n"
		     "   7  a name that is long  waits for a device: pbit0 is busy\n"
		     "1234  b\n");
	assert_table(&t, 59,
		     "  id  name                 why\n"
		     "   7  a name that is long  waits for a device: pbit0 is\n"
		     "                           busy\n"
		     "1234  b\n");
	/* The last column keeps 24, the name gives way. */
	assert_table(&t, 44,
		     "  id  name          why\n"
		     "   7  a name that\u2026  waits for a device:\n"
		     "                    pbit0 is busy\n"
		     "1234  b\n");
	/* No room beside: below. */
	assert_table(&t, 30,
		     "  id  name\n"
		     "   7  a name \u2026\n"
		     "    waits for a device: pbit0\n"
		     "    is busy\n"
		     "1234  b\n");
}
END_TEST

START_TEST(test_table_breaks_long_words)
{
	static const char *const headings[] = { "id", "why", NULL };
	_cleanup_table_ struct table t = { 0 };

	utf8();
	table_begin(&t, headings);
	table_cell(&t, "7");
	table_cell(&t, "abcdefghijklmnopqrstuvwxyzabcdefghij \u6f22\u6f22");
	assert_table(&t, 30,
		     "id  why\n"
		     "7   abcdefghijklmnopqrstuvwxyz\n"
		     "    abcdefghij \u6f22\u6f22\n");
}
END_TEST

START_TEST(test_picture_ascii)
{
	static const uint8_t pixels[] = { 0, 255, 0, 255, 128, 0 };
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f;

	ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C"));
	f = open_memstream(&text, &size);
	ck_assert(terminal_picture(f, pixels, 2, 3));
	fclose(f);
	ck_assert_str_eq(text, " @\n= \n");
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t, test_text_utf8);
	tcase_add_test(t, test_text_ascii);
	tcase_add_test(t, test_columns);
	tcase_add_test(t, test_table);
	tcase_add_test(t, test_cut);
	tcase_add_test(t, test_table_in_a_width);
	tcase_add_test(t, test_table_breaks_long_words);
	tcase_add_test(t, test_picture_ascii);
}

int main(void)
{
	return run_cases("terminal", add_tests);
}
