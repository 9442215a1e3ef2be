// SPDX-License-Identifier: MIT
/* The queue's decisions, with time as the test has it. */
#include "queue.h"

#include <string.h>

#include "policy_support.h"

static struct queue *q;

static void setup(void)
{
	ck_assert_int_eq(queue_new(&q), 0);
	ck_assert_int_eq(queue_set_device(q, "embedded0", QUEUE_EMBEDDED, 1), 0);
}

static void teardown(void)
{
	q = queue_free(q);
}

static int put(uint64_t id, uid_t uid, const char *user, const char *device)
{
	const struct queue_job job = { .id = id, .uid = uid, .user = user, .device = device };

	return queue_add(q, &job);
}

static void add(uint64_t id, const char *user)
{
	ck_assert_int_eq(put(id, user[0] == 'a' ? 1000 : 1001, user, NULL), 0);
}

/* Starts what is next, and returns it; 0 when there is nothing. */
static uint64_t start_next(uint64_t now)
{
	const char *device;
	uint64_t id;

	if (!queue_next(q, now, &id, &device))
		return 0;
	ck_assert_int_eq(queue_started(q, id, device, now), 0);
	return id;
}

static const char *reason(uint64_t id, uint64_t now)
{
	static char text[QUEUE_MAX_REASON];

	queue_reason(q, id, now, text);
	return text;
}

START_TEST(first_in_first_out)
{
	/* Whatever the order in which a restart finds them. */
	add(3, "alice");
	add(1, "bob");
	add(2, "alice");
	ck_assert_uint_eq(start_next(0), 1);
	ck_assert_uint_eq(start_next(0), 0);
	ck_assert_int_eq(queue_remove(q, 1, 0), 0);
	ck_assert_uint_eq(start_next(0), 2);
	ck_assert_int_eq(queue_remove(q, 2, 0), 0);
	ck_assert_uint_eq(start_next(0), 3);
	ck_assert_int_eq(queue_remove(q, 3, 0), 0);
	ck_assert_uint_eq(start_next(0), 0);
	ck_assert_int_eq(queue_remove(q, 3, 0), -ENOENT);
}
END_TEST

START_TEST(positions_and_counts)
{
	for (uint64_t id = 1; id <= 4; id++)
		add(id, id % 2 ? "alice" : "bob");
	ck_assert_uint_eq(queue_position(q, 4, 0), 4);
	start_next(0);
	/* Alice's running job is reckoned with. */
	ck_assert_uint_eq(queue_position(q, 1, 0), 0);
	ck_assert_uint_eq(queue_position(q, 2, 0), 1);
	ck_assert_uint_eq(queue_position(q, 3, 0), 2);
	ck_assert_uint_eq(queue_position(q, 4, 0), 3);
	ck_assert_uint_eq(queue_position(q, 99, 0), 0);
	queue_remove(q, 2, 0);
	ck_assert_uint_eq(queue_position(q, 4, 0), 1);
	ck_assert_uint_eq(queue_position(q, 3, 0), 2);
	ck_assert_uint_eq(queue_waiting(q), 2);
	ck_assert_uint_eq(queue_running(q), 1);
	ck_assert_uint_eq(queue_count_of(q, 1000), 2);
	ck_assert_uint_eq(queue_count_of(q, 1001), 1);
}
END_TEST

/* What is shown may be of an order that is not old, as long as nothing happens. */
START_TEST(moment_of_what_is_shown)
{
	add(1, "alice");
	add(2, "bob");
	ck_assert_uint_eq(queue_moment(q, 1000, 50), 1000);
	ck_assert_uint_eq(queue_position(q, 2, 1000), 2);
	ck_assert_uint_eq(queue_moment(q, 1050, 50), 1000);
	ck_assert_uint_eq(queue_moment(q, 1051, 50), 1051);
	ck_assert_uint_eq(queue_moment(q, 999, 50), 999);
	queue_remove(q, 1, 1010);
	ck_assert_uint_eq(queue_moment(q, 1010, 50), 1010);
	ck_assert_uint_eq(queue_position(q, 2, 1010), 1);
}
END_TEST

