// SPDX-License-Identifier: MIT
/* Who is served first: device time, decayed, over the weight; no credit for absence. */
#include "share.h"

#include <math.h>

#include "queue_support.h"

START_TEST(use_is_forgotten_by_the_half_life)
{
	const double rate = share_rate(DAY);
	struct share s = { .weight = 2, .running = 3 };

	/* In the closed form: r H / ln 2 (1 - 2^(-t/H)). */
	ck_assert_double_eq_tol(share_used(&s, rate, DAY), 3 * (double)DAY / M_LN2 / 2, 1);
	ck_assert_double_eq_tol(share_level(&s, rate, DAY), 1.5 * (double)DAY / M_LN2 / 2, 1);
	share_settle(&s, rate, DAY);
	s.running = 0;
	ck_assert_double_eq_tol(share_used(&s, rate, 2 * DAY), 3 * (double)DAY / M_LN2 / 4, 1);
	ck_assert_double_eq_tol(share_used(&s, rate, 11 * DAY), 3 * (double)DAY / M_LN2 / 2048, 1);
	/* In steps of any length it is the same. */
	for (uint64_t t = DAY; t < 2 * DAY; t += DAY / 1000)
		share_settle(&s, rate, t);
	ck_assert_double_eq_tol(share_used(&s, rate, 2 * DAY), 3 * (double)DAY / M_LN2 / 4, 10);
	ck_assert_double_eq(share_rate(0), 0);
}
END_TEST

START_TEST(the_half_life_is_a_setting)
{
	double before;

	add(.id = 1, .uid = ALICE);
	start();
	now = HOUR;
	finish(1);
	before = used(ALICE);
	ck_assert_double_eq_tol(before, (double)HOUR, 0.01 * (double)HOUR);
	now += QUEUE_HALF_LIFE;
	ck_assert_double_eq_tol(used(ALICE), before / 2, 1);
	/* What was forgotten until then stays so. */
	queue_set_half_life(q, HOUR, now);
	ck_assert_double_eq_tol(used(ALICE), before / 2, 1);
	now += 3 * HOUR;
	ck_assert_double_eq_tol(used(ALICE), before / 16, 1);
	queue_set_half_life(q, 0, now);
	now += 1000 * DAY;
	ck_assert_double_eq_tol(used(ALICE), before / 16, 1);
}
END_TEST

START_TEST(the_least_served_goes_first)
{
	slots(2);
	/* All the time, both have jobs that wait. */
	for (uint64_t id = 1; id <= 6; id++)
		add(.id = id, .uid = id % 2 ? ALICE : BOB);
	ck_assert_uint_eq(start(), 1);
	ck_assert_uint_eq(start(), 2);
	now = 10 * MINUTE;
	finish(1);
	ck_assert_uint_eq(start(), 3);
	now = 15 * MINUTE;
	finish(2);
	/* Each has used as much; alice's is older. */
	ck_assert_double_eq_tol(level(ALICE), level(BOB), 1);
	ck_assert_uint_eq(next(), 4);
	ck_assert_uint_eq(start(), 4);
	now = 20 * MINUTE;
	finish(3);
	finish(4);
	ck_assert_int_eq(queue_set_weight(q, BOB, 0.5, now), 0);
	ck_assert_uint_eq(start(), 5);
	ck_assert_uint_eq(start(), 6);
}
END_TEST

/* She has two jobs that run, and has had nothing that ended. */
START_TEST(running_use_counts)
{
	slots(3);
	add(.id = 1, .uid = ALICE);
	add(.id = 2, .uid = ALICE);
	add(.id = 3, .uid = BOB);
	while (start())
		;
	add(.id = 4, .uid = ALICE);
	add(.id = 5, .uid = BOB);
	now = 10 * MINUTE;
	ck_assert_double_eq_tol(level(ALICE), 2 * level(BOB), 1);
	finish(3);
	ck_assert_uint_eq(next(), 5);
}
END_TEST

START_TEST(shares_are_as_the_weights)
{
	double all = 0;

	queue_set_half_life(q, 0, now);
	slots(3);
	ck_assert_int_eq(queue_set_weight(q, ALICE, 4, now), 0);
	ck_assert_int_eq(queue_set_weight(q, BOB, 2, now), 0);
	for (uint64_t id = 1; id <= 18; id++)
		add(.id = id, .uid = ALICE + (uid_t)(id % 3));
	run_until(2 * DAY);
	for (uid_t uid = ALICE; uid <= CAROL; uid++)
		all += used(uid);
	ck_assert_double_eq_tol(all, 3 * 2 * (double)DAY, 1000);
	ck_assert_double_eq_tol(used(ALICE) / all, 4.0 / 7, 0.01);
	ck_assert_double_eq_tol(used(BOB) / all, 2.0 / 7, 0.01);
	ck_assert_double_eq_tol(used(CAROL) / all, 1.0 / 7, 0.01);
}
END_TEST

