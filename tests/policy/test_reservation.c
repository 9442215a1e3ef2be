// SPDX-License-Identifier: MIT
/* Devices that admins keep for some users and a time. */
#include "queue_support.h"

static int reserve(uint64_t id, const char *device, uint64_t from, uint64_t until)
{
	static const uid_t carols[] = { CAROL };
	const struct queue_reservation r = { .id = id,
					     .device = device,
					     .from = WALL + (int64_t)from,
					     .until = WALL + (int64_t)until,
					     .uids = carols,
					     .n_uids = 1,
					     .users = "carol" };

	return queue_reserve(q, &r);
}

/* Nobody else's jobs start, and those that run go. */
START_TEST(for_its_users_alone)
{
	ck_assert_int_eq(reserve(1, "pbit0", 10 * HOUR, 12 * HOUR), 0);
	add(.id = 1, .uid = ALICE);
	now = 9 * HOUR;
	ck_assert_uint_eq(start(), 1); /* it says no limit, and yields */
	ck_assert_uint_eq(yields(), 0);
	ck_assert_uint_eq(queue_wakeup(q, now), 10 * HOUR);
	now = 10 * HOUR;
	ck_assert_uint_eq(yields(), 1);
	ck_assert_str_eq(why, "pbit0 is reserved for carol until 12:00");
	ck_assert_uint_eq(yields(), 0);
	stop(1);
	ck_assert_uint_eq(start(), 0);
	ck_assert_str_eq(reason(1), "waits: pbit0 is reserved for carol until 12:00");
	/* Not for a short one either. */
	add(.id = 2, .uid = BOB, .time_limit = SECOND);
	ck_assert_uint_eq(start(), 0);
	add(.id = 3, .uid = CAROL);
	ck_assert_uint_eq(start(), 3);
	add(.id = 4, .uid = BOB, .time_limit = SECOND);
	now = 11 * HOUR;
	ck_assert_uint_eq(yields(), 0);
	ck_assert_uint_eq(queue_wakeup(q, now), 12 * HOUR);
	/* When it is over, all is as it was. */
	now = 12 * HOUR;
	ck_assert_uint_eq(yields(), 3);
	stop(3);
	ck_assert_uint_eq(start(), 2);
	ck_assert_int_eq(queue_unreserve(q, 1), -ENOENT);
}
END_TEST

/* What might not end before it is not begun. */
START_TEST(jobs_that_do_not_fit_before)
{
	ck_assert_int_eq(reserve(1, "pbit0", 10 * HOUR, 12 * HOUR), 0);
	add(.id = 1, .uid = ALICE, .time_limit = 2 * HOUR);
	add(.id = 2, .uid = ALICE, .time_limit = HOUR);
	add(.id = 3, .uid = ALICE, .time_limit = 2 * HOUR, .used = 90 * MINUTE);
	add(.id = 4, .uid = CAROL, .time_limit = 2 * HOUR);
	now = 9 * HOUR;
	ck_assert_str_eq(reason(1), "waits: pbit0 is reserved for carol from 10:00, and its time "
				    "limit of 2 h does not fit before");
	ck_assert_uint_eq(start(), 2);
	finish(2);
	/* Its rest fits. */
	ck_assert_uint_eq(start(), 3);
	finish(3);
	ck_assert_uint_eq(start(), 4);
	finish(4);
	ck_assert_uint_eq(start(), 0);
	now = 12 * HOUR;
	ck_assert_uint_eq(start(), 1);
}
END_TEST

START_TEST(other_devices_are_open)
{
	queue_set_device(q, "pbit1", QUEUE_EMULATED, 1);
	ck_assert_int_eq(reserve(1, "pbit0", 0, DAY), 0);
	add(.id = 1, .uid = ALICE);
	add(.id = 2, .uid = ALICE, .device = "pbit0");
	ck_assert_uint_eq(start(), 1);
	ck_assert_str_eq(queue_device(q, 1), "pbit1");
	ck_assert_uint_eq(start(), 0);
	ck_assert_str_eq(reason(2), "waits: pbit0 is reserved for carol until 00:00 on 2025-01-07");
	/* Carol does not make others go while hers is free. */
	add(.id = 3, .uid = CAROL, .time_limit = SECOND);
	now = HOUR;
	ck_assert_uint_eq(yields(), 0);
	ck_assert_uint_eq(start(), 3);
}
END_TEST

START_TEST(taken_back)
{
	add(.id = 1, .uid = ALICE);
	ck_assert_int_eq(reserve(1, "pbit0", 0, DAY), 0);
	ck_assert_int_eq(reserve(2, "pbit0", 2 * DAY, 3 * DAY), 0);
	ck_assert_uint_eq(start(), 0);
	ck_assert_int_eq(queue_unreserve(q, 1), 0);
	ck_assert_int_eq(queue_unreserve(q, 1), -ENOENT);
	ck_assert_uint_eq(start(), 1);
	ck_assert_uint_eq(queue_wakeup(q, now), 2 * DAY);
	ck_assert_int_eq(queue_unreserve(q, 2), 0);
	ck_assert_uint_eq(queue_wakeup(q, now), UINT64_MAX);
}
END_TEST

START_TEST(bad_ones)
{
	ck_assert_int_eq(reserve(1, "pbit0", DAY, DAY), -EINVAL);
	ck_assert_int_eq(reserve(1, "pbit0", 2 * DAY, DAY), -EINVAL);
	ck_assert_int_eq(reserve(1, "pbit0", 0, DAY), 0);
	ck_assert_int_eq(reserve(1, "pbit9", 0, DAY), -EEXIST);
}
END_TEST

/* A device that is not there yet; and one after the other on it. */
START_TEST(before_the_device)
{
	ck_assert_int_eq(reserve(2, "pbit7", 2 * HOUR, 3 * HOUR), 0);
	ck_assert_int_eq(reserve(1, "pbit7", 0, HOUR), 0);
	add(.id = 1, .uid = ALICE, .device = "pbit7");
	ck_assert_uint_eq(start(), 0);
	ck_assert_str_eq(reason(1), "waits for pbit7, which is not there");
	queue_set_device(q, "pbit7", QUEUE_SILICON, 1);
	ck_assert_uint_eq(start(), 0);
	ck_assert_str_eq(reason(1), "waits: pbit7 is reserved for carol until 01:00");
	now = HOUR;
	ck_assert_uint_eq(start(), 1);
	now = 2 * HOUR;
	ck_assert_uint_eq(yields(), 1);
	stop(1);
	now = 3 * HOUR;
	ck_assert_uint_eq(start(), 1);
}
END_TEST

/* The clock on the wall is set; the reservation is by that. */
START_TEST(by_the_wall)
{
	ck_assert_int_eq(reserve(1, "pbit0", DAY, 2 * DAY), 0);
	add(.id = 1, .uid = ALICE);
	start();
	now = HOUR;
	queue_set_wall(q, now, WALL + (int64_t)(30 * HOUR));
	ck_assert_uint_eq(yields(), 1);
	stop(1);
	ck_assert_uint_eq(queue_wakeup(q, now), now + 18 * HOUR);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { for_its_users_alone,
				       jobs_that_do_not_fit_before,
				       other_devices_are_open,
				       taken_back,
				       bad_ones,
				       before_the_device,
				       by_the_wall };

	return run_tests("reservation", tests, ARRAY_SIZE(tests));
}
