// SPDX-License-Identifier: MIT
/* Why a job waits, in words: the right ones in each situation, and a position with them. */
#include "queue_support.h"

#define RUNS "waits for pbit0, which runs job 1 of alice; "

static void expect(uint64_t id, unsigned int place, const char *text)
{
	ck_assert_str_eq(reason(id), text);
	ck_assert_uint_eq(position(id), place);
}

START_TEST(ones_turn)
{
	add(.id = 1, .uid = ALICE);
	expect(1, 1, "is about to start on pbit0");
	start();
	expect(1, 0, "");
	add(.id = 2, .uid = ALICE);
	expect(2, 1, RUNS "it is next");
	add(.id = 3, .uid = ALICE, .band = QUEUE_HIGH);
	expect(3, 1, RUNS "it is next");
	expect(2, 2, RUNS "1 job is ahead: of alice's jobs those of a higher band go first");
	queue_set_device(q, "pbit0", QUEUE_SILICON, 2);
	expect(3, 1, "is about to start on pbit0");
	expect(2, 2,
	       "waits for pbit0; 1 job is ahead: of alice's jobs those of a higher band go "
	       "first");
	start();
	expect(2, 1, "waits for pbit0, which runs job 1 of alice and 1 more; it is next");
	expect(99, 0, "");
}
END_TEST

/* Bob comes later, and is served first. */
START_TEST(others_turn)
{
	add(.id = 1, .uid = ALICE);
	start();
	add(.id = 2, .uid = ALICE);
	add(.id = 3, .uid = BOB);
	expect(3, 1, RUNS "it is next");
	expect(2, 2, RUNS "1 job is ahead: it is bob's turn");
	now = 30 * MINUTE;
	expect(2, 2,
	       RUNS
	       "1 job is ahead: alice has used more device time than bob, who is served first");
	ck_assert_int_eq(queue_set_weight(q, BOB, 2, now), 0);
	expect(2, 2,
	       RUNS "1 job is ahead: alice has used more device time for his weight than bob, "
		    "who is served first");
	add(.id = 4, .uid = CAROL, .time_limit = QUEUE_SHORT);
	expect(4, 1, RUNS "it is next");
	expect(3, 2, RUNS "1 job is ahead: short jobs go first");
	expect(2, 3, RUNS "2 jobs are ahead: short jobs go first");
}
END_TEST

START_TEST(it_comes_free)
{
	add(.id = 1, .uid = ALICE);
	start();
	now = MINUTE;
	add(.id = 2, .uid = BOB, .time_limit = QUEUE_SHORT);
	ck_assert_uint_eq(yields(), 1);
	expect(2, 1, "waits for pbit0, which job 1 of alice leaves; it is next");
}
END_TEST

START_TEST(no_device)
{
	add(.id = 1, .uid = ALICE, .device = "pbit7");
	expect(1, 1, "waits for pbit7, which is not there");
	add(.id = 2, .uid = ALICE);
	expect(2, 1, "is about to start on pbit0");
	ck_assert_int_eq(queue_avoid(q, 2, "pbit0"), 0);
	expect(2, 2, "waits for a device: none is in service that it fits");
	queue_set_device(q, "pbit0", QUEUE_SILICON, 0);
	add(.id = 3, .uid = ALICE);
	expect(3, 3, "waits for a device: none is in service");
	/* One that is there, but only for those who name it. */
	queue_set_device(q, "pbit8", QUEUE_BY_NAME, 1);
	expect(3, 3, "waits for a device: none is in service");
}
END_TEST

START_TEST(what_keeps_it_by_itself)
{
	const struct queue_dependency after = { .after = QUEUE_AFTER_ANY, .id = 77 };

	add(.id = 1, .uid = ALICE, .held = QUEUE_HELD_BY_USER);
	expect(1, 1, "waits: it is held by alice until it is released");
	add(.id = 2, .uid = ALICE, .held = QUEUE_HELD_BY_ADMIN);
	expect(2, 2, "waits: it is held by an admin until it is released");
	add(.id = 3, .uid = ALICE, .after = &after, .n_after = 1);
	expect(3, 3, "waits for job 77 (afterany)");
	add(.id = 4, .uid = ALICE, .time_limit = 90 * SECOND, .used = 90 * SECOND);
	expect(4, 4, "waits: its time limit of 90 s is reached");
	add(.id = 5, .uid = ALICE);
	ck_assert_int_eq(queue_hold(q, 5, HOUR, "no space is left for its files"), 0);
	expect(5, 5, "waits: no space is left for its files");
	add(.id = 6, .uid = ALICE, .session = true);
	ck_assert_int_eq(queue_set_idle(q, 6, true), 0);
	expect(6, 6, "sleeps until its client calls");
	ck_assert_int_eq(queue_set_idle(q, 6, false), 0);
	expect(6, 1, "is about to start on pbit0");
}
END_TEST

/* When several things keep it, the one is told that must be mended first. */
START_TEST(several_at_once)
{
	const struct queue_dependency after = { .after = QUEUE_AFTER_OK, .id = 2 };

	limits(ALICE, (struct limits){ .running = 1 });
	add(.id = 1, .uid = ALICE);
	start();
	add(.id = 3, .uid = ALICE, .device = "pbit7", .held = QUEUE_HELD_BY_USER, .after = &after,
	    .n_after = 1);
	expect(3, 1, "waits: it is held by alice until it is released");
	queue_set_held(q, 3, QUEUE_NOT_HELD);
	expect(3, 1, "waits for job 2 (afterok)");
	queue_ended(q, 2, true);
	expect(3, 1, "waits for pbit7, which is not there");
	queue_set_device(q, "pbit7", QUEUE_SILICON, 1);
	expect(3, 1, "waits: alice's limit of 1 running job");
	finish(1);
	expect(3, 1, "is about to start on pbit7");
}
END_TEST

/* A reason changes with what it tells of, and says so by the generation. */
START_TEST(generations)
{
	uint64_t before = queue_generation(q), id;

	add(.id = 1, .uid = ALICE);
	ck_assert_uint_ne(queue_generation(q), before);
	before = queue_generation(q);
	start();
	ck_assert_uint_ne(queue_generation(q), before);
	before = queue_generation(q);
	position(1);
	reason(1);
	ck_assert_uint_eq(queue_generation(q), before);
	queue_set_held(q, 1, QUEUE_HELD_BY_USER);
	ck_assert_uint_ne(queue_generation(q), before);
	before = queue_generation(q);
	/* That a job leaves is in the reasons of those who wait. */
	ck_assert_uint_eq(yields(), 1);
	ck_assert_uint_ne(queue_generation(q), before);
	stop(1);
	queue_set_held(q, 1, QUEUE_NOT_HELD);
	add(.id = 2, .uid = ALICE, .time_limit = HOUR);
	add(.id = 3, .uid = ALICE);
	queue_remove(q, 1, now);
	ck_assert_uint_eq(start(), 2);
	now = HOUR;
	before = queue_generation(q);
	ck_assert_str_eq(reason(3), "waits for pbit0, which runs job 2 of alice; it is next");
	ck_assert(queue_expired(q, now, &id));
	ck_assert_uint_ne(queue_generation(q), before);
	ck_assert_str_eq(reason(3), "waits for pbit0, which job 2 of alice leaves; it is next");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		ones_turn,	 others_turn, it_comes_free, no_device, what_keeps_it_by_itself,
		several_at_once, generations
	};

	return run_tests("reason", tests, ARRAY_SIZE(tests));
}
