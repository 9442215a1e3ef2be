/* SPDX-License-Identifier: MIT */
/* main() of a test program with one test case. */
#ifndef PBIT_TESTS_CLI_RUN_SUITE_H
#define PBIT_TESTS_CLI_RUN_SUITE_H

#include <check.h>

static inline int run_suite(const char *name, void (*add_tests)(TCase *))
{
	Suite *s = suite_create(name);
	TCase *t = tcase_create(name);
	SRunner *sr;
	int failed;

	add_tests(t);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}

#endif
