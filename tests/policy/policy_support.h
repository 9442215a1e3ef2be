/* SPDX-License-Identifier: MIT */
/* Shared by the tests of the policy. Time is what a test says it is. */
#ifndef PBIT_TESTS_POLICY_SUPPORT_H
#define PBIT_TESTS_POLICY_SUPPORT_H

#include <check.h>
#include <stdlib.h>

#include "../run_suite.h"

#define SECOND ((uint64_t)1000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#endif