/* Bob was away for ten hours, which alice had for herself. */
START_TEST(no_credit_for_absence)
{
	double before;

	add(.id = 1, .uid = ALICE);
	run_until(10 * HOUR);
	add(.id = 2, .uid = BOB);
	next();
	ck_assert_uint_gt(position(2), 0);
	ck_assert_double_eq_tol(level(BOB), level(ALICE), 1);
	ck_assert_double_eq(used(BOB), 0);
	queue_set_half_life(q, 0, now);
	before = used(ALICE);
	run_until(20 * HOUR);
	ck_assert_double_eq_tol(used(BOB), 5 * (double)HOUR, 2 * (double)QUEUE_QUANTUM);
	ck_assert_double_eq_tol(used(ALICE) - before, 5 * (double)HOUR, 2 * (double)QUEUE_QUANTUM);
}
END_TEST

/* What carol is kept to says nothing of what bob missed. */
START_TEST(one_at_his_limit_is_no_measure)
{
	slots(4);
	limits(CAROL, (struct limits){ .running = 1 });
	for (uint64_t id = 1; id <= 4; id++)
		add(.id = id, .uid = ALICE);
	add(.id = 5, .uid = CAROL);
	add(.id = 6, .uid = CAROL);
	run_until(10 * HOUR);
	ck_assert_double_eq_tol(level(ALICE), 3 * level(CAROL), 0.01 * level(ALICE));
	add(.id = 7, .uid = BOB);
	ck_assert_uint_gt(position(7), 0);
	ck_assert_double_eq_tol(level(BOB), level(ALICE), 1);
	/* Alone, she is the measure. */
	for (uint64_t id = 1; id <= 7; id++)
		if (id != 5 && id != 6)
			queue_remove(q, id, now);
	run_until(100 * HOUR);
	add(.id = 8, .uid = DAVE);
	ck_assert_uint_gt(position(6), 0);
	ck_assert_double_ge(level(DAVE), level(CAROL) - 1);
}
END_TEST

/* Bob has had both slots since alice came: her next job goes before his, too. */
START_TEST(a_debt_is_not_forgiven)
{
	slots(2);
	add(.id = 1, .uid = BOB);
	add(.id = 2, .uid = BOB);
	queue_set_quantum(q, 0);
	start();
	start();
	now = HOUR;
	add(.id = 3, .uid = ALICE);
	ck_assert_uint_eq(position(3), 1);
	now = DAY;
	finish(2);
	add(.id = 4, .uid = BOB);
	ck_assert_uint_eq(start(), 3);
	ck_assert_double_gt(level(BOB), level(ALICE) + (double)(DAY / 3));
	finish(1);
	add(.id = 5, .uid = ALICE);
	ck_assert_uint_eq(next(), 5);
}
END_TEST

START_TEST(use_is_kept_over_restarts)
{
	struct queue_usage usage, again;

	add(.id = 1, .uid = ALICE);
	start();
	now = 2 * HOUR;
	ck_assert(queue_get_usage(q, ALICE, now, &usage));
	ck_assert(!queue_get_usage(q, BOB, now, &again));
	ck_assert_uint_eq(usage.day, 2 * HOUR);
	ck_assert_int_eq(usage.wall, WALL + (int64_t)(2 * HOUR));
	teardown();
	/* A half-life later, on a clock that begins anew. */
	setup();
	queue_set_wall(q, 0, usage.wall + (int64_t)QUEUE_HALF_LIFE);
	ck_assert_int_eq(queue_set_usage(q, ALICE, &usage, 0), 0);
	ck_assert(queue_get_usage(q, ALICE, 0, &again));
	ck_assert_double_eq_tol(again.used, usage.used / 2, 1);
	ck_assert_double_eq_tol(again.level, usage.level / 2, 1);
	ck_assert_double_eq_tol(again.floor, usage.floor / 2, 1);
	ck_assert_uint_eq(again.day, 0);
}
END_TEST

START_TEST(weights_have_bounds)
{
	static const double bad[] = { 0, -1, 0.0009, 1000.1, NAN, INFINITY };
	struct queue_user u;
	double shares = 0;

	for (size_t i = 0; i < 6; i++)
		ck_assert_int_eq(queue_set_weight(q, ALICE, bad[i], 0), -EINVAL);
	ck_assert_int_eq(queue_set_weight(q, ALICE, 1000, 0), 0);
	add(.id = 1, .uid = ALICE);
	add(.id = 2, .uid = BOB);
	run_until(3 * HOUR);
	for (size_t i = 0; i < 2; i++) {
		ck_assert(queue_get_user(q, i, now, &u));
		ck_assert_uint_eq(u.uid, ALICE + i);
		ck_assert_double_eq(u.weight, i ? 1 : 1000);
		shares += u.share;
	}
	ck_assert(!queue_get_user(q, 2, now, &u));
	ck_assert_double_eq_tol(shares, 1, 1e-9);
	queue_reset_users(q, now);
	ck_assert(queue_get_user(q, 0, now, &u));
	ck_assert_double_eq(u.weight, 1);
	ck_assert_double_gt(u.share, 0.9);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		use_is_forgotten_by_the_half_life, the_half_life_is_a_setting,
		the_least_served_goes_first,	   running_use_counts,
		shares_are_as_the_weights,	   no_credit_for_absence,
		one_at_his_limit_is_no_measure,	   a_debt_is_not_forgiven,
		use_is_kept_over_restarts,	   weights_have_bounds
	};

	return run_tests("share", tests, ARRAY_SIZE(tests));
}
