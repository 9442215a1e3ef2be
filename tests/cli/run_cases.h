/* SPDX-License-Identifier: MIT */
/* main() of a test program with one test case. */
#ifndef PBIT_TESTS_CLI_RUN_CASES_H
#define PBIT_TESTS_CLI_RUN_CASES_H

#include <check.h>

#include "../run_suite.h"

static inline int run_cases(const char *name, void (*add_tests)(TCase *))
{
	Suite *s = suite_create(name);
	TCase *t = tcase_create(name);

	add_tests(t);
	suite_add_tcase(s, t);
	return run_suite(s);
}

#endif
