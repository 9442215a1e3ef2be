// SPDX-License-Identifier: MIT
/* The configuration of a daemon that runs: read at the start, and again over a busy queue. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "harness.h"

static struct harness h;
static char file[128];

static void write_file(const char *text)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write_full(fd, text, strlen(text)), 0);
	close(fd);
}

static void setup(void)
{
	harness_new(&h);
	snprintf(file, sizeof(file), "%s/pbitd.conf", h.root);
}

static void teardown(void)
{
	harness_free(&h);
}

static int64_t slots(sd_bus *bus)
{
	_cleanup_message_ sd_bus_message *reply = call(bus, "Devices", "");
	_cleanup_json_ json_t *root = NULL;
	const char *text;

	ck_assert_int_ge(sd_bus_message_read(reply, "s", &text), 0);
	root = json_loads(text, 0, NULL);
	return num(json_array_get(root, 0), "slots");
}

static void await_slots(sd_bus *bus, int64_t n)
{
	for (uint64_t end = 0; slots(bus) != n && patience(&end);)
		;
	ck_assert_int_eq(slots(bus), n);
}

/* At the start a bad file is told, and nothing is served; the command line goes before a good one. */
START_TEST(test_start)
{
	const char *arguments[] = { "--state-dir", h.state,    "--socket", h.socket, "--worker",
				    h.worker,	   "--config", file,	   NULL };
	_cleanup_bus_ sd_bus *bus = NULL;
	int status;

	status = harness_wait(harness_spawn(&h, arguments));
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
	ck_assert(harness_logged(&h, "pbitd.conf: cannot be read: No such file"));
	write_file("[daemon]\njobs = many\n");
	status = harness_wait(harness_spawn(&h, arguments));
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
	ck_assert(harness_logged(&h, "pbitd.conf:2: jobs: 'many' is not a whole number"));

	write_file("[daemon]\njobs = 3\n");
	harness_start(&h, "--config", file, NULL);
	bus = harness_connect(&h);
	ck_assert_int_eq(slots(bus), 3);
	bus_closep(&bus);
	harness_kill(&h, SIGTERM);
	harness_start(&h, "--config", file, "--jobs", "2", NULL);
	bus = harness_connect(&h);
	ck_assert_int_eq(slots(bus), 2);
	write_file("[daemon]\njobs = 5\n");
	sd_bus_message_unref(call(bus, "Reload", ""));
	ck_assert_int_eq(slots(bus), 2);
}
END_TEST

/* No software: jobs wait, and are told why, until it is allowed again. The command line goes first. */
START_TEST(test_no_embedded)
{
	_cleanup_bus_ sd_bus *bus = NULL;
	_cleanup_json_ json_t *devices = NULL;
	const char *text;
	sd_bus_message *reply;
	json_t *job;
	uint64_t id;

	write_file("[daemon]\njobs = 0\n");
	harness_start(&h, "--config", file, NULL);
	bus = harness_connect(&h);
	reply = call(bus, "Devices", "");
	ck_assert_int_ge(sd_bus_message_read(reply, "s", &text), 0);
	devices = json_loads(text, 0, NULL);
	sd_bus_message_unref(reply);
	ck_assert_str_eq(str(json_array_get(devices, 0), "state"), "unsupported");
	ck_assert_str_eq(str(json_array_get(devices, 0), "reason"),
			 "pbitd is set to run no jobs there: jobs = 0");
	id = submit_named(bus, "count");
	job = await_state(bus, id, "queued");
	ck_assert_str_eq(str(job, "reason"), "waits for a device: none is in service");
	json_decref(job);
	write_file("[daemon]\njobs = 2\n");
	sd_bus_message_unref(call(bus, "Reload", ""));
	ck_assert_int_eq(slots(bus), 2);
	json_decref(await_state(bus, id, "done"));
	bus_closep(&bus);
	harness_kill(&h, SIGTERM);
	harness_start(&h, "--config", file, "--jobs", "0", NULL);
	bus = harness_connect(&h);
	ck_assert_int_eq(slots(bus), 0);
}
END_TEST

