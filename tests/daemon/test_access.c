// SPDX-License-Identifier: MIT
/*
 * Two users and root at one daemon: who sees what, and as whom a job runs. It takes root to be
 * several users; without it, nothing here is run.
 */
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "config.h"
#include "harness.h"

#define ALICE 65501u
#define BOB   65502u

static struct harness h;

static void setup(void)
{
	harness_new(&h);
	harness_start(&h, NULL);
}

static void teardown(void)
{
	harness_free(&h);
}

/* Runs fn in a process of that user; its failed checks end the test. */
static void as(uid_t uid, void (*fn)(sd_bus *bus))
{
	gid_t groups[2] = { uid + 1000, 4 };
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		sd_bus *bus;

		if (setgroups(2, groups) < 0 || setresgid(uid, uid, uid) < 0 ||
		    setresuid(uid, uid, uid) < 0)
			_exit(99);
		bus = harness_connect(&h);
		fn(bus);
		sd_bus_flush_close_unref(bus);
		_exit(0);
	}
	ck_assert_int_gt(pid, 0);
	status = harness_wait(pid);
	ck_assert_msg(status == 0, "as uid %u: status %x", (unsigned int)uid, (unsigned int)status);
}

static void run_env(sd_bus *bus)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	uint64_t id = submit_named(bus, "env"), size;
	json_t *env = NULL, *group;
	const char *name;
	struct stat st;
	size_t i;
	int fd;

	json_decref(await_state(bus, id, "done"));
	reply = call(bus, "Fetch", "t", id);
	ck_assert_int_ge(sd_bus_message_enter_container(reply, 'a', "(sth)"), 0);
	while (sd_bus_message_read(reply, "(sth)", &name, &size, &fd) > 0) {
		ck_assert_int_eq(fstat(fd, &st), 0);
		ck_assert_uint_eq(st.st_uid, ALICE);
		if (!strcmp(name, "env.json"))
			env = json_loadfd(fd, 0, NULL);
	}
	ck_assert_ptr_nonnull(env);
	ck_assert_int_eq(num(env, "uid"), ALICE);
	ck_assert_int_eq(num(env, "gid"), ALICE);
	ck_assert_int_eq(num(env, "death_signal"), SIGKILL);
	ck_assert_uint_eq(json_array_size(json_object_get(env, "groups")), 2);
	json_array_foreach(json_object_get(env, "groups"), i, group)
		ck_assert(json_integer_value(group) == 4 ||
			  json_integer_value(group) == ALICE + 1000);
	json_decref(env);
}

/* The submitter's rights and no others, by what the kernel says of him. */
START_TEST(runs_as_the_submitter)
{
	char path[160];
	struct stat st;

	as(ALICE, run_env);
	/* What the daemon reads and writes is in its own hands, what the worker writes in his. */
	snprintf(path, sizeof(path), "%s/jobs/1", h.state);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, 0);
	ck_assert_int_eq(st.st_mode & 07777, 0711);
	snprintf(path, sizeof(path), "%s/jobs/1/out", h.state);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, ALICE);
	ck_assert_int_eq(st.st_mode & 07777, 0700);
	snprintf(path, sizeof(path), "%s/jobs.db", h.state);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 077, 0);
}
END_TEST

static void submit_done_and_failed(sd_bus *bus)
{
	json_decref(await_state(bus, submit_named(bus, "quick"), "done"));
	json_decref(await_state(bus, submit_named(bus, "fail"), "failed"));
	await_told(bus, submit_named(bus, "sleep"));
}

