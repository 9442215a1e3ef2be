// SPDX-License-Identifier: MIT
/* JSON from strangers: bounds, places in messages, and the nearest word. */
#include "json.h"

#include <limits.h>
#include <math.h>

#include "nearest.h"
#include "support.h"

#define MAX_BYTES 1000000
#define MAX_DEPTH 4

static int parse(const char *text, json_t **ret, struct err *e)
{
	return json_parse_limited(text, strlen(text), MAX_BYTES, MAX_DEPTH, ret, e);
}

static json_t *parsed(const char *text)
{
	struct err e = { 0 };
	json_t *j = NULL;

	assert_ok(parse(text, &j, &e), e);
	return j;
}

static const struct {
	const char *text;
	const char *sentence; /* NULL: accepted */
} texts[] = {
	{ "{}", NULL },
	{ " [1, 2.5, \"x\", null, true] ", NULL },
	{ "[[[[]]], [[[]]]]", NULL },
	{ "{\"a\": \"[[[[[[[[ \\\" {{{{{{{\"}", NULL },
	{ "[\"\\\\\", [[[]]]]", NULL },
	{ "", "empty" },
	{ "{", "line 1, column 1: not valid JSON" },
	{ "{\"a\": 1,\n \"b\": }", "line 2, column 7: not valid JSON" },
	{ "{\"a\": 1}{", "not valid JSON" },
	{ "{\"a\": NaN}", "not valid JSON: invalid token near 'NaN'" },
	{ "{\"a\": Infinity}", "not valid JSON" },
	{ "{\"a\": 1e999}", "not valid JSON: real number overflow" },
	{ "{\"a\": 99999999999999999999}", "not valid JSON: too big integer" },
	{ "{\"a\": 1, \"a\": 2}", "duplicate object key" },
	{ "{\"a\": \"\\u0000\"}", "not valid JSON" },
	{ "{\"a\": \"\xff\"}", "not valid JSON" },
	{ "{\"a\": \"\x01\"}", "not valid JSON" },
	{ "{'a': 1}", "not valid JSON" },
	{ "// {}", "not valid JSON" },
	{ "17", "not valid JSON" },
	{ "[[[[[]]]]]", "line 1, column 5: nested deeper than 4 levels" },
	{ "{\"a\":\n [{\"b\": [[]]}]}", "line 2, column 10: nested deeper than 4 levels" },
	{ "[\"\\\"[\", [[[[", "line 1, column 12: nested deeper than 4 levels" },
};

START_TEST(parsing)
{
	_cleanup_json_ json_t *j = NULL;
	struct err e = { 0 };
	int r;

	r = parse(texts[_i].text, &j, &e);
	if (!texts[_i].sentence) {
		assert_ok(r, e);
		ck_assert_ptr_nonnull(j);
		return;
	}
	assert_refused(r, e, texts[_i].sentence);
	ck_assert_ptr_null(j);
}
END_TEST

/* A recursive parser would need the stack that this many levels take. */
START_TEST(deep_nesting)
{
	static const char opening[] = { '[', '{' };
	const size_t n = 100000;
	_cleanup_free_ char *text = malloc(n);

	for (size_t i = 0; i < ARRAY_SIZE(opening); i++) {
		struct err e = { 0 };
		json_t *j = NULL;
		int r;

		memset(text, opening[i], n);
		r = json_parse_limited(text, n, MAX_BYTES, MAX_DEPTH, &j, &e);
		assert_refused(r, e, "line 1, column 5: nested deeper");
	}
}
END_TEST

START_TEST(too_large)
{
	struct err e = { 0 };
	json_t *j = NULL;
	int r;

	r = json_parse_limited("[1234567]", 9, 8, 4, &j, &e);
	assert_refused(r, e, "9 bytes of JSON are more than the limit of 8");
	ck_assert_int_eq(r, -EFBIG);
}
END_TEST

