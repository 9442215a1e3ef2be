// SPDX-License-Identifier: MIT
/*
 * Disk full, read-only and broken, at every write: the Nth call of the daemon that changes a file
 * fails, for N = 1, 2, ... until none is left to fail. After it, the state is the one before or the
 * one after: what was acknowledged is there and ends, what was refused is not there or is there as
 * a whole. The daemon lives, or leaves with a sentence, and comes back when the fault has gone.
 *
 * In turn, the fault is a full disk, a broken one and one that is read-only, and strikes once or
 * stays; PBIT_TEST_LONG has each of these for each N.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fake_disk.h"
#include "harness.h"
#include "tree.h"
#include "users.h"

#define MAX_N	 2000
#define WAIT_US	 400000
#define PAUSE_US 4000
#define MODES	 6
#define KINDS	 16
/* Under the sanitizers, which look for other mistakes, some will do. */
#ifdef __SANITIZE_ADDRESS__
#define STRIDE 4
#else
#define STRIDE 1
#endif

static const int faults[MODES] = { ENOSPC, EIO, EROFS, EIO, ENOSPC, EROFS };
static const char *const fault_texts[MODES] = { "No space left",	 "Input/output error",
						"Read-only file system", "Input/output error",
						"No space left",	 "Read-only file system" };

static struct harness h;
static struct fake_disk *disk;
static char template[96];

/* What was said to the client of one turn. */
struct promise {
	uint64_t submitted; /* 0: refused */
	uint64_t to_cancel; /* 0: refused */
	bool cancelled;
};

/* Which calls were made to fail, to be shown. */
static struct {
	char name[FAKE_DISK_NAME];
	unsigned int n;
} kinds[KINDS];

static void setup(void)
{
	char path[96];
	int fd;

	harness_new(&h);
	snprintf(path, sizeof(path), "%s/disk", h.root);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, sizeof(*disk)), 0);
	disk = mmap(NULL, sizeof(*disk), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(disk, MAP_FAILED);
	close(fd);
	setenv("FAKE_DISK", path, 1);
	snprintf(template, sizeof(template), "%s/template", h.root);
}

static void teardown(void)
{
	munmap(disk, sizeof(*disk));
	harness_free(&h);
}

static void set_fault(int n, int mode)
{
	memset(disk, 0, sizeof(*disk));
	snprintf(disk->below, sizeof(disk->below), "%s", h.root);
	snprintf(disk->but_not, sizeof(disk->but_not), "%s/log", h.root);
	disk->fail_at = n;
	disk->error = faults[mode];
	disk->for_good = mode >= MODES / 2;
}

static void count_kind(void)
{
	size_t i = 0;

	while (i < KINDS - 1 && kinds[i].n > 0 && strcmp(kinds[i].name, disk->which))
		i++;
	strcpy(kinds[i].name, disk->which);
	kinds[i].n++;
}

static void print_kinds(const char *what, int n, int runs)
{
	printf("%s: %d calls, %d runs:", what, n, runs);
	for (size_t i = 0; i < KINDS && kinds[i].n > 0; i++)
		printf(" %s %u", kinds[i].name, kinds[i].n);
	printf("\n");
	memset(kinds, 0, sizeof(kinds));
}

static void copy_tree(const char *from, const char *to)
{
	char command[512];

	tree_remove(AT_FDCWD, to);
	snprintf(command, sizeof(command), "cp -a --reflink=auto %s %s", from, to);
	ck_assert_int_eq(system(command), 0);
}

/* The last line of the daemon's log. */
static void last_line(char *ret, size_t size)
{
	char path[96], line[2048];
	FILE *f;

	snprintf(path, sizeof(path), "%s/log", h.root);
	f = fopen(path, "re");
	*ret = '\0';
	while (f && fgets(line, sizeof(line), f))
		snprintf(ret, size, "%s", line);
	if (f)
		fclose(f);
}

