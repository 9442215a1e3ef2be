// SPDX-License-Identifier: MIT
/* Workers that misbehave, and what the daemon makes of their ends. */
#include "worker_process.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "config.h"
#include "connected.h"

/* Whatever its workers did, the daemon is as it was. */
static void teardown_well(void)
{
	json_decref(await_state(bus, submit_named(bus, "quick"), "done"));
	teardown();
}

START_TEST(outcomes)
{
	enum {
		EXIT_0 = 0,
		EXIT_1 = 1 << 8,
		EXIT_75 = 75 << 8,
		EXIT_76 = 76 << 8,
		EXIT_77 = 77 << 8
	};
	static const struct {
		int status;
		bool done;
		const char *failure;
		enum worker_stop stop;
		enum worker_outcome outcome;
		const char *reason;
	} cases[] = {
		{ EXIT_0, true, NULL, WORKER_NOT_STOPPED, WORKER_DONE, "" },
		{ EXIT_0, true, NULL, WORKER_SHUTDOWN, WORKER_DONE, "" },
		{ EXIT_0, false, NULL, WORKER_NOT_STOPPED, WORKER_FAILED,
		  "worker left without a result" },
		{ EXIT_1, false, "bad labels", WORKER_NOT_STOPPED, WORKER_FAILED, "bad labels" },
		{ EXIT_1, true, NULL, WORKER_NOT_STOPPED, WORKER_FAILED,
		  "worker left with status 1 and did not say why; see the job's log" },
		{ EXIT_75, false, NULL, WORKER_NOT_STOPPED, WORKER_STOPPED, "" },
		{ EXIT_75, false, NULL, WORKER_SHUTDOWN, WORKER_STOPPED, "" },
		{ EXIT_75, false, NULL, WORKER_GONE, WORKER_LOST, "" },
		{ EXIT_75, false, NULL, WORKER_PREEMPT, WORKER_STOPPED, "" },
		{ EXIT_75, false, NULL, WORKER_EXPIRED, WORKER_STOPPED, "" },
		{ EXIT_0, true, NULL, WORKER_PREEMPT, WORKER_DONE, "" },
		{ EXIT_76, false, NULL, WORKER_PREEMPT, WORKER_LOST, "" },
		{ SIGTERM, false, NULL, WORKER_PREEMPT, WORKER_STOPPED, "" },
		{ SIGKILL, false, NULL, WORKER_PREEMPT, WORKER_STOPPED, "" },
		{ SIGKILL, false, NULL, WORKER_EXPIRED, WORKER_STOPPED, "" },
		{ SIGSEGV, false, NULL, WORKER_PREEMPT, WORKER_CRASHED,
		  "worker killed by SIGSEGV" },
		{ EXIT_76, false, NULL, WORKER_NOT_STOPPED, WORKER_LOST, "" },
		{ EXIT_76, false, NULL, WORKER_GONE, WORKER_LOST, "" },
		{ EXIT_76, false, NULL, WORKER_SHUTDOWN, WORKER_STOPPED, "" },
		{ EXIT_76, false, "bad labels", WORKER_GONE, WORKER_FAILED, "bad labels" },
		{ EXIT_77, false, "too small", WORKER_NOT_STOPPED, WORKER_UNFIT, "too small" },
		{ EXIT_77, false, NULL, WORKER_NOT_STOPPED, WORKER_FAILED,
		  "worker left with status 77 and did not say why; see the job's log" },
		{ EXIT_0, true, NULL, WORKER_GONE, WORKER_DONE, "" },
		{ SIGKILL, false, NULL, WORKER_GONE, WORKER_LOST, "" },
		{ SIGTERM, false, NULL, WORKER_GONE, WORKER_LOST, "" },
		{ SIGSEGV, false, NULL, WORKER_GONE, WORKER_CRASHED, "worker killed by SIGSEGV" },
		{ SIGSEGV, false, NULL, WORKER_NOT_STOPPED, WORKER_CRASHED,
		  "worker killed by SIGSEGV" },
		{ SIGSEGV, false, NULL, WORKER_SHUTDOWN, WORKER_CRASHED,
		  "worker killed by SIGSEGV" },
		{ SIGSYS, false, NULL, WORKER_NOT_STOPPED, WORKER_FAILED,
		  "worker killed by SIGSYS, for a call of a foreign ABI" },
		{ SIGSEGV | 0x80, true, NULL, WORKER_NOT_STOPPED, WORKER_CRASHED,
		  "worker killed by SIGSEGV" },
		{ SIGKILL, false, NULL, WORKER_NOT_STOPPED, WORKER_CRASHED,
		  "worker killed by SIGKILL, as the kernel does when memory runs out" },
		{ SIGKILL, false, NULL, WORKER_SHUTDOWN, WORKER_STOPPED, "" },
		{ SIGTERM, false, NULL, WORKER_SHUTDOWN, WORKER_STOPPED, "" },
		{ SIGTERM, false, NULL, WORKER_NOT_STOPPED, WORKER_CRASHED,
		  "worker killed by SIGTERM" },
		{ EXIT_1, false, "\033[2J\xff", WORKER_NOT_STOPPED, WORKER_FAILED, "?[2J?" },
		{ SIGKILL, false, "worker sent a line above 16 KiB", WORKER_NOT_STOPPED,
		  WORKER_FAILED, "worker sent a line above 16 KiB" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err e = { 0 };

		ck_assert_int_eq(worker_outcome(cases[i].status, cases[i].done, cases[i].failure,
						cases[i].stop, &e),
				 cases[i].outcome);
		ck_assert_str_eq(e.text, cases[i].reason);
	}
}
END_TEST

/* name of the test double's act, and the reason it leaves behind */
static const struct {
	const char *name, *reason;
} acts[] = {
	{ "segv", "worker killed by SIGSEGV; started once more from its checkpoint: worker killed "
		  "by SIGSEGV" },
	{ "silent", "worker left with status 3 and did not say why; see the job's log" },
	{ "fail", "the labels are out of range" },
	{ "nothing", "worker left without a result" },
	{ "garbage", "worker sent a line that is not JSON" },
	{ "endless", "worker sent a line above 16 KiB" },
	{ "nan", "worker sent a message that is none of progress, failed, done" },
};

START_TEST(fails_with_the_reason)
{
	json_t *job = await_state(bus, submit_named(bus, acts[_i].name), "failed");

	ck_assert_str_eq(str(job, "reason"), acts[_i].reason);
	ck_assert_int_gt(num(job, "finished"), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(job, "results")), 0);
	json_decref(job);
}
END_TEST

