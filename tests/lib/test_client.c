// SPDX-License-Identifier: MIT
/* libpbit against a daemon that misbehaves on demand. */
#include <sys/stat.h>

#include "client_fixture.h"
#include "npy.h"

#include "../run_suite.h"

static void write_array(const char *name, enum dtype t, unsigned int ndim, const size_t *shape,
			double value)
{
	_cleanup_array_ struct array a = { 0 };
	_cleanup_close_ int dirfd = -1;
	_cleanup_free_ void *buf = NULL;
	size_t size = 0;

	ck_assert_int_eq(array_new(&a, t, ndim, shape, NULL), 0);
	if (t == DT_F64)
		for (size_t i = 0; i < a.count; i++)
			((double *)a.data)[i] = value;
	ck_assert_int_eq(npy_encode(&a, &buf, &size, NULL), 0);
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(write_file_atomic(dirfd, name, buf, size), 0);
}

START_TEST(test_errors_are_mapped)
{
	static const struct {
		uint64_t id;
		int code;
		const char *needle;
	} cases[] = {
		{ FAKE_NO_JOB, -ENOENT, "there is no job 2" },
		{ FAKE_DENIED, -EACCES, "job 3 is not yours" },
		{ FAKE_NOT_DONE, -EBUSY, "job 4 is running" },
		{ FAKE_LIMIT, -EDQUOT, "too many jobs" },
		{ FAKE_FAILED, -EIO, "the disk is full" },
		{ FAKE_BAD_INPUT, -EINVAL, "the spec is wrong" },
		{ FAKE_HOSTILE, -EIO, "evil ?[2J?name" },
	};
	char *json = NULL;

	ck_assert_str_eq(pbit_error(p), "");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_int_eq(pbit_show(p, cases[i].id, &json), cases[i].code);
		ck_assert_ptr_null(json);
		assert_sentence(cases[i].needle);
	}
	ck_assert_int_lt(pbit_show(p, FAKE_OTHER_ERROR, &json), 0);
	assert_sentence("odd");
	ck_assert_int_eq(pbit_show(p, FAKE_OK, &json), 0);
	ck_assert_str_eq(json, "{\"id\": 1, \"state\": \"done\"}");
	ck_assert_str_eq(pbit_error(p), "");
	free(json);
}
END_TEST

START_TEST(test_daemon_dies_in_mid_call)
{
	char *json = NULL;

	ck_assert_int_eq(pbit_show(p, FAKE_DIES, &json), -ECONNRESET);
	ck_assert_ptr_null(json);
	assert_sentence("has died or was restarted");
	assert_sentence(socket_path);
	/* The handle stays usable for nothing but this answer. */
	ck_assert_int_eq(pbit_devices(p, &json), -ECONNRESET);
	assert_sentence("connect again");
}
END_TEST

START_TEST(test_daemon_dies_in_submit)
{
	uint64_t id = 0;

	ck_assert_int_eq(pbit_submit(p, "{\"kind\": \"bench\", \"name\": \"dies\"}", NULL, &id),
			 -ECONNRESET);
	ck_assert_uint_eq(id, 0);
	assert_sentence("before it acknowledged the job");
}
END_TEST

struct seen {
	unsigned int calls, stop_at;
	char last[128];
};

static int count(const char *json, void *userdata)
{
	struct seen *s = userdata;

	s->calls++;
	snprintf(s->last, sizeof(s->last), "%s", json);
	return s->calls == s->stop_at;
}