START_TEST(reasons)
{
	add(3, "alice");
	ck_assert_str_eq(reason(3, 0), "is about to start on embedded0");
	start_next(0);
	ck_assert_str_eq(reason(3, 0), "");
	add(4, "bob");
	add(5, "bob");
	add(6, "bob");
	ck_assert_str_eq(reason(4, 0),
			 "waits for embedded0, which runs job 3 of alice; it is next");
	ck_assert_str_eq(reason(5, 0),
			 "waits for embedded0, which runs job 3 of alice; 1 job is ahead");
	ck_assert_str_eq(reason(6, 0),
			 "waits for embedded0, which runs job 3 of alice; 2 jobs are ahead");
	queue_set_device(q, "embedded0", QUEUE_EMBEDDED, 2);
	ck_assert_str_eq(reason(5, 0), "waits for embedded0; 1 job is ahead");
	start_next(0);
	ck_assert_str_eq(reason(6, 0), "waits for embedded0, which runs job 3 of alice and 1 more; "
				       "1 job is ahead");
	ck_assert_str_eq(reason(99, 0), "");
}
END_TEST

START_TEST(no_device)
{
	queue_set_device(q, "embedded0", QUEUE_EMBEDDED, 0);
	add(1, "alice");
	ck_assert_uint_eq(start_next(0), 0);
	ck_assert_str_eq(reason(1, 0), "waits for a device: none is in service");
	queue_set_device(q, "embedded0", QUEUE_EMBEDDED, 1);
	ck_assert_uint_eq(start_next(0), 1);
}
END_TEST

/* A held job is passed over, and has its place back when its time has come. */
START_TEST(holds)
{
	add(1, "alice");
	add(2, "bob");
	ck_assert_uint_eq(queue_wakeup(q, 0), UINT64_MAX);
	ck_assert_int_eq(queue_hold(q, 1, 500, "the disk is full"), 0);
	ck_assert_uint_eq(queue_wakeup(q, 0), 500);
	ck_assert_str_eq(reason(1, 0), "waits: the disk is full");
	ck_assert_uint_eq(start_next(0), 2);
	ck_assert_int_eq(queue_hold(q, 2, 500, "it runs"), -ENOENT);
	queue_set_device(q, "embedded0", QUEUE_EMBEDDED, 2);
	ck_assert_uint_eq(start_next(499), 0);
	ck_assert_uint_eq(queue_wakeup(q, 500), UINT64_MAX);
	ck_assert_uint_eq(start_next(500), 1);
}
END_TEST

/* Whatever the names: a reason is text for terminals, and never cut amid a letter. */
START_TEST(reasons_are_text)
{
	char name[QUEUE_MAX_REASON + 64];

	for (size_t i = 0; i < sizeof(name) - 1; i += 2)
		memcpy(name + i, "\xc3\xa9", 2);
	name[sizeof(name) - 1] = '\0';
	add(1, "a\033[2J\xff");
	add(2, "bob");
	start_next(0);
	ck_assert_str_eq(reason(2, 0),
			 "waits for embedded0, which runs job 1 of a?[2J?; it is next");
	ck_assert_int_eq(queue_hold(q, 2, 1, name), 0);
	for (const char *p = reason(2, 0) + strlen("waits: "); *p; p += p[1] ? 2 : 1)
		ck_assert(!memcmp(p, "\xc3\xa9", 2) || !strcmp(p, "?"));
}
END_TEST

START_TEST(stopped_job_keeps_its_place)
{
	add(1, "alice");
	add(2, "bob");
	start_next(0);
	ck_assert_int_eq(queue_stopped(q, 1, 0), 0);
	ck_assert_int_eq(queue_stopped(q, 1, 0), -ENOENT);
	ck_assert_uint_eq(queue_position(q, 1, 0), 1);
	ck_assert_uint_eq(queue_position(q, 2, 0), 2);
	ck_assert_uint_eq(start_next(0), 1);
}
END_TEST

START_TEST(slots_and_refusals)
{
	unsigned int count;

	queue_set_device(q, "embedded0", QUEUE_EMBEDDED, 2);
	add(7, "alice");
	ck_assert_int_eq(put(7, 1000, "alice", NULL), -EEXIST);
	add(8, "alice");
	add(9, "alice");
	ck_assert_int_eq(queue_started(q, 7, "pbit9", 0), -ENOENT);
	ck_assert_uint_eq(start_next(0), 7);
	ck_assert_int_eq(queue_started(q, 7, "embedded0", 0), -ENOENT);
	ck_assert_uint_eq(start_next(0), 8);
	ck_assert_uint_eq(start_next(0), 0);
	ck_assert_uint_eq(queue_running_on(q, "embedded0", &count), 7);
	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(queue_running_on(q, "pbit9", &count), 0);
	ck_assert_uint_eq(count, 0);
}
END_TEST

