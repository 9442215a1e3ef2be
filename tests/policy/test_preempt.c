// SPDX-License-Identifier: MIT
/*
 * Who yields to whom, and when. The queue says who is to go; his slot is his until he has gone, at
 * the end of a chunk of sweeps.
 */
#include "lane.h"
#include "queue_support.h"

#define SHORT	QUEUE_SHORT
#define DEAF	(4 * SECOND) /* after which a worker that does not yield is killed */
#define IN_TIME (5 * SECOND) /* within which a short job starts */

/* The worst: a long job that has just begun, and does not listen. */
START_TEST(a_short_job_starts_in_time)
{
	uint64_t asked, began = HOUR;

	ck_assert_uint_le(LANE_GRACE + DEAF, IN_TIME);
	add(.id = 1, .uid = ALICE);
	now = began;
	start();
	add(.id = 2, .uid = BOB, .time_limit = SHORT);
	ck_assert_uint_eq(start(), 0);
	ck_assert_uint_eq(yields(), 0);
	while (now < began + LANE_GRACE) {
		now = queue_wakeup(q, now);
		ck_assert_uint_le(now, began + LANE_GRACE);
	}
	asked = now;
	ck_assert_uint_eq(yields(), 1);
	ck_assert_str_eq(why, "job 2 of bob is short");
	ck_assert_uint_eq(yields(), 0);
	ck_assert_str_eq(reason(2), "waits for pbit0, which job 1 of alice leaves; it is next");
	/* It has its slot until it has gone, and pays for it. */
	now = asked + DEAF;
	ck_assert_uint_eq(start(), 0);
	ck_assert_uint_eq(queue_running(q), 1);
	stop(1);
	ck_assert_uint_eq(start(), 2);
	ck_assert_uint_le(now - began, IN_TIME);
	ck_assert_uint_eq(queue_used(q, 1, now), LANE_GRACE + DEAF);
	/* The long one goes on at its place. */
	now += SECOND;
	finish(2);
	ck_assert_uint_eq(start(), 1);
}
END_TEST

START_TEST(what_is_short)
{
	static const uint64_t limits_of[] = { 0, SHORT + 1, HOUR, SHORT, SHORT - 1, 1 };

	add(.id = 1, .uid = ALICE);
	start();
	now = 20 * SECOND; /* less than a quantum: nothing but a short job makes it go */
	for (uint64_t i = 0; i < 6; i++) {
		add(.id = 2, .uid = BOB, .time_limit = limits_of[i]);
		ck_assert_uint_eq(yields(), i < 3 ? 0 : 1);
		queue_remove(q, 2, now);
		if (i >= 3) {
			stop(1);
			start();
			now += 20 * SECOND;
		}
	}
	/* One's own long job makes room as well. */
	add(.id = 3, .uid = ALICE, .time_limit = SHORT);
	ck_assert_uint_eq(yields(), 1);
}
END_TEST

/* Short ones stand in line behind each other, by share and age. */
START_TEST(short_jobs_leave_each_other_alone)
{
	add(.id = 1, .uid = ALICE, .time_limit = SHORT);
	start();
	now = 5 * SECOND;
	add(.id = 2, .uid = ALICE, .time_limit = SHORT);
	add(.id = 3, .uid = BOB, .time_limit = SHORT);
	ck_assert_uint_eq(yields(), 0);
	now = 9 * SECOND;
	ck_assert_uint_eq(yields(), 0);
	finish(1);
	ck_assert_uint_eq(start(), 3);
}
END_TEST

/* A session that is called has paid for ten seconds as a short job has; then it is a long one. */
START_TEST(a_session_is_short_at_first)
{
	add(.id = 1, .uid = ALICE, .session = true);
	start();
	add(.id = 2, .uid = BOB, .time_limit = SHORT);
	now = 9 * SECOND;
	ck_assert_uint_eq(yields(), 0);
	ck_assert_uint_eq(queue_wakeup(q, now), 10 * SECOND);
	now = 10 * SECOND;
	ck_assert_uint_eq(yields(), 1);
	stop(1);
	ck_assert_uint_eq(start(), 2);
	/* It comes back as one: not before short ones that run, but before long ones. */
	add(.id = 3, .uid = BOB);
	now += SECOND;
	ck_assert_uint_eq(yields(), 0);
	finish(2);
	ck_assert_uint_eq(start(), 1);
}
END_TEST