START_TEST(test_watch)
{
	enum pbit_state state = PBIT_CANCELLED;
	struct seen s = { 0 };

	ck_assert_int_eq(pbit_watch(p, FAKE_OK, count, &s, &state), 0);
	ck_assert_int_eq(state, PBIT_DONE);
	ck_assert_uint_eq(s.calls, 4);
	ck_assert_int_eq(pbit_watch(p, FAKE_JOB_FAILS, NULL, NULL, &state), 0);
	ck_assert_int_eq(state, PBIT_FAILED);
	s = (struct seen){ .stop_at = 2 };
	ck_assert_int_eq(pbit_watch(p, FAKE_OK, count, &s, &state), 1);
	ck_assert_int_eq(state, PBIT_RUNNING);
	ck_assert_uint_eq(s.calls, 2);
	/* What was left of the last watch does not disturb the next. */
	s = (struct seen){ 0 };
	ck_assert_int_eq(pbit_watch(p, FAKE_JOB_FAILS, count, &s, &state), 0);
	ck_assert_int_eq(state, PBIT_FAILED);
	ck_assert_uint_eq(s.calls, 4);
	state = PBIT_DONE;
	ck_assert_int_eq(pbit_watch(p, FAKE_NO_JOB, count, &s, &state), -ENOENT);
	ck_assert_int_eq(state, PBIT_DONE);
	ck_assert_int_eq(pbit_watch(p, FAKE_GARBAGE, count, &s, &state), -EPROTO);
}
END_TEST

START_TEST(test_daemon_dies_in_watch)
{
	enum pbit_state state = PBIT_CANCELLED;
	struct seen s = { 0 };

	ck_assert_int_eq(pbit_watch(p, FAKE_DIES_LATER, count, &s, &state), -ECONNRESET);
	ck_assert_int_eq(state, PBIT_CANCELLED);
	ck_assert_uint_eq(s.calls, 2);
	ck_assert_ptr_nonnull(strstr(s.last, "0.5"));
	assert_sentence("jobs are not lost");
}
END_TEST

static int call_inside(const char *json, void *userdata)
{
	char *devices = NULL;

	(void)json;
	ck_assert_int_eq(pbit_devices(p, &devices), 0);
	free(devices);
	++*(unsigned int *)userdata;
	return 0;
}

START_TEST(test_calls_inside_a_watch)
{
	enum pbit_state state = PBIT_QUEUED;
	unsigned int calls = 0;

	ck_assert_int_eq(pbit_watch(p, FAKE_OK, call_inside, &calls, &state), 0);
	ck_assert_int_eq(state, PBIT_DONE);
	ck_assert_uint_ge(calls, 2);
}
END_TEST

START_TEST(test_list_pages)
{
	struct pbit_jobs *jobs = NULL;

	ck_assert_int_eq(pbit_list(p, 1, &jobs), 0);
	ck_assert_uint_eq(jobs->count, FAKE_JOBS);
	for (size_t i = 0; i < jobs->count; i++)
		ck_assert_uint_eq(jobs->job[i].id, i + 1);
	ck_assert_str_eq(jobs->job[6].name, "job-7");
	ck_assert_str_eq(jobs->job[6].user, "ada");
	ck_assert_str_eq(jobs->job[6].kind, "train");
	ck_assert_str_eq(jobs->job[6].reason, "waits for the device");
	ck_assert_int_eq(jobs->job[6].state, PBIT_QUEUED);
	ck_assert_int_eq(jobs->job[7].state, PBIT_RUNNING);
	ck_assert_uint_eq(jobs->job[6].uid, 1000);
	ck_assert_uint_eq(jobs->job[6].position, 7);
	ck_assert_double_eq(jobs->job[6].progress, 0.25);
	ck_assert_int_eq(jobs->job[6].submitted, 5);
	ck_assert_int_eq(jobs->job[6].started, 6);
	ck_assert_int_eq(jobs->job[6].finished, 0);
	pbit_jobs_free(jobs);
	ck_assert_int_eq(pbit_list(p, 0, &jobs), 0);
	ck_assert_uint_eq(jobs->count, FAKE_JOBS / 2);
	pbit_jobs_free(jobs);
	pbit_jobs_free(NULL);
}
END_TEST