static void look_at_others(sd_bus *bus)
{
	_cleanup_message_ sd_bus_message *watched = NULL, *reply = NULL;
	const char *user, *kind, *name, *state, *reason, *text;
	int64_t submitted, started, finished;
	uint32_t uid, position;
	double progress;
	uint64_t id;
	json_t *job;

	/* That jobs are there, whose, and how far; not what they are. */
	reply = call(bus, "List", "stu", "all", (uint64_t)0, 0u);
	ck_assert_int_ge(sd_bus_message_enter_container(reply, 'a', "(tussssdusxxx)"), 0);
	for (uint64_t i = 1; i <= 3; i++) {
		ck_assert_int_gt(sd_bus_message_read(reply, "(tussssdusxxx)", &id, &uid, &user,
						     &kind, &name, &state, &progress, &position,
						     &reason, &submitted, &started, &finished),
				 0);
		ck_assert_uint_eq(id, i);
		ck_assert_uint_eq(uid, ALICE);
		ck_assert_str_eq(name, "");
		ck_assert_str_eq(reason, "");
	}
	for (id = 1; id <= 3; id++) {
		job = show(bus, id);
		ck_assert_ptr_null(json_object_get(job, "spec"));
		ck_assert_uint_eq(json_array_size(json_object_get(job, "results")), 0);
		ck_assert(json_is_null(json_object_get(job, "latest")));
		ck_assert_str_eq(str(job, "name"), "");
		ck_assert_str_eq(str(job, "reason"), "");
		json_decref(job);
	}
	watched = call(bus, "Watch", "t", (uint64_t)3);
	ck_assert_int_ge(sd_bus_message_read(watched, "s", &text), 0);
	ck_assert_ptr_null(strstr(text, "loss"));
	ck_assert_ptr_nonnull(strstr(text, "\"progress\":0.25"));
	call_refused(bus, PBIT_ERROR_DENIED,
		     "only 65501, root and the group pbit-admin can cancel it", "Cancel", "t",
		     (uint64_t)3);
	call_refused(bus, PBIT_ERROR_DENIED,
		     "only 65501, root and the group pbit-admin can fetch it", "Fetch", "t",
		     (uint64_t)1);
	call_refused(bus, PBIT_ERROR_DENIED, "only root and members of pbit-admin", "Reload", "");
	call_refused(bus, PBIT_ERROR_DENIED, "", "Fetch", "t", (uint64_t)3);
	call_refused(bus, PBIT_ERROR_DENIED, "can read its log", "Log", "t", (uint64_t)1);
	call_refused(bus, PBIT_ERROR_DENIED, "can read its metrics", "Metrics", "t", (uint64_t)3);
	/* A job of one's own waits behind theirs, and says so. */
	job = show(bus, submit_named(bus, "quick"));
	ck_assert_str_eq(str(job, "reason"),
			 "waits for embedded0, which runs job 3 of 65501; it is next");
	json_decref(job);
}

static void nothing_on_disk(_unused_ sd_bus *bus)
{
	static const char *const below[] = { "jobs.db",	   "jobs.db-wal",
					     "lock",	   "jobs/1/job.json",
					     "jobs/1/log", "jobs/1/out/result.json",
					     "jobs/1/lock" };
	char path[200];

	for (size_t i = 0; i < ARRAY_SIZE(below); i++) {
		snprintf(path, sizeof(path), "%s/%s", h.state, below[i]);
		ck_assert_msg(open(path, O_RDONLY) < 0, "%s", path);
	}
	snprintf(path, sizeof(path), "%s/jobs", h.state);
	ck_assert_int_lt(open(path, O_RDONLY | O_DIRECTORY), 0);
	snprintf(path, sizeof(path), "%s/jobs/1/x", h.state);
	ck_assert_int_lt(open(path, O_WRONLY | O_CREAT, 0600), 0);
}

START_TEST(others_see_little)
{
	_cleanup_bus_ sd_bus *root = NULL;
	json_t *job;

	as(ALICE, submit_done_and_failed);
	as(BOB, look_at_others);
	as(BOB, nothing_on_disk);
	/* Root sees all, and may act. */
	root = harness_connect(&h);
	job = show(root, 2);
	ck_assert_str_eq(str(job, "reason"), "the labels are out of range");
	ck_assert_str_eq(str(job, "user"), "65501");
	ck_assert_ptr_nonnull(json_object_get(job, "spec"));
	json_decref(job);
	sd_bus_message_unref(call(root, "Fetch", "t", (uint64_t)1));
	sd_bus_message_unref(call(root, "Log", "t", (uint64_t)1));
	sd_bus_message_unref(call(root, "Metrics", "t", (uint64_t)3));
	sd_bus_message_unref(call(root, "Cancel", "t", (uint64_t)3));
	json_decref(await_state(root, 4, "done"));
}
END_TEST

/*
 * The submitter owns out/, and puts links to what only root can read there; also while the daemon
 * removes what a job leaves behind.
 */
static void plant_links(_unused_ sd_bus *bus)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/jobs/1/out/shadow", h.state);
	ck_assert_int_eq(symlink("/etc/shadow", path), 0);
	snprintf(path, sizeof(path), "%s/jobs/1/out/job", h.state);
	/* Where the kernel lets him link a file that is not his at all. */
	if (link("/etc/passwd", path) < 0)
		ck_assert(errno == EPERM || errno == EXDEV);
	snprintf(path, sizeof(path), "%s/jobs/1/ckpt/away", h.state);
	ck_assert_int_eq(symlink("/etc", path), 0);
}

static void fetch_own(sd_bus *bus)
{
	_cleanup_message_ sd_bus_message *reply = call(bus, "Fetch", "t", (uint64_t)1);
	const char *name;
	uint64_t size;
	int fd, n = 0;

	ck_assert_int_ge(sd_bus_message_enter_container(reply, 'a', "(sth)"), 0);
	while (sd_bus_message_read(reply, "(sth)", &name, &size, &fd) > 0) {
		ck_assert_str_eq(name, "result.json");
		n++;
	}
	ck_assert_int_eq(n, 1);
}

static void submit_count(sd_bus *bus)
{
	ck_assert_uint_eq(submit_named(bus, "count"), 1);
	json_decref(await_state(bus, 1, "running"));
}