/* As many go as are needed, and none while a slot is free or comes free. */
START_TEST(nobody_yields_in_vain)
{
	slots(3);
	add(.id = 1, .uid = ALICE);
	add(.id = 2, .uid = ALICE);
	start();
	start();
	now = MINUTE;
	add(.id = 3, .uid = BOB, .time_limit = SHORT);
	ck_assert_uint_eq(yields(), 0);
	add(.id = 4, .uid = BOB, .time_limit = SHORT);
	/* The younger of two that began at once. */
	ck_assert_uint_eq(yields(), 2);
	ck_assert_uint_eq(yields(), 0);
	ck_assert_uint_eq(start(), 3);
	ck_assert_uint_eq(yields(), 0);
	/* One that is done leaves too. */
	queue_ended(q, 1, true);
	add(.id = 5, .uid = BOB, .time_limit = SHORT);
	ck_assert_uint_eq(yields(), 0);
}
END_TEST

/* A short job that names a device makes room there, and nowhere else. */
START_TEST(where_it_could_run)
{
	queue_set_device(q, "pbit1", QUEUE_SILICON, 1);
	add(.id = 1, .uid = ALICE);
	add(.id = 2, .uid = ALICE);
	start();
	start();
	now = MINUTE;
	add(.id = 3, .uid = BOB, .time_limit = SHORT, .device = queue_device(q, 1));
	ck_assert_uint_eq(yields(), 1);
	add(.id = 4, .uid = BOB, .time_limit = SHORT, .device = "pbit9");
	ck_assert_uint_eq(yields(), 0);
	ck_assert_int_eq(queue_set_held(q, 3, QUEUE_HELD_BY_USER), 0);
	add(.id = 5, .uid = BOB, .time_limit = SHORT, .device = queue_device(q, 2));
	ck_assert_uint_eq(yields(), 2);
}
END_TEST

/* An idle session first; then whose user has the most; then the lower band; then the youngest. */
START_TEST(who_goes)
{
	slots(5);
	add(.id = 1, .uid = BOB);
	start();
	now = HOUR;
	add(.id = 2, .uid = ALICE, .band = QUEUE_HIGH);
	add(.id = 3, .uid = ALICE, .band = QUEUE_LOW);
	add(.id = 4, .uid = ALICE, .session = true);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_ne(start(), 0);
	now += MINUTE;
	add(.id = 5, .uid = ALICE, .band = QUEUE_LOW);
	ck_assert_uint_eq(start(), 5);
	ck_assert_int_eq(queue_set_idle(q, 4, true), 0);
	ck_assert_int_eq(queue_set_idle(q, 3, true), -ENOENT);
	now += HOUR;
	for (uint64_t id = 10; id < 15; id++)
		add(.id = id, .uid = CAROL, .time_limit = SHORT);
	ck_assert_uint_eq(yields(), 4);
	ck_assert_str_eq(why, "nobody calls it, and job 10 of carol waits");
	ck_assert_double_gt(level(ALICE), level(BOB));
	ck_assert_uint_eq(yields(), 5);
	ck_assert_uint_eq(yields(), 3);
	ck_assert_uint_eq(yields(), 2);
	ck_assert_uint_eq(yields(), 1);
}
END_TEST

/* Two users of one weight, one slot: they change every two quanta, and not before. */
START_TEST(a_fairer_one_after_a_quantum)
{
	uint64_t turns = 0, id, last = 0;

	queue_set_half_life(q, 0, 0);
	queue_set_quantum(q, 10 * MINUTE);
	add(.id = 1, .uid = ALICE);
	add(.id = 2, .uid = BOB);
	ck_assert_uint_eq(start(), 1);
	while (now < DAY) {
		now = queue_wakeup(q, now);
		id = yields();
		if (!id)
			continue;
		ck_assert_str_eq(why, id == 1 ? "it is the turn of job 2 of bob" :
						"it is the turn of job 1 of alice");
		ck_assert_uint_ge(now - last, turns ? 20 * MINUTE - SECOND : 10 * MINUTE);
		ck_assert_uint_le(now - last, 21 * MINUTE);
		last = now;
		turns++;
		stop(id);
		ck_assert_uint_eq(start(), 3 - id);
	}
	ck_assert_uint_ge(turns, 69);
	/* To its end, without a quantum. */
	queue_set_quantum(q, 0);
	now += DAY;
	ck_assert_uint_eq(yields(), 0);
	ck_assert_uint_eq(queue_wakeup(q, now), UINT64_MAX);
}
END_TEST

START_TEST(ones_own_jobs_wait)
{
	add(.id = 1, .uid = ALICE, .band = QUEUE_LOW);
	start();
	now = DAY;
	add(.id = 2, .uid = ALICE, .band = QUEUE_HIGH);
	ck_assert_uint_eq(yields(), 0);
	now = 2 * DAY;
	ck_assert_uint_eq(yields(), 0);
}
END_TEST

