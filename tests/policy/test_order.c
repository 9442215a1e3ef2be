// SPDX-License-Identifier: MIT
/* The order of what waits: the user by his share, then the band, then who came first. Holds. */
#include "queue_support.h"

static void expect_order(const uint64_t *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(position(ids[i]) == i + 1, "job %ju has position %u, not %zu",
			      (uintmax_t)ids[i], position(ids[i]), i + 1);
}

#define expect(...)                                     \
	expect_order((const uint64_t[]){ __VA_ARGS__ }, \
		     sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

START_TEST(bands_then_age)
{
	add(.id = 1, .uid = ALICE, .band = QUEUE_LOW);
	add(.id = 2, .uid = ALICE);
	add(.id = 6, .uid = ALICE, .band = QUEUE_HIGH);
	add(.id = 5, .uid = ALICE, .band = QUEUE_HIGH);
	add(.id = 4, .uid = ALICE, .band = QUEUE_LOW);
	add(.id = 3, .uid = ALICE);
	expect(5, 6, 2, 3, 1, 4);
	for (uint64_t i = 0; i < 6; i++) {
		static const uint64_t order[] = { 5, 6, 2, 3, 1, 4 };

		ck_assert_uint_eq(start(), order[i]);
		finish(order[i]);
	}
}
END_TEST

/* A band is for one's own jobs: it buys nothing against others. */
START_TEST(share_before_band)
{
	add(.id = 1, .uid = ALICE);
	start();
	add(.id = 2, .uid = ALICE, .band = QUEUE_HIGH);
	add(.id = 3, .uid = BOB, .band = QUEUE_LOW);
	expect(3, 2);
	now = HOUR;
	expect(3, 2);
	finish(1);
	ck_assert_uint_eq(start(), 3);
}
END_TEST

/* Each start is reckoned with before the next: weights 2 and 1. */
START_TEST(users_take_turns)
{
	ck_assert_int_eq(queue_set_weight(q, ALICE, 2, 0), 0);
	for (uint64_t id = 1; id <= 6; id++)
		add(.id = id, .uid = ALICE);
	for (uint64_t id = 7; id <= 9; id++)
		add(.id = id, .uid = BOB);
	expect(1, 7, 2, 3, 8, 4, 5, 9, 6);
}
END_TEST

START_TEST(one_that_stopped_has_its_old_place)
{
	for (uint64_t id = 1; id <= 3; id++)
		add(.id = id, .uid = ALICE);
	start();
	now = HOUR;
	expect(2, 3);
	stop(1);
	expect(1, 2, 3);
	ck_assert_uint_eq(queue_used(q, 1, now), HOUR);
}
END_TEST

START_TEST(held_jobs_are_passed_over)
{
	for (uint64_t id = 1; id <= 3; id++)
		add(.id = id, .uid = ALICE, .held = id == 2 ? QUEUE_HELD_BY_ADMIN : QUEUE_NOT_HELD);
	ck_assert_int_eq(queue_set_held(q, 1, QUEUE_HELD_BY_USER), 0);
	ck_assert_int_eq(queue_set_held(q, 9, QUEUE_HELD_BY_USER), -ENOENT);
	expect(3, 1, 2);
	ck_assert_str_eq(reason(1), "waits: it is held by alice until it is released");
	ck_assert_str_eq(reason(2), "waits: it is held by an admin until it is released");
	ck_assert_int_eq(queue_held(q, 2), QUEUE_HELD_BY_ADMIN);
	ck_assert_uint_eq(start(), 3);
	finish(3);
	ck_assert_uint_eq(start(), 0);
	ck_assert_uint_eq(queue_wakeup(q, now), UINT64_MAX);
	ck_assert_int_eq(queue_set_held(q, 2, QUEUE_NOT_HELD), 0);
	expect(2, 1);
	ck_assert_int_eq(queue_set_held(q, 1, QUEUE_NOT_HELD), 0);
	ck_assert_uint_eq(start(), 1);
}
END_TEST

/* One that runs is told to go, once, and waits until it is released. */
START_TEST(a_running_job_is_held)
{
	add(.id = 1, .uid = ALICE);
	start();
	now = SECOND;
	ck_assert_int_eq(queue_set_held(q, 1, QUEUE_HELD_BY_USER), 0);
	ck_assert_uint_eq(yields(), 1);
	ck_assert_str_eq(why, "it is held");
	ck_assert_uint_eq(yields(), 0);
	stop(1);
	ck_assert_uint_eq(start(), 0);
	ck_assert_int_eq(queue_set_held(q, 1, QUEUE_NOT_HELD), 0);
	ck_assert_uint_eq(start(), 1);
	ck_assert_uint_eq(yields(), 0);
}
END_TEST

/* As after a crash: it goes on later from its place, and others meanwhile. */
START_TEST(started_again_after_a_while)
{
	add(.id = 1, .uid = ALICE);
	add(.id = 2, .uid = ALICE);
	start();
	now = SECOND;
	stop(1);
	ck_assert_int_eq(queue_hold(q, 1, 3 * SECOND, "its worker was killed"), 0);
	ck_assert_str_eq(reason(1), "waits: its worker was killed");
	expect(2, 1);
	ck_assert_uint_eq(queue_wakeup(q, now), 3 * SECOND);
	now = 3 * SECOND;
	expect(1, 2);
	ck_assert_uint_eq(start(), 1);
}
END_TEST

/* Blocked ones come last, by age, so that a position is never better than it is. */
START_TEST(positions_count_every_waiting_job)
{
	const struct queue_dependency after = { .after = QUEUE_AFTER_OK, .id = 9 };

	add(.id = 1, .uid = ALICE, .held = QUEUE_HELD_BY_USER);
	add(.id = 2, .uid = BOB, .after = &after, .n_after = 1);
	add(.id = 3, .uid = CAROL, .device = "pbit7");
	add(.id = 4, .uid = BOB);
	add(.id = 9, .uid = ALICE);
	expect(4, 9, 1, 2, 3);
	start();
	ck_assert_uint_eq(position(4), 0);
	expect(9, 1, 2, 3);
}
END_TEST

START_TEST(ten_thousand_jobs)
{
	char text[QUEUE_MAX_REASON];

	for (uint64_t id = 1; id <= 10000; id++)
		add(.id = id, .uid = ALICE + (uid_t)(id % 4));
	expect(1, 2, 3, 4, 5, 6, 7, 8);
	for (uint64_t id = 1; id <= 10000; id++) {
		ck_assert_uint_eq(position(id), id);
		queue_reason(q, id, now, text);
		ck_assert_int_ne(text[0], '\0');
	}
	for (uint64_t id = 10000; id > 0; id--)
		ck_assert_int_eq(queue_remove(q, id, now), 0);
	ck_assert_uint_eq(queue_waiting(q), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { bands_then_age,
				       share_before_band,
				       users_take_turns,
				       one_that_stopped_has_its_old_place,
				       held_jobs_are_passed_over,
				       a_running_job_is_held,
				       started_again_after_a_while,
				       positions_count_every_waiting_job,
				       ten_thousand_jobs };

	return run_tests("order", tests, ARRAY_SIZE(tests));
}
