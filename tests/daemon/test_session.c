// SPDX-License-Identifier: MIT
/*
 * Interactive sessions with a real daemon and a real worker: how they are opened and refused, sleep
 * and wake, end, and that none of it shows in their bits.
 */
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../worker/session_client.h"
#include "harness.h"
#include "machine.h"

#define MOMENTS (SESSION_WANT_VH | SESSION_WANT_V | SESSION_WANT_H)
#define SHAPE                                                                                        \
	"\"device\": {\"chains\": 32}, \"session\": {\"visible\": 40, \"hidden\": 30, \"rows\": 8, " \
	"\"idle\": %s}"

static struct harness h;
static char *worker;

static void setup(void)
{
	harness_new(&h);
	/* The double for other jobs, the worker itself for sessions: see `worker` in start_daemon(). */
	worker = harness_program("bin/pbit-worker");
}

static void teardown(void)
{
	free(worker);
	harness_free(&h);
}

static void start_daemon(void)
{
	harness_start(&h, "--worker", worker, NULL);
}

/* Opens a session, or returns the error. The client's end is in c. */
static int open_raw(sd_bus *bus, struct session_client *c, const char *spec, int memory,
		    uint64_t *ret_id, sd_bus_error *error)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	int fd, r = sd_bus_call_method(bus, NULL, PBIT_PATH, PBIT_INTERFACE, "OpenSession", error,
				       &reply, "saha{sv}", spec, 1, memory, 0);

	if (r < 0)
		return r;
	ck_assert_int_ge(sd_bus_message_read(reply, "th", ret_id, &fd), 0);
	c->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	ck_assert_int_ge(c->fd, 0);
	return 0;
}

static uint64_t open_session(sd_bus *bus, struct session_client *c, const char *idle)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	char members[256], spec[512];
	uint64_t id = 0;
	int r;

	snprintf(members, sizeof(members), SHAPE, idle);
	client_prepare(c, spec, sizeof(spec), members);
	r = open_raw(bus, c, spec, c->memory_fd, &id, &error);
	ck_assert_msg(r >= 0, "%s", error.message);
	for (int k = 0; k < 40 * 30; k++)
		couplings(c)[k] = ((k * 7919) % 1000) / 2000. - 0.25;
	return id;
}

static void await_waiting(sd_bus *bus, uint64_t id, const char *reason)
{
	for (uint64_t end = 0; patience(&end);) {
		json_t *job = show(bus, id);
		bool found =
			!strcmp(str(job, "state"), "queued") && strstr(str(job, "reason"), reason);

		json_decref(job);
		if (found)
			return;
	}
	ck_abort_msg("job %d does not wait because it %s", (int)id, reason);
}

/* The daemon's last words to the client; what was sent before it is passed over. */
static struct session_reply last_words(struct session_client *c)
{
	struct session_reply a = read_reply(c);

	while (a.call)
		a = read_reply(c);
	ck_assert_int_eq(a.result, -ECONNRESET);
	ck_assert_int_eq(recv(c->fd, &(struct session_reply){ 0 }, sizeof(a), 0), 0);
	return a;
}

static const struct session_request request = { .flags = MOMENTS | SESSION_GET_STATES,
						.sweeps = 50 };

START_TEST(open_call_close)
{
	struct session_reply a;
	struct session_client c;
	json_t *job, *results;
	uint64_t id;
	sd_bus *bus;

	start_daemon();
	bus = harness_connect(&h);
	id = open_session(bus, &c, "1");
	a = good_call(&c, request);
	ck_assert_uint_eq(a.samples, 32 * 50);
	a = good_call(&c, request);
	ck_assert_uint_eq(a.sweep, 100);
	job = await_state(bus, id, "running");
	ck_assert_str_eq(str(job, "kind"), "session");
	json_decref(job);
	client_release(&c);
	job = await_state(bus, id, "done");
	results = json_object_get(job, "results");
	ck_assert_uint_eq(json_array_size(results), 1);
	ck_assert_str_eq(str(json_array_get(results, 0), "name"), "report.json");
	json_decref(job);
	sd_bus_close_unref(bus);
	ck_assert_int_eq(harness_kill(&h, SIGTERM), 0);
}
END_TEST

