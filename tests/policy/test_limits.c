// SPDX-License-Identifier: MIT
/* What one user may have at once and in a day, as far as the queue watches it. */
#include "queue_support.h"

START_TEST(running_jobs)
{
	slots(4);
	limits(ALICE, (struct limits){ .running = 2 });
	for (uint64_t id = 1; id <= 4; id++)
		add(.id = id, .uid = ALICE);
	add(.id = 5, .uid = BOB);
	ck_assert_uint_eq(start(), 1);
	ck_assert_uint_eq(start(), 5);
	ck_assert_uint_eq(start(), 2);
	ck_assert_uint_eq(start(), 0);
	ck_assert_str_eq(reason(3), "waits: alice's limit of 2 running jobs");
	now = SECOND;
	finish(1);
	ck_assert_uint_eq(start(), 3);
	limits(ALICE, (struct limits){ .running = 3 });
	ck_assert_uint_eq(start(), 4);
	/* Below what runs already: nobody is stopped for it. */
	limits(ALICE, (struct limits){ .running = 1 });
	add(.id = 6, .uid = ALICE);
	ck_assert_uint_eq(yields(), 0);
	ck_assert_str_eq(reason(6), "waits: alice's limit of 1 running job");
	finish(2);
	finish(3);
	ck_assert_uint_eq(start(), 0);
	finish(4);
	ck_assert_uint_eq(start(), 6);
}
END_TEST

/* A short job does not pass by the limit, nor makes anybody go for it. */
START_TEST(short_jobs_are_limited_too)
{
	slots(2);
	limits(ALICE, (struct limits){ .running = 1 });
	add(.id = 1, .uid = ALICE);
	add(.id = 2, .uid = BOB);
	start();
	start();
	now = HOUR;
	add(.id = 3, .uid = ALICE, .time_limit = QUEUE_SHORT);
	ck_assert_uint_eq(yields(), 0);
	ck_assert_str_eq(reason(3), "waits: alice's limit of 1 running job");
}
END_TEST

/* One victim for one that may run, not for all that wait. */
START_TEST(nobody_yields_beyond_a_limit)
{
	slots(3);
	limits(ALICE, (struct limits){ .running = 1 });
	for (uint64_t id = 1; id <= 3; id++)
		add(.id = id, .uid = BOB);
	while (start())
		;
	now = MINUTE;
	for (uint64_t id = 4; id <= 6; id++)
		add(.id = id, .uid = ALICE, .time_limit = QUEUE_SHORT);
	ck_assert_uint_ne(yields(), 0);
	ck_assert_uint_eq(yields(), 0);
}
END_TEST

/* The first waits for a device that is busy; the next would run on one that is not. */
START_TEST(no_idle_device_for_a_limit)
{
	queue_set_device(q, "pbit1", QUEUE_SILICON, 1);
	limits(ALICE, (struct limits){ .running = 1, .memory = 100 });
	add(.id = 1, .uid = BOB, .device = "pbit1");
	ck_assert_uint_eq(start(), 1);
	add(.id = 2, .uid = ALICE, .device = "pbit1", .memory = 100);
	add(.id = 3, .uid = ALICE, .memory = 200);
	add(.id = 4, .uid = ALICE, .memory = 50);
	ck_assert_str_eq(reason(4), "is about to start on pbit0");
	ck_assert_uint_eq(start(), 4);
	ck_assert_str_eq(reason(2), "waits: alice's limit of 1 running job");
	finish(4);
	ck_assert_str_eq(reason(2), "waits for pbit1, which runs job 1 of bob; it is next");
	ck_assert_str_eq(reason(3), "waits: alice's limit of 1 running job");
	finish(1);
	ck_assert_uint_eq(start(), 2);
}
END_TEST

START_TEST(memory)
{
	const uint64_t gib = (uint64_t)1 << 30;

	slots(4);
	limits(ALICE, (struct limits){ .memory = 4 * gib });
	add(.id = 1, .uid = ALICE, .memory = 3 * gib);
	add(.id = 2, .uid = ALICE, .memory = 3 * gib / 2);
	add(.id = 3, .uid = ALICE, .memory = gib);
	add(.id = 4, .uid = ALICE, .memory = 5 * gib);
	add(.id = 5, .uid = ALICE); /* not known */
	ck_assert_uint_eq(start(), 1);
	/* What does not fit does not keep what does. */
	ck_assert_uint_eq(start(), 3);
	ck_assert_uint_eq(start(), 5);
	ck_assert_uint_eq(start(), 0);
	ck_assert_str_eq(reason(2),
			 "waits: alice's limit of 4 GiB of memory; this job asks for 1.5 GiB");
	ck_assert_str_eq(reason(4),
			 "waits: alice's limit of 4 GiB of memory; this job asks for 5 GiB");
	stop(1);
	ck_assert_int_eq(queue_set_held(q, 1, QUEUE_HELD_BY_USER), 0);
	ck_assert_uint_eq(start(), 2);
	finish(3);
	ck_assert_int_eq(queue_set_held(q, 1, QUEUE_NOT_HELD), 0);
	ck_assert_uint_eq(start(), 0);
	finish(2);
	ck_assert_uint_eq(start(), 1);
	/* Another size for all: at once for who waits, and from the next start on for who runs. */
	queue_set_job_memory(q, 2 * gib);
	ck_assert_str_eq(reason(4),
			 "waits: alice's limit of 4 GiB of memory; this job asks for 2 GiB");
	stop(1);
	ck_assert_uint_eq(start(), 1);
	ck_assert_uint_eq(start(), 4);
}
END_TEST