static void await_crashes(uint64_t id, int crashes)
{
	for (uint64_t end = 0; patience(&end);) {
		json_t *job = show(bus, id);
		bool there = num(job, "crashes") == crashes;

		json_decref(job);
		if (there)
			return;
	}
	ck_abort_msg("job %d does not crash %d times", (int)id, crashes);
}

START_TEST(killed_from_outside)
{
	uint64_t id = submit_named(bus, "sleep");
	char command[160];
	json_t *job;

	snprintf(command, sizeof(command), "kill -9 $(cat /proc/%d/task/%d/children)",
		 (int)h.daemon, (int)h.daemon);
	/* Once is forgiven, twice is not. */
	for (int i = 0; i < 2; i++) {
		await_crashes(id, i);
		json_decref(await_state(bus, id, "running"));
		ck_assert_int_eq(system(command), 0);
	}
	job = await_state(bus, id, "failed");
	ck_assert_str_eq(str(job, "reason"),
			 "worker killed by SIGKILL, as the kernel does when memory runs out; "
			 "started once more from its checkpoint: worker killed by SIGKILL, as the "
			 "kernel does when memory runs out");
	ck_assert_int_eq(num(job, "crashes"), 2);
	ck_assert_int_eq(num(job, "resumes"), 1);
	json_decref(job);
}
END_TEST