/* What is not as it should be is refused before there is a job. */
START_TEST(refusals)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	struct session_client c;
	char spec[512];
	uint64_t id;
	sd_bus *bus;
	int fd;

	start_daemon();
	bus = harness_connect(&h);
	client_prepare(&c, spec, sizeof(spec),
		       "\"session\": {\"visible\": 4, \"hidden\": 3, \"rows\": 2}");
#define REFUSED(memory, text)                                                      \
	do {                                                                       \
		ck_assert_int_lt(open_raw(bus, &c, spec, memory, &id, &error), 0); \
		ck_assert_str_eq(error.name, PBIT_ERROR_BAD_INPUT);                \
		ck_assert_msg(strstr(error.message, text), "'%s'", error.message); \
		sd_bus_error_free(&error);                                         \
	} while (0)
	fd = client_memory(c.layout.total, F_SEAL_SHRINK | F_SEAL_GROW);
	REFUSED(fd, "can change its size");
	close(fd);
	fd = client_memory(c.layout.total, F_SEAL_GROW | F_SEAL_SEAL);
	REFUSED(fd, "can change its size");
	close(fd);
	fd = client_memory(c.layout.total, SESSION_SEALS | F_SEAL_WRITE);
	REFUSED(fd, "cannot be written");
	close(fd);
	fd = client_memory(c.layout.total - 4096, SESSION_SEALS);
	REFUSED(fd, "and its arrays need");
	close(fd);
	fd = client_memory(c.layout.total + 4096, SESSION_SEALS);
	REFUSED(fd, "and its arrays need");
	close(fd);
	REFUSED(STDERR_FILENO, "no memfd");
	strcpy(spec, "{\"kind\": \"bench\"}");
	REFUSED(c.memory_fd, "a session is opened with \"session\"");
	strcpy(spec, "{\"kind\": \"session\", \"session\": {\"visible\": 4}}");
	REFUSED(c.memory_fd, "session.hidden: missing");
	call_refused(bus, PBIT_ERROR_BAD_INPUT, "shares one memfd with its client, not 0",
		     "OpenSession", "saha{sv}", "{}", 0, 0);
	call_refused(bus, PBIT_ERROR_BAD_INPUT, "is opened by a program", "Submit", "sa(sh)a{sv}",
		     "{\"kind\": \"session\", \"session\": {\"visible\": 4, \"hidden\": 3}}", 0, 0);
	client_release(&c);
	sd_bus_close_unref(bus);
}
END_TEST

/* What calls leave behind, but for times. */
static void run_calls(struct session_client *c, int first, int n, uint8_t **ret)
{
	for (int k = first; k < first + n; k++) {
		good_call(c, request);
		ret[k] = malloc(c->layout.total);
		memcpy(ret[k], c->memory, c->layout.total);
	}
}

static void check_same(struct session_client *c, uint8_t **a, uint8_t **b, int n)
{
	for (int k = 0; k < n; k++) {
		ck_assert_msg(!memcmp(a[k], b[k], c->layout.total), "call %d differs", k);
		free(a[k]);
		free(b[k]);
	}
}