/* Starts the daemon on the fake disk. False when it left instead, as it may: with a sentence. */
static bool start_on_fake_disk(int n)
{
	const char *arguments[] = { "--state-dir", h.state,  "--socket", h.socket, "--worker",
				    h.worker,	   "--jobs", "2",	 NULL };
	char path[96], line[2048];
	int status;

	snprintf(path, sizeof(path), "%s/log", h.root);
	unlink(path);
	unlink(h.socket);
	h.program = "tests/daemon/pbitd_on_fake_disk";
	h.daemon = harness_spawn(&h, arguments);
	for (uint64_t end = 0;;) {
		int fd = harness_raw_connect(h.socket);

		if (fd >= 0) {
			close(fd);
			return true;
		}
		if (waitpid(h.daemon, &status, WNOHANG) == h.daemon)
			break;
		ck_assert(patience(&end));
	}
	h.daemon = 0;
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 1, "N %d: status %x", n, status);
	last_line(line, sizeof(line));
	ck_assert_msg(!strncmp(line, "pbitd: ", 7) && strlen(line) > 20, "N %d: '%s'", n, line);
	return false;
}

static sd_bus *try_connect(void)
{
	int fd = harness_raw_connect(h.socket);
	sd_bus *bus;

	if (fd < 0)
		return NULL;
	ck_assert_int_ge(sd_bus_new(&bus), 0);
	ck_assert_int_ge(sd_bus_set_fd(bus, fd, fd), 0);
	ck_assert_int_ge(sd_bus_negotiate_fds(bus, 1), 0);
	ck_assert_int_ge(sd_bus_set_method_call_timeout(bus, PATIENCE_US), 0);
	ck_assert_int_ge(sd_bus_start(bus), 0);
	return bus;
}

/* Refused in words, by the daemon. */
static void check_refusal(int n, int r, sd_bus_error *error)
{
	ck_assert_msg(r < 0, "N %d", n);
	ck_assert_msg(error->name && !strncmp(error->name, "org.pbit.Error.", 15) &&
			      strlen(error->message) > 10,
		      "N %d: %s: %s", n, error->name ? error->name : strerror(-r),
		      error->message ? error->message : "");
	sd_bus_error_free(error);
}

static uint64_t try_submit(sd_bus *bus, int n, const char *name)
{
	static const char bytes[5000];
	sd_bus_error error = SD_BUS_ERROR_NULL;
	char spec[128];
	uint64_t id = 0;
	int fd = harness_sealed(bytes, sizeof(bytes)), r;

	snprintf(spec, sizeof(spec),
		 "{\"kind\": \"sample\", \"name\": \"%s\", \"model\": \"W.npy\"}", name);
	r = submit_model(bus, spec, "W.npy", fd, &id, &error);
	close(fd);
	if (r >= 0)
		return id;
	check_refusal(n, r, &error);
	return 0;
}

static bool try_cancel(sd_bus *bus, int n, uint64_t id)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int r = sd_bus_call_method(bus, NULL, PBIT_PATH, PBIT_INTERFACE, "Cancel", &error, NULL,
				   "t", id);

	if (r < 0)
		check_refusal(n, r, &error);
	return r >= 0;
}

/* Until the job has ended, or waits for better times, or long enough. */
static void watch_job(sd_bus *bus, uint64_t id, int mode)
{
	uint64_t end = now_us() + WAIT_US;

	while (now_us() < end) {
		json_t *job = show(bus, id);
		const char *state = str(job, "state"), *reason = str(job, "reason");
		bool failed = !strcmp(state, "failed"), done = !strcmp(state, "done"),
		     stuck = strstr(reason, fault_texts[mode]) != NULL;

		if (failed)
			ck_assert_msg(stuck, "job %d failed: %s", (int)id, reason);
		json_decref(job);
		if (failed || done || stuck)
			return;
		usleep(PAUSE_US);
	}
}