START_TEST(test_fetch)
{
	struct pbit_files *files = NULL;
	char text[8] = { 0 };

	ck_assert_int_eq(pbit_fetch(p, FAKE_NOT_DONE, &files), -EBUSY);
	ck_assert_ptr_null(files);
	ck_assert_int_eq(pbit_fetch(p, FAKE_HOSTILE, &files), -EPROTO);
	ck_assert_ptr_null(files);
	ck_assert_int_eq(pbit_fetch(p, FAKE_OK, &files), 0);
	ck_assert_uint_eq(files->count, 2);
	ck_assert_str_eq(files->file[0].name, "report.json");
	ck_assert_str_eq(files->file[1].name, "picture.png");
	ck_assert_uint_eq(files->file[1].size, 7);
	ck_assert_int_eq(pread(files->file[1].fd, text, 7, 0), 7);
	ck_assert_str_eq(text, "picture");
	ck_assert_int_eq(fcntl(files->file[1].fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	pbit_files_free(files);
	pbit_files_free(NULL);
}
END_TEST

START_TEST(test_cancel_and_devices)
{
	char *json = NULL;

	ck_assert_int_eq(pbit_cancel(p, FAKE_OK), 0);
	ck_assert_int_eq(pbit_cancel(p, FAKE_DENIED), -EACCES);
	ck_assert_int_eq(pbit_cancel(p, FAKE_ENDED), -EALREADY);
	assert_sentence("done already");
	ck_assert_int_eq(pbit_devices(p, &json), 0);
	ck_assert_str_eq(json, "[{\"name\": \"embedded0\"}]");
	free(json);
}
END_TEST

#define TRAIN "{\"kind\": \"train\", \"data\": {\"images\": \"x.npy\", \"labels\": \"%s.npy\"}}"

static int submit_train(const char *labels, uint64_t *ret_id)
{
	char spec[256];

	snprintf(spec, sizeof(spec), TRAIN, labels);
	return pbit_submit(p, spec, dir, ret_id);
}

START_TEST(test_submit)
{
	char spec[256];
	uint64_t id = 0;

	write_array("x.npy", DT_U8, 3, (size_t[]){ 20, 4, 4 }, 0);
	write_array("y.npy", DT_I32, 1, (size_t[]){ 20 }, 0);
	ck_assert_msg(submit_train("y", &id) == 0, "%s", pbit_error(p));
	ck_assert_uint_eq(id, 102);
	ck_assert_int_eq(chdir(dir), 0);
	snprintf(spec, sizeof(spec), TRAIN, "y");
	ck_assert_msg(pbit_submit(p, spec, "", &id) == 0, "%s", pbit_error(p));
	ck_assert_int_eq(chdir("/"), 0);
	/* A file that is named twice is sent once; as labels these are wrong. */
	ck_assert_int_eq(submit_train("x", &id), -EINVAL);
	ck_assert_int_eq(pbit_submit(p, "{\"kind\": \"bench\"}", NULL, &id), 0);
	ck_assert_uint_eq(id, 100);
	ck_assert_int_eq(pbit_submit(p, "{\"kind\": \"bench\", \"name\": \"limit\"}", NULL, &id),
			 -EDQUOT);
	ck_assert_uint_eq(id, 100);
}
END_TEST

START_TEST(test_submit_refuses_here)
{
	uint64_t id = 0;

	write_array("x.npy", DT_U8, 3, (size_t[]){ 20, 4, 4 }, 0);
	write_array("short.npy", DT_I32, 1, (size_t[]){ 19 }, 0);
	write_array("float.npy", DT_F64, 1, (size_t[]){ 20 }, 0);
	ck_assert_int_eq(pbit_submit(p, "{", NULL, &id), -EINVAL);
	ck_assert_int_eq(pbit_submit(p, "{\"kind\": \"bench\", \"chans\": 3}", NULL, &id), -EINVAL);
	assert_sentence("chans");
	assert_sentence("chains");
	ck_assert_int_eq(submit_train("missing", &id), -ENOENT);
	assert_sentence("missing.npy");
	ck_assert_int_eq(submit_train("short", &id), -EINVAL);
	assert_sentence("short.npy has 19 labels, but x.npy has 20 images");
	ck_assert_int_eq(submit_train("float", &id), -EINVAL);
	assert_sentence("float64");
	ck_assert_uint_eq(id, 0);
}
END_TEST

START_TEST(test_submit_never_hangs_on_a_pipe)
{
	char path[80];
	uint64_t id = 0;

	write_array("x.npy", DT_U8, 3, (size_t[]){ 20, 4, 4 }, 0);
	snprintf(path, sizeof(path), "%s/pipe.npy", dir);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(submit_train("pipe", &id), -EINVAL);
	assert_sentence("pipe.npy");
	snprintf(path, sizeof(path), "%s/dir.npy", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_lt(submit_train("dir", &id), 0);
	assert_sentence("dir.npy");
}
END_TEST

START_TEST(test_open_without_daemon)
{
	char long_path[200];

	ck_assert_int_eq(pbit_open(&p, NULL, 0), -ENOENT);
	ck_assert_ptr_nonnull(p);
	assert_sentence(socket_path);
	ck_assert_str_eq(pbit_socket(p), socket_path);
	/* Each later call says the same. */
	ck_assert_int_eq(pbit_cancel(p, 1), -ENOENT);
	assert_sentence(socket_path);
	p = pbit_close(p);
	ck_assert_int_eq(pbit_open(&p, "relative", 0), -EINVAL);
	assert_sentence("absolute");
	p = pbit_close(p);
	memset(long_path, '/', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = 0;
	ck_assert_int_eq(pbit_open(&p, long_path, 0), -ENAMETOOLONG);
	p = pbit_close(p);
	ck_assert_int_eq(pbit_open(&p, NULL, 1u << 31), -EINVAL);
	p = pbit_close(p);
	ck_assert_ptr_null(pbit_close(NULL));
	ck_assert_int_eq(pbit_open(NULL, NULL, 0), -EINVAL);
}
END_TEST

static void write_script(const char *name, const char *text, char *ret, size_t size)
{
	_cleanup_fclose_ FILE *f = NULL;

	snprintf(ret, size, "%s/%s", dir, name);
	f = fopen(ret, "we");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fchmod(fileno(f), 0700), 0);
}

START_TEST(test_no_autostart_with_a_given_socket)
{
	char path[80], text[160], trace[80];

	snprintf(trace, sizeof(trace), "%s/trace", dir);
	snprintf(text, sizeof(text), "#!/bin/sh\ntouch %s\n", trace);
	write_script("pbitd", text, path, sizeof(path));
	setenv("PBIT_PBITD", path, 1);
	ck_assert_int_eq(pbit_open(&p, NULL, PBIT_OPEN_AUTOSTART), -ENOENT);
	p = pbit_close(p);
	/* Nor for the user's own path, as long as PBIT_SOCKET is set. */
	snprintf(text, sizeof(text), "%s/pbitd-dir/socket", dir);
	ck_assert_int_eq(pbit_open(&p, text, PBIT_OPEN_AUTOSTART), -ENOENT);
	p = pbit_close(p);
	ck_assert_int_eq(access(trace, F_OK), -1);
}
END_TEST

static void user_socket(char *ret, size_t size)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/pbitd", dir);
	ck_assert(mkdir(path, 0700) == 0 || errno == EEXIST);
	snprintf(ret, size, "%s/socket", path);
}

/* The program that autostart runs is this one: see main(). */
START_TEST(test_autostart)
{
	char path[100], exe[256], *json = NULL;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	int r;

	ck_assert_int_gt(n, 0);
	exe[n] = 0;
	unsetenv("PBIT_SOCKET");
	setenv("PBIT_PBITD", exe, 1);
	user_socket(path, sizeof(path));
	ck_assert_int_eq(pbit_open(&p, path, 0), -ENOENT);
	p = pbit_close(p);
	r = pbit_open(&p, path, PBIT_OPEN_AUTOSTART);
	ck_assert_msg(r == 0, "%s", pbit_error(p));
	ck_assert_str_eq(pbit_socket(p), path);
	ck_assert_int_eq(pbit_devices(p, &json), 0);
	free(json);
	/* It ends at this call. */
	ck_assert_int_eq(pbit_show(p, FAKE_DIES, &json), -ECONNRESET);
	p = pbit_close(p);
}
END_TEST

START_TEST(test_autostart_of_what_cannot_run)
{
	char path[100], program[100];

	unsetenv("PBIT_SOCKET");
	user_socket(path, sizeof(path));
	setenv("PBIT_PBITD", "/nonexistent/pbitd", 1);
	ck_assert_int_eq(pbit_open(&p, path, PBIT_OPEN_AUTOSTART), -ENOENT);
	assert_sentence("/nonexistent/pbitd");
	p = pbit_close(p);
	/* Executable by its mode, but no program: the error comes from execv in the grandchild. */
	write_script("rubbish", "\177rubbish", program, sizeof(program));
	setenv("PBIT_PBITD", program, 1);
	ck_assert_int_eq(pbit_open(&p, path, PBIT_OPEN_AUTOSTART), -ENOEXEC);
	assert_sentence("rubbish");
	p = pbit_close(p);
}
END_TEST

/* A stranger who listens in our place gets nothing. Needs two uids: in the suite for root only. */
START_TEST(test_socket_of_another_user)
{
	char path[100];
	int fds[2];
	pid_t child;
	char byte;

	user_socket(path, sizeof(path));
	ck_assert_int_eq(chmod(dir, 0777), 0);
	*strrchr(path, '/') = 0;
	ck_assert_int_eq(chmod(path, 0777), 0);
	path[strlen(path)] = '/';
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (setuid(65534) == 0 && fake_listen(path) >= 0 && write(fds[1], "x", 1) == 1)
			pause();
		_exit(0);
	}
	close(fds[1]);
	ck_assert_int_eq(read(fds[0], &byte, 1), 1);
	close(fds[0]);
	unsetenv("PBIT_SOCKET");
	ck_assert_int_eq(pbit_open(&p, path, PBIT_OPEN_AUTOSTART), -EPERM);
	assert_sentence("uid 65534");
	p = pbit_close(p);
	fake_stop(child);
}
END_TEST

START_TEST(test_names)
{
	ck_assert_str_eq(pbit_version(), PBIT_VERSION);
	ck_assert_str_eq(pbit_state_name(PBIT_QUEUED), "queued");
	ck_assert_str_eq(pbit_state_name(PBIT_CANCELLED), "cancelled");
	ck_assert_str_eq(pbit_state_name((enum pbit_state)77), "unknown");
	ck_assert_str_eq(pbit_error(NULL), "");
	ck_assert_str_eq(pbit_socket(NULL), "");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("client");
	TCase *calls = tcase_create("calls"), *opening = tcase_create("opening");

	tcase_add_checked_fixture(calls, setup, teardown);
	tcase_add_test(calls, test_errors_are_mapped);
	tcase_add_test(calls, test_daemon_dies_in_mid_call);
	tcase_add_test(calls, test_daemon_dies_in_submit);
	tcase_add_test(calls, test_watch);
	tcase_add_test(calls, test_daemon_dies_in_watch);
	tcase_add_test(calls, test_calls_inside_a_watch);
	tcase_add_test(calls, test_list_pages);
	tcase_add_test(calls, test_fetch);
	tcase_add_test(calls, test_cancel_and_devices);
	tcase_add_test(calls, test_submit);
	tcase_add_test(calls, test_submit_refuses_here);
	tcase_add_test(calls, test_submit_never_hangs_on_a_pipe);
	tcase_add_checked_fixture(opening, directory_setup, directory_teardown);
	tcase_add_test(opening, test_open_without_daemon);
	tcase_add_test(opening, test_no_autostart_with_a_given_socket);
	tcase_add_test(opening, test_autostart);
	tcase_add_test(opening, test_autostart_of_what_cannot_run);
	if (geteuid() == 0)
		tcase_add_test(opening, test_socket_of_another_user);
	tcase_add_test(opening, test_names);
	suite_add_tcase(s, calls);
	suite_add_tcase(s, opening);
	return s;
}

/* As the daemon of test_autostart: only with exactly the arguments that it must be given. */
static int run_as_daemon(int argc, char **argv)
{
	char path[100];
	int fd;

	if (argc != 4 || strcmp(argv[2], "--idle-exit") != 0 || strcmp(argv[3], "60") != 0)
		return 1;
	/* Detached: its own session, nothing of the caller's open. */
	if (getsid(0) == getsid(getppid()) || fcntl(3, F_GETFD) >= 0)
		return 1;
	alarm(20);
	snprintf(path, sizeof(path), "%s/pbitd/socket", getenv("XDG_RUNTIME_DIR"));
	fd = fake_listen(path);
	if (fd >= 0)
		fake_serve(fd);
	return 1;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--user") == 0)
		return run_as_daemon(argc, argv);
	return run_suite(suite());
}