/* One slot: an idle session makes room for another, wakes at a call, and goes on to the bit. */
START_TEST(idle_session_sleeps)
{
	uint8_t *plain[6], *slept[6];
	struct session_client c, other;
	uint64_t id, id_other;
	sd_bus *bus;
	json_t *job;

	harness_start(&h, "--worker", worker, "--jobs", "1", NULL);
	bus = harness_connect(&h);
	id = open_session(bus, &c, "3600");
	run_calls(&c, 0, 6, plain);
	client_release(&c);
	json_decref(await_state(bus, id, "done"));

	id = open_session(bus, &c, "0.05");
	run_calls(&c, 0, 2, slept);
	/* Not called yet, the other one takes nobody's place. */
	id_other = open_session(bus, &other, "3600");
	await_waiting(bus, id_other, "sleeps until its client calls");
	usleep(200000);
	json_decref(await_state(bus, id, "running"));
	good_call(&other, request);
	await_waiting(bus, id, "sleeps until its client calls");
	/* Its call waits while the other one, which is not idle, has the device. */
	{
		struct session_request q = request;
		struct pollfd p = { .fd = c.fd, .events = POLLIN };

		q.version = SESSION_WIRE_VERSION;
		q.call = ++c.calls;
		send_request(&c, &q);
		ck_assert_int_eq(poll(&p, 1, 300), 0);
		client_release(&other);
		ck_assert_int_eq(read_reply(&c).result, 0);
		slept[2] = malloc(c.layout.total);
		memcpy(slept[2], c.memory, c.layout.total);
	}
	json_decref(await_state(bus, id_other, "done"));
	run_calls(&c, 3, 2, slept);
	/* Asleep again, and woken by a call with nobody in the way. */
	id_other = open_session(bus, &other, "1");
	good_call(&other, request);
	client_release(&other);
	json_decref(await_state(bus, id_other, "done"));
	run_calls(&c, 5, 1, slept);
	job = show(bus, id);
	ck_assert_int_ge(num(job, "resumes"), 1);
	json_decref(job);
	check_same(&c, plain, slept, 6);
	client_release(&c);
	json_decref(await_state(bus, id, "done"));
	sd_bus_close_unref(bus);
}
END_TEST

/* Clients that go, asleep and queued, leave no job behind. */
START_TEST(client_goes)
{
	struct session_client c, queued, busy;
	uint64_t id, id_queued, id_busy;
	struct session_request q = request;
	sd_bus *bus;

	harness_start(&h, "--worker", worker, "--jobs", "1", NULL);
	bus = harness_connect(&h);
	id = open_session(bus, &c, "0.05");
	good_call(&c, request);
	id_busy = open_session(bus, &busy, "3600");
	good_call(&busy, request);
	id_queued = open_session(bus, &queued, "1");
	await_waiting(bus, id, "sleeps until its client calls");
	client_release(&c);
	json_decref(await_state(bus, id, "done"));
	/* With a call that waits for the device. */
	q.version = SESSION_WIRE_VERSION;
	q.call = 1;
	send_request(&queued, &q);
	await_waiting(bus, id_queued, "of ");
	client_release(&queued);
	json_decref(await_state(bus, id_queued, "done"));
	/* In the middle of a call, whose end nobody would live to see. */
	q.version = SESSION_WIRE_VERSION;
	q.call = ++busy.calls;
	q.sweeps = q.burn = PBM_MAX_SWEEPS;
	send_request(&busy, &q);
	client_release(&busy);
	json_decref(await_state(bus, id_busy, "done"));
	sd_bus_close_unref(bus);
}
END_TEST

START_TEST(ends_with_a_sentence)
{
	struct session_client c;
	uint64_t id;
	sd_bus *bus;
	json_t *job;

	start_daemon();
	bus = harness_connect(&h);
	id = open_session(bus, &c, "1");
	good_call(&c, request);
	sd_bus_message_unref(call(bus, "Cancel", "t", id));
	ck_assert_ptr_nonnull(strstr(last_words(&c).sentence, "was cancelled"));
	client_release(&c);

	/* The daemon leaves in peace. */
	id = open_session(bus, &c, "1");
	good_call(&c, request);
	sd_bus_close_unref(bus);
	ck_assert_int_eq(harness_kill(&h, SIGTERM), 0);
	ck_assert_ptr_nonnull(strstr(last_words(&c).sentence, "pbitd has left"));
	client_release(&c);
	start_daemon();
	bus = harness_connect(&h);
	job = await_state(bus, id, "failed");
	ck_assert_ptr_nonnull(strstr(str(job, "reason"), "open another session"));
	json_decref(job);

	/* And without. */
	id = open_session(bus, &c, "1");
	good_call(&c, request);
	sd_bus_close_unref(bus);
	harness_kill(&h, SIGKILL);
	{
		struct session_reply a;

		ck_assert_int_eq(recv(c.fd, &a, sizeof(a), 0), 0);
	}
	client_release(&c);
}
END_TEST

