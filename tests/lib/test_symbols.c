// SPDX-License-Identifier: MIT
/* What libpbit.so exports is what pbit.h declares, no more and no less, under one version. */
#include <check.h>
#include <ctype.h>
#include <limits.h>
#include <string.h>

#include <pbit/pbit.h>

#include "util.h"

#define MAX_SYMBOLS 128

struct symbols {
	size_t count;
	char name[MAX_SYMBOLS][64];
};

static void add(struct symbols *s, const char *name, size_t n)
{
	ck_assert_uint_lt(n, sizeof(s->name[0]));
	for (size_t i = 0; i < s->count; i++)
		if (strlen(s->name[i]) == n && strncmp(s->name[i], name, n) == 0)
			return;
	ck_assert_uint_lt(s->count, MAX_SYMBOLS);
	memcpy(s->name[s->count], name, n);
	s->name[s->count++][n] = 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Identifiers pbit_* that stand before a '(', in the header as the preprocessor leaves it. */
static void read_header(struct symbols *s)
{
	_cleanup_free_ char *text = calloc(1, 1 << 20);
	FILE *f = popen("${CC:-cc} -Iinclude -E -P -include pbit/pbit.h -x c /dev/null", "re");
	size_t n;

	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, (1 << 20) - 1, f);
	ck_assert_int_eq(pclose(f), 0);
	ck_assert_uint_gt(n, 0);
	for (char *at = text; (at = strstr(at, "pbit_")); at++) {
		size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789_");

		if (at > text && (isalnum((unsigned char)at[-1]) || at[-1] == '_'))
			continue;
		if (at[length] == '(')
			add(s, at, length);
	}
}

static void read_library(struct symbols *s, size_t *ret_versions)
{
	char exe[PATH_MAX], command[PATH_MAX + 64], line[512];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	FILE *f;

	ck_assert_int_gt(n, 0);
	exe[n] = 0;
	*strrchr(exe, '/') = 0;
	snprintf(command, sizeof(command), "nm -D --defined-only '%s/../../lib/libpbit.so'", exe);
	f = popen(command, "re");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		char *name = strrchr(line, ' ') + 1, *version = strchr(name, '@');

		if (strcmp(name, "PBIT_0.1\n") == 0) {
			++*ret_versions;
			continue;
		}
		ck_assert_msg(version && strcmp(version, "@@PBIT_0.1\n") == 0, "%s", line);
		add(s, name, (size_t)(version - name));
	}
	ck_assert_int_eq(pclose(f), 0);
}

START_TEST(test_exports)
{
	struct symbols *declared = calloc(1, sizeof(*declared));
	struct symbols *exported = calloc(1, sizeof(*exported));
	size_t versions = 0;

	read_header(declared);
	read_library(exported, &versions);
	qsort(declared->name, declared->count, sizeof(declared->name[0]), compare);
	qsort(exported->name, exported->count, sizeof(exported->name[0]), compare);
	ck_assert_uint_eq(versions, 1);
	ck_assert_uint_gt(declared->count, 10);
	for (size_t i = 0; i < MIN(declared->count, exported->count); i++)
		ck_assert_str_eq(declared->name[i], exported->name[i]);
	ck_assert_uint_eq(declared->count, exported->count);
	free(declared);
	free(exported);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("symbols");
	TCase *t = tcase_create("symbols");
	SRunner *sr;
	int failed;

	tcase_add_test(t, test_exports);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