static void add_for(uint64_t id, const char *device)
{
	ck_assert_int_eq(put(id, 1000, "alice", device), 0);
}

/* Where the next job would run; it must be this one. */
static const char *next_device(uint64_t expected)
{
	const char *device = NULL;
	uint64_t id = 0;

	ck_assert(queue_next(q, 0, &id, &device));
	ck_assert_uint_eq(id, expected);
	return device;
}

/* Silicon before emulation in the kernel before that in the worker, whatever came first. */
START_TEST(the_best_free_device)
{
	queue_set_device(q, "pbit0", QUEUE_EMULATED, 1);
	queue_set_device(q, "pbit1", QUEUE_BY_NAME, 1);
	queue_set_device(q, "pbit2", QUEUE_SILICON, 1);
	for (uint64_t id = 1; id <= 4; id++)
		add(id, "alice");
	ck_assert_str_eq(next_device(1), "pbit2");
	ck_assert_ptr_null(queue_device(q, 1));
	start_next(0);
	ck_assert_str_eq(queue_device(q, 1), "pbit2");
	ck_assert_str_eq(next_device(2), "pbit0");
	start_next(0);
	ck_assert_str_eq(next_device(3), "embedded0");
	start_next(0);
	/* The last one is for those who ask for it. */
	ck_assert_uint_eq(start_next(0), 0);
	ck_assert_str_eq(reason(4, 0), "waits for pbit2, which runs job 1 of alice; it is next");
	ck_assert_ptr_null(queue_device(q, 4));
	ck_assert_ptr_null(queue_device(q, 99));
}
END_TEST

START_TEST(a_device_by_name)
{
	queue_set_device(q, "pbit1", QUEUE_BY_NAME, 1);
	add_for(1, "pbit1");
	add_for(2, "pbit1");
	add_for(3, "pbit3");
	add(4, "bob");
	ck_assert_str_eq(next_device(1), "pbit1");
	ck_assert_str_eq(reason(2, 0), "waits for pbit1; 2 jobs are ahead");
	start_next(0);
	ck_assert_str_eq(reason(2, 0),
			 "waits for pbit1, which runs job 1 of alice; 1 job is ahead: it is "
			 "bob's turn");
	ck_assert_str_eq(reason(3, 0), "waits for pbit3, which is not there");
	/* Nobody waits behind a device that he did not ask for. */
	ck_assert_str_eq(next_device(4), "embedded0");
	start_next(0);
	ck_assert_uint_eq(start_next(0), 0);
	/* It comes, and goes while the job runs. */
	queue_set_device(q, "pbit3", QUEUE_EMULATED, 1);
	ck_assert_uint_eq(start_next(0), 3);
	queue_set_device(q, "pbit3", QUEUE_EMULATED, 0);
	ck_assert_str_eq(queue_device(q, 3), "pbit3");
	ck_assert_int_eq(queue_stopped(q, 3, 0), 0);
	ck_assert_uint_eq(queue_position(q, 3, 0), 2);
	ck_assert_uint_eq(start_next(0), 0);
	ck_assert_str_eq(reason(3, 0), "waits for pbit3, which is not there");
	ck_assert_int_eq(queue_avoid(q, 3, "pbit3"), -ENOENT);
}
END_TEST

/* A job that was lost with its device goes on elsewhere, before those that came after it. */
START_TEST(a_device_that_goes)
{
	queue_set_device(q, "pbit0", QUEUE_EMULATED, 1);
	queue_set_device(q, "embedded0", QUEUE_EMBEDDED, 0);
	add(1, "alice");
	add(2, "bob");
	ck_assert_uint_eq(start_next(0), 1);
	queue_set_device(q, "pbit0", QUEUE_EMULATED, 0);
	ck_assert_str_eq(reason(2, 0), "waits for a device: none is in service");
	queue_set_device(q, "embedded0", QUEUE_EMBEDDED, 1);
	queue_stopped(q, 1, 0);
	queue_hold(q, 1, 100, "pbit0 is gone");
	ck_assert_str_eq(reason(1, 0), "waits: pbit0 is gone");
	ck_assert_str_eq(next_device(2), "embedded0");
	ck_assert_uint_eq(start_next(100), 1);
	ck_assert_str_eq(queue_device(q, 1), "embedded0");
}
END_TEST

