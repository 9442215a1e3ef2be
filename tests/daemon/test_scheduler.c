// SPDX-License-Identifier: MIT
/*
 * Jobs and their devices: named ones, ones that go away, ones that are too small. Devices of the
 * kernel are not to be had here; tests/vm/userspace.bash has them.
 */
#include <signal.h>
#include <string.h>

#include "connected.h"

/* It counts as no failure, and what the job had kept is there when it goes on. */
START_TEST(lost_device)
{
	uint64_t id = submit_named(bus, "lost");
	json_t *job, *out;

	await_reason(bus, id,
		     "waits: embedded0 went away, and the job goes on shortly from its "
		     "checkpoint");
	job = await_state(bus, id, "done");
	ck_assert_int_eq(num(job, "resumes"), 1);
	ck_assert_str_eq(str(job, "reason"), "");
	ck_assert_str_eq(str(job, "device"), "");
	json_decref(job);
	out = result_of(bus, id);
	ck_assert_str_eq(str(out, "device"), "embedded0");
	json_decref(out);
	ck_assert(harness_logged(&h, "embedded0 went away; it goes on from its checkpoint"));
}
END_TEST

/* While it is held, others run; then it has its old place. */
START_TEST(lost_device_and_others)
{
	uint64_t first = submit_named(bus, "lost"), second = submit_named(bus, "quick"),
		 third = submit_named(bus, "sleep");
	json_t *job;

	json_decref(await_state(bus, second, "done"));
	job = await_state(bus, third, "running");
	ck_assert_str_eq(str(job, "device"), "embedded0");
	json_decref(job);
	await_reason(bus, first, "waits for embedded0, which runs job 3 of ");
	sd_bus_message_unref(call(bus, "Cancel", "t", third));
	json_decref(await_state(bus, first, "done"));
}
END_TEST

START_TEST(cancelled_while_held)
{
	uint64_t id = submit_named(bus, "lost");

	await_reason(bus, id,
		     "waits: embedded0 went away, and the job goes on shortly from its "
		     "checkpoint");
	sd_bus_message_unref(call(bus, "Cancel", "t", id));
	json_decref(await_state(bus, id, "cancelled"));
	json_decref(await_state(bus, submit_named(bus, "quick"), "done"));
}
END_TEST

/* A device that is too small is not tried twice; where it was asked for, that is the end. */
START_TEST(small_device)
{
	uint64_t id = submit_named(bus, "unfit"), named = submit_on(bus, "unfit", "embedded0");
	json_t *job = await_state(bus, named, "failed");

	ck_assert_str_eq(str(job, "reason"), "the device has 4 p-bits, and 5 are needed");
	json_decref(job);
	job = show(bus, id);
	ck_assert_str_eq(str(job, "state"), "queued");
	ck_assert_str_eq(str(job, "reason"), "waits for a device: none is in service that it fits");
	ck_assert_int_eq(num(job, "resumes"), 0);
	json_decref(job);
	ck_assert(harness_logged(&h, "is run elsewhere than on embedded0: the device has 4"));
	json_decref(await_state(bus, submit_named(bus, "quick"), "done"));
	sd_bus_message_unref(call(bus, "Cancel", "t", id));
}
END_TEST

/* It waits for its device and for nobody else's, also across restarts of the daemon. */
START_TEST(device_that_is_not_there)
{
	static const char reason[] = "waits for pbit63, which is not there";
	uint64_t id = submit_on(bus, "quick", "pbit63");

	await_reason(bus, id, reason);
	json_decref(await_state(bus, submit_on(bus, "quick", "embedded0"), "done"));
	json_decref(await_state(bus, submit_named(bus, "quick"), "done"));
	for (int i = 0; i < 2; i++) {
		bus = sd_bus_close_unref(bus);
		harness_kill(&h, i ? SIGTERM : SIGKILL);
		harness_start(&h, NULL);
		bus = harness_connect(&h);
		await_reason(bus, id, reason);
	}
	sd_bus_message_unref(call(bus, "Cancel", "t", id));
	json_decref(await_state(bus, id, "cancelled"));
}
END_TEST

/* What Devices says of the embedded one, idle and at work. */
START_TEST(devices)
{
	uint64_t id = submit_named(bus, "sleep");
	_cleanup_message_ sd_bus_message *reply = NULL;
	_cleanup_json_ json_t *array = NULL;
	const json_t *d;
	const char *text;

	json_decref(await_state(bus, id, "running"));
	reply = call(bus, "Devices", "");
	ck_assert_int_ge(sd_bus_message_read(reply, "s", &text), 0);
	array = json_loads(text, 0, NULL);
	d = json_array_get(array, 0);
	ck_assert_str_eq(str(d, "name"), "embedded0");
	ck_assert_str_eq(str(d, "backend"), "embedded");
	ck_assert_str_eq(str(d, "state"), "busy");
	ck_assert_str_eq(str(d, "reason"), "");
	ck_assert(json_is_true(json_object_get(d, "ideal")));
	ck_assert_int_eq(num(d, "job"), (int64_t)id);
	ck_assert_int_eq(num(d, "running"), 1);
	ck_assert_int_eq(num(d, "slots"), 1);
	ck_assert_int_eq(num(d, "coupling_bits"), 16);
	ck_assert_int_gt(num(d, "chains"), 0);
	ck_assert_int_gt(num(d, "threads"), 0);
	ck_assert_str_ne(str(d, "user"), "");
	sd_bus_message_unref(call(bus, "Cancel", "t", id));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("scheduler");
	TCase *t = tcase_create("scheduler");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, lost_device);
	tcase_add_test(t, lost_device_and_others);
	tcase_add_test(t, cancelled_while_held);
	tcase_add_test(t, small_device);
	tcase_add_test(t, device_that_is_not_there);
	tcase_add_test(t, devices);
	suite_add_tcase(s, t);
	return run_suite(s);
}
