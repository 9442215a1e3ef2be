// SPDX-License-Identifier: MIT
/* The daemon's own life: start, options, one at a time, stop and resume, idleness, activation. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "harness.h"

static struct harness h;

static void setup(void)
{
	harness_new(&h);
}

static void teardown(void)
{
	harness_free(&h);
}

/* Runs pbitd with these arguments to its end; returns its exit status. */
static int run_pbitd(const char *const *arguments)
{
	int status = harness_wait(harness_spawn(&h, arguments));

	ck_assert_msg(WIFEXITED(status), "killed by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

#define PBITD(...) run_pbitd((const char *const[]){ __VA_ARGS__, NULL })

START_TEST(options)
{
	freopen("/dev/null", "w", stdout);
	ck_assert_int_eq(PBITD("--version"), 0);
	ck_assert_int_eq(PBITD("--help"), 0);
	ck_assert_int_eq(PBITD("--jobs", "-1"), 2);
	ck_assert_int_eq(PBITD("--jobs", "many"), 2);
	ck_assert_int_eq(PBITD("--idle-exit", "1e9"), 2);
	ck_assert_int_eq(PBITD("--brew"), 2);
	ck_assert_int_eq(PBITD("coffee"), 2);
	ck_assert(harness_logged(&h, "'many' is not a whole number from 0 to 1024"));
}
END_TEST

START_TEST(refusals_at_the_start)
{
	char path[256];

	ck_assert_int_eq(PBITD("--state-dir", h.state, "--socket", h.socket, "--worker", "/none"),
			 1);
	ck_assert(harness_logged(&h, "/none: the worker cannot be run: No such file"));
	ck_assert_int_eq(
		PBITD("--state-dir", "/proc/none", "--socket", h.socket, "--worker", h.worker), 1);
	ck_assert(harness_logged(&h, "/proc/none: the state directory cannot be used"));
	snprintf(path, sizeof(path), "%s/%0100d", h.root, 7);
	ck_assert_int_eq(PBITD("--state-dir", h.state, "--socket", path, "--worker", h.worker), 1);
	ck_assert(harness_logged(&h, "the path is too long for a socket"));
	ck_assert_int_eq(PBITD("--state-dir", h.state, "--socket", "/proc/none/socket", "--worker",
			       h.worker),
			 1);
	ck_assert(harness_logged(&h, "say --socket PATH"));
	snprintf(path, sizeof(path), "%s/jobs.db", h.state);
	ck_assert_int_eq(truncate(path, 100), 0);
	ck_assert_int_eq(PBITD("--state-dir", h.state, "--socket", h.socket, "--worker", h.worker),
			 1);
	ck_assert(harness_logged(&h, "jobs.db"));
}
END_TEST

START_TEST(second_instance)
{
	char other[128];

	harness_start(&h, NULL);
	/* The same state: somebody is there, and all is well. */
	snprintf(other, sizeof(other), "%s/other", h.root);
	ck_assert_int_eq(PBITD("--state-dir", h.state, "--socket", other, "--worker", h.worker), 0);
	ck_assert(harness_logged(&h, "another pbitd already serves"));
	/* Another state behind the same socket would take it away. */
	ck_assert_int_eq(PBITD("--state-dir", other, "--socket", h.socket, "--worker", h.worker),
			 1);
	ck_assert(harness_logged(&h, "another pbitd answers there"));
	ck_assert_int_eq(harness_kill(&h, SIGTERM), 0);
	ck_assert_int_lt(access(h.socket, F_OK), 0);
}
END_TEST

START_TEST(stop_and_resume)
{
	sd_bus *bus;
	uint64_t id;
	json_t *job;
	char path[160];

	harness_start(&h, NULL);
	bus = harness_connect(&h);
	id = submit_named(bus, "sleep");
	await_told(bus, id);
	ck_assert_uint_eq(submit_named(bus, "quick"), 2);
	bus = sd_bus_close_unref(bus);
	ck_assert_int_eq(harness_kill(&h, SIGTERM), 0);
	/* The worker was given the time to checkpoint. */
	snprintf(path, sizeof(path), "%s/jobs/1/ckpt/stopped", h.state);
	ck_assert_int_eq(access(path, F_OK), 0);

	harness_start(&h, NULL);
	bus = harness_connect(&h);
	job = await_state(bus, id, "running");
	ck_assert_int_eq(num(job, "resumes"), 1);
	json_decref(job);
	job = show(bus, 2);
	ck_assert_str_eq(str(job, "state"), "queued");
	ck_assert_int_eq(num(job, "resumes"), 0);
	json_decref(job);
	sd_bus_message_unref(call(bus, "Cancel", "t", id));
	json_decref(await_state(bus, 2, "done"));
	sd_bus_close_unref(bus);
}
END_TEST

/* A job that goes on from its checkpoint after each of three kills -9, and ends once. */
START_TEST(killed_and_resumed)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	sd_bus *bus;
	json_t *job, *result;
	const char *name;
	uint64_t size;
	int fd;

	harness_start(&h, NULL);
	bus = harness_connect(&h);
	json_decref(await_state(bus, submit_named(bus, "count"), "running"));
	for (int i = 0; i < 3; i++) {
		/* Some time after the next step, in the middle of it or of the daemon's record. */
		usleep(70000 + (useconds_t)i * 13000);
		bus = sd_bus_close_unref(bus);
		harness_kill(&h, SIGKILL);
		harness_start(&h, NULL);
		bus = harness_connect(&h);
	}
	job = await_state(bus, 1, "done");
	ck_assert_int_ge(num(job, "resumes"), 1);
	json_decref(job);
	reply = call(bus, "Fetch", "t", (uint64_t)1);
	ck_assert_int_ge(sd_bus_message_enter_container(reply, 'a', "(sth)"), 0);
	ck_assert_int_gt(sd_bus_message_read(reply, "(sth)", &name, &size, &fd), 0);
	result = json_loadfd(fd, 0, NULL);
	ck_assert_int_eq(num(result, "count"), 3);
	json_decref(result);
	sd_bus_close_unref(bus);
}
END_TEST

/* No worker outlives its daemon, however that goes. */
START_TEST(workers_die_with_the_daemon)
{
	sd_bus *bus;
	char command[160], line[64] = "";
	pid_t worker;
	FILE *f;

	harness_start(&h, NULL);
	bus = harness_connect(&h);
	await_told(bus, submit_named(bus, "stubborn"));
	snprintf(command, sizeof(command), "cat /proc/%d/task/%d/children", (int)h.daemon,
		 (int)h.daemon);
	f = popen(command, "re");
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	pclose(f);
	worker = atoi(line);
	ck_assert_int_gt(worker, 0);
	sd_bus_close_unref(bus);
	harness_kill(&h, SIGKILL);
	for (uint64_t end = 0; kill(worker, 0) == 0;) {
		char path[64];
		char stat[512] = "";

		/* In a container without an init, it may stay a zombie. */
		snprintf(path, sizeof(path), "/proc/%d/stat", (int)worker);
		f = fopen(path, "re");
		if (!f || !fgets(stat, sizeof(stat), f) || strstr(stat, ") Z "))
			break;
		fclose(f);
		ck_assert(patience(&end));
	}
}
END_TEST

START_TEST(second_signal_is_in_earnest)
{
	sd_bus *bus;

	harness_start(&h, NULL);
	bus = harness_connect(&h);
	await_told(bus, submit_named(bus, "stubborn"));
	kill(h.daemon, SIGINT);
	ck_assert(harness_logged(&h, "leaves: SIGINT"));
	ck_assert_int_eq(harness_kill(&h, SIGTERM), 0);
	sd_bus_close_unref(bus);
	harness_start(&h, NULL);
	bus = harness_connect(&h);
	json_decref(await_state(bus, 1, "running"));
	sd_bus_close_unref(bus);
	harness_kill(&h, SIGKILL);
}
END_TEST

START_TEST(leaves_when_idle)
{
	sd_bus *bus;

	harness_start(&h, "--idle-exit", "1", NULL);
	bus = harness_connect(&h);
	submit_named(bus, "count");
	sd_bus_flush_close_unref(bus);
	/* First it ends the job, then it waits, then it leaves by itself. */
	ck_assert_int_eq(harness_wait(h.daemon), 0);
	h.daemon = 0;
	ck_assert(harness_logged(&h, "leaves: nobody has needed it for 1 s"));
	ck_assert(harness_logged(&h, "is done"));
	ck_assert_int_lt(access(h.socket, F_OK), 0);
}
END_TEST

START_TEST(two_at_once)
{
	sd_bus *bus;
	json_t *job;

	harness_start(&h, "--jobs", "2", NULL);
	bus = harness_connect(&h);
	for (int i = 0; i < 3; i++)
		submit_named(bus, "sleep");
	json_decref(await_state(bus, 1, "running"));
	json_decref(await_state(bus, 2, "running"));
	job = show(bus, 3);
	ck_assert_str_eq(str(job, "state"), "queued");
	ck_assert(strstr(str(job, "reason"), "and 1 more; it is next") != NULL);
	json_decref(job);
	sd_bus_message_unref(call(bus, "Cancel", "t", (uint64_t)2));
	json_decref(await_state(bus, 3, "running"));
	sd_bus_close_unref(bus);
}
END_TEST

/* A disk that is full: refused with a sentence, nothing left behind, and the daemon lives. */
START_TEST(full_disk)
{
	struct rlimit limit = { 400000, RLIM_INFINITY }, before;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	_cleanup_free_ char *bytes = calloc(1, 600000);
	char path[160];
	sd_bus *bus;
	uint64_t id;
	int fd;

	fd = harness_sealed(bytes, 600000);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	harness_start(&h, NULL);
	bus = harness_connect(&h);
	ck_assert_int_lt(submit_model(bus, "{\"kind\": \"sample\", \"model\": \"W.npy\"}", "W.npy",
				      fd, &id, &error),
			 0);
	ck_assert_str_eq(error.name, PBIT_ERROR_FAILED);
	ck_assert(strstr(error.message, "the job cannot be stored: File too large") != NULL);
	sd_bus_error_free(&error);
	snprintf(path, sizeof(path), "rmdir %s/jobs", h.state);
	ck_assert_int_eq(system(path), 0);
	sd_bus_close_unref(bus);
	ck_assert_int_eq(harness_kill(&h, SIGTERM), 0);

	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	harness_start(&h, NULL);
	bus = harness_connect(&h);
	ck_assert_uint_eq(submit_named(bus, "quick"), 1);
	json_decref(await_state(bus, 1, "done"));
	sd_bus_close_unref(bus);
}
END_TEST

/* The state directory is taken away: refused, not lost; and it goes on once it is back. */
START_TEST(unwritable_state)
{
	char jobs[160], away[160];
	sd_bus *bus;

	harness_start(&h, NULL);
	bus = harness_connect(&h);
	json_decref(await_state(bus, submit_named(bus, "sleep"), "running"));
	submit_named(bus, "quick");
	snprintf(jobs, sizeof(jobs), "%s/jobs/2", h.state);
	snprintf(away, sizeof(away), "%s/away", h.state);
	ck_assert_int_eq(rename(jobs, away), 0);
	sd_bus_message_unref(call(bus, "Cancel", "t", (uint64_t)1));
	/* Its directory has vanished: there is nothing to run, and that is said. */
	json_decref(await_state(bus, 2, "failed"));
	json_decref(await_state(bus, submit_named(bus, "quick"), "done"));
	sd_bus_close_unref(bus);
}
END_TEST

/* A user's own daemon: paths from the environment, a private directory, no tricks with it. */
START_TEST(user_mode)
{
	char runtime[128], directory[160], state[128];
	struct stat st;
	pid_t pid;

	snprintf(runtime, sizeof(runtime), "%s/run", h.root);
	snprintf(directory, sizeof(directory), "%s/pbitd", runtime);
	snprintf(state, sizeof(state), "%s/xdg", h.root);
	ck_assert_int_eq(mkdir(runtime, 0700), 0);
	setenv("XDG_RUNTIME_DIR", runtime, 1);
	setenv("XDG_STATE_HOME", state, 1);

	ck_assert_int_eq(symlink("/tmp", directory), 0);
	ck_assert_int_eq(PBITD("--user", "--worker", h.worker), 1);
	ck_assert(harness_logged(&h, "is no directory of the socket"));
	ck_assert_int_eq(unlink(directory), 0);
	ck_assert_int_eq(mkdir(directory, 0755), 0);
	ck_assert_int_eq(chmod(directory, 0777), 0);
	ck_assert_int_eq(PBITD("--user", "--worker", h.worker), 1);
	ck_assert(harness_logged(&h, "is open to other users; say chmod 700"));
	if (geteuid() == 0) {
		ck_assert_int_eq(chmod(directory, 0700), 0);
		ck_assert_int_eq(chown(directory, 65534, 65534), 0);
		ck_assert_int_eq(PBITD("--user", "--worker", h.worker), 1);
		ck_assert(harness_logged(&h, "belongs to another user"));
	}
	ck_assert_int_eq(rmdir(directory), 0);

	pid = harness_spawn(&h, (const char *const[]){ "--user", "--worker", h.worker, NULL });
	snprintf(h.socket, sizeof(h.socket), "%s/run/pbitd/socket", h.root);
	for (uint64_t end = 0; access(h.socket, F_OK) < 0;)
		ck_assert(patience(&end));
	ck_assert_int_eq(stat(directory, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0700);
	ck_assert_int_eq(stat(h.socket, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	h.daemon = pid;
	{
		sd_bus *bus = harness_connect(&h);
		char path[160];

		json_decref(await_state(bus, submit_named(bus, "quick"), "done"));
		sd_bus_close_unref(bus);
		snprintf(path, sizeof(path), "%s/pbit/jobs/1/out/result.json", state);
		ck_assert_int_eq(access(path, F_OK), 0);
		snprintf(path, sizeof(path), "%s/pbit", state);
		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_int_eq(st.st_mode & 077, geteuid() == 0 ? 011 : 0);
	}
}
END_TEST

/* As systemd does it: the socket as fd 3, readiness and leave-taking by NOTIFY_SOCKET. */
START_TEST(service_manager)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char notify[108], text[4096] = "", seen[65536] = "", pid_text[16];
	_cleanup_free_ char *program = harness_program("bin/pbitd");
	int listen_fd = socket(AF_UNIX, SOCK_STREAM, 0), notify_fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	sd_bus *bus;

	strcpy(address.sun_path, h.socket);
	ck_assert_int_eq(bind(listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listen_fd, 8), 0);
	snprintf(notify, sizeof(notify), "%s/notify", h.root);
	strcpy(address.sun_path, notify);
	ck_assert_int_eq(bind(notify_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	h.daemon = fork();
	if (h.daemon == 0) {
		dup2(listen_fd, 3);
		snprintf(pid_text, sizeof(pid_text), "%d", (int)getpid());
		setenv("LISTEN_PID", pid_text, 1);
		setenv("LISTEN_FDS", "1", 1);
		setenv("NOTIFY_SOCKET", notify, 1);
		setenv("WATCHDOG_PID", pid_text, 1);
		setenv("WATCHDOG_USEC", "400000", 1);
		freopen("/dev/null", "w", stderr);
		execl(program, program, "--state-dir", h.state, "--worker", h.worker, NULL);
		_exit(126);
	}
	close(listen_fd);
	bus = harness_connect(&h);
	json_decref(await_state(bus, submit_named(bus, "quick"), "done"));
	while (!strstr(seen, "WATCHDOG=1") || !strstr(seen, "READY=1") ||
	       !strstr(seen, "STATUS=0 running, 0 queued")) {
		ssize_t n = recv(notify_fd, text, sizeof(text) - 1, 0);

		ck_assert_int_gt(n, 0);
		text[n] = '\0';
		strncat(seen, text, sizeof(seen) - strlen(seen) - 1);
	}
	sd_bus_close_unref(bus);
	ck_assert_int_eq(harness_kill(&h, SIGTERM), 0);
	while (!strstr(seen, "STOPPING=1")) {
		ssize_t n = recv(notify_fd, text, sizeof(text) - 1, 0);

		ck_assert_int_gt(n, 0);
		text[n] = '\0';
		strncat(seen, text, sizeof(seen) - strlen(seen) - 1);
	}
	/* The socket is the service manager's to remove. */
	ck_assert_int_eq(access(h.socket, F_OK), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("life");
	TCase *t = tcase_create("life");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, options);
	tcase_add_test(t, refusals_at_the_start);
	tcase_add_test(t, second_instance);
	tcase_add_test(t, stop_and_resume);
	tcase_add_test(t, killed_and_resumed);
	tcase_add_test(t, workers_die_with_the_daemon);
	tcase_add_test(t, second_signal_is_in_earnest);
	tcase_add_test(t, leaves_when_idle);
	tcase_add_test(t, two_at_once);
	tcase_add_test(t, full_disk);
	tcase_add_test(t, unwritable_state);
	tcase_add_test(t, user_mode);
	tcase_add_test(t, service_manager);
	suite_add_tcase(s, t);
	return run_suite(s);
}