/* Stopped by somebody else, with a checkpoint: the daemon goes on with it. */
START_TEST(stopped_from_outside)
{
	uint64_t id = submit_named(bus, "sleep");
	char command[160];
	json_t *job;

	await_told(bus, id);
	snprintf(command, sizeof(command), "kill -TERM $(cat /proc/%d/task/%d/children)",
		 (int)h.daemon, (int)h.daemon);
	ck_assert_int_eq(system(command), 0);
	for (uint64_t end = 0, resumes = 0; resumes == 0;) {
		ck_assert(patience(&end));
		job = show(bus, id);
		resumes = (uint64_t)num(job, "resumes");
		json_decref(job);
	}
	json_decref(await_state(bus, id, "running"));
	sd_bus_message_unref(call(bus, "Cancel", "t", id));
}
END_TEST

/* SIGTERM is ignored, SIGKILL is not: the device is free again after USEC_CANCEL_KILL. */
START_TEST(stubborn_worker_is_killed)
{
	uint64_t id = submit_named(bus, "stubborn");

	json_decref(await_state(bus, id, "running"));
	sd_bus_message_unref(call(bus, "Cancel", "t", id));
	json_decref(await_state(bus, id, "cancelled"));
	/* The fixture runs a job behind it. */
}
END_TEST

START_TEST(chatter_is_taken)
{
	json_t *job = await_state(bus, submit_named(bus, "chatty"), "done");

	ck_assert(json_number_value(json_object_get(json_object_get(job, "latest"), "progress")) >
		  0.9999);
	json_decref(job);
}
END_TEST

/* They come to the client as the worker said them. */
START_TEST(any_words_are_passed_on)
{
	uint64_t id = submit_named(bus, "words");
	json_t *job;

	await_told(bus, id);
	job = show(bus, id);
	ck_assert_str_eq(str(json_object_get(job, "latest"), "words"), "\xc3\xa9 \xef\xbf\xbe");
	json_decref(job);
	sd_bus_message_unref(call(bus, "Cancel", "t", id));
}
END_TEST

static pid_t worker_of(const struct harness *daemon)
{
	char path[64];
	int pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)daemon->daemon,
		 (int)daemon->daemon);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%d", &pid), 1);
	fclose(f);
	return pid;
}

#define MOST_UNREAD ((size_t)8 << 20)

/* As many lines of progress as fit there, and one that is not to be read any more. */
static void flood(int fd)
{
	static const char line[] = "{\"type\": \"progress\", \"progress\": 0.5}\n",
			  last[] = "{\"type\": \"failed\", \"reason\": \"read to the end\"}\n";
	const size_t size = sizeof(line) - 1, lines = 400;
	_cleanup_free_ char *many = malloc(lines * size);
	int room = 4 * (int)MOST_UNREAD;

	ck_assert_ptr_nonnull(many);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)), 0);
	for (size_t k = 0; k < lines; k++)
		memcpy(many + k * size, line, size);
	for (size_t sent = 0; sent < MOST_UNREAD; sent += lines * size)
		ck_assert_int_eq(send(fd, many, lines * size, MSG_DONTWAIT), (int)(lines * size));
	ck_assert_int_eq(send(fd, last, sizeof(last) - 1, MSG_DONTWAIT), (int)sizeof(last) - 1);
}

/* Who else holds a worker's end of the socket does not keep the daemon with one that has ended. */
START_TEST(endless_chatter_of_others)
{
	uint64_t id = submit_named(bus, "sleep");
	pid_t worker;
	int pidfd, fd;

	await_told(bus, id);
	worker = worker_of(&h);
	pidfd = (int)syscall(SYS_pidfd_open, worker, 0);
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, WORKER_FD, 0);
	ck_assert_int_ge(fd, 0);
	kill(h.daemon, SIGSTOP);
	flood(fd);
	kill(worker, SIGKILL);
	kill(h.daemon, SIGCONT);
	await_crashes(id, 1);
	json_decref(await_state(bus, id, "running"));
	sd_bus_message_unref(call(bus, "Cancel", "t", id));
	close(fd);
	close(pidfd);
}
END_TEST