/* What a client wants in one turn. */
static void ask(int n, int mode, struct promise *p)
{
	_cleanup_bus_ sd_bus *bus = try_connect();

	if (!bus)
		return;
	p->submitted = try_submit(bus, n, "quick");
	p->to_cancel = try_submit(bus, n, "sleep");
	if (p->to_cancel)
		p->cancelled = try_cancel(bus, n, p->to_cancel);
	if (p->submitted)
		watch_job(bus, p->submitted, mode);
}

static void stop_daemon(int n)
{
	int status = harness_kill(&h, n % 2 ? SIGTERM : SIGKILL);

	/* Gently, it leaves in order, or says why not. */
	if (n % 2)
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) <= 1, "N %d: status %x", n,
			      status);
}

static void check_database(int n)
{
	char path[128];
	sqlite3_stmt *st;
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/jobs.db", h.state);
	ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL),
			 SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
	ck_assert_msg(!strcmp((const char *)sqlite3_column_text(st, 0), "ok"), "N %d: %s", n,
		      sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	sqlite3_close(db);
}

/* Jobs and directories are the same, and nothing else lies about. */
static size_t check_directories(int n, sd_bus *bus)
{
	char path[128];
	size_t count = 0;
	const struct dirent *entry;
	DIR *d;

	snprintf(path, sizeof(path), "%s/jobs", h.state);
	d = opendir(path);
	ck_assert_ptr_nonnull(d);
	while ((entry = readdir(d))) {
		char *end;
		uint64_t id = strtoull(entry->d_name, &end, 10);

		if (entry->d_name[0] == '.')
			continue;
		ck_assert_msg(*end == '\0' && id > 0, "N %d: left over: %s", n, entry->d_name);
		json_decref(show(bus, id));
		count++;
	}
	closedir(d);
	return count;
}

/*
 * Done, or failed for want of a disk to put the results on. That a job was seen to end is no
 * promise: where the end could not be saved, and the daemon was killed, the job runs again.
 */
static void check_ended(int n, int mode, sd_bus *bus, const json_t *shown)
{
	json_t *job;

	if (!strcmp(str(shown, "state"), "failed")) {
		ck_assert_msg(strstr(str(shown, "reason"), fault_texts[mode]), "N %d: %s", n,
			      str(shown, "reason"));
		return;
	}
	job = await_state(bus, (uint64_t)num(shown, "id"), "done");
	ck_assert_msg(json_array_size(json_object_get(job, "results")) == 1, "N %d: job %d", n,
		      (int)num(shown, "id"));
	json_decref(job);
}

/* Every job that there is ends as it should: whoever asked for it, and what he was told. */
static size_t check_jobs(int n, int mode, sd_bus *bus, const struct promise *p)
{
	size_t count = 0;

	for (uint64_t id = 1; id < 20; id++) {
		sd_bus_error error = SD_BUS_ERROR_NULL;
		_cleanup_message_ sd_bus_message *reply = NULL;
		int r = sd_bus_call_method(bus, NULL, PBIT_PATH, PBIT_INTERFACE, "Show", &error,
					   &reply, "t", id);
		const char *text;
		json_t *job;

		sd_bus_error_free(&error);
		if (r < 0) {
			ck_assert_msg(id != p->submitted && id != p->to_cancel,
				      "N %d: job %d is lost", n, (int)id);
			continue;
		}
		count++;
		ck_assert_int_ge(sd_bus_message_read(reply, "s", &text), 0);
		job = json_loads(text, 0, NULL);
		if (id == p->to_cancel && p->cancelled)
			ck_assert_msg(!strcmp(str(job, "state"), "cancelled"), "N %d: it is %s", n,
				      str(job, "state"));
		else if (strcmp(str(job, "name"), "sleep") || !strcmp(str(job, "state"), "failed"))
			check_ended(n, mode, bus, job);
		else if (strcmp(str(job, "state"), "cancelled"))
			sd_bus_message_unref(call(bus, "Cancel", "t", id));
		json_decref(job);
	}
	return count;
}

