/* SPDX-License-Identifier: MIT */
/* A queue with few users, one device with one slot, and a clock that the test holds. */
#ifndef PBIT_TESTS_POLICY_QUEUE_SUPPORT_H
#define PBIT_TESTS_POLICY_QUEUE_SUPPORT_H

#include <errno.h>
#include <string.h>
#include <time.h>

#include "policy_support.h"
#include "queue.h"

#define WALL ((int64_t)1736121600 * 1000000) /* at clock 0: midnight, 2025-01-06, UTC */

enum { ALICE = 1000, BOB, CAROL, DAVE };

static struct queue *q;
static uint64_t now;

static inline void setup(void)
{
	setenv("TZ", "UTC0", 1);
	tzset();
	now = 0;
	ck_assert_int_eq(queue_new(&q), 0);
	queue_set_wall(q, 0, WALL);
	ck_assert_int_eq(queue_set_device(q, "pbit0", QUEUE_SILICON, 1), 0);
}

static inline void teardown(void)
{
	q = queue_free(q);
}

static inline int try_add(struct queue_job job)
{
	static const char *const names[] = { "alice", "bob", "carol", "dave" };

	job.user = names[job.uid - ALICE];
	return queue_add(q, &job);
}

#define add(...) ck_assert_int_eq(try_add((struct queue_job){ __VA_ARGS__ }), 0)

static inline void slots(unsigned int n)
{
	ck_assert_int_eq(queue_set_device(q, "pbit0", QUEUE_SILICON, n), 0);
}

static inline void limits(uid_t uid, struct limits l)
{
	ck_assert_int_eq(queue_set_limits(q, uid, &l), 0);
}

/* What is next, or 0; and that started. */
static inline uint64_t next(void)
{
	const char *device;
	uint64_t id;

	return queue_next(q, now, &id, &device) ? id : 0;
}

static inline uint64_t start(void)
{
	const char *device;
	uint64_t id;

	if (!queue_next(q, now, &id, &device))
		return 0;
	ck_assert_int_eq(queue_started(q, id, device, now), 0);
	return id;
}

static inline void stop(uint64_t id)
{
	ck_assert_int_eq(queue_stopped(q, id, now), 0);
}

static inline void finish(uint64_t id)
{
	queue_ended(q, id, true);
	ck_assert_int_eq(queue_remove(q, id, now), 0);
}

static inline const char *reason(uint64_t id)
{
	static char text[QUEUE_MAX_REASON];

	queue_reason(q, id, now, text);
	return text;
}

static inline unsigned int position(uint64_t id)
{
	return queue_position(q, id, now);
}

/* Who is to yield, or 0; why is in `why`. */
static char why[QUEUE_MAX_REASON];

static inline uint64_t yields(void)
{
	uint64_t id;

	why[0] = '\0';
	return queue_preempt(q, now, &id, why) ? id : 0;
}

static inline double level(uid_t uid)
{
	struct queue_usage usage;

	ck_assert(queue_get_usage(q, uid, now, &usage));
	return usage.level;
}

/* us of device time of a user, when nothing is forgotten. */
static inline double used(uid_t uid)
{
	struct queue_usage usage;

	ck_assert(queue_get_usage(q, uid, now, &usage));
	return usage.used;
}

/* Jobs that never end, on workers that stop at once, until then. */
static inline void run_until(uint64_t until)
{
	for (;;) {
		uint64_t id;

		while (start())
			;
		while ((id = yields()))
			stop(id);
		if (now >= until)
			return;
		if (!next())
			now = MIN(until, queue_wakeup(q, now));
	}
}

static inline int run_tests(const char *name, const TTest *const *tests, size_t n)
{
	Suite *s = suite_create(name);
	TCase *t = tcase_create(name);

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	for (size_t i = 0; i < n; i++)
		tcase_add_test(t, tests[i]);
	suite_add_tcase(s, t);
	return run_suite(s);
}

#endif
