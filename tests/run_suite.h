/* SPDX-License-Identifier: MIT */
/* The end of a test program's main(). */
#ifndef PBIT_TESTS_RUN_SUITE_H
#define PBIT_TESTS_RUN_SUITE_H

#include <check.h>

/* Runs and frees it; main()'s result. */
static inline int run_suite(Suite *s)
{
	SRunner *runner = srunner_create(s);
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}

#endif
