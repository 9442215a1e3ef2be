// SPDX-License-Identifier: MIT
/*
 * A worker that is out for more than its job, started as the daemon starts one: as root for
 * another user, and as a user for himself. What it tries succeeds where nothing contains it, which
 * the same program shows, and fails as a worker.
 */
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "harness.h"
#include "worker_process.h"

#define ALICE	65501u
#define BOB	65502u
#define MIB	((uint64_t)1 << 20)
#define THREADS 2

/* Who the daemon is. */
enum { AS_ROOT, AS_USER, WAYS };

static char root[] = "/tmp/pbitd-contain-XXXXXX";
static char program[128], outside[128], file[128], job[128];
static uid_t user;

static void copy_program(void)
{
	_cleanup_free_ char *from = harness_program("tests/daemon/hostile_worker");
	_cleanup_free_ char *command = NULL;

	snprintf(program, sizeof(program), "%s/worker", root);
	ck_assert_int_gt(asprintf(&command, "cp %s %s && chmod 755 %s", from, program, program), 0);
	ck_assert_int_eq(system(command), 0);
}

static void make(const char *name, uid_t owner, mode_t mode, char *ret, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	ck_assert_int_eq(mkdir(path, mode), 0);
	ck_assert_int_eq(chmod(path, mode), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(chown(path, owner, owner), 0);
	if (ret)
		snprintf(ret, size, "%s", path);
}

/*
 * jobs/1 is another user's, jobs/2 his; outside/ is his as well, but of no job. Without root, there
 * is nobody else, and the other's is closed to its owner too.
 */
static void setup(void)
{
	bool is_root = geteuid() == 0;

	user = is_root ? ALICE : geteuid();
	ck_assert_ptr_nonnull(mkdtemp(root));
	ck_assert_int_eq(chmod(root, 0711), 0);
	copy_program();
	make("jobs", 0, is_root ? 0711 : 0311, NULL, 0);
	make("jobs/1", BOB, is_root ? 0700 : 0000, NULL, 0);
	make("jobs/2", user, 0700, job, sizeof(job));
	make("jobs/2/out", user, 0700, NULL, 0);
	make("outside", user, 0700, outside, sizeof(outside));
	make("outside/file", user, 0700, file, sizeof(file));
	signal(SIGPIPE, SIG_IGN);
}

static void teardown(void)
{
	_cleanup_free_ char *command = NULL;

	ck_assert_int_gt(
		asprintf(&command, "chmod 700 %s/jobs %s/jobs/1; rm -rf %s", root, root, root), 0);
	ck_assert_int_eq(system(command), 0);
}

static void become(uid_t uid)
{
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(setgroups(0, NULL), 0);
	ck_assert_int_eq(setresgid(uid, uid, uid), 0);
	ck_assert_int_eq(setresuid(uid, uid, uid), 0);
}

/* Another process of that user's, which may be traced and killed by him. */
static pid_t bystander(uid_t uid)
{
	pid_t pid = fork();

	if (pid == 0) {
		become(uid);
		execlp("sleep", "sleep", "600", NULL);
		_exit(127);
	}
	/* From then on it is what he may trace. */
	for (uint64_t end = 0; patience(&end);) {
		char path[64], name[32] = "";
		_cleanup_close_ int fd = -1;

		snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && read(fd, name, sizeof(name) - 1) > 0 && !strcmp(name, "sleep\n"))
			return pid;
	}
	ck_abort_msg("no bystander");
	return -1;
}

static bool lives(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) == 0;
}

struct end {
	bool ended, started;
	enum worker_outcome outcome;
	char reason[480];
	struct worker_process *worker;
	bool stop; /* when it says that it is there */
};

static void on_progress(_unused_ const json_t *message, void *userdata)
{
	struct end *end = userdata;

	end->started = true;
	if (end->stop)
		worker_process_stop(end->worker, WORKER_CANCEL, 100000);
}

static void on_ended(enum worker_outcome outcome, const char *reason, void *userdata)
{
	struct end *end = userdata;

	end->ended = true;
	end->outcome = outcome;
	snprintf(end->reason, sizeof(end->reason), "%s", reason ? reason : "");
}

static const struct worker_events events = { .progress = on_progress, .ended = on_ended };

