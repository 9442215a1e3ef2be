// SPDX-License-Identifier: MIT
/* Specs from files, and what --set does to them. */
#include <fcntl.h>
#include <string.h>

#include "json.h"
#include "run_cases.h"
#include "spec.h"
#include "specfile.h"

static char dir[] = "/tmp/pbit-specfile-XXXXXX";

static void write_file(const char *name, const char *text, char *ret, size_t size)
{
	FILE *f;

	snprintf(ret, size, "%s/%s", dir, name);
	f = fopen(ret, "we");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void assert_set(const char *before, const char *assignment, const char *after)
{
	_cleanup_json_ json_t *spec = json_loads(before, 0, NULL);
	_cleanup_free_ char *text = NULL;
	struct err e = { 0 };

	ck_assert_msg(specfile_set(spec, assignment, &e) == 0, "%s", e.text);
	text = json_dumps(spec, JSON_COMPACT | JSON_SORT_KEYS);
	ck_assert_str_eq(text, after);
}

START_TEST(test_set)
{
	assert_set("{}", "a=1", "{\"a\":1}");
	assert_set("{\"a\":{\"b\":2,\"c\":3}}", "a.b=5", "{\"a\":{\"b\":5,\"c\":3}}");
	assert_set("{}", "a.b.c=true", "{\"a\":{\"b\":{\"c\":true}}}");
	assert_set("{}", "layers=[32,16]", "{\"layers\":[32,16]}");
	assert_set("{}", "name=my job", "{\"name\":\"my job\"}");
	assert_set("{}", "name=\"7\"", "{\"name\":\"7\"}");
	assert_set("{}", "scan=palindrome", "{\"scan\":\"palindrome\"}");
	assert_set("{}", "x=a=b", "{\"x\":\"a=b\"}");
	assert_set("{}", "x=", "{\"x\":\"\"}");
}
END_TEST

START_TEST(test_set_refused)
{
	static const struct {
		const char *assignment, *needle;
	} cases[] = {
		{ "a", "is not KEY=VALUE" },
		{ "=1", "is not KEY=VALUE" },
		{ ".a=1", "is not a dotted key" },
		{ "a..b=1", "is not a dotted key" },
		{ "a.=1", "is not a dotted key" },
		{ "n.b=1", "'n' is not an object" },
		{ "o.n.b=1", "'o.n' is not an object" },
		{ "x=\xff", "not UTF-8" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_json_ json_t *spec = json_loads("{\"n\":1,\"o\":{\"n\":2}}", 0, NULL);
		struct err e = { 0 };

		ck_assert_int_lt(specfile_set(spec, cases[i].assignment, &e), 0);
		ck_assert_msg(strstr(e.text, cases[i].needle), "'%s'", e.text);
	}
}
END_TEST

static void assert_refused(const char *path, const char *needle)
{
	_cleanup_free_ char *where = NULL;
	struct err e = { 0 };
	json_t *spec = NULL;

	ck_assert_int_lt(specfile_read(path, &spec, &where, &e), 0);
	ck_assert_ptr_null(spec);
	ck_assert_msg(strstr(e.text, needle), "'%s'", e.text);
}

START_TEST(test_read)
{
	_cleanup_free_ char *where = NULL, *long_text = NULL;
	_cleanup_json_ json_t *spec = NULL;
	char path[64];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	write_file("good.json", "{\"kind\": \"bench\"}", path, sizeof(path));
	ck_assert_int_eq(specfile_read(path, &spec, &where, NULL), 0);
	ck_assert_str_eq(where, dir);
	ck_assert_str_eq(json_string_value(json_object_get(spec, "kind")), "bench");
	unlink(path);
	assert_refused(path, "No such file");
	assert_refused(dir, "Is a directory");
	write_file("list.json", "[]", path, sizeof(path));
	assert_refused(path, "a spec is a JSON object");
	write_file("list.json", "{\"a\": 1,\n \"a\": 2}", path, sizeof(path));
	assert_refused(path, "list.json");
	write_file("list.json", "", path, sizeof(path));
	assert_refused(path, "list.json");
	long_text = malloc(SPEC_MAX_BYTES + 2);
	memset(long_text, ' ', SPEC_MAX_BYTES + 1);
	long_text[SPEC_MAX_BYTES + 1] = 0;
	write_file("list.json", long_text, path, sizeof(path));
	assert_refused(path, "list.json");
	unlink(path);
	rmdir(dir);
}
END_TEST

START_TEST(test_read_standard_input)
{
	_cleanup_json_ json_t *spec = NULL;
	char *where = NULL;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], "{\"x\":1}", 7), 7);
	close(fds[1]);
	ck_assert_int_eq(dup2(fds[0], 0), 0);
	ck_assert_int_eq(specfile_read("-", &spec, &where, NULL), 0);
	ck_assert_ptr_null(where);
	ck_assert_int_eq(json_integer_value(json_object_get(spec, "x")), 1);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t, test_set);
	tcase_add_test(t, test_set_refused);
	tcase_add_test(t, test_read);
	tcase_add_test(t, test_read_standard_input);
}

int main(void)
{
	return run_cases("specfile", add_tests);
}