START_TEST(links_lead_nowhere)
{
	_cleanup_bus_ sd_bus *root = harness_connect(&h);

	as(ALICE, submit_count);
	as(ALICE, plant_links);
	json_decref(await_state(root, 1, "done"));
	as(ALICE, fetch_own);
	ck_assert_int_eq(access("/etc/passwd", R_OK), 0);
}
END_TEST

/* A daemon that is not root's lets in its own user and root, and runs its own user's jobs. */
START_TEST(daemon_of_another_user)
{
	_cleanup_bus_ sd_bus *root = NULL;
	char state[128], path[128];
	pid_t pid;
	int fd;

	harness_kill(&h, SIGTERM);
	snprintf(state, sizeof(state), "%s/alice", h.root);
	ck_assert_int_eq(mkdir(state, 0700), 0);
	ck_assert_int_eq(chown(state, ALICE, ALICE), 0);
	snprintf(path, sizeof(path), "%s/run", h.root);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	ck_assert_int_eq(chmod(path, 0755), 0);
	ck_assert_int_eq(chown(path, ALICE, ALICE), 0);
	snprintf(h.socket, sizeof(h.socket), "%s/run/socket", h.root);
	pid = fork();
	if (pid == 0) {
		_cleanup_free_ char *program = harness_program("bin/pbitd");
		int exe = open(program, O_RDONLY | O_CLOEXEC);
		char *argv[] = { program,  (char *)"--state-dir", state,    (char *)"--socket",
				 h.socket, (char *)"--worker",	  h.worker, NULL };

		if (setgroups(0, NULL) < 0 || setresgid(ALICE, ALICE, ALICE) < 0 ||
		    setresuid(ALICE, ALICE, ALICE) < 0)
			_exit(99);
		/* By descriptor: the build tree may be closed to other users. */
		fexecve(exe, argv, environ);
		_exit(126);
	}
	h.daemon = pid;
	for (uint64_t end = 0; access(h.socket, F_OK) < 0;)
		ck_assert(patience(&end));
	root = harness_connect(&h);
	sd_bus_message_unref(call(root, "Devices", NULL));
	call_refused(root, PBIT_ERROR_DENIED, "runs jobs of uid 65501 alone", "Submit",
		     "sa(sh)a{sv}", "{\"kind\": \"bench\"}", 0, 0);
	/* Bob is shown the door. */
	pid = fork();
	if (pid == 0) {
		char c;

		if (setresgid(BOB, BOB, BOB) < 0 || setresuid(BOB, BOB, BOB) < 0)
			_exit(99);
		fd = harness_raw_connect(h.socket);
		_exit(fd < 0 || recv(fd, &c, 1, 0) <= 0 ? 0 : 1);
	}
	ck_assert_int_eq(harness_wait(pid), 0);
}
END_TEST

/* Eight users fill their shares of the connections; the others and root still get in. */
static void fill_connections(_unused_ sd_bus *bus)
{
	for (int i = 0; i < DEFAULT_PEERS_PER_USER - 1; i++)
		ck_assert_int_ge(harness_raw_connect(h.socket), 0);
	kill(getpid(), SIGSTOP);
}

static void say_hello(sd_bus *bus)
{
	sd_bus_message_unref(call(bus, "Devices", NULL));
}

START_TEST(one_user_cannot_keep_others_out)
{
	pid_t hogs[DEFAULT_PEERS_MAX / DEFAULT_PEERS_PER_USER];

	for (uid_t i = 0; i < ARRAY_SIZE(hogs); i++) {
		hogs[i] = fork();
		if (hogs[i] == 0) {
			sd_bus *bus;

			if (setresgid(BOB + i, BOB + i, BOB + i) < 0 ||
			    setresuid(BOB + i, BOB + i, BOB + i) < 0)
				_exit(99);
			bus = harness_connect(&h);
			say_hello(bus);
			fill_connections(bus);
			_exit(0);
		}
		ck_assert_int_eq(waitpid(hogs[i], NULL, WUNTRACED), hogs[i]);
	}
	/* All places are taken. Root's are kept, and who has fewer than another gets one of his. */
	as(0, say_hello);
	as(ALICE, say_hello);
	ck_assert(harness_logged(&h, "its user has the most connections"));
	for (size_t i = 0; i < ARRAY_SIZE(hogs); i++) {
		kill(hogs[i], SIGKILL);
		waitpid(hogs[i], NULL, 0);
	}
	ck_assert(harness_serves(&h));
	as(ALICE, say_hello);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("access");
	TCase *t = tcase_create("users");

	if (geteuid() != 0) {
		/* Nothing is counted as passed that was not run. */
		printf("access: not run, for only root can be several users\n");
		return EXIT_SUCCESS;
	}
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, runs_as_the_submitter);
	tcase_add_test(t, others_see_little);
	tcase_add_test(t, links_lead_nowhere);
	tcase_add_test(t, daemon_of_another_user);
	tcase_add_test(t, one_user_cannot_keep_others_out);
	suite_add_tcase(s, t);
	return run_suite(s);
}