static void write_job(const char *act)
{
	char path[160], text[512];
	_cleanup_close_ int fd = -1;

	snprintf(path, sizeof(path), "%s/job.json", job);
	snprintf(text, sizeof(text), "{\"spec\": {\"name\": \"%s\"}}", act);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write_full(fd, text, strlen(text)), 0);
}

static json_t *result_of_job(void)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/out/result.json", job);
	return json_load_file(path, 0, NULL);
}

/* Runs the act to its end, as a worker of the user's. */
static struct end run_worker(const char *act, bool stop)
{
	_cleanup_close_ int directory = open(job, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct worker_start start = { .program = program,
				      .directory = directory,
				      .device = -1,
				      .uid = user,
				      .gid = user,
				      .groups = "",
				      .threads = THREADS,
				      .job = 2,
				      .limits = { .memory = 64 * MIB, .tasks = 32, .weight = 1 },
				      .file = MIB };
	struct end end = { .stop = stop };
	struct err e = { 0 };
	sigset_t mask;
	sd_event *event;
	uint64_t until, now;

	write_job(act);
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	ck_assert_int_ge(sd_event_new(&event), 0);
	ck_assert_msg(worker_sandbox_new(&start.sandbox, &e) >= 0, "%s", e.text);
	ck_assert_msg(worker_process_start(event, &start, &events, &end, &end.worker, &e) >= 0,
		      "%s", e.text);
	ck_assert_int_ge(sd_event_now(event, CLOCK_MONOTONIC, &now), 0);
	for (until = now + PATIENCE_US; !end.ended && now < until;) {
		ck_assert_int_ge(sd_event_run(event, 1000000), 0);
		sd_event_now(event, CLOCK_MONOTONIC, &now);
	}
	ck_assert_msg(end.ended, "%s does not end", act);
	worker_sandbox_free(start.sandbox);
	sd_event_unref(event);
	return end;
}

/* The same from a daemon that is root's or the user's own. */
static struct end contained(const char *act, bool stop, int way)
{
	struct end *end =
		mmap(NULL, sizeof(*end), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	ck_assert_ptr_ne(end, MAP_FAILED);
	pid = fork();
	if (pid == 0) {
		if (way == AS_USER)
			become(user);
		*end = run_worker(act, stop);
		_exit(0);
	}
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert(end->ended);
	return *end;
}

/* The same as a process of the user's that nothing contains. */
static json_t *uncontained(const char *act)
{
	char command[640];
	json_t *result;
	FILE *f;
	pid_t pid;
	int p[2];

	ck_assert_int_eq(pipe(p), 0);
	pid = fork();
	if (pid == 0) {
		if (chdir(job) < 0)
			_exit(9);
		become(user);
		dup2(p[1], STDOUT_FILENO);
		execl(program, program, "free", act, NULL);
		_exit(127);
	}
	close(p[1]);
	f = fdopen(p[0], "r");
	result = json_loadf(f, 0, NULL);
	fclose(f);
	snprintf(command, sizeof(command), "rm -rf %s/out/*", job);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(harness_wait(pid), 0);
	ck_assert_ptr_nonnull(result);
	return result;
}

static int listen_at(char *ret, size_t size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", root);
	snprintf(ret, size, "%s", address.sun_path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(chmod(ret, 0777), 0);
	ck_assert_int_eq(listen(fd, 5), 0);
	return fd;
}

static const char *word(const json_t *attempt, const char *key)
{
	return json_string_value(json_object_get(attempt, key));
}

static void check_free(const char *name, const json_t *attempt)
{
	const char *want = word(attempt, "free");

	/* Without another user to be, what only he is kept from is not to be known. */
	if (want && (geteuid() == 0 || !strcmp(want, "OK")))
		ck_assert_msg(!strcmp(word(attempt, "got"), want), "free, %s: %s, not %s", name,
			      word(attempt, "got"), want);
}

static void check_contained(const char *name, const json_t *attempt, bool landlock)
{
	const char *want = landlock ? word(attempt, "landlock") : NULL;

	if (!want)
		want = word(attempt, "contained");
	if (want)
		ck_assert_msg(!strcmp(word(attempt, "got"), want), "contained, %s: %s, not %s",
			      name, word(attempt, "got"), want);
}

static bool kernel_has_landlock(void)
{
	struct worker_sandbox *s;
	bool has;

	ck_assert_int_ge(worker_sandbox_new(&s, NULL), 0);
	has = worker_sandbox_has_landlock(s);
	worker_sandbox_free(s);
	return has;
}

/* One attempt after the other, and the others live on. */
START_TEST(probes)
{
	pid_t victim = geteuid() == 0 ? bystander(BOB) : 1, mate = bystander(user);
	char act[400], path[128];
	int listener = listen_at(path, sizeof(path)), n = 0;
	bool landlock = kernel_has_landlock();
	struct end end;
	const char *name;
	json_t *result, *attempt;

	snprintf(act, sizeof(act), "probe %d %d %s %s %s", (int)mate, (int)victim, file, outside,
		 path);
	result = uncontained(act);
	json_object_foreach(result, name, attempt)
		check_free(name, attempt);
	json_decref(result);
	ck_assert_int_eq(harness_wait(mate), SIGKILL);

	mate = bystander(user);
	snprintf(act, sizeof(act), "probe %d %d %s %s %s", (int)mate, (int)victim, file, outside,
		 path);
	end = contained(act, false, _i);
	ck_assert_msg(end.outcome == WORKER_DONE, "%s", end.reason);
	result = result_of_job();
	json_object_foreach(result, name, attempt) {
		check_contained(name, attempt, landlock);
		n++;
	}
	ck_assert_int_gt(n, 50);
	json_decref(result);
	ck_assert(lives(mate));
	ck_assert(victim == 1 || lives(victim));
	close(listener);
}
END_TEST

START_TEST(forks)
{
	json_t *result = uncontained("forks");

	ck_assert_int_gt(num(result, "made"), 100);
	json_decref(result);
	ck_assert_int_eq(contained("forks", false, _i).outcome, WORKER_DONE);
	result = result_of_job();
	ck_assert_int_eq(num(result, "made"), 0);
	json_decref(result);
}
END_TEST

/* Shadow memory leaves no room for a limit of addresses. */
#if !defined(__SANITIZE_ADDRESS__)
START_TEST(memory)
{
	json_t *result;

	ck_assert_int_eq(contained("memory", false, _i).outcome, WORKER_DONE);
	result = result_of_job();
	ck_assert_str_eq(str(result, "end"), "ENOMEM");
	/* And what its threads may take, 32 MiB each. */
	ck_assert_int_gt(num(result, "mib"), 32);
	ck_assert_int_le(num(result, "mib"), 64 + THREADS * 32);
	json_decref(result);
}
END_TEST

/* Each has a stack, and so there is an end to them. */
START_TEST(threads)
{
	json_t *result;

	ck_assert_int_eq(contained("threads", false, _i).outcome, WORKER_DONE);
	result = result_of_job();
	ck_assert_int_gt(num(result, "made"), 10);
	ck_assert_int_lt(num(result, "made"), (64 + THREADS * 32) * 16);
	json_decref(result);
}
END_TEST
#endif

START_TEST(disk)
{
	json_t *result;

	ck_assert_int_eq(contained("disk", false, _i).outcome, WORKER_DONE);
	result = result_of_job();
	ck_assert_str_eq(str(result, "end"), "EFBIG");
	ck_assert_int_eq(num(result, "bytes"), (int64_t)MIB);
	json_decref(result);
}
END_TEST

START_TEST(stay)
{
	struct end end;

	end = contained("stay", true, _i);
	ck_assert(end.started);
	ck_assert_msg(strstr(end.reason, "SIGKILL") != NULL, "%s", end.reason);
}
END_TEST

#if defined(__x86_64__)
START_TEST(foreign)
{
	struct end end;

	end = contained("foreign", false, _i);
	ck_assert_str_eq(end.reason, "worker killed by SIGSYS, for a call of a foreign ABI");
}
END_TEST
#endif

int main(void)
{
	Suite *s = suite_create("contain");
	TCase *t = tcase_create("worker");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, probes, AS_ROOT, WAYS);
	tcase_add_loop_test(t, forks, AS_ROOT, WAYS);
#if !defined(__SANITIZE_ADDRESS__)
	tcase_add_loop_test(t, memory, AS_ROOT, WAYS);
	tcase_add_loop_test(t, threads, AS_ROOT, WAYS);
#endif
	tcase_add_loop_test(t, disk, AS_ROOT, WAYS);
	tcase_add_loop_test(t, stay, AS_ROOT, WAYS);
#if defined(__x86_64__)
	tcase_add_loop_test(t, foreign, AS_ROOT, WAYS);
#endif
	suite_add_tcase(s, t);
	return run_suite(s);
}