START_TEST(devices_to_avoid)
{
	queue_set_device(q, "pbit0", QUEUE_EMULATED, 1);
	add(1, "alice");
	add(2, "bob");
	ck_assert_str_eq(next_device(1), "pbit0");
	ck_assert_int_eq(queue_avoid(q, 1, "pbit0"), 0);
	ck_assert_int_eq(queue_avoid(q, 1, "pbit0"), 0);
	ck_assert_int_eq(queue_avoid(q, 1, "pbit7"), -ENOENT);
	ck_assert_int_eq(queue_avoid(q, 7, "pbit0"), -ENOENT);
	ck_assert_str_eq(next_device(1), "embedded0");
	queue_set_device(q, "embedded0", QUEUE_EMBEDDED, 0);
	ck_assert_str_eq(next_device(2), "pbit0");
	ck_assert_str_eq(reason(1, 0), "waits for a device: none is in service that it fits");
	/* Told of again, it is the same; gone and back, it is another one. */
	queue_set_device(q, "pbit0", QUEUE_EMULATED, 2);
	ck_assert_str_eq(next_device(2), "pbit0");
	queue_set_device(q, "pbit0", QUEUE_EMULATED, 0);
	queue_set_device(q, "pbit0", QUEUE_EMULATED, 1);
	ck_assert_str_eq(next_device(1), "pbit0");
}
END_TEST

/* Against a model: many random steps, after each of which order, counts and positions agree. */
START_TEST(agrees_with_a_model)
{
	enum { WAITS = 1, RUNS = 2, JOBS = 64 };
	int state[JOBS] = { 0 };
	uint64_t seed = 20240501;

	queue_set_device(q, "embedded0", QUEUE_EMBEDDED, 3);
	for (int step = 0; step < 4000; step++) {
		unsigned int running = 0, waiting = 0;
		uint64_t first = 0, started;
		uint64_t id;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		id = 1 + (seed >> 33) % (JOBS - 1);
		for (uint64_t i = 1; i < JOBS; i++)
			running += state[i] == RUNS;
		for (uint64_t i = JOBS - 1; i > 0; i--)
			first = state[i] == WAITS ? i : first;
		switch ((seed >> 60) % 4) {
		case 0:
			ck_assert_int_eq(put(id, 1, "x", NULL), state[id] ? -EEXIST : 0);
			state[id] = state[id] ? state[id] : WAITS;
			break;
		case 1:
			ck_assert_int_eq(queue_remove(q, id, 0), state[id] ? 0 : -ENOENT);
			state[id] = 0;
			break;
		case 2:
			ck_assert_int_eq(queue_stopped(q, id, 0), state[id] == RUNS ? 0 : -ENOENT);
			state[id] = state[id] == RUNS ? WAITS : state[id];
			break;
		default:
			started = start_next(0);
			ck_assert_uint_eq(started, running < 3 ? first : 0);
			state[started] = started ? RUNS : 0;
		}
		for (uint64_t i = 1; i < JOBS; i++) {
			waiting += state[i] == WAITS;
			ck_assert_uint_eq(queue_position(q, i, 0), state[i] == WAITS ? waiting : 0);
		}
		ck_assert_uint_eq(queue_waiting(q), waiting);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("queue");
	TCase *t = tcase_create("queue");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, first_in_first_out);
	tcase_add_test(t, positions_and_counts);
	tcase_add_test(t, moment_of_what_is_shown);
	tcase_add_test(t, reasons);
	tcase_add_test(t, no_device);
	tcase_add_test(t, holds);
	tcase_add_test(t, reasons_are_text);
	tcase_add_test(t, stopped_job_keeps_its_place);
	tcase_add_test(t, slots_and_refusals);
	tcase_add_test(t, the_best_free_device);
	tcase_add_test(t, a_device_by_name);
	tcase_add_test(t, a_device_that_goes);
	tcase_add_test(t, devices_to_avoid);
	tcase_add_test(t, agrees_with_a_model);
	suite_add_tcase(s, t);
	return run_suite(s);
}