START_TEST(not_terminated)
{
	const char text[] = { '[', '1', ']', ']' };
	_cleanup_json_ json_t *j = NULL;
	struct err e = { 0 };

	assert_ok(json_parse_limited(text, 3, MAX_BYTES, MAX_DEPTH, &j, &e), e);
	ck_assert_uint_eq(json_array_size(j), 1);
}
END_TEST

START_TEST(unknown_keys)
{
	static const char *const known[] = { "epochs", "steps", "batch", "rate", "decay" };
	static const struct {
		const char *text;
		const char *path;
		const char *sentence;
	} rows[] = {
		{ "{\"rtae\": 1}", "optimizer",
		  "optimizer.rtae: unknown key; did you mean 'rate'?" },
		{ "{\"epoch\": 1}", "optimizer",
		  "optimizer.epoch: unknown key; did you mean 'epochs'?" },
		{ "{\"Batch\": 1}", "", "Batch: unknown key; did you mean 'batch'?" },
		{ "{\"rate\": 1, \"learning\": 2}", "optimizer",
		  "optimizer.learning: unknown key; the keys known here are 'epochs', 'steps', "
		  "'batch', 'rate' and 'decay'" },
		{ "{\"\": 1}", "x", "x.: unknown key; the keys known here are" },
		{ "{\"\\u001b[31m\": 1}", "x", "x.?[31m: unknown key" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_json_ json_t *j = parsed(rows[i].text);
		struct err e = { 0 };
		int r;

		r = json_check_keys(j, rows[i].path, known, ARRAY_SIZE(known), &e);
		assert_refused(r, e, rows[i].sentence);
	}
}
END_TEST

START_TEST(known_keys)
{
	static const char *const known[] = { "a", "b" };
	_cleanup_json_ json_t *j = parsed("{\"b\": 1}");
	struct err e = { 0 };

	assert_ok(json_check_keys(j, "", known, 2, &e), e);
}
END_TEST

/* A key as long as the text may be still gives a short sentence. */
START_TEST(long_key)
{
	static const char *const known[] = { "a" };
	_cleanup_free_ char *key = calloc(1, 100001);
	_cleanup_json_ json_t *j = json_object();
	struct err e = { 0 };
	int r;

	memset(key, 'k', 100000);
	json_object_set_new(j, key, json_true());
	r = json_check_keys(j, "", known, 1, &e);
	assert_refused(r, e, "kkk: unknown key; the keys known here are 'a'");
}
END_TEST

START_TEST(unsigned_numbers)
{
	static const struct {
		const char *text;
		const char *sentence;
	} rows[] = {
		{ "{\"n\": 3}", "o.n: 3 is out of range; give 4 to 9" },
		{ "{\"n\": 10}", "o.n: 10 is out of range; give 4 to 9" },
		{ "{\"n\": -5}", "o.n: -5 is out of range" },
		{ "{\"n\": 4294967300}", "o.n: 4294967300 is out of range" },
		{ "{\"n\": 5.0}", "o.n: must be a whole number from 4 to 9" },
		{ "{\"n\": 5e0}", "o.n: must be a whole number" },
		{ "{\"n\": \"5\"}", "o.n: must be a whole number" },
		{ "{\"n\": null}", "o.n: must be a whole number" },
		{ "{\"n\": true}", "o.n: must be a whole number" },
		{ "{\"n\": [5]}", "o.n: must be a whole number" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_json_ json_t *j = parsed(rows[i].text);
		struct err e = { 0 };
		unsigned int n = 7;
		int r;

		r = json_get_uint(j, "o", "n", 4, 9, &n, &e);
		assert_refused(r, e, rows[i].sentence);
		ck_assert_uint_eq(n, 7);
	}
}
END_TEST

START_TEST(real_numbers)
{
	_cleanup_json_ json_t *j = parsed("{\"zero\": 0, \"one\": 1, \"half\": 0.5, \"s\": \"1\"}");
	_cleanup_json_ json_t *holder = json_object();
	struct err e = { 0 };
	double x = 7;
	int r;

	assert_ok(json_get_real(j, "o", "zero", 0, 1, false, &x, &e), e);
	ck_assert_double_eq(x, 0);
	assert_ok(json_get_real(j, "o", "one", 0, 1, true, &x, &e), e);
	ck_assert_double_eq(x, 1);
	r = json_get_real(j, "o", "zero", 0, 1, true, &x, &e);
	assert_refused(r, e, "o.zero: 0 is out of range; give a number above 0 and at most 1");
	e = (struct err){ 0 };
	r = json_get_real(j, "o", "half", 0.75, 1, false, &x, &e);
	assert_refused(r, e, "o.half: 0.5 is out of range; give a number of at least 0.75");
	e = (struct err){ 0 };
	r = json_get_real(j, "o", "s", 0, 1, false, &x, &e);
	assert_refused(r, e, "o.s: must be a number");
	ck_assert_double_eq(x, 1);

	/* jansson makes none of these, and reads none; should that change, they are refused. */
	e = (struct err){ 0 };
	ck_assert_ptr_null(json_real(NAN));
	ck_assert_ptr_null(json_real(INFINITY));
	assert_ok(json_get_real(holder, "o", "absent", 0, 1, false, &x, &e), e);
	ck_assert_double_eq(x, 1);
}
END_TEST

START_TEST(large_numbers)
{
	_cleanup_json_ json_t *j = parsed("{\"n\": 9223372036854775807, \"m\": -1}");
	struct err e = { 0 };
	uint64_t n = 0;
	int r;

	assert_ok(json_get_u64(j, "", "n", 0, INT64_MAX, &n, &e), e);
	ck_assert_uint_eq(n, INT64_MAX);
	r = json_get_u64(j, "", "m", 0, UINT64_MAX, &n, &e);
	assert_refused(r, e, "m: -1 is out of range");
}
END_TEST

START_TEST(strings)
{
	_cleanup_json_ json_t *j = parsed("{\"s\": \"abc\", \"n\": 1, \"empty\": \"\"}");
	_cleanup_free_ char *s = strdup("before");
	struct err e = { 0 };
	int r;

	assert_ok(json_get_string(j, "o", "absent", 3, &s, &e), e);
	ck_assert_str_eq(s, "before");
	assert_ok(json_get_string(j, "o", "s", 3, &s, &e), e);
	ck_assert_str_eq(s, "abc");
	r = json_get_string(j, "o", "s", 2, &s, &e);
	assert_refused(r, e, "o.s: 3 bytes are more than the limit of 2");
	e = (struct err){ 0 };
	r = json_get_string(j, "o", "n", 3, &s, &e);
	assert_refused(r, e, "o.n: must be a string in double quotes");
	e = (struct err){ 0 };
	r = json_get_string(j, "o", "empty", 3, &s, &e);
	assert_refused(r, e, "o.empty: must not be empty");
	ck_assert_str_eq(s, "abc");
}
END_TEST

START_TEST(words)
{
	static const char *const scans[] = { "alternating", "palindrome" };
	_cleanup_json_ json_t *j = parsed(
		"{\"ok\": \"palindrome\", \"near\": \"palindorme\", \"far\": \"x\", \"n\": 1}");
	struct err e = { 0 };
	unsigned int w = 0;
	int r;

	assert_ok(json_get_word(j, "o", "ok", scans, 2, &w, &e), e);
	ck_assert_uint_eq(w, 1);
	r = json_get_word(j, "o", "near", scans, 2, &w, &e);
	assert_refused(r, e, "o.near: 'palindorme' is unknown; did you mean 'palindrome'?");
	e = (struct err){ 0 };
	r = json_get_word(j, "o", "far", scans, 2, &w, &e);
	assert_refused(r, e, "o.far: 'x' is unknown; give one of 'alternating' and 'palindrome'");
	e = (struct err){ 0 };
	r = json_get_word(j, "o", "n", scans, 2, &w, &e);
	assert_refused(r, e, "o.n: must be a string, one of");
}
END_TEST

START_TEST(containers)
{
	_cleanup_json_ json_t *j = parsed("{\"o\": {}, \"a\": [1, 2], \"t\": true}");
	const json_t *found = NULL;
	struct err e = { 0 };
	bool b = false;
	int r;

	assert_ok(json_get_object(j, "", "absent", &found, &e), e);
	ck_assert_ptr_null(found);
	assert_ok(json_get_object(j, "", "o", &found, &e), e);
	ck_assert_ptr_eq(found, json_object_get(j, "o"));
	assert_ok(json_get_array(j, "", "a", 2, &found, &e), e);
	ck_assert_ptr_eq(found, json_object_get(j, "a"));
	assert_ok(json_get_bool(j, "", "t", &b, &e), e);
	ck_assert(b);
	r = json_get_array(j, "", "a", 1, &found, &e);
	assert_refused(r, e, "a: 2 items are more than the limit of 1");
	e = (struct err){ 0 };
	r = json_get_array(j, "", "o", 1, &found, &e);
	assert_refused(r, e, "o: must be a list");
	e = (struct err){ 0 };
	r = json_get_object(j, "x", "a", &found, &e);
	assert_refused(r, e, "x.a: must be an object");
	e = (struct err){ 0 };
	r = json_get_bool(j, "", "a", &b, &e);
	assert_refused(r, e, "a: must be true or false");
	e = (struct err){ 0 };
	r = json_require(j, "x", "absent", "give it", &e);
	assert_refused(r, e, "x.absent: missing; give it");
	e = (struct err){ 0 };
	r = json_check_object(json_object_get(j, "a"), "", &e);
	assert_refused(r, e, "the top level: must be an object");
}
END_TEST

START_TEST(distances)
{
	char word[NEAREST_MAX_WORD + 2] = { 0 };

	ck_assert_uint_eq(word_distance("", ""), 0);
	ck_assert_uint_eq(word_distance("rate", "RATE"), 0);
	ck_assert_uint_eq(word_distance("rtae", "rate"), 1);
	ck_assert_uint_eq(word_distance("kitten", "sitting"), 3);
	ck_assert_uint_eq(word_distance("", "abc"), 3);
	ck_assert_uint_eq(word_distance("abc", ""), 3);
	/* Restricted: no substring is edited twice (unrestricted it is 2). */
	ck_assert_uint_eq(word_distance("ca", "abc"), 3);
	memset(word, 'a', NEAREST_MAX_WORD + 1);
	ck_assert_uint_eq(word_distance(word, "a"), UINT_MAX);
	word[NEAREST_MAX_WORD] = '\0';
	ck_assert_uint_eq(word_distance(word, "a"), NEAREST_MAX_WORD - 1);
}
END_TEST

START_TEST(nearest)
{
	static const char *const known[] = { "train", "sample", "bench", "beta" };

	ck_assert_str_eq(nearest_word("tarin", known, 4), "train");
	ck_assert_str_eq(nearest_word("bets", known, 4), "beta");
	ck_assert_ptr_null(nearest_word("xyzzy", known, 4));
	ck_assert_ptr_null(nearest_word("", known, 4));
	ck_assert_ptr_null(nearest_word("train", known, 0));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("json");
	TCase *t = tcase_create("json");

	tcase_add_loop_test(t, parsing, 0, (int)ARRAY_SIZE(texts));
	tcase_add_test(t, deep_nesting);
	tcase_add_test(t, too_large);
	tcase_add_test(t, not_terminated);
	tcase_add_test(t, unknown_keys);
	tcase_add_test(t, known_keys);
	tcase_add_test(t, long_key);
	tcase_add_test(t, unsigned_numbers);
	tcase_add_test(t, real_numbers);
	tcase_add_test(t, large_numbers);
	tcase_add_test(t, strings);
	tcase_add_test(t, words);
	tcase_add_test(t, containers);
	tcase_add_test(t, distances);
	tcase_add_test(t, nearest);
	suite_add_tcase(s, t);
	return run_suite(s);
}
