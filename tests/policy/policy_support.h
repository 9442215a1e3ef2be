/* SPDX-License-Identifier: MIT */
/* Shared by the tests of the policy. Time is what a test says it is. */
#ifndef PBIT_TESTS_POLICY_SUPPORT_H
#define PBIT_TESTS_POLICY_SUPPORT_H

#include <check.h>
#include <stdlib.h>

#define SECOND ((uint64_t)1000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static inline int run_suite(Suite *s)
{
	SRunner *runner = srunner_create(s);
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