/* Reached amid the runs, which stop; and again from midnight on. */
START_TEST(device_time_of_a_day)
{
	slots(2);
	limits(ALICE, (struct limits){ .day = 2 * HOUR });
	now = 10 * HOUR;
	add(.id = 1, .uid = ALICE);
	add(.id = 2, .uid = ALICE);
	start();
	start();
	ck_assert_uint_eq(yields(), 0);
	/* Two at once use it twice as fast. */
	ck_assert_uint_le(queue_wakeup(q, now), 11 * HOUR + 1);
	now = 11 * HOUR - SECOND;
	ck_assert_uint_eq(yields(), 0);
	now = 11 * HOUR + 1;
	ck_assert_uint_eq(yields(), 1);
	ck_assert_str_eq(why, "alice's limit of 2 h of device time a day is reached");
	ck_assert_uint_eq(yields(), 2);
	ck_assert_uint_eq(yields(), 0);
	stop(1);
	stop(2);
	add(.id = 3, .uid = ALICE, .time_limit = SECOND);
	ck_assert_uint_eq(start(), 0);
	for (uint64_t id = 1; id <= 3; id++)
		ck_assert_str_eq(reason(id),
				 "waits: alice's limit of 2 h of device time a day is reached, "
				 "until midnight");
	ck_assert_uint_eq(queue_wakeup(q, now), DAY);
	now = DAY - 1;
	ck_assert_uint_eq(start(), 0);
	now = DAY;
	ck_assert_uint_eq(start(), 3);
	ck_assert_uint_eq(start(), 1);
}
END_TEST

/* What was used before midnight is not of the new day. */
START_TEST(a_job_over_midnight)
{
	struct queue_usage usage;

	limits(ALICE, (struct limits){ .day = 2 * HOUR });
	now = DAY - HOUR;
	add(.id = 1, .uid = ALICE);
	start();
	now = DAY + HOUR;
	ck_assert(queue_get_usage(q, ALICE, now, &usage));
	ck_assert_uint_eq(usage.day, HOUR);
	ck_assert_uint_eq(yields(), 0);
	now = DAY + 2 * HOUR + 1;
	ck_assert_uint_eq(yields(), 1);
}
END_TEST

/* The clock of jobs stands still while the machine sleeps; the one on the wall does not. */
START_TEST(asleep_over_midnight)
{
	limits(ALICE, (struct limits){ .day = HOUR });
	now = 10 * HOUR;
	add(.id = 1, .uid = ALICE);
	start();
	now += HOUR + 1;
	ck_assert_uint_eq(yields(), 1);
	stop(1);
	/* Set back, it is no new day; nor later on the same one. */
	queue_set_wall(q, now, WALL + (int64_t)HOUR);
	ck_assert_uint_eq(start(), 0);
	queue_set_wall(q, now, WALL + (int64_t)(23 * HOUR));
	ck_assert_uint_eq(start(), 0);
	queue_set_wall(q, now, WALL + (int64_t)(DAY + 8 * HOUR));
	ck_assert_uint_eq(start(), 1);
	now += HOUR + 1;
	ck_assert_uint_eq(yields(), 1);
}
END_TEST

START_TEST(defaults_and_ones_own)
{
	const struct limits all = { .queued = 5, .running = 1, .disk = 7 };

	slots(3);
	queue_set_default_limits(q, &all);
	limits(BOB, (struct limits){ .queued = 9, .running = 2, .disk = 8 });
	/* Those for whoever accepts jobs; for one that the queue has not heard of, too. */
	ck_assert_uint_eq(queue_limits(q, DAVE)->queued, 5);
	ck_assert_uint_eq(queue_limits(q, DAVE)->disk, 7);
	ck_assert_uint_eq(queue_limits(q, BOB)->queued, 9);
	for (uint64_t id = 1; id <= 3; id++) {
		add(.id = id, .uid = ALICE);
		add(.id = id + 10, .uid = BOB);
	}
	ck_assert_uint_eq(queue_count_of(q, ALICE), 3);
	while (start())
		;
	ck_assert_uint_eq(queue_count_of(q, BOB), 3);
	ck_assert_str_eq(reason(2), "waits: alice's limit of 1 running job");
	ck_assert_str_eq(reason(13), "waits: bob's limit of 2 running jobs");
	ck_assert_int_eq(queue_set_limits(q, BOB, NULL), 0);
	ck_assert_uint_eq(queue_limits(q, BOB)->queued, 5);
	ck_assert_str_eq(reason(13), "waits: bob's limit of 1 running job");
	limits(BOB, (struct limits){ .running = 2 });
	queue_reset_users(q, now);
	ck_assert_uint_eq(queue_limits(q, BOB)->running, 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { running_jobs,
				       short_jobs_are_limited_too,
				       nobody_yields_beyond_a_limit,
				       no_idle_device_for_a_limit,
				       memory,
				       device_time_of_a_day,
				       a_job_over_midnight,
				       asleep_over_midnight,
				       defaults_and_ones_own };

	return run_tests("limits", tests, ARRAY_SIZE(tests));
}