/* Long work in short pieces: a burst of an allowance, and then no more than a share. */
START_TEST(the_lane_is_no_way_around)
{
	uint64_t id = 100, running = 0, ends = 0, start_at;
	double before;

	queue_set_half_life(q, 0, 0);
	add(.id = 1, .uid = ALICE);
	start();
	now = start_at = HOUR;
	before = used(ALICE);
	while (now < start_at + 10 * HOUR) {
		uint64_t victim, begun;

		if (running && now >= ends) {
			finish(running);
			running = 0;
		}
		while (queue_count_of(q, BOB) < 20)
			add(.id = id++, .uid = BOB, .time_limit = SHORT);
		while ((victim = yields()))
			stop(victim);
		begun = start();
		if (begun > 1) {
			running = begun;
			ends = now + SHORT * 9 / 10;
		}
		now = MIN(queue_wakeup(q, now), running ? ends : UINT64_MAX);
	}
	ck_assert_double_le(used(BOB), 5 * (double)HOUR + LANE_CAPACITY + 2e6 * 60);
	ck_assert_double_ge(used(ALICE) - before, 5 * (double)HOUR - LANE_CAPACITY - 2e6 * 60);
	ck_assert_double_eq_tol(used(ALICE) - before + used(BOB), 10 * (double)HOUR, 1e7);
}
END_TEST

/* An allowance is paid when a job starts, and what it did not use comes back. */
START_TEST(an_allowance)
{
	struct lane l = lane_full();

	lane_set_rate(&l, 0.5, 0);
	lane_pay(&l, 50e6, 0);
	ck_assert_double_eq(lane_left(&l, 0), 10e6);
	ck_assert_double_eq(lane_left(&l, 10 * SECOND), 15e6);
	ck_assert_uint_eq(lane_when(&l, 20e6, 0), 20 * SECOND + 1);
	lane_refund(&l, 50e6, 5 * SECOND, 10 * SECOND);
	ck_assert_double_eq(lane_left(&l, 10 * SECOND), LANE_CAPACITY);
	lane_pay(&l, 60e6, 10 * SECOND);
	/* Some of it is gone, however short the run. */
	lane_refund(&l, 60e6, 0, 10 * SECOND);
	ck_assert_double_eq(lane_left(&l, 10 * SECOND), LANE_CAPACITY - LANE_LEAST);
	lane_pay(&l, 58e6, 10 * SECOND);
	lane_set_rate(&l, 0, 10 * SECOND);
	ck_assert_uint_eq(lane_when(&l, 1, 10 * SECOND), UINT64_MAX);
	ck_assert_double_eq(lane_left(&l, DAY), 0);
}
END_TEST

/* Told once each, running or waiting, whatever came between. */
START_TEST(time_limits)
{
	uint64_t id;

	slots(2);
	add(.id = 1, .uid = ALICE, .time_limit = MINUTE);
	add(.id = 2, .uid = ALICE, .time_limit = HOUR, .used = HOUR - MINUTE);
	start();
	start();
	now = 30 * SECOND;
	stop(1);
	ck_assert_uint_eq(start(), 1);
	ck_assert_uint_eq(queue_wakeup(q, now), MINUTE);
	now = MINUTE - 1;
	ck_assert(!queue_expired(q, now, &id));
	now = MINUTE;
	for (int i = 0; i < 2; i++) {
		ck_assert(queue_expired(q, now, &id));
		ck_assert_uint_le(id, 2);
		ck_assert_uint_eq(queue_used(q, id, now), id == 1 ? MINUTE : HOUR);
	}
	ck_assert(!queue_expired(q, now, &id));
	/* It stopped before it was told so to its face: it must not begin again. */
	stop(1);
	ck_assert_uint_eq(start(), 0);
	ck_assert(queue_expired(q, now, &id));
	ck_assert_uint_eq(id, 1);
	ck_assert(!queue_expired(q, now, &id));
	ck_assert_str_eq(reason(1), "waits: its time limit of 60 s is reached");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { a_short_job_starts_in_time,
				       what_is_short,
				       short_jobs_leave_each_other_alone,
				       a_session_is_short_at_first,
				       nobody_yields_in_vain,
				       where_it_could_run,
				       who_goes,
				       a_fairer_one_after_a_quantum,
				       ones_own_jobs_wait,
				       the_lane_is_no_way_around,
				       an_allowance,
				       time_limits };

	return run_tests("preempt", tests, ARRAY_SIZE(tests));
}