/* Jobs that run and wait notice nothing, but that there is more room, or less. */
START_TEST(test_reload)
{
	_cleanup_bus_ sd_bus *bus = NULL;
	uint64_t id[6];

	write_file("[daemon]\njobs = 1\n");
	harness_start(&h, "--config", file, NULL);
	bus = harness_connect(&h);
	for (int i = 0; i < 6; i++)
		id[i] = submit_named(bus, "sleep");
	json_decref(await_state(bus, id[0], "running"));
	write_file("[daemon]\njobs = 4\n[share]\nhalf_life = 2d\n");
	sd_bus_message_unref(call(bus, "Reload", ""));
	ck_assert_int_eq(slots(bus), 4);
	for (int i = 0; i < 4; i++)
		json_decref(await_state(bus, id[i], "running"));
	ck_assert(harness_logged(&h, "has read its settings again: 4 at once"));
	/* Fewer: those that run go on. By signal, which nobody waits for. */
	write_file("[daemon]\njobs = 2\n");
	kill(h.daemon, SIGHUP);
	await_slots(bus, 2);
	for (int i = 0; i < 4; i++)
		json_decref(await_state(bus, id[i], "running"));
	json_decref(await_state(bus, id[4], "queued"));
	for (int i = 0; i < 6; i++)
		sd_bus_message_unref(call(bus, "Cancel", "t", id[i]));
	for (int i = 0; i < 6; i++)
		json_decref(await_state(bus, id[i], "cancelled"));
}
END_TEST

START_TEST(test_bad_reload)
{
	_cleanup_bus_ sd_bus *bus = NULL;

	write_file("[daemon]\njobs = 3\n[limits]\nqueued = 1\n");
	harness_start(&h, "--config", file, NULL);
	bus = harness_connect(&h);
	write_file("[daemon]\njobs = 4\n[limits]\nqueued = lots\n");
	call_refused(
		bus, PBIT_ERROR_BAD_INPUT,
		"pbitd.conf:4: queued: 'lots' is not a whole number from 1 to 10000, nor none; "
		"pbitd goes on with the settings it had",
		"Reload", "");
	ck_assert(harness_logged(&h, "goes on with the settings it had: "));
	ck_assert_int_eq(slots(bus), 3);
	unlink(file);
	kill(h.daemon, SIGHUP);
	ck_assert(harness_logged(&h, "pbitd.conf: cannot be read: No such file"));
	ck_assert_int_eq(slots(bus), 3);
}
END_TEST

/* What a user may have, for all and for him, before and after a reload. */
START_TEST(test_limits)
{
	_cleanup_bus_ sd_bus *bus = NULL;
	char text[128];

	write_file("[limits]\nqueued = 2\n");
	harness_start(&h, "--config", file, NULL);
	bus = harness_connect(&h);
	submit_named(bus, "sleep");
	submit_named(bus, "sleep");
	call_refused(bus, PBIT_ERROR_LIMIT, "jobs of yours wait or run", "Submit", "sa(sh)a{sv}",
		     "{\"kind\": \"bench\", \"name\": \"sleep\"}", 0, 0);
	snprintf(text, sizeof(text), "[limits]\nqueued = 2\n[user %u]\nqueued = 3\n",
		 (unsigned int)geteuid());
	write_file(text);
	sd_bus_message_unref(call(bus, "Reload", ""));
	submit_named(bus, "sleep");
	call_refused(bus, PBIT_ERROR_LIMIT, "jobs of yours wait or run", "Submit", "sa(sh)a{sv}",
		     "{\"kind\": \"bench\", \"name\": \"sleep\"}", 0, 0);
}
END_TEST

/* It is asked for at the start, by those that waited before as well. */
START_TEST(test_memory)
{
	_cleanup_bus_ sd_bus *bus = NULL;
	uint64_t id;

	write_file("[job]\nmemory = 8G\n[limits]\nmemory = 4G\n");
	harness_start(&h, "--config", file, NULL);
	bus = harness_connect(&h);
	id = submit_named(bus, "sleep");
	await_reason(bus, id, "waits: ");
	write_file("[job]\nmemory = 1G\n[limits]\nmemory = 4G\n");
	sd_bus_message_unref(call(bus, "Reload", ""));
	json_decref(await_state(bus, id, "running"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("settings");
	TCase *t = tcase_create("settings");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_start);
	tcase_add_test(t, test_no_embedded);
	tcase_add_test(t, test_reload);
	tcase_add_test(t, test_bad_reload);
	tcase_add_test(t, test_limits);
	tcase_add_test(t, test_memory);
	suite_add_tcase(s, t);
	return run_suite(s);
}
