// SPDX-License-Identifier: MIT
/*
 * kill -9 of the daemon at 100 random moments of a stream of submissions. Each job that was
 * acknowledged is there afterwards, runs, and ends once; none is there that was not asked for.
 */
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "harness.h"
#include "users.h"

#define ROUNDS	     100
#define SUBMISSIONS  4 /* a round, at most: then the round ends without being killed in one */
#define MIN_DELAY_US 20000
#define MAX_DELAY_US 2000000

static struct harness h;

static void setup(void)
{
	harness_new(&h);
}

static void teardown(void)
{
	harness_free(&h);
}

struct record {
	uint64_t acknowledged[(ROUNDS + 1) * SUBMISSIONS];
	size_t n;
	size_t asked; /* acknowledged or not */
};

static void submit_until_killed(sd_bus *bus, struct record *record, int fd)
{
	for (int i = 0; i < SUBMISSIONS; i++) {
		sd_bus_error error = SD_BUS_ERROR_NULL;
		uint64_t id;
		int r;

		record->asked++;
		r = submit_model(bus,
				 "{\"kind\": \"sample\", \"name\": \"quick\", "
				 "\"model\": \"W.npy\"}",
				 "W.npy", fd, &id, &error);
		sd_bus_error_free(&error);
		if (r < 0)
			return;
		record->acknowledged[record->n++] = id;
	}
}

/*
 * The latest moment of a kill: twice what a round takes here and now, so that on slow machines, too,
 * some submissions are acknowledged and some are not.
 */
static useconds_t longest_delay(struct record *record, int fd)
{
	_cleanup_bus_ sd_bus *bus = NULL;
	uint64_t begun;

	harness_start(&h, NULL);
	bus = harness_connect(&h);
	begun = now_us();
	submit_until_killed(bus, record, fd);
	begun = now_us() - begun;
	harness_kill(&h, SIGKILL);
	return (useconds_t)MAX(2 * begun, (uint64_t)MIN_DELAY_US);
}

static size_t count_jobs(sd_bus *bus)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	size_t n = 0;

	reply = call(bus, "List", "stu", "all", (uint64_t)0, 0u);
	ck_assert_int_ge(sd_bus_message_enter_container(reply, 'a', "(tussssdusxxx)"), 0);
	while (sd_bus_message_skip(reply, "(tussssdusxxx)") > 0)
		n++;
	return n;
}

START_TEST(nothing_acknowledged_is_lost)
{
	static struct record record;
	static char bytes[50000];
	uint64_t x = 20240607, most;
	int fd = harness_sealed(bytes, sizeof(bytes));
	_cleanup_bus_ sd_bus *bus = NULL;
	size_t n;

	most = longest_delay(&record, fd);

	for (unsigned int round = 0; round < ROUNDS; round++) {
		_cleanup_bus_ sd_bus *client = NULL;
		size_t before = record.n;
		pid_t killer;

		harness_start(&h, NULL);
		client = harness_connect(&h);
		killer = harness_start_killer(&h, (useconds_t)(next_random(&x) % most));
		submit_until_killed(client, &record, fd);
		/* Within what a submission takes here and now: both answers are to occur. */
		most = record.n == before ? MIN(most + most / 4, (uint64_t)MAX_DELAY_US) :
					    MAX(most - most / 4, (uint64_t)MIN_DELAY_US);
		harness_killed(&h, killer, round);
	}
	/* The moments were such that both answers occurred. */
	ck_assert_uint_gt(record.n, SUBMISSIONS + ROUNDS / 10);
	ck_assert_uint_lt(record.n, record.asked);

	harness_start(&h, NULL);
	bus = harness_connect(&h);
	for (size_t i = 0; i < record.n; i++) {
		json_t *job = await_state(bus, record.acknowledged[i], "done");

		ck_assert_str_eq(str(job, "kind"), "sample");
		ck_assert_uint_eq(json_array_size(json_object_get(job, "results")), 1);
		json_decref(job);
		/* In the order in which they were acknowledged; no id was given twice. */
		if (i > 0)
			ck_assert_uint_gt(record.acknowledged[i], record.acknowledged[i - 1]);
	}
	/* A job may be durable before its answer was sent; more than were asked for it cannot be. */
	n = count_jobs(bus);
	ck_assert_uint_ge(n, record.n);
	ck_assert_uint_le(n, record.asked);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("crash");
	TCase *t = tcase_create("crash");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, nothing_acknowledged_is_lost);
	suite_add_tcase(s, t);
	return run_suite(s);
}
