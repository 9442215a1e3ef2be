// SPDX-License-Identifier: MIT
/* A loop cut in parts: each is done once, whoever does it, and all are done at the end. */
#include <check.h>
#include <stdatomic.h>
#include <string.h>

#include "crew.h"
#include "pool.h"

#include "../run_suite.h"

#define MOST 1000

static atomic_uint times[MOST];

static void count(void *data, size_t k)
{
	ck_assert_ptr_eq(data, times);
	atomic_fetch_add(&times[k], 1);
}

static const unsigned int threads[] = { 0, 1, 2, 3, 8 };

START_TEST(every_part_once)
{
	static const size_t parts[] = { 0, 1, 2, 7, MOST };
	struct crew *c = NULL;

	if (threads[_i])
		ck_assert_int_eq(crew_new(threads[_i], &c, NULL), 0);
	for (unsigned int round = 0; round < 200; round++) {
		size_t some = parts[round % ARRAY_SIZE(parts)];

		for (size_t k = 0; k < MOST; k++)
			atomic_store(&times[k], 0);
		crew_run(c, some, count, times);
		for (size_t k = 0; k < MOST; k++)
			ck_assert_uint_eq(atomic_load(&times[k]), k < some);
	}
	crew_free(c);
}
END_TEST

START_TEST(too_many_threads)
{
	struct crew *c;
	struct err e = { 0 };

	ck_assert_int_eq(crew_new(POOL_MAX_THREADS + 2, &c, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "threads"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("crew");
	TCase *t = tcase_create("crew");

	tcase_add_loop_test(t, every_part_once, 0, ARRAY_SIZE(threads));
	tcase_add_test(t, too_many_threads);
	suite_add_tcase(s, t);
	return run_suite(s);
}
