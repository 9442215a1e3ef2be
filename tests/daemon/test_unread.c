// SPDX-License-Identifier: MIT
/*
 * Descriptors that nobody reads: however many one user is to be sent, others get theirs. The daemon
 * has the capabilities of its unit, without those that the kernel's limit does not hold for, and a
 * low limit, so that a few connections would reach it.
 */
#include <linux/capability.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "harness.h"
#include "users.h"

#define HONEST	    FIRST_USER
#define HOSTILE	    (FIRST_USER + 1)
#define FILES	    1024 /* descriptors of the daemon's user in flight */
#define CONNECTIONS 24
#define CALLS	    80 /* of each: together well above FILES */
#define PER_LEAVER  8
#define LEAVERS	    (2 * FILES / PER_LEAVER)
#define QUIET_US    300000

static struct harness h;
static volatile bool *attacked; /* shared with the attacker */

static void drop_from_bounds(unsigned long capability)
{
	if (prctl(PR_CAPBSET_READ, capability) == 1)
		ck_assert_int_eq(prctl(PR_CAPBSET_DROP, capability), 0);
}

static void setup(void)
{
	const struct rlimit files = { FILES, FILES };

	drop_from_bounds(CAP_SYS_RESOURCE);
	drop_from_bounds(CAP_SYS_ADMIN);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	harness_new(&h);
	harness_start(&h, NULL);
	attacked = mmap(NULL, sizeof(*attacked), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	ck_assert_ptr_ne((void *)attacked, MAP_FAILED);
}

static void teardown(void)
{
	ck_assert_int_eq(harness_kill(&h, SIGTERM), 0);
	munmap((void *)attacked, sizeof(*attacked));
	harness_free(&h);
}

static uint64_t make_job(void)
{
	_cleanup_bus_ sd_bus *bus = harness_connect(&h);
	uint64_t id = submit_named(bus, "quick");

	json_decref(await_state(bus, id, "done"));
	return id;
}

static int count_answer(_unused_ sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error)
{
	++*(unsigned int *)userdata;
	return 0;
}

/* Asks for the log so often, and does not wait for answers. */
static void ask(sd_bus *bus, uint64_t id, unsigned int n, unsigned int *answers)
{
	for (unsigned int i = 0; i < n; i++)
		ck_assert_int_ge(sd_bus_call_method_async(bus, NULL, NULL, PBIT_PATH,
							  PBIT_INTERFACE, "Log", count_answer,
							  answers, "t", id),
				 0);
	ck_assert_int_ge(sd_bus_flush(bus), 0);
}

/* Until no more bytes come for any of them. */
static void await_quiet(sd_bus *const *bus, size_t n)
{
	long before = -1;

	for (uint64_t end = 0; patience(&end);) {
		long bytes = 0;

		for (size_t i = 0; i < n; i++) {
			int have = 0;

			ioctl(sd_bus_get_fd(bus[i]), FIONREAD, &have);
			bytes += have;
		}
		if (bytes == before)
			return;
		before = bytes;
		usleep(QUIET_US);
	}
}

static void hold_and_not_read(_unused_ void *argument)
{
	sd_bus *bus[CONNECTIONS];
	unsigned int answers = 0;
	uint64_t id = make_job();

	/* All connected first: a user of whom too much is unread is not even let speak. */
	for (size_t i = 0; i < CONNECTIONS; i++) {
		bus[i] = harness_connect(&h);
		ck_assert_int_ge(sd_bus_flush(bus[i]), 0);
	}
	for (size_t i = 0; i < CONNECTIONS; i++)
		ask(bus[i], id, CALLS, &answers);
	await_quiet(bus, CONNECTIONS);
	*attacked = true;
	pause();
}

/* Has itself cut off with the answers unread, and keeps its end. */
static void leave_unread(_unused_ void *argument)
{
	uint64_t id = make_job();
	unsigned int answers = 0;

	for (size_t i = 0; i < LEAVERS; i++) {
		sd_bus *bus = harness_connect(&h);
		struct pollfd p = { .fd = sd_bus_get_fd(bus) };

		ask(bus, id, PER_LEAVER, &answers);
		send(p.fd, "This is no message.", 19, MSG_NOSIGNAL | MSG_DONTWAIT);
		/* Not even read to that point: he has as much as he gets. */
		if (poll(&p, 1, QUIET_US / 1000) == 0)
			break;
	}
	*attacked = true;
	pause();
}

static void be_served(_unused_ void *argument)
{
	_cleanup_bus_ sd_bus *bus = harness_connect(&h);
	uint64_t id = submit_named(bus, "quick"), model;
	int input = harness_sealed("bytes", 5);

	json_decref(await_state(bus, id, "done"));
	for (int i = 0; i < 20; i++) {
		sd_bus_message_unref(call(bus, "Log", "t", id));
		json_decref(result_of(bus, id));
	}
	ck_assert_int_ge(submit_model(bus,
				      "{\"kind\": \"sample\", \"name\": \"quick\", \"model\": "
				      "\"W.npy\"}",
				      "W.npy", input, &model, NULL),
			 0);
	json_decref(await_state(bus, model, "done"));
}

static void suffer(void (*attack)(void *argument))
{
	pid_t attacker = start_as(HOSTILE, attack, NULL);

	for (uint64_t end = 0; !*attacked;)
		ck_assert(patience(&end));
	run_as(HONEST, be_served, NULL);
	run_as(0, be_served, NULL);
	stop_process(attacker);
	/* What was unread has gone with the attacker. */
	run_as(HOSTILE, be_served, NULL);
}

START_TEST(answers_that_nobody_reads)
{
	suffer(hold_and_not_read);
}
END_TEST

START_TEST(closed_connections)
{
	suffer(leave_unread);
}
END_TEST

/* More than are sent at once, to one who reads: all come. */
static void read_all(_unused_ void *argument)
{
	sd_bus *bus[CONNECTIONS];
	unsigned int answers = 0;
	uint64_t id = make_job();

	for (size_t i = 0; i < CONNECTIONS; i++) {
		bus[i] = harness_connect(&h);
		ck_assert_int_ge(sd_bus_flush(bus[i]), 0);
	}
	for (size_t i = 0; i < CONNECTIONS; i++)
		ask(bus[i], id, 10, &answers);
	for (uint64_t end = 0; patience(&end);) {
		for (size_t i = 0; i < CONNECTIONS; i++)
			while (sd_bus_process(bus[i], NULL) > 0)
				;
		if (answers == CONNECTIONS * 10)
			break;
	}
	ck_assert_uint_eq(answers, CONNECTIONS * 10);
	for (size_t i = 0; i < CONNECTIONS; i++)
		sd_bus_close_unref(bus[i]);
}

START_TEST(many_who_read)
{
	run_as(HONEST, read_all, NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("unread");
	TCase *t = tcase_create("unread");

	if (!have_users("unread"))
		return EXIT_SUCCESS;
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, answers_that_nobody_reads);
	tcase_add_test(t, closed_connections);
	tcase_add_test(t, many_who_read);
	suite_add_tcase(s, t);
	return run_suite(s);
}
