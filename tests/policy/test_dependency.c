// SPDX-License-Identifier: MIT
/* Jobs that wait for others: to be done (afterok), or to have ended however (afterany). */
#include "queue_support.h"

#define OK(i)                                      \
	{                                          \
		.after = QUEUE_AFTER_OK, .id = (i) \
	}
#define ANY(i)                                      \
	{                                           \
		.after = QUEUE_AFTER_ANY, .id = (i) \
	}

#define add_after(job, ...)                                               \
	do {                                                              \
		const struct queue_dependency after_[] = { __VA_ARGS__ }; \
                                                                          \
		add(.id = (job), .uid = ALICE, .after = after_,           \
		    .n_after = sizeof(after_) / sizeof(*after_));         \
	} while (0)

static uint64_t doomed(void)
{
	uint64_t id;

	why[0] = '\0';
	return queue_doomed(q, &id, why) ? id : 0;
}

static void end_badly(uint64_t id)
{
	queue_ended(q, id, false);
	ck_assert_int_eq(queue_remove(q, id, now), 0);
}

START_TEST(after_ok)
{
	add_after(2, OK(1));
	add(.id = 1, .uid = ALICE);
	ck_assert_str_eq(reason(2), "waits for job 1 (afterok), which waits");
	ck_assert_uint_eq(start(), 1);
	ck_assert_str_eq(reason(2), "waits for job 1 (afterok), which runs");
	slots(2);
	ck_assert_uint_eq(start(), 0);
	/* Stopped is not ended. */
	stop(1);
	start();
	ck_assert_uint_eq(start(), 0);
	finish(1);
	ck_assert_uint_eq(doomed(), 0);
	ck_assert_uint_eq(start(), 2);
}
END_TEST

START_TEST(after_ok_that_fails)
{
	add(.id = 1, .uid = ALICE);
	add_after(2, OK(1));
	add_after(3, OK(2));
	start();
	end_badly(1);
	ck_assert_uint_eq(start(), 0);
	ck_assert_str_eq(reason(2),
			 "cannot run: it was to run after job 1, which failed or was cancelled");
	ck_assert_uint_eq(doomed(), 2);
	ck_assert_str_eq(why, "it was to run after job 1, which failed or was cancelled");
	ck_assert_uint_eq(doomed(), 2); /* until it is ended */
	end_badly(2);
	/* And so on down the chain. */
	ck_assert_uint_eq(doomed(), 3);
	end_badly(3);
	ck_assert_uint_eq(doomed(), 0);
	ck_assert_uint_eq(queue_waiting(q), 0);
}
END_TEST

START_TEST(after_any)
{
	add(.id = 1, .uid = ALICE);
	add(.id = 2, .uid = ALICE);
	add_after(3, ANY(1), ANY(2));
	ck_assert_str_eq(reason(3), "waits for job 1 (afterany), which waits, and for 1 more");
	start();
	end_badly(1);
	ck_assert_str_eq(reason(3), "waits for job 2 (afterany), which waits");
	/* Cancelled while it waits. */
	end_badly(2);
	ck_assert_uint_eq(doomed(), 0);
	ck_assert_uint_eq(start(), 3);
}
END_TEST

START_TEST(both_kinds)
{
	for (uint64_t id = 1; id <= 3; id++)
		add(.id = id, .uid = ALICE);
	add_after(4, OK(1), ANY(2), OK(3));
	finish(1);
	end_badly(2);
	ck_assert_str_eq(reason(4), "waits for job 3 (afterok), which waits");
	ck_assert_uint_eq(doomed(), 0);
	end_badly(3);
	ck_assert_uint_eq(doomed(), 4);
	ck_assert_str_eq(why, "it was to run after job 3, which failed or was cancelled");
	ck_assert_int_eq(queue_remove(q, 4, now), 0);
	ck_assert_uint_eq(doomed(), 0);
}
END_TEST

/* As after a restart: how they ended is known when the job is added. */
START_TEST(those_that_have_ended)
{
	const struct queue_dependency good[] = { { QUEUE_AFTER_OK, 1, QUEUE_ENDED_OK },
						 { QUEUE_AFTER_ANY, 2, QUEUE_ENDED_BADLY } };
	const struct queue_dependency bad = { QUEUE_AFTER_OK, 2, QUEUE_ENDED_BADLY };

	add(.id = 3, .uid = ALICE, .after = good, .n_after = 2);
	add(.id = 4, .uid = ALICE, .after = &bad, .n_after = 1);
	ck_assert_uint_eq(start(), 3);
	ck_assert_uint_eq(start(), 0);
	ck_assert_uint_eq(doomed(), 4);
}
END_TEST

/* One that is cancelled while it runs: it is over when that is said, its slot is free later. */
START_TEST(cancelled_while_it_runs)
{
	add(.id = 1, .uid = ALICE);
	add_after(2, ANY(1));
	add_after(3, OK(1));
	start();
	queue_ended(q, 1, false);
	ck_assert_uint_eq(doomed(), 3);
	end_badly(3);
	ck_assert_uint_eq(start(), 0);
	ck_assert_str_eq(reason(2), "waits for pbit0, which job 1 of alice leaves; it is next");
	queue_remove(q, 1, now);
	ck_assert_uint_eq(start(), 2);
}
END_TEST

START_TEST(many_for_one)
{
	struct queue_dependency ids[QUEUE_MAX_DEPENDS + 1];
	struct queue_job job = { .id = 5000, .uid = ALICE, .after = ids };

	slots(2000);
	for (uint64_t id = 1; id <= QUEUE_MAX_DEPENDS + 1; id++) {
		add(.id = id, .uid = ALICE);
		ids[id - 1] = (struct queue_dependency){ .after = QUEUE_AFTER_OK, .id = id };
	}
	job.n_after = QUEUE_MAX_DEPENDS + 1;
	ck_assert_int_eq(try_add(job), -E2BIG);
	job.n_after = QUEUE_MAX_DEPENDS;
	ck_assert_int_eq(try_add(job), 0);
	/* An array that waits for that one. */
	for (uint64_t id = 6000; id < 7000; id++)
		add_after(id, OK(5000));
	for (uint64_t id = 7000; id < 7100; id++)
		add_after(id, ANY(6000 + id % 100));
	/* Some go before what they wait for. */
	for (uint64_t id = 6000; id < 7000; id += 7)
		end_badly(id);
	for (uint64_t id = 1; id <= QUEUE_MAX_DEPENDS; id++) {
		ck_assert_uint_eq(start(), id);
		finish(id);
	}
	ck_assert_uint_eq(start(), QUEUE_MAX_DEPENDS + 1);
	ck_assert_uint_eq(start(), 5000);
	/* Those that waited for one of the removed. */
	for (uint64_t id = 7000; id < 7100; id += 7)
		ck_assert_uint_eq(start(), id);
	ck_assert_uint_eq(start(), 0);
	finish(5000);
	for (uint64_t id = 6000; id < 7000; id++)
		if ((id - 6000) % 7)
			ck_assert_uint_eq(start(), id);
	ck_assert_uint_eq(start(), 0);
	ck_assert_uint_eq(doomed(), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { after_ok,    after_ok_that_fails,   after_any,
				       both_kinds,  those_that_have_ended, cancelled_while_it_runs,
				       many_for_one };

	return run_tests("dependency", tests, ARRAY_SIZE(tests));
}
