// SPDX-License-Identifier: MIT
/*
 * What libpbit.so exports is what pbit.h declares, no more and no less; and what a version had stays
 * under its name.
 */
#include <check.h>
#include <ctype.h>
#include <limits.h>
#include <string.h>

#include <pbit/pbit.h>

#include "util.h"

#include "../run_suite.h"

#define MAX_SYMBOLS 128

struct symbols {
	size_t count;
	char name[MAX_SYMBOLS][64];
};

static const char *const versions[] = { "PBIT_0.1", "PBIT_0.2" };

/* Programs that were linked with the first release ask for these. */
static const char *const first_release[] = {
	"pbit_cancel",	   "pbit_close",      "pbit_devices", "pbit_error",   "pbit_fetch",
	"pbit_files_free", "pbit_jobs_free",  "pbit_list",    "pbit_open",    "pbit_show",
	"pbit_socket",	   "pbit_state_name", "pbit_submit",  "pbit_version", "pbit_watch",
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

/* "@@PBIT_0.2\n": its place among the versions. */
static size_t read_version(const char *text)
{
	size_t n = strcspn(text += 2, "\n");

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++)
		if (strlen(versions[i]) == n && strncmp(text, versions[i], n) == 0)
			return i;
	ck_abort_msg("unknown version %s", text);
}

/* of[v]: what has version v; all[]: of any. */
static void read_library(struct symbols of[], struct symbols *all)
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

		if (!version && strncmp(name, "PBIT_", 5) == 0)
			continue;
		ck_assert_msg(version && strncmp(version, "@@", 2) == 0, "%s", line);
		add(&of[read_version(version)], name, (size_t)(version - name));
		add(all, name, (size_t)(version - name));
	}
	ck_assert_int_eq(pclose(f), 0);
}

static void assert_same(struct symbols *a, struct symbols *b)
{
	qsort(a->name, a->count, sizeof(a->name[0]), compare);
	qsort(b->name, b->count, sizeof(b->name[0]), compare);
	for (size_t i = 0; i < MIN(a->count, b->count); i++)
		ck_assert_str_eq(a->name[i], b->name[i]);
	ck_assert_uint_eq(a->count, b->count);
}

START_TEST(test_exports)
{
	struct symbols *declared = calloc(1, sizeof(*declared)), *first = calloc(1, sizeof(*first));
	struct symbols *exported = calloc(1, sizeof(*exported));
	struct symbols *of = calloc(ARRAY_SIZE(versions), sizeof(*of));

	read_header(declared);
	read_library(of, exported);
	ck_assert_uint_gt(declared->count, 10);
	assert_same(declared, exported);
	for (size_t i = 0; i < ARRAY_SIZE(first_release); i++)
		add(first, first_release[i], strlen(first_release[i]));
	assert_same(first, &of[0]);
	ck_assert_uint_gt(of[1].count, 0);
	free(declared);
	free(exported);
	free(first);
	free(of);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("symbols");
	TCase *t = tcase_create("symbols");

	tcase_add_test(t, test_exports);
	suite_add_tcase(s, t);
	return run_suite(s);
}