static json_t *fetch_json(uint64_t id, const char *wanted)
{
	_cleanup_message_ sd_bus_message *reply = call(bus, "Fetch", "t", id);
	const char *name;
	uint64_t size;
	int fd;

	ck_assert_int_ge(sd_bus_message_enter_container(reply, 'a', "(sth)"), 0);
	while (sd_bus_message_read(reply, "(sth)", &name, &size, &fd) > 0)
		if (!strcmp(name, wanted))
			return json_loadfd(fd, 0, NULL);
	ck_abort_msg("no %s", wanted);
	return NULL;
}

START_TEST(what_a_worker_is_given)
{
	uint64_t id = submit_named(bus, "env");
	json_t *env, *fds, *variable;
	size_t i;

	json_decref(await_state(bus, id, "done"));
	env = fetch_json(id, "env.json");
	fds = json_object_get(env, "fds");
	ck_assert_int_eq(num(env, "uid"), (int64_t)geteuid());
	ck_assert_int_eq(num(env, "death_signal"), SIGKILL);
	ck_assert(json_is_true(json_object_get(env, "own_group")));
	ck_assert(json_is_false(json_object_get(env, "sigterm_blocked")));
	/* 0 to 3, and the lock that it opened itself. */
	ck_assert_uint_eq(json_array_size(fds), 5);
	json_array_foreach(fds, i, variable)
		ck_assert_int_le(json_integer_value(variable), 4);
	json_array_foreach(json_object_get(env, "environment"), i, variable) {
		const char *text = json_string_value(variable);

		ck_assert_msg(!strncmp(text, "PATH=", 5) || !strncmp(text, "LANG=", 5) ||
				      !strncmp(text, "OPENBLAS_NUM_THREADS=", 21) ||
				      /* of a sanitized build */
				      !strcmp(text, "ASAN_OPTIONS=detect_leaks=0"),
			      "%s", text);
	}
	json_decref(env);
}
END_TEST

START_TEST(output_goes_to_the_log)
{
	char path[160];
	struct stat st;

	json_decref(await_state(bus, submit_named(bus, "quick"), "done"));
	snprintf(path, sizeof(path), "%s/jobs/1/log", h.state);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 077, 0);
	snprintf(path, sizeof(path), "%s/jobs/1/input", h.state);
	ck_assert_int_lt(stat(path, &st), 0);
}
END_TEST

/* The worker's program vanishes: each job fails with a reason, and the daemon stays. */
START_TEST(missing_program)
{
	char away[128];
	json_t *job;

	snprintf(away, sizeof(away), "%s.away", h.worker);
	ck_assert_int_eq(rename(h.worker, away), 0);
	job = await_state(bus, submit_named(bus, "quick"), "failed");
	ck_assert_str_eq(str(job, "reason"),
			 "the worker cannot be started: pbit-worker cannot be run: ENOENT");
	json_decref(job);
	ck_assert_int_eq(rename(away, h.worker), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("worker_process");
	TCase *pure = tcase_create("outcome"), *t = tcase_create("process");

	tcase_add_test(pure, outcomes);
	suite_add_tcase(s, pure);
	tcase_add_checked_fixture(t, setup, teardown_well);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, fails_with_the_reason, 0, (int)ARRAY_SIZE(acts));
	tcase_add_test(t, killed_from_outside);
	tcase_add_test(t, stopped_from_outside);
	tcase_add_test(t, stubborn_worker_is_killed);
	tcase_add_test(t, chatter_is_taken);
	tcase_add_test(t, any_words_are_passed_on);
	/* Others' descriptors, and room for so much, are to be had as root. */
	if (geteuid() == 0)
		tcase_add_test(t, endless_chatter_of_others);
	tcase_add_test(t, what_a_worker_is_given);
	tcase_add_test(t, output_goes_to_the_log);
	tcase_add_test(t, missing_program);
	suite_add_tcase(s, t);
	return run_suite(s);
}
