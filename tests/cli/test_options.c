// SPDX-License-Identifier: MIT
/* Options: what is taken, what is refused, and with which words. */
#include <string.h>

#include "options.h"
#include "run_cases.h"

struct values {
	bool json, watch;
	const char *dir;
	struct option_uint threads, seed;
	struct option_real beta;
	struct option_list set;
};

static const struct option_row rows[] = {
	{ 'j', "json", OPTION_FLAG, offsetof(struct values, json), NULL, "" },
	{ 'w', "watch", OPTION_FLAG, offsetof(struct values, watch), NULL, "" },
	{ 'o', "output", OPTION_STRING, offsetof(struct values, dir), "DIR", "" },
	{ 0, "threads", OPTION_UINT, offsetof(struct values, threads), "N", "" },
	{ 0, "seed", OPTION_UINT, offsetof(struct values, seed), "N", "" },
	{ 0, "beta", OPTION_REAL, offsetof(struct values, beta), "B", "" },
	{ 0, "set", OPTION_LIST, offsetof(struct values, set), "K=V", "" },
	{ 0 },
};

struct outcome {
	struct values v;
	struct err e;
	int r, first, argc;
	bool help;
	char *argv[32];
};

typedef int (*parse_fn)(const struct option_row *rows, int argc, char **argv, void *block,
			int *ret_first, bool *ret_help, struct err *e);

/* words: split at blanks. */
static struct outcome parse_by(parse_fn fn, const char *words)
{
	static char buf[512];
	struct outcome o = { .argv = { (char *)"command" }, .argc = 1 };

	snprintf(buf, sizeof(buf), "%s", words);
	for (char *w = strtok(buf, " "); w; w = strtok(NULL, " "))
		o.argv[o.argc++] = w;
	o.r = fn(rows, o.argc, o.argv, &o.v, &o.first, &o.help, &o.e);
	return o;
}

static struct outcome parse(const char *words)
{
	return parse_by(options_parse, words);
}

/* What follows the first operand is not its own, whatever it looks like. */
START_TEST(test_leading)
{
	struct outcome o = parse_by(options_parse_leading, "-w --threads 4 run --json -Z -- x");

	ck_assert_msg(o.r == 0, "%s", o.e.text);
	ck_assert(o.v.watch && o.v.threads.value == 4 && !o.v.json);
	ck_assert_int_eq(o.first, 4);
	ck_assert_str_eq(o.argv[o.first], "run");
	o = parse_by(options_parse_leading, "--json -- -w");
	ck_assert(o.r == 0 && o.v.json && !o.v.watch);
	ck_assert_str_eq(o.argv[o.first], "-w");
	o = parse_by(options_parse_leading, "--thr 4 run");
	ck_assert_int_lt(o.r, 0);
	ck_assert_str_eq(o.e.text, "unknown option --thr; did you mean --threads?");
}
END_TEST

START_TEST(test_taken)
{
	struct outcome o = parse("a --json -wo out b --threads=4 --beta -0.5 --set x=1 --set y=2");

	ck_assert_msg(o.r == 0, "%s", o.e.text);
	ck_assert(o.v.json && o.v.watch && !o.help);
	ck_assert_str_eq(o.v.dir, "out");
	ck_assert(o.v.threads.given && o.v.threads.value == 4);
	ck_assert(!o.v.seed.given);
	ck_assert(o.v.beta.given && o.v.beta.value == -0.5);
	ck_assert_uint_eq(o.v.set.count, 2);
	ck_assert_str_eq(o.v.set.items[1], "y=2");
	ck_assert_int_eq(o.argc - o.first, 2);
	ck_assert_str_eq(o.argv[o.first], "a");
	ck_assert_str_eq(o.argv[o.first + 1], "b");
	o = parse("-- --json");
	ck_assert_int_eq(o.r, 0);
	ck_assert(!o.v.json);
	ck_assert_str_eq(o.argv[o.first], "--json");
	ck_assert(parse("--help").help);
	ck_assert(parse("-h").help);
	ck_assert_uint_eq(parse("--seed 18446744073709551615").v.seed.value, UINT64_MAX);
	ck_assert_str_eq(parse("-oout").v.dir, "out");
}
END_TEST

START_TEST(test_refused)
{
	static const struct {
		const char *words, *needle;
	} cases[] = {
		{ "--jsno", "unknown option --jsno; did you mean --json?" },
		{ "--js", "unknown option --js; did you mean --json?" },
		{ "--thread 4", "unknown option --thread; did you mean --threads?" },
		{ "--thread=4", "unknown option --thread; did you mean --threads?" },
		{ "--se 4", "unknown option --se" },
		{ "--hel", "unknown option --hel; did you mean --help?" },
		{ "--frobnicate", "unknown option --frobnicate; see --help" },
		{ "-x", "unknown option -x; see --help" },
		{ "-jx", "unknown option -x; see --help" },
		{ "--json=1", "--json takes no value" },
		{ "--threads", "--threads: the value is missing" },
		{ "-o", "--output: the value is missing" },
		{ "--output=", "--output: the value is empty" },
		{ "--threads four", "--threads: 'four' is not a whole number" },
		{ "--threads=", "--threads: '' is not a whole number" },
		{ "--threads -4", "--threads: '-4' is not a whole number" },
		{ "--threads 4.0", "--threads: '4.0' is not a whole number" },
		{ "--seed 18446744073709551616", "is not a whole number" },
		{ "--beta inf", "--beta: 'inf' is not a finite number" },
		{ "--beta nan", "--beta: 'nan' is not a finite number" },
		{ "--beta 1e999", "--beta: '1e999' is not a finite number" },
		{ "--beta 1x", "--beta: '1x' is not a finite number" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct outcome o = parse(cases[i].words);

		ck_assert_msg(o.r < 0, "'%s' was taken", cases[i].words);
		ck_assert_msg(strstr(o.e.text, cases[i].needle), "'%s' gave '%s'", cases[i].words,
			      o.e.text);
	}
}
END_TEST

START_TEST(test_too_many)
{
	struct err e = { 0 };
	struct values v = { 0 };
	char *argv[OPTION_MAX_LIST + 3] = { (char *)"command" };
	int first;
	bool help = false;

	for (int i = 1; i <= OPTION_MAX_LIST + 1; i++)
		argv[i] = (char *)"--set=a=1";
	ck_assert_int_eq(options_parse(rows, OPTION_MAX_LIST + 1, argv, &v, &first, &help, &e), 0);
	v.set.count = 0;
	ck_assert_int_lt(options_parse(rows, OPTION_MAX_LIST + 2, argv, &v, &first, &help, &e), 0);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t, test_leading);
	tcase_add_test(t, test_taken);
	tcase_add_test(t, test_refused);
	tcase_add_test(t, test_too_many);
}

int main(void)
{
	return run_cases("options", add_tests);
}