static pid_t worker_of(sd_bus *bus, uint64_t id)
{
	char command[160], line[64] = "";
	FILE *f;

	json_decref(await_state(bus, id, "running"));
	snprintf(command, sizeof(command), "cat /proc/%d/task/%d/children", (int)h.daemon,
		 (int)h.daemon);
	f = popen(command, "re");
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	pclose(f);
	return atoi(line);
}

/* Whatever is done about its worker's death, the client hears of it, and no call hangs. */
START_TEST(worker_is_killed)
{
	struct session_client c;
	struct session_request q = request;
	uint64_t id;
	sd_bus *bus;

	start_daemon();
	bus = harness_connect(&h);
	id = open_session(bus, &c, "1");
	good_call(&c, request);
	good_call(&c, request);
	kill(worker_of(bus, id), SIGKILL);
	q.version = SESSION_WIRE_VERSION;
	q.call = ++c.calls;
	if (send(c.fd, &q, sizeof(q), MSG_NOSIGNAL) < 0)
		ck_assert_int_eq(errno, EPIPE);
	ck_assert_ptr_nonnull(strstr(last_words(&c).sentence, "worker"));
	client_release(&c);
	sd_bus_close_unref(bus);
}
END_TEST

/* Told that it failed, while that cannot be stored, it is not done because its client goes. */
START_TEST(ends_once)
{
	const struct rlimit full = { 1, RLIM_INFINITY }, room = { RLIM_INFINITY, RLIM_INFINITY };
	char members[256], spec[512];
	struct session_client c;
	uint64_t first, id;
	json_t *job;
	sd_bus *bus;
	int fd;

	harness_start(&h, NULL);
	bus = harness_connect(&h);
	first = submit_named(bus, "sleep");
	await_told(bus, first);
	snprintf(members, sizeof(members), SHAPE, "1");
	client_prepare(&c, spec, sizeof(spec), members);
	{
		_cleanup_message_ sd_bus_message *reply =
			call(bus, "OpenSession", "saha{sv}", spec, 1, c.memory_fd, 1, "after_ok",
			     "at", 1, first);

		ck_assert_int_ge(sd_bus_message_read(reply, "th", &id, &fd), 0);
		c.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	}
	ck_assert_int_eq(prlimit(h.daemon, RLIMIT_FSIZE, &full, NULL), 0);
	kill(worker_of(bus, first), SIGSYS);
	job = await_state(bus, id, "failed");
	json_decref(job);
	client_release(&c);
	/* By the second answer the daemon has seen what came before the first question. */
	json_decref(show(bus, id));
	json_decref(show(bus, id));
	ck_assert_int_eq(prlimit(h.daemon, RLIMIT_FSIZE, &room, NULL), 0);
	sd_bus_close_unref(bus);
	harness_kill(&h, SIGTERM);
	harness_start(&h, NULL);
	bus = harness_connect(&h);
	json_decref(await_state(bus, id, "failed"));
	sd_bus_close_unref(bus);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("session");
	TCase *t = tcase_create("session");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, open_call_close);
	tcase_add_test(t, refusals);
	tcase_add_test(t, idle_session_sleeps);
	tcase_add_test(t, client_goes);
	tcase_add_test(t, ends_with_a_sentence);
	tcase_add_test(t, worker_is_killed);
	tcase_add_test(t, ends_once);
	suite_add_tcase(s, t);
	return run_suite(s);
}