static void check_after(int n, int mode, const struct promise *p)
{
	_cleanup_bus_ sd_bus *bus = NULL;
	size_t jobs;

	h.program = NULL;
	harness_start(&h, "--jobs", "2", NULL);
	bus = harness_connect(&h);
	jobs = check_jobs(n, mode, bus, p);
	ck_assert_msg(check_directories(n, bus) == jobs, "N %d", n);
	sd_bus_flush_close_unref(TAKE_PTR(bus));
	ck_assert_int_eq(harness_kill(&h, SIGTERM), 0);
	check_database(n);
}

/* One turn with the Nth call failing. False: fewer calls than that were made. */
static bool turn(int n, int mode)
{
	struct promise p = { 0 };

	tree_remove(AT_FDCWD, h.state);
	if (access(template, F_OK) == 0)
		copy_tree(template, h.state);
	set_fault(n, mode);
	if (start_on_fake_disk(n)) {
		ask(n, mode, &p);
		stop_daemon(n);
	}
	if (disk->failed > 0)
		count_kind();
	check_after(n, mode, &p);
	return disk->failed > 0;
}

static void every_write(const char *what)
{
	bool all = getenv("PBIT_TEST_LONG") != NULL, failed = true;
	int n, runs = 0;

	for (n = 1; failed; n += STRIDE) {
		ck_assert_int_lt(n, MAX_N);
		failed = false;
		for (int mode = all ? 0 : n % MODES; mode < (all ? MODES : n % MODES + 1);
		     mode++, runs++)
			failed |= turn(n, mode);
	}
	print_kinds(what, n - 1 - STRIDE, runs);
	/* It was a whole turn that was taken apart. */
	ck_assert_int_gt(n, 50);
}

/*
 * A commit whose sync fails, and a kill at once: what was refused is not there; or, where the disk
 * took nothing more, is there as a whole.
 */
START_TEST(refused_is_refused)
{
	int syncs;

	disk->fail_at = 0;
	harness_start(&h, "--jobs", "2", NULL);
	harness_kill(&h, SIGTERM);
	copy_tree(h.state, template);
	for (int mode = 1; mode < MODES; mode += MODES / 2) {
		for (syncs = 1;; syncs++) {
			struct promise p = { 0 };
			sd_bus *bus;

			copy_tree(template, h.state);
			set_fault(syncs, mode);
			strcpy(disk->only, "fdatasync");
			if (start_on_fake_disk(syncs)) {
				bus = try_connect();
				if (bus)
					p.submitted = try_submit(bus, syncs, "quick");
				if (bus)
					sd_bus_close_unref(bus);
				harness_kill(&h, SIGKILL);
			}
			check_after(syncs, mode, &p);
			if (disk->failed == 0)
				break;
		}
		ck_assert_int_gt(syncs, 1);
	}
}
END_TEST

START_TEST(from_nothing)
{
	every_write("from nothing");
}
END_TEST

/* A store with jobs that ended, wait and had begun when the daemon was killed. */
START_TEST(from_a_busy_queue)
{
	_cleanup_bus_ sd_bus *bus = NULL;

	disk->fail_at = 0;
	harness_start(&h, "--jobs", "2", NULL);
	bus = harness_connect(&h);
	ck_assert_uint_eq(try_submit(bus, 0, "quick"), 1);
	json_decref(await_state(bus, 1, "done"));
	ck_assert_uint_eq(try_submit(bus, 0, "sleep"), 2);
	json_decref(await_state(bus, 2, "running"));
	ck_assert_uint_eq(try_submit(bus, 0, "quick"), 3);
	harness_kill(&h, SIGKILL);
	copy_tree(h.state, template);
	every_write("from a busy queue");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("disk");
	TCase *t = tcase_create("disk");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 800);
	tcase_add_test(t, refused_is_refused);
	tcase_add_test(t, from_nothing);
	tcase_add_test(t, from_a_busy_queue);
	suite_add_tcase(s, t);
	return run_suite(s);
}
